"""What is known of data sets, their versions and their records. Every function takes a Snapshot."""

from __future__ import annotations

from typing import Any

import psycopg

from ldt.errors import NotFound
from ldt.model.outcome import Outcome
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store.connect import fetch_all

_OUTCOMES = "v.read, v.accepted, v.repaired, v.rejected, v.duplicate, v.outside, v.derived, v.missing"


def find(snapshot: Snapshot, dataset: str) -> DatasetVersion:
    """Return a data set of a snapshot by name.

    Raises:
        NotFound: the snapshot does not see it.
    """
    found = snapshot.datasets.get(dataset)
    if found is None:
        raise NotFound(
            f"{snapshot.twin} has no data set {dataset!r}", remedy="the list of data sets shows what there is"
        )
    return found


def datasets(conn: psycopg.Connection[Any], snapshot: Snapshot, *names: str) -> list[dict[str, Any]]:
    """Return the data sets that a snapshot sees, or those of some names: description, version, outcomes, extent, in order of name."""
    chosen = (
        [snapshot.datasets[n] for n in names if n in snapshot.datasets]
        if names
        else snapshot.datasets.values()
    )
    versions = {d.dataset_id: d.version for d in chosen}
    return fetch_all(
        conn,
        "SELECT d.name, d.shape, d.feature_type, d.title, d.description, d.publisher, d.licence, d.licence_uri, d.access,"
        " d.personal_data, d.origin, d.data_stage, d.themes, d.anatomy, d.dpsir, d.update_frequency,"
        f" v.version, v.revision, v.committed, {_OUTCOMES}, v.rows, v.added, v.changed, v.removed, v.crs,"
        " v.time_first, v.time_last, v.recipe_digest, v.harmoniser, v.code_version,"
        " (SELECT min(e.committed) FROM ldt.version e WHERE e.dataset_id = d.id) AS created,"
        " CASE WHEN v.extent IS NOT NULL THEN ARRAY[ST_XMin(v.extent), ST_YMin(v.extent), ST_XMax(v.extent),"
        " ST_YMax(v.extent)] END AS bbox"
        " FROM ldt.dataset d JOIN ldt.version v ON v.dataset_id = d.id"
        " JOIN unnest(%(ids)s::int[], %(versions)s::int[]) AS s (id, version) ON s.id = d.id AND s.version = v.version"
        " ORDER BY d.name",
        {"ids": list(versions), "versions": list(versions.values())},
    )


def versions(conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: str) -> list[dict[str, Any]]:
    """Return the versions of a data set up to the snapshot's, newest first."""
    found = find(snapshot, dataset)
    return fetch_all(
        conn,
        f"SELECT v.version, v.revision, v.committed, v.pruned, {_OUTCOMES}, v.rows, v.added, v.changed, v.removed,"
        " v.recipe_digest, v.harmoniser, v.code_version FROM ldt.version v"
        " WHERE v.dataset_id = %(dataset)s AND v.version <= %(version)s ORDER BY v.version DESC",
        {"dataset": found.dataset_id, "version": found.version},
    )


def sources(conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: str) -> list[dict[str, Any]]:
    """Return the sources of a data set's version: name, SHA-256 digest, size, whether the file store has the bytes."""
    found = find(snapshot, dataset)
    return fetch_all(
        conn,
        "SELECT s.name, s.digest, s.size, s.media_type, s.kept FROM ldt.version_source vs"
        " JOIN ldt.source_object s ON s.id = vs.source_id"
        " WHERE vs.dataset_id = %(dataset)s AND vs.version = %(version)s ORDER BY s.name, s.digest",
        {"dataset": found.dataset_id, "version": found.version},
    )


def outcomes(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: str,
    *,
    outcome: Outcome | None = None,
    reason: str | None = None,
    limit: int | None = 1000,
    after: tuple[str, str, int] | None = None,
) -> list[dict[str, Any]]:
    """Return records of a data set's version that were not simply accepted, in order of (outcome, source, row).

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: name of the data set.
        outcome: only this one.
        reason: only this one.
        limit: how many at most; all without it.
        after: (outcome, source digest, row) of the record that the last page ended with.

    Returns:
        dicts with `outcome`, `reason`, `message`, `source` (name), `source_digest`, `row`, `duplicate_of`, `record` (raw).
    """
    found = find(snapshot, dataset)
    return fetch_all(
        conn,
        "SELECT o.outcome, o.reason, o.message, s.name AS source, s.digest AS source_digest, o.source_row AS row,"
        " o.duplicate_of, o.record FROM ldt.outcome o JOIN ldt.source_object s ON s.id = o.source_id"
        " WHERE o.dataset_id = %(dataset)s AND o.version = %(version)s"
        " AND (%(outcome)s::text IS NULL OR o.outcome = %(outcome)s)"
        " AND (%(reason)s::text IS NULL OR o.reason = %(reason)s)"
        " AND (%(after)s::text IS NULL OR (o.outcome, s.digest, o.source_row) > (%(after)s, %(digest)s, %(row)s))"
        " ORDER BY o.outcome, s.digest, o.source_row LIMIT %(limit)s",
        {
            "dataset": found.dataset_id,
            "version": found.version,
            "outcome": outcome.value if outcome else None,
            "reason": reason,
            "after": after[0] if after else None,
            "digest": after[1] if after else None,
            "row": after[2] if after else None,
            "limit": limit,
        },
    )


def reasons(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: str, outcome: Outcome
) -> list[dict[str, Any]]:
    """Return why records of a data set's version have an outcome: dicts with `reason`, `count`, `example`; the most frequent first."""
    found = find(snapshot, dataset)
    return fetch_all(
        conn,
        "SELECT o.reason, count(*) AS count, (array_agg(o.message ORDER BY o.source_id, o.source_row))[1] AS example"
        " FROM ldt.outcome o WHERE o.dataset_id = %(dataset)s AND o.version = %(version)s AND o.outcome = %(outcome)s"
        " GROUP BY o.reason ORDER BY count(*) DESC, o.reason",
        {"dataset": found.dataset_id, "version": found.version, "outcome": outcome.value},
    )
