"""A town with rasters, a cube and stations, loaded by hand: every cell and every value is known here, and not read back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg
import pyarrow as pa
import pytest
import shapely
from starlette.testclient import TestClient
from tests.api.coverages.conftest import MADE, new_coverage
from tests.store.loading import begin, description, key, load_coverages, load_features, make_twin, source

from ldt.api.app import create_app
from ldt.model.observation import OBSERVATION_SCHEMA, Datastream
from ldt.model.outcome import Tally
from ldt.model.snapshot import OPERATOR, Access
from ldt.settings import settings
from ldt.store import twins
from ldt.store.connect import connect
from ldt.store.load import commit, exclusive
from ldt.store.load_observations import ObservationRows

START = datetime(2024, 2, 28, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: Places of the stations; that of `lost` nobody knows.
PLACES = {"A1": (6.9, 50.95), "B/ü 2": (6.95, 50.97), "far": (7.4, 50.5)}
STREAMS = [
    Datastream("A1/NO2", "A1", "NO2", "ug/m3", "PT1H", "+01:00"),
    Datastream("A1/NO2/day", "A1", "NO2", "ug/m3", "P1D", "+01:00"),
    Datastream("A1/O3", "A1", "O3", "ug/m3", "PT1H", "+01:00"),
    Datastream("B/NO2", "B/ü 2", "NO2", "ug/m3", "PT1H", "+01:00"),
    Datastream("far/NO2", "far", "NO2", "ug/m3", "PT1H", "+01:00"),
    Datastream("lost/NO2", "lost", "NO2", "ug/m3", "PT1H", "+01:00"),
]
Row = tuple[int, datetime, timedelta, float, int]


def _rows() -> list[Row]:
    """Hours over the end of a leap February; of A1's NO2 the sixth is not valid, its O3 begins two hours later."""
    rows: list[Row] = []
    for number, stream in enumerate(STREAMS):
        if stream.averaging == "P1D":
            rows += [(number, START + i * DAY, DAY, 100.0 + i, 1) for i in range(3)]
            continue
        first = 2 if stream.observed_property == "O3" else 0
        for i in range(first, 48):
            bad = stream.code == "A1/NO2" and i == 5
            rows.append((number, START + i * HOUR, HOUR, number * 1000.0 + i / 4, -1 if bad else 1))
    return rows


ROWS = _rows()


def load_series(
    conn: psycopg.Connection[Any], url: str, rows: Sequence[Row], name: str, access: Access = Access.OPEN
) -> None:
    batch = pa.RecordBatch.from_pylist(
        [
            {
                "datastream": s, "time": time, "time_end": time + span, "value": value,
                "validity": validity, "verification": 1, "source_row": n,
            }
            for n, (s, time, span, value, validity) in enumerate(rows)
        ],
        schema=OBSERVATION_SCHEMA,
    )  # fmt: skip
    twin_id = twins.twin_id(conn, "town")
    with conn.transaction():
        dataset = twins.put_dataset(
            conn,
            twin_id,
            description(name, access),
            name=name,
            shape="observation",
            feature_type=None,
            recipe={},
        )
        with exclusive(conn, dataset):
            load = begin(conn, twin_id, dataset)
            load.rows = ObservationRows(conn, url, twin_id, dataset, load.version, "upsert")
            origin = source([name, *rows])
            load.rows.add(batch, load.source(origin), STREAMS)
            load.tally = Tally(read=len(rows), accepted=len(rows))
            commit(load, key(origin), "test")


def fill(url: str) -> None:
    """Revisions 1 to 3 coverages, 4 a secret one, 5 to 7 stations, 8 air, 9 secret air, 10 warmer, 11 other air."""
    with connect(url) as conn:
        make_twin(conn)
        for identifier, made in MADE.items():
            name, _, code = identifier.partition(".")
            load_coverages(conn, new_coverage(code, made), name=name)
        secret = new_coverage("2018", MADE["sealing.2018"])
        load_coverages(conn, secret, name="secret", access=Access.RESTRICTED)
        for number, (code, place) in enumerate(PLACES.items()):
            load_features(
                conn,
                {chr(ord("a") + number): {"code": code, "name": f"Station {code}"}},
                name=f"stations-{number}",
                feature_type="environmental-monitoring-facilities",
                geometry=shapely.Point(place),
            )
        load_series(conn, url, ROWS, "air")
        load_series(conn, url, ROWS, "secret-air", Access.RESTRICTED)
        warm = MADE["warm.2025"]
        load_coverages(
            conn, new_coverage("2025", replace(warm, cells=warm.cells + np.float32(1))), name="warm"
        )
        load_series(conn, url, [(0, START, HOUR, 7.0, 1)], "air")


@pytest.fixture(scope="module")
def town_url(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a database with the town."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        fill(shared_database_url)
        yield shared_database_url
    settings.cache_clear()


@pytest.fixture(scope="module")
def client(town_url: str) -> Iterator[TestClient]:
    """A client of the service on the town, as anybody."""
    with TestClient(create_app(town_url), raise_server_exceptions=False) as found:
        yield found


@pytest.fixture(scope="module")
def operator(town_url: str) -> Iterator[TestClient]:
    """A client who may see everything."""
    with TestClient(create_app(town_url, caller=lambda request: OPERATOR)) as found:
        yield found
