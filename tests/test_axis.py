"""Axis order: expectations are the EPSG registry's own axis lists, written down by hand, not computed."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from pyproj import CRS

from ldt.axis import (
    AxisOrder,
    authority_order,
    horizontal,
    latlon_,
    lonlat_,
    swap,
    swap_wkb,
    to_xy,
    xy_,
    yx_,
)

NORTH_FIRST = [4326, 4258, 4937, 3034, 3035, *range(3038, 3052), 31466, 31467, 31468, 31469, 2180]
EAST_FIRST = [
    *range(25828, 25839),
    *range(32601, 32661),
    28992,
    3067,
    27572,
    27582,
    2154,
    23030,
    23031,
    23032,
    23033,
    3857,
    27700,
]


@pytest.mark.parametrize("code", NORTH_FIRST)
def test_north_first(code: int) -> None:
    assert authority_order(CRS.from_epsg(code)) is AxisOrder.YX


@pytest.mark.parametrize("code", EAST_FIRST)
def test_east_first(code: int) -> None:
    assert authority_order(CRS.from_epsg(code)) is AxisOrder.XY


@pytest.mark.parametrize("name", ["OGC:CRS84", "urn:ogc:def:crs:OGC:1.3:CRS84"])
def test_crs84_is_longitude_first(name: str) -> None:
    assert authority_order(CRS.from_user_input(name)) is AxisOrder.XY


def test_polar_and_geocentric_are_not_guessed() -> None:
    # EPSG:3031: both axes point north; EPSG:4978 is geocentric X, Y, Z.
    assert authority_order(CRS.from_epsg(3031)) is AxisOrder.UNKNOWN
    assert authority_order(CRS.from_epsg(4978)) is AxisOrder.UNKNOWN


def test_horizontal_drops_heights() -> None:
    compound = CRS.from_user_input("EPSG:25832+7837")
    assert horizontal(compound) == CRS.from_epsg(25832)
    assert authority_order(CRS.from_user_input("EPSG:4258+5621")) is AxisOrder.YX
    assert len(horizontal(CRS.from_epsg(4979)).axis_info) == 2


def test_every_way_to_say_a_place() -> None:
    cologne = lonlat_(6.96, 50.94)
    assert cologne == latlon_(50.94, 6.96) == xy_(6.96, 50.94) == yx_(50.94, 6.96)
    assert cologne.lonlat == cologne.xy == (6.96, 50.94)
    assert cologne.latlon == cologne.yx == (50.94, 6.96)
    assert cologne.in_order(AxisOrder.YX) == (50.94, 6.96)
    assert cologne.in_order(AxisOrder.XY) == (6.96, 50.94)
    with pytest.raises(ValueError, match="unknown order"):
        cologne.in_order(AxisOrder.UNKNOWN)
    with pytest.raises(TypeError):
        _ = cologne[0]  # type: ignore[index]


def test_swap_keeps_z_none_and_the_original() -> None:
    given = np.array(
        [shapely.Point(1, 2, 3), None, shapely.from_wkt("POLYGON ((0 5, 1 5, 1 6, 0 5))")], dtype=object
    )
    swapped = swap(given)
    assert swapped[0].wkt == "POINT Z (2 1 3)"
    assert swapped[1] is None
    assert swapped[2].wkt == "POLYGON ((5 0, 5 1, 6 1, 5 0))"
    assert given[0].wkt == "POINT Z (1 2 3)"
    assert [g and g.wkt for g in swap(swapped)] == [g and g.wkt for g in given]


def test_swap_wkb() -> None:
    wkb = np.array([shapely.Point(1, 2).wkb, None], dtype=object)
    swapped = swap_wkb(wkb)
    assert shapely.from_wkb(swapped[0]).wkt == "POINT (2 1)"
    assert swapped[1] is None


def test_to_xy_refuses_to_guess() -> None:
    points = np.array([shapely.Point(50.94, 6.96)], dtype=object)
    assert to_xy(points, AxisOrder.YX)[0].wkt == "POINT (6.96 50.94)"
    assert to_xy(points, AxisOrder.XY)[0].wkt == "POINT (50.94 6.96)"
    with pytest.raises(ValueError, match="unknown order"):
        to_xy(points, AxisOrder.UNKNOWN)


def test_other_order() -> None:
    assert AxisOrder.XY.other is AxisOrder.YX
    assert AxisOrder.YX.other is AxisOrder.XY
    assert AxisOrder.UNKNOWN.other is AxisOrder.UNKNOWN
