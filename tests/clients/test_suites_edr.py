"""What `ets-ogcapi-edr10` checks: the twin's landing page is what it is pointed at.

Two of its expectations are not met on purpose (docs/edr.md): it wants an error for a bare `locations`, and values at a position from whatever
collection it happens to pick.
"""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from tests.clients.conftest import City
from tests.clients.suites import (
    BROWSER,
    CRS84,
    OPENAPI,
    Document,
    Suite,
    faults_of_openapi,
    of_rel,
    parameters,
)

_EDR = "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/"
pytestmark = pytest.mark.conformance(
    *(_EDR + name for name in ("core", "collections", "json", "geojson", "edr-geojson", "oas30", "queries"))
)


@pytest.fixture(scope="module")
def suite(city: City) -> Iterator[Suite]:
    with httpx.Client(timeout=60) as client:
        yield Suite(city.twin, client)  # as it is typed: paths are put after its slash


@pytest.fixture(scope="module")
def collections(suite: Suite) -> list[Document]:
    found: list[Document] = suite.document("/collections")["collections"]
    return found


def sampled(collections: list[Document], query: str) -> list[Document]:
    found = [c for c in collections if query in c["data_queries"]]
    assert len(found) >= 3
    return found


def test_core(suite: Suite) -> None:
    """Abstract tests 2 to 7; the landing page by media type in `f`, with the slash that a person types."""
    landing = suite.document("/", f="application/json")
    assert {"service-desc", "conformance", "data"} <= {link["rel"] for link in landing["links"]}
    declared = suite.document("/conformance", f="json")["conformsTo"]
    assert "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/core" in declared
    assert list(faults_of_openapi(suite.api())) == []
    (desc,) = (link for link in of_rel(landing["links"], "service-desc") if link["type"] == OPENAPI)
    assert suite.get(desc["href"], BROWSER).headers["content-type"] == OPENAPI


def test_every_collection(suite: Suite, collections: list[Document]) -> None:
    """Abstract tests 8 to 17, of all collections: the suite knows no others than those of EDR."""
    for listed in collections:
        assert any(link["rel"] in ("data", "collection") and link["type"] for link in listed["links"]), (
            listed["id"]
        )
        assert CRS84 in listed["crs"]
        assert all({"type", "observedProperty"} <= set(p) for p in listed["parameter_names"].values())
        alone = suite.document(f"/collections/{listed['id']}")
        assert alone["id"] == listed["id"]
        assert len(alone["extent"]["spatial"]["bbox"][0]) == 4
        assert of_rel(alone["links"], "self")
        assert of_rel(alone["links"], "alternate")


@pytest.mark.parametrize(
    ("query", "needed"),
    [("position", "coords"), ("area", "coords"), ("trajectory", "coords"), ("cube", "bbox"), ("radius", "coords")],
)  # fmt: skip
def test_parameters_are_defined_as_the_standard_has_them(suite: Suite, query: str, needed: str) -> None:
    """Abstract tests 38 to 48 and their like."""
    found = parameters(suite.api(), f"/collections/{{collectionId}}/{query}")
    assert found[needed]["required"]
    assert not found[needed]["explode"]
    assert found[needed]["schema"]["type"] == "string"
    for name in ("datetime", "parameter-name", "crs", "f", "z"):
        assert (found[name]["style"], found[name]["explode"], found[name]["required"]) == (
            "form",
            False,
            False,
        )


def test_wrong_places(suite: Suite, collections: list[Document]) -> None:
    """Abstract tests 34 to 36, 50 to 52, 82 to 89."""
    empty = {
        "position": ("POINT()",),
        "area": ("POLYGON()",),
        "trajectory": ("LINESTRING()", "LINESTRINGM()", "LINESTRINGZM()", "LINESTRINGZ()"),
    }
    for query, wrong in empty.items():
        for one in sampled(collections, query):
            path = f"/collections/{one['id']}/{query}"
            assert suite.get(path).status_code == 400
            for coords in ("", *wrong):
                assert suite.get(path, coords=coords).status_code == 400, (path, coords)
            assert suite.get(path, coords="POINT(9 51)", datetime="yesterday").status_code == 400
    assert suite.get("/collections/nothing/position", coords="POINT(9 51)").status_code == 404


def test_values_are_found_as_the_suite_asks_for_them(suite: Suite, collections: list[Document]) -> None:
    """Abstract tests 37, 53 and 91: in the middle of the extent, in a square and on a line two degrees wide, for its whole time."""
    for query in ("position", "area", "trajectory"):
        for one in sampled(collections, query):
            west, south, east, north = one["extent"]["spatial"]["bbox"][0]
            x, y = west + (east - west) / 2, south + (north - south) / 2
            lens = ((x - 1, y - 1), (x - 1, y + 1), (x + 1, y + 1), (x + 1, y - 1), (x - 1, y - 1))
            coords = {
                "position": f"POINT({x} {y})",
                "area": f"POLYGON(({','.join(f'{a} {b}' for a, b in lens)}))",
                "trajectory": f"LINESTRING({x - 1} {y - 1},{x} {y},{x + 1} {y + 1})",
            }[query]
            variables = one["data_queries"][query]["link"]["variables"]
            assert {"CoverageJSON", "GeoJSON"} <= set(variables["output_formats"])
            answer = suite.get(
                f"/collections/{one['id']}/{query}",
                BROWSER,
                **{
                    "parameter-name": next(iter(one["parameter_names"])),
                    "coords": coords,
                    "crs": CRS84,
                    "f": "CoverageJSON",
                    "datetime": "/".join(one["extent"]["temporal"]["interval"][0]),
                },
            )
            assert answer.status_code == 200, (answer.url, answer.text[:300])
            assert "Coverage" in answer.text


def test_geojson(suite: Suite, collections: list[Document]) -> None:
    """Abstract tests 20 to 23: the list of locations, and the values at a position, by the names that the collection gives."""
    stations = sampled(collections, "locations")[0]
    listed = suite.get(stations["data_queries"]["locations"]["link"]["href"], BROWSER, f="GeoJSON")
    assert listed.json()["type"] == "FeatureCollection"
    for one in sampled(collections, "position"):
        west, south, east, north = one["extent"]["spatial"]["bbox"][0]
        found = suite.get(
            one["data_queries"]["position"]["link"]["href"],
            BROWSER,
            **{
                "f": "GeoJSON",
                "crs": "CRS84",
                "coords": f"POINT({(west + east) / 2} {(south + north) / 2})",
                "parameter-name": next(iter(one["parameter_names"])),
                "datetime": "/".join(one["extent"]["temporal"]["interval"][0]),
            },
        )
        assert found.status_code == 200, (found.url, found.text[:300])
        document = found.json()
        assert document["type"] == "FeatureCollection"
        assert document["parameters"]  # EDR GeoJSON
        for feature in document["features"]:
            assert {"datetime", "label", "parameter-name", "edrqueryendpoint"} <= set(feature["properties"])
