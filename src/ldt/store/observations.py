"""Observations out: the latest value of every station, datastreams, series. Every function takes a Snapshot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    Double,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    false,
    func,
    null,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import distinct_on

from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import compiled, fetch_all, translated

#: The feature type whose features say where a thing is and what it is called.
FACILITIES = "environmental-monitoring-facilities"


def _with_states(snapshot: Snapshot, datasets: Sequence[DatasetVersion]) -> Select[Any]:
    d, s = t.datastream.c, t.datastream_state.c
    return (
        select(
            d.id.label("datastream"),
            d.code,
            d.thing,
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
    statement, bound = _latest(
        snapshot.twin_id,
        tuple(snapshot.of_shape("observation")),
        tuple(snapshot.of_type(FACILITIES)),
        observed_property is not None,
        len(bboxes),
        after is not None,
    )
    boxes = {f"{side}{i}": x for i, box in enumerate(bboxes) for side, x in zip("wsen", box, strict=True)}
    names = {d.dataset_id: d.name for d in snapshot.datasets.values()}
    with translated(), conn.cursor(binary=True) as cursor:
        rows = cursor.execute(
            statement, {**bound, **boxes, "property": observed_property, "after": after, "limit": limit}
        ).fetchall()
    # Written out: for some hundred rows a dict display takes half the time of anything more general.
    return [
        {
            "datastream": datastream,
            "thing": thing,
            "name": name,
            "geometry": geometry,
            "observed_property": of,
            "time": time,
            "time_end": time_end,
            "value": value,
            "unit": unit,
            "averaging": averaging,
            "validity": validity,
            "verification": verification,
            "dataset": names[dataset],
        }
        for datastream, thing, name, geometry, of, time, time_end, value, unit, averaging, validity, verification, dataset in rows
    ]


@lru_cache(maxsize=256)
def _latest(
    twin_id: int,
    datasets: tuple[DatasetVersion, ...],
    facilities: tuple[DatasetVersion, ...],
    of_property: bool,
    boxes: int,
    paged: bool,
) -> tuple[str, dict[str, Any]]:
    """Return the statement of :func:`latest`, compiled once for each shape: building it takes longer than running it."""
    d, s, f = t.datastream.c, t.datastream_state.c, t.feature.c
    mine = or_(false(), *(visible.rows(t.datastream_state, twin_id, x) for x in datasets))
    # One facility for each thing, of the first data set that has it.
    code = f.properties["code"].astext
    facility = (
        select(code.label("code"), f.properties["name"].astext.label("name"), f.geom)
        .ext(distinct_on(code))
        .where(or_(false(), *(visible.rows(t.feature, twin_id, x) for x in facilities)))
        .order_by(code, f.dataset_id)
        .subquery("facility")
    )
    joined = t.datastream_state.join(t.datastream, d.id == s.datastream_id)
    place: list[ColumnElement[Any]] = [null().cast(Text).label("name"), null().cast(Text).label("geometry")]
    if facilities:
        joined = joined.outerjoin(facility, facility.c.code == d.thing)
        place = [facility.c.name, func.ST_AsGeoJSON(facility.c.geom, 7, 0).label("geometry")]
    statement = (
        select(
            d.id.label("datastream"),
            d.thing,
            *place,
            d.observed_property,
            s.time_last,
            s.last_end,
            s.last_value,
            d.unit,
            d.averaging,
            s.last_validity,
            s.last_verification,
            s.dataset_id,
        )
        .select_from(joined)
        .where(mine)
        .order_by(d.id)
        .limit(bindparam("limit", type_=Integer))
    )
    if of_property:
        statement = statement.where(d.observed_property == bindparam("property", type_=Text))
    if boxes:
        if not facilities:
            statement = statement.where(false())
        else:
            envelopes = [
                func.ST_MakeEnvelope(*(bindparam(f"{side}{i}", type_=Double) for side in "wsen"), 4326)
                for i in range(boxes)
            ]
            statement = statement.where(or_(*(func.ST_Intersects(facility.c.geom, e) for e in envelopes)))
    if paged:
        statement = statement.where(d.id > bindparam("after", type_=Integer))
    return compiled(statement)


def datastreams(
    conn: psycopg.Connection[Any], snapshot: Snapshot, *, limit: int = 1000, after: int | None = None
) -> list[dict[str, Any]]:
    """Return the datastreams that a snapshot sees, with their state, in order of their id."""
    statement = (
        _with_states(snapshot, snapshot.of_shape("observation")).order_by(t.datastream.c.id).limit(limit)
    )
    if after is not None:
        statement = statement.where(t.datastream.c.id > after)
    return fetch_all(conn, statement)


def datastream(conn: psycopg.Connection[Any], snapshot: Snapshot, identifier: int) -> dict[str, Any] | None:
    """Return one datastream with its state, or None if the snapshot does not see it."""
    statement = _with_states(snapshot, snapshot.of_shape("observation")).where(
        t.datastream.c.id == identifier
    )
    return next(iter(fetch_all(conn, statement)), None)


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
    return fetch_all(conn, statement)
