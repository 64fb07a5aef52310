"""DPSIR of a twin: which boxes are filled, with what, and why the others are empty."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from lxml import html as lxml_html
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.model.dpsir import Chain
from ldt.model.indicator import Value, ValueKey
from ldt.model.snapshot import OPERATOR, Access
from ldt.store import snapshots, values
from ldt.store.catalogue import read_files
from ldt.store.connect import connect
from ldt.store.revisions import next_revision

NO2, PM10, NATURE = "no2-annual-mean", "pm10-annual-mean", "natural-share"
VERDICT = {"rule_set": "2008-50-ec", "verdict": "exceeded", "limit": 40.0, "in_force": True}


def value(indicator: str, scheme: str, code: str, year: int, number: float | None, **more: Any) -> Value:
    return Value(
        key=ValueKey(indicator, scheme, code, str(year)),
        period_start=datetime(year, 1, 1, tzinfo=UTC),
        period_end=datetime(year + 1, 1, 1, tzinfo=UTC),
        unit="ug/m3" if indicator in (NO2, PM10) else "%",
        status=more.pop("status", "valid"),
        method="by hand",
        name=more.pop("name", f"Name of {code}"),
        value=number,
        **more,
    )


def write(url: str, *found: Value) -> None:
    """Store values, one run for each indicator."""
    with connect(url) as conn:
        for indicator in sorted({v.key.indicator for v in found}):
            mine = [v for v in found if v.key.indicator == indicator]
            scope = values.Scope(
                indicator, frozenset(v.key.scheme for v in mine), frozenset(v.key.period for v in mine)
            )
            now = datetime.now(UTC)
            with conn.transaction():
                snapshot = snapshots.resolve(conn, "town", OPERATOR, None)
                changed = values.changes(conn, snapshot, scope, mine)
                revision = next_revision(conn, snapshot.twin_id, "values")
                run = values.RunRecord(indicator, now, now, "0", {}, "", "", {}, [])
                values.write(conn, snapshot, revision, run, changed)


@pytest.fixture(scope="module")
def client(town_url: str) -> Iterator[TestClient]:
    write(
        town_url,
        # Of an earlier year nothing could be computed at all, which says nothing of the latest.
        value(NO2, "twin", "town", 2021, None, status="not-computable", reason="needs NO2"),
        value(NO2, "city", "C", 2022, 41.0),
        value(NO2, "city", "C", 2023, 44.5, verdicts=[VERDICT], name="<b>C</b>"),
        value(NO2, "station", "DE01", 2023, 44.5),
        value(NO2, "station", "DE02", 2023, 12.0),
        value(NO2, "station", "DE03", 2023, None, status="insufficient", reason="50 % of 75 %"),
        value(PM10, "city", "C", 2022, 20.0),
        value(PM10, "city", "C", 2023, None, status="insufficient", reason="10 % of 75 %"),
        value(NATURE, "twin", "town", 2023, None, status="not-computable", reason="needs land cover"),
        value("data-completeness", "city", "secret", 2023, 1.0, access=Access.RESTRICTED),
        value("protected-area-share", "quarter", "01", 2023, 3.0),
    )
    with TestClient(create_app(town_url), raise_server_exceptions=False) as found:
        yield found


def get(client: TestClient, path: str = "/twins/town/dpsir", **query: str) -> Any:
    answer = client.get(path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def parse(content: bytes) -> Any:
    return lxml_html.document_fromstring(content)


def boxes(document: dict[str, Any]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(c["id"], n["id"]): n for c in document["chains"] for n in c["nodes"]}


def test_a_box_holds_the_city_value_of_the_latest_period_or_says_why_it_is_empty(client: TestClient) -> None:
    document = get(client)
    found = boxes(document)
    assert (document["scheme"], document["code"], document["period"]) == ("city", None, None)
    no2 = found["air", "no2-annual-mean"]
    assert (no2["state"], no2["reason"]) == ("filled", None)
    assert [(v["code"], v["period"], v["value"], v["unit"]) for v in no2["values"]] == [
        ("C", "2023", 44.5, "ug/m3")
    ]
    served = client.get(no2["values"][0]["links"][0]["href"]).json()
    assert (served["value"], served["id"]) == (44.5, no2["values"][0]["id"])

    def state(*box: str) -> tuple[str, str]:
        chain, node = box
        return found[chain, node]["state"], found[chain, node]["reason"]

    # The latest period counts, also where an older one has a number.
    assert state("air", "pm10-annual-mean") == ("insufficient", "10 % of 75 %")
    assert found["air", "pm10-annual-mean"]["values"][0]["value"] is None
    assert state("biodiversity", "natural-and-semi-natural-share") == ("not-computable", "needs land cover")
    assert state("biodiversity", "protected-area-share") == (
        "not-computed",
        "no value was computed for city; it has values for quarter: 2023",
    )
    assert state("air", "attributable-deaths")[0] == "not-defined"
    assert "attributable-deaths" in state("air", "attributable-deaths")[1]
    assert state("air", "population")[0] == "no-indicator"


def test_every_box_is_counted_once_and_only_boxes_with_a_number_as_filled(client: TestClient) -> None:
    document = get(client)
    shipped = read_files("dpsir", Chain)
    assert {c["id"] for c in document["chains"]} == {c.id for c in shipped}
    assert document["boxes"]["total"] == sum(len(c.nodes) for c in shipped)
    assert document["boxes"]["filled"] == 1  # NO2, in the chain of air only
    empty = document["boxes"]["empty"]
    assert (empty["insufficient"], empty["not-computable"]) == (1, 1)
    assert sum(empty.values()) + 1 == document["boxes"]["total"]
    for chain in document["chains"]:
        assert chain["boxes"]["total"] == len(chain["nodes"])
        assert chain["boxes"]["filled"] == sum(
            any(v["value"] is not None for v in n["values"]) for n in chain["nodes"]
        )


def test_unit_and_period_can_be_chosen(client: TestClient) -> None:
    stations = boxes(get(client, scheme="station"))["air", "no2-annual-mean"]["values"]
    assert [(v["code"], v["value"]) for v in stations] == [("DE01", 44.5), ("DE02", 12.0), ("DE03", None)]
    one = boxes(get(client, scheme="station", code="DE02"))["air", "no2-annual-mean"]
    assert [v["value"] for v in one["values"]] == [12.0]
    lacking = boxes(get(client, scheme="station", code="DE03"))["air", "no2-annual-mean"]
    assert (lacking["state"], lacking["reason"]) == ("insufficient", "50 % of 75 %")
    past = boxes(get(client, period="2022"))
    assert past["air", "no2-annual-mean"]["values"][0]["value"] == 41.0
    assert past["air", "pm10-annual-mean"]["values"][0]["value"] == 20.0
    never = boxes(get(client, period="1990"))["air", "no2-annual-mean"]
    assert (never["state"], "in 1990" in never["reason"]) == ("not-computed", True)
    # Forms send what was not filled in as an empty text.
    assert (
        get(client, scheme="", code="", period="")["chains"][0]["boxes"] == get(client)["chains"][0]["boxes"]
    )


def test_a_scheme_that_there_is_not_is_refused_with_those_that_there_are(client: TestClient) -> None:
    answer = client.get("/twins/town/dpsir?scheme=nowhere")
    assert answer.status_code == 400
    assert answer.json()["remedy"] == "the twin has values for: city, quarter, station"
    assert get(client, scheme="nuts3")["boxes"]["filled"] == 0  # a scheme, without values
    assert client.get("/twins/town/dpsir/nowhere").status_code == 404
    assert client.get("/twins/nowhere/dpsir").status_code == 404


def test_a_twin_without_cities_shows_its_widest_units(own_town: Any) -> None:
    town, client = own_town
    assert get(client)["scheme"] == "city"
    write(town.url, value(NO2, "quarter", "1", 2023, 1.0), value(NO2, "district", "1", 2023, 2.0))
    document = get(client)
    assert document["scheme"] == "district"
    assert boxes(document)["air", "no2-annual-mean"]["values"][0]["value"] == 2.0


def test_past_states_are_shown_as_they_were(own_town: Any) -> None:
    town, client = own_town
    before = get(client)["snapshot"]
    write(town.url, value(NO2, "city", "C", 2023, 5.0))
    assert get(client)["boxes"]["filled"] == 1
    then = get(client, at=before)
    assert (then["snapshot"], then["boxes"]["filled"]) == (before, 0)
    assert f"at={before}" in then["chains"][0]["links"][0]["href"]


def test_what_may_not_be_seen_fills_no_box_and_is_not_hinted_at(client: TestClient) -> None:
    assert "secret" not in client.get("/twins/town/dpsir").text
    assert "data-completeness" not in client.get("/twins/town/dpsir").text


def test_an_arrow_has_the_indicators_of_its_two_ends_with_their_values(client: TestClient) -> None:
    document = get(client, "/twins/town/dpsir/air")
    defined = get(client, "/dpsir/air")
    assert [(a["from"], a["to"]) for a in document["arrows"]] == [
        (a["from"], a["to"]) for a in defined["arrows"]
    ]
    nodes = {n["id"]: n for n in document["nodes"]}
    for arrow in document["arrows"]:
        assert {"evidence", "lag", "strength"} <= arrow.keys()
        assert [e["id"] for e in arrow["ends"]] == [arrow["from"], arrow["to"]]
        for end in arrow["ends"]:
            assert end == {k: nodes[end["id"]][k] for k in end}
    to_no2 = [a for a in document["arrows"] if a["to"] == "no2-annual-mean"]
    assert {a["ends"][1]["values"][0]["value"] for a in to_no2} == {44.5}


@pytest.mark.parametrize("path", ["/dpsir", "/dpsir/air", "/twins/town/dpsir", "/twins/town/dpsir/air"])
def test_a_page_has_the_five_columns_in_order(client: TestClient, path: str) -> None:
    page = parse(client.get(f"{path}?f=html").content)
    for chain in page.xpath("//div[@class='chain']"):
        names = chain.xpath("section/h3/text()")
        assert names == ["Driving forces", "Pressures", "State", "Impact", "Responses"]
    assert page.xpath("//script") == []
    boxes_of_twin = page.xpath("//div[contains(@class, 'filled') or contains(@class, 'empty')]")
    assert bool(boxes_of_twin) == path.startswith("/twins")


def test_a_page_tells_filled_boxes_from_empty_ones_and_escapes_names(client: TestClient) -> None:
    answer = client.get("/twins/town/dpsir/air?f=html", headers={"Accept-Language": "de"})
    assert "<b>C</b>" not in answer.text
    page = parse(answer.content)
    filled = page.xpath("//div[@class='box filled']")
    assert [box.get("id") for box in filled] == ["no2-annual-mean"]
    text = " ".join(filled[0].text_content().split())
    assert "NO2-Jahresmittel" in text
    assert "44.5 ug/m3" in text
    assert "<b>C</b>, 2023" in text
    assert "exceeds 2008-50-ec" in text
    lacking = page.xpath("//div[@id='pm10-annual-mean']")[0]
    assert lacking.get("class") == "box empty"
    assert "too little data: 10 % of 75 %" in " ".join(lacking.text_content().split())
    chosen = parse(client.get("/twins/town/dpsir?f=html&scheme=station").content)
    assert chosen.xpath("//select[@name='scheme']/option[@selected]/text()") == ["station"]
    text = " ".join(chosen.xpath("//div[@id='no2-annual-mean']")[0].text_content().split())
    assert "12 to 44.5 ug/m3 2 of 3 units, 2023" in text


def test_titles_are_in_five_languages() -> None:
    for chain in read_files("dpsir", Chain):
        for node in chain.nodes:
            assert set(node.title) == {"en", "de", "fr", "es", "it"}, (chain.id, node.id)
            assert all(node.title.values()), (chain.id, node.id)
