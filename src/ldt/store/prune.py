"""Removal: a whole twin, versions beyond a retention, and then the bytes that nothing refers to any more.

Each removal is one transaction, which notes the digests that it let go of. Their files are deleted after it has
committed, by :func:`sweep`, which looks again whether anything refers to them; what it could not do now, the next one does.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg import sql

from ldt.errors import NotFound, UsageError
from ldt.store import files, twins, value_views, views
from ldt.store.connect import fetch_all, translated
from ldt.store.load import FILES_LOCK, exclusive
from ldt.store.revisions import next_revision


@dataclass(frozen=True, slots=True)
class Pruned:
    """What a pruning did.

    Attributes:
        versions: the versions that are no longer kept from now on.
        oldest: the oldest version that is kept; one more than the newest where none is.
        revision: the revision of the twin that says so; None where nothing was to be done.
        rows: rows deleted, by table.
    """

    versions: tuple[int, ...]
    oldest: int
    revision: int | None
    rows: dict[str, int]

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Swept:
    """What became of bytes that nothing refers to: digests deleted, their size, and digests left for the next time."""

    deleted: int
    bytes: int
    left: int


def remove_twin(conn: psycopg.Connection[Any], name: str) -> list[str]:
    """Delete a twin with all that belongs to it, in one transaction; returns the names of its data sets.

    Raises:
        NotFound: there is no such twin.
        Conflict: somebody is ingesting into it, or reads for longer than is waited.
    """
    with translated(), conn.transaction():
        _careful(conn)
        found = conn.execute("SELECT id FROM ldt.twin WHERE name = %s FOR UPDATE", (name,)).fetchone()
        if found is None:
            raise NotFound(f"there is no twin {name!r}", remedy="`ldt twin list` shows what there is")
        twin = found[0]
        datasets = fetch_all(
            conn, "SELECT id, name, feature_type FROM ldt.dataset WHERE twin_id = %s ORDER BY id", (twin,)
        )
        with ExitStack() as stack:
            for dataset in datasets:
                stack.enter_context(exclusive(conn, dataset["id"]))
            _discard(
                conn,
                "SELECT s.digest FROM ldt.dataset d JOIN ldt.version_source vs ON vs.dataset_id = d.id"
                " JOIN ldt.source_object s ON s.id = vs.source_id WHERE d.twin_id = %(twin)s"
                " UNION SELECT digest FROM ldt.coverage WHERE twin_id = %(twin)s",
                {"twin": twin},
            )
            _delete_rows(conn, twin, datasets)
    return [d["name"] for d in datasets]


def _delete_rows(conn: psycopg.Connection[Any], twin: int, datasets: Sequence[dict[str, Any]]) -> None:
    for table in ("value", "observation", "observation_history", "datastream_state", "outcome"):
        conn.execute(
            sql.SQL("DELETE FROM {} WHERE twin_id = %s").format(sql.Identifier("ldt", table)), (twin,)
        )
    # Views of what is removed and of values that are gone are dropped by those who made them.
    conn.execute("UPDATE ldt.dataset SET removed = '{[0,)}' WHERE twin_id = %s", (twin,))
    for feature_type in sorted({d["feature_type"] for d in datasets if d["feature_type"]}):
        views.refresh(conn, twin, feature_type)
    value_views.refresh(conn, twin)
    conn.execute("DELETE FROM ldt.twin WHERE id = %s", (twin,))
    # Last, since readers of all twins wait for it.
    for dataset in datasets:
        conn.execute(sql.SQL("DROP TABLE IF EXISTS {}").format(_partition(dataset["id"])))


def prune_dataset(
    conn: psycopg.Connection[Any],
    twin: str,
    name: str,
    *,
    keep: int | None = None,
    before: datetime | None = None,
) -> Pruned:
    """Delete what only past versions of a data set show, in one transaction.

    States of the twin that need such a version answer `Gone` from then on.

    Args:
        conn: a connection in autocommit mode.
        twin: name of the twin.
        name: name of the data set.
        keep: how many of the newest versions are kept.
        before: instead: keep the versions that were shown at this instant or later.

    Raises:
        NotFound: no such twin or data set.
        UsageError: not exactly one of `keep` and `before`.
        Conflict: somebody is ingesting into it.
    """
    if (keep is None) == (before is None):
        raise UsageError(
            "say which versions are to be kept",
            where="--keep, --before",
            remedy="--keep 1 keeps only the current one, --before 2026-01-01 those that were shown since",
        )
    identifier = twins.twin_id(conn, twin)
    with translated(), conn.transaction():
        _careful(conn)
        found = conn.execute(
            "SELECT id FROM ldt.dataset WHERE twin_id = %s AND name = %s", (identifier, name)
        ).fetchone()
        if found is None:
            raise NotFound(
                f"{twin} has no data set {name!r}", remedy="`ldt dataset list` shows what there is"
            )
        with exclusive(conn, found[0]):
            versions = _versions(conn, found[0])
            oldest = _oldest(versions, keep, before)
            lost = tuple(v["version"] for v in versions if v["version"] < oldest and not v["pruned"])
            if not lost:
                return Pruned((), oldest, None, {})
            rows = _delete_versions(conn, found[0], oldest, everything=oldest > versions[-1]["version"])
            conn.execute(
                "UPDATE ldt.version SET pruned = true WHERE dataset_id = %s AND version < %s",
                (found[0], oldest),
            )
            _let_go_of_sources(conn, found[0], oldest)
            return Pruned(lost, oldest, next_revision(conn, identifier, "prune"), rows)


def _versions(conn: psycopg.Connection[Any], dataset: int) -> list[dict[str, Any]]:
    """Return the versions in order, each with the instant from which on it is no longer shown (None: it is)."""
    return fetch_all(
        conn,
        "SELECT v.version, v.pruned, coalesce(lead(v.committed) OVER (ORDER BY v.version), g.committed) AS shown_until"
        " FROM ldt.version v JOIN ldt.dataset d ON d.id = v.dataset_id"
        " LEFT JOIN ldt.revision g ON upper_inf(d.removed) AND g.twin_id = d.twin_id"
        "  AND g.revision = (SELECT max(lower(r)) FROM unnest(d.removed) r)"
        " WHERE v.dataset_id = %s ORDER BY v.version",
        (dataset,),
    )


def _oldest(versions: Sequence[dict[str, Any]], keep: int | None, before: datetime | None) -> int:
    """Return the oldest version to keep; one more than the newest if none is."""
    newest = versions[-1]["version"] if versions else 0
    there = [v for v in versions if not v["pruned"]]
    if before is not None:
        there = [v for v in there if v["shown_until"] is None or v["shown_until"] > before]
    elif keep is not None:
        there = [v for v in there if v["version"] > newest - keep]
    return int(there[0]["version"]) if there else newest + 1


def _delete_versions(
    conn: psycopg.Connection[Any], dataset: int, oldest: int, *, everything: bool
) -> dict[str, int]:
    """Delete the rows that no version from `oldest` on shows; returns how many of each table."""
    with_end = "dataset_id = %(dataset)s AND (until <= %(oldest)s OR %(everything)s)"
    parameters = {"dataset": dataset, "oldest": oldest, "everything": everything}
    rows = {}
    for table in ("feature", "datastream_state", "observation_history"):
        statement = sql.SQL("DELETE FROM {} WHERE " + with_end)
        rows[table] = conn.execute(statement.format(sql.Identifier("ldt", table)), parameters).rowcount
    if everything:
        rows["observation"] = conn.execute(
            "DELETE FROM ldt.observation o USING ldt.dataset d WHERE d.id = %(dataset)s"
            " AND o.twin_id = d.twin_id AND o.dataset_id = d.id",
            parameters,
        ).rowcount
    gone = fetch_all(conn, f"DELETE FROM ldt.coverage WHERE {with_end} RETURNING digest", parameters)
    rows["coverage"] = len(gone)
    _discard(conn, "SELECT unnest(%(digests)s::text[])", {"digests": [g["digest"] for g in gone]})
    rows["outcome"] = conn.execute(
        "DELETE FROM ldt.outcome WHERE dataset_id = %(dataset)s AND version < %(oldest)s", parameters
    ).rowcount
    return {table: count for table, count in rows.items() if count}


def _let_go_of_sources(conn: psycopg.Connection[Any], dataset: int, oldest: int) -> None:
    """Note the sources of pruned versions that no row comes from any more: only what still stands is walked back to file and row."""
    tables = ("feature", "observation", "observation_history", "coverage", "outcome")
    standing = " UNION ".join(
        f"SELECT x.source_id FROM ldt.{t} x JOIN ldt.dataset d ON d.twin_id = x.twin_id AND d.id = x.dataset_id"
        " WHERE d.id = %(dataset)s"
        for t in tables
    )
    let_go = fetch_all(
        conn,
        "UPDATE ldt.version_source SET needed = false WHERE dataset_id = %(dataset)s AND version < %(oldest)s AND needed"
        f" AND source_id NOT IN ({standing}) RETURNING source_id",
        {"dataset": dataset, "oldest": oldest},
    )
    _discard(
        conn,
        "SELECT digest FROM ldt.source_object WHERE id = ANY (%(ids)s)",
        {"ids": [s["source_id"] for s in let_go]},
    )


def sweep(conn: psycopg.Connection[Any]) -> Swept:
    """Delete the files that removals let go of and that nothing refers to.

    Does nothing while somebody is ingesting or making a backup, who may refer to them: then the next sweep does it.

    Raises:
        StoreError: the database cannot be used.
    """
    with translated(), conn.transaction():
        _careful(conn)
        alone = conn.execute("SELECT pg_try_advisory_xact_lock(%s, 0)", (FILES_LOCK,)).fetchone()
        waiting = fetch_all(
            conn,
            "SELECT d.digest, EXISTS (SELECT FROM ldt.source_object s JOIN ldt.version_source vs ON vs.source_id = s.id"
            "  WHERE s.digest = d.digest AND s.kept AND vs.needed)"
            " OR EXISTS (SELECT FROM ldt.coverage c WHERE c.digest = d.digest) AS needed FROM ldt.discarded d",
        )
        if not (alone and alone[0]):
            return Swept(0, 0, len(waiting))
        free = [w["digest"] for w in waiting if not w["needed"]]
        sizes = [files.discard(digest) for digest in free]
        conn.execute("UPDATE ldt.source_object SET kept = false WHERE digest = ANY (%s)", (free,))
        conn.execute(
            "DELETE FROM ldt.source_object s WHERE s.digest = ANY (%s)"
            " AND NOT EXISTS (SELECT FROM ldt.version_source vs WHERE vs.source_id = s.id)",
            ([w["digest"] for w in waiting],),
        )
        conn.execute("DELETE FROM ldt.discarded")
    return Swept(sum(size > 0 for size in sizes), sum(sizes), 0)


def _careful(conn: psycopg.Connection[Any]) -> None:
    # Files are deleted on the word of a commit, so that must be on the disk. And readers that come after us must not
    # wait behind us for a reader that never ends.
    conn.execute("SET LOCAL synchronous_commit = on")
    conn.execute("SET LOCAL lock_timeout = '10s'")


def _discard(conn: psycopg.Connection[Any], digests: str, parameters: dict[str, Any]) -> None:
    conn.execute(f"INSERT INTO ldt.discarded (digest) {digests} ON CONFLICT DO NOTHING", parameters)


def _partition(dataset: int) -> sql.Identifier:
    return sql.Identifier("ldt", f"feature_{dataset}")
