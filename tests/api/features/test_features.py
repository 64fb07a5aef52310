"""OGC API - Features, Part 1: what the standard asks of each resource, on features whose answers are known."""

from __future__ import annotations

import gzip
from typing import Any

import jsonschema
import pytest
from starlette.testclient import TestClient

C = "/twins/town/collections/administrative-units"
ITEMS = f"{C}/items"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def codes(client: TestClient, query: str, items: str = ITEMS) -> list[str]:
    answer = client.get(f"{items}?limit=100&{query}")
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["numberMatched"] == document["numberReturned"] == len(document["features"])
    return [f["id"].partition(".")[2] for f in document["features"]]


def rels(document: dict[str, Any]) -> set[str]:
    return {one["rel"] for one in document["links"]}


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
)
def test_collections_are_the_types_that_one_may_see(client: TestClient, operator: TestClient) -> None:
    seen = [c["id"] for c in client.get("/twins/town/collections").json()["collections"]]
    assert seen[:3] == ["administrative-units", "environmental-monitoring-facilities", "protected-sites"]
    assert "generic-features" not in seen
    assert "generic-features" in [
        c["id"] for c in operator.get("/twins/town/collections").json()["collections"]
    ]


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections")
def test_a_collection_says_where_and_when_it_is(client: TestClient) -> None:
    about = client.get(C).json()
    assert about["title"] == "Administrative units"
    assert about["itemType"] == "feature"
    assert about["crs"][0] == about["storageCrs"] == CRS84
    west, south, east, north = about["extent"]["spatial"]["bbox"][0]
    # 25 squares of 0.001 degrees, each 0.01 further east
    assert west <= 7
    assert south <= 50
    assert east >= 7.241
    assert north >= 50.001
    assert (west, south, east, north) == pytest.approx((7, 50, 7.241, 50.001), abs=1e-6)
    assert {"self", "alternate", "items", "describedby"} <= rels(about)
    sites = client.get("/twins/town/collections/protected-sites").json()
    assert sites["extent"]["temporal"]["interval"] == [["1990-01-01T00:00:00Z", "2000-01-01T00:00:00Z"]]
    german = client.get(C, headers={"Accept-Language": "de-DE,de;q=0.9,en;q=0.1"}).json()
    assert german["title"] == "Verwaltungseinheiten"


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)
def test_items_have_what_the_standard_asks_for(client: TestClient) -> None:
    answer = client.get(ITEMS)
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-crs"] == f"<{CRS84}>"
    document = answer.json()
    assert document["numberReturned"] == 10
    assert document["timeStamp"].endswith("Z")
    assert {"self", "alternate", "next"} <= rels(document)
    for feature in document["features"]:
        assert feature["type"] == "Feature"
        assert feature["geometry"]["type"] == "Polygon"
        assert feature["properties"]["scheme"] == "quarter"


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson")
def test_a_feature_without_a_place_has_a_null_geometry(client: TestClient) -> None:
    feature = client.get("/twins/town/collections/protected-sites/items/sites.s2").json()
    assert feature["geometry"] is None
    assert feature["properties"] == {"name": "Unknown place"}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("bbox=7.05,49,7.0705,51", ["q05", "q06", "q07"]),
        ("bbox=7.05,49,0,7.0705,51,100", ["q05", "q06", "q07"]),
        (f"bbox=7.05,49,7.0705,51&bbox-crs={CRS84}", ["q05", "q06", "q07"]),
        ("bbox=7.0515,49,7.059,51", []),
        ("bbox=7.051,50.001,7.052,51", ["q05"]),  # touches a corner
        ("bbox=7.235,49,7.0005,51", ["q00", "q24"]),  # over the antimeridian, nearly all around
        ("bbox=367.05,49,367.0705,51", ["q05", "q06", "q07"]),  # a turn further
        ("code=03", ["q03"]),
        ("code=3", []),
        ("code=03&name=other", []),
        ("name=Quarter 3 <b>bold</b>", ["q03"]),
        ("country=DE&bbox=7,49,7.0005,51", ["q00"]),
        ("datetime=1950-01-01", [f"q{i:02d}" for i in range(25)]),  # without a life span they match any time
    ],
)
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
def test_filters(client: TestClient, query: str, expected: list[str]) -> None:
    assert codes(client, query) == expected


def test_the_whole_world_is_everything(client: TestClient) -> None:
    for box in ("-180,-90,180,90", "-200,-100,200,100", "-360,-90,360,90", "0,-90,-0.5,90"):
        assert len(codes(client, f"bbox={box}")) == 25


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        ("1995-01-01", ["s1", "s2"]),
        ("1990-01-01T00:00:00Z", ["s1", "s2"]),
        ("2000-01-01T00:00:00Z", []),  # life spans are [start, end)
        ("1999-12-31T23:59:59Z", ["s1", "s2"]),
        ("../1989-12-31", []),
        ("../1990-01-01", ["s1", "s2"]),
        ("1999-01-01/..", ["s1", "s2"]),
        ("2000-01-01/..", []),
        ("1980-01-01T01:00:00%2B01:00/2020-01-01", ["s1", "s2"]),
    ],
)
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
def test_datetime(client: TestClient, when: str, expected: list[str]) -> None:
    assert codes(client, f"datetime={when}", "/twins/town/collections/protected-sites/items") == expected


