"""`ldt twin build --offline`: a twin whose service is gone is built from what was fetched before."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from tests.pipeline.cityfiles import write_plots
from tests.sources.services.server import Reply, serving

from ldt import cli
from ldt.settings import settings


@pytest.fixture
def _town(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATABASE_URL", database_url)
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield
    monkeypatch.undo()
    settings.cache_clear()


@pytest.mark.usefixtures("_town")
def test_a_twin_is_built_without_its_service(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    body = write_plots(tmp_path / "plots.geojson", 20).read_bytes()
    manifest = tmp_path / "town.yaml"
    with serving(lambda _: Reply(body, kind="application/geo+json")) as server:
        manifest.write_bytes(
            orjson.dumps(
                {
                    "ldt": 1,
                    "twin": "town",
                    "title": {"en": "Town"},
                    "datasets": [{"recipe": "generic/features", "sources": [f"{server.url}/plots.geojson"]}],
                    "periods": [],
                }
            )
        )
        assert cli.run(["twin", "build", str(manifest), "--offline", "--json"]) != 0
        assert not server.asked
        assert "nothing is asked for offline" in "".join(capsys.readouterr())
        assert cli.run(["twin", "build", str(manifest), "--json"]) == 0
        asked = len(server.asked)
    (first,) = orjson.loads(capsys.readouterr().out)["datasets"]
    assert cli.run(["twin", "build", str(manifest), "--offline", "--json"]) == 0
    (again,) = orjson.loads(capsys.readouterr().out)["datasets"]
    assert asked == len(server.asked) > 0
    assert first["accepted"] == 20
    assert (again["unchanged"], again["version"]) == (True, 1)
