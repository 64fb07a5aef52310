"""Air: annual means at stations and in areas, and the completeness of any series."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import psycopg

from ldt.indicators import areas
from ldt.indicators.request import Request, named
from ldt.indicators.series import Count, best, count, find
from ldt.indicators.stations import (
    AtStations,
    Places,
    by_station,
    in_areas,
    needed,
    of_years,
    origin,
    too_few,
    unusable,
)
from ldt.model.indicator import STATION, Value
from ldt.model.law import verdicts

# Annual means -------------------------------------------------------------------------------------------------


def annual_means(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return annual means: at stations, and in areas the maximum over their stations.

    The value of a station with several sampling points is that of the series with the best coverage; the others are
    listed in the quality.

    Raises:
        UsageError: none of the periods is a calendar year.
    """
    request = of_years(request)
    formula, unit = request.definition.formula, request.definition.unit
    measured = str(formula.property)
    series = find(conn, request.snapshot, [measured])
    if not series:
        return request.lacking(f"needs observations of {measured}")
    usable = [s for s in series if s.averaging in formula.averaging and s.unit == unit]
    places = areas.places(conn, request.snapshot)
    code = request.definition.validity.valid_from_code or 1
    counts = count(conn, request.snapshot, usable, request.periods, code)
    means: AtStations = {
        (thing, year): _station(request, [c for c in group if c.period == year], places)
        for thing, group in by_station(counts).items()
        for year in request.periods
    }
    means |= unusable(request, series, usable, needed(request, unit), places)
    return [*means.values(), *in_areas(conn, request, means, measured)]


def _station(request: Request, counts: list[Count], places: Places) -> Value:
    formula, validity = request.definition.formula, request.definition.validity
    chosen = best(counts, formula.averaging)
    coverage = chosen.coverage or 0.0
    enough = coverage >= (validity.min_coverage or 0.0) and chosen.n_valid > 0
    return Value(
        key=request.key(STATION, chosen.series.thing, chosen.period),
        period_start=chosen.start,
        period_end=chosen.end,
        value=chosen.mean if enough else None,
        unit=request.definition.unit,
        status="valid" if enough else "insufficient",
        reason=None if enough else too_few(coverage, validity.min_coverage or 0.0),
        n_valid=chosen.n_valid,
        n_expected=chosen.n_expected,
        coverage=coverage,
        method=f"mean of the valid values ({chosen.series.averaging})",
        verdicts=verdicts(
            request.rule_sets, str(formula.property), "year", int(chosen.period), chosen.mean, coverage
        ),
        quality={"series": [c.summary(used=c is chosen) for c in counts]},
        **origin([c.series for c in counts], places),
    )


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
    coverage = chosen.coverage or 0.0
    return Value(
        key=request.key(STATION, f"{chosen.series.thing}/{chosen.series.observed_property}", chosen.period),
        period_start=chosen.start,
        period_end=chosen.end,
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
        **origin([c.series for c in counts], places),
    )
