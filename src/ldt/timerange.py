"""Instants, intervals, durations, periods and zones: one small, total parser for each.

Every malformed case has its own message (:class:`~ldt.errors.UsageError`), and what is read can be written again:
`parse_instant(format_instant(i)) == i`, and likewise for intervals, durations and periods.

Intervals of data are `[start, end)`. The bounds of an OGC `datetime` parameter are inclusive (OGC 17-069r4, 7.15.3).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from ldt.errors import UsageError

_DATE = r"(?P<date>\d{4}-\d{2}-\d{2})"
_DATE_TIME = re.compile(
    _DATE
    + r"[Tt ](?P<time>\d{2}:\d{2}(?::\d{2})?)(?:\.(?P<fraction>\d+))?\s?(?P<zone>[Zz]|[+-]\d{2}:?\d{2})?"
)
_LOST_PLUS = re.compile(r".*\d{2}:\d{2}:\d{2}(\.\d+)? \d{2}:\d{2}")
_OFFSET = re.compile(
    r"(?:UTC|GMT)?\s*(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?", re.IGNORECASE
)
_DURATION = re.compile(
    r"P(?=\d|T\d)(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?"
    r"(?:T(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d{1,6})?)S)?)?"
)
_PERIOD = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:T(\d{2}))?)?)?")
_EXAMPLE = "write it like 2013-01-30T01:00:00Z or 2013-01-30T01:00:00+01:00"


# Zones --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=256)
def parse_zone(text: str) -> tzinfo:
    """Return the time zone that a text names.

    Args:
        text: a fixed offset (`+01:00`, `UTC+01`, `Z`, `UTC`) or an IANA name (`Europe/Berlin`).

    Returns:
        A `datetime.timezone` for a fixed offset (so `isinstance(zone, timezone)` tells the two apart), else a `ZoneInfo`.

    Raises:
        UsageError: it is neither.
    """
    name = text.strip()
    if name.upper() in {"Z", "UTC", "GMT"}:
        return UTC
    if match := _OFFSET.fullmatch(name):
        hours, minutes = int(match["hours"]), int(match["minutes"] or 0)
        if hours > 14 or minutes > 59:
            raise UsageError(
                f"no zone of the world is at {text!r}", remedy="offsets go from -12:00 to +14:00"
            )
        offset = timedelta(hours=hours, minutes=minutes)
        return timezone(-offset if match["sign"] == "-" else offset)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as e:
        raise UsageError(
            f"{text!r} is not a time zone", remedy="write an offset like +01:00 or a name like Europe/Berlin"
        ) from e


def format_offset(zone: timezone) -> str:
    """Return a fixed offset as `+01:00`; UTC is `UTC`."""
    offset = zone.utcoffset(None)
    if not offset:
        return "UTC"
    minutes = int(offset.total_seconds()) // 60
    return f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


# Instants -----------------------------------------------------------------------------------------------------


def parse_instant(text: str, *, naive: tzinfo | None = None) -> datetime:
    """Return the instant that an RFC 3339 text names, in UTC, to the microsecond.

    Blanks in place of `T` and before the offset are read too, since the EEA writes `2013-01-30 01:00:00 +01:00`.

    Args:
        text: date, time and offset.
        naive: zone of a text without an offset; without it, such a text is an error.

    Raises:
        UsageError: with a message of its own for each way of being malformed.
    """
    value = text.strip()
    match = _DATE_TIME.fullmatch(value)
    if match is None:
        if re.fullmatch(_DATE, value):
            raise UsageError(f"{text!r} is a date without a time", remedy=_EXAMPLE)
        if _LOST_PLUS.fullmatch(value):
            raise UsageError(f"{text!r} lost its plus sign", remedy="in an address, + is written %2B")
        raise UsageError(f"{text!r} is not an instant of RFC 3339", remedy=_EXAMPLE)
    moment = _local(match, text)
    zone = match["zone"]
    if zone is not None:
        return (moment.replace(tzinfo=parse_zone(zone))).astimezone(UTC)
    if naive is None:
        raise UsageError(f"{text!r} has no time zone", remedy=_EXAMPLE)
    return moment.replace(tzinfo=naive).astimezone(UTC)


def _local(match: re.Match[str], text: str) -> datetime:
    if match["time"][:2] == "24":
        raise UsageError(f"{text!r}: RFC 3339 has no hour 24", remedy="write 00:00:00 of the next day")
    if match["time"][6:] == "60":
        raise UsageError(f"{text!r} is a leap second, which is not kept", remedy="write second 59")
    try:
        moment = datetime.fromisoformat(f"{match['date']}T{match['time']}")
    except ValueError as e:
        raise UsageError(f"{text!r} is not in the calendar: {e}") from e
    if not 1 < moment.year < 9999:  # an offset must not carry it out of what a datetime can hold
        raise UsageError(f"{text!r}: years from 0002 to 9998 can be kept")
    return moment.replace(microsecond=int((match["fraction"] or "0").ljust(6, "0")[:6]))


def format_instant(moment: datetime) -> str:
    """Return an aware instant as RFC 3339 text in UTC, with as many decimals as it needs.

    Raises:
        UsageError: the instant is naive.
    """
    if moment.tzinfo is None:
        raise UsageError(f"{moment.isoformat()!r} has no time zone", remedy="give it one before writing it")
    return moment.astimezone(UTC).replace(tzinfo=None).isoformat() + "Z"


# Intervals of OGC APIs ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Interval:
    """What an OGC `datetime` parameter asks for. Both bounds are inclusive; None is an open side; equal: an instant."""

    start: datetime | None
    end: datetime | None

    @property
    def instant(self) -> bool:
        """Whether this is one instant."""
        return self.start is not None and self.start == self.end

    def text(self) -> str:
        """Return the canonical text; :func:`parse_interval` reads it back."""
        if self.instant and self.start is not None:
            return format_instant(self.start)
        return "/".join(".." if m is None else format_instant(m) for m in (self.start, self.end))


def parse_interval(text: str) -> Interval:
    """Return the interval that an OGC `datetime` parameter names.

    Args:
        text: `instant`, `start/end`, `../end`, `/end`, `start/..` or `start/`. A date without a time is that whole day in UTC.
            A duration stands for one of the ends (ISO 8601): `start/P2D`, `PT8H/end`, counted from the beginning of a day.

    Raises:
        UsageError: with a message of its own for each way of being malformed.
    """
    value = text.strip()
    if not value:
        raise UsageError("an empty datetime", where="datetime", remedy=_EXAMPLE)
    parts = value.split("/")
    if len(parts) > 2:
        raise UsageError(f"{text!r} has more than two ends", where="datetime", remedy="write start/end")
    if len(parts) == 1:
        if parts[0] == "..":
            raise UsageError("'..' alone is not an interval", where="datetime", remedy="leave datetime out")
        return Interval(_bound(parts[0], last=False), _bound(parts[0], last=True))
    if any(p.startswith("P") for p in parts):
        return _lasting(*parts)
    start, end = _bound(parts[0], last=False), _bound(parts[1], last=True)
    if start is None and end is None:
        raise UsageError(f"{text!r} is open on both sides", where="datetime", remedy="leave datetime out")
    if start is not None and end is not None and end < start:
        raise UsageError(f"{text!r} ends before it starts", where="datetime", remedy="swap its ends")
    return Interval(start, end)


def _lasting(first: str, second: str) -> Interval:
    """Return the interval of which one end is a duration."""
    lasting, forward = (second, True) if second.startswith("P") else (first, False)
    known = _bound(first if forward else second, last=False)
    if known is None:
        raise UsageError(
            f"{first}/{second} has no end to count from", where="datetime", remedy="write start/duration"
        )
    try:
        span = parse_duration(lasting)
        if not forward:
            span = Duration(-span.months, -span.days, -span.microseconds)
        other = span.after(known)
    except (ValueError, OverflowError) as e:
        raise UsageError(f"{first}/{second} leaves the calendar", where="datetime", remedy=_EXAMPLE) from e
    return Interval(known, other) if forward else Interval(other, known)


def _bound(text: str, *, last: bool) -> datetime | None:
    if text in {"", ".."}:
        return None
    if re.fullmatch(_DATE, text):
        day = parse_instant(f"{text}T00:00:00Z")
        return day + timedelta(days=1, microseconds=-1) if last else day
    return parse_instant(text)


# Durations ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Duration:
    """An ISO 8601 duration. Months and days are calendar units (a day of 23 hours is a day); the rest is exact.

    Attributes:
        months: calendar months, years times twelve included.
        days: calendar days, weeks times seven included.
        microseconds: the exact part.
    """

    months: int = 0
    days: int = 0
    microseconds: int = 0

    def __bool__(self) -> bool:
        return bool(self.months or self.days or self.microseconds)

    def text(self) -> str:
        """Return the canonical text: `P1Y`, `P1D`, `PT8H`; `PT60M` becomes `PT1H`, and nothing at all `PT0S`."""
        years, months = divmod(self.months, 12)
        seconds, micro = divmod(self.microseconds, 1_000_000)
        hours, minutes, seconds = seconds // 3600, seconds // 60 % 60, seconds % 60
        second = f"{seconds}.{micro:06d}".rstrip("0") if micro else str(seconds) if seconds else ""
        date = "".join(f"{n}{unit}" for n, unit in ((years, "Y"), (months, "M"), (self.days, "D")) if n)
        time = "".join(
            f"{n}{unit}" for n, unit in ((hours or "", "H"), (minutes or "", "M"), (second, "S")) if n
        )
        return f"P{date}{'T' + time if time else ''}" if date or time else "PT0S"

    def after(self, moment: datetime) -> datetime:
        """Return `moment` plus this duration; months and days are counted in the zone of `moment`.

        A day that the later month does not have becomes its last day, as in XML Schema's appendix E.
        """
        years, month = divmod(moment.month - 1 + self.months, 12)
        year = moment.year + years
        first = datetime(year, month + 1, 1, tzinfo=moment.tzinfo)
        following = datetime(year + (month == 11), (month + 1) % 12 + 1, 1, tzinfo=moment.tzinfo)
        length = (following.replace(tzinfo=None) - first.replace(tzinfo=None)).days
        local = moment.replace(year=year, month=month + 1, day=min(moment.day, length))
        # Within one zone Python adds on the wall clock, which is right for days and wrong for hours.
        local += timedelta(days=self.days)
        if not self.microseconds:
            return local
        return (local.astimezone(UTC) + timedelta(microseconds=self.microseconds)).astimezone(moment.tzinfo)


def parse_duration(text: str) -> Duration:
    """Return the duration that an ISO 8601 text names (`PT1H`, `P1D`, `P1Y`, `PT0S`, `P1Y6M`).

    Raises:
        UsageError: it is not one, or has decimals elsewhere than in the seconds.
    """
    match = _DURATION.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"{text!r} is not a duration of ISO 8601", remedy="write it like PT1H, P1D or P1Y")
    years, months, weeks, days, hours, minutes = (int(g or 0) for g in match.groups()[:6])
    whole, _, fraction = (match.group(7) or "0").partition(".")
    seconds = hours * 3600 + minutes * 60 + int(whole)
    return Duration(
        years * 12 + months,
        weeks * 7 + days,
        seconds * 1_000_000 + int(fraction.ljust(6, "0") if fraction else 0),
    )


# Periods of indicators ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time that a value is computed for: `[start, end)`, both instants in UTC; `text` is how it is written."""

    text: str
    start: datetime
    end: datetime


