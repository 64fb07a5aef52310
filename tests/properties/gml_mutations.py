"""GML documents with faults in their structure, for the property tests and the soak runs."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from copy import deepcopy

from lxml import etree

_SPACES = (
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:wfs="http://www.opengis.net/wfs/2.0" '
    'xmlns:x="http://inspire.ec.europa.eu/schemas/bu-core2d/4.0" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
)
_RING = "<gml:LinearRing><gml:posList>{0} {0} {1} {0} {1} {1} {0} {1} {0} {0}</gml:posList></gml:LinearRing>"
_POLYGON = f'<gml:Polygon gml:id="p" srsName="urn:ogc:def:crs:EPSG::25832" srsDimension="2"><gml:exterior>{_RING.format(0, 9)}</gml:exterior><gml:interior>{_RING.format(2, 3)}</gml:interior></gml:Polygon>'
_ARCS = (
    '<gml:Curve srsName="EPSG:4258" axisLabels="Lat Long"><gml:segments><gml:Arc><gml:posList>50 7 51 8 52 7</gml:posList></gml:Arc>'
    '<gml:ArcByCenterPoint numArc="1"><gml:pos>50 7</gml:pos><gml:radius uom="m">900</gml:radius><gml:startAngle uom="deg">0</gml:startAngle>'
    '<gml:endAngle uom="deg">90</gml:endAngle></gml:ArcByCenterPoint></gml:segments></gml:Curve>'
)
_WALL = '<gml:surfaceMember><gml:Polygon gml:id="{0}"><gml:exterior><gml:LinearRing><gml:posList srsDimension="3">{1}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>'
_SOLID = (
    '<gml:Solid srsName="urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::7837"><gml:exterior><gml:Shell>'
    + _WALL.format("f1", "0 0 0 9 0 0 9 9 0 0 0 0")
    + _WALL.format("f2", "0 0 0 9 0 0 9 0 5 0 0 0")
    + '<gml:surfaceMember xlink:href="#f1"/></gml:Shell></gml:exterior></gml:Solid>'
)
_OLD = '<gml:MultiPolygon srsName="25832"><gml:polygonMember><gml:Polygon><gml:outerBoundaryIs><gml:LinearRing><gml:coordinates>0,0 9,0 9,9 0,0</gml:coordinates></gml:LinearRing></gml:outerBoundaryIs></gml:Polygon></gml:polygonMember></gml:MultiPolygon>'
_JOINED = '<gml:Polygon><gml:exterior><gml:Ring><gml:curveMember><gml:LineString><gml:posList>0 0 4 0 4 4</gml:posList></gml:LineString></gml:curveMember><gml:curveMember><gml:OrientableCurve orientation="-"><gml:baseCurve><gml:LineString><gml:posList>0 0 0 4 4 4</gml:posList></gml:LineString></gml:baseCurve></gml:OrientableCurve></gml:curveMember></gml:Ring></gml:exterior></gml:Polygon>'


def _feature(number: int, geometry: str) -> str:
    return (
        f'<x:Building gml:id="b{number}"><gml:boundedBy><gml:Envelope srsName="urn:ogc:def:crs:EPSG::25832"><gml:lowerCorner>0 0</gml:lowerCorner>'
        f'<gml:upperCorner>9 9</gml:upperCorner></gml:Envelope></gml:boundedBy><x:floors>{number}</x:floors><x:end xsi:nil="true" nilReason="unknown"/>'
        f'<x:part><x:Part gml:id="t{number}"><x:n>1</x:n></x:Part></x:part><x:of xlink:href="#b1"/><x:geometry>{geometry}</x:geometry></x:Building>'
    )


def documents() -> list[bytes]:
    """Return sound documents: members one by one and many in one, a single feature, geometries of every family."""
    features = [_feature(i, g) for i, g in enumerate((_POLYGON, _ARCS, _SOLID, _OLD, _JOINED), 1)]
    one = "".join(f"<wfs:member>{f}</wfs:member>" for f in features)
    alike = "".join(f"<wfs:member>{_feature(i, _POLYGON)}</wfs:member>" for i in range(4))
    return [
        f"<wfs:FeatureCollection {_SPACES}>{one}</wfs:FeatureCollection>".encode(),
        f'<?xml version="1.0" encoding="UTF-8"?>\n<wfs:FeatureCollection {_SPACES}>\n{alike}\n</wfs:FeatureCollection>'.encode(),
        f"<gml:FeatureCollection {_SPACES}><gml:featureMembers>{''.join(features)}</gml:featureMembers></gml:FeatureCollection>".encode(),
        features[2].replace("<x:Building", f"<x:Building {_SPACES}", 1).encode(),
    ]


_NUMBERS = ("", "nan", "-1e308", "1e999", "0", "1_0", "9" * 400, "1,2", "٣", "0x1", "50 7 8")
_NAMES = ("Polygon", "Solid", "member", "featureMembers", "Curve", "pos", "MultiSurface", "Envelope", "boundedBy", "Point", "segments", "FeatureCollection", "Part")  # fmt: skip
_VALUES = ("", "#b1", "#p", "#f1", "EPSG:4326", "#", "urn:ogc:def:crs,", "3", "-1", "http://www.opengis.net/def/crs-compound?1=", "999999999999", "deg")  # fmt: skip


def mutated(document: bytes, rng: random.Random) -> bytes:
    """Return a document with one to five faults in its structure, and now and then some in its bytes."""
    root = etree.fromstring(document)
    for _ in range(rng.randint(1, 5)):
        elements = list(root.iter("{*}*"))
        rng.choice(_MUTATIONS)(rng.choice(elements), rng.choice(elements), rng)
    declared = b'<?xml version="1.0" encoding="UTF-8"?>' if rng.random() < 0.3 else b""
    data = bytearray(declared + etree.tostring(root, encoding="utf-8"))
    if rng.random() < 0.2:
        for _ in range(rng.randint(1, 3)):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    if rng.random() < 0.1:
        del data[rng.randrange(len(data)) :]
    return bytes(data)


def _drop(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def _double(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    parent = element.getparent()
    if parent is not None:
        for _ in range(rng.choice((1, 1, 3, 40))):
            parent.append(deepcopy(element))


def _nest(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    """Put copies of an element's start into one another."""
    inner = element
    for _ in range(rng.choice((1, 2, 60, 250))):
        inner = etree.SubElement(inner, element.tag, {str(k): str(v) for k, v in element.items()})
    inner.text = element.text


