"""The European Air Quality Index: the class of the worst pollutant of each hour, and the median of the hours of a period.

The bands are those of an edition of the vocabulary that the definition names (`formula.edition`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

import psycopg
from sqlalchemy import (
    BigInteger,
    Float,
    Integer,
    Select,
    Text,
    case,
    cast,
    column,
    func,
    literal,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from ldt.errors import RecipeError
from ldt.indicators import areas
from ldt.indicators.hourly import HOUR, hours, running
from ldt.indicators.request import Request, named, rows
from ldt.indicators.series import Count, Series, best, count, find
from ldt.indicators.stations import AtStations, Places, in_areas, origin, too_few, unusable
from ldt.model.indicator import STATION, Value
from ldt.store import catalogue
from ldt.timerange import format_instant

#: Over how many hours an edition averages a pollutant before it looks for the class; one where nothing is said. [K]
RUNNING = {"pre-2025": {"PM10": 24, "PM2.5": 24}}
#: Share of these hours that must be valid (Directive 2008/50/EC Annex XI: 75 %).
_VALID = 0.75


@dataclass(frozen=True, slots=True)
class Bands:
    """An edition of the index.

    Attributes:
        edges: the upper edges of the classes, in ascending order, by observed property; the last class is open.
        running: over how many hours a property is averaged, by observed property.
    """

    edition: str
    edges: Mapping[str, Sequence[float]]
    running: Mapping[str, int]

    @property
    def classes(self) -> int:
        """The number of classes."""
        return 1 + max(len(e) for e in self.edges.values())

    def hours(self, counted: Count) -> int:
        """Return over how many hours a series is averaged."""
        return self.running.get(counted.series.observed_property, 1)


@dataclass(frozen=True, slots=True)
class _Hours:
    """The hours of a station and a period.

    Attributes:
        by_class: number of hours with the index 1, 2, …
        by_pollutant: number of hours whose index was that of the pollutant, alone or with others.
        last: the last hour with an index, that index and its pollutants.
    """

    by_class: list[int]
    by_pollutant: dict[str, int]
    last: tuple[datetime, int, list[str]] | None

    @property
    def n(self) -> int:
        return sum(self.by_class)

    @property
    def median(self) -> int | None:
        """The upper median: of an even number of hours the higher of the two in the middle."""
        below = 0
        for index, n in enumerate(self.by_class, start=1):
            below += n
            if 2 * below > self.n:
                return index
        return None


def air_quality_index(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the index of periods of any length: at stations, and in areas the maximum over their stations.

    The index of an hour is the worst class of the pollutants that have a valid value in it; that of a period the upper
    median of its hours.

    Raises:
        RecipeError: the vocabulary has no bands of the edition, or not of all pollutants.
    """
    formula = request.definition.formula
    bands = bands_of(conn, request)
    found = find(conn, request.snapshot, formula.properties)
    measured = named(formula.properties)
    if not found:
        return request.lacking(f"needs observations of {measured}")
    units = {c["code"]: c["properties"].get("unit") for c in catalogue.concepts(conn, "observed-properties")}
    usable = [s for s in found if s.averaging in formula.averaging and s.unit == units[s.observed_property]]
    places = areas.places(conn, request.snapshot)
    values = _at_stations(conn, request, bands, usable, places)
    needs = f"{measured} as {named(formula.averaging)} in ug/m3"
    values |= unusable(request, found, usable, needs, places)
    return [*values.values(), *in_areas(conn, request, values, measured)]


def bands_of(conn: psycopg.Connection[Any], request: Request) -> Bands:
    """Return the bands that a definition names.

    Raises:
        RecipeError: the vocabulary has no such edition, or not for all pollutants of the definition.
    """
    formula = request.definition.formula
    edition, vocabulary = str(formula.edition), str(formula.vocabulary)
    concepts = catalogue.concepts(conn, vocabulary)
    known = [c["properties"]["bands"] for c in concepts if "bands" in c["properties"]]
    if not known or any(edition not in b or set(formula.properties) - set(b[edition]) for b in known):
        raise RecipeError(
            f"names the edition {edition!r}, of which {vocabulary} has no bands for {named(formula.properties)}",
            where=f"{request.definition.id}.yaml",
            remedy=f"there are: {', '.join(sorted({e for b in known for e in b}))}",
        )
    edges = {p: [float(b[edition][p]) for b in known] for p in formula.properties}
    return Bands(edition, edges, RUNNING.get(edition, {}))


# Stations -----------------------------------------------------------------------------------------------------


def _at_stations(
    conn: psycopg.Connection[Any], request: Request, bands: Bands, series: list[Series], places: Places
) -> AtStations:
    formula = request.definition.formula
    code = request.definition.validity.valid_from_code or 1
    # One zone for all pollutants of a station, so that their hours and periods are the same.
    zones = {s.thing: s.zone for s in reversed(series)}
    alike = [replace(s, zone=zones[s.thing]) for s in series]
    counts = count(conn, request.snapshot, alike, request.periods, code)

    def group(c: Count) -> tuple[str, str]:
        return c.series.thing, c.period

    def pollutant(c: Count) -> str:
        return c.series.observed_property

    grouped = {
        key: sorted(mine, key=lambda c: formula.properties.index(pollutant(c)))
        for key, mine in groupby(sorted(counts, key=group), group)
    }
    chosen = {
        key: [best(list(of_one), formula.averaging) for _, of_one in groupby(mine, pollutant)]
        for key, mine in grouped.items()
    }
    found = _hours(conn, request, bands, list(chosen.values()), code)
    return {
        key: _station(request, bands, grouped[key], used, of_station, places)
        for (key, used), of_station in zip(chosen.items(), found, strict=True)
    }


