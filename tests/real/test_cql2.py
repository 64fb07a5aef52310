"""CQL2's own predicates on its own data (OGC 21-065r2, Annex A): each layer ingested by the generic recipe, asked for over HTTP."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cql2
import pytest
from starlette.testclient import TestClient
from tests.pipeline.cityfiles import make_twin

from ldt.api.app import create_app
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import ingest

LAYERS = ("ne_110m_admin_0_countries", "ne_110m_populated_places_simple", "ne_110m_rivers_lake_centerlines")
#: The annex says 2; Chișinău, Chicago and Chengdu begin so (opengeospatial/ogcapi-features#1011).
ERRATA = {"ACCENTI(name) LIKE accenti('Ch%')": 3}


@pytest.fixture(scope="module")
def client(shared_database_url: str, real_data: Path) -> Iterator[TestClient]:
    make_twin(shared_database_url, "world")
    recipe = load_recipe("generic/features")
    for layer in LAYERS:
        ingest(
            shared_database_url,
            "world",
            recipe.with_options({"layer": layer}),
            [real_data / "cql2" / "ne110m4cql2.gpkg"],
        )
    with TestClient(create_app(shared_database_url)) as made:
        yield made


def _items(client: TestClient, layer: str, **query: Any) -> dict[str, Any]:
    response = client.get(f"/twins/world/collections/{layer}/items", params={"limit": 1000, **query})
    assert response.status_code == 200, response.text
    document: dict[str, Any] = response.json()
    assert document["numberReturned"] == len(document["features"]) == document["numberMatched"]
    return document


def test_layers_keep_their_names_and_types(client: TestClient) -> None:
    listed = [c["id"] for c in client.get("/twins/world/collections").json()["collections"]]
    assert set(LAYERS) <= set(listed)
    path = "/twins/world/collections/ne_110m_populated_places_simple/queryables"
    found = client.get(path).json()["properties"]
    assert found["boolean"]["type"] == "boolean"
    assert found["pop_other"]["type"] == "integer"
    assert found["name"]["type"] == "string"
    assert found["date"]["format"] == "date"
    assert found["start"]["format"] == found["end"]["format"] == "date-time"


@pytest.mark.conformance(
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/case-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/accent-insensitive-comparison",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions-plus",
    "http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/temporal-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/array-functions",
    "http://www.opengis.net/spec/cql2/1.0/conf/property-property",
    "http://www.opengis.net/spec/cql2/1.0/conf/arithmetic",
)
def test_every_predicate_of_the_file_in_text_and_json(client: TestClient, real_data: Path) -> None:
    vectors = json.loads((real_data / "cql2" / "vectors.json").read_text())
    assert len(vectors) == 139
    wrong = []
    for vector in vectors:
        text, expected = vector["filter"], ERRATA.get(vector["filter"], vector["expected"])
        # The JSON form is made by a parser that is not ours.
        form = json.dumps(cql2.parse_text(text).to_json())
        for query in ({"filter": text}, {"filter": form, "filter-lang": "cql2-json"}):
            found = _items(client, vector["collection"], **query)["numberMatched"]
            if found != expected:
                wrong.append((query, expected, found))
    assert not wrong


#: Of the tables of Annex A, what the file does not hold: (layer, predicates and the number of items of each).
FURTHER: dict[str, dict[str, int]] = {
    "ne_110m_admin_0_countries": {
        "NAME<='Luxembourg'": 94,
        "POP_EST=37589262": 1,
        "POP_EST<=37589262": 139,
        "S_INTERSECTS(geom,MULTILINESTRING((-180 -45, 0 -45), (0 45, 180 45)))": 14,
        "S_INTERSECTS(geom,MULTIPOLYGON(((-180 -90, -90 -90, -90 90, -180 90, -180 -90),"
        " (-120 -50, -100 -50, -100 -40, -120 -40, -120 -50)),((0 0, 10 0, 10 10, 0 10, 0 0))))": 15,
        "S_INTERSECTS(BBOX(0,40,10,50),geom)": 8,
        "S_INTERSECTS(BBOX(150,-90,-150,90),geom)": 10,
        "S_INTERSECTS(POINT(7.02 49.92),geom)": 1,
        "S_INTERSECTS(geom,LINESTRING(0 40,10 50))": 4,
        "S_DISJOINT(geom,LINESTRING(0 40,10 50))": 173,
        "S_TOUCHES(geom,POINT(6.242751092156993 49.90222565367873))": 2,
        "S_WITHIN(geom,BBOX(-180,-90,0,90))": 44,
        "S_WITHIN(BBOX(7,50,8,51),geom)": 1,
        "S_CONTAINS(geom,POINT(7.02 49.92))": 1,
    },
    "ne_110m_populated_places_simple": {
        "name IS NOT NULL": 243,
        "name IS NULL": 0,
        "name='København'": 1,
        "name>'København'": 136,
        "name<='København'": 107,
        "pop_other=1038288": 1,
        '"date" IS NOT NULL': 3,
        "\"date\"=DATE('2022-04-16')": 1,
        "\"date\"<>DATE('2022-04-16')": 2,
        "start<>TIMESTAMP('2022-04-16T10:13:19Z')": 2,
        "boolean=true": 2,
        "boolean=false": 1,
        "name LIKE 'B_r%'": 3,
        "pop_other>1038290-5%2": 122,
        "pop_other<=1038200+8*11": 121,
        "pop_other<>1038290-2^1": 242,
        "pop_other between 4000000/4 and (3*(900000+100000))": 75,
        "1038280+8=pop_other": 1,
        "'København' NOT LIKE 'K_benhavn'": 0,
        "name>nameascii": 13,
        "name<nameascii": 0,
        "start<end": 3,
        "start>=end": 0,
        "S_CONTAINS(BBOX(-180,-90,0,90),geom)": 74,
        "S_EQUALS(geom,POINT(6.1300028 49.6116604))": 1,
        "t_intersects(\"date\",date('2022-04-16'))": 1,
        "t_disjoint(\"date\",interval('2022-01-01','2022-12-31'))": 2,
        "t_after(start,interval('2022-01-01T00:00:00Z','2022-12-31T23:59:59Z'))": 0,
        "t_after(interval(start,end),interval('..','2022-04-16T10:13:19Z'))": 1,
        "t_before(interval(start,end),interval('2023-01-01T00:00:00Z','..'))": 2,
        "t_equals(interval(start,end),interval('2021-04-16T10:15:59Z','2022-04-16T10:16:06Z'))": 1,
        "t_intersects(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:09Z'))": 2,
        "T_DURING(interval(start,end),interval('2022-01-01T00:00:00Z','2022-12-31T23:59:59Z'))": 1,
        "T_FINISHES(interval(start,end),interval('2020-04-16T10:13:19Z','2022-04-16T10:16:06Z'))": 1,
        "T_FINISHEDBY(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:16:06Z'))": 1,
        "T_OVERLAPS(interval(start,end),interval('2022-04-16T10:13:19Z','2023-04-16T10:15:10Z'))": 1,
        "T_STARTS(interval(start,end),interval('2022-04-16T10:13:19Z','2022-04-16T10:15:10Z'))": 0,
        # A.3.6: combinations of stored predicates, with their truth values.
        "(NOT (name<>'København') AND pop_other<>1038288) OR (pop_other IS NULL and name<'København')"
        " or not (pop_other<>1038288 OR name<'København')": 1,
        "(NOT (pop_other IS NOT NULL) AND start IS NULL) OR (pop_other IS NOT NULL and pop_other>1038288)"
        " or not (start IS NULL OR pop_other>1038288)": 124,
        "(NOT (pop_other<1038288) AND start=TIMESTAMP('2022-04-16T10:13:19Z')) OR"
        " (start=TIMESTAMP('2022-04-16T10:13:19Z') and name<>'København')"
        " or not (start=TIMESTAMP('2022-04-16T10:13:19Z') OR name<>'København')": 2,
    },
    "ne_110m_rivers_lake_centerlines": {
        "S_DISJOINT(geom,BBOX(-180,-90,0,90))": 9,
        "S_WITHIN(geom,BBOX(-180,-90,0,90))": 4,
        "S_INTERSECTS(LINESTRING(-60 -90,-60 90),geom)": 2,
    },
}


@pytest.mark.conformance("http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2")
def test_further_predicates_of_the_annex(client: TestClient) -> None:
    wrong = {
        text: (expected, found)
        for layer, predicates in FURTHER.items()
        for text, expected in predicates.items()
        if (found := _items(client, layer, filter=text)["numberMatched"]) != expected
    }
    assert not wrong


def test_pages_of_a_filter_follow_each_other(client: TestClient) -> None:
    names: list[str] = []
    to: str | None = (
        "/twins/world/collections/ne_110m_populated_places_simple/items"
        "?limit=50&filter=pop_other>=1038288&sortby=-pop_other"
    )
    while to:
        page = client.get(to).json()
        names += [f["properties"]["name"] for f in page["features"]]
        to = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert len(names) == len(set(names)) == 123


def test_coordinates_in_another_crs(client: TestClient) -> None:
    """Luxembourg lies 3 km from 49.6 N, 6.1 E; in EPSG:4326 the latitude comes first, in EPSG:3035 the northing."""
    for crs, text in {
        "http://www.opengis.net/def/crs/EPSG/0/4326": "S_INTERSECTS(geom,BBOX(49.5,6.0,49.7,6.2))",
        "http://www.opengis.net/def/crs/EPSG/0/3035": "S_INTERSECTS(geom,BBOX(2930000,4030000,2960000,4050000))",
        "http://www.opengis.net/def/crs/EPSG/0/25832": "S_INTERSECTS(geom,BBOX(285000,5490000,300000,5505000))",
        "http://www.opengis.net/def/crs/OGC/1.3/CRS84": "S_INTERSECTS(geom,BBOX(6.0,49.5,6.2,49.7))",
    }.items():
        found = _items(client, "ne_110m_populated_places_simple", **{"filter": text, "filter-crs": crs})
        assert [f["properties"]["name"] for f in found["features"]] == ["Luxembourg"], crs


_LITERALS = {
    "string": "'foo'",
    "boolean": "true",
    "number": "3.14",
    "integer": "1",
    "date-time": "TIMESTAMP('2022-04-14T14:48:46Z')",
    "date": "DATE('2022-04-14')",
}


def _ids(client: TestClient, layer: str, text: str) -> set[str]:
    return {feature["id"] for feature in _items(client, layer, filter=text)["features"]}


@pytest.mark.conformance(
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
)
def test_the_abstract_tests_of_comparison_on_a_queryable_of_each_type(client: TestClient) -> None:
    """/conf/basic-cql2/comparison and is-null, /conf/property-property/comparison-…: value and property on either side."""
    layer = LAYERS[1]
    queryables = client.get(f"/twins/world/collections/{layer}/queryables").json()["properties"]
    every = _ids(client, layer, "true")
    assert _ids(client, layer, "false") == set()
    for name in ("name", "namealt", "pop_max", "date", "start", "boolean"):
        null, there = _ids(client, layer, f'"{name}" IS NULL'), _ids(client, layer, f'"{name}" is not null')
        assert (null & there, null | there) == (set(), every)
        about = queryables[name]
        value = _LITERALS[about.get("format", about["type"])]
        for one, other in (("=", "<>"), (">", "<="), ("<", ">=")):
            for left, right in ((f'"{name}"', value), (value, f'"{name}"')):
                found = [_ids(client, layer, f"{left} {op} {right}") for op in (one, other)]
                assert not found[0] & found[1], name
                assert found[0] | found[1] == there, name
        assert _ids(client, layer, f'"{name}" >= "{name}"') == there
        assert _ids(client, layer, f'"{name}" <> "{name}"') == set()


def test_coordinates_that_there_are_not_are_refused(client: TestClient) -> None:
    """/conf/basic-spatial-functions/s_intersects and its successors: POINT(90 180)."""
    for text in ("S_INTERSECTS(geom,POINT(90 180))", "S_DISJOINT(geom,MULTIPOINT(7.02 49.92, 90 180))"):
        answer = client.get(f"/twins/world/collections/{LAYERS[0]}/items", params={"filter": text})
        assert answer.status_code == 400
        assert "outside" in answer.json()["detail"]
