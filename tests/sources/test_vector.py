"""Vector files, held against GDAL's own record reader (pyogrio.raw, geopandas) and the data folder's README."""

from __future__ import annotations

import json
import shutil
import sqlite3
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow as pa
import pyogrio
import pytest
import shapely
from pyproj import CRS, Transformer

from ldt.axis import AxisOrder
from ldt.errors import RecipeError, SourceError
from ldt.sources import describe
from ldt.sources.batches import BATCH_ROWS
from ldt.sources.source import Batch
from ldt.sources.vector import wkb_types

Batches = Callable[..., list[Batch]]


def geometries(batches: list[Batch]) -> Any:
    return np.concatenate([shapely.from_wkb(b.records.column("geometry").to_pylist()) for b in batches])


def frame(count: int = 3, crs: str | None = "EPSG:25832") -> geopandas.GeoDataFrame:
    points = [shapely.Point(356000 + i, 5645000) for i in range(count)]
    return geopandas.GeoDataFrame({"name": [f"Köln {i}" for i in range(count)]}, geometry=points, crs=crs)


@pytest.mark.parametrize("suffix", ["gpkg", "shp", "geojson", "fgb"])
@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:4258", "EPSG:3042", "EPSG:3035", "EPSG:25832"])
def test_x_comes_first_whatever_the_crs_says(tmp_path: Path, batches: Batches, suffix: str, crs: str) -> None:
    """GDAL's traditional order: written with longitude first by hand, it must come back so."""
    there = shapely.Point(7.0, 51.0) if CRS(crs).is_geographic else shapely.Point(700_000.0, 5_100_000.0)
    table = pa.table({"geom": pa.array([there.wkb]), "a": ["x"]})
    path = tmp_path / f"a.{suffix}"
    pyogrio.write_arrow(table, path, geometry_name="geom", geometry_type="Point", crs=crs)
    (batch,) = batches("vector", path)
    (point,) = geometries([batch])
    assert (point.x, point.y) == (there.x, there.y)
    assert batch.crs is not None
    assert batch.crs.order is AxisOrder.XY
    assert CRS.from_json(batch.crs.projjson).equals(CRS(crs), ignore_axis_order=True)


def test_rows_attributes_and_batches(tmp_path: Path, batches: Batches) -> None:
    frame(25_000).to_file(tmp_path / "a.gpkg")
    got = batches("vector", tmp_path / "a.gpkg")
    rows = [r for b in got for r in b.records.column("_row").to_pylist()]
    assert rows == list(range(25_000))
    assert [b.records.num_rows for b in got] == [BATCH_ROWS, 25_000 - BATCH_ROWS]
    assert got[1].records.column("name")[-1].as_py() == "Köln 24999"
    assert got[0].records.schema.names == ["_row", "name", "geometry", "_layer", "_file"]
    assert got[1].records.column("_layer")[0].as_py() == "a"


def test_layers(tmp_path: Path, batches: Batches) -> None:
    path = tmp_path / "a.gpkg"
    frame().to_file(path, layer="one")
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE layer_styles (id INTEGER PRIMARY KEY, styleQML TEXT)")
        db.execute(
            "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES ('layer_styles', 'attributes', 's')"
        )
    db.close()
    assert sum(b.records.num_rows for b in batches("vector", path)) == 3
    assert [layer.name for layer in describe(path).layers] == ["one"]
    frame(2).to_file(path, layer="two")
    with pytest.raises(SourceError, match=r"has 2 layers.*one of: one, two"):
        batches("vector", path)
    with pytest.raises(SourceError, match="has no layer 'three'"):
        batches("vector", path, layer="three")
    assert sum(b.records.num_rows for b in batches("vector", path, layer="two")) == 2


def test_no_layers(tmp_path: Path, batches: Batches) -> None:
    path = tmp_path / "a.gpkg"
    frame().to_file(path, layer="layer_styles")
    with pytest.raises(SourceError, match="has no layers"):
        batches("vector", path)
    with pytest.raises(SourceError, match="has no layers"):
        describe(path)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
@pytest.mark.parametrize("suffix", ["gpkg", "fgb"])
def test_undefined_crs_is_none(tmp_path: Path, batches: Batches, suffix: str) -> None:
    frame(crs=None).to_file(tmp_path / f"a.{suffix}")
    assert batches("vector", tmp_path / f"a.{suffix}")[0].crs is None
    assert "no CRS" in describe(tmp_path / f"a.{suffix}").layers[0].problems[0]


