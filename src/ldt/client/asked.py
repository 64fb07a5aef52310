"""From what a notebook says to what a service is asked."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

#: A day (`2025-01-01`, its midnight in UTC) or an instant with its zone.
Moment = str | date | datetime


def listed(values: Any) -> str | None:
    """Return one or several values as a list with commas, None for none."""
    if values is None or isinstance(values, str | int):
        return None if values is None else str(values)
    return ",".join(str(v) for v in values)


def instant(moment: Moment | None) -> datetime | None:
    """Return a moment as an aware instant; a day is its midnight in UTC. Raises ValueError for an instant without a zone."""
    if moment is None:
        return None
    if isinstance(moment, str):
        moment = date.fromisoformat(moment) if len(moment) == 10 else datetime.fromisoformat(moment)
    if not isinstance(moment, datetime):
        return datetime(moment.year, moment.month, moment.day, tzinfo=UTC)
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone: write {moment}+00:00, or a day alone")
    return moment.astimezone(UTC)


def interval(start: datetime | None, end: datetime | None) -> str | None:
    """Return the `datetime` parameter for [start, end); both ends of the parameter are included."""
    if start is None and end is None:
        return None
    last = end - timedelta(microseconds=1) if end else None
    return "/".join(m.isoformat().replace("+00:00", "Z") if m else ".." for m in (start, last))
