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
_MEMORY: dict[Hashable, Shown | None] = {}
_MOST = 2048


def _known(request: Request, seen: Reading, identifier: str) -> Shown | None:
    s = seen.snapshot
    versions = tuple((d.dataset_id, d.version, d.current) for d in s.datasets.values())
    key = (service(request).pool, s.twin_id, s.revision, s.current, s.access, versions, identifier)
    if key not in _MEMORY:
        if len(_MEMORY) >= _MOST:
            _MEMORY.clear()
        _MEMORY[key] = _made_out(request, seen, identifier, key)
    return _MEMORY[key]


def _made_out(request: Request, seen: Reading, identifier: str, key: Hashable) -> Shown | None:
    for kind in service(request).kinds:
        if collection := kind.collection(seen, identifier):
            items = kind.items(seen, identifier)
            if items is None or collection.bbox is None or all(p.geometry is None for p in items.parts):
                return None
            return Shown(key, collection, items)
    return None


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