@pytest.mark.parametrize("number", [-1, 0, 99999])
def test_undefined_systems_of_a_geopackage(tmp_path: Path, batches: Batches, number: int) -> None:
    """GeoPackage 1.3, clause 1.1.2: srs_id -1 is undefined cartesian, 0 undefined geographic; 99999 is in no table."""
    path = tmp_path / "a.gpkg"
    frame().to_file(path)
    db = sqlite3.connect(path)
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f'DROP TRIGGER "{trigger}"')
    db.execute("UPDATE gpkg_geometry_columns SET srs_id = ?", (number,))
    db.execute("UPDATE gpkg_contents SET srs_id = ?", (number,))
    db.commit()
    db.close()
    assert batches("vector", path)[0].crs is None


def test_bare_geometry(tmp_path: Path, batches: Batches) -> None:
    ring = [[6.8, 50.9], [7.1, 50.9], [7.1, 51.0], [6.8, 50.9]]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    (batch,) = batches("vector", tmp_path / "a.geojson")
    assert geometries([batch])[0].bounds == (6.8, 50.9, 7.1, 51.0)
    told = describe(tmp_path / "a.geojson")
    assert told.layers[0].extent == pytest.approx((6.8, 50.9, 7.1, 51.0))


def test_null_mixed_and_no_geometry(tmp_path: Path, batches: Batches) -> None:
    features = [
        {"type": "Feature", "properties": {"a": 1, "geometry": "x"}, "geometry": None},
        {"type": "Feature", "properties": {"a": 2}, "geometry": {"type": "Point", "coordinates": [7, 51]}},
        {
            "type": "Feature",
            "properties": {"a": None},
            "geometry": {"type": "LineString", "coordinates": [[7, 51], [8, 51]]},
        },
    ]
    (tmp_path / "a.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (batch,) = batches("vector", tmp_path / "a.geojson")
    assert [g and g.geom_type for g in geometries([batch])] == [None, "Point", "LineString"]
    assert batch.records.column("geometry_").to_pylist() == ["x", None, None]
    assert batch.records.column("a").to_pylist() == [1, 2, None]


def test_curves_become_linear(tmp_path: Path, batches: Batches) -> None:
    """A full circle of radius 1 as CIRCULARSTRING; its area is pi, less what GDAL's 4 degree steps cut off."""
    circle = struct.pack("<BII10d", 1, 8, 5, 0, 0, 1, 1, 2, 0, 1, -1, 0, 0)
    curve_polygon = struct.pack("<BII", 1, 10, 1) + circle
    path = tmp_path / "a.gpkg"
    geopandas.GeoDataFrame(
        {"a": ["p", "c"]}, geometry=[shapely.box(0, 0, 1, 1)] * 2, crs="EPSG:25832"
    ).to_file(path)
    db = sqlite3.connect(path)
    for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
        db.execute(f'DROP TRIGGER "{trigger}"')
    blob = b"GP\0\x01" + struct.pack("<i", 25832) + curve_polygon
    db.execute("UPDATE a SET geom = ? WHERE a = 'c'", (blob,))
    db.execute("UPDATE gpkg_geometry_columns SET geometry_type_name = 'CURVEPOLYGON'")
    db.commit()
    db.close()
    square, circle_area = (g.area for g in geometries(batches("vector", path)))
    assert square == 1
    # 90 chords of 4 degrees: area 90/2 * sin(4 degrees) = 3.13904
    assert circle_area == pytest.approx(45 * np.sin(np.radians(4)), abs=1e-6)


def test_wkb_types() -> None:
    three_d = shapely.to_wkb(shapely.Point(1, 2, 3), flavor="iso")
    extended = shapely.to_wkb(shapely.LineString([(1, 2, 3), (4, 5, 6)]), flavor="extended")
    big = shapely.to_wkb(shapely.box(0, 0, 1, 1), byte_order=0)
    assert wkb_types(pa.array([three_d, extended, big, None])).tolist() == [1, 2, 3, 0]
    assert wkb_types(pa.array([], pa.binary())).tolist() == []


@pytest.mark.parametrize("suffix", ["shp", "gpkg", "geojson", "fgb"])
@pytest.mark.parametrize("part", [0.05, 0.4, 0.9])
def test_truncated_files(tmp_path: Path, batches: Batches, suffix: str, part: float) -> None:
    path = tmp_path / f"a.{suffix}"
    frame(500).to_file(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * part)])
    with pytest.raises(SourceError, match=rf"a\.{suffix}"):
        batches("vector", path)


