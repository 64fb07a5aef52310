"""A reader pages through 100,000 records while new versions arrive: it sees one state, whole, as it was at its first page.

The service is a process of its own, new versions come through the real chain from files, and the reader knows only links.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyogrio
import pytest
import shapely
from tests.e2e.serving import Reader, served
from tests.pipeline.cityfiles import make_twin, recipe

from ldt.harmonise.recipe import Recipe
from ldt.pipeline.ingest import Ingested, ingest
from ldt.settings import settings

COUNT = 100_000
State = dict[str, Any]

HOURLY = {
    "ldt": 1,
    "name": "air",
    "title": {"en": "Air"},
    "publisher": "a test",
    "licence": "CC0-1.0",
    "origin": "local",
    "anatomy": "structure.environment.air",
    "source": {"reader": "table"},
    "observation": {
        "thing": "'S1'",
        "observed_property": "'NO2'",
        "averaging": "'hour'",
        "time": "time::TIMESTAMP",
        "zone": "UTC",
        "value": "value::DOUBLE",
        "unit": "'ug.m-3'",
        "update": "replace",
    },
}


@pytest.fixture(scope="module")
def address(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The service's address, on a database with the twin `town`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        make_twin(shared_database_url)
        with served(shared_database_url) as found:
            yield found
    settings.cache_clear()


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as found:
        yield found


# Features -----------------------------------------------------------------------------------------------------


def place(code: str) -> tuple[float, float]:
    number = int(code[1:])
    return 6 + (number % 500) / 1000, 50 + (number // 500) / 1000


def successor(state: State, round_: int) -> State:
    """Of each hundred one is changed, one removed; as many new ones come."""
    mark = f"v{round_}-"
    kept = {
        code: (mark + name if i % 100 == round_ else name)
        for i, (code, name) in enumerate(state.items())
        if i % 100 != 50 + round_
    }
    new = {f"p{1_000_000 * round_ + i:08d}": f"{mark}new{i}" for i in range(COUNT // 100)}
    # New ones between the old ones in the order of pages, too: `p0000…a` does not exist, so half of them come first.
    return {
        **{code.replace("p", "a", 1) if i % 2 else code: n for i, (code, n) in enumerate(new.items())},
        **kept,
    }


def bring(url: str, folder: Path, state: State) -> Ingested:
    path = folder / "plots.gpkg"
    path.unlink(missing_ok=True)
    points = shapely.points(np.array([place(code) for code in state]))
    table = pa.table(
        {
            "code": list(state),
            "name": list(state.values()),
            "geometry": pa.array(shapely.to_wkb(points), pa.binary()),
        }
    )
    pyogrio.write_arrow(table, path, geometry_name="geometry", geometry_type="Point", crs="EPSG:4326")
    return ingest(url, "town", recipe(), [path])


def features_of(document: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for feature in document["features"]:
        yield feature["id"], (feature["properties"]["name"], tuple(feature["geometry"]["coordinates"]))


def undated(body: bytes) -> bytes:
    """Return the bytes of a page without the moment at which it was made, which is all that may differ."""
    found, count = re.subn(rb'"timeStamp":"[^"]{20,30}"', b"", body)
    assert count == 1
    return found


def same_features(found: list[tuple[str, Any]], state: State) -> None:
    """Exactly these, each once, in the order of their ids."""
    ids = [i for i, _ in found]
    assert len(ids) == len(set(ids)), "a feature came twice"
    assert ids == sorted(ids)
    assert set(ids) == {f"plots.{code}" for code in state}
    assert {i: name for i, (name, _) in found} == {f"plots.{code}": name for code, name in state.items()}
    got = np.array([xy for _, (_, xy) in found])
    assert np.abs(got - np.array([place(i.removeprefix("plots.")) for i in ids])).max() < 1e-7


def test_features_are_of_one_state_while_versions_arrive(
    address: str, client: httpx.Client, shared_database_url: str, tmp_path: Path
) -> None:
    first = {f"p{i:08d}": f"n{i}" for i in range(COUNT)}
    second = successor(first, 1)
    third = successor(second, 2)
    one = bring(shared_database_url, tmp_path, first)
    assert one.changes.rows == COUNT
    items = f"{address}/twins/town/collections/generic-features/items"
    large, odd = Reader(client, f"{items}?limit=10000"), Reader(client, f"{items}?limit=7919")
    pinned = client.get(f"{items}?limit=5000&at={one.revision}")
    seen: dict[Reader, list[tuple[str, Any]]] = {r: [] for r in (large, odd)}
    for reader in seen:
        for _ in range(2):
            document = reader.page()
            assert document["numberMatched"] == COUNT
            seen[reader] += features_of(document)

    two = bring(shared_database_url, tmp_path, second)
    assert (two.changes.changed, two.changes.removed, two.changes.added) == (1000, 1000, 1000)
    middle = Reader(client, f"{items}?limit=10000")  # begins in the second state
    seen[middle] = []
    for reader in seen:
        seen[reader] += features_of(reader.page())
    bring(shared_database_url, tmp_path, third)
    for reader in seen:
        for document in reader.rest():
            seen[reader] += features_of(document)
    assert (len(large.bodies), len(odd.bodies)) == (10, 13)
    same_features(seen[large], first)
    same_features(seen[odd], first)
    same_features(seen[middle], second)

    # a new reader sees the new state, and nothing of the old ones
    newest = Reader(client, f"{items}?limit=10000")
    same_features([f for document in newest.rest() for f in features_of(document)], third)
    # the old pages are the old pages: by `at`, and by their tokens
    assert undated(client.get(f"{items}?limit=5000&at={one.revision}").content) == undated(pinned.content)
    assert undated(client.get(f"{items}?limit=5000").content) != undated(pinned.content)
    for link, body in large.bodies[1:4]:
        assert undated(client.get(link).content) == undated(body)


# Observations -------------------------------------------------------------------------------------------------

EPOCH = np.datetime64("2010-01-01T00:00:00")


def bring_hours(url: str, folder: Path, hours: dict[int, float]) -> Ingested:
    path = folder / "air.csv"
    times = EPOCH + np.array(list(hours)) * np.timedelta64(3600, "s")
    pyarrow.csv.write_csv(
        pa.table({"time": np.datetime_as_string(times), "value": list(hours.values())}), path
    )
    return ingest(url, "town", Recipe.model_validate(HOURLY), [path])


def hours_of(document: dict[str, Any]) -> Iterator[tuple[int, float]]:
    for row in document["observations"]:
        begins = np.datetime64(row["time"].removesuffix("Z"))
        yield int((begins - EPOCH) / np.timedelta64(3600, "s")), row["value"]


def test_observations_are_of_one_state_while_versions_arrive(
    address: str, client: httpx.Client, shared_database_url: str, tmp_path: Path
) -> None:
    first = {i: float(i % 97) for i in range(COUNT)}
    second = {i: v + 1000 if i % 100 == 7 else v for i, v in first.items() if i % 100 != 13}
    second |= {COUNT + i: 5.0 for i in range(500)}
    one = bring_hours(shared_database_url, tmp_path, first)
    assert one.changes.rows == COUNT
    (stream,) = client.get(f"{address}/twins/town/datastreams").json()["datastreams"]
    series = f"{address}/twins/town/datastreams/{stream['datastream']}/observations"
    large, odd = Reader(client, f"{series}?limit=10000"), Reader(client, f"{series}?limit=7919")
    pinned = client.get(f"{series}?limit=5000&at={one.revision}")
    seen: dict[Reader, list[tuple[int, float]]] = {large: [], odd: []}
    for reader in seen:
        seen[reader] += hours_of(reader.page())
    two = bring_hours(shared_database_url, tmp_path, second)
    assert (two.changes.changed, two.changes.removed, two.changes.added) == (1000, 1000, 500)
    for reader in seen:
        for document in reader.rest():
            seen[reader] += hours_of(document)
    for reader, pages in ((large, 10), (odd, 13)):
        assert len(reader.bodies) == pages
        assert seen[reader] == sorted(first.items())
    newest = Reader(client, f"{series}?limit=10000")
    assert [row for document in newest.rest() for row in hours_of(document)] == sorted(second.items())
    assert client.get(f"{series}?limit=5000&at={one.revision}").content == pinned.content
    assert pinned.content != client.get(f"{series}?limit=5000").content
    for link, body in large.bodies[1:3]:
        assert client.get(link).content == body
