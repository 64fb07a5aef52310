"""Every notation of `srsName`."""

from __future__ import annotations

import pytest
from pyproj import CRS

from ldt.axis import AxisOrder
from ldt.sources.gml_crs import parse_srs_name

XY, YX, UNKNOWN = AxisOrder.XY, AxisOrder.YX, AxisOrder.UNKNOWN


@pytest.mark.parametrize(
    ("text", "code", "order"),
    [
        ("urn:ogc:def:crs:EPSG::4258", "EPSG:4258", YX),
        ("urn:ogc:def:crs:EPSG:6.9:4258", "EPSG:4258", YX),
        ("urn:x-ogc:def:crs:EPSG:4326", None, None),
        ("urn:x-ogc:def:crs:EPSG::4326", "EPSG:4326", YX),
        ("URN:OGC:DEF:CRS:EPSG::25832", "EPSG:25832", XY),
        ("urn:ogc:def:crs:EPSG::3035", "EPSG:3035", YX),
        ("urn:ogc:def:crs:EPSG::31467", "EPSG:31467", YX),
        ("urn:ogc:def:crs:OGC:1.3:CRS84", "OGC:CRS84", XY),
        ("http://www.opengis.net/def/crs/EPSG/0/4258", "EPSG:4258", YX),
        ("https://www.opengis.net/def/crs/EPSG/9.9.1/3067/", "EPSG:3067", XY),
        ("http://www.opengis.net/def/crs/OGC/1.3/CRS84", "OGC:CRS84", XY),
        ("http://www.opengis.net/gml/srs/epsg.xml#4326", "EPSG:4326", XY),
        ("EPSG:4258", "EPSG:4258", UNKNOWN),
        ("epsg:4326", "EPSG:4326", UNKNOWN),
        ("EPSG:3035", "EPSG:3035", UNKNOWN),
        ("EPSG:25832", "EPSG:25832", XY),
        (" EPSG:25832 ", "EPSG:25832", XY),
        ("CRS84", "OGC:CRS84", XY),
        ("CRS:84", "OGC:CRS84", XY),
        ("OGC:CRS84", "OGC:CRS84", XY),
        ("urn:adv:crs:ETRS89_UTM32", "EPSG:25832", XY),
        ("urn:adv:crs:ETRS89_UTM33*DE_DHHN2016_NH", "EPSG:25833", XY),
        ("urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::7837", "EPSG:25832", XY),
        ("urn:ogc:def:crs,crs:EPSG::4258,crs:EPSG::5621", "EPSG:4258", YX),
        (
            "http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs/EPSG/0/4258&2=http://www.opengis.net/def/crs/EPSG/0/5621",
            "EPSG:4258",
            YX,
        ),
        ("urn:ogc:def:crs:EPSG::4937", "EPSG:4258", YX),
        ("urn:ogc:def:crs:EPSG::999999", None, None),
        ("urn:ogc:def:crs:XYZ::1", None, None),
        ("http://example.org/crs/1", None, None),
        ("urn:adv:crs:unknown", None, None),
        ("", None, None),
    ],
)
def test_notations(text: str, code: str | None, order: AxisOrder | None) -> None:
    got = parse_srs_name(text)
    if code is None:
        assert got is None
        return
    assert got is not None
    assert got.order is order
    assert CRS.from_json(got.projjson).equals(CRS(code).to_2d(), ignore_axis_order=True) or CRS.from_json(
        got.projjson
    ) == CRS(code)
    assert got.text == text.strip()
