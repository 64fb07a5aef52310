"""Areas against cells: rasters whose truth is known, supersampling by hand, geodesic areas."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pyproj
import pytest
import shapely
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ldt.errors import CheckError
from ldt.indicators import zonal

X0, Y0, SIZE = 4_000_000.0, 3_100_000.0, 100.0  # the upper left corner near Maastricht
L_SHAPE = shapely.Polygon(
    [
        *((4_010_033, 3_050_077), (4_020_500, 3_050_020), (4_020_310, 3_060_010)),
        *((4_015_015, 3_060_090), (4_015_099, 3_070_001), (4_010_001, 3_069_950)),
    ],
    [[(4_012_010, 3_052_050), (4_014_040, 3_052_060), (4_013_030, 3_055_070)]],
)


def raster(values: NDArray[Any], crs: Any = 3035, x0: float = X0, y0: float = Y0, size: float = SIZE) -> Any:
    """Return a north-up array with its upper left corner at (x0, y0)."""
    rows, columns = values.shape
    return xr.DataArray(
        values.astype(float),
        dims=("y", "x"),
        coords={
            "y": y0 - size * (np.arange(rows) + 0.5),
            "x": x0 + size * (np.arange(columns) + 0.5),
        },
        name="imperviousness",
    ).rio.write_crs(crs)


@cache
def _to_degrees(crs: Any) -> pyproj.Transformer:
    return pyproj.Transformer.from_crs(crs, 4326, always_xy=True)


def wkb(geometry: BaseGeometry, crs: Any = 3035) -> bytes:
    """Return a geometry of a CRS in EPSG:4326, its sides cut small before."""
    to = _to_degrees(crs)
    cut = shapely.segmentize(geometry, shapely.length(geometry) / 1000)
    moved = shapely.transform(cut, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1])))
    return bytes(shapely.to_wkb(moved))


def supersampled(values: NDArray[Any], area: BaseGeometry, per_side: int = 20) -> tuple[float, float]:
    """Return (mean of the valid, share of the area that is valid) by counting points within the cells."""
    step = SIZE / per_side
    rows, columns = values.shape
    west, south, east, north = area.bounds
    x = np.arange(X0 + step / 2, X0 + SIZE * columns, step)
    y = np.arange(Y0 - step / 2, Y0 - SIZE * rows, -step)
    x, y = x[(x > west) & (x < east)], y[(y > south) & (y < north)]
    xs, ys = np.meshgrid(x, y)
    within = shapely.contains_xy(area, xs, ys)
    cells = values[((Y0 - ys) // SIZE).astype(int), ((xs - X0) // SIZE).astype(int)]
    return float(np.nanmean(cells[within])), float(np.isfinite(cells[within]).mean())


@pytest.fixture
def noise() -> NDArray[np.float64]:
    """A steep surface with noise on it and one cell in ten without a value."""
    random = np.random.default_rng(7)
    rows, columns = np.mgrid[0:600, 0:300]
    values = (rows * 3 + columns) % 101 + random.random((600, 300))
    values[random.random(values.shape) < 0.1] = np.nan
    return np.asarray(values, dtype=float)


@pytest.mark.parametrize("crs", [3035, 25832, 4326])
def test_a_constant_is_its_own_mean_and_the_area_is_all_known(crs: int) -> None:
    area = wkb(L_SHAPE)
    corners = pyproj.Transformer.from_crs(3035, crs, always_xy=True).transform_bounds(*L_SHAPE.bounds)
    size = (corners[2] - corners[0]) / 150
    cells = raster(np.full((400, 170), 30.0), crs, corners[0] - 3.3 * size, corners[3] + 3.7 * size, size)
    (found,) = zonal.means([area], [cells])
    assert found.value == pytest.approx(30.0, rel=1e-12)
    assert found.area_m2 == pytest.approx(L_SHAPE.area, rel=1e-8)
    assert found.known_m2 == pytest.approx(L_SHAPE.area, rel=1e-6)
    geodesic, _ = pyproj.Geod(ellps="GRS80").geometry_area_perimeter(
        shapely.orient_polygons(shapely.from_wkb(area))
    )
    assert found.area_m2 == pytest.approx(abs(geodesic), rel=1e-6)


def test_a_half_plane_is_cut_at_the_exact_share_of_the_cells() -> None:
    values = np.zeros((10, 10))
    values[:, 5:] = 100.0
    # 30 m of the columns below 500 m and 120 m of those above; rows from 33 m to 77 m of one cell.
    area = shapely.box(X0 + 470, Y0 - 277, X0 + 620, Y0 - 233)
    (found,) = zonal.means([wkb(area)], [raster(values)])
    assert found.value == pytest.approx(100 * 120 / 150, rel=1e-6)
    assert [found.known_m2, found.coverage] == pytest.approx([150 * 44, 1.0], rel=1e-6)


def test_an_area_that_cuts_cells_against_supersampling(noise: NDArray[np.float64]) -> None:
    # 400 points a cell over 15,000 cells: a cell of the rim is off by 1 % of itself at random.
    mean, valid = supersampled(noise, L_SHAPE)
    (found,) = zonal.means([wkb(L_SHAPE)], [raster(noise)])
    assert found.value == pytest.approx(mean, rel=2e-4)
    assert found.coverage == pytest.approx(valid, rel=2e-4)
    assert 0.85 < found.coverage < 0.95


def test_rows_may_run_to_the_north_and_single_rows_know_their_size(noise: NDArray[np.float64]) -> None:
    cells = raster(noise)
    assert zonal.means([wkb(L_SHAPE)], [cells[::-1]]) == zonal.means([wkb(L_SHAPE)], [cells])
    strip = shapely.box(X0 + 110, Y0 - 190, X0 + 1110, Y0 - 110)
    (row,) = zonal.means([wkb(strip)], [cells.rio.write_transform(Affine(SIZE, 0, X0, 0, -SIZE, Y0))[1:2]])
    # Shares of cells are single precision in exactextract.
    assert row.value == pytest.approx(supersampled(noise, strip)[0], rel=1e-6)
    assert row.known_m2 == pytest.approx(zonal.means([wkb(strip)], [cells])[0].known_m2, rel=1e-9)


def test_what_lies_outside_the_raster_or_has_no_value_is_not_known() -> None:
    cells = raster(np.full((10, 10), 7.0))
    cells[:, :2] = np.nan
    inside, half, outside = (
        shapely.box(X0 + west, Y0 - 900, X0 + east, Y0 - 100)
        for west, east in ((300, 900), (600, 1400), (5000, 6000))
    )
    west = shapely.box(X0, Y0 - 900, X0 + 400, Y0 - 100)
    found = zonal.means([wkb(a) for a in (inside, half, outside, west)], [cells])
    assert [f.coverage for f in found] == pytest.approx([1.0, 0.5, 0.0, 0.5], rel=1e-5)
    assert [f.value for f in found] == [pytest.approx(7.0), pytest.approx(7.0), None, pytest.approx(7.0)]


@pytest.mark.parametrize("size", [1.0, 0.05])
def test_cells_in_degrees_count_with_their_true_area(size: float) -> None:
    # Ten degrees of longitude from the equator to 60° N; 0 up to 30°, then 100.
    values = np.zeros((round(60 / size), round(10 / size)))
    values[: round(30 / size)] = 100.0
    cells = raster(values, 4326, 0.0, 60.0, size)
    north, whole = shapely.box(0, 30, 10, 60), shapely.box(0, 0, 10, 60)

    def geodesic(box: BaseGeometry) -> float:
        # Of the parallel as it is, not of the shorter way between two places on it.
        area, _ = pyproj.Geod(ellps="WGS84").geometry_area_perimeter(shapely.segmentize(box, 0.005))
        return abs(float(area))

    (found,) = zonal.means([shapely.to_wkb(whole)], [cells])
    assert found.value == pytest.approx(100 * geodesic(north) / geodesic(whole), rel=1e-6)
    assert (found.value or 0) < 45  # unweighted it were 50
    assert found.known_m2 == pytest.approx(geodesic(whole), rel=3e-6)


def test_cells_of_a_transverse_mercator_count_with_their_true_area() -> None:
    # Far from the meridian (Portugal in the zone of Germany) a square kilometre of the plane is 5 % less on the ground.
    values = np.zeros((200, 1500))
    values[:, 750:] = 100.0
    cells = raster(values, 25832, -1_000_000.0, 4_500_000.0, 1000.0)
    box = shapely.box(-1_000_000, 4_300_000, 500_000, 4_500_000)
    east = shapely.box(-250_000, 4_300_000, 500_000, 4_500_000)
    geod = pyproj.Geod(ellps="GRS80")
    areas = [abs(geod.geometry_area_perimeter(shapely.from_wkb(wkb(g, 25832)))[0]) for g in (east, box)]
    (found,) = zonal.means([wkb(box, 25832)], [cells])
    assert found.value == pytest.approx(100 * areas[0] / areas[1], rel=1e-5)
    assert abs((found.value or 50) - 50) > 0.3


def test_sides_are_straight_in_degrees() -> None:
    # A box of ten degrees at 50° N: its lower side, straight in degrees, bulges 19 km out of the chord in EPSG:3035.
    cells = raster(np.full((90, 120), 1.0), 3035, 3_700_000.0, 3_700_000.0, 10_000.0)
    box = shapely.box(5, 50, 15, 54)
    (found,) = zonal.means([shapely.to_wkb(box)], [cells])
    geodesic, _ = pyproj.Geod(ellps="GRS80").geometry_area_perimeter(shapely.segmentize(box, 0.005))
    assert found.area_m2 == pytest.approx(abs(geodesic), rel=1e-6)
    assert found.known_m2 == pytest.approx(abs(geodesic), rel=1e-6)
    chord, _ = pyproj.Geod(ellps="GRS80").geometry_area_perimeter(box)
    assert abs(abs(chord) / abs(geodesic) - 1) > 1e-4


def test_tiles_add_up_and_the_first_speaks_where_they_overlap(noise: NDArray[np.float64]) -> None:
    cells = raster(noise)
    (whole,) = zonal.means([wkb(L_SHAPE)], [cells])
    (apart,) = zonal.means([wkb(L_SHAPE)], [cells[:, :160], cells[:, 160:]])
    assert apart.value == pytest.approx(whole.value, rel=1e-7)
    assert apart.known_m2 == pytest.approx(whole.known_m2, rel=1e-7)
    (over,) = zonal.means([wkb(L_SHAPE)], [cells[:, :160], cells[:, 120:] * 0])
    (west,) = zonal.means([wkb(L_SHAPE)], [cells[:, :160]])
    assert over.known_m2 == pytest.approx(whole.known_m2, rel=1e-7)
    assert over.value == pytest.approx((west.value or 0) * west.known_m2 / whole.known_m2, rel=1e-7)


def test_classes_by_exact_share(noise: NDArray[np.float64]) -> None:
    codes = np.where(np.isnan(noise), np.nan, np.where(noise > 50, 311, 112))
    (found,) = zonal.classes([wkb(L_SHAPE)], [raster(codes)])
    assert set(found.m2) == {112, 311}
    for code in found.m2:
        (share,) = zonal.means([wkb(L_SHAPE)], [raster(np.where(np.isnan(codes), np.nan, codes == code))])
        assert found.m2[code] == pytest.approx((share.value or 0) * share.known_m2, rel=1e-9)
    assert found.area_m2 == pytest.approx(L_SHAPE.area, rel=1e-8)


def test_integers_have_a_number_that_means_none() -> None:
    values = np.full((10, 10), 311)
    values[:, 5:] = 65535
    tile = raster(values).astype("uint16").assign_attrs(_FillValue=np.uint16(65535))
    box = wkb(shapely.box(X0 + 200, Y0 - 700, X0 + 800, Y0 - 100))
    (found,) = zonal.classes([box], [tile])
    assert found.m2 == {311: pytest.approx(300 * 600, rel=1e-6)}
    assert zonal.means([box], [tile])[0].value == pytest.approx(311.0)


def test_many_areas_at_once_and_in_order(noise: NDArray[np.float64]) -> None:
    boxes = [
        shapely.box(X0 + 1000 * i, Y0 - 1000 * j - 1000, X0 + 1000 * i + 1000, Y0 - 1000 * j)
        for i in range(25)
        for j in range(25)
    ]
    found = zonal.means([wkb(b) for b in boxes], [raster(noise)])
    # Kilometres of the grid hold ten by ten whole cells.
    blocks = noise[:250, :250].reshape(25, 10, 25, 10)
    expected = np.nanmean(blocks, axis=(1, 3)).T.ravel()
    assert [f.value for f in found] == pytest.approx(list(expected), rel=1e-5)


def test_a_large_raster_is_read_in_windows(
    monkeypatch: pytest.MonkeyPatch, noise: NDArray[np.float64]
) -> None:
    whole = zonal.means([wkb(L_SHAPE)], [raster(noise)])
    read: list[int] = []
    plain = zonal._Cells._values

    def counted(self: Any, x: int, y: int, nx: int, ny: int) -> NDArray[np.float64]:
        read.append(nx * ny)
        return plain(self, x, y, nx, ny)

    monkeypatch.setattr(zonal._Cells, "_values", counted)
    monkeypatch.setattr(zonal, "MAX_CELLS", 5000)
    for cells in (raster(noise), raster(noise)[::-1]):
        read.clear()
        (found,) = zonal.means([wkb(L_SHAPE)], [cells])
        assert max(read) <= 5000
        assert len(read) > 6
        assert (found.value, found.known_m2) == pytest.approx((whole[0].value, whole[0].known_m2), rel=1e-9)


def test_an_array_without_a_crs_is_refused() -> None:
    cells = raster(np.zeros((3, 3))).drop_vars("spatial_ref")
    with pytest.raises(CheckError, match="imperviousness has no CRS"):
        zonal.means([wkb(L_SHAPE)], [cells])
