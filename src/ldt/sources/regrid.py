"""Cells that lie on no regular grid, on one: rotated poles, reduced Gaussian grids, coordinates in two dimensions.

Each cell of a regular grid in degrees, of like size, takes the value of the nearest cell of the file; one that has none within
about the size of a cell has no value. No value is made up: none is interpolated or averaged (decision 4.6).
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.errors import SourceError
from ldt.sources.source import Transform

Degrees = NDArray[np.float64]
#: The cells of a field of (first row, row after the last, first column, column after the last), in any number of steps before.
ReadWindow = Callable[[int, int, int, int], NDArray[Any]]

#: Cells of a field whose places are held at once; six times as many bytes as this number times eight are needed.
MAX_POINTS = 8_000_000
#: How far the nearest cell may be, in sizes of a cell along its longer side: half a diagonal is never longer than 0.71 of it.
_REACH = 0.9
#: A list of cells tells only the distance along rows; those across may be a little longer.
_REACH_LISTED = 1.1
#: Cells are not made wider than this many degrees for each of their height, however near the pole.
_WIDEST = 5.0


class Regridded:
    """A field on a regular grid of longitude and latitude, EPSG:4326.

    Args:
        path: of the file, for messages.
        longitude, latitude: the middles of its cells in degrees, two-dimensional (rows, columns); of a list of cells one row.

    Attributes:
        width, height, transform: the regular grid, north first.
        size: (width, height) of its cells in degrees.
        note: what was done, one sentence.

    Raises:
        SourceError: too many cells, or places that are none.
    """

    def __init__(self, path: Path, longitude: Degrees, latitude: Degrees) -> None:
        if longitude.size > MAX_POINTS:
            raise SourceError(
                f"its {longitude.size:,} cells lie on no regular grid, and more than {MAX_POINTS:,} are not moved to one",
                where=path.name,
                remedy="get a part of it, or the same on a regular grid",
            )
        good = np.isfinite(longitude) & np.isfinite(latitude) & (np.abs(latitude) <= 90.001)
        if good.sum() < 2:
            raise SourceError(
                "its coordinates are no longitudes and latitudes", where=path.name, remedy="see `ldt inspect`"
            )
        self._shape = longitude.shape
        along, across = _spacing(longitude, latitude)
        dy = _rounded(np.sqrt(along * across))
        south, north = float(latitude[good].min()), float(latitude[good].max())
        narrow = max(np.cos(np.radians((south + north) / 2)), 1 / _WIDEST)
        dx = _rounded(dy / narrow)
        west, east = _span(longitude[good], dx)
        left, self.width = _cells(west, east, dx)
        bottom, self.height = _cells(south, north, dy)
        top = bottom + self.height * dy
        if east - west > 360 - 1.5 * dx:  # all around
            left, self.width = -180.0, round(360 / dx)
            dx = 360 / self.width
        self.transform: Transform = (dx, 0.0, left, 0.0, -dy, top)
        self.size = (dx, dy)
        listed = longitude.shape[0] == 1
        reach = (_REACH_LISTED if listed else _REACH) * max(along, across)
        self._near = _Nearest(longitude[good], latitude[good], 2 * np.sin(np.radians(reach) / 2))
        self._places = np.flatnonzero(good)
        self.note = f"its cells lie on no regular grid: the nearest one is taken, on a grid of {dx:g} by {dy:g} degrees"

    def read(self, window: tuple[int, int, int, int], field: ReadWindow) -> NDArray[Any]:
        """Return a window of the regular grid as floats, NaN where no cell is near.

        Args:
            window: (first row, row after the last, first column, column after the last) of the regular grid.
            field: reads a window of the file's cells, with steps as first dimension; it is asked for no more than is needed.
        """
        top, bottom, left, right = window
        a, _, c, _, e, f = self.transform
        x = c + a * (np.arange(left, right) + 0.5)
        y = f + e * (np.arange(top, bottom) + 0.5)
        longitude, latitude = np.meshgrid(x, y)
        found = self._near.find(longitude.ravel(), latitude.ravel())
        there = found >= 0
        if not there.any():
            return np.full((*field(0, 1, 0, 1).shape[:-2], bottom - top, right - left), np.nan, np.float32)
        rows, columns = np.unravel_index(self._places[found[there]], self._shape)
        first_row, first_column = int(rows.min()), int(columns.min())
        cells = field(first_row, int(rows.max()) + 1, first_column, int(columns.max()) + 1)
        dtype = np.result_type(np.float32, cells.dtype)
        result = np.full((*cells.shape[:-2], there.size), np.nan, dtype)
        result[..., there] = cells[..., rows - first_row, columns - first_column]
        return result.reshape(*cells.shape[:-2], bottom - top, right - left)


class _Nearest:
    """Finds the nearest of some places on the sphere, exactly, by sorting them into cubes as wide as may be looked."""

    def __init__(self, longitude: Degrees, latitude: Degrees, reach: float) -> None:
        self._xyz, self._reach = _unit(longitude, latitude), reach
        self._side = int(2 / reach) + 5
        keys = self._key(np.floor(self._xyz / reach).astype(np.int64))
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]

    def _key(self, cube: NDArray[np.int64]) -> NDArray[np.int64]:
        a, b, c = (cube + self._side // 2 + 1).T
        key: NDArray[np.int64] = (a * self._side + b) * self._side + c
        return key

    def find(self, longitude: Degrees, latitude: Degrees) -> NDArray[np.intp]:
        """Return the number of the place nearest to each of some others; -1 where none is within reach."""
        target = _unit(longitude, latitude)
        cube = np.floor(target / self._reach).astype(np.int64)
        best = np.full(len(target), self._reach**2)
        found = np.full(len(target), -1, dtype=np.intp)
        for offset in itertools.product((-1, 0, 1), repeat=3):
            key = self._key(cube + np.array(offset))
            start, stop = np.searchsorted(self._keys, key, "left"), np.searchsorted(self._keys, key, "right")
            for k in range(int((stop - start).max(initial=0))):
                (some,) = np.nonzero(start + k < stop)
                place = self._order[start[some] + k]
                distance = ((self._xyz[place] - target[some]) ** 2).sum(axis=1)
                nearer = distance < best[some]
                best[some[nearer]], found[some[nearer]] = distance[nearer], place[nearer]
        return found


def _unit(longitude: Degrees, latitude: Degrees) -> Degrees:
    """Return points on the unit sphere, one a row."""
    lam, phi = np.radians(longitude), np.radians(latitude)
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def _spacing(longitude: Degrees, latitude: Degrees) -> tuple[float, float]:
    """Return the distance of neighbours along rows and along columns, in degrees of arc: the middle one of all."""
    found = []
    for axis in (1, 0):
        if longitude.shape[axis] < 2:
            continue
        lam, phi = np.radians(longitude), np.radians(latitude)
        one, other = (np.take(phi, range(i, phi.shape[axis] - 1 + i), axis=axis) for i in (0, 1))
        d_phi, d_lam = np.diff(phi, axis=axis), np.diff(lam, axis=axis)
        half = np.sin(d_phi / 2) ** 2 + np.cos(one) * np.cos(other) * np.sin(d_lam / 2) ** 2
        arc = np.degrees(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
        arc = arc[np.isfinite(arc) & (arc > 0)]
        found.append(float(np.median(arc)) if arc.size else 1.0)
    return found[0], found[-1]


def _rounded(size: float) -> float:
    """Return a size with three digits: the spacing of 0.11 degrees is not 0.10998."""
    return float(f"{size:.3g}")


def _span(longitude: Degrees, dx: float) -> tuple[float, float]:
    """Return (west, east) of the shortest arc that holds some longitudes; east may be beyond 180."""
    ordered = np.unique(np.mod(longitude, 360.0))
    gaps = np.diff(ordered, append=ordered[0] + 360.0)
    widest = int(np.argmax(gaps))
    if gaps[widest] < 1.5 * dx:
        return -180.0, 180.0
    west = float(ordered[(widest + 1) % len(ordered)])
    east = float(ordered[widest])
    east += 360.0 if east < west else 0.0
    return (west - 360.0, east - 360.0) if west > 180 else (west, east)


def _cells(low: float, high: float, size: float) -> tuple[float, int]:
    """Return the edge of the first cell and how many hold the places from `low` to `high`; middles are multiples of the size."""
    first = round(low / size)
    return (first - 0.5) * size, round(high / size) - first + 1
