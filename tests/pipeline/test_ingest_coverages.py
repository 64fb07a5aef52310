"""Coverages through the whole way: a file, a version, a past state; files that are damaged; a twin from its manifest."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
import yaml
from affine import Affine
from tests.pipeline.cityfiles import make_twin

from ldt.errors import SourceError
from ldt.harmonise.recipe import Recipe
from ldt.model.coverage import Coverage, NewCoverage
from ldt.model.snapshot import PUBLIC
from ldt.pipeline.build import build
from ldt.pipeline.check import check
from ldt.pipeline.ingest import Ingested, ingest
from ldt.pipeline.inspect import inspect
from ldt.settings import settings
from ldt.store import coverages, files, records, snapshots
from ldt.store.connect import connect
from ldt.store.load_coverages import CoverageRows

RECIPE: dict[str, Any] = {
    "ldt": 1,
    "name": "sealed",
    "title": {"en": "Sealed"},
    "publisher": "a test",
    "licence": "CC0-1.0",
    "origin": "space",
    "anatomy": "structure.environment.soil",
    "source": {"reader": "raster"},
    "coverage": {
        "period_pattern": r"IMD_(\d{4})",
        "bands": {"imperviousness": {"unit": "%", "nodata": [254, 255], "valid_range": [0, 100]}},
    },
}


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()


def recipe(**changes: Any) -> Recipe:
    return Recipe.model_validate({**RECIPE, **changes})


def write(path: Path, seed: int = 1, **profile: Any) -> Path:
    """A GeoTIFF of 500 x 400 cells of 100 m about 6.87 to 7.6 E, 50.6 to 51 N."""
    cells = np.random.default_rng(seed).integers(0, 101, (400, 500), "uint8")
    known = {
        "crs": "EPSG:25832", "transform": Affine(100.0, 0, 350000, 0, -100.0, 5650000), "nodata": 255, "tiled": True,
        "compress": "deflate", "blockxsize": 128, "blockysize": 128, **profile,
    }  # fmt: skip
    with rasterio.open(
        path, "w", driver="GTiff", width=500, height=400, count=1, dtype="uint8", **known
    ) as file:
        file.write(cells, 1)
    return path


def seen(url: str, at: int | None = None, name: str = "sealed") -> list[Coverage]:
    with connect(url) as conn, conn.transaction():
        return coverages.listed(conn, snapshots.resolve(conn, "town", PUBLIC, at), dataset=name)


def told(url: str) -> list[dict[str, Any]]:
    with connect(url) as conn, conn.transaction():
        return records.outcomes(conn, snapshots.resolve(conn, "town", PUBLIC), "sealed")


def run(url: str, *paths: Path, made: Recipe | None = None) -> Ingested:
    done = ingest(url, "town", made or recipe(), paths)
    assert done.tally.adds_up
    return done


def test_from_a_file_to_cells(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write(tmp_path / "IMD_2018.tif")
    done = run(database_url, path)
    assert (done.version, done.tally.read, done.tally.accepted, done.changes.rows) == (1, 1, 1, 1)
    (one,) = seen(database_url)
    assert (
        one.code,
        one.time_first and one.time_first.year,
        one.quality["bands"]["imperviousness"]["missing"],
    ) == ("IMD_2018", 2018, 0)
    with coverages.opened(one) as found, rasterio.open(path) as given:
        np.testing.assert_array_equal(found.imperviousness.values, given.read(1))
    with connect(database_url) as conn, conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC)
        (dataset,) = records.datasets(conn, snapshot, "sealed")
        (origin,) = records.sources(conn, snapshot, "sealed")
    assert dataset["crs"][0]["declared"] == "EPSG:25832"
    assert dataset["bbox"] == pytest.approx([6.88, 50.61, 7.6, 51.0], abs=0.03)
    assert dataset["time_first"].year == 2018
    assert (files.folder_of(origin["digest"]) / "IMD_2018.tif").read_bytes() == path.read_bytes()


def test_the_same_again_changes_nothing_and_another_recipe_does(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write(tmp_path / "IMD_2018.tif")
    first = run(database_url, path)
    again = run(database_url, path)
    assert (again.unchanged, again.revision, again.tally.read) == (True, first.revision, 1)
    other = recipe(
        coverage={**RECIPE["coverage"], "bands": {"imperviousness": {"unit": "%", "valid_range": [0, 50]}}}
    )
    changed = run(database_url, path, made=other)
    assert (changed.version, changed.changes.changed, changed.tally.repaired) == (2, 1, 1)
    # A recipe that says the same of the cells in other words makes a version, and leaves the row and the bytes alone.
    words = run(database_url, path, made=other.model_copy(update={"publisher": "another"}))
    assert (words.version, words.changes.rows, words.changes.changed) == (3, 1, 0)


def test_the_past_is_seen(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    run(database_url, write(tmp_path / "IMD_2018.tif", seed=1))
    run(database_url, write(tmp_path / "IMD_2018.tif", seed=2), write(tmp_path / "IMD_2021.tif", seed=3))
    assert [[c.code for c in seen(database_url, at)] for at in (1, 2)] == [
        ["IMD_2018"],
        ["IMD_2018", "IMD_2021"],
    ]
    with coverages.opened(seen(database_url, 1)[0]) as old, coverages.opened(seen(database_url)[0]) as new:
        expected = [np.random.default_rng(s).integers(0, 101, (400, 500), "uint8") for s in (1, 2)]
        np.testing.assert_array_equal(old.imperviousness.values, expected[0])
        np.testing.assert_array_equal(new.imperviousness.values, expected[1])


def test_clipped_to_the_twin(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    box = shapely.box(7.0, 50.7, 7.1, 50.8)
    with connect(database_url) as conn:
        conn.execute("UPDATE ldt.twin SET selection = ST_Multi(ST_SetSRID(%s::geometry, 4326))", (box.wkb,))
    path = write(tmp_path / "IMD_2018.tif")
    done = run(
        database_url,
        path,
        write(tmp_path / "IMD_2019.tif", transform=Affine(100, 0, 450000, 0, -100, 5650000)),
    )
    assert (done.tally.accepted, done.tally.outside) == (1, 1)
    (one,) = seen(database_url)
    # 0.1 degrees are 7.05 km by 11.1 km here, and the corners of the box do not lie on one line.
    assert 71 <= one.grid.width <= 80
    assert 112 <= one.grid.height <= 118
    assert shapely.from_wkb(one.footprint).buffer(1e-9).contains(box)
    with coverages.opened(one) as found, rasterio.open(path) as given:
        row, column = given.index(float(found.x[0]), float(found.y[0]))
        window = given.read(1)[row : row + one.grid.height, column : column + one.grid.width]
        np.testing.assert_array_equal(found.imperviousness.values, window)


def test_a_file_is_open_until_its_cells_are_stored(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In stripes that were not read before, and slowly, as a large file is stored."""
    make_twin(database_url)
    monkeypatch.setattr("ldt.store.load_coverages._BLOCK_CELLS", 1)
    stored = CoverageRows.add

    def slowly(rows: CoverageRows, coverage: NewCoverage, source_id: int) -> None:
        time.sleep(0.3)
        stored(rows, coverage, source_id)

    monkeypatch.setattr(CoverageRows, "add", slowly)
    done = run(database_url, *(write(tmp_path / f"IMD_{year}.tif", seed=year) for year in (2018, 2021)))
    assert done.tally.accepted == 2
    for one in seen(database_url):
        with coverages.opened(one) as found, rasterio.open(tmp_path / f"{one.code}.tif") as given:
            np.testing.assert_array_equal(found.imperviousness.values, given.read(1))


