"""Snapshots that are remembered, so that a small page is one statement.

Each statement that is run for a remembered snapshot says in which state of the twin (`ldt.twin.state`) it read. If that is another
than the snapshot's, something has come, gone or changed its access class since: the snapshot is forgotten, resolved anew, and the
statement run again. So nothing is ever answered from a memory that is out of date.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import anyio.to_thread
from sqlalchemy import BigInteger, ColumnElement, literal, select
from starlette.requests import Request

from ldt.api.collections.client import kind_and_items
from ldt.api.context import reading, service
from ldt.api.paging import Token
from ldt.api.standard import Kind
from ldt.model.snapshot import Snapshot
from ldt.store import pages
from ldt.store import tables as t
from ldt.store.items import Items
from ldt.store.pages import Selection
from ldt.store.statements import Statement

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Recent(Generic[K, V]):
    """A dict of bounded size; the entry that was used longest ago goes first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[K, V] = OrderedDict()

    def get(self, key: K) -> V | None:
        """Return the entry of a key, or None."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: K, value: V) -> V:
        """Keep an entry; returns it."""
        self._entries[key] = value
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
        return value

    def drop(self, key: K) -> None:
        """Forget an entry, if there is one."""
        self._entries.pop(key, None)


@dataclass(slots=True)
class Remembered:
    """The items of a collection at a snapshot, with what was made and found for them.

    Attributes:
        snapshot: the snapshot.
        kind: of the collection.
        items: what is read.
        row_bytes: expected size of an item.
        statements: by shape.
        questions: what was asked for, by parameters: filters are not parsed anew for each page.
        counts: (how many match, whether that is exact), by question. What was counted in a snapshot stays true.
    """

    snapshot: Snapshot
    kind: Kind
    items: Items
    row_bytes: float
    statements: Recent[Hashable, Statement] = field(default_factory=lambda: Recent(200))
    questions: Recent[Hashable, Selection] = field(default_factory=lambda: Recent(500))
    counts: Recent[Hashable, tuple[int, bool]] = field(default_factory=lambda: Recent(1000))

    @property
    def state(self) -> ColumnElement[int]:
        """The expression of the twin's state of now."""
        own = t.twin.c.id == literal(self.snapshot.twin_id, BigInteger)
        return select(t.twin.c.state).where(own).scalar_subquery()


Key = tuple[str, str, frozenset[str], str | None, int | None]


class Memory:
    """What one process of the service remembers. Every entry belongs to the rights of its caller."""

    def __init__(self) -> None:
        self._entries: Recent[Key, Remembered] = Recent(256)

    @staticmethod
    def key(request: Request, twin: str, collection: str, at: str | None, token: Token | None) -> Key:
        """Return the key of what a request asks for: collection, rights, and the moment."""
        access = service(request).caller(request)
        return twin, collection, access, at, token.revision if token else None

    async def recall(
        self, request: Request, twin: str, collection: str, at: str | None, token: Token | None
    ) -> Remembered:
        """Return the items of a collection at a snapshot, which is resolved if it is not remembered.

        Raises:
            LdtError: as :func:`ldt.api.context.reading` and :func:`ldt.api.collections.client.kind_and_items`.
        """
        key = self.key(request, twin, collection, at, token)
        if found := self._entries.get(key):
            return found

        def resolved() -> Remembered:
            with reading(request, twin, at, token) as seen:
                kind, items = kind_and_items(request, seen, collection)
                return Remembered(seen.snapshot, kind, items, pages.row_bytes(seen.conn, items))

        return self._entries.put(key, await anyio.to_thread.run_sync(resolved))

    def forget(
        self, request: Request, twin: str, collection: str, at: str | None, token: Token | None
    ) -> None:
        """Forget a snapshot that is out of date."""
        self._entries.drop(self.key(request, twin, collection, at, token))
