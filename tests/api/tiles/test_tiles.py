"""OGC API - Tiles, Part 1: what the standard's abstract tests ask for, on the town."""

from __future__ import annotations

import math
from typing import Any

import mapbox_vector_tile
import pytest
import shapely
from starlette.testclient import TestClient

from ldt.api.tiles import client as client_of_tiles

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


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset")
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


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
)
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


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/geodata-tilesets",
)
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


def names(client: TestClient, path: str) -> set[str]:
    answer = client.get(path)
    assert answer.status_code in (200, 204), answer.text
    return {f["properties"]["id"] for layer in decoded(answer.content).values() for f in layer["features"]}


def test_a_tile_can_be_narrowed(client: TestClient) -> None:
    tile = f"{QUARTERS}/tiles/WebMercatorQuad/0/0/0"
    everything = {f"places.q{i:02d}" for i in range(25)}
    assert names(client, tile) <= everything  # small squares, of which some are less than half a unit
    tile = f"{QUARTERS}/tiles/WebMercatorQuad/{slippy(7.1, 50, 7)}"
    assert names(client, tile) == everything
    assert names(client, f"{tile}?filter=code='03' OR code='11'") == {"places.q03", "places.q11"}
    assert names(client, f"{tile}?filter=code IN ('04','05')") == {"places.q04", "places.q05"}
    in_json = '{"op":"=","args":[{"property":"code"},"03"]}'
    assert names(client, f"{tile}?filter-lang=cql2-json&filter={in_json}") == {"places.q03"}
    sites = f"{BASE}/collections/protected-sites/tiles/WebMercatorQuad/{slippy(7.01, 50, 12)}"
    assert names(client, f"{sites}?datetime=1995-01-01") == {"sites.s1"}
    empty = client.get(f"{sites}?datetime=2005-01-01")
    assert (empty.status_code, empty.content) == (204, b"")
    some = decoded(client.get(f"{tile}?properties=name,code").content)["administrative-units"]["features"]
    assert all(set(one["properties"]) == {"id", "name", "code"} for one in some)
    none = decoded(client.get(f"{tile}?properties=").content)["administrative-units"]["features"]
    assert all(set(one["properties"]) == {"id"} for one in none)


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/dataset-tilesets",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/collections-selection",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/mvt",
)
def test_a_tile_of_the_whole_twin_has_a_layer_for_each_collection(client: TestClient) -> None:
    tile = f"{BASE}/tiles/WebMercatorQuad/{slippy(7.01, 50.005, 10)}"
    layers = decoded(client.get(tile).content)
    assert set(layers) == {
        "administrative-units",
        "protected-sites",
        "environmental-monitoring-facilities",
    }
    chosen = f"{tile}?collections=protected-sites,environmental-monitoring-facilities"
    assert set(decoded(client.get(chosen).content)) == {
        "protected-sites",
        "environmental-monitoring-facilities",
    }
    alone = client.get(f"{BASE}/collections/protected-sites/tiles/WebMercatorQuad/{slippy(7.01, 50.005, 10)}")
    assert decoded(alone.content)["protected-sites"] == layers["protected-sites"]
    about = get(client, f"{BASE}/tiles/WebMercatorQuad?collections=protected-sites")
    assert [one["id"] for one in about["layers"]] == ["protected-sites"]
    (template,) = [one["href"] for one in about["links"] if one["rel"] == "item"]
    assert "collections=protected-sites" in template


