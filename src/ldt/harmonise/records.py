"""What became of the records of one batch, where a record may have become several rows (a list taken apart)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import date, datetime
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ldt.harmonise.chunk import Chunk
from ldt.harmonise.columns import INDEX, Mapped
from ldt.harmonise.recipe import Unpivot
from ldt.harmonise.unpivot import element, sources
from ldt.model.outcome import Outcome, RecordOutcome
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, ROW

#: How many bad elements of one record a message lists.
_LISTED = 5

Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class State(IntEnum):
    """What became of one row."""

    OK = 0
    MISSING = 1
    OUTSIDE = 2
    DUPLICATE = 3
    REJECTED = 4


class Records:
    """The records of a batch, the rows that they became, and the state of each row. The first problem of a row counts.

    Args:
        batch: the source's records.
        mapped: the rows that the recipe's expressions made of them.
        unpivot: how records became rows, if not one to one.
    """

    def __init__(self, batch: pa.RecordBatch, mapped: Mapped, unpivot: Unpivot | None) -> None:
        self.batch = batch
        self.mapped = mapped
        self.unpivot = unpivot
        self.state = np.zeros(mapped.table.num_rows, np.int8)
        self.index: Rows = mapped.table.column(INDEX).to_numpy()
        self.told: dict[int, tuple[str, str, int | None]] = {}
        self.malformed: Flags | None = None
        if MALFORMED in batch.schema.names and batch.column(MALFORMED).null_count < batch.num_rows:
            self.malformed = batch.column(MALFORMED).is_valid().to_numpy(zero_copy_only=False)

    def live(self) -> Rows:
        """Return the rows that have no problem so far and a value to be looked at."""
        return np.flatnonzero(self.state == State.OK)

    def reject(self, rows: Rows, flags: Flags, reason: str, message: str | Callable[[int], str]) -> None:
        """Reject those of some rows that are flagged and have no problem yet; `message` may depend on the row."""
        if not flags.any():
            return
        for row in rows[flags].tolist():
            if self.state[row] == State.OK:
                self.mark(row, State.REJECTED, reason, message if isinstance(message, str) else message(row))

    def mark(
        self, row: int, state: State, reason: str, message: str, duplicate_of: int | None = None
    ) -> None:
        """Set the state of one row and why."""
        self.state[row] = state
        self.told[row] = reason, message, duplicate_of

    def given(self, row: int, name: str) -> str:
        """Return what a row's record holds in the columns that the expression `name` uses."""
        record = int(self.index[row])
        held = {c: self.batch.column(c)[record].as_py() for c in self.mapped.uses[name]}
        if self.unpivot is not None:
            place = int(self.mapped.table.column(self.unpivot.ordinal)[row].as_py())
            held.update([element(self.batch, self.unpivot, record, place)])
        return f"({', '.join(f'{c} = {_short(v)}' for c, v in held.items())})" if held else "(a constant)"

    def failure(self, row: int, name: str) -> str:
        """Return the message for an expression that failed."""
        return f"{name} cannot be made of {self.given(row, name)}"


def assemble(records: Records, chunk: Chunk) -> None:
    """Put the outcome of every record, and the counts, into a chunk."""
    chunk.tally.read = records.batch.num_rows
    outcomes = (_one_to_one if records.unpivot is None else _one_to_many)(records, chunk)
    told = sorted(outcomes, key=lambda item: item[0])
    rejected = [index for index, outcome, *_ in told if outcome is Outcome.REJECTED]
    raw = dict(zip(rejected, _raw(records.batch, rejected), strict=True))
    numbers = records.batch.column(ROW).to_numpy(zero_copy_only=False)
    for index, outcome, reason, message, duplicate_of in told:
        chunk.tally.count(outcome, reason=reason)
        chunk.outcomes.append(
            RecordOutcome(int(numbers[index]), outcome, reason, message, duplicate_of, raw.get(index))
        )
    chunk.tally.count(Outcome.ACCEPTED, records.batch.num_rows - len(told))


_Told = tuple[int, Outcome, str, str, int | None]
_OUTCOMES = {
    State.OUTSIDE: Outcome.OUTSIDE,
    State.DUPLICATE: Outcome.DUPLICATE,
    State.REJECTED: Outcome.REJECTED,
}


