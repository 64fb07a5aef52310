"""A small twin, written straight into the tables, so that what is tested owes nothing to the loading code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ldt.indicators import engine
from ldt.model.coverage import Band, Grid, NewCoverage
from ldt.model.snapshot import OPERATOR, Access, Snapshot
from ldt.store import snapshots
from ldt.store.load_coverages import CoverageRows
from ldt.timerange import Period


@dataclass
class World:
    """A twin with its data sets; every `add_*` is a commit of its own, as an ingest is."""

    conn: psycopg.Connection[Any]
    twin: int
    ids: dict[str, int] = field(default_factory=dict)
    shapes: dict[str, str] = field(default_factory=dict)
    sources: dict[str, int] = field(default_factory=dict)
    kept: dict[str, dict[str, NewCoverage]] = field(default_factory=dict)

    def dataset(
        self,
        name: str,
        *,
        feature_type: str | None = None,
        access: Access = Access.OPEN,
        shape: str | None = None,
    ) -> int:
        """Register a data set; one with a feature type holds features, else observations."""
        if name in self.ids:
            return self.ids[name]
        kind = shape or ("feature" if feature_type else "observation")
        number = self._one(
            "INSERT INTO ldt.dataset (twin_id, name, shape, feature_type, title, licence, access, origin, anatomy, recipe)"
            " VALUES (%s, %s, %s, %s, '{}', 'none', %s, 'local', 'structure', '{}') RETURNING id",
            self.twin,
            name,
            kind,
            feature_type,
            access.value,
        )
        self.ids[name] = number
        self.shapes[name] = kind
        if kind == "feature":
            self.conn.execute(
                f"CREATE TABLE ldt.feature_{number} PARTITION OF ldt.feature FOR VALUES IN ({number})".encode()
            )
        return number

    def commit(self, name: str, file: str | None = None) -> int:
        """Take the next version of a data set and the next revision of the twin; returns the version."""
        number = self.ids[name]
        version = self._one(
            "UPDATE ldt.dataset SET current_version = current_version + 1 WHERE id = %s RETURNING current_version",
            number,
        )
        revision = self._one(
            "UPDATE ldt.twin SET revision = revision + 1 WHERE id = %s RETURNING revision", self.twin
        )
        self.conn.execute(
            "INSERT INTO ldt.revision (twin_id, revision, what) VALUES (%s, %s, 'version')",
            (self.twin, revision),
        )
        self.conn.execute(
            "INSERT INTO ldt.version (dataset_id, version, twin_id, revision, key, recipe_digest, harmoniser,"
            " selection_digest, code_version, read, accepted, repaired, rejected, duplicate, outside, derived, missing,"
            " rows, added, changed, removed) VALUES (%s, %s, %s, %s, 'key', 'recipe-digest', '1', 'all', '0',"
            " 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)",
            (number, version, self.twin, revision),
        )
        file = file or f"{name}-{version}.csv"
        self.sources[name] = self._one(
            "INSERT INTO ldt.source_object (digest, name, size, kept) VALUES (%s, %s, 1, true) RETURNING id",
            hashlib.sha256(file.encode()).hexdigest(),
            file,
        )
        self.conn.execute(
            "INSERT INTO ldt.version_source VALUES (%s, %s, %s)", (number, version, self.sources[name])
        )
        return version

    def features(
        self,
        name: str,
        feature_type: str,
        items: Sequence[tuple[str, BaseGeometry, dict[str, Any]]],
        *,
        access: Access = Access.OPEN,
    ) -> None:
        """Add a version with these features (fid, geometry in EPSG:4326, properties); a fid that is there is replaced."""
        with self.conn.transaction():
            number = self.dataset(name, feature_type=feature_type, access=access)
            version = self.commit(name)
            for row, (fid, geometry, properties) in enumerate(items):
                self.conn.execute(
                    "UPDATE ldt.feature SET until = %s WHERE dataset_id = %s AND fid = %s AND until IS NULL",
                    (version, number, fid),
                )
                self.conn.execute(
                    "INSERT INTO ldt.feature (twin_id, dataset_id, fid, since, feature_type, namespace, local_id, geom,"
                    " properties, digest, source_id, source_row)"
                    " VALUES (%s, %s, %s, %s, %s, 'ns', %s, ST_GeomFromWKB(%s, 4326), %s, gen_random_uuid(), %s, %s)",
                    (
                        *(self.twin, number, fid, version, feature_type, fid, shapely.to_wkb(geometry)),
                        *(json.dumps(properties), self.sources[name], row),
                    ),
                )

    def area(self, code: str, geometry: BaseGeometry, *, scheme: str = "city", name: str = "areas") -> None:
        """Add an area."""
        self.features(
            name,
            "administrative-units",
            [(f"{scheme}-{code}", geometry, {"scheme": scheme, "code": code, "name": code})],
        )

    def observations(
        self,
        name: str,
        thing: str,
        observed_property: str,
        times: Sequence[datetime],
        values: Sequence[float],
        *,
        validity: Sequence[int] | int = 1,
        verification: Sequence[int] | int = 1,
        averaging: str = "PT1H",
        zone: str = "+01:00",
        unit: str = "ug/m3",
        point: str = "SP1",
        access: Access = Access.OPEN,
    ) -> int:
        """Add a version that upserts observations into a datastream; returns the datastream's id."""
        step = timedelta(days=1) if averaging == "P1D" else timedelta(hours=1)
        with self.conn.transaction():
            number = self.dataset(name, access=access)
            version = self.commit(name)
            self.conn.execute(
                "INSERT INTO ldt.thing (twin_id, code) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (self.twin, thing),
            )
            stream = self._one(
                "INSERT INTO ldt.datastream (twin_id, dataset_id, code, thing, observed_property, unit, averaging, zone)"
                " VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (dataset_id, code) DO UPDATE SET unit = excluded.unit"
                " RETURNING id",
                *(self.twin, number, f"{thing}-{observed_property}-{averaging}-{point}", thing),
                *(observed_property, unit, averaging, zone),
            )
            for year in {t.astimezone(UTC).year for t in times}:
                self.conn.execute(
                    f"CREATE TABLE IF NOT EXISTS ldt.observation_{year} PARTITION OF ldt.observation"
                    f" FOR VALUES FROM ('{year}-01-01Z') TO ('{year + 1}-01-01Z')".encode()
                )
            n = len(times)
            flags = [validity] * n if isinstance(validity, int) else list(validity)
            levels = [verification] * n if isinstance(verification, int) else list(verification)
            self.conn.execute(
                "INSERT INTO ldt.observation_history SELECT o.*, %(version)s FROM ldt.observation o"
                " WHERE o.datastream_id = %(stream)s AND o.time = ANY (%(times)s)",
                {"version": version, "stream": stream, "times": list(times)},
            )
            self.conn.execute(
                "DELETE FROM ldt.observation WHERE datastream_id = %s AND time = ANY (%s)",
                (stream, list(times)),
            )
            with self.conn.cursor().copy("COPY ldt.observation FROM STDIN") as out:
                for row, (t, v, f, c) in enumerate(zip(times, values, flags, levels, strict=True)):
                    out.write_row(
                        (self.twin, number, stream, t, t + step, v, f, c, version, self.sources[name], row)
                    )
            self.conn.execute(
                "UPDATE ldt.datastream_state SET until = %s WHERE datastream_id = %s AND until IS NULL",
                (version, stream),
            )
            self.conn.execute(
                "INSERT INTO ldt.datastream_state (twin_id, dataset_id, datastream_id, since, count, time_first, time_last,"
                " last_end, last_value, last_validity, last_verification)"
                " SELECT twin_id, dataset_id, datastream_id, %s, count(*), min(time), max(time), max(time_end), 0, 1, 1"
                " FROM ldt.observation WHERE datastream_id = %s GROUP BY 1, 2, 3",
                (version, stream),
            )
        return stream

    def coverage(
        self,
        name: str,
        code: str,
        band: Band,
        cells: NDArray[Any],
        grid: Grid,
        times: Sequence[datetime] = (),
        *,
        averaging: str | None = None,
        period: tuple[datetime, datetime] | None = None,
    ) -> None:
        """Add a version that holds this coverage beside those that are there: `cells` as (step, row, column)."""
        with self.conn.transaction():
            number = self.dataset(name, shape="coverage")
            version = self.commit(name)
            self.kept.setdefault(name, {})[code] = NewCoverage(
                code=code,
                bands=(band,),
                grid=grid,
                time_first=period[0] if period else min(times, default=None),
                time_last=period[1] if period else max(times) + timedelta(days=1) if times else None,
                times=tuple(times),
                averaging=averaging,
                footprint=shapely.to_wkb(shapely.box(-10, 35, 30, 60)),
                read=lambda _, step, start, stop: cells[step, start:stop],
            )
            rows = CoverageRows(self.conn, self.twin, number, version)
            for coverage in self.kept[name].values():
                rows.add(coverage, self.sources[name])
            rows.finish()

    def snapshot(self, at: int | None = None, access: frozenset[Access] = OPERATOR) -> Snapshot:
        """Resolve a state of the twin."""
        return snapshots.resolve(self.conn, "test", access, at)

    def compute(
        self, *indicators: str, periods: Sequence[str | Period], **options: Any
    ) -> list[engine.RunResult]:
        """Compute on the newest state."""
        return engine.compute(self.conn, self.snapshot(), indicators, periods=periods, **options)

    def _one(self, statement: str, *parameters: Any) -> int:
        row = self.conn.execute(statement.encode(), parameters).fetchone()
        assert row is not None
        return int(row[0])
