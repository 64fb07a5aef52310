"""Where features stand in a document: collections of every make, envelopes around them, features in features."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import SourceError
from ldt.sources import gml_members, read
from ldt.sources.source import Batch

Rows = Callable[..., list[dict[str, Any]]]
Batches = Callable[..., list[Batch]]

SPACES = (
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:wfs="http://www.opengis.net/wfs/2.0" '
    'xmlns:x="http://example.org/x/1.0" xmlns:lcv="http://inspire.ec.europa.eu/schemas/lcv/4.0" '
    'xmlns:ad="http://inspire.ec.europa.eu/schemas/ad/4.0" xmlns:gn="http://inspire.ec.europa.eu/schemas/gn/4.0" '
    'xmlns:gmd="http://www.isotc211.org/2005/gmd" xmlns:s="http://www.w3.org/2003/05/soap-envelope" '
    'xmlns:m="http://www.aixm.aero/schema/5.1/message" xmlns:core="http://www.opengis.net/citygml/2.0"'
)
UTM = "urn:ogc:def:crs:EPSG::25832"


def write(path: Path, text: str, root: str) -> Path:
    path.write_text(text.replace(f"<{root}", f"<{root} {SPACES}", 1), encoding="utf-8")
    return path


def feature(name: str, inside: str = "", kind: str = "x:Thing") -> str:
    return f'<{kind} gml:id="{name}"><x:n>{name}</x:n>{inside}</{kind}>'


def ids(rows: list[dict[str, Any]]) -> list[str]:
    return [row["gml_id"] for row in rows]


A, B, C = feature("a"), feature("b"), feature("c")
MEMBERS = "".join(f"<wfs:member>{f}</wfs:member>" for f in (A, B, C))
COLLECTION = f"<wfs:FeatureCollection>{MEMBERS}</wfs:FeatureCollection>"
ENVELOPES = {
    "soap": ("s:Envelope", f"<s:Envelope><s:Header/><s:Body><wfs:GetFeatureResponse>{COLLECTION}</wfs:GetFeatureResponse></s:Body></s:Envelope>"),
    "tuples": ("wfs:FeatureCollection", (f"<wfs:FeatureCollection><wfs:member><wfs:Tuple><wfs:member>{A}</wfs:member><wfs:member>{B}</wfs:member></wfs:Tuple></wfs:member>"
        f"<wfs:member><wfs:Tuple><wfs:member>{C}</wfs:member></wfs:Tuple></wfs:member></wfs:FeatureCollection>")),
    "additional objects": ("wfs:FeatureCollection", (f"<wfs:FeatureCollection><wfs:member>{A}</wfs:member><wfs:additionalObjects><wfs:SimpleFeatureCollection>"
        f"<wfs:member>{B}</wfs:member><wfs:member>{C}</wfs:member></wfs:SimpleFeatureCollection></wfs:additionalObjects></wfs:FeatureCollection>")),
    "AIXM": ("m:AIXMBasicMessage", f'<m:AIXMBasicMessage gml:id="m">{"".join(f"<m:hasMember>{f}</m:hasMember>" for f in (A, B, C))}</m:AIXMBasicMessage>'),
    "CityGML": ("core:CityModel", "<core:CityModel>" + "".join(f"<core:cityObjectMember>{f}</core:cityObjectMember>" for f in (A, B, C)) + "</core:CityModel>"),
    "root of its own with an id": ("x:Plan", f'<x:Plan gml:id="p">{"".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in (A, B, C))}</x:Plan>'),
    "root of its own without one": ("x:Extract", f"<x:Extract><x:head/><gml:featureMembers>{A}{B}{C}</gml:featureMembers></x:Extract>"),
    "deep": ("x:Extract", f"<x:Extract><x:contains>{COLLECTION}</x:contains></x:Extract>"),
    "members in own namespace": ("x:Extract", f'<x:Extract>{"".join(f"<x:member>{f}</x:member>" for f in (A, B, C))}</x:Extract>'),
    "one, then many": ("gml:FeatureCollection", f"<gml:FeatureCollection><gml:featureMember>{A}</gml:featureMember><gml:featureMembers>{B}{C}</gml:featureMembers></gml:FeatureCollection>"),
}  # fmt: skip


@pytest.mark.parametrize("name", ENVELOPES)
def test_envelopes_of_every_kind(tmp_path: Path, rows: Rows, name: str) -> None:
    root, text = ENVELOPES[name]
    got = rows("gml", write(tmp_path / "a.gml", text, root))
    assert [(r["_row"], r["gml_id"]) for r in got] == [(0, "a"), (1, "b"), (2, "c")]
    assert [json.loads(r["raw"]) for r in got] == [{"n": i} for i in "abc"]


@pytest.mark.parametrize("attribute", ['typeName="x:Thing"', 'xlink:type="simple"'])
def test_members_with_attributes(tmp_path: Path, rows: Rows, attribute: str) -> None:
    """Nothing before the first plain member is lost."""
    text = COLLECTION.replace("<wfs:member>", f"<wfs:member {attribute}>", 1)
    assert ids(rows("gml", write(tmp_path / "a.gml", text, "wfs:FeatureCollection"))) == ["a", "b", "c"]


def test_references_within_a_feature_among_others(tmp_path: Path, rows: Rows) -> None:
    """Features of the same markup whose geometry refers to an element by an id that differs."""

    def surface(i: int) -> str:
        ring = f"<gml:LinearRing><gml:posList>{i} 0 {i + 1} 0 {i + 1} 1 {i} 0</gml:posList></gml:LinearRing>"
        shape = f'<gml:Polygon gml:id="p{i}"><gml:exterior>{ring}</gml:exterior></gml:Polygon>'
        multi = (
            f'<gml:MultiSurface srsName="{UTM}"><gml:surfaceMember xlink:href="#p{i}"/></gml:MultiSurface>'
        )
        return f"<wfs:member>{feature(f'f{i}', f'<x:shape>{multi}</x:shape><x:other>{shape}</x:other>')}</wfs:member>"

    text = f"<wfs:FeatureCollection>{surface(1)}{surface(2)}{surface(5)}</wfs:FeatureCollection>"
    got = rows("gml", write(tmp_path / "a.gml", text, "wfs:FeatureCollection"))
    assert [r["_malformed"] for r in got] == [None] * 3
    assert [shapely.from_wkb(r["geometry"]).bounds[0] for r in got] == [1, 2, 5]


@pytest.mark.parametrize("number", ["nan", "1e999", "1e300", "x"])
def test_broken_numbers_among_features_that_are_alike(tmp_path: Path, rows: Rows, number: str) -> None:
    def placed(name: str, x: str) -> str:
        point = f'<x:place><gml:LineString srsName="{UTM}"><gml:posList>{x} 2 3 4</gml:posList></gml:LineString></x:place>'
        return f"<wfs:member>{feature(name, point)}</wfs:member>"

    text = f"<wfs:FeatureCollection>{placed('a', '1')}{placed('b', number)}{placed('c', '5')}</wfs:FeatureCollection>"
    got = rows("gml", write(tmp_path / "a.gml", text, "wfs:FeatureCollection"))
    assert [r["geometry"] is None for r in got] == [False, True, False]
    assert [r["_malformed"] is None for r in got] == [True, False, True]
    assert shapely.from_wkb(got[2]["geometry"]).wkt == "LINESTRING (5 2, 3 4)"


def test_unknown_xml_is_not_read(tmp_path: Path, rows: Rows) -> None:
    many = "<x:row><x:v>1</x:v></x:row>" * 20_000
    with pytest.raises(SourceError, match="holds no features: its root element is Table"):
        rows("gml", write(tmp_path / "a.xml", f"<x:Table>{many}</x:Table>", "x:Table"))


@pytest.mark.parametrize("before", ["", A])
def test_answer_that_breaks_off(tmp_path: Path, before: str) -> None:
    member = f"<wfs:member>{before}</wfs:member>" if before else ""
    broken = "<wfs:truncatedResponse><x:ExceptionText>out of memory</x:ExceptionText></wfs:truncatedResponse>"
    path = write(
        tmp_path / "a.gml",
        f"<wfs:FeatureCollection>{member}{broken}</wfs:FeatureCollection>",
        "wfs:FeatureCollection",
    )
    got: list[dict[str, Any]] = []
    stream = (row for batch in read("gml", path, {}) for row in batch.records.to_pylist())
    with pytest.raises(SourceError, match="the service broke off its answer: out of memory"):
        got.extend(stream)
    assert ids(got) == (["a"] if before else [])


def test_envelopes_of_several_collections(tmp_path: Path, batches: Batches) -> None:
    """Each collection's own envelope holds for its members, the outer one's for those of a collection without."""

    def envelope(srs: str) -> str:
        return f'<gml:boundedBy><gml:Envelope srsName="{srs}"/></gml:boundedBy>'

    def inner(name: str, head: str = "") -> str:
        placed = feature(name, "<x:place><gml:Point><gml:pos>1 2</gml:pos></gml:Point></x:place>")
        return f"<wfs:member><wfs:FeatureCollection>{head}<wfs:member>{placed}</wfs:member></wfs:FeatureCollection></wfs:member>"

    text = (
        f"<wfs:FeatureCollection>{envelope('urn:ogc:def:crs:EPSG::3035')}{inner('a')}{inner('b', envelope(UTM))}{inner('c')}"
        "</wfs:FeatureCollection>"
    )
    got = batches("gml", write(tmp_path / "a.gml", text, "wfs:FeatureCollection"))
    assert [(b.records.column("gml_id").to_pylist(), b.crs and b.crs.text) for b in got] == [
        (["a"], "urn:ogc:def:crs:EPSG::3035"),
        (["b"], UTM),
        (["c"], "urn:ogc:def:crs:EPSG::3035"),
    ]


# Features in features -----------------------------------------------------------------------------------------------------


POINT = f'<gml:Point gml:id="pt" srsName="{UTM}"><gml:pos>356000 5645000</gml:pos></gml:Point>'
STREET = (
    '<ad:ThoroughfareName gml:id="t1"><ad:name><gn:GeographicalName><gn:text>Ring</gn:text></gn:GeographicalName></ad:name>'
    f"<ad:situatedWithin>{feature('u1', kind='ad:AdminUnitName')}</ad:situatedWithin></ad:ThoroughfareName>"
)
ADDRESS = (
    f'<ad:Address gml:id="a1"><ad:position>{POINT}</ad:position><ad:component>{STREET}</ad:component>'
    '<ad:component xlink:href="#p1" xlink:title="50667"/><ad:valid><gml:TimeInstant gml:id="ti"/></ad:valid>'
    '<ad:doc><gmd:MD_Metadata gml:id="md"/></ad:doc></ad:Address>'
)
PLAIN = f"<wfs:FeatureCollection><wfs:member>{ADDRESS}</wfs:member><wfs:member>{A}</wfs:member></wfs:FeatureCollection>"
MANY = f"<gml:FeatureCollection><gml:featureMembers>{ADDRESS}{A}</gml:featureMembers></gml:FeatureCollection>"


@pytest.mark.parametrize("text", [PLAIN, MANY], ids=["member", "featureMembers"])
def test_inlined_features(tmp_path: Path, rows: Rows, text: str) -> None:
    root = text[1 : text.index(">")]
    path = write(tmp_path / "a.gml", text, root)
    got = rows("gml", path, paths={"street": "component/ThoroughfareName/name/GeographicalName/text"})
    assert [(r["_row"], r["_type"], r["gml_id"]) for r in got] == [
        (0, "Address", "a1"),
        (1, "ThoroughfareName", "t1"),
        (2, "AdminUnitName", "u1"),
        (3, "Thing", "a"),
    ]
    # A column that names the way has what is there; what is left belongs to the feature's own record.
    assert [r["street"] for r in got] == ["Ring", None, None, None]
    raw = [json.loads(r["raw"]) for r in got]
    assert raw[0] == {
        "component/@href": ["#t1", "#p1"],
        "component/@title": "50667",
        "valid/TimeInstant/@id": "ti",
        "doc/MD_Metadata/@id": "md",
    }
    assert raw[1] == {"name/GeographicalName/text": "Ring", "situatedWithin/@href": "#u1"}
    assert [r["geometry"] is not None for r in got] == [True, False, False, False]


def test_inlined_features_that_nobody_asked_for_stay(tmp_path: Path, rows: Rows) -> None:
    path = write(tmp_path / "a.gml", PLAIN, "wfs:FeatureCollection")
    (address,) = rows("gml", path, feature=["Address"])
    assert address["_row"] == 0
    raw = json.loads(address["raw"])
    assert raw["component/@href"] == ["#t1", "#p1"]
    assert raw["component/ThoroughfareName/name/GeographicalName/text"] == "Ring"
    assert raw["component/ThoroughfareName/situatedWithin/AdminUnitName/n"] == "u1"
    (unit,) = rows("gml", path, feature=["AdminUnitName"])
    assert (unit["_row"], unit["gml_id"]) == (2, "u1")


def test_place_of_an_inlined_feature(tmp_path: Path, rows: Rows) -> None:
    """It is the inlined feature's own; where that is no record, it is all that tells where the outer one lies."""
    shown = feature("s", f"<x:shape>{POINT}</x:shape>", "x:Sample")
    text = f"<wfs:FeatureCollection><wfs:member>{feature('o', f'<x:of>{shown}</x:of>')}</wfs:member></wfs:FeatureCollection>"
    path = write(tmp_path / "a.gml", text, "wfs:FeatureCollection")
    assert [(r["gml_id"], r["geometry"] is not None) for r in rows("gml", path)] == [
        ("o", False),
        ("s", True),
    ]
    (outer,) = rows("gml", path, feature=["Thing"])
    assert (outer["geometry"] is not None, outer["_geometry"]) == (True, "of/Sample/shape")