def parse_period(text: str, zone: tzinfo) -> Period:
    """Return the period that a text names, its days beginning at midnight in `zone`.

    Args:
        text: a year (`2013`), a month (`2013-05`), a day (`2013-05-01`), an hour (`2013-05-01T10`), or two days
            (`2013-01-01/2014-01-01`), the second not included.
        zone: zone of the midnights; for air quality the fixed zone of the station.

    Raises:
        UsageError: with a message of its own for each way of being malformed.
    """
    value = text.strip()
    first, slash, last = value.partition("/")
    start, step = _calendar(first, text)
    if not slash:
        begin = _instant(start, zone, text)
        if step.microseconds:  # an hour passes, whatever the clocks do meanwhile
            return Period(value, begin, begin + timedelta(microseconds=step.microseconds))
        return Period(value, begin, _instant(step.after(start), zone, text))
    if "/" in last:
        raise UsageError(f"{text!r} has more than two ends", where="period", remedy="write start/end")
    end, end_step = _calendar(last, text)
    if step.days != 1 or end_step.days != 1:
        raise UsageError(
            f"{text!r}: both ends must be days", where="period", remedy="write it like 2013-01-01/2014-01-01"
        )
    if end <= start:
        raise UsageError(
            f"{text!r} is empty: its end is not after its start",
            where="period",
            remedy="the end is not included",
        )
    return Period(value, _instant(start, zone, text), _instant(end, zone, text))


