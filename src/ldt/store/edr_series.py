"""Stations and their series, as OGC API EDR asks for them: where they are, what they measure, and many values at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import numpy as np
import psycopg
from geoalchemy2 import Geography
from numpy.typing import NDArray
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    null,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, distinct_on

from ldt.errors import TooLarge
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import compiled, fetch_all
from ldt.store.items import Items, Part, Property
from ldt.store.observations import FACILITIES
from ldt.timerange import parse_duration

#: PostgreSQL counts microseconds from here.
_EPOCH = np.datetime64("2000-01-01T00:00:00", "us")
#: Smallest code of `observation-validity` that says that a value may be used.
VALID = 1
_FIRST = datetime(1, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Measured:
    """What the series of a data set measure: one parameter of EDR.

    Attributes:
        observed_property: code of the vocabulary `observed-properties`.
        averaging: ISO 8601 duration that a value stands for, `PT0S` for an instant, or `var`.
        unit: UCUM code.
    """

    observed_property: str
    averaging: str
    unit: str

    @property
    def text(self) -> str:
        """Return it as one text, by which stations are found that measure it."""
        return f"{self.observed_property} {self.averaging} {self.unit}"


@dataclass(frozen=True, slots=True)
class Series:
    """The values of one datastream, in order of time.

    Attributes:
        thing: code of the station.
        measured: what.
        starts, ends: microseconds in UTC (`datetime64[us]`); a value stands for `[start, end)`, for an instant where both are equal.
        values: in the unit.
    """

    thing: str
    measured: Measured
    starts: NDArray[np.datetime64]
    ends: NDArray[np.datetime64]
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Station:
    """A thing that observes; `x` and `y` are degrees (CRS84), None where nothing says where it is."""

    thing: str
    identifier: str
    name: str | None
    x: float | None
    y: float | None


def measured(conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion) -> list[Measured]:
    """Return what a data set measures, by code of the property, averaging and unit."""
    return [Measured(**row) for row in fetch_all(conn, *_measured(snapshot.twin_id, dataset))]


# Statements are compiled once for each shape: that takes longer than running them.


@lru_cache(maxsize=256)
def _measured(twin_id: int, dataset: DatasetVersion) -> tuple[str, dict[str, Any]]:
    d = t.datastream.c
    what = (d.observed_property, d.averaging, d.unit)
    return compiled(_seen(twin_id, dataset).with_only_columns(*what).distinct().order_by(*what))


def _seen(twin_id: int, dataset: DatasetVersion) -> Select[Any]:
    d, s = t.datastream.c, t.datastream_state.c
    return (
        select(d.id)
        .join_from(t.datastream, t.datastream_state, s.datastream_id == d.id)
        .where(visible.rows(t.datastream_state, twin_id, dataset))
    )


def _identifier(code: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the expression of a station's API id: what `model.feature.encode_fid` makes of its code."""
    one = func.regexp_split_to_table(code, "").column_valued("one")
    escaped = func.regexp_replace(
        func.upper(func.encode(func.convert_to(one, "UTF8"), "hex")), "(..)", r"~\1", "g"
    )
    rest = select(
        func.string_agg(case((one.op("~")("^[A-Za-z0-9._-]$"), one), else_=escaped), "")
    ).scalar_subquery()
    return case((code.op("~")("^[A-Za-z0-9._-]+$"), code), else_=rest)


def _stations(snapshot: Snapshot, dataset: DatasetVersion) -> Any:
    """Return the stations of a data set as a subquery: `code`, `identifier`, `name`, `geom`, `parameters`, `measured`, `time_first`, `time_last`."""
    return _placed(snapshot.twin_id, dataset, tuple(snapshot.of_type(FACILITIES)))


