"""Whether coordinates can be what their source declares: a first judgement for `ldt inspect`, without a twin to compare with."""

from __future__ import annotations

import math
from collections.abc import Sequence

from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError

from ldt.axis import AxisOrder, authority_order
from ldt.sources.source import DeclaredCrs

Extent = tuple[float, float, float, float]

#: Where the twins of this project lie, in degrees: west, south, east, north. Overseas territories are outside it.
EUROPE: Extent = (-32.0, 27.0, 45.0, 72.0)


def judge(crs: DeclaredCrs | None, bounds: Sequence[float] | None) -> tuple[Extent | None, list[str]]:
    """Return where data lie, and what speaks against their declaration.

    Args:
        crs: what the source declares.
        bounds: (least first, least second, greatest first, greatest second coordinate), in the order in which they stand.

    Returns:
        (west, south, east, north) in degrees as the declaration means it, or the other way round where only that is
        possible; None if neither is. And the problems, one sentence each.
    """
    if crs is None:
        return None, ["no CRS is declared: the recipe must state `source.crs`"]
    if bounds is None or not all(math.isfinite(b) for b in bounds):
        return None, []
    parsed = CRS.from_json(crs.projjson)
    order = crs.order if crs.order is not AxisOrder.UNKNOWN else authority_order(parsed)
    straight = _extent(parsed, bounds, order)
    other = _extent(parsed, bounds, order.other)
    use = parsed.area_of_use
    name = use.name.rstrip(".").split(":")[0] if use else "its area"
    expected = (use.west, use.south, use.east, use.north) if use else EUROPE
    problems = []
    if crs.order is AxisOrder.UNKNOWN:
        problems.append(f"{crs.text!r} does not tell the order of the axes")
    if _meets(straight, expected) and (_meets(straight, EUROPE) or not _meets(other, EUROPE)):
        return straight, problems
    if other is not None and _meets(_centre(other), expected):
        where = name if not _meets(straight, expected) else "Europe"
        return other, [
            *problems,
            f"read in the order {order}, as {crs.text} is defined, the data lie outside {where}; with axes swapped they lie in it",
        ]
    if straight and use:
        problems.append(f"the data lie outside the area of use of {crs.text} ({name})")
    elif not straight:
        problems.append(
            f"coordinates from {_numbers(bounds[:2])} to {_numbers(bounds[2:])} are not possible in {crs.text}"
        )
    return straight, problems


def _numbers(pair: Sequence[float]) -> str:
    return f"({pair[0]:g}, {pair[1]:g})"


def _meets(extent: Extent | None, area: Extent) -> bool:
    if extent is None:
        return False
    west, south, east, north = area
    across = west > east  # an area of use over the date line
    in_longitude = across or (extent[0] <= east and extent[2] >= west)
    return in_longitude and extent[1] <= north and extent[3] >= south


def _centre(extent: Extent) -> Extent:
    """Return the middle of an extent as one: swapped nonsense often spans the world, and so meets everything."""
    x, y = (extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2
    return x, y, x, y


def _extent(crs: CRS, bounds: Sequence[float], order: AxisOrder) -> Extent | None:
    """Return bounds in degrees, or None if the coordinates are not possible."""
    first_low, second_low, first_high, second_high = (float(b) for b in bounds)
    if order is AxisOrder.YX:
        first_low, second_low, first_high, second_high = second_low, first_low, second_high, first_high
    if crs.is_geographic and (
        abs(second_low) > 90.001 or abs(second_high) > 90.001 or first_low < -180.001 or first_high > 360.001
    ):
        return None
    try:
        transformer = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
        west, south, east, north = transformer.transform_bounds(
            first_low, second_low, first_high, second_high
        )
        # A place far off the projection's zone comes back as something: it is possible only if it leads back to itself.
        x, y = transformer.transform(west, south, direction="INVERSE")
    except ProjError:
        return None
    extent = (west, south, east, north)
    size = max(abs(first_low), abs(second_low), 1.0)
    possible = all(map(math.isfinite, (*extent, x, y))) and abs(south) <= 90 and abs(north) <= 90
    near = abs(x - first_low) < size * 0.5 + abs(first_high - first_low) and abs(
        y - second_low
    ) < size * 0.5 + abs(second_high - second_low)
    return extent if possible and near else None
