"""Whole collections and series out, for exports: batches from server-side cursors, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import ColumnElement, Select, and_, func, literal, or_, select

from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import compiled, fetch_all, translated

#: So many rows are in memory at once.
BATCH = 5000


@dataclass(slots=True)
class Contents:
    """What the features of some data sets hold.

    Attributes:
        geometry_types: dimension → PostGIS's names of the types of geometry (`POLYGON`), for each dimension that there is.
        bbox: west, south, east, north in degrees; None without any geometry.
        without_geometry: how many have none.
        keys: property → JSON types of its values, in order of name.
        rows: how many there are.
    """

    geometry_types: dict[int, list[str]] = field(default_factory=dict)
    bbox: list[float] | None = None
    without_geometry: int = 0
    keys: dict[str, list[str]] = field(default_factory=dict)
    rows: int = 0


class Row(NamedTuple):
    """A feature: `geometry` is WKB in EPSG:4326, x = longitude."""

    fid: str
    namespace: str
    local_id: str
    version_id: str | None
    valid_from: Any
    valid_to: Any
    properties: dict[str, Any]
    geometry: bytes | None


def contents(
    conn: psycopg.Connection[Any], snapshot: Snapshot, datasets: Sequence[DatasetVersion]
) -> Contents:
    """Return what the features of some data sets of a snapshot hold; one look at all of them."""
    f = t.feature.c
    mine = visible.features(snapshot, datasets)
    kind = func.GeometryType(f.geom)
    box = func.ST_Extent(f.geom)
    sides = [func.ST_XMin(box), func.ST_YMin(box), func.ST_XMax(box), func.ST_YMax(box)]
    found = Contents()
    statement = select(
        func.max(func.ST_Dimension(f.geom)).label("dimension"),
        kind.label("kind"),
        func.count().label("rows"),
        *(side.label(name) for side, name in zip(sides, "wsen", strict=True)),
    ).where(mine)
    for row in fetch_all(conn, statement.group_by(func.ST_Dimension(f.geom), kind).order_by(kind)):
        found.rows += row["rows"]
        if row["kind"] is None:
            found.without_geometry = row["rows"]
            continue
        found.geometry_types.setdefault(row["dimension"], []).append(row["kind"])
        west, south, east, north = (row[side] for side in "wsen")
        if west is not None:  # an empty geometry has no place
            b = found.bbox or [west, south, east, north]
            found.bbox = [min(b[0], west), min(b[1], south), max(b[2], east), max(b[3], north)]
    pair = func.jsonb_each(f.properties).table_valued("key", "value", name="pair")
    keys = (
        select(pair.c.key, func.array_agg(func.jsonb_typeof(pair.c.value).distinct()).label("kinds"))
        .select_from(t.feature.join(pair, literal(True)))
        .where(mine)
        .group_by(pair.c.key)
        .order_by(pair.c.key)
    )
    found.keys = {r["key"]: [k for k in r["kinds"] if k != "null"] for r in fetch_all(conn, keys)}
    return found


def features(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: DatasetVersion,
    *,
    dimension: int | None = None,
    nulls: bool = True,
    multi: bool = False,
) -> Iterator[list[Row]]:
    """Yield the features of a data set in batches, in order of their ids.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: one of its data sets.
        dimension: only geometries of this dimension (0 points, 1 lines, 2 areas); all if None.
        nulls: whether those without a geometry are among them.
        multi: give each geometry as its multi-geometry.
    """
    f = t.feature.c
    geometry = func.ST_Multi(f.geom) if multi else f.geom
    statement = (
        select(
            f.fid,
            f.namespace,
            f.local_id,
            f.version_id,
            f.valid_from,
            f.valid_to,
            f.properties,
            func.ST_AsBinary(geometry),
        )
        .where(visible.rows(t.feature, snapshot.twin_id, dataset), _of_dimension(dimension, nulls))
        .order_by(f.fid)
    )
    for rows in _batches(conn, statement):
        yield [Row(*row) for row in rows]


def _of_dimension(dimension: int | None, nulls: bool) -> ColumnElement[bool]:
    geom = t.feature.c.geom
    wanted: ColumnElement[bool] = geom.is_not(None)
    if dimension is not None:
        wanted = func.ST_Dimension(geom) == dimension
    return or_(wanted, geom.is_(None)) if nulls else wanted


#: Columns of :func:`observations`.
OBSERVATION_COLUMNS = (
    *("datastream", "thing", "observed_property", "time", "time_end", "value", "unit", "averaging"),
    *("validity", "verification"),
)


def observations(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield the observations of a data set in batches, in order of datastream and time.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: one of its data sets.

    Yields:
        Tuples of `OBSERVATION_COLUMNS`; `datastream` is its code, `unit` UCUM.
    """
    o, d = visible.observations(snapshot, [dataset]), t.datastream.c
    statement = (
        select(
            d.code,
            d.thing,
            d.observed_property,
            o.c.time,
            o.c.time_end,
            o.c.value,
            d.unit,
            d.averaging,
            o.c.validity,
            o.c.verification,
        )
        .join_from(o, t.datastream, and_(d.id == o.c.datastream_id, d.dataset_id == o.c.dataset_id))
        .order_by(o.c.datastream_id, o.c.time)
    )
    yield from _batches(conn, statement)


def _batches(conn: psycopg.Connection[Any], statement: Select[Any]) -> Iterator[list[tuple[Any, ...]]]:
    text, bound = compiled(statement)
    with translated(), conn.cursor(name="bulk", binary=True) as cursor:
        cursor.execute(text, bound)
        while rows := cursor.fetchmany(BATCH):
            yield rows
