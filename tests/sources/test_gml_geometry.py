"""GML geometry: expectations written by hand, and GDAL's reading of the same elements."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from lxml import etree

from ldt.sources.gml_geometry import GmlGeometryError, geometry_wkb, is_geometry

NS = "http://www.opengis.net/gml/3.2"


def parse(xml: str, dimension: int | None = None, namespace: str = NS) -> shapely.Geometry | None:
    root = etree.fromstring(f'<r xmlns="{namespace}" xmlns:xlink="http://www.w3.org/1999/xlink">{xml}</r>')
    wkb = geometry_wkb(root[0], dimension)
    return None if wkb is None else shapely.from_wkb(wkb)


def square(x: float, size: float = 1) -> str:
    return f"<LinearRing><posList>{x} {x} {x + size} {x} {x + size} {x + size} {x} {x + size} {x} {x}</posList></LinearRing>"


SQUARE = f"<Polygon><exterior>{square(0)}</exterior></Polygon>"
HOLED = f"<Polygon><exterior>{square(0, 4)}</exterior><interior>{square(1)}</interior><interior>{square(2.5)}</interior></Polygon>"
LINE = "<LineString><posList>0 0 1 1</posList></LineString>"
SEGMENT = "<LineStringSegment><posList>1 1 2 0</posList></LineStringSegment>"
ARC = "<Arc><posList>0 0 1 1 2 0</posList></Arc>"

CASES = {
    "<Point><pos>1 2</pos></Point>": "POINT (1 2)",
    "<Point><pos>1 2 3</pos></Point>": "POINT (1 2)",
    "<Point><coordinates>1,2</coordinates></Point>": "POINT (1 2)",
    "<Point><coordinates decimal=',' cs=' ' ts=';'>1,5 2,5;</coordinates></Point>": "POINT (1.5 2.5)",
    "<Point><coord><X>1</X><Y>2</Y></coord></Point>": "POINT (1 2)",
    "<MultiPoint><pointMember><Point><pos>1 2</pos></Point></pointMember><pointMembers><Point><pos>3 4</pos></Point></pointMembers></MultiPoint>": "MULTIPOINT ((1 2), (3 4))",
    LINE: "LINESTRING (0 0, 1 1)",
    "<LineString><pos>0 0</pos><pos>1 1</pos></LineString>": "LINESTRING (0 0, 1 1)",
    "<LineString><pos>0 0 9</pos><pos>1 1 9</pos></LineString>": "LINESTRING (0 0, 1 1)",
    "<LineString><coordinates>0,0 1,1,9\n 2,2</coordinates></LineString>": "LINESTRING (0 0, 1 1, 2 2)",
    "<LineString><pointProperty><Point><pos>0 0</pos></Point></pointProperty><pos>1 1</pos></LineString>": "LINESTRING (0 0, 1 1)",
    '<LineString srsDimension="3"><posList>0 0 9 1 1 9</posList></LineString>': "LINESTRING (0 0, 1 1)",
    '<LineString><posList srsDimension="3" count="2">0 0 9 1 1 9</posList></LineString>': "LINESTRING (0 0, 1 1)",
    "<LineString><posList>0 0 9 1 1 9 2 2 9</posList></LineString>": "LINESTRING (0 0, 1 1, 2 2)",
    '<LineString srsDimension="2"><posList>0 0 9 1 1 9 2 2 9</posList></LineString>': "LINESTRING (0 0, 1 1, 2 2)",
    f"<Curve><segments><LineStringSegment><posList>0 0 1 1</posList></LineStringSegment>{SEGMENT}</segments></Curve>": "LINESTRING (0 0, 1 1, 2 0)",
    f"<CompositeCurve><curveMember>{LINE}</curveMember><curveMember><Curve><segments>{SEGMENT}</segments></Curve></curveMember></CompositeCurve>": "LINESTRING (0 0, 1 1, 2 0)",
    f'<OrientableCurve orientation="-"><baseCurve>{LINE}</baseCurve></OrientableCurve>': "LINESTRING (1 1, 0 0)",
    f"<MultiCurve><curveMember>{LINE}</curveMember><curveMember>{LINE}</curveMember></MultiCurve>": "MULTILINESTRING ((0 0, 1 1), (0 0, 1 1))",
    SQUARE: "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))",
    SQUARE.replace("exterior", "outerBoundaryIs"): "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))",
    "<Polygon><exterior><LinearRing><posList>0 0 9 1 0 9 1 1 9 0 0 9</posList></LinearRing></exterior></Polygon>": "POLYGON ((0 0, 1 0, 1 1, 0 0))",
    f"<Polygon><exterior><Ring><curveMember>{LINE}</curveMember><curveMember><LineString><posList>1 1 1 0 0 0</posList></LineString></curveMember></Ring></exterior></Polygon>": "POLYGON ((0 0, 1 1, 1 0, 0 0))",
    f"<Surface><patches><PolygonPatch><exterior>{square(0)}</exterior></PolygonPatch></patches></Surface>": "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))",
    f"<MultiSurface><surfaceMember>{SQUARE}</surfaceMember></MultiSurface>": "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)))",
    f"<MultiSurface><surfaceMembers>{SQUARE}{SQUARE}</surfaceMembers></MultiSurface>": "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)), ((0 0, 1 0, 1 1, 0 1, 0 0)))",
    f"<MultiPolygon><polygonMember>{SQUARE}</polygonMember></MultiPolygon>": "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 1, 0 0)))",
    f"<CompositeSurface><surfaceMember>{SQUARE}</surfaceMember></CompositeSurface>": "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))",
    f"<MultiGeometry><geometryMember>{LINE}</geometryMember><geometryMembers><Point><pos>1 2</pos></Point></geometryMembers></MultiGeometry>": "GEOMETRYCOLLECTION (LINESTRING (0 0, 1 1), POINT (1 2))",
}


@pytest.mark.parametrize("namespace", [NS, "http://www.opengis.net/gml"])
@pytest.mark.parametrize("xml", CASES)
def test_geometry(xml: str, namespace: str) -> None:
    got = parse(xml, namespace=namespace)
    assert got is not None
    assert got.equals_exact(shapely.from_wkt(CASES[xml]), 0)
    assert not got.has_z


def test_holes() -> None:
    got = parse(HOLED)
    assert got is not None
    assert got.area == 16 - 1 - 1
    assert len(got.interiors) == 2


@pytest.mark.parametrize(
    "xml",
    [
        "<Point/>",
        "<Point><pos></pos></Point>",
        "<LineString><posList/></LineString>",
        "<Polygon/>",
        "<MultiSurface/>",
        "<MultiPoint/>",
        "<MultiCurve/>",
        "<MultiGeometry/>",
        "<Surface><patches/></Surface>",
    ],
)
def test_empty(xml: str) -> None:
    assert parse(xml) is None


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<Point><pos>1</pos></Point>", "1 ordinates"),
        ("<Point><pos>1 2 3 4</pos></Point>", "4 ordinates"),
        ("<Point><pos>1,2</pos></Point>", "no numbers"),
        ("<Point><coordinates>1,2 3,4</coordinates></Point>", "2 positions"),
        ("<Point><coordinates>1</coordinates></Point>", "1 ordinates"),
        ("<LineString><posList>0 0 1 1 2</posList></LineString>", "5 ordinates"),
        ("<LineString><posList>0 0</posList></LineString>", "one position"),
        ('<LineString srsDimension="4"><posList>0 0</posList></LineString>', "srsDimension"),
        ("<LineString><posList>0 0 x 1</posList></LineString>", "no numbers"),
        (
            "<Polygon><exterior><LinearRing><posList>0 0 1 0 1 1 0 1</posList></LinearRing></exterior></Polygon>",
            "not closed",
        ),
        (
            "<Polygon><exterior><LinearRing><posList>0 0 1 0 0 0</posList></LinearRing></exterior></Polygon>",
            "3 positions",
        ),
        (f"<Polygon><interior>{square(0)}</interior></Polygon>", "0 exteriors"),
        ("<Solid/>", "a Solid is not read"),
        ("<Curve><segments><BSpline/></segments></Curve>", "a BSpline is not read"),
        ('<MultiSurface><surfaceMember xlink:href="#p"/></MultiSurface>', "is a reference"),
        ("<Curve><segments><Arc><posList>0 0 1 1</posList></Arc></segments></Curve>", "2 positions"),
    ],
)
def test_broken(xml: str, message: str) -> None:
    with pytest.raises(GmlGeometryError, match=message):
        parse(xml)


def test_dimension_from_outside() -> None:
    line = "<LineString><posList>0 0 9 1 1 9</posList></LineString>"
    flat, high = parse(line), parse(line, 3)
    assert flat is not None
    assert high is not None
    assert len(flat.coords) == 3
    assert high.wkt == "LINESTRING (0 0, 1 1)"


# Arcs -------------------------------------------------------------------------------------------------------------------


def test_arc_lies_on_its_circle() -> None:
    """Through (0,0), (1,1), (2,0): centre (1,0), radius 1, 180 degrees in 45 chords of 4 degrees."""
    got = parse(f"<Curve><segments>{ARC}</segments></Curve>")
    assert got is not None
    xy = shapely.get_coordinates(got)
    assert np.hypot(xy[:, 0] - 1, xy[:, 1]) == pytest.approx(1, abs=1e-12)
    assert xy[0].tolist() == [0, 0]
    assert xy[-1].tolist() == [2, 0]
    assert [1.0, 1.0] in xy.tolist()
    steps = np.degrees(2 * np.arcsin(np.hypot(*np.diff(xy, axis=0).T) / 2))
    assert steps.max() <= 4 + 1e-9
    # Length of n chords of 90/23 degrees on either side of the middle position.
    assert got.length == pytest.approx(46 * 2 * math.sin(math.radians(90 / 23) / 2), rel=1e-12)


@pytest.mark.parametrize("middle", ["0.2 0.1", "1 1", "1 -1", "0 -0.5"])
@pytest.mark.parametrize("offset", [0.0, 5_600_000.0])
def test_arcs_against_gdal(tmp_path: Path, middle: str, offset: float) -> None:
    x, y = (float(v) + offset for v in middle.split())
    arc = f"<Curve><segments><Arc><posList>{offset} {offset} {x} {y} {offset + 2} {offset}</posList></Arc></segments></Curve>"
    got, expected = parse(arc), gdal(tmp_path, arc)
    assert got is not None
    assert shapely.hausdorff_distance(got, expected, densify=0.1) < 3e-3 * max(1, got.length)
    assert got.length == pytest.approx(expected.length, rel=2e-3)


def test_circle_and_arc_string(tmp_path: Path) -> None:
    circle = "<Polygon><exterior><Ring><curveMember><Curve><segments><Circle><posList>0 0 1 1 2 0</posList></Circle></segments></Curve></curveMember></Ring></exterior></Polygon>"
    got = parse(circle)
    assert got is not None
    assert got.area == pytest.approx(math.pi, rel=2e-3)
    string = (
        "<Curve><segments><ArcString><posList>0 0 1 1 2 0 3 -1 4 0</posList></ArcString></segments></Curve>"
    )
    wave = parse(string)
    assert wave is not None
    assert wave.length == pytest.approx(2 * math.pi, rel=1e-3)
    assert wave.length == pytest.approx(gdal(tmp_path, string).length, rel=1e-3)


def test_collinear_arc_is_a_line() -> None:
    got = parse("<Curve><segments><Arc><posList>0 0 1 1 2 2</posList></Arc></segments></Curve>")
    assert got is not None
    assert got.wkt == "LINESTRING (0 0, 1 1, 2 2)"


# Against GDAL -------------------------------------------------------------------------------------------------------------


def gdal(folder: Path, xml: str) -> shapely.Geometry:
    """Read one geometry as GDAL's GML driver reads it."""
    path = folder / "one.gml"
    path.write_text(
        f'<FeatureCollection xmlns="{NS}" xmlns:t="urn:t"><featureMember><t:f><t:geometry>{xml}</t:geometry></t:f></featureMember></FeatureCollection>'
    )
    return shapely.from_wkb(pyogrio.raw.read(path, columns=[], force_2d=True)[2][0])


def has_heights(xml: str) -> bool:
    """Heights that GDAL's Python readers cannot deliver flat, or reads as more positions where srsDimension is absent."""
    return any(mark in xml for mark in (" 9", ",9", "1 2 3"))


@pytest.mark.parametrize(
    "xml",
    [
        x
        for x in CASES
        if not has_heights(x) and not any(k in x for k in ("decimal", "Orientable", "<coord>"))
    ],
)
def test_against_gdal(tmp_path: Path, xml: str) -> None:
    got, expected = parse(xml), gdal(tmp_path, xml)
    assert got is not None
    assert shapely.get_coordinates(got).tolist() == shapely.get_coordinates(expected).tolist()


def test_what_is_geometry() -> None:
    assert is_geometry("{http://www.opengis.net/gml/3.2}Point")
    assert is_geometry("{http://www.opengis.net/gml}Solid")
    assert not is_geometry("{http://www.opengis.net/gml/3.2}Envelope")
    assert not is_geometry("{urn:x}Point")
