"""The reader `cube`: NetCDF 3 and 4, and Zarr, against what stands in the files by other means."""

from __future__ import annotations

import json
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from ldt.errors import HostileSource, RecipeError, SourceError
from ldt.sources import describe, open_resources, read_raster
from ldt.sources.netcdf_classic import check_length
from ldt.sources.source import Raster


def opened(path: Path, **select: float) -> Raster:
    """A file's layers; their cells cannot be read any more."""
    with open_resources(path) as (resource,):
        (raster,) = read_raster("cube", resource, {"select": select})
        return raster


def whole(path: Path, name: str, **select: float) -> np.ndarray:
    """All cells of a layer, (step, row, column)."""
    with open_resources(path) as (resource,):
        for raster in read_raster("cube", resource, {"select": select}):
            (layer,) = [one for one in raster.layers if one.name == name]
            steps = len(layer.time.values) if layer.time else 1
            return np.stack([layer.read(s, 0, layer.height, 0, layer.width) for s in range(steps)])
    raise AssertionError


def netcdf3(path: Path, name: str, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    """The values of a variable without dimension of records, taken from the bytes: NetCDF classic, 64-bit offset (big endian)."""
    data = path.read_bytes()
    label = struct.pack(">I", len(name)) + name.encode().ljust(-(-len(name) // 4) * 4, b"\0")
    # A variable's entry: name, number of dimensions, their ids, attributes, type, size, begin. The name of a variable is
    # that after which so many dimensions follow; its begin is found by its size.
    kind = np.dtype(dtype)
    size = -(-int(np.prod(shape)) * kind.itemsize // 4) * 4
    start = data.index(label + struct.pack(">I", len(shape)))
    at = data.index(struct.pack(">I", size), start)
    (begin,) = struct.unpack(">Q", data[at + 4 : at + 12])
    return np.frombuffer(data, kind, int(np.prod(shape)), begin).reshape(shape)


def test_netcdf3_of_era5(real_data: Path) -> None:
    path = real_data / "climate/era5_2t_1.nc"
    np.testing.assert_array_equal(whole(path, "t2m"), netcdf3(path, "t2m", (1, 9, 18), ">i2"))
    (layer,) = opened(path).layers
    assert (layer.unit, layer.dtype, layer.nodata) == ("K", "int16", (-32767.0,))
    assert (layer.scale, layer.offset) == pytest.approx((0.00137827149108083, 265.9272436035123), rel=1e-15)
    # Middles at 0, 20, … east and 80, 60, … north.
    assert layer.transform == (20.0, 0.0, -10.0, 0.0, -20.0, 90.0)
    assert layer.time is not None
    assert (layer.time.values, layer.time.units) == ((1062108.0,), "hours since 1900-01-01 00:00:00.0")
    assert layer.crs is not None
    assert layer.crs.text == "longitude and latitude (CF), datum not named"


def test_an_axis_of_levels_has_to_be_chosen_from(real_data: Path) -> None:
    path = real_data / "climate/test4.nc"
    layers = {layer.name: layer for layer in opened(path).layers}
    assert layers["t"].problem == "has 2 values of level (500, 850): say which with the option `select`"
    wrong = opened(path, level=700.0).layers[0]
    assert wrong.problem == "has no level 700: the option `select` can name 500, 850"
    expected = netcdf3(path, "t", (1, 2, 181, 360), ">i2")
    np.testing.assert_array_equal(whole(path, "t", level=500.0), expected[:, 0])
    np.testing.assert_array_equal(whole(path, "t", level=850.0), expected[:, 1])
    chosen = opened(path, level=850.0).layers[0]
    assert chosen.problem is None
    assert chosen.time is not None
    assert chosen.time.values == (937956.0,)


def test_netcdf4(real_data: Path) -> None:
    (layer, *_) = opened(real_data / "climate/fp_lothar_crop-test.nc").layers
    assert (layer.name, layer.unit, layer.height, layer.width) == ("max_wind_gust", "m s-1", 88, 113)
    # The readme of the file: 50.5 to 54 N, 3 to 7.5 E.
    told = describe(real_data / "climate/fp_lothar_crop-test.nc").layers[0]
    assert told.extent == pytest.approx((3.0, 50.5, 7.5, 54.0), abs=0.03)
    assert told.cells["time"]["units"] == "hours since 1999-12-24 19:00:00"


def test_a_rotated_pole_is_told_and_not_guessed(real_data: Path) -> None:
    layers = describe(real_data / "climate/storm_europe_cosmoe_forecast_vmax_testfile.nc").layers
    (gusts,) = [layer for layer in layers if layer.name == "VMAX_10M"]
    assert "21 values of epsd_1" in gusts.problems[0]


def zarr(path: Path, **changes: object) -> Path:
    """A Zarr of five days over 3 x 4 cells of a kilometre, y ascending."""
    values = np.arange(60, dtype="float32").reshape(5, 3, 4)
    crs = {"crs_wkt": __import__("pyproj").CRS("EPSG:3035").to_wkt()}
    made = xr.Dataset(
        {"tas": (("time", "y", "x"), values, {"units": "K", "grid_mapping": "crs"}), "crs": ((), 0, crs)},
        coords={
            "time": ("time", np.arange(5), {"units": "days since 2020-01-01"}),
            "y": ("y", [3210500.0, 3211500.0, 3212500.0], {"standard_name": "projection_y_coordinate"}),
            "x": ("x", 4321500.0 + 1000 * np.arange(4), {"axis": "X"}),
        },
    ).assign_coords(changes)
    made.to_zarr(path, zarr_format=3, consolidated=False)
    return path


def test_zarr(tmp_path: Path) -> None:
    path = zarr(tmp_path / "a.zarr")
    np.testing.assert_array_equal(whole(path, "tas"), np.arange(60).reshape(5, 3, 4))
    (layer,) = opened(path).layers
    # As it stands in the file, from south to north: 3210500 - 500.
    assert layer.transform == (1000.0, 0.0, 4321000.0, 0.0, 1000.0, 3210000.0)
    assert layer.crs is not None
    assert "LAEA Europe" in layer.crs.text
    assert (layer.unit, layer.time and layer.time.units) == ("K", "days since 2020-01-01")
    told = describe(path)
    assert (told.format, told.reader, told.layers[0].problems) == ("Zarr", "cube", [])


def test_zarr_among_other_files(tmp_path: Path) -> None:
    zarr(tmp_path / "a.zarr")
    zarr(tmp_path / "b.zarr")
    with open_resources(tmp_path, suffixes=(".nc", ".zarr")) as found:
        assert [r.name for r in found] == ["a.zarr", "b.zarr"]
        assert found[0].digest == found[1].digest
    with open_resources(tmp_path) as everything:
        assert [r.name for r in everything] == ["a.zarr", "b.zarr"]
    with open_resources(tmp_path, suffixes=(".nc", ".zarr")) as found:
        assert all(".zarr" in s.as_posix() for s in found[0].sides)


def test_an_irregular_grid_has_no_transformation(tmp_path: Path) -> None:
    path = zarr(tmp_path / "a.zarr", y=("y", [3210500.0, 3211500.0, 3214500.0], {"axis": "Y"}))
    assert opened(path).layers[0].transform is None
    assert describe(path).layers[0].problems == ["its cells do not lie on a regular grid"]


def test_damaged_zarr(tmp_path: Path) -> None:
    path = zarr(tmp_path / "a.zarr")
    chunk = next(p for p in (path / "tas").rglob("*") if p.is_file() and p.name != "zarr.json")
    chunk.write_bytes(b"nothing")
    with pytest.raises(SourceError, match=r"a\.zarr: variable 'tas'"):
        whole(path, "tas")
    (path / "zarr.json").write_text("{")
    with pytest.raises(SourceError, match=r"a\.zarr: is no Zarr"):
        opened(path)


def test_a_zarr_of_one_enormous_chunk(tmp_path: Path) -> None:
    path = zarr(tmp_path / "a.zarr")
    place = path / "tas" / "zarr.json"
    meta = json.loads(place.read_text())
    meta["shape"] = meta["chunk_grid"]["configuration"]["chunk_shape"] = [5, 30_000, 40_000]
    place.write_text(json.dumps(meta))
    for axis, length in (("y", 30_000), ("x", 40_000)):
        shutil.rmtree(path / axis)
        xr.Dataset(coords={axis: (axis, np.arange(float(length)))}).to_zarr(
            path, mode="a", consolidated=False
        )
    with pytest.raises(HostileSource, match="blocks of 24,000,000,000 bytes"):
        opened(path)


@pytest.mark.parametrize("lost", [2, 30])
def test_the_length_of_a_netcdf_classic_file(real_data: Path, tmp_path: Path, lost: int) -> None:
    """Whole, and without its last bytes."""
    for name in ("era5_2t_1.nc", "test4.nc"):
        data = (real_data / "climate" / name).read_bytes()
        check_length(real_data / "climate" / name)
        (tmp_path / name).write_bytes(data[: len(data) - lost])
        with pytest.raises(SourceError, match="truncated"):
            check_length(tmp_path / name)


def test_the_length_of_a_netcdf_classic_file_of_records(tmp_path: Path) -> None:
    """By hand: an unlimited axis with 3 records, `a` of 1 short, padded, and `b` of 1 double each, CDF-1."""

    def text(name: str) -> bytes:
        return struct.pack(">I", len(name)) + name.encode().ljust(4, b"\0")

    none = struct.pack(">II", 0, 0)
    dimensions = (
        struct.pack(">II", 10, 2) + text("t") + struct.pack(">I", 0) + text("x") + struct.pack(">I", 1)
    )
    start = 8 + 32 + 8 + 8 + 40 + 36
    a = text("a") + struct.pack(">III", 2, 0, 1) + none + struct.pack(">III", 3, 4, start)
    b = text("b") + struct.pack(">II", 1, 0) + none + struct.pack(">III", 6, 8, start + 4)
    header = b"CDF\1" + struct.pack(">I", 3) + dimensions + none + struct.pack(">II", 11, 2) + a + b
    assert len(header) == start
    path = tmp_path / "a.nc"
    path.write_bytes(header + bytes(3 * 12))
    check_length(path)
    path.write_bytes(header + bytes(3 * 12 - 1))
    with pytest.raises(SourceError, match=f"truncated: {start + 35} bytes of the {start + 36}"):
        check_length(path)


@pytest.mark.parametrize("name", ["era5_2t_1.nc", "fp_lothar_crop-test.nc"])
@pytest.mark.parametrize("part", [0.01, 0.5, 0.9])
def test_truncated_netcdf(real_data: Path, tmp_path: Path, name: str, part: float) -> None:
    path = tmp_path / name
    data = (real_data / "climate" / name).read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    variable = {"era5_2t_1.nc": "t2m", "fp_lothar_crop-test.nc": "max_wind_gust"}[name]
    with pytest.raises(SourceError, match=name):
        whole(path, variable)


def test_options(real_data: Path) -> None:
    with (
        open_resources(real_data / "climate/test4.nc") as (resource,),
        pytest.raises(RecipeError, match="select"),
    ):
        next(read_raster("cube", resource, {"level": 500}))


def test_steps_that_are_read_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is asked for, and in which order: groups of steps end where the axis ends."""
    monkeypatch.setattr("ldt.sources.raster._GROUP_CELLS", 24)  # two steps of 3 x 4 cells
    expected = np.arange(60).reshape(5, 3, 4)
    with open_resources(zarr(tmp_path / "a.zarr")) as (resource,):
        for raster in read_raster("cube", resource, {}):
            (layer,) = raster.layers
            for step in (4, 0, 1, 3, 2, 4):
                np.testing.assert_array_equal(layer.read(step, 0, 3, 0, 4), expected[step])
                np.testing.assert_array_equal(layer.read(step, 1, 2, 2, 4), expected[step, 1:2, 2:4])
