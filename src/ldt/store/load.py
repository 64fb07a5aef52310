"""Loading: what every ingest of any shape does in its one transaction.

A load either commits as a whole (rows, outcomes, version, revision) or leaves the previous state as it was; readers see the
one or the other. What differs by shape is in `load_features`, `load_observations` and `load_coverages`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import orjson
import psycopg
import pyarrow as pa
from psycopg import sql
from psycopg.types.json import Jsonb

from ldt.errors import Conflict
from ldt.model.outcome import RecordOutcome, Tally
from ldt.store.connect import translated
from ldt.store.copying import copy
from ldt.store.revisions import next_revision

OUTCOME_COLUMNS = pa.schema(
    [
        ("source_row", pa.int64()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("message", pa.string()),
        ("duplicate_of", pa.int64()),
        ("record", pa.string()),
    ]
)


#: Advisory lock of the file store: shared by those who may come to refer to files in it, alone for who deletes some.
FILES_LOCK = 0x1D9


@dataclass(frozen=True, slots=True)
class SourceObject:
    """The bytes of one source: SHA-256 digest, the name they were given under, size, and whether the file store has them."""

    digest: str
    name: str
    size: int
    media_type: str | None
    kept: bool


@dataclass(frozen=True, slots=True)
class VersionKey:
    """What decides whether an ingest makes a new version: a change of source, recipe, harmoniser or selection."""

    sources: tuple[SourceObject, ...]
    recipe_digest: str
    harmoniser: str
    selection_digest: str

    @property
    def digest(self) -> str:
        """SHA-256 over all four; the order of the sources does not matter, their names do not either."""
        parts = [
            sorted(s.digest for s in self.sources),
            self.recipe_digest,
            self.harmoniser,
            self.selection_digest,
        ]
        return hashlib.sha256(orjson.dumps(parts)).hexdigest()


@dataclass(slots=True)
class Changes:
    """What a load changed. `extent` is WKB of a polygon in EPSG:4326."""

    rows: int = 0
    added: int = 0
    changed: int = 0
    removed: int = 0
    extent: bytes | None = None
    time_first: datetime | None = None
    time_last: datetime | None = None


@dataclass(frozen=True, slots=True)
class Loaded:
    """A committed version."""

    dataset_id: int
    version: int
    revision: int
    tally: Tally
    changes: Changes


class Rows(Protocol):
    """What a load of one shape does. Each has its own `add`: features and observations come in batches, coverages one by one."""

    def finish(self) -> Changes:
        """Make what was taken in the new version's rows."""
        ...


@dataclass(slots=True)
class Load:
    """One ingest under way. `version` is the number that it will get."""

    conn: psycopg.Connection[Any]
    twin_id: int
    dataset_id: int
    version: int
    rows: Rows
    tally: Tally = field(default_factory=Tally)
    crs: list[dict[str, Any]] = field(default_factory=list)
    source_ids: dict[str, int] = field(default_factory=dict)

    def source(self, source: SourceObject) -> int:
        """Return the id of a source, registering it if it is new."""
        if source.digest not in self.source_ids:
            with translated():
                row = self.conn.execute(
                    "INSERT INTO ldt.source_object (digest, name, size, media_type, kept) VALUES (%s, %s, %s, %s, %s)"
                    " ON CONFLICT (digest, name) DO UPDATE SET kept = ldt.source_object.kept OR excluded.kept RETURNING id",
                    (source.digest, source.name, source.size, source.media_type, source.kept),
                ).fetchone()
            assert row is not None  # noqa: S101 - an upsert with RETURNING always returns
            self.source_ids[source.digest] = row[0]
        return self.source_ids[source.digest]

    def outcomes(self, outcomes: Sequence[RecordOutcome], source_id: int) -> None:
        """Keep the outcomes of records that were not simply accepted."""
        if not outcomes:
            return
        batch = pa.RecordBatch.from_pydict(
            {
                "source_row": [o.row for o in outcomes],
                "outcome": [o.outcome.value for o in outcomes],
                "reason": [o.reason for o in outcomes],
                "message": [o.message for o in outcomes],
                "duplicate_of": [o.duplicate_of for o in outcomes],
                "record": [_json_text(o.record) for o in outcomes],
            },
            schema=OUTCOME_COLUMNS,
        )
        constants = {
            "twin_id": self.twin_id,
            "dataset_id": self.dataset_id,
            "version": self.version,
            "source_id": source_id,
        }
        copy(self.conn, sql.SQL("ldt.outcome"), [batch], constants=constants, jsonb=frozenset({"record"}))


