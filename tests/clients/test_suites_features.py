"""What `ets-ogcapi-features10` checks, Part 2 included: the twin's landing page is what it is pointed at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2 as httpx
import pytest
import shapely
from pyproj import CRS, Transformer
from shapely.geometry import box, shape
from tests.clients.conftest import City
from tests.clients.suites import (  # fmt: skip
    CRS84,
    GEOJSON,
    JSON,
    Document,
    Suite,
    faults_of_openapi,
    items_url,
    of_rel,
    parameters,
)

ITEMS = "/collections/{collectionId}/items"
UNSUPPORTED = "http://www.opengis.net/def/crs/0/unsupported"
CORE = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"
pytestmark = pytest.mark.conformance(
    CORE, CORE.replace("core", "geojson"), CORE.replace("core", "oas30"),
    "http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs",
)  # fmt: skip


@pytest.fixture(scope="module")
def suite(city: City) -> Iterator[Suite]:
    with httpx.Client(timeout=60) as client:
        yield Suite(city.twin.rstrip("/"), client)


@pytest.fixture(scope="module")
def collections(suite: Suite) -> list[Document]:
    found: list[Document] = suite.document("/collections")["collections"]
    return found


@pytest.fixture(scope="module")
def tested(collections: list[Document]) -> list[Document]:
    """What the suite takes for collections of features, all of them."""
    found = [
        c
        for c in collections
        if c.get("itemType", "").lower() in ("", "feature") and of_rel(c["links"], "items")
    ]
    assert len(found) >= 8
    return found


def other_forms(links: list[Document], wanted: set[str]) -> None:
    """`self` and an `alternate` for each other form that the conformance classes promise, each with its type."""
    (here,) = of_rel(links, "self")
    assert wanted - {here["type"]} <= {link["type"] for link in of_rel(links, "alternate")}
    assert all("type" in link for rel in ("self", "alternate", "collection") for link in of_rel(links, rel))


def test_landing_page_and_description(suite: Suite) -> None:
    assert suite.get("/").http_version == "HTTP/1.1"
    assert {"service-desc", "service-doc", "conformance", "data"} <= {
        link["rel"] for link in suite.document("/")["links"]
    }
    api = suite.api()
    assert api["openapi"].startswith("3.0")
    assert list(faults_of_openapi(api)) == []
    assert suite.get(api["servers"][0]["url"] + "/conformance").status_code == 200
    assert {"200", "400"} <= set(api["paths"][ITEMS]["get"]["responses"])


def test_parameters_are_defined_as_the_standard_has_them(suite: Suite) -> None:
    """Abstract tests 14, 16 and 18."""
    found = parameters(suite.api(), ITEMS)
    for name in ("limit", "bbox", "datetime", "crs", "bbox-crs"):
        one = found[name]
        assert (one["style"], one["explode"], one.get("required", False)) == ("form", False, False), name
    limit = found["limit"]["schema"]
    assert limit["type"] == "integer"
    assert 0 <= limit["minimum"] <= limit["default"] <= limit["maximum"]
    bbox = found["bbox"]["schema"]
    assert (bbox["type"], bbox["minItems"], bbox["maxItems"]) == ("array", 4, 6)
    assert bbox["items"]["type"] == "number"
    assert found["datetime"]["schema"]["type"] == "string"


def test_every_collection_of_the_list(suite: Suite, collections: list[Document]) -> None:
    """Also those that are not of features (tests 12 to 14 of version 1.0.1): items, types of links, extents that can be read."""
    whole = suite.document("/collections")
    other_forms(whole["links"], {"application/json", "text/html"})
    for one in collections:
        ways = one["links"]
        assert of_rel(ways, "items"), one["id"]
        assert all({"rel", "type", "href"} <= set(link) for link in ways), one["id"]
        for link in of_rel(ways, "items"):
            answer = suite.get(link["href"], link["type"])
            assert answer.status_code == 200, link
            if link["type"] == GEOJSON:
                assert answer.json()["type"] == "FeatureCollection"
            elif one["itemType"] == "coverage":
                assert {c["dataset"] for c in answer.json()["coverages"]} == set(one["datasets"])
        west, south, east, north = one["extent"]["spatial"]["bbox"][0]
        assert -180 <= west <= east <= 180
        assert -90 <= south <= north <= 90
        for interval in one["extent"].get("temporal", {}).get("interval", []):
            begin, end = (datetime.fromisoformat(i) for i in interval)  # a null would stop the suite
            assert begin <= end


def test_a_collection_says_the_same_as_the_list(suite: Suite, tested: list[Document]) -> None:
    for one in tested:
        alone = suite.document(f"/collections/{one['id']}")
        assert all(alone.get(k) == one.get(k) for k in ("id", "title", "description", "extent"))


def page_is_right(suite: Suite, page: Document, *, whole: bool) -> list[Any]:
    """Abstract tests 2 and 22 to 26 on one page; returns the geometries of its features."""
    assert page["type"] == "FeatureCollection"
    other_forms(page["links"], {GEOJSON, "text/html"})
    stamp = datetime.fromisoformat(page["timeStamp"])
    assert abs(datetime.now(UTC) - stamp) < timedelta(minutes=1)
    assert page["numberReturned"] == len(page["features"])
    if whole and "numberMatched" in page:
        number, following = len(page["features"]), of_rel(page["links"], "next")
        while following:
            # The suite takes the parameters of the link apart and asks for the largest page.
            rest = suite.document(following[0]["href"], GEOJSON, limit="10000")
            number, following = number + len(rest["features"]), of_rel(rest["links"], "next")
        assert number == page["numberMatched"]
    there = [shape(f["geometry"]) for f in page["features"] if f["geometry"]]
    assert all(box(-180, -90, 180, 90).covers(g.envelope) for g in there)
    return there


def test_items_by_place(suite: Suite, tested: list[Document]) -> None:
    """Abstract tests 13 to 15: the extent, and boxes over the meridian, the equator, 180 degrees and the poles."""
    for one in tested:
        extent = one["extent"]["spatial"]["bbox"][0]
        elsewhere = [(-1.5, 50, 1.5, 53), (-80, -5, -70, 5), (177, 65, -177, 70), (-180, 85, 180, 90), (-180, -90, 180, -85)]  # fmt: skip
        for asked in (extent, *elsewhere):
            page = suite.document(items_url(one) or "", GEOJSON, bbox=",".join(map(str, asked)))
            there = page_is_right(suite, page, whole=asked is not extent)
            assert bool(there) == (asked is extent), (one["id"], asked)
            assert asked is not extent or all(box(*asked).intersects(g) for g in there)


def test_items_by_time(suite: Suite, tested: list[Document]) -> None:
    """Abstract tests 18 and 19; with the suite's own way of writing a start and a duration."""
    timed = [c for c in tested if "temporal" in c["extent"]]
    assert len(timed) >= 4
    for one in timed:
        begin, end = (datetime.fromisoformat(i) for i in one["extent"]["temporal"]["interval"][0])
        quarter = (end - begin) / 4
        first, last, later, half = (
            t.isoformat().replace("+00:00", "Z") for t in (begin, end, begin + quarter, begin + 2 * quarter)
        )
        for when in (first, f"{later}/{half}", f"{later[:10]}/P2D", f"../{last}", f"{first}/..", f"/{last}", f"{first}/"):  # fmt: skip
            page_is_right(suite, suite.document(items_url(one) or "", GEOJSON, datetime=when), whole=False)


