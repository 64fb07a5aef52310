"""Pages of any items, as bytes: GeoJSON texts straight from SQL, in order, from a position on; and how many match."""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

import psycopg
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Date,
    DateTime,
    Double,
    Integer,
    LargeBinary,
    Numeric,
    Select,
    TableClause,
    Text,
    and_,
    bindparam,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.types import TypeEngine

from ldt.store.connect import compiled, fetch_all, numbered, translated
from ldt.store.crs import CRS84, Crs
from ldt.store.geojson import geojson
from ldt.store.items import Items, Kind, Part, Property
from ldt.store.statements import Statement

_TYPES: dict[Kind, TypeEngine[Any]] = {
    "string": Text(collation="C"),
    "number": Numeric(),
    "integer": Numeric(),
    "boolean": Boolean(),
    "date": Date(),
    "timestamp": DateTime(timezone=True),
}


_SIDES = ("west", "south", "east", "north")


@dataclass(frozen=True, slots=True)
class Sort:
    """A key of an order: a property, ascending or descending. Items without it come last in both."""

    property: Property
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items are asked for, in which order, and what of them.

    Attributes:
        areas: any of which a geometry must intersect: rectangles (west, south, east, north) in degrees, or WKB in EPSG:4326
            with x = longitude.
        start, end: bounds of the time with which an item's time [start, end) must overlap; None is open. An item without a time
            matches any.
        where: a further condition on the properties; `shape` and `given` are its shape and values (see :mod:`ldt.store.shapes`), where known.
        sort: keys of the order; ties, and everything without keys, are in order of (part, key), descending where the last key is: so
            one index serves both directions.
        properties: names of the properties that are sent; all if None.
        crs: in which geometries are sent.
    """

    areas: Sequence[tuple[float, float, float, float] | bytes] = ()
    start: datetime | None = None
    end: datetime | None = None
    where: ColumnElement[bool] | None = None
    sort: tuple[Sort, ...] = ()
    properties: tuple[str, ...] | None = None
    crs: Crs = field(default=CRS84)
    given: Mapping[str, Any] = field(default_factory=dict, hash=False)
    shape: Hashable | None = None

    def values(self) -> dict[str, Any]:
        """Return what is bound into its statement and may differ between statements of the same shape, by name."""
        found: dict[str, Any] = {"start": self.start, "end": self.end}
        for i, area in enumerate(self.areas):
            if isinstance(area, bytes):
                found[f"area_{i}"] = area
            else:
                found |= zip((f"{side}_{i}" for side in _SIDES), area, strict=True)
        return found | dict(self.given)

    @property
    def everything(self) -> bool:
        """Whether no item is left out."""
        return not (self.areas or self.start or self.end or self.where is not None)

    @property
    def by_index(self) -> bool:
        """Whether an index has the items in this order, so that no sorting is needed."""
        return not self.sort or (len(self.sort) == 1 and self.sort[0].property.indexed)


#: What a statement shows of the items of a part: labelled expressions over its table.
Shown = Callable[[Part], Sequence[ColumnElement[Any]]]
#: How an item is written: a part and what is asked for to an expression of text.
Written = Callable[[Part, Selection], ColumnElement[str]]
R = TypeVar("R")


class Position(NamedTuple):
    """A place in an order: after the item of this part and key, whose sort keys have these values, as texts."""

    part: int
    key: str
    values: tuple[str | None, ...] = ()


def page(
    conn: psycopg.Connection[Any],
    items: Items,
    selection: Selection,
    *,
    limit: int,
    after: Position | None = None,
    written: Written | None = None,
) -> Generator[tuple[Position, bytes]]:
    """Yield items as texts, in order, from a server-side cursor.

    One who does not read to the end closes the generator before the transaction ends: its cursor lives in that.

    Args:
        conn: a connection in the transaction in which the snapshot of the items was resolved.
        items: what is read.
        selection: what is asked for.
        limit: how many at most.
        after: where the last page ended.
        written: how an item is written; as GeoJSON without it.

    Yields:
        (position of this item, its text as UTF-8 bytes).
    """
    keys = len(selection.sort)
    shown = _texts(selection, written)
    yield from each(items, selection, shown, lambda s: _rows(conn, s, keys), limit=limit, after=after)


def each(
    items: Items,
    selection: Selection,
    shown: Shown,
    run: Callable[[Select[Any]], Iterator[R]],
    *,
    limit: int,
    after: Position | None = None,
) -> Generator[R]:
    """Yield the rows of a selection in order: those of each part, or of all merged where there are sort keys.

    Args:
        items: what is read.
        selection: what is asked for.
        shown: the columns of a row.
        run: yields the rows of a statement.
        limit: how many at most.
        after: where the last page ended.
    """
    if selection.sort:
        yield from run(_sorted(items, selection, limit, after, shown))
        return
    left = limit
    for part in items.parts:
        if left <= 0:
            return
        if after is None or part.order >= after.part:
            inside = after if after is not None and after.part == part.order else None
            for row in run(_in_order(part, selection, inside, shown).limit(left)):
                left -= 1
                yield row


def _rows(conn: psycopg.Connection[Any], statement: Any, keys: int) -> Generator[tuple[Position, bytes]]:
    sql_text, bound = compiled(statement)
    with translated(), conn.cursor(name="items", binary=True) as cursor:
        # So many are in memory at once, whatever their size.
        cursor.itersize = 500
        cursor.execute(sql_text, bound)
        for row in cursor:
            yield Position(row[0], row[1], tuple(row[3 : 3 + keys])), row[2]


def prompt(
    items: Items, part: Part, selection: Selection, after: Position | None, state: ColumnElement[Any]
) -> Statement:
    """Return the statement of a page of one part, or of all where there is an order, for :mod:`ldt.store.statements`.

    Its rows are (part, key, GeoJSON text, texts of the sort keys …, state); `limit`, `after` and what :meth:`Selection.values` gives
    can be given anew.

    Args:
        items: what is read.
        part: the part that is read; with `selection.sort` all are.
        selection: what is asked for; its shape is that of the statement.
        after: where the last page ended.
        state: expression of the state that the rows are read in.
    """
    limit = bindparam("limit", 1, Integer)
    if selection.sort:
        statement = _sorted(items, selection, limit, after, _texts(selection))
    else:
        statement = _in_order(part, selection, after, _texts(selection)).limit(limit)
    text, names, bound = numbered(statement.add_columns(state.label("state")))
    # A rectangle or a filter decides by its values which index serves best.
    return Statement(text.encode(), names, bound, kept=selection.everything and not selection.sort)


def _texts(selection: Selection, written: Written | None = None) -> Shown:
    """Return what a page shows of an item: its place, its text, the texts of its sort keys."""

    def shown(part: Part) -> list[ColumnElement[Any]]:
        whole = written(part, selection) if written else geojson(part, selection.crs, selection.properties)
        return [*_place(part), func.convert_to(whole, "UTF8").label("document"), *_key_texts(selection)]

    return shown


def _place(part: Part) -> list[ColumnElement[Any]]:
    return [literal(part.order, BigInteger).label("part"), part.key.label("key")]


def _key_texts(selection: Selection) -> list[ColumnElement[Any]]:
    return [cast(s.property.column, Text).label(f"text_{i}") for i, s in enumerate(selection.sort)]


def _in_order(part: Part, selection: Selection, after: Position | None, shown: Shown) -> Select[Any]:
    statement = select(*shown(part)).select_from(part.table).where(part.where, matches(part, selection))
    if after is not None:
        statement = statement.where(part.key > bindparam("after", after.key, Text))
    return statement.order_by(part.key)


def _sorted(
    items: Items, selection: Selection, limit: int | ColumnElement[int], after: Position | None, shown: Shown
) -> Select[Any]:
    """Return the statement of a page in order of sort keys: the first of each part, merged."""
    pieces = []
    names: list[str] = []
    for part in items.parts:
        columns = shown(part)
        names = [c.key or "" for c in columns]
        order_of = [s.property.column.label(f"sort_{i}") for i, s in enumerate(selection.sort)]
        own = [literal(part.order, BigInteger).label("sort_part"), part.key.label("sort_key")]
        whole = (
            select(*columns, *order_of, *own)
            .select_from(part.table)
            .where(part.where, matches(part, selection))
        )
        segments = _by_index if selection.by_index else _by_sorting
        pieces += [piece.limit(limit).subquery() for piece in segments(whole, part, selection.sort, after)]
    merged = union_all(*(select(p) for p in pieces)).subquery("merged")
    order = [_directed(merged.c[f"sort_{i}"], s).nulls_last() for i, s in enumerate(selection.sort)]
    last = (_directed(merged.c[n], selection.sort[-1]) for n in ("sort_part", "sort_key"))
    return select(*(merged.c[n] for n in names)).order_by(*order, *last).limit(limit)


def _directed(key: ColumnElement[Any], sort: Sort) -> ColumnElement[Any]:
    return key.desc() if sort.descending else key.asc()


def _by_sorting(
    whole: Select[Any], part: Part, sort: Sequence[Sort], after: Position | None
) -> list[Select[Any]]:
    """Return the items of a part in order, from a position on, as one statement."""
    if after is not None:
        whole = whole.where(_beyond(part, sort, after))
    order = [_directed(s.property.column, s).nulls_last() for s in sort]
    return [whole.order_by(*order, _directed(part.key, sort[-1]))]


def _by_index(
    whole: Select[Any], part: Part, sort: Sequence[Sort], after: Position | None
) -> list[Select[Any]]:
    """Return the items of a part in order, from a position on, as two statements: those with the property, those without.

    An index on (property, key) answers each as it is.
    """
    (one,) = sort
    key = one.property.column
    order = _directed(key, one), _directed(part.key, one)
    there, missing = whole.where(key.is_not(None)), whole.where(key.is_(None))
    if after is not None:
        (text,) = after.values
        ties = _ties(part, sort, after)
        if text is None:
            return [missing.where(ties).order_by(*order)]
        value = _value(one, text)
        if part.order == after.part:
            place, last = tuple_(key, part.key), tuple_(value, literal(after.key, Text))
            there = there.where(place < last if one.descending else place > last)
        else:
            later = key < value if one.descending else key > value
            there = there.where(or_(later, and_(key == value, ties)))
    return [there.order_by(*order), missing.order_by(*order)]


def _ties(part: Part, sort: Sequence[Sort], after: Position) -> ColumnElement[bool]:
    """Return the predicate of what comes after a position among what is equal by all sort keys."""
    down = sort[-1].descending
    if part.order == after.part:
        return part.key < after.key if down else part.key > after.key
    return true() if (part.order < after.part) == down else false()


def _value(sort: Sort, text: str) -> ColumnElement[Any]:
    if sort.property.kind == "string":
        return literal(text, Text).collate("C")
    return cast(literal(text, Text), _TYPES[sort.property.kind])


def _beyond(part: Part, sort: Sequence[Sort], after: Position) -> ColumnElement[bool]:
    """Return the predicate of what comes after a position, nulls being last in every direction."""
    beyond = _ties(part, sort, after)
    for one, text in reversed(list(zip(sort, after.values, strict=True))):
        key = one.property.column
        if text is None:
            beyond = and_(key.is_(None), beyond)
            continue
        value = _value(one, text)
        later = key < value if one.descending else key > value
        beyond = or_(later, key.is_(None), and_(key == value, beyond))
    return beyond


def matches(part: Part, selection: Selection) -> ColumnElement[bool]:
    """Return the predicate of a selection over a part's table, beside `part.where`."""
    found: list[ColumnElement[bool]] = []
    if selection.areas:
        if part.geometry is None:
            return false()
        areas = [_area(i, a) for i, a in enumerate(selection.areas)]
        found.append(or_(*(func.ST_Intersects(part.geometry, area) for area in areas)))
    if part.start is not None and selection.end is not None:
        found.append(or_(part.start.is_(None), part.start <= _instant("end", selection.end)))
    if part.end is not None and selection.start is not None:
        start = _instant("start", selection.start)
        instant = part.start == part.end if part.start is not None else false()
        found.append(or_(part.end.is_(None), part.end > start, and_(instant, part.end == start)))
    if selection.where is not None:
        found.append(selection.where)
    return and_(true(), *found)


