"""Items in an order, in part, by queryables: against what Python's own sort and comparisons say of the same objects."""

from __future__ import annotations

from typing import Any

import jsonschema
import orjson
import pytest
import shapely
from starlette.testclient import TestClient
from tests.api.test_paging import ids, walk

C = "/twins/town/collections/mixed"
ITEMS = f"{C}/items"
STATED = {
    "name": {"type": "string"},
    "size": {"type": "number"},
    "floors": {"type": "integer"},
    "open": {"type": "boolean"},
    "since": {"type": "string", "format": "date"},
    "seen": {"type": "string", "format": "date-time"},
    "uses": {"type": "array", "items": {"type": "string"}},
}
OBJECTS: dict[str, dict[str, Any]] = {
    f"m{i:02d}": {
        k: v
        for k, v in {
            "name": ["Zoo", "apple", "Äpfel", "", "zoo", 'a"b,c'][i % 6] if i % 7 else None,
            "size": [2.5, 10, -1e-3, 1e20, 2.50][i % 5] if i % 4 else None,
            "floors": i % 3,
            "open": i % 2 == 0 if i % 5 else None,
            "since": f"20{i % 20:02d}-0{i % 9 + 1}-15" if i % 6 else "2023-02-30",
            "seen": f"2013-01-{i % 28 + 1:02d}T0{i % 10}:30:00.25+01:00" if i % 6 else "yesterday",
            "uses": ["home", "work"][: i % 3],
        }.items()
        if v is not None
    }
    for i in range(40)
}
#: What the data set of the number says otherwise than its schema: it must not end any statement.
OBJECTS["m07"]["size"] = "large"


@pytest.fixture(scope="module", autouse=True)
def _mixed(town_url: str, make_town: Any) -> None:
    with make_town(town_url) as town:
        point = shapely.Point(7, 50)
        half = list(OBJECTS.items())
        for name, part in (("one", half[::2]), ("two", half[1::2])):
            town.features({k: (point, v) for k, v in part}, name=name, kind="mixed")
        mapping = {"feature": {"properties": STATED}}
        town.conn.execute(
            "UPDATE ldt.dataset SET recipe = %s WHERE feature_type = 'mixed'",
            (orjson.dumps(mapping).decode(),),
        )


def plain(identifier: str) -> str:
    return identifier.partition(".")[2]


def value(fid: str, key: str) -> Any:
    found = OBJECTS[fid].get(key)
    if key == "since" and found == "2023-02-30":
        return None
    if key == "seen":
        return None if found == "yesterday" else found
    return None if key == "size" and isinstance(found, str) else found


def ordered(*keys: tuple[str, bool]) -> list[str]:
    """Return the ids as Python sorts them: texts by code point, what is missing last, ties by data set and id, in the last key's direction."""
    found = sorted(OBJECTS, key=lambda fid: (int(fid[1:]) % 2, fid), reverse=bool(keys) and keys[-1][1])
    for key, descending in reversed(keys):
        there = [f for f in found if value(f, key) is not None]
        # Python keeps ties in their order, in reverse too.
        there.sort(key=lambda f: value(f, key), reverse=descending)
        found = there + [f for f in found if value(f, key) is None]
    return found


@pytest.mark.parametrize(
    ("sortby", "keys"),
    [
        ("name", [("name", False)]),
        ("-name", [("name", True)]),
        ("%2Bsize", [("size", False)]),
        ("-size,name", [("size", True), ("name", False)]),
        ("floors,-open,since", [("floors", False), ("open", True), ("since", False)]),
        ("seen,-floors", [("seen", False), ("floors", True)]),
        (
            "-since,-seen,-name,-size,floors",
            [("since", True), ("seen", True), ("name", True), ("size", True), ("floors", False)],
        ),
    ],
)
def test_an_order_is_that_of_python_page_by_page(client: TestClient, sortby: str, keys: Any) -> None:
    for limit in (100, 7, 1):
        pages = walk(client, f"{ITEMS}?limit={limit}&sortby={sortby}")
        assert [plain(i) for i in ids(pages)] == ordered(*keys), limit
        assert all(p["numberMatched"] == 40 for p in pages)
    # The streamed way and that of HTML give the same order.
    streamed = client.get(f"{ITEMS}?limit=5000&sortby={sortby}").json()
    assert [plain(f["id"]) for f in streamed["features"]] == ordered(*keys)


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        ("name=zoo", lambda o: o.get("name") == "zoo"),
        ("name=", lambda o: o.get("name") == ""),
        ('name=a"b,c', lambda o: o.get("name") == 'a"b,c'),
        ("size=2.50", lambda o: o.get("size") == 2.5),
        ("size=1e20", lambda o: o.get("size") == 1e20),
        ("floors=2&open=false", lambda o: o["floors"] == 2 and o.get("open") is False),
        ("since=2007-08-15", lambda o: o["since"] == "2007-08-15"),
        ("seen=2013-01-08T06:30:00.250Z", lambda o: o["seen"] == "2013-01-08T07:30:00.25+01:00"),
        ("uses=work", lambda o: "work" in o["uses"]),
    ],
)
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables-query-parameters")
def test_queryables_are_parameters(client: TestClient, query: str, holds: Any) -> None:
    expected = {fid for fid, o in OBJECTS.items() if holds(o)}
    assert expected
    for limit in (100, 5000):  # at once; streamed
        answer = client.get(f"{ITEMS}?limit={limit}&{query}").json()
        assert {plain(f["id"]) for f in answer["features"]} == expected
        assert answer["numberMatched"] == len(expected)


