"""When a coverage is of: the steps of its time axis as instants, or the period that recipe or file name state."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from typing import Any

import numpy as np
import xarray as xr
from cftime import num2date  # type: ignore[import-untyped]

from ldt.errors import CheckError, UsageError
from ldt.harmonise.recipe import CoverageMapping
from ldt.sources.source import TimeAxis
from ldt.timerange import Duration, parse_duration, parse_period, parse_zone

#: A zone at the end of `days since 2020-01-01 00:00:00 +01:00`, after the time or after a blank: a date ends like an offset.
_ZONED = re.compile(r"(:\d{2}(\.\d*)?\s*|\d\s+)(Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)$", re.IGNORECASE)
#: Last two digits of the first year that a name may mean.
_OLDEST = 72


#: Calendars of the CF Conventions (1.11, section 4.4.1) whose dates are those of everyday, and others that models count in. Dates of the
#: others are taken as they stand, where there are such days.
_EVERYDAY = frozenset({"standard", "gregorian", "proleptic_gregorian"})
_OTHERS = {
    "noleap": "has no 29 February",
    "365_day": "has no 29 February",
    "all_leap": "has a 29 February in each year",
    "366_day": "has a 29 February in each year",
    "360_day": "has months of 30 days",
}


@dataclass(frozen=True, slots=True)
class Times:
    """When a coverage is of.

    Attributes:
        first, last: the period `[first, last)`; None where nothing is known.
        steps: the beginnings of the steps, in UTC; empty where there is no time axis.
        averaging: ISO 8601 duration of a step; None where there is no time axis.
        note: what was done to the axis, or why nothing is known.
    """

    first: datetime | None = None
    last: datetime | None = None
    steps: tuple[datetime, ...] = ()
    averaging: str | None = None
    note: str | None = None


def times_of(mapping: CoverageMapping, name: str, axis: TimeAxis | None) -> Times:
    """Return when a file's coverage is of.

    The bounds of the file's steps say what a step stands for, else the recipe does; fields that the file calls those of instants need
    neither. An axis of one step gives way to a period that the recipe states, if that does not say what a step stands for.

    Args:
        mapping: what the recipe says.
        name: of the file.
        axis: the file's time axis, if it has one.

    Raises:
        CheckError: the axis or the period cannot be read, nothing says what a step stands for, or file and recipe differ in it.
    """
    zone = parse_zone(mapping.zone) if mapping.zone else UTC
    stated = mapping.period is not None or mapping.period_pattern is not None
    if axis is None or (len(axis.values) == 1 and stated and mapping.averaging is None):
        return _stated(mapping, name)
    calendar = _OTHERS.get(axis.calendar.strip().lower())
    notes = [f"its calendar {calendar}: dates are taken as they stand"] if calendar else []
    if axis.bounds:
        steps, ends = (_instants(axis, [b[i] for b in axis.bounds], zone) for i in (0, 1))
        duration = _length(axis, steps, ends, zone)
        # A recipe for instants does not say that there are no intervals: it says nothing of them.
        if (stated_length := parse_duration(mapping.averaging or "PT0S")) and stated_length != duration:
            raise CheckError(
                f"by the bounds of its times a step is {duration.text()}, by the recipe {mapping.averaging}",
                remedy="correct coverage.averaging in the recipe, or take the recipe that fits",
            )
        last = ends[-1]
    else:
        duration = _stands_for(mapping, axis)
        steps, moved = _beginnings(mapping, duration, _instants(axis, axis.values, zone), zone)
        notes += [moved] if moved else []
        last = duration.after(steps[-1].astimezone(zone)).astimezone(UTC)
    _check_order(steps)
    averaging = duration.text() if axis.bounds else mapping.averaging or duration.text()
    return Times(steps[0], last, steps, averaging, "; ".join(notes) or None)


def _stands_for(mapping: CoverageMapping, axis: TimeAxis) -> Duration:
    if mapping.averaging is None and not axis.instants:
        raise CheckError(
            "the file has a time axis, and the recipe does not say what a step of it stands for",
            remedy="state coverage.averaging (P1D, PT1H; PT0S for instants)",
        )
    return parse_duration(mapping.averaging or "PT0S")


def _beginnings(
    mapping: CoverageMapping, duration: Duration, steps: tuple[datetime, ...], zone: tzinfo
) -> tuple[tuple[datetime, ...], str | None]:
    """Return the beginnings of steps whose times may be another moment in them, and what was done."""
    if mapping.stamp == "end" and duration:
        back = Duration(-duration.months, -duration.days, -duration.microseconds)
        moved = tuple(back.after(s.astimezone(zone)).astimezone(UTC) for s in steps)
        return moved, "the file gives the end of each step; here it is its beginning"
    if duration == Duration(days=1) and all(_at_noon(s, zone) for s in steps):
        moved = tuple(s - timedelta(hours=12) for s in steps)
        return moved, "the file gives the middle of each day; here it is its beginning"
    if duration in (Duration(months=1), Duration(months=12)):
        local = [s.astimezone(zone) for s in steps]
        yearly = duration.months == 12
        firsts = [m.replace(month=1 if yearly else m.month, day=1, hour=0, minute=0, second=0) for m in local]
        if firsts != local:
            moved = tuple(m.astimezone(UTC) for m in firsts)
            return moved, "the file gives a day within each step; here it is its beginning"
    return steps, None


def _length(
    axis: TimeAxis, steps: tuple[datetime, ...], ends: tuple[datetime, ...], zone: tzinfo
) -> Duration:
    """Return what steps stand for, told by their bounds: months or years, else an exact length.

    Raises:
        CheckError: they are not of one length.
    """
    pairs = [(s.astimezone(zone), e.astimezone(zone)) for s, e in zip(steps, ends, strict=True)]
    for months in (12, 3, 1):
        if all(s.day == 1 and Duration(months=months).after(s) == e for s, e in pairs):
            return Duration(months=months)
    # As the file's own calendar counts: where it has no 29 February, the day before lasts until 1 March.
    zero = _decoded(axis, [0.0])[0]
    seconds = {round((m - zero).total_seconds()) for m in _decoded(axis, [b - a for a, b in axis.bounds])}
    if len(seconds) > 1 or min(seconds) <= 0:
        raise CheckError(
            "the bounds of its times are not of one length, or overlap: sums from the beginning of a forecast are such",
            remedy="take the sums of one step, as with the option `select: {step: 24}`, or make them differences",
        )
    (length,) = seconds
    days, rest = divmod(length, 86_400)
    return Duration(microseconds=length * 1_000_000) if rest else Duration(days=days)


def _check_order(steps: tuple[datetime, ...]) -> None:
    if any(b <= a for a, b in pairwise(steps)):
        raise CheckError("its time axis is not ascending, or has gaps", remedy="sort the steps of the file")


def _stated(mapping: CoverageMapping, name: str) -> Times:
    """Return the period that the name of the file or the recipe states; its midnights are those of UTC, as the year is what is meant."""
    found = re.search(mapping.period_pattern, name) if mapping.period_pattern else None
    texts = [found.group(1), found.groupdict().get("last")] if found else [mapping.period]
    named = [_year(text) for text in texts if text]
    if not named:
        return Times(note="neither the recipe nor the name of the file tells its period")
    try:
        periods = [parse_period(text, UTC) for text in named]
    except UsageError as e:
        raise CheckError(e.message, remedy=e.remedy) from e
    first, last = periods[0].start, periods[-1].end
    if last <= first:
        raise CheckError(
            f"its name tells a period from {named[0]} to {named[-1]}",
            remedy="correct coverage.period_pattern in the recipe",
        )
    return Times(first, last)


def _year(text: str) -> str:
    """Return a year with four digits: land is observed from space since 1972, so `72` to `99` are of that century."""
    return text if not re.fullmatch(r"\d\d", text) else f"{'19' if int(text) >= _OLDEST else '20'}{text}"


def _instants(axis: TimeAxis, values: Sequence[float], zone: tzinfo) -> tuple[datetime, ...]:
    """Return times of an axis, to the second. Without a zone of its own it is in `zone`; by the CF Conventions, UTC.

    Raises:
        CheckError: units or calendar are not understood, or a date is not in our calendar (30 February).
    """
    own = UTC if _ZONED.search(axis.units.strip()) else zone
    found = []
    for moment in _decoded(axis, values):
        try:
            local = datetime(
                moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second, tzinfo=own
            )
        except ValueError as e:
            raise CheckError(
                f"its calendar {axis.calendar!r} has a day that there is not: {moment.year}-{moment.month:02}-{moment.day:02}",
                remedy="convert the file to the standard calendar (cdo, xarray's convert_calendar), or take a part without that day",
            ) from e
        found.append((local + timedelta(seconds=moment.microsecond >= 500_000)).astimezone(UTC))
    return tuple(found)


def _decoded(axis: TimeAxis, values: Sequence[float]) -> list[Any]:
    """Return times as the file's own calendar counts them: datetimes, or those of cftime, which have the same parts."""
    calendar = axis.calendar.strip().lower()
    if calendar not in _EVERYDAY and calendar not in _OTHERS:
        raise CheckError(
            f"its calendar is {axis.calendar!r}, which is not mapped",
            remedy=f"the calendars {', '.join(sorted(_EVERYDAY | _OTHERS.keys()))} are; convert the file",
        )
    try:
        if calendar in _OTHERS:
            return list(num2date(list(values), axis.units, calendar, only_use_cftime_datetimes=True))
        attributes = {"units": axis.units, "calendar": calendar}
        coded = xr.Dataset({"time": ("time", np.array(values, dtype=np.float64), attributes)})
        decoded = xr.decode_cf(coded)["time"].values.astype("datetime64[ms]")
    except (ValueError, OverflowError, TypeError) as e:
        raise CheckError(
            f"its time axis cannot be read: {axis.units!r}, calendar {axis.calendar!r}",
            remedy="correct the attribute `units` of the axis: `days since 2020-01-01`",
        ) from e
    if len(decoded) == 0 or np.isnat(decoded).any():
        raise CheckError("its time axis is not ascending, or has gaps", remedy="sort the steps of the file")
    return list((decoded + np.timedelta64(500, "ms")).astype("datetime64[s]").tolist())


def _at_noon(moment: datetime, zone: tzinfo) -> bool:
    local = moment.astimezone(zone)
    return (local.hour, local.minute, local.second) == (12, 0, 0)
