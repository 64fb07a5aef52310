"""What became of each source record: exactly one of five outcomes, which add up to what was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """The five outcomes of a record."""

    ACCEPTED = "accepted"
    REPAIRED = "repaired"
    REJECTED = "rejected"
    DUPLICATE = "duplicate"
    OUTSIDE = "outside"


@dataclass(frozen=True, slots=True)
class RecordOutcome:
    """The outcome of one record that was not simply accepted.

    Attributes:
        row: the record's number in its source, from 0 (the hidden `_row`).
        outcome: one of the five, never `ACCEPTED`.
        reason: short stable code, for example `invalid-geometry`, `axis-order`, `bad-value`.
        message: what a person understands; for repairs, how.
        duplicate_of: row of the record that this one repeats.
        record: the raw record, JSON-ready; given for rejected records so that they can be ingested again.
    """

    row: int
    outcome: Outcome
    reason: str
    message: str
    duplicate_of: int | None = None
    record: dict[str, Any] | None = None


@dataclass(slots=True)
class Tally:
    """Counts of an ingest. `read` is always the sum of the five outcomes.

    Attributes:
        read: records in the sources.
        derived: rows made of the accepted and repaired records (unpivoted, split), counted apart.
        missing: derived rows that the source declares as missing; nothing is stored for them.
        reasons: number of records by outcome and reason.
    """

    read: int = 0
    accepted: int = 0
    repaired: int = 0
    rejected: int = 0
    duplicate: int = 0
    outside: int = 0
    derived: int = 0
    missing: int = 0
    reasons: dict[str, int] = field(default_factory=dict)

    def add(self, other: Tally) -> None:
        """Add another tally to this one, in place."""
        for name in (
            "read",
            "accepted",
            "repaired",
            "rejected",
            "duplicate",
            "outside",
            "derived",
            "missing",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason, count in other.reasons.items():
            self.reasons[reason] = self.reasons.get(reason, 0) + count

    def count(self, outcome: Outcome, number: int = 1, reason: str | None = None) -> None:
        """Count `number` records of an outcome."""
        setattr(self, outcome.value, getattr(self, outcome.value) + number)
        if reason is not None and number:
            key = f"{outcome.value}:{reason}"
            self.reasons[key] = self.reasons.get(key, 0) + number

    @property
    def adds_up(self) -> bool:
        """Whether the five outcomes are what was read."""
        return self.read == self.accepted + self.repaired + self.rejected + self.duplicate + self.outside