def test_inlined_features_inherit_the_crs(tmp_path: Path, batches: Batches) -> None:
    inner = feature("i", "<x:place><gml:Point><gml:pos>1 2</gml:pos></gml:Point></x:place>")
    outer = feature(
        "o",
        f'<gml:boundedBy><gml:Envelope srsName="{UTM}"/></gml:boundedBy><x:part>{inner}</x:part>',
    )
    text = f"<wfs:FeatureCollection><wfs:member>{outer}</wfs:member></wfs:FeatureCollection>"
    (batch,) = batches("gml", write(tmp_path / "a.gml", text, "wfs:FeatureCollection"))
    assert batch.crs is not None
    assert batch.crs.text == UTM


def dataset(count: int) -> str:
    units = "".join(
        f"<lcv:member>{feature(f'u{i}', kind='lcv:LandCoverUnit')}</lcv:member>" for i in range(count)
    )
    return f'<lcv:LandCoverDataset gml:id="d"><lcv:name>land</lcv:name>{units}</lcv:LandCoverDataset>'  # fmt: skip


@pytest.mark.parametrize(
    ("root", "around"),
    [("wfs:FeatureCollection", "wfs:member"), ("gml:FeatureCollection", "gml:featureMembers")],
)
def test_members_of_a_feature(tmp_path: Path, rows: Rows, root: str, around: str) -> None:
    text = f"<{root}><{around}>{dataset(3)}</{around}></{root}>"
    got = rows("gml", write(tmp_path / "a.gml", text, root))
    assert ids(got) == ["d", "u0", "u1", "u2"]
    assert json.loads(got[0]["raw"]) == {"name": "land", "member/@href": ["#u0", "#u1", "#u2"]}


