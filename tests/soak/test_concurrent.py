"""Two processes ingest at the same moment, again and again: nobody waits for ever, nothing is lost, no revision is missing."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
from tests.pipeline.cityfiles import make_twin, recipe, write_plots

from ldt.harmonise.recipe import Recipe
from ldt.pipeline.ingest import ingest
from ldt.settings import settings
from ldt.store.connect import connect

pytestmark = pytest.mark.soak

ROUNDS = 50
PLOTS = 200
STATIONS = 30


def air() -> Recipe:
    content: dict[str, Any] = {k: v for k, v in recipe().model_dump(mode="json").items() if k != "feature"}
    content |= {
        "source": {"reader": "table"},
        "observation": {
            "thing": "station",
            "observed_property": "'NO2'",
            "averaging": "'hour'",
            "time": "time::TIMESTAMP",
            "zone": "UTC",
            "value": "value::DOUBLE",
            "unit": "'ug.m-3'",
        },
    }
    return Recipe.model_validate(content)


def features(url: str, twin: str, who: int, round_: int, folder: Path) -> None:
    """Every third time a new data set, which gets a table of its own; else another state of it."""
    path = write_plots(folder / f"{who}.geojson", PLOTS, mark=f"r{round_}-")
    ingest(url, twin, recipe(), [path], name=f"plots-{who}-{round_ // 3}")


def observations(url: str, twin: str, who: int, round_: int, folder: Path) -> None:
    """The same stations in both data sets, in opposite order, in years that only now get their partition."""
    stations = [f"N{round_ // 3}-{i}" for i in range(STATIONS)]
    rows = [
        (s, f"{1950 + round_}-06-01 {h:02d}:00:00", float(h))
        for s in stations[:: 1 - 2 * who]
        for h in range(24)
    ]
    table = pa.table({n: [r[i] for r in rows] for i, n in enumerate(("station", "time", "value"))})
    path = folder / f"{who}.csv"
    pyarrow.csv.write_csv(table, path)
    ingest(url, twin, air(), [path], name=f"air-{who}-{round_ // 3}")


WORK: dict[str, Callable[[str, str, int, int, Path], None]] = {
    "features": features,
    "observations": observations,
}


def run(kind: str, url: str, twin: str, who: int, folder: Path, start: Barrier, errors: Any) -> None:
    os.environ["LDT_DATA_DIR"] = str(folder / "data")
    settings.cache_clear()
    for round_ in range(ROUNDS):
        start.wait(60)
        try:
            WORK[kind](url, twin, who, round_, folder)
        except Exception as error:
            errors.put(f"{who}, round {round_}: {type(error).__name__}: {error}")


@pytest.mark.parametrize(
    "kinds",
    [("features", "features"), ("observations", "observations"), ("features", "observations")],
    ids="-".join,
)
@pytest.mark.parametrize("names", [("town", "town"), ("town", "city")], ids=["one twin", "two twins"])
def test_two_at_once(
    database_url: str, tmp_path: Path, kinds: tuple[str, str], names: tuple[str, str]
) -> None:
    for name in set(names):
        make_twin(database_url, name)
    spawn = multiprocessing.get_context("spawn")
    start, errors = spawn.Barrier(2), spawn.SimpleQueue()
    processes = [
        spawn.Process(target=run, args=(kinds[who], database_url, names[who], who, tmp_path, start, errors))
        for who in (0, 1)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    ended = [process.exitcode for process in processes]
    for process in processes:
        process.kill()
        process.join()
    found = []
    while not errors.empty():
        found.append(errors.get())
    assert found == []
    assert ended == [0, 0]
    with connect(database_url) as conn:
        for name in set(names):
            expected = list(range(1, ROUNDS * names.count(name) + 1))
            numbers = conn.execute(
                "SELECT r.revision, v.version, t.revision FROM ldt.twin t JOIN ldt.revision r ON r.twin_id = t.id"
                " JOIN ldt.version v ON v.twin_id = t.id AND v.revision = r.revision WHERE t.name = %s ORDER BY 1",
                (name,),
            ).fetchall()
            assert [n[0] for n in numbers] == expected
            assert {n[2] for n in numbers} == {expected[-1]}
        versions = conn.execute(
            "SELECT d.name, array_agg(v.version ORDER BY v.version) FROM ldt.dataset d JOIN ldt.version v ON v.dataset_id = d.id"
            " GROUP BY d.id, d.name"
        ).fetchall()
        assert all(v == list(range(1, len(v) + 1)) for _, v in versions)
        assert len(versions) == 2 * -(-ROUNDS // 3)
        rows = conn.execute(
            "SELECT (SELECT count(*) FROM ldt.feature WHERE until IS NULL), (SELECT count(*) FROM ldt.observation)"
        ).fetchone()
    of_features = kinds.count("features") * -(-ROUNDS // 3) * PLOTS
    assert rows == (of_features, kinds.count("observations") * ROUNDS * STATIONS * 24)
