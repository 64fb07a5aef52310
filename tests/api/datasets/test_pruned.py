"""States whose versions are no longer kept answer 410, by `at`, by token and by lineage; the others go on as before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import shapely
from starlette.testclient import TestClient

from ldt.store import prune

ITEMS = "/twins/town/collections/administrative-units/items"


@pytest.fixture
def pruned(
    own_town: tuple[Any, TestClient], quarters: Any, a_square: Callable[..., shapely.Geometry]
) -> tuple[TestClient, str, dict[str, Any]]:
    """The town after its quarters were delivered anew and the first delivery pruned; a token made before; what was seen before."""
    town, client = own_town
    before = client.get(f"{ITEMS}?limit=5").json()
    (following,) = [k["href"] for k in before["links"] if k["rel"] == "next"]
    town.features({**quarters, "q99": (a_square(7.5), {"name": "New"})})
    assert client.get(following).status_code == 200
    assert client.get(f"{ITEMS}?limit=5&at=1").json()["features"] == before["features"]
    done = prune.prune_dataset(town.conn, "town", "places", keep=1)
    assert done.versions == (1,)
    return client, following, before


def test_a_state_that_needs_a_pruned_version_is_gone(
    pruned: tuple[TestClient, str, dict[str, Any]],
) -> None:
    client, following, _ = pruned
    for path in (f"{ITEMS}?at=1", "/twins/town/datasets?at=1", "/twins/town/?at=5", following):
        answer = client.get(path)
        assert answer.status_code == 410, path
        problem = answer.json()
        assert answer.headers["content-type"].startswith("application/problem+json")
        assert "places" in problem["detail"]
        assert problem["where"] == ("token" if path == following else "at")
        assert problem["remedy"]


def test_states_that_do_not_need_it_are_there(pruned: tuple[TestClient, str, dict[str, Any]]) -> None:
    client, _, before = pruned
    for path in (ITEMS, f"{ITEMS}?at=6", f"{ITEMS}?at=7"):
        document = client.get(f"{path}{'&' if '?' in path else '?'}limit=5").json()
        assert document["features"] == before["features"], path
        assert document["numberMatched"] == 26
    versions = client.get("/twins/town/datasets/places/versions").json()["versions"]
    assert [(v["version"], v["pruned"]) for v in versions] == [(2, False), (1, True)]
