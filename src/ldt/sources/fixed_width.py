"""Text whose columns stand in fixed places of the line, as statistical offices and weather services write it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate, islice, pairwise
from pathlib import Path
from typing import TextIO

import pyarrow as pa

from ldt.errors import SourceError
from ldt.sources.batches import BATCH_ROWS, column_names
from ldt.sources.source import MALFORMED, RAW, ROW


def header(path: Path, widths: list[int], encoding: str, skip: int, named: bool) -> list[str]:
    """Return the names of the columns.

    Raises:
        SourceError: no line is left for a header, or the text is in another encoding.
    """
    with path.open(encoding=encoding, newline="") as text:
        line = next(_lines(path, text, skip, encoding), None)
    if line is None:
        raise SourceError("holds no header", where=path.name, remedy="check the option `skip`")
    return column_names(_cut(line, widths) if named else [f"column_{i}" for i, _ in enumerate(widths, 1)])


def blocks(
    path: Path, widths: list[int], encoding: str, skip: int, named: bool, names: list[str]
) -> Iterator[pa.RecordBatch]:
    """Yield the lines behind the header; blank ones are passed over, what stands behind the last column is left out."""
    with path.open(encoding=encoding, newline="") as text:
        lines = _lines(path, text, skip, encoding)
        if named:
            next(lines, None)
        first = 0
        while block := [_cut(line, widths) for line in islice(lines, BATCH_ROWS)]:
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


def _cut(line: str, widths: list[int]) -> list[str]:
    return [line[begin:end].strip() for begin, end in pairwise(accumulate(widths, initial=0))]
