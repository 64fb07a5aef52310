"""Stations: what the values at stations have in common, and areas that have the maximum over the stations in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import psycopg

from ldt.errors import UsageError
from ldt.indicators import areas
from ldt.indicators.request import Request, inputs, named, resolve, year_of
from ldt.indicators.series import C, Series
from ldt.model.indicator import STATION, Value
from ldt.model.snapshot import DatasetVersion, strictest

#: The monitoring facilities by code, as :func:`ldt.indicators.areas.places` returns them.
Places = dict[str, dict[str, Any]]
#: Values at stations by (station, period).
AtStations = dict[tuple[str, str], Value]


def of_years(request: Request) -> Request:
    """Return the request for those of its periods that are calendar years.

    Raises:
        UsageError: none of them is one.
    """
    years = tuple(p for p in request.periods if year_of(p) is not None)
    if not years:
        raise UsageError(
            f"{request.definition.id} is of calendar years",
            where=", ".join(request.periods),
            remedy="give years like 2024",
        )
    return replace(request, periods=years)


def by_station(candidates: Iterable[C]) -> dict[str, list[C]]:
    """Return what is known of the series by station, in a stable order."""
    ordered = sorted(candidates, key=lambda c: c.series.thing)
    return {thing: list(group) for thing, group in groupby(ordered, key=lambda c: c.series.thing)}


def too_few(coverage: float, needed: float) -> str:
    """Return the reason of a value for which there are too few data."""
    return f"{100 * coverage:.1f} % of the expected values are there and valid, {100 * needed:g} % are needed"


def origin(series: Sequence[Series], places: Places) -> dict[str, Any]:
    """Return what a value at a station has from its inputs: `inputs`, `access`, `name` and `geom`."""
    place = places.get(series[0].thing)
    datasets: list[DatasetVersion] = [s.dataset for s in series]
    versions, access = inputs(datasets if place is None else [*datasets, place["dataset"]])
    return {
        "inputs": versions,
        "access": access,
        "name": place and place["name"],
        "geom": place and place["geom"],
    }


def unusable(
    request: Request, series: Sequence[Series], usable: Sequence[Series], needs: str, places: Places
) -> AtStations:
    """Return a value for each station that measures what is asked for, but never as the definition needs it.

    Args:
        request: what is wanted.
        series: all series of the observed properties.
        usable: those of them that can be used; their stations are left out.
        needs: what is needed, in words.
        places: the stations' names and places.
    """
    seen = {s.thing for s in usable}
    found: AtStations = {}
    for thing, group in groupby(sorted(series, key=lambda s: s.thing), key=lambda s: s.thing):
        if thing in seen:
            continue
        mine = list(group)
        there = ", ".join(sorted({f"{s.averaging} in {s.unit}" for s in mine}))
        for text in request.periods:
            period = resolve(text, mine[0].zone)
            found[thing, text] = Value(
                key=request.key(STATION, thing, text),
                period_start=period.start,
                period_end=period.end,
                unit=request.definition.unit,
                status="not-computable",
                reason=f"needs {needs}; there is {there}",
                method=request.definition.formula.method,
                **origin(mine, places),
            )
    return found


def needed(request: Request, unit: str) -> str:
    """Return in words which series of the observed property the definition needs."""
    formula = request.definition.formula
    return f"{formula.property} as {named(formula.averaging)} in {unit}"


# Areas --------------------------------------------------------------------------------------------------------


def in_areas(
    conn: psycopg.Connection[Any], request: Request, found: Mapping[tuple[str, str], Value], measured: str
) -> list[Value]:
    """Return the value of each area and period: the maximum over the stations in it.

    That is what the directives assess a zone by; there is no mean over stations.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        request: what is wanted.
        found: the values at stations.
        measured: what a station in the area has to measure, in words.
    """
    if not request.area_schemes:
        return []
    units = areas.stations_in(conn, request.snapshot, request.area_schemes)
    return [
        _maximum(
            request,
            unit,
            [found[s, period] for s in unit["stations"] if (s, period) in found],
            period,
            measured,
        )
        for unit in units
        for period in request.periods
    ]


def _maximum(
    request: Request, unit: dict[str, Any], stations: list[Value], period: str, measured: str
) -> Value:
    by_id = {d.dataset_id: d for d in request.snapshot.datasets.values()}
    mine, _ = inputs([by_id[unit["dataset_id"]], *request.snapshot.of_type(areas.FACILITIES)])
    versions = {**mine, **{n: v for s in stations for n, v in s.inputs.items()}}
    base = Value(
        key=request.key(unit["scheme"], unit["code"], period),
        period_start=resolve(period).start,
        period_end=resolve(period).end,
        name=unit["name"],
        unit=request.definition.unit,
        status="not-computable",
        reason=f"needs a station in the area that measures {measured}",
        method="maximum over stations",
        access=strictest({request.snapshot.datasets[n].access for n in versions}),
        inputs=dict(sorted(versions.items())),
        geom=unit["geom"],
    )
    measuring = [s for s in stations if s.status != "not-computable"]
    if not measuring:
        return base
    valid = [s for s in measuring if s.status == "valid"]
    top = max(valid or measuring, key=lambda s: (s.value or 0.0, s.coverage or 0.0, s.key.code))
    return replace(
        base,
        period_start=top.period_start,
        period_end=top.period_end,
        value=top.value,
        status=top.status,
        reason=None if valid else f"none of {len(measuring)} stations has enough valid data",
        n_valid=top.n_valid,
        n_expected=top.n_expected,
        coverage=top.coverage,
        verdicts=_worst(measuring),
        quality={
            "station": top.key.code,
            "stations": [
                {"code": s.key.code, "value": s.value, "status": s.status, "coverage": s.coverage}
                for s in measuring
            ],
        },
    )


def _worst(stations: list[Value]) -> list[dict[str, Any]]:
    """Return the verdicts on an area: for each objective that of the highest station that can be assessed.

    Where no station can be assessed, that of the station with the best coverage, which says so. All stations have the
    same objectives in the same order, since they are of one property.
    """

    def weight(verdict: dict[str, Any]) -> tuple[bool, float, float]:
        assessed = verdict["verdict"] != "not-assessable"
        return assessed, verdict["distance"] or 0.0 if assessed else 0.0, verdict["coverage"]

    marked = [[{**v, "station": s.key.code} for v in s.verdicts] for s in stations]
    return [max(alike, key=weight) for alike in zip(*marked, strict=True)]
