"""What a part of a filter is once it is understood: a typed SQL expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import ColumnElement

from ldt.errors import UsageError
from ldt.store.items import Kind

#: The kinds that a filter knows: those of properties, and an interval of two instants.
FilterKind = Kind | Literal["interval"]

#: An operand that a power or an interval writes twice must not grow beyond this.
_LARGEST = 5_000


@dataclass(frozen=True, slots=True)
class Operand:
    """A part of a filter.

    Attributes:
        kind: what its values are.
        sql: of the type of its kind, as `store.items.Property` has it; the start of an interval.
        end: the end of an interval, as closed as the start (21-065r2, 7.7.1); else None.
        granularity: `date` or `timestamp`: what the ends of an interval are; else None.
        literal: the value of a literal, as JSON has it; else None.
        weight: how many properties and values `sql` holds.
    """

    kind: FilterKind
    sql: ColumnElement[Any]
    end: ColumnElement[Any] | None = None
    granularity: Literal["date", "timestamp"] | None = None
    literal: Any = None
    weight: int = 1

    @property
    def is_number(self) -> bool:
        """Whether it can be calculated with."""
        return self.kind in ("number", "integer")

    @property
    def is_instant(self) -> bool:
        """Whether it is a date or a timestamp."""
        return self.kind in ("date", "timestamp")


def a(kind: FilterKind) -> str:
    """Return a kind with its article, for messages."""
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"


def problem(message: str, remedy: str | None = None) -> UsageError:
    """Return the error of a filter that is written well and means nothing."""
    return UsageError(message, where="filter", remedy=remedy)


def weighed(*operands: Operand, times: int = 1) -> int:
    """Return the weight of an expression that holds each operand so many times.

    Raises:
        UsageError: it is too large.
    """
    weight = times * sum(o.weight for o in operands)
    if weight > _LARGEST and times > 1:
        raise problem("powers lie in powers too often", "calculate what is constant beforehand")
    return weight
