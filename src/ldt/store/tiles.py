"""Vector tiles out: Mapbox Vector Tiles (version 2.1) as bytes, straight from SQL. What is read comes as Items, which are made of a Snapshot.

A tile has a layer for each collection, and each of its features

- the geometry, clipped with a margin of `BUFFER` units around the `EXTENT` x `EXTENT` of the tile; what is smaller than half a unit
  collapses and is left out, but for points;
- a whole number as MVT's `id`: a hash of the feature's id, the same in all tiles of a state;
- `id`, the feature's id, and its simple properties, those that are numbers as numbers; what is nested has no form in MVT.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Double,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    null,
    select,
    union_all,
)

from ldt.store import indexes
from ldt.store.connect import compiled, numbered, translated
from ldt.store.items import Items, Part, Property
from ldt.store.pages import Selection, matches
from ldt.store.statements import Statement

EXTENT, BUFFER = 4096, 64
#: So many features a layer has at most: beyond, the largest are taken, and of those of one size (points) some, evenly.
MOST = 20_000
#: Kinds of property that a tile holds.
SIMPLE = frozenset({"string", "number", "integer", "boolean", "date", "timestamp"})
#: Whole numbers that JavaScript holds exactly.
_SAFE = 2**53 - 1
#: Names of columns that no property can have: names of properties are words.
_SIZE, _CHANCE = "(size)", "(chance)"

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a tile lies.

    Attributes:
        srid: of its tile matrix set.
        bounds: left, bottom, right, top in that CRS, x first.
        reach: west, south, east, north in degrees of all that the tile with its margin may show.
        degrees: west, south, east, north of `bounds` where the tile is an affine image of degrees to within half a unit, so that nothing
            needs to be transformed; else None.
        domain: west, south, east, north of what can be transformed to `srid`; what is beyond is cut off.
    """

    srid: int
    bounds: Box
    reach: Box
    degrees: Box | None
    domain: Box


@dataclass(frozen=True, slots=True)
class Layer:
    """What one layer of a tile is made of.

    Attributes:
        items: the items of a collection.
        properties: names of those that the features have; all if None.
        selection: which of them.
        shape: equal for layers of equal statements, whose constants are equal too; None where the statement is made anew.
    """

    items: Items
    properties: tuple[str, ...] | None = None
    selection: Selection = field(default_factory=Selection)
    shape: Hashable = None


class Encoded(NamedTuple):
    """A layer as MVT bytes, none where it is empty; and whether it has only the largest of its features."""

    content: bytes
    thinned: bool


def simple(items: Items) -> dict[str, Property]:
    """Return the properties of items that a tile can hold, by name; `id` is the feature's own."""
    return {n: p for n, p in items.properties.items() if p.kind in SIMPLE and n != "id"}


def encode(conn: psycopg.Connection[Any], layer: Layer, place: Place) -> Encoded:
    """Return one layer of a tile. Layers can be put one behind the other: so they make one tile.

    Args:
        conn: a connection in the transaction in which the snapshot of the items was resolved.
        layer: what to show.
        place: where the tile lies.

    Raises:
        Timeout: it took too long.
    """
    content, count = _run(conn, layer, place, crowded=False)
    if count <= MOST:
        return Encoded(content, False)
    return Encoded(_run(conn, layer, place, crowded=True)[0], True)


def _may_be_crowded(layer: Layer, place: Place) -> bool:
    """Whether it is looked first how many features there are, so that they are not encoded in vain: where a tile is large, of many."""
    rows = [part.rows for part in layer.items.parts]
    return place.degrees is None and (None in rows or sum(filter(None, rows)) > MOST)


def prompt(layer: Layer, place: Place, state: ColumnElement[Any]) -> Statement:
    """Return the statement of a layer of a tile for :mod:`ldt.store.statements`.

    Its row is (MVT bytes, number of features, state); there are more features than the layer may have if the number is above
    `MOST`. What :func:`numbers` gives is given anew for each tile of places of this CRS that are alike in having `degrees` or not.

    Args:
        layer: what to show.
        place: where one such tile lies.
        state: expression of the state that the rows are read in.
    """
    statement = _statement(layer, place, crowded=False).add_columns(state.label("state"))
    text, names, bound = numbered(statement)
    # Of small tiles the index is the best plan, whatever their place.
    return Statement(text.encode(), names, bound, kept=place.degrees is not None)


def _run(conn: psycopg.Connection[Any], layer: Layer, place: Place, *, crowded: bool) -> tuple[bytes, int]:
    made = _Shape((layer.shape, place.degrees is not None, place.srid, crowded), layer, place, crowded)
    text, bound = made.compiled() if layer.shape is None else _remembered(made)
    with translated():
        # Of large tiles the best plan depends on the place: one that is kept for all took half a minute.
        kept = place.degrees is not None and not crowded
        row = conn.execute(text, {**bound, **numbers(place)}, prepare=None if kept else False).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always returns a row
    return bytes(row[0] or b""), int(row[1])


@dataclass(frozen=True, slots=True)
class _Shape:
    """A statement, told apart by its key: building one anew costs 2 ms."""

    key: tuple[Hashable, ...]
    layer: Layer = field(compare=False)
    place: Place = field(compare=False)
    crowded: bool = field(compare=False)

    def compiled(self) -> tuple[bytes, dict[str, Any]]:
        text, bound = compiled(_statement(self.layer, self.place, crowded=self.crowded))
        return text.encode(), bound


@lru_cache(maxsize=512)
def _remembered(shape: _Shape) -> tuple[bytes, dict[str, Any]]:
    return shape.compiled()


_CORNERS = ("left", "bottom", "right", "top")


