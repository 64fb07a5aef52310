"""Vector tiles: positions against pyproj, areas against shapely, the whole against the sum of its tiles; read with mapbox-vector-tile."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import mapbox_vector_tile
import psycopg
import pyproj
import pytest
import shapely
from tests.api.conftest import Town

from ldt.api.tiles import matrix
from ldt.model.snapshot import OPERATOR, PUBLIC, Access
from ldt.store import features, tiles
from ldt.store.connect import connect
from ldt.store.items import Items
from ldt.store.snapshots import resolve

MERCATOR, EUROPE = "WebMercatorQuad", "EuropeanETRS89_LAEAQuad"
#: Half a turn in metres of EPSG:3857: pi times the semi-major axis of WGS 84.
HALF = math.pi * 6378137
TO_EUROPE = pyproj.Transformer.from_crs("OGC:CRS84", "EPSG:3035", always_xy=True)
#: Lower left corner of what is drawn.
WEST, SOUTH = 6.9, 50.9
Geometries = Mapping[str, tuple[shapely.Geometry | None, Mapping[str, Any]]]


@pytest.fixture(scope="module")
def town(shared_database_url: str) -> Iterator[Town]:
    with connect(shared_database_url) as conn:
        found = Town(shared_database_url, conn)
        found.twin()
        for name, objects in DRAWN.items():
            found.features(objects, name=name, kind=name)
        found.features(
            {"x": (shapely.Point(7, 51), {"name": "x"})}, name="few", kind="hidden", access=Access.RESTRICTED
        )
        yield found


POINTS: Geometries = {
    f"p{i:03d}": (shapely.Point(WEST + (i % 20) * 0.00731, SOUTH + (i // 20) * 0.00517), {"n": i})
    for i in range(400)
}
#: Four by four squares that touch, and a hole in the first.
SQUARES: Geometries = {
    f"s{x}{y}": (
        shapely.box(WEST + x * 0.02, SOUTH + y * 0.02, WEST + (x + 1) * 0.02, SOUTH + (y + 1) * 0.02)
        - (
            shapely.box(WEST + 0.005, SOUTH + 0.005, WEST + 0.01, SOUTH + 0.01)
            if x == y == 0
            else shapely.Point()
        ),
        {"size": 10 * x + y},
    )
    for x in range(4)
    for y in range(4)
}
FAR: Geometries = {
    "polar": (shapely.Point(10, 89.9), {}),
    "last": (shapely.Point(10, 85.0), {}),
    "cap": (shapely.box(-180, 60, 180, 90), {}),
    "world": (shapely.box(-180, -90, 180, 90), {}),
    "east": (shapely.Point(180, 10), {}),
    "west": (shapely.Point(-180, 10), {}),
    "nowhere": (None, {"name": "nowhere"}),
    "line": (shapely.LineString([(-170, 10), (170, 20)]), {}),
    "tiny": (shapely.box(20, 20, 20.00001, 20.00001), {}),
    "several": (shapely.MultiPoint([(30, 30), (31, 31)]), {}),
    "mixed": (shapely.GeometryCollection([shapely.Point(40, 40), shapely.box(41, 41, 42, 42)]), {}),
}
SIZES: Geometries = {
    f"b{i:02d}": (shapely.box(7.1, 51, 7.1 + (i + 1) / 1000, 51 + (i + 1) / 1000), {"i": i})
    for i in range(30)
} | {f"d{i:02d}": (shapely.Point(7.15 + i / 1000, 51), {"i": 100 + i}) for i in range(30)}
DRAWN = {"points": POINTS, "squares": SQUARES, "far": FAR, "sizes": SIZES}


def items(town: Town, collection: str) -> Items:
    snapshot = resolve(town.conn, "town", OPERATOR)
    found = features.items(snapshot, collection)
    assert found is not None
    return found


def tile(town: Town, collection: str, place: tiles.Place) -> list[dict[str, Any]]:
    """Return the features of a tile, y downwards."""
    made = tiles.encode(town.conn, tiles.Layer(items(town, collection)), place)
    if not made.content:
        return []
    layers = mapbox_vector_tile.decode(made.content, default_options={"y_coord_down": True})
    assert list(layers) == [collection]
    return list(layers[collection]["features"])


def grid(name: str, zoom: int, box: tiles.Box) -> Iterator[tuple[int, int]]:
    top, bottom, left, right = matrix.limits(name, box)[zoom]
    return itertools.product(range(top, bottom + 1), range(left, right + 1))


def exact(name: str, zoom: int, lon: float, lat: float) -> tuple[float, float]:
    """Return where a place lies in units of tiles, counted from the upper left corner of the set."""
    if name == MERCATOR:
        x = math.radians(lon) * 6378137
        y = math.asinh(math.tan(math.radians(lat))) * 6378137
        unit = 2 * HALF / 2**zoom / 4096
        return (x + HALF) / unit, (HALF - y) / unit
    x, y = TO_EUROPE.transform(lon, lat)
    # The registry's definition: origin 2,000,000 / 5,500,000; a tile of matrix 0 is 4,500,000 m wide.
    unit = 4_500_000 / 2**zoom / 4096
    return (x - 2_000_000) / unit, (5_500_000 - y) / unit


@pytest.mark.parametrize(
    ("name", "zoom"),
    [(MERCATOR, 4), (MERCATOR, 12), (MERCATOR, 13), (MERCATOR, 16), (EUROPE, 8), (EUROPE, 13)],
)
def test_points_lie_where_they_are_and_none_is_lost_or_doubled(town: Town, name: str, zoom: int) -> None:
    seen: dict[str, int] = {}
    for row, column in grid(name, zoom, (WEST, SOUTH, WEST + 0.15, SOUTH + 0.11)):
        for one in tile(town, "points", matrix.place(name, zoom, row, column)):
            x, y = one["geometry"]["coordinates"]
            assert min(x, y) >= -64
            assert max(x, y) <= 4096 + 64
            identifier = one["properties"]["id"]
            place = POINTS[identifier.removeprefix("points.")][0]
            assert place is not None
            wanted_x, wanted_y = exact(name, zoom, place.x, place.y)
            # Half a unit for whole numbers; for the affine image 1024 pi sin(lat) / 2^zoom more.
            allowed = 0.501 + (0.4 * 2 ** (13 - zoom) if name == MERCATOR and zoom >= 13 else 0)
            assert abs(x + column * 4096 - wanted_x) <= 0.501
            assert abs(y + row * 4096 - wanted_y) <= allowed
            if math.floor(wanted_x / 4096) == column and math.floor(wanted_y / 4096) == row:
                seen[identifier] = seen.get(identifier, 0) + 1
    assert seen == {f"points.{i}": 1 for i in POINTS}


@pytest.mark.parametrize("lat", [0.01, 50.94, 71.0, -84.9, 84.9])
def test_from_matrix_13_on_the_affine_image_of_degrees_is_within_half_a_unit(lat: float) -> None:
    x, y = exact(MERCATOR, 13, 7, lat)
    place = matrix.place(MERCATOR, 13, int(y // 4096), int(x // 4096))
    assert place.degrees is not None
    assert matrix.place(MERCATOR, 12, int(y // 8192), int(x // 8192)).degrees is None
    _, south, _, north = place.degrees
    worst = 0.0
    for i in range(-64, 4097 + 64):
        at = north + (south - north) * i / 4096
        worst = max(worst, abs(exact(MERCATOR, 13, 7, at)[1] - y // 4096 * 4096 - i))
    # The bound that matrix.py states, and that it is no idle one.
    assert worst <= 1024 * math.pi / 2**13 <= 0.4
    assert worst >= 0.9 * 1024 * math.pi * abs(math.sin(math.radians(lat))) / 2**13 - 0.001


@pytest.mark.parametrize(("name", "zoom"), [(MERCATOR, 11), (MERCATOR, 14), (EUROPE, 10)])
def test_polygons_are_clipped_with_a_margin_and_add_up_to_the_whole(town: Town, name: str, zoom: int) -> None:
    inside = shapely.box(0, 0, 4096, 4096)
    margin = shapely.box(-64, -64, 4160, 4160)
    area: dict[int, float] = {}
    for row, column in grid(name, zoom, (WEST, SOUTH, WEST + 0.08, SOUTH + 0.08)):
        shapes = []
        for one in tile(town, "squares", matrix.place(name, zoom, row, column)):
            shape = shapely.geometry.shape(one["geometry"])
            assert shape.is_valid
            assert margin.covers(shape)
            cut = shape & inside
            shapes.append(cut)
            size = one["properties"]["size"]
            area[size] = area.get(size, 0.0) + cut.area
        # Neighbours touch and do not overlap: at most a line of half units along their sides.
        overlap = sum(s.area for s in shapes) - shapely.union_all(shapes).area
        assert overlap <= sum(s.length for s in shapes)
    assert set(area) == {one["size"] for _, one in SQUARES.values()}
    for shape, properties in SQUARES.values():
        assert shape is not None
        drawn = shapely.transform(
            shapely.segmentize(shape, 0.001), lambda c: [exact(name, zoom, *pair) for pair in c]
        )
        assert area[properties["size"]] == pytest.approx(drawn.area, abs=drawn.length)
    assert area[0] < 0.95 * area[1]  # the hole


def test_what_cannot_be_drawn_is_left_out_or_cut(town: Town) -> None:
    found = {
        one["properties"]["id"]: one["geometry"] for one in tile(town, "far", matrix.place(MERCATOR, 0, 0, 0))
    }
    assert "far.nowhere" not in found  # without a geometry
    assert "far.polar" not in found  # beyond the last latitude
    assert "far.tiny" not in found  # a ten-millionth of a unit wide
    assert {"far.last", "far.east", "far.west", "far.several", "far.line"} <= set(found)
    assert found["far.several"]["type"] == "MultiPoint"
    assert found["far.mixed"]["type"] == "Polygon"  # of a collection what has most dimensions
    # Cut at the last latitude, to the unit.
    world = shapely.geometry.shape(found["far.world"])
    assert world.bounds == pytest.approx((0, 0, 4096, 4096), abs=1)
    cap = shapely.geometry.shape(found["far.cap"])
    assert cap.bounds[1] == pytest.approx(0, abs=1)
    assert cap.bounds[3] == round(exact(MERCATOR, 0, 0, 60)[1])


def test_the_antimeridian_is_the_edge_of_the_map(town: Town) -> None:
    row = int(exact(MERCATOR, 6, 0, 10)[1] // 4096)
    first = {one["properties"]["id"] for one in tile(town, "far", matrix.place(MERCATOR, 6, row, 0))}
    last = {one["properties"]["id"] for one in tile(town, "far", matrix.place(MERCATOR, 6, row, 63))}
    assert ("far.west" in first, "far.east" in last) == (True, True)
    assert ("far.east" in first, "far.west" in last) == (False, False)
    # A box over it is taken as all around.
    assert matrix.limits(MERCATOR, (170, -10, -170, 10))[3][2:] == (0, 7)


def test_europe_takes_what_cannot_be_carried_there(town: Town) -> None:
    found = {one["properties"]["id"] for one in tile(town, "far", matrix.place(EUROPE, 0, 0, 0))}
    assert {"far.world", "far.cap"} <= found
    assert not {"far.east", "far.west", "far.polar"} & found


def test_of_too_many_the_largest_are_drawn_and_that_is_said(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tiles, "MOST", 35)
    place = matrix.place(MERCATOR, 10, *_row_column(10, 7.12, 51.01))
    made = tiles.encode(town.conn, tiles.Layer(items(town, "sizes")), place)
    again = tiles.encode(town.conn, tiles.Layer(items(town, "sizes")), place)
    assert made.thinned
    assert made.content == again.content
    (found,) = mapbox_vector_tile.decode(made.content).values()
    numbers = {one["properties"]["i"] for one in found["features"]}
    assert len(numbers) == 35
    assert set(range(30)) <= numbers  # all that has a size, then some of the points
    monkeypatch.setattr(tiles, "MOST", 60)
    assert not tiles.encode(town.conn, tiles.Layer(items(town, "sizes")), place).thinned


def test_the_largest_are_those_of_all_data_sets(
    own_database: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Town("", own_database)
    own.twin()
    for name, sizes in (("first", (1, 2, 3)), ("second", (4, 5, 6))):
        own.features(
            {f"b{i}": (shapely.box(7, 51, 7 + i / 100, 51 + i / 100), {"i": i}) for i in sizes},
            name=name,
            kind="squares",
        )
    monkeypatch.setattr(tiles, "MOST", 3)
    place = matrix.place(MERCATOR, 8, *_row_column(8, 7.02, 51.01))
    made = tiles.encode(own.conn, tiles.Layer(items(own, "squares")), place)
    (found,) = mapbox_vector_tile.decode(made.content).values()
    assert {one["properties"]["i"] for one in found["features"]} == {4, 5, 6}


@pytest.fixture
def own_database(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as conn:
        yield conn


def _row_column(zoom: int, lon: float, lat: float) -> tuple[int, int]:
    x, y = exact(MERCATOR, zoom, lon, lat)
    return int(y // 4096), int(x // 4096)


def test_a_past_state_shows_what_was_there(own_database: psycopg.Connection[Any]) -> None:
    own = Town("", own_database)
    own.twin()
    own.features({"a": (shapely.Point(7, 51), {"name": "old"})}, kind="things")
    own.features(
        {"a": (shapely.Point(7, 51), {"name": "new"}), "b": (shapely.Point(7, 51), {"name": "b"})},
        kind="things",
    )
    place = matrix.place(MERCATOR, 0, 0, 0)
    for at, names in ((1, {"old"}), (None, {"new", "b"})):
        found = features.items(resolve(own.conn, "town", PUBLIC, at), "things")
        assert found is not None
        made = tiles.encode(own.conn, tiles.Layer(found), place)
        (layer,) = mapbox_vector_tile.decode(made.content).values()
        assert {one["properties"]["name"] for one in layer["features"]} == names


def test_a_statement_that_is_kept_serves_other_tiles(town: Town) -> None:
    layer = replace(tiles.Layer(items(town, "points")), shape="points of the town")
    for lon in (WEST, WEST + 0.1):
        for zoom in (12, 13, 14):
            place = matrix.place(MERCATOR, zoom, *_row_column(zoom, lon, SOUTH))
            kept = tiles.encode(town.conn, layer, place)
            assert kept == tiles.encode(town.conn, replace(layer, shape=None), place)
            assert kept.content
