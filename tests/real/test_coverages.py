"""Real rasters and cubes through their recipes; what is expected comes from rasterio alone, or from the bytes."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.model.coverage import Coverage
from ldt.model.outcome import Tally
from ldt.model.snapshot import PUBLIC
from ldt.pipeline.ingest import ingest
from ldt.pipeline.inspect import inspect
from ldt.settings import settings
from ldt.store import coverages, snapshots
from ldt.store.connect import connect

CLC = "landcover/clc_granada/clc.tif"
IMD = "eea/hrl/IMD_2018_100m_eu_03035_v1_0.zip"


@pytest.fixture(autouse=True)
def _own_data_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()


def ingested(url: str, made: Recipe, path: Path) -> tuple[Tally, Coverage]:
    """Ingest a file into a twin without a boundary; returns the tally and the one coverage."""
    make_twin(url)
    done = ingest(url, "town", made, [path])
    with connect(url) as conn, conn.transaction():
        (one,) = coverages.listed(conn, snapshots.resolve(conn, "town", PUBLIC))
    return done.tally, one


def climate(name: str, options: dict[str, Any] | None = None, **band: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "ldt": 1,
            "name": name,
            "title": {"en": name},
            "publisher": "ECMWF",
            "licence": "Copernicus",
            "origin": "european",
            "anatomy": "structure.environment.air",
            "source": {"reader": "cube", "options": options or {}},
            "coverage": {"averaging": "PT0S", "bands": {"air-temperature": band}},
        }
    )


def test_corine_of_granada(database_url: str, real_data: Path) -> None:
    """Class codes in 32 bits, EPSG:3042: the count of each class is rasterio's, and the place is Lanjaron."""
    tally, one = ingested(database_url, load_recipe("clc/corine-raster"), real_data / CLC)
    assert (tally.accepted, tally.repaired) == (1, 0)
    assert one.quality["bands"]["land-cover"] == {"cells": 353_130, "missing": 0, "notation": "code"}
    assert shapely.from_wkb(one.footprint).contains(shapely.Point(-3.4814, 36.9189))
    assert one.grid.crs == "EPSG:3042"
    with rasterio.open(real_data / CLC) as file:
        expected = Counter(file.read(1).ravel().tolist())
        assert one.grid.transform == file.transform[:6]
    with coverages.opened(one) as found:
        assert Counter(found["land-cover"].values.ravel().tolist()) == expected
        assert found["land-cover"].rio.crs.to_epsg() == 3042
    assert len(expected) == 20


def test_corine_as_grid_codes_is_the_same(database_url: str, real_data: Path, tmp_path: Path) -> None:
    """The same cells in the notation of the European files, which number the classes in their order from 1 to 44."""
    order = (
        111, 112, 121, 122, 123, 124, 131, 132, 133, 141, 142, 211, 212, 213, 221, 222, 223, 231, 241, 242, 243, 244, 311, 312,
        313, 321, 322, 323, 324, 331, 332, 333, 334, 335, 411, 412, 421, 422, 423, 511, 512, 521, 522, 523,
    )  # fmt: skip
    number = {code: n for n, code in enumerate(order, 1)}
    with rasterio.open(real_data / CLC) as file:
        codes = file.read(1)
        profile = {**file.profile, "dtype": "uint8", "nodata": 128, "driver": "GTiff"}
    given = np.vectorize(number.__getitem__)(codes).astype("uint8")
    given[0] = 128
    path = tmp_path / "U2018_CLC2018_V2020_20u1.tif"
    with rasterio.open(path, "w", **profile) as file:
        file.write(given, 1)
    _, one = ingested(database_url, load_recipe("clc/corine-raster"), path)
    assert one.quality["bands"]["land-cover"] == {"cells": 353_130, "missing": 474, "notation": "grid_code"}
    assert one.time_first is not None
    assert one.time_first.year == 2018
    with coverages.opened(one) as found:
        np.testing.assert_array_equal(found["land-cover"].values[1:], codes[1:])
        assert set(found["land-cover"].values[0].tolist()) == {65535}


def test_imperviousness_of_malta(database_url: str, real_data: Path) -> None:
    tally, one = ingested(database_url, load_recipe("clms/imperviousness"), real_data / IMD)
    inner = "IMD_2018_100m_eu_03035_v1_0/IMD_2018_100m_eu_03035_v1_0.tif"
    with rasterio.open(f"zip://{real_data / IMD}!{inner}") as file:
        given = file.read(1)
    missing = given >= 254
    assert tally.accepted == 1
    assert one.quality["bands"]["imperviousness"] == {"cells": 200_000, "missing": int(missing.sum())}
    assert one.time_first is not None
    assert (one.code, one.time_first.year) == ("IMD_2018_100m_eu_03035_v1_0", 2018)
    with coverages.opened(one) as found:
        values = found.imperviousness.values
        np.testing.assert_array_equal(np.isnan(values), missing)
        np.testing.assert_array_equal(values[~missing], given[~missing])
        assert float(np.nanmean(values)) == pytest.approx(float(given[~missing].mean()), rel=1e-6)
    assert inspect(real_data / IMD)["recipes"] == ["clms/imperviousness"]


def test_era5_in_degrees(database_url: str, real_data: Path) -> None:
    """Packed in 16 bits, longitudes from 0 to 340, K; unpacked here by hand from what GDAL reads."""
    path = real_data / "climate/era5_2t_1.nc"
    _, one = ingested(database_url, climate("era5", source="t2m"), path)
    with rasterio.open(path) as file:
        raw = file.read(1).astype("float64")
    celsius = raw * 0.00137827149108083 + 265.9272436035123 - 273.15
    with coverages.opened(one) as found:
        values = found["air-temperature"]
        assert values.dims == ("time", "y", "x")
        # 1,062,108 hours after 1900-01-01.
        assert values.time.values[0] == np.datetime64("2021-03-01T12:00:00")
        np.testing.assert_array_equal(found.x, np.arange(-160.0, 181.0, 20.0))
        np.testing.assert_array_equal(found.y, np.arange(80.0, -81.0, -20.0))
        np.testing.assert_allclose(values.values[0], np.roll(celsius, 8, axis=1), atol=1e-5)
        # The file's first column is 0 E, its third row 40 N.
        assert float(values.sel(x=0, y=40)[0]) == pytest.approx(celsius[2, 0], abs=1e-5)
    assert one.time_first == one.time_last


def test_a_level_of_longitudes_from_0_to_360(database_url: str, real_data: Path) -> None:
    path = real_data / "climate/test4.nc"
    made = climate("levels", {"select": {"level": 850}}, source="t")
    _, one = ingested(database_url, made, path)
    with rasterio.open(f"netcdf:{path}:t") as file:
        raw = file.read(2).astype("float64")
    celsius = raw * 0.001225614912271656 + 264.2162222145165 - 273.15
    with coverages.opened(one) as found:
        values = found["air-temperature"][0]
        assert (float(found.x[0]), float(found.x[-1])) == (-179.0, 180.0)
        for x, column in ((-179.0, 181), (-1.0, 359), (0.0, 0), (180.0, 180)):
            np.testing.assert_allclose(values.sel(x=x), celsius[:, column], atol=1e-5)
    assert shapely.from_wkb(one.footprint).bounds == pytest.approx((-179.5, -90, 180, 90))


def test_a_level_that_is_not_chosen_is_told(database_url: str, real_data: Path) -> None:
    make_twin(database_url)
    done = ingest(database_url, "town", climate("levels", source="t"), [real_data / "climate/test4.nc"])
    assert done.tally.reasons == {"rejected:unusable-band": 1}
