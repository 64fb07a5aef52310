"""Grids of cells in EPSG:3035 over the sample city, and the exact shares of cells that lie in an area."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from ldt.pipeline.sample.city import CRS, Floats
from ldt.pipeline.sample.landcover import HALF_SIDE, LAEA, square_centre


@dataclass(frozen=True, slots=True)
class Grid:
    """Square cells, rows from north to south.

    Attributes:
        west, north: of the upper left corner, metres in :data:`~ldt.pipeline.sample.landcover.LAEA`.
        cell: side of a cell, metres.
        width, height: number of cells.
    """

    west: float
    north: float
    cell: float
    width: int
    height: int

    @classmethod
    def over_square(cls, cell: float) -> Grid:
        """Return the grid over the square that land cover is drawn for."""
        west, north = square_centre() + HALF_SIDE * np.array([-1, 1])
        n = round(2 * HALF_SIDE / cell)
        return cls(float(west), float(north), cell, n, n)

    @classmethod
    def of_kilometres(cls) -> Grid:
        """Return the cells of the European 1 km grid over that square, whole ones."""
        (west, south), (east, north) = square_centre() - HALF_SIDE, square_centre() + HALF_SIDE
        left, low = np.floor(np.array([west, south]) / 1000) * 1000
        right, top = np.ceil(np.array([east, north]) / 1000) * 1000
        return cls(float(left), float(top), 1000.0, round((right - left) / 1000), round((top - low) / 1000))

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.height, self.width

    @property
    def transform(self) -> tuple[float, float, float, float, float, float]:
        """The affine transformation from (column, row) to (x, y), in the order of `affine.Affine`."""
        return (self.cell, 0.0, self.west, 0.0, -self.cell, self.north)

    @property
    def x(self) -> Floats:
        """Easting of the middle of each column (width,)."""
        return np.asarray(self.west + self.cell * (np.arange(self.width) + 0.5), dtype=np.float64)

    @property
    def y(self) -> Floats:
        """Northing of the middle of each row (height,)."""
        return np.asarray(self.north - self.cell * (np.arange(self.height) + 0.5), dtype=np.float64)

    def in_city_crs(self) -> Floats:
        """Return the middles of the cells (height, width, 2) in the city's CRS."""
        x, y = np.meshgrid(self.x, self.y)
        back = Transformer.from_crs(LAEA, CRS, always_xy=True)
        return np.stack(back.transform(x, y), axis=-1)

    def shares(self, area: shapely.Geometry) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return the flat numbers of the cells that an area (polygon in EPSG:3035) meets, and the exact share of each in it."""
        west, south, east, north = shapely.bounds(area)
        columns = np.arange(int((west - self.west) // self.cell), int((east - self.west) // self.cell) + 1)
        rows = np.arange(int((self.north - north) // self.cell), int((self.north - south) // self.cell) + 1)
        column, row = (a.ravel() for a in np.meshgrid(columns, rows))
        left, top = self.west + column * self.cell, self.north - row * self.cell
        boxes = shapely.box(left, top - self.cell, left + self.cell, top)
        shapely.prepare(area)
        inside = shapely.contains_properly(area, boxes)
        share = inside.astype(np.float64)
        cut = ~inside & shapely.intersects(area, boxes)
        share[cut] = shapely.area(shapely.intersection(boxes[cut], area)) / self.cell**2
        met = share > 0
        return (row * self.width + column)[met].astype(np.int64), share[met]


def to_laea(geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return geometries (n,) of the city's CRS in EPSG:3035."""
    return _moved(geometries, CRS, LAEA)


def to_city_crs(geometries: npt.NDArray[np.object_]) -> npt.NDArray[np.object_]:
    """Return geometries (n,) of EPSG:3035 in the city's CRS."""
    return _moved(geometries, LAEA, CRS)


def _moved(geometries: npt.NDArray[np.object_], source: str, target: str) -> npt.NDArray[np.object_]:
    forward = Transformer.from_crs(source, target, always_xy=True)

    def move(xy: Floats) -> Floats:
        return np.column_stack(forward.transform(xy[:, 0], xy[:, 1]))

    return np.asarray(shapely.transform(geometries, move), dtype=object)
