"""OGC API - Records over the town's data sets: records, their languages and links, parameters, rights, what is refused."""

from __future__ import annotations

import csv
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from ldt.api.records.request import MAX_LENGTH, MAX_TERMS, PROFILE

COLLECTION = "/twins/town/collections/datasets"
ITEMS = f"{COLLECTION}/items"
CONF = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/"
OPEN = ["air", "places", "sites", "stations"]


def get(client: TestClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def ids(client: TestClient, query: str) -> list[str]:
    found = get(client, f"{ITEMS}?{query}")
    assert found["numberReturned"] == len(found["features"])
    return [one["id"] for one in found["features"]]


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/searchable-catalog",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-collection",
)
def test_the_catalogue_is_a_collection_of_records(client: TestClient) -> None:
    listed = {one["id"]: one for one in get(client, "/twins/town/collections")["collections"]}
    assert listed["datasets"]["itemType"] == "record"
    assert [i for i, one in listed.items() if one.get("itemType") == "record"] == ["datasets"]
    about = get(client, COLLECTION, **{"Accept-Language": "fr-FR,en;q=0.5"})
    assert (about["type"], about["title"], about["language"]) == (
        "Catalog",
        "Jeux de données",
        {"code": "fr"},
    )
    assert about["datasets"] == ["places", "sites", "stations", "air"]
    ways = {link["rel"]: link["href"] for link in about["links"]}
    assert ways["items"].startswith("http://testserver" + ITEMS)
    landing = get(client, "/twins/town/")
    assert [x["href"] for x in landing["links"] if x["rel"].endswith("/ogc-catalog")] == [
        f"http://testserver{ITEMS}"
    ]


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/json",
)
def test_a_record_says_what_a_data_set_is(client: TestClient) -> None:
    answer = client.get(f"{ITEMS}/places", headers={"Accept-Language": "de"})
    assert answer.headers["content-type"] == "application/geo+json"
    assert answer.headers["content-language"] == "de"
    record = answer.json()
    about = record["properties"]
    assert (record["id"], record["type"]) == ("places", "Feature")
    assert record["conformsTo"] == ["http://www.opengis.net/spec/ogcapi-records-1/1.0/req/record-core"]
    assert record["time"] is None
    # The quarters are squares of 0.001 degrees, 7.00 to 7.24 east, 50 north.
    ring = record["geometry"]["coordinates"][0]
    assert (min(x for x, _ in ring), max(x for x, _ in ring)) == pytest.approx((7, 7.241), abs=1e-6)
    assert (about["type"], about["title"], about["license"]) == ("dataset", "Titel von places", "CC0-1.0")
    assert about["language"] == {"code": "de"}
    assert about["languages"] == [{"code": "de"}, {"code": "en"}]
    assert about["contacts"] == [{"organization": "The <town>", "roles": ["publisher"]}]
    assert about["keywords"] == ["Luft"]
    (theme,) = about["themes"]
    assert theme["scheme"] == "http://testserver/vocabularies/anatomy"
    assert theme["concepts"] == [
        {
            "id": "structure.environment.air",
            "title": "Luft",
            "url": "http://testserver/vocabularies/anatomy/structure.environment.air",
        }
    ]
    assert about["created"] <= about["updated"]
    assert (about["rows"], about["version"], about["access"]) == (25, 1, "open")
    assert "application/geo+json" in [one["mediaType"] for one in about["formats"]]


