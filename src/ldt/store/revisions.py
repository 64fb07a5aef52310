"""Revisions: the numbers of the commits of a twin."""

from __future__ import annotations

from typing import Any, Literal

import psycopg

from ldt.errors import NotFound


def next_revision(
    conn: psycopg.Connection[Any], twin_id: int, what: Literal["version", "values", "removal", "prune"]
) -> int:
    """Take the next revision of a twin. The twin's row stays locked until the transaction ends, so numbers have no gaps.

    To be called at the end of a transaction: other writers of the same twin wait from here on.
    """
    row = conn.execute(
        "UPDATE ldt.twin SET revision = revision + 1 WHERE id = %s RETURNING revision", (twin_id,)
    ).fetchone()
    if row is None:
        raise NotFound("the twin was removed while it was written to")
    conn.execute(
        "INSERT INTO ldt.revision (twin_id, revision, what) VALUES (%s, %s, %s)", (twin_id, row[0], what)
    )
    return int(row[0])
