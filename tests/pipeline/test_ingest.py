"""From a file to a version: outcomes, unchanged input, one changed record, lineage to file and row."""

from __future__ import annotations

import hashlib
from pathlib import Path

import orjson
import pytest
from tests.pipeline.cityfiles import current_names, make_twin, recipe, write_plots
from tests.store.loading import read_items

from ldt.errors import NotFound, SourceError, UsageError
from ldt.model.snapshot import PUBLIC
from ldt.pipeline.ingest import ingest
from ldt.settings import settings
from ldt.store import features, files, records, snapshots
from ldt.store.connect import connect


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()


def test_unchanged_input_makes_no_version(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write_plots(tmp_path / "plots.geojson", 50)
    first = ingest(database_url, "town", recipe(), [path])
    again = ingest(database_url, "town", recipe(), [path])
    assert (first.version, first.unchanged) == (1, False)
    assert (again.version, again.revision, again.unchanged) == (1, first.revision, True)
    assert again.tally.read == 50
    with connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM ldt.version").fetchone() == (1,)


def test_one_changed_record_makes_a_version_of_one_row(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    ingest(database_url, "town", recipe(), [write_plots(tmp_path / "plots.geojson", 50)])
    done = ingest(database_url, "town", recipe(), [write_plots(tmp_path / "plots.geojson", 50, changed=7)])
    assert (done.version, done.changes.added, done.changes.changed, done.changes.removed) == (2, 0, 1, 0)
    with connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM ldt.feature").fetchone() == (51,)
        with conn.transaction():
            old = snapshots.resolve(conn, "town", PUBLIC, 1)
            page = read_items(conn, old)
            assert [d["properties"]["name"] for _, d in page] == [f"a{i}" for i in range(50)]


def test_another_recipe_makes_a_version(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write_plots(tmp_path / "plots.geojson", 5)
    ingest(database_url, "town", recipe(), [path])
    assert ingest(database_url, "town", recipe(publisher="another"), [path]).version == 2


def test_every_record_leads_back_to_file_and_row(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write_plots(tmp_path / "plots.geojson", 30)
    ingest(database_url, "town", recipe(), [path])
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (files.folder_of(digest) / "plots.geojson").read_bytes() == path.read_bytes()
    with connect(database_url) as conn, conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC)
        one = features.one(conn, snapshot, snapshot.datasets["plots"], "p000017")
        assert one is not None
        assert (one["source_digest"], one["source_row"]) == (digest, 17)
        assert records.sources(conn, snapshot, "plots")[0]["digest"] == digest
    raw = orjson.loads(path.read_bytes())["features"][17]
    assert raw["properties"]["code"] == one["local_id"]


def test_rejected_and_duplicate_records_are_kept_with_their_reason(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write_plots(tmp_path / "plots.geojson", 10)
    content = orjson.loads(path.read_bytes())
    content["features"].append(content["features"][3])
    content["features"].append(
        {"type": "Feature", "properties": {"code": "hollow", "name": "x"}, "geometry": None}
    )
    path.write_bytes(orjson.dumps(content))
    done = ingest(database_url, "town", recipe(), [path])
    t = done.tally
    assert (t.read, t.accepted, t.repaired, t.rejected, t.duplicate, t.outside) == (12, 10, 0, 1, 1, 0)
    with connect(database_url) as conn, conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC)
        turned_away = {r["outcome"]: r for r in records.outcomes(conn, snapshot, "plots")}
    assert turned_away["duplicate"]["duplicate_of"] == 3
    assert turned_away["rejected"]["row"] == 11
    assert turned_away["rejected"]["record"]["code"] == "hollow"


def test_a_bad_file_leaves_the_previous_state(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write_plots(tmp_path / "plots.geojson", 10)
    ingest(database_url, "town", recipe(), [path])
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(SourceError) as caught:
        ingest(database_url, "town", recipe(), [path])
    assert "plots.geojson" in str(caught.value)
    with connect(database_url) as conn:
        assert len(current_names(conn)) == 10
        assert conn.execute("SELECT max(version) FROM ldt.version").fetchone() == (1,)


def test_an_error_in_the_loader_leaves_the_previous_state(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_twin(database_url)
    ingest(database_url, "town", recipe(), [write_plots(tmp_path / "plots.geojson", 10)])
    monkeypatch.setattr(
        "ldt.pipeline.ingest.commit", lambda *a: (_ for _ in ()).throw(RuntimeError("power cut"))
    )
    with pytest.raises(RuntimeError):
        ingest(database_url, "town", recipe(), [write_plots(tmp_path / "plots.geojson", 10, mark="b")])
    with connect(database_url) as conn:
        assert current_names(conn)["p000000"] == "a0"


def test_usage(database_url: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no source"):
        ingest(database_url, "town", recipe(), [])
    with pytest.raises(NotFound, match="no twin"):
        ingest(database_url, "town", recipe(), [write_plots(tmp_path / "plots.geojson", 1)])


def test_desktop_gis_sees_what_an_ingest_brought(database_url: str, tmp_path: Path) -> None:
    """The plots are areas; a second data set of the same collection does not take the first out of the view."""
    make_twin(database_url)
    path = write_plots(tmp_path / "plots.geojson", 5)
    ingest(database_url, "town", recipe(), [path])
    ingest(database_url, "town", recipe(), [path], name="again")
    with connect(database_url) as conn:
        (view,) = conn.execute("SELECT f_table_name FROM gis.layer_styles").fetchall()
        rows = conn.execute(f'SELECT dataset, count(*) FROM gis."{view[0]}" GROUP BY 1').fetchall()
    assert dict(rows) == {recipe().name: 5, "again": 5}
