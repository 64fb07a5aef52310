"""Well-known binary of the plainest geometries, straight from their texts.

Most features have a polygon of rings of one posList each, a line of one posList, or a point of one pos. For these the numbers of
the text are the bytes of the result. Whatever is not exactly so (heights, arcs, a ring that is not closed, no number) is left
to :func:`ldt.sources.gml_geometry.geometry_wkb`, which also says what is wrong with it.
"""

from __future__ import annotations

import sys
from array import array
from struct import pack
from typing import Any

from ldt.sources.gml_geometry import Scope, geometry_wkb, local_name
from ldt.sources.gml_positions import MOST

_POINT, _LINE, _POLYGON, _MULTI_POLYGON = 1, 2, 3, 6
_WRAPPERS = {"Surface": "patches", "MultiSurface": "surfaceMember", "MultiPolygon": "polygonMember"}
#: The bytes of numbers are those of well-known binary where this machine writes them so.
_LITTLE = sys.byteorder == "little"


class Quick:
    """A geometry whose elements stay while their texts change.

    Args:
        element: the geometry.
    """

    __slots__ = ("_dimension", "_element", "_kind", "_polygons")

    def __init__(self, element: Any) -> None:
        self._element = element
        stated = {e.get("srsDimension") or e.get("dimension") for e in element.iter()} - {None}
        #: What is stated within: None for nothing; 0 for what is not plain.
        self._dimension = None if not stated else 2 if stated == {"2"} else 0
        self._kind, self._polygons = _plan(element) if _LITTLE and self._dimension != 0 else (0, [])

    def wkb(self, dimension: int | None, scope: Scope) -> bytes | None:
        """Return the geometry as :func:`geometry_wkb` does, and raise what it raises."""
        dimension = self._dimension or dimension
        if self._kind and dimension != 3:
            try:
                plain = self._plain(known=dimension is not None)
            except ValueError:
                plain = None
            if plain is not None:
                return plain
        return geometry_wkb(self._element, dimension, scope)

    def _plain(self, *, known: bool) -> bytes | None:
        """Return well-known binary; None where something is not plain. `known` says that positions have two ordinates."""
        if self._kind in {_POINT, _LINE}:
            numbers = array("d", map(float, self._polygons[0][0].text.split()))
            if not abs(sum(numbers)) < MOST:
                return None
            if self._kind == _POINT:
                return pack("<BI", 1, _POINT) + numbers.tobytes() if len(numbers) == 2 else None
            # Six ordinates are two positions with heights or three without.
            if len(numbers) < 4 or len(numbers) % 2 or not (known or len(numbers) % 3):
                return None
            return pack("<BII", 1, _LINE, len(numbers) // 2) + numbers.tobytes()
        polygons = []
        for rings in self._polygons:
            parts = [pack("<BII", 1, _POLYGON, len(rings))]
            for ring in rings:
                numbers = array("d", map(float, ring.text.split()))
                data, count = numbers.tobytes(), len(numbers)
                if count < 8 or count % 2 or data[:16] != data[-16:] or not abs(sum(numbers)) < MOST:
                    return None
                parts += (pack("<I", count // 2), data)
            polygons.append(b"".join(parts))
        if self._kind == _POLYGON:
            return polygons[0]
        return pack("<BII", 1, _MULTI_POLYGON, len(polygons)) + b"".join(polygons)


def _plan(element: Any) -> tuple[int, list[list[Any]]]:
    """Return (kind of well-known binary, elements with the positions of each ring of each polygon); (0, []) if it is not plain."""
    name = local_name(element.tag)
    if name in {"Point", "LineString"}:
        text = _only(element, "pos" if name == "Point" else "posList")
        return (_POINT if name == "Point" else _LINE, [[text]]) if text is not None else (0, [])
    polygons = _polygons(element, name)
    if not polygons or not all(polygons):
        return 0, []
    return (
        (_POLYGON, polygons)
        if name in {"Polygon", "Surface"} and len(polygons) == 1
        else (_MULTI_POLYGON, polygons)
    )


def _polygons(element: Any, name: str) -> list[list[Any]]:
    """Return the rings of the polygons; an empty list of rings stands for a polygon that is not plain."""
    if name in {"Polygon", "PolygonPatch"}:
        return [_rings(element)]
    if name not in _WRAPPERS:
        return [[]]
    found = []
    for member in element:
        if local_name(member.tag) != _WRAPPERS[name] or len(member) == 0:
            return [[]]
        for child in member:
            found += _polygons(child, local_name(child.tag))
    return found


def _rings(polygon: Any) -> list[Any]:
    rings = []
    for place, side in enumerate(polygon):
        name = local_name(side.tag)
        if name not in ({"interior", "innerBoundaryIs"} if place else {"exterior", "outerBoundaryIs"}):
            return []
        ring = _only(side, "LinearRing")
        text = _only(ring, "posList") if ring is not None else None
        if text is None:
            return []
        rings.append(text)
    return rings


def _only(element: Any, name: str) -> Any:
    """Return the one child, if it is of that name and has no children of another kind beside it."""
    return element[0] if len(element) == 1 and local_name(element[0].tag) == name else None
