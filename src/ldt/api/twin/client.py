"""What the store answers for a twin: what is said of it, and what it holds."""

from __future__ import annotations

from typing import Any

from ldt.api.context import Connection, Reading
from ldt.errors import NotFound
from ldt.store import twins


def all_twins(conn: Connection) -> list[dict[str, Any]]:
    """Return what is said of all twins, in order of name."""
    return twins.twins(conn)


def described(seen: Reading) -> dict[str, Any]:
    """Return what is said of the twin of a snapshot."""
    for one in twins.twins(seen.conn):
        if one["name"] == seen.snapshot.twin:
            return one
    raise NotFound(
        f"there is no twin {seen.snapshot.twin!r}"
    )  # pragma: no cover - resolved in the same state
