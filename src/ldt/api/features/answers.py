"""A page of items while it is made: its rows as they come, its links, the members beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from ldt.api import links
from ldt.api.context import Reading
from ldt.api.features.request import ITEM_FORMS
from ldt.api.negotiate import JSON, Format
from ldt.api.paging import write_token
from ldt.api.respond import dumps
from ldt.store import pages
from ldt.store.items import Items
from ldt.store.pages import Position, Selection
from ldt.timerange import format_instant

#: A page that is smaller than this is sent in one piece, with its `next` link in the header too.
WHOLE = 512 * 1024
_CHUNK = 256 * 1024


class ItemsPage:
    """A page of items.

    Args:
        request: what was asked.
        chosen: the form.
        seen: the state that is read.
        items: what is read.
        asked: which items.
        limit: how many at most.
        after: where the page begins.
    """

    def __init__(
        self,
        request: Request,
        chosen: Format,
        seen: Reading,
        items: Items,
        asked: Selection,
        limit: int,
        after: Position | None,
    ) -> None:
        self.request, self.chosen, self.seen = request, chosen, seen
        self.items, self.asked, self.limit, self.after = items, asked, limit, after
        self.returned = 0
        self.ended = False
        self.last: Position | None = None
        self.more = False

    def kept(self, rows: Iterator[tuple[Position, bytes]]) -> Iterator[bytes]:
        """Yield the items of the page, and note what came."""
        for position, text in rows:
            if self.returned == self.limit:
                self.more = True
                break
            self.last = position
            self.returned += 1
            yield text
        self.ended = True

    def all_links(self) -> list[links.Link]:
        """Return the links; known when all rows have come."""
        found = links.own(self.request, self.chosen, ITEM_FORMS)
        above = ("twins", self.seen.snapshot.twin, "collections", self.items.collection)
        found.append(links.link(links.url(self.request, *above), "collection", JSON, "The collection"))
        if self.more and self.last is not None:
            position = (self.last.part, self.last.key, *self.last.values)
            token = write_token(self.request, self.seen.snapshot.revision, position)
            found.append(links.link(links.here(self.request, token=token), "next", self.chosen, "Next page"))
        return found

    def _matched(self) -> dict[str, int]:
        if self.after is None and not self.more:
            return {"numberMatched": self.returned}
        number, exact = pages.count(self.seen.conn, self.items, self.asked)
        # An estimate may be below what was seen.
        return {"numberMatched": number} if exact else {"numberMatchedEstimate": max(number, self.returned)}

    def about(self) -> dict[str, Any]:
        """Return the members beside the items; known when all rows have come."""
        return {
            "numberReturned": self.returned,
            **self._matched(),
            "timeStamp": format_instant(datetime.now(UTC).replace(microsecond=0)),
            "snapshot": self.seen.snapshot.id,
            "links": self.all_links(),
        }

    def text(self, rows: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the document in pieces of about 256 kB."""
        waiting = [b'{"type":"FeatureCollection","features":[']
        size, comma = 0, b""
        for row in rows:
            waiting += (comma, row)
            comma = b",\n"
            size += len(row) + 2
            if size >= _CHUNK:
                yield b"".join(waiting)
                waiting, size = [], 0
        waiting += (b"],", dumps(self.about())[1:])
        yield b"".join(waiting)


def gather(rows: Iterator[bytes]) -> list[bytes]:
    """Take rows until they are more than what is sent in one piece."""
    found, size = [], 0
    for row in rows:
        found.append(row)
        size += len(row)
        if size > WHOLE:
            break
    return found
