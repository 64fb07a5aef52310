"""Reader `table`: delimited text (CSV and its relatives), text in columns of fixed width, sheets of a workbook.

Every column arrives as text: what is a number, a date or a code with leading zeros is for the recipe to say. A row that does
not fit the header is delivered with `_malformed` and its text; it costs itself only.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
from numpy.typing import NDArray
from pydantic import Field, model_validator

from ldt.errors import RecipeError, SourceError
from ldt.sources import fixed_width, workbook
from ldt.sources.batches import check_options, column_names
from ldt.sources.dialect import Dialect, judge_dialect, usual_delimiter
from ldt.sources.notes import NOTE, without_notes
from ldt.sources.points import PointOptions, placed, point_crs, with_names
from ldt.sources.source import (
    MALFORMED,
    RAW,
    ROW,
    Batch,
    Description,
    LayerDescription,
)
from ldt.sources.unit_rows import unit_of
from ldt.wording import plural

SUFFIXES = (".csv", ".tsv", ".txt", *workbook.SUFFIXES)

_HEADER_BYTES = 1024**2
#: Bytes parsed at once; it bounds the memory, and the longest row.
_BLOCK = 4 * 1024**2
#: Programs of DOS close a text with it (0x1A); it is no row.
_END_OF_FILE = "\x1a"


class TableOptions(PointOptions):
    """Options of the reader `table`.

    Attributes:
        encoding: of the text; a byte order mark is dropped.
        delimiter: one character; without it the one of `,;` tab `|` that is most frequent in the header.
        skip: lines before the header.
        header: whether there is one; otherwise columns are `column_1`, `column_2`, …
        units: whether a row of units follows the header; it is passed over.
        geometry, x, y, crs: see :class:`~ldt.sources.points.PointOptions`.
        sheet: of a workbook that has several.
        widths: characters of each column, where columns stand in fixed places of the line.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    skip: int = 0
    header: bool = True
    units: bool = False
    sheet: str | None = None
    widths: tuple[Annotated[int, Field(gt=0)], ...] = ()

    @model_validator(mode="after")
    def _delimiter_is_one(self) -> TableOptions:
        if self.delimiter is not None and len(self.delimiter) != 1:
            raise ValueError("`delimiter` is one character")
        if self.units and not self.header:
            raise ValueError("a row of units follows a header")
        return self


class TableReader:
    """Delimited text."""

    suffixes = SUFFIXES
    options = TableOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the rows of one file."""
        chosen = check_options(TableOptions, options, "table")
        names, blocks = _opened(path, chosen)
        chosen = with_names(chosen, names, "table")
        crs = point_crs(chosen, "table")
        for records in blocks:
            yield from placed(records, chosen, crs)

    def describe(self, path: Path) -> Description:
        """Tell the columns, counting all rows."""
        if workbook.is_workbook(path):
            return _describe_workbook(path)
        dialect = judge_dialect(path)
        options = TableOptions(delimiter=dialect.delimiter, **dialect.options())
        names, blocks = _opened(path, options)
        layer = _counted(path.stem, blocks, _columns(path, options, names))
        said = {
            "encoding": _told(dialect),
            "skip": f"{plural(dialect.skip, 'line stands', 'lines stand')} before the header: set the option `skip` to {dialect.skip}",
            "header": "the first line is no header: set the option `header` to false",
            "widths": f"columns stand in fixed places: set the option `widths` to {list(dialect.widths)}",
            "units": _UNITS,
        }
        shown = {"\t": "tab"}.get(dialect.delimiter, dialect.delimiter)
        return Description(
            format="text in columns of fixed width" if dialect.widths else f"delimited text ({shown})",
            reader="table",
            layers=[layer],
            problems=[said[name] for name in dialect.options()],
            encoding=dialect.encoding,
        )


def _counted(name: str, blocks: Iterator[pa.RecordBatch], columns: dict[str, str]) -> LayerDescription:
    """Return what a table holds: how many rows, and how many of them are none."""
    count = malformed = notes = 0
    for records in blocks:
        count += records.num_rows
        malformed += records.num_rows - records.column(MALFORMED).null_count
        notes += pc.sum(pc.equal(records.column(MALFORMED), NOTE)).as_py() or 0
    layer = LayerDescription(name=name, count=count, columns=columns)
    if bad := malformed - notes:
        fit = "does not fit" if bad == 1 else "do not fit"
        layer.problems.append(
            f"{bad} of {plural(count, 'row')} {fit} the header ({plural(len(columns), 'column')})"
        )
    if notes:
        layer.problems.append(f"{plural(notes, 'row')} at the end: {NOTE}")
    return layer


def unit_row(path: Path, options: TableOptions) -> dict[str, str]:
    """Return the units that the row under a table's header names, by column; none where it has no such row."""
    if not options.units:
        return {}
    names, blocks = _opened(path, options.model_copy(update={"units": False}))
    first = next(blocks, None)
    if first is None or not first.num_rows:
        return {}
    cells = {name: unit_of(first.column(name)[0].as_py()) for name in names}
    return {name: unit for name, unit in cells.items() if unit}


