"""GML geometry to WKB, two-dimensional, coordinates in the order in which they stand.

WKB is written directly: no geometry object is made for a polygon that is only passed on. Solids, and surfaces of which
some stand upright (the faces of a building), become their footprint: the union of their faces seen from above.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import shapely

from ldt.sources.gml_curves import CURVE_MEMBERS, curve, tolerance
from ldt.sources.gml_positions import (
    GmlGeometryError,
    Line,
    Scope,
    check_depth,
    dimension_of,
    floats,
    local_name,
    members,
    positions,
)

__all__ = ["GmlGeometryError", "Scope", "geometry_wkb", "is_geometry", "local_name"]

#: A face whose area is less than this part of its length squared stands upright.
_UPRIGHT = 1e-4


def geometry_wkb(element: Any, dimension: int | None = None, scope: Scope | None = None) -> bytes | None:
    """Return a GML geometry as little-endian WKB.

    Args:
        element: the lxml element of the geometry.
        dimension: ordinates of one position, where an ancestor or the CRS tells; otherwise `srsDimension` within the geometry,
            or what the number of ordinates allows. A third ordinate is dropped.
        scope: where references are looked up, and the CRS; tells the height of a solid afterwards.

    Returns:
        None for an empty geometry.

    Raises:
        GmlGeometryError: it is not one of the geometries of GML 3.2.1 clauses 10 and 11 that can be made linear, or is broken.
    """
    return _make(element, dimension, scope or Scope(), 0)


@lru_cache(maxsize=4096)
def is_geometry(tag: str) -> bool:
    """Whether a tag is that of a GML geometry or topology (also one that cannot be read)."""
    return tag.startswith("{http://www.opengis.net/gml") and local_name(tag) in _GEOMETRIES


def _make(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    check_depth(depth)
    name = local_name(element.tag)
    maker = _MAKERS.get(name)
    if maker is None:
        raise GmlGeometryError(f"a {name} is not read")
    return maker(element, dimension_of(element, dimension), scope, depth)


# Surfaces -------------------------------------------------------------------------------------------------------------


def _ring(element: Any, dimension: int | None, scope: Scope, depth: int) -> Line:
    ring = curve(element, dimension, scope, depth)
    if len(ring) < 4:
        raise GmlGeometryError(f"a ring of {len(ring)} positions")
    if not (ring[0] == ring[-1]).all():
        # The end of an arc that was computed from its centre meets the beginning only nearly.
        if not scope.computed or np.abs(ring[0] - ring[-1]).max() > tolerance(ring, scope):
            raise GmlGeometryError("a ring that is not closed")
        ring = np.concatenate([ring, ring[:1]])
    return ring


def _polygons(element: Any, dimension: int | None, scope: Scope, depth: int) -> list[list[Line]]:
    """Return the polygons of any surface, each a list of rings, the exterior first."""
    check_depth(depth)
    name = local_name(element.tag)
    dimension = dimension_of(element, dimension)
    if name in _PATCHES:
        exterior = [_ring(r, dimension, scope, depth + 1) for r in members(element, _EXTERIOR, scope)]
        interior = [_ring(r, dimension, scope, depth + 1) for r in members(element, _INTERIOR, scope)]
        if len(exterior) > 1 or (interior and not exterior):
            raise GmlGeometryError(f"a {name} with {len(exterior)} exteriors")
        return [exterior + interior] if exterior else []
    if name in _SURFACES:
        found = members(element, _SURFACE_MEMBERS, scope)
        return [polygon for surface in found for polygon in _polygons(surface, dimension, scope, depth + 1)]
    raise GmlGeometryError(f"a {name} is not read as a surface")


def _faces(element: Any, dimension: int | None, scope: Scope, depth: int) -> list[list[Line]]:
    """Return the faces of any solid. What is hollow in it does not show from above."""
    check_depth(depth)
    name = local_name(element.tag)
    dimension = dimension_of(element, dimension)
    if name not in _SOLIDS:
        return _polygons(element, dimension, scope, depth)
    parts = members(element, _EXTERIOR | _SOLID_MEMBERS, scope)
    return [face for part in parts for face in _faces(part, dimension, scope, depth + 1)]


def _is_upright(ring: Line) -> bool:
    """Whether a ring has no area when seen from above, as a wall has none."""
    x, y = (ring - ring[0]).T
    area = abs(float(x[:-1] @ y[1:] - x[1:] @ y[:-1])) / 2
    return area <= _UPRIGHT * float(np.ptp(ring, axis=0).max()) ** 2


def _footprint(faces: list[list[Line]], scope: Scope) -> bytes | None:
    if not faces:
        return None
    flat = [shapely.Polygon(f[0], f[1:]) for f in faces if not _is_upright(f[0])]
    if not flat:
        raise GmlGeometryError("a solid of which nothing is seen from above")
    union = shapely.union_all(shapely.make_valid(np.array(flat)))
    surfaces = [p for p in shapely.get_parts(union, return_index=False) if p.geom_type.endswith("Polygon")]
    scope.height = scope.highest - scope.lowest if np.isfinite(scope.highest) else None
    whole: bytes = shapely.to_wkb(
        surfaces[0] if len(surfaces) == 1 else shapely.union_all(surfaces), byte_order=1
    )
    return whole


# Well-known binary (OGC 06-103r4, clause 8.2) ---------------------------------------------------------------------------

_POINT, _LINE, _POLYGON, _COLLECTION = 1, 2, 3, 7


def _head(kind: int, count: int) -> bytes:
    return struct.pack("<BII", 1, kind, count)


def _line_bytes(line: Line) -> bytes:
    return struct.pack("<I", len(line)) + line.tobytes()


def _wkb_polygon(rings: list[Line]) -> bytes:
    return _head(_POLYGON, len(rings)) + b"".join(map(_line_bytes, rings))


def _wkb_line(line: Line) -> bytes:
    if len(line) == 1:
        raise GmlGeometryError("a line of one position")
    return struct.pack("<BI", 1, _LINE) + _line_bytes(line)


def _wkb_point(position: Line) -> bytes:
    return struct.pack("<BI", 1, _POINT) + position.tobytes()


def _multi(kind: int, parts: list[bytes]) -> bytes | None:
    return _head(kind + 3, len(parts)) + b"".join(parts) if parts else None


# Makers, by kind of geometry --------------------------------------------------------------------------------------------


def _make_point(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    found = positions(element, dimension, scope, depth=depth)
    if len(found) > 1:
        raise GmlGeometryError(f"a point of {len(found)} positions")
    return _wkb_point(found[0]) if len(found) else None


def _make_line(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    line = curve(element, dimension, scope, depth)
    return _wkb_line(line) if len(line) else None


def _surface(
    element: Any, dimension: int | None, scope: Scope, depth: int, *, multi: bool = False
) -> bytes | None:
    scope.heights = True
    found = _polygons(element, dimension, scope, depth)
    if scope.highest > scope.lowest and any(_is_upright(p[0]) for p in found):
        return _footprint(found, scope)
    polygons = [_wkb_polygon(p) for p in found]
    return polygons[0] if len(polygons) == 1 and not multi else _multi(_POLYGON, polygons)


def _make_multi_surface(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    return _surface(element, dimension, scope, depth, multi=True)


def _make_solid(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    scope.heights = True
    return _footprint(_faces(element, dimension or 3, scope, depth), scope)


def _make_multi_point(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    found = members(element, _POINT_MEMBERS, scope)
    points = [_make_point(p, dimension_of(p, dimension), scope, depth + 1) for p in found]
    return _multi(_POINT, [p for p in points if p])


def _make_multi_line(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    lines = [curve(c, dimension, scope, depth + 1) for c in members(element, CURVE_MEMBERS, scope)]
    return _multi(_LINE, [_wkb_line(line) for line in lines if len(line)])


def _make_collection(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    parts = [_make(c, dimension, scope, depth + 1) for c in members(element, _GEOMETRY_MEMBERS, scope)]
    whole = [p for p in parts if p]
    return _head(_COLLECTION, len(whole)) + b"".join(whole) if whole else None


def _make_box(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    """Return an envelope (GML 2: box) as a polygon."""
    corners = [floats(c.text)[:2] for c in element if local_name(c.tag) in {"lowerCorner", "upperCorner"}]
    found = np.array(corners) if corners else positions(element, dimension, scope, depth=depth)
    if not len(found):
        return None
    if found.shape != (2, 2):
        raise GmlGeometryError(f"an envelope of {len(found)} corners")
    (a, b), (c, d) = found.tolist()
    return _wkb_polygon([np.array([[a, b], [c, b], [c, d], [a, d], [a, b]])])


def _make_realised(element: Any, dimension: int | None, scope: Scope, depth: int) -> bytes | None:
    """Return the geometry that realises a topological primitive."""
    for realised in members(element, _REALISED, scope):
        return _make(realised, dimension, scope, depth + 1)
    raise GmlGeometryError(
        f"a {local_name(element.tag)} is topology without a geometry of its own, which is not read"
    )


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
_SOLID_MEMBERS = frozenset({"solidMember", "solidMembers"})
_GEOMETRY_MEMBERS = frozenset({"geometryMember", "geometryMembers", "element"})
_REALISED = frozenset({"pointProperty", "curveProperty", "surfaceProperty", "solidProperty"})
_EXTERIOR = frozenset({"exterior", "outerBoundaryIs"})
_INTERIOR = frozenset({"interior", "innerBoundaryIs"})
_PATCHES = frozenset({"Polygon", "PolygonPatch", "Rectangle", "Triangle"})
_SOLIDS = frozenset({"Solid", "CompositeSolid", "MultiSolid"})
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
        "Shell",
    }
)

Maker = Callable[[Any, int | None, Scope, int], bytes | None]
_MAKERS: dict[str, Maker] = {
    "Point": _make_point,
    **dict.fromkeys(
        ("LineString", "Curve", "CompositeCurve", "OrientableCurve", "LinearRing", "Ring"), _make_line
    ),
    "Polygon": _surface,
    **dict.fromkeys(_SURFACES - {"MultiSurface", "MultiPolygon"}, _surface),
    "MultiPoint": _make_multi_point,
    **dict.fromkeys(("MultiCurve", "MultiLineString"), _make_multi_line),
    **dict.fromkeys(("MultiSurface", "MultiPolygon"), _make_multi_surface),
    **dict.fromkeys(_SOLIDS, _make_solid),
    **dict.fromkeys(("MultiGeometry", "GeometricComplex"), _make_collection),
    **dict.fromkeys(("Box", "Envelope"), _make_box),
    **dict.fromkeys(("Node", "Edge", "Face", "TopoSolid"), _make_realised),
}
#: Also those that cannot be read, so that a feature that has nothing else says why it has no place.
_GEOMETRIES = frozenset(_MAKERS) | {"TopoPoint", "TopoCurve", "TopoSurface", "TopoVolume", "TopoComplex"}
