"""From live services into a twin: pygeoapi, a SensorThings API and this project's own, all of them real servers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
import shapely
from tests.e2e.serving import served
from tests.pipeline.cityfiles import current_names, make_twin, recipe, write_plots
from tests.sources.services.peers import pygeoapi, sensorthings
from tests.sources.services.server import Asked, Reply, serving
from tests.sources.services.test_protocols import Arc
from tests.sources.services.wfs_server import town

from ldt.errors import ServiceError, UsageError
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.model.snapshot import OPERATOR
from ldt.pipeline.build import build
from ldt.pipeline.fetch import cache_folder, sources_of
from ldt.pipeline.ingest import Ingested, ingest
from ldt.settings import settings
from ldt.sources.services.describe import describe_address
from ldt.sources.services.http import Client
from ldt.store import features, files, records, snapshots
from ldt.store.connect import connect
from ldt.timerange import parse_period, parse_zone


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def live(database: str, found: Recipe, address: str, **said: str) -> Ingested:
    """Ingest what an address answers; politeness is for hosts that others use too."""
    service = found.source.service
    quick = found
    if service:
        source = found.source.model_copy(update={"service": service.model_copy(update={"rate": 100})})
        quick = found.model_copy(update={"source": source})
    paths = sources_of(database, "town", quick, [address], **said)  # type: ignore[arg-type]
    return ingest(database, "town", quick, paths)


def generic(**said: object) -> Recipe:
    return load_recipe("generic/features").model_copy(update=said)


def test_pygeoapi_comes_in_whole_and_unchanged_pages_make_no_version(
    database_url: str, tmp_path: Path
) -> None:
    make_twin(database_url)
    with pygeoapi(tmp_path, 5000) as address:
        done = live(database_url, generic(), address, layer="points")
        again = live(database_url, generic(), address, layer="points")
    assert (done.dataset, done.tally.read, done.tally.accepted) == ("points", 5000, 5000)
    # pygeoapi writes the time into every answer, and nothing else has changed.
    assert (again.version, again.unchanged) == (1, True)
    with connect(database_url) as conn, conn.transaction():
        numbers = conn.execute("SELECT (properties ->> 'number')::int FROM ldt.feature").fetchall()
        snapshot = snapshots.resolve(conn, "town", OPERATOR)
        names = [s["name"] for s in records.sources(conn, snapshot, done.dataset)]
    assert sorted(n for (n,) in numbers) == list(range(5000))
    assert len(names) == 6  # the last one says that there are no more
    assert all(n.startswith(f"{address}/collections/points/items?") for n in names)


def test_a_row_leads_back_to_the_page_that_it_came_from(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    with town(trees=50) as (server, _):
        found = load_recipe("generic/features")
        source = found.source.model_copy(update={"reader": "gml"})
        paths = sources_of(
            database_url, "town", found.model_copy(update={"source": source}), [f"{server.url}/wfs"]
        )
        done = ingest(database_url, "town", found.model_copy(update={"source": source}), paths)
    assert done.tally.accepted == 50
    with connect(database_url) as conn, conn.transaction():
        snapshot = snapshots.resolve(conn, "town", OPERATOR)
        one = features.one(conn, snapshot, snapshot.datasets[done.dataset], "18")
        source_name = records.sources(conn, snapshot, done.dataset)[0]["name"]
    assert one is not None
    page = next(files.folder_of(str(one["source_digest"])).iterdir()).read_text()
    assert 'gml:id="t.17"' in page
    assert source_name.startswith(f"{server.url}/wfs?service=WFS&version=2.0.0&request=GetFeature")


def test_things_and_observations_of_a_sensorthings_server(database_url: str) -> None:
    """300 observations of 3 stations, the i-th with the value i modulo 97, an hour each."""
    make_twin(database_url)
    with sensorthings(300) as address:
        things = live(database_url, load_recipe("services/sensorthings-things"), address)
        values = live(database_url, load_recipe("services/sensorthings-observations"), address)
        with Client(cache_folder(), rate=100) as client:
            described = describe_address(address, client)
    assert (things.tally.read, things.tally.accepted) == (3, 3)
    assert (values.tally.read, values.tally.accepted) == (300, 300), values.tally.reasons
    counts = {layer.name: layer.count for layer in described.layers}
    # Counting observations takes some servers minutes: nobody is asked for it by the way.
    assert (counts["Things"], counts["Observations"]) == (3, None)
    with connect(database_url) as conn:
        where = conn.execute("SELECT local_id, ST_X(geom), ST_Y(geom) FROM ldt.feature ORDER BY 1").fetchall()
        total = conn.execute(
            "SELECT count(*), sum(value), min(extract(epoch FROM time_end - time)), max(time_end)::text FROM ldt.observation"
        ).fetchone()
    assert where == [("t0", 6.9, 50.9), ("t1", 6.91, 50.91), ("t2", 6.92, 50.92)]
    assert total is not None
    assert total[:3] == (300, float(sum(i % 97 for i in range(300))), 3600)
    assert total[3].startswith("2025-01-05 04:00:00")


def test_this_project_s_own_service_comes_in_whole(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    make_twin(database_url, "other")
    ingest(database_url, "other", recipe(), [write_plots(tmp_path / "plots.geojson", 3000)])
    with served(database_url) as address:
        done = live(database_url, generic(), f"{address}/twins/other", layer="generic-features")
    assert done.tally.accepted == 3000


def test_the_twin_s_box_is_asked_for(database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as conn:
        make_twin(database_url)
        area = shapely.to_wkb(shapely.box(6.95, 50.9, 6.96, 50.91))
        conn.execute("UPDATE ldt.twin SET selection = ST_Multi(ST_GeomFromWKB(%s, 4326))", (area,))
    with pygeoapi(tmp_path, 2000) as address:
        done = live(database_url, generic(), address, layer="points")
    # Every (6.9 + i % 317 / 3170, 50.9 + i // 317 / 3170) within, by plain arithmetic.
    within = sum(
        6.95 <= round(6.9 + i % 317 / 3170, 5) <= 6.96 and i // 317 / 3170 <= 0.01 for i in range(2000)
    )
    assert 0 < within < 2000
    assert (done.tally.read, done.tally.accepted) == (within, within)


def test_a_file_behind_an_address_in_a_manifest_and_then_offline(database_url: str, tmp_path: Path) -> None:
    body = write_plots(tmp_path / "plots.geojson", 20).read_bytes()
    manifest = tmp_path / "town.yaml"

    def answer(asked: Asked) -> Reply:
        return Reply(body, kind="application/geo+json")

    with serving(answer) as server:
        content = {
            "ldt": 1,
            "twin": "town",
            "title": {"en": "Town"},
            "datasets": [
                {"recipe": "generic/features", "sources": [f"{server.url}/plots.geojson?token=abc"]}
            ],
            "periods": [],
        }
        manifest.write_bytes(orjson.dumps(content))
        built = build(database_url, manifest)
    assert not built.errors
    assert (built.datasets[0].tally.accepted, built.datasets[0].sources) == (20, ["plots.geojson"])
    again = build(database_url, manifest)
    assert isinstance(again.errors[0][1], ServiceError)
    assert "abc" not in str(again.errors[0][1])
    offline = build(database_url, manifest, offline=True)
    assert offline.datasets[0].unchanged
    with connect(database_url) as conn:
        assert "a0" in current_names(conn).values()
        (name,) = conn.execute("SELECT name FROM ldt.source_object").fetchone() or ("",)
    assert name == f"{server.url}/plots.geojson?token=***"


def test_no_source_and_no_service_is_a_wrong_command(database_url: str) -> None:
    with pytest.raises(UsageError, match="no source given"):
        sources_of(database_url, "town", generic(), [])


def test_a_period_is_asked_for(database_url: str) -> None:
    make_twin(database_url)
    with serving(lambda _: Reply(b'{"value": [{"@iot.id": 1}], "@iot.count": 1}')) as server:
        found = load_recipe("services/sensorthings-observations")
        sources_of(database_url, "town", found, [server.url], period=parse_period("2025", parse_zone("UTC")))
    assert server.asked[0].query["$filter"] == (
        "(phenomenonTime ge 2025-01-01T00:00:00Z) and (phenomenonTime lt 2026-01-01T00:00:00Z)"
    )


@pytest.mark.parametrize("name", ["services/ogcapi", "services/wfs", "services/arcgis"])
def test_the_recipes_of_services_keep_the_service_s_identifiers(
    database_url: str, tmp_path: Path, name: str
) -> None:
    make_twin(database_url)
    if name == "services/wfs":
        with town(trees=50) as (server, _):
            done = live(database_url, load_recipe(name), f"{server.url}/wfs", layer="t:Tree")
        expected = {f"t.{i}" for i in range(50)}
    elif name == "services/ogcapi":
        with pygeoapi(tmp_path, 50) as address:
            done = live(database_url, load_recipe(name), address, layer="points")
        expected = {f"p{i}" for i in range(50)}
    else:
        with serving(Arc().answer) as server:
            done = live(database_url, load_recipe(name), f"{server.url}/rest/FeatureServer", layer="0")
        expected = {str(i * 3) for i in range(100)}
    assert done.tally.accepted == len(expected), done.tally.reasons
    with connect(database_url) as conn:
        assert {i for (i,) in conn.execute("SELECT local_id FROM ldt.feature")} == expected
