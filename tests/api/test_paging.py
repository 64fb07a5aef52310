"""Paging sees one state, whole, whatever arrives meanwhile; a past state answers as it did then."""

from __future__ import annotations

from typing import Any

import pytest
import shapely
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.testclient import TestClient

from ldt.api.paging import read_token, write_token
from ldt.errors import BadToken

ITEMS = "/twins/town/collections/administrative-units/items"


def next_of(document: dict[str, Any]) -> str | None:
    found = [one["href"] for one in document["links"] if one["rel"] == "next"]
    assert len(found) <= 1
    return found[0] if found else None


def walk(client: TestClient, address: str | None) -> list[dict[str, Any]]:
    pages = []
    while address:
        answer = client.get(address)
        assert answer.status_code == 200, answer.text
        pages.append(answer.json())
        address = next_of(pages[-1])
    return pages


def ids(pages: list[dict[str, Any]]) -> list[str]:
    return [feature["id"] for page in pages for feature in page["features"]]


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core")
def test_pages_visit_every_feature_once(client: TestClient) -> None:
    for limit in (1, 7, 24, 25, 26, 10_000_000_000):
        pages = walk(client, f"{ITEMS}?limit={limit}")
        assert ids(pages) == [f"places.q{i:02d}" for i in range(25)]
        assert [p["numberMatched"] for p in pages] == [25] * len(pages)
        assert sum(p["numberReturned"] for p in pages) == 25
        assert len(pages) == -(-25 // limit)


def test_the_next_link_is_in_the_header_too_and_keeps_the_filters(client: TestClient) -> None:
    answer = client.get(f"{ITEMS}?limit=2&bbox=7,50,7.05,51&country=DE")
    to = next_of(answer.json())
    assert to is not None
    assert f'<{to}>; rel="next"; type="application/geo+json"' in answer.headers["link"]
    assert ids(walk(client, to)) == ["places.q02", "places.q03", "places.q04", "places.q05"]


def test_a_token_is_for_its_query_only(client: TestClient) -> None:
    to = next_of(client.get(f"{ITEMS}?limit=2&country=DE").json())
    assert to is not None
    assert client.get(to.replace("country=DE", "country=NL")).status_code == 400
    assert client.get(to.replace("limit=2", "limit=3")).json()["numberReturned"] == 3
    assert client.get(to.replace("administrative-units", "protected-sites")).status_code == 400
    assert client.get(to + "&f=html").status_code == 200


def test_paging_sees_one_state_while_a_new_version_arrives(own_town: Any, quarters: Any) -> None:
    town, client = own_town
    first = client.get(f"{ITEMS}?limit=10").json()
    # The new version takes away q11 and q20, moves q12, and adds one in between and one at the end.
    objects = {k: v for k, v in quarters.items() if k not in {"q11", "q20"}}
    objects["q12"] = (shapely.box(8, 50, 9, 51), {"name": "moved"})
    objects |= {"q10a": (shapely.Point(7, 50), {"name": "new"}), "z": (shapely.Point(7, 50), {"name": "new"})}
    town.features(objects)
    rest = walk(client, next_of(first))
    seen = ids([first, *rest])
    assert seen == [f"places.q{i:02d}" for i in range(25)]
    assert {p["snapshot"] for p in rest} == {first["snapshot"]} == {"town@5"}
    moved = next(f for p in rest for f in p["features"] if f["id"] == "places.q12")
    assert moved["properties"]["name"].startswith("Quarter 12")
    now = ids(walk(client, f"{ITEMS}?limit=10"))
    assert now == sorted(f"places.{k}" for k in objects)
    # The old state can still be asked for: by revision, by name, by token.
    for at in ("5", "town@5"):
        assert ids(walk(client, f"{ITEMS}?limit=9&at={at}")) == seen
    then = client.get(f"{ITEMS}/places.q12?at=5").json()
    assert then["properties"] == moved["properties"]
    assert client.get(f"{ITEMS}/places.q12").json()["properties"] == {"name": "moved"}
    assert client.get(f"{ITEMS}/places.q11").status_code == 404
    assert client.get(f"{ITEMS}/places.q11?at=5").status_code == 200


def test_a_token_that_outlived_its_state_is_410(own_town: Any, quarters: Any) -> None:
    town, client = own_town
    to = next_of(client.get(f"{ITEMS}?limit=10").json())
    town.features(dict(list(quarters.items())[:20]))
    town.conn.execute("UPDATE ldt.version SET pruned = true WHERE version = 1 AND added = 25")
    gone = client.get(to)
    assert gone.status_code == 410
    assert gone.json()["type"] == "urn:ldt:problem:gone"
    assert gone.json()["where"] == "token"
    assert client.get(f"{ITEMS}?at=5").status_code == 410


def test_a_token_of_a_state_that_never_was_is_400(own_town: Any) -> None:
    _, client = own_town
    token = write_token(_request(ITEMS), 99, (1, "q01"))
    assert client.get(f"{ITEMS}?token={token}").status_code == 400


def test_rows_other_than_features_are_paged_too(client: TestClient) -> None:
    for path, member, number in [
        ("/twins/town/latest", "values", 3),
        ("/twins/town/datastreams", "datastreams", 3),
        ("/twins/town/datastreams/1/observations", "observations", 3),
        ("/twins/town/datasets/places/outcomes", "records", 2),
    ]:
        whole = client.get(path).json()[member]
        assert len(whole) == number
        pages = walk(client, f"{path}?limit=1")
        assert [p[member][0] for p in pages] == whole


def _request(path: str, query: str = "") -> Request:
    return Request(
        {"type": "http", "path": path, "query_string": query.encode(), "headers": [], "server": ("t", 80)}
    )


@given(
    st.integers(0, 2**63 - 1),
    st.integers(-(2**63), 2**63 - 1),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=100),
)
def test_a_token_says_what_was_written(revision: int, number: int, text: str) -> None:
    request = _request("/a", "x=1")
    token = read_token(request, write_token(request, revision, (number, text)), (int, str))
    assert token is not None
    assert (token.revision, token.position) == (revision, (number, text))


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_text_is_a_token_or_a_bad_one(text: str) -> None:
    with pytest.raises(BadToken) as caught:
        read_token(_request("/a"), text, (int, str))
    assert caught.value.where == "token"
