"""Plain HTTP, as `curl` speaks it: from the landing page on by links alone, every collection whole."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import pytest
from tests.clients.conftest import City
from tests.e2e.serving import Reader

PAGE = 2_500


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as found:
        yield found


def to(document: dict[str, object], rel: str) -> str:
    """Return where a link leads; of several the one to JSON."""
    links = [one for one in document["links"] if one["rel"] == rel]  # type: ignore[attr-defined]
    return str(next((one for one in links if "json" in one.get("type", "")), links[0])["href"])


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
)
def test_from_the_landing_page_to_every_item(city: City, client: httpx.Client) -> None:
    landing = client.get(city.twin).json()
    listed = client.get(to(landing, "data")).json()["collections"]
    assert {c["id"] for c in listed if c["itemType"] != "coverage"} == set(city.counts)
    for one in listed:
        if one["itemType"] == "coverage":
            continue
        first = str(httpx.URL(to(one, "items")).copy_merge_params({"limit": str(PAGE)}))
        reader = Reader(client, first)
        pages = list(reader.rest())
        seen = [f["id"] for page in pages for f in page["features"]]
        assert len(seen) == len(set(seen)) == city.counts[one["id"]], one["id"]
        assert len(pages) == max(1, -(-len(seen) // PAGE))
        # The whole collection is counted by its versions: exact, and the same on every page that says it.
        assert {page["numberMatched"] for page in pages if "numberMatched" in page} <= {len(seen)}


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page")
def test_each_link_of_the_landing_page_leads_somewhere(city: City, client: httpx.Client) -> None:
    landing = client.get(city.twin).json()
    collection = client.get(f"{city.twin}collections/land-cover-units").json()
    item = client.get(f"{city.twin}collections/land-cover-units/items?limit=1").json()
    links = {
        one["href"]: one.get("type")
        for d in (landing, collection, item)
        for one in d["links"]
        if not one.get("templated")
    }
    assert len(links) > 20
    for address, media_type in links.items():
        if "{" in address:
            continue
        answer = client.get(address, headers={"Accept": media_type} if media_type else {})
        assert answer.status_code == 200, (address, answer.text[:200])
        if media_type:
            assert answer.headers["content-type"].partition(";")[0] == media_type.partition(";")[0], address