def _area(number: int, area: tuple[float, float, float, float] | bytes) -> ColumnElement[Any]:
    if isinstance(area, bytes):
        return func.ST_GeomFromWKB(bindparam(f"area_{number}", area, LargeBinary), 4326)
    sides = [bindparam(f"{side}_{number}", v, Double) for side, v in zip(_SIDES, area, strict=True)]
    return func.ST_MakeEnvelope(*sides, 4326)


def _instant(name: str, value: datetime) -> ColumnElement[Any]:
    return bindparam(name, value, DateTime(timezone=True))


def one(conn: psycopg.Connection[Any], items: Items, identifier: str, crs: Crs = CRS84) -> bytes | None:
    """Return an item as GeoJSON text, or None.

    Args:
        conn: a connection in the transaction in which the snapshot of the items was resolved.
        items: what is read.
        identifier: its id in the API.
        crs: of the geometry.
    """
    for part in items.parts:
        statement = (
            select(func.convert_to(geojson(part, crs), "UTF8").label("document"))
            .select_from(part.table)
            .where(part.where, is_called(part, identifier))
        )
        if found := fetch_all(conn, statement):
            return bytes(found[0]["document"])
    return None


def position_of(
    conn: psycopg.Connection[Any], items: Items, selection: Selection, identifier: str
) -> Position | None:
    """Return the place of an item in the order of a selection; None if there is no such item.

    Args:
        conn: a connection in the transaction in which the snapshot of the items was resolved.
        items: what is read.
        selection: whose order it is.
        identifier: the item's id in the API.
    """
    for part in items.parts:
        statement = select(*_place(part), *_key_texts(selection)).select_from(part.table)
        for row in fetch_all(conn, statement.where(part.where, is_called(part, identifier))):
            part_order, key, *values = row.values()
            return Position(part_order, key, tuple(values))
    return None


def is_called(part: Part, identifier: str) -> ColumnElement[bool]:
    """Return the predicate of the item of an id, by its key where the key is in the id."""
    if part.prefix is None:
        return part.identifier == identifier
    if not identifier.startswith(part.prefix):
        return false()
    return part.key == identifier.removeprefix(part.prefix)


def row_bytes(conn: psycopg.Connection[Any], items: Items) -> float:
    """Return the expected size of an item, by the size of its table and the rows that its version states; 2 kB where that is not known."""
    size, rows = 0, 0
    for part in items.parts:
        if part.rows and isinstance(part.table, TableClause):
            name = f"{part.table.schema}.{part.table.name}"
            found = fetch_all(conn, "SELECT pg_table_size(to_regclass(%s)) AS size", (name,))
            size, rows = size + int(found[0]["size"] or 0), rows + part.rows
    # Coordinates as text are up to three times as long as they are stored.
    return 3 * size / rows if rows else 2048.0


def state_of(state: ColumnElement[Any]) -> Statement:
    """Return the statement that gives a state alone."""
    text, names, bound = numbered(select(state))
    return Statement(text.encode(), names, bound)
