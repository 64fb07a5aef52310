"""The GML reader: held against GDAL where GDAL reads the same, against the file's own text elsewhere."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest
import shapely
from tests.resident import PEAK

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, RecipeError, SourceError
from ldt.sources import describe, read
from ldt.sources.gml_members import Members
from ldt.sources.source import Batch

Rows = Callable[..., list[dict[str, Any]]]
Batches = Callable[..., list[Batch]]

GML = "http://www.opengis.net/gml/3.2"
SPACES = (
    f'xmlns:gml="{GML}" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:ps="http://inspire.ec.europa.eu/schemas/ps/4.0" '
    'xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xmlns:wfs="http://www.opengis.net/wfs/2.0"'
)
POINT = '<gml:Point srsName="urn:ogc:def:crs:EPSG::4258"><gml:pos>50.9 6.9</gml:pos></gml:Point>'


def site(name: str, inside: str = "", geometry: str = POINT) -> str:
    geometry = geometry and f"<ps:geometry>{geometry}</ps:geometry>"
    return f'<ps:ProtectedSite gml:id="{name}">{geometry}{inside}</ps:ProtectedSite>'


def collection(path: Path, *features: str, member: str = "gml:featureMember", head: str = "") -> Path:
    body = "".join(f"<{member}>{f}</{member}>" for f in features)
    path.write_text(
        f'<?xml version="1.0"?><gml:FeatureCollection {SPACES}>{head}{body}</gml:FeatureCollection>',
        encoding="utf-8",
    )
    return path


def shapes(batches: list[Batch]) -> list[Any]:
    return [shapely.from_wkb(w) for b in batches for w in b.records.column("geometry").to_pylist()]


# Records and paths ------------------------------------------------------------------------------------------------------


IDENTIFIED = (
    "<ps:inspireID><base:Identifier><base:localId>a/1</base:localId><base:namespace>DE.X</base:namespace></base:Identifier>"
    '</ps:inspireID><ps:legalFoundationDate xsi:nil="true" nilReason="Unpopulated"/>'
    '<ps:name>  </ps:name><ps:name>Köln</ps:name><ps:name>Cologne</ps:name><ps:link xlink:href="http://x/1" xlink:title="t"/>'
)


def test_paths(tmp_path: Path, rows: Rows) -> None:
    paths = {
        "local": "inspireId|inspireID/Identifier/localId",
        "namespace": "//namespace",
        "star": "inspireID/*/localId",
        "name": "name",
        "names": "name[]",
        "none": "name/x",
        "empty": "nothing[]",
        "nil": "legalFoundationDate",
        "why": "legalFoundationDate/@nilReason",
        "link": "link/@href",
        "anywhere": "//@href",
        "links": "//@href|title[]",
        "whole": "inspireID",
        "id": "@id",
    }
    (row,) = rows("gml", collection(tmp_path / "a.gml", site("s1", IDENTIFIED)), paths=paths)
    assert {k: row[k] for k in paths} == {
        "local": "a/1",
        "namespace": "DE.X",
        "star": "a/1",
        "name": "Köln",
        "names": ["Köln", "Cologne"],
        "none": None,
        "empty": [],
        "nil": None,
        "why": "Unpopulated",
        "link": "http://x/1",
        "anywhere": "http://x/1",
        "links": ["http://x/1", "t"],
        "whole": "a/1 DE.X",
        "id": "s1",
    }
    assert (row["_row"], row["gml_id"], row["_type"], row["_malformed"], row["_file"]) == (
        0,
        "s1",
        "ProtectedSite",
        None,
        "a.gml",
    )
    # What columns have is not there once more.
    assert json.loads(row["raw"]) == {"legalFoundationDate/@nil": "true"}
    assert shapely.from_wkb(row["geometry"]).wkt == "POINT (50.9 6.9)"


def test_what_a_path_takes_only_partly_stays_in_raw(tmp_path: Path, rows: Rows) -> None:
    path = collection(tmp_path / "a.gml", site("s1", IDENTIFIED), site("s2", "<ps:name>Bonn</ps:name>"))
    paths = {"name": "name", "why": "legalFoundationDate", "title": "link/@title", "whole": "inspireID"}
    first, second = rows("gml", path, paths=paths)
    assert (first["name"], first["title"], first["whole"]) == ("Köln", "t", "a/1 DE.X")
    assert json.loads(first["raw"]) == {
        # Put together with others in one column, so it could not be told any more.
        "inspireID/Identifier/localId": "a/1",
        "inspireID/Identifier/namespace": "DE.X",
        # Why there is no value is not the value.
        "legalFoundationDate/@nil": "true",
        "legalFoundationDate/@nilReason": "Unpopulated",
        # One of two names was taken; another attribute of the same element was.
        "name": ["Köln", "Cologne"],
        "link/@href": "http://x/1",
    }
    assert (second["name"], second["raw"]) == ("Bonn", "{}")
    # Whoever asks for no columns gets all leaves.
    assert json.loads(rows("gml", path)[1]["raw"]) == {"name": "Bonn"}


@pytest.mark.parametrize("path", ["", "a//b", "/a", "a/", "a/@", "@a/b", "a[1]", "a/@*", "ns:a"])
def test_wrong_paths(tmp_path: Path, rows: Rows, path: str) -> None:
    with pytest.raises(RecipeError, match="is no location path"):
        rows("gml", collection(tmp_path / "a.gml", site("s1")), paths={"x": path})


@pytest.mark.parametrize("name", ["raw", "_row", "gml_id", "Geometry"])
def test_reserved_columns(tmp_path: Path, rows: Rows, name: str) -> None:
    with pytest.raises(RecipeError, match="reserved"):
        rows("gml", collection(tmp_path / "a.gml", site("s1")), paths={name: "a"})


def test_feature_types_are_chosen_and_rows_stay(tmp_path: Path, rows: Rows) -> None:
    other = '<ps:Other gml:id="o"/>'
    path = collection(tmp_path / "a.gml", site("s1"), other, site("s2"))
    assert [(r["_row"], r["gml_id"]) for r in rows("gml", path)] == [(0, "s1"), (1, "o"), (2, "s2")]
    assert [(r["_row"], r["gml_id"]) for r in rows("gml", path, feature=["ProtectedSite"])] == [
        (0, "s1"),
        (2, "s2"),
    ]
    assert rows("gml", path, feature=[]) == []


def test_several_geometries(tmp_path: Path, rows: Rows) -> None:
    second = '<ps:extent><gml:LineString srsName="urn:ogc:def:crs:EPSG::25832"><gml:posList>1 2 3 4</gml:posList></gml:LineString></ps:extent>'
    path = collection(tmp_path / "a.gml", site("s1", second))
    (row,) = rows("gml", path)
    assert shapely.from_wkb(row["geometry"]).wkt == "POINT (50.9 6.9)"
    assert row["_geometry"] == "geometry"
    assert json.loads(row["raw"]) == {
        "extent": "LINESTRING (1 2, 3 4)",
        "extent/@srsName": "urn:ogc:def:crs:EPSG::25832",
    }
    (row,) = rows("gml", path, geometry="extent")
    assert shapely.from_wkb(row["geometry"]).wkt == "LINESTRING (1 2, 3 4)"
    assert row["_geometry"] == "extent"
    assert json.loads(row["raw"])["geometry"] == "POINT (50.9 6.9)"
    assert (
        rows("gml", path, geometry="extent|geometry")[0]["_geometry"] == "geometry"
    )  # the first that stands there
    (row,) = rows("gml", path, geometry="no")
    assert (row["geometry"], row["_geometry"]) == (None, None)


@pytest.mark.parametrize("label", ["referencePoint", "representativePoint", "labelPoint"])
def test_place_of_a_label_gives_way(tmp_path: Path, rows: Rows, label: str) -> None:
    mark = f"<ps:{label}>{POINT.replace('50.9 6.9', '51 7')}</ps:{label}>"
    path = collection(tmp_path / "a.gml", site("s1", geometry=mark + f"</ps:geometry><ps:geometry>{POINT}"))
    text = path.read_text().replace(f"<ps:geometry><ps:{label}>", f"<ps:{label}>", 1)
    path.write_text(text.replace(f"</ps:{label}></ps:geometry>", f"</ps:{label}>", 1))
    (row,) = rows("gml", path)
    assert (row["_geometry"], shapely.from_wkb(row["geometry"]).wkt) == ("geometry", "POINT (50.9 6.9)")
    assert json.loads(row["raw"])[label] == "POINT (51 7)"
    # Where there is nothing else, it is the place.
    alone = collection(tmp_path / "b.gml", site("s1", mark, geometry=""))
    assert rows("gml", alone)[0]["_geometry"] == label


def test_height_of_a_solid(tmp_path: Path, rows: Rows) -> None:
    def face(*corners: tuple[int, int, int]) -> str:
        text = " ".join(f"{x} {y} {z}" for x, y, z in (*corners, corners[0]))
        return f"<gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList>{text}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>"

    faces = face((0, 0, 50), (4, 0, 50), (4, 3, 50), (0, 3, 50)) + face(
        (0, 0, 50), (4, 0, 50), (4, 0, 57), (0, 0, 57)
    )
    solid = f'<gml:Solid srsName="urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::7837"><gml:exterior><gml:Shell>{faces}</gml:Shell></gml:exterior></gml:Solid>'
    path = collection(tmp_path / "a.gml", site("s1", geometry=solid), site("s2"))
    got = rows("gml", path)
    assert [r["_height"] for r in got] == [7, None]
    assert shapely.from_wkb(got[0]["geometry"]).equals(shapely.box(0, 0, 4, 3))


def test_origin_of_a_grid_is_no_place(tmp_path: Path, rows: Rows) -> None:
    grid = f"<gml:RectifiedGrid><gml:origin>{POINT}</gml:origin></gml:RectifiedGrid>"
    (row,) = rows("gml", collection(tmp_path / "a.gml", site("s1", geometry=grid)))
    assert (row["geometry"], row["_malformed"]) == (None, None)
    assert json.loads(row["raw"])["geometry/RectifiedGrid/origin/Point/pos"] == "50.9 6.9"


# Collections ------------------------------------------------------------------------------------------------------------


def test_members_of_every_kind(tmp_path: Path, rows: Rows) -> None:
    features = [site(f"s{i}") for i in range(3)]
    joined = "".join(features)
    documents = {
        "featureMember": f"<gml:FeatureCollection {SPACES}>"
        + "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
        + "</gml:FeatureCollection>",
        "featureMembers": f"<gml:FeatureCollection {SPACES}><gml:featureMembers>{joined}</gml:featureMembers></gml:FeatureCollection>",
        "members": f"<x:FeatureCollection xmlns:x='http://www.opengis.net/wfs' {SPACES}><gml:featureMembers>{joined}</gml:featureMembers></x:FeatureCollection>",
        "wfs2": f"<wfs:FeatureCollection {SPACES}>"
        + "".join(f"<wfs:member>{f}</wfs:member>" for f in features)
        + "</wfs:FeatureCollection>",
        "dataset": f"<b:SpatialDataSet xmlns:b='urn:x-inspire:specification:gmlas:BaseTypes:3.2' {SPACES}><b:identifier/>"
        + "".join(f"<b:member>{f}</b:member>" for f in features)
        + "</b:SpatialDataSet>",
        "nested": f"<wfs:FeatureCollection {SPACES}><wfs:member><wfs:FeatureCollection><wfs:member>{features[0]}</wfs:member>"
        f"<wfs:member>{features[1]}</wfs:member></wfs:FeatureCollection></wfs:member>"
        f"<wfs:member><wfs:FeatureCollection><wfs:member>{features[2]}</wfs:member></wfs:FeatureCollection></wfs:member></wfs:FeatureCollection>",
        "old": f"<gml:FeatureCollection {SPACES}>".replace(GML, "http://www.opengis.net/gml")
        + "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
        + "</gml:FeatureCollection>",
    }
    for name, text in documents.items():
        path = tmp_path / f"{name}.gml"
        path.write_text(text)
        got = rows("gml", path)
        assert [(r["_row"], r["gml_id"]) for r in got] == [(0, "s0"), (1, "s1"), (2, "s2")], name
        assert all(r["geometry"] for r in got), name


def test_member_within_a_feature_is_no_feature(tmp_path: Path, rows: Rows) -> None:
    inside = "<ps:member><ps:Part><ps:a>1</ps:a></ps:Part></ps:member>"
    (row,) = rows("gml", collection(tmp_path / "a.gml", site("s1", inside)), paths={"a": "member/Part/a"})
    assert row["a"] == "1"


def test_single_feature_and_empty_collections(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "one.gml").write_text(
        site("s1").replace("<ps:ProtectedSite", f"<ps:ProtectedSite {SPACES}", 1)
    )
    assert [r["gml_id"] for r in rows("gml", tmp_path / "one.gml")] == ["s1"]
    assert rows("gml", collection(tmp_path / "none.gml")) == []
    assert rows("gml", collection(tmp_path / "hollow.gml", "", "<!-- nothing -->")) == []


def test_not_features(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "caps.xml").write_text('<WMS_Capabilities xmlns="http://www.opengis.net/wms"/>')
    with pytest.raises(SourceError, match="its root element is WMS_Capabilities"):
        rows("gml", tmp_path / "caps.xml")
    (tmp_path / "error.xml").write_text(
        "<ExceptionReport><Exception><ExceptionText>no such layer</ExceptionText></Exception></ExceptionReport>"
    )
    with pytest.raises(SourceError, match="error message: no such layer"):
        rows("gml", tmp_path / "error.xml")


# CRS --------------------------------------------------------------------------------------------------------------------


def test_batches_have_one_crs_each(tmp_path: Path, batches: Batches) -> None:
    utm = '<gml:Point srsName="urn:ogc:def:crs:EPSG::25832"><gml:pos>356000 5645000</gml:pos></gml:Point>'
    bare = "<gml:Point><gml:pos>1 2</gml:pos></gml:Point>"
    features = [
        site("a"),
        site("b", geometry=""),
        site("c"),
        site("d", geometry=utm),
        site("e", geometry=""),
        site("f", geometry=bare),
        site("g"),
    ]
    got = batches("gml", collection(tmp_path / "a.gml", *features))
    seen = [
        (b.records.column("gml_id").to_pylist(), b.crs and b.crs.text, b.crs and b.crs.order) for b in got
    ]
    assert seen == [
        (["a", "b", "c"], "urn:ogc:def:crs:EPSG::4258", AxisOrder.YX),
        (["d", "e"], "urn:ogc:def:crs:EPSG::25832", AxisOrder.XY),
        (["f"], None, None),
        (["g"], "urn:ogc:def:crs:EPSG::4258", AxisOrder.YX),
    ]


def test_srs_name_is_inherited(tmp_path: Path, batches: Batches) -> None:
    def envelope(srs: str) -> str:
        return f'<gml:boundedBy><gml:Envelope srsName="{srs}"><gml:lowerCorner>0 0</gml:lowerCorner></gml:Envelope></gml:boundedBy>'

    bare = "<gml:Point><gml:pos>1 2</gml:pos></gml:Point>"
    member = '<gml:MultiPoint><gml:pointMember><gml:Point srsName="EPSG:25833"><gml:pos>1 2</gml:pos></gml:Point></gml:pointMember></gml:MultiPoint>'
    path = collection(
        tmp_path / "a.gml",
        site("a", geometry=bare),
        site("b", envelope("urn:ogc:def:crs:EPSG::3035"), geometry=bare),
        site("c", geometry=member),
        head=envelope("urn:ogc:def:crs:EPSG::25832"),
    )
    got = batches("gml", path)
    assert [b.crs and b.crs.text for b in got] == [
        "urn:ogc:def:crs:EPSG::25832",
        "urn:ogc:def:crs:EPSG::3035",
        "EPSG:25833",
    ]


# Damage and harm ----------------------------------------------------------------------------------------------------------


def test_broken_geometry_costs_its_record_only(tmp_path: Path, rows: Rows) -> None:
    bad = '<gml:Point srsName="EPSG:4326"><gml:pos>50,9 6,9</gml:pos></gml:Point>'
    got = rows("gml", collection(tmp_path / "a.gml", site("s1"), site("s2", geometry=bad), site("s3")))
    assert [r["_malformed"] is None for r in got] == [True, False, True]
    assert "no numbers" in got[1]["_malformed"]
    assert got[1]["geometry"] is None


def test_what_was_read_before_the_damage_stays(tmp_path: Path) -> None:
    path = collection(tmp_path / "a.gml", *(site(f"s{i}") for i in range(5_000)))
    content = path.read_text()
    path.write_text(content[: int(len(content) * 0.9)])
    got: list[Any] = []
    stream = (i for batch in read("gml", path, {}) for i in batch.records.column("gml_id").to_pylist())
    with pytest.raises(SourceError, match=r"a\.gml: not well-formed XML at line 1, column \d+"):
        got.extend(stream)
    whole = content[: int(len(content) * 0.9)].count("</gml:featureMember>")
    assert got == [f"s{i}" for i in range(whole)]


LAUGHS = (
    '<!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + i)} "{("&" + chr(97 + i) + ";") * 10}">' for i in range(9))
    + "]>"
)


@pytest.mark.parametrize(
    ("name", "prolog"),
    [
        ("billion laughs", LAUGHS),
        ("external entity", '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/hostname">]>'),
        ("parameter entity", '<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>'),
        ("behind a comment", "<!-- x --><?pi?>\n" + LAUGHS),
        ("two", '<!DOCTYPE x>\n<!DOCTYPE x [<!ENTITY a "b">]>'),
        ("never ends", "<!DOCTYPE x " + "x" * 300_000),
        ("hidden by length", "<!-- " + "x" * 300_000 + " -->" + LAUGHS),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_entities_are_refused(tmp_path: Path, name: str, prolog: str, encoding: str) -> None:
    text = (
        f'<?xml version="1.0" encoding="{encoding}"?>{prolog}<gml:FeatureCollection {SPACES} note="&j;&e;"/>'
    )
    (tmp_path / "a.gml").write_bytes(text.encode(encoding))
    with pytest.raises(HostileSource):
        list(read("gml", tmp_path / "a.gml", {}))
    with pytest.raises(HostileSource):
        describe(tmp_path / "a.gml")


def test_harmless_doctype_passes(tmp_path: Path, rows: Rows) -> None:
    path = collection(tmp_path / "a.gml", site("s1"))
    path.write_text(
        path.read_text().replace("?>", '?><!DOCTYPE gml:FeatureCollection SYSTEM "no-such.dtd">', 1)
    )
    assert [r["gml_id"] for r in rows("gml", path)] == ["s1"]


def test_encodings(tmp_path: Path, rows: Rows) -> None:
    text = collection(tmp_path / "u.gml", site("s1", "<ps:name>Köln</ps:name>")).read_text(encoding="utf-8")
    for encoding in ("iso-8859-1", "utf-16"):
        declared = text.replace('version="1.0"', f'version="1.0" encoding="{encoding}"')
        (tmp_path / "a.gml").write_bytes(declared.encode(encoding))
        assert rows("gml", tmp_path / "a.gml", paths={"name": "name"})[0]["name"] == "Köln"
    (tmp_path / "lies.gml").write_bytes(text.encode("iso-8859-1"))
    with pytest.raises(
        SourceError,
        match=r"bytes at line 1 are not in the encoding UTF-8, which the file has without a declaration",
    ):
        rows("gml", tmp_path / "lies.gml")
    (tmp_path / "seven.gml").write_bytes(
        text.replace('version="1.0"', 'version="1.0" encoding="utf-7"').encode("utf-7")
    )
    with pytest.raises(SourceError):
        rows("gml", tmp_path / "seven.gml")


def test_error_is_one_line(tmp_path: Path, rows: Rows) -> None:
    path = collection(tmp_path / "a.gml", site("s1"))
    path.write_bytes(path.read_bytes().replace(b"50.9", b"50\0009"))
    with pytest.raises(SourceError, match="not well-formed") as raised:
        rows("gml", path)
    assert "\n" not in str(raised.value)


def test_depth_is_bounded(tmp_path: Path, rows: Rows) -> None:
    deep = "<ps:a>" * 500 + "</ps:a>" * 500
    with pytest.raises(HostileSource, match="nested deeper than 200"):
        rows("gml", collection(tmp_path / "a.gml", site("s1", deep)))
    rings = (
        "<gml:MultiGeometry><gml:geometryMember>" * 100
        + POINT
        + "</gml:geometryMember></gml:MultiGeometry>" * 100
    )
    (row,) = rows("gml", collection(tmp_path / "b.gml", site("s1", geometry=rings)))
    assert "nested too deep" in row["_malformed"]


def test_other_files(tmp_path: Path, rows: Rows) -> None:
    (tmp_path / "a.gml").write_text("hello")
    with pytest.raises(SourceError, match="is no XML"):
        rows("gml", tmp_path / "a.gml")
    (tmp_path / "b.gml").touch()
    with pytest.raises(SourceError, match="empty"):
        rows("gml", tmp_path / "b.gml")


@pytest.mark.parametrize("member", ["gml:featureMember", "gml:featureMembers"])
def test_what_was_given_is_forgotten(tmp_path: Path, member: str) -> None:
    features = [site(f"s{i}") for i in range(500)]
    path = collection(
        tmp_path / "a.gml", *(["".join(features)] if member.endswith("s") else features), member=member
    )
    seen = []
    for feature in Members(path):
        container = feature.getparent()
        kept = container if member.endswith("s") else container.getparent()
        # The parser may be some elements ahead, by a block of its input; the ones before must be gone.
        seen.append(kept.index(feature if member.endswith("s") else container))
    assert len(seen) == 500
    assert max(seen) <= 1


@pytest.mark.parametrize("member", ["gml:featureMember", "gml:featureMembers"])
def test_memory_is_bounded(tmp_path: Path, member: str) -> None:
    """Three times the features, beyond a full batch, must not need much more memory: they are forgotten."""
    filler = site("s", "<ps:text>" + "x" * 900 + "</ps:text>")
    peaks = []
    for count in (25_000, 75_000):
        path = tmp_path / f"{count}.gml"
        with path.open("w") as file:
            file.write(f"<gml:FeatureCollection {SPACES}>")
            many = member.endswith("s")
            file.write(f"<{member}>" if many else "")
            for _ in range(count):
                file.write(filler if many else f"<{member}>{filler}</{member}>")
            file.write((f"</{member}>" if many else "") + "</gml:FeatureCollection>")
        code = (
            f"{PEAK}from pathlib import Path; from ldt.sources import read\n"
            f"n = sum(b.records.num_rows for b in read('gml', Path({str(path)!r}), {{}}))\n"
            "print(n, peak())"
        )
        # The larger file would be read by several processes, the smaller one not.
        alone = {**os.environ, "LDT_WORKERS": "1"}
        said = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=alone
        ).stdout.split()
        assert int(said[0]) == count
        peaks.append(float(said[1]))
    assert peaks[1] - peaks[0] < 40, f"{peaks} MB"
    # Some 190 MB of it are the libraries.
    assert peaks[1] < 350, f"{peaks} MB"


# Real files ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "feature", "count"),
    [
        ("hamburg/ProtectedSite.gml", "ProtectedSite", 9),
        ("hamburg/AdministrativeUnit.gml", "AdministrativeUnit", 1),
        ("hamburg/AdministrativeUnit.gml", "AdministrativeBoundary", 5),
        ("caniuse/PS.Finland_mixed.geometry.gml", "ProtectedSite", 10),
        ("nl_kadaster/gemeente-au.xml", "AdministrativeUnit", 2),
        ("es_catastro/zoning.gml", "CadastralZoning", 235),
        ("es_catastro/building.gml", "building", 16),
        ("nl_kadaster/tn-roadnetwork-curves.gml", "RoadLink", 5),
        ("brgm_toolbox/AQD_UBA_Station_50.xml", "AQD_Station", 50),
        ("caniuse/EMF.BRGM.data.gml", "EnvironmentalMonitoringFacility", 100),
        ("hamburg/PlannedLandUse.gml", "SupplementaryRegulation", 232),
        ("deegree/CadastralZoning.gml", "CadastralZoning", 1),
        ("nl_kadaster/ad-thoroughfare.gml", "ThoroughfareName", 33),
    ],
)
def test_real_counts(real_data: Path, rows: Rows, name: str, feature: str, count: int) -> None:
    """Counts of the data folder's own README."""
    assert len(rows("gml", real_data / "inspire" / name, feature=[feature])) == count