def _calendar(text: str, whole: str) -> tuple[datetime, Duration]:
    match = _PERIOD.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{whole!r} is not a period",
            where="period",
            remedy="write 2013, 2013-05, 2013-05-01, 2013-05-01T10 or 2013-01-01/2014-01-01",
        )
    year, month, day, hour = match.groups()
    try:
        moment = datetime(int(year), int(month or 1), int(day or 1), int(hour or 0))  # noqa: DTZ001 a calendar day, its zone comes later
    except ValueError as e:
        raise UsageError(f"{whole!r} is not in the calendar: {e}", where="period") from e
    if not 1 < moment.year < 9998:
        raise UsageError(f"{whole!r}: years from 0002 to 9997 can be kept", where="period")
    if hour:
        return moment, Duration(microseconds=3_600_000_000)
    return moment, Duration(days=1) if day else Duration(months=1) if month else Duration(months=12)


def _instant(local: datetime, zone: tzinfo, text: str) -> datetime:
    moment = local.replace(tzinfo=zone).astimezone(UTC)
    if moment.astimezone(zone).replace(tzinfo=None) != local:
        time = "midnight" if not local.hour else f"{local:%H:%M}"
        raise UsageError(
            f"{text!r}: {local.date()} has no {time} in {zone}", where="period", remedy="use a fixed offset"
        )
    return moment
