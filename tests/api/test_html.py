"""Every resource has a page for people, which needs nothing from anywhere else and cannot be written into."""

from __future__ import annotations

import re
from typing import Any

import pytest
from lxml import html as lxml_html
from starlette.testclient import TestClient

ITEMS = "/twins/town/collections/administrative-units/items"


def parse(content: bytes) -> Any:
    """Parse a page."""
    return lxml_html.document_fromstring(content)


def pages_below(client: TestClient, start: str) -> dict[str, Any]:
    """Follow every link of every page within the service; returns the parsed pages by address."""
    found: dict[str, Any] = {}
    waiting = [start]
    while waiting:
        address = waiting.pop()
        if address in found:
            continue
        answer = client.get(address, headers={"Accept": "text/html"})
        assert answer.status_code == 200, (address, answer.text[:300])
        if not answer.headers["content-type"].startswith("text/html"):
            continue
        page = parse(answer.content)
        found[address] = page
        for href in page.xpath("//a/@href"):
            path = href.removeprefix("http://testserver")
            other_form = re.search("[?&]f=(?!html)", path)
            # Maps run scripts: tests/api/map has their rules. Concept by concept would say the same again.
            left_out = path.partition("?")[0].endswith("/map") or path.startswith("/vocabularies/")
            # Addresses of queries (EDR) say nothing until it is added what they are asked.
            bare = re.search("/(position|radius|area|cube|trajectory)$", path)
            if path.startswith("/") and not other_form and not left_out and not bare:
                waiting.append(path)
    return found


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/html",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/html",
)
def test_all_pages_can_be_reached_from_the_entry_and_load_nothing(client: TestClient) -> None:
    found = pages_below(client, "/")
    reached = {address.partition("?")[0] for address in found}
    assert {
        "/twins",
        "/twins/town",
        "/twins/town/collections",
        "/twins/town/datasets/places/versions",
        "/twins/town/datasets/places/outcomes",
        "/twins/town/latest",
        "/twins/town/datastreams/1/observations",
        "/twins/town/indicators",
        "/indicators/no2-annual-mean",
        "/dpsir/air",
        f"{ITEMS}/places.q01",
    } <= reached
    for address, page in found.items():
        assert len(page.xpath("//h1")) == 1, address
        assert page.xpath("//title/text()")[0].strip(), address
        assert page.xpath("//nav//a/@href")[:1] == ["http://testserver/"], address
        loaded = page.xpath("//script|//link|//img|//iframe|//object|//embed|//@style|//*[@onclick]")
        assert loaded == [], address
        style = page.xpath("string(//style)")
        assert "@import" not in style
        assert "url(" not in style
        for href in page.xpath("//a/@href"):
            assert re.match("https?://", href), (address, href)


def test_what_comes_from_outside_is_text(client: TestClient) -> None:
    for path in (ITEMS, f"{ITEMS}/places.q03", "/twins", "/twins/town", "/twins/town/datasets/places"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert "<b>bold" not in answer.text
        assert "<town>" not in answer.text
    page = parse(client.get(f"{ITEMS}/places.q03?f=html").content)
    assert page.xpath("//h1")[0].text == "Quarter 3 <b>bold</b>"


def test_pages_may_not_run_scripts(client: TestClient) -> None:
    policy = client.get("/?f=html").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy


def test_a_script_address_is_no_link(own_town: Any, a_square: Any) -> None:
    town, client = own_town
    town.features({"evil": (a_square(7), {"name": "x", "code": "javascript:alert(1)"})}, name="evil")
    answer = client.get(f"{ITEMS}/evil.evil?f=html")
    assert "javascript:alert(1)" in answer.text
    assert 'href="javascript' not in answer.text


def test_places_are_drawn(client: TestClient) -> None:
    page = parse(client.get(f"{ITEMS}?limit=25&f=html").content)
    assert len(page.xpath("//svg//path")) == 25
    stations = "/twins/town/collections/environmental-monitoring-facilities/items?f=html"
    assert len(parse(client.get(stations).content).xpath("//svg//circle")) == 1


@pytest.mark.parametrize(
    ("wanted", "title"),
    [
        ("de", "Titel von places"),
        ("de-AT,en;q=0.5", "Titel von places"),
        ("en;q=0.5, de;q=0.9", "Titel von places"),
        ("fr", "Title of places"),
        ("", "Title of places"),
        ("*;q=x,,;;de", "Title of places"),
    ],
)
def test_titles_are_in_the_language_that_is_wanted(client: TestClient, wanted: str, title: str) -> None:
    answer = client.get("/twins/town/datasets/places?f=html", headers={"Accept-Language": wanted})
    assert parse(answer.content).xpath("//h1/text()") == [title]


def test_a_vocabulary_is_a_page(client: TestClient) -> None:
    found = pages_below(client, "/vocabularies/corine")
    assert "Broad-leaved forest" in parse(client.get("/vocabularies/corine/311?f=html").content).xpath(
        "//h1/text()"
    )
    assert len(found) > 1