@pytest.mark.filterwarnings("ignore:Field with same name:RuntimeWarning")
@pytest.mark.parametrize(
    "name",
    [
        "hamburg/ProtectedSite.gml",
        "caniuse/PS.Finland_mixed.geometry.gml",
        "es_catastro/zoning.gml",
        "es_catastro/building.gml",
        "es_catastro/othercons.gml",
        "nl_kadaster/gemeente-au.xml",
        "nl_kadaster/tn-roadnetwork-curves.gml",
        "nl_kadaster/kad-hy-water-lines.gml",
        "brgm_toolbox/AQD_UBA_Sample_50.xml",
        "deegree/cadastralparcels_wfs20FC.xml",
        "caniuse/AD.Spain_full.3D.No.srsDimension.gml",
    ],
)
def test_real_coordinates_against_gdal(real_data: Path, tmp_path: Path, batches: Batches, name: str) -> None:
    path = tmp_path / Path(name).name  # GDAL writes a .gfs beside what it reads
    path.write_bytes((real_data / "inspire" / name).read_bytes())
    options = {"INVERT_AXIS_ORDER_IF_LAT_LONG": "NO", "SWAP_COORDINATES": "NO"}
    expected: list[Any] = []
    for layer in pyogrio.list_layers(path).tolist():
        wkb = pyogrio.raw.read(path, layer=layer[0], columns=[], force_2d=True, **options)[2]
        if wkb is not None:
            expected += [shapely.from_wkb(w) for w in wkb if w is not None]
    got = [g for g in shapes(batches("gml", path)) if g is not None]
    assert len(got) == len(expected) > 0
    for mine, theirs in zip(got, expected, strict=True):
        assert shapely.area(mine) == pytest.approx(shapely.area(theirs), rel=1e-9)
        # GDAL's own atof is off by one unit in the last place now and then.
        np.testing.assert_allclose(shapely.get_coordinates(mine), shapely.get_coordinates(theirs), rtol=1e-14)


