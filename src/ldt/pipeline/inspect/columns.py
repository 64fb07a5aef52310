"""Columns of tables that say where their records are."""

from __future__ import annotations

import re

from ldt.pipeline.inspect.profile import Column, Profile

#: Names of columns that hold longitude and latitude, in the languages of Europe's open data.
_X = re.compile(r"(?i)^((\w*[_ -])?(lon|long|lng|longitude|laenge|länge|longitud|longitudine|lengtegraad|geolaenge)([_ -]?(d|wgs84|deg|dd|x))?|x([_ -]?(wgs84|coord|koord))?)$")  # fmt: skip
_Y = re.compile(r"(?i)^((\w*[_ -])?(lat|latitude|breite|latitud|latitudine|breedtegraad|geobreite)([_ -]?(d|wgs84|deg|dd|y))?|y([_ -]?(wgs84|coord|koord))?)$")  # fmt: skip
_NUMBERS = frozenset({"integer", "number", "comma"})


def place_columns(seen: Profile) -> tuple[str, str] | None:
    """Return the columns that are called like easting or longitude and northing or latitude, in this order; or None."""
    x, y = (next((c.name for c in seen.columns.values() if p.match(c.name)), None) for p in (_X, _Y))
    return (x, y) if x is not None and y is not None else None


def degree_columns(seen: Profile) -> tuple[str, str] | None:
    """Return the columns that hold longitude and latitude in degrees, or None.

    One value that is no number does not spoil a column of them; `X` and `Y` only count where they can be degrees.
    """
    names = place_columns(seen)
    if names is None:
        return None
    x, y = (seen.columns[n] for n in names)
    return names if _within(x, 180) and _within(y, 90) else None


def _within(column: Column, limit: float) -> bool:
    values = [v for v in map(number, [*column.examples, *column.bounds()]) if v is not None]
    return bool(values) and all(abs(v) <= limit for v in values)


def number(text: str | None) -> float | None:
    """Return a text as a number, a decimal comma understood; None if it is none."""
    try:
        return float(text.strip().replace(",", ".")) if text is not None else None
    except ValueError:
        return None
