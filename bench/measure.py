"""What a measurement is, and how a thing is timed."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measurement:
    """One figure against its limit.

    Attributes:
        what: what was measured.
        ours, limit: the figures, in `unit`.
        aim: what the ratio ours / limit must reach, or stay under if `at_most`.
    """

    what: str
    ours: float
    limit: float
    unit: str
    aim: float
    limit_is: str
    at_most: bool = False
    note: str = ""

    @property
    def ratio(self) -> float:
        """Ours by the limit."""
        return self.ours / self.limit

    @property
    def good(self) -> bool:
        """Whether the ratio reaches its aim."""
        return self.ratio <= self.aim if self.at_most else self.ratio >= self.aim

    def row(self) -> str:
        """Return a row of a Markdown table."""
        sign = "≤" if self.at_most else "≥"
        return (
            f"| {self.what} | {_number(self.ours)} {self.unit} | {_number(self.limit)} {self.unit} ({self.limit_is}) |"
            f" {self.ratio:.2f} | {sign} {self.aim:g}{'' if self.good else ' (missed)'} |"
        )

    def line(self) -> str:
        """Return a line for a terminal."""
        return f"{self.what}: {_number(self.ours)} against {_number(self.limit)} {self.unit} = {self.ratio:.2f} (aim {self.aim:g}) {'ok' if self.good else 'MISSED'}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def best(run: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of some runs, in seconds."""
    found = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        found.append(time.perf_counter() - began)
    return min(found)