def test_real_identifiers_against_the_text(real_data: Path, rows: Rows) -> None:
    path = real_data / "inspire/caniuse/PS.Finland_mixed.geometry.gml"
    text = path.read_text(encoding="utf-8")
    got = rows(
        "gml",
        path,
        paths={"local": "inspireID|inspireId/Identifier/localId", "space": "//Identifier/namespace"},
    )
    assert [r["local"] for r in got] == re.findall(r"<base:localId>([^<]*)</base:localId>", text)
    assert [r["space"] for r in got] == re.findall(r"<base:namespace>([^<]*)</base:namespace>", text)
    assert [r["gml_id"] for r in got] == re.findall(r'<ps:ProtectedSite gml:id="([^"]*)"', text)
    kinds = [shapely.from_wkb(r["geometry"]).geom_type for r in got]
    assert sorted(kinds) == ["MultiPolygon"] * 8 + ["Point"] * 2
    reasons = sum(
        len(v) if isinstance(v, list) else 1
        for r in got
        for k, v in json.loads(r["raw"]).items()
        if k.endswith("/@nil")
    )
    assert reasons == 40  # "nil 40" in the data folder's README


def test_real_hamburg_lies_in_hamburg(real_data: Path, batches: Batches) -> None:
    (batch,) = batches(
        "gml", real_data / "inspire/hamburg/AdministrativeUnit.gml", feature=["AdministrativeUnit"]
    )
    assert batch.crs is not None
    assert batch.crs.order is AxisOrder.YX
    (unit,) = shapes([batch])
    south, west, north, east = unit.bounds  # latitude first, as it stands
    assert (round(south, 1), round(north, 1)) == (53.4, 54.0)
    assert (round(west, 1), round(east, 1)) == (8.4, 10.3)
    # Hamburg covers 755 km2; 1 degree is 111.3 km x 111.3 km * cos(53.5 degrees).
    assert unit.area * 111.3**2 * np.cos(np.radians(53.55)) == pytest.approx(755, rel=0.03)


def test_real_undeclared_prefixes(real_data: Path, rows: Rows) -> None:
    with pytest.raises(
        SourceError,
        match=r"the prefix 'gml' at line 1 has no namespace \(add xmlns:gml=.http://www.opengis.net/gml/3.2. xmlns:",
    ):
        rows("gml", real_data / "inspire/nl_kadaster/gn-example-finland.xml")
