"""The recipes of climate and space on small files in the published layouts, written here; what is expected is worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine
from numpy.typing import NDArray
from tests.sources.gribs import counting, write_grib

from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import load_recipe
from ldt.model.coverage import NewCoverage
from ldt.netcdf import Variable, write_netcdf
from ldt.pipeline.inspect import inspect
from ldt.sources import open_resources, read_raster

LAT = {"standard_name": "latitude", "units": "degrees_north"}
LON = {"standard_name": "longitude", "units": "degrees_east"}
#: A twin about 7 E, 51 N.
TWIN = shapely.box(6.6, 50.6, 7.4, 51.4)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


@contextmanager
def harmonised(name: str, path: Path, selection: shapely.Geometry | None = None) -> Iterator[Chunk]:
    """What a shipped recipe makes of a file; cells can be read within."""
    recipe = load_recipe(name)
    with open_resources(path) as (resource,):
        rasters = read_raster(recipe.source.reader, resource, recipe.source.options)
        chunks = harmoniser(recipe, Context("town/x", selection)).batches(rasters)
        chunk = next(chunks)
        assert chunk.tally.adds_up
        yield chunk


def cells(chunk: Chunk, band: int = 0) -> tuple[NewCoverage, NDArray[Any]]:
    assert chunk.coverages, chunk.outcomes
    (one,) = chunk.coverages
    steps = max(1, len(one.times))
    return one, np.stack([one.read(band, s, 0, one.grid.height) for s in range(steps)])


def grid(
    path: Path,
    name: str,
    values: NDArray[Any],
    attributes: dict[str, Any],
    time: Variable | None = None,
    lat: NDArray[Any] | None = None,
    lon: NDArray[Any] | None = None,
    more: dict[str, Variable] | None = None,
    axes: tuple[str, ...] = ("time", "latitude", "longitude"),
) -> Path:
    """A NetCDF of one variable, north first, one degree about 7 E, 51 N unless told otherwise."""
    variables = {
        "latitude": Variable(("latitude",), np.array([52.0, 51.0, 50.0]) if lat is None else lat, LAT),
        "longitude": Variable(("longitude",), np.array([6.0, 7.0, 8.0]) if lon is None else lon, LON),
        **({"time": time} if time else {}),
        **(more or {}),
        name: Variable(axes, values, attributes),
    }
    sizes = {d: n for v in variables.values() for d, n in zip(v.dimensions, v.values.shape, strict=True)}
    write_netcdf(path, sizes, variables, {"Conventions": "CF-1.7"})
    return path


def hours(*values: float, units: str = "hours since 2024-07-01", **attributes: Any) -> Variable:
    return Variable(
        ("time",), np.array(values, dtype=float), {"units": units, "standard_name": "time", **attributes}
    )


KELVIN = np.array([[[300.0, 301.0, 302.0], [290.0, 291.0, 292.0], [280.0, 281.0, 282.0]]])


def test_era5_netcdf_of_the_new_store(tmp_path: Path) -> None:
    """By hand: 291 K are 17.85 Cel. The twin of less than a degree about 7 E, 51 N meets the one cell there."""
    attributes = {"units": "K", "long_name": "2 metre temperature", "GRIB_stepType": "instant"}
    path = grid(tmp_path / "era5.nc", "t2m", KELVIN, attributes, hours(6))
    assert "climate/era5" in inspect(path)["recipes"]
    with harmonised("climate/era5", path, shapely.box(6.9, 50.9, 7.1, 51.1)) as chunk:
        one, values = cells(chunk)
        assert values.tolist() == [[[pytest.approx(17.85, abs=1e-5)]]]
        assert (one.times, one.averaging) == ((utc(2024, 7, 1, 6),), "PT0S")
        assert one.grid.transform == (1.0, 0.0, 6.5, 0.0, -1.0, 51.5)


def test_era5_with_final_and_preliminary_values(tmp_path: Path) -> None:
    """Old NetCDF: the axis expver has 1 and 5, each cell a value in one of them."""
    values = np.full((1, 2, 3, 3), np.nan)
    values[0, 0, :, 0], values[0, 1, :, 1:] = KELVIN[0, :, 0], KELVIN[0, :, 1:]
    more = {"expver": Variable(("expver",), np.array([1, 5], "int32"), {})}
    axes = ("time", "expver", "latitude", "longitude")
    path = grid(tmp_path / "era5.nc", "t2m", values, {"units": "K"}, hours(6), more=more, axes=axes)
    with harmonised("climate/era5", path) as chunk:
        one, found = cells(chunk)
        np.testing.assert_allclose(found, KELVIN - 273.15, atol=1e-4)
        assert one.quality["method"] == "mean over the 2 values of expver"


def test_era5_precipitation(tmp_path: Path) -> None:
    """By hand: 0.0012 m are 1.2 mm. NetCDF tells the end of the hour, GRIB both ends: the hour from 6 to 7 either way."""
    values = np.full((1, 3, 3), 0.0012)
    path = grid(tmp_path / "era5_tp.nc", "tp", values, {"units": "m"}, hours(7))
    grib = [
        (
            {
                "shortName": "tp",
                "dataDate": 20240701,
                "dataTime": 600,
                "stepType": "accum",
                "stepRange": "0-1",
                "bitsPerValue": 24,
            },
            counting() / 10_000,
        )
    ]
    for file in (path, write_grib(tmp_path / "era5_tp.grib2", grib)):
        assert "climate/era5-precipitation" in inspect(file)["recipes"]
        with harmonised("climate/era5-precipitation", file) as chunk:
            one, found = cells(chunk)
            assert (one.times, one.time_last) == ((utc(2024, 7, 1, 6),), utc(2024, 7, 1, 7))
            # ecCodes has total precipitation of edition 2 in kg m-2 or m: a metre is what the recipe says.
            expected = 1.2 if file is path else counting().ravel() / 10
            np.testing.assert_allclose(found.ravel(), expected, atol=1e-3)


def test_era5_land_precipitation(tmp_path: Path) -> None:
    """Sums from midnight on: of 1, 12 and 24 hours the last is the day's. 0 to 11 mm."""
    fields = [
        (
            {
                "shortName": "tp",
                "dataDate": 20240701,
                "stepType": "accum",
                "stepRange": f"0-{h}",
                "bitsPerValue": 24,
            },
            counting() * h / 24_000,
        )
        for h in (1, 12, 24)
    ]
    path = write_grib(tmp_path / "era5-land_tp.grib2", fields)
    with harmonised("climate/era5-land-precipitation", path) as chunk:
        one, found = cells(chunk)
        np.testing.assert_allclose(found[0], counting(), atol=1e-3)
        assert (one.averaging, one.times, one.time_last) == ("P1D", (utc(2024, 7, 1),), utc(2024, 7, 2))


