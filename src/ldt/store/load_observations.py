"""Observations in: copied straight into year partitions the first time, staged and merged afterwards, so re-running is safe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import psycopg
import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql
from psycopg.types.json import Jsonb

from ldt.model.observation import Datastream
from ldt.store.connect import connect, translated
from ldt.store.copying import copy
from ldt.store.load import Changes

_KEY = "o.twin_id = s.twin_id AND o.dataset_id = s.dataset_id AND o.datastream_id = s.datastream_id AND o.time = s.time"
_DIFFERS = "(o.time_end, o.value, o.validity, o.verification) IS DISTINCT FROM (s.time_end, s.value, s.validity, s.verification)"
_COLUMNS = "twin_id, dataset_id, datastream_id, time, time_end, value, validity, verification, version, source_id, source_row"


class ObservationRows:
    """The observations of one ingest (see :class:`ldt.store.load.Rows`).

    Args:
        url: address for a second connection: partitions and things are made in transactions of their own, so that two ingests
            never wait for each other's.
        update: `upsert` adds and overwrites; `replace` also removes what this delivery does not have.
    """

    def __init__(
        self,
        conn: psycopg.Connection[Any],
        url: str,
        twin_id: int,
        dataset_id: int,
        version: int,
        update: Literal["upsert", "replace"],
    ) -> None:
        self._conn = conn
        self._url = url
        self._ids = {"twin_id": twin_id, "dataset_id": dataset_id}
        self._version = version
        self._replace = update == "replace"
        self._datastreams: dict[str, int] = {}
        self._years: set[int] = set()
        self._rows = 0
        with translated():
            # A data set without rows of its own cannot conflict: its rows go straight into the indexed partitions.
            found = conn.execute(
                "SELECT EXISTS (SELECT FROM ldt.datastream WHERE dataset_id = %s)", (dataset_id,)
            ).fetchone()
            self._first = not (found and found[0])
            if not self._first:
                conn.execute(
                    "CREATE TEMP TABLE observation_stage (LIKE ldt.observation INCLUDING DEFAULTS) ON COMMIT DROP"
                )

    def add(self, batch: pa.RecordBatch, source_id: int, datastreams: Sequence[Datastream]) -> None:
        """Take in a batch of `OBSERVATION_SCHEMA`."""
        if not batch.num_rows:
            return
        self._things(datastreams)
        ids = pa.array([self._datastream(d) for d in datastreams], pa.int32())
        self._partitions(batch)
        batch = pa.RecordBatch.from_arrays(
            [ids.take(batch.column("datastream")), *batch.columns[1:]],
            names=["datastream_id", *batch.schema.names[1:]],
        )
        self._rows += copy(
            self._conn,
            sql.Identifier("ldt", "observation") if self._first else sql.Identifier("observation_stage"),
            [batch],
            constants={**self._ids, "version": self._version, "source_id": source_id},
        )

    def finish(self) -> Changes:
        """Merge what was staged, and write the states of the datastreams, once."""
        with translated():
            changes = Changes(added=self._rows) if self._first else self._merge()
            self._states()
            row = self._conn.execute(
                "SELECT coalesce(sum(count), 0), min(time_first), max(last_end) FROM ldt.datastream_state"
                " WHERE twin_id = %(twin_id)s AND dataset_id = %(dataset_id)s AND until IS NULL",
                self._ids,
            ).fetchone()
            assert row is not None  # noqa: S101 - an aggregate always returns a row
            changes.rows, changes.time_first, changes.time_last = int(row[0]), row[1], row[2]
        return changes

    def _things(self, datastreams: Sequence[Datastream]) -> None:
        """Make the things that are not there yet, in a transaction of their own and in the order of their codes.

        They are identities that data sets share: two ingests that meet the same new stations would otherwise wait for each
        other. One that nothing is told of afterwards does no harm.
        """
        codes = sorted({d.thing for d in datastreams if d.code not in self._datastreams})
        if codes:
            with connect(self._url) as other, translated():
                other.execute(
                    "INSERT INTO ldt.thing (twin_id, code) SELECT %s, unnest(%s::text[]) ON CONFLICT DO NOTHING",
                    (self._ids["twin_id"], codes),
                )

    def _datastream(self, datastream: Datastream) -> int:
        if datastream.code not in self._datastreams:
            with translated():
                row = self._conn.execute(
                    "INSERT INTO ldt.datastream (twin_id, dataset_id, code, thing, observed_property, unit, averaging, zone,"
                    " properties) VALUES (%(twin_id)s, %(dataset_id)s, %(code)s, %(thing)s, %(observed_property)s, %(unit)s,"
                    " %(averaging)s, %(zone)s, %(properties)s)"
                    " ON CONFLICT (dataset_id, code) DO UPDATE SET properties = ldt.datastream.properties || excluded.properties"
                    " RETURNING id",
                    {
                        **self._ids,
                        "thing": datastream.thing,
                        "code": datastream.code,
                        "observed_property": datastream.observed_property,
                        "unit": datastream.unit,
                        "averaging": datastream.averaging,
                        "zone": datastream.zone,
                        "properties": Jsonb(datastream.properties),
                    },
                ).fetchone()
            assert row is not None  # noqa: S101 - an upsert with RETURNING always returns
            self._datastreams[datastream.code] = row[0]
        return self._datastreams[datastream.code]

    def _partitions(self, batch: pa.RecordBatch) -> None:
        years = set(pc.unique(pc.year(batch.column("time"))).to_pylist()) - self._years
        if years:
            with connect(self._url) as other:
                for year in sorted(years):
                    ensure_year(other, year)
            self._years |= years

    def _merge(self) -> Changes:
        c = self._conn
        c.execute("CREATE INDEX ON observation_stage (datastream_id, time)")
        c.execute("ANALYZE observation_stage")
        version = {"v": self._version, **self._ids}
        changed = c.execute(
            f"INSERT INTO ldt.observation_history ({_COLUMNS}, until) SELECT o.*, %(v)s FROM"
            f" (SELECT {_COLUMNS} FROM ldt.observation) o JOIN observation_stage s ON {_KEY} WHERE {_DIFFERS}",
            version,
        ).rowcount
        written = c.execute(
            f"INSERT INTO ldt.observation AS o ({_COLUMNS}) SELECT {_COLUMNS} FROM observation_stage"
            " ON CONFLICT (twin_id, dataset_id, datastream_id, time) DO UPDATE SET time_end = excluded.time_end,"
            " value = excluded.value, validity = excluded.validity, verification = excluded.verification,"
            " version = excluded.version, source_id = excluded.source_id, source_row = excluded.source_row"
            " WHERE " + _DIFFERS.replace("s.", "excluded."),
        ).rowcount
        removed = 0
        if self._replace:
            removed = c.execute(
                "WITH gone AS (DELETE FROM ldt.observation o WHERE o.twin_id = %(twin_id)s AND o.dataset_id = %(dataset_id)s"
                f" AND NOT EXISTS (SELECT FROM observation_stage s WHERE {_KEY}) RETURNING {_COLUMNS})"
                f" INSERT INTO ldt.observation_history ({_COLUMNS}, until) SELECT *, %(v)s FROM gone",
                version,
            ).rowcount
        return Changes(added=written - changed, changed=changed, removed=removed)

    def _states(self) -> None:
        """Write the state of each datastream that this load touched; a state that did not change stays."""
        touched = (
            "SELECT id FROM ldt.datastream WHERE dataset_id = %(dataset_id)s"
            if self._first or self._replace
            else "SELECT DISTINCT datastream_id FROM observation_stage"
        )
        where = "o.twin_id = %(twin_id)s AND o.dataset_id = %(dataset_id)s AND o.datastream_id = d.id"
        parameters = {**self._ids, "v": self._version}
        self._conn.execute(
            f"CREATE TEMP TABLE state_stage ON COMMIT DROP AS SELECT d.id AS datastream_id, e.count, e.first AS time_first,"
            f" l.time AS time_last, l.time_end AS last_end, l.value AS last_value, l.validity AS last_validity,"
            f" l.verification AS last_verification FROM ({touched}) d (id)"
            f" CROSS JOIN LATERAL (SELECT count(*) AS count, min(o.time) AS first FROM ldt.observation o WHERE {where}) e"
            f" JOIN LATERAL (SELECT * FROM ldt.observation o WHERE {where} AND o.validity >= 1 ORDER BY o.time DESC LIMIT 1) l"
            " ON true",
            parameters,
        )
        self._conn.execute(
            "UPDATE ldt.datastream_state o SET until = %(v)s WHERE o.twin_id = %(twin_id)s AND o.dataset_id = %(dataset_id)s"
            f" AND o.until IS NULL AND o.datastream_id IN ({touched}) AND NOT EXISTS"
            " (SELECT FROM state_stage s WHERE s.datastream_id = o.datastream_id AND"
            " (s.count, s.time_first, s.time_last, s.last_end, s.last_value, s.last_validity, s.last_verification) IS NOT DISTINCT"
            " FROM (o.count, o.time_first, o.time_last, o.last_end, o.last_value, o.last_validity, o.last_verification))",
            parameters,
        )
        self._conn.execute(
            "INSERT INTO ldt.datastream_state (twin_id, dataset_id, since, datastream_id, count, time_first, time_last, last_end,"
            " last_value, last_validity, last_verification) SELECT %(twin_id)s, %(dataset_id)s, %(v)s, s.* FROM state_stage s"
            " WHERE NOT EXISTS (SELECT FROM ldt.datastream_state o WHERE o.twin_id = %(twin_id)s"
            " AND o.dataset_id = %(dataset_id)s AND o.datastream_id = s.datastream_id AND o.until IS NULL)",
            parameters,
        )


def ensure_year(conn: psycopg.Connection[Any], year: int) -> None:
    """Make the partition of a UTC year if it is not there. Made apart and attached: that waits for no reader."""
    name = f"observation_{year}"
    table = sql.Identifier("ldt", name)
    first, last = f"{year:04d}-01-01 00:00:00+00", f"{year + 1:04d}-01-01 00:00:00+00"
    with translated(), conn.transaction():
        conn.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x1D8, year))
        found = conn.execute("SELECT to_regclass(%s)", (f"ldt.{name}",)).fetchone()
        if found and found[0]:
            return
        conn.execute(sql.SQL("CREATE TABLE {} (LIKE ldt.observation INCLUDING INDEXES)").format(table))
        conn.execute(
            sql.SQL("ALTER TABLE ldt.observation ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                table, sql.Literal(first), sql.Literal(last)
            )
        )
