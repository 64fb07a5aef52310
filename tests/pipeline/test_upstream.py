"""`ldt sources check`: what services and pages answered, since when, and when they were last well."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.sources.services.server import Asked, Reply, serving
from tests.sources.services.wfs_server import town

from ldt.cli import run
from ldt.harmonise.recipe import find_recipe
from ldt.pipeline.fetch import cache_folder
from ldt.pipeline.inspect.address import inspect_address
from ldt.pipeline.upstream import check, listed, upstreams
from ldt.settings import settings
from ldt.sources.services.http import Client


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


def write(folder: Path, name: str, **source: object) -> str:
    content = yaml.safe_load(find_recipe("generic/features").read_text(encoding="utf-8"))
    content["name"] = name
    content["source"] |= source
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return str(path)


def test_states_are_remembered_with_their_beginning(tmp_path: Path) -> None:
    state = {"status": 200}

    def answer(asked: Asked) -> Reply:
        body = b'{"type": "FeatureCollection", "features": [{"id": 1}], "numberMatched": 7}'
        return Reply(body, status=state["status"]) if "items" in asked.path else Reply(status=404)

    with serving(answer) as server, Client(tmp_path / "c", rate=1000, patience=0.01, attempts=2) as client:
        service = {"protocol": "ogcapi", "url": f"{server.url}/collections/a/items"}
        names = [
            write(tmp_path, "live", service=service),
            write(tmp_path, "paged", upstream=f"{server.url}/page"),
        ]
        first = {one["recipe"]: one for one in check(names, client=client)}
        state["status"] = 500
        second = {one["recipe"]: one for one in check(names, client=client)}
        third = {one["recipe"]: one for one in check(names, client=client)}
    live, page = names
    assert (first[live]["state"], first[live]["records"], first[live]["status"]) == ("ok", 7, 200)
    assert (first[page]["state"], first[page]["status"]) == ("failed", 404)
    assert (second[live]["state"], second[live]["last_ok"]) == ("failed", first[live]["answered"])
    assert third[live]["since"] == second[live]["answered"]
    assert third[page]["since"] == first[page]["answered"]
    assert third[page]["last_ok"] is None
    assert {one["recipe"]: one["last"]["state"] for one in listed(names)} == {live: "failed", page: "failed"}


def test_a_page_that_many_recipes_name_is_asked_once(tmp_path: Path) -> None:
    with serving(lambda _: Reply(kind="text/html")) as server, Client(tmp_path / "c", rate=1000) as client:
        names = [write(tmp_path, f"r{i}", upstream=f"{server.url}/page") for i in range(5)]
        assert {one["state"] for one in check(names, client=client)} == {"ok"}
    assert len(server.asked) == 1


def test_without_a_network_everything_is_unreachable_and_nothing_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = write(tmp_path, "gone", upstream="http://127.0.0.1:9/")
    assert run(["sources", "check", name]) == 0
    assert "unreachable" in capsys.readouterr().out
    assert run(["sources", "check", name, "--strict"]) == 4
    assert run(["sources", "list", name]) == 0
    assert "unreachable since" in capsys.readouterr().out


def test_a_damaged_memory_is_forgotten(tmp_path: Path) -> None:
    cache_folder().mkdir(parents=True)
    (cache_folder() / "checks.json").write_text("{")
    assert listed([write(tmp_path, "r", upstream="http://127.0.0.1:9/")])[0]["last"] is None


def test_clearing_removes_the_answers(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(lambda _: Reply(b"x" * 1000)) as server, Client(cache_folder()) as client:
        client.get(server.url)
    assert run(["sources", "clear"]) == 0
    assert not list(cache_folder().glob("*/*"))
    assert "bytes removed" in capsys.readouterr().out


def test_shipped_recipes_name_whole_addresses() -> None:
    found = [u for u, _ in upstreams()]
    assert len(found) > 50
    assert {u.address.partition("://")[0] for u in found} == {"https"}


def test_an_address_is_inspected_like_a_file_and_a_service_by_its_layers() -> None:
    header, row = (
        "sensor_id;sensor_type;location;lat;lon;timestamp;P1",
        "1;SDS;2;50.9;6.9;2025-01-01T00:00:00;3",
    )
    with serving(lambda _: Reply(f"{header}\n{row}\n", kind="text/csv")) as server:
        found = inspect_address(f"{server.url}/2025-01-01_sds011_sensor_1.csv?token=abc")
    assert (found["protocol"], found["reader"], found["layers"][0]["count"]) == ("http", "table", 1)
    assert found["recipes"][0] == "sensors/sensor-community"
    assert found["path"].endswith("_sensor_1.csv?token=***")
    with town(trees=7) as (server, _):
        found = inspect_address(f"{server.url}/wfs")
    assert (found["protocol"], found["recipes"]) == ("wfs", ["services/wfs"])
    (layer,) = found["layers"]
    assert (layer["name"], layer["count"], layer["extent"]) == ("t:Tree", 7, [6.9, 50.9, 7.0, 51.0])
    assert any("Germany" in c or c == "DE" for c in layer["countries"])
