"""Snapshots: resolved once per request, from the twin, the caller's rights and an optional `at`."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import dict_row

from ldt.errors import Gone, NotFound, UsageError
from ldt.model.snapshot import Access, DatasetVersion, Snapshot
from ldt.store.connect import translated

_REVISION = re.compile(r"(?:[a-z0-9-]+@)?(\d{1,18})")


def parse_at(at: str | None) -> int | datetime | None:
    """Return what an `at` parameter says: a revision (`17`, `cologne@17`), an instant (RFC 3339), or None.

    Raises:
        UsageError: neither of them.
    """
    if at is None:
        return None
    if m := _REVISION.fullmatch(at):
        return int(m.group(1))
    try:
        instant = datetime.fromisoformat(at.replace(" ", "+"))
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise UsageError(
            f"{at!r} is no snapshot",
            where="at",
            remedy="give a revision (17) or an instant with zone (2026-01-31T12:00:00Z)",
        )
    return instant


def resolve(
    conn: psycopg.Connection[Any], twin: str, access: frozenset[Access], at: int | datetime | None = None
) -> Snapshot:
    """Return the state of a twin that a caller may see.

    To be used in the same REPEATABLE READ transaction as the reads that take it.

    Args:
        conn: a connection in a transaction.
        twin: name of the twin.
        access: the classes that the caller may see.
        at: a revision, an instant, or None for the newest.

    Raises:
        NotFound: no such twin, or no such revision of it.
        Gone: a data set's version of that time was pruned.
    """
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            "SELECT id, name, revision, state FROM ldt.twin WHERE name = %s", (twin,)
        ).fetchone()
        if row is None:
            raise NotFound(
                f"there is no twin {twin!r}",
                remedy="`ldt twin list`, or /twins of the service, shows what there is",
            )
        found = cursor.execute(
            "SELECT revision, committed FROM ldt.revision WHERE twin_id = %(twin)s"
            " AND (%(revision)s::bigint IS NULL OR revision = %(revision)s)"
            " AND (%(instant)s::timestamptz IS NULL OR committed <= %(instant)s)"
            " ORDER BY revision DESC LIMIT 1",
            {
                "twin": row["id"],
                "revision": at if isinstance(at, int) else None,
                "instant": at if isinstance(at, datetime) else None,
            },
        ).fetchone()
        if found is None and at not in (None, 0):
            raise NotFound(
                f"{twin} has no state at {at}", where="at", remedy=f"the newest revision is {row['revision']}"
            )
        revision = found["revision"] if found else 0
        datasets = _datasets(cursor, row["id"], twin, revision, access)
    return Snapshot(
        twin_id=row["id"],
        twin=row["name"],
        revision=revision,
        current=revision == row["revision"],
        committed=found["committed"] if found else None,
        access=access,
        datasets=datasets,
        state=row["state"],
    )


def _datasets(
    cursor: psycopg.Cursor[dict[str, Any]], twin_id: int, twin: str, revision: int, access: frozenset[Access]
) -> dict[str, DatasetVersion]:
    rows = cursor.execute(
        "SELECT DISTINCT ON (d.id) d.id, d.name, d.shape, d.feature_type, d.access, d.current_version,"
        "       v.version, v.pruned, v.rows, d.recipe #> '{feature,properties}' AS properties,"
        "       d.recipe #> '{feature,indexed}' AS indexed"
        "  FROM ldt.dataset d JOIN ldt.version v ON v.dataset_id = d.id AND v.revision <= %(revision)s"
        " WHERE d.twin_id = %(twin)s AND NOT d.removed @> %(revision)s::bigint"
        "   AND d.access = ANY (%(access)s)"
        " ORDER BY d.id, v.version DESC",
        {"twin": twin_id, "revision": revision, "access": [a.value for a in access]},
    ).fetchall()
    if pruned := [r["name"] for r in rows if r["pruned"]]:
        raise Gone(
            f"the versions of that time are no longer kept: {', '.join(pruned)}",
            where="at",
            remedy="ask for a later revision, or without `at`",
        )
    return {
        r["name"]: DatasetVersion(
            dataset_id=r["id"],
            name=r["name"],
            version=r["version"],
            current=r["version"] == r["current_version"],
            shape=r["shape"],
            feature_type=r["feature_type"],
            access=Access(r["access"]),
            namespace=own_namespace(twin, r["name"]),
            properties=r["properties"] or {},
            rows=r["rows"],
            indexed=tuple(r["indexed"] or ()),
        )
        for r in rows
    }


def own_namespace(twin: str, dataset: str) -> str:
    """Return the namespace in which a data set mints identifiers of its own."""
    return f"{twin}/{dataset}"
