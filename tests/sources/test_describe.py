"""What a file is: every real file gets a description or one clear error."""

from __future__ import annotations

import zipfile
from pathlib import Path

import geopandas
import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import LdtError, NotFound, RecipeError, SourceError
from ldt.sources import READERS, describe, read
from ldt.sources.batches import column_names, declare
from ldt.sources.judge import judge


def test_every_real_file_gets_an_answer(real_data: Path) -> None:
    described, refused = {}, {}
    files = sorted(p for p in real_data.rglob("*") if p.is_file())
    for path in files:
        name = path.relative_to(real_data).as_posix()
        try:
            described[name] = describe(path)
        except LdtError as e:
            refused[name] = str(e)
    assert len(described) + len(refused) == len(files) > 200
    assert all(Path(name).name in said and "\n" not in said for name, said in refused.items())
    for side in (".prj", ".dbf", ".shx"):
        assert "give Stadtbezirk.shp" in refused[f"cologne/geo/Stadtbezirk{side}"]
    readers = {name: d.reader for name, d in described.items()}
    assert readers["cologne/geo/cityboundary.geojson"] == "vector"
    assert readers["cologne/uba/201401_DENW053_NO2_1SMW.json"] == "json"
    assert readers["inspire/hamburg/ProtectedSite.gml"] == "gml"
    assert readers["airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"] == "table"
    assert (
        readers["landcover/clc_granada/clc.tif"]
        == readers["eea/hrl/IMD_2018_100m_eu_03035_v1_0.zip"]
        == "raster"
    )
    assert readers["climate/era5_2t_1.nc"] == readers["climate/fp_lothar_crop-test.nc"] == "cube"
    assert set(readers.values()) == {"vector", "gml", "table", "json", "raster", "cube"}
    # Only formats of another stage, metadata, service documents and what is broken are refused.
    kinds = {Path(name).suffix for name in refused}
    assert not kinds & {".csv", ".gpkg", ".geojson", ".shp", ".tif"}


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("inspire/brgm_toolbox/AQD_UBA_Sample_50.xml", "with axes swapped they lie in it"),
        ("inspire/nl_kadaster/wfs-rsp-roadlink.xml", "does not tell the order"),
        ("inspire/gb_os/hydro_inspire.gml", "outside the area of use"),
        ("climate/nl_rails/nl_rails.gpkg", "no CRS is declared"),
    ],
)
def test_files_that_lie_are_told(real_data: Path, name: str, problem: str) -> None:
    (layer,) = [layer for layer in describe(real_data / name).layers if layer.problems][:1]
    assert problem in " ".join(layer.problems)


def test_extent_of_cologne(real_data: Path) -> None:
    """The .prj with its false easting, judged: 6.77 to 7.16 E, 50.83 to 51.09 N (Stadt Koeln)."""
    (layer,) = describe(real_data / "cologne/geo/Stadtbezirk.shp").layers
    assert layer.extent == pytest.approx((6.77, 50.83, 7.16, 51.09), abs=0.01)
    assert (layer.count, layer.geometry_types, layer.problems) == (9, ["Polygon"], [])


@pytest.mark.parametrize(
    ("crs", "order", "bounds", "extent", "problems"),
    [
        ("EPSG:4258", AxisOrder.YX, (50.8, 6.7, 51.1, 7.2), (6.7, 50.8, 7.2, 51.1), 0),
        ("EPSG:4258", AxisOrder.YX, (6.7, 50.8, 7.2, 51.1), (6.7, 50.8, 7.2, 51.1), 1),
        ("EPSG:4258", AxisOrder.UNKNOWN, (6.7, 50.8, 7.2, 51.1), (6.7, 50.8, 7.2, 51.1), 2),
        ("EPSG:4326", AxisOrder.XY, (6.7, 50.8, 7.2, 51.1), (6.7, 50.8, 7.2, 51.1), 0),
        ("EPSG:4326", AxisOrder.XY, (50.8, 6.7, 51.1, 7.2), (6.7, 50.8, 7.2, 51.1), 1),
        # Santiago is not in Europe, swapped or not: nothing is wrong with it.
        ("EPSG:4326", AxisOrder.XY, (-70.8, -33.6, -70.5, -33.3), (-70.8, -33.6, -70.5, -33.3), 0),
        ("EPSG:4326", AxisOrder.XY, (356000, 5640000, 357000, 5650000), None, 1),
        ("EPSG:25832", AxisOrder.XY, (6.7, 50.8, 7.2, 51.1), None, 1),
    ],
)
def test_judge(
    crs: str, order: AxisOrder, bounds: tuple[float, ...], extent: tuple[float, ...] | None, problems: int
) -> None:
    got, said = judge(declare(crs, crs, order), bounds)
    assert len(said) == problems, said
    if extent is not None:
        assert got == pytest.approx(extent, abs=1e-6)


def test_judge_without_crs_or_data() -> None:
    assert judge(None, (0, 0, 1, 1)) == (None, ["no CRS is declared: the recipe must state `source.crs`"])
    assert judge(declare("EPSG:4326", "x", AxisOrder.XY), None) == (None, [])
    assert judge(declare("EPSG:4326", "x", AxisOrder.XY), (float("nan"),) * 4) == (None, [])


def test_archive_of_several_kinds(tmp_path: Path) -> None:
    geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(7, 51)], crs=4326).to_file(tmp_path / "a.gpkg")
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.write(tmp_path / "a.gpkg", "in/a.gpkg")
        archive.writestr("in/note.csv", "a,b\n1,2\n")
        archive.writestr("in/picture.tif", b"II*\0")
    told = describe(tmp_path / "a.zip")
    assert (told.reader, [layer.name for layer in told.layers]) == ("vector", ["a.gpkg: a"])
    assert any("note.csv" in p and "'table'" in p for p in told.problems)
    assert any("picture.tif" in p and "GDAL cannot read it" in p for p in told.problems)


def test_nothing_readable(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("picture.tif", b"II*\0")
        archive.writestr("other.pdf", b"%PDF")
    with pytest.raises(SourceError, match=r"nothing in it can be read.*and 1 more"):
        describe(tmp_path / "a.zip")
    with pytest.raises(NotFound):
        describe(tmp_path / "no")


def test_unknown_reader(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="there are: vector, gml, table, json, parquet"):
        list(read("excel", tmp_path, {}))
    with pytest.raises(RecipeError, match="no reader 'raster'"):  # it gives cells, no records
        list(read("raster", tmp_path, {}))


def test_readers_are_those_that_recipes_name() -> None:
    from typing import get_args

    from ldt.harmonise.recipe import Source

    assert set(READERS) == set(get_args(Source.model_fields["reader"].annotation))


def test_column_names() -> None:
    given = ["a", "A", "", "geometry", "_row", " b ", "a_", "raw", "KüRZEL"]
    assert column_names(given) == ["a", "A_", "column_3", "geometry_", "_row_", "b", "a__", "raw_", "KüRZEL"]
    assert len({n.lower() for n in column_names(given)}) == len(given)
