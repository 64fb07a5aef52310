"""Cells of the European grid: against PROJ, and against codes that others published."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Transformer

from ldt.harmonise.cells import cell, squares


@pytest.mark.parametrize(
    ("code", "east", "north", "size"),
    [
        # The example of Eurostat's GISCO for GEOSTAT, and of the INSPIRE data specification on grids, in both notations.
        ("1kmN2599E4695", 4_695_000, 2_599_000, 1000),
        ("CRS3035RES1000mN2599000E4695000", 4_695_000, 2_599_000, 1000),
        ("250mN320725E432100", 4_321_000, 3_207_250, 250),
        ("100mN32101E43219", 4_321_900, 3_210_100, 100),
        ("10kmN321E432", 4_320_000, 3_210_000, 10_000),
        ("CRS3035RES200mN1453400E5065600", 5_065_600, 1_453_400, 200),
        ("1kmN0000E0900", 900_000, 0, 1000),
        (" 1kmN3210E4321 ", 4_321_000, 3_210_000, 1000),
        # The EEA's reference grids have the easting first.
        ("1kmE4321N3210", 4_321_000, 3_210_000, 1000),
        ("10kmE432N321", 4_320_000, 3_210_000, 10_000),
        ("100mE43219N32101", 4_321_900, 3_210_100, 100),
    ],
)
def test_codes_of_both_notations(code: str, east: int, north: int, size: int) -> None:
    assert cell(code) == (east, north, size)


@given(st.integers(0, 9_999), st.integers(0, 9_999), st.sampled_from([1, 2, 5, 10, 20, 50, 100]))
def test_the_notations_name_the_same_cell(column: int, row: int, kilometres: int) -> None:
    """Written by the rule of the grid (INSPIRE, D2.8.I.2): corner in units of the size's power of ten."""
    size = 1000 * kilometres
    east, north = column * 1000 // size * size, row * 1000 // size * size
    unit = 10 ** (len(str(size)) - len(str(size).rstrip("0")))
    found = {
        cell(f"{kilometres}kmN{north // unit}E{east // unit}"),
        cell(f"{kilometres}kmE{east // unit}N{north // unit}"),
        cell(f"CRS3035RES{size}mN{north}E{east}"),
    }
    assert found == {(east, north, size)}


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("1kmE4321E3210", "neither"),
        ("1 km N3210 E4321", "neither"),
        ("CRS25832RES1000mN3210000E4321000", "neither"),
        ("0kmN3210E4321", "neither"),
        ("", "neither"),
        ("CRS3035RES1000mN3210500E4321000", "no multiple"),
        ("250mN320726E432100", "no multiple"),
        ("1kmN3210E432100", "outside Europe"),
    ],
)
def test_codes_that_name_no_cell(code: str, why: str) -> None:
    found = cell(code)
    assert isinstance(found, str)
    assert why in found


def test_the_cell_of_a_place_holds_the_place() -> None:
    # Cologne cathedral, 50.9413 N 6.9583 E, through PROJ alone.
    x, y = Transformer.from_crs(4326, 3035, always_xy=True).transform(6.9583, 50.9413)
    codes = pa.array([f"1kmN{math.floor(y / 1000)}E{math.floor(x / 1000)}", None, "x"])
    wkb, problems = squares(codes)
    shapes = shapely.from_wkb(wkb.to_numpy(zero_copy_only=False))
    assert shapes[0].contains(shapely.Point(x, y))
    assert shapes[0].area == 1e6
    assert (shapes[1], shapes[2]) == (None, None)
    assert list(problems) == [2]
