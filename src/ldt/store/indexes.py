"""Indexes on what features are looked for by: properties that their schema or recipe names, and their size, for tiles of many.

Each is on the very expression that queries use, with what orders equals behind it: so it finds few of many, and gives the first in its
order without sorting. Statistics of the expression tell the planner how many it will find; those of the index itself PostgreSQL does
not look at, since it is partial.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import errors, sql
from sqlalchemy import BigInteger, ColumnElement, Double, case, column, func, literal_column

from ldt.store import tables as t
from ldt.store.connect import spelled
from ldt.store.items import Kind
from ldt.store.properties import kind_of, typed
from ldt.store.views import collection_schema

#: Kinds of property that can have one; an instant depends on more than its text for PostgreSQL.
INDEXABLE: frozenset[Kind] = frozenset({"string", "number", "integer", "boolean", "date"})
#: A data set of fewer features has none: reading them all takes some 20 ms.
FEW = 10_000
#: A data set of more features has an index on their size.
MANY = 250_000
#: Bytes that PostgreSQL takes into an entry of an index, a third of a page, less what it adds.
_LONGEST = 2_600


def named(schema: Mapping[str, Any], further: Iterable[str]) -> dict[str, Kind]:
    """Return the properties that have an index, with their kinds: those that the schema marks, and further ones by name."""
    asked, found = set(further), {}
    for name, about in schema["properties"].items():
        kind = kind_of(about)
        marked = name in asked or about.get("x-ldt", {}).get("indexed", False)
        if marked and kind in INDEXABLE:
            found[name] = kind
    return found


def size(geometry: ColumnElement[Any]) -> ColumnElement[float]:
    """Return the expression of the size of a geometry: width and height of its envelope in degrees; 0 for points."""
    wide = func.ST_XMax(geometry) - func.ST_XMin(geometry)
    high = func.ST_YMax(geometry) - func.ST_YMin(geometry)
    return case(
        (func.ST_Dimension(geometry) == literal_column("0"), literal_column("0", Double)), else_=wide + high
    )


def chance(key: ColumnElement[str]) -> ColumnElement[int]:
    """Return the expression of a number that orders what is of one size evenly over the map, and always alike."""
    return func.hashtextextended(key, literal_column("0"), type_=BigInteger)


def refresh(conn: psycopg.Connection[Any], dataset_id: int, rows: int) -> bool:
    """Make the indexes of the current features of a data set that are not there, and drop those that are not wanted any more.

    Returns whether any was made: the planner knows nothing of it before ANALYZE.

    A property with texts that are too long for an index has none.

    Args:
        conn: a connection in a transaction.
        dataset_id: the data set.
        rows: how many features it has.
    """
    wanted = _properties(conn, dataset_id) if rows >= FEW else {}
    if rows > MANY:
        by_size = spelled(size(_column("geom")))
        index = _Index(f"({by_size}) DESC, ({spelled(chance(_column('fid')))})", by_size)
        wanted[_name(dataset_id, index.columns)] = index
    there = _there(conn, dataset_id)
    for name in there - wanted.keys():
        _drop(conn, name)
    missing = wanted.keys() - there
    for name in sorted(missing):
        _create(conn, dataset_id, name, wanted[name])
    return bool(missing)


def make_room(conn: psycopg.Connection[Any], dataset_id: int, stage: sql.Composable) -> None:
    """Drop the indexes that could not take the texts that are about to be written; `stage` is the table that has them."""
    there = _there(conn, dataset_id)
    for name, index in _properties(conn, dataset_id).items():
        if name not in there or index.kind != "string":
            continue
        longest = sql.SQL("SELECT max(octet_length({}) + octet_length(fid)) FROM {}").format(
            sql.SQL(index.expression), stage
        )
        row = conn.execute(longest).fetchone()
        if row and (row[0] or 0) > _LONGEST:
            _drop(conn, name)


def _column(name: str) -> ColumnElement[Any]:
    return column(name, t.feature.c[name].type)


@dataclass(frozen=True, slots=True)
class _Index:
    """An index: its columns, the expression that comes first, and of that on a property the kind."""

    columns: str
    expression: str
    kind: Kind | None = None


def _properties(conn: psycopg.Connection[Any], dataset_id: int) -> dict[str, _Index]:
    """Return the indexes on properties that a data set may have, by name."""
    row = conn.execute(
        "SELECT feature_type, recipe #> '{feature,properties}', recipe #> '{feature,indexed}' FROM ldt.dataset WHERE id = %s",
        (dataset_id,),
    ).fetchone()
    found = {}
    for name, kind in named(collection_schema(row[0], [row[1] or {}]), row[2] or ()).items() if row else ():
        expression = spelled(typed(kind, _column("properties"), name))
        index = _Index(f"({expression}), fid", expression, kind)
        found[_name(dataset_id, index.columns)] = index
    return found


def _name(dataset_id: int, definition: str) -> str:
    return f"feature_{dataset_id}_by_{hashlib.sha256(definition.encode()).hexdigest()[:12]}"


def _there(conn: psycopg.Connection[Any], dataset_id: int) -> set[str]:
    rows = conn.execute(
        "SELECT indexname FROM pg_indexes WHERE schemaname = 'ldt' AND tablename = %s AND starts_with(indexname, %s)",
        (f"feature_{dataset_id}", f"feature_{dataset_id}_by_"),
    ).fetchall()
    return {name for (name,) in rows}


def _drop(conn: psycopg.Connection[Any], name: str) -> None:
    conn.execute(sql.SQL("DROP INDEX {}").format(sql.Identifier("ldt", name)))
    conn.execute(sql.SQL("DROP STATISTICS IF EXISTS {}").format(sql.Identifier("ldt", f"{name}_s")))


def _create(conn: psycopg.Connection[Any], dataset_id: int, name: str, index: _Index) -> None:
    table = sql.Identifier("ldt", f"feature_{dataset_id}")
    statement = sql.SQL("CREATE INDEX {} ON {} ({}) WHERE until IS NULL").format(
        sql.Identifier(name), table, sql.SQL(index.columns)
    )
    try:
        with conn.transaction():
            conn.execute(statement)
    except errors.ProgramLimitExceeded:
        # A text that is too long for an index: the property is read without one.
        return
    conn.execute(
        sql.SQL("CREATE STATISTICS {} ON ({}) FROM {}").format(
            sql.Identifier("ldt", f"{name}_s"), sql.SQL(index.expression), table
        )
    )
