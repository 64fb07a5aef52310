"""NetCDF: rotated poles, coordinates in two dimensions, Gaussian rows, members, bounds of steps; files are written here, in the classic format."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from tests.sources.test_grib import layers

from ldt.errors import SourceError
from ldt.netcdf import Variable, write_netcdf
from ldt.sources import describe

LAT = {"standard_name": "latitude", "units": "degrees_north"}
LON = {"standard_name": "longitude", "units": "degrees_east"}
POLE: dict[str, Any] = {
    "grid_mapping_name": "rotated_latitude_longitude",
    "grid_north_pole_latitude": 39.25,
    "grid_north_pole_longitude": -162.0,
}
TIME = {"units": "days since 2020-01-01", "calendar": "365_day", "standard_name": "time"}


def write(path: Path, variables: dict[str, Variable]) -> Path:
    sizes = {d: n for v in variables.values() for d, n in zip(v.dimensions, v.values.shape, strict=True)}
    write_netcdf(path, sizes, variables, {"Conventions": "CF-1.8"})
    return path


def rotated(path: Path, *, flat: bool = False, up: bool = True, **attributes: Any) -> Path:
    """Two days of 4 x 5 cells of 0.11 degrees about 50.8 N, 5.4 E, as EURO-CORDEX has them; `flat` adds coordinates in two dimensions."""
    rlon = -7.975 + 0.11 * np.arange(5)
    rlat = 0.275 + 0.11 * np.arange(4)
    rlat = rlat if up else rlat[::-1]
    variables = {
        "rotated_pole": Variable((), np.array(0, "int32"), POLE),
        "rlon": Variable(("rlon",), rlon, {"standard_name": "grid_longitude", "units": "degrees", "axis": "X"}),
        "rlat": Variable(("rlat",), rlat, {"standard_name": "grid_latitude", "units": "degrees", "axis": "Y"}),
        "time": Variable(("time",), np.array([0.5, 1.5]), {**TIME, "bounds": "time_bnds"}),
        "time_bnds": Variable(("time", "bnds"), np.array([[0.0, 1.0], [1.0, 2.0]]), {}),
        "tasmax": Variable(
            ("time", "rlat", "rlon"),
            np.arange(40, dtype="float32").reshape(2, 4, 5),
            {
                "units": "K", "grid_mapping": "rotated_pole", "cell_methods": "time: maximum", "long_name": "warm",
                **({"coordinates": "lat lon"} if flat else {}), **attributes,
            },
        ),
    }  # fmt: skip
    if flat:
        x, y = unturned(rlon, rlat)
        variables["lon"] = Variable(("rlat", "rlon"), x, LON)
        variables["lat"] = Variable(("rlat", "rlon"), y, LAT)
    return write(path, variables)


def unturned(rlon: NDArray[Any], rlat: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Longitudes and latitudes by the formula of the rotated pole (COSMO documentation, part I, 3.3), worked out here."""
    pole_lat, pole_lon = np.radians(39.25), np.radians(-162.0)
    x, y = np.meshgrid(np.radians(rlon), np.radians(rlat))
    lat = np.arcsin(np.cos(pole_lat) * np.cos(y) * np.cos(x) + np.sin(pole_lat) * np.sin(y))
    east = np.sin(pole_lon) * (
        -np.sin(pole_lat) * np.cos(x) * np.cos(y) + np.cos(pole_lat) * np.sin(y)
    ) - np.cos(pole_lon) * np.sin(x) * np.cos(y)
    north = np.cos(pole_lon) * (
        -np.sin(pole_lat) * np.cos(x) * np.cos(y) + np.cos(pole_lat) * np.sin(y)
    ) + np.sin(pole_lon) * np.sin(x) * np.cos(y)
    return np.degrees(np.arctan2(east, north)), np.degrees(lat)


