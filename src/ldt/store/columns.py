"""Items as rows of typed columns: lines of CSV as PostgreSQL's COPY writes them, for answers with very many items."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Numeric, Select, Text, case, cast, func, literal, null

from ldt.store import pages
from ldt.store.connect import compiled, translated
from ldt.store.crs import Crs
from ldt.store.items import Items, Kind, Part
from ldt.store.pages import Position, Selection

#: Name of the column of ids; one that no property has.
ID, OTHER_ID = "id", "_id"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table of items.

    Attributes:
        name: as it is written.
        kind: what its values are; `array` is any JSON, as text.
        of: gives its expression over the table of a part; that of a geometry is in EPSG:4326.
    """

    name: str
    kind: Kind
    of: Callable[[Part], ColumnElement[Any] | None]


def columns(items: Items, chosen: Sequence[str] | None = None, *, place: str = "geometry") -> list[Column]:
    """Return the columns of a table of items: id, properties with the life span, geometry.

    Where nothing is stated of the properties, they are one column of JSON.

    Args:
        items: what is read.
        chosen: names of the properties; all if None.
        place: name of the column of geometries.
    """
    properties = [
        Column(n, p.kind, lambda part, p=p: p.column)  # type: ignore[misc]
        for n, p in items.properties.items()
        if p.kind != "geometry" and (chosen is None or n in chosen)
    ]
    further = [_member(n) for n in items.further if chosen is None or n in chosen]
    if not further and all("x-ogc-role" in p.schema for p in items.properties.values()):
        further = [Column("properties", "array", lambda part: part.attributes)]
    taken = {c.name for c in (*properties, *further)}
    own = Column(OTHER_ID if ID in taken else ID, "string", lambda part: part.identifier)
    shape = Column(f"_{place}" if place in taken else place, "geometry", lambda part: part.geometry)
    return [own, *properties, *further, shape]


def _member(name: str) -> Column:
    """Return the column of a property whose values have no one type: JSON, or the text itself."""
    return Column(name, "string", lambda part: part.attributes[name].astext)


def lines(
    conn: psycopg.Connection[Any],
    items: Items,
    selection: Selection,
    shown: Sequence[Column],
    *,
    limit: int,
    after: Position | None = None,
    typed: bool = False,
) -> Generator[bytes]:
    r"""Yield items as lines of CSV, in order, each with its `\n`; nothing is an empty field, an empty text is `""`.

    Numbers are written as PostgreSQL has them, instants as RFC 3339, lists and objects as JSON. One who does not read to the end
    closes the generator before the transaction ends.

    Args:
        conn: a connection in the transaction in which the snapshot of the items was resolved.
        items: what is read.
        selection: what is asked for; geometries are in its CRS.
        shown: the columns.
        limit: how many at most.
        after: where the last page ended.
        typed: for formats with types: integers within 64 bits and without a fraction, geometries as WKB (ISO 13249-3) in hexadecimal
            digits, x = easting or longitude. Else geometries are WKT in the axis order of the CRS.
    """

    def row(part: Part) -> list[ColumnElement[Any]]:
        texts = [_text(part, selection, c, typed) for c in shown]
        return [t.label(f"column_{i}") for i, t in enumerate(texts)]

    def run(statement: Select[Any]) -> Iterator[bytes]:
        text, bound = compiled(statement)
        # COPY takes no parameters from the client's side: psycopg quotes them.
        copying = f"COPY ({text}) TO STDOUT (FORMAT csv)".encode()
        with translated(), conn.cursor() as cursor, cursor.copy(copying, bound) as out:
            for line in out:
                yield bytes(line)

    yield from pages.each(items, selection, row, run, limit=limit, after=after)


def instant_text(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the expression of an instant as RFC 3339 in UTC; null beyond the years that RFC 3339 has. The session's zone is UTC."""
    text = func.replace(func.btrim(cast(func.to_jsonb(value), Text), '"'), "+00:00", "Z")
    return case((func.date_part("year", value).between(1, 9999), text))


def _text(part: Part, selection: Selection, shown: Column, typed: bool) -> ColumnElement[Any]:
    value = shown.of(part)
    if value is None:
        return null()
    if shown.kind == "geometry":
        return _geometry(value, selection.crs, typed)
    if shown.kind == "timestamp":
        return instant_text(value)
    if shown.kind == "integer" and typed:
        number = cast(value, Numeric)
        return cast(case((func.abs(number) < literal(2**63, Numeric), func.trunc(number))), Text)
    return cast(value, Text)


def _geometry(value: ColumnElement[Any], crs: Crs, typed: bool) -> ColumnElement[Any]:
    if typed:
        return func.encode(func.ST_AsBinary(replace(crs, flipped=False).written(value)), "hex")
    return func.ST_AsText(crs.written(value), crs.digits)
