"""Members of one shape put into columns all at once: what Python does for each value of each of them, Arrow does for all.

A member of a known shape is a tuple of texts (see :mod:`ldt.sources.gml_shapes`). Where they belong is the same for all members of
the shape, so each column of the result is made of some of these texts, and so are the geometries and the JSON text of `raw`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import reduce
from itertools import chain, groupby
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray

from ldt.sources.gml_paths import FoundGeometry, first_srs_name, keep
from ldt.sources.gml_quick import many
from ldt.sources.gml_shapes import Pick, Shape, mark, pick, picks, tidy
from ldt.sources.source import DeclaredCrs

#: What JSON text must escape (RFC 8259, section 7).
_ESCAPED = r'["\\\x00-\x1f]'


@dataclass(frozen=True, slots=True)
class Plan:
    """How the members of one shape become columns.

    Attributes:
        shape: the shape.
        name: local name of the feature type.
        crs: of the geometry.
        path: of the property that the geometry stands in; None without geometry.
        columns: how each column of the recipe is made of values.
        identifiers: likewise: `gml:id`, and `fid`.
        raw: likewise: the JSON text, of values as they stand in JSON.
        geometry: number of the chosen geometry, and whether it is stated that its positions have two ordinates; None without.
        others: the geometries that are kept as text in `raw`, as if that were values after the last one.
    """

    shape: Shape
    name: str
    crs: DeclaredCrs | None
    path: str | None
    columns: list[Pick | list[Pick]]
    identifiers: tuple[Pick, Pick]
    raw: Pick
    geometry: tuple[int, bool] | None
    others: tuple[tuple[int, bool], ...]


@dataclass(slots=True)
class Alike:
    """Members of one shape that wait to become columns: their rows, and their values."""

    plan: Plan
    rows: list[int] = field(default_factory=list)
    values: list[Sequence[str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Made:
    """What became of members that waited.

    Attributes:
        rows: of those that are columns now.
        columns: of the recipe.
        identifiers, wkb, raw: of the same members.
        odd: places among those that waited of what must be walked one by one.
    """

    rows: list[int]
    columns: list[pa.Array]
    identifiers: pa.Array
    wkb: pa.Array
    raw: pa.Array
    odd: list[int]


def plan(
    shape: Shape, name: str, crs: DeclaredCrs | None, chosen: FoundGeometry | None, dimension: int | None
) -> Plan | None:
    """Return how the members of a shape become columns; None where its geometries are not plain.

    Args:
        shape: the shape.
        name: local name of the feature type.
        crs: of the chosen geometry.
        chosen: the one of the walk's geometries that is the record's own.
        dimension: ordinates of its positions, where that is known.
    """
    if shape.walk.inlined_geometries:
        return None
    raw = dict(shape.raw)
    geometry: tuple[int, bool] | None = None
    others: list[tuple[int, bool]] = []
    for number, found in enumerate(shape.walk.geometries):
        quick = shape.plans[number]
        known = quick.dimension or (dimension if found is chosen else found.dimension)
        if not quick.kind or known == 3 or None in shape.positions[number]:
            return None
        if found is chosen:
            geometry = number, known is not None
        else:
            # As in `gml_records`, with a mark in the place of the text.
            path = "/".join(found.place.path[:-1])
            keep(raw, path, mark(shape.count + len(others)))
            if srs_name := found.srs_name or first_srs_name(found.element):
                keep(raw, f"{path}/@srsName", srs_name)
            others.append((number, known is not None))
    return Plan(
        shape,
        name,
        crs,
        "/".join(chosen.place.path[:-1]) if chosen is not None else None,
        [picks(value) for value in shape.values],
        (pick(shape.identifiers[0]), pick(shape.identifiers[1])),
        _object(raw),
        geometry,
        tuple(others),
    )


def made(alike: Alike) -> Made | None:
    """Return the columns of the members that wait; None if all are odd."""
    plan, rows, values = alike.plan, alike.rows, alike.values
    texts = _Texts(plan.shape, values)
    places = [*([plan.geometry] if plan.geometry else []), *plan.others]
    geometries = [texts.geometry(*place) for place in places]
    plain = reduce(np.logical_and, (good for _, good in geometries), np.ones(len(rows), dtype=bool))
    odd = np.flatnonzero(~plain).tolist()
    if odd:
        kept = np.flatnonzero(plain).tolist()
        if not kept:
            return None
        rows, values = [rows[i] for i in kept], [values[i] for i in kept]
        texts = _Texts(plan.shape, values)
        geometries = [texts.geometry(*place) for place in places]
    wkb = [found for found, _ in geometries]
    for found in wkb[len(wkb) - len(plan.others) :]:
        shapes = shapely.from_wkb(found.to_numpy(zero_copy_only=False))
        texts.append(pa.array(shapely.to_wkt(shapes, rounding_precision=-1), pa.string()))
    first, second = (texts.text(pick) for pick in plan.identifiers)
    return Made(
        rows,
        [texts.lists(pick) if isinstance(pick, list) else texts.text(pick) for pick in plan.columns],
        pc.if_else(pc.equal(pc.fill_null(first, ""), ""), second, first),
        wkb[0] if plan.geometry else pa.nulls(len(rows), pa.binary()),
        texts.json(plan.raw),
        odd,
    )


class _Texts:
    """The values of members of one shape, as columns."""

    def __init__(self, shape: Shape, values: Sequence[Sequence[str]]) -> None:
        self._shape = shape
        self._count = len(values)
        self._values: list[Sequence[str]] = list(zip(*values, strict=True))
        self._arrays: dict[int, pa.Array] = {}
        self._next = shape.count

    def append(self, column: pa.Array) -> None:
        """Add a column of texts, as if it were values after the last one."""
        self._arrays[self._next] = column
        self._next += 1

    def text(self, pick: Pick) -> pa.Array:
        """Return texts."""
        return self._joined(pick, self._array)

    def lists(self, picks: list[Pick]) -> pa.Array:
        """Return lists of texts."""
        length = len(picks)
        flat = [self.text(pick) for pick in picks] or [pa.array([], pa.string())]
        order = np.arange(length * self._count).reshape(length, self._count).T.ravel()
        items = flat[0] if length < 2 else pa.concat_arrays(flat).take(pa.array(order))
        offsets = np.arange(self._count + 1, dtype=np.int32) * np.int32(length)
        return pa.ListArray.from_arrays(pa.array(offsets), items)

    def json(self, pick: Pick) -> pa.Array:
        """Return texts, of values as they stand in JSON between quotes."""
        return self._joined(pick, self._escaped)

    def geometry(self, number: int, known: bool) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Return well-known binary of one of the geometries, and which of them are plain."""
        quick = self._shape.plans[number]
        columns = [self._tidy(place) for place in self._shape.positions[number] if place is not None]
        texts = columns[0] if len(columns) == 1 else list(chain.from_iterable(zip(*columns, strict=True)))
        stated = {place: self._tidy(said) for place, said in self._shape.stated[number].items()}
        return many(quick.kind, [len(rings) for rings in quick.rings], texts, stated, known=known)

    def _joined(self, pick: Pick, column: Callable[[int], pa.Array]) -> pa.Array:
        if pick is None:
            return pa.nulls(self._count, pa.string())
        if isinstance(pick, int):
            return column(pick)
        if all(isinstance(part, str) for part in pick):
            return pa.repeat("".join(map(str, pick)), self._count)
        return pc.binary_join_element_wise(*(column(p) if isinstance(p, int) else p for p in pick), "")

    def _tidy(self, number: int) -> Sequence[str]:
        return tidy(self._values[number], text=number in self._shape.texts)

    def _array(self, number: int) -> pa.Array:
        if number not in self._arrays:
            self._arrays[number] = pa.array(self._tidy(number), pa.string())
        return self._arrays[number]

    def _escaped(self, number: int) -> pa.Array:
        array = self._array(number)
        if pc.any(pc.match_substring_regex(array, _ESCAPED)).as_py():
            return pa.array([_in_json(value) for value in array.to_pylist()], pa.string())
        return array


def _object(raw: dict[str, Any]) -> Pick:
    """Return the JSON text of an object, its values being texts or lists of texts with marks in them."""
    parts: list[str | int] = ["{"]
    for key, value in raw.items():
        parts.append(f'{"," if len(parts) > 1 else ""}"{_in_json(key)}":')
        values = value if isinstance(value, list) else [value]
        parts.append("[" if isinstance(value, list) else "")
        for place, text in enumerate(values):
            picked = pick(text)
            parts.append(',"' if place else '"')
            for part in (picked,) if isinstance(picked, int) else picked or ():
                parts.append(part if isinstance(part, int) else _in_json(part))
            parts.append('"')
        parts.append("]" if isinstance(value, list) else "")
    parts.append("}")
    # Fixed text that stands side by side is one.
    return tuple(
        piece
        for is_text, group in groupby(parts, lambda part: isinstance(part, str))
        for piece in (["".join(map(str, group))] if is_text else group)
    )


def _in_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]
