"""How a table of text is written, judged from its bytes: encoding, delimiter, lines before the header, whether there is one, and a row of units under it.

`ldt inspect` proposes it and drafted recipes state it; the reader itself only does what its options say.
"""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ldt.sources.encoding import Encoding, judge_encoding
from ldt.sources.fixed_width import cut, judge_widths
from ldt.sources.unit_rows import is_unit_row

#: Characters that part columns, in the order in which they are preferred.
DELIMITERS = ",;\t|"
#: What is looked at to judge the delimiter and the header.
_LOOKED_AT, _LINES = 256 * 1024, 300
#: Bytes of the middle and of the end that columns of fixed width are held against, and lines that may be notes below a table.
_PART, _NOTES = 64 * 1024, 5
#: Share of the lines after the header that must have as many columns as it.
_ALIKE = 0.6
#: Lines that one quoted text goes over, at most.
_BROKEN_OVER = 20
#: What Excel writes and reads as the first line.
_SEP = re.compile(r"(?i)sep=(.)")
_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_YEAR = re.compile(r"\s*(1[89]|20|21)\d\d\s*")
#: What values are that no column is called by, but for numbers: where a column's values are such, its name is another text.
_VALUES = (
    re.compile(r"\s*(https?|ftp|s3)://\S+\s*"),
    re.compile(r"\s*\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?)?\s*"),
    re.compile(r"\s*\d{1,2}[./]\d{1,2}[./]\d{4}(\s+\d{1,2}:\d{2}(:\d{2})?)?\s*"),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a table is written; the attributes are options of the reader `table`, but for `judged`: how its encoding was found."""

    encoding: str
    delimiter: str
    skip: int
    header: bool
    widths: tuple[int, ...] = ()
    units: bool = False
    judged: Encoding | None = field(default=None, compare=False)

    def options(self) -> dict[str, Any]:
        """Return the options that differ from what the reader takes by itself, but for the delimiter."""
        usual = {"encoding": "utf-8", "skip": 0, "header": True, "widths": (), "units": False}
        return {name: getattr(self, name) for name, value in usual.items() if getattr(self, name) != value}


def judge_dialect(path: Path) -> Dialect:
    """Return how a table of text is written.

    Raises:
        SourceError: binary data.
    """
    judged = judge_encoding(path)
    text = _sample(path, judged.name)
    return replace(_dialect(path, text, judged.name), judged=judged)


def _sample(path: Path, encoding: str) -> list[str]:
    """Return the first lines of a text."""
    with path.open("rb") as file:
        text = file.read(_LOOKED_AT).decode(encoding, errors="replace").removeprefix("\ufeff")
    lines = text.splitlines()
    # The last one may be cut.
    return lines[:-1] if len(text) >= _LOOKED_AT // 2 and len(lines) > 1 else lines


def _dialect(path: Path, lines: list[str], encoding: str) -> Dialect:
    if lines and (said := _SEP.fullmatch(lines[0])):
        rows = [_fields(line, said[1]) for line in lines[1:20] if line.strip()]
        return _of_rows(encoding, said[1], 1, rows)
    lines = _whole(lines[:_LINES])
    first = next((line for line in lines if line.strip()), "")
    usual = usual_delimiter(path, first)
    candidates = [(d, *_table(lines, d)) for d in DELIMITERS]
    delimiter, start, width, _ = max(candidates, key=lambda c: (c[3] * min(c[2] - 1, 3), c[0] == usual))
    if width < 2:
        delimiter, start = usual, 0
        skip, widths = judge_widths(lines, _further(path, encoding))
        if widths:
            rows = [cut(line, widths) for line in lines[skip : skip + 20] if line.strip()]
            return _of_rows(encoding, delimiter, skip, rows, widths)
    if not any(line.strip() for line in lines[:start]):
        start = 0  # the reader passes over blank lines by itself
    start += _last_header([_fields(line, delimiter) for line in lines[start:]])
    rows = [_fields(line, delimiter) for line in lines[start : start + 20] if line.strip()]
    skip = sum(1 + line.count("\n") for line in lines[:start])
    return _of_rows(encoding, delimiter, skip, rows)


def _further(path: Path, encoding: str) -> list[str]:
    """Return lines from the middle and the end of a text, but for the first ones, and for the last, which may be notes."""
    size, found = path.stat().st_size, []
    with path.open("rb") as file:
        for place in sorted({0, max(0, size // 2 - _PART // 2), max(0, size - _PART)}):
            file.seek(place)
            lines = file.read(_PART).decode(encoding, errors="replace").splitlines()
            found.append(lines[_LINES:] if place == 0 else lines[1:])
    return [line for part in found for line in part[:-_NOTES]]


def _of_rows(
    encoding: str, delimiter: str, skip: int, rows: list[list[str]], widths: tuple[int, ...] = ()
) -> Dialect:
    """Return the dialect of a table that begins with some rows: whether these are a header, and units."""
    units = len(rows) > 2 and is_unit_row(rows[0], rows[1], rows[2:])
    header = units or _has_header(rows)
    return Dialect(encoding, delimiter, skip, header, widths, units)


def usual_delimiter(path: Path, header: str) -> str:
    """Return the delimiter that is most frequent in a header; of a .tsv the tab where it has one."""
    if path.suffix.lower() == ".tsv" and "\t" in header:
        return "\t"
    return max(DELIMITERS, key=header.count)


def _whole(lines: list[str]) -> list[str]:
    """Return lines with those put together that a quoted line break parts; a quote that is not soon closed opens nothing."""
    result: list[str] = []
    place = 0
    while place < len(lines):
        end = place + 1
        if lines[place].count('"') % 2:
            closing = (i for i in range(end, min(end + _BROKEN_OVER, len(lines))) if lines[i].count('"') % 2)
            end = next(closing, place) + 1
        result.append("\n".join(lines[place:end]))
        place = end
    return result


def _last_header(rows: list[list[str]]) -> int:
    """Return which of several rows of headings (statistical offices have them) is the last: rows of numbers follow it."""
    numeric = [_is_numeric(row) for row in rows]
    first = next((i for i, n in enumerate(numeric) if n), 0)
    after = [n for n, row in zip(numeric[first:], rows[first:], strict=True) if any(row)]
    headings = rows[:first]
    plain = not any(_NUMBER.fullmatch(v) and not _YEAR.fullmatch(v) for row in headings for v in row)
    several = 1 < first <= 12 and plain and sum(after[:20]) >= 0.8 * len(after[:20])
    if several and is_unit_row(rows[first - 2], rows[first - 1], rows[first : first + 20]):
        return first - 2
    return first - 1 if several else 0


def _is_numeric(row: list[str]) -> bool:
    filled = [v for v in row if v.strip()]
    return bool(filled) and sum(_NUMBER.fullmatch(v) is not None for v in filled) * 2 > len(filled)


def _fields(line: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return [line]


def _table(lines: list[str], delimiter: str) -> tuple[int, int, float]:
    """Return where the table begins, how many columns it has, and the share of lines that have as many."""
    counts = [len(_fields(line, delimiter)) if line.strip() else 0 for line in lines]
    filled = [c for c in counts if c]
    if not filled:
        return 0, 0, 0.0
    frequent = Counter(filled)
    width = max(frequent, key=lambda w: (frequent[w], w))
    for start, count in enumerate(counts):
        rest = [c for c in counts[start:] if c]
        if count == width and sum(c == width for c in rest) >= _ALIKE * len(rest):
            return start, width, sum(c == width for c in filled) / len(filled)
    return 0, width, 0.0


def _has_header(rows: list[list[str]]) -> bool:
    """Whether the first row names columns: it has other texts where numbers, times and addresses stand below it.

    Years may be names of columns of numbers.
    """
    if len(rows) < 2:
        return True
    head, body = rows[0], rows[1:]
    told = same = 0
    for place, name in enumerate(head):
        column = [r[place] for r in body if place < len(r) and r[place].strip()]
        kind = next((k for k in (_NUMBER, *_VALUES) if column and all(map(k.fullmatch, column))), None)
        if kind is not None:
            told += 1
            year = kind is _NUMBER and _YEAR.fullmatch(name)
            same += bool(kind.fullmatch(name)) and not year
    return same * 2 <= told
