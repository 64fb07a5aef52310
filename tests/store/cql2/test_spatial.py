"""Geometries of filters: against shapely on random shapes, in several CRS, at the edges of the world; the index is of use."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import psycopg
import pyproj
import pytest
import shapely
from shapely import from_wkt
from tests.store.cql2.people import PEOPLE, PROPERTIES, found, people

from ldt.errors import TooLarge, UsageError
from ldt.store.connect import compiled
from ldt.store.cql2 import expression, parse
from ldt.store.cql2.spatial import RELATIONS, VERTICES
from ldt.store.crs import crs_of

SHAPES: list[Any] = [
    from_wkt(text)
    for text in (
        "POINT(1 1)",
        "POINT(5 5)",
        "MULTIPOINT(1 1, 7 7)",
        "LINESTRING(0 0, 4 4)",
        "LINESTRING(2 0, 2 4)",
        "MULTILINESTRING((0 2, 8 2), (6 6, 9 9))",
        "POLYGON((0 0, 4 0, 4 4, 0 4, 0 0))",
        "POLYGON((4 0, 8 0, 8 4, 4 4, 4 0))",
        "POLYGON((2 2, 6 2, 6 6, 2 6, 2 2))",
        "POLYGON((0 0, 9 0, 9 9, 0 9, 0 0), (3 3, 3 6, 6 6, 6 3, 3 3))",
        "MULTIPOLYGON(((0 0, 1 0, 1 1, 0 1, 0 0)), ((4 4, 5 4, 5 5, 4 5, 4 4)))",
        "POINT(4 2)",
    )
]
FAR = [shapely.Point(x, y) for x, y in ((179.9, 0), (-179.9, 0), (0, 89), (0, -89), (10, 52), (6.96, 50.94))]


@pytest.fixture(scope="module")
def conn(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with people(shared_database_url, SHAPES) as made:
        yield made


@pytest.fixture(scope="module")
def far(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with people(shared_database_url, FAR) as made:
        yield made


def _form(shape: Any) -> Any:
    return shapely.geometry.mapping(shape)


@pytest.mark.parametrize("name", sorted(RELATIONS))
@pytest.mark.conformance("http://www.opengis.net/spec/cql2/1.0/conf/spatial-functions")
def test_relations_hold_where_shapely_says_so(conn: psycopg.Connection[Any], name: str) -> None:
    relation = getattr(shapely, name.removeprefix("s_"))
    for literal in SHAPES:
        form = _plain(_form(literal))
        left = {"op": name, "args": [{"property": "geom"}, form]}
        assert found(conn, left) == {n for n, s in enumerate(SHAPES) if relation(s, literal)}
        right = {"op": name, "args": [form, {"property": "geometry"}]}
        assert found(conn, right) == {n for n, s in enumerate(SHAPES) if relation(literal, s)}
    same = {"op": name, "args": [{"property": "geom"}, {"property": "geom"}]}
    assert found(conn, same) == {n for n, s in enumerate(SHAPES) if relation(s, s)}


def _plain(form: Any) -> Any:
    """Return tuples as lists, as JSON has them."""
    if isinstance(form, dict):
        return {k: _plain(v) for k, v in form.items()}
    return [_plain(f) for f in form] if isinstance(form, list | tuple) else form


@pytest.mark.parametrize("name", sorted(RELATIONS))
def test_collections_are_the_union_of_their_members(conn: psycopg.Connection[Any], name: str) -> None:
    relation = getattr(shapely, name.removeprefix("s_"))
    # Beside each other, one over the other, of several dimensions.
    for one, other in ((6, 7), (6, 8), (8, 1), (3, 7), (9, 4)):
        text = f"{name}(geom, GEOMETRYCOLLECTION({SHAPES[one].wkt}, {SHAPES[other].wkt}))"
        both = shapely.union_all([SHAPES[one], SHAPES[other]])
        assert found(conn, parse(text)) == {n for n, s in enumerate(SHAPES) if relation(s, both)}, text


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("BBOX(170,-10,-170,10)", {0, 1}),
        ("BBOX(-180,-90,180,90)", {0, 1, 2, 3, 4, 5}),
        ("BBOX(-1,80,1,90)", {2}),
        ("BBOX(-1,-90,-999,1,-80,999)", {3}),
        ("BBOX(10,52,10,52)", {4}),
        ("BBOX(10,51,10,53)", {4}),
        ("POINT Z(10 52 300)", {4}),
        ("POLYGON((9 51 1, 11 51 2, 11 53 3, 9 51 1))", {4}),
    ],
)
def test_boxes_and_heights(far: psycopg.Connection[Any], text: str, rows: set[int]) -> None:
    assert found(far, parse(f"S_INTERSECTS(geom,{text})")) == rows


@pytest.mark.parametrize("code", [4326, 4258, 3035, 3857, 25832, 32632])
def test_coordinates_are_in_the_order_of_the_authority(far: psycopg.Connection[Any], code: int) -> None:
    """A triangle of some 20 km around Cologne's cathedral, with the axes as pyproj has them without `always_xy`."""
    to = pyproj.Transformer.from_crs("EPSG:4326", f"EPSG:{code}", always_xy=False)
    corners = [to.transform(lat, lon) for lon, lat in ((6.8, 50.8), (7.2, 50.8), (6.96, 51.1), (6.8, 50.8))]
    crs = crs_of(f"http://www.opengis.net/def/crs/EPSG/0/{code}")
    ring = ",".join(f"{a!r} {b!r}" for a, b in corners)
    assert found(far, parse(f"S_WITHIN(geom,POLYGON(({ring})))"), crs) == {5}
    (a, b), (c, d) = zip(*[(min(v), max(v)) for v in zip(*corners, strict=True)], strict=True)
    assert found(far, parse(f"S_WITHIN(geom,BBOX({a!r},{b!r},{c!r},{d!r}))"), crs) == {5}


