"""Text whose columns stand in fixed places of the line, as statistical offices and weather services write it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from ldt.errors import SourceError
from ldt.sources.batches import BATCH_ROWS, column_names
from ldt.sources.source import MALFORMED, RAW, ROW

#: Lines of titles that may stand before a table, and lines that one has at least.
_TITLES, _LEAST_LINES = 12, 4
_NUMBER = re.compile(r"[+-]?[0-9]+(?:[.,:/-][0-9]+)*")


def header(path: Path, widths: Sequence[int], encoding: str, skip: int, named: bool) -> list[str]:
    """Return the names of the columns.

    Raises:
        SourceError: no line is left for a header, or the text is in another encoding.
    """
    with path.open(encoding=encoding, newline="") as text:
        line = next(_lines(path, text, skip, encoding), None)
    if line is None:
        raise SourceError("holds no header", where=path.name, remedy="check the option `skip`")
    return column_names(cut(line, widths) if named else [f"column_{i}" for i, _ in enumerate(widths, 1)])


def blocks(
    path: Path, widths: Sequence[int], encoding: str, skip: int, before: int, names: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yield the lines behind the `before` ones, header and units; blank ones are passed over, what stands behind the last column is left out."""
    with path.open(encoding=encoding, newline="") as text:
        lines = _lines(path, text, skip, encoding)
        for _ in range(before):
            next(lines, None)
        first = 0
        while block := [cut(line, widths) for line in islice(lines, BATCH_ROWS)]:
            columns = {ROW: pa.array(range(first, first + len(block)), pa.int64())}
            for name, values in zip(names, zip(*block, strict=True), strict=True):
                columns[name] = pa.array([value or None for value in values], pa.string())
            columns[MALFORMED] = columns[RAW] = pa.nulls(len(block), pa.string())
            first += len(block)
            yield pa.RecordBatch.from_pydict(columns)


def _lines(path: Path, text: TextIO, skip: int, encoding: str) -> Iterator[str]:
    try:
        for number, line in enumerate(text):
            line = line.removeprefix("\ufeff").rstrip("\r\n\x1a")
            if number >= skip and line.strip():
                yield line
    except UnicodeDecodeError as e:
        raise SourceError(
            f"text is not {encoding}: {e.reason}",
            where=path.name,
            remedy="set the option `encoding`, for example to latin-1",
        ) from e


def cut(line: str, widths: Sequence[int]) -> list[str]:
    """Return the columns of a line."""
    return [line[begin:end].strip() for begin, end in pairwise(accumulate(widths, initial=0))]


def judge_widths(lines: list[str], further: Sequence[str] = ()) -> tuple[int, tuple[int, ...]]:
    """Return (lines before the table, characters of each column) of text whose columns stand in fixed places; no widths for other text.

    Columns are parted by places that are blank in every line; at least half of them hold numbers.

    Args:
        lines: the first ones.
        further: some from further on: numbers may become longer there.
    """
    later = [line for line in further if line.strip()]
    for skip in range(min(_TITLES, len(lines))):
        body = [line for line in lines[skip:] if line.strip()]
        if not lines[skip].strip():
            continue
        if len(body) < _LEAST_LINES:
            break
        body += later
        length = max(map(len, body))
        blank = [all(line[place : place + 1] in {"", " "} for line in body) for place in range(length)]
        begins = [p for p in range(length) if not blank[p] and (p == 0 or blank[p - 1])]
        cuts = [0, *begins[1:], length]
        widths = tuple(end - begin for begin, end in pairwise(cuts))
        rows = [cut(line, widths) for line in body[1:]]
        numeric = sum(_all_numbers([row[i] for row in rows]) for i in range(len(widths)))
        if len(widths) >= 2 and numeric * 2 >= len(widths):
            return skip, widths
    return 0, ()


def _all_numbers(values: list[str]) -> bool:
    filled = [value for value in values if value]
    return bool(filled) and all(_NUMBER.fullmatch(value) for value in filled)
