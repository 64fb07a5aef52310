"""Geometries of a batch: what is repaired, what is turned away, what is stored."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import CRS

from ldt.axis import AxisOrder
from ldt.harmonise.crs import CrsJudgement, judge
from ldt.harmonise.geometry import Checked, check
from ldt.sources.source import DeclaredCrs

LONLAT = DeclaredCrs("OGC:CRS84", CRS.from_user_input("OGC:CRS84").to_json(), AxisOrder.XY)


def judged(geometries: NDArray[Any]) -> CrsJudgement:
    return judge(geometries, LONLAT)


def run(*values: Any, rule: Any = "required", selection: Any = None) -> Checked:
    wkb = pa.array([shapely.to_wkb(v) if isinstance(v, shapely.Geometry) else v for v in values], pa.binary())
    return check(wkb, len(wkb), rule, judged, selection)


def wkt(text: str) -> Any:
    return shapely.from_wkt(text)


def test_a_bow_tie_becomes_its_two_triangles() -> None:
    """(0,0)-(2,2)-(2,0)-(0,2): two triangles of base 2 and height 1 make an area of 2."""
    checked = run(wkt("POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))"))
    made = checked.geometries[0]
    assert (made.is_valid, made.geom_type, made.area) == (True, "MultiPolygon", pytest.approx(2.0))
    reason, message = checked.repaired.found[0]
    assert reason == "invalid-geometry"
    assert "Self-intersection" in message
    assert not checked.rejected.found


def test_a_spike_does_not_turn_an_area_into_a_collection() -> None:
    """A square with a spike: the line that is left over is no area and goes."""
    checked = run(wkt("POLYGON((0 0, 0 4, 4 4, 4 0, 2 0, 2 -3, 2 0, 0 0))"))
    assert checked.geometries[0].area == pytest.approx(16.0)
    assert shapely.get_dimensions(checked.geometries[0]) == 2


def test_two_triangles_that_share_an_edge_become_one_area() -> None:
    """GEOS itself leaves this one invalid: two triangles of area 0.5 with the edge (0 0)-(0 -1) in common."""
    made = run(wkt("POLYGON((-1 0, 0 0, 0 -1, 1 0, 0 0, 0 -1, -1 0))")).geometries[0]
    assert (made.is_valid, made.area) == (True, pytest.approx(1.0))


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (None, "no-geometry"),
        (wkt("POLYGON EMPTY"), "no-geometry"),
        (b"\x01\x03\x00", "bad-geometry"),
        (b"", "bad-geometry"),
        (shapely.Point(float("nan"), 5), "impossible-coordinates"),
        (shapely.LineString([(0, 0), (float("inf"), 1)]), "impossible-coordinates"),
        (shapely.Point(7, 91), "impossible-coordinates"),
        (shapely.Point(181, 50), "impossible-coordinates"),
        (wkt("POLYGON((0 0, 1 1, 2 2, 0 0))"), "invalid-geometry"),
    ],
)
def test_what_cannot_be_used_is_turned_away_alone(value: Any, reason: str) -> None:
    sound = shapely.Point(7, 51)
    checked = run(sound, value, sound, sound)
    assert {i: r for i, (r, _) in checked.rejected.found.items()} == {1: reason}
    assert checked.geometries[1] is None
    assert shapely.get_coordinates(checked.geometries).tolist() == [[7, 51]] * 3


@pytest.mark.parametrize("rule", ["optional", "none"])
def test_no_geometry_is_fine_where_none_is_needed(rule: str) -> None:
    checked = run(None, wkt("POINT EMPTY"), rule=rule)
    assert not checked.rejected.found
    assert checked.geometries.tolist() == [None, None]
    assert check(None, 2, rule, judged, None).geometries.tolist() == [None, None]  # type: ignore[arg-type]


def test_heights_and_measures_are_dropped() -> None:
    checked = run(wkt("POINT Z (7 51 100)"), wkt("LINESTRING M (7 51 1, 8 52 2)"), wkt("POINT (7 51)"))
    assert [g.wkt for g in checked.geometries] == ["POINT (7 51)", "LINESTRING (7 51, 8 52)", "POINT (7 51)"]


def test_rings_turn_as_rfc_7946_says() -> None:
    clockwise = wkt("POLYGON((0 0, 0 4, 4 4, 4 0, 0 0), (1 1, 2 1, 2 2, 1 2, 1 1))")
    made = run(clockwise).geometries[0]
    assert shapely.is_ccw(shapely.get_exterior_ring(made))
    assert not shapely.is_ccw(shapely.get_interior_ring(made, 0))
    assert made.equals(clockwise)


def test_kinds_stay_as_they_are() -> None:
    kinds = [
        "POINT (1 1)",
        "MULTIPOINT ((1 1), (2 2))",
        "LINESTRING (0 0, 1 1)",
        "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))",
    ]
    kinds.append("GEOMETRYCOLLECTION (POINT (1 1), LINESTRING (0 0, 1 1))")
    assert [g.geom_type for g in run(*map(wkt, kinds)).geometries] == [wkt(k).geom_type for k in kinds]


def test_whole_features_that_touch_the_selection_stay() -> None:
    inside, across, touching, away = (
        shapely.box(*b) for b in [(1, 1, 2, 2), (9, 9, 20, 20), (10, 0, 12, 2), (30, 30, 31, 31)]
    )
    checked = run(inside, across, touching, away, None, rule="optional", selection=shapely.box(0, 0, 10, 10))
    assert checked.outside.tolist() == [False, False, False, True, False]
    assert checked.geometries[1].area == pytest.approx(121.0)


def test_axes_that_were_exchanged_are_told_for_every_record() -> None:
    twin = shapely.box(6.7, 50.8, 7.2, 51.1)
    wkb = pa.array(
        [shapely.to_wkb(shapely.Point(51, 7)), None, shapely.to_wkb(shapely.Point(50.9, 6.9))], pa.binary()
    )
    checked = check(wkb, 3, "optional", lambda g: judge(g, LONLAT, selection=twin), twin)
    assert {i: r for i, (r, _) in checked.repaired.found.items()} == {0: "axis-order", 2: "axis-order"}
    assert "declared east first" in checked.repaired.found[0][1]
    assert shapely.get_coordinates(checked.geometries).tolist() == [[7, 51], [6.9, 50.9]]


coordinate = st.floats(-60, 60, allow_nan=False).map(lambda v: round(v, 3))
ring = st.lists(st.tuples(coordinate, coordinate), min_size=3, max_size=12)


@given(st.lists(ring, min_size=1, max_size=5))
def test_whatever_is_stored_is_a_valid_area(rings: list[list[tuple[float, float]]]) -> None:
    # One that certainly lies in Europe, so that no order is doubted.
    polygons = [shapely.Polygon(r) for r in [*rings, [(7, 50), (8, 50), (8, 51)]]]
    checked = run(*polygons)
    for i, made in enumerate(checked.geometries):
        if i in checked.rejected.found:
            assert made is None
        else:
            assert made.is_valid
            assert shapely.get_dimensions(made) == 2
            assert made.area > 0
            assert np.isfinite(shapely.get_coordinates(made)).all()
        assert polygons[i].is_valid == (i not in checked.repaired.found and i not in checked.rejected.found)


def test_each_record_of_a_large_batch_has_its_own_outcome() -> None:
    """Five thousand unit squares, four of them spoilt, each in another way, across the parts."""
    corners = np.arange(5_000) % 70
    values: list[Any] = list(shapely.to_wkb(shapely.box(corners, 0, corners + 1, 1)))
    values[1_999] = b"\x01\x02"
    values[2_000] = shapely.to_wkb(wkt("POLYGON((0 0, 2 2, 2 0, 0 2, 0 0))"))
    values[3_500] = shapely.to_wkb(shapely.Point(10, 95))
    values[4_999] = None
    checked = check(pa.array(values, pa.binary()), 5_000, "required", judged, None)
    assert {i: reason for i, (reason, _) in checked.rejected.found.items()} == {
        1_999: "bad-geometry",
        3_500: "impossible-coordinates",
        4_999: "no-geometry",
    }
    assert {i: reason for i, (reason, _) in checked.repaired.found.items()} == {2_000: "invalid-geometry"}
    good = np.setdiff1d(np.arange(5_000), [1_999, 2_000, 3_500, 4_999])
    assert (shapely.bounds(checked.geometries[good])[:, 0] == corners[good]).all()
    assert shapely.is_ccw(shapely.get_exterior_ring(checked.geometries[good])).all()
    made = checked.geometries[2_000]
    assert shapely.is_ccw(shapely.get_exterior_ring(shapely.get_parts(made))).all()
