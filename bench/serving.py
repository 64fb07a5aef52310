"""Serving: features over HTTP against the same SQL run plainly; the latest values against a single-row lookup."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx

from bench.loading import TWIN, make_twin, plots, write_plots
from bench.measure import Measurement, best
from ldt.model.snapshot import PUBLIC
from ldt.pipeline.ingest import ingest
from ldt.store import features as store_features
from ldt.store import observations as store_observations
from ldt.store import snapshots
from ldt.store.connect import connect
from ldt.store.load_observations import ensure_year

FEATURES = 50_000
PAGE = 10_000
STATIONS, VALUES = 200, 25_000


def features(url: str, folder: Path) -> list[Measurement]:
    """Features served per second over HTTP, pages of 10,000, against the same statement on a plain connection."""
    make_twin(url)
    path = folder / "served.gpkg"
    write_plots(path, FEATURES)
    ingest(url, TWIN, plots("served"), [path])
    with connect(url) as conn:
        row = conn.execute("SELECT id, current_version FROM ldt.dataset WHERE name = 'served'").fetchone()
        assert row is not None
        plain = (
            'SELECT fid, concat(\'{"type":"Feature","id":"served.\', fid, \'","geometry":\', ST_AsGeoJSON(geom, 7, 0),'
            " ',\"properties\":', properties::text, '}') FROM ldt.feature WHERE dataset_id = %s AND until IS NULL ORDER BY fid LIMIT %s"
        )
        limit = PAGE / best(lambda: conn.execute(plain, (row[0], PAGE)).fetchall(), 5)
    server = subprocess.Popen(
        [sys.executable, "-m", "ldt.cli", "serve", "--port", "0", "--json"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        import json

        base = json.loads(server.stdout.readline())["url"]
        address = f"{base}twins/{TWIN}/collections/generic-features/items?limit={PAGE}"
        with httpx.Client(timeout=60, headers={"Accept-Encoding": "identity"}) as client:
            _wait(client, base)

            def page() -> None:
                answer = client.get(address)
                assert answer.status_code == 200, answer.text
                assert answer.content.count(b'"type":"Feature"') >= PAGE

            ours = PAGE / best(page, 5)
    finally:
        server.terminate()
        server.wait(20)
    return [
        Measurement(
            "features served over HTTP (33 vertices)", ours, limit, "features/s", 0.5, "the same SQL, plainly"
        )
    ]


def _wait(client: httpx.Client, base: str) -> None:
    for _ in range(100):
        try:
            if client.get(f"{base}health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError("the service did not come up")


def latest(url: str, folder: Path) -> list[Measurement]:
    """The latest value of 200 stations among 5 million observations, against a single-row lookup by primary key."""
    make_twin(url)
    with connect(url) as conn:
        for year in range(2019, 2024):
            ensure_year(conn, year)
        _fill(conn)
        conn.execute("VACUUM ANALYZE ldt.observation, ldt.datastream_state, ldt.datastream, ldt.thing")
        identifier, first = conn.execute(
            "SELECT datastream_id, time_first FROM ldt.datastream_state s JOIN ldt.dataset d ON d.id = s.dataset_id"
            " WHERE d.name = 'network' LIMIT 1"
        ).fetchone() or (0, None)
        row = conn.execute("SELECT twin_id, id FROM ldt.dataset WHERE name = 'network'").fetchone()
        assert row is not None
        lookup = "SELECT value FROM ldt.observation WHERE twin_id = %s AND dataset_id = %s AND datastream_id = %s AND time = %s"
        single = best(lambda: conn.execute(lookup, (*row, identifier, first)).fetchall(), 200)
        with conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            snapshot = snapshots.resolve(conn, TWIN, PUBLIC)
            found = store_observations.latest(conn, snapshot, observed_property="NO2", limit=1000)
            assert len([r for r in found if r["dataset"] == "network"]) == STATIONS, len(found)
            assert store_features.items(snapshot, "generic-features")
            all_stations = best(
                lambda: store_observations.latest(conn, snapshot, observed_property="NO2", limit=STATIONS), 50
            )
    return [
        Measurement(
            f"latest value of {STATIONS} stations among {STATIONS * VALUES:,} observations",
            all_stations * 1000,
            single * 1000,
            "ms",
            10,
            "one row by primary key",
            at_most=True,
        )
    ]


def _fill(conn: object) -> None:
    """Put 5 million hourly values of 200 stations into a data set, by SQL: how they got there is not what is measured."""
    import psycopg

    assert isinstance(conn, psycopg.Connection)
    with conn.transaction():
        conn.execute(
            "INSERT INTO ldt.dataset (twin_id, name, shape, title, licence, origin, anatomy, recipe, current_version)"
            " SELECT id, 'network', 'observation', '{\"en\": \"n\"}', 'CC0', 'local', 'structure.environment.air', '{}', 1"
            " FROM ldt.twin WHERE name = %s",
            (TWIN,),
        )
        conn.execute(
            "INSERT INTO ldt.thing (twin_id, code) SELECT t.id, 'N' || g FROM ldt.twin t, generate_series(1, %s) g WHERE t.name = %s",
            (STATIONS, TWIN),
        )
        conn.execute(
            "INSERT INTO ldt.datastream (twin_id, dataset_id, code, thing, observed_property, unit, averaging, zone)"
            " SELECT d.twin_id, d.id, t.code, t.code, 'NO2', 'ug/m3', 'PT1H', '+01:00' FROM ldt.dataset d"
            " JOIN ldt.thing t ON t.twin_id = d.twin_id WHERE d.name = 'network' AND t.code LIKE 'N%%'"
        )
        conn.execute(
            "INSERT INTO ldt.observation SELECT s.twin_id, s.dataset_id, s.id, h, h + interval '1 hour', random() * 80, 1, 1, 1, 0, 0"
            " FROM ldt.datastream s JOIN ldt.dataset d ON d.id = s.dataset_id,"
            " generate_series('2020-01-01 00:00+00'::timestamptz, '2020-01-01 00:00+00'::timestamptz + %s * interval '1 hour',"
            " interval '1 hour') h WHERE d.name = 'network'",
            (VALUES - 1,),
        )
        conn.execute(
            "INSERT INTO ldt.datastream_state SELECT o.twin_id, o.dataset_id, o.datastream_id, 1, NULL, count(*), min(time), max(time),"
            " max(time_end), 1, 1, 1 FROM ldt.observation o JOIN ldt.dataset d ON d.id = o.dataset_id WHERE d.name = 'network'"
            " GROUP BY 1, 2, 3"
        )
        conn.execute("UPDATE ldt.twin SET revision = revision + 1 WHERE name = %s", (TWIN,))
        conn.execute(
            "INSERT INTO ldt.revision (twin_id, revision, what) SELECT id, revision, 'version' FROM ldt.twin WHERE name = %s",
            (TWIN,),
        )
        conn.execute(
            "INSERT INTO ldt.version (dataset_id, version, twin_id, revision, key, recipe_digest, harmoniser, selection_digest,"
            " code_version, read, accepted, repaired, rejected, duplicate, outside, derived, missing, rows, added, changed, removed)"
            " SELECT d.id, 1, d.twin_id, t.revision, 'k', 'r', '1', 's', 'bench', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0"
            " FROM ldt.dataset d JOIN ldt.twin t ON t.id = d.twin_id WHERE d.name = 'network'"
        )
