"""Every real file of climate through inspect and, with the recipe that fits it, into a twin; values are those of GDAL's decoders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from tests.pipeline.cityfiles import make_twin

from ldt.errors import SourceError
from ldt.harmonise.recipe import load_recipe
from ldt.model.coverage import Coverage
from ldt.model.snapshot import PUBLIC
from ldt.pipeline.ingest import ingest
from ldt.pipeline.inspect import inspect
from ldt.settings import settings
from ldt.store import coverages, snapshots
from ldt.store.connect import connect


@pytest.fixture(scope="module")
def url(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A database with a twin without a boundary, and a data folder of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("climate") / "data"))
        settings.cache_clear()
        make_twin(shared_database_url)
        yield shared_database_url
    settings.cache_clear()


def taken(url: str, recipe: str, path: Path, name: str) -> Coverage:
    done = ingest(url, "town", load_recipe(recipe), [path], name=name)
    assert (done.tally.read, done.tally.accepted) == (1, 1), done.tally.reasons
    with connect(url) as conn, conn.transaction():
        (one,) = coverages.listed(conn, snapshots.resolve(conn, "town", PUBLIC), dataset=name)
    return one


FITTING = {
    "chem-cams.grib": "climate/cams-composition",
    "era5-2mt-2019-03-uk.grib": "climate/era5",
    "era5_2t_1.nc": "climate/era5",
    "fp_lothar_crop-test.nc": "climate/storm-footprints",
    "optical-cams.grib": "climate/cams-aerosol",
    "rotated_N32_subarea.grib": "climate/era5",
    "storm_europe_cosmoe_forecast_vmax_testfile.nc": "climate/gust-forecast",
    "test4.nc": "climate/temperature-at-850-hpa",
    "test_single.nc": "climate/era5",
    "test_single_with_missing.grib": "climate/era5",
}


@pytest.mark.parametrize("name", FITTING)
def test_each_file_is_taken_by_the_recipe_that_is_proposed(url: str, real_data: Path, name: str) -> None:
    path = real_data / "climate" / name
    assert FITTING[name] in inspect(path)["recipes"]
    one = taken(url, FITTING[name], path, name.split(".")[0].replace("_", "-").lower())
    assert shapely.from_wkb(one.footprint).bounds[0] >= -180


def test_a_month_of_hours_is_gdals(url: str, real_data: Path) -> None:
    path = real_data / "climate/era5-2mt-2019-03-uk.grib"
    one = taken(url, "climate/era5", path, "month")
    with rasterio.Env(GRIB_NORMALIZE_UNITS="NO"), rasterio.open(path) as file:
        kelvin = file.read()
    with coverages.opened(one) as found:
        values = found["air-temperature"]
        assert values.shape == (744, 33, 49)
        np.testing.assert_allclose(values.values, kelvin - 273.15, atol=1e-4)
        assert values.time.values[[0, -1]].astype(str).tolist() == [
            "2019-03-01T00:00:00.000000000",
            "2019-03-31T23:00:00.000000000",
        ]
        # London: the cell about 51.5 N, 0 E.
        assert float(values.sel(x=0.0, y=51.5)[0]) == pytest.approx(kelvin[0, 26, 40] - 273.15, abs=1e-4)
    assert (one.averaging, one.grid.crs) == ("PT0S", "EPSG:4326")


def test_levels_of_the_whole_earth(url: str, real_data: Path) -> None:
    path = real_data / "climate/test4.nc"
    one = taken(url, "climate/temperature-at-850-hpa", path, "levels")
    with rasterio.open(f"netcdf:{path}:t") as file:
        kelvin = file.read(2) * file.scales[1] + file.offsets[1]
    with coverages.opened(one) as found:
        values = found["air-temperature-at-850-hPa"][0]
        for x, column in ((-179.0, 181), (0.0, 0), (180.0, 180)):
            np.testing.assert_allclose(values.sel(x=x), kelvin[:, column] - 273.15, atol=1e-4)


def test_a_storm(url: str, real_data: Path) -> None:
    path = real_data / "climate/fp_lothar_crop-test.nc"
    one = taken(url, "climate/storm-footprints", path, "lothar")
    assert one.averaging == "PT71H"
    assert one.time_first is not None
    assert one.time_last is not None
    assert (one.time_first.isoformat(), one.time_last.isoformat()) == (
        "1999-12-24T19:00:00+00:00",
        "1999-12-27T18:00:00+00:00",
    )
    with rasterio.open(f"netcdf:{path}:max_wind_gust") as file, coverages.opened(one) as found:
        np.testing.assert_allclose(found["wind-speed-of-gust"][0], file.read(1), atol=1e-5)


def test_members_are_summed_up_and_that_is_told(url: str, real_data: Path) -> None:
    path = real_data / "climate/storm_europe_cosmoe_forecast_vmax_testfile.nc"
    one = taken(url, "climate/gust-forecast", path, "members")
    assert one.quality["method"].startswith(
        "mean over the 21 values of epsd_1; its cells lie on no regular grid"
    )
    assert one.steps == 24
    # The README: a clip at the border of Switzerland and Austria.
    assert shapely.from_wkb(one.footprint).contains(shapely.Point(10.0, 47.0))


def test_coordinates_without_values_are_explained(real_data: Path) -> None:
    with pytest.raises(SourceError, match="coordinates of 49 cells"):
        inspect(real_data / "climate/test_storm_europe_icon_grid.nc")