def test_tilejson_leads_to_the_tiles(client: TestClient) -> None:
    about = get(client, f"{QUARTERS}/tiles/WebMercatorQuad?f=tilejson")
    assert about["tilejson"] == "3.0.0"
    west, _, east, north = about["bounds"]
    assert (west, east, north) == (pytest.approx(7.0), pytest.approx(7.241), pytest.approx(50.001))
    (layer,) = about["vector_layers"]
    assert layer["id"] == "administrative-units"
    assert {"id", "code", "name", "scheme"} <= set(layer["fields"])
    lon, lat, zoom = about["center"]
    z, y, x = slippy(lon, lat, zoom).split("/")
    assert names(client, about["tiles"][0].replace("{z}", z).replace("{y}", y).replace("{x}", x))
    assert client.get(f"{QUARTERS}/tiles/EuropeanETRS89_LAEAQuad?f=tilejson").status_code == 400


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tileset")
def test_tile_set_metadata_says_what_is_in_the_tiles(client: TestClient) -> None:
    about = get(client, f"{QUARTERS}/tiles/WebMercatorQuad")
    (layer,) = about["layers"]
    assert layer["propertiesSchema"]["properties"]["code"]["type"] == "string"
    assert about["boundingBox"]["lowerLeft"] == [pytest.approx(7.0), pytest.approx(50.0)]
    assert about["boundingBox"]["crs"].endswith("CRS84")
    assert "20,000 features" in about["description"]
    some = get(client, f"{QUARTERS}/tiles/WebMercatorQuad?properties=name")
    assert set(some["layers"][0]["propertiesSchema"]["properties"]) == {"id", "name"}
    for path in ("tiles", "tiles/WebMercatorQuad", "tiles/EuropeanETRS89_LAEAQuad"):
        page = client.get(f"{QUARTERS}/{path}?f=html")
        assert page.status_code == 200
        assert "<h1" in page.text


