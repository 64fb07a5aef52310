"""Geometries that stand as text in columns of tables and JSON, against what PostGIS, GDAL and open-data portals write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import RecipeError
from ldt.sources import read
from ldt.sources.geotext import is_geometry, read_texts
from ldt.sources.judged import judged_options
from ldt.sources.points import is_easting, is_northing

#: Text → (WKT of it, code in the declaration, order). The hexadecimal ones are what PostGIS answers to
#: `SELECT ST_MakePoint(7,51)`, `ST_SetSRID(ST_MakePoint(7,51),4326)` and `ST_AsEWKT` of the latter.
TEXTS = [
    ("POINT (7 51)", "POINT (7 51)", None, None),
    ("point(7 51)", "POINT (7 51)", None, None),
    (" MultiPolygon Z (((0 0 1,1 0 1,1 1 1,0 0 1)))", "MULTIPOLYGON Z (((0 0 1, 1 0 1, 1 1 1, 0 0 1)))", None, None),
    ("SRID=4326;POINT(7 51)", "POINT (7 51)", "4326", AxisOrder.XY),
    ("SRID=25832;LINESTRING(0 0,1 1)", "LINESTRING (0 0, 1 1)", "25832", AxisOrder.XY),
    ("<http://www.opengis.net/def/crs/EPSG/0/4258> POINT(51 7)", "POINT (51 7)", "4258", AxisOrder.YX),
    ("<http://www.opengis.net/def/crs/OGC/1.3/CRS84> POINT(7 51)", "POINT (7 51)", "CRS84", AxisOrder.XY),
    ("01010000000000000000001C400000000000804940", "POINT (7 51)", None, None),
    ("0101000020E61000000000000000001C400000000000804940", "POINT (7 51)", "4326", AxisOrder.XY),
    ('{"type": "Point", "coordinates": [7, 51]}', "POINT (7 51)", "RFC 7946", AxisOrder.XY),
    ('{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[7,51]}}', "POINT (7 51)", "RFC 7946", AxisOrder.XY),
    ("51.5, 7.25", "POINT (51.5 7.25)", "latitude first", AxisOrder.YX),
    ("(51.5, 7.25)", "POINT (51.5 7.25)", "latitude first", AxisOrder.YX),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wkt", "said", "order"), TEXTS)
def test_each_form_is_read(text: str, wkt: str, said: str | None, order: AxisOrder | None) -> None:
    (geometry,), (crs,) = read_texts([text])
    assert geometry.wkt == wkt
    assert (crs.order if crs else None, said is None or said in (crs.text if crs else "")) == (order, True)
    assert is_geometry(text)


@pytest.mark.parametrize(
    "text", ["POINT (7", "point of sale", "51,5", "2023-01-01", "0101", "{}", '{"type":"Point"}', "95.5, 7.2", "Polygon (", "12.5, 190.5"]
)  # fmt: skip
def test_what_is_no_geometry_is_none(text: str) -> None:
    assert not is_geometry(text)
    (geometry,), (crs,) = read_texts([text])
    assert (geometry, crs) == (None, None)


def test_a_default_is_for_those_that_do_not_say_theirs() -> None:
    from ldt.sources.batches import declare

    default = declare("EPSG:25832", "EPSG:25832", AxisOrder.XY)
    _, found = read_texts(["POINT (1 2)", "SRID=3035;POINT(1 2)", None], default)
    assert found[0] is default
    assert found[1] is not None
    assert "3035" in found[1].text


def batches(reader: str, path: Path, **options: Any) -> list[tuple[str | None, list[dict[str, Any]]]]:
    return [(b.crs.text if b.crs else None, b.records.to_pylist()) for b in read(reader, path, options)]


def test_a_column_of_a_table_whose_rows_have_several_crs(tmp_path: Path) -> None:
    path = tmp_path / "b.csv"
    path.write_text(
        "id,geom\n1,SRID=4326;POINT(7 51)\n2,SRID=25832;POINT(350000 5650000)\n3,\n4,nonsense\n5,SRID=4326;POINT(8 51)\n"
    )
    first, second = batches("table", path, geometry="geom")
    assert (first[0], [r["id"] for r in first[1]]) == ("SRID=4326", ["1", "3", "4", "5"])
    assert (second[0], [r["id"] for r in second[1]]) == ("SRID=25832", ["2"])
    assert [shapely.from_wkb(r["geometry"]).wkt if r["geometry"] else None for r in first[1]] == [
        "POINT (7 51)", None, None, "POINT (8 51)",
    ]  # fmt: skip
    bad = first[1][2]
    assert bad["_malformed"] == "geom: 'nonsense' is no geometry"
    assert orjson.loads(bad["raw"])["id"] == "4"
    assert [r["_malformed"] for r in first[1] if r is not bad] == [None] * 3


def test_a_column_that_is_called_geometry_and_one_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("id,geometry\n1,POINT(7 51)\n")
    ((crs, (row,)),) = batches("table", path, geometry="geometry", crs="EPSG:4326")
    assert (crs, row["geometry_"], shapely.from_wkb(row["geometry"]).wkt) == (
        "EPSG:4326", "POINT(7 51)", "POINT (7 51)",
    )  # fmt: skip
    with pytest.raises(RecipeError, match="no column 'wkt'"):
        batches("table", path, geometry="wkt")
    with pytest.raises(RecipeError, match="stands alone"):
        batches("table", path, geometry="geometry", x="id", y="id")


PORTALS = {
    "ods": ("Geo Point;Geo Shape;n\n48.85, 2.35;\"{\"\"type\"\": \"\"Point\"\", \"\"coordinates\"\": [2.35, 48.85]}\";1\n", "Geo Shape"),
    "points": ("n;geo_point_2d\n1;48.85, 2.35\n2;48.9, 2.3\n", "geo_point_2d"),
    "carto": ("the_geom,name\n0101000020E61000000000000000001C400000000000804940,a\n", "the_geom"),
    "wkt": ("WKT,id\n\"POLYGON ((0 0,1 0,1 1,0 0))\",1\n,2\n", "WKT"),
    "tabs": ("id\tshape\n1\tLINESTRING(0 0, 1 1)\n", "shape"),
    "words": ("id;place\n1;Point Nemo\n2;Polygon\n", None),
    "decimals": ("id;value\n1;48,85\n2;2,35\n", None),
}  # fmt: skip


@pytest.mark.parametrize("name", PORTALS)
def test_the_column_of_geometries_is_found(tmp_path: Path, name: str) -> None:
    text, column = PORTALS[name]
    (tmp_path / "a.csv").write_text(text)
    assert judged_options("table", tmp_path / "a.csv").get("geometry") == column


RECORDS = {
    # OpenAQ v2, `/measurements`
    "openaq": ({"results": [{"value": 1, "coordinates": {"latitude": 51.5, "longitude": 7.25}}]}, {"x": "coordinates.longitude", "y": "coordinates.latitude", "crs": "EPSG:4326"}),
    # sensor.community, `/airrohr/v1/`: numbers as texts, and an altitude beside them
    "luftdaten": ([{"id": 1, "location": {"latitude": "51.5", "longitude": "7.25", "altitude": "80"}}], {"x": "location.longitude", "y": "location.latitude", "crs": "EPSG:4326"}),
    # SensorThings Things with $expand=Locations
    "things": ({"value": [{"@iot.id": 1, "Locations": [{"location": {"type": "Point", "coordinates": [7.25, 51.5]}}]}]}, {"geometry": "Locations.0.location"}),
    "ngsi-ld": ([{"id": "urn:ngsi-ld:A:1", "type": "A", "location": {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [7.25, 51.5]}}}], {"model": "ngsi-ld", "geometry": "location"}),
    # Opendatasoft v1: latitude first
    "ods": ({"records": [{"fields": {"geo_point_2d": [51.5, 7.25]}}]}, None),
    "ods-2": ({"results": [{"n": 1, "geo_point_2d": {"lon": 7.25, "lat": 51.5}}, {"n": 2, "geo_point_2d": None}]}, {"x": "geo_point_2d.lon", "y": "geo_point_2d.lat", "crs": "EPSG:4326"}),
    "ods-list": ([{"geo_point_2d": [51.5, 7.25]}], {"x": "geo_point_2d.1", "y": "geo_point_2d.0", "crs": "EPSG:4326"}),
    "wkt": ([{"id": 1, "wkt": "POINT (7.25 51.5)"}], {"geometry": "wkt"}),
    "own columns": ([{"latitude": 51.5, "longitude": 7.25}], None),
    "nowhere": ([{"size": {"x": "a", "y": 2}}], None),
}  # fmt: skip


@pytest.mark.parametrize("name", RECORDS)
def test_the_place_in_json_records_is_found_and_read(tmp_path: Path, name: str) -> None:
    document, expected = RECORDS[name]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    options = judged_options("json", path)
    assert options == (expected or {})
    if expected:
        ((crs, rows),) = batches("json", path, **options)
        assert shapely.from_wkb(rows[0]["geometry"]).wkt == "POINT (7.25 51.5)"
        assert crs == expected.get("crs", None if name == "wkt" else "GeoJSON (RFC 7946)")


@pytest.mark.parametrize(
    ("easting", "northing"),
    [
        ("Längengrad", "Breitengrad"), ("geogr. Länge", "geogr. Breite"), ("LONGITUD", "LATITUD"), ("stop_lon", "stop_lat"), ("station_longitude_d", "station_latitude_d"),
        ("Rechtswert", "Hochwert"), ("Ostwert", "Nordwert"), ("X_LAMBERT93", "Y_LAMBERT93"), ("coord_x", "coord_y"), ("xcoord", "ycoord"), ("X", "Y"), ("E_LV95", "N_LV95"),
        ("UTM32_X", "UTM32_Y"), ("x_wgs84", "y_wgs84"), ("Koordinate X", "Koordinate Y"), ("Easting (m)", "Northing (m)"),
    ],
)  # fmt: skip
def test_names_of_coordinates(easting: str, northing: str) -> None:
    assert (is_easting(easting), is_northing(easting)) == (True, False)
    assert (is_easting(northing), is_northing(northing)) == (False, True)


@pytest.mark.parametrize(
    "name", ["Straßenlänge", "longitude_dms", "lat_source", "year", "exit", "name", "y_n_flag", "PM10", "nox", "type", "long name", "elevation"]
)  # fmt: skip
def test_names_of_other_things(name: str) -> None:
    assert not is_easting(name)
    assert not is_northing(name)