def test_only_the_properties_asked_for_are_sent(client: TestClient) -> None:
    for limit in (100, 5000):
        found = client.get(f"{ITEMS}?limit={limit}&properties=size,uses").json()["features"]
        for feature in found:
            kept = {k: v for k, v in OBJECTS[plain(feature["id"])].items() if k in {"size", "uses"}}
            assert feature["properties"] == kept
            assert feature["geometry"]["type"] == "Point"
    assert len(found) == 40


@pytest.mark.parametrize(
    "query",
    [
        "sortby=nothing", "sortby=", "sortby=name,name", "sortby=name,", "sortby=-", "sortby=geometry", "sortby=uses",
        "properties=nothing", "properties=", "properties=geometry", "properties=size,,name", "size=big", "size=nan", "size=1e999999",
        "floors=1_0x", "open=yes", "since=2023-02-30", "since=today", "seen=2013-01-01", "geometry=x", "other=1", "name=a&name=b",
        "sortby=" + ",".join(f"-{k}" for k in [*STATED] * 3), "limit=0", "limit=-1", "limit=x", "limit=1e9", "limit=", "limit=٣",
    ],
)  # fmt: skip
def test_what_cannot_be_understood_is_400(client: TestClient, query: str) -> None:
    answer = client.get(f"{ITEMS}?{query}")
    assert answer.status_code == 400, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["where"]


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/sortables",
)
def test_queryables_and_sortables_are_json_schemas(client: TestClient) -> None:
    for what, names in [
        ("queryables", {*STATED, "geometry", "valid_from", "valid_to"}),
        ("sortables", {*STATED, "valid_from", "valid_to"} - {"uses"}),
    ]:
        answer = client.get(f"{C}/{what}")
        assert answer.headers["content-type"] == "application/schema+json"
        schema = answer.json()
        jsonschema.Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"] == f"http://testserver{C}/{what}"
        assert (schema["type"], schema["additionalProperties"]) == ("object", False)
        assert set(schema["properties"]) == names
        for name, about in schema["properties"].items():
            assert about["title"]
            assert ("type" in about) != (name == "geometry")
        # Each of them is taken by the items, as a parameter or as a key.
        for name in names - {"geometry"}:
            query = {name: "1"} if what == "queryables" else {"sortby": name}
            assert client.get(ITEMS, params=query).json().get("where") in (None, name)
    assert client.get(f"{C}/queryables").json()["properties"]["geometry"]["format"] == "geometry-any"
    roles = {n: p.get("x-ogc-role") for n, p in client.get(f"{C}/schema").json()["properties"].items()}
    assert roles["geometry"] == "primary-geometry"
    assert (roles["valid_from"], roles["valid_to"]) == ("primary-interval-start", "primary-interval-end")


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/queryables",
    "http://www.opengis.net/spec/ogcapi-common-3/1.0/conf/schemas",
)
def test_a_collection_leads_to_its_schemas(client: TestClient) -> None:
    rel = "http://www.opengis.net/def/rel/ogc/1.0/"
    ways = {one["rel"]: one["href"] for one in client.get(C).json()["links"]}
    for name in ("schema", "queryables", "sortables"):
        assert client.get(ways[rel + name]).headers["content-type"] == "application/schema+json"
    assert client.get(f"{C}/queryables?f=html").headers["content-type"].startswith("text/html")
