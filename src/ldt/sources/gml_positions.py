"""Positions of GML geometry: `pos`, `posList`, `coordinates`, `coord`, points by property; and what is known around a geometry.

Elements are known by their local names, so that GML 2, 3.1 and 3.2 are one.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ldt.sources.source import DeclaredCrs

Line = NDArray[np.float64]

#: Geometries may be nested this deep, references included.
MAX_DEPTH = 50
#: Coordinates are less than this, in whatever unit: what is not would overflow as soon as it is squared.
MOST = 1e15
#: One element may be referred to this often within one geometry: references must not multiply without bound.
MAX_USES = 16
#: Positions with commas between their ordinates, where only blanks belong. With decimal points in all there is no other reading.
_TUPLES = re.compile(
    r"\s*(?:[-+]?\d+\.\d+(?:,[-+]?\d+\.\d+){1,2}\s+)*[-+]?\d+\.\d+(?:,[-+]?\d+\.\d+){1,2}\s*"
)


class GmlGeometryError(ValueError):
    """Geometry that cannot be written as WKB; the message says why. It costs its record, not the file."""


@lru_cache(maxsize=65536)
def local_name(tag: str) -> str:
    """Return a tag without its namespace."""
    return tag.rpartition("}")[2]


class Scope:
    """What one geometry is read with, and what is learnt of it on the way.

    Attributes:
        feature: the element in which local references (`xlink:href="#id"`) are looked up; None resolves none.
        crs: of the geometry, which an arc by its centre needs; None is a plane in metres.
        heights: whether third ordinates are looked at before they are dropped.
        lowest, highest: of them; infinite where there are none.
        height: of a solid, top minus bottom, in the unit of the third ordinates; None for what is flat.
        computed: whether ends of arcs were computed, and so meet their neighbours only nearly.
    """

    heights = False
    lowest = math.inf
    highest = -math.inf
    height: float | None = None
    computed = False
    _elements: dict[str, Any] | None = None

    def __init__(self, feature: Any = None, crs: DeclaredCrs | None = None) -> None:
        self.feature = feature
        self.crs = crs

    def see(self, heights: Line) -> None:
        """Take note of third ordinates."""
        if len(heights):
            self.lowest = min(self.lowest, float(heights.min()))
            self.highest = max(self.highest, float(heights.max()))

    def referent(self, prop: Any, href: str) -> Any:
        """Return the element that a property refers to.

        Raises:
            GmlGeometryError: it does not stand in the same feature, or is referred to too often.
        """
        name = local_name(prop.tag)
        if self._elements is None:
            self._elements, self._uses = {}, Counter[str]()
            for element in self.feature.iter() if self.feature is not None else ():
                for key, value in element.items():
                    if key.endswith("}id"):
                        self._elements.setdefault(value, element)
        target = self._elements.get(href[1:]) if href.startswith("#") else None
        if target is None:
            raise GmlGeometryError(f"{name} is a reference to {href!r}, which is not in the same feature")
        self._uses[href] += 1
        if self._uses[href] > MAX_USES:
            raise GmlGeometryError(f"{href!r} is referred to more than {MAX_USES} times in one geometry")
        return target


def children(element: Any) -> Iterator[tuple[str, Any]]:
    """Yield the elements in an element, with their local names."""
    for child in element:
        if isinstance(child.tag, str):
            yield local_name(child.tag), child


def members(element: Any, names: frozenset[str], scope: Scope) -> Iterator[Any]:
    """Yield what stands in, or is referred to by, the properties of these names."""
    for name, member in children(element):
        if name in names:
            yield from _values(member, scope)


def _values(member: Any, scope: Scope) -> Iterator[Any]:
    if len(member):
        for _, child in children(member):
            yield child
    elif (href := _href(member)) is not None:
        yield scope.referent(member, href)


def _href(element: Any) -> str | None:
    return next((str(v) for k, v in element.items() if local_name(k) == "href"), None)


def dimension_of(element: Any, inherited: int | None) -> int | None:
    """Return the number of ordinates that `srsDimension` states (in GML 3.1 also `dimension`)."""
    stated = element.get("srsDimension") or element.get("dimension")
    if stated is None:
        return inherited
    if stated not in {"2", "3"}:
        raise GmlGeometryError(f"srsDimension {stated!r}")
    return int(stated)


def check_depth(depth: int) -> None:
    """Refuse what is nested without end."""
    if depth > MAX_DEPTH:
        raise GmlGeometryError("geometry nested too deep")


def positions(
    element: Any, dimension: int | None, scope: Scope, *, closed: bool = False, depth: int = 0
) -> Line:
    """Return the positions of a line, ring, arc or point, two ordinates each: array of shape (n, 2).

    Args:
        element: holds posList, pos, pointProperty, pointRep, coordinates or coord.
        dimension: ordinates of one position, as stated above the element.
        scope: takes note of heights.
        closed: whether the last position must be the first, which tells the number of ordinates where nothing else does.
        depth: of nesting.
    """
    check_depth(depth)
    parts: list[Line] = []
    for name, child in children(element):
        if name == "posList":
            if len(element) > 1 and any(n == "coordinates" for n, _ in children(element)):
                continue  # The line is there twice; who writes the older form too fills it in that.
            stated = dimension_of(child, dimension)
            parts.append(_pos_list(floats(child.text), stated, child.get("count"), closed, scope))
        elif name == "pos":
            values = floats(child.text)
            if len(values) not in {0, 2, 3}:
                raise GmlGeometryError(f"a position of {len(values)} ordinates")
            if scope.heights and len(values) == 3:
                scope.see(values[2:])
            parts.append(values[:2].reshape(-1, 2))
        elif name == "coordinates":
            parts.append(_coordinates(child, dimension, closed, scope))
        elif name == "coord":
            parts.append(_coord(child))
        elif name in {"pointProperty", "pointRep"}:
            parts += [positions(p, dimension, scope, depth=depth + 1) for p in _values(child, scope)]
    if not parts:
        return np.empty((0, 2))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def floats(text: str | None) -> Line:
    """Return the numbers in a text.

    Raises:
        GmlGeometryError: something in it is no number, or not a finite one.
    """
    text = text or ""
    try:
        values = np.array(text.split(), dtype=np.float64)
    except ValueError as e:
        if _TUPLES.fullmatch(text):
            return floats(text.replace(",", " "))
        raise GmlGeometryError(f"coordinates that are no numbers: {e}") from e
    # Of no number (nan) it cannot be said either that it is less.
    if len(values) and not np.abs(values).max() < MOST:
        raise GmlGeometryError("coordinates that are not finite, or beyond all measure")
    return values


def number(element: Any, what: str) -> float:
    """Return the one number in an element.

    Raises:
        GmlGeometryError: there is none, or more.
    """
    values = floats(element.text if element is not None else None)
    if len(values) != 1:
        raise GmlGeometryError(f"{len(values)} numbers for {what}")
    return float(values[0])


def _pos_list(values: Line, dimension: int | None, count: str | None, closed: bool, scope: Scope) -> Line:
    size = len(values)
    if count is not None and count.isdecimal() and size in {2 * int(count), 3 * int(count)}:
        # The number of positions is stated (and right): that decides, whatever srsDimension says.
        dimension = size // int(count) if size else 2
    elif dimension is None:
        dimension = _guess_dimension(values, closed)
    elif closed and size % 6 == 0 and not _closes(values, dimension) and _closes(values, 5 - dimension):
        # The CRS has two axes and the data have heights, or the other way round.
        dimension = 5 - dimension
    if size % dimension:
        dimension = 5 - dimension
        if size % dimension:
            raise GmlGeometryError(f"{size} ordinates are no whole number of positions")
    table = values.reshape(-1, dimension)
    if scope.heights and dimension == 3:
        scope.see(table[:, 2])
    return table[:, :2]


def _closes(values: Line, dimension: int) -> bool:
    return bool((values[:dimension] == values[-dimension:]).all())


def _guess_dimension(values: Line, closed: bool) -> int:
    """Two, unless only three makes whole positions or closes a ring, or a line jumps about if it is two."""
    size = len(values)
    if size % 2:
        return 3
    if size % 6 or not size:
        return 2
    if closed and size >= 12 and _closes(values, 2) != _closes(values, 3):
        return 3 if _closes(values, 3) else 2
    if closed:
        return 2
    # Read with the wrong number, eastings, northings and heights come to stand in one column.
    return 3 if 4 * _spread(values, 3) < _spread(values, 2) else 2


def _spread(values: Line, dimension: int) -> float:
    return float(np.ptp(values.reshape(-1, dimension), axis=0).sum())


def _coordinates(element: Any, dimension: int | None, closed: bool, scope: Scope) -> Line:
    """Return the positions of gml:coordinates (GML 2; deprecated since 3.1 and still met)."""
    decimal, comma, space = element.get("decimal", "."), element.get("cs", ","), element.get("ts", " ")
    if not decimal or not comma or not space:
        raise GmlGeometryError("coordinates whose separators (decimal, cs, ts) are empty")
    if comma == "," and comma not in (element.text or "") and not decimal.isspace():
        # Blanks between all ordinates, as in a posList.
        values = floats((element.text or "").replace(decimal, "."))
        return _pos_list(values, dimension, None, closed, scope)
    rows = []
    for token in (element.text or "").split(None if space.isspace() else space):
        parts = [p for p in token.strip().split(None if comma.isspace() else comma) if p]
        if not parts:
            continue
        if len(parts) not in {2, 3}:
            raise GmlGeometryError(f"a position of {len(parts)} ordinates")
        values = floats(" ".join(parts).replace(decimal, "."))
        if scope.heights and len(values) == 3:
            scope.see(values[2:])
        rows.append(values[:2])
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _coord(element: Any) -> Line:
    axes = {name: number(child, f"the ordinate {name}") for name, child in children(element)}
    if not {"X", "Y"} <= axes.keys():
        raise GmlGeometryError("a coord without X and Y")
    return np.array([[axes["X"], axes["Y"]]])
