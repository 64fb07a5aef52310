"""Freshness: whether a data set is overdue by what its steward states of how often it is updated.

The rule is this project's own. A data set with a time axis (observations, coverages) is due two of the stated intervals after
its data end: one passes while the next data are measured, one until they are delivered. Any other is due one interval after
its last change. Of several intervals in one statement the longest counts, so that nothing is called overdue that need not be.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ldt.errors import UsageError
from ldt.model.dataset import Shape
from ldt.timerange import Duration, parse_duration

_WORDS = {
    "hourly": Duration(microseconds=3_600_000_000),
    "daily": Duration(days=1),
    "weekly": Duration(days=7),
    "fortnightly": Duration(days=14),
    "monthly": Duration(months=1),
    "quarterly": Duration(months=3),
    "half-yearly": Duration(months=6),
    "yearly": Duration(months=12),
    "annual": Duration(months=12),
    "annually": Duration(months=12),
}
_UNITS = {
    "minute": Duration(microseconds=60_000_000),
    "hour": Duration(microseconds=3_600_000_000),
    "day": Duration(days=1),
    "week": Duration(days=7),
    "month": Duration(months=1),
    "year": Duration(months=12),
}
_NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBERS = {name: number for number, name in enumerate(_NAMES, start=1)}
_STATED = re.compile(
    rf"\b(?P<word>{'|'.join(_WORDS)})\b"
    rf"|\bevery (?:(?P<number>\d{{1,3}}|{'|'.join(_NUMBERS)}) )?(?P<unit>{'|'.join(_UNITS)})s?\b"
    r"|\b(?P<iso>p(?=\d|t\d)[\dtymwdhs.]+)\b"
)
_NEVER = re.compile(r"never|once|not (?:planned|updated)")


@dataclass(frozen=True, slots=True)
class Freshness:
    """Whether a data set is overdue.

    Attributes:
        state: `fresh`, `overdue`, or `unknown` where no interval is stated.
        data_end: when the data end; None where they have no time axis.
        committed: when the version was committed.
        due: from when on it is overdue; None where that cannot be said.
        judged: how that was judged, in words.
    """

    state: Literal["fresh", "overdue", "unknown"]
    data_end: datetime | None
    committed: datetime
    due: datetime | None
    judged: str


def stated_intervals(text: str) -> list[Duration]:
    """Return the intervals that a statement of update frequency names, in its order: `hourly`, `every six years`, `P1D`."""
    found = [_interval(match) for match in _STATED.finditer(text.lower())]
    return [i for i in found if i]


def _interval(match: re.Match[str]) -> Duration | None:
    if match["word"]:
        return _WORDS[match["word"]]
    if match["unit"]:
        number = match["number"] or "1"
        times = _NUMBERS.get(number) or int(number)
        unit = _UNITS[match["unit"]]
        found = Duration(unit.months * times, unit.days * times, unit.microseconds * times)
    else:
        try:
            found = parse_duration(match["iso"].upper())
        except UsageError:
            return None
    # Nothing is updated every hundred years, and much longer ones lead out of the calendar.
    within = found.months <= 1200 and found.days <= 36_525 and found.microseconds <= 3.2e15
    return found if within else None


def judge(
    update_frequency: str | None,
    shape: Shape,
    *,
    committed: datetime,
    time_last: datetime | None,
    now: datetime,
) -> Freshness:
    """Judge the freshness of a data set.

    Args:
        update_frequency: what its steward states: words as in the recipes, or an ISO 8601 duration.
        shape: a feature's life span is no time axis of the data set.
        committed: when the version was committed.
        time_last: when the data end, of a data set with a time axis.
        now: the instant at which it is judged.
    """
    end = None if shape == "feature" else time_last
    if not update_frequency:
        return Freshness("unknown", end, committed, None, "how often it is updated is not stated")
    intervals = stated_intervals(update_frequency)
    if not intervals:
        if _NEVER.fullmatch(update_frequency.strip().lower()):
            return Freshness(
                "fresh", end, committed, None, "it is not updated any more, so it cannot be overdue"
            )
        return Freshness(
            "unknown", end, committed, None, f"“{update_frequency}” names no interval to judge it by"
        )
    longest = max(intervals, key=lambda i: i.after(committed))
    if end is not None:
        due = longest.after(longest.after(end))
        rule = f"“{update_frequency}”: due two intervals ({longest.text()}) after the data end"
    else:
        due = longest.after(committed)
        rule = f"“{update_frequency}”: due one interval ({longest.text()}) after the last change"
    return Freshness("overdue" if now > due else "fresh", end, committed, due, rule)
