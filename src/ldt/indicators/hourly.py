"""Hours: the valid values of series hour by hour, and running means over them, as queries for all series and periods."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import BigInteger, Over, Subquery, and_, case, cast, func, literal, select
from sqlalchemy.dialects.postgresql import INTERVAL, TIMESTAMP
from sqlalchemy.sql.functions import FunctionElement

from ldt.indicators.series import Count, observed, units
from ldt.model.snapshot import Snapshot

HOUR = timedelta(hours=1)


def hours(
    snapshot: Snapshot, wanted: Sequence[Count], valid_from_code: int, before: timedelta = timedelta(0)
) -> Subquery:
    """Return the hours of each period that have a valid value: `ordinal`, `hour` (its beginning), `value`.

    Hours are counted from the beginning of the period; several values in one hour become their mean.

    Args:
        snapshot: the state to read.
        wanted: series and periods, not empty; `ordinal` is the place in it, from 1.
        valid_from_code: least code of validity that counts as valid.
        before: whole hours before each period that are read too.
    """
    unit, obs, joined = observed(snapshot, wanted, before)
    valid = obs.c.validity >= valid_from_code
    if not before and all(w.on_grid for w in wanted):  # most are; binning costs as much as all the rest
        return joined.add_columns(obs.c.time.label("hour"), obs.c.value).where(valid).subquery("hours")
    # The origin must not lie after what is binned: `date_bin` of PostgreSQL 15 is one bin off there.
    origin = unit.c.start - literal(before, INTERVAL)
    hour = func.date_bin(literal(HOUR, INTERVAL), obs.c.time, origin, type_=TIMESTAMP(timezone=True))
    return (
        joined.add_columns(hour.label("hour"), func.avg(obs.c.value).label("value"))
        .where(valid)
        .group_by(unit.c.ordinal, hour)
        .subquery("hours")
    )


def running(
    snapshot: Snapshot, wanted: Sequence[Count], valid_from_code: int, length: int, least: int
) -> Subquery:
    """Return every hour of each period with the mean of the `length` hours that end with it.

    Args:
        snapshot: the state to read.
        wanted: series and periods, not empty.
        valid_from_code: least code of validity that counts as valid.
        length: number of hours; those before the period count too.
        least: how many of them must be valid.

    Returns:
        `ordinal`, `hour`, `value` (of the hour itself, null where there is none) and `mean` (null where it is not valid).
    """
    before = (length - 1) * HOUR
    valid = hours(snapshot, wanted, valid_from_code, before)
    unit = units(wanted)
    step = literal(HOUR, INTERVAL)
    # Every hour, so that those without a value take their place in the windows.
    grid = select(
        cast(unit.c.ordinal, BigInteger).label("ordinal"),
        unit.c.start,
        func.generate_series(unit.c.start - literal(before, INTERVAL), unit.c.end - step, step).label("hour"),
    ).subquery("grid")

    def over(function: FunctionElement[Any]) -> Over[Any]:
        return function.over(partition_by=grid.c.ordinal, order_by=grid.c.hour, rows=(1 - length, 0))

    windowed = (
        select(
            *grid.c,
            valid.c.value,
            over(func.avg(valid.c.value)).label("mean"),
            over(func.count(valid.c.value)).label("n"),
        )
        .select_from(grid)
        .outerjoin(valid, and_(valid.c.ordinal == grid.c.ordinal, valid.c.hour == grid.c.hour))
        .subquery("windowed")
    )
    w = windowed.c
    return (
        select(w.ordinal, w.hour, w.value, case((w.n >= least, w.mean)).label("mean"))
        .where(w.hour >= w.start)
        .subquery("running")
    )