def _move(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    other.append(deepcopy(element))


def _number(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    text = element.text or ""
    element.text = re.sub(r"\d+", lambda m: rng.choice(_NUMBERS) if rng.random() < 0.4 else m[0], text)


def _rename(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    namespace = str(element.tag).rpartition("}")[0].lstrip("{")
    element.tag = f"{{{namespace}}}{rng.choice(_NAMES)}"


def _namespace(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    spaces = ("http://www.opengis.net/gml", "http://www.opengis.net/gml/3.2", "urn:other")
    element.tag = f"{{{rng.choice(spaces)}}}{etree.QName(element).localname}"


def _attribute(element: etree._Element, other: etree._Element, rng: random.Random) -> None:
    known = ("srsName", "srsDimension", "uom", "orientation", "count", "cs", "decimal", "ts", "axisLabels", "{http://www.w3.org/1999/xlink}href", "{http://www.opengis.net/gml/3.2}id")  # fmt: skip
    element.set(rng.choice([*known, *map(str, element.attrib)]), rng.choice(_VALUES))


_MUTATIONS: tuple[Callable[[etree._Element, etree._Element, random.Random], None], ...] = (
    _drop,
    _double,
    _nest,
    _move,
    _number,
    _number,
    _rename,
    _namespace,
    _attribute,
    _attribute,
)