@lru_cache(maxsize=256)
def _placed(twin_id: int, dataset: DatasetVersion, facilities: tuple[DatasetVersion, ...]) -> Any:
    d, s, f = t.datastream.c, t.datastream_state.c, t.feature.c
    things = (
        _seen(twin_id, dataset)
        .with_only_columns(
            d.thing.label("code"),
            func.jsonb_agg(d.observed_property.distinct(), type_=JSONB).label("parameters"),
            # What `Measured.text` is.
            func.jsonb_agg(
                func.concat_ws(" ", d.observed_property, d.averaging, d.unit).distinct(), type_=JSONB
            ).label("measured"),
            func.min(s.time_first).label("time_first"),
            func.max(s.last_end).label("time_last"),
        )
        .group_by(d.thing)
        .subquery("things")
    )
    columns = [things.c.code, _identifier(things.c.code).label("identifier")]
    rest = [things.c.parameters, things.c.measured, things.c.time_first, things.c.time_last]
    if not facilities:
        nowhere = func.ST_GeomFromText(cast(null(), Text)).label("geom")
        return select(*columns, null().cast(Text).label("name"), nowhere, *rest).subquery("station")
    # One place for each station, of the first data set that has it.
    code = f.properties["code"].astext
    place = (
        select(
            code.label("code"),
            f.properties["name"].astext.label("name"),
            func.ST_PointOnSurface(f.geom).label("geom"),
        )
        .ext(distinct_on(code))
        .where(or_(*(visible.rows(t.feature, twin_id, f) for f in facilities)))
        .order_by(code, f.dataset_id)
        .subquery("place")
    )
    return (
        select(*columns, place.c.name, place.c.geom, *rest)
        .join_from(things, place, place.c.code == things.c.code, isouter=True)
        .subquery("station")
    )


def items(snapshot: Snapshot, dataset: DatasetVersion, collection: str) -> Items:
    """Return what the stations of a data set are read from as items."""
    s = _stations(snapshot, dataset).c
    attributes = func.jsonb_build_object(
        "code", s.code, "name", s.name, "parameters", s.parameters,
        "time_first", s.time_first, "time_last", s.time_last, type_=JSONB,
    )  # fmt: skip
    part = Part(
        order=dataset.dataset_id,
        table=s.code.table,
        where=true(),  # the subquery sees what the snapshot does, and no more
        key=s.code,
        identifier=s.identifier,
        geometry=s.geom,
        attributes=attributes,
        start=s.time_first,
        end=s.time_last,
    )
    string, instant = {"type": "string"}, {"type": "string", "format": "date-time"}
    found = [
        Property("code", "string", s.code, {**string, "title": "Code of the station"}),
        Property("name", "string", s.name, {**string, "title": "Name"}),
        Property(
            "parameters",
            "array",
            s.parameters,
            {"type": "array", "items": string, "title": "Codes of what it measures"},
        ),
        Property("time_first", "timestamp", s.time_first, {**instant, "title": "First observation"}),
        Property("time_last", "timestamp", s.time_last, {**instant, "title": "End of the last observation"}),
        Property("geometry", "geometry", s.geom, {"title": "Where it is"}),
    ]
    return Items(collection, (part,), {p.name: p for p in found})


def extent(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion
) -> tuple[tuple[float, float, float, float] | None, tuple[datetime | None, datetime | None]]:
    """Return where the stations of a data set are (west, south, east, north in degrees) and of what time their series."""
    s = _stations(snapshot, dataset).c
    box = func.ST_Extent(s.geom)
    sides = [f(box).label(n) for n, f in (("w", func.ST_XMin), ("s", func.ST_YMin), ("e", func.ST_XMax), ("n", func.ST_YMax))]  # fmt: skip
    (row,) = fetch_all(
        conn,
        select(*sides, func.min(s.time_first).label("first"), func.max(s.time_last).label("last")),
    )
    bbox = None if row["w"] is None else (row["w"], row["s"], row["e"], row["n"])
    return bbox, (row["first"], row["last"])


def by_code(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion, thing: str
) -> list[Station]:
    """Return the station of a code; none if the snapshot sees no series of it."""
    text, bound = _by_code(snapshot.twin_id, dataset, tuple(snapshot.of_type(FACILITIES)))
    return [_station(row) for row in fetch_all(conn, text, {**bound, "thing": thing})]


@lru_cache(maxsize=256)
def _by_code(
    twin_id: int, dataset: DatasetVersion, facilities: tuple[DatasetVersion, ...]
) -> tuple[str, dict[str, Any]]:
    s = _placed(twin_id, dataset, facilities).c
    return compiled(_shown(s).where(s.code == bindparam("thing", type_=Text)))