_UNITS = "the row under the header holds units, not a record: set the option `units` to true"


def _columns(path: Path, options: TableOptions, names: list[str]) -> dict[str, str]:
    units = unit_row(path, options)
    return {name: f"text, in {units[name]}" if name in units else "text" for name in names}


def _told(dialect: Dialect) -> str:
    """Return how an encoding was judged, and what else is possible: bytes alone do not tell alphabets apart."""
    text = f"the text is not UTF-8: set the option `encoding` to {dialect.encoding}"
    judged = dialect.judged
    if judged is None or judged.language is None:
        return text
    doubt = f"; that is not certain: {judged.doubt}" if judged.doubt else ""
    # In the west one code page serves all languages: which it is does not matter there.
    west = dialect.encoding in {"latin-1", "windows-1252"}
    return f"{text} (judged by its letters{'' if west else f', as in {judged.language}'}{doubt})"


def _opened(path: Path, options: TableOptions) -> tuple[list[str], Iterator[pa.RecordBatch]]:
    """Return the names of the columns, and the rows."""
    if workbook.is_workbook(path):
        book = workbook.Workbook(path)
        sheet = book.sheet(options.sheet)
        names = workbook.header(book, sheet, options.skip, options.header)
        before = options.header + options.units
        blocks = workbook.blocks(book, sheet, options.skip, before, names)
    elif options.widths:
        how = (path, options.widths, options.encoding, options.skip)
        names = fixed_width.header(*how, options.header)
        blocks = fixed_width.blocks(*how, options.header + options.units, names)
    else:
        names, delimiter = _header(path, options)
        blocks = _blocks(path, options, names, delimiter)
    return names, without_notes(blocks)


def _describe_workbook(path: Path) -> Description:
    """Tell the sheets of a workbook."""
    book = workbook.Workbook(path)
    description = Description(format="workbook", reader="table", layers=[])
    for sheet in book.sheets:
        skip = book.header_row(sheet)
        options = TableOptions(sheet=sheet, skip=skip, units=book.has_units(sheet, skip))
        names, blocks = _opened(path, options)
        layer = _counted(sheet, blocks, _columns(path, options, names))
        if options.units:
            layer.problems.append(_UNITS)
        if skip:
            stand = plural(skip, "row stands", "rows stand")
            layer.problems.append(f"{stand} before the header: set the option `skip` to {skip}")
        description.layers.append(layer)
    if not description.layers:
        description.problems.append("all sheets are empty")
    return description


def _wrong_encoding(path: Path, encoding: str, why: object) -> SourceError:
    return SourceError(
        f"text is not {encoding}: {' '.join(str(why).split())}",
        where=path.name,
        remedy="set the option `encoding`, for example to latin-1",
    )


def _header(path: Path, options: TableOptions) -> tuple[list[str], str]:
    """Return the names of the columns, and the delimiter."""
    try:
        with path.open("rb") as file:
            head = io.TextIOWrapper(
                io.BytesIO(file.read(_HEADER_BYTES)), encoding=options.encoding, newline="", errors="strict"
            )
            for _ in range(options.skip):
                head.readline()
            text = head.readline()
            # Blank lines before the header are not a header; a quoted name may hold a line break.
            while text and not text.strip():
                text = head.readline()
            while text.count('"') % 2 and (more := head.readline()):
                text += more
    except UnicodeDecodeError as e:
        raise _wrong_encoding(path, options.encoding, e) from e
    except LookupError as e:
        raise RecipeError(
            str(e), where="options of the reader 'table'", remedy="name an encoding such as utf-8 or latin-1"
        ) from e
    text = text.removeprefix("\ufeff")
    if not text.strip():
        raise SourceError("holds no header", where=path.name, remedy="check the option `skip`")
    delimiter = options.delimiter or usual_delimiter(path, text)
    try:
        first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as e:
        raise SourceError(
            f"the header cannot be read: {e}", where=path.name, remedy="check `delimiter` and `skip`"
        ) from e
    names = first if options.header else [f"column_{i}" for i in range(1, len(first) + 1)]
    return column_names(names), delimiter


