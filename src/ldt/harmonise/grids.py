"""Grids of cells: which cells of a file lie in the twin, and in which order they stand. None is resampled.

What comes out has x ascending and y descending, and longitudes from -180 to 180; whatever the file has (0 to 360, south first).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import ProjError
from shapely.geometry.base import BaseGeometry

from ldt.harmonise.crs import CrsJudgement
from ldt.model.coverage import Grid
from ldt.sources.source import Layer, Transform

#: Part of a cell by which a box may reach into it without meaning it: coordinates are rounded.
_SLIVER = 1e-6
Indexes = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Cut:
    """The cells of a file that are kept.

    Attributes:
        grid: where they lie.
        rows, columns: numbers of the file's rows, from north to south, and columns, from west to east.
    """

    grid: Grid
    rows: Indexes = field(repr=False)
    columns: Indexes = field(repr=False)

    def read(self, layer: Layer, step: int, first: int, last: int) -> NDArray[np.generic]:
        """Return the rows from `first` to before `last` of a layer as they stand in the file.

        Raises:
            SourceError: the bytes are damaged.
        """
        rows = self.rows[first:last]
        top, bottom = int(rows.min()), int(rows.max()) + 1
        parts = []
        for run in np.split(self.columns, np.flatnonzero(np.abs(np.diff(self.columns)) != 1) + 1):
            cells = layer.read(step, top, bottom, int(run.min()), int(run.max()) + 1)
            parts.append(cells[:, ::-1] if run[0] > run[-1] else cells)
        whole = np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]
        return whole[::-1] if rows[0] > rows[-1] else whole


def arrange(
    layer: Layer, transform: Transform, crs: CRS, selection: BaseGeometry | None = None
) -> Cut | None:
    """Return all cells of a layer in order; None where there is a gap between them.

    A grid over the antimeridian has one, as longitudes are counted from -180 to 180: of its two parts the one is returned that a
    selection meets.

    Args:
        layer: the layer.
        transform: its transformation, which is not rotated.
        crs: of its coordinates.
        selection: polygon in EPSG:4326, x = longitude.
    """
    a, _, c, _, e, f = transform
    width, height = abs(a), abs(e)
    west = c + a * np.arange(layer.width) + min(a, 0.0)
    north = f + e * np.arange(layer.height) + max(e, 0.0)
    if crs.is_geographic:
        west = np.where(west + width / 2 > 180 + _SLIVER * width, west - 360, west)
    columns, rows = np.argsort(west, kind="stable"), np.argsort(-north, kind="stable")
    parts = np.split(columns, np.flatnonzero(np.abs(np.diff(west[columns]) - width) > width / 100) + 1)
    if len(parts) > 1:
        met = [
            p
            for p in parts
            if selection is not None and _meets(np.asarray(west[p], dtype=np.float64), width, selection)
        ]
        if len(met) != 1 or not crs.is_geographic:
            return None
        (columns,) = met
    first = (float(west[columns[0]]), float(north[rows[0]]))
    grid = Grid(crs_text(crs), len(columns), layer.height, (width, 0.0, first[0], 0.0, -height, first[1]))
    return Cut(grid, rows, columns)


def _meets(west: NDArray[np.float64], width: float, selection: BaseGeometry) -> bool:
    low, _, high, _ = selection.bounds
    return bool(west[0] < high and west[-1] + width > low)


def clip(cut: Cut, crs: CRS, selection: BaseGeometry | None) -> Cut | None:
    """Return the cells that meet the box of a selection, whole ones; None where there are none.

    Args:
        cut: cells in order.
        crs: of their coordinates.
        selection: polygon in EPSG:4326, x = longitude; None keeps all.
    """
    if selection is None:
        return cut
    # The box is densified: its sides bend in a projection.
    try:
        transformer = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
        west, south, east, north = selection.bounds
        box = transformer.transform_bounds(west, south, east, north, densify_pts=21)
    except ProjError:
        return None
    if not np.isfinite(box).all():
        return None
    a, _, c, _, e, f = cut.grid.transform
    left, right = _span((box[0] - c) / a, (box[2] - c) / a, cut.grid.width)
    top, bottom = _span((box[3] - f) / e, (box[1] - f) / e, cut.grid.height)
    if left >= right or top >= bottom:
        return None
    transform = (a, 0.0, c + a * left, 0.0, e, f + e * top)
    grid = Grid(cut.grid.crs, right - left, bottom - top, transform)
    return Cut(grid, cut.rows[top:bottom], cut.columns[left:right])


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """Return (first cell, cell after the last) that an interval, counted in cells, meets."""
    first = int(np.floor(np.clip(low + _SLIVER, 0, size)))
    last = int(np.ceil(np.clip(high - _SLIVER, 0, size)))
    return first, last


def box_of(grid: Grid, *, geographic: bool) -> BaseGeometry:
    """Return the rectangle of a grid in its own CRS; one in degrees ends at the poles, where cells reach over them by half."""
    a, _, c, _, e, f = grid.transform
    south, north = f + e * grid.height, f
    if geographic:
        south = -90.0 if -90 + e < south < -90 else south
        north = 90.0 if 90 < north < 90 - e else north
    return shapely.box(c, south, c + a * grid.width, north)


def footprint(grid: Grid, judgement: CrsJudgement, *, geographic: bool) -> BaseGeometry:
    """Return the outline of a grid in EPSG:4326, x = longitude, with its bent sides."""
    box = box_of(grid, geographic=geographic)
    x0, y0, x1, y1 = box.bounds
    bent = shapely.segmentize(box, max(x1 - x0, y1 - y0) / 20)
    (moved,) = judgement.to_lonlat(np.array([bent]))
    limited = np.clip(shapely.get_coordinates(moved), [-180, -90], [180, 90])
    return shapely.set_coordinates(moved, limited)


def crs_text(crs: CRS) -> str:
    """Return `EPSG:{code}` where PROJ recognises the CRS, else WKT2."""
    code = crs.to_epsg()
    return f"EPSG:{code}" if code else crs.to_wkt()
