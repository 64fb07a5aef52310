"""Axis order, decided in this module and nowhere else.

EPSG defines in which order the coordinates of a CRS stand: EPSG:4326, 4258 and 3035 begin with north, EPSG:25832 with
east. Files, libraries and people do not agree on whether to follow it. So a pair of coordinates is never a bare tuple
where the order matters: it is made by :func:`xy_`, :func:`yx_`, :func:`lonlat_` or :func:`latlon_`, and read as `.xy`, `.yx`,
`.lonlat` or `.latlon`. Arrays of geometries carry an :class:`AxisOrder` beside them. Within LDT, x is east or longitude.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS


class AxisOrder(StrEnum):
    """In which order coordinates stand, as far as it is known."""

    XY = "xy"  # easting or longitude first
    YX = "yx"  # northing or latitude first
    UNKNOWN = "unknown"

    @property
    def other(self) -> AxisOrder:
        """The opposite order; of `UNKNOWN` it is `UNKNOWN`."""
        return {AxisOrder.XY: AxisOrder.YX, AxisOrder.YX: AxisOrder.XY}.get(self, AxisOrder.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Position:
    """One place. It cannot be unpacked or indexed: whoever reads it says in which order.

    Attributes:
        x: easting or longitude, in the units of its CRS.
        y: northing or latitude, in the units of its CRS.
    """

    x: float
    y: float

    @property
    def xy(self) -> tuple[float, float]:
        """East first."""
        return self.x, self.y

    @property
    def yx(self) -> tuple[float, float]:
        """North first."""
        return self.y, self.x

    @property
    def lonlat(self) -> tuple[float, float]:
        """Longitude first, degrees."""
        return self.x, self.y

    @property
    def latlon(self) -> tuple[float, float]:
        """Latitude first, degrees."""
        return self.y, self.x

    def in_order(self, order: AxisOrder) -> tuple[float, float]:
        """Return the pair in a given order.

        Raises:
            ValueError: if the order is `UNKNOWN`.
        """
        if order is AxisOrder.UNKNOWN:
            raise ValueError("coordinates cannot be written in an unknown order")
        return self.xy if order is AxisOrder.XY else self.yx


def xy_(x: float, y: float) -> Position:
    """Return the place given east first."""
    return Position(x, y)


def yx_(y: float, x: float) -> Position:
    """Return the place given north first."""
    return Position(x, y)


def lonlat_(longitude: float, latitude: float) -> Position:
    """Return the place given longitude first, degrees."""
    return Position(longitude, latitude)


def latlon_(latitude: float, longitude: float) -> Position:
    """Return the place given latitude first, degrees."""
    return Position(longitude, latitude)


def horizontal(crs: CRS) -> CRS:
    """Return the two-dimensional, horizontal part of a CRS: without heights, and without a binding to another datum."""
    while crs.is_compound or crs.is_bound:
        part = crs.sub_crs_list[0] if crs.is_compound else crs.source_crs
        if part is None:
            break
        crs = part
    return crs.to_2d() if len(crs.axis_info) > 2 else crs


def authority_order(crs: CRS) -> AxisOrder:
    """Return the order in which the CRS's own definition lists its axes.

    Returns:
        `XY` if the first axis points east or west, `YX` if it points north or south and the second east or west;
        `UNKNOWN` where directions do not tell (polar and geocentric systems, CRS without axes).
    """
    directions = [axis.direction.lower() for axis in horizontal(crs).axis_info[:2]]
    east_west, north_south = {"east", "west"}, {"north", "south"}
    if len(directions) == 2:
        first, second = directions
        if first in east_west and second in north_south:
            return AxisOrder.XY
        if first in north_south and second in east_west:
            return AxisOrder.YX
    return AxisOrder.UNKNOWN


def swap(geometries: NDArray[Any]) -> NDArray[Any]:
    """Return geometries with the first two coordinates exchanged.

    Args:
        geometries: shapely geometries, any shape; None stays None, a third coordinate stays where it is.

    Returns:
        New geometries; the given ones are not changed.
    """

    def exchange(coordinates: NDArray[np.float64]) -> NDArray[np.float64]:
        exchanged = coordinates.copy()
        exchanged[:, [0, 1]] = coordinates[:, [1, 0]]
        return exchanged

    swapped: NDArray[Any] = np.asarray(shapely.transform(geometries, exchange, include_z=None), dtype=object)
    return swapped


def swap_wkb(wkb: NDArray[Any]) -> NDArray[Any]:
    """Return WKB (bytes or None, any shape) with the first two coordinates exchanged."""
    swapped: NDArray[Any] = np.asarray(shapely.to_wkb(swap(shapely.from_wkb(wkb))), dtype=object)
    return swapped


def to_xy(geometries: NDArray[Any], order: AxisOrder) -> NDArray[Any]:
    """Return geometries with x first, given the order in which their coordinates stand.

    Raises:
        ValueError: if the order is `UNKNOWN`; somebody has to decide first.
    """
    if order is AxisOrder.UNKNOWN:
        raise ValueError("coordinates of unknown order cannot be put in order")
    return swap(geometries) if order is AxisOrder.YX else geometries