@pytest.mark.parametrize("side", [".dbf", ".shx"])
def test_missing_or_truncated_side_file(tmp_path: Path, batches: Batches, side: str) -> None:
    frame(500).to_file(tmp_path / "a.shp")
    path = tmp_path / f"a{side}"
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(SourceError, match=rf"a\{side}: truncated"):
        batches("vector", tmp_path / "a.shp")
    path.unlink()
    with pytest.raises(SourceError, match=rf"lacks its \{side}"):
        batches("vector", tmp_path / "a.shp")


def test_missing_prj_is_no_crs(tmp_path: Path, batches: Batches) -> None:
    frame().to_file(tmp_path / "a.shp")
    (tmp_path / "a.prj").unlink()
    assert batches("vector", tmp_path / "a.shp")[0].crs is None


def test_wrong_encoding_is_told_and_repaired_by_the_option(tmp_path: Path, batches: Batches) -> None:
    frame().to_file(tmp_path / "a.shp", encoding="ISO-8859-1")
    (tmp_path / "a.cpg").write_text("UTF-8")
    with pytest.raises(SourceError, match=r"column 'name'.*encoding.*latin-1"):
        batches("vector", tmp_path / "a.shp")
    got = batches("vector", tmp_path / "a.shp", encoding="ISO-8859-1")
    assert got[0].records.column("name")[0].as_py() == "Köln 0"


def test_an_encoding_that_a_shapefile_does_not_state_is_judged_and_told(
    tmp_path: Path, batches: Batches
) -> None:
    path = tmp_path / "a.shp"
    frame().to_file(path, encoding="ISO-8859-1")
    (tmp_path / "a.cpg").unlink()
    table = bytearray((tmp_path / "a.dbf").read_bytes())
    table[29] = 0  # no language driver
    (tmp_path / "a.dbf").write_bytes(table)
    assert batches("vector", path)[0].records.column("name")[0].as_py() == "Köln 0"
    told = describe(path)
    assert told.encoding == "CP1252"
    assert "does not say how its texts are written" in told.problems[0]
    # The same file in UTF-8 needs no guess; what a file states, or the option says, holds.
    frame().to_file(tmp_path / "b.shp", encoding="UTF-8")
    (tmp_path / "b.cpg").unlink()
    assert describe(tmp_path / "b.shp").problems == []
    assert batches("vector", path, encoding="CP1250")[0].records.column("name")[0].as_py() == "Köln 0"
    table[29] = 0x64  # dBASE's CP852, where 0xF6 is the sign of division
    (tmp_path / "a.dbf").write_bytes(table)
    assert batches("vector", path)[0].records.column("name")[0].as_py() == "K÷ln 0"


def test_values_of_several_kinds_are_valid_json(tmp_path: Path, batches: Batches) -> None:
    """GDAL writes the texts among them as they are: `x` instead of `"x"`."""
    values = [1, "x", {"k": "ä"}, None, 'say "y"', [1, "z"]]
    point = {"type": "Point", "coordinates": [7, 51]}
    features = [{"type": "Feature", "properties": {"a": v}, "geometry": point} for v in values]
    path = tmp_path / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    (batch,) = batches("vector", path)
    got = batch.records.column("a").to_pylist()
    assert [v if v is None else json.loads(v) for v in got] == values


def test_relatives_of_geojson(tmp_path: Path, batches: Batches) -> None:
    point = {"type": "Feature", "properties": {"a": 1}, "geometry": {"type": "Point", "coordinates": [7, 51]}}
    field = {"name": "A", "type": "esriFieldTypeInteger"}
    written = {
        # RFC 8142: each text begins with a record separator.
        "sequence.json": "".join(f"\x1e{json.dumps(point)}\n" for _ in range(2)),
        "lines.json": "".join(f"{json.dumps(point)}\n" for _ in range(2)),
        "lines.geojson": "".join(f"{json.dumps(point)}\n" for _ in range(2)),
        # One arc from (7, 51) by deltas of a thousandth of a degree.
        "topology.json": json.dumps(
            {
                "type": "Topology",
                "transform": {"scale": [0.001, 0.001], "translate": [7, 51]},
                "objects": {"a": {"type": "GeometryCollection", "geometries": [{"type": "LineString", "arcs": [0]}] * 2}},
                "arcs": [[[0, 0], [10, 0]]],
            }
        ),
        "esri.json": json.dumps(
            {
                "geometryType": "esriGeometryPoint",
                "spatialReference": {"wkid": 4326},
                "fields": [field],
                "features": [{"attributes": {"A": 1}, "geometry": {"x": 7.0, "y": 51.0}}] * 2,
            }
        ),
    }  # fmt: skip
    for name, text in written.items():
        (tmp_path / name).write_text(text)
        told = describe(tmp_path / name)
        assert (told.reader, told.layers[0].count) == ("vector", 2), name
        first = geometries(batches("vector", tmp_path / name))[0]
        assert first.bounds[:2] == (7.0, 51.0), name


