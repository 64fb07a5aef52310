"""A recipe drafted from an address names the service, and runs without a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.sources.services.server import Reply, serving
from tests.sources.services.wfs_server import town

from ldt.cli import run
from ldt.errors import UsageError
from ldt.harmonise.recipe import Recipe
from ldt.pipeline.fetch import cache_folder, service_of
from ldt.pipeline.inspect.address import draft_address
from ldt.settings import settings
from ldt.sources import read
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Query


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    yield
    settings.cache_clear()


def records(recipe: Recipe) -> int:
    """Return how many records the service of a recipe gives through its reader."""
    with Client(cache_folder(), rate=1000) as client:
        service = service_of(recipe, None, client)
        pages = list(protocol(service.protocol).pages(service, Query(reader=recipe.source.reader), client))
    reader, options = recipe.source.reader, recipe.source.options
    return sum(b.records.num_rows for page in pages for b in read(reader, page.path, options))


def test_of_a_layer_of_a_wfs(tmp_path: Path) -> None:
    with town(trees=1200) as (server, _):
        made = draft_address(f"{server.url}/wfs")
        recipe = Recipe.model_validate(made.content)
        assert recipe.source.service is not None
        assert (recipe.source.service.protocol, recipe.source.service.layer) == ("wfs", "t:Tree")
        assert recipe.source.service.page_size is None
        # It was drafted from the first page, and gives all.
        assert records(recipe) == 1200
        out = tmp_path / "draft.yaml"
        assert run(["inspect", f"{server.url}/wfs", "--draft", "--out", str(out)]) == 0
    assert yaml.safe_load(out.read_text("utf-8"))["source"]["service"]["url"] == f"{server.url}/wfs"


def test_of_a_file_behind_an_address() -> None:
    table = "id;lon;lat\n1;7,1;50,7\n2;7,2;50,8\n"
    with serving(lambda _: Reply(table, kind="text/csv")) as server:
        made = draft_address(f"{server.url}/stations.csv")
        recipe = Recipe.model_validate(made.content)
        assert made.content["source"]["service"] == {"protocol": "http", "url": f"{server.url}/stations.csv"}
        assert (made.content["source"]["options"]["x"], records(recipe)) == ("lon", 2)


def test_no_credential_stands_in_a_recipe(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda _: Reply("a;b\n1;2\n", kind="text/csv")) as server:
        with pytest.raises(UsageError, match="credential") as refused:
            draft_address(f"{server.url}/a.csv?token=abcdef")
        assert "abcdef" not in str(refused.value)
        monkeypatch.setenv("TOWN_KEY", "abcdef")
        made = draft_address(f"{server.url}/a.csv?token=${{TOWN_KEY}}")
    assert made.content["source"]["service"]["url"].endswith("?token=${TOWN_KEY}")
    assert "abcdef" not in made.text
