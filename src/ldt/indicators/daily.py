"""Days: the statistic of each valid day of series, in one statement for all of them.

A day is a calendar day in the zone of the series. What makes it valid: 18 of its hours for a mean; for the highest 8-hour
mean 18 of the running means that end in it, each of at least 6 valid hours (Directive 2008/50/EC Annexes VII and XI: 75 %).
A series of daily values is taken as delivered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Date, FromClause, Select, case, cast, func, literal, select, true
from sqlalchemy.dialects.postgresql import INTERVAL, TIMESTAMP, aggregate_order_by

from ldt.indicators.hourly import HOUR, hours, running
from ldt.indicators.request import rows
from ldt.indicators.series import Count, Series, observed, units
from ldt.model.law import Days
from ldt.model.snapshot import Snapshot
from ldt.timerange import format_instant

#: Statistics of a day (`formula.statistic`).
MEAN, MAX_8H, VALUE = "mean", "maximum 8-hour mean", "value"
#: Averagings of observations: hours, running means of eight hours as delivered, days.
HOURS, RUNNING, DAYS = "PT1H", "PT8H", "P1D"
#: How many hours (or running means) a valid day has, and how many hours a valid running mean.
DAY_LEAST, RUNNING_LEAST = 18, 6
_BEFORE = 7 * HOUR


@dataclass(slots=True)
class Daily:
    """The days of a series in a period.

    Attributes:
        counted: what the series holds in the period, by flag.
        statistic: what is made of a day.
        n_valid: its valid values in the period: hours, running means or days.
        values: the statistic of each valid day.
    """

    counted: Count
    statistic: str
    n_valid: int = 0
    values: dict[date, float] = field(default_factory=dict)

    @property
    def series(self) -> Series:
        """The series."""
        return self.counted.series

    @property
    def period(self) -> str:
        """The period as it is written."""
        return self.counted.period

    @property
    def first(self) -> date:
        """The first day of the period."""
        return self.counted.start.astimezone(self.series.zone).date()

    @property
    def n_days(self) -> int:
        """How many days the period has."""
        return (self.counted.end.astimezone(self.series.zone).date() - self.first).days

    @property
    def n_expected(self) -> int:
        """How many valid values a complete period has."""
        if self.series.averaging == DAYS:
            return self.n_days
        return int((self.counted.end - self.counted.start) / HOUR)

    @property
    def coverage(self) -> float:
        """Share of the expected values that are there and valid."""
        return min(1.0, self.n_valid / self.n_expected)

    @property
    def read(self) -> tuple[datetime, datetime]:
        """The observations that are read for the period begin in `[from, to)`: windows reach back into the day before."""
        start, end = self.counted.start, self.counted.end
        if self.series.averaging == RUNNING:
            return start - _BEFORE, end - _BEFORE
        windows = self.statistic == MAX_8H and self.series.averaging == HOURS
        return start - _BEFORE if windows else start, end

    def months(self) -> dict[int, float]:
        """Return the share of valid days of each month of the year that has any; of a period of one year."""
        valid = {m: len(list(group)) for m, group in groupby(sorted(d.month for d in self.values))}
        days = [(self.first + timedelta(days=i)).month for i in range(self.n_days)]
        return {m: n / days.count(m) for m, n in valid.items()}

    def year(self) -> Days:
        """Return what the law looks at; of a period that is a calendar year."""
        return Days(int(self.period), self.coverage, list(self.values.values()), self.months())

    def summary(self, *, used: bool) -> dict[str, Any]:
        """Return what the quality of a value says of the series; `read` is where its observations begin, if elsewhere."""
        found = {
            **self.counted.summary(used=used),
            "n_valid": self.n_valid,
            "n_expected": self.n_expected,
            "coverage": self.coverage,
            "n_days": len(self.values),
        }
        if self.read != (self.counted.start, self.counted.end):
            found["read"] = [format_instant(moment) for moment in self.read]
        return found


def daily(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    counts: Sequence[Count],
    statistic: str,
    valid_from_code: int,
) -> list[Daily]:
    """Return the days of each series and period, in the order given.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        counts: series and periods, as :func:`ldt.indicators.series.count` returns them.
        statistic: :data:`MEAN`, :data:`MAX_8H` or :data:`VALUE`.
        valid_from_code: least code of validity that counts as valid.
    """
    found = [Daily(c, statistic) for c in counts]
    for averaging in (HOURS, RUNNING, DAYS):
        # Windows that reach back before an empty period make no valid day in it.
        alike = [d for d in found if d.series.averaging == averaging and d.counted.n_valid]
        if not alike:
            continue
        wanted = [d.counted for d in alike]
        days = _days(snapshot, wanted, averaging, statistic, valid_from_code).subquery("days")
        valid = days.c.value.is_not(None)
        statement = select(
            days.c.ordinal,
            func.sum(days.c.n).label("n"),
            func.array_agg(aggregate_order_by(days.c.day, days.c.day)).filter(valid).label("days"),
            func.array_agg(aggregate_order_by(days.c.value, days.c.day)).filter(valid).label("values"),
        ).group_by(days.c.ordinal)
        for r in rows(conn, statement):
            one = alike[r["ordinal"] - 1]
            one.n_valid = int(r["n"])
            one.values = dict(zip(r["days"] or (), r["values"] or (), strict=True))
    return found


def _days(
    snapshot: Snapshot, wanted: list[Count], averaging: str, statistic: str, valid_from_code: int
) -> Select[Any]:
    """Return `ordinal`, `day`, `value` (null on a day that is not valid) and `n` (its valid values)."""
    if averaging == HOURS and statistic == MAX_8H:
        means = running(snapshot, wanted, valid_from_code, 8, RUNNING_LEAST)
        n = func.count(means.c.value)
        enough = func.count(means.c.mean) >= DAY_LEAST
        return _by_day(means, units(wanted), means.c.hour, func.max(means.c.mean), enough, n)
    if averaging == HOURS:
        valid = hours(snapshot, wanted, valid_from_code)
        n = func.count()
        return _by_day(valid, units(wanted), valid.c.hour, func.avg(valid.c.value), n >= DAY_LEAST, n)
    # As delivered. A running mean belongs to the hour that it ends with; a day to the date on which it begins.
    before = _BEFORE if averaging == RUNNING else timedelta(0)
    unit, obs, joined = observed(snapshot, wanted, before)
    last = obs.c.time + literal(before, INTERVAL)
    hour = func.date_bin(literal(HOUR, INTERVAL), last, unit.c.start, type_=TIMESTAMP(timezone=True))
    delivered = (
        joined.add_columns(hour.label("hour"), obs.c.value)
        .where(obs.c.validity >= valid_from_code, last >= unit.c.start, last < unit.c.end)
        .subquery("delivered")
    )
    value = delivered.c.value
    if averaging == RUNNING:
        n = func.count(delivered.c.hour.distinct())
        return _by_day(delivered, units(wanted), delivered.c.hour, func.max(value), n >= DAY_LEAST, n)
    return _by_day(delivered, units(wanted), delivered.c.hour, func.avg(value), true(), literal(1))


def _by_day(
    source: FromClause,
    unit: FromClause,
    hour: ColumnElement[Any],
    value: ColumnElement[Any],
    enough: ColumnElement[bool],
    n: ColumnElement[int],
) -> Select[Any]:
    day = cast(func.timezone(unit.c.zone, hour), Date)
    return (
        select(source.c.ordinal, day.label("day"), case((enough, value)).label("value"), n.label("n"))
        .select_from(source.join(unit, unit.c.ordinal == source.c.ordinal))
        .group_by(source.c.ordinal, day)
    )