def test_straight_edges_of_a_projection_stay_straight_there(shared_database_url: str) -> None:
    """The middle of a 2,000 km line of EPSG:3035 lies tens of kilometres off the line that is straight in degrees."""
    to = pyproj.Transformer.from_crs("EPSG:3035", "EPSG:4326", always_xy=True)
    inside = shapely.Point(to.transform(4_321_000, 4_199_000))
    outside = shapely.Point(to.transform(4_321_000, 4_201_000))
    crs = crs_of("http://www.opengis.net/def/crs/EPSG/0/3035")
    with people(shared_database_url, [inside, outside]) as made:
        assert found(made, parse("S_WITHIN(geom,BBOX(2200000,3321000,4200000,5321000))"), crs) == {0}


@pytest.mark.parametrize(
    ("literal", "words"),
    [
        # Abstract tests s_intersects and s_disjoint: coordinates that there are not.
        ("POINT(90 180)", "outside"),
        ("MULTIPOINT(7.02 49.92, 90 180)", "outside"),
        ("BBOX(-181,0,0,1)", "outside"),
        ("BBOX(0,2,1,1)", "below"),
        ("BBOX(0,0,5,1,1,4)", "below"),
        ("BBOX(0,0,1)", "four or six"),
        ("POLYGON((0 0,1 1,1 0,0 1,0 0))", "not valid"),
        ("POLYGON((0 0,1 1,1 0))", "cannot be read"),
        ("LINESTRING(0 0)", "cannot be read"),
    ],
)
def test_geometries_that_there_are_not(literal: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        expression(parse(f"S_INTERSECTS(geom,{literal})"), PROPERTIES)


def test_a_box_goes_over_the_antimeridian_also_with_the_latitude_first(far: psycopg.Connection[Any]) -> None:
    text = "S_INTERSECTS(geom,BBOX(-10,170,10,-170))"
    assert found(far, parse(text), crs_of("EPSG:4326")) == {0, 1}


def test_a_projection_does_not_go_over_the_antimeridian() -> None:
    with pytest.raises(UsageError, match="west"):
        expression(parse("S_INTERSECTS(geom,BBOX(500000,0,400000,1))"), PROPERTIES, crs_of("EPSG:25832"))


def test_vertices_are_counted_over_the_whole_filter() -> None:
    line = ",".join(f"{n / 100} 1" for n in range(VERTICES // 2))
    two = f"S_INTERSECTS(geom,LINESTRING({line})) OR S_INTERSECTS(geom,LINESTRING({line}))"
    expression(parse(two), PROPERTIES)
    with pytest.raises(TooLarge, match=str(VERTICES)):
        expression(parse(f"{two} OR S_INTERSECTS(geom,POINT(1 1))"), PROPERTIES)


def test_areas_and_lengths_are_those_of_the_ellipsoid(conn: psycopg.Connection[Any]) -> None:
    """Against GeographicLib, which pyproj brings."""
    geod = pyproj.Geod(ellps="WGS84")
    area = abs(geod.geometry_area_perimeter(SHAPES[6])[0])
    assert found(conn, parse(f"area(geom) BETWEEN {area * 0.999} AND {area * 1.001}")) == {6, 7}
    length = geod.geometry_length(SHAPES[3])
    assert found(conn, parse(f"length(geom) BETWEEN {length * 0.999} AND {length * 1.001}")) == {3}
    away = geod.line_length([1, 5], [1, 5])
    near = parse(f"distance(geom,POINT(5 5)) BETWEEN {away * 0.999} AND {away * 1.001}")
    assert found(conn, near) == {0}


def test_the_index_of_the_geometry_is_used(conn: psycopg.Connection[Any]) -> None:
    conn.execute("CREATE INDEX people_geom ON people USING gist (geom)")
    crs = crs_of("EPSG:3035")
    for name in sorted(RELATIONS - {"s_disjoint"}):
        condition = expression(parse(f"{name}(geom,BBOX(3200000,4300000,3210000,4310000))"), PROPERTIES, crs)
        sql, bound = compiled(PEOPLE.select().where(condition))
        with conn.transaction():
            conn.execute("SET LOCAL enable_seqscan = off")
            plan = conn.execute("EXPLAIN " + sql, bound).fetchall()
        assert any("people_geom" in line for (line,) in plan), name


@pytest.mark.conformance("http://www.opengis.net/spec/cql2/1.0/conf/basic-spatial-functions")
def test_random_boxes_against_shapely(conn: psycopg.Connection[Any]) -> None:
    random = np.random.default_rng(2022)
    for _ in range(40):
        (x1, x2), (y1, y2) = np.sort(random.uniform(-1, 10, (2, 2)), axis=1).round(2)
        box = shapely.box(x1, y1, x2, y2)
        text = f"S_INTERSECTS(geom,BBOX({x1},{y1},{x2},{y2}))"
        assert found(conn, parse(text)) == {n for n, s in enumerate(SHAPES) if shapely.intersects(s, box)}
