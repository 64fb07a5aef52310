"""Zonal statistics: areas against the cells of coverages, by the exact share of each cell (exactextract).

A cell counts with the share of it that lies in the area, times its true area where the coverage's CRS is not equal-area.
Cells are read in windows, so that neither a large raster nor a large area has to fit into memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
import rioxarray  # noqa: F401  (gives DataArray its `rio`)
import shapely
import xarray as xr
from exactextract import exact_extract
from exactextract.feature import Feature, FeatureSource
from exactextract.operation import Operation
from exactextract.raster import RasterSource
from numpy.typing import NDArray
from pyproj import CRS, Transformer

from ldt.errors import CheckError

#: Cells held at a time; each takes some 40 bytes with its class, its weight and its share.
MAX_CELLS = 4_000_000
#: A side that is straight in degrees bends in a projection. One of 0.01° (1.1 km) leaves its chord by 3 cm at most up to 60° N.
SEGMENT_DEGREES = 0.01
#: Rows and columns of a window whose cells are sized one by one: over 60° of latitude what lies between is off by 2 in a million.
SAMPLES = 257
#: Where the areas of cells and polygons are taken: both are exact on the ellipsoid, the first round the globe.
CYLINDRICAL_EQUAL_AREA, LAEA = 6933, 3035

#: Methods of projections (EPSG's names) in which all cells of a grid are of one size.
_EQUAL_AREA = frozenset(
    {"Lambert Azimuthal Equal Area", "Albers Equal Area", "Lambert Cylindrical Equal Area"}
)


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of a coverage over an area.

    Attributes:
        value: mean of the cells that have a value, in the coverage's unit; None where there is none.
        known_m2: area, in square metres, for which there are values.
        area_m2: the whole area, in square metres.
    """

    value: float | None
    known_m2: float
    area_m2: float

    @property
    def coverage(self) -> float:
        """Share of the area for which there are values, 0 to 1."""
        return min(1.0, self.known_m2 / self.area_m2) if self.area_m2 else 0.0


@dataclass(frozen=True, slots=True)
class Classes:
    """What classes of a coverage an area has.

    Attributes:
        m2: square metres by value of the cells.
        area_m2: the whole area, in square metres.
    """

    m2: dict[int, float]
    area_m2: float


def means(areas: Sequence[bytes], tiles: Sequence[xr.DataArray]) -> list[Mean]:
    """Return the mean of a coverage over each area.

    Args:
        areas: polygons as WKB or EWKB in EPSG:4326, x = longitude.
        tiles: two-dimensional arrays, NaN or `rio.nodata` where there is no value, with a CRS (`rio.crs`); they may be lazy.
            Where tiles lie over each other, the first one speaks.

    Raises:
        CheckError: a tile has no CRS, or its grid does not run along the axes of the CRS, or is one cell of unknown size.
    """
    polygons = _polygons(areas)
    known, total = np.zeros(len(polygons)), np.zeros(len(polygons))
    for row, found in _measured(polygons, tiles, ("weighted_mean",)):
        known[row] += found["known"]
        total[row] += found["known"] * found["weighted_mean"]
    return [
        Mean(float(t / k) if k > 0 else None, float(k), float(a))
        for t, k, a in zip(total, known, _square_metres(polygons), strict=True)
    ]


def classes(areas: Sequence[bytes], tiles: Sequence[xr.DataArray]) -> list[Classes]:
    """Return the square metres of each class of a coverage in each area; arguments and errors as :func:`means` has them."""
    polygons = _polygons(areas)
    result = [Classes({}, float(a)) for a in _square_metres(polygons)]
    for row, found in _measured(polygons, tiles, ("unique", "weighted_frac")):
        for value, share in zip(found["unique"], found["weighted_frac"], strict=True):
            m2 = result[row].m2
            m2[int(value)] = m2.get(int(value), 0.0) + float(share * found["known"])
    return result


def _polygons(areas: Sequence[bytes]) -> NDArray[Any]:
    polygons: NDArray[Any] = np.asarray(
        shapely.segmentize(shapely.from_wkb(list(areas)), SEGMENT_DEGREES), dtype=object
    )
    return polygons


def _square_metres(polygons: NDArray[Any]) -> NDArray[np.float64]:
    metres: NDArray[np.float64] = shapely.area(_moved(polygons, CRS(4326), CRS(LAEA)))
    return metres


def _moved(geometries: NDArray[Any], source: CRS, target: CRS) -> NDArray[Any]:
    to = Transformer.from_crs(source, target, always_xy=True)
    moved: NDArray[Any] = np.asarray(
        shapely.transform(geometries, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1]))),
        dtype=object,
    )
    return moved


