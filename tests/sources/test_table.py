"""Delimited text: nothing is lost, nothing is guessed."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely

from ldt.axis import AxisOrder
from ldt.errors import RecipeError, SourceError
from ldt.sources import describe
from ldt.sources import table as table_module
from ldt.sources.dialect import judge_dialect
from ldt.sources.source import Batch
from ldt.sources.table import TableReader

Rows = Callable[..., list[dict[str, Any]]]


def write(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def test_every_column_is_text(tmp_path: Path, rows: Rows) -> None:
    got = rows("table", write(tmp_path / "a.csv", "code,n\n001,1.50\n,x\n"))
    assert [(r["code"], r["n"]) for r in got] == [("001", "1.50"), (None, "x")]
    assert [r["_row"] for r in got] == [0, 1]
    assert {r["_file"] for r in got} == {"a.csv"}
    assert {r["_malformed"] for r in got} == {None}


@pytest.mark.parametrize("text", ["a,b", "a,b\n", "title\na,b"])
def test_a_header_alone_is_a_table_without_rows(tmp_path: Path, rows: Rows, text: str) -> None:
    path = write(tmp_path / "a.csv", text)
    assert rows("table", path, skip=text.count("title")) == []
    assert describe(write(tmp_path / "b.csv", "a,b")).layers[0].count == 0


def test_the_mark_that_dos_ends_a_text_with_is_no_row(tmp_path: Path, rows: Rows) -> None:
    path = write(tmp_path / "a.csv", "a,b\r\n1,2\r\n\x1a")
    assert [(r["a"], r["_malformed"]) for r in rows("table", path)] == [("1", None)]
    assert describe(path).layers[0].count == 1


@pytest.mark.parametrize("block", [100, 4_000_000])
def test_malformed_rows_stay_in_their_places(
    tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch, block: int
) -> None:
    monkeypatch.setattr(table_module, "_BLOCK", block)
    lines = [f"{i};x" if i % 7 else f"{i};x;y;z" for i in range(200)]
    got = rows("table", write(tmp_path / "a.csv", "a;b\n" + "\n".join(lines) + "\n"))
    assert [r["_row"] for r in got] == list(range(200))
    for i, row in enumerate(got):
        if i % 7:
            assert (row["a"], row["_malformed"], row["raw"]) == (str(i), None, None)
        else:
            assert row["a"] is None
            assert row["_malformed"] == "4 fields where the header has 2"
            assert orjson.loads(row["raw"])["_text"] == lines[i]


def test_all_rows_malformed(tmp_path: Path, rows: Rows) -> None:
    got = rows("table", write(tmp_path / "a.csv", "a;b\n1\n2\n"), delimiter=";")
    assert [(r["_row"], r["a"], r["_malformed"]) for r in got] == [
        (0, None, "1 field where the header has 2"),
        (1, None, "1 field where the header has 2"),
    ]


def test_truncated_in_a_row(tmp_path: Path, rows: Rows) -> None:
    got = rows("table", write(tmp_path / "a.csv", "a,b,c\n1,2,3\n4,5"))
    assert [r["_malformed"] is None for r in got] == [True, False]


def test_encodings(tmp_path: Path, rows: Rows) -> None:
    text = "name\nKöln\n"
    assert rows("table", write(tmp_path / "u.csv", text))[0]["name"] == "Köln"
    assert rows("table", write(tmp_path / "b.csv", b"\xef\xbb\xbf" + text.encode()))[0]["name"] == "Köln"
    assert (
        rows("table", write(tmp_path / "s.csv", b"\xef\xbb\xbf" + text.encode()), encoding="utf-8-sig")[0][
            "name"
        ]
        == "Köln"
    )
    latin = write(tmp_path / "l.csv", text.encode("latin-1"))
    assert rows("table", latin, encoding="latin-1")[0]["name"] == "Köln"
    with pytest.raises(SourceError, match=r"l\.csv: text is not utf-8.*latin-1"):
        rows("table", latin)
    with pytest.raises(RecipeError, match="unknown encoding"):
        rows("table", latin, encoding="no-such")


def test_malformed_row_in_another_encoding(tmp_path: Path, rows: Rows) -> None:
    """Not only a wrong row but bytes that are no text: the encoding is what must be told."""
    with pytest.raises(SourceError, match="text is not utf-8"):
        rows("table", write(tmp_path / "l.csv", "a,b\n1,2\nKöln\n".encode("latin-1")))


def test_latin_1_in_the_header(tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(SourceError, match="text is not utf-8"):
        rows("table", write(tmp_path / "l.csv", "Köln,b\n1,2\n".encode("latin-1")))


def test_header_skip_and_names(tmp_path: Path, rows: Rows) -> None:
    path = write(tmp_path / "a.csv", "Title\nmore; words\n_row;;x;X;geometry\n1;2;3;4;5\n6;7\n")
    got = rows("table", path, skip=2)
    assert [k for k in got[0] if k not in {"_row", "_malformed", "raw", "_file"}] == [
        "_row_",
        "column_2",
        "x",
        "X_",
        "geometry_",
    ]
    assert [(r["_row"], r["x"]) for r in got] == [(0, "3"), (1, None)]
    got = rows("table", write(tmp_path / "b.csv", "1,2\n3,4\n5\n"), header=False)
    assert [(r["_row"], r["column_2"]) for r in got] == [(0, "2"), (1, "4"), (2, None)]


def test_quotes_line_breaks_and_blank_lines(tmp_path: Path, rows: Rows) -> None:
    content = 'a;b\r\n"x;1";"line\nbreak"\r\n\r\n"say ""hi""";2\r\n'
    path = write(tmp_path / "a.csv", content)
    got = rows("table", path)
    with path.open(newline="") as file:
        expected = [r for r in csv.reader(file, delimiter=";") if r][1:]
    assert [[r["a"], r["b"]] for r in got] == expected == [["x;1", "line\nbreak"], ['say "hi"', "2"]]