def test_not_vector_data(tmp_path: Path, batches: Batches) -> None:
    for name in ("a.shp", "a.gpkg", "a.geojson"):
        (tmp_path / name).write_text("hello")
    (tmp_path / "a.dbf").write_text("hello")
    (tmp_path / "a.shx").write_text("hello")
    for name in ("a.shp", "a.gpkg", "a.geojson"):
        with pytest.raises(SourceError):
            batches("vector", tmp_path / name)
    with pytest.raises(RecipeError, match="lyer"):
        batches("vector", tmp_path / "a.gpkg", lyer="x")


# Real files -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "options", "count"),
    [
        ("cologne/geo/Stadtbezirk.shp", {}, 9),
        ("cologne/geo/Stadtteil.shp", {}, 86),
        ("cologne/geo/Stadtviertel.shp", {}, 371),
        ("cologne/geo/cityboundary.geojson", {}, 1),
        ("cologne/landuse/fnp_aktuell.shp", {}, 2121),
        ("cologne/landuse/naturschutz.shp", {}, 19),
        ("landcover/clc_granada/clc.gpkg", {"layer": "clc"}, 136),
        ("landcover/clc_malta/clc2018_mt.gpkg.zip", {"layer": "clc18_mt"}, 148),
        ("landcover/urban_atlas/EE003L1_NARVA_UA2018.gdb.zip", {}, 2),
        ("admin/nuts/NUTS_RG_20M_2021_3035.shp.zip", {}, 2010),
        ("admin/nuts/NUTS_RG_20M_2021_3035.geojson", {}, 2010),
        ("climate/nl_rails/nl_rails.gpkg", {}, 500),
    ],
)
def test_real_counts(
    real_data: Path, batches: Batches, name: str, options: dict[str, Any], count: int
) -> None:
    assert sum(b.records.num_rows for b in batches("vector", real_data / name, **options)) == count


@pytest.mark.parametrize("name", ["cologne/geo/Stadtteil.shp", "cologne/landuse/naturschutz.shp"])
def test_real_geometry_and_attributes_against_geopandas(real_data: Path, batches: Batches, name: str) -> None:
    expected = geopandas.read_file(real_data / name)
    got = batches("vector", real_data / name)
    assert shapely.equals_exact(geometries(got), np.asarray(expected.geometry), 0).all()
    names = [c for c in expected.columns if c != "geometry"]
    assert [n for n in got[0].records.schema.names if n in names] == names
    for column in names:
        assert got[0].records.column(column).to_pylist() == [
            None if v is None or v != v else v for v in expected[column].tolist()
        ]


def test_cologne_lies_in_cologne(real_data: Path, batches: Batches) -> None:
    """The .prj says "UTM 32N" and a false easting of 2,500,000 m: as EPSG:32632 the city would be 2,000 km east."""
    (batch,) = batches("vector", real_data / "cologne/geo/Stadtbezirk.shp")
    assert batch.crs is not None
    crs = CRS.from_json(batch.crs.projjson)
    assert len(crs.axis_info) == 2
    assert crs != CRS("EPSG:32632")
    area = shapely.union_all(geometries([batch]))
    to_degrees = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitude, latitude = to_degrees.transform(area.centroid.x, area.centroid.y)
    # The city's centre lies at 50.94 N, 6.96 E; it covers 405 km2 (Stadt Koeln).
    assert (longitude, latitude) == pytest.approx((6.96, 50.95), abs=0.03)
    assert area.area == pytest.approx(405e6, rel=0.01)


def test_no_file_of_a_shapefile_is_forgotten(real_data: Path, tmp_path: Path, batches: Batches) -> None:
    for path in (real_data / "cologne/geo").glob("Stadtbezirk.*"):
        shutil.copy(path, tmp_path / path.name.upper())
    assert sum(b.records.num_rows for b in batches("vector", tmp_path / "STADTBEZIRK.SHP")) == 9
