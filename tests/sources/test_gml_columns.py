"""Members of one shape become columns at once: the same records as those of the parser, whatever is odd about some of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pytest
import shapely
from tests.sources.test_gml_shapes import both, write

from ldt.sources.gml_quick import many
from ldt.sources.gml_records import FEW, Reading, Wanted
from ldt.sources.gml_shapes import Shape

URN = "urn:ogc:def:crs:EPSG::25832"
WANTED = Wanted({"name": "name", "names": "name[]", "code": "code/@href", "both": "use/@href|title[]"})


def ring(text: str, side: str = "exterior", count: str = "") -> str:
    return (
        f"<gml:{side}><gml:LinearRing><gml:posList{count}>{text}</gml:posList></gml:LinearRing></gml:{side}>"
    )


def square(x: float, size: float = 1) -> str:
    return f"{x} 0 {x} {size} {x + size} {size} {x + size} 0 {x} 0"


def polygon(inside: str, srs: str = URN) -> str:
    return f'<gml:Polygon gml:id="g" srsName="{srs}">{inside}</gml:Polygon>'


def multi(*inside: str) -> str:
    members = "".join(
        f"<gml:surfaceMember><gml:Polygon>{i}</gml:Polygon></gml:surfaceMember>" for i in inside
    )
    return f'<gml:MultiSurface gml:id="g" srsName="{URN}">{members}</gml:MultiSurface>'


def curve(*segments: str) -> str:
    inside = "".join(
        f"<gml:LineStringSegment><gml:posList>{s}</gml:posList></gml:LineStringSegment>" for s in segments
    )
    return f'<gml:Curve gml:id="g" srsName="{URN}"><gml:segments>{inside}</gml:segments></gml:Curve>'


def point(text: str, more: str = "") -> str:
    return f'<gml:Point gml:id="p" srsName="{URN}"{more}><gml:pos>{text}</gml:pos></gml:Point>'


def member(
    number: object, geometry: str, name: str = "n", href: str = "http://x/c", other: str = "", more: str = ""
) -> str:
    place = f"<e:label>{other}</e:label>" if other else ""
    return (
        f'<gml:featureMember><e:Thing gml:id="t{number}"><e:name>{name}</e:name><e:code xlink:href="{href}"/>'
        f'<e:use xlink:href="u{number}" xlink:title="one"/><e:left uom="m">{number}</e:left>{more}'
        f"<e:geometry>{geometry}</e:geometry>{place}</e:Thing></gml:featureMember>"
    )


GEOMETRIES: dict[str, Callable[[int], str]] = {
    "point": lambda i: point(f"{i} 2.5"),
    "line": lambda i: (
        f'<gml:LineString srsName="{URN}"><gml:posList>{i} 0 1 1 2 {i} 7 8</gml:posList></gml:LineString>'
    ),
    "line, perhaps with heights": lambda i: (
        f'<gml:LineString srsName="{URN}"><gml:posList>40000{i} 5600000 50 40001{i} 5600010 51</gml:posList></gml:LineString>'
    ),
    "heights by the CRS": lambda i: (
        f'<gml:LineString srsName="urn:ogc:def:crs:EPSG::4979"><gml:posList>{i} 0 5 1 1 5 2 2 5 4 4 5</gml:posList></gml:LineString>'
    ),
    "heights by the count": lambda i: polygon(
        ring(f"{i} {i} {i} {i + 1} {i} 7 {i + 1} {i + 2} 7 {i} {i} {i}", count=' count="4"')
    ),
    "curve": lambda i: curve(f"{i} 0 1 1 2 {i} 7 8"),
    "curve of two": lambda i: curve(f"{i} 0 1 1", f"1 1 2 {i}"),
    "polygon": lambda i: polygon(ring(square(i))),
    "holes": lambda i: polygon(
        ring(square(i, 9)) + ring(square(i + 1), "interior") + ring(square(i + 3, 2), "interior")
    ),
    "multi": lambda i: multi(ring(square(i, 9)) + ring(square(i + 1), "interior"), ring(square(i + 20))),
    "counted": lambda i: polygon(ring(square(i), count=' count="5"')),
    "label beside": lambda i: polygon(ring(square(i))) + "</e:geometry><e:geometry>" + point(f"{i} 0"),
}


@pytest.mark.parametrize("kind", GEOMETRIES)
def test_geometries_are_those_of_the_parser(tmp_path: Path, kind: str) -> None:
    path = write(tmp_path / "a.gml", [member(i, GEOMETRIES[kind](i)) for i in range(1, 80)])
    assert both(path, WANTED) == (79, 0)
    assert both(path, Wanted(geometry="geometry")) == (79, 0)


ODD = {
    "no number": polygon(ring("1 0 1 x 2 1 2 0 1 0")),
    "underscores": polygon(ring("1_0 0 10 1 11 1 11 0 1_0 0")),
    "not closed": polygon(ring("1 0 1 1 2 1 2 0 1 1")),
    "three positions": polygon(ring("1 0 1 1 1 0")),
    "uneven": polygon(ring("1 0 1 1 2 1 2 0 1 0 3")),
    "heights": polygon(ring("1 0 5 1 1 5 2 1 5 1 0 5")),
    "not finite": polygon(ring("nan 0 1 1 2 1 2 0 nan 0")),
    "infinite": polygon(ring("1e999 0 1 1 2 1 2 0 1e999 0")),
    "huge, but nothing in sum": polygon(ring("2e15 0 -2e15 1 2 1 2 0 2e15 0")),
    "commas": polygon(ring("1.0,0.0 1.0,1.0 2.0,1.0 2.0,0.0 1.0,0.0")),
    "signs and exponents": polygon(ring("+1 0 1 1e0 2. .1e1 2 -0 1 0")),
    "minus nothing": polygon(ring("1 -0.0 1 1 2 1 2 0 1 0.0")),
    "lines": polygon(ring("\n  1 0\n  1 1\t2 1\n  2 0   1 0\n")),
    "another space": polygon(ring("1 0 1 1\u00a02 1 2 0 1 0")),
    "count of three": polygon(ring("1 0 5 1 1 5 2 1 5 2 0 5 1 0 5 1 0 5", count=' count="6"')),
    "other crs": polygon(ring(square(3)), "urn:ogc:def:crs:EPSG::4258"),
    "unknown crs": polygon(ring(square(3)), "somewhere"),
}


@pytest.mark.parametrize("odd", ODD)
def test_what_is_odd_is_read_as_the_parser_reads_it(tmp_path: Path, odd: str) -> None:
    count = ' count="5"' if "count" in odd else ""
    members = [member(i, polygon(ring(square(i), count=count))) for i in range(60)]
    for place in (7, 8, 41):
        members[place] = member(place, ODD[odd])
    assert both(write(tmp_path / "a.gml", members), WANTED)[0] == 60
    # All of them: nothing is left for columns.
    assert both(write(tmp_path / "b.gml", [member(i, ODD[odd]) for i in range(9)]), WANTED)[0] == 9


@pytest.mark.parametrize(
    ("name", "href"),
    [
        ("A &amp; B", "x?a=1&amp;b=2"),
        ("&lt;&quot;\\\n\t&apos;", "a\nb\tc"),
        ("  spaces \u00a0 ", "  kept "),
        ("ends &#10;", "c"),
        ("&unknown;", "c"),
        ("]]>", "a>b"),
        ("Köln \U0001f600 \u2028", ""),
        ("back\\slash", "\\"),
        ("<![CDATA[a < b]]>", "c"),
        ("\x01", "c"),
    ],
)
def test_texts_are_those_of_the_parser(tmp_path: Path, name: str, href: str) -> None:
    members = [member(i, point(f"{i} 1")) for i in range(20)]
    members[11] = member(11, point("1 1"), name, href)
    members[12] = member("" if name == "]]>" else 12, point("1 1"), name, href)
    both(write(tmp_path / "a.gml", members), WANTED)
    both(write(tmp_path / "b.gml", members[11:13] * 6), WANTED)


def test_shapes_in_turn_keep_the_order_of_the_file(tmp_path: Path) -> None:
    kinds = [
        lambda i: member(i, polygon(ring(square(i)))),
        lambda i: member(i, point(f"{i} 1"), more="<e:more xsi:nil='true' nilReason=\"unknown\"/>"),
        lambda i: member(i, "", more=f"<e:name>second {i}</e:name><e:left>{i}</e:left>"),
        lambda i: member(i, polygon(ring(square(i))), other=point(f"{i} 7")),
    ]
    members = [kinds[(i * i) % 7 % 4](i) for i in range(8 * FEW)]
    path = write(tmp_path / "a.gml", members)
    assert both(path, WANTED) == (8 * FEW, 0)
    (batch,) = Reading(path, WANTED).batches()
    assert batch.records.column("gml_id").to_pylist() == [f"t{i}" for i in range(8 * FEW)]
    third = next(i for i in range(8 * FEW) if (i * i) % 7 % 4 == 2)
    assert batch.records.column("names")[third].as_py() == ["n", f"second {third}"]
    assert batch.records.column("both")[third].as_py() == [f"u{third}", "one"]
    # What columns have is not there once more.
    assert orjson.loads(batch.records.column("raw")[third].as_py()) == {
        "left/@uom": "m",
        "left": [str(third), str(third)],
    }


def test_members_that_are_alike_are_not_filled_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else all of this would be right, and for nothing."""
    members = [member(i, polygon(ring(square(i)))) for i in range(300)]
    members[5], members[9] = member(5, ODD["not closed"]), member(9, ODD["no number"])
    filled: list[str] = []
    fill = Shape.fill

    def noted(shape: Shape, values: list[Any]) -> Any:
        filled.append(values[0])
        return fill(shape, values)

    monkeypatch.setattr(Shape, "fill", noted)
    (batch,) = Reading(write(tmp_path / "a.gml", members), WANTED).batches()
    assert filled == ["t5", "t9"]
    assert batch.records.column("_malformed").to_pylist()[4:7] == [
        None,
        "geometry: a ring that is not closed",
        None,
    ]
    made = shapely.from_wkb(batch.records.column("geometry").to_numpy(zero_copy_only=False))
    want = np.array([None if i in {5, 9} else shapely.box(i, 0, i + 1, 1) for i in range(300)])
    assert shapely.equals(made[want != None], want[want != None]).all()  # noqa: E711 - of an array
    assert made[5] is None


