"""A row of units under the header (`°C;mm;hPa`), as weather services and environment agencies write it: it is no record."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ldt.errors import CheckError
from ldt.units import ucum

_NUMBER = re.compile(r"\s*[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?\s*")
_BRACKETS = re.compile(r"^[\[(]\s*(.*?)\s*[\])]$")
#: What stands in such a row where a column has no unit: nothing, or how its texts are written.
_NO_UNIT = re.compile(
    r"(?i)|[-–—.:/]+|utc([+-]\d+)?|mez|cet|gmt|text|string|name|code|id|iso ?8601|[dmyjth]{2,4}([ .:/t-]+[dmyjths]{2,4})+|yyyymmdd(hhmm)?"
)

Row = Sequence[str | None]


def unit_of(text: str | None) -> str | None:
    """Return the unit that a cell names, without its brackets; None where it names none."""
    plain = (text or "").strip()
    if match := _BRACKETS.match(plain):
        plain = match[1]
    if _NO_UNIT.fullmatch(plain) or _NUMBER.fullmatch(plain):
        return None
    try:
        ucum(plain)
    except CheckError:
        return None
    return plain


def is_unit_row(header: Row, row: Row, body: Sequence[Row]) -> bool:
    """Whether a row that follows the header holds the units of the columns.

    Nothing else is in it than units, and at least half of the columns that hold numbers below have one; names of columns are no units.

    Args:
        header: names of the columns.
        row: the row behind them.
        body: rows behind that.
    """
    units = [unit_of(cell) for cell in row]
    if not any(units) or not body:
        return False
    if not all(
        unit or _NO_UNIT.fullmatch((cell or "").strip()) for unit, cell in zip(units, row, strict=True)
    ):
        return False
    named = [name for name in header if name and name.strip()]
    if sum(unit_of(name) is not None for name in named) * 2 > len(named):
        return False
    numeric = [place for place in range(len(row)) if _is_numeric([r[place] for r in body if place < len(r)])]
    return bool(numeric) and sum(units[place] is not None for place in numeric) * 2 >= len(numeric)


def _is_numeric(values: Row) -> bool:
    filled = [v for v in values if v and v.strip()]
    return bool(filled) and sum(_NUMBER.fullmatch(v) is not None for v in filled) * 2 > len(filled)
