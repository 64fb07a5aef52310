"""Every notation of `srsName`."""

from __future__ import annotations

import pytest
from pyproj import CRS

from ldt.axis import AxisOrder
from ldt.sources.gml_crs import parse_srs_name, with_labels

XY, YX, UNKNOWN = AxisOrder.XY, AxisOrder.YX, AxisOrder.UNKNOWN


@pytest.mark.parametrize(
    ("text", "code", "order"),
    [
        ("urn:ogc:def:crs:EPSG::4258", "EPSG:4258", YX),
        ("urn:ogc:def:crs:EPSG:6.9:4258", "EPSG:4258", YX),
        ("urn:x-ogc:def:crs:EPSG:4326", "EPSG:4326", YX),
        ("urn:x-ogc:def:crs:EPSG:6.11.2:4326", "EPSG:4326", YX),
        ("urn:ogc:def:crs:EPSG:25833", "EPSG:25833", XY),
        ("urn:opengis:def:crs:EPSG::4326", "EPSG:4326", YX),
        ("urn:EPSG:geographicCRS:4326", "EPSG:4326", YX),
        ("urn:EPSG:projectedCRS:25832", "EPSG:25832", XY),
        ("urn:ogc:def:crs:OGC:2:84", "OGC:CRS84", XY),
        ("urn:ogc:def:crs:OGC::CRS84", "OGC:CRS84", XY),
        ("http://www.opengis.net/def/crs/OGC/0/CRS84h", "OGC:CRS84", XY),
        ("http://opengis.net/def/crs/EPSG/0/25832", "EPSG:25832", XY),
        ("http://www.opengis.net/def/crs/EPSG/4258", "EPSG:4258", YX),
        ("http://www.opengis.net/gml/srs/epsg.xml#25832", "EPSG:25832", XY),
        ("EPSG::25832", "EPSG:25832", XY),
        ("EPSG:6.9:4258", "EPSG:4258", UNKNOWN),
        ("25832", "EPSG:25832", XY),
        ("4326", "EPSG:4326", UNKNOWN),
        ("SRID=25832", "EPSG:25832", XY),
        ("SRID=4326;", "EPSG:4326", UNKNOWN),
        ("https://epsg.io/25832", "EPSG:25832", XY),
        ("http://spatialreference.org/ref/epsg/4326/", "EPSG:4326", UNKNOWN),
        ("EPSG:900913", "EPSG:3857", XY),
        ("urn:ogc:def:crs:EPSG::102100", "EPSG:3857", XY),
        ("EPSG:102025", "ESRI:102025", XY),
        ("ESRI:102013", "ESRI:102013", XY),
        ("EPSG:27582", "EPSG:27582", XY),  # deprecated
        ("urn:ogc:def:crs:EPSG::3044", "EPSG:3044", YX),
        ("urn:ogc:def:crs:EPSG::5555", "EPSG:25832", XY),  # with heights
        ("urn:ogc:def:crs,crs:EPSG:6.12:3068,crs:EPSG:6.12:5783", "EPSG:3068", YX),
        ("urn:adv:crs:DE_DHDN_3GK3_HE100*DE_DHHN92_NH", "EPSG:31467", XY),
        ("urn:adv:crs:DE_RD-83_3GK5", "EPSG:3399", XY),
        ("urn:adv:crs:DE_42-83_3GK4", "EPSG:2398", XY),
        ("urn:adv:crs:DE_PD-83_3GK4", "EPSG:3397", XY),
        ("urn:adv:crs:ETRS89_Lat-Lon-h", "EPSG:4258", YX),
        ("12", None, None),
        ("http://www.opengis.net/def/crs-compound?1=http://www.opengis.net/def/crs-compound", None, None),
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


@pytest.mark.parametrize(
    ("text", "labels", "order"),
    [
        ("EPSG:4258", "Lat Long", YX),
        ("EPSG:4258", "Lon,Lat", XY),
        ("EPSG:4258", "x y", UNKNOWN),
        ("EPSG:4258", "", UNKNOWN),
        ("EPSG:4258", None, UNKNOWN),
        ("EPSG:3035", "Northing Easting", YX),
        ("EPSG:25832", "N E", XY),  # the CRS itself leaves no doubt
        ("urn:ogc:def:crs:EPSG::4258", "Long Lat", YX),
    ],
)
def test_axis_labels(text: str, labels: str | None, order: AxisOrder) -> None:
    crs = parse_srs_name(text)
    assert crs is not None
    assert with_labels(crs, labels).order is order


def test_compounds_of_compounds() -> None:
    assert parse_srs_name("http://www.opengis.net/def/crs-compound?1=" * 3_000) is None
