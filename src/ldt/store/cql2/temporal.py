"""Dates, timestamps and intervals (21-065r2, 6.3.1 and 7.7), and the relations between them.

Intervals are closed at both ends; `..` is infinity. Where a date meets a timestamp, the timestamp counts as the day (in UTC) on
which it lies: 21-065r2, 7.7.4 leaves the choice to the server, and so `updated <= DATE('2022-04-16')` holds all day.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any, Literal

from sqlalchemy import Date, DateTime, and_, cast, func, literal, or_

from ldt.errors import UsageError
from ldt.store.cql2.operand import FilterKind, Operand, a, problem, weighed
from ldt.timerange import parse_instant

Granularity = Literal["date", "timestamp"]

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_TIMESTAMP = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
_TYPES: dict[FilterKind, Any] = {"date": Date(), "timestamp": DateTime(timezone=True)}


def instant(kind: FilterKind, text: Any) -> Operand:
    """Return the operand of a date (`2022-04-16`) or timestamp (`2022-04-16T10:13:19Z`).

    Raises:
        UsageError: it is written otherwise, or names no day of the calendar.
    """
    pattern, example = (_DATE, "2022-04-16") if kind == "date" else (_TIMESTAMP, "2022-04-16T10:13:19Z")
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise problem(f"{str(text)[:40]!r} is no {kind}", f"write it like '{example}'")
    try:
        value = date.fromisoformat(text) if kind == "date" else parse_instant(text)
    except (ValueError, UsageError) as e:
        raise problem(f"{text!r} is no {kind}: {getattr(e, 'message', e)}") from e
    return Operand(kind, literal(value, _TYPES[kind]), literal=text)


def interval(ends: Any, operand: Callable[[Any], Operand]) -> Operand:
    """Return the operand of an interval.

    Args:
        ends: two, each an instant as text, `..`, or the JSON form of an instant, property or function.
        operand: reads a JSON form.

    Raises:
        UsageError: an end is no instant, or it ends before it begins.
    """
    if not isinstance(ends, list) or len(ends) != 2:
        raise problem("an interval has two ends", "write INTERVAL('2022-01-01','..')")
    first, last = (None if e == ".." else _end(e, operand) for e in ends)
    given = [e for e in (first, last) if e is not None]
    for end in given:
        if not end.is_instant:
            raise problem(f"the end of an interval is a date or timestamp, not {a(end.kind)}")
    kind: Granularity = "timestamp" if given and all(e.kind == "timestamp" for e in given) else "date"
    bounds = [
        cast(literal(f"{sign}infinity"), _TYPES[kind]) if end is None else _as(end.sql, end.kind, kind)
        for end, sign in ((first, "-"), (last, ""))
    ]
    values = [
        b.value for e, b in zip((first, last), bounds, strict=True) if e and e.literal and e.kind == kind
    ]
    if len(values) == 2 and values[0] > values[1]:
        raise problem("an interval ends before it begins", "write the earlier end first")
    return Operand("interval", bounds[0], end=bounds[1], granularity=kind, weight=weighed(*given))


def _end(end: Any, operand: Callable[[Any], Operand]) -> Operand:
    if isinstance(end, str):
        return instant("date" if _DATE.fullmatch(end) else "timestamp", end)
    return operand(end)


def _as(sql: Any, of: FilterKind | None, kind: Granularity) -> Any:
    """Return the SQL of an instant as a date or timestamp; only timestamps become dates."""
    return cast(func.timezone("UTC", sql), Date) if kind == "date" and of == "timestamp" else sql


def same_granularity(*instants: Operand) -> list[Any]:
    """Return the SQL of instants to be compared: all dates if one is."""
    kind: Granularity = "date" if any(i.kind == "date" for i in instants) else "timestamp"
    return [_as(i.sql, i.kind, kind) for i in instants]


def _bounds(found: Operand, kind: Granularity) -> tuple[Any, Any]:
    first = _as(found.sql, found.granularity or found.kind, kind)
    return first, first if found.end is None else _as(found.end, found.granularity, kind)


#: The relations as conditions on (start and end of the first, start and end of the second): tables 4 and 5 of 21-065r2.
_RELATIONS: dict[str, Callable[[Any, Any, Any, Any], Any]] = {
    "t_after": lambda a, b, c, d: a > d,
    "t_before": lambda a, b, c, d: b < c,
    "t_disjoint": lambda a, b, c, d: or_(a > d, b < c),
    "t_equals": lambda a, b, c, d: and_(a == c, b == d),
    "t_intersects": lambda a, b, c, d: and_(a <= d, b >= c),
    "t_contains": lambda a, b, c, d: and_(a < c, b > d),
    "t_during": lambda a, b, c, d: and_(a > c, b < d),
    "t_finishedBy": lambda a, b, c, d: and_(a < c, b == d),
    "t_finishes": lambda a, b, c, d: and_(a > c, b == d),
    "t_meets": lambda a, b, c, d: b == c,
    "t_metBy": lambda a, b, c, d: a == d,
    "t_overlappedBy": lambda a, b, c, d: and_(a > c, a < d, b > d),
    "t_overlaps": lambda a, b, c, d: and_(a < c, b > c, b < d),
    "t_startedBy": lambda a, b, c, d: and_(a == c, b > d),
    "t_starts": lambda a, b, c, d: and_(a == c, b < d),
}
RELATIONS = frozenset(_RELATIONS)
#: Those of table 4, which also take instants.
_OF_INSTANTS = frozenset({"t_after", "t_before", "t_disjoint", "t_equals", "t_intersects"})


def relation(op: str, first: Operand, second: Operand) -> Any:
    """Return the condition that two temporal operands stand in a relation.

    Raises:
        UsageError: an operand is not temporal, or an instant where the relation is between intervals.
    """
    for found in (first, second):
        if not found.is_instant and found.kind != "interval":
            raise problem(
                f"{op.upper()} compares dates, timestamps and intervals, not {a(found.kind)}",
                "write DATE('…'), TIMESTAMP('…') or INTERVAL('…','…')",
            )
        if found.is_instant and op not in _OF_INSTANTS:
            raise problem(
                f"{op.upper()} is a relation between intervals, not of {a(found.kind)}",
                "use T_INTERSECTS, or INTERVAL(start,end)",
            )
    kinds = {found.granularity or found.kind for found in (first, second)}
    kind: Granularity = "date" if "date" in kinds else "timestamp"
    return _RELATIONS[op](*_bounds(first, kind), *_bounds(second, kind))
