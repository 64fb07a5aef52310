"""Every address of a twin, as it describes itself: whatever a client sends, the answer is a problem that is the client's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.testclient import TestClient

from ldt.api.openapi import operations

PATHS = {
    "collectionId": "administrative-units",
    "featureId": "places.q01",
    "recordId": "places",
    "dataset": "places",
    "datastream": "1",
    "indicator": "no2-annual-mean",
    "chain": "air",
    "locId": "DE01",
    "tileMatrixSetId": "WebMercatorQuad",
    "tileMatrix": "3",
    "tileRow": "2",
    "tileCol": "4",
}
#: What may be asked wrongly: nothing, no number, too large a number, no date, no text, another's path, JSON, SQL, much of it.
NASTY = (
    "", "nan", "-inf", "1e999", "9" * 40, "-1", "2013-02-30T25:61:00Z", "0000-00-00/..", "../../etc/passwd", "{}", "[[[[", "%25s%25n",
    "'; DROP TABLE ldt.twin; --", "1,2,3", "7,51,8,50", "POINT(", "POINT(1e400 0)", "POLYGON((0 0,1 1))", "\U0001f600" * 50, "x" * 5000,
)  # fmt: skip


@pytest.fixture(scope="module")
def described(client: TestClient) -> list[tuple[str, list[str]]]:
    """Each address below the twin whose parts are known here, with the names of its query parameters."""
    found = []
    for path, operation in operations(client.get("/twins/town/api").json()):
        if all(part in PATHS for part in re.findall(r"\{(\w+)\}", path)):
            address = "/twins/town" + re.sub(r"\{(\w+)\}", lambda m: PATHS[m.group(1)], path).rstrip("/")
            found.append((address, [p["name"] for p in operation["parameters"] if p["in"] == "query"]))
    assert len(found) > 40
    assert sum(len(names) for _, names in found) > 200
    return found


def questions(described: list[tuple[str, list[str]]], *values: str) -> Iterator[str]:
    for address, names in described:
        for name in names:
            for value in values:
                yield f"{address}?{name}={value}"


def assert_refused(answer: Any) -> None:
    """Every answer to nonsense is a problem document with a client's status."""
    where = str(answer.url)[:200]
    assert answer.status_code in (400, 404, 406, 413), (where, answer.status_code, answer.text[:300])
    assert answer.headers["content-type"] == "application/problem+json", where
    assert answer.json()["status"] == answer.status_code, where


def test_an_unknown_parameter_is_refused(client: TestClient, described: list[tuple[str, list[str]]]) -> None:
    for address, _ in described:
        assert_refused(client.get(f"{address}?nosuch=1"))


def test_a_parameter_given_twice_is_refused(
    client: TestClient, described: list[tuple[str, list[str]]]
) -> None:
    for address, names in described:
        for name in names:
            assert_refused(client.get(f"{address}?{name}=1&{name}=1"))


@pytest.mark.parametrize("value", ["%00", "a%00b", "%FF", "%C3%28", "%ED%A0%80"])
def test_nul_and_broken_utf_8_are_refused(
    client: TestClient, described: list[tuple[str, list[str]]], value: str
) -> None:
    for address in questions(described, value):
        assert_refused(client.get(address))


def test_nothing_that_is_sent_is_our_fault(
    client: TestClient, described: list[tuple[str, list[str]]]
) -> None:
    for number, address in enumerate(questions(described, "")):
        # Each parameter gets a third of them, all of them get some parameter of every name.
        for value in NASTY[number % 3 :: 3]:
            answer = client.get(address, params={address.partition("?")[2][:-1]: value})
            if answer.status_code >= 400:
                assert_refused(answer)


@pytest.mark.parametrize("path", ["%00", "%FF", "x" * 3000, "..%2f..%2fetc", "%2e%2e", "\u202e"])
def test_parts_of_addresses_too(
    client: TestClient, described: list[tuple[str, list[str]]], path: str
) -> None:
    for address, _ in described:
        answer = client.get(f"{address}/{path}")
        assert answer.status_code in (400, 404), (address, answer.text[:300])


def test_every_address_answers_head_and_options(
    client: TestClient, described: list[tuple[str, list[str]]]
) -> None:
    for address, _ in described:
        plain, head = client.get(address), client.head(address)
        assert head.status_code == plain.status_code, address
        assert head.content == b"", address
        # An empty tile (204) has none.
        assert head.headers.get("content-type") == plain.headers.get("content-type"), address
        assert client.options(address).headers["allow"] == "GET, HEAD, OPTIONS", address
        crossed = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
        assert client.options(address, headers=crossed).headers["access-control-allow-origin"] == "*", address
        assert client.request("DELETE", address).status_code == 405, address


def test_what_has_not_changed_is_not_sent_again(
    client: TestClient, described: list[tuple[str, list[str]]]
) -> None:
    tagged = 0
    for address, _ in described:
        answer = client.get(address)
        if answer.status_code == 200 and (tag := answer.headers.get("etag")):
            again = client.get(address, headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b""), address
            assert client.get(address, headers={"If-None-Match": '"another"'}).status_code == 200, address
            tagged += 1
    assert tagged >= 5