def listed(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: DatasetVersion,
    *,
    areas: Sequence[bytes] = (),
    wanted: Sequence[Measured] | None = None,
    period: tuple[datetime | None, datetime | None] = (None, None),
    after: str | None = None,
    limit: int,
) -> list[tuple[Station, list[str], datetime, datetime]]:
    """Return stations by code, with what each measures (as `Measured.text`), its first observation and the end of its last.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: whose stations.
        areas: only those in one of these polygons (WKB in EPSG:4326, x = longitude).
        wanted: only those that measure one of these.
        period: only those with observations about that time, both bounds included; None is open.
        after: the code that the last page ended with.
        limit: how many at most.
    """
    s = _stations(snapshot, dataset).c
    statement = _shown(s).add_columns(s.measured, s.time_first, s.time_last).order_by(s.code).limit(limit)
    if areas:
        shapes = [func.ST_GeomFromWKB(a, 4326) for a in areas]
        statement = statement.where(or_(*(func.ST_Intersects(s.geom, shape) for shape in shapes)))
    if wanted is not None:
        statement = statement.where(_measures(s, wanted))
    start, end = period
    if start is not None:
        statement = statement.where(s.time_last > start)
    if end is not None:
        statement = statement.where(s.time_first <= end)
    if after is not None:
        statement = statement.where(s.code > after)
    return [
        (_station(row), row["measured"], row["time_first"], row["time_last"])
        for row in fetch_all(conn, statement)
    ]


def within(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion, area: bytes, limit: int
) -> list[Station]:
    """Return the stations in an area, by code.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: whose stations.
        area: WKB of a polygon in EPSG:4326, x = longitude; its border belongs to it.
        limit: how many at most.
    """
    s = _stations(snapshot, dataset).c
    inside = func.ST_Intersects(s.geom, func.ST_GeomFromWKB(area, 4326))
    return [_station(row) for row in fetch_all(conn, _shown(s).where(inside).order_by(s.code).limit(limit))]


def around(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: DatasetVersion,
    place: bytes,
    metres: float | None,
    wanted: Sequence[Measured],
    limit: int,
) -> list[Station]:
    """Return the stations around a place, the nearest first. Distances are geodesic.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: whose stations.
        place: WKB of a point or a line in EPSG:4326, x = longitude.
        metres: only those at most so far away; None is any distance.
        wanted: only those that measure one of these.
        limit: how many at most.
    """
    s = _stations(snapshot, dataset).c
    here = cast(func.ST_GeomFromWKB(place, 4326), Geography)
    there = cast(s.geom, Geography)
    statement = _shown(s).where(s.geom.is_not(None), _measures(s, wanted))
    statement = statement.order_by(func.ST_Distance(there, here), s.code)
    if metres is not None:
        statement = statement.where(func.ST_DWithin(there, here, metres))
    return [_station(row) for row in fetch_all(conn, statement.limit(limit))]


def _measures(s: Any, wanted: Sequence[Measured]) -> ColumnElement[bool]:
    found: ColumnElement[bool] = s.measured.has_any(cast([m.text for m in wanted], ARRAY(Text)))
    return found


def _shown(s: Any) -> Select[Any]:
    return select(s.code, s.identifier, s.name, func.ST_X(s.geom).label("x"), func.ST_Y(s.geom).label("y"))


def _station(row: dict[str, Any]) -> Station:
    return Station(row["code"], row["identifier"], row["name"], row["x"], row["y"])


