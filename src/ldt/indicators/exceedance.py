"""Exceedance: days of a year whose statistic is above a number, at stations and in areas."""

from __future__ import annotations

from typing import Any

import psycopg

from ldt.indicators import areas
from ldt.indicators.daily import DAYS, HOURS, MAX_8H, MEAN, RUNNING, VALUE, Daily, daily
from ldt.indicators.request import Request
from ldt.indicators.series import Series, best, count, find
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
from ldt.model.law import daily_verdicts
from ldt.store import catalogue

#: What the law calls the statistics of a day (`averaging` of its objectives).
_IN_LAW = {MEAN: "day", MAX_8H: "daily max 8h", VALUE: "day"}
_IN_WORDS = {
    (MEAN, HOURS): "daily means of at least 18 hours",
    (MEAN, DAYS): "daily means as delivered",
    (MAX_8H, HOURS): "highest running 8-hour mean of each day",
    (MAX_8H, RUNNING): "highest running 8-hour mean of each day, the running means as delivered",
    (VALUE, DAYS): "daily values as delivered",
}


def exceedance_days(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the number of days above `formula.above`: at stations, and in areas the maximum over their stations.

    Raises:
        UsageError: none of the periods is a calendar year.
    """
    request = of_years(request)
    found = at_stations(conn, request)
    measured = str(request.definition.formula.property)
    if not found:
        return request.lacking(f"needs observations of {measured}")
    return [*found.values(), *in_areas(conn, request, found, measured)]


def at_stations(conn: psycopg.Connection[Any], request: Request) -> AtStations:
    """Return the number of days at each station that measures the property; of calendar years.

    Days are those of the zone of the series, with summer time where its source names such a zone. Of several series the
    preferred averaging speaks for the station, then the best coverage.
    """
    formula = request.definition.formula
    measured = str(formula.property)
    series = find(conn, request.snapshot, [measured], summer_time=True)
    if not series:
        return {}
    unit = unit_of(conn, measured)
    usable = [s for s in series if s.averaging in formula.averaging and s.unit == unit]
    places = areas.places(conn, request.snapshot)
    days = by_station(_days(conn, request, usable))
    found = {
        (thing, year): _station(request, of_thing, year, places)
        for thing, of_thing in days.items()
        for year in request.periods
    }
    return {**found, **unusable(request, series, usable, needed(request, unit), places)}


def unit_of(conn: psycopg.Connection[Any], observed_property: str) -> str:
    """Return the unit in which values of an observed property are stored."""
    (concept,) = catalogue.concepts(conn, "observed-properties", observed_property)
    return str(concept["properties"]["unit"])


def _days(conn: psycopg.Connection[Any], request: Request, series: list[Series]) -> list[Daily]:
    """Return the days of the wanted years, and of those before them that a rule set averages with them."""
    formula = request.definition.formula
    back = max(
        (o.years for r in request.rule_sets for o in r.objectives if o.property == formula.property),
        default=1,
    )
    years = sorted({int(period) - i for period in request.periods for i in range(back)})
    code = request.definition.validity.valid_from_code or 1
    counts = count(conn, request.snapshot, series, [f"{year:04d}" for year in years], code)
    return daily(conn, request.snapshot, counts, str(formula.statistic), code)


def _station(request: Request, days: list[Daily], year: str, places: Places) -> Value:
    """The value of a year; `days` are those of all series of the station, of that and other years."""
    formula, least = request.definition.formula, request.definition.validity.min_coverage or 0.0
    statistic = str(formula.statistic)
    by_year = {
        y: best([d for d in days if d.period == y], formula.averaging) for y in {d.period for d in days}
    }
    chosen = by_year[year]
    until = [by_year[y].year() for y in sorted(by_year) if y <= year]
    above = until[-1].above(formula.above or 0.0)
    enough = chosen.coverage >= least and bool(chosen.values)
    return Value(
        key=request.key(STATION, chosen.series.thing, year),
        period_start=chosen.counted.start,
        period_end=chosen.counted.end,
        value=float(above) if enough else None,
        unit=request.definition.unit,
        status="valid" if enough else "insufficient",
        reason=None if enough else too_few(chosen.coverage, least),
        n_valid=chosen.n_valid,
        n_expected=chosen.n_expected,
        coverage=chosen.coverage,
        method=_IN_WORDS[statistic, chosen.series.averaging],
        verdicts=daily_verdicts(request.rule_sets, str(formula.property), _IN_LAW[statistic], until),
        quality={
            "days": {
                "valid": len(chosen.values),
                "expected": chosen.n_days,
                "above": above,
                "highest": max(chosen.values.values(), default=None),
            },
            "series": [d.summary(used=d is chosen) for d in days if d.period == year],
        },
        **origin([d.series for d in days], places),
    )
