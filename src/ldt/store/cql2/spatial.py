"""Geometries and boxes of a filter, and the relations between them (21-065r2, 7.4 to 7.6).

The literal is brought into the CRS of the data, never the data into that of the literal, so that spatial indexes are of use.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import orjson
import pyproj
import shapely
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, LargeBinary, func, literal

from ldt.axis import swap
from ldt.errors import TooLarge
from ldt.store.cql2.operand import Operand, a, problem
from ldt.store.crs import Crs

#: How many positions the geometries of one filter may have together.
VERTICES = 2_000
#: Edges that are straight in a projection are curved in degrees: they are broken into so many for the length of the whole.
_PIECES = 32

_RELATIONS = {
    "s_contains": func.ST_Contains,
    "s_crosses": func.ST_Crosses,
    "s_disjoint": func.ST_Disjoint,
    "s_equals": func.ST_Equals,
    "s_intersects": func.ST_Intersects,
    "s_overlaps": func.ST_Overlaps,
    "s_touches": func.ST_Touches,
    "s_within": func.ST_Within,
}
RELATIONS = frozenset(_RELATIONS)
_TYPES = frozenset(
    {
        "Point",
        "LineString",
        "Polygon",
        "MultiPoint",
        "MultiLineString",
        "MultiPolygon",
        "GeometryCollection",
    }
)


class Geometries:
    """The geometries of one filter.

    Args:
        crs: what their coordinates are in, in the axis order of its authority.
    """

    def __init__(self, crs: Crs) -> None:
        self.crs = crs
        self.vertices = 0

    def geometry(self, document: dict[str, Any]) -> Operand:
        """Return the operand of a GeoJSON geometry; heights are not looked at.

        Raises:
            UsageError: it is none, not valid, or lies outside of its CRS.
            TooLarge: the filter has more than `VERTICES` positions.
        """
        if not isinstance(document["type"], str) or document["type"] not in _TYPES:
            raise problem(
                f"{str(document['type'])[:40]!r} is no type of geometry",
                f"there are: {', '.join(sorted(_TYPES))}",
            )
        try:
            found = shapely.force_2d(shapely.from_geojson(orjson.dumps(document)))
        except (shapely.errors.GEOSException, orjson.JSONEncodeError) as e:
            raise problem(f"a {document['type']} of the filter cannot be read: {str(e).strip()}") from e
        return self._operand(found)

    def box(self, numbers: Any) -> Operand:
        """Return the operand of a box of four or six numbers; it goes over the antimeridian where west is greater than east.

        Raises:
            UsageError: other numbers, the south north of the north, or outside of its CRS.
        """
        if not isinstance(numbers, list) or len(numbers) not in (4, 6):
            raise problem("a BBOX has four or six numbers", "write BBOX(west,south,east,north)")
        if not all(isinstance(n, int | float) and not isinstance(n, bool) for n in numbers):
            raise problem("a BBOX is of numbers")
        half = len(numbers) // 2
        (x1, y1), (x2, y2) = numbers[:2], numbers[half : half + 2]
        if self.crs.flipped:
            x1, y1, x2, y2 = y1, x1, y2, x2
        if y1 > y2 or (half == 3 and numbers[2] > numbers[5]):
            raise problem(
                "a BBOX ends below where it begins",
                "write BBOX(west,south,east,north), or with heights third and sixth",
            )
        if x1 <= x2:
            parts = [shapely.box(x1, y1, x2, y2)]
        elif self.crs.geographic:
            parts = [shapely.box(x1, y1, 180.0, y2), shapely.box(-180.0, y1, x2, y2)]
        else:
            raise problem("a BBOX ends west of where it begins", "write BBOX(west,south,east,north)")
        found = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
        return self._operand(found, flipped=False, flat=x1 == x2 or y1 == y2)

    def _operand(self, found: Any, *, flipped: bool | None = None, flat: bool = False) -> Operand:
        self.vertices += shapely.get_num_coordinates(found)
        if self.vertices > VERTICES:
            raise TooLarge(
                f"the geometries of the filter have more than {VERTICES} positions",
                where="filter",
                remedy="simplify them, or ask for their box",
            )
        if found.is_empty or not np.isfinite(shapely.get_coordinates(found)).all():
            raise problem("a geometry of the filter has no coordinates, or some that are no numbers")
        if flat:
            # A box without an inside is a line or a point.
            found = shapely.envelope(shapely.MultiPoint(shapely.get_coordinates(found)))
        elif not found.is_valid:
            raise problem(f"a geometry of the filter is not valid: {shapely.is_valid_reason(found)}")
        if self.crs.flipped if flipped is None else flipped:
            found = swap(np.asarray(found, dtype=object)).item()
        found = _in_degrees(found, self.crs)
        if found.geom_type == "GeometryCollection":
            found = shapely.unary_union(found)
        wkb = shapely.to_wkb(shapely.set_srid(found, 4326), include_srid=True)
        return Operand("geometry", func.ST_GeomFromEWKB(literal(wkb, LargeBinary)), literal=found)


def _in_degrees(found: Any, crs: Crs) -> Any:
    """Return a geometry (x first) in EPSG:4326, longitude first."""
    if crs.srid != 4326:
        west, south, east, north = found.bounds
        extent = max(east - west, north - south)
        if extent > 0 and not crs.geographic:
            found = shapely.segmentize(found, extent / _PIECES)
        transformer = pyproj.Transformer.from_crs(crs.srid, 4326, always_xy=True)

        def moved(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

        found = shapely.transform(found, moved)
    west, south, east, north = found.bounds
    if not (
        math.isfinite(west + south + east + north)
        and west >= -180
        and east <= 180
        and south >= -90
        and north <= 90
    ):
        raise problem(
            f"a geometry of the filter lies outside of {crs.uri}",
            "give it in filter-crs, its coordinates in the order of that CRS; without it, longitude and latitude",
        )
    return found


def relation(op: str, first: Operand, second: Operand) -> ColumnElement[bool]:
    """Return the condition that two geometries stand in a relation.

    Raises:
        UsageError: an operand is no geometry.
    """
    for found in (first, second):
        if found.kind != "geometry":
            raise problem(
                f"{op.upper()} compares geometries, not {a(found.kind)}",
                "write geometry, POINT(…), POLYGON((…)) or BBOX(…)",
            )
    condition: ColumnElement[bool] = _RELATIONS[op](first.sql, second.sql)
    return condition
