"""Workbooks written by GDAL (OpenDocument, Excel) are read as it would read them, and as the text that they were made of."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
import pyogrio
import pytest

from ldt import sources
from ldt.errors import HostileSource, RecipeError, SourceError
from ldt.sources.resource import open_resources
from ldt.sources.workbook import Workbook

ROWS = pd.DataFrame(
    {
        "code": ["007", "008", 'Köln; "Süd"'],
        "number": [12.0, -0.5, None],
        "whole": [1, 2, 1_000_000],
        "day": pd.to_datetime(["2024-02-29", "2024-03-31", None]),
    }
)


def write(path: Path, sheets: dict[str, pd.DataFrame]) -> Path:
    driver = {".xlsx": "XLSX", ".ods": "ODS"}[path.suffix]
    for place, (name, rows) in enumerate(sheets.items()):
        pyogrio.write_dataframe(rows, path, layer=name, driver=driver, append=place > 0)
    if path.suffix == ".ods":
        tighten(path)
    return path


def tighten(path: Path) -> None:
    """Take out the line breaks between the elements, which GDAL writes and office programs do not."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, re.sub(rb">\s+<", b"><", content))


def read(path: Path, **options: Any) -> list[dict[str, Any]]:
    return [row for batch in sources.read("table", path, options) for row in batch.records.to_pylist()]


