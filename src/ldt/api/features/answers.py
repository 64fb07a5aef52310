"""A page of items while it is made: its rows as they come, its links, the members beside them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request

from ldt.api import links
from ldt.api.context import Reading
from ldt.api.features.request import ITEM_FORMS, ONE_FORMS
from ldt.api.formats import jsonfg
from ldt.api.negotiate import JSON, JSONFG, Format
from ldt.api.paging import write_token
from ldt.api.respond import dumps
from ldt.model.snapshot import Snapshot
from ldt.store import counts
from ldt.store.crs import Crs
from ldt.store.items import Items
from ldt.store.pages import Position, Selection
from ldt.timerange import format_instant

#: A page that is smaller than this is sent in one piece, with its `next` link in the header too.
WHOLE = 512 * 1024
_CHUNK = 256 * 1024


def page_links(
    request: Request,
    chosen: Format,
    snapshot: Snapshot,
    collection: str,
    last: Position | None,
    offered: Sequence[Format] = ITEM_FORMS,
) -> list[links.Link]:
    """Return the links of a page of items; `last` is where the next one begins, None on the last page."""
    found = links.own(request, chosen, offered)
    above = ("twins", snapshot.twin, "collections", collection)
    found.append(links.link(links.url(request, *above), "collection", JSON, "The collection"))
    if last is not None:
        token = write_token(request, snapshot.revision, (last.part, last.key, *last.values))
        found.append(links.link(links.here(request, token=token), "next", chosen, "Next page"))
    return found


def about(
    returned: int, matched: Mapping[str, int], snapshot: Snapshot, ways: list[links.Link]
) -> dict[str, Any]:
    """Return the members of a page of items beside the items."""
    return {
        "numberReturned": returned,
        **matched,
        "timeStamp": format_instant(datetime.now(UTC).replace(microsecond=0)),
        "snapshot": snapshot.id,
        "links": ways,
    }


def item_document(
    request: Request, chosen: Format, snapshot: Snapshot, collection: str, found: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the document of one item, with its snapshot and links, before those of its kind."""
    to = links.url(request, "twins", snapshot.twin, "collections", collection)
    ways = [
        *links.own(request, chosen, ONE_FORMS),
        links.link(to, "collection", JSON, "The collection"),
        *found.get("links", ()),
    ]
    return {**found, "snapshot": snapshot.id, "links": ways}


def content_crs(crs: Crs) -> dict[str, str]:
    """Return the header that says in which CRS coordinates are sent (OGC 18-058r1, 7.4)."""
    return {"Content-Crs": f"<{crs.uri}>"}


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
        offered: the forms that there are.
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
        offered: Sequence[Format] = ITEM_FORMS,
    ) -> None:
        self.request, self.chosen, self.seen, self.offered = request, chosen, seen, offered
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
        last = self.last if self.more else None
        return page_links(
            self.request, self.chosen, self.seen.snapshot, self.items.collection, last, self.offered
        )

    def _matched(self) -> dict[str, int]:
        if self.after is None and not self.more:
            return {"numberMatched": self.returned}
        number, exact = counts.count(self.seen.conn, self.items, self.asked)
        # An estimate may be below what was seen.
        return {"numberMatched": number} if exact else {"numberMatchedEstimate": max(number, self.returned)}

    def about(self) -> dict[str, Any]:
        """Return the members beside the items; known when all rows have come."""
        return about(self.returned, self._matched(), self.seen.snapshot, self.all_links())

    def _head(self) -> dict[str, Any]:
        """Return the members before the items; by those of JSON-FG GDAL tells it from GeoJSON."""
        found: dict[str, Any] = {"type": "FeatureCollection"}
        if self.chosen is JSONFG:
            above = ("twins", self.seen.snapshot.twin, "collections", self.items.collection)
            schema = links.url(self.request, *above, "schema")
            found |= jsonfg.members(self.items.collection, schema, self.asked.crs)
        return found

    def text(self, rows: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the document in pieces of about 256 kB."""
        waiting = [dumps(self._head())[:-1], b',"features":[']
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
