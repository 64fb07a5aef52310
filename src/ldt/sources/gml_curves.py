"""Curves of GML, as lines: segments of every kind that can be made linear, composite and orientable curves, rings.

Arcs become chords of at most :data:`ARC_STEP` degrees. Splines, clothoids and offset curves are not read: a chord polygon of their control
points would be another curve, and nothing in the data would tell.
"""

from __future__ import annotations

import math
from collections import defaultdict
from itertools import pairwise
from typing import Any

import numpy as np
from pyproj import CRS

from ldt.axis import AxisOrder
from ldt.sources.gml_positions import (
    GmlGeometryError,
    Line,
    Scope,
    check_depth,
    children,
    dimension_of,
    floats,
    local_name,
    members,
    number,
    positions,
)

#: Arcs become chords that span at most this many degrees: GDAL's default (OGR_ARC_STEPSIZE).
ARC_STEP = 4.0
#: How far ends may be apart that ought to meet, in parts of the whole's size: rounding; and where ends of arcs are computed.
_ROUNDING, _COMPUTED = 1e-9, 1e-2

_SEGMENTS = frozenset({"segments"})
CURVE_MEMBERS = frozenset({"curveMember", "curveMembers", "lineStringMember"})
_BASE_CURVE = frozenset({"baseCurve"})
_LINEAR = frozenset({"LineString", "LineStringSegment", "GeodesicString", "Geodesic", "LinearRing"})
_BY_CENTRE = frozenset({"ArcByCenterPoint", "CircleByCenterPoint"})
_BY_BULGE = frozenset({"ArcByBulge", "ArcStringByBulge"})

#: Units of angles and lengths as GML files write them (UCUM codes, EPSG's codes as the last part of a URN, symbols) → degrees, metres.
_ANGLES = {"deg": 1.0, "degree": 1.0, "9102": 1.0, "9122": 1.0, "rad": 180 / math.pi, "9101": 180 / math.pi, "gon": 0.9, "grad": 0.9, "9105": 0.9}  # fmt: skip
_LENGTHS = {
    "m": 1.0, "metre": 1.0, "meter": 1.0, "9001": 1.0, "km": 1000.0, "9036": 1000.0, "[ft_i]": 0.3048, "ft": 0.3048, "9002": 0.3048,
    "[nmi_i]": 1852.0, "nmi": 1852.0, "nm": 1852.0, "9030": 1852.0, "[mi_i]": 1609.344, "mi": 1609.344, "9093": 1609.344,
}  # fmt: skip


def curve(element: Any, dimension: int | None, scope: Scope, depth: int = 0) -> Line:
    """Return the positions of any curve or curve segment: array of shape (n, 2).

    Raises:
        GmlGeometryError: it is of a kind that is not read, or broken.
    """
    check_depth(depth)
    name = local_name(element.tag)
    dimension = dimension_of(element, dimension)
    if name in _LINEAR:
        return positions(element, dimension, scope, closed=name == "LinearRing", depth=depth)
    if name == "Curve":
        return joined([curve(s, dimension, scope, depth + 1) for s in members(element, _SEGMENTS, scope)])
    if name in {"CompositeCurve", "Ring"}:
        parts = [curve(c, dimension, scope, depth + 1) for c in members(element, CURVE_MEMBERS, scope)]
        return _chained(parts, scope) if name == "Ring" else joined(parts)
    if name == "OrientableCurve":
        line = joined([curve(c, dimension, scope, depth + 1) for c in members(element, _BASE_CURVE, scope)])
        return line[::-1] if element.get("orientation") == "-" else line
    if name in {"Arc", "ArcString", "Circle"}:
        return _arcs(positions(element, dimension, scope, depth=depth), full=name == "Circle")
    if name in _BY_CENTRE:
        return _arc_by_centre(element, positions(element, dimension, scope, depth=depth), scope)
    if name in _BY_BULGE:
        return _arcs_by_bulge(element, positions(element, dimension, scope, depth=depth))
    raise GmlGeometryError(f"a {name} is not read")


# Lines put together ----------------------------------------------------------------------------------------------------


def joined(parts: list[Line]) -> Line:
    """Return lines put end to end, where one begins with what the last ended with only once."""
    parts = [p for p in parts if len(p)]
    if not parts:
        return np.empty((0, 2))
    if len(parts) == 1:
        return parts[0]
    kept = [parts[0]]
    for before, line in pairwise(parts):
        kept.append(line[1:] if (before[-1] == line[0]).all() else line)
    return np.concatenate(kept)