def test_an_empty_identifier_is_none(tmp_path: Path) -> None:
    members = [member(i, point(f"{i} 1")).replace("<e:Thing ", f'<e:Thing fid="f{i}" ') for i in range(20)]
    members += [member(i, point(f"{i} 1")) for i in range(20)]
    for place in (3, 8, 30, 33):
        members[place] = members[place].replace(f'gml:id="t{place % 20}"', 'gml:id=""')
    path = write(tmp_path / "a.gml", members)
    assert both(path, WANTED) == (40, 0)
    (batch,) = Reading(path, WANTED).batches()
    identifiers = batch.records.column("gml_id").to_pylist()
    assert [identifiers[i] for i in (2, 3, 29, 30)] == ["t2", "f3", "t9", None]


def test_well_known_binary_is_that_of_shapely() -> None:
    rng = np.random.default_rng(4)
    for kind, polygons in ((1, [1]), (2, [1]), (3, [1]), (3, [3]), (6, [1, 2, 1])):
        texts, want = [], []
        for _ in range(50):
            parts = []
            for rings in polygons:
                lines = [
                    rng.normal(0, 1e5, (1 if kind == 1 else int(rng.integers(4, 9)), 2)) for _ in range(rings)
                ]
                if kind in {3, 6}:
                    lines = [np.vstack([line, line[:1]]) for line in lines]
                texts += [" ".join(map(repr, line.ravel().tolist())) for line in lines]
                parts.append(
                    shapely.Point(lines[0][0])
                    if kind == 1
                    else shapely.LineString(lines[0])
                    if kind == 2
                    else shapely.Polygon(lines[0], lines[1:])
                )
            want.append(shapely.to_wkb(shapely.MultiPolygon(parts) if kind == 6 else parts[0], byte_order=1))
        found, plain = many(kind, polygons, texts, {}, known=True)
        assert plain.all()
        assert found.equals(pa.array(want, pa.binary()))
