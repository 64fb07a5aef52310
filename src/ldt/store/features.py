"""Features: what their items are read from, one with all that is known of it, their extent. Every function takes a Snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    Select,
    Text,
    and_,
    bindparam,
    column,
    func,
    literal,
    or_,
    select,
    table,
    text,
)

from ldt.model.feature import api_id
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import indexes, visible
from ldt.store import tables as t
from ldt.store.connect import execute, numbered
from ldt.store.crs import CRS84, Crs
from ldt.store.items import Items, Part, Property
from ldt.store.properties import kind_of, typed
from ldt.store.statements import Statement
from ldt.store.views import collection_schema

_INSTANT: Mapping[str, Any] = {"type": "string", "format": "date-time"}
_FROM = {**_INSTANT, "title": "Begin of the life span", "x-ogc-role": "primary-interval-start"}
_TO = {**_INSTANT, "title": "End of the life span", "x-ogc-role": "primary-interval-end"}
_GEOMETRY = {"format": "geometry-any", "title": "Geometry", "x-ogc-role": "primary-geometry"}


def _column(name: str) -> ColumnElement[Any]:
    """Return a column of a partition, without the partition: each part of a collection has its own, and one expression serves all."""
    return column(name, t.feature.c[name].type)


def items(snapshot: Snapshot, collection: str) -> Items | None:
    """Return what the features of a collection are read from; None if the snapshot sees no such collection.

    Args:
        snapshot: the state to read.
        collection: id of the collection: a feature type.
    """
    datasets = snapshot.of_type(collection)
    if not datasets:
        return None
    schema = collection_schema(collection, [d.properties for d in datasets])
    return Items(
        collection=collection,
        parts=[_part(snapshot, d) for d in sorted(datasets, key=lambda d: d.dataset_id)],
        properties=_properties(schema["properties"], _indexed(schema, datasets)),
        further={n: s for n, s in schema["properties"].items() if kind_of(s) is None},
    )


def _part(snapshot: Snapshot, dataset: DatasetVersion) -> Part:
    # The partition itself: a plan that is kept need not find it anew each time.
    rows = table(
        f"feature_{dataset.dataset_id}", *(column(c.name, c.type) for c in t.feature.c), schema="ldt"
    )
    return Part(
        order=dataset.dataset_id,
        table=rows,
        where=visible.rows(rows, snapshot.twin_id, dataset),
        key=_column("fid"),
        identifier=func.concat(literal(f"{dataset.name}."), _column("fid")),
        geometry=_column("geom"),
        attributes=_column("properties"),
        start=_column("valid_from"),
        end=_column("valid_to"),
        rows=dataset.rows,
        prefix=f"{dataset.name}.",
    )


def _indexed(schema: Mapping[str, Any], datasets: Sequence[DatasetVersion]) -> frozenset[str]:
    """Return the properties that have an index in all data sets; past versions have none."""
    each = (frozenset(indexes.named(schema, d.indexed) if d.current else ()) for d in datasets)
    return frozenset.intersection(*each)


def _properties(schemas: Mapping[str, Mapping[str, Any]], indexed: frozenset[str]) -> dict[str, Property]:
    found = {}
    for name, schema in schemas.items():
        if (kind := kind_of(schema)) and name != "geometry":
            column_ = typed(kind, _column("properties"), name)
            found[name] = Property(name, kind, column_, schema, name in indexed)
    fixed = (
        Property("valid_from", "timestamp", _column("valid_from"), _FROM),
        Property("valid_to", "timestamp", _column("valid_to"), _TO),
    )
    found |= {p.name: p for p in fixed if p.name not in schemas}
    return {**found, "geometry": Property("geometry", "geometry", _column("geom"), _GEOMETRY)}


def one(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: DatasetVersion,
    fid: str,
    crs: Crs = CRS84,
) -> dict[str, Any] | None:
    """Return one feature with all that is known of it (identifiers, life span, source and row), or None."""
    row = execute(conn, _one(snapshot, dataset, crs), fid=fid)
    names = [c.name for c in row.description or ()]
    found = row.fetchone()
    return {"id": api_id(dataset.name, fid), **dict(zip(names, found, strict=True))} if found else None


def one_statement(
    snapshot: Snapshot, dataset: DatasetVersion, crs: Crs, state: ColumnElement[Any]
) -> Statement:
    """Return the statement of :func:`one`, with the state that it reads as its last column; `fid` is to be given."""
    text, names, bound = numbered(_one(snapshot, dataset, crs).add_columns(state.label("state")))
    return Statement(text.encode(), names, bound)


def _one(snapshot: Snapshot, dataset: DatasetVersion, crs: Crs) -> Select[Any]:
    part, s = _part(snapshot, dataset), t.source_object.c
    written = crs.written(_column("geom"))
    names = ("properties", "raw", "namespace", "local_id", "version_id", "valid_from", "valid_to")
    return (
        select(
            func.ST_AsGeoJSON(written, crs.digits, 0).label("geometry"),
            *(_column(n) for n in (*names, "source_id", "source_row")),
            s.digest.label("source_digest"),
            s.name.label("source_name"),
        )
        .select_from(part.table.join(t.source_object, s.id == _column("source_id")))
        .where(part.where, part.key == bindparam("fid", type_=Text))
    )


def extent(
    conn: psycopg.Connection[Any], snapshot: Snapshot, datasets: Sequence[DatasetVersion]
) -> tuple[tuple[float, float, float, float] | None, tuple[datetime | None, datetime | None]]:
    """Return (bbox in degrees or None, (first, last) instant) of some data sets, from what their versions recorded."""
    v = t.version.c
    if not datasets:
        return None, (None, None)
    box = text("ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)")
    inner = (
        select(
            func.ST_Extent(v.extent).label("b"),
            func.min(v.time_first).label("f"),
            func.max(v.time_last).label("l"),
        )
        .where(or_(*(and_(v.dataset_id == d.dataset_id, v.version == d.version) for d in datasets)))
        .subquery("e")
    )
    row = execute(conn, select(box, inner.c.f, inner.c.l).select_from(inner)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always returns a row
    bbox = None if row[0] is None else (float(row[0]), float(row[1]), float(row[2]), float(row[3]))
    return bbox, (row[4], row[5])
