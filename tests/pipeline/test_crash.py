"""`kill -9` at twenty random points of an ingest: the previous state is intact, the next run completes, nothing doubles."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

from tests.pipeline.cityfiles import current_names, make_twin, recipe, write_plots, write_recipe

from ldt.errors import Conflict
from ldt.pipeline.ingest import Ingested, ingest
from ldt.store.connect import connect

COUNT = 8000
# Says when its imports are done, so that the kills fall into the ingest and not into the start of the interpreter.
RUN = """
import sys
from pathlib import Path
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest
recipe = load_recipe(sys.argv[2])
print("ready", flush=True)
ingest(sys.argv[1], "town", recipe, [Path(sys.argv[3])])
print("done", flush=True)
"""


def start(url: str, recipe_path: Path, source: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, url, str(recipe_path), str(source)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def ended(process: subprocess.Popen[str]) -> int:
    process.communicate(timeout=60)
    return process.returncode


def ingest_after(url: str, source: Path) -> Ingested:
    """Ingest as soon as the server has noticed that the killed client is gone."""
    for _ in range(100):
        try:
            return ingest(url, "town", recipe(), [source])
        except Conflict:
            time.sleep(0.1)
    raise AssertionError("the lock of a killed ingest was never released")


def test_killed_at_twenty_random_points(database_url: str, tmp_path: Path, monkeypatch: object) -> None:
    make_twin(database_url)
    recipe_path = write_recipe(tmp_path / "plots.yaml")
    states = {m: write_plots(tmp_path / f"{m}.geojson", COUNT, mark=m) for m in "ab"}
    expected = {m: {f"p{i:06d}": f"{m}{i}" for i in range(COUNT)} for m in "ab"}
    ingest(database_url, "town", recipe(), [states["a"]])

    began = time.perf_counter()
    whole = start(database_url, recipe_path, states["b"])
    ready = time.perf_counter()
    assert ended(whole) == 0
    duration = time.perf_counter() - ready
    assert duration > 0.05, (duration, ready - began)

    now, other = "b", "a"
    killed_early = 0
    rng = random.Random(37105)  # noqa: S311 - which moments, not which secrets
    with connect(database_url) as conn:
        for _ in range(20):
            process = start(database_url, recipe_path, states[other])
            time.sleep(rng.uniform(0, duration))
            process.kill()
            ended(process)
            found = current_names(conn)
            if found == expected[other]:  # the commit was quicker than the kill: that state is whole, too
                now, other = other, now
            else:
                assert found == expected[now]
                killed_early += 1
        done = ingest_after(database_url, states[other])
        assert current_names(conn) == expected[other]
        assert done.changes.rows == COUNT
        # no row of any killed attempt is left: each version holds what it says
        assert conn.execute(
            "SELECT count(*) FILTER (WHERE until IS NULL), count(*) FILTER (WHERE since > %s) FROM ldt.feature",
            (done.version,),
        ).fetchone() == (COUNT, 0)
        versions = conn.execute("SELECT count(*), max(version) FROM ldt.version").fetchone()
        assert versions is not None
        assert versions[0] == versions[1]
    assert killed_early >= 5, "the kills came too late to prove anything"