def test_a_record_of_series_has_its_time_and_what_is_observed(client: TestClient) -> None:
    record = get(client, f"{ITEMS}/air")
    assert record["time"] == {
        "interval": ["2013-01-01T00:00:00Z", "2013-01-01T03:00:00Z"],
        "resolution": "PT1H",
    }
    assert record["properties"]["observed_properties"] == ["NO2", "PM10"]
    assert {"Air", "Nitrogen dioxide", "Particulate matter up to 10 µm"} == set(
        record["properties"]["keywords"]
    )
    assert record["geometry"] is None


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/records-api",
)
def test_every_link_of_every_record_leads_somewhere(client: TestClient) -> None:
    records = get(client, ITEMS)["features"]
    assert [r["id"] for r in records] == OPEN
    for record in records:
        rels = [link["rel"] for link in record["links"]]
        assert rels.count("collection") == 1  # /req/record-core/links
        assert {"self", "data", "items", "preview", "describedby", "profile", "license"} <= set(rels)
        alone = get(client, next(x["href"] for x in record["links"] if x["rel"] == "self"))
        assert {k: v for k, v in alone.items() if k not in ("links", "snapshot")} == {
            k: v for k, v in record.items() if k != "links"
        }
        assert [x["rel"] for x in alone["links"]].count("collection") == 1
        for link in (*record["links"], *alone["links"]):
            if link["href"].startswith("http://testserver"):
                found = client.get(link["href"])
                assert found.status_code == 200, link
                assert found.headers["content-type"].split(";")[0] == link["type"], link


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/record-core-query-parameters",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/filtering",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/sorting",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/searchable-catalog-filtering",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/searchable-catalog-sorting",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/query-param-profile",
)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("q=air", OPEN),  # the element of the anatomy that all are of
        ("q=stickstoffdioxid", ["air"]),
        ("q=Titel+von+sites", ["sites"]),
        ("q=sites,stations", ["sites", "stations"]),
        ("q=sites, ,", ["sites"]),
        ("q=nowhere", []),
        ("type=dataset", OPEN),
        ("type=service,dataset", OPEN),
        ("type=service", []),
        ("ids=sites,air,nothing", ["air", "sites"]),
        ("externalIds=town:sites", ["sites"]),
        ("externalIds=sites", ["sites"]),
        ("externalIds=village:sites", []),
        ("externalIds=town:", OPEN),
        ("bbox=7.2,49,8,51", ["places"]),
        ("datetime=2013-01-01T01:00:00Z", ["air", "places", "stations"]),  # sites end in 2000
        ("datetime=1995-01-01/1996-01-01&q=sites", ["sites"]),
        ("datetime=2005-01-01/2006-01-01&ids=sites,air", []),
        ("shape=observation", ["air"]),
        ("filter=feature_type='protected-sites' OR shape='observation'", ["air", "sites"]),
        ("filter=title LIKE 'Title of s%25'", ["sites", "stations"]),
        ("filter=rows > 2 AND rows < 20", ["air"]),
        ("filter=CASEI(publisher)=CASEI('the <TOWN>') AND NOT shape='feature'", ["air"]),
        ("sortby=-title", OPEN[::-1]),
        ("sortby=rows,title", ["stations", "sites", "air", "places"]),
        ("q=&type=&ids=&externalIds=&bbox=&datetime=&limit=", OPEN),
        ("profile=ogc-record", OPEN),
        ("q=sites&ids=air", []),
    ],
)
def test_parameters_select(client: TestClient, query: str, expected: list[str]) -> None:
    assert ids(client, query) == expected