def test_a_level_of_pressure(tmp_path: Path) -> None:
    fields = [
        ({"shortName": "t", "typeOfLevel": "isobaricInhPa", "level": p}, counting(p / 5 + 100))
        for p in (500, 850)
    ]
    with harmonised("climate/temperature-at-850-hpa", write_grib(tmp_path / "a.grib2", fields)) as chunk:
        np.testing.assert_allclose(cells(chunk)[1][0], counting(270 - 273.15), atol=0.02)


def test_cams_forecast_for_europe(tmp_path: Path) -> None:
    """Longitudes of 359.95 and 0.05, levels 0 and 50 m, hours from a date in the name of the axis; the ground level is taken."""
    values = np.zeros((2, 2, 2, 4), "float32")
    values[0, 0, 0] = [1, 2, 3, 4]
    values[:, 1] = 99
    more = {"level": Variable(("level",), np.array([0.0, 50.0]), {"units": "m"})}
    path = grid(
        tmp_path / "ENS_FORECAST.nc",
        "pm2p5_conc",
        values,
        {"units": "µg/m3", "standard_name": "mass_concentration_of_pm2p5_ambient_aerosol_in_air"},
        hours(0, 1, units="hours", long_name="FORECAST time from 20240701"),
        lat=np.array([51.05, 50.95]),
        lon=np.array([359.85, 359.95, 0.05, 0.15]),
        more=more,
        axes=("time", "level", "latitude", "longitude"),
    )
    assert "climate/cams-europe" in inspect(path)["recipes"]
    with harmonised("climate/cams-europe", path, shapely.box(-0.09, 51.01, 0.19, 51.09)) as chunk:
        one, found = cells(chunk)
        assert one.bands[0].property == "PM2.5"
        np.testing.assert_array_equal(found[0], [[2, 3, 4]])
        assert one.grid.transform[2] == pytest.approx(-0.1)
        assert one.times == (utc(2024, 7, 1, 0), utc(2024, 7, 1, 1))
        assert one.averaging == "PT1H"


def test_cams_europe_as_grib(tmp_path: Path) -> None:
    """By hand: 2e-8 kg m-3 are 20 ug/m3. Constituents 5 and 40009 of WMO's code table 4.230 are NO2 and PM2.5."""
    keys = {
        "productDefinitionTemplateNumber": 40,
        "parameterCategory": 20,
        "parameterNumber": 0,
        "typeOfFirstFixedSurface": 1,
    }
    fields = [
        ({**keys, "constituentType": c, "bitsPerValue": 24}, counting(add) * 1e-9)
        for c, add in ((5, 0), (40009, 20))
    ]
    path = write_grib(tmp_path / "cams_europe.grib2", fields)
    assert "climate/cams-europe" in inspect(path)["recipes"]
    with harmonised("climate/cams-europe", path) as chunk:
        one, nitrogen = cells(chunk, [b.property for b in chunk.coverages[0].bands].index("NO2"))
        np.testing.assert_allclose(nitrogen[0], counting(), atol=1e-3)
        fine = cells(chunk, [b.property for b in one.bands].index("PM2.5"))[1]
        np.testing.assert_allclose(fine[0], counting(20), atol=1e-3)


