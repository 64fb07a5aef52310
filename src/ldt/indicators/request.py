"""What a method is asked for, and what all methods share: rows, periods, the access class, the value that cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

import psycopg
from psycopg.rows import dict_row
from sqlalchemy import ClauseElement

from ldt.model.indicator import STATION, TWIN, Definition, Value, ValueKey
from ldt.model.law import RuleSet
from ldt.model.snapshot import Access, DatasetVersion, Snapshot, strictest
from ldt.store.connect import compiled, translated
from ldt.timerange import Period, parse_period

_YEAR = re.compile(r"\d{4}")


@dataclass(frozen=True, slots=True)
class Request:
    """One indicator, wanted for spatial units and periods on one state of a twin.

    Attributes:
        schemes: schemes of areas that are wanted, those of the definition among them; `station` is always wanted.
        periods: periods as they are written; each method resolves them in the zone of the unit.
        rule_sets: those that the definition names, in that order.
    """

    definition: Definition
    snapshot: Snapshot
    schemes: tuple[str, ...]
    periods: tuple[str, ...]
    rule_sets: tuple[RuleSet, ...] = ()

    @property
    def area_schemes(self) -> tuple[str, ...]:
        """The wanted schemes without `station`."""
        return tuple(s for s in self.schemes if s != STATION)

    def key(self, scheme: str, code: str, period: str) -> ValueKey:
        """Return the key of a value of this indicator."""
        return ValueKey(self.definition.id, scheme, code, period)

    def lacking(self, reason: str) -> list[Value]:
        """Return the one value of each period that says what the computation lacks."""
        return [
            Value(
                key=self.key(TWIN, self.snapshot.twin, text),
                period_start=period.start,
                period_end=period.end,
                unit=self.definition.unit,
                status="not-computable",
                method=self.definition.formula.method,
                reason=reason,
            )
            for text in self.periods
            for period in (parse_period(text, UTC),)
        ]


def year_of(period: str) -> int | None:
    """Return the year if a period is a calendar year, else None."""
    return int(period) if _YEAR.fullmatch(period) else None


def resolve(period: str, zone: tzinfo = UTC) -> Period:
    """Return a period as instants, its days beginning at midnight in `zone`."""
    return parse_period(period, zone)


def inputs(datasets: Iterable[DatasetVersion]) -> tuple[dict[str, int], Access]:
    """Return the versions of some data sets by name, and the strictest of their access classes."""
    used = {d.name: d for d in datasets}
    return {n: used[n].version for n in sorted(used)}, strictest({d.access for d in used.values()})


def rows(conn: psycopg.Connection[Any], statement: ClauseElement) -> list[dict[str, Any]]:
    """Execute a query and return its rows as dicts."""
    text, bound = compiled(statement)
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text, bound).fetchall()


def named(words: Sequence[str]) -> str:
    """Return words as people list them: `a, b or c`."""
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]])) if words else ""
