"""150 versions of a data set, one per cent changed in each: what is stored grows by what changed, and nothing gets slower."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from tests.pipeline.cityfiles import make_twin, recipe, write_plots, write_recipe
from tests.store.loading import read_items

from ldt.model.snapshot import PUBLIC
from ldt.pipeline.ingest import ingest
from ldt.settings import settings
from ldt.store import snapshots
from ldt.store.connect import connect
from ldt.store.pages import Position

pytestmark = pytest.mark.soak

COUNT = 4000
CHANGED = COUNT // 100
VERSIONS = 150


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()


def change(path: Path, round_: int) -> None:
    """Give another name to every hundredth object, each round to others."""
    content = orjson.loads(path.read_bytes())
    for feature in content["features"][round_ % 100 :: 100]:
        feature["properties"]["name"] = f"round {round_}"
    path.write_bytes(orjson.dumps(content))


# Each line of its input is one ingest; it answers with its largest memory so far, in kB.
WORKER = """
import resource, sys
from pathlib import Path
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest
recipe = load_recipe(sys.argv[2])
for line in sys.stdin:
    done = ingest(sys.argv[1], "town", recipe, [Path(sys.argv[3])])
    print(done.version, done.changes.changed, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, flush=True)
"""


def test_growth(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    source = write_plots(tmp_path / "plots.geojson", COUNT)
    about = write_recipe(tmp_path / "plots.yaml", source={"reader": "vector", "keep": False})
    worker = subprocess.Popen(
        [sys.executable, "-c", WORKER, database_url, str(about), str(source)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert worker.stdin is not None
    assert worker.stdout is not None
    memory, durations = [], []
    with connect(database_url) as conn:
        try:
            for round_ in range(1, VERSIONS + 1):
                if round_ > 1:
                    change(source, round_)
                began = time.perf_counter()
                worker.stdin.write("go\n")
                worker.stdin.flush()
                version, changed, kilobytes = map(int, worker.stdout.readline().split())
                durations.append(time.perf_counter() - began)
                memory.append(kilobytes)
                assert (version, changed) == (round_, 0 if round_ == 1 else CHANGED)
                if round_ == 10:
                    conn.execute("VACUUM ldt.feature")
                    early = size(conn)
        finally:
            worker.stdin.close()
            worker.wait(30)
            worker.stdout.close()
        stored = conn.execute(
            "SELECT count(*), count(*) FILTER (WHERE until IS NULL) FROM ldt.feature"
        ).fetchone()
        assert stored == (COUNT + (VERSIONS - 1) * CHANGED, COUNT)
        # Bytes: the rows of the 140 versions since, and no more than as much again for updated rows and indexes.
        conn.execute("VACUUM ldt.feature")
        grown = size(conn) / early
        rows = (COUNT + 149 * CHANGED) / (COUNT + 9 * CHANGED)
        assert grown < 2 * rows, (grown, rows)
        newest, oldest = seconds(conn, VERSIONS), seconds(conn, 1)
    assert oldest < 5 * newest + 0.005, (oldest, newest)
    assert newest < 5 * oldest + 0.005, (oldest, newest)
    # After the first ten its memory does not grow by more than a quarter, nor do ingests take much longer.
    assert memory[-1] < 1.25 * memory[9], (memory[9], memory[-1])
    assert statistics.median(durations[-20:]) < 2.5 * statistics.median(durations[5:25])


def size(conn: psycopg.Connection[Any]) -> int:
    row = conn.execute(
        "SELECT sum(pg_total_relation_size(inhrelid)) FROM pg_inherits WHERE inhparent = 'ldt.feature'::regclass"
    ).fetchone()
    assert row is not None
    return int(row[0])


def seconds(conn: psycopg.Connection[Any], revision: int) -> float:
    """Return how long a page of 1,000 in the middle takes, at best of some; what it holds is checked."""
    times = []
    for _ in range(7):
        with conn.transaction():
            snapshot = snapshots.resolve(conn, "town", PUBLIC, revision)
            datasets = snapshot.of_type("generic-features")
            began = time.perf_counter()
            after = Position(datasets[0].dataset_id, "p001999")
            page = read_items(conn, snapshot, after=after)
            times.append(time.perf_counter() - began)
        names = [d["properties"]["name"] for _, d in page]
        assert len(names) == 1000
        assert sum(n.startswith("a") for n in names) == (1000 if revision == 1 else 0)
        # In version 150 each object was last changed in one of the last hundred rounds.
        last = {n for n in names if not n.startswith("a")}
        assert len(last) == (0 if revision == 1 else 100)
    return min(times)


def test_two_hundred_deliveries_of_the_same_leave_no_trace(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    source = write_plots(tmp_path / "plots.geojson", 100)
    first = ingest(database_url, "town", recipe(), [source])
    for _ in range(200):
        assert ingest(database_url, "town", recipe(), [source]).revision == first.revision
    with connect(database_url) as conn:
        row = conn.execute(
            "SELECT (SELECT count(*) FROM ldt.version), (SELECT count(*) FROM ldt.revision), (SELECT count(*) FROM ldt.feature),"
            " (SELECT count(*) FROM ldt.source_object)"
        ).fetchone()
    assert row == (1, 1, 100, 1)
