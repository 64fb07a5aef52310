"""OGC API - Features, Part 2: every CRS against pyproj, in coordinates that are sent and in rectangles that are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
from shapely.geometry import shape
from starlette.testclient import TestClient

from ldt.store.crs import CODES, crs_of, near, supported

C = "/twins/town/collections/administrative-units"
ITEMS = f"{C}/items"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"


def transformed(code: int, lon: float, lat: float) -> tuple[float, float]:
    """Return a place in the axis order of the CRS's authority, by pyproj."""
    found = pyproj.Transformer.from_crs("OGC:CRS84", f"EPSG:{code}").transform(lon, lat)
    return found[0], found[1]


def corners(feature: dict[str, Any]) -> np.ndarray[Any, Any]:
    return np.array(feature["geometry"]["coordinates"][0])


@pytest.mark.parametrize("code", CODES)
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs")
def test_coordinates_are_those_of_pyproj(client: TestClient, code: int) -> None:
    plain = client.get(f"{ITEMS}?limit=2").json()["features"][1]
    answer = client.get(f"{ITEMS}?limit=2&crs={EPSG}{code}")
    assert answer.headers["content-crs"] == f"<{EPSG}{code}>"
    found = answer.json()["features"][1]
    expected = [transformed(code, *point) for point in corners(plain)]
    tolerance = 2e-7 if code in (4326, 4258) else 0.012  # a step of the last decimal of degrees, in metres
    assert corners(found) == pytest.approx(np.array(expected), abs=tolerance)
    alone = client.get(f"{ITEMS}/{found['id']}?crs={EPSG}{code}")
    assert alone.headers["content-crs"] == f"<{EPSG}{code}>"
    assert alone.json()["geometry"] == found["geometry"]


@pytest.mark.parametrize("code", [4326, 4258, 3035, 3857, 25832, 32631])
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs")
def test_a_rectangle_in_a_crs_finds_what_lies_in_it(client: TestClient, code: int) -> None:
    # The quarters are squares of 0.001 degrees from 7.00 on, each 0.01 further: their middles by pyproj, at most 40 m around.
    for number in (3, 17):
        x, y = transformed(code, 7.0005 + number / 100, 50.0005)
        around = 0.0004 if code in (4326, 4258) else 40
        box = f"{x - around},{y - around},{x + around},{y + around}"
        for spelled in (f"{EPSG}{code}", f"EPSG:{code}", f"[EPSG:{code}]", f"urn:ogc:def:crs:EPSG::{code}"):
            answer = client.get(ITEMS, params={"bbox": box, "bbox-crs": spelled})
            assert [f["id"] for f in answer.json()["features"]] == [f"places.q{number:02d}"]
        high = f"{x - around},{y - around},0,{x + around},{y + around},10"
        again = client.get(ITEMS, params={"bbox": high, "bbox-crs": f"{EPSG}{code}"}).json()
        assert [f["id"] for f in again["features"]] == [f"places.q{number:02d}"]


def test_a_rectangle_in_lambert_s_projection_is_none_in_degrees(client: TestClient) -> None:
    # All quarters lie in the rectangle of degrees around this one, and few in itself, which is turned against north.
    box = (4_100_000.0, 2_990_000.0, 4_110_000.0, 3_010_000.0)
    to = pyproj.Transformer.from_crs("EPSG:3035", "OGC:CRS84", always_xy=True)
    ring = shapely.Polygon(
        [to.transform(*p) for p in shapely.segmentize(shapely.box(*box), 100).exterior.coords]
    )
    quarters = client.get(f"{ITEMS}?limit=25").json()["features"]
    expected = {q["id"] for q in quarters if shape(q["geometry"]).intersects(ring)}
    assert 0 < len(expected) < 25
    swapped = f"{box[1]},{box[0]},{box[3]},{box[2]}"
    found = client.get(ITEMS, params={"bbox": swapped, "bbox-crs": f"{EPSG}3035", "limit": 100}).json()
    assert {f["id"] for f in found["features"]} == expected


def test_the_whole_world_in_web_mercator_is_everything(client: TestClient) -> None:
    world = "-20037508.342789,-20037508.342789,20037508.342789,20037508.342789"
    found = client.get(ITEMS, params={"bbox": world, "bbox-crs": "EPSG:3857", "limit": 100}).json()
    assert found["numberMatched"] == 25


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-2/1.0/conf/crs")
def test_a_collection_lists_what_it_takes(client: TestClient) -> None:
    about = client.get(C).json()
    assert about["crs"][0] == about["storageCrs"] == "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
    # Cologne lies at 7 degrees east, in zone 32, and within three degrees of zone 31.
    zones = {25831, 25832, 32631, 32632}
    assert set(about["crs"][1:]) == {f"{EPSG}{c}" for c in {4326, 4258, 3035, 3857} | zones}
    for uri in supported():
        assert client.get(ITEMS, params={"crs": uri, "limit": 1}).status_code == 200


@pytest.mark.parametrize(
    ("parameters", "where"),
    [
        ({"crs": "http://www.opengis.net/def/crs/0/unsupported"}, "crs"),
        ({"crs": "EPSG:99999"}, "crs"),
        ({"crs": "EPSG:1e9"}, "crs"),
        ({"crs": ""}, "crs"),
        ({"bbox": "7,50,8,51", "bbox-crs": "EPSG:2056"}, "bbox-crs"),
        ({"bbox": "nan,50,8,51", "bbox-crs": "EPSG:25832"}, "bbox"),
        ({"bbox": "1e300,0,1e301,1", "bbox-crs": "EPSG:25832"}, "bbox"),
        ({"bbox": "400000,5600000,300000,5700000", "bbox-crs": "EPSG:25832"}, "bbox"),
        ({"bbox": "1,2,3", "bbox-crs": "EPSG:25832"}, "bbox"),
        ({"bbox": "0,95000000,1,96000000", "bbox-crs": "EPSG:3035"}, "bbox"),
    ],
)
def test_what_is_no_crs_and_no_rectangle_is_400(
    client: TestClient, parameters: dict[str, str], where: str
) -> None:
    answer = client.get(ITEMS, params=parameters)
    assert (answer.status_code, answer.json()["where"]) == (400, where), answer.text
    if where == "crs":
        assert client.get(f"{ITEMS}/places.q03", params=parameters).status_code == 400


def test_a_sketch_for_people_is_only_drawn_of_degrees(client: TestClient) -> None:
    assert "<svg" in client.get(f"{ITEMS}?f=html").text
    assert "<svg" not in client.get(f"{ITEMS}?f=html&crs=EPSG:3035").text


def test_axis_orders_are_those_of_the_authorities() -> None:
    # EPSG's definitions: 4326, 4258 (latitude first) and 3035 (northing first); Web Mercator and UTM begin with easting.
    assert {c for c in CODES if crs_of(f"EPSG:{c}").flipped} == {4326, 4258, 3035}
    assert not crs_of("CRS84").flipped


@pytest.mark.parametrize(
    ("west", "east", "zones"),
    [
        (9.1, 9.2, {32, 33}),
        (2.5, 9.5, {30, 31, 32, 33}),
        (-9.5, -9.1, {28, 29}),
        (179.0, -179.0, set()),
        (-180.0, 180.0, set(range(28, 39))),
    ],
)
def test_zones_that_are_listed_lie_near(west: float, east: float, zones: set[int]) -> None:
    listed = {u.removeprefix(EPSG) for u in near((west, 40.0, east, 50.0))}
    assert listed - {"4326", "4258", "3035", "3857", near(None)[0]} == {
        f"{base + z}" for z in zones for base in (25800, 32600)
    }
