"""What the store answers for data sets: descriptions, versions, sources, records."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from ldt.api.context import Reading
from ldt.api.security import is_operator
from ldt.model.freshness import judge
from ldt.model.outcome import Outcome
from ldt.store import records, references

_TALLY = ("read", "accepted", "repaired", "rejected", "duplicate", "outside", "derived", "missing")
#: Features whose references are looked at for a request; `ldt references` looks at all.
_REFERRING = 5_000
_CHANGES = ("rows", "added", "changed", "removed")


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """Put the counts of a row into two objects: `outcomes` of the records, `rows` made of them."""
    found = {k: v for k, v in row.items() if k not in (*_TALLY, *_CHANGES)}
    found["outcomes"] = {k: row[k] for k in _TALLY}
    found["rows"] = {"all": row["rows"], **{k: row[k] for k in _CHANGES[1:]}}
    return found


def _described(seen: Reading, row: dict[str, Any]) -> dict[str, Any]:
    """Add the freshness; that of a past state is as it was when that state was committed, so that it stays the same."""
    now = datetime.now(UTC) if seen.snapshot.current else seen.snapshot.committed or row["committed"]
    fresh = judge(
        row["update_frequency"],
        row["shape"],
        committed=row["committed"],
        time_last=row["time_last"],
        now=now,
    )
    return {**_nested(row), "freshness": asdict(fresh)}


def datasets(seen: Reading) -> list[dict[str, Any]]:
    """Return the data sets that a snapshot sees, in order of name."""
    return [_described(seen, row) for row in records.datasets(seen.conn, seen.snapshot)]


def dataset(seen: Reading, name: str) -> dict[str, Any]:
    """Return one data set with its sources and what became of its references; raises NotFound if the snapshot does not see it."""
    records.find(seen.snapshot, name)
    (row,) = records.datasets(seen.conn, seen.snapshot, name)
    met = references.of_dataset(seen.conn, seen.snapshot, name, limit=_REFERRING)
    return {
        **_described(seen, row),
        "references": met.summary() if met else None,
        "sources": records.sources(seen.conn, seen.snapshot, name),
    }


def versions(seen: Reading, name: str) -> list[dict[str, Any]]:
    """Return the versions of a data set up to the snapshot's, newest first; raises NotFound."""
    return [_nested(row) for row in records.versions(seen.conn, seen.snapshot, name)]


def outcomes(
    seen: Reading, name: str, which: Outcome | None, limit: int, after: tuple[str, str, int] | None
) -> list[dict[str, Any]]:
    """Return records that were not simply accepted; raises NotFound.

    Their raw content is for operators only: what was turned away was never looked at by a steward.
    """
    found = records.outcomes(seen.conn, seen.snapshot, name, outcome=which, limit=limit, after=after)
    if not is_operator(seen.snapshot.access):
        for row in found:
            row.pop("record", None)
    return found