def test_utci(tmp_path: Path) -> None:
    path = grid(tmp_path / "ECMWF_utci_20240701_v1.1_con.nc", "utci", KELVIN, {"units": "K"}, hours(14))
    assert "climate/utci" in inspect(path)["recipes"]
    with harmonised("climate/utci", path, TWIN) as chunk:
        one, found = cells(chunk)
        assert found.tolist() == [[[pytest.approx(291 - 273.15, abs=1e-4)]]]
        assert one.bands[0].property == "universal-thermal-climate-index"


def test_storm_footprint(tmp_path: Path) -> None:
    time = hours(35, units="hours since 1999-12-24 19:00:00", bounds="time_bounds")
    more = {"time_bounds": Variable(("time", "bnds"), np.array([[0.0, 71.0]]), {})}
    attributes = {"units": "m s-1", "cell_methods": "time: maximum"}
    path = grid(tmp_path / "fp_1.nc", "max_wind_gust", KELVIN / 10, attributes, time, more=more)
    with harmonised("climate/storm-footprints", path, TWIN) as chunk:
        one, _ = cells(chunk)
        assert (one.averaging, one.time_first, one.time_last) == (
            "PT71H",
            utc(1999, 12, 24, 19),
            utc(1999, 12, 27, 18),
        )


def test_gust_forecast(tmp_path: Path) -> None:
    """Two members, 20 and 30 m/s; the hour before 7 o'clock."""
    values = np.stack([np.full((1, 3, 3), v) for v in (20.0, 30.0)], axis=1)
    more = {"epsd_1": Variable(("epsd_1",), np.array([0, 1], "int32"), {})}
    axes = ("time", "epsd_1", "latitude", "longitude")
    path = grid(tmp_path / "vmax.nc", "VMAX_10M", values, {"units": "m s-1"}, hours(7), more=more, axes=axes)
    with harmonised("climate/gust-forecast", path) as chunk:
        one, found = cells(chunk)
        assert set(found.ravel().tolist()) == {25.0}
        assert one.times == (utc(2024, 7, 1, 6),)
        assert one.quality["method"] == "mean over the 2 values of epsd_1"


def cordex(path: Path, name: str, values: NDArray[Any], unit: str, calendar: str = "365_day") -> Path:
    """Two days about the end of February 2020 on a rotated grid of 0.11 degrees."""
    pole: dict[str, Any] = {
        "grid_mapping_name": "rotated_latitude_longitude",
        "grid_north_pole_latitude": 39.25,
        "grid_north_pole_longitude": -162.0,
    }
    variables = {
        "rotated_pole": Variable((), np.array(0, "int32"), pole),
        "rlon": Variable(("rlon",), -7.0 + 0.11 * np.arange(6), {"standard_name": "grid_longitude", "units": "degrees", "axis": "X"}),
        "rlat": Variable(("rlat",), 0.5 + 0.11 * np.arange(5), {"standard_name": "grid_latitude", "units": "degrees", "axis": "Y"}),
        "time": Variable(("time",), np.array([58.5, 59.5]), {"units": "days since 2020-01-01", "calendar": calendar, "bounds": "time_bnds"}),
        "time_bnds": Variable(("time", "bnds"), np.array([[58.0, 59.0], [59.0, 60.0]]), {}),
        name: Variable(("time", "rlat", "rlon"), values, {"units": unit, "grid_mapping": "rotated_pole", "cell_methods": "time: mean"}),
    }  # fmt: skip
    sizes = {d: n for v in variables.values() for d, n in zip(v.dimensions, v.values.shape, strict=True)}
    write_netcdf(path, sizes, variables, {"Conventions": "CF-1.4"})
    return path