@pytest.mark.parametrize(
    ("query", "status", "where"),
    [
        ("offset=1", 400, "offset"),
        ("q=a&q=b", 400, "q"),
        (f"q={'x' * (MAX_LENGTH + 1)}", 400, "q"),
        ("q=" + ",".join("a" * (MAX_TERMS + 1)), 400, "q"),
        ("ids=" + ",".join(["a"] * 1001), 400, "ids"),
        ("profile=http://example.org/other", 406, "profile"),
        ("limit=0", 400, None),
        ("limit=abc", 400, None),
        ("q=%00", 400, None),
        ("q=%ff", 400, None),
        ("bbox=1,2", 400, "bbox"),
        ("datetime=2013-02-30", 400, "datetime"),
        ("filter=pg_sleep(1)=1", 400, "filter"),
        ("sortby=themes", 400, "sortby"),
        ("rows=many", 400, "rows"),
        ("f=docx", 400, "f"),
        ("token=abc", 400, "token"),
    ],
)
def test_what_is_refused(client: TestClient, query: str, status: int, where: str | None) -> None:
    answer = client.get(f"{ITEMS}?{query}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert where in (None, answer.json().get("where"))


def test_records_that_are_not_there(client: TestClient) -> None:
    for name, status in (
        ("nothing", 404),
        ("secret", 404),
        ("a%00b", 400),
        ("%ff", 400),
        ("places?profile=x", 406),
    ):
        assert client.get(f"{ITEMS}/{name}").status_code == status, name
    assert client.get("/twins/nowhere/collections/datasets/items").status_code == 404


def test_a_restricted_data_set_is_no_record_for_everyone(client: TestClient, operator: TestClient) -> None:
    assert ids(client, "limit=100") == OPEN
    assert (
        ids(client, "q=secret")
        == ids(client, "ids=secret")
        == ids(client, "filter=access='restricted'")
        == []
    )
    assert get(client, ITEMS)["numberMatched"] == 4
    assert "secret" not in client.get(f"{ITEMS}?f=html").text
    assert "secret" not in client.get(f"{ITEMS}?f=csv").text
    assert ids(operator, "q=secret") == ["secret"]
    assert get(operator, f"{ITEMS}/secret")["properties"]["rights"] == "Restricted"


def test_pages_and_their_languages(client: TestClient) -> None:
    seen, to = [], f"{ITEMS}?limit=1&sortby=-title&q=von,air"
    while to:
        page = get(client, to, **{"Accept-Language": "de"})
        seen += [one["properties"]["title"] for one in page["features"]]
        assert page["numberMatched"] == 4
        to = next((link["href"] for link in page["links"] if link["rel"] == "next"), "")
    assert seen == [f"Titel von {name}" for name in OPEN[::-1]]
    german, english = (client.get(ITEMS, headers={"Accept-Language": code}) for code in ("de", "en"))
    # A cache that has one language must not be told that the other is the same.
    assert german.headers["etag"] != english.headers["etag"]
    again = client.get(ITEMS, headers={"Accept-Language": "de", "If-None-Match": german.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/html")
def test_pages_for_people(client: TestClient) -> None:
    page = client.get(f"{ITEMS}?f=html&q=<script>x</script>,sites").text
    assert "Title of sites" in page
    assert "The &lt;town&gt;" in page
    assert 'value="&lt;script&gt;' in page
    assert "<script>" not in page
    one = client.get(f"{ITEMS}/air?f=html", headers={"Accept-Language": "de"}).text
    assert "<h1>Titel von air</h1>" in one
    assert "Stickstoffdioxid" in one
    assert "each value for PT1H" in one


def test_the_catalogue_as_a_table(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get(f"{ITEMS}?f=csv").text)))
    assert [row["id"] for row in rows] == OPEN
    assert [row["rows"] for row in rows] == ["5", "25", "2", "1"]


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/searchable-catalog",
    "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/oas30",
)
def test_what_is_claimed_is_what_the_standard_calls_a_searchable_catalogue(client: TestClient) -> None:
    claimed = {
        c.removeprefix(CONF)
        for c in get(client, "/twins/town/conformance")["conformsTo"]
        if c.startswith(CONF)
    }
    # /req/searchable-catalog/common and its dependencies
    assert {
        "searchable-catalog",
        "records-api",
        "record-core",
        "record-collection",
        "record-core-query-parameters",
    } <= claimed
    parameters = {
        p["name"]: p
        for p in get(client, "/twins/town/api")["paths"]["/collections/datasets/items"]["get"]["parameters"]
    }
    assert {
        "bbox",
        "datetime",
        "limit",
        "q",
        "type",
        "ids",
        "externalIds",
        "profile",
        "filter",
        "sortby",
    } <= set(parameters)
    for name in ("q", "type", "ids", "externalIds"):
        assert (parameters[name]["schema"]["type"], parameters[name]["explode"]) == ("array", False)
    assert any(x["rel"] == "profile" and x["href"] == PROFILE for x in get(client, ITEMS)["links"])
    sortables = get(client, f"{COLLECTION}/sortables")["properties"]
    assert {"title", "updated", "rows"} <= set(sortables)
