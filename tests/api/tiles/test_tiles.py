"""OGC API - Tiles, Part 1: what the standard's abstract tests ask for, on the town."""

from __future__ import annotations

import math
from typing import Any

import mapbox_vector_tile
import pytest
from starlette.testclient import TestClient

BASE = "/twins/town"
QUARTERS = f"{BASE}/collections/administrative-units"


def decoded(content: bytes) -> dict[str, Any]:
    found: dict[str, Any] = mapbox_vector_tile.decode(content)
    return found


def slippy(lon: float, lat: float, z: int) -> str:
    """Return matrix/row/column of a place in WebMercatorQuad (the formula of the OpenStreetMap wiki)."""
    y = math.asinh(math.tan(math.radians(lat)))
    return f"{z}/{int((1 - y / math.pi) / 2 * 2**z)}/{int((lon + 180) / 360 * 2**z)}"


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    return answer.json()


def test_tile_matrix_sets_are_those_of_the_registry(client: TestClient) -> None:
    listed = get(client, f"{BASE}/tileMatrixSets")["tileMatrixSets"]
    assert [one["id"] for one in listed] == ["WebMercatorQuad", "EuropeanETRS89_LAEAQuad"]
    for one in listed:
        assert one["uri"] == f"http://www.opengis.net/def/tilematrixset/OGC/1.0/{one['id']}"
        assert {link["rel"] for link in one["links"]} == {"self", "item"}
        full = get(client, one["links"][0]["href"])
        assert (full["id"], full["uri"]) == (one["id"], one["uri"])
    mercator = get(client, f"{BASE}/tileMatrixSets/WebMercatorQuad")
    # OGC 17-083r4, Annex D.1: the first two rows of its table.
    first, second = mercator["tileMatrices"][:2]
    assert first["scaleDenominator"] == pytest.approx(559082264.028717, rel=1e-12)
    assert second["cellSize"] == pytest.approx(78271.5169640205, rel=1e-12)
    assert (second["matrixWidth"], second["tileWidth"], second["id"]) == (2, 256, "1")
    europe = get(client, f"{BASE}/tileMatrixSets/EuropeanETRS89_LAEAQuad")
    assert europe["crs"] == "http://www.opengis.net/def/crs/EPSG/0/3035"
    assert get(client, f"{BASE}/tileMatrixSets/WorldCRS84Quad", 404)["status"] == 404


def test_the_vector_tiles_of_a_collection_are_found_from_the_landing_page(client: TestClient) -> None:
    rel = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector"
    (to,) = [one for one in get(client, f"{BASE}")["links"] if one["rel"] == rel]
    assert "/tiles?f=json" in to["href"]
    for name in ("administrative-units", "protected-sites"):
        about = get(client, f"{BASE}/collections/{name}")
        (to,) = [one for one in about["links"] if one["rel"] == rel]
        sets = get(client, to["href"])["tilesets"]
        assert [one["tileMatrixSetURI"].rpartition("/")[2] for one in sets] == [
            "WebMercatorQuad",
            "EuropeanETRS89_LAEAQuad",
        ]
        for one in sets:
            # Every link of a list is a document: the tests of the standard follow each.
            for link in one["links"]:
                assert client.get(link["href"], headers={"Accept": "application/json"}).json()
            (own,) = [link for link in one["links"] if link["rel"] == "self"]
            check_tileset(client, get(client, own["href"]))


def check_tileset(client: TestClient, about: dict[str, Any]) -> None:
    assert about["dataType"] == "vector"
    (template,) = [one for one in about["links"] if one["rel"] == "item"]
    assert template["templated"] is True
    assert template["type"] == "application/vnd.mapbox-vector-tile"
    for limits in about["tileMatrixSetLimits"]:

        def at(row: int, column: int, matrix: str = limits["tileMatrix"]) -> int:
            href = template["href"].replace("{tileMatrix}", matrix)
            answer = client.get(href.replace("{tileRow}", str(row)).replace("{tileCol}", str(column)))
            return answer.status_code

        assert at(limits["maxTileRow"], limits["minTileCol"]) in (200, 204)
        assert at(limits["maxTileRow"] + 1, limits["minTileCol"]) == 404
        assert at(limits["minTileRow"], limits["maxTileCol"] + 1) == 404
    first = about["tileMatrixSetLimits"][0]
    assert first["tileMatrix"] == "0"


def test_a_tile_has_a_layer_of_the_collection_with_ids_that_lead_to_its_features(client: TestClient) -> None:
    answer = client.get(f"{QUARTERS}/tiles/WebMercatorQuad/{slippy(7.1, 50, 7)}")
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    layers = decoded(answer.content)
    assert list(layers) == ["administrative-units"]
    found = layers["administrative-units"]
    assert found["extent"] == 4096
    features = found["features"]
    assert len(features) == 25
    assert len({one["id"] for one in features}) == 25
    one = next(f for f in features if f["properties"]["code"] == "03")
    assert one["properties"] == {
        "id": "places.q03",
        "scheme": "quarter",
        "code": "03",
        "name": "Quarter 3 <b>bold</b>",
        "country": "DE",
    }
    page = get(client, f"{QUARTERS}/items/{one['properties']['id']}")
    assert page["properties"]["code"] == "03"
    # The same feature has the same number in another tile and at another zoom.
    again = decoded(client.get(f"{QUARTERS}/tiles/WebMercatorQuad/{slippy(7.03, 50, 13)}").content)
    numbers = {f["properties"]["id"]: f["id"] for f in again["administrative-units"]["features"]}
    assert numbers
    assert all(
        numbers[f["properties"]["id"]] == f["id"] for f in features if f["properties"]["id"] in numbers
    )
