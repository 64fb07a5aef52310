"""Cells that lie on no regular grid, on one: against all distances, computed one by one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ldt.errors import SourceError
from ldt.sources import regrid
from ldt.sources.regrid import Regridded

Cells = NDArray[np.float64]


def rotated(
    rows: int, columns: int, size: float, pole: tuple[float, float] = (-162.0, 39.25)
) -> tuple[Cells, Cells]:
    """Middles of a grid about the equator of a rotated pole (that of EURO-CORDEX), by PROJ."""
    from pyproj import Transformer

    lon, lat = pole
    turned = f"+proj=ob_tran +o_proj=longlat +o_lon_p=0 +o_lat_p={lat} +lon_0={lon + 180} +datum=WGS84"
    x = size * (np.arange(columns) - columns // 2)
    y = size * (np.arange(rows) - rows // 2)
    return Transformer.from_crs(turned, "EPSG:4326", always_xy=True).transform(*np.meshgrid(x, y))


def whole(grid: Regridded, field: Cells) -> Cells:
    return grid.read(
        (0, grid.height, 0, grid.width), lambda top, bottom, left, right: field[top:bottom, left:right]
    )


def middles(grid: Regridded) -> tuple[Cells, Cells]:
    a, _, c, _, e, f = grid.transform
    return np.meshgrid(c + a * (np.arange(grid.width) + 0.5), f + e * (np.arange(grid.height) + 0.5))


def distances(one: tuple[Cells, Cells], other: tuple[Cells, Cells]) -> Cells:
    """Degrees of arc from each of some places to each of others, by the haversine formula."""
    (lon1, lat1), (lon2, lat2) = ([np.radians(v.ravel()) for v in p] for p in (one, other))
    half = (
        np.sin((lat1[:, None] - lat2) / 2) ** 2
        + np.cos(lat1[:, None]) * np.cos(lat2) * np.sin((lon1[:, None] - lon2) / 2) ** 2
    )
    arc: Cells = np.degrees(2 * np.arcsin(np.sqrt(np.clip(half, 0, 1))))
    return arc


@pytest.mark.parametrize("shape", [(40, 50), (7, 60)])
def test_the_nearest_cell_is_taken(shape: tuple[int, int]) -> None:
    lon, lat = rotated(*shape, 0.11)
    field = np.arange(lon.size, dtype=float).reshape(shape)
    grid = Regridded(Path("a.nc"), lon, lat)
    found = whole(grid, field)
    angle = distances(middles(grid), (lon, lat))
    there = ~np.isnan(found)
    np.testing.assert_array_equal(found[there], angle.argmin(axis=1).reshape(found.shape)[there])
    # What lies within 0.71 of a cell (half a diagonal) of a cell has its value, what is farther than 0.9 has none.
    nearest = angle.min(axis=1).reshape(found.shape)
    assert there[nearest < 0.078].all()
    assert not there[nearest > 0.1].any()
    assert grid.size[1] == 0.11
    assert "0.11 degrees" in grid.note


def test_windows_are_parts_of_the_whole_and_read_no_more_than_they_need() -> None:
    lon, lat = rotated(40, 50, 0.11)
    field = np.arange(lon.size, dtype=float).reshape(lon.shape)
    grid = Regridded(Path("a.nc"), lon, lat)
    asked: list[tuple[int, ...]] = []

    def read(*window: int) -> Cells:
        asked.append(window)
        top, bottom, left, right = window
        return field[top:bottom, left:right]

    part = grid.read((20, 26, 30, 37), read)
    np.testing.assert_array_equal(part, whole(grid, field)[20:26, 30:37])
    ((top, bottom, left, right),) = asked
    assert (bottom - top) * (right - left) < 15 * 20
    # A corner of the box that no cell is near to: nothing but one cell is read, to learn the type.
    asked.clear()
    empty = np.argwhere(np.isnan(whole(grid, field)))[0]
    row, column = int(empty[0]), int(empty[1])
    assert np.isnan(grid.read((row, row + 1, column, column + 1), read)).all()
    assert asked == [(0, 1, 0, 1)]


def test_a_field_around_the_whole_earth() -> None:
    """Rows of equal latitude that are not equally far from one another, as those of Gaussian grids; longitudes 0 to 350."""
    lon, lat = np.meshgrid(np.arange(0.0, 360.0, 10.0), [80.0, 71.0, 60.0, 51.0, 40.0, 29.0, 20.0])
    grid = Regridded(Path("a.nc"), lon, lat)
    a, _, c, *_ = grid.transform
    assert (c, c + a * grid.width) == (-180.0, 180.0)
    found = whole(grid, lon)
    x, y = middles(grid)
    row = np.argmin(np.abs(y[:, 0] - 40))
    assert not np.isnan(found[row]).any()
    assert np.abs((found[row] - x[row] + 180) % 360 - 180).max() <= 5.0 + a / 2


def test_a_field_over_the_antimeridian() -> None:
    lon, lat = np.meshgrid([177.0, 178.0, 179.0, -180.0, -179.0, -178.0], [-16.0, -17.0, -18.2, -19.0])
    grid = Regridded(Path("a.nc"), lon, lat)
    a, _, c, *_ = grid.transform
    assert c <= 177.0
    assert 182.0 < c + a * grid.width < 184.0


def test_a_field_about_the_pole() -> None:
    lon, lat = rotated(30, 30, 1.0, (10.0, 0.0))
    assert lat.max() > 89
    grid = Regridded(Path("a.nc"), lon, lat)
    _, _, _, _, e, f = grid.transform
    assert f <= 90.0 - e / 2
    found = whole(grid, lat)
    y = middles(grid)[1]
    there = ~np.isnan(found)
    assert np.abs(found - y)[there].max() < 1.0
    assert e < 0


def test_places_that_are_none_and_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing: Any = np.full((3, 3), np.nan)
    with pytest.raises(SourceError, match=r"a\.nc: its coordinates are no longitudes"):
        Regridded(Path("a.nc"), nothing, nothing)
    monkeypatch.setattr(regrid, "MAX_POINTS", 8)
    with pytest.raises(SourceError, match="its 9 cells lie on no regular grid"):
        Regridded(Path("a.nc"), np.ones((3, 3)), np.ones((3, 3)))
