"""The reader `raster`: what stands in the file, and files that are damaged or made to do harm."""

from __future__ import annotations

import shutil
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine

from ldt.errors import HostileSource, RecipeError, SourceError
from ldt.settings import settings
from ldt.sources import describe, open_resources, read_raster
from ldt.sources.raster import gdal
from ldt.sources.source import Layer

CLC = "landcover/clc_granada/clc.tif"
IMD = "eea/hrl/IMD_2018_100m_eu_03035_v1_0.zip"


def write(path: Path, cells: np.ndarray, **profile: object) -> Path:
    """Write a GeoTIFF of one band."""
    height, width = cells.shape
    known = {"crs": "EPSG:25832", "transform": Affine(100.0, 0, 350000, 0, -100.0, 5650000), **profile}
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=1, dtype=cells.dtype, **known
    ) as file:
        file.write(cells, 1)
    return path


def only(path: Path) -> Layer:
    """The first layer of a file; its cells cannot be read any more."""
    with open_resources(path) as (resource,):
        (raster,) = read_raster("raster", resource, {})
        return raster.layers[0]


def everything(path: Path) -> np.ndarray:
    """All cells of the first layer of a file."""
    with open_resources(path) as (resource,):
        for raster in read_raster("raster", resource, {}):
            layer = raster.layers[0]
            return layer.read(0, 0, layer.height, 0, layer.width)
    raise AssertionError


def test_cells_are_those_of_the_file(real_data: Path) -> None:
    with (
        rasterio.open(real_data / CLC) as file,
        open_resources(real_data / CLC) as (resource,),
    ):
        expected = file.read(1)
        for raster in read_raster("raster", resource, {}):
            (layer,) = raster.layers
            assert (raster.name, raster.digest, layer.name) == ("clc.tif", resource.digest, "1")
            np.testing.assert_array_equal(layer.read(0, 0, 745, 0, 474), expected)
            np.testing.assert_array_equal(layer.read(0, 700, 745, 5, 8), expected[700:745, 5:8])
            assert (layer.dtype, layer.nodata) == ("uint32", (4294967295.0,))
            assert layer.transform == file.transform[:6]
            assert layer.crs is not None
            assert (layer.crs.text, layer.crs.order) == ("EPSG:3042", "xy")


def test_a_delivery_in_a_zip(real_data: Path) -> None:
    with open_resources(real_data / IMD, suffixes=(".tif",)) as (resource,):
        assert [p.suffix for p in resource.sides] == [".tfw"]
        for raster in read_raster("raster", resource, {}):
            cells = raster.layers[0].read(0, 0, 400, 0, 500)
    with rasterio.open(
        f"zip://{real_data / IMD}!IMD_2018_100m_eu_03035_v1_0/IMD_2018_100m_eu_03035_v1_0.tif"
    ) as file:
        np.testing.assert_array_equal(cells, file.read(1))
    told = describe(real_data / IMD)
    # What comes with it (colours, attribute table, metadata) is no data of its own.
    assert (told.reader, told.problems, len(told.layers)) == ("raster", [], 1)
    # Malta lies within 14.18 to 14.58 E and 35.78 to 36.09 N (CIA World Factbook: 35 50 N, 14 35 E).
    west, south, east, north = told.layers[0].extent or (0, 0, 0, 0)
    assert west < 14.18 < 14.58 < east
    assert south < 35.78 < 36.09 < north


def test_describe(real_data: Path) -> None:
    (layer,) = describe(real_data / CLC).layers
    assert layer.columns == {"1": "uint32, CODE_18"}
    assert layer.cells == {"width": 474, "height": 745, "nodata": [4294967295.0], "size": [25.0, -25.0]}
    # Lanjaron, 36.92 N 3.48 W, lies in it.
    west, south, east, north = layer.extent or (0, 0, 0, 0)
    assert west < -3.48 < east
    assert south < 36.92 < north
    assert layer.problems == []


def test_a_file_whose_crs_cannot_be(tmp_path: Path) -> None:
    swapped = write(
        tmp_path / "a.tif",
        np.zeros((3, 3), "uint8"),
        crs="EPSG:4326",
        transform=Affine(0.1, 0, 50.8, 0, -0.1, 7.2),
    )
    (layer,) = describe(swapped).layers
    assert "with axes swapped they lie in it" in layer.problems[0]
    nothing = write(tmp_path / "b.tif", np.zeros((3, 3), "uint8"), crs=None)
    assert "no CRS is declared" in describe(nothing).layers[0].problems[0]


def test_side_files_say_where_it_lies(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning):
        write(path, np.zeros((3, 4), "uint8"), crs=None, transform=Affine.identity())
    assert (only(path).transform, only(path).crs) == (None, None)
    (tmp_path / "plain.tfw").write_text("25.0\n0\n0\n-25.0\n453251.5\n4099626.5\n")
    (tmp_path / "plain.prj").write_text(rasterio.CRS.from_epsg(25830).to_wkt())
    layer = only(path)
    # A world file gives the middle of the first cell, a transformation its corner: 453251.5 - 12.5.
    assert layer.transform == (25.0, 0.0, 453239.0, 0.0, -25.0, 4099639.0)
    assert layer.crs is not None
    assert "zone 30N" in layer.crs.projjson
    (tmp_path / "plain.tfw").write_text("what is this")
    with pytest.raises(SourceError, match=r"plain\.tfw: is no world file"):
        only(path)


