"""The area that `bbox` names, in the CRS that `bbox-crs` names (OGC API - Features, Part 2, 7.3)."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pyproj
import shapely

from ldt.api.parameters import Box, parse_bbox
from ldt.errors import UsageError
from ldt.store.crs import CRS84, Crs, crs_of

#: Points on each side of a rectangle, which is no rectangle in degrees: over Europe its edges stay within some metres.
_POINTS = 64
#: Beyond this in metres there is no place on Earth in any projection that is supported.
_FAR = 1e8


def areas(bbox: str | None, bbox_crs: str | None = None) -> tuple[Box | bytes, ...]:
    """Return the areas that a bbox names: rectangles in degrees, or WKB in EPSG:4326 with x = longitude; none without it.

    Args:
        bbox: four or six numbers, in the axis order of the CRS; heights are not looked at.
        bbox_crs: the CRS; CRS84 without it.

    Raises:
        UsageError: other numbers, in another order, out of the CRS's reach, or another CRS.
    """
    crs = CRS84 if bbox_crs is None else crs_of(bbox_crs, "bbox-crs")
    if bbox is None:
        return ()
    return parse_bbox(bbox, bbox_crs) if crs.geographic else (_projected(bbox, crs),)


def _projected(bbox: str, crs: Crs) -> bytes:
    parts = bbox.split(",")
    try:
        numbers = [float(p) for p in parts]
    except ValueError:
        numbers = [math.nan]
    if len(numbers) not in (4, 6) or not all(abs(n) < _FAR for n in numbers) or "_" in bbox:
        raise UsageError(
            f"{bbox[:80]!r} is no rectangle in {crs.uri}", where="bbox", remedy="write four numbers in metres"
        )
    half = len(numbers) // 2
    lower, upper = numbers[:2], numbers[half : half + 2]
    (west, south), (east, north) = (lower[::-1], upper[::-1]) if crs.flipped else (lower, upper)
    if west > east or south > north:
        raise UsageError(
            "bbox begins beyond where it ends",
            where="bbox",
            remedy=f"write the lower corner first, {'northing' if crs.flipped else 'easting'} first",
        )
    across, up = np.linspace(west, east, _POINTS), np.linspace(south, north, _POINTS)
    x = np.concatenate([across, np.full(_POINTS, east), across[::-1], np.full(_POINTS, west)])
    y = np.concatenate([np.full(_POINTS, south), up, np.full(_POINTS, north), up[::-1]])
    lon, lat = _to_degrees(crs.srid).transform(x, y)
    if not (np.isfinite(lon).all() and np.isfinite(lat).all()):
        raise UsageError(
            f"bbox reaches beyond where {crs.uri} is defined", where="bbox", remedy="make it smaller"
        )
    ring = shapely.Polygon(np.column_stack([lon, lat]))
    return bytes(shapely.to_wkb(shapely.make_valid(ring)))


@lru_cache(maxsize=64)
def _to_degrees(srid: int) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(srid, 4326, always_xy=True)
