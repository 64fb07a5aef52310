"""Two twins in one service: nothing that is done to one is seen in the other, at any of its addresses."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
import yaml
from tests.e2e.serving import served

from ldt.pipeline.build import build
from ldt.pipeline.sample import generate

#: Addresses read of each twin: enough for every kind of resource, and for several of each.
PAGES = 250
SITES = "protected-sites"
#: What differs from one answer to the next: when it was given.
_GIVEN = re.compile(r'"timeStamp": ?"[^"]*"')


def city(folder: Path, name: str, seed: int) -> Path:
    """Write a synthetic city of the given name; two cities have the same data set names and other data."""
    manifest = generate(folder, seed=seed, size="small")
    content = yaml.safe_load(manifest.read_text("utf-8"))
    manifest.write_text(yaml.safe_dump({**content, "twin": name}), "utf-8")
    return manifest


def crawl(address: str, twin: str) -> dict[str, str]:
    """Return the answers at all addresses below a twin that its own links lead to, by path and query."""
    root = f"/twins/{twin}/"
    # There are more addresses than are looked at; features must be among them.
    waiting, found = deque([root, f"{root}collections/{SITES}/items"]), dict[str, str]()
    with httpx.Client(base_url=address, transport=httpx.HTTPTransport(retries=20), timeout=60) as client:
        while waiting and len(found) < PAGES:
            path = waiting.popleft()
            if path in found:
                continue
            answer = client.get(path, headers={"Accept": "application/json, */*;q=0.1"})
            assert answer.status_code == 200, (path, answer.text[:200])
            text = answer.content.decode("latin-1")  # one character per byte, whatever it is
            # Each run serves on a port of its own.
            found[path] = _GIVEN.sub('"timeStamp":null', text).replace(address, "")
            if "json" in answer.headers["content-type"]:
                waiting += [p for p in _below(answer.json(), root) if p not in found]
    return found


def _below(document: Any, root: str) -> Iterator[str]:
    if isinstance(document, dict):
        if isinstance(href := document.get("href"), str):
            parts = urlsplit(href)
            if parts.path.startswith(root):
                yield parts.path + (f"?{parts.query}" if parts.query else "")
        for inner in document.values():
            yield from _below(inner, root)
    elif isinstance(document, list):
        for inner in document:
            yield from _below(inner, root)


@pytest.fixture(scope="module")
def both(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What is found below `old-town` alone, and below both after `new-town` was built beside it."""
    folder = tmp_path_factory.mktemp("cities")
    url = shared_database_url
    assert not build(url, city(folder / "old", "old-town", 1)).errors
    with served(url) as address:
        alone = crawl(address, "old-town")
    assert not build(url, city(folder / "new", "new-town", 2)).errors
    with served(url) as address:
        return {"alone": alone, "old": crawl(address, "old-town"), "new": crawl(address, "new-town")}


def test_a_second_twin_changes_no_answer_of_the_first(both: dict[str, dict[str, str]]) -> None:
    assert len(both["alone"]) > 100
    assert both["old"].keys() == both["alone"].keys()
    changed = [path for path, text in both["alone"].items() if both["old"][path] != text]
    assert changed == []


def test_every_kind_of_resource_was_looked_at(both: dict[str, dict[str, str]]) -> None:
    kinds = {path.split("/")[3].split("?")[0] for path in both["old"]}
    assert {"collections", "datasets", "indicators", "latest", "datastreams"} <= kinds


def test_neither_names_the_other(both: dict[str, dict[str, str]]) -> None:
    assert [p for p, text in both["old"].items() if "new-town" in text] == []
    assert [p for p, text in both["new"].items() if "old-town" in text] == []


def test_they_are_different_cities(both: dict[str, dict[str, str]]) -> None:
    """Else the tests above would not notice a leak."""

    def sites(which: str, twin: str) -> set[str]:
        text = both[which][f"/twins/{twin}/collections/{SITES}/items"]
        return {json.dumps(f["geometry"]) for f in json.loads(text)["features"]}

    old, new = sites("old", "old-town"), sites("new", "new-town")
    assert len(old) > 5
    assert not old & new
