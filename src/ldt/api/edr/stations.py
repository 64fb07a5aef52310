"""Queries of the series of stations."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from ldt.api.context import Reading
from ldt.api.edr.gridded import carrier, code_of
from ldt.api.edr.piece import Found, Parameter, Piece
from ldt.api.edr.request import MAX_PLACES, MAX_VALUES, Asked
from ldt.errors import TooLarge
from ldt.model.snapshot import DatasetVersion
from ldt.store import edr_series
from ldt.store.crs import Crs
from ldt.store.edr_series import Measured, Series, Station
from ldt.timerange import Interval

#: Metres from the nearest station at which a position still has its values, where it lies outside of the collection's extent;
#: and from a line at which stations lie along it.
NEAR = 10_000.0


def at(
    seen: Reading, dataset: DatasetVersion, wanted: Sequence[Measured], points: shapely.Geometry, crs: Crs
) -> list[Station]:
    """Return the station nearest to each point of those that measure what is wanted.

    There is none for a point that lies outside of the extent of the collection and far from all of them.
    """
    bbox, _ = edr_series.extent(seen.conn, seen.snapshot, dataset)
    found: dict[str, Station] = {}
    extent = None if bbox is None else shapely.box(*bbox)
    for point in shapely.get_parts(degrees(points, crs)):
        reach = None if extent is not None and extent.intersects(point) else NEAR
        here = shapely.to_wkb(point)
        for station in edr_series.around(seen.conn, seen.snapshot, dataset, here, reach, wanted, 1):
            found.setdefault(station.thing, station)
    return list(found.values())


def around(
    seen: Reading,
    dataset: DatasetVersion,
    wanted: Sequence[Measured],
    places: shapely.Geometry,
    metres: float,
    crs: Crs,
) -> list[Station]:
    """Return the stations that measure what is wanted within a geodesic distance of some points or lines."""
    found: dict[str, Station] = {}
    for part in shapely.get_parts(degrees(places, crs)):
        here = shapely.to_wkb(part)
        near = edr_series.around(seen.conn, seen.snapshot, dataset, here, metres, wanted, MAX_PLACES + 1)
        found |= {station.thing: station for station in near}
    return _few(list(found.values()))


def while_passing(asked: Asked, legs: Sequence[NDArray[np.float64]]) -> Asked | None:
    """Return what is asked for, its time cut to that of the lines where they have one; None if nothing is left of it."""
    moments = np.concatenate([leg[:, 2] for leg in legs])
    if np.isnan(moments).any():
        return asked
    first, last = (datetime.fromtimestamp(m, UTC) for m in (moments.min(), moments.max()))
    if asked.within is not None:
        first = max(first, asked.within.start or first)
        last = min(last, asked.within.end or last)
    return replace(asked, within=Interval(first, last)) if first <= last else None


def inside(
    seen: Reading, dataset: DatasetVersion, areas: Sequence[shapely.Geometry], crs: Crs
) -> list[Station]:
    """Return the stations in some areas."""
    found: dict[str, Station] = {}
    for area in areas:
        wkb = shapely.to_wkb(degrees(area, crs))
        for station in edr_series.within(seen.conn, seen.snapshot, dataset, wkb, MAX_PLACES + 1):
            found[station.thing] = station
    return _few(list(found.values()))


def place(station: Station, crs: Crs) -> dict[str, Any] | None:
    """Return where a station is as a GeoJSON point in a CRS, in its axis order; None where nobody knows."""
    if station.x is None or station.y is None:
        return None
    xy = carrier("EPSG:4326", code_of(crs)).transform(station.x, station.y)
    x, y = (round(v, crs.digits) for v in xy)
    return {"type": "Point", "coordinates": [y, x] if crs.flipped else [x, y]}


def degrees(places: shapely.Geometry, crs: Crs) -> shapely.Geometry:
    """Return geometries of a CRS, x first, in EPSG:4326, x = longitude. Straight lines become bent: corners are put on them before."""
    if not crs.geographic and shapely.length(places):
        places = shapely.segmentize(places, shapely.length(places) / 400)
    carry = carrier(code_of(crs), "EPSG:4326")
    return shapely.transform(places, lambda c: np.column_stack(carry.transform(c[:, 0], c[:, 1])))


def _few(stations: list[Station]) -> list[Station]:
    if len(stations) > MAX_PLACES:
        raise TooLarge(
            f"more than {MAX_PLACES:,} stations are asked for at once", remedy="ask for a smaller place"
        )
    return stations


def read(
    seen: Reading,
    dataset: DatasetVersion,
    stations: Sequence[Station],
    parameters: Mapping[str, tuple[Parameter, Measured]],
    asked: Asked,
) -> Found:
    """Return the valid values of some stations: a piece for each station and averaging.

    Raises:
        TooLarge: more values than an answer may have.
    """
    period = (asked.within.start, asked.within.end) if asked.within else (None, None)
    wanted = [m for _, m in parameters.values()]
    names = {m: name for name, (_, m) in parameters.items()}
    series = edr_series.series(
        seen.conn, seen.snapshot, dataset, [s.thing for s in stations], wanted, period, MAX_VALUES
    )
    groups: dict[tuple[str, str], list[Series]] = defaultdict(list)
    for one in series:
        groups[one.thing, one.measured.averaging].append(one)
    places = {s.thing: s for s in stations}
    pieces = [
        _piece(places[thing], asked.crs, together, names)
        for (thing, _), group in groups.items()
        for together in _together(group)
    ]
    return Found(asked.crs, {name: p for name, (p, _) in parameters.items()}, pieces)


def _together(series: Sequence[Series]) -> Iterator[list[Series]]:
    """Yield series that share one axis of time: each measured thing once, the ends of the same steps alike."""
    waiting = list(series)
    while waiting:
        taken: list[Series] = []
        rest: list[Series] = []
        for one in waiting:
            fits = all(one.measured != other.measured and _alike(one, other) for other in taken)
            (taken if fits else rest).append(one)
        yield taken
        waiting = rest


def _alike(one: Series, other: Series) -> bool:
    _, mine, theirs = np.intersect1d(one.starts, other.starts, assume_unique=True, return_indices=True)
    return bool((one.ends[mine] == other.ends[theirs]).all())


def _piece(station: Station, crs: Crs, series: Sequence[Series], names: Mapping[Measured, str]) -> Piece:
    starts = reduce(np.union1d, (s.starts for s in series))
    ends = np.empty_like(starts)
    values = {}
    for one in series:
        where = np.searchsorted(starts, one.starts)
        ends[where] = one.ends
        values[names[one.measured]] = row = np.full(starts.size, np.nan)
        row[where] = one.values
    x, y = (np.nan if v is None else v for v in (station.x, station.y))
    x, y = carrier("EPSG:4326", code_of(crs)).transform(x, y)
    about = {"locationId": station.identifier, "label": station.name or station.thing}
    return Piece("point", station.identifier, np.array([x]), np.array([y]), starts, ends, values, about)