def _measured(
    polygons: NDArray[Any], tiles: Sequence[xr.DataArray], statistics: Sequence[str]
) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (row of the polygon, statistics and `known` in square metres), for each tile that has values in it."""
    left = polygons.copy()
    for tile in tiles:
        grid = _Grid.of(tile)
        rows = np.flatnonzero(shapely.intersects(left, grid.footprint))
        if not len(rows):
            continue
        cells = _Cells(tile, grid)
        values, weights = _Source("values", grid, cells.values), _Source("weights", grid, cells.weights)
        operations = [Operation(name, name, values, weights) for name in statistics]
        found = exact_extract(
            None,
            _Areas(rows, _moved(left[rows], CRS(4326), grid.crs), grid.crs),
            [*operations, Operation("sum", "known", weights)],
            include_cols=["row"],
            strategy="raster-sequential",
            max_cells_in_memory=MAX_CELLS,
        )
        for properties in (f["properties"] for f in found):
            if properties["known"] and properties["known"] > 0:
                yield int(properties["row"]), properties
        if len(tiles) > 1:
            left[rows] = shapely.difference(left[rows], grid.footprint)


@dataclass(frozen=True)
class _Grid:
    """The cells of a tile: `x0`, `y0` is the upper left corner, rows run southwards."""

    crs: CRS
    x0: float
    y0: float
    dx: float
    dy: float
    width: int
    height: int
    flipped: bool

    @classmethod
    def of(cls, tile: xr.DataArray) -> _Grid:
        if tile.rio.crs is None:
            raise CheckError(f"the coverage {tile.name} has no CRS", remedy="state it in the recipe")
        x, y = tile[tile.rio.x_dim].values, tile[tile.rio.y_dim].values
        if x.ndim != 1 or y.ndim != 1:
            raise CheckError(
                f"the grid of {tile.name} does not run along the axes of its CRS",
                remedy="warp it to a north-up grid first",
            )
        # From the coordinates: the transformation that the array carries may be that of a larger one.
        dx, dy = _step(x, tile, 1), _step(y, tile, 5)
        top = max(y[0], y[-1]) + abs(dy) / 2
        return cls(CRS(tile.rio.crs), x[0] - dx / 2, float(top), dx, abs(dy), len(x), len(y), flipped=dy > 0)

    @property
    def extent(self) -> tuple[float, float, float, float]:
        return (
            self.x0,
            self.y0 - self.dy * self.height,
            self.x0 + self.dx * self.width,
            self.y0,
        )

    @cached_property
    def footprint(self) -> Any:
        """The tile in EPSG:4326."""
        box = shapely.box(*self.extent)
        sides = shapely.segmentize(box, max(self.dx * self.width, self.dy * self.height) / 256)
        return _moved(np.array([sides]), self.crs, CRS(4326))[0]

    @cached_property
    def cell_m2(self) -> float | None:
        """Area of every cell, where the CRS is equal-area; else None."""
        operation = self.crs.coordinate_operation
        if operation is None or operation.method_name not in _EQUAL_AREA:
            return None
        metres = self.crs.axis_info[0].unit_conversion_factor
        return self.dx * self.dy * float(metres) ** 2

    @cached_property
    def to_equal_area(self) -> Transformer:
        return Transformer.from_crs(self.crs, CYLINDRICAL_EQUAL_AREA, always_xy=True)

    def square_metres(self, x: int, y: int, nx: int, ny: int) -> NDArray[np.float64]:
        """Return the areas of the cells of a window."""
        if self.cell_m2 is not None:
            return np.full((ny, nx), self.cell_m2)
        # The size of cells changes smoothly: it is computed for some of them, and linear between.
        columns, rows = _some(nx), _some(ny)
        return _between(_between(self._sizes(x + columns, y + rows), rows, ny).T, columns, nx).T

    def _sizes(self, columns: NDArray[np.intp], rows: NDArray[np.intp]) -> NDArray[np.float64]:
        """Return the areas (rows, columns) of cells: their corners in a projection that keeps areas, quadrangles there."""

        def corner(right: int, down: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
            east, north = self.x0 + self.dx * (columns + right), self.y0 - self.dy * (rows + down)
            moved: tuple[NDArray[np.float64], NDArray[np.float64]] = self.to_equal_area.transform(
                *np.meshgrid(east, north)
            )
            return moved

        (ax, ay), (bx, by), (cx, cy), (dx, dy) = (corner(*c) for c in ((0, 0), (1, 0), (1, 1), (0, 1)))
        # Half the cross product of the diagonals.
        m2: NDArray[np.float64] = np.abs((cx - ax) * (dy - by) - (dx - bx) * (cy - ay)) / 2
        return m2


def _some(n: int) -> NDArray[np.intp]:
    """Return at most :data:`SAMPLES` of the numbers from 0 to n - 1, both of these among them."""
    return np.unique(np.linspace(0, n - 1, min(n, SAMPLES)).round().astype(np.intp))


def _between(known: NDArray[np.float64], at: NDArray[np.intp], n: int) -> NDArray[np.float64]:
    """Return rows 0 to n - 1, linear between those that are known."""
    if len(at) == n:
        return known
    wanted = np.arange(n)
    left = np.clip(np.searchsorted(at, wanted, side="right") - 1, 0, len(at) - 2)
    share = ((wanted - at[left]) / (at[left + 1] - at[left]))[:, np.newaxis]
    spread: NDArray[np.float64] = known[left] * (1 - share) + known[left + 1] * share
    return spread


def _step(centres: NDArray[Any], tile: xr.DataArray, of_one: int) -> float:
    """Return the signed size of the cells along an axis; that of a single one stands in the array's own transformation.

    Raises:
        CheckError: the array does not say.
    """
    if len(centres) > 1:
        return float((centres[-1] - centres[0]) / (len(centres) - 1))
    # In the order of GDAL: x, dx, rotation, y, rotation, dy.
    numbers = str(tile[tile.rio.grid_mapping].attrs.get("GeoTransform", "")).split()
    if len(numbers) != 6:
        raise CheckError(
            f"the size of the cells of {tile.name} is not known", remedy="deliver more than one row"
        )
    return float(numbers[of_one])


class _Cells:
    """The cells of a tile, read by windows. The last window is kept: it is asked for once by each statistic."""

    def __init__(self, tile: xr.DataArray, grid: _Grid) -> None:
        self.grid, self.nodata = grid, tile.rio.nodata
        self.tile = tile.transpose(tile.rio.y_dim, tile.rio.x_dim)
        self.values = lru_cache(maxsize=1)(self._values)
        self.weights = lru_cache(maxsize=1)(self._weights)

    def _values(self, x0: int, y0: int, nx: int, ny: int) -> NDArray[np.float64]:
        if not nx or not ny:  # exactextract asks for these too, and a file read lazily has no answer
            return np.empty((ny, nx))
        first = self.grid.height - y0 - ny if self.grid.flipped else y0
        read = self.tile[first : first + ny, x0 : x0 + nx].values.astype(np.float64)
        if self.nodata is not None:
            read[read == self.nodata] = np.nan
        return read[::-1] if self.grid.flipped else read

    def _weights(self, x0: int, y0: int, nx: int, ny: int) -> NDArray[np.float64]:
        """Return the square metres of the cells that have a value."""
        if not nx or not ny:
            return np.empty((ny, nx))
        unknown = np.isnan(self.values(x0, y0, nx, ny))
        return np.where(unknown, np.nan, self.grid.square_metres(x0, y0, nx, ny))


class _Source(RasterSource):  # type: ignore[misc]
    """The values or the weights of a tile, as exactextract wants to have them."""

    def __init__(
        self, name: str, grid: _Grid, read: Callable[[int, int, int, int], NDArray[np.float64]]
    ) -> None:
        super().__init__()
        # exactextract tells the sums of two sources apart by their names only.
        self.set_name(name)
        self.grid, self.read = grid, read

    def res(self) -> tuple[float, float]:
        return self.grid.dx, self.grid.dy

    def extent(self) -> tuple[float, float, float, float]:
        return self.grid.extent

    def srs_wkt(self) -> str:
        return self.grid.crs.to_wkt()

    def nodata_value(self) -> None:
        return None

    def read_window(self, x0: int, y0: int, nx: int, ny: int) -> NDArray[np.float64]:
        return self.read(x0, y0, nx, ny)


class _Areas(FeatureSource):  # type: ignore[misc]
    """Polygons in the CRS of a tile, each with the `row` that it has among all."""

    def __init__(self, rows: NDArray[np.intp], polygons: NDArray[Any], crs: CRS) -> None:
        super().__init__()
        self.rows, self.polygons, self.crs = rows, polygons, crs

    def count(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[_Area]:
        return (_Area(int(r), p) for r, p in zip(self.rows, self.polygons, strict=True))

    def srs_wkt(self) -> str:
        return self.crs.to_wkt()


class _Area(Feature):  # type: ignore[misc]
    def __init__(self, row: int, polygon: Any) -> None:
        super().__init__()
        self.row, self.polygon = row, polygon

    def fields(self) -> list[str]:
        return ["row"]

    def get(self, name: str) -> int:
        return self.row

    def geometry(self) -> bytes:
        wkb: bytes = shapely.to_wkb(self.polygon)
        return wkb