@pytest.mark.parametrize("suffix", [".xlsx", ".ods"])
def test_cells_are_the_text_that_a_csv_would_have(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", {"stations": ROWS})
    rows = read(path)
    assert [r["_row"] for r in rows] == [0, 1, 2]
    assert [r["code"] for r in rows] == ["007", "008", 'Köln; "Süd"']
    assert [r["number"] for r in rows] == ["12", "-0.5", None]
    assert [r["whole"] for r in rows] == ["1", "2", "1000000"]
    assert [(r["day"] or "")[:10] for r in rows] == ["2024-02-29", "2024-03-31", ""]
    # What GDAL itself makes of the file.
    assert pyogrio.read_dataframe(path)["code"].tolist() == [r["code"] for r in rows]


def test_a_sheet_is_chosen_and_inspect_tells_them_all(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", {"one": ROWS, "two": ROWS.head(1)})
    with pytest.raises(SourceError, match=r"has 2 sheets: one, two .*`sheet`"):
        read(path)
    assert len(read(path, sheet="two")) == 1
    with pytest.raises(RecipeError, match=r"no sheet 'three'.*one, two"):
        read(path, sheet="three")
    told = sources.describe(path)
    assert [(layer.name, layer.count) for layer in told.layers] == [("one", 3), ("two", 1)]
    assert told.reader == "table"


def test_lines_before_the_header_are_told_and_skipped(tmp_path: Path) -> None:
    titled = pd.DataFrame(
        {
            "Population of the districts": ["", "code", "A", "B"],
            "x": ["", "people", "10", "20"],
            "y": ["", "year", "2024", "2024"],
        }
    )
    titled.columns = pd.Index(["Population of the districts", "", " "])
    path = tmp_path / "a.xlsx"
    pyogrio.write_dataframe(
        titled.set_axis(["title", "b", "c"], axis=1).replace("", None), path, layer="s", driver="XLSX"
    )
    told = sources.describe(path).layers[0]
    assert told.count == 3
    assert list(told.columns) == ["title", "b", "c"]
    rows = read(path, skip=2)
    assert [(r["code"], r["people"], r["year"]) for r in rows] == [("A", "10", "2024"), ("B", "20", "2024")]
    assert [r["_row"] for r in rows] == [0, 1]


def test_the_header_is_no_row_of_numbers(tmp_path: Path) -> None:
    """Headings in merged cells leave the header narrower than the records."""
    for name, rows, expected in (
        ("merged", [["Nr", "Name", "of them", None], [None, None, "m", "f"], ["101", "A", "4", "6"]], 2),
        ("years", [["of", "all", None, None], ["Name", "2010", "2011", "2012"], ["A", "1", "2", "3"]], 2),
        ("bare", [["1", "2", "3", "4"], ["6", "7", "8", "9"]], 1),
    ):
        path = tmp_path / f"{name}.xlsx"
        # GDAL writes names into the first row: a title takes their place.
        table = pd.DataFrame(rows, columns=["t", "b", "c", "d"])
        pyogrio.write_dataframe(table, path, layer="s", driver="XLSX")
        book = Workbook(path)
        cells = list(book.rows("s"))
        assert cells[0][1] == ["t", "b", "c", "d"]
        with pytest.MonkeyPatch.context() as patch:
            rest = [(0, ["title", None, None, None]), *cells[1:]]
            patch.setattr(Workbook, "rows", lambda _self, _sheet, rest=rest: iter(rest))
            assert book.header_row("s") == expected, name


def test_a_workbook_is_no_archive_of_files(tmp_path: Path) -> None:
    path = write(tmp_path / "a.xlsx", {"s": ROWS})
    with open_resources(path) as found:
        assert [(r.name, r.path) for r in found] == [("a.xlsx", path)]
    packed = tmp_path / "delivery.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.write(path, "tables/a.xlsx")
    assert len(read(packed)) == 3


@pytest.mark.parametrize("cut", [0.3, 0.9])
def test_damage_is_explained(tmp_path: Path, cut: float) -> None:
    whole = write(tmp_path / "a.xlsx", {"s": ROWS}).read_bytes()
    path = tmp_path / "b.xlsx"
    path.write_bytes(whole[: int(len(whole) * cut)])
    with pytest.raises(SourceError, match=r"b\.xlsx"):
        read(path)
    old = tmp_path / "c.xls"
    old.write_bytes(bytes.fromhex("d0cf11e0a1b11ae1") + b"\0" * 600)
    with pytest.raises(SourceError, match=r"c\.xls: cannot be read as a workbook"):
        read(old)


def test_a_bomb_is_refused_by_what_it_claims(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
        archive.writestr("xl/worksheets/sheet1.xml", b"0" * 60_000_000)
    with pytest.raises(HostileSource, match=r"unpacks to more than"):
        read(path)


def test_columns_of_fixed_width(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(
        "written by hand\nSTAT  DAY      VALUE\n00102 20240229  -1.5\n\n02667 20240301 999.0 x\nKöln  20240302\n".encode(
            "latin-1"
        )
    )
    rows = read(path, widths=[6, 9, 5], skip=1, encoding="latin-1")
    assert [(r["STAT"], r["DAY"], r["VALUE"]) for r in rows] == [
        ("00102", "20240229", "-1.5"),
        ("02667", "20240301", "999.0"),
        ("Köln", "20240302", None),
    ]
    assert list(read(path, widths=[6, 9, 5], skip=2, header=False, encoding="latin-1")[0])[1:4] == [
        "column_1",
        "column_2",
        "column_3",
    ]
    with pytest.raises(SourceError, match=r"a\.txt: text is not utf-8"):
        read(path, widths=[6, 9, 5], skip=1)


def test_columns_of_fixed_width_are_found(tmp_path: Path) -> None:
    lines = ["Daily values, by hand", "", "STAT   DAY       VALUE  Q"]
    lines += [f"{i:05d}  2024{i:02d}01  {i * 1.5 - 6:6.1f}  {i % 3}" for i in range(1, 13)]
    path = tmp_path / "a.dat"
    path.write_text("\n".join(lines) + "\n")
    told = sources.describe(path)
    assert told.format == "text in columns of fixed width"
    assert told.layers[0].count == 12
    assert told.problems == [
        "2 lines stand before the header: set the option `skip` to 2",
        "columns stand in fixed places: set the option `widths` to [7, 10, 7, 2]",
    ]
    rows = read(path, skip=2, widths=[7, 10, 7, 2])
    assert [r["VALUE"] for r in rows] == [str(i * 1.5 - 6) for i in range(1, 13)]
    # Prose is no table, however its words fall.
    path.write_text("a few words 1\nof prose are 2\nno table of 3\nany columns 44\n")
    with pytest.raises(SourceError, match="unknown kind"):
        sources.describe(path)
