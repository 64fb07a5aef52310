"""Geometries in the native encodings of GeoParquet 1.1, to WKB.

A point is a struct of coordinates (`x`, `y`, perhaps `z`), a line a list of points, a polygon a list of rings, and so on:
https://geoparquet.org/releases/v1.1.0/, section "Native encodings (based on GeoArrow)".
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import shapely

#: Encoding → type of geometry.
_TYPES = {
    "point": shapely.GeometryType.POINT,
    "linestring": shapely.GeometryType.LINESTRING,
    "polygon": shapely.GeometryType.POLYGON,
    "multipoint": shapely.GeometryType.MULTIPOINT,
    "multilinestring": shapely.GeometryType.MULTILINESTRING,
    "multipolygon": shapely.GeometryType.MULTIPOLYGON,
}
ENCODINGS = frozenset(_TYPES)


def to_wkb(column: pa.Array, encoding: str) -> pa.Array:
    """Return geometries as WKB; nulls stay null.

    Args:
        column: structs of coordinates, in as many lists as the type has levels.
        encoding: one of `ENCODINGS`.

    Raises:
        ArrowInvalid: the column is not encoded so.
    """
    there = column.is_valid().to_numpy(zero_copy_only=False)
    level, offsets = column.drop_null(), list[np.ndarray[Any, np.dtype[np.int64]]]()
    while pa.types.is_list(level.type) or pa.types.is_large_list(level.type):
        ends = level.offsets.to_numpy()
        offsets.insert(0, (ends - ends[0]).astype(np.int64))
        level = level.values.slice(ends[0], ends[-1] - ends[0])
    if not pa.types.is_struct(level.type):
        raise pa.ArrowInvalid(f"geometry is said to be encoded as {encoding}, and is {column.type}")
    axes = [a for a in ("x", "y", "z") if level.type.get_field_index(a) >= 0]
    coordinates = np.column_stack([level.field(a).to_numpy(zero_copy_only=False) for a in axes])
    try:
        shapes = shapely.from_ragged_array(_TYPES[encoding], coordinates, tuple(offsets) or None)
    except (ValueError, AssertionError) as e:
        raise pa.ArrowInvalid(f"geometry is said to be encoded as {encoding}, and is {column.type}") from e
    found = np.full(len(column), None, dtype=object)
    found[there] = shapely.to_wkb(shapes)
    return pa.array(found, pa.binary())
