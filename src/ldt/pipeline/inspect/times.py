"""When the records of a layer are: the column that tells, the span, the zone, and whether clocks change in it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

from ldt.pipeline.inspect.clocks import Clock, clock_column
from ldt.pipeline.inspect.columns import quoted
from ldt.pipeline.inspect.profile import Column, Profile, has_offset
from ldt.sources.source import Batch

#: Words that names of columns of time have, in the languages of Europe's open data.
_WORDS = re.compile(
    r"(?i)(^|[^a-z])(time|timestamp|datetime|date|datum|zeit|zeitpunkt|zeitstempel|tag|day|begin|beginn|start|from|von|messzeit|"
    r"mess_?datum|observed|phenomenontime|resulttime|dateobserved|fecha|hora|data|ora|key|heure|jour|uhrzeit|utc|stunde|hour)([^a-z]|$)"
    r"|(time|date|datum|zeit|stamp|iso8601)$|^(date|time|datum|zeit|timestamp)"
)
_EPOCH = (631_152_000, 4_102_444_800)  # 1990 to 2100
#: Times that are looked at to find the step and the changes of the clocks.
_LOOKED_AT = 200_000


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The column that tells when, and how.

    Attributes:
        name: the column.
        how: `iso`, `epoch` (seconds), `epoch-ms`, or a pattern of `strptime`.
        clock: the column with the time of day, where `name` is a date.
        naive: whether it leaves its zone open.
    """

    name: str
    how: str
    clock: Clock | None = None
    naive: bool = True


def time_column(found: Profile) -> TimeColumn | None:
    """Return the column that most likely tells when a record is; None if there is none."""
    ranked: list[tuple[int, int, TimeColumn]] = []
    for place, column in enumerate(found.columns.values()):
        if not column.filled or (one := _as_time(column)) is None:
            continue
        named = _WORDS.search(column.name.replace("_", " ")) is not None
        if one.how.startswith("%Y%m") and "-" not in one.how and not named:
            continue  # eight digits are a date only where the name says so
        if (one.how == "%Y-%m" or one.how.startswith("epoch")) and not named:
            continue
        begin = (
            re.search(r"(?i)end|to$|bis|changed|modif|updated|version|import|created", column.name) is None
        )
        exact = column.name.lower() in {"time", "timestamp", "datetime", "date"}
        ranked.append((4 * begin + 2 * named + exact + (one.how == "iso"), -place, one))
    if not ranked:
        return None
    best = max(ranked, key=lambda r: r[:2])[2]
    column = found.columns[best.name]
    if column.kind == "date" or best.how in {"%d.%m.%Y", "%d/%m/%Y", "%Y%m%d", "%Y/%m/%d"}:
        clock = clock_column(found)
        return TimeColumn(best.name, best.how, clock, not (clock and clock.zoned))
    return best


def _as_time(column: Column) -> TimeColumn | None:
    if column.kind == "date-time":
        naive = not (column.zoned if column.typed else has_offset(column.low or ""))
        return TimeColumn(column.name, "iso", naive=naive)
    if column.kind == "date":
        return TimeColumn(column.name, "iso")
    if column.pattern and (column.kind != "integer" or _plausible(column)):
        return TimeColumn(column.name, column.pattern)
    if column.kind == "integer" and column.low and column.high:
        low, high = column.low, column.high
        for how, scale in (("epoch", 1), ("epoch-ms", 1000)):
            try:
                if _EPOCH[0] * scale <= int(low) <= int(high) <= _EPOCH[1] * scale:
                    return TimeColumn(column.name, how, naive=False)
            except ValueError:
                return None
    return None


def _plausible(column: Column) -> bool:
    """Whether digits can be a date: its year between 1750 and 2150."""
    years = [int(v[:4]) for v in (column.low, column.high) if v and v[:4].isdigit()]
    return len(years) == 2 and all(1750 <= y <= 2150 for y in years)


def parse(text: str, how: str) -> datetime | None:
    """Return a time as it stands (naive where it leaves its zone open), or None if it is none."""
    try:
        if how.startswith("epoch"):
            return datetime.fromtimestamp(int(text) / (1000 if how == "epoch-ms" else 1), UTC)
        if how == "iso":
            return datetime.fromisoformat(text.strip().replace(",", ".").replace(" +", "+"))
        return datetime.strptime(text.strip(), how)  # noqa: DTZ007 - naive on purpose
    except (ValueError, OverflowError, OSError):
        return None


@dataclass(slots=True)
class Span:
    """When the records are; JSON-ready by `summary`."""

    begin: str
    end: str
    zone: str | None
    column: str
    notes: list[str]
    step: timedelta | None = None

    def summary(self) -> dict[str, Any]:
        """Return `{begin, end, zone, column}`."""
        return {"begin": self.begin, "end": self.end, "zone": self.zone, "column": self.column}


def says_utc(name: str) -> bool:
    """Whether a column is called after UTC."""
    return re.search(r"(?i)(^|[_ ([-])utc($|[_ )\]-])", name) is not None


