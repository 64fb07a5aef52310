"""Observations out: the latest value of every station, datastreams, series. Every function takes a Snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import Select, and_, func, or_, select

from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import compiled, translated

#: The feature type whose features say where a thing is and what it is called.
FACILITIES = "environmental-monitoring-facilities"


def _rows(conn: psycopg.Connection[Any], statement: Select[Any]) -> list[dict[str, Any]]:
    text, bound = compiled(statement)
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text, bound).fetchall()


def _with_states(snapshot: Snapshot, datasets: Sequence[DatasetVersion]) -> Select[Any]:
    d, s, thing = t.datastream.c, t.datastream_state.c, t.thing.c
    return (
        select(
            d.id.label("datastream"),
            d.code,
            thing.code.label("thing"),
            t.dataset.c.name.label("dataset"),
            d.observed_property,
            d.unit,
            d.averaging,
            d.zone,
            d.properties,
            s.count,
            s.time_first,
            s.time_last,
            s.last_end,
            s.last_value,
            s.last_validity,
            s.last_verification,
        )
        .join_from(
            t.datastream_state, t.datastream, and_(d.id == s.datastream_id, d.dataset_id == s.dataset_id)
        )
        .join(t.thing, thing.id == d.thing_id)
        .join(t.dataset, t.dataset.c.id == d.dataset_id)
        .where(visible.datastream_states(snapshot, datasets))
    )


def latest(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    *,
    observed_property: str | None = None,
    bboxes: Sequence[tuple[float, float, float, float]] = (),
    limit: int = 1000,
    after: int | None = None,
) -> list[dict[str, Any]]:
    """Return the latest valid value of every datastream, in order of its id.

    It is read from the state that each load wrote, not searched for among the observations.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        observed_property: only this one (`NO2`).
        bboxes: only things whose facility lies in one of these (west, south, east, north) in degrees.
        limit: how many at most.
        after: id of the datastream that the last page ended with.

    Returns:
        dicts with `datastream`, `thing`, `name` and `geometry` (GeoJSON text) of its facility or None, `observed_property`,
        `time`, `time_end`, `value`, `unit` (UCUM), `averaging`, `validity`, `verification`, `dataset`.
    """
    s = _with_states(snapshot, snapshot.of_shape("observation")).subquery("s")
    f = t.feature.c
    facility = (
        select(f.properties["name"].astext.label("name"), f.geom)
        .where(
            visible.features(snapshot, snapshot.of_type(FACILITIES)),
            f.properties["code"].astext == s.c.thing,
        )
        .limit(1)
        .lateral("facility")
    )
    statement = (
        select(
            s.c.datastream,
            s.c.thing,
            facility.c.name,
            func.ST_AsGeoJSON(facility.c.geom, 7, 0).label("geometry"),
            s.c.observed_property,
            s.c.time_last.label("time"),
            s.c.last_end.label("time_end"),
            s.c.last_value.label("value"),
            s.c.unit,
            s.c.averaging,
            s.c.last_validity.label("validity"),
            s.c.last_verification.label("verification"),
            s.c.dataset,
        )
        .select_from(s.outerjoin(facility, s.c.thing.is_not(None)))
        .order_by(s.c.datastream)
        .limit(limit)
    )
    if observed_property is not None:
        statement = statement.where(s.c.observed_property == observed_property)
    if bboxes:
        statement = statement.where(
            or_(*(func.ST_Intersects(facility.c.geom, func.ST_MakeEnvelope(*box, 4326)) for box in bboxes))
        )
    if after is not None:
        statement = statement.where(s.c.datastream > after)
    return _rows(conn, statement)


def datastreams(
    conn: psycopg.Connection[Any], snapshot: Snapshot, *, limit: int = 1000, after: int | None = None
) -> list[dict[str, Any]]:
    """Return the datastreams that a snapshot sees, with their state, in order of their id."""
    statement = (
        _with_states(snapshot, snapshot.of_shape("observation")).order_by(t.datastream.c.id).limit(limit)
    )
    if after is not None:
        statement = statement.where(t.datastream.c.id > after)
    return _rows(conn, statement)


def datastream(conn: psycopg.Connection[Any], snapshot: Snapshot, identifier: int) -> dict[str, Any] | None:
    """Return one datastream with its state, or None if the snapshot does not see it."""
    statement = _with_states(snapshot, snapshot.of_shape("observation")).where(
        t.datastream.c.id == identifier
    )
    return next(iter(_rows(conn, statement)), None)


def series(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    datastream_id: int,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    limit: int = 10_000,
    after: datetime | None = None,
) -> list[dict[str, Any]]:
    """Return observations of one datastream in order of time.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        datastream_id: which series; nothing is returned for one that the snapshot does not see.
        start: beginnings from here on; None is open.
        end: beginnings before this instant; None is open.
        limit: how many at most.
        after: beginning of the observation that the last page ended with.

    Returns:
        dicts with `time`, `time_end`, `value`, `validity`, `verification`, `version`, `source_id`, `source_row`.
    """
    o = visible.observations(snapshot, snapshot.of_shape("observation")).c
    statement = (
        select(o.time, o.time_end, o.value, o.validity, o.verification, o.version, o.source_id, o.source_row)
        .where(o.datastream_id == datastream_id)
        .order_by(o.time)
        .limit(limit)
    )
    if start is not None:
        statement = statement.where(o.time >= start)
    if end is not None:
        statement = statement.where(o.time < end)
    if after is not None:
        statement = statement.where(o.time > after)
    return _rows(conn, statement)
