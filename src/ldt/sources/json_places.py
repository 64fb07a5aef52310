"""Where in JSON records their place is: a GeoJSON geometry, a pair of coordinates, a text; at any depth."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import orjson
import pyarrow as pa

from ldt.sources.entities import at
from ldt.sources.geotext import is_geometry
from ldt.sources.points import is_easting, is_northing

#: Records that are looked at, the share of them that must have a place where one is found, and how deep it may be.
_LOOKED_AT, _MOST, _DEEP = 50, 0.5, 4
_GEOMETRIES = frozenset(
    ["Point", "MultiPoint", "LineString", "MultiLineString", "Polygon", "MultiPolygon", "GeometryCollection"]
)
#: What open-data portals call two numbers, latitude first (Opendatasoft's `geo_point_2d`).
_LATITUDE_FIRST = frozenset({"geo_point_2d", "geo_point", "geopoint"})

#: (rank, geometry, x, y): how good a way to a place is, and its keys.
_Way = tuple[int, str, str, str]


def place_of(records: Sequence[Any]) -> dict[str, str]:
    """Return the options that make the places of records; none where their place is in columns of their own, or nowhere.

    A geometry is better than a pair of numbers, and that than a text; of several the one that is less deep.
    """
    looked = [record for record in records[:_LOOKED_AT] if isinstance(record, dict)]
    found = Counter(way for record in looked for way in set(_ways(record, "")))
    often = [way for way, count in found.items() if count >= _MOST * len(looked)]
    if not often:
        return {}
    _, geometry, x, y = min(often, key=lambda w: (w[0], w[1].count(".") + w[2].count("."), w))
    return {"geometry": geometry} if geometry else {"x": x, "y": y, "crs": "EPSG:4326"}


def texts_at(records: Sequence[Any], path: str) -> list[str | None]:
    """Return what stands at a path in each record, as text: objects as JSON."""
    keys = path.split(".")
    found = (at(record, keys) for record in records)
    return [v if v is None or isinstance(v, str) else orjson.dumps(v).decode() for v in found]


def numbers_at(records: Sequence[Any], path: str) -> pa.Array | None:
    """Return the numbers at a path in records as texts; None where it leads to nothing. Of several paths (`|`), the first that leads anywhere."""
    for one in path.split("|"):
        texts = texts_at(records, one)
        if any(text is not None for text in texts):
            return pa.array(texts, pa.string())
    return None


def _ways(value: Any, path: str) -> Iterator[_Way]:
    if path.count(".") >= _DEEP:
        return
    inner = f"{path}." if path else ""
    if isinstance(value, dict):
        if value.get("type") in _GEOMETRIES and isinstance(value.get("coordinates"), list):
            yield 0, path, "", ""
            return
        x, y = (
            next((k for k, v in value.items() if p(k) and _is_degree(v)), None)
            for p in (is_easting, is_northing)
        )
        if path and x and y:
            yield 1, "", f"{inner}{x}", f"{inner}{y}"
        for key, one in value.items():
            if "." not in key:
                yield from _ways(one, f"{inner}{key}")
    elif isinstance(value, list) and value:
        if path in _LATITUDE_FIRST and len(value) == 2 and all(map(_is_degree, value)):
            yield 1, "", f"{path}.1", f"{path}.0"
        elif isinstance(value[0], dict):
            yield from _ways(value[0], f"{inner}0")
    elif isinstance(value, str) and is_geometry(value):
        yield 2, path, "", ""


def _is_degree(value: Any) -> bool:
    """Whether a value is a number of degrees, also one that is written as text."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return False
    try:
        return abs(float(value)) <= 180
    except ValueError:
        return False
