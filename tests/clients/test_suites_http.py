"""What all suites take for granted: links lead to what they say, by header as by `f`, with HEAD, with a slash, behind a proxy."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx2 as httpx
import pytest
from tests.clients.conftest import City
from tests.clients.suites import GEOJSON, JSON, Suite, items_url

#: One of each kind of collection and of resource is enough: ids are left out when links are compared.
_IDS = re.compile(
    r"(?<=/collections/)(?P<kind>datasets|indicator-values|series(?=\.)|coverage(?=\.))?[^/]+"
    r"|(?<=/items/)[^/]+|(?<=/locations/)[^/]+|(?<=/datasets/)[^/]+|(?<=/datastreams/)[^/]+"
    r"|(?<=/coverages/)[^/]+|(?<=/indicators/)[^/]+|(?<=/vocabularies/)[^/]+|(?<=/dpsir/)[^/]+|(?<=/values/)[^/]+"
)
_FORM = re.compile(r"\bf=([a-z0-9]+)")


@pytest.fixture(scope="module")
def suite(city: City) -> Iterator[Suite]:
    with httpx.Client(timeout=60) as client:
        yield Suite(city.twin.rstrip("/"), client)


def links_of(node: Any) -> Iterator[dict[str, str]]:
    """Yield every link object of a document, wherever it stands."""
    if isinstance(node, list):
        for one in node:
            yield from links_of(one)
    elif isinstance(node, dict):
        if isinstance(node.get("href"), str) and "rel" in node:
            yield node
        for one in node.values():
            yield from links_of(one)


@pytest.fixture(scope="module")
def answers(suite: Suite) -> dict[str, tuple[dict[str, str], httpx.Response]]:
    """What every link of the service led to, asked for by its own type; one of each kind."""
    host = urlsplit(suite.root).netloc
    found: dict[str, tuple[dict[str, str], httpx.Response]] = {}
    waiting: list[dict[str, str]] = [{"href": suite.root, "rel": "root", "type": "application/json"}]
    while waiting:
        link = waiting.pop()
        parts = urlsplit(link["href"])
        if parts.netloc != host or "{" in link["href"] or link["rel"] == "next":
            continue
        if "variables" in link:  # of EDR: what is asked for is still to be said
            continue
        form = _FORM.search(parts.query)
        kind = _IDS.sub(lambda m: m["kind"] or "*", parts.path) + (form[1] if form else "")
        if kind in found:
            continue
        answer = suite.get(link["href"], link.get("type", "*/*"))
        found[kind] = (link, answer)
        if "json" in answer.headers["content-type"] and answer.status_code == 200:
            waiting += links_of(answer.json())
    assert len(found) > 60
    return found


def test_every_link_leads_to_what_it_says(answers: dict[str, tuple[dict[str, str], httpx.Response]]) -> None:
    for link, answer in answers.values():
        assert answer.status_code == 200, (link, answer.text[:300])
        if "type" in link:
            sent = answer.headers["content-type"].replace(" ", "")
            assert sent.startswith(link["type"].replace(" ", "")), (link, sent)


def test_head_tells_what_get_would(
    suite: Suite, answers: dict[str, tuple[dict[str, str], httpx.Response]]
) -> None:
    plain = [found for found in answers.values() if "f=" not in found[0]["href"]]
    assert len(plain) > 40
    for link, answer in plain:
        head = suite.client.head(link["href"], headers={"accept": link.get("type", "*/*")})
        assert (head.status_code, head.content) == (200, b""), link
        for name in ("content-type", "etag", "content-crs"):
            assert head.headers.get(name) == answer.headers.get(name), (link, name)


def test_a_form_by_header_is_the_form_by_name(suite: Suite) -> None:
    """`f` goes before the header; a type that nobody speaks is told so."""
    for path, names in (
        ("/collections/protected-sites/items", ("geojson", "html", "jsonfg", "csv", "flatgeobuf", "parquet")),
        ("/collections/protected-sites", ("json", "html")),
        ("/collections", ("json", "html")),
        ("/conformance", ("json", "html")),
        ("/api", ("oas30", "oas31", "html")),
    ):
        for name in names:
            by_name = suite.get(path, "image/png", f=name)
            assert by_name.status_code == 200, (path, name)
            media = by_name.headers["content-type"].partition("; charset")[0]
            by_header = suite.get(path, media)
            assert by_header.headers["content-type"] == by_name.headers["content-type"]
            assert "Accept" in by_header.headers["vary"]
        assert suite.get(path, "image/png").status_code == 406
        assert suite.get(path, f="nothing").status_code == 400
        slash = suite.get(path + "/")
        assert (slash.status_code, slash.headers["content-type"]) == (
            200,
            suite.get(path).headers["content-type"],
        )


def test_behind_a_proxy_that_ends_tls(suite: Suite) -> None:
    """Links keep the scheme and the host that the client used; a path before them is `LDT_SERVICE_URL`'s to say."""
    headers = {"accept": JSON, "host": "twins.example.org", "x-forwarded-proto": "https"}
    document = suite.client.get(suite.root, headers=headers).json()
    assert {urlsplit(link["href"])[:2] for link in document["links"]} == {("https", "twins.example.org")}


def test_a_page_is_one_state(suite: Suite) -> None:
    """A page link asks for the same, again and again, whatever the header says."""
    one = suite.document("/collections/land-cover-units")
    page = suite.document(items_url(one) or "", GEOJSON, limit="5")
    (following,) = (link["href"] for link in page["links"] if link["rel"] == "next")
    first, second = (suite.document(following, accept) for accept in (GEOJSON, "*/*"))
    assert [f["id"] for f in first["features"]] == [f["id"] for f in second["features"]]
    assert not {f["id"] for f in first["features"]} & {f["id"] for f in page["features"]}
