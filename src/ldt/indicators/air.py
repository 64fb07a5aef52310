"""Air: annual means at stations and in cities, and the completeness of any series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

import psycopg

from ldt.errors import UsageError
from ldt.indicators import areas
from ldt.indicators.request import Request, inputs, named, resolve, year_of
from ldt.indicators.series import Count, Series, best, count, find
from ldt.model.indicator import STATION, Value
from ldt.model.law import verdicts
from ldt.model.snapshot import DatasetVersion, strictest

Places = dict[str, dict[str, Any]]


# Annual means -------------------------------------------------------------------------------------------------


def annual_means(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return annual means: at stations, and in cities the maximum over their stations.

    The value of a station with several sampling points is that of the series with the best coverage; the others are
    listed in the quality. The maximum over stations is what the directives assess a zone by; there is no mean over stations.

    Raises:
        UsageError: none of the periods is a calendar year.
    """
    formula = request.definition.formula
    years = [p for p in request.periods if year_of(p) is not None]
    if not years:
        raise UsageError(
            f"{request.definition.id} is of calendar years",
            where=", ".join(request.periods),
            remedy="give years like 2024",
        )
    request = replace(request, periods=tuple(years))
    series = find(conn, request.snapshot, formula.property)
    if not series:
        return request.lacking(f"needs observations of {formula.property}")
    usable = [s for s in series if s.averaging in formula.averaging and s.unit == request.definition.unit]
    places = areas.places(conn, request.snapshot)
    code = request.definition.validity.valid_from_code or 1
    counts = count(conn, request.snapshot, usable, years, code)
    means = {
        (thing, year): _station(request, list(group), places) for (thing, year), group in _by_station(counts)
    }
    seen = {s.thing for s in usable}
    means |= {
        (thing, year): _unusable(request, [s for s in series if s.thing == thing], year, places)
        for thing in sorted({s.thing for s in series} - seen)
        for year in years
    }
    return [*means.values(), *_cities(conn, request, means)]


def _by_station(counts: list[Count]) -> Any:
    def key(c: Count) -> tuple[str, str]:
        return (c.series.thing, c.period)

    return groupby(sorted(counts, key=key), key)


def _station(request: Request, counts: list[Count], places: Places) -> Value:
    formula, validity = request.definition.formula, request.definition.validity
    chosen = best(counts, formula.averaging)
    coverage = chosen.coverage or 0.0
    enough = coverage >= (validity.min_coverage or 0.0) and chosen.n_valid > 0
    versions, access, name, geom = _origin([c.series for c in counts], places)
    return Value(
        key=request.key(STATION, chosen.series.thing, chosen.period),
        period_start=chosen.start,
        period_end=chosen.end,
        name=name,
        value=chosen.mean if enough else None,
        unit=request.definition.unit,
        status="valid" if enough else "insufficient",
        reason=None if enough else _too_few(coverage, validity.min_coverage or 0.0),
        n_valid=chosen.n_valid,
        n_expected=chosen.n_expected,
        coverage=coverage,
        method=f"mean of the valid values ({chosen.series.averaging})",
        verdicts=verdicts(
            request.rule_sets, str(formula.property), "year", int(chosen.period), chosen.mean, coverage
        ),
        quality={"series": [c.summary(used=c is chosen) for c in counts]},
        access=access,
        inputs=versions,
        geom=geom,
    )


def _too_few(coverage: float, needed: float) -> str:
    return f"{100 * coverage:.1f} % of the expected values are there and valid, {100 * needed:g} % are needed"


def _origin(series: Sequence[Series], places: Places) -> tuple[dict[str, int], Any, str | None, bytes | None]:
    """Return versions and access class of the inputs, and name and place of the station."""
    place = places.get(series[0].thing)
    datasets: list[DatasetVersion] = [s.dataset for s in series]
    if place is None:
        return *inputs(datasets), None, None
    return *inputs([*datasets, place["dataset"]]), place["name"], place["geom"]


def _unusable(request: Request, series: list[Series], year: str, places: Places) -> Value:
    """A station that measures the property, but not as the definition needs it."""
    formula, period = request.definition.formula, resolve(year, series[0].zone)
    there = sorted({f"{s.averaging} in {s.unit}" for s in series})
    versions, access, name, geom = _origin(series, places)
    return Value(
        key=request.key(STATION, series[0].thing, year),
        period_start=period.start,
        period_end=period.end,
        name=name,
        unit=request.definition.unit,
        status="not-computable",
        reason=f"needs {formula.property} as {named(formula.averaging)} in {request.definition.unit};"
        f" there is {', '.join(there)}",
        method=formula.method,
        access=access,
        inputs=versions,
        geom=geom,
    )