def test_each_file_has_its_outcome(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    done = run(
        database_url,
        write(tmp_path / "IMD_2018.tif"),
        write(tmp_path / "IMD_none.tif", seed=2, crs=None),
        write(tmp_path / "IMD_2021.tif", seed=3),
    )
    assert (done.tally.read, done.tally.accepted, done.tally.rejected) == (3, 2, 1)
    (one,) = told(database_url)
    assert (one["outcome"], one["reason"], one["source"]) == ("rejected", "crs", "IMD_none.tif")
    assert one["record"]["bands"] == ["1"]


def test_a_damaged_file_leaves_the_previous_state(database_url: str, tmp_path: Path) -> None:
    make_twin(database_url)
    path = write(tmp_path / "IMD_2018.tif")
    run(database_url, path)
    # Its header and its first tiles are whole.
    path.write_bytes(path.read_bytes()[:-3000])
    with pytest.raises(SourceError, match=r"IMD_2018\.tif"):
        run(database_url, path)
    path.write_text("no raster at all")
    with pytest.raises(SourceError, match=r"IMD_2018\.tif"):
        run(database_url, path)
    assert [c.dataset.version for c in seen(database_url)] == [1]
    assert not list(files.root().glob(".new-*"))


def test_an_error_after_the_cells_are_stored(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_twin(database_url)
    run(database_url, write(tmp_path / "IMD_2018.tif"))
    with monkeypatch.context() as patch:
        patch.setattr(
            "ldt.pipeline.ingest.commit", lambda *a: (_ for _ in ()).throw(RuntimeError("power cut"))
        )
        with pytest.raises(RuntimeError):
            run(database_url, write(tmp_path / "IMD_2018.tif", seed=2))
    assert [c.code for c in seen(database_url)] == ["IMD_2018"]
    # What the broken run left in the file store is taken up by the next one.
    assert run(database_url, tmp_path / "IMD_2018.tif").version == 2


def test_inspect_and_check(tmp_path: Path) -> None:
    path = write(tmp_path / "IMD_2018_010m_xy.tif")
    found = inspect(path)
    assert found["recipes"] == ["clms/imperviousness"]
    assert found["layers"][0]["cells"]["width"] == 500
    tried = check("clms/imperviousness", path)
    assert (tried["problems"], tried["outcomes"]["accepted"]) == ([], 1)
    wrong = check("clc/corine-raster", path)
    assert wrong["outcomes"]["rejected"] == 1


def test_a_twin_from_its_manifest(database_url: str, tmp_path: Path) -> None:
    write(tmp_path / "IMD_2018_xy.tif")
    manifest = {
        "ldt": 1,
        "twin": "town",
        "title": {"en": "Town"},
        "datasets": [{"recipe": "clms/imperviousness", "sources": ["IMD_*.tif"], "name": "sealed"}],
    }
    (tmp_path / "town.yaml").write_text(yaml.safe_dump(manifest))
    for unchanged in (False, True):
        built = build(database_url, tmp_path / "town.yaml")
        assert not built.errors
        assert [d.unchanged for d in built.datasets] == [unchanged]
    assert [c.id for c in seen(database_url)] == ["sealed.IMD_2018_xy"]