def _json_text(record: dict[str, Any] | None) -> str | None:
    # PostgreSQL's jsonb cannot hold NUL characters, which occur in damaged files.
    if record is None:
        return None
    text = orjson.dumps(
        record, default=str, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    ).decode()
    return text.replace("\\u0000", "\ufffd")


@contextmanager
def exclusive(conn: psycopg.Connection[Any], dataset_id: int) -> Iterator[None]:
    """Hold a data set for writing until the transaction ends.

    Raises:
        Conflict: another process is ingesting into it.
    """
    with translated():
        # Until the end no bytes are deleted that this transaction may come to refer to.
        conn.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (FILES_LOCK,))
        row = conn.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (0x1D7, dataset_id)).fetchone()
    if not row or not row[0]:
        raise Conflict(
            "another process is ingesting into this data set",
            remedy="wait until it has ended, then run again",
        )
    yield


def commit(load: Load, key: VersionKey, code_version: str) -> Loaded:
    """Make the rows of a load the current version of its data set, and count a revision of the twin."""
    changes = load.rows.finish()
    t = load.tally
    # From here on other writers of the twin wait. Not FOR UPDATE: that would also wait for those who only refer to the twin
    # (every first ingest of a data set does), while they wait for us.
    assert t.adds_up, f"outcomes do not add up: {t}"  # noqa: S101 - a broken invariant must never be committed
    with translated():
        load.conn.execute(
            "INSERT INTO ldt.version (dataset_id, version, twin_id, revision, key, recipe_digest, harmoniser, selection_digest,"
            " code_version, read, accepted, repaired, rejected, duplicate, outside, derived, missing, rows, added, changed,"
            " removed, extent, time_first, time_last, crs) VALUES (%(dataset)s, %(version)s, %(twin)s,"
            " (SELECT revision + 1 FROM ldt.twin WHERE id = %(twin)s FOR NO KEY UPDATE),"
            " %(key)s, %(recipe)s, %(harmoniser)s, %(selection)s, %(code)s, %(read)s, %(accepted)s, %(repaired)s, %(rejected)s,"
            " %(duplicate)s, %(outside)s, %(derived)s, %(missing)s, %(rows)s, %(added)s, %(changed)s, %(removed)s,"
            " ST_SetSRID(%(extent)s::geometry, 4326), %(time_first)s, %(time_last)s, %(crs)s)",
            {
                "dataset": load.dataset_id,
                "version": load.version,
                "twin": load.twin_id,
                "key": key.digest,
                "recipe": key.recipe_digest,
                "harmoniser": key.harmoniser,
                "selection": key.selection_digest,
                "code": code_version,
                **{
                    n: getattr(t, n)
                    for n in ("read", "accepted", "repaired", "rejected", "duplicate", "outside")
                },
                "derived": t.derived,
                "missing": t.missing,
                "rows": changes.rows,
                "added": changes.added,
                "changed": changes.changed,
                "removed": changes.removed,
                "extent": changes.extent,
                "time_first": changes.time_first,
                "time_last": changes.time_last,
                "crs": Jsonb(load.crs),
            },
        )
        for source in key.sources:
            load.conn.execute(
                "INSERT INTO ldt.version_source (dataset_id, version, source_id) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
                (load.dataset_id, load.version, load.source(source)),
            )
        revision = next_revision(load.conn, load.twin_id, "version")
        # A data set that was taken away comes back with this revision; in between it stays away.
        load.conn.execute(
            "UPDATE ldt.dataset SET current_version = %s, removed = removed - int8multirange(int8range(%s, NULL)) WHERE id = %s",
            (load.version, revision, load.dataset_id),
        )
    return Loaded(load.dataset_id, load.version, revision, t, changes)