def time_sql(column: TimeColumn) -> str:
    """Return SQL of the times that a column tells, and the clock beside it."""
    name = quoted(column.name)
    if column.how.startswith("epoch"):
        return f"to_timestamp({name}::BIGINT{' / 1000' if column.how == 'epoch-ms' else ''})"
    date = name if column.how == "iso" else f"strptime(trim({name}::VARCHAR), '{column.how}')"
    return column.clock.sql(f"{date}::DATE") if column.clock else date


def span(batches: Iterable[Batch], column: TimeColumn) -> Span | None:
    """Return when the records are, from the values of their column of time."""
    times: list[datetime] = []
    offsets: Counter[str] = Counter()
    read = 0
    for batch in batches:
        names = batch.records.schema.names
        if column.name not in names:
            continue
        values = batch.records.column(column.name).to_pylist()
        clocks = batch.records.column(column.clock.name).to_pylist() if column.clock else None
        for place, value in enumerate(values):
            one = _value(value, column, clocks[place] if clocks else None)
            if one is not None:
                times.append(one)
                offsets[_offset(one)] += 1
        read += batch.records.num_rows
        if read >= _LOOKED_AT:
            break
    if not times:
        return None
    named = [column.name, column.clock.name if column.clock else ""]
    if any(map(says_utc, named)) and all(t.tzinfo is None for t in times):
        times = [t.replace(tzinfo=UTC) for t in times]
        offsets = Counter({"UTC": len(times)})
    naive = [t for t in times if t.tzinfo is None]
    zone = None if naive else next(iter(offsets)) if len(offsets) == 1 else "several offsets"
    ordered = sorted(times, key=lambda t: t.replace(tzinfo=t.tzinfo or UTC))
    step = _step(ordered)
    notes = clock_changes(naive, step) if naive else []
    if naive:
        notes.insert(0, f"the times in {column.name!r} are without zone: the recipe must state it (`zone`)")
    return Span(_text(ordered[0]), _text(ordered[-1]), zone, column.name, notes, step)


def _value(value: Any, column: TimeColumn, clock: Any) -> datetime | None:
    if value is None:
        return None
    if isinstance(value, datetime):
        return value
    if isinstance(value, date):
        value, how = value.isoformat(), "iso"
    else:
        value, how = str(value), column.how
    one = parse(value, how)
    if one is not None and clock is not None and column.clock is not None:
        one = column.clock.at(one, str(clock)) or one
    return one


def _offset(one: datetime) -> str:
    if one.tzinfo is None:
        return ""
    offset = one.utcoffset()
    if not offset:
        return "UTC"
    minutes = int(offset.total_seconds() // 60)
    return f"{'+' if minutes > 0 else '-'}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


def _text(one: datetime) -> str:
    return one.isoformat().replace("+00:00", "Z")


def _step(ordered: list[datetime]) -> timedelta | None:
    """Return the step that most neighbours are apart, if half of them are."""
    gaps = Counter(
        gap for a, b in pairwise(ordered) if (a.tzinfo is None) == (b.tzinfo is None) and (gap := b - a)
    )
    if not gaps:
        return None
    gap, count = gaps.most_common(1)[0]
    return gap if count * 2 > sum(gaps.values()) else None


def clock_changes(times: list[datetime], step: timedelta | None) -> list[str]:
    """Tell what a regular series of naive times shows on the days when European clocks change.

    A day in local time lacks an hour in March and has one twice in October; in UTC, or winter time all year, it has neither.
    """
    if step is None or not timedelta(minutes=1) <= step <= timedelta(hours=1):
        return []
    usual, hour = timedelta(days=1) // step, timedelta(hours=1) // step
    by_day = Counter(t.date() for t in times)
    unit = {900: "quarter-hours", 1800: "half-hours", 3600: "hours", 60: "minutes"}.get(
        int(step.total_seconds()), "steps"
    )
    notes = []
    for day in sorted(d for d in by_day if d in {_last_sunday(d.year, 3), _last_sunday(d.year, 10)}):
        count = by_day[day]
        around = [by_day.get(day - timedelta(days=n), 0) for n in (1, 2)]
        if max(around, default=0) and max(around) > usual:
            continue  # several series in one file
        if day.month == 3 and usual - hour <= count < usual - hour + max(1, hour // 2):
            notes.append(
                f"{day} has {count} of {usual} {unit}: local time that changes to summer time (zone such as Europe/Berlin)"
            )
        elif day.month == 10 and count == usual + hour:
            notes.append(f"{day} has {count} {unit}: local time, the hour of the change is there twice")
        elif count == usual:
            what = "its second 2 o'clock is lost" if day.month == 10 else "no hour is missing"
            notes.append(f"{day} has {count} {unit}: UTC or winter time all year, or local time and {what}")
    return notes


def _last_sunday(year: int, month: int) -> date:
    last = date(year, month, 31)
    return last - timedelta(days=(last.weekday() + 1) % 7)
