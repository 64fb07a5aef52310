"""A small table with a property of each kind, most of them missing somewhere, as features keep them: in one jsonb document."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import psycopg
import shapely
from sqlalchemy import column, select, table
from sqlalchemy.dialects.postgresql import JSONB

from ldt.store.connect import connect, execute
from ldt.store.cql2 import expression
from ldt.store.crs import CRS84, Crs
from ldt.store.items import Kind, Property
from ldt.store.properties import typed

KINDS: dict[str, Kind] = {
    "n": "number",
    "i": "integer",
    "s": "string",
    "r": "string",
    "b": "boolean",
    "d": "date",
    "t": "timestamp",
    "u": "timestamp",
    "tags": "array",
}

ROWS: list[dict[str, Any]] = [
    {
        "n": 1.5,
        "i": 1,
        "s": "a",
        "r": "A",
        "b": True,
        "d": "2022-04-16",
        "t": "2022-04-16T10:00:00Z",
        "tags": [],
    },
    {"n": -2, "i": 0, "s": "Äé", "r": "ae", "b": False, "d": "2022-04-17", "u": "2022-04-17T00:00:00Z"},
    {"n": 0, "i": -3, "s": "it's", "r": "%", "d": "2021-12-31", "t": "2021-12-31T23:59:59Z", "tags": ["a"]},
    {"n": 4, "s": "", "r": "a_b", "b": True, "t": "2022-04-16T00:00:00Z", "u": "2022-04-16T10:00:00Z"},
    {
        "i": 4,
        "s": "Straße",
        "r": "STRASSE",
        "d": "2022-04-16",
        "u": "2022-04-18T12:30:00Z",
        "tags": ["a", "b"],
    },
    {"n": 2.5, "i": 2, "r": "ø", "b": False, "t": "2022-04-15T10:00:00Z", "u": "2022-04-16T10:00:00Z"},
    {"s": "a%b", "t": "2022-04-16T10:00:00Z", "u": "2022-04-16T10:00:00Z", "tags": ["b", "c", 1]},
    {},
    # Values of other types than their schema says count as missing.
    {"n": "4", "i": "x", "s": None, "b": "yes", "d": "2022-13-45", "t": "soon", "tags": "a"},
]

PROPERTIES = {
    **{n: Property(n, k, typed(k, column("properties", JSONB), n)) for n, k in KINDS.items()},
    "geometry": Property("geometry", "geometry", column("geom")),
}
PEOPLE = table("people", column("id"))


@contextmanager
def people(url: str, shapes: list[Any] | None = None) -> Iterator[psycopg.Connection[Any]]:
    """A connection to a database with the table; row n has the n-th shape."""
    with connect(url) as conn:
        conn.execute("CREATE TEMP TABLE people (id int, properties jsonb, geom geometry(Geometry, 4326))")
        rows = ROWS if shapes is None else [{} for _ in shapes]
        for number, row in enumerate(rows):
            shape = (
                None
                if shapes is None
                else shapely.to_wkb(shapely.set_srid(shapes[number], 4326), include_srid=True)
            )
            conn.execute("INSERT INTO people VALUES (%s, %s, %s)", (number, json.dumps(row), shape))
        yield conn


def found(conn: psycopg.Connection[Any], filter_: Any, crs: Crs = CRS84) -> set[int]:
    """Return the numbers of the rows for which a filter holds."""
    statement = select(PEOPLE.c.id).where(expression(filter_, PROPERTIES, crs))
    return {row[0] for row in execute(conn, statement).fetchall()}


def values() -> list[dict[str, Any]]:
    """Return the rows as Python values, each of the kind that its property has, or None."""
    return [{name: _value(kind, row.get(name)) for name, kind in KINDS.items()} for row in ROWS]


def _value(kind: str, value: Any) -> Any:
    match kind, value:
        case (("number" | "integer"), (int() | float())):
            return value
        case "boolean", bool():
            return value
        case "string", str():
            return value
        case "array", list():
            return value
        case "date", str():
            return _or_none(date.fromisoformat, value)
        case "timestamp", str():
            return _or_none(datetime.fromisoformat, value)
    return None


def _or_none(read: Any, text: str) -> Any:
    try:
        return read(text)
    except ValueError:
        return None