def test_points_of_two_columns(tmp_path: Path, batches: Callable[..., list[Batch]]) -> None:
    path = write(tmp_path / "a.csv", "n;X;Y\na;2568000,5;5645000\nb;;5\nc;1;no\nd;6.9;50.9\ne;nan;1\n")
    (batch,) = batches("table", path, x="X", y="Y", crs="EPSG:31466")
    points = [g and shapely.from_wkb(g).wkt for g in batch.records.column("geometry").to_pylist()]
    assert points == ["POINT (2568000.5 5645000)", None, None, "POINT (6.9 50.9)", None]
    assert batch.crs is not None
    assert (batch.crs.text, batch.crs.order) == ("EPSG:31466", AxisOrder.XY)
    (plain,) = batches("table", path, x="X", y="Y")
    assert plain.crs is None


@pytest.mark.parametrize("header", ["lon,lat", "Longitude,Latitude", "LON,latitude"])
def test_points_where_the_names_differ_from_file_to_file(
    tmp_path: Path, batches: Callable[..., list[Batch]], header: str
) -> None:
    path = write(tmp_path / "a.csv", f"{header}\n6.9,50.9\n")
    (batch,) = batches("table", path, x="longitude|lon", y="latitude|lat", crs="EPSG:4326")
    assert shapely.from_wkb(batch.records.column("geometry")[0].as_py()).coords[0] == (6.9, 50.9)


def test_the_first_of_several_names_counts(tmp_path: Path, batches: Callable[..., list[Batch]]) -> None:
    path = write(tmp_path / "a.csv", "lon,x,lat,y\n6.9,1,50.9,2\n")
    (batch,) = batches("table", path, x="x|lon", y="y|lat", crs="EPSG:4326")
    assert shapely.from_wkb(batch.records.column("geometry")[0].as_py()).coords[0] == (1, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "X"}, "`x` and `y` come together"),
        ({"x": "X", "y": "no"}, "no column 'no'"),
        ({"x": "X", "y": "Y", "crs": "EPSG:1"}, "unknown CRS"),
        ({"delimiter": ";;"}, "one character"),
        ({"seperator": ";"}, "seperator"),
    ],
)
def test_wrong_options_name_themselves(
    tmp_path: Path, rows: Rows, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(RecipeError, match=message):
        rows("table", write(tmp_path / "a.csv", "X,Y\n1,2\n"), **options)


def test_describe_counts_and_warns(tmp_path: Path) -> None:
    told = describe(write(tmp_path / "a.csv", "Köln;b\n1;2\n3\n".encode("latin-1")))
    (layer,) = told.layers
    assert (told.reader, layer.count, list(layer.columns)) == ("table", 2, ["Köln", "b"])
    assert layer.problems == ["1 of 2 rows does not fit the header (2 columns)"]
    assert "latin-1" in told.problems[0]


def test_binary_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="is not text"):
        describe(write(tmp_path / "a.csv", b"a,b\n\0\1\2"))