@pytest.mark.parametrize("up", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_a_rotated_pole(tmp_path: Path, flat: bool, up: bool) -> None:
    """The value of each cell is that of the nearest one, whether the file has coordinates in two dimensions or the pole alone."""
    (tas,) = layers(rotated(tmp_path / "a.nc", flat=flat, up=up)).values()
    rlat = 0.275 + 0.11 * np.arange(4)
    lon, lat = unturned(-7.975 + 0.11 * np.arange(5), rlat if up else rlat[::-1])
    assert (lon.mean(), lat.mean()) == pytest.approx((5.9, 50.8), abs=1.0)
    a, _, c, _, e, f = tas.transform
    x, y = np.meshgrid(c + a * (np.arange(tas.width) + 0.5), f + e * (np.arange(tas.height) + 0.5))
    narrow = np.cos(np.radians(50.8))
    away = np.hypot((x.ravel()[:, None] - lon.ravel()) * narrow, y.ravel()[:, None] - lat.ravel())
    there = ~np.isnan(tas.cells[0])
    assert there.sum() >= 20
    for step in range(2):
        expected = 20 * step + away.argmin(axis=1).reshape(there.shape)
        np.testing.assert_array_equal(tas.cells[step][there], expected[there])
    assert away.min(axis=1).reshape(there.shape)[there].max() < 0.11
    assert (tas.name, tas.unit, tas.crs.text) == (
        "tasmax",
        "K",
        "longitude and latitude (CF), datum not named",
    )
    assert "0.11 degrees" in tas.note


def test_bounds_of_steps(tmp_path: Path) -> None:
    (tas,) = layers(rotated(tmp_path / "a.nc")).values()
    assert tas.time.bounds == ((0.0, 1.0), (1.0, 2.0))
    assert (tas.time.values, tas.time.calendar, tas.time.instants) == ((0.5, 1.5), "365_day", False)
    (point,) = layers(rotated(tmp_path / "b.nc", cell_methods="time: point")).values()
    assert (point.time.bounds, point.time.instants) == ((), True)


def test_bounds_of_a_storm(real_data: Path) -> None:
    """The file tells the highest gust from 19:00 on 24 December 1999 for 71 hours."""
    (gust,) = layers(real_data / "climate/fp_lothar_crop-test.nc").values()
    assert (gust.name, gust.time.bounds, gust.time.values) == ("max_wind_gust", ((0.0, 71.0),), (35.0,))


def test_members_of_a_forecast(real_data: Path) -> None:
    """21 members of 24 hours on a rotated grid; by GDAL alone, which turns values and coordinates alike."""
    import rasterio

    path = real_data / "climate/storm_europe_cosmoe_forecast_vmax_testfile.nc"
    given = {}
    for name in ("VMAX_10M", "lat_1", "lon_1"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", rasterio.errors.NotGeoreferencedWarning)
            file = rasterio.open(f"netcdf:{path}:{name}")
        with file:
            given[name] = file.read().astype(float)
    cube = given["VMAX_10M"].reshape(24, 21, 25)
    for options, expected in (
        ({"select": {"epsd_1": 3}}, cube[:, 3]),
        ({"reduce": {"epsd_1": "mean"}}, cube.mean(axis=1)),
        ({"reduce": {"epsd_1": "p90"}}, np.percentile(cube, 90, axis=1)),
    ):
        (gust,) = layers(path, **options).values()
        a, _, c, _, e, f = gust.transform
        x, y = np.meshgrid(c + a * (np.arange(gust.width) + 0.5), f + e * (np.arange(gust.height) + 0.5))
        away = np.hypot(
            (x.ravel()[:, None] - given["lon_1"].ravel()) * np.cos(np.radians(47)),
            y.ravel()[:, None] - given["lat_1"].ravel(),
        )
        cells = gust.cells.reshape(24, -1)
        there = ~np.isnan(cells[0])
        assert there.sum() >= 25
        np.testing.assert_allclose(cells[:, there], expected[:, away.argmin(axis=1)][:, there], atol=1e-5)
    assert gust.note.startswith("p90 over the 21 values of epsd_1; its cells lie on no regular grid")


def test_a_statistic_over_packed_values(tmp_path: Path) -> None:
    """By hand: 10 and 30, times 0.5 and plus 100, have the mean 110; where one is missing the other counts, where both are, none."""
    values = np.array([[[10, 10, -9]], [[30, -9, -9]]], "int32").repeat(2, axis=1)
    path = write(
        tmp_path / "a.nc",
        {
            "member": Variable(("member",), np.array([1, 2], "int32"), {}),
            "lat": Variable(("lat",), np.array([51.0, 50.0]), LAT),
            "lon": Variable(("lon",), np.array([6.0, 7.0, 8.0]), LON),
            "t": Variable(
                ("member", "lat", "lon"),
                values,
                {"units": "K", "scale_factor": 0.5, "add_offset": 100.0, "missing_value": -9},
            ),
        },
    )
    assert "2 values of member (1, 2)" in str(layers(path)["t"].problem)
    found = layers(path, reduce={"member": "mean"})["t"]
    np.testing.assert_array_equal(found.cells[0], [[110, 105, np.nan]] * 2)
    assert (found.scale, found.offset, found.nodata) == (1.0, 0.0, ())
    chosen = layers(path, select={"member": 2})["t"]
    assert (chosen.scale, chosen.offset, chosen.nodata) == (0.5, 100.0, (-9.0,))


def test_rows_that_are_almost_regular(tmp_path: Path) -> None:
    """Gaussian latitudes of N32, from the pole to 60 N: GDAL takes them for regular, and lies off by up to a fifth of a row."""
    rows = np.array([87.864, 85.097, 82.313, 79.526, 76.737, 73.948, 71.158, 68.368, 65.578, 62.787, 59.997])
    path = write(
        tmp_path / "a.nc",
        {
            "lat": Variable(("lat",), rows, LAT),
            "lon": Variable(("lon",), np.arange(0, 360, 30.0), LON),
            "t": Variable(
                ("lat", "lon"), np.repeat(rows[:, None], 12, axis=1).astype("float32"), {"units": "K"}
            ),
        },
    )
    found = layers(path)["t"]
    _, _, _, _, e, f = found.transform
    y = f + e * (np.arange(found.height) + 0.5)
    there = ~np.isnan(found.cells[0, :, 0])
    assert np.abs(found.cells[0, there, 0] - y[there]).max() < 2.8 / 2 + 0.05


def test_a_conic_projection(tmp_path: Path) -> None:
    """Lambert conformal conic in metres, as regional models have it: the cells stay where they are, the CRS is the one that is named."""
    mapping: dict[str, Any] = {
        "grid_mapping_name": "lambert_conformal_conic", "latitude_of_projection_origin": 50.0,
        "longitude_of_central_meridian": 8.0, "standard_parallel": 50.0, "false_easting": 0.0, "false_northing": 0.0,
        "earth_radius": 6371229.0,
    }  # fmt: skip
    x, y = 2000.0 * np.arange(5) - 4000, 2000.0 * np.arange(4) + 1000
    path = write(
        tmp_path / "a.nc",
        {
            "lcc": Variable((), np.array(0, "int32"), mapping),
            "x": Variable(("x",), x, {"standard_name": "projection_x_coordinate", "units": "m"}),
            "y": Variable(("y",), y, {"standard_name": "projection_y_coordinate", "units": "m"}),
            "t": Variable(
                ("y", "x"),
                np.arange(20, dtype="float32").reshape(4, 5),
                {"units": "K", "grid_mapping": "lcc"},
            ),
        },
    )
    found = layers(path)["t"]
    assert found.note is None
    a, _, c, _, e, f = found.transform
    assert (a, c, abs(e)) == (2000.0, -5000.0, 2000.0)
    # The cell of the file's first row and first column lies at (-4000, 1000).
    row = round((1000 - f) / e - 0.5)
    assert found.cells[0, row, 0] == 0
    moved = Transformer.from_crs(CRS.from_json(found.crs.projjson), "EPSG:4326", always_xy=True)
    wanted = Transformer.from_crs(
        "+proj=lcc +lat_0=50 +lat_1=50 +lon_0=8 +R=6371229", "+proj=longlat +R=6371229", always_xy=True
    )
    assert moved.transform(-4000, 1000)[0] == pytest.approx(wanted.transform(-4000, 1000)[0], abs=1e-6)
    assert describe(path).layers[0].extent == pytest.approx((7.93, 50.0, 8.07, 50.07), abs=0.2)


def test_coordinates_alone_are_explained(real_data: Path) -> None:
    with pytest.raises(SourceError, match="holds the coordinates of 49 cells and no variable over them"):
        layers(real_data / "climate/test_storm_europe_icon_grid.nc")


def test_a_variable_without_a_grid_is_told(tmp_path: Path) -> None:
    """A table of two axes that are no place is no layer beside one that is."""
    path = rotated(tmp_path / "a.nc", flat=True)
    assert list(layers(path)) == ["tasmax"]
