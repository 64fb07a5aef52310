"""Members that are not parsed again: everything is as the XML library has it, on generated collections and on the real files."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import orjson
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ldt.errors import SourceError
from ldt.sources import gml_records
from ldt.sources.gml_ahead import ahead
from ldt.sources.gml_members import Members
from ldt.sources.gml_pieces import Pieces
from ldt.sources.gml_records import Reading, Wanted
from ldt.sources.gml_shapes import MOST_SHAPES, Shapes
from ldt.sources.source import Batch

PATHS = {"name": "name", "names": "name[]", "code": "code/@href", "any": "//value", "whole": "box"}
HEAD = (
    '<?xml version="1.0" encoding="{encoding}"?>\n<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2"'
    ' xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
    ' xmlns:e="urn:e" gml:id="all">\n'
)
TAIL = "\n</gml:FeatureCollection>\n"


def feature(number: int, name: str = "a", code: str = "x", value: str = "1", more: str = "") -> str:
    return (
        f'<gml:featureMember><e:Thing gml:id="t.{number}">\n <e:name>{name}</e:name><e:code xlink:href={code}/>'
        f"<e:box>\n  <e:value>{value}</e:value></e:box>{more}\n"
        f'<e:place><gml:Point gml:id="p.{number}" srsName="urn:ogc:def:crs:EPSG::4258"><gml:pos>{50 + number / 1000} 7</gml:pos></gml:Point></e:place>'
        "</e:Thing></gml:featureMember>"
    )


def write(path: Path, members: list[str], encoding: str = "utf-8", between: str = "\n") -> Path:
    path.write_bytes((HEAD.format(encoding=encoding) + between.join(members) + TAIL).encode(encoding))
    return path


def records(path: Path, wanted: Wanted) -> tuple[list[tuple[Any, dict[str, Any]]], str | None]:
    """Return the records with their CRS, the leaves as objects; and the error that ended the reading."""
    found: list[tuple[Any, dict[str, Any]]] = []
    try:
        for batch in Reading(path, wanted).batches():
            found += [
                (
                    batch.crs if row["geometry"] else None,
                    {**row, "raw": list(orjson.loads(row["raw"]).items())},
                )
                for row in batch.records.to_pylist()
            ]
    except SourceError as e:
        return found, str(e)
    return found, None


def both(path: Path, wanted: Wanted | None = None) -> tuple[int, int]:
    """Compare what becomes of the members with what the parser finds; return how many there are, and how many were parsed."""
    wanted = wanted or Wanted(PATHS)
    with pytest.MonkeyPatch.context() as patch:
        # One by one, and as columns.
        patch.setattr(gml_records, "FEW", 1_000_000)
        filled = records(path, wanted)
        patch.setattr(gml_records, "FEW", 1)
        columns = records(path, wanted)
        patch.setattr(Pieces, "__iter__", lambda _: iter(()))
        truth = records(path, wanted)
    assert filled == truth
    assert columns == truth
    pieces = Pieces(path)
    shapes = Shapes(pieces, Reading(path, wanted).walk)
    shape_of = [shape for block in pieces for shape, _, _ in shapes.members(block)]
    return len(truth[0]), sum(shape is None for shape in shape_of)


texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"], include_characters="\t\n\r"),
    max_size=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, texts, texts, st.integers(0, 3)), min_size=1, max_size=6))
def test_any_text_is_read_as_the_parser_reads_it(
    tmp_path: Path, rows: list[tuple[str, str, str, int]]
) -> None:
    more = ("", '<!-- a="b" -->', "<e:note xsi:nil='true' nilReason=\"unknown\"/>", "<e:value>  2 </e:value>")
    members = [
        feature(i, escape(name), quoteattr(code), escape(value), more[kind])
        for i, (name, code, value, kind) in enumerate(rows)
    ]
    both(write(tmp_path / "a.gml", members * 2))


def test_alike_members_are_parsed_once(tmp_path: Path) -> None:
    members = [feature(i, f"name {i}", f'"#c{i}"', str(i)) for i in range(500)]
    # References to characters and line breaks are values like others; a quote and a number are left to the parser.
    members[7] = feature(7, "A &amp; B &lt;1&gt;", '"x&amp;y"', "&quot;7&quot;")
    members[8] = feature(8, 'say "x"', '"line\nbreak"', " 8\n")
    members[9] = feature(9, "&#65;", '"z"', "9")
    assert both(write(tmp_path / "a.gml", members)) == (500, 2)


def test_what_decides_is_part_of_the_shape(tmp_path: Path) -> None:
    members = [feature(i, "n", '"c"') for i in range(6)]
    members[1] = members[1].replace("EPSG::4258", "EPSG::25832")
    members[2] = members[2].replace("<gml:Point ", '<gml:Point srsDimension="3" ')
    members[3] = members[3].replace("<e:Thing ", '<e:Thing xmlns:f="urn:f" ')
    members[4] = members[3].replace("urn:f", "http://www.opengis.net/gml/3.2")
    assert both(write(tmp_path / "a.gml", members))[0] == 6


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "windows-1252", "utf-8-sig"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "a.gml"
    text = HEAD.format(encoding=encoding.removesuffix("-sig")) + feature(1, "Köln", '"é"') * 2 + TAIL
    path.write_bytes(text.encode(encoding))
    assert both(path) == (2, 0)


@pytest.mark.parametrize(
    "odd",
    [
        "<e:between/>",
        "<!-- a comment -->",
        "<gml:featureMember xlink:href='#t.1'/>",
        "<gml:featureMember></gml:featureMember>",
        "<gml:featureMembers>" + feature(9).replace("gml:featureMember>", "gml:x>") + "</gml:featureMembers>",
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(tmp_path: Path, odd: str) -> None:
    members = [feature(i, code='"c"') for i in range(4)]
    path = write(tmp_path / "a.gml", [*members[:2], odd.replace(" xlink:href=x", ""), *members[2:]])
    try:
        truth = [f.get("{http://www.opengis.net/gml/3.2}id") for f in Members(path)]
    except SourceError:
        truth = None
    found: list[Batch] = []
    try:
        found += Reading(path, Wanted(PATHS)).batches()
        assert truth is not None
        assert [i for b in found for i in b.records.column("gml_id").to_pylist()] == truth
    except SourceError:
        assert truth is None


def test_more_shapes_than_are_remembered(tmp_path: Path) -> None:
    members = [feature(i, code='"c"', more=f"<e:x{i}>1</e:x{i}>") for i in range(MOST_SHAPES + 20)]
    count, parsed = both(write(tmp_path / "a.gml", members))
    assert (count, parsed) == (MOST_SHAPES + 20, 20)


def test_real_collections(real_data: Path) -> None:
    compared = remembered = 0
    for path in sorted((real_data / "inspire").rglob("*")):
        if path.suffix not in {".gml", ".xml"}:
            continue
        count, parsed = both(path)
        compared += count
        remembered += count - parsed
    assert compared > 1_000
    # Few of them are not plain.
    assert remembered > 0.75 * compared


# Several processes ----------------------------------------------------------------------------------------------------


def table(batches: Iterator[Batch]) -> pa.Table:
    return pa.Table.from_batches([b.records for b in batches]).combine_chunks()


def test_workers_give_the_same_records_in_the_same_order(tmp_path: Path) -> None:
    members = [feature(i, f"name {i}", f'"#c{i}"', str(i)) for i in range(3_000)]
    path = write(tmp_path / "a.gml", members)
    wanted = Wanted(PATHS)
    alone = table(Reading(path, wanted).batches())
    assert alone.column("_row").to_pylist() == list(range(3_000))
    assert table(ahead(path, wanted, 2, large=0, part=100_000)).equals(alone)
    # A member in the middle that is not plain: from there on it is read here.
    members[1_500] = "<e:between/>" + members[1_500]
    odd = write(tmp_path / "b.gml", members)
    assert table(ahead(odd, wanted, 2, large=0, part=100_000)).equals(table(Reading(odd, wanted).batches()))


def test_workers_leave_damage_to_be_explained(tmp_path: Path) -> None:
    members = [feature(i, code='"c"') for i in range(2_000)]
    members[1_200] = members[1_200].replace("</e:box>", "</e:bax>")
    path = write(tmp_path / "a.gml", members)
    found = ahead(path, Wanted(PATHS), 2, large=0, part=100_000)
    kept: list[int] = []
    with pytest.raises(SourceError, match=r"a\.gml: not well-formed XML at line"):
        kept.extend(batch.records.num_rows for batch in found)
    assert sum(kept) == 1_200
    # A file that is cut off in its middle, behind a whole member.
    cut = tmp_path / "cut.gml"
    cut.write_text(HEAD.format(encoding="utf-8") + "\n".join(members[:1_000]) + "\n<gml:feat")
    with pytest.raises(SourceError, match=r"cut\.gml: not well-formed XML"):
        list(ahead(cut, Wanted(PATHS), 2, large=0, part=100_000))
    # Whoever stops early is not kept waiting.
    assert (
        len(
            list(
                islice(
                    ahead(write(tmp_path / "b.gml", members[:1_000]), Wanted(PATHS), 2, large=0, part=50_000),
                    1,
                )
            )
        )
        == 1
    )


def test_a_script_is_not_run_again_by_its_workers(tmp_path: Path) -> None:
    """A script without the guard `if __name__ == "__main__"`, as people write them."""
    path = write(tmp_path / "a.gml", [feature(i, code='"c"') for i in range(2_000)])
    script = tmp_path / "script.py"
    script.write_text(
        "print('begun', flush=True)\nfrom pathlib import Path\nfrom ldt.sources.gml_ahead import ahead\n"
        "from ldt.sources.gml_records import Wanted\n"
        f"print(sum(b.records.num_rows for b in ahead(Path({str(path)!r}), Wanted(), 2, large=0, part=50_000)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["begun", "2000"]
    assert done.stderr == ""
