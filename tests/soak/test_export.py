"""Exports of large collections: memory stays bounded, whatever the number of features."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyogrio
import pytest
from tests.store.loading import load_features, make_twin

from ldt.store.connect import connect

pytestmark = pytest.mark.soak

_RUN = """
import json, resource, sys
from pathlib import Path
from ldt.pipeline.export import Asked, export
url, folder, form = sys.argv[1:]
done = export(url, "town", Path(folder), Asked(form=form))
print(json.dumps([done["resources"][0]["rows"], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]))
"""


def run(url: str, folder: Path, form: str) -> tuple[int, float]:
    """Export in a process of its own; returns (rows, the most megabytes that it held)."""
    done = subprocess.run(
        [sys.executable, "-c", _RUN, url, str(folder), form], capture_output=True, text=True, check=True
    )
    rows, megabytes = json.loads(done.stdout)
    return rows, megabytes


@pytest.mark.parametrize("form", ["gpkg", "parquet"])
def test_memory_does_not_grow_with_the_collection(form: str, database_url: str, tmp_path: Path) -> None:
    with connect(database_url) as conn:
        make_twin(conn)
        loaded = load_features(conn, {"a": "A"})
        used = {}
        for count in (10_000, 100_000):
            conn.execute(
                f"INSERT INTO ldt.feature_{loaded.dataset_id} (twin_id, dataset_id, fid, since, feature_type, namespace, local_id,"
                " geom, properties, digest, source_id, source_row) SELECT twin_id, dataset_id, 'f' || i, since, feature_type,"
                " namespace, 'f' || i, ST_Buffer(ST_SetSRID(ST_MakePoint(7 + i / 1e6, 50), 4326), 1e-4, 8),"
                " jsonb_build_object('name', repeat('x', 100), 'n', i), gen_random_uuid(), source_id, i"
                " FROM ldt.feature, generate_series((SELECT count(*) FROM ldt.feature) + 1, %s) i WHERE fid = 'a'",
                (count,),
            )
            rows, used[count] = run(database_url, tmp_path / str(count), form)
            assert rows == count
    # 90,000 more features are some 100 MB of geometries and documents
    assert used[100_000] - used[10_000] < 60, used
    if form == "gpkg":
        info = pyogrio.read_info(tmp_path / "100000" / "town.gpkg", layer="generic_features")
        assert info["features"] == 100_000
    print(f"{form}: {used}")
