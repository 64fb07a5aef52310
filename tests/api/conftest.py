"""A service on a small town, made by hand: two collections, a data set that few may see, a station with two series."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import psycopg
import pyarrow as pa
import pytest
import shapely
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.model.dataset import DatasetDescription
from ldt.model.feature import FEATURE_SCHEMA
from ldt.model.observation import OBSERVATION_SCHEMA, Datastream
from ldt.model.outcome import Outcome, RecordOutcome, Tally
from ldt.model.snapshot import OPERATOR, Access
from ldt.store import twins
from ldt.store.connect import connect
from ldt.store.load import Load, Loaded, SourceObject, VersionKey, commit, exclusive
from ldt.store.load_features import FeatureRows
from ldt.store.load_observations import ObservationRows

START = datetime(2013, 1, 1, tzinfo=UTC)

Objects = Mapping[str, tuple[shapely.Geometry | None, Mapping[str, Any]]]


@dataclass
class Town:
    """What fills the database; each call is one version."""

    url: str
    conn: psycopg.Connection[Any]

    def twin(self, name: str = "town") -> int:
        return twins.put_twin(
            self.conn,
            name,
            title={"en": "A <town>", "de": "Eine Stadt"},
            description={"en": "Made by hand."},
            scale="city",
            buffer_m=0,
        )

    def _dataset(self, twin: str, name: str, shape: Any, kind: str | None, access: Access) -> tuple[int, int]:
        described = DatasetDescription(
            name=name,
            title={"en": f"Title of {name}", "de": f"Titel von {name}"},
            publisher="The <town>",
            licence="CC0-1.0",
            licence_uri="https://creativecommons.org/publicdomain/zero/1.0/",
            access=access,
            origin="local",
            anatomy="structure.environment.air",
        )
        twin_id = twins.twin_id(self.conn, twin)
        return twin_id, twins.put_dataset(
            self.conn, twin_id, described, name=name, shape=shape, feature_type=kind, recipe={}
        )

    def _load(self, twin_id: int, dataset_id: int, content: object) -> tuple[Load, int, VersionKey]:
        row = self.conn.execute(
            "SELECT current_version FROM ldt.dataset WHERE id = %s", (dataset_id,)
        ).fetchone()
        assert row is not None
        load = Load(self.conn, twin_id, dataset_id, row[0] + 1, rows=None)  # type: ignore[arg-type]
        digest = hashlib.sha256(repr(content).encode()).hexdigest()
        source = SourceObject(digest=digest, name="by-hand.gpkg", size=1, media_type=None, kept=False)
        return load, load.source(source), VersionKey((source,), "recipe", "1", "everything")

    def features(
        self,
        objects: Objects,
        *,
        twin: str = "town",
        name: str = "places",
        kind: str = "administrative-units",
        access: Access = Access.OPEN,
        turned_away: list[RecordOutcome] | None = None,
        life: tuple[datetime | None, datetime | None] = (None, None),
    ) -> Loaded:
        with self.conn.transaction():
            twin_id, dataset_id = self._dataset(twin, name, "feature", kind, access)
            with exclusive(self.conn, dataset_id):
                load, source_id, key = self._load(twin_id, dataset_id, sorted(objects))
                load.rows = FeatureRows(self.conn, twin_id, dataset_id, load.version, kind)
                load.rows.add(_batch(f"{twin}/{name}", objects, life), source_id, ())
                load.outcomes(turned_away or [], source_id)
                load.tally = Tally(read=len(objects), accepted=len(objects))
                for one in turned_away or []:
                    load.tally.read += 1
                    load.tally.count(one.outcome, 1, one.reason)
                return commit(load, key, "test")

    def observations(
        self, values: Mapping[tuple[str, str], list[float]], *, twin: str = "town", name: str = "air"
    ) -> Loaded:
        """Make hourly series, by (station, observed property)."""
        with self.conn.transaction():
            twin_id, dataset_id = self._dataset(twin, name, "observation", None, Access.OPEN)
            with exclusive(self.conn, dataset_id):
                load, source_id, key = self._load(twin_id, dataset_id, values)
                load.rows = ObservationRows(self.conn, self.url, twin_id, dataset_id, load.version, "upsert")
                streams = [
                    Datastream(f"{s}/{p}", s, p, "ug/m3", "PT1H", "+01:00", {"process": "x"})
                    for s, p in values
                ]
                rows = [
                    {
                        "datastream": i,
                        "time": START + timedelta(hours=hour),
                        "time_end": START + timedelta(hours=hour + 1),
                        "value": value,
                        "validity": 1,
                        "verification": 1,
                        "source_row": hour,
                    }
                    for i, series in enumerate(values.values())
                    for hour, value in enumerate(series)
                ]
                load.rows.add(pa.RecordBatch.from_pylist(rows, schema=OBSERVATION_SCHEMA), source_id, streams)
                load.tally = Tally(read=len(rows), accepted=len(rows), derived=len(rows))
                return commit(load, key, "test")


def _batch(namespace: str, objects: Objects, life: tuple[datetime | None, datetime | None]) -> pa.RecordBatch:
    rows = []
    for number, (fid, (geometry, properties)) in enumerate(objects.items()):
        wkb = shapely.to_wkb(geometry) if geometry is not None else None
        text = orjson.dumps(properties).decode()
        digest = hashlib.blake2b(fid.encode() + (wkb or b"") + text.encode(), digest_size=16).digest()
        rows.append(
            {
                "fid": fid,
                "namespace": namespace,
                "local_id": fid,
                "geometry": wkb,
                "valid_from": life[0],
                "valid_to": life[1],
                "properties": text,
                "raw": '{"further": "column"}',
                "digest": digest,
                "source_row": number,
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=FEATURE_SCHEMA)


def square(x: float, y: float = 50.0, size: float = 0.001) -> shapely.Geometry:
    return shapely.box(x, y, x + size, y + size)


QUARTERS: Objects = {
    f"q{i:02d}": (
        square(7 + i / 100),
        {"scheme": "quarter", "code": f"{i:02d}", "name": f"Quarter {i} <b>bold</b>", "country": "DE"},
    )
    for i in range(25)
}
REJECTED = RecordOutcome(
    row=99, outcome=Outcome.REJECTED, reason="bad-value", message="code is missing", record={"secret": "raw"}
)


def fill(url: str) -> None:
    """Make the town: revision 1 quarters, 2 sites, 3 secret, 4 stations, 5 air."""
    with connect(url) as conn:
        town = Town(url, conn)
        town.twin()
        repaired = RecordOutcome(row=3, outcome=Outcome.REPAIRED, reason="axis-order", message="swapped")
        town.features(QUARTERS, turned_away=[REJECTED, repaired])
        town.features(
            {"s1": (square(7.005, size=0.02), {"name": "Heath"}), "s2": (None, {"name": "Unknown place"})},
            name="sites",
            kind="protected-sites",
            life=(datetime(1990, 1, 1, tzinfo=UTC), datetime(2000, 1, 1, tzinfo=UTC)),
        )
        town.features(
            {"x": (square(7), {"name": "hidden"})},
            name="secret",
            kind="generic-features",
            access=Access.RESTRICTED,
        )
        town.features(
            {"DE01": (shapely.Point(7.01, 50.01), {"code": "DE01", "name": "Market"})},
            name="stations",
            kind="environmental-monitoring-facilities",
        )
        town.observations(
            {("DE01", "NO2"): [40.0, 41.5, 39.0], ("DE01", "PM10"): [20.0], ("DE02", "NO2"): [9.0]}
        )


@pytest.fixture(scope="module")
def town_url(shared_database_url: str) -> str:
    """The address of a database that holds the town; for tests that only read."""
    fill(shared_database_url)
    return shared_database_url


@pytest.fixture(scope="module")
def client(town_url: str) -> Iterator[TestClient]:
    """A client of the service on the town, as anybody."""
    with TestClient(create_app(town_url), raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="module")
def operator(town_url: str) -> Iterator[TestClient]:
    """A client of the service on the town, who may see everything."""
    app = create_app(town_url, caller=lambda request: OPERATOR)
    with TestClient(app, raise_server_exceptions=False) as found:
        yield found


@pytest.fixture
def own_town(database_url: str) -> Iterator[tuple[Town, TestClient]]:
    """A town of one's own, to be changed."""
    fill(database_url)
    with (
        connect(database_url) as conn,
        TestClient(create_app(database_url), raise_server_exceptions=False) as found,
    ):
        yield Town(database_url, conn), found


@pytest.fixture(scope="session")
def quarters() -> Objects:
    """The quarters of the town."""
    return QUARTERS


@pytest.fixture(scope="session")
def a_square() -> Callable[..., shapely.Geometry]:
    """A function that makes a square."""
    return square


@pytest.fixture(scope="session")
def make_town() -> Callable[[str], Any]:
    """A context manager that opens the town in a database, to be added to."""

    @contextmanager
    def opened(url: str) -> Iterator[Town]:
        with connect(url) as conn:
            yield Town(url, conn)

    return opened
