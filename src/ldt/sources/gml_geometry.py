"""GML geometry to WKB, two-dimensional, coordinates in the order in which they stand.

Elements are known by their local names, so that GML 2, 3.1 and 3.2 are one. WKB is written directly: no geometry object is
made for a polygon that is only passed on.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Line = NDArray[np.float64]

#: Arcs become chords that span at most this many degrees: GDAL's default (OGR_ARC_STEPSIZE).
ARC_STEP = 4.0
_MAX_DEPTH = 50


class GmlGeometryError(ValueError):
    """Geometry that cannot be written as WKB; the message says why. It costs its record, not the file."""


@lru_cache(maxsize=65536)
def local_name(tag: str) -> str:
    """Return a tag without its namespace."""
    return tag.rpartition("}")[2]


def geometry_wkb(element: Any, dimension: int | None = None) -> bytes | None:
    """Return a GML geometry as little-endian WKB.

    Args:
        element: the lxml element of the geometry.
        dimension: ordinates of one position, where an ancestor or the CRS tells; otherwise `srsDimension` within the geometry,
            or what the number of ordinates allows. A third ordinate is dropped.

    Returns:
        None for an empty geometry.

    Raises:
        GmlGeometryError: it is not one of the geometries of GML 3.2.1 clause 10 and 11 that are flat, or is broken.
    """
    name = local_name(element.tag)
    maker = _MAKERS.get(name)
    if maker is None:
        raise GmlGeometryError(f"a {name} is not read")
    return maker(element, _dimension(element, dimension), 0)


def is_geometry(tag: str) -> bool:
    """Whether a tag is that of a GML geometry (also one that cannot be read)."""
    return tag.startswith("{http://www.opengis.net/gml") and local_name(tag) in _GEOMETRIES


def _children(element: Any) -> Iterator[tuple[str, Any]]:
    for child in element:
        if isinstance(child.tag, str):
            yield local_name(child.tag), child


def _members(element: Any, names: frozenset[str]) -> Iterator[Any]:
    """Yield the geometries within the member properties of an aggregate."""
    for name, member in _children(element):
        if name in names:
            if len(member) == 0 and any(local_name(k) == "href" for k in member.attrib):
                raise GmlGeometryError(f"{name} is a reference (xlink:href), which is not resolved")
            for _, child in _children(member):
                yield child


def _dimension(element: Any, inherited: int | None) -> int | None:
    stated = element.get("srsDimension") or element.get("dimension")
    if stated is None:
        return inherited
    if stated not in {"2", "3"}:
        raise GmlGeometryError(f"srsDimension {stated!r}")
    return int(stated)


# Positions ------------------------------------------------------------------------------------------------------------


def _floats(text: str) -> Line:
    try:
        return np.array(text.split(), dtype=np.float64)
    except ValueError as e:
        raise GmlGeometryError(f"coordinates that are no numbers: {e}") from e


def _positions(element: Any, dimension: int | None, closed: bool = False) -> Line:
    """Return the positions of a line, ring, arc or point: posList, pos, pointProperty, pointRep, coordinates, coord."""
    parts: list[Line] = []
    for name, child in _children(element):
        if name == "pos":
            values = _floats(child.text or "")
            if len(values) not in {0, 2, 3}:
                raise GmlGeometryError(f"a position of {len(values)} ordinates")
            parts.append(values[:2].reshape(-1, 2))
        elif name == "posList":
            parts.append(_pos_list(_floats(child.text or ""), _dimension(child, dimension), closed))
        elif name == "coordinates":
            parts.append(_coordinates(child))
        elif name == "coord":
            axes = {n: float(c.text or "nan") for n, c in _children(child)}
            parts.append(np.array([[axes.get("X", math.nan), axes.get("Y", math.nan)]]))
        elif name in {"pointProperty", "pointRep"}:
            parts.extend(_positions(point, dimension) for _, point in _children(child))
    if not parts:
        return np.empty((0, 2))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _pos_list(values: Line, dimension: int | None, closed: bool) -> Line:
    count = len(values)
    if dimension is None:
        dimension = _guess_dimension(values, closed)
    if count % dimension:
        other = 5 - dimension
        if count % other:
            raise GmlGeometryError(f"{count} ordinates are no whole number of positions")
        # The CRS has two axes and the data have heights, or the other way round.
        dimension = other
    return values.reshape(-1, dimension)[:, :2]


def _guess_dimension(values: Line, closed: bool) -> int:
    """Two, unless only three makes whole positions, or only three closes a ring."""
    count = len(values)
    if count % 2:
        return 3
    if closed and count % 6 == 0 and count >= 12:
        closes_in_two = bool((values[:2] == values[-2:]).all())
        closes_in_three = bool((values[:3] == values[-3:]).all())
        return 3 if closes_in_three and not closes_in_two else 2
    return 2


def _coordinates(element: Any) -> Line:
    """Return the positions of gml:coordinates (GML 2; deprecated since 3.1 and still met)."""
    decimal, comma, space = element.get("decimal", "."), element.get("cs", ","), element.get("ts", " ")
    rows = []
    for token in (element.text or "").split(None if space.isspace() else space):
        parts = [p for p in token.strip().split(comma) if p]
        if not parts:
            continue
        try:
            rows.append([float(p.replace(decimal, ".")) for p in parts[:2]])
        except ValueError as e:
            raise GmlGeometryError(f"coordinates that are no numbers: {e}") from e
        if len(parts) not in {2, 3}:
            raise GmlGeometryError(f"a position of {len(parts)} ordinates")
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


# Curves ---------------------------------------------------------------------------------------------------------------


def _curve(element: Any, dimension: int | None, depth: int = 0) -> Line:
    """Return the positions of any curve, arcs made linear."""
    if depth > _MAX_DEPTH:
        raise GmlGeometryError("geometry nested too deep")
    name = local_name(element.tag)
    dimension = _dimension(element, dimension)
    if name in {"LineString", "LineStringSegment", "GeodesicString", "Geodesic", "LinearRing"}:
        return _positions(element, dimension, closed=name == "LinearRing")
    if name == "Curve":
        parts = [_curve(s, dimension, depth + 1) for s in _members(element, _SEGMENTS)]
        return _joined(parts)
    if name in {"CompositeCurve", "Ring"}:
        return _joined([_curve(c, dimension, depth + 1) for c in _members(element, _CURVE_MEMBERS)])
    if name == "OrientableCurve":
        line = _joined([_curve(c, dimension, depth + 1) for c in _members(element, _BASE_CURVE)])
        return line[::-1] if element.get("orientation") == "-" else line
    if name in {"Arc", "ArcString", "Circle"}:
        return _arcs(_positions(element, dimension), full=name == "Circle")
    raise GmlGeometryError(f"a {name} is not read")


def _joined(parts: list[Line]) -> Line:
    """Return lines put end to end, where one begins with what the last ended with only once."""
    parts = [p for p in parts if len(p)]
    if not parts:
        return np.empty((0, 2))
    kept = [parts[0]]
    for before, line in pairwise(parts):
        kept.append(line[1:] if (before[-1] == line[0]).all() else line)
    return np.concatenate(kept)


def _arcs(positions: Line, full: bool) -> Line:
    count = len(positions)
    if count < 3 or count % 2 == 0:
        raise GmlGeometryError(f"an arc of {count} positions")
    return _joined(
        [_arc(positions[i], positions[i + 1], positions[i + 2], full) for i in range(0, count - 2, 2)]
    )


def _arc(start: Line, middle: Line, end: Line, full: bool) -> Line:
    """Return chords along the circle through three positions, the three among them (start, middle and end exactly)."""
    (ax, ay), (bx, by), (cx, cy) = start - start, middle - start, end - start
    doubled = 2 * (bx * cy - by * cx)
    if doubled == 0:
        return np.array([start, middle, end])
    # Circumcentre, with the start as origin so that large eastings cost no digits.
    b2, c2 = bx * bx + by * by, cx * cx + cy * cy
    centre = np.array([(cy * b2 - by * c2) / doubled, (bx * c2 - cx * b2) / doubled])
    radius = math.hypot(*centre)
    angles = [math.atan2(y - centre[1], x - centre[0]) for x, y in ((ax, ay), (bx, by), (cx, cy))]
    turn = math.tau if doubled > 0 else -math.tau
    first = (angles[1] - angles[0]) % turn
    second = (angles[2] - angles[1]) % turn
    stops = [(angles[0], first, middle), (angles[0] + first, second, end)]
    if full:
        stops.append((angles[0] + first + second, turn - first - second, start))
    parts = [start.reshape(1, 2)]
    for begin, sweep, stop in stops:
        steps = max(1, math.ceil(abs(math.degrees(sweep)) / ARC_STEP - 1e-9))
        along = begin + sweep * np.arange(1, steps) / steps
        parts.append(start + centre + radius * np.column_stack([np.cos(along), np.sin(along)]))
        parts.append(stop.reshape(1, 2))
    return np.concatenate(parts)


# Surfaces -------------------------------------------------------------------------------------------------------------


def _ring(element: Any, dimension: int | None, depth: int) -> Line:
    ring = _curve(element, dimension, depth)
    if len(ring) < 4:
        raise GmlGeometryError(f"a ring of {len(ring)} positions")
    if not (ring[0] == ring[-1]).all():
        raise GmlGeometryError("a ring that is not closed")
    return ring


def _polygons(element: Any, dimension: int | None, depth: int) -> list[list[Line]]:
    """Return the polygons of any surface, each a list of rings, the exterior first."""
    if depth > _MAX_DEPTH:
        raise GmlGeometryError("geometry nested too deep")
    name = local_name(element.tag)
    dimension = _dimension(element, dimension)
    if name in _PATCHES:
        exterior = [_ring(r, dimension, depth + 1) for r in _members(element, _EXTERIOR)]
        interior = [_ring(r, dimension, depth + 1) for r in _members(element, _INTERIOR)]
        if len(exterior) > 1 or (interior and not exterior):
            raise GmlGeometryError(f"a {name} with {len(exterior)} exteriors")
        return [exterior + interior] if exterior else []
    if name in _SURFACES:
        return [p for s in _members(element, _SURFACE_MEMBERS) for p in _polygons(s, dimension, depth + 1)]
    raise GmlGeometryError(f"a {name} is not read as a surface")


# Well-known binary (OGC 06-103r4, clause 8.2) ---------------------------------------------------------------------------

_POINT, _LINE, _POLYGON, _COLLECTION = 1, 2, 3, 7


def _head(kind: int, count: int) -> bytes:
    return struct.pack("<BII", 1, kind, count)


def _line_bytes(line: Line) -> bytes:
    return struct.pack("<I", len(line)) + np.ascontiguousarray(line).tobytes()


def _wkb_polygon(rings: list[Line]) -> bytes:
    return _head(_POLYGON, len(rings)) + b"".join(map(_line_bytes, rings))


def _wkb_line(line: Line) -> bytes:
    if len(line) == 1:
        raise GmlGeometryError("a line of one position")
    return struct.pack("<BI", 1, _LINE) + _line_bytes(line)


def _wkb_point(position: Line) -> bytes:
    return struct.pack("<BI", 1, _POINT) + np.ascontiguousarray(position).tobytes()


def _multi(kind: int, parts: list[bytes]) -> bytes | None:
    return _head(kind + 3, len(parts)) + b"".join(parts) if parts else None


def _make_point(element: Any, dimension: int | None, depth: int) -> bytes | None:
    positions = _positions(element, dimension)
    if len(positions) > 1:
        raise GmlGeometryError(f"a point of {len(positions)} positions")
    return _wkb_point(positions[0]) if len(positions) else None


def _make_line(element: Any, dimension: int | None, depth: int) -> bytes | None:
    line = _curve(element, dimension, depth)
    return _wkb_line(line) if len(line) else None


def _make_surface(element: Any, dimension: int | None, depth: int) -> bytes | None:
    polygons = [_wkb_polygon(p) for p in _polygons(element, dimension, depth)]
    return polygons[0] if len(polygons) == 1 else _multi(_POLYGON, polygons)


def _make_multi_surface(element: Any, dimension: int | None, depth: int) -> bytes | None:
    return _multi(_POLYGON, [_wkb_polygon(p) for p in _polygons(element, dimension, depth)])


def _make_multi_point(element: Any, dimension: int | None, depth: int) -> bytes | None:
    points = [_make_point(p, _dimension(p, dimension), depth) for p in _members(element, _POINT_MEMBERS)]
    return _multi(_POINT, [p for p in points if p])


def _make_multi_line(element: Any, dimension: int | None, depth: int) -> bytes | None:
    lines = [_curve(c, dimension, depth + 1) for c in _members(element, _CURVE_MEMBERS)]
    return _multi(_LINE, [_wkb_line(line) for line in lines if len(line)])


def _make_collection(element: Any, dimension: int | None, depth: int) -> bytes | None:
    if depth > _MAX_DEPTH:
        raise GmlGeometryError("geometry nested too deep")
    parts = []
    for child in _members(element, _GEOMETRY_MEMBERS):
        maker = _MAKERS.get(local_name(child.tag))
        if maker is None:
            raise GmlGeometryError(f"a {local_name(child.tag)} is not read")
        parts.append(maker(child, _dimension(child, dimension), depth + 1))
    whole = [p for p in parts if p]
    return _head(_COLLECTION, len(whole)) + b"".join(whole) if whole else None


_SEGMENTS = frozenset({"segments"})
_CURVE_MEMBERS = frozenset({"curveMember", "curveMembers", "lineStringMember"})
_BASE_CURVE = frozenset({"baseCurve"})
_POINT_MEMBERS = frozenset({"pointMember", "pointMembers"})
_SURFACE_MEMBERS = frozenset(
    {
        "surfaceMember",
        "surfaceMembers",
        "polygonMember",
        "patches",
        "polygonPatches",
        "trianglePatches",
        "baseSurface",
    }
)
_GEOMETRY_MEMBERS = frozenset({"geometryMember", "geometryMembers"})
_EXTERIOR = frozenset({"exterior", "outerBoundaryIs"})
_INTERIOR = frozenset({"interior", "innerBoundaryIs"})
_PATCHES = frozenset({"Polygon", "PolygonPatch", "Rectangle", "Triangle"})
_SURFACES = frozenset(
    {
        "Surface",
        "PolyhedralSurface",
        "TriangulatedSurface",
        "Tin",
        "MultiSurface",
        "MultiPolygon",
        "CompositeSurface",
        "OrientableSurface",
    }
)

_MAKERS: dict[str, Callable[[Any, int | None, int], bytes | None]] = {
    "Point": _make_point,
    **dict.fromkeys(
        ("LineString", "Curve", "CompositeCurve", "OrientableCurve", "LinearRing", "Ring"), _make_line
    ),
    **dict.fromkeys(
        (
            "Polygon",
            "Surface",
            "CompositeSurface",
            "PolyhedralSurface",
            "TriangulatedSurface",
            "Tin",
            "OrientableSurface",
        ),
        _make_surface,
    ),
    "MultiPoint": _make_multi_point,
    **dict.fromkeys(("MultiCurve", "MultiLineString"), _make_multi_line),
    **dict.fromkeys(("MultiSurface", "MultiPolygon"), _make_multi_surface),
    "MultiGeometry": _make_collection,
}
_GEOMETRIES = frozenset(_MAKERS) | {"Solid", "CompositeSolid", "MultiSolid", "GeometricComplex"}
