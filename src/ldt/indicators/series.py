"""Series of observations: which there are, and what is in them by period, counted in one statement for all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, Protocol, TypeVar

import psycopg
from sqlalchemy import (
    BigInteger,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    cast,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, INTERVAL, TIMESTAMP

from ldt.errors import UsageError
from ldt.indicators.areas import station_codes
from ldt.indicators.request import resolve, rows
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.timerange import format_offset, parse_duration, parse_zone


@dataclass(frozen=True, slots=True)
class Series:
    """A datastream, as a snapshot sees it.

    Attributes:
        id: its number in the database.
        code: its code in its data set.
        thing: code of the station: of a sampling point (a facility that names its station) that of its station.
        zone: the zone in which its periods and days begin.
    """

    id: int
    code: str
    thing: str
    observed_property: str
    unit: str
    averaging: str
    zone: tzinfo
    dataset: DatasetVersion

    @property
    def step(self) -> timedelta | None:
        """The length of the interval that a value stands for, or None where it has no fixed length."""
        try:
            duration = parse_duration(self.averaging)
        except UsageError:  # `var`: intervals of any length
            return None
        step = timedelta(days=duration.days, microseconds=duration.microseconds)
        return step if step and not duration.months else None


@dataclass(slots=True)
class Count:
    """What a series holds in a period.

    Attributes:
        n_filled: how many of the expected intervals have a valid value. In a series that is denser than it says (running
            means) several values begin in one interval.
        on_grid: whether each value begins with an interval, so that no two begin in the same one.
        total: sum of the valid values.
        negative: how many of the valid values are below zero.
        validity, verification: number of values by code; by verification of the valid ones only.
    """

    series: Series
    period: str
    start: datetime
    end: datetime
    n_valid: int = 0
    n_filled: int = 0
    on_grid: bool = True
    total: float = 0.0
    negative: int = 0
    validity: dict[str, int] = field(default_factory=dict)
    verification: dict[str, int] = field(default_factory=dict)

    @property
    def n_expected(self) -> int | None:
        """How many values a complete period has."""
        step = self.series.step
        return None if step is None else int((self.end - self.start) / step)

    @property
    def coverage(self) -> float | None:
        """Share of the expected intervals that have a valid value."""
        expected = self.n_expected
        return min(1.0, self.n_filled / expected) if expected else None

    @property
    def mean(self) -> float | None:
        """Mean of the valid values, or None without any."""
        return self.total / self.n_valid if self.n_valid else None

    def summary(self, *, used: bool) -> dict[str, Any]:
        """Return what the quality of a value says of a series that it was computed from or could have been."""
        return {
            "datastream": self.series.code,
            "dataset": self.series.dataset.name,
            "averaging": self.series.averaging,
            "zone": str(self.series.zone),
            "n_valid": self.n_valid,
            "n_expected": self.n_expected,
            "coverage": self.coverage,
            "mean": self.mean,
            "validity": self.validity,
            "verification": self.verification,
            "negative": self.negative,
            "used": used,
        }


def find(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    properties: Sequence[str] = (),
    *,
    summer_time: bool = False,
) -> list[Series]:
    """Return the datastreams that a snapshot sees, in a stable order.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        properties: observed properties; all of them if none is named.
        summer_time: whether a series whose source names a zone with summer time keeps it, so that its days are those of
            the clocks, some of 23 and 25 hours. Else it is taken as UTC, in which all have 24.
    """
    datasets = snapshot.of_shape("observation")
    by_id = {d.dataset_id: d for d in datasets}
    d, s = t.datastream.c, t.datastream_state.c
    statement = (
        select(
            d.id,
            d.code,
            d.thing,
            d.observed_property,
            d.unit,
            d.averaging,
            d.zone,
            d.dataset_id,
        )
        .join_from(
            t.datastream, t.datastream_state, and_(s.datastream_id == d.id, s.dataset_id == d.dataset_id)
        )
        .where(visible.datastream_states(snapshot, datasets))
        .order_by(d.thing, d.observed_property, d.dataset_id, d.code)
    )
    if properties:
        statement = statement.where(d.observed_property.in_(list(properties)))
    stations = station_codes(conn, snapshot)
    found = [
        Series(
            id=r["id"],
            code=r["code"],
            thing=stations.get(r["thing"], r["thing"]),
            observed_property=r["observed_property"],
            unit=r["unit"],
            averaging=r["averaging"],
            zone=parse_zone(r["zone"]) if summer_time else fixed_zone(r["zone"]),
            dataset=by_id[r["dataset_id"]],
        )
        for r in rows(conn, statement)
    ]
    return sorted(found, key=lambda s: (s.thing, s.observed_property, s.dataset.dataset_id, s.code))


def fixed_zone(name: str) -> timezone:
    """Return the fixed zone that a name stands for; UTC for a zone with summer time, in which a year has no fixed hours."""
    zone = parse_zone(name)
    return zone if isinstance(zone, timezone) else UTC


def count(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    series: Sequence[Series],
    periods: Sequence[str],
    valid_from_code: int,
) -> list[Count]:
    """Count and sum what each series holds in each period, in one statement for all of them.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        series: the series.
        periods: the periods, each resolved in the zone of the series.
        valid_from_code: least code of validity that counts as valid.

    Returns:
        One element for each series and period, empty ones too, in the order given.
    """
    wanted: list[Count] = []
    for s in series:
        for text in periods:
            period = resolve(text, s.zone)
            wanted.append(Count(s, text, period.start, period.end))
    if not wanted:
        return wanted
    unit, obs, joined = observed(snapshot, wanted)
    begins = func.date_bin(unit.c.step, obs.c.time, unit.c.start)
    grouped = (unit.c.ordinal, obs.c.validity, obs.c.verification)
    statement = joined.add_columns(
        obs.c.validity,
        obs.c.verification,
        func.count().label("n"),
        func.sum(obs.c.value).label("total"),
        func.count().filter(obs.c.value < 0).label("negative"),
        # The times of a series differ, so those that all lie at the beginnings of intervals lie in different intervals.
        func.count().filter(begins != obs.c.time).label("off_grid"),
    ).group_by(*grouped)
    totals: dict[int, list[float]] = {}
    for r in rows(conn, statement.order_by(*grouped)):
        found = wanted[r["ordinal"] - 1]
        _add(found.validity, r["validity"], r["n"])
        found.on_grid &= not r["off_grid"]
        if r["validity"] < valid_from_code:
            continue
        found.n_valid += r["n"]
        found.negative += r["negative"]
        _add(found.verification, r["verification"], r["n"])
        totals.setdefault(r["ordinal"], []).append(r["total"])
    for ordinal, parts in totals.items():
        wanted[ordinal - 1].total = math.fsum(parts)
    for found in wanted:
        found.n_filled = found.n_valid
    _count_intervals(conn, snapshot, [w for w in wanted if not w.on_grid], valid_from_code)
    return wanted


def _add(counts: dict[str, int], code: int, number: int) -> None:
    counts[str(code)] = counts.get(str(code), 0) + number


def _count_intervals(
    conn: psycopg.Connection[Any], snapshot: Snapshot, wanted: list[Count], valid_from_code: int
) -> None:
    """Count the intervals that have a valid value, one by one: only for series that can have several in one."""
    if not wanted:
        return
    unit, obs, joined = observed(snapshot, wanted)
    begins = func.date_bin(unit.c.step, obs.c.time, unit.c.start)
    statement = (
        joined.add_columns(func.count(begins.distinct()).label("filled"))
        .where(obs.c.validity >= valid_from_code)
        .group_by(unit.c.ordinal)
    )
    for found in wanted:
        found.n_filled = 0
    for r in rows(conn, statement):
        wanted[r["ordinal"] - 1].n_filled = r["filled"]


def units(wanted: Sequence[Count]) -> FromClause:
    """Return what is wanted as rows: `ordinal` (from 1), `datastream_id`, `start`, `end`, `step` and `zone` (its SQL name)."""
    instants = ARRAY(TIMESTAMP(timezone=True))
    return (
        func.unnest(
            cast([w.series.id for w in wanted], ARRAY(Integer)),
            cast([w.start for w in wanted], instants),
            cast([w.end for w in wanted], instants),
            cast([w.series.step for w in wanted], ARRAY(INTERVAL)),
            cast([_sql_zone(w.series.zone) for w in wanted], ARRAY(Text)),
        )
        .table_valued(
            column("datastream_id", Integer),
            column("start", TIMESTAMP(timezone=True)),
            column("end", TIMESTAMP(timezone=True)),
            column("step", INTERVAL),
            column("zone", Text),
            with_ordinality="ordinal",
            name="unit",
        )
        .render_derived()
    )


def _sql_zone(zone: tzinfo) -> str:
    """The name of a zone for PostgreSQL; of a fixed one as POSIX has it, in which the sign says the opposite."""
    if not isinstance(zone, timezone):
        return str(zone)
    offset = format_offset(zone)
    return offset if offset == "UTC" else f"<{offset}>{'+' if offset[0] == '-' else '-'}{offset[1:]}"


def observed(
    snapshot: Snapshot, wanted: Sequence[Count], before: timedelta = timedelta(0)
) -> tuple[FromClause, FromClause, Select[Any]]:
    """Return the units, the observations, and their join as a query of `ordinal`.

    Args:
        snapshot: the state to read.
        wanted: series and periods, not empty.
        before: how much is read before each period, beyond it.
    """
    unit = units(wanted)
    used = {w.series.dataset.name: w.series.dataset for w in wanted}
    obs = visible.observations(snapshot, list(used.values()))
    mine = and_(
        obs.c.datastream_id == unit.c.datastream_id,
        obs.c.time >= unit.c.start - literal(before, INTERVAL),
        obs.c.time < unit.c.end,
    )
    statement = (
        select(cast(unit.c.ordinal, BigInteger).label("ordinal"))
        .select_from(unit)
        .join(obs, mine)
        # Constants, so that the planner leaves the other years' partitions alone.
        .where(
            obs.c.time >= literal(min(w.start for w in wanted) - before),
            obs.c.time < literal(max(w.end for w in wanted)),
        )
    )
    return unit, obs, statement


class Candidate(Protocol):
    """What is known of one of the series that can speak for a station."""

    @property
    def series(self) -> Series:
        """The series."""

    @property
    def n_valid(self) -> int:
        """Number of its valid values."""

    @property
    def coverage(self) -> float | None:
        """Share of the expected values that are there and valid."""


C = TypeVar("C", bound=Candidate)


def best(counts: Sequence[C], averaging: Sequence[str]) -> C:
    """Return the series that speaks for a station: the preferred averaging that has valid data, then the best coverage.

    Args:
        counts: what the series of one station and observed property hold in one period; not empty.
        averaging: the averagings, the preferred first.
    """
    return min(
        counts,
        key=lambda c: (
            c.n_valid == 0,
            averaging.index(c.series.averaging),
            -(c.coverage or 0.0),
            c.series.dataset.dataset_id,
            c.series.code,
        ),
    )
