"""Sheets of a workbook (Excel .xlsx, .xlsb and .xls, OpenDocument .ods) as tables of text.

A cell arrives as the text that a CSV export would have: numbers without a needless point, dates and times in ISO 8601, `true` and
`false`. Formulas arrive as the value that was saved with them.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
from python_calamine import CalamineError, CalamineWorkbook

from ldt.errors import RecipeError, SourceError
from ldt.sources.batches import BATCH_ROWS, column_names
from ldt.sources.source import MALFORMED, RAW, ROW
from ldt.sources.unit_rows import is_unit_row
from ldt.wording import plural

SUFFIXES = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")
#: What a workbook of the old format begins with (a compound file), and what is in the archive that a new one is.
_COMPOUND = bytes.fromhex("d0cf11e0a1b11ae1")
_PARTS = frozenset({"xl/workbook.xml", "xl/workbook.bin"})
_OPEN_DOCUMENT = b"application/vnd.oasis.opendocument.spreadsheet"
#: Rows in which a header is looked for.
_HEAD = 50
_NUMBER = re.compile(r"[+-]?\d+(\.\d*)?([eE][+-]?\d+)?")
_YEAR = re.compile(r"(1[89]|20|21)\d\d")

Cells = list[str | None]


def is_workbook(path: Path) -> bool:
    """Whether a file's bytes are those of a workbook, whatever it is called."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(8)
    if start == _COMPOUND:
        return True
    if not start.startswith(b"PK"):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            names = set(archive.namelist())
            if names & _PARTS:
                return True
            return (
                "mimetype" in names
                and archive.getinfo("mimetype").file_size < 100
                and (archive.read("mimetype") == _OPEN_DOCUMENT)
            )
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError):
        return False


class Workbook:
    """A workbook, read into memory; its size is bounded by that of the file.

    Raises:
        SourceError: it is damaged or protected by a password.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._book = CalamineWorkbook.from_path(str(path))
        except (CalamineError, OSError) as e:
            raise _unreadable(path, e) from e

    @property
    def sheets(self) -> list[str]:
        """Names of the sheets that hold anything."""
        return [name for name in self._book.sheet_names if any(True for _ in self.rows(name))]

    def sheet(self, wanted: str | None) -> str:
        """Return the sheet that is meant: the one of that name, or the only one.

        Raises:
            SourceError: the workbook is empty, or has several sheets.
            RecipeError: no such sheet.
        """
        sheets = self.sheets
        if wanted is not None:
            if wanted not in self._book.sheet_names:
                raise RecipeError(
                    f"no sheet {wanted!r}",
                    where="options of the reader 'table'",
                    remedy=f"there are: {', '.join(self._book.sheet_names)}",
                )
            return wanted
        if len(sheets) == 1:
            return sheets[0]
        if not sheets:
            raise SourceError("all sheets are empty", where=self._path.name, remedy="check the file")
        raise SourceError(
            f"has {len(sheets)} sheets: {', '.join(sheets)}",
            where=self._path.name,
            remedy="set the option `sheet`",
        )

    def rows(self, sheet: str) -> Iterator[tuple[int, Cells]]:
        """Yield (number from 0, cells) of each row that is not blank."""
        try:
            found = self._book.get_sheet_by_name(sheet).to_python(skip_empty_area=False)
        except (CalamineError, ValueError) as e:
            raise _unreadable(self._path, e) from e
        for number, row in enumerate(found):
            cells = [_text(cell) for cell in row]
            if any(cell is not None for cell in cells):
                yield number, cells

    def header_row(self, sheet: str) -> int:
        """Return the rows before the header: it is the first row that is as wide as the widest of the first ones.

        Where that is a row of numbers, whose headings are narrower (merged cells), it is the last row of headings above it.
        """
        head = list(islice(self.rows(sheet), _HEAD))
        widths = [sum(cell is not None for cell in cells) for _, cells in head]
        if not head:
            return 0
        widest = found = widths.index(max(widths))
        while found and _is_numeric(head[found][1]) and widths[found - 1] > 1:
            found -= 1
        return head[widest if _is_numeric(head[found][1]) else found][0]

    def has_units(self, sheet: str, skip: int) -> bool:
        """Whether a row of units follows the header, before which `skip` rows stand."""
        rows = [cells for number, cells in islice(self.rows(sheet), _HEAD) if number >= skip]
        return len(rows) > 2 and is_unit_row(rows[0], rows[1], rows[2:])


def _is_numeric(cells: Cells) -> bool:
    """Whether most cells of a row are numbers; years are names of columns."""
    filled = [cell for cell in cells if cell is not None]
    numbers = sum(bool(_NUMBER.fullmatch(cell)) and not _YEAR.fullmatch(cell) for cell in filled)
    return numbers * 2 > len(filled)


def header(book: Workbook, sheet: str, skip: int, named: bool) -> list[str]:
    """Return the names of a sheet's columns.

    Raises:
        SourceError: no row is left for a header.
    """
    for number, cells in book.rows(sheet):
        if number >= skip:
            while cells and cells[-1] is None:
                cells.pop()
            names = [c or "" for c in cells] if named else [f"column_{i}" for i, _ in enumerate(cells, 1)]
            return column_names(names)
    raise SourceError("holds no header", where=sheet, remedy="check the option `skip`")


def blocks(book: Workbook, sheet: str, skip: int, before: int, names: list[str]) -> Iterator[pa.RecordBatch]:
    """Yield the rows of a sheet; one that is wider than the header is malformed. `_row` counts all rows behind the `before` ones: header and units."""
    data = ((number, cells) for number, cells in book.rows(sheet) if number >= skip)
    start = skip
    for _ in range(before):
        start = next(data, (skip, []))[0] + 1
    while block := list(islice(data, BATCH_ROWS)):
        yield _batch(block, start, names)


def _batch(block: list[tuple[int, Cells]], start: int, names: list[str]) -> pa.RecordBatch:
    width = len(names)
    rows: list[int] = []
    kept: list[Cells] = []
    malformed: list[str | None] = []
    raw: list[str | None] = []
    for number, cells in block:
        rows.append(number - start)
        if any(cell is not None for cell in cells[width:]):
            kept.append([None] * width)
            malformed.append(f"{plural(len(cells), 'field')} where the header has {width}")
            raw.append(orjson.dumps({"_text": cells}).decode())
        else:
            kept.append([*cells[:width], *([None] * (width - len(cells)))])
            malformed.append(None)
            raw.append(None)
    columns: dict[str, Any] = {ROW: pa.array(rows, pa.int64())}
    for name, values in zip(names, zip(*kept, strict=True), strict=True):
        columns[name] = pa.array(values, pa.string())
    columns[MALFORMED] = pa.array(malformed, pa.string())
    columns[RAW] = pa.array(raw, pa.string())
    return pa.RecordBatch.from_pydict(columns)


def _text(cell: Any) -> str | None:
    """Return a cell as text; None for an empty one."""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    text = str(cell).strip()
    return text or None


def _unreadable(path: Path, why: object) -> SourceError:
    return SourceError(
        f"cannot be read as a workbook: {' '.join(str(why).split())[:200]}",
        where=path.name,
        remedy="take off its password if it has one; otherwise save it anew, or as CSV",
    )
