"""The hot path: vector tiles of a collection in one statement and without a thread.

A tile that was made before is kept, and only asked for whether its state is still that of now. It answers what is plain and right; all else (nothing in the tile, too much in it, a filter, a parameter that is wrong) is left to the
usual way, which says the same of it as ever.
"""

from __future__ import annotations

from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from ldt.api.context import service
from ldt.api.leaving import left
from ldt.api.remembered import Remembered
from ldt.api.respond import etag, headers, unchanged
from ldt.api.tiles import matrix
from ldt.api.tiles.caching import cache_control
from ldt.api.tiles.kept import Kept, sent
from ldt.api.tiles.request import MVT, chosen_properties
from ldt.errors import LdtError
from ldt.store import pages, tiles
from ldt.store.statements import Statement
from ldt.store.value_tiles import COLLECTION

_KEPT = Kept()
_TAKEN = frozenset({"f", "at", "properties"})
_PLAIN = frozenset({"", "*/*", MVT.media_type, *MVT.also})


def _is_plain(request: Request) -> bool:
    given = request.query_params
    if not _TAKEN.issuperset(given) or len(given.multi_items()) != len(given):
        return False
    form = given.get("f")
    return form == MVT.name or (form is None and request.headers.get("accept", "") in _PLAIN)


def _place(request: Request) -> tiles.Place | None:
    path = request.path_params
    name, row, column = path["tileMatrixSetId"], path["tileRow"], path["tileCol"]
    if name not in matrix.SETS or not all(_is_number(x) for x in (path["tileMatrix"], row, column)):
        return None
    zoom = int(path["tileMatrix"])
    if zoom > matrix.SETS[name].maxzoom or max(int(row), int(column)) >= 2**zoom:
        return None
    return matrix.place(name, zoom, int(row), int(column))


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 9


async def tile(request: Request) -> Response | None:
    """Return a tile of a collection, or None where the usual way must answer."""
    place = _place(request)
    path, at = request.path_params, request.query_params.get("at")
    twin, collection = path["twin"], path["collectionId"]
    if place is None or collection == COLLECTION or not _is_plain(request):
        return None
    memory, run = service(request).memory, service(request).statements.run
    for _ in range(2):
        try:
            seen = await memory.recall(request, twin, collection, at, None)
            statement = _statement(request, seen, place)
        except LdtError:
            return None
        if statement is None:
            return None
        snapshot = seen.snapshot
        tag = etag(request, snapshot, MVT)
        same = unchanged(request, tag) if "if-none-match" in request.headers else None
        key = (
            *(service(request).pool, snapshot.twin_id, snapshot.revision, snapshot.state, snapshot.access),
            *(collection, request.query_params.get("properties"), place),
        )
        packed = _KEPT.get(key)
        known = same is not None or packed is not None
        if known:
            # Only whether that is still so.
            statement = seen.statements.get("state") or seen.statements.put(
                "state", pages.state_of(seen.state)
            )
        result = await run(statement, {} if known else tiles.numbers(place), partial(left, request.receive))
        if int.from_bytes(result.get_value(0, result.nfields - 1) or b"") != snapshot.state:
            memory.forget(request, twin, collection, at, None)
            continue
        if same is not None:
            return same
        about = headers(tag, extra=cache_control(request, snapshot))
        if packed is not None:
            return sent(request, packed, about, MVT.media_type)
        content = result.get_value(0, 0)
        if not content or int.from_bytes(result.get_value(0, 1) or b"") > tiles.MOST:
            return None
        if not _KEPT.keeps:
            return Response(content, headers=about, media_type=MVT.media_type)
        return sent(request, _KEPT.put(key, content), about, MVT.media_type, content)
    return None


def _statement(request: Request, seen: Remembered, place: tiles.Place) -> Statement | None:
    if all(part.geometry is None for part in seen.items.parts):
        return None
    text = request.query_params.get("properties")
    key = ("tile", place.degrees is not None, place.srid, text)
    if found := seen.statements.get(key):
        return found
    names = chosen_properties(text, [seen.items])
    layer = tiles.Layer(seen.items, names[seen.items.collection] if names is not None else None)
    return seen.statements.put(key, tiles.prompt(layer, place, seen.state))
