"""Which recipes `ldt inspect` names where the things lie nowhere, and what it says of the tables beside them."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import geopandas
import pytest
import shapely

from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest, make_twin
from ldt.pipeline.inspect import inspect


def _site(path: Path, srs: str, corners: str) -> Path:
    path.write_text(
        f"""<PS:ProtectedSite xmlns:PS="http://inspire.ec.europa.eu/schemas/ps/4.0" xmlns:gml="http://www.opengis.net/gml/3.2"
 xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3" gml:id="PS.1"><PS:geometry><gml:Polygon gml:id="g" srsName="{srs}"><gml:exterior>
<gml:LinearRing><gml:posList>{corners}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></PS:geometry>
<PS:inspireID><base:Identifier><base:localId>1</base:localId><base:namespace>NO.PS</base:namespace></base:Identifier></PS:inspireID>
<PS:siteProtectionClassification>natureConservation</PS:siteProtectionClassification></PS:ProtectedSite>""",
        encoding="utf-8",
    )
    return path


@pytest.mark.parametrize(
    ("srs", "placed"),
    [
        ("urn:ogc:def:crs:EPSG::4258", True),
        # The code of the datum in the place of that of the CRS: as a CRS it is a grid of a city of Colombia.
        ("urn:ogc:def:crs:EPSG::6258", False),
    ],
)
def test_a_recipe_fits_what_it_looks_for_also_where_the_crs_is_wrong(
    tmp_path: Path, srs: str, placed: bool
) -> None:
    site = _site(tmp_path / "site.gml", srs, "59.9 10.7 59.9 10.8 60.0 10.8 60.0 10.7 59.9 10.7")
    [layer] = inspect(site)["layers"]
    assert layer["recipes"] == ["inspire/protected-sites", "inspire/any"]
    assert any("not possible" in p for p in layer["problems"]) is not placed


def test_tables_beside_layers_with_geometry_are_named(tmp_path: Path) -> None:
    """As in Natura 2000, whose sites have their habitats in a table beside them."""
    path = tmp_path / "natura.gpkg"
    frame = geopandas.GeoDataFrame(
        {"SITECODE": ["PL0001"]}, geometry=[shapely.box(20, 52, 20.1, 52.1)], crs=4326
    )
    frame.to_file(path, layer="NaturaSite_polygon")
    assert inspect(path)["problems"] == []
    with sqlite3.connect(path) as db:
        for name in ("HABITATS", "SPECIES", "layer_styles"):
            db.execute(f"CREATE TABLE {name} (SITECODE text)")
            db.execute(
                "INSERT INTO gpkg_contents (table_name, data_type, identifier) VALUES (?, 'attributes', ?)",
                (name, name),
            )
        db.executemany("INSERT INTO HABITATS VALUES (?)", [("PL0001",), ("PL0001",)])
        db.execute("INSERT INTO layer_styles VALUES ('x')")
    db.close()
    found = inspect(path)
    assert found["problems"] == [
        "tables without geometry, with their records: HABITATS (2); to read one, set the option `layer`"
    ]
    assert [layer["name"] for layer in found["layers"]] == ["NaturaSite_polygon"]


def test_an_entity_alone_is_one_record_with_its_place(tmp_path: Path, database_url: str) -> None:
    path = tmp_path / "flow.json"
    location = {"type": "GeoProperty", "value": {"type": "Point", "coordinates": [25.3, 54.7]}}
    entity = {
        "id": "urn:ngsi-ld:TrafficFlowObserved:1",
        "type": "TrafficFlowObserved",
        "location": location,
        "intensity": {"type": "Property", "value": 5},
    }
    path.write_text(json.dumps(entity), encoding="utf-8")
    [layer] = inspect(path)["layers"]
    assert (layer["count"], layer["extent"], layer["recipes"][-1]) == (
        1,
        [25.3, 54.7, 25.3, 54.7],
        "generic/records",
    )
    make_twin(database_url, "scratch")
    done = ingest(database_url, "scratch", load_recipe("generic/records"), [path])
    assert (done.tally.read, done.tally.accepted) == (1, 1)
    assert shapely.from_wkb(done.changes.extent).covers(shapely.Point(25.3, 54.7))