def test_a_feature_knows_its_identity_and_origin(client: TestClient) -> None:
    answer = client.get(f"{ITEMS}/places.q03")
    assert answer.headers["content-type"] == "application/geo+json"
    feature = answer.json()
    assert feature["identifier"]["localId"] == "q03"
    assert feature["source"]["row"] == 3
    assert len(feature["source"]["digest"]) == 64
    assert feature["raw"] == {"further": "column"}
    assert {"self", "alternate", "collection", "canonical"} <= rels(feature)
    canonical = next(one["href"] for one in feature["links"] if one["rel"] == "canonical")
    assert canonical == feature["uri"] == "https://example.org/ldt/id/town/places.q03"


def test_a_persistent_uri_leads_to_the_feature(client: TestClient) -> None:
    answer = client.get("/id/town/places.q03", follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"http://testserver{ITEMS}/places.q03"
    assert client.get(answer.headers["location"]).json()["id"] == "places.q03"


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/schemas")
def test_the_schema_describes_the_features(client: TestClient) -> None:
    answer = client.get(f"{C}/schema")
    assert answer.headers["content-type"] == "application/schema+json"
    schema = answer.json()
    jsonschema.Draft202012Validator.check_schema(schema)
    for feature in client.get(ITEMS).json()["features"]:
        jsonschema.validate(feature["properties"], schema)


def test_head_is_get_without_a_body(client: TestClient) -> None:
    whole, head = client.get(ITEMS), client.head(ITEMS)
    assert head.status_code == 200
    assert head.content == b""
    assert {k: v for k, v in head.headers.items() if k != "content-length"} == {
        k: v for k, v in whole.headers.items() if k != "content-length"
    }
    assert client.head(f"{ITEMS}/nowhere").status_code == 404


def test_other_origins_may_read(client: TestClient) -> None:
    answer = client.get(ITEMS, headers={"Origin": "https://map.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    preflight = client.options(
        ITEMS, headers={"Origin": "https://map.example", "Access-Control-Request-Method": "GET"}
    )
    assert preflight.status_code == 200
    assert "GET" in preflight.headers["access-control-allow-methods"]
    assert client.options(ITEMS).headers["allow"] == "GET, HEAD, OPTIONS"
    asked = {"Origin": "https://map.example", "Access-Control-Request-Method": "PUT"}
    assert client.options(ITEMS, headers=asked).status_code == 400


def test_an_unchanged_page_is_304(client: TestClient) -> None:
    first = client.get(ITEMS)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    again = client.get(ITEMS, headers={"If-None-Match": f'"other", {tag}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == tag
    for other in (f"{ITEMS}?limit=5", f"{ITEMS}?at=4", f"{ITEMS}?f=html"):
        assert client.get(other, headers={"If-None-Match": tag}).status_code == 200


def test_what_one_may_see_is_part_of_the_tag(client: TestClient, operator: TestClient) -> None:
    assert client.get(ITEMS).headers["etag"] != operator.get(ITEMS).headers["etag"]


def test_a_tag_ends_with_its_state(own_town: Any, quarters: Any) -> None:
    town, client = own_town
    tag = client.get(ITEMS).headers["etag"]
    town.features(dict(list(quarters.items())[:20]))
    assert client.get(ITEMS, headers={"If-None-Match": tag}).status_code == 200


def test_large_answers_are_compressed(client: TestClient) -> None:
    with client.stream("GET", f"{ITEMS}?limit=25", headers={"Accept-Encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        raw = b"".join(answer.iter_raw())
    assert b'"numberReturned":25' in gzip.decompress(raw)
    plain = client.get(f"{ITEMS}?limit=25", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in plain.headers


def test_the_public_address_is_in_the_links(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.settings import settings

    monkeypatch.setenv("LDT_SERVICE_URL", "https://twins.example/data/")
    settings.cache_clear()
    try:
        document = client.get(f"{ITEMS}?limit=2").json()
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert {one["href"].partition("/twins/town")[0] for one in document["links"]} == {
        "https://twins.example/data"
    }


def test_only_what_is_open_can_be_found(client: TestClient, operator: TestClient) -> None:
    item = "/twins/town/collections/generic-features/items/secret.x"
    assert operator.get(item).status_code == 200
    hidden, never = client.get(item), client.get(item.replace("secret.x", "secret.y"))
    assert (hidden.status_code, never.status_code) == (404, 404)
    assert "hidden" not in client.get("/twins/town/collections/administrative-units/items").text
