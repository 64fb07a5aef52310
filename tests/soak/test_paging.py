"""100,000 features paged from pygeoapi and from this project's own service: none lost, none doubled."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from tests.e2e.serving import served
from tests.pipeline.cityfiles import make_twin, recipe, write_plots
from tests.sources.services.peers import pygeoapi

from ldt.pipeline.ingest import ingest
from ldt.settings import settings
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Query, Service

pytestmark = pytest.mark.soak

COUNT = 100_000


def crawl(folder: Path, address: str, layer: str) -> list[str]:
    service = Service(protocol="ogcapi", url=address, layer=layer, page_size=10_000)
    with Client(folder, rate=100) as client:
        pages = list(protocol("ogcapi").pages(service, Query(), client))
    return [str(f["id"]) for p in pages for f in orjson.loads(p.path.read_bytes())["features"]]


def test_pygeoapi(tmp_path: Path) -> None:
    with pygeoapi(tmp_path, COUNT) as address:
        ids = crawl(tmp_path / "cache", address, "points")
    assert sorted(ids) == sorted(f"p{i}" for i in range(COUNT))


def test_this_project_s_own_service(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    make_twin(database_url)
    done = ingest(database_url, "town", recipe(), [write_plots(tmp_path / "plots.geojson", COUNT)])
    assert done.tally.accepted == COUNT
    with served(database_url) as address:
        ids = crawl(tmp_path / "cache", f"{address}/twins/town", "generic-features")
    assert len(ids) == COUNT
    assert len(set(ids)) == COUNT