def _blocks(path: Path, options: TableOptions, names: list[str], delimiter: str) -> Iterator[pa.RecordBatch]:
    """Yield the rows in the file's order, the malformed in their places."""
    if options.header and _is_only_header(path, options):
        return
    malformed: dict[int, pa.csv.InvalidRow] = {}
    headers = options.header + options.units

    def keep(row: pa.csv.InvalidRow) -> str:
        if row.text.strip() == _END_OF_FILE:
            return "skip"
        malformed[row.number - 1 - headers - options.skip] = row
        return "skip"

    read = pa.csv.ReadOptions(
        use_threads=False,  # only then rows have numbers
        block_size=_BLOCK,
        column_names=names,
        skip_rows=options.skip,
        skip_rows_after_names=headers,
        # Python decodes, also UTF-8: Arrow's own handler of malformed rows fails on bytes that are no text.
        encoding="utf-8-sig" if options.encoding.lower() in {"utf-8", "utf8"} else options.encoding,
    )
    parse = pa.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True, invalid_row_handler=keep)
    convert = pa.csv.ConvertOptions(
        column_types=dict.fromkeys(names, pa.string()),
        null_values=[""],
        strings_can_be_null=True,
        quoted_strings_can_be_null=True,
    )
    row = 0
    last: pa.RecordBatch | None = None
    try:
        with pa.csv.open_csv(path, read, parse, convert) as stream:
            for block in stream:
                if block.num_rows:
                    rows = _row_numbers(row, block.num_rows, malformed)
                    row = int(rows[-1]) + 1
                    bad = {number: malformed.pop(number) for number in sorted(malformed) if number < row}
                    if last is not None:
                        yield last
                    last = _in_place(block, rows, bad)
    except pa.ArrowInvalid as e:
        if "UTF8" in str(e):
            raise _wrong_encoding(path, options.encoding, e) from e
        raise SourceError(
            f"cannot be read as delimited text after row {row}: {' '.join(str(e).split())}",
            where=path.name,
            remedy="check `delimiter` and quotes; an unclosed quote swallows the rest of the file",
        ) from e
    except UnicodeDecodeError as e:
        raise _wrong_encoding(path, options.encoding, e) from e
    if last is not None:
        yield _without_swallowed(path, last)
    if malformed:
        nothing = pa.RecordBatch.from_pydict({name: pa.array([], pa.string()) for name in names})
        yield _in_place(nothing, np.array([], dtype=np.int64), malformed)


def _is_only_header(path: Path, options: TableOptions) -> bool:
    """Whether no line follows the header; Arrow fails on one that does not even end."""
    with path.open(encoding=options.encoding, errors="replace") as text:
        return next(islice(text, options.skip + 1 + options.units, None), None) is None


def _without_swallowed(path: Path, batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return the last rows of a file; if the very last swallowed others because a quote is never closed, as malformed."""
    final = batch.slice(batch.num_rows - 1)
    names = [name for name in batch.schema.names if name not in {ROW, MALFORMED, RAW}]
    texts = [final.column(name)[0].as_py() for name in names]
    if not any(text and "\n" in text for text in texts) or _quotes(path) % 2 == 0:
        return batch
    whole = {name: pa.nulls(1, pa.string()) for name in names}
    whole[ROW] = final.column(ROW)
    whole[MALFORMED] = pa.array(["a quote is opened and never closed"])
    whole[RAW] = pa.array([orjson.dumps({"_text": [t for t in texts if t]}).decode()])
    marked = pa.RecordBatch.from_pydict({name: whole[name] for name in batch.schema.names})
    return pa.concat_batches([batch.slice(0, batch.num_rows - 1), marked])


def _quotes(path: Path) -> int:
    with path.open("rb") as file:
        return sum(block.count(b'"') for block in iter(lambda: file.read(_BLOCK), b""))


def _row_numbers(first: int, count: int, malformed: dict[int, Any]) -> NDArray[np.int64]:
    """Return the numbers of `count` good rows from `first` on: those that no malformed row has."""
    if not malformed:
        return np.arange(first, first + count, dtype=np.int64)
    candidates = np.arange(first, first + count + len(malformed), dtype=np.int64)
    good: NDArray[np.int64] = candidates[~np.isin(candidates, list(malformed))][:count]
    return good


def _in_place(block: pa.RecordBatch, rows: NDArray[np.int64], malformed: dict[int, Any]) -> pa.RecordBatch:
    """Return the rows of a block with the malformed ones among them, in order."""
    count, extra = block.num_rows, len(malformed)
    columns = {ROW: pa.array(np.concatenate([rows, np.array(list(malformed), dtype=np.int64)]))}
    for name, column in zip(block.schema.names, block.columns, strict=True):
        columns[name] = pa.concat_arrays([column, pa.nulls(extra, pa.string())]) if extra else column
    reasons = [
        f"{plural(r.actual_columns, 'field')} where the header has {r.expected_columns}"
        for r in malformed.values()
    ]
    texts = [orjson.dumps({"_text": r.text}).decode() for r in malformed.values()]
    columns[MALFORMED] = pa.array([None] * count + reasons, pa.string())
    columns[RAW] = pa.array([None] * count + texts, pa.string())
    batch = pa.RecordBatch.from_pydict(columns)
    return batch.take(pc.sort_indices(batch.column(ROW))) if extra else batch