def test_header_alone_and_nothing(tmp_path: Path, rows: Rows) -> None:
    assert rows("table", write(tmp_path / "a.csv", "a,b\n")) == []
    with pytest.raises(SourceError, match="no header"):
        rows("table", write(tmp_path / "b.csv", "\n\n"))


def test_unclosed_quote_is_told(tmp_path: Path, rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table_module, "_BLOCK", 1000)
    path = write(tmp_path / "a.csv", 'a,b\n1,"open\n' + "2,3\n" * 1000)
    with pytest.raises(SourceError, match="unclosed quote"):
        rows("table", path)


def test_last_row_that_swallowed_the_rest(tmp_path: Path, rows: Rows) -> None:
    got = rows("table", write(tmp_path / "a.csv", 'a,b\n1,x\n2,"open\n3,y\n4,z\n'))
    assert [(r["_row"], r["a"], r["_malformed"]) for r in got] == [
        (0, "1", None),
        (1, None, "a quote is opened and never closed"),
    ]
    assert "4,z" in got[1]["raw"]
    whole = rows("table", write(tmp_path / "b.csv", 'a,b\n1,x\n2,"line\nbreak"\n'))
    assert [(r["b"], r["_malformed"]) for r in whole] == [("x", None), ("line\nbreak", None)]


@pytest.mark.parametrize(
    ("name", "count", "options"),
    [
        ("airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv", 15368, {}),
        (
            "cologne/uba/stations_active.csv",
            893,
            {"x": "station_longitude_d", "y": "station_latitude_d", "crs": "EPSG:4326"},
        ),
        ("cologne/traffic/load_2013-03.csv.gz", 963976, {}),
        ("statistics/istat/Valle_d_Aosta.csv", 1486, {"encoding": "latin-1"}),
        ("airquality/eea_aqdl/MT_metadata.csv.zip", 275, {}),
    ],
)
def test_real_counts(
    real_data: Path, batches: Callable[..., list[Batch]], name: str, count: int, options: dict[str, Any]
) -> None:
    """Counts of the data folder's own README (lines less the header)."""
    got = batches("table", real_data / name, **options)
    assert sum(b.records.num_rows for b in got) == count
    assert all(b.records.column("_malformed").null_count == b.records.num_rows for b in got)


def test_real_values_against_the_standard_library(real_data: Path, rows: Rows) -> None:
    path = real_data / "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        expected = [{k: v or None for k, v in r.items()} for r in csv.DictReader(file)]
    got = rows("table", path)
    assert [{k: r[k] for k in expected[0]} for r in got] == expected


def test_fixed_widths_are_judged_from_the_whole_file(tmp_path: Path) -> None:
    """Numbers become longer after some hundred lines; notes stand below the table."""
    header = "  id   value   flag\n"
    lines = [f"{i:4d}{i % 7:8d}{i % 2:7d}\n" for i in range(400)] + [
        f"{i:4d}{i * 100:8d}{i % 2:7d}\n" for i in range(400, 9000)
    ]
    path = write(
        tmp_path / "a.txt",
        header + "".join(lines) + "Source: the office of statistics, all rights reserved\n",
    )
    found = judge_dialect(path)
    assert found.widths[0] == 6
    names, *_ = ([*b.records.schema.names] for b in TableReader().read(path, found.options()))
    rows = [r for b in TableReader().read(path, found.options()) for r in b.records.to_pylist()]
    assert names[1:4] == ["id", "value", "flag"]
    assert (rows[8999]["id"], rows[8999]["value"], rows[8999]["flag"]) == ("8999", "899900", "1")
