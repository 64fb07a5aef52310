"""Indexes on what features are looked for by: properties that their schema or recipe names, and their size, for tiles of many.

Each is on the very expression that queries use, with what orders equals behind it: so it finds few of many, gives the first in its
order without sorting, and gives the planner true statistics of the property.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
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
    wanted = _wanted(conn, dataset_id) if rows >= FEW else {}
    if rows > MANY:
        wanted["size"] = f"({spelled(size(_column('geom')))}) DESC, ({spelled(chance(_column('fid')))})"
    wanted = {_name(dataset_id, definition): definition for definition in wanted.values()}
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
    for name, definition in _texts(conn, dataset_id).items():
        index = _name(dataset_id, _definition(name, "string"))
        if index not in there:
            continue
        longest = sql.SQL("SELECT max(octet_length({}) + octet_length(fid)) FROM {}").format(
            sql.SQL(definition), stage
        )
        row = conn.execute(longest).fetchone()
        if row and (row[0] or 0) > _LONGEST:
            _drop(conn, index)


def _column(name: str) -> ColumnElement[Any]:
    return column(name, t.feature.c[name].type)


def _kinds(conn: psycopg.Connection[Any], dataset_id: int) -> dict[str, Kind]:
    row = conn.execute(
        "SELECT feature_type, recipe #> '{feature,properties}', recipe #> '{feature,indexed}' FROM ldt.dataset WHERE id = %s",
        (dataset_id,),
    ).fetchone()
    return named(collection_schema(row[0], [row[1] or {}]), row[2] or ()) if row else {}


def _wanted(conn: psycopg.Connection[Any], dataset_id: int) -> dict[str, str]:
    return {name: _definition(name, kind) for name, kind in _kinds(conn, dataset_id).items()}


def _texts(conn: psycopg.Connection[Any], dataset_id: int) -> dict[str, str]:
    kinds = _kinds(conn, dataset_id)
    return {n: spelled(typed(k, _column("properties"), n)) for n, k in kinds.items() if k == "string"}


def _definition(name: str, kind: Kind) -> str:
    return f"({spelled(typed(kind, _column('properties'), name))}), fid"


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


def _create(conn: psycopg.Connection[Any], dataset_id: int, name: str, definition: str) -> None:
    statement = sql.SQL("CREATE INDEX {} ON {} ({}) WHERE until IS NULL").format(
        sql.Identifier(name), sql.Identifier("ldt", f"feature_{dataset_id}"), sql.SQL(definition)
    )
    try:
        with conn.transaction():
            conn.execute(statement)
    except errors.ProgramLimitExceeded:
        # A text that is too long for an index: the property is read without one.
        return