@pytest.mark.parametrize(
    ("tail", "status"),
    [
        ("WebMercatorQuad/2/99/1", 404),
        ("WebMercatorQuad/2/0/0", 404),  # in the set, but nothing lies there
        ("WebMercatorQuad/99/0/0", 404),
        ("WebMercatorQuad/x/0/0", 404),
        ("WebMercatorQuad/0/2147483647/2147483647", 404),
        ("WebMercatorQuad/0/99999999999999999999/0", 400),
        ("WebMercatorQuad/0/-1/0", 400),
        ("WebMercatorQuad/0/0/nan", 400),
        ("WebMercatorQuad/0/1.5/0", 400),
        ("WorldCRS84Quad/0/0/0", 404),
        ("webmercatorquad/0/0/0", 404),
        ("WebMercatorQuad/0/0/0?limit=1", 400),
        ("WebMercatorQuad/0/0/0?f=png", 400),
        ("WebMercatorQuad/0/0/0?f=mvt&f=mvt", 400),
        ("WebMercatorQuad/0/0/0?properties=nothing", 400),
        ("WebMercatorQuad/0/0/0?properties=geometry", 400),
        ("WebMercatorQuad/0/0/0?datetime=2013-02-30", 400),
        ("WebMercatorQuad/0/0/0?filter=nothing=1", 400),
        ("WebMercatorQuad/0/0/0?filter=code=", 400),
        ("WebMercatorQuad/0/0/0?at=no", 400),
        ("WebMercatorQuad/0/0/0?at=99", 404),
        ("WebMercatorQuad/0/0/%00", 400),
        ("WebMercatorQuad/0/0/%ff", 400),
    ],
)
def test_what_cannot_be_answered_is_refused_with_a_problem(
    client: TestClient, tail: str, status: int
) -> None:
    answer = client.get(f"{QUARTERS}/tiles/{tail}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert client.get(f"{BASE}/tiles/{tail}").status_code == status


def test_other_things_than_tiles_are_not_acceptable(client: TestClient) -> None:
    tile = f"{QUARTERS}/tiles/WebMercatorQuad/0/0/0"
    assert client.get(tile, headers={"Accept": "image/png"}).status_code == 406
    assert client.get(tile, headers={"Accept": "application/x-protobuf"}).status_code in (200, 204)
    assert client.get(f"{BASE}/tiles?collections=protected-sites,nothing").status_code == 404
    assert client.get(f"{BASE}/collections/nothing/tiles").status_code == 404


def test_tiles_are_kept_as_long_as_their_state_is_named(client: TestClient, operator: TestClient) -> None:
    tile = f"{QUARTERS}/tiles/WebMercatorQuad/{slippy(7.1, 50, 7)}"
    newest = client.get(tile)
    assert newest.headers["cache-control"] == "public, no-cache"
    again = client.get(tile, headers={"If-None-Match": newest.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(f"{tile}?at=1").headers["cache-control"] == "public, max-age=86400"
    assert client.get(f"{tile}?at=town@1").headers["cache-control"] == "public, max-age=86400"
    # An instant may be one that is yet to come.
    assert client.get(f"{tile}?at=2100-01-01T00:00:00Z").headers["cache-control"] == "public, no-cache"
    assert operator.get(f"{tile}?at=1").headers["cache-control"] == "private, max-age=86400"
    assert operator.get(tile).headers["cache-control"] == "private, no-cache"
    packed = client.get(tile, headers={"Accept-Encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip"


def test_what_not_everyone_may_see_is_in_no_tile(client: TestClient, operator: TestClient) -> None:
    secret = f"{BASE}/collections/generic-features/tiles"
    for path in ("", "/WebMercatorQuad", "/WebMercatorQuad/0/0/0", "/WebMercatorQuad?f=tilejson"):
        assert client.get(f"{secret}{path}").status_code == 404
        assert operator.get(f"{secret}{path}").status_code in (200, 204)
    tile = f"{BASE}/tiles/WebMercatorQuad/{slippy(7.0005, 50.0005, 14)}"
    assert "secret.x" in names(operator, tile)
    # The caches of statements and collections keep callers apart.
    assert "secret.x" not in names(client, tile)
    assert "generic-features" not in str(get(client, f"{BASE}/tiles/WebMercatorQuad"))


def test_a_tile_is_one_statement_that_says_of_which_state_it_is(
    own_town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    town, client = own_town
    tile = f"{QUARTERS}/tiles/WebMercatorQuad/{slippy(7.1, 50, 7)}"
    first = client.get(tile)
    monkeypatch.setattr(client_of_tiles, "tile", lambda *_: pytest.fail("the usual way was taken"))
    assert client.get(tile).content == first.content
    assert client.get(tile, headers={"If-None-Match": first.headers["etag"]}).status_code == 304
    # What has come since is seen at once, and what the client has is no longer the newest.
    town.features({"new": (shapely.box(7.1, 50, 7.15, 50.05), {"code": "new", "name": "New"})})
    again = client.get(tile, headers={"If-None-Match": first.headers["etag"]})
    assert again.status_code == 200
    assert {f["properties"]["code"] for f in decoded(again.content)["administrative-units"]["features"]} == {
        "new"
    }
    pinned = client.get(f"{tile}?at=1")
    assert len(decoded(pinned.content)["administrative-units"]["features"]) == 25
    # A class that has become stricter is no version, and counts at once.
    town.conn.execute("UPDATE ldt.dataset SET access = 'restricted' WHERE name = 'places'")
    assert client.get(tile).status_code == 404
    assert client.get(f"{tile}?at=1").status_code == 404


def test_prompt_and_usual_tiles_are_the_same(client: TestClient) -> None:
    for tail in ("", "?properties=name", "?properties=", "?at=1"):
        for at in (f"WebMercatorQuad/{slippy(7.1, 50, 7)}", f"WebMercatorQuad/{slippy(7.03, 50, 14)}"):
            prompt = client.get(f"{QUARTERS}/tiles/{at}{tail}")
            usual = client.get(
                f"{BASE}/tiles/{at}{tail}{'&' if tail else '?'}collections=administrative-units"
            )
            assert prompt.status_code == 200
            assert decoded(prompt.content) == decoded(usual.content)
            assert prompt.headers["cache-control"] == usual.headers["cache-control"]


def test_a_kept_tile_is_packed_only_for_those_who_take_that(client: TestClient) -> None:
    tile = f"{QUARTERS}/tiles/WebMercatorQuad/{slippy(7.1, 50, 7)}?properties=name"
    for _ in range(2):
        packed = client.get(tile, headers={"Accept-Encoding": "gzip"})
        plain = client.get(tile, headers={"Accept-Encoding": "identity"})
        assert "Accept-Encoding" in packed.headers["vary"]
        assert "content-encoding" not in plain.headers
        assert int(plain.headers["content-length"]) == len(plain.content)
        assert packed.content == plain.content  # unpacked by the client