def test_ascii_grid(tmp_path: Path) -> None:
    path = tmp_path / "a.asc"
    path.write_text(
        "ncols 3\nnrows 2\nxllcorner 350000\nyllcorner 5640000\ncellsize 10\nNODATA_value -9999\n1 2 3\n4 -9999 6\n"
    )
    told = describe(path)
    assert (told.format, told.reader) == ("ESRI ASCII grid", "raster")
    assert only(path).transform == (10.0, 0.0, 350000.0, 0.0, -10.0, 5640020.0)
    with open_resources(path) as (resource,):
        for raster in read_raster("raster", resource, {}):
            np.testing.assert_array_equal(raster.layers[0].read(0, 0, 2, 0, 3), [[1, 2, 3], [4, -9999, 6]])


@pytest.mark.parametrize("size", [8, 200, 60_000, 131_000])
def test_truncated_files(real_data: Path, tmp_path: Path, size: int) -> None:
    path = tmp_path / "clc.tif"
    path.write_bytes((real_data / CLC).read_bytes()[:size])
    with pytest.raises(SourceError, match=r"clc\.tif") as caught:
        everything(path)
    assert str(tmp_path) not in str(caught.value)


def test_what_is_called_tif_and_is_none(tmp_path: Path) -> None:
    path = tmp_path / "clc.tif"
    path.write_text("a,b\n1,2\n")
    with pytest.raises(SourceError, match=r"clc\.tif: GDAL cannot read it"):
        only(path)


def test_a_virtual_raster_is_not_followed(real_data: Path, tmp_path: Path) -> None:
    """GDAL's VRT names other files, or addresses: whoever sends one would read what lies here."""
    path = tmp_path / "a.tif"
    path.write_text(
        f'<VRTDataset rasterXSize="2" rasterYSize="2"><VRTRasterBand dataType="Byte" band="1"><SimpleSource>'
        f"<SourceFilename>{real_data / CLC}</SourceFilename></SimpleSource></VRTRasterBand></VRTDataset>"
    )
    with pytest.raises(SourceError):
        only(path)
    # As overviews it would be opened with the file.
    write(tmp_path / "b.tif", np.zeros((300, 300), "uint8"), tiled=True)
    shutil.copy(path, tmp_path / "b.tif.ovr")
    with open_resources(tmp_path / "b.tif") as (resource,):
        for raster in read_raster("raster", resource, {}):
            assert raster.layers[0].read(0, 0, 300, 0, 300).max() == 0


def test_side_files_are_not_looked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.zeros((600, 600), "uint8"))
    write(tmp_path / "a.tif.ovr", np.zeros((300, 300), "uint8"))
    with rasterio.open(path) as file:
        assert file.overviews(1) == [2]
    with gdal(path, "GTiff") as file:
        assert file.overviews(1) == []


def test_a_bomb_of_one_block(tmp_path: Path) -> None:
    """One tile of 60,000 x 60,000 cells in a few bytes: they would be 3.6 GB at once."""
    path = tmp_path / "bomb.tif"
    entries = [
        (256, 4, 1, 60_000), (257, 4, 1, 60_000), (258, 3, 1, 8), (259, 3, 1, 32946), (262, 3, 1, 1), (277, 3, 1, 1),
        (322, 4, 1, 60_000), (323, 4, 1, 60_000), (324, 4, 1, 200), (325, 4, 1, 50),
    ]  # fmt: skip
    directory = (
        struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + bytes(4)
    )
    path.write_bytes(b"II*\0" + struct.pack("<I", 8) + directory.ljust(192, b"\0") + bytes(50))
    with pytest.raises(HostileSource, match=r"bomb\.tif: its cells come in blocks of 3,600,000,000 bytes"):
        only(path)


def test_no_more_cells_than_a_source_may_have_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.tif", np.zeros((1000, 1000), "uint8"), compress="deflate", tiled=True)
    monkeypatch.setenv("LDT_MAX_SOURCE_BYTES", "500000")
    settings.cache_clear()
    with open_resources(path) as (resource,):
        for raster in read_raster("raster", resource, {}):
            assert raster.layers[0].read(0, 0, 500, 0, 1000).size == 500_000
            with pytest.raises(HostileSource, match="1,000,000 cells"):
                raster.layers[0].read(0, 0, 1000, 0, 1000)
    monkeypatch.undo()
    settings.cache_clear()


def test_options(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tif", np.zeros((2, 2), "uint8"))
    with open_resources(path) as (resource,):
        with pytest.raises(RecipeError, match="it knows: member"):
            next(read_raster("raster", resource, {"layer": "x"}))
        with pytest.raises(RecipeError, match="there are: raster, cube"):
            next(read_raster("vector", resource, {}))


def test_a_folder_of_many(tmp_path: Path) -> None:
    for year in (2012, 2018):
        write(tmp_path / f"U{year}.tif", np.zeros((2, 2), "uint8"))
        (tmp_path / f"U{year}.txt").write_text("about it")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with open_resources(tmp_path, suffixes=(".tif",)) as found:
        assert [r.name for r in found] == ["U2012.tif", "U2018.tif"]
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for path in sorted(tmp_path.glob("U*")):
            archive.write(path, path.name)
    assert len(describe(tmp_path / "all.zip").layers) == 2