def test_limits_and_wrong_parameters(suite: Suite, tested: list[Document]) -> None:
    """Abstract tests 16, 17, 20 and 21."""
    for one in tested:
        url = items_url(one) or ""
        for limit in (1, 100):
            page = suite.document(url, GEOJSON, limit=str(limit))
            assert page_is_right(suite, page, whole=limit == 100) is not None
            assert len(page["features"]) <= limit
        for wrong in ({"limit": "unlimited"}, {"unknownQueryParameter12345": "1"}):
            assert suite.get(url, GEOJSON, **wrong).status_code == 400, (url, wrong)
    beyond = suite.document(items_url(tested[0]) or "", GEOJSON, limit="10001")
    assert beyond["numberReturned"] <= 10_000


def test_one_feature(suite: Suite, tested: list[Document]) -> None:
    """Abstract tests 27 to 29: the address is made from that of the items and the id, as it stands in the page."""
    for one in tested:
        url = items_url(one) or ""
        identifier = suite.document(url, GEOJSON, limit="1")["features"][0]["id"]
        feature = suite.document(f"{url.partition('?')[0]}/{identifier}", GEOJSON)
        other_forms(feature["links"], {GEOJSON, "text/html"})
        assert of_rel(feature["links"], "collection")


def test_crs_are_declared(suite: Suite, collections: list[Document], tested: list[Document]) -> None:
    """Part 2, abstract tests 1 to 3."""
    for one in (*collections, *(suite.document(f"/collections/{c['id']}") for c in tested)):
        assert CRS84 in one["crs"]
        assert all(uri.startswith("http://www.opengis.net/def/crs/") for uri in one["crs"])
        assert one.get("storageCrs", CRS84) in one["crs"]


