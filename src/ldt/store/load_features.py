"""Features in: the first version is copied into a table of its own and attached; later ones write only what changed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from ldt.model.observation import Datastream
from ldt.store import indexes
from ldt.store.connect import translated
from ldt.store.copying import copy
from ldt.store.load import Changes

_JSONB = frozenset({"properties", "raw"})
_STAGE = sql.SQL("feature_stage")


class FeatureRows:
    """The features of one ingest (see :class:`ldt.store.load.Rows`)."""

    def __init__(
        self, conn: psycopg.Connection[Any], twin_id: int, dataset_id: int, version: int, feature_type: str
    ) -> None:
        self._conn = conn
        self._ids = {"twin_id": twin_id, "dataset_id": dataset_id}
        self._version = version
        self._type = feature_type
        self._name = f"feature_{dataset_id}"
        self._partition = sql.Identifier("ldt", self._name)
        self._rows = 0
        with translated():
            found = conn.execute("SELECT to_regclass(%s)", (f"ldt.{self._name}",)).fetchone()
            self._first = found is None or found[0] is None
            if self._first:
                self._create()
            else:
                conn.execute(sql.SQL("CREATE TEMP TABLE {} (LIKE ldt.feature) ON COMMIT DROP").format(_STAGE))

    def _create(self) -> None:
        """Make the table of the first version, still apart from the others.

        Its indexes are built when the rows are in, which is several times faster; all but those that few rows or none belong
        to: with them there, no further look at every row is needed.
        """
        for statement in (
            "CREATE TABLE {t} (LIKE ldt.feature, CONSTRAINT of_dataset CHECK (dataset_id = {d}))",
            "CREATE INDEX ON {t} USING gist (geom) WHERE until IS NOT NULL",
            "CREATE INDEX ON {t} ((properties ->> 'code')) WHERE until IS NULL AND properties ? 'code'",
        ):
            self._execute(statement)

    def _execute(self, statement: str) -> None:
        dataset = sql.Literal(self._ids["dataset_id"])
        self._conn.execute(sql.SQL(statement).format(t=self._partition, d=dataset))

    def add(self, batch: pa.RecordBatch, source_id: int, datastreams: Sequence[Datastream] = ()) -> None:
        """Take in a batch of `FEATURE_SCHEMA`."""
        names = ["geom" if n == "geometry" else n for n in batch.schema.names]
        batch = batch.rename_columns(names).append_column(
            "feature_type", pa.repeat(pa.scalar(self._type), batch.num_rows)
        )
        self._rows += copy(
            self._conn,
            self._partition if self._first else _STAGE,
            [batch],
            constants={**self._ids, "since": self._version, "source_id": source_id},
            jsonb=_JSONB,
        )

    def finish(self) -> Changes:
        """Attach the first version's table, or write what differs from the current rows."""
        with translated():
            changes = self._attach() if self._first else self._difference()
            row = self._conn.execute(
                sql.SQL(
                    "SELECT count(*), ST_AsBinary(ST_Envelope(ST_Extent(geom)::geometry)), min(valid_from), max(valid_to)"
                    " FROM {} WHERE until IS NULL"
                ).format(self._partition)
            ).fetchone()
            assert row is not None  # noqa: S101 - an aggregate always returns a row
            changes.rows, changes.time_first, changes.time_last = row[0], row[2], row[3]
            changes.extent = _polygon(self._conn, row[1])
            if indexes.refresh(self._conn, self._ids["dataset_id"], changes.rows) or self._first:
                # Half of the sample that is usual tells as much of identifiers and of where things lie.
                self._execute("SET LOCAL default_statistics_target = 50")
                self._execute("ANALYZE {t}")
        return changes

    def _attach(self) -> Changes:
        for statement in (
            # The names say which parent index each one will be part of; ATTACH finds them by their definition.
            "ALTER TABLE {t} ALTER twin_id SET NOT NULL, ADD PRIMARY KEY (twin_id, dataset_id, fid, since)",
            "CREATE INDEX ON {t} USING gist (geom) WHERE until IS NULL",
            "CREATE INDEX ON {t} (fid) WHERE until IS NULL",
            "CREATE INDEX ON {t} (alias) WHERE alias IS NOT NULL",
            'CREATE INDEX ON {t} (local_id COLLATE "C")',
            "ALTER TABLE ldt.feature ATTACH PARTITION {t} FOR VALUES IN ({d})",
            "ALTER TABLE {t} DROP CONSTRAINT of_dataset",
            # Half of the sample that is usual tells as much of identifiers and of where things lie.
            # Only what is searched by: statistics of the documents would take longer than the indexes.
            "ALTER TABLE {t} ALTER properties SET STATISTICS 0, ALTER raw SET STATISTICS 0, ALTER digest SET STATISTICS 0",
        ):
            self._execute(statement)
        return Changes(added=self._rows)

    def _difference(self) -> Changes:
        """Compare by identifier and digest, then write: close what is gone or different, add what is new or different."""
        c, p, v = self._conn, self._partition, sql.Literal(self._version)
        c.execute("ANALYZE feature_stage")
        indexes.make_room(c, self._ids["dataset_id"], _STAGE)
        c.execute(
            sql.SQL(
                "CREATE TEMP TABLE feature_difference ON COMMIT DROP AS SELECT s.fid AS new, f.fid AS old"
                " FROM feature_stage s FULL JOIN (SELECT fid, digest FROM {p} WHERE until IS NULL) f ON f.fid = s.fid"
                " WHERE s.digest IS DISTINCT FROM f.digest"
            ).format(p=p)
        )
        c.execute("ANALYZE feature_difference")
        c.execute(
            sql.SQL(
                "UPDATE {p} f SET until = {v} FROM feature_difference d WHERE f.fid = d.old AND f.until IS NULL"
            ).format(p=p, v=v)
        )
        columns = sql.SQL(
            "twin_id, dataset_id, fid, since, until, feature_type, namespace, local_id, version_id, geom, valid_from, valid_to,"
            " properties, raw, digest, source_id, source_row, alias"
        )
        c.execute(
            sql.SQL(
                "INSERT INTO {p} ({columns}) SELECT {columns} FROM feature_stage s WHERE s.fid IN"
                " (SELECT new FROM feature_difference)"
            ).format(p=p, columns=columns)
        )
        row = c.execute(
            "SELECT count(*) FILTER (WHERE old IS NULL), count(*) FILTER (WHERE old IS NOT NULL AND new IS NOT NULL),"
            " count(*) FILTER (WHERE new IS NULL) FROM feature_difference"
        ).fetchone()
        assert row is not None  # noqa: S101 - an aggregate always returns a row
        return Changes(added=row[0], changed=row[1], removed=row[2])


def _polygon(conn: psycopg.Connection[Any], envelope: bytes | None) -> bytes | None:
    """Return an envelope as a polygon: that of a single point or of a straight line is not one by itself."""
    if envelope is None:
        return None
    row = conn.execute(
        "SELECT ST_AsBinary(CASE WHEN ST_Dimension(g) = 2 THEN g"
        " ELSE ST_Envelope(ST_Expand(g, 1e-7)) END) FROM (SELECT %s::geometry AS g) e",
        (envelope,),
    ).fetchone()
    return row[0] if row else None
