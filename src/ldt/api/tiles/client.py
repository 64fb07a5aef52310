"""What the store answers for tiles: what there is to show, where it lies, and the tiles themselves."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request

from ldt.api.collections.client import collection_ids, no_collection
from ldt.api.context import Reading, service
from ldt.api.standard import Collection
from ldt.api.tiles import matrix
from ldt.errors import UsageError
from ldt.store import catalogue, value_tiles
from ldt.store.items import Items
from ldt.store.pages import Selection
from ldt.store.tiles import Box, Encoded, Layer, encode, join

#: The kind of collection of which a tile of a whole twin has layers unless others are asked for.
_USUAL = "features"


@dataclass(frozen=True, slots=True)
class Shown:
    """A collection that vector tiles can be made of.

    Attributes:
        key: equal for what shows the same.
        collection: the collection.
        items: what its items are read from.
    """

    key: Hashable
    collection: Collection
    items: Items

    @property
    def bbox(self) -> Box:
        """West, south, east, north in degrees of what it shows."""
        assert self.collection.bbox is not None  # noqa: S101 - else there is nothing to show
        return self.collection.bbox


def shown(request: Request, seen: Reading, identifier: str) -> Shown:
    """Return a collection of which vector tiles can be made.

    Raises:
        NotFound: the snapshot sees no such collection, or nothing of it lies anywhere.
    """
    found = _known(request, seen, identifier)
    if found is None:
        raise no_collection(seen, identifier)
    return found


def all_shown(request: Request, seen: Reading, asked: Sequence[str] | None) -> list[Shown]:
    """Return the collections that tiles of a whole twin show: those that are asked for, else all of features.

    Raises:
        NotFound: one that is asked for is not there, or has nothing that lies anywhere.
    """
    if asked is not None:
        return [shown(request, seen, one) for one in asked]
    every = (_known(request, seen, one) for one in collection_ids(request, seen))
    return [one for one in every if one is not None and one.collection.kind == _USUAL]


#: What was made out of a snapshot; another service has another pool.
_MEMORY: dict[Hashable, Shown] = {}
_MOST = 2048


def _key(request: Request, seen: Reading, identifier: str) -> tuple[Hashable, ...]:
    s = seen.snapshot
    versions = tuple((d.dataset_id, d.version, d.current) for d in s.datasets.values())
    return service(request).pool, s.twin_id, s.revision, s.current, s.access, versions, identifier


def _keep(key: Hashable, found: Shown) -> Shown:
    if len(_MEMORY) >= _MOST:
        _MEMORY.clear()
    _MEMORY[key] = found
    return found


def _known(request: Request, seen: Reading, identifier: str) -> Shown | None:
    key = _key(request, seen, identifier)
    if key in _MEMORY:
        return _MEMORY[key]
    found = _made_out(request, seen, identifier, key)
    return _keep(key, found) if found else None


def _made_out(request: Request, seen: Reading, identifier: str, key: Hashable) -> Shown | None:
    if identifier == value_tiles.COLLECTION:
        return values_shown(seen, ValuesAsked(), key)
    for kind in service(request).kinds:
        if collection := kind.collection(seen, identifier):
            items = kind.items(seen, identifier)
            if items is None or collection.bbox is None or all(p.geometry is None for p in items.parts):
                return None
            return Shown(key, collection, items)
    return None


@dataclass(frozen=True, slots=True)
class ValuesAsked:
    """Which indicator values are to be shown.

    Attributes:
        scheme: of which scheme of spatial units; without one, of that with most units.
        indicators: which; all without.
        period: of which period; without one, the newest of each.
    """

    scheme: str | None = None
    indicators: tuple[str, ...] | None = None
    period: str | None = None


def chosen_values(request: Request, seen: Reading, asked: ValuesAsked) -> Shown:
    """Return the values by area that are asked for, to be shown as a collection is.

    Raises:
        NotFound: the snapshot sees no values of places.
        UsageError: none of that scheme, of one of these indicators, or of that period.
    """
    key = (*_key(request, seen, value_tiles.COLLECTION), asked)
    found = _MEMORY.get(key) or values_shown(seen, asked, key)
    if found is None:
        raise no_collection(seen, value_tiles.COLLECTION)
    return _keep(key, found)


def values_shown(seen: Reading, asked: ValuesAsked, key: Hashable) -> Shown | None:
    """Return what :func:`chosen_values` returns; None where there are no values of places."""
    there = value_tiles.there(seen.conn, seen.snapshot)
    if not there:
        return None
    schemes = {one.scheme: one for one in there}
    of = schemes[_one_of("scheme", asked.scheme, list(schemes))]
    if asked.period is not None:
        _one_of("period", asked.period, of.periods)
    names = [_one_of("indicator", n, of.indicators) for n in asked.indicators or of.indicators]
    definitions = catalogue.indicator_definitions(seen.conn)
    schemas = {
        n: {"type": "number", "title": definitions[n].title["en"], "x-ogc-unit": definitions[n].unit}
        for n in names
        if n in definitions
    }
    collection = Collection(
        value_tiles.COLLECTION, "values", {"en": f"Indicator values by {of.scheme}"}, bbox=of.bbox
    )
    return Shown(key, collection, value_tiles.items(seen.snapshot, of, schemas, asked.period))


def _one_of(what: str, asked: str | None, there: Sequence[str]) -> str:
    if asked is not None and asked not in there:
        raise UsageError(
            f"there are no values of {asked[:80]!r}", where=what, remedy=f"there are: {', '.join(there)}"
        )
    return there[0] if asked is None else asked


def tile(
    seen: Reading,
    layers: Sequence[Shown],
    place: tuple[str, int, int, int],
    selection: Selection,
    properties: Any,
) -> Encoded:
    """Return a tile of some collections.

    Args:
        seen: the state to read.
        layers: the collections.
        place: tile matrix set, number of the tile matrix, row, column.
        selection: which of their items.
        properties: by collection, names of the properties that features have; all if None.

    Raises:
        NotFound: there is no such tile, or nothing lies there.
    """
    name, zoom, row, column = place
    inside = [one for one in layers if matrix.has(matrix.limits(name, one.bbox), zoom, row, column)]
    if not inside:
        raise matrix.no_tile(name, str(zoom), row, column)
    where = matrix.place(*place)
    plain = selection.everything
    made = []
    for one in inside:
        names = None if properties is None else properties[one.collection.id]
        shape = (one.key, names) if plain else None
        made.append(encode(seen.conn, Layer(one.items, names, selection, shape), where))
    return join(made)