def numbers(place: Place) -> dict[str, float]:
    """Return what differs between tiles of one statement."""
    target = place.degrees or place.bounds
    # Half a unit, in degrees of longitude.
    least = (place.reach[2] - place.reach[0]) / (EXTENT + 2 * BUFFER) / 2
    return {
        **{f"reach_{n}": x for n, x in zip(_CORNERS, place.reach, strict=True)},
        **{f"tile_{n}": x for n, x in zip(_CORNERS, target, strict=True)},
        "least": least,
    }


def reach() -> ColumnElement[Any]:
    """Return the expression of what a tile with its margin may show, in EPSG:4326; the tile itself is given when it is read."""
    return _envelope("reach", 4326)


def _envelope(prefix: str, srid: int) -> ColumnElement[Any]:
    corners = (bindparam(f"{prefix}_{n}", None, Double) for n in _CORNERS)
    return func.ST_MakeEnvelope(*(cast(c, Double) for c in corners), literal_column(str(srid)))


def _statement(layer: Layer, place: Place, *, crowded: bool) -> Select[Any]:
    shown = [(part, part.geometry) for part in layer.items.parts if part.geometry is not None]
    number: ColumnElement[int] = func.count()
    if crowded:
        parts = [p for part, geometry in shown for p in _largest(layer, part, geometry, place)]
        ranked = _together(parts).subquery("r")
        kept = [c for c in ranked.c if c.name not in {_SIZE, _CHANCE}]
        found = select(*kept).order_by(ranked.c[_SIZE].desc(), ranked.c[_CHANCE]).limit(MOST)
    else:
        parts = [_part(layer, part, geometry, place) for part, geometry in shown]
        if _may_be_crowded(layer, place):
            there = _together([p.with_only_columns(null().label("one")) for p in parts]).limit(MOST + 1)
            counted = select(func.count().label("n")).select_from(there.subquery("t")).cte("counted")
            seen = select(counted.c.n).scalar_subquery()
            parts = [p.where(seen <= MOST) for p in parts]
            number = func.greatest(number, seen)
        # The bound also keeps PostgreSQL from computing each geometry twice.
        found = _together(parts).limit(MOST + 1)
    rows = found.subquery("q")
    name = cast(literal(layer.items.collection), Text)
    tile = func.ST_AsMVT(
        literal_column("q.*"), name, EXTENT, literal_column("'geom'"), literal_column("'feature_id'")
    )
    return select(tile, number).select_from(rows)


def _together(parts: Sequence[Select[Any]]) -> Any:
    return parts[0] if len(parts) == 1 else union_all(*parts)


def _part(layer: Layer, part: Part, geometry: ColumnElement[Any], place: Place) -> Select[Any]:
    number = func.hashtextextended(part.identifier, 0).op("&")(literal_column(f"{_SAFE}::bigint"))
    columns = [
        _drawn(geometry, place).label("geom"),
        number.label("feature_id"),
        part.identifier.label("id"),
        *_attributes(layer, part),
    ]
    where = and_(part.where, matches(part, layer.selection), geometry.op("&&")(reach()))
    return select(*columns).select_from(part.table).where(where)


def _largest(layer: Layer, part: Part, geometry: ColumnElement[Any], place: Place) -> list[Select[Any]]:
    """Return the largest features of a part, and those of its points that chance takes, each as an index on size has them."""
    size, chance = indexes.size(geometry), indexes.chance(part.key)
    found = _part(layer, part, geometry, place).add_columns(size.label(_SIZE), chance.label(_CHANCE))
    kinds = (size > bindparam("least", None, Double), size == literal_column("0"))
    return [found.where(kind).order_by(size.desc(), chance).limit(MOST) for kind in kinds]


def _drawn(geometry: ColumnElement[Any], place: Place) -> ColumnElement[Any]:
    """Return the expression of a geometry in units of the tile."""
    if place.degrees is not None:
        return func.ST_AsMVTGeom(geometry, _once(4326), EXTENT, BUFFER, True)
    domain = func.ST_MakeEnvelope(*place.domain, 4326)
    kept = case((geometry.op("@")(domain), geometry), else_=func.ST_ClipByBox2D(geometry, domain))
    there = func.ST_Transform(kept, literal_column(str(place.srid)))
    return func.ST_AsMVTGeom(there, _once(place.srid), EXTENT, BUFFER, True)


def _once(srid: int) -> ColumnElement[Any]:
    # As a subquery it is computed once; as an expression of parameters, for each row of a prepared statement.
    return select(_envelope("tile", srid)).scalar_subquery()


def _attributes(layer: Layer, part: Part) -> list[ColumnElement[Any]]:
    known = layer.items.properties
    if layer.properties is None:
        # The document as it is: ST_AsMVT takes it apart sooner than expressions could, and leaves out what is nested.
        return [(part.attributes - "id" if "id" in known else part.attributes).label("properties")]
    return [_value(known[name]).label(name) for name in layer.properties]


def _value(one: Property) -> ColumnElement[Any]:
    """Return a property as MVT holds values: numbers as numbers, all else as text."""
    if one.kind == "number":
        return cast(one.column, Double)
    if one.kind == "integer":
        return cast(one.column, BigInteger)
    if one.kind == "timestamp":
        return func.to_char(func.timezone("UTC", one.column), 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
    return one.column if one.kind == "boolean" else cast(one.column, Text)


def join(layers: Iterable[Encoded]) -> Encoded:
    """Return layers as one tile (a tile is a sequence of layers)."""
    found = list(layers)
    return Encoded(b"".join(one.content for one in found), any(one.thinned for one in found))
