"""OWSLib reads the twin: collections page by page, filtered and sorted; tables of records; data by place and time."""

from __future__ import annotations

from typing import Any

import pytest
from owslib.ogcapi.edr import EnvironmentalDataRetrieval
from owslib.ogcapi.features import Features
from owslib.ogcapi.records import Records
from tests.clients.conftest import City
from tests.clients.recorder import Recorder

UNITS = "land-cover-units"


@pytest.fixture(scope="module")
def features(city: City) -> Features:
    return Features(city.twin)


def test_its_description_and_classes(features: Features) -> None:
    assert features.api()["openapi"].startswith("3.0")
    declared = features.conformance()["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in declared


def test_every_collection_comes_whole(city: City, features: Features) -> None:
    found = set(features.feature_collections()) | {
        c["id"] for c in features.collections()["collections"] if c.get("itemType") == "record"
    }
    assert found == set(city.counts)
    for name, number in city.counts.items():
        page = features.collection_items(name, limit=10_000)
        seen = {f["id"] for f in page["features"]}
        # OWSLib does not follow links by itself: a person does, with the link's token.
        while token := _token(page):
            page = features.collection_items(name, limit=10_000, token=token)
            seen |= {f["id"] for f in page["features"]}
        assert len(seen) == number, name


def _token(page: dict[str, Any]) -> str | None:
    to = next((one["href"] for one in page["links"] if one["rel"] == "next"), "")
    return to.partition("token=")[2].partition("&")[0] or None


def test_a_box_a_condition_and_an_order(city: City, asked: Recorder, features: Features) -> None:
    page = features.collection_items(
        UNITS,
        bbox=[8.95, 51.25, 9.0, 51.3],
        filter="class LIKE '3%' AND area_source_ha > 10",
        sortby=("area_source_ha", "desc"),
        limit=1000,
    )
    assert asked.pages(UNITS)[-1]["filter"] == "class LIKE '3%' AND area_source_ha > 10"
    expected = city.rows(
        "SELECT properties->>'area_source_ha' FROM ldt.feature WHERE until IS NULL AND feature_type = 'land-cover-units'"
        " AND ST_Intersects(geom, ST_MakeEnvelope(8.95, 51.25, 9.0, 51.3, 4326)) AND properties->>'class' LIKE '3%'"
        " AND (properties->>'area_source_ha')::float > 10 ORDER BY (properties->>'area_source_ha')::float DESC"
    )
    assert [str(f["properties"]["area_source_ha"]) for f in page["features"]] == [a for (a,) in expected]
    assert expected


def test_one_item_and_what_can_be_asked_of_it(features: Features) -> None:
    first = features.collection_items("protected-sites", limit=1)["features"][0]
    one = features.collection_item("protected-sites", first["id"])
    assert (one["id"], one["geometry"]) == (first["id"], first["geometry"])
    queryables = features.collection_queryables("protected-sites")["properties"]
    assert {"name", "geometry"} <= set(queryables)
    assert set(first["properties"]) <= set(features.collection_schema("protected-sites")["properties"])


def test_another_crs_and_its_order_of_axes(features: Features) -> None:
    """EPSG:3035 is northing, easting: in Europe the first number is then the smaller (some 3.1 and 4.2 million metres)."""
    page = features.collection_items(
        "protected-sites", crs="http://www.opengis.net/def/crs/EPSG/0/3035", limit=1
    )
    assert features.response_headers["Content-Crs"] == "<http://www.opengis.net/def/crs/EPSG/0/3035>"
    northing, easting = page["features"][0]["geometry"]["coordinates"][0][0][0][:2]
    assert 3_100_000 < northing < 3_200_000
    assert 4_200_000 < easting < 4_300_000


def test_data_at_a_place(city: City) -> None:
    edr = EnvironmentalDataRetrieval(city.twin)
    names = edr.data()
    assert "coverage.sample-temperature" in names
    found = edr.query_data("coverage.sample-temperature", "position", coords="POINT(9.05 51.3)")
    assert found["type"] in ("Coverage", "CoverageCollection")
    assert found["parameters"]


def test_records(city: City) -> None:
    names = Records(city.twin).records()
    assert names == [n for n in city.counts if n == "datasets"]
