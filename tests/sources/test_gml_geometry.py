"""GML geometry: expectations written by hand, and GDAL's reading of the same elements."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyogrio
import pytest
import shapely
from lxml import etree
from pyproj import Geod

from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.gml_geometry import GmlGeometryError, Scope, geometry_wkb, is_geometry

NS = "http://www.opengis.net/gml/3.2"


def parse(xml: str, dimension: int | None = None, namespace: str = NS) -> shapely.Geometry | None:
    root = etree.fromstring(f'<r xmlns="{namespace}" xmlns:xlink="http://www.w3.org/1999/xlink">{xml}</r>')
    wkb = geometry_wkb(root[0], dimension, Scope(root))
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
    '<LineString srsDimension="3"><coordinates>0 0 9 1 1 9</coordinates></LineString>': "LINESTRING (0 0, 1 1)",
    "<LineString><posList>0,1,2</posList><coordinates>0,0 1,1</coordinates></LineString>": "LINESTRING (0 0, 1 1)",
    "<Point><pos>1.5,2.5</pos></Point>": "POINT (1.5 2.5)",
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
        ("<Point><coordinates>1,2,3,4</coordinates></Point>", "4 ordinates"),
        ("<Point><pos>50,9 6,9</pos></Point>", "no numbers"),
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
        ("<Curve><segments><OffsetCurve/></segments></Curve>", "a OffsetCurve is not read"),
        ("<Point><pos>nan 2</pos></Point>", "not finite"),
        ("<Point><pos>1e999 2</pos></Point>", "not finite"),
        ("<LineString><posList>0 0 1 1e16</posList></LineString>", "beyond all measure"),
        ("<Point><pos>1 " + "9" * 400 + "</pos></Point>", "not finite"),
        ("<Face><directedEdge/></Face>", "a Face is topology"),
        ("<TopoSurface><directedFace/></TopoSurface>", "a TopoSurface is not read"),
        ("<Curve><segments><BSpline/></segments></Curve>", "a BSpline is not read"),
        ('<MultiSurface><surfaceMember xlink:href="#p"/></MultiSurface>', "is a reference"),
        ("<Curve><segments><Arc><posList>0 0 1 1</posList></Arc></segments></Curve>", "2 positions"),
    ],
)
def test_broken(xml: str, message: str) -> None:
    with pytest.raises(GmlGeometryError, match=message):
        parse(xml)


def test_dimension_from_outside() -> None:
    line = "<LineString><posList>0 1 2 3 4 5</posList></LineString>"
    flat, high = parse(line), parse(line, 3)
    assert flat is not None
    assert high is not None
    assert flat.wkt == "LINESTRING (0 1, 2 3, 4 5)"
    assert high.wkt == "LINESTRING (0 1, 3 4)"


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
    assert is_geometry("{http://www.opengis.net/gml/3.2}TopoSurface")
    assert not is_geometry("{http://www.opengis.net/gml/3.2}TimePeriod")
    assert not is_geometry("{http://www.opengis.net/gml/3.2}RectifiedGrid")
    assert not is_geometry("{urn:x}Point")


# Arcs by centre and by bulge ----------------------------------------------------------------------------------------------


def segment(xml: str) -> str:
    return f"<Curve><segments>{xml}</segments></Curve>"


def by_centre(begin: float, end: float, radius: str = '<radius uom="m">10</radius>') -> str:
    return segment(
        f'<ArcByCenterPoint numArc="1"><pos>100 200</pos>{radius}<startAngle uom="deg">{begin}</startAngle>'
        f'<endAngle uom="deg">{end}</endAngle></ArcByCenterPoint>'
    )


@pytest.mark.parametrize(("begin", "end"), [(0, 90), (90, 0), (30, 300), (-45, 45), (350, 370)])
def test_arc_by_centre(tmp_path: Path, begin: float, end: float) -> None:
    """Angles count from the first axis towards the second; 10 m around (100, 200)."""
    got, expected = parse(by_centre(begin, end)), gdal(tmp_path, by_centre(begin, end))
    assert got is not None
    for place, angle in ((0, begin), (-1, end)):
        x, y = 100 + 10 * math.cos(math.radians(angle)), 200 + 10 * math.sin(math.radians(angle))
        assert got.coords[place] == pytest.approx((x, y), abs=1e-9)
    assert shapely.hausdorff_distance(got, expected) < 0.01
    assert got.length == pytest.approx(10 * math.radians(abs(end - begin)), rel=1e-3)


def test_circle_by_centre() -> None:
    """A radius of 0.01 km around (100, 200); nm are nautical miles of 1852 m."""
    xml = segment('<CircleByCenterPoint><pos>100 200</pos><radius uom="{}">{}</radius></CircleByCenterPoint>')
    ring = "<Polygon><exterior><Ring><curveMember>{}</curveMember></Ring></exterior></Polygon>"
    small, large = parse(ring.format(xml.format("km", 0.01))), parse(ring.format(xml.format("[nmi_i]", 1)))
    assert small is not None
    assert large is not None
    assert small.area == pytest.approx(math.pi * 100, rel=1e-3)
    assert large.area == pytest.approx(math.pi * 1852**2, rel=1e-3)


@pytest.mark.parametrize(("name", "order"), [("urn:ogc:def:crs:EPSG::4326", "yx"), ("CRS84", "xy")])
def test_arc_by_centre_on_the_globe(name: str, order: str) -> None:
    """A radius in miles on a geographic CRS: every position is that far from the centre, measured along the ellipsoid."""
    xml = segment(
        '<ArcByCenterPoint numArc="1"><pos>{}</pos><radius uom="[nmi_i]">5</radius><startAngle uom="deg">0</startAngle>'
        '<endAngle uom="deg">90</endAngle></ArcByCenterPoint>'
    ).format("50 7" if order == "yx" else "7 50")
    root = etree.fromstring(f'<r xmlns="{NS}">{xml}</r>')
    line = shapely.from_wkb(geometry_wkb(root[0], None, Scope(root, parse_srs_name(name))))
    first, second = shapely.get_coordinates(line).T
    latitude, longitude = (first, second) if order == "yx" else (second, first)
    count = len(latitude)
    _, _, distance = Geod(ellps="WGS84").inv([7] * count, [50] * count, longitude, latitude)
    assert distance == pytest.approx([5 * 1852] * count, abs=0.01)
    # From the first axis towards the second: from north to east, or from east to north.
    north, east = (0, -1) if order == "yx" else (-1, 0)
    assert (latitude[north] > 50.08, longitude[north]) == (True, pytest.approx(7))
    assert (longitude[east] > 7.12, latitude[east]) == (True, pytest.approx(50, abs=1e-3))


def test_arc_by_centre_needs_the_order_of_axes() -> None:
    root = etree.fromstring(f'<r xmlns="{NS}">{by_centre(0, 90)}</r>')
    with pytest.raises(GmlGeometryError, match="does not tell the order"):
        geometry_wkb(root[0], None, Scope(root, parse_srs_name("EPSG:4326")))


@pytest.mark.parametrize("bulge", ["0.5", "1", "-0.7", "3"])
def test_arc_by_bulge(tmp_path: Path, bulge: str) -> None:
    """The middle of the arc lies that far to the left of the middle of its chord, from (0, 0) to (2, 0)."""
    xml = segment(
        f"<ArcByBulge><posList>0 0 2 0</posList><bulge>{bulge}</bulge><normal>1</normal></ArcByBulge>"
    )
    got = parse(xml)
    assert got is not None
    assert [1.0, float(bulge)] in shapely.get_coordinates(got).tolist()
    # Circle through the ends and the middle: r = (s^2 + 1) / (2 s) for the height s over a chord of 2.
    s = abs(float(bulge))
    radius = (s * s + 1) / (2 * s)
    xy = shapely.get_coordinates(got)
    centre = math.copysign(1, float(bulge)) * (s - radius)
    assert np.hypot(xy[:, 0] - 1, xy[:, 1] - centre) == pytest.approx(radius)
    expected = gdal(tmp_path, xml)
    assert shapely.hausdorff_distance(got, expected, densify=0.1) < 2e-3 * got.length


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        (by_centre(0, 90, ""), "0 numbers for the radius"),
        (by_centre(0, 90, '<radius uom="furlong">1</radius>'), "a radius in 'furlong'"),
        (by_centre(0, 900), "an arc of 900 degrees"),
        (by_centre(0, 90).replace('uom="deg"', 'uom="hour"'), "an angle in 'hour'"),
        (segment("<ArcByBulge><posList>0 0 2 0</posList></ArcByBulge>"), "2 positions, 0 bulges"),
        (segment("<Clothoid/>"), "a Clothoid is not read"),
        (segment("<CubicSpline><posList>0 0 1 1</posList></CubicSpline>"), "a CubicSpline is not read"),
        (segment("<Circle><posList>0 0 1 1 2 2</posList></Circle>"), "on one line"),
    ],
)
def test_broken_arcs(xml: str, message: str) -> None:
    with pytest.raises(GmlGeometryError, match=message):
        parse(xml)


# Rings of several curves --------------------------------------------------------------------------------------------------


def ring_of(*lines: str) -> str:
    curves = "".join(
        f"<curveMember><LineString><posList>{line}</posList></LineString></curveMember>" for line in lines
    )
    return f"<Polygon><exterior><Ring>{curves}</Ring></exterior></Polygon>"


@pytest.mark.parametrize(
    "lines",
    [
        ("0 0 4 0", "4 0 4 4", "4 4 0 4 0 0"),
        ("0 0 4 0", "4 4 4 0", "0 0 0 4 4 4"),  # the others backwards
        ("4 0 0 0", "4 0 4 4", "4 4 0 4 0 0"),  # the first backwards
        ("0 0 4 0", "4 4 0 4 0 0", "4 0 4 4"),  # in disorder
        ("4 4 4 0", "0 4 0 0", "0 4 4 4", "0 0 4 0"),  # both
        ("0 0 4 0 4 4", "0 0 0 4 4 4"),
    ],
)
def test_ring_is_put_together(lines: tuple[str, ...]) -> None:
    got = parse(ring_of(*lines))
    assert got is not None
    assert got.is_valid
    assert got.equals(shapely.box(0, 0, 4, 4))


def test_ring_that_does_not_meet() -> None:
    with pytest.raises(GmlGeometryError, match=r"do not meet at \(4, 0\)"):
        parse(ring_of("0 0 4 0", "4 1 4 4", "4 4 0 4 0 0"))


def test_orientable_curve_in_a_ring() -> None:
    back = '<OrientableCurve orientation="-"><baseCurve><LineString><posList>0 0 0 4 4 4</posList></LineString></baseCurve></OrientableCurve>'
    xml = ring_of("0 0 4 0 4 4").replace("</Ring>", f"<curveMember>{back}</curveMember></Ring>")
    got = parse(xml)
    assert got is not None
    assert got.equals(shapely.box(0, 0, 4, 4))


# References ---------------------------------------------------------------------------------------------------------------


def test_references_within_the_feature() -> None:
    xml = (
        f'<MultiSurface><surfaceMember xlink:href="#p"/><surfaceMember>{SQUARE}</surfaceMember></MultiSurface>'
        f'<x><Polygon xmlns:gml="{NS}" gml:id="p"><exterior>{square(5)}</exterior></Polygon></x>'
    )
    got = parse(xml)
    assert got is not None
    assert got.area == 2
    assert got.bounds == (0, 0, 6, 6)


@pytest.mark.parametrize("href", ["#none", "http://x/p", "#"])
def test_references_that_lead_nowhere(href: str) -> None:
    with pytest.raises(
        GmlGeometryError, match=r"surfaceMember is a reference to .*, which is not in the same feature"
    ):
        parse(f'<MultiSurface><surfaceMember xlink:href="{href}"/></MultiSurface>')


def test_reference_to_another_document_is_none_to_this() -> None:
    with pytest.raises(GmlGeometryError, match="is a reference to 'xp'"):
        parse(
            '<MultiSurface><surfaceMember xlink:href="xp"/></MultiSurface>'
            f'<x><Polygon xmlns:gml="{NS}" gml:id="p"><exterior>{square(5)}</exterior></Polygon></x>'
        )


def test_references_do_not_multiply() -> None:
    """Eight levels that refer to the next twelve times: 12 to the power of 8 polygons, if each were followed."""
    levels = "".join(
        f'<MultiSurface xmlns:gml="{NS}" gml:id="m{i}">'
        + f'<surfaceMember xlink:href="#m{i + 1}"/>' * 12
        + "</MultiSurface>"
        for i in range(8)
    )
    with pytest.raises(GmlGeometryError, match="more than 16 times"):
        parse(f'{levels}<MultiSurface xmlns:gml="{NS}" gml:id="m8"/>')


def test_geometry_that_contains_itself() -> None:
    with pytest.raises(GmlGeometryError, match="more than 16 times"):
        parse(
            f'<CompositeSurface xmlns:gml="{NS}" gml:id="a"><surfaceMember xlink:href="#a"/></CompositeSurface>'
        )


def test_points_in_points() -> None:
    deep = "<pointProperty><Point>" * 100 + "<pos>0 0</pos>" + "</Point></pointProperty>" * 100
    with pytest.raises(GmlGeometryError, match="too deep"):
        parse(f"<LineString>{deep}<pos>1 1</pos></LineString>")


# Number of ordinates --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pos_list",
    [
        "<posList>50.9 6.9 45.0 50.91 6.91 46.5</posList>",  # nothing is said: as two, degrees and heights would mix
        "<posList>356000 5645000 60 356010 5645020 61 356030 5645030 62 356040 5645030 63</posList>",
        '<posList srsDimension="2" count="2">50.9 6.9 45.0 50.91 6.91 46.5</posList>',  # the count is right
        '<posList srsDimension="3">50.9 6.9 45.0 50.91 6.91 46.5</posList>',
    ],
)
def test_heights_are_dropped(pos_list: str) -> None:
    got = parse(f"<LineString>{pos_list}</LineString>")
    assert got is not None
    numbers = [float(n) for n in pos_list.split(">")[1].split("<")[0].split()]
    assert shapely.get_coordinates(got).ravel().tolist() == [n for i, n in enumerate(numbers) if i % 3 < 2]


@pytest.mark.parametrize(
    "pos_list",
    [
        '<posList srsDimension="3">0 0 1 0 1 1 0 1 0.5 0.5 0 0</posList>',  # three stated, two given
        "<posList>0 0 1 0 1 1 0 1 0.5 0.5 0 0</posList>",
        '<posList srsDimension="2">0 0 7 1 0 7 1 1 7 0 1 7 0.5 0.5 7 0 0 7</posList>',  # two stated, three given
    ],
)
def test_dimension_that_is_wrong(pos_list: str) -> None:
    got = parse(f"<Polygon><exterior><LinearRing>{pos_list}</LinearRing></exterior></Polygon>")
    assert got is not None
    assert got.equals(shapely.Polygon([(0, 0), (1, 0), (1, 1), (0, 1), (0.5, 0.5)]))


# Solids, envelopes, topology ------------------------------------------------------------------------------------------------


def face(*corners: tuple[float, float, float]) -> str:
    text = " ".join(f"{x} {y} {z}" for x, y, z in (*corners, corners[0]))
    return f'<surfaceMember><Polygon><exterior><LinearRing><posList srsDimension="3">{text}</posList></LinearRing></exterior></Polygon></surfaceMember>'


def house(west: float, size: float = 10, eaves: float = 6, ridge: float = 9) -> str:
    """A house with a gable roof: floor, four walls (two of them with gables), two planes of the roof."""
    w, e, s, n, m = west, west + size, 0.0, size, size / 2
    return "".join(
        [
            face((w, s, 0), (w, n, 0), (e, n, 0), (e, s, 0)),
            face((w, s, 0), (e, s, 0), (e, s, eaves), (w, s, eaves)),
            face((w, n, 0), (e, n, 0), (e, n, eaves), (w, n, eaves)),
            face((w, s, 0), (w, n, 0), (w, n, eaves), (w, m, ridge), (w, s, eaves)),
            face((e, s, 0), (e, n, 0), (e, n, eaves), (e, m, ridge), (e, s, eaves)),
            face((w, s, eaves), (e, s, eaves), (e, m, ridge), (w, m, ridge)),
            face((w, n, eaves), (e, n, eaves), (e, m, ridge), (w, m, ridge)),
        ]
    )


@pytest.mark.parametrize(
    ("template", "area"),
    [
        ("<Solid><exterior><Shell>{a}</Shell></exterior></Solid>", 100),
        ("<Solid><exterior><CompositeSurface>{a}</CompositeSurface></exterior></Solid>", 100),
        (
            ("<CompositeSolid><solidMember><Solid><exterior><Shell>{a}</Shell></exterior></Solid></solidMember>"
            "<solidMember><Solid><exterior><Shell>{b}</Shell></exterior></Solid></solidMember></CompositeSolid>"),
            200,
        ),
        ("<MultiSolid><solidMembers><Solid><exterior><Shell>{c}</Shell></exterior></Solid></solidMembers></MultiSolid>", 100),
        ("<MultiSurface>{a}</MultiSurface>", 100),
        ("<CompositeSurface>{a}{b}</CompositeSurface>", 200),
    ],
)  # fmt: skip
def test_footprint_and_height(template: str, area: float) -> None:
    root = etree.fromstring(f'<r xmlns="{NS}">{template.format(a=house(0), b=house(10), c=house(50))}</r>')
    scope = Scope(root)
    wkb = geometry_wkb(root[0], None, scope)
    assert wkb is not None
    got = shapely.from_wkb(wkb)
    assert (got.geom_type, got.is_valid, got.has_z) == ("Polygon", True, False)
    assert got.area == pytest.approx(area)
    assert scope.height == 9


def test_flat_surfaces_with_heights_stay_what_they_are() -> None:
    """Parcels with heights: nothing stands upright, so nothing is united and there is no height."""
    xml = f"<MultiSurface>{face((0, 0, 5), (1, 0, 6), (1, 1, 7))}{face((1, 0, 6), (2, 0, 7), (2, 1, 7))}</MultiSurface>"
    root = etree.fromstring(f'<r xmlns="{NS}">{xml}</r>')
    scope = Scope(root)
    got = shapely.from_wkb(geometry_wkb(root[0], None, scope))
    assert (got.geom_type, len(got.geoms), scope.height) == ("MultiPolygon", 2, None)


def test_surfaces_without_area_stay_what_they_are() -> None:
    """Without heights nothing stands upright: a sliver is broken data, for the checks to judge."""
    flat = "<MultiSurface><surfaceMember><Polygon><exterior><LinearRing><posList>0 0 4 0 8 0 0 0</posList></LinearRing></exterior></Polygon></surfaceMember></MultiSurface>"
    got = parse(flat)
    assert got is not None
    assert got.wkt == "MULTIPOLYGON (((0 0, 4 0, 8 0, 0 0)))"


@pytest.mark.parametrize("xml", ["<Solid/>", "<MultiSolid/>", "<Solid><exterior/></Solid>"])
def test_solids_without_faces(xml: str) -> None:
    assert parse(xml) is None


def test_solid_of_walls_only() -> None:
    wall = face((0, 0, 0), (1, 0, 0), (1, 0, 5), (0, 0, 5))
    with pytest.raises(GmlGeometryError, match="nothing is seen from above"):
        parse(f"<Solid><exterior><Shell>{wall}</Shell></exterior></Solid>")


def test_envelopes() -> None:
    for xml in (
        "<Envelope><lowerCorner>1 2</lowerCorner><upperCorner>3 5</upperCorner></Envelope>",
        '<Envelope srsDimension="3"><lowerCorner>1 2 9</lowerCorner><upperCorner>3 5 9</upperCorner></Envelope>',
        "<Envelope><pos>1 2</pos><pos>3 5</pos></Envelope>",
        "<Box><coordinates>1,2 3,5</coordinates></Box>",
        "<Box><coord><X>1</X><Y>2</Y></coord><coord><X>3</X><Y>5</Y></coord></Box>",
    ):
        got = parse(xml)
        assert got is not None
        assert got.equals(shapely.box(1, 2, 3, 5))
        assert got.is_valid
    with pytest.raises(GmlGeometryError, match="1 corners"):
        parse("<Envelope><lowerCorner>1 2</lowerCorner></Envelope>")


def test_topology_with_its_realisation() -> None:
    got = parse(f"<Edge><directedNode/><curveProperty>{LINE}</curveProperty></Edge>")
    assert got is not None
    assert got.wkt == "LINESTRING (0 0, 1 1)"
