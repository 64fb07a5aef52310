"""Well-known binary of the plainest geometries, straight from their texts.

Most features have a polygon of rings of one posList each, a line of one posList, or a point of one pos. For these the numbers of
the text are the bytes of the result. Whatever is not exactly so (heights, arcs, a ring that is not closed, no number) is left
to :func:`ldt.sources.gml_geometry.geometry_wkb`, which also says what is wrong with it.
"""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from struct import pack
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ldt.sources.gml_geometry import Scope, geometry_wkb, local_name
from ldt.sources.gml_positions import MOST

Flags = NDArray[np.bool_]

_POINT, _LINE, _POLYGON, _MULTI_POLYGON = 1, 2, 3, 6
_WRAPPERS = {"Surface": "patches", "MultiSurface": "surfaceMember", "MultiPolygon": "polygonMember"}
#: The bytes of numbers are those of well-known binary where this machine writes them so.
_LITTLE = sys.byteorder == "little"
_NUMBER = r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_ALL_NUMBERS = rf"^{_NUMBER}(?:\s+{_NUMBER})*$"


class Quick:
    """A geometry whose elements stay while their texts change.

    Args:
        element: the geometry.

    Attributes:
        kind: of well-known binary; 0 where it is not plain.
        rings: the elements with the positions, of each ring of each polygon; one, of what is no polygon.
        dimension: what is stated within: None for nothing; 0 for what is not plain.
    """

    __slots__ = ("_element", "dimension", "kind", "rings")

    def __init__(self, element: Any) -> None:
        self._element = element
        stated = {e.get("srsDimension") or e.get("dimension") for e in element.iter()} - {None}
        self.dimension = None if not stated else 2 if stated == {"2"} else 0
        self.kind, self.rings = _plan(element) if _LITTLE and self.dimension != 0 else (0, [])

    def wkb(self, dimension: int | None, scope: Scope) -> bytes | None:
        """Return the geometry as :func:`geometry_wkb` does, and raise what it raises."""
        dimension = self.dimension or dimension
        if self.kind and dimension != 3:
            try:
                plain = self._plain(known=dimension is not None)
            except ValueError:
                plain = None
            if plain is not None:
                return plain
        return geometry_wkb(self._element, dimension, scope)

    def _plain(self, *, known: bool) -> bytes | None:
        """Return well-known binary; None where something is not plain. `known` says that positions have two ordinates."""
        if self.kind in {_POINT, _LINE}:
            positions = self.rings[0][0]
            numbers = array("d", map(float, positions.text.split()))
            if not abs(sum(numbers)) < MOST:
                return None
            if positions.get("count", str(len(numbers) // 2)) != str(len(numbers) // 2):
                return None
            if self.kind == _POINT:
                return pack("<BI", 1, _POINT) + numbers.tobytes() if len(numbers) == 2 else None
            # Six ordinates are two positions with heights or three without.
            if len(numbers) < 4 or len(numbers) % 2 or not (known or len(numbers) % 3):
                return None
            return pack("<BII", 1, _LINE, len(numbers) // 2) + numbers.tobytes()
        polygons = []
        for rings in self.rings:
            parts = [pack("<BII", 1, _POLYGON, len(rings))]
            for ring in rings:
                numbers = array("d", map(float, ring.text.split()))
                data, count = numbers.tobytes(), len(numbers)
                if count < 8 or count % 2 or data[:16] != data[-16:] or not abs(sum(numbers)) < MOST:
                    return None
                if ring.get("count", str(count // 2)) != str(count // 2):
                    return None
                parts += (pack("<I", count // 2), data)
            polygons.append(b"".join(parts))
        if self.kind == _POLYGON:
            return polygons[0]
        return pack("<BII", 1, _MULTI_POLYGON, len(polygons)) + b"".join(polygons)


def _plan(element: Any) -> tuple[int, list[list[Any]]]:
    """Return (kind of well-known binary, elements with the positions of each ring of each polygon); (0, []) if it is not plain."""
    name = local_name(element.tag)
    if name in {"Point", "LineString"}:
        text = _only(element, "pos" if name == "Point" else "posList")
        return (_POINT if name == "Point" else _LINE, [[text]]) if text is not None else (0, [])
    if name == "Curve":
        text = element
        for below in ("segments", "LineStringSegment", "posList"):
            text = _only(text, below) if text is not None else None
        return (_LINE, [[text]]) if text is not None else (0, [])
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


def many(
    kind: int,
    polygons: Sequence[int],
    texts: Sequence[str],
    stated: Mapping[int, Sequence[str]],
    *,
    known: bool,
) -> tuple[pa.BinaryArray, Flags]:
    """Return well-known binary of many geometries that are built alike, and which are plain; only these have some.

    Args:
        kind: of well-known binary.
        polygons: how many rings each polygon has, the same in every geometry; `[1]` of what is no polygon.
        texts: positions of each ring of the first geometry, of the second, and so on.
        stated: place of a ring among those of its geometry → in each geometry, how many positions it is said to have.
        known: whether it is stated that positions have two ordinates.
    """
    rings = sum(polygons)
    numbers, offsets = _numbers(texts)
    counts = np.diff(offsets)
    good = _are_plain(kind, numbers, offsets, known=known)
    good = good.reshape(-1, rings)
    for place, said in stated.items():
        have = pa.array(counts.reshape(-1, rings)[:, place] // 2).cast(pa.string())
        good[:, place] &= pc.equal(have, pa.array(said, pa.string())).to_numpy(zero_copy_only=False)
    plain: Flags = np.asarray(good.all(axis=1))
    if not plain.all():
        kept = np.repeat(plain, rings)
        numbers, counts = numbers[np.repeat(kept, counts)], counts[kept]
    heads = _heads(kind, polygons)
    # Each ring: what stands before it, the count of its positions (a point has none), its positions.
    counted = 0 if kind == _POINT else 4
    sizes = counts.reshape(-1, rings) * 8 + np.array([len(head) + counted for head in heads])
    ends = np.cumsum(sizes.ravel())
    starts = (ends - sizes.ravel()).reshape(-1, rings)
    data = np.empty(ends[-1] if len(ends) else 0, np.uint8)
    is_number = np.ones(len(data), dtype=bool)
    for place, head in enumerate(heads):
        beginnings = np.frombuffer(head, np.uint8)[None].repeat(len(starts), axis=0)
        if counted:
            positions = (counts.reshape(-1, rings)[:, place] // 2).astype("<u4")
            beginnings = np.hstack([beginnings, positions[:, None].view(np.uint8)])
        at = starts[:, place, None] + np.arange(beginnings.shape[1])
        data[at], is_number[at] = beginnings, False
    data[is_number] = numbers.view(np.uint8)
    bounds = np.concatenate([[0], ends[rings - 1 :: rings]]).astype(np.int32)
    return (
        pa.Array.from_buffers(pa.binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(data)]),
        plain,
    )


def _numbers(texts: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the numbers of all texts, and where those of each begin and end; a text that is not all numbers has none."""
    array = pa.array(texts, pa.string())
    found = _cast(pc.split_pattern(array, " "))
    if found is None:
        # Several blanks or other ones between the numbers; or something else than numbers.
        array = pc.ascii_trim_whitespace(array)
        array = pc.if_else(pc.match_substring_regex(array, _ALL_NUMBERS), array, None)
        found = _cast(pc.ascii_split_whitespace(array))
    return found or (np.empty(0), np.zeros(len(array) + 1, np.int64))


def _cast(lists: pa.ListArray) -> tuple[NDArray[np.float64], NDArray[np.int64]] | None:
    try:
        numbers = lists.flatten().cast(pa.float64())
    except pa.ArrowInvalid:
        return None
    return numbers.to_numpy(), lists.offsets.to_numpy().astype(np.int64)


def _are_plain(kind: int, numbers: NDArray[np.float64], offsets: NDArray[np.int64], *, known: bool) -> Flags:
    """Tell of each ring, line or point whether it is plain."""
    starts, counts = offsets[:-1], np.diff(offsets)
    plain: Flags
    if kind == _POINT:
        plain = counts == 2
    elif kind == _LINE:
        # Six ordinates are two positions with heights or three without.
        plain = (counts >= 4) & (counts % 2 == 0) & ((counts % 3 != 0) | known)
    else:
        plain = (counts >= 8) & (counts % 2 == 0)
        bits, first, last = numbers.view(np.int64), starts[plain], offsets[1:][plain]
        plain[plain] = (bits[first] == bits[last - 2]) & (bits[first + 1] == bits[last - 1])
    huge = np.flatnonzero(~(np.abs(numbers) < MOST))
    if len(huge):
        plain[np.searchsorted(offsets, huge, side="right") - 1] = False
    return plain


def _heads(kind: int, polygons: Sequence[int]) -> list[bytes]:
    """Return what stands before each ring, up to the count of its positions."""
    if kind in {_POINT, _LINE}:
        return [pack("<BI", 1, kind)]
    heads = [b""] * sum(polygons)
    place = 0
    for rings in polygons:
        heads[place] = pack("<BII", 1, _POLYGON, rings)
        place += rings
    if kind == _MULTI_POLYGON:
        heads[0] = pack("<BII", 1, _MULTI_POLYGON, len(polygons)) + heads[0]
    return heads