# Cities -------------------------------------------------------------------------------------------------------


def _cities(
    conn: psycopg.Connection[Any], request: Request, means: dict[tuple[str, str], Value]
) -> list[Value]:
    if not request.area_schemes:
        return []
    units = areas.stations_in(conn, request.snapshot, request.area_schemes)
    return [
        _maximum(request, unit, [means[s, year] for s in unit["stations"] if (s, year) in means], year)
        for unit in units
        for year in request.periods
    ]


def _maximum(request: Request, unit: dict[str, Any], stations: list[Value], year: str) -> Value:
    by_id = {d.dataset_id: d for d in request.snapshot.datasets.values()}
    mine, _ = inputs([by_id[unit["dataset_id"]], *request.snapshot.of_type(areas.FACILITIES)])
    versions = {**mine, **{n: v for s in stations for n, v in s.inputs.items()}}
    base = Value(
        key=request.key(unit["scheme"], unit["code"], year),
        period_start=resolve(year).start,
        period_end=resolve(year).end,
        name=unit["name"],
        unit=request.definition.unit,
        status="not-computable",
        reason=f"needs a station in the area that measures {request.definition.formula.property}",
        method="maximum over stations",
        access=strictest({request.snapshot.datasets[n].access for n in versions}),
        inputs=dict(sorted(versions.items())),
        geom=unit["geom"],
    )
    measured = [s for s in stations if s.status != "not-computable"]
    if not measured:
        return base
    valid = [s for s in measured if s.status == "valid"]
    top = max(valid or measured, key=lambda s: (s.value or 0.0, s.coverage or 0.0, s.key.code))
    return replace(
        base,
        period_start=top.period_start,
        period_end=top.period_end,
        value=top.value,
        status=top.status,
        reason=None if valid else f"none of {len(measured)} stations has enough valid data",
        n_valid=top.n_valid,
        n_expected=top.n_expected,
        coverage=top.coverage,
        verdicts=_worst(measured),
        quality={
            "station": top.key.code,
            "stations": [
                {"code": s.key.code, "value": s.value, "status": s.status, "coverage": s.coverage}
                for s in measured
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


# Completeness -------------------------------------------------------------------------------------------------


def completeness(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the share of the expected values that are there and valid, by station and observed property.

    The code of a unit is `{station}/{observed property}`. Of several series the one that speaks for the station is
    taken, as in :func:`annual_means`; a station without any value in the period is 0 % complete.
    """
    averaging = request.definition.formula.averaging
    series = find(conn, request.snapshot)
    if not series:
        return request.lacking("needs observations")
    usable = [s for s in series if s.averaging in averaging]
    if not usable:
        return request.lacking(f"needs series of {named(averaging)}, which tell how many values to expect")
    places = areas.places(conn, request.snapshot)
    code = request.definition.validity.valid_from_code or 1

    def key(c: Count) -> tuple[str, str, str]:
        return (c.series.thing, c.series.observed_property, c.period)

    counts = sorted(count(conn, request.snapshot, usable, request.periods, code), key=key)
    return [_complete(request, list(group), places) for _, group in groupby(counts, key)]


def _complete(request: Request, counts: list[Count], places: Places) -> Value:
    chosen = best(counts, request.definition.formula.averaging)
    versions, access, name, geom = _origin([c.series for c in counts], places)
    coverage = chosen.coverage or 0.0
    return Value(
        key=request.key(STATION, f"{chosen.series.thing}/{chosen.series.observed_property}", chosen.period),
        period_start=chosen.start,
        period_end=chosen.end,
        name=name,
        value=100 * coverage,
        unit=request.definition.unit,
        status="valid",
        n_valid=chosen.n_valid,
        n_expected=chosen.n_expected,
        coverage=coverage,
        method=f"valid among expected values ({chosen.series.averaging})",
        quality={
            "observed_property": chosen.series.observed_property,
            "series": [c.summary(used=c is chosen) for c in counts],
        },
        access=access,
        inputs=versions,
        geom=geom,
    )
