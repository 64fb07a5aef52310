"""Geometries that stand as text in a column: WKT, EWKT, WKB in hexadecimal, GeoJSON, and `48.85, 2.35`.

==============================  =========================================================================================
form                            CRS and order
==============================  =========================================================================================
`POINT (7.1 50.7)`              none said
`SRID=25832;POINT (…)`, EWKB    the one of the number; x first, as PostGIS writes it
`<http://…/EPSG/0/4258> POINT`  the one of the address, in its order (GeoSPARQL 1.1, clause 8.5.1)
`{"type": "Point", …}`          OGC:CRS84 (RFC 7946)
`48.85, 2.35`, `(48.85, 2.35)`  degrees, latitude first, as open-data portals export points
==============================  =========================================================================================
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray
from shapely.errors import ShapelyError
from shapely.geometry import shape

from ldt.axis import AxisOrder
from ldt.sources.batches import declare
from ldt.sources.gml_crs import parse_srs_name
from ldt.sources.source import DeclaredCrs

_WKT = re.compile(
    r"(?i)\s*((?:SRID\s*=\s*\d+|<[^>]+>)\s*;?)?\s*((?:POINT|LINESTRING|POLYGON|MULTI\w+|GEOMETRYCOLLECTION|CURVEPOLYGON|COMPOUNDCURVE|CIRCULARSTRING|LINEARRING)\s*(?:Z|M|ZM)?\s*(?:\(|EMPTY).*)",
    re.DOTALL,
)
_HEX = re.compile(r"\s*0[01](?:[0-9A-Fa-f]{2}){8,}\s*")
_JSON = re.compile(r'\s*\{.*"(?:coordinates|geometries|geometry)".*\}\s*', re.DOTALL)
_PAIR = re.compile(r"\s*[\[(]?\s*([+-]?\d{1,2}\.\d+)\s*[,;]\s*([+-]?\d{1,3}\.\d+)\s*[\])]?\s*")

#: A geometry, the CRS that its text says, and the one that its form has where nothing is said.
_Read = tuple[Any, DeclaredCrs | None, DeclaredCrs | None]
_NONE: _Read = (None, None, None)


def is_geometry(text: str) -> bool:
    """Whether a text is a geometry in one of the forms, and whole."""
    return any(form.fullmatch(text) for form, _ in _FORMS) and _read(text)[0] is not None


def read_texts(
    texts: Sequence[str | None], default: DeclaredCrs | None = None
) -> tuple[NDArray[Any], list[DeclaredCrs | None]]:
    """Return the geometries that texts are, coordinates in the order in which they stand, and the CRS of each.

    A text that is no geometry gives None, as a missing one does.

    Args:
        texts: one for each record.
        default: CRS of those that do not say theirs.
    """
    found = [_read(text) if text else _NONE for text in texts]
    geometries = np.empty(len(found), dtype=object)
    geometries[:] = [geometry for geometry, _, _ in found]
    return geometries, [said or default or usual for _, said, usual in found]


def _read(text: str) -> _Read:
    try:
        for form, read in _FORMS:
            if match := form.fullmatch(text):
                return read(match)
    except (ShapelyError, ValueError, TypeError, KeyError, IndexError, AttributeError):
        return _NONE
    return _NONE


def _wkt(match: re.Match[str]) -> _Read:
    prefix = (match[1] or "").rstrip("; ").strip("<>")
    return shapely.from_wkt(match[2]), _of_srid(prefix) if prefix else None, None


def _of_srid(text: str) -> DeclaredCrs | None:
    """Return what a prefix declares; a number means x first, an address the order of its definition. SRID 0 is none."""
    found = parse_srs_name(text)
    if found is None or text.startswith("http"):
        return found
    return declare(found.projjson, text, AxisOrder.XY)


def _hex(match: re.Match[str]) -> _Read:
    geometry = shapely.from_wkb(match[0].strip())
    srid = shapely.get_srid(geometry)
    return geometry, _of_srid(f"SRID={srid}") if srid else None, None


def _json(match: re.Match[str]) -> _Read:
    value = orjson.loads(match[0])
    inner = value.get("geometry")
    usual = declare("OGC:CRS84", "GeoJSON (RFC 7946)", AxisOrder.XY)
    return shape(inner if isinstance(inner, dict) else value), None, usual


def _pair(match: re.Match[str]) -> _Read:
    first, second = float(match[1]), float(match[2])
    if abs(first) > 90 or abs(second) > 180:
        return _NONE
    usual = declare("EPSG:4326", "two numbers, latitude first", AxisOrder.YX)
    return shapely.Point(first, second), None, usual


_FORMS: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], _Read]], ...] = (
    (_WKT, _wkt),
    (_HEX, _hex),
    (_JSON, _json),
    (_PAIR, _pair),
)