def test_euro_cordex(tmp_path: Path) -> None:
    """By hand: 1e-4 kg m-2 s-1 are 8.64 mm a day; day 58 is 28 February, and the next in a calendar of 365 days is 1 March."""
    path = cordex(
        tmp_path / "pr_EUR-11_X_rcp85_r1i1p1_Y_v1_day_2020.nc", "pr", np.full((2, 5, 6), 1e-4), "kg m-2 s-1"
    )
    assert "climate/euro-cordex" in inspect(path)["recipes"]
    with harmonised("climate/euro-cordex", path) as chunk:
        one, found = cells(chunk)
        values = found[~np.isnan(found)]
        assert values.size >= 60
        np.testing.assert_allclose(values, 8.64, atol=1e-4)
        assert (one.times, one.averaging) == ((utc(2020, 2, 28), utc(2020, 3, 1)), "P1D")
        assert "no 29 February" in one.quality["time"]
        assert "0.11 degrees" in one.quality["method"]
        west, south, east, north = shapely.from_wkb(one.footprint).bounds
        assert 5 < west < east < 10
        assert 50 < south < north < 52


def test_a_day_that_there_is_not(tmp_path: Path) -> None:
    path = cordex(tmp_path / "tas_EUR-11_day_.nc", "tas", np.full((2, 5, 6), 280.0), "K", "360_day")
    with harmonised("climate/euro-cordex", path) as chunk:
        (outcome,) = chunk.outcomes
        assert outcome.reason == "time"
        assert "2020-02-29" not in outcome.message
        assert "2020-02-30" in outcome.message


def test_e_obs(tmp_path: Path) -> None:
    """Packed: 1234 * 0.01 = 12.34; south first; days since 1950. By hand: 27,210 days after 1950-01-01 is 2024-07-01."""
    values = np.array([[[1234, -9999, 1236], [1, 2, 3], [4, 5, 6]]], "int32")
    attributes = {"units": "Celsius", "scale_factor": 0.01, "add_offset": 0.0, "_FillValue": -9999}
    path = grid(
        tmp_path / "tg_ens_mean_0.1deg_reg_v30.0e.nc",
        "tg",
        values,
        attributes,
        hours(27210, units="days since 1950-01-01 00:00"),
        lat=np.array([50.0, 51.0, 52.0]),
    )
    assert "climate/e-obs" in inspect(path)["recipes"]
    with harmonised("climate/e-obs", path) as chunk:
        one, found = cells(chunk)
        np.testing.assert_allclose(found[0, 2], [12.34, np.nan, 12.36], atol=1e-5)
        assert (one.times, one.averaging) == ((utc(2024, 7, 1),), "P1D")


def tif(path: Path, values: NDArray[Any], nodata: float) -> Path:
    """A GeoTIFF of 0.1 degree from 6.8 E, 51.2 N on."""
    profile = {
        "driver": "GTiff",
        "count": 1,
        "crs": "EPSG:4326",
        "dtype": str(values.dtype),
        "nodata": nodata,
    }
    transform = Affine(0.1, 0, 6.8, 0, -0.1, 51.2)
    with rasterio.open(
        path, "w", width=values.shape[1], height=values.shape[0], transform=transform, **profile
    ) as file:
        file.write(values, 1)
    return path


def test_copernicus_dem(tmp_path: Path) -> None:
    given = np.array([[45.5, -32767.0], [120.25, 9999.0]], "float32")
    path = tif(tmp_path / "Copernicus_DSM_COG_10_N51_00_E006_00_DEM.tif", given, -32767)
    assert "space/copernicus-dem" in inspect(path)["recipes"]
    with harmonised("space/copernicus-dem", path) as chunk:
        one, found = cells(chunk)
        np.testing.assert_array_equal(found[0], [[45.5, np.nan], [120.25, np.nan]])
        assert chunk.outcomes[0].reason == "out-of-range"
        assert (one.time_first, one.time_last) == (utc(2011, 1, 1), utc(2016, 1, 1))


@pytest.mark.parametrize(("band", "key"), [("red", "red"), ("near-infrared", "nir")])
def test_sentinel_2(tmp_path: Path, band: str, key: str) -> None:
    """By hand: (3500 - 1000) / 10,000 = 0.25; 0 is none; the day stands in the name that the asset was given."""
    given = np.array([[3500, 0], [1000, 11000]], "uint16")
    path = tif(tmp_path / f"S2A_32ULB_20240612_0_L2A_{key}_2024-06-12.tif", given, 0)
    assert f"space/sentinel-2-{band}" in inspect(path)["recipes"]
    with harmonised(f"space/sentinel-2-{band}", path) as chunk:
        one, found = cells(chunk)
        np.testing.assert_allclose(found[0], [[0.25, np.nan], [0.0, 1.0]], atol=1e-6)
        assert (one.time_first, one.time_last) == (utc(2024, 6, 12), utc(2024, 6, 13))


def test_destination_earth(tmp_path: Path) -> None:
    fields = [({"shortName": "2t", "dataDate": 20240701, "stepRange": "0"}, counting(270))]
    with harmonised("space/destination-earth", write_grib(tmp_path / "destine.grib2", fields)) as chunk:
        np.testing.assert_allclose(cells(chunk)[1][0], counting(270 - 273.15), atol=0.01)
