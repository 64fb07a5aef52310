"""Data sets: who may see what of their records, and the five outcomes that add up."""

from __future__ import annotations

import csv
import io
from typing import Any

import lxml.html
from starlette.testclient import TestClient

PLACES = "/twins/town/datasets/places"


def test_the_five_outcomes_add_up_to_what_was_read(client: TestClient) -> None:
    document = client.get(PLACES).json()
    found = document["outcomes"]
    # 25 accepted, one repaired, one rejected: see conftest
    assert (found["read"], found["accepted"], found["repaired"], found["rejected"]) == (27, 25, 1, 1)
    assert found["read"] == sum(
        found[k] for k in ("accepted", "repaired", "rejected", "duplicate", "outside")
    )
    assert document["rows"] == {"all": 25, "added": 25, "changed": 0, "removed": 0}
    assert [len(s["digest"]) for s in document["sources"]] == [64]


def test_raw_records_are_for_operators(client: TestClient, operator: TestClient) -> None:
    path = f"{PLACES}/outcomes?outcome=rejected"
    (public,) = client.get(path).json()["records"]
    assert (public["row"], public["reason"], public["message"]) == (99, "bad-value", "code is missing")
    assert "record" not in public
    for form in ("html", "csv", "json"):
        assert "secret" not in client.get(f"{path}&f={form}").text
    (whole,) = operator.get(path).json()["records"]
    assert whole["record"] == {"secret": "raw"}


def test_restricted_data_sets_are_listed_only_for_who_may_see_them(
    client: TestClient, operator: TestClient
) -> None:
    path = "/twins/town/datasets"
    assert [d["name"] for d in client.get(path).json()["datasets"]] == ["air", "places", "sites", "stations"]
    assert "secret" in [d["name"] for d in operator.get(path).json()["datasets"]]


def test_freshness_is_judged_by_what_is_stated(own_town: tuple[Any, TestClient]) -> None:
    town, client = own_town
    for name, stated in (("air", "hourly"), ("places", "P50Y"), ("sites", "irregular")):
        town.conn.execute("UPDATE ldt.dataset SET update_frequency = %s WHERE name = %s", (stated, name))
    found = {d["name"]: d["freshness"] for d in client.get("/twins/town/datasets").json()["datasets"]}
    assert {n: f["state"] for n, f in found.items()} == {
        "air": "overdue",
        "places": "fresh",
        "sites": "unknown",
        "stations": "unknown",
    }
    # three hours from 2013-01-01T00:00Z, and two more
    assert (found["air"]["data_end"], found["air"]["due"]) == ("2013-01-01T03:00:00Z", "2013-01-01T05:00:00Z")
    assert "two intervals (PT1H) after the data end" in found["air"]["judged"]
    assert found["places"]["data_end"] is None
    year = int(found["places"]["committed"][:4])
    assert found["places"]["due"][:10] == f"{year + 50}{found['places']['committed'][4:10]}"
    assert client.get("/twins/town/datasets/air").json()["freshness"] == found["air"]
    # a past state is judged as of then: the quarters were not due when they were committed
    town.conn.execute("UPDATE ldt.version SET committed = '1950-01-01Z' WHERE revision = 1")
    assert client.get("/twins/town/datasets/places").json()["freshness"]["state"] == "overdue"
    town.conn.execute("UPDATE ldt.revision SET committed = '1950-01-01Z' WHERE revision = 1")
    assert client.get("/twins/town/datasets/places?at=1").json()["freshness"]["state"] == "fresh"


def test_the_table_has_a_column_for_each_fact(own_town: tuple[Any, TestClient]) -> None:
    town, client = own_town
    town.conn.execute("UPDATE ldt.dataset SET update_frequency = 'hourly' WHERE name = 'air'")
    answer = client.get("/twins/town/datasets?f=csv", headers={"accept-language": "de"})
    rows = {r["name"]: r for r in csv.DictReader(io.StringIO(answer.text))}
    air = rows["air"]
    assert air["title"] == "Titel von air"
    assert (air["freshness"], air["due"], air["time_last"]) == (
        "overdue",
        "2013-01-01T05:00:00Z",
        "2013-01-01T03:00:00Z",
    )
    places = rows["places"]
    assert [
        places[k] for k in ("read", "accepted", "repaired", "rejected", "duplicate", "outside", "rows")
    ] == [*("27", "25", "1", "1", "0", "0", "25")]
    assert (places["licence"], places["version"], places["freshness"]) == ("CC0-1.0", "1", "unknown")


def test_the_page_shows_badges_outcomes_and_licences(own_town: tuple[Any, TestClient]) -> None:
    town, client = own_town
    town.conn.execute("UPDATE ldt.dataset SET update_frequency = 'hourly' WHERE name = 'air'")
    page: Any = lxml.html.fromstring(client.get("/twins/town/datasets?f=html").text)
    rows = {r.find(".//a").text: r for r in page.findall(".//table/tr") if r.find(".//a") is not None}
    heads = [h.text for h in page.findall(".//table//th")]
    assert {len(r.findall("td")) for r in rows.values()} == {len(heads)}
    assert heads[-5:] == ["accepted", "repaired", "rejected", "duplicate", "outside"]
    air, places = rows["Title of air"], rows["Title of places"]
    assert [(b.get("class"), b.text) for b in air.findall(".//span") if "badge" in b.get("class")] == [
        ("badge overdue", "overdue")
    ]
    counts = [c.text_content().strip() for c in places.findall("td") if c.get("class") == "count"]
    assert counts == ["27", "25", "1", "1", "0", "0"]
    hrefs = [a.get("href") for a in places.findall(".//a")]
    for href in hrefs:
        if "testserver" in href:
            assert client.get(href).status_code == 200, href
    assert any(h.endswith("/datasets/places/outcomes?outcome=rejected") for h in hrefs)
    assert "https://creativecommons.org/publicdomain/zero/1.0/" in hrefs
    # what a publisher calls itself is text, not markup
    assert "The <town>" in places.text_content()
