"""The time of day in a column of its own, beside that of the date: how it is written, in Python and in SQL.

=========  ===================================  =========================================================
`how`      written as                           the column must be called so
=========  ===================================  =========================================================
`clock`    `9:05`, `09:05:30`, `24:00`          no
`zoned`    `09:05Z`, `09:05:30+01:00`           no
`h`        `9h05`                               no
`digits`   `905`, `0905`, `2400`                yes: `TIME`, `Uhrzeit`, `godzina`
`hour`     `9`, `24`                            yes
=========  ===================================  =========================================================

24:00 is the midnight at the end of the day (ISO 8601, 4.3.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from ldt.pipeline.inspect.columns import quoted
from ldt.pipeline.inspect.profile import Column, Profile

_WRITTEN = {
    "clock": re.compile(r"(?P<h>\d{1,2}):(?P<m>[0-5]\d)(:(?P<s>[0-5]\d)([.,]\d+)?)?"),
    "zoned": re.compile(r"(?P<h>\d{1,2}):(?P<m>[0-5]\d)(:(?P<s>[0-5]\d)([.,]\d+)?)? ?(?P<zone>[Zz]|[+-]\d{2}(:?\d{2})?)"),
    "h": re.compile(r"(?P<h>\d{1,2})[hH](?P<m>[0-5]\d)"),
    "digits": re.compile(r"(?P<h>\d{1,2})(?P<m>[0-5]\d)"),
    "hour": re.compile(r"(?P<h>\d{1,2})"),
}  # fmt: skip
_NAMED = frozenset({"digits", "hour"})
_WORDS = re.compile(
    r"(?i)(^|[^a-z])(time|hours?|hhmm|uhrzeit|zeit|stunde|heure|hora|ora|tijd|uur|klock(en|eslæt)?|tid|czas|godz(ina)?|čas|hodina|idő|óra|kell|kl)([^a-z]|$)"
)


@dataclass(frozen=True, slots=True)
class Clock:
    """A column of times of day, and how they are written."""

    name: str
    how: str

    @property
    def zoned(self) -> bool:
        """Whether they say in which zone they are."""
        return self.how == "zoned"

    def at(self, day: datetime, text: str) -> datetime | None:
        """Return the time of a text on a day, None if the text is none."""
        found = _WRITTEN[self.how].fullmatch(text.strip())
        if found is None or int(found["h"]) > 24:
            return None
        parts = found.groupdict()
        hours, minutes, seconds = (int(parts.get(n) or 0) for n in "hms")
        moment = day.replace(hour=0, minute=0, second=0) + timedelta(
            hours=hours, minutes=minutes, seconds=seconds
        )
        if self.zoned:
            moment = datetime.fromisoformat(f"{moment:%Y-%m-%dT%H:%M:%S}{found['zone'].upper()}")
        return moment

    def sql(self, date: str) -> str:
        """Return SQL of the time on a date, itself SQL of a DATE; a zoned one is text in ISO 8601."""
        text = f"trim({quoted(self.name)}::VARCHAR)"
        match self.how:
            case "zoned":
                return f"{date}::VARCHAR || 'T' || {text}"
            case "h":
                return f"{date} + replace(lower({text}), 'h', ':')::INTERVAL"
            case "digits":
                return f"{date} + to_minutes({text}::INT // 100 * 60 + {text}::INT % 100)"
            case "hour":
                return f"{date} + to_hours({text}::INT)"
        return f"{date} + {text}::INTERVAL"


def clock_column(found: Profile) -> Clock | None:
    """Return the column of a table that tells the time of day; None if there is none. One that is called so goes before others."""
    clocks = [
        (_is_called(column), Clock(column.name, how))
        for column in found.columns.values()
        if (how := _how(column)) is not None
    ]
    return max(clocks, key=lambda c: c[0])[1] if clocks else None


def _is_called(column: Column) -> bool:
    return _WORDS.search(column.name.replace("_", " ")) is not None


def _how(column: Column) -> str | None:
    ends = [v for v in (column.low, column.high) if v is not None]
    texts = column.examples or ends
    if not texts or column.kind in {"date", "date-time"}:
        return None
    for how, form in _WRITTEN.items():
        whole = all((found := form.fullmatch(v)) and int(found["h"]) <= 24 for v in texts)
        in_range = how not in _NAMED or (
            _is_called(column) and all(form.fullmatch(v) for v in ends) and (column.greatest or 0) <= 2400
        )
        if whole and in_range:
            return how
    return None
