"""Items in bulk: as many as fit in the documented limit, written to a file that is sent when it is whole.

So the answer has a length, an error is a problem document and not a file that breaks off, and the connection to the database is free
before a slow client has read. The memory that this takes does not depend on how many items there are.
"""

from __future__ import annotations

import csv
import io
import logging
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import anyio
import anyio.to_thread
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from ldt.api import links
from ldt.api.context import Reading
from ldt.api.formats import delimited
from ldt.api.negotiate import CSV, FLATGEOBUF, PARQUET, Format
from ldt.api.paging import write_token
from ldt.errors import LdtError, Timeout
from ldt.settings import settings
from ldt.store import columns, pages
from ldt.store.columns import Column
from ldt.store.crs import CRS84
from ldt.store.items import Items
from ldt.store.pages import Position, Selection

FORMS = (CSV, FLATGEOBUF, PARQUET)
#: So many are made at once by a process: each takes a connection, and room on the disk.
_AT_ONCE = 4
_ENDINGS = {CSV: "csv", FLATGEOBUF: "fgb", PARQUET: "parquet"}

_log = logging.getLogger("ldt.api")
_places = threading.BoundedSemaphore(_AT_ONCE)


@dataclass(slots=True)
class Bulk:
    """Items that are asked for in bulk.

    Attributes:
        request: what was asked.
        chosen: the form.
        seen: the state that is read.
        items: what is read.
        asked: which items.
        limit: how many at most; cut to `LDT_MAX_BULK_LIMIT`.
        after: where the page begins.
    """

    request: Request
    chosen: Format
    seen: Reading
    items: Items
    asked: Selection
    limit: int
    after: Position | None
    stopped: bool = False

    def write(self, path: Path) -> dict[str, str]:
        """Write the file; returns the headers that say where it goes on."""
        limit = min(self.limit, settings().max_bulk_limit)
        place = delimited.PLACE if self.chosen is CSV else "geometry"
        shown = columns.columns(self.items, self.asked.properties, place=place)
        conn = self.seen.conn
        conn.execute(f"SET LOCAL statement_timeout = '{settings().bulk_timeout}s'".encode())
        rows = columns.lines(
            conn,
            self.items,
            self.asked,
            shown,
            limit=limit + 1,
            after=self.after,
            typed=self.chosen is not CSV,
        )
        with closing(rows):
            page = _Lines(rows, limit, lambda: self.stopped)
            self._written(path, shown, page)
        return self._onwards(page)

    def _written(self, path: Path, shown: list[Column], lines: Iterator[bytes]) -> None:
        if self.chosen is CSV:
            delimited.write(path, [c.name for c in shown], lines)
            return
        # pyarrow and GDAL are loaded by those who need them.
        from ldt.api.formats import batches, flatgeobuf, geoparquet

        crs = "OGC:CRS84" if self.asked.crs is CRS84 else f"EPSG:{self.asked.crs.srid}"
        write = geoparquet.write if self.chosen is PARQUET else flatgeobuf.write
        found = batches.batches(lines, shown)
        write(path, batches.schema_of(shown), found, geometry=shown[-1].name, crs=crs)

    def _onwards(self, page: _Lines) -> dict[str, str]:
        ways = links.own(self.request, self.chosen, FORMS)
        if page.more and page.last is not None:
            identifier = next(csv.reader(io.StringIO(page.last.decode(), newline="")))[0]
            position = pages.position_of(self.seen.conn, self.items, self.asked, identifier)
            if position is not None:
                where = (position.part, position.key, *position.values)
                token = write_token(self.request, self.seen.snapshot.revision, where)
                ways.append(links.link(links.here(self.request, token=token), "next", self.chosen))
        return {"Link": links.header(ways)}


class _Lines(Iterator[bytes]):
    """The lines of a page; one more than it holds tells that there is a next one."""

    def __init__(self, rows: Iterator[bytes], limit: int, stopped: Callable[[], bool]) -> None:
        self._rows, self._left, self._stopped = rows, limit, stopped
        self.more = False
        self.last: bytes | None = None

    def __next__(self) -> bytes:
        line = next(self._rows)
        if self._stopped():
            raise Timeout("nobody waits for this answer any more")
        if not self._left:
            self.more = True
            raise StopIteration
        self._left -= 1
        self.last = line
        return line


class Spooled(Response):
    """The answer of a :class:`Bulk`: its file is made when the answer is sent.

    Args:
        bulk: what is asked for.
        stack: holds the connection; closed when the file is there.
        headers: of the answer.
    """

    def __init__(self, bulk: Bulk, stack: ExitStack, headers: Mapping[str, str]) -> None:
        super().__init__(status_code=200, headers={**headers, "X-Content-Type-Options": "nosniff"})
        self.bulk, self._stack = bulk, stack
        self._name = f"{bulk.items.collection}.{_ENDINGS[bulk.chosen]}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Make the file and send it; the statement is cancelled when the client goes away before that.

        Raises:
            LdtError: before anything was sent.
        """
        with tempfile.TemporaryDirectory(prefix="ldt-bulk-") as folder:
            path = Path(folder) / quote(self._name, safe=" ")
            if scope.get("ldt.head"):
                await anyio.to_thread.run_sync(self._stack.close)
                path.touch()
                further: dict[str, str] | None = {}
            else:
                further = await self._make(path, receive)
            if further is None:
                return
            given = {k: v for k, v in self.headers.items() if k != "content-length"}
            answer = FileResponse(
                path,
                headers={**given, **further},
                media_type=self.bulk.chosen.media_type,
                filename=self._name,
            )
            if scope.get("ldt.head"):
                del answer.headers["content-length"]
            await answer(scope, receive, send)

    async def _make(self, path: Path, receive: Receive) -> dict[str, str] | None:
        """Return the further headers, or None if nobody waits any more."""
        gone = False
        failed: LdtError | None = None
        found: dict[str, str] = {}

        async def watch() -> None:
            nonlocal gone
            while (await receive())["type"] != "http.disconnect":
                pass
            gone = self.bulk.stopped = True
            await anyio.to_thread.run_sync(self.bulk.seen.conn.cancel_safe)

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            with anyio.CancelScope(shield=True):
                try:
                    found = await anyio.to_thread.run_sync(self._write, path)
                except LdtError as e:
                    failed = e
            group.cancel_scope.cancel()
        if gone:
            return None
        if failed is not None:
            raise failed
        return found

    def _write(self, path: Path) -> dict[str, str]:
        with self._stack:
            return self.bulk.write(path)


def answer(stack: ExitStack, bulk: Bulk, headers: Mapping[str, str]) -> Response:
    """Return the answer of what is asked for in bulk.

    Args:
        stack: holds the connection, and holds it on after this.
        bulk: what is asked for.
        headers: of the answer.

    Raises:
        Timeout: as many are being made as the process makes at once.
    """
    if not _places.acquire(blocking=False):
        raise Timeout(
            f"{_AT_ONCE} answers in bulk are being made",
            remedy="try again in a few seconds, or page through JSON",
        )
    stack.callback(_places.release)
    return Spooled(bulk, stack.pop_all(), headers)


def says() -> dict[str, Any]:
    """Return what the OpenAPI description says of these forms, by media type."""
    return {f.media_type: {"schema": {"type": "string", "format": "binary"}} for f in FORMS}