@pytest.mark.parametrize("alone", [True, False])
def test_members_of_a_feature_that_has_many(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch, alone: bool
) -> None:
    """Beyond some they are given before the feature itself, and in the end only references to the last are kept."""
    monkeypatch.setattr(gml_members, "_STAYING", 10)
    monkeypatch.setattr(gml_members, "_REFERENCES", 30)
    root = "lcv:LandCoverDataset" if alone else "gml:FeatureCollection"
    text = (
        dataset(100)
        if alone
        else f"<gml:FeatureCollection><gml:featureMembers>{dataset(100)}</gml:featureMembers></gml:FeatureCollection>"
    )
    got = rows("gml", write(tmp_path / "a.gml", text, root))
    assert sorted(ids(got)) == sorted(["d", *(f"u{i}" for i in range(100))])
    assert [r["_row"] for r in got] == list(range(101))
    (whole,) = [r for r in got if r["gml_id"] == "d"]
    # The name, and some thirty members.
    assert 25 < len(json.loads(whole["raw"])["member/@href"]) < 32


# Declarations of the CRS ----------------------------------------------------------------------------------------------------


def test_crs_defined_in_the_document(tmp_path: Path, batches: Batches) -> None:
    definition = f'<x:crs><gml:ProjectedCRS gml:id="c1"><gml:identifier codeSpace="OGP">{UTM}</gml:identifier></gml:ProjectedCRS></x:crs>'
    point = '<x:place><gml:Point srsName="#c1"><gml:pos>1 2</gml:pos></gml:Point></x:place>'
    text = f"<gml:FeatureCollection>{definition}<gml:featureMember>{feature('a', point)}</gml:featureMember></gml:FeatureCollection>"
    (batch,) = batches("gml", write(tmp_path / "a.gml", text, "gml:FeatureCollection"))
    assert batch.crs is not None
    assert batch.crs.text == UTM


@pytest.mark.parametrize(
    ("on_envelope", "on_point", "order"),
    [
        ("", 'axisLabels="Lat Long"', AxisOrder.YX),
        ("", 'axisLabels="Long Lat"', AxisOrder.XY),
        ('axisLabels="Lat Long"', "", AxisOrder.YX),
        ("", "", AxisOrder.UNKNOWN),
    ],
)
@pytest.mark.parametrize("member", ["gml:featureMember", "gml:featureMembers"])
def test_axis_labels(
    tmp_path: Path, batches: Batches, on_envelope: str, on_point: str, order: AxisOrder, member: str
) -> None:
    point = (
        f'<x:place><gml:Point srsName="EPSG:4258" {on_point}><gml:pos>50 7</gml:pos></gml:Point></x:place>'
    )
    head = f'<gml:boundedBy><gml:Envelope srsName="EPSG:4258" {on_envelope}/></gml:boundedBy>'
    text = f"<gml:FeatureCollection>{head}<{member}>{feature('a', point)}</{member}></gml:FeatureCollection>"
    (batch,) = batches("gml", write(tmp_path / "a.gml", text, "gml:FeatureCollection"))
    assert batch.crs is not None
    assert batch.crs.order is order
