"""When a coverage is of: the steps of its time axis as instants, or the period that recipe or file name state."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

import numpy as np
import xarray as xr

from ldt.errors import CheckError, UsageError
from ldt.harmonise.recipe import CoverageMapping
from ldt.sources.source import TimeAxis
from ldt.timerange import Duration, parse_duration, parse_period, parse_zone

#: A zone at the end of `days since 2020-01-01 00:00:00 +01:00`, after the time or after a blank: a date ends like an offset.
_ZONED = re.compile(r"(:\d{2}(\.\d*)?\s*|\d\s+)(Z|UTC|GMT|[+-]\d{1,2}(:?\d{2})?)$", re.IGNORECASE)
#: Last two digits of the first year that a name may mean.
_OLDEST = 72


@dataclass(frozen=True, slots=True)
class Times:
    """When a coverage is of.

    Attributes:
        first, last: the period `[first, last)`; None where nothing is known.
        steps: the beginnings of the steps, in UTC; empty where there is no time axis.
        note: what was done to the axis, or why nothing is known.
    """

    first: datetime | None = None
    last: datetime | None = None
    steps: tuple[datetime, ...] = ()
    note: str | None = None


def times_of(mapping: CoverageMapping, name: str, axis: TimeAxis | None) -> Times:
    """Return when a file's coverage is of.

    An axis of one step gives way to a period that the recipe states, if that does not say what a step stands for.

    Args:
        mapping: what the recipe says.
        name: of the file.
        axis: the file's time axis, if it has one.

    Raises:
        CheckError: the axis or the period cannot be read, or the recipe does not say what a step stands for.
    """
    zone = parse_zone(mapping.zone) if mapping.zone else UTC
    stated = mapping.period is not None or mapping.period_pattern is not None
    if axis is None or (len(axis.values) == 1 and stated and mapping.averaging is None):
        return _stated(mapping, name)
    if mapping.averaging is None:
        raise CheckError(
            "the file has a time axis, and the recipe does not say what a step of it stands for",
            remedy="state coverage.averaging (P1D, PT1H; PT0S for instants)",
        )
    duration = parse_duration(mapping.averaging)
    steps = _instants(axis, zone)
    note = None
    if duration == Duration(days=1) and all(_at_noon(s, zone) for s in steps):
        steps = tuple(s - timedelta(hours=12) for s in steps)
        note = "the file gives the middle of each day; here it is its beginning"
    return Times(steps[0], duration.after(steps[-1].astimezone(zone)).astimezone(UTC), steps, note)


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


def _instants(axis: TimeAxis, zone: tzinfo) -> tuple[datetime, ...]:
    """Return the instants of a time axis, to the second. Without a zone of its own it is in `zone`; by the CF Conventions, UTC."""
    attributes = {"units": axis.units, "calendar": axis.calendar}
    coded = xr.Dataset({"time": ("time", np.array(axis.values, dtype=np.float64), attributes)})
    try:
        decoded = xr.decode_cf(coded)["time"].values.astype("datetime64[ms]")
    except (ValueError, OverflowError, TypeError) as e:
        raise CheckError(
            f"its time axis cannot be read: {axis.units!r}, calendar {axis.calendar!r}",
            remedy="only the standard calendar is understood; convert the file",
        ) from e
    if len(decoded) == 0 or np.isnat(decoded).any() or (np.diff(decoded) <= np.timedelta64(0)).any():
        raise CheckError("its time axis is not ascending, or has gaps", remedy="sort the steps of the file")
    moments: list[datetime] = (decoded + np.timedelta64(500, "ms")).astype("datetime64[s]").tolist()
    own = UTC if _ZONED.search(axis.units.strip()) else zone
    return tuple(m.replace(tzinfo=own).astimezone(UTC) for m in moments)


def _at_noon(moment: datetime, zone: tzinfo) -> bool:
    local = moment.astimezone(zone)
    return (local.hour, local.minute, local.second) == (12, 0, 0)
