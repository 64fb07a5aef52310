"""JSON-FG: its members, and what GDAL's own reader makes of them."""

from __future__ import annotations

from pathlib import Path

import pyogrio
import pyproj
import pytest
from starlette.testclient import TestClient

SITES = "/twins/town/collections/protected-sites/items"
UNITS = "/twins/town/collections/administrative-units/items"
LAEA = "http://www.opengis.net/def/crs/EPSG/0/3035"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
LIFE = {"interval": ["1990-01-01T00:00:00Z", "2000-01-01T00:00:00Z"]}


def test_a_page(client: TestClient) -> None:
    answer = client.get(SITES, headers={"Accept": "application/vnd.ogc.fg+json"})
    assert answer.headers["content-type"] == "application/vnd.ogc.fg+json"
    document = answer.json()
    assert "http://www.opengis.net/spec/json-fg-1/0.3/conf/core" in document["conformsTo"]
    assert document["featureType"] == "protected-sites"
    assert document["featureSchema"].endswith("/collections/protected-sites/schema")
    assert client.get(document["featureSchema"]).status_code == 200
    assert document["coordRefSys"] == CRS84
    assert document["numberMatched"] == 2
    plain = client.get(SITES).json()["features"]
    for one, same in zip(document["features"], plain, strict=True):
        assert {"type", "id", "time", "place", "geometry", "properties"} == set(one)
        assert one["time"] == LIFE
        assert one["place"] is None
        assert {k: one[k] for k in same} == same
    unknown = client.get(f"{UNITS}?f=jsonfg").json()["features"][0]
    assert unknown["time"] is None


def test_in_another_crs_the_geometry_is_a_place(client: TestClient) -> None:
    feature = client.get(f"{UNITS}?f=jsonfg&crs={LAEA}").json()
    assert feature["coordRefSys"] == LAEA
    first = feature["features"][0]
    assert first["geometry"] is None
    # LAEA Europe is northing, easting.
    to = pyproj.Transformer.from_crs(4326, 3035, always_xy=True)
    east, north = to.transform(7.001, 50.0)
    assert first["place"]["coordinates"][0][0] == pytest.approx([north, east], abs=1e-3)


@pytest.mark.parametrize("crs", [CRS84, LAEA])
def test_gdal_reads_it(client: TestClient, tmp_path: Path, crs: str) -> None:
    path = tmp_path / "units.json"
    path.write_bytes(client.get(f"{UNITS}?f=jsonfg&limit=100&crs={crs}").content)
    assert pyogrio.read_info(path)["driver"] == "JSONFG"
    frame = pyogrio.read_dataframe(path)
    assert len(frame) == 25
    assert frame["code"].tolist() == [f"{i:02d}" for i in range(25)]
    degrees = frame.to_crs(4326).geometry
    assert degrees.iloc[3].bounds == pytest.approx((7.03, 50.0, 7.031, 50.001), abs=1e-6)
    if crs == LAEA:
        assert pyproj.CRS(frame.crs).to_epsg() == 3035


def test_one_item(client: TestClient) -> None:
    feature = client.get(f"{SITES}/sites.s1?f=jsonfg").json()
    assert feature["time"] == LIFE
    assert feature["place"] is None
    assert feature["geometry"]["type"] == "Polygon"
    moved = client.get(f"{SITES}/sites.s1?f=jsonfg&crs={LAEA}").json()
    assert (moved["geometry"], moved["place"]["type"]) == (None, "Polygon")
    assert moved["coordRefSys"] == LAEA
    assert moved["featureType"] == "protected-sites"


def test_properties_and_order_hold_here_too(client: TestClient) -> None:
    document = client.get(f"{UNITS}?f=jsonfg&sortby=-code&properties=code&limit=2").json()
    assert [f["properties"] for f in document["features"]] == [{"code": "24"}, {"code": "23"}]
    following = next(one["href"] for one in document["links"] if one["rel"] == "next")
    assert [f["properties"]["code"] for f in client.get(following).json()["features"]] == ["22", "21"]
