"""Tile matrix sets (OGC 17-083r4): where a tile lies, and which tiles there are of what lies in a rectangle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import morecantile
from pyproj import Transformer

from ldt.errors import NotFound
from ldt.store.tiles import BUFFER, EXTENT, Box, Place

_MERCATOR = 3857
#: From this tile matrix of WebMercatorQuad on a tile is an affine image of degrees to within 0.4 of its units. Between two parallels the map
#: bends by d^2/8 * tan(lat)/cos(lat), d being their distance in radians, which is 2 pi cos(lat)/2^z; of 4096 units that is 1024 pi sin(lat)/2^z.
_AFFINE = 13
#: Points between two corners when a rectangle is carried into another CRS: straight lines there are bent here.
_DENSE = 21
#: Degrees; what touches an edge is not lost to rounding.
_EPSILON = 1e-9

#: The tile matrix sets that there are, by id.
SETS: Mapping[str, morecantile.TileMatrixSet] = MappingProxyType(
    {name: morecantile.tms.get(name) for name in ("WebMercatorQuad", "EuropeanETRS89_LAEAQuad")}
)


def find(identifier: str) -> morecantile.TileMatrixSet:
    """Return a tile matrix set.

    Raises:
        NotFound: there is none of that id.
    """
    if identifier not in SETS:
        raise NotFound(f"there is no tile matrix set {identifier!r}", remedy=f"there are: {', '.join(SETS)}")
    return SETS[identifier]


def definition(grid: morecantile.TileMatrixSet) -> dict[str, Any]:
    """Return the definition of a tile matrix set as JSON (OGC 17-083r4, 7.2)."""
    found: dict[str, Any] = grid.model_dump(mode="json", exclude_none=True)
    return found


def crs(grid: morecantile.TileMatrixSet) -> str:
    """Return the URI of a tile matrix set's CRS."""
    return str(definition(grid)["crs"])


def srid(grid: morecantile.TileMatrixSet) -> int:
    """Return the EPSG code of a tile matrix set's CRS."""
    return int(str(grid.crs.to_epsg()))


def zoom(grid: morecantile.TileMatrixSet, matrix: str) -> int:
    """Return the number of a tile matrix.

    Raises:
        NotFound: there is none of that id.
    """
    names = {m.id: number for number, m in enumerate(grid.tileMatrices)}
    if matrix not in names:
        raise NotFound(f"{grid.id} has no tile matrix {matrix[:40]!r}", remedy=f"it has 0 to {grid.maxzoom}")
    return names[matrix]


@lru_cache(maxsize=4)
def _to(code: int) -> Transformer:
    return Transformer.from_crs(4326, code, always_xy=True)


@lru_cache(maxsize=4)
def _domain(identifier: str) -> Box:
    """Return what the tiles of a set can show, in degrees, with something around it."""
    grid = SETS[identifier]
    west, south, east, north = _back(grid, tuple(grid.xy_bbox))
    return west - 0.01, south - 0.01, east + 0.01, north + 0.01


def _back(grid: morecantile.TileMatrixSet, bounds: Box) -> Box:
    found: Box = _to(srid(grid)).transform_bounds(*bounds, densify_pts=_DENSE, direction="INVERSE")
    return found


@lru_cache(maxsize=8192)
def place(identifier: str, z: int, row: int, column: int) -> Place:
    """Return where a tile lies: of a set, a tile matrix by number, a row from the top, a column from the left."""
    grid = SETS[identifier]
    left, bottom, right, top = grid.xy_bounds(morecantile.Tile(x=column, y=row, z=z))
    bounds = (left, bottom, right, top)
    margin = (bounds[2] - bounds[0]) * BUFFER / EXTENT
    west, south, east, north = _back(grid, _within(_wider(bounds, margin), tuple(grid.xy_bbox)))
    affine = srid(grid) == _MERCATOR and z >= _AFFINE
    return Place(
        srid=srid(grid),
        bounds=bounds,
        reach=(west - _EPSILON, south - _EPSILON, east + _EPSILON, north + _EPSILON),
        degrees=_back(grid, bounds) if affine else None,
        domain=_domain(identifier),
    )


def _wider(box: Box, by: float) -> Box:
    return box[0] - by, box[1] - by, box[2] + by, box[3] + by


def _within(box: Box, bounds: Box) -> Box:
    """Return what a rectangle and another have in common; without a width or a height where that is nothing."""
    left, bottom = max(box[0], bounds[0]), max(box[1], bounds[1])
    return left, bottom, max(left, min(box[2], bounds[2])), max(bottom, min(box[3], bounds[3]))


@lru_cache(maxsize=1024)
def limits(identifier: str, bbox: Box) -> tuple[tuple[int, int, int, int], ...]:
    """Return the tiles that show what lies in a rectangle, margins included.

    Args:
        identifier: of the tile matrix set.
        bbox: west, south, east, north in degrees; west greater than east goes over the antimeridian, and is taken as all around.

    Returns:
        For each tile matrix (first row, last row, first column, last column); none where nothing of it can be shown.
    """
    grid = SETS[identifier]
    west, south, east, north = bbox if bbox[0] <= bbox[2] else (-180.0, bbox[1], 180.0, bbox[3])
    domain = _domain(identifier)
    if west > domain[2] or east < domain[0] or south > domain[3] or north < domain[1]:
        return ()
    cut = _within((west, south, east, north), domain)
    bounds: Box = _to(srid(grid)).transform_bounds(*cut, densify_pts=_DENSE)
    left, _, _, top = grid.xy_bbox
    found = []
    for matrix in grid.tileMatrices:
        wide, high = matrix.cellSize * matrix.tileWidth, matrix.cellSize * matrix.tileHeight
        one = _wider(bounds, wide * BUFFER / EXTENT)
        rows = [int((top - y) // high) for y in (one[3], one[1])]
        columns = [int((x - left) // wide) for x in (one[0], one[2])]
        if (
            rows[1] < 0
            or rows[0] >= matrix.matrixHeight
            or columns[1] < 0
            or columns[0] >= matrix.matrixWidth
        ):
            return ()
        found.append((*_clamped(rows, matrix.matrixHeight), *_clamped(columns, matrix.matrixWidth)))
    return tuple(found)


def has(limits: Sequence[tuple[int, int, int, int]], zoom: int, row: int, column: int) -> bool:
    """Whether a tile is among those that :func:`limits` found."""
    if not limits:
        return False
    top, bottom, left, right = limits[zoom]
    return top <= row <= bottom and left <= column <= right


def no_tile(identifier: str, matrix: str, row: int, column: int) -> NotFound:
    """Return the error for a tile that is not there."""
    return NotFound(
        f"{identifier} has nothing to show in tile {matrix}/{row}/{column}",
        remedy="the tile set's tileMatrixSetLimits tell which tiles there are",
    )


def _clamped(pair: list[int], count: int) -> tuple[int, int]:
    return max(pair[0], 0), min(pair[1], count - 1)