def tolerance(line: Line, scope: Scope) -> float:
    """Return how far apart ends that ought to meet may be, in the units of the coordinates."""
    return float(np.ptp(line, axis=0).max()) * (_COMPUTED if scope.computed else _ROUNDING)


def _chained(parts: list[Line], scope: Scope) -> Line:
    """Return the curves of a ring end to end, also where they stand in another order or direction than they are run through."""
    parts = [p for p in parts if len(p)]
    if len(parts) < 2:
        return joined(parts)
    gap = tolerance(np.concatenate(parts), scope)
    if all(np.abs(b[-1] - a[0]).max() <= gap for b, a in pairwise(parts)):
        return joined(parts)
    ends: defaultdict[tuple[float, ...], list[int]] = defaultdict(list)
    for i, part in enumerate(parts):
        ends[tuple(part[0].tolist())].append(i)
        ends[tuple(part[-1].tolist())].append(i)
    chain, waiting = [parts[0]], set(range(1, len(parts)))
    while waiting:
        end = tuple(chain[-1][-1].tolist())
        candidates = ends[end]
        while candidates and candidates[-1] not in waiting:
            candidates.pop()
        if not candidates:
            raise GmlGeometryError(f"a ring whose curves do not meet at ({end[0]:g}, {end[1]:g})")
        following = candidates.pop()
        waiting.remove(following)
        line = parts[following]
        chain.append(line if tuple(line[0].tolist()) == end else line[::-1])
    return joined(chain)


# Arcs ------------------------------------------------------------------------------------------------------------------


def _arcs(stops: Line, *, full: bool) -> Line:
    count = len(stops)
    if count < 3 or count % 2 == 0 or (full and count != 3):
        raise GmlGeometryError(f"{'a circle' if full else 'an arc'} of {count} positions")
    return joined([_arc(stops[i], stops[i + 1], stops[i + 2], full) for i in range(0, count - 2, 2)])


def _arc(start: Line, middle: Line, end: Line, full: bool) -> Line:
    """Return chords along the circle through three positions, the three among them (start, middle and end exactly)."""
    (ax, ay), (bx, by), (cx, cy) = start - start, middle - start, end - start
    doubled = 2 * (bx * cy - by * cx)
    if doubled == 0:
        if full:
            raise GmlGeometryError("a circle through three positions on one line")
        return np.array([start, middle, end])
    # Circumcentre, with the start as origin so that large eastings cost no digits.
    b2, c2 = bx * bx + by * by, cx * cx + cy * cy
    centre = np.array([(cy * b2 - by * c2) / doubled, (bx * c2 - cx * b2) / doubled])
    radius = math.hypot(*centre)
    if not math.isfinite(radius):
        return np.array([start, middle, end])
    angles = [math.atan2(y - centre[1], x - centre[0]) for x, y in ((ax, ay), (bx, by), (cx, cy))]
    turn = math.tau if doubled > 0 else -math.tau
    first = (angles[1] - angles[0]) % turn
    second = (angles[2] - angles[1]) % turn
    stops = [(angles[0], first, middle), (angles[0] + first, second, end)]
    if full:
        stops.append((angles[0] + first + second, turn - first - second, start))
    parts = [start.reshape(1, 2)]
    for begin, sweep, stop in stops:
        steps = _steps(math.degrees(sweep))
        along = begin + sweep * np.arange(1, steps) / steps
        parts.append(start + centre + radius * np.column_stack([np.cos(along), np.sin(along)]))
        parts.append(stop.reshape(1, 2))
    return np.concatenate(parts)


def _steps(sweep: float) -> int:
    """Return the number of chords of an arc of so many degrees."""
    return max(1, math.ceil(abs(sweep) / ARC_STEP - 1e-9))