def epsg(uri: str) -> CRS:
    return CRS.from_user_input("OGC:CRS84" if uri == CRS84 else f"EPSG:{uri.rpartition('/')[2]}")


def test_crs_of_answers(suite: Suite, tested: list[Document]) -> None:
    """Part 2, abstract tests 4 to 7: each CRS is sent, named in the header, and is the same place once transformed back."""
    one = next(c for c in tested if c["id"] == "protected-sites")
    url = items_url(one) or ""
    plain = suite.get(url, GEOJSON, limit="1")
    assert plain.headers["content-crs"] == f"<{CRS84}>"
    (feature,) = plain.json()["features"]
    for uri in one["crs"]:
        for address in (url, f"{url.partition('?')[0]}/{feature['id']}"):
            answer = suite.get(address, GEOJSON, crs=uri, **({"limit": "1"} if address is url else {}))
            assert answer.status_code == 200
            assert answer.headers["content-crs"] == f"<{uri}>"
            sent = answer.json()["features"][0] if address is url else answer.json()
            back = Transformer.from_crs(epsg(uri), "OGC:CRS84")  # axes as the authority has them
            placed = shapely.transform(shape(sent["geometry"]), lambda xy, t=back: list(zip(*t.transform(*xy.T), strict=True)))  # fmt: skip
            assert placed.equals_exact(shape(feature["geometry"]), 0.001), uri
    for other in tested:
        address = items_url(other) or ""
        assert suite.get(address, GEOJSON, crs=UNSUPPORTED).status_code == 400
        answer = suite.get(address, GEOJSON, **{"bbox": "5,49,6,50", "bbox-crs": UNSUPPORTED})
        assert answer.status_code == 400


def test_bbox_crs_selects_the_same(suite: Suite, tested: list[Document]) -> None:
    """Part 2, abstract test 8, in all CRS whose area of use holds the city."""
    one = next(c for c in tested if c["id"] == "protected-sites")
    url, extent = items_url(one) or "", one["extent"]["spatial"]["bbox"][0]
    plain = {f["id"] for f in suite.document(url, GEOJSON, bbox=",".join(map(str, extent)))["features"]}
    assert plain
    tried = 0
    for uri in one["crs"]:
        area = epsg(uri).area_of_use
        if area is None or not area.west <= extent[0] <= extent[2] <= area.east:
            continue
        there = Transformer.from_crs("OGC:CRS84", epsg(uri))
        west, south, east, north = extent
        asked = there.transform_bounds(west, south, east, north, densify_pts=0)
        found = suite.document(url, GEOJSON, **{"bbox": ",".join(map(str, asked)), "bbox-crs": uri})
        assert {f["id"] for f in found["features"]} <= plain
        tried += 1
    assert tried >= 6


def test_errors_of_addresses(suite: Suite) -> None:
    for path in (
        "/collections/nothing",
        "/collections/nothing/items",
        "/collections/protected-sites/items/nothing",
    ):
        assert suite.get(path, JSON).status_code == 404, path
