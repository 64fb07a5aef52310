"""GDAL reads the collections, as pyogrio carries it and as Debian's `ogr2ogr`: whole, paged, filtered, in another CRS."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyproj
import pytest
import shapely
from pyogrio import list_layers
from pyogrio.raw import read
from tests.clients.conftest import City
from tests.clients.recorder import Recorder

UNITS = "land-cover-units"
BOX = (8.95, 51.25, 9.0, 51.3)


def opened(
    city: City, layer: str, **options: Any
) -> tuple[dict[str, Any], list[shapely.Geometry], dict[str, Any]]:
    """Return what is known of a layer, its geometries, and its columns by name."""
    about, _, geometries, columns = read(f"OAPIF:{city.twin}", layer=layer, **options)
    return about, list(shapely.from_wkb(geometries)), dict(zip(about["fields"], columns, strict=True))


def test_every_collection_of_items_is_a_layer_and_comes_whole(city: City) -> None:
    layers = {str(name) for name, _ in list_layers(f"OAPIF:{city.twin}")}
    assert set(city.counts) <= layers
    for name, number in city.counts.items():
        # Fewer requests than the default page of 1,000 would take; small pages have a test of their own.
        _, geometries, columns = opened(city, name, PAGE_SIZE=10_000)
        assert len(geometries) == number, name
        assert len(set(columns["id"])) == number, name


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
def test_small_pages_make_the_same_layer(city: City, asked: Recorder) -> None:
    expected = city.counts[UNITS]
    _, geometries, columns = opened(city, UNITS, PAGE_SIZE=50)
    pages = [p for p in asked.pages(UNITS) if p["limit"] == "50"]
    assert len({p.get("token") for p in pages}) == -(-expected // 50) == 12
    assert len(set(columns["id"])) == len(geometries) == expected


def test_a_box_is_asked_of_the_service(city: City, asked: Recorder) -> None:
    _, geometries, _ = opened(city, UNITS, bbox=BOX)
    boxes = [p["bbox"] for p in asked.pages(UNITS) if "bbox" in p]
    assert boxes
    assert np.allclose([float(n) for n in boxes[0].split(",")], BOX)
    ((expected,),) = city.rows(
        "SELECT count(*) FROM ldt.feature WHERE until IS NULL AND feature_type = 'land-cover-units'"
        f" AND ST_Intersects(geom, ST_MakeEnvelope({','.join(map(str, BOX))}, 4326))"
    )
    assert 0 < len(geometries) == expected < city.counts[UNITS]
    assert all(shapely.intersects(g, shapely.box(*BOX)) for g in geometries)


@pytest.mark.parametrize(
    "where",
    [
        "class = '311'",
        "class LIKE '3%' AND reference_year = 2018",
        "class IN ('111', '112') OR area_source_ha > 100",
        "NOT class = '311'",
        "remark IS NULL",
    ],
)
def test_a_condition_gives_what_it_gives_in_the_database(city: City, where: str) -> None:
    """GDAL asks the service for what it knows to be taken, and sifts the rest itself: either way it is these."""
    sql = where
    for name in ("class", "reference_year", "area_source_ha", "remark"):
        cast = "::numeric" if name in ("reference_year", "area_source_ha") else ""
        sql = sql.replace(name, f"(properties->>'{name}'){cast}")
    expected = city.rows(
        "SELECT count(*) FROM ldt.feature WHERE until IS NULL AND feature_type = 'land-cover-units' AND ("
        + sql.replace("%", "%%")
        + ")"
    )
    _, geometries, _ = opened(city, UNITS, where=where, PAGE_SIZE=1000)
    assert [(len(geometries),)] == expected


# Axis order, by the registry that GDAL itself has no part in: EPSG's own order for 25832 is east, north; for 3035 and 4258 it is
# north, east (GDAL asks for CRS84 where EPSG:4326 is meant). GDAL turns coordinates as an authority orders them into x, y; if the service had another order, all would lie elsewhere.
@pytest.mark.parametrize("crs", ["EPSG:25832", "EPSG:3035", "EPSG:3857", "EPSG:4258"])
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs")
def test_another_crs(city: City, asked: Recorder, crs: str) -> None:
    about, geometries, columns = opened(city, "protected-sites", CRS=crs, PAGE_SIZE=1000)
    assert any(
        p.get("crs", "").endswith(crs.replace("EPSG:", "EPSG/0/")) for p in asked.pages("protected-sites")
    )
    assert pyproj.CRS(about["crs"]).equals(pyproj.CRS(crs), ignore_axis_order=True)
    turned = pyproj.Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform
    tolerance = 1e-6 if pyproj.CRS(crs).is_geographic else 0.1
    _, plain, names = opened(city, "protected-sites", PAGE_SIZE=1000)
    expected = dict(zip(names["id"], plain, strict=True))
    for identifier, found in zip(columns["id"], geometries, strict=True):
        there = shapely.transform(expected[identifier], turned, interleaved=False)
        assert found.bounds == pytest.approx(there.bounds, abs=tolerance)


# Debian's own GDAL, older than pyogrio's ----------------------------------------------------------------------


def ogr(*arguments: str) -> str:
    done = subprocess.run(["ogr2ogr", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert "ERROR" not in done.stderr, done.stderr
    return done.stdout


def test_ogr2ogr_copies_every_collection(city: City, tmp_path: Path) -> None:
    target = tmp_path / "city.gpkg"
    ogr("-f", "GPKG", str(target), f"OAPIF:{city.twin}", *city.counts, "-oo", "PAGE_SIZE=10000")
    for name, number in city.counts.items():
        _, _, geometries, _ = read(target, layer=name)
        assert len(geometries) == number, name


def test_ogr2ogr_filters_and_reprojects(city: City, asked: Recorder, tmp_path: Path) -> None:
    target = tmp_path / "units.geojson"
    box = [str(n) for n in BOX]
    ogr(
        "-f", "GeoJSON", str(target), f"OAPIF:{city.twin}", UNITS,
        "-where", "class = '311'", "-spat", *box, "-t_srs", "EPSG:25832", "-oo", "PAGE_SIZE=20",
    )  # fmt: skip
    found = json.loads(target.read_text("utf-8"))["features"]
    assert any("bbox" in p for p in asked.pages(UNITS))
    with psycopg.connect(city.url) as conn:
        expected = conn.execute(
            "SELECT count(*), ST_Extent(ST_Transform(geom, 25832)) FROM ldt.feature WHERE until IS NULL"
            " AND feature_type = %s AND properties->>'class' = '311' AND ST_Intersects(geom, ST_MakeEnvelope(%s, %s, %s, %s, 4326))",
            (UNITS, *BOX),
        ).fetchone()
    assert expected is not None
    assert 0 < len(found) == expected[0]
    extent = [float(n) for n in expected[1][4:-1].replace(",", " ").split()]
    bounds = shapely.union_all([shapely.from_geojson(json.dumps(f["geometry"])) for f in found]).bounds
    assert bounds == pytest.approx(extent, abs=0.1)