def _station(
    request: Request, bands: Bands, counts: list[Count], used: list[Count], found: _Hours, places: Places
) -> Value:
    first, least = used[0], request.definition.validity.min_coverage or 0.0
    expected = int((first.end - first.start) / HOUR)
    coverage = found.n / expected
    enough = coverage >= least and found.n > 0
    last = found.last
    return Value(
        key=request.key(STATION, first.series.thing, first.period),
        period_start=first.start,
        period_end=first.end,
        value=float(found.median) if enough and found.median else None,
        unit=request.definition.unit,
        status="valid" if enough else "insufficient",
        reason=None if enough else too_few(coverage, least),
        n_valid=found.n,
        n_expected=expected,
        coverage=coverage,
        method=f"upper median of the hourly index, bands of the edition {bands.edition}",
        quality={
            "edition": bands.edition,
            "hours_by_class": {str(i): n for i, n in enumerate(found.by_class, start=1)},
            "hours_by_pollutant": found.by_pollutant,
            "last": last and {"hour": format_instant(last[0]), "index": last[1], "pollutants": last[2]},
            "series": [_summary(c, bands, used=any(c is u for u in used)) for c in counts],
        },
        **origin([c.series for c in counts], places),
    )


def _summary(counted: Count, bands: Bands, *, used: bool) -> dict[str, Any]:
    found = {**counted.summary(used=used), "observed_property": counted.series.observed_property}
    before = (bands.hours(counted) - 1) * HOUR
    if before:
        found["read"] = [format_instant(counted.start - before), format_instant(counted.end)]
    return found


# Hours --------------------------------------------------------------------------------------------------------


def _hours(
    conn: psycopg.Connection[Any], request: Request, bands: Bands, groups: list[list[Count]], code: int
) -> list[_Hours]:
    """Return the hours of each group of series, one group for each station and period, in one statement for all."""
    members = [(place, c) for place, group in enumerate(groups) for c in group]
    if not members:
        return []
    properties, classes = list(bands.edges), range(1, bands.classes + 1)
    lengths = {bands.hours(c) for _, c in members}
    single = union_all(
        *(
            _classes(request, bands, [m for m in members if bands.hours(m[1]) == length], length, code)
            for length in sorted(lengths)
        )
    ).subquery("single")
    index = func.max(single.c["class"])
    by_hour = (
        select(
            single.c.place,
            single.c.hour,
            index.label("index"),
            *(index.filter(single.c.property == p).label(f"of_{i}") for i, p in enumerate(properties)),
        )
        .group_by(single.c.place, single.c.hour)
        .subquery("by_hour")
    )
    decides = [by_hour.c[f"of_{i}"] == by_hour.c.index for i in range(len(properties))]
    # Arrays are compared element by element, so the greatest is that of the last hour.
    told = array(
        [
            cast(func.extract("epoch", by_hour.c.hour), BigInteger),
            by_hour.c.index,
            *(case((d, 1), else_=0) for d in decides),
        ]
    )
    statement = select(
        by_hour.c.place,
        array([func.count().filter(by_hour.c.index == c) for c in classes]).label("by_class"),
        array([func.count().filter(d) for d in decides]).label("by_pollutant"),
        func.max(told).label("last"),
    ).group_by(by_hour.c.place)
    found = {r["place"]: r for r in rows(conn, statement)}
    nothing = _Hours([0] * len(classes), dict.fromkeys(properties, 0), None)
    return [_read(found[i], properties) if i in found else nothing for i in range(len(groups))]


def _read(row: dict[str, Any], properties: list[str]) -> _Hours:
    seconds, index, *decided = row["last"]
    return _Hours(
        by_class=row["by_class"],
        by_pollutant=dict(zip(properties, row["by_pollutant"], strict=True)),
        last=(
            datetime.fromtimestamp(seconds, UTC),
            index,
            [p for p, d in zip(properties, decided, strict=True) if d],
        ),
    )


def _classes(
    request: Request, bands: Bands, members: list[tuple[int, Count]], length: int, code: int
) -> Select[Any]:
    """Return the class of each hour of each series: `place` (of its group), `property`, `hour`, `class`."""
    wanted = [c for _, c in members]
    if length == 1:
        source = hours(request.snapshot, wanted, code)
        value = source.c.value
    else:
        source = running(request.snapshot, wanted, code, length, math.ceil(_VALID * length))
        value = source.c.mean
    edges = [bands.edges[c.series.observed_property] for c in wanted]
    names = [f"edge_{i}" for i in range(bands.classes - 1)]
    member = (
        func.unnest(
            cast([place for place, _ in members], ARRAY(Integer)),
            cast([c.series.observed_property for c in wanted], ARRAY(Text)),
            *(cast([e[i] for e in edges], ARRAY(Float)) for i in range(len(names))),
        )
        .table_valued(
            column("place", Integer),
            column("property", Text),
            *(column(name, Float) for name in names),
            with_ordinality="ordinal",
            name="member",
        )
        .render_derived()
    )
    above = [case((value > member.c[name], 1), else_=0) for name in names]
    return (
        select(
            member.c.place,
            member.c.property,
            source.c.hour,
            sum(above, start=literal(1)).label("class"),
        )
        .select_from(source.join(member, member.c.ordinal == source.c.ordinal))
        .where(value.is_not(None))
    )
