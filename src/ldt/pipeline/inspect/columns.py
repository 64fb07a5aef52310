"""Columns of tables that say where their records are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ldt.pipeline.inspect.places import guess
from ldt.pipeline.inspect.profile import Column, Profile
from ldt.sources.batches import declare
from ldt.sources.points import is_easting, is_northing
from ldt.sources.source import AxisOrder

#: What names of columns say of their CRS.
_HINTS = (
    (r"l(ambert)?[_ -]?93|rgf[_ -]?93", "EPSG:2154"),
    (r"lv[_ -]?95|mn[_ -]?95", "EPSG:2056"),
    (r"lv[_ -]?03|mn[_ -]?03", "EPSG:21781"),
    (r"lambert[_ -]?(19)?72", "EPSG:31370"),
    (r"osgb|bng|british", "EPSG:27700"),
    (r"(^|[_ -])rd([_ -]|$)|rijksdriehoek", "EPSG:28992"),
    (r"puwg|pl[_ -]?1992", "EPSG:2180"),
    *((rf"gk[_ -]?{zone}(?!\d)", f"EPSG:{31464 + zone}") for zone in (2, 3, 4, 5)),
    (r"(?:utm|etrs89)[_ -]?(?:utm)?[_ -]?(?:zone)?[_ -]?(2[89]|3[0-8])(?!\d)", "EPSG:258{0}"),
    (r"(?:epsg|srid)?[_: -]?(?<!\d)(\d{4,5})(?!\d)", "EPSG:{0}"),
)
#: Names that coordinates of the web's maps (EPSG:3857) never have.
_SURVEYED = re.compile(r"(?i)rechts|hoch|ost|nord|east|north|utm|gk|etrs|lambert")
#: Words that are those of lengths and widths too, and letters that anything is called by.
_DOUBTFUL = re.compile(r"(?i)l(ä|ae)nge|breite|e|n")


@dataclass(frozen=True, slots=True)
class PointColumns:
    """Two columns that make points.

    Attributes:
        x, y: columns of easting or longitude, and of northing or latitude.
        crs: the CRS that they are in; None where several are possible.
        possible: which these are.
        because: why, one sentence.
        both: whether they lie in its area the other way round too, as where surveyors call the northing x.
    """

    x: str
    y: str
    crs: str | None
    possible: tuple[str, ...]
    because: str
    both: bool = False


def quoted(name: str) -> str:
    """Return a column's name for SQL."""
    return '"' + name.replace('"', '""') + '"'


def place_columns(seen: Profile) -> tuple[str, str] | None:
    """Return the columns that are called like easting or longitude and northing or latitude, in this order; or None."""
    x, y = (
        next((c.name for c in seen.columns.values() if p(c.name)), None) for p in (is_easting, is_northing)
    )
    return (x, y) if x is not None and y is not None else None


def point_columns(seen: Profile, country: str | None = None) -> PointColumns | None:
    """Return the columns that make points: by their names, and by where their values can lie.

    One value that is no number does not spoil a column of degrees; other numbers are held against the CRS of Europe
    (:func:`~ldt.pipeline.inspect.places.guess`), as they stand and exchanged, as surveyors call the northing x.

    Args:
        seen: what the records look like.
        country: ISO 3166 code of where they must lie, if that is known.
    """
    names = place_columns(seen)
    if names is None:
        return None
    x, y = (seen.columns[n] for n in names)
    if _within(x, 180) and _within(y, 90):
        if all(_DOUBTFUL.fullmatch(n) for n in names) and not _in_europe(x, y):
            return None
        return PointColumns(
            *names, "EPSG:4326", ("EPSG:4326",), f"{names[0]!r} and {names[1]!r} hold degrees"
        )
    # A number that stands for a missing value spoils the bounds, and is rare among the first values.
    for (low_x, high_x), (low_y, high_y) in zip(_ranges(x), _ranges(y), strict=False):
        straight = guess((low_x, low_y, high_x, high_y), country)
        exchanged = guess((low_y, low_x, high_y, high_x), country)
        if straight:
            return _chosen(names, straight, exchanged)
        if exchanged:
            found = _chosen((names[1], names[0]), exchanged, ())
            why = f"{found.because}; {found.x!r} is the easting, {found.y!r} the northing"
            return replace(found, because=why)
    return None


def _chosen(names: tuple[str, str], possible: Sequence[str], exchanged: Sequence[str]) -> PointColumns:
    if any(_SURVEYED.search(name) for name in names):
        possible = [code for code in possible if code != "EPSG:3857"]
    hinted = next((c for n in names if (c := _hint(n)) in possible), None)
    crs = hinted or (possible[0] if len(possible) == 1 else None)
    if hinted:
        why = f"the names of the columns say so ({names[0]!r}, {names[1]!r})"
    elif crs:
        why = "no other known CRS of Europe fits the coordinates"
    else:
        why = f"the coordinates would fit {' or '.join(possible)}"
    return PointColumns(*names, crs, tuple(possible), why, crs in exchanged)


def _hint(name: str) -> str | None:
    """Return the CRS that a column's name says, as the code of one that is known."""
    for pattern, code in _HINTS:
        if match := re.search(pattern, name.lower()):
            found = code.format(*match.groups())
            return found if declare(found, found, AxisOrder.XY) else None
    return None


def _ranges(column: Column) -> list[tuple[float, float]]:
    """Return the least and the greatest number: of all values, and of the examples."""
    found = (
        [(column.least, column.greatest)] if column.least is not None and column.greatest is not None else []
    )
    told = [e for e in column.examples if e not in column.sentinels]
    examples = [v for v in map(number, told) if v]
    return [*found, (min(examples), max(examples))] if examples else found


def _in_europe(x: Column, y: Column) -> bool:
    return all(
        guess((low_x, low_y, high_x, high_y)) == ["EPSG:4326"]
        for (low_x, high_x), (low_y, high_y) in zip(_ranges(x)[-1:], _ranges(y)[-1:], strict=True)
    )


def _within(column: Column, limit: float) -> bool:
    values = [v for v in map(number, [*column.examples, *column.bounds()]) if v is not None]
    return bool(values) and all(abs(v) <= limit for v in values)


def number(text: str | None) -> float | None:
    """Return a text as a number, a decimal comma understood; None if it is none."""
    try:
        return float(text.strip().replace(",", ".")) if text is not None else None
    except ValueError:
        return None