def _arc_by_centre(element: Any, centres: Line, scope: Scope) -> Line:
    """Return chords of an arc given by centre, radius and two angles.

    Angles count from the first axis towards the second, as GDAL reads them: from north clockwise where latitude stands first (then they are
    bearings), from east anticlockwise where easting does. On a geographic CRS with a radius in metres the arc is geodesic.
    """
    if len(centres) != 1:
        raise GmlGeometryError(f"an arc of {len(centres)} centres")
    parts = dict(children(element))
    radius = number(parts.get("radius"), "the radius")
    uom = _uom(parts["radius"])
    begin, end = 0.0, 360.0
    if local_name(element.tag) == "ArcByCenterPoint":
        begin, end = (_angle(parts.get(n), n) for n in ("startAngle", "endAngle"))
        if abs(end - begin) > 360:
            raise GmlGeometryError(f"an arc of {abs(end - begin):g} degrees")
    steps = _steps(end - begin)
    angles = begin + (end - begin) * np.arange(steps + 1) / steps
    scope.computed = True
    line = _around(centres[0], radius, uom, angles, scope)
    if abs(end - begin) == 360:
        line[-1] = line[0]
    return line


def _uom(element: Any) -> str:
    # `urn:ogc:def:uom:EPSG::9001`, `urn:ogc:def:uom:UCUM::m`, `http://…/uom#m`, `m`
    return str(element.get("uom", "")).strip().replace("#", ":").replace("/", ":").rpartition(":")[2]


def _angle(element: Any, name: str) -> float:
    value = number(element, name)
    factor = _ANGLES.get(_uom(element) or "deg")
    if factor is None:
        raise GmlGeometryError(f"an angle in {_uom(element)!r}")
    return value * factor


def _around(centre: Line, radius: float, uom: str, angles: Line, scope: Scope) -> Line:
    """Return the positions at these angles (degrees) around a centre."""
    crs = CRS.from_json(scope.crs.projjson) if scope.crs else None
    metres = _LENGTHS.get(uom) or _LENGTHS.get(uom.lower())
    if metres is None and (uom.lower() not in _ANGLES or crs is None or not crs.is_geographic):
        raise GmlGeometryError(f"a radius in {uom!r}")
    if metres is not None and crs is not None and crs.is_geographic:
        assert scope.crs is not None  # noqa: S101 - crs was made of it
        return _geodesic(centre, radius * metres, angles, crs, scope.crs.order)
    if metres is None:
        radius *= _ANGLES[uom.lower()]
    else:
        radius *= metres / (crs.axis_info[0].unit_conversion_factor if crs is not None else 1.0)
    radians = np.radians(angles)
    return np.asarray(centre + radius * np.column_stack([np.cos(radians), np.sin(radians)]))


def _geodesic(centre: Line, radius: float, angles: Line, crs: CRS, order: AxisOrder) -> Line:
    geod = crs.get_geod()
    if geod is None or order is AxisOrder.UNKNOWN:
        raise GmlGeometryError("an arc by its centre, in a CRS that does not tell the order of its axes")
    north_first = order is AxisOrder.YX
    longitude, latitude = centre[::-1] if north_first else centre
    if not -90 <= latitude <= 90:
        raise GmlGeometryError(f"an arc around a centre at latitude {latitude:g}")
    same = np.ones(len(angles))
    bearings = angles if north_first else 90 - angles
    x, y, _ = geod.fwd(longitude * same, latitude * same, bearings, radius * same)
    return np.column_stack([y, x] if north_first else [x, y])


def _arcs_by_bulge(element: Any, stops: Line) -> Line:
    """Return chords of arcs given by their ends and bulges (ISO 19107, clause 6.4.17).

    The middle of an arc lies off the middle of its chord by bulge times normal; in two dimensions the normal is one number, and
    positive to the left of the chord, as GDAL reads it.
    """
    parts = list(children(element))
    bulges = [number(child, "the bulge") for name, child in parts if name == "bulge"]
    normals = [floats(child.text) for name, child in parts if name == "normal"]
    if len(bulges) != len(stops) - 1 or any(len(n) != 1 for n in normals):
        raise GmlGeometryError(f"arcs of {len(stops)} positions, {len(bulges)} bulges")
    lines = []
    for i, (start, end) in enumerate(pairwise(stops)):
        along = end - start
        length = math.hypot(*along)
        if length == 0:
            raise GmlGeometryError("an arc by bulge whose ends are one")
        normal = float(normals[i][0]) if i < len(normals) else 1.0
        left = np.array([-along[1], along[0]]) / length
        lines.append(_arc(start, (start + end) / 2 + bulges[i] * normal * left, end, full=False))
    return joined(lines)