def series(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: DatasetVersion,
    things: Sequence[str],
    wanted: Sequence[Measured],
    period: tuple[datetime | None, datetime | None],
    limit: int,
) -> list[Series]:
    """Return the valid values of some stations, by station, what is measured, and datastream.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: whose series.
        things: codes of stations.
        wanted: what they measure.
        period: only values whose `[time, time_end)` has something in common with it, both bounds included; None is open.
        limit: how many values at most.

    Raises:
        TooLarge: there are more.
    """
    text, bound = _streams(snapshot.twin_id, dataset)
    streams = [
        (row["id"], row["thing"], Measured(row["observed_property"], row["averaging"], row["unit"]))
        for row in fetch_all(conn, text, {**bound, "things": list(things)})
    ]
    about = {identifier: (thing, what) for identifier, thing, what in streams if what in wanted}
    if not about:
        return []
    start, end = period
    longest = _longest(wanted)
    text, bound = _packed(
        snapshot.twin_id,
        dataset,
        start is not None,
        start is not None and longest is not None,
        end is not None,
    )
    asked = {
        "ids": list(about),
        "start": start,
        "end": end,
        # So far back in the calendar, nothing was measured.
        "earliest": None if start is None or longest is None else max(start, _FIRST + longest) - longest,
        # One more than allowed, so that too many are noticed and not read.
        "most": limit + 1,
    }
    rows = {row["id"]: row for row in fetch_all(conn, text, {**bound, **asked})}
    if sum(row["count"] for row in rows.values()) > limit:
        raise TooLarge(
            f"more than {limit:,} values are asked for at once",
            remedy="ask for fewer stations or parameters, or a shorter datetime",
        )
    found = []
    for identifier, (thing, what) in about.items():
        if identifier in rows:
            found.append(_unpacked(thing, what, rows[identifier]))
    return found


def _longest(wanted: Sequence[Measured]) -> timedelta | None:
    """Return how long a value can last at most; None where that is not known."""
    if any(m.averaging == "var" for m in wanted):
        return None
    spans = [parse_duration(m.averaging) for m in wanted]
    return max(timedelta(days=31 * s.months + s.days + 1, microseconds=s.microseconds) for s in spans)


@lru_cache(maxsize=256)
def _streams(twin_id: int, dataset: DatasetVersion) -> tuple[str, dict[str, Any]]:
    d = t.datastream.c
    things = d.thing == func.any(bindparam("things", type_=ARRAY(Text)))
    statement = _seen(twin_id, dataset).with_only_columns(
        d.id, d.thing, d.observed_property, d.averaging, d.unit
    )
    return compiled(statement.where(things).order_by(d.thing, d.observed_property, d.averaging, d.unit, d.id))


@lru_cache(maxsize=256)
def _packed(
    twin_id: int, dataset: DatasetVersion, begins: bool, bounded: bool, ends: bool
) -> tuple[str, dict[str, Any]]:
    """Return the statement of the values of some datastreams, a row for each: the columns as PostgreSQL's own bytes.

    Numbers that become Python objects one by one take ten times as long, and as much memory.
    """
    o = visible.observations_of(twin_id, [dataset]).c
    instant = DateTime(timezone=True)
    some = select(o.datastream_id, o.time, o.time_end, o.value).where(
        o.datastream_id == func.any(bindparam("ids", type_=ARRAY(Integer))), o.validity >= VALID
    )
    if begins:
        start = bindparam("start", type_=instant)
        some = some.where(or_(o.time_end > start, and_(o.time == o.time_end, o.time >= start)))
    if bounded:
        # Says nothing new, but the key is by `time`: without it everything before would be read.
        some = some.where(o.time >= bindparam("earliest", type_=instant))
    if ends:
        some = some.where(o.time <= bindparam("end", type_=instant))
    s = some.limit(bindparam("most", type_=Integer)).subquery("some").c
    none = literal(b"", BYTEA)

    def joined(sent: ColumnElement[Any], name: str) -> ColumnElement[Any]:
        return func.string_agg(sent, none).label(name)

    return compiled(
        select(
            s.datastream_id.label("id"),
            func.count().label("count"),
            joined(func.timestamptz_send(s.time), "starts"),
            joined(func.timestamptz_send(s.time_end), "ends"),
            joined(func.float8send(s.value), "values"),
        ).group_by(s.datastream_id)
    )


def _unpacked(thing: str, what: Measured, row: dict[str, Any]) -> Series:
    starts, ends = (
        _EPOCH + np.frombuffer(row[n], ">i8").astype("timedelta64[us]") for n in ("starts", "ends")
    )
    order = np.argsort(starts, kind="stable")
    values = np.frombuffer(row["values"], ">f8").astype(np.float64)
    return Series(thing, what, starts[order], ends[order], values[order])