def _one_to_one(records: Records, chunk: Chunk) -> Iterable[_Told]:
    chunk.tally.missing = int(np.count_nonzero(records.state == State.MISSING))
    for row, (reason, message, duplicate_of) in records.told.items():
        yield int(records.index[row]), _OUTCOMES[State(records.state[row])], reason, message, duplicate_of


def _one_to_many(records: Records, chunk: Chunk) -> Iterable[_Told]:
    """Judge each record by its elements.

    Bad elements cost themselves, and the record only where none of its elements is of use.
    """
    number = records.batch.num_rows
    count = {s: np.bincount(records.index[records.state == s], minlength=number) for s in State}
    elements = sum(count.values(), np.zeros(number, np.int64))
    rows_of: dict[int, list[int]] = {}
    for row in sorted(records.told):
        rows_of.setdefault(int(records.index[row]), []).append(row)
    counted = np.ones(number, bool)
    for record in np.flatnonzero(
        (elements == 0) | (elements > count[State.OK] + count[State.MISSING])
    ).tolist():
        told = _judge(records, record, {s: int(count[s][record]) for s in State}, rows_of.get(record, []))
        if told is not None:
            counted[record] = told[1] is Outcome.REPAIRED
            yield told
    missing = int(count[State.MISSING][counted].sum())
    chunk.tally.missing = missing
    chunk.tally.derived = missing + int(count[State.OK][counted].sum())


def _judge(records: Records, record: int, count: dict[State, int], rows: list[int]) -> _Told | None:
    if records.malformed is not None and records.malformed[record]:
        return (
            record,
            Outcome.REJECTED,
            "malformed",
            str(records.batch.column(MALFORMED)[record].as_py()),
            None,
        )
    if not sum(count.values()):
        column = ", ".join(sources(records.unpivot)) if records.unpivot else ""
        return record, Outcome.REJECTED, "bad-value", f"{column} holds no list of values", None
    bad = [row for row in rows if records.state[row] == State.REJECTED]
    repeats = [row for row in rows if records.state[row] == State.DUPLICATE]
    if not bad and not repeats:
        if count[State.OK] or count[State.MISSING]:
            return None  # elements that the recipe does not select
        return record, Outcome.OUTSIDE, *records.told[rows[0]]
    if count[State.OK]:
        return record, Outcome.REPAIRED, "partial", _listed(records, [*bad, *repeats], count), None
    reason, message, duplicate_of = records.told[(bad or repeats)[0]]
    if bad:
        return record, Outcome.REJECTED, reason, _listed(records, bad, count), None
    return record, Outcome.DUPLICATE, reason, message, duplicate_of


def _listed(records: Records, rows: list[int], count: dict[State, int]) -> str:
    shown_rows = "; ".join(f"{records.told[row][0]}: {records.told[row][1]}" for row in rows[:_LISTED])
    more = f"; and {len(rows) - _LISTED} more" if len(rows) > _LISTED else ""
    return f"{len(rows)} of {sum(count.values())} elements left out: {shown_rows}{more}"


def _raw(batch: pa.RecordBatch, indices: list[int]) -> list[dict[str, Any]]:
    if not indices:
        return []
    columns = [name for name in batch.schema.names if name not in {ROW, GEOMETRY}]
    taken = pa.Table.from_batches([batch]).select(columns).take(pa.array(indices, pa.int64()))
    # The text of a record is kept where its columns do not tell it: where it is malformed.
    return [
        {
            name: shown(value)
            for name, value in record.items()
            if record.get(MALFORMED) or name not in {RAW, MALFORMED}
        }
        for record in taken.to_pylist()
    ]


def shown(value: Any) -> Any:
    """Return a value ready for JSON: numbers, texts, truth values, lists and objects as they are, all else as text."""
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, float):
        return value if np.isfinite(value) else str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, dict):
        return {str(key): shown(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [shown(item) for item in value]
    return str(value)


def _short(value: Any) -> str:
    text = repr(value) if isinstance(value, str) else str(shown(value))
    return text if len(text) <= 80 else text[:79] + "…"
