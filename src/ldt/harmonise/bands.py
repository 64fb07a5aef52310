"""What stands in the cells: no data, classes, scale, unit.

Whole numbers that need no conversion stay whole numbers, with the file's own value for "none"; other numbers become floats, NaN where
there is none. Classes become the codes of their vocabulary, whatever notation the file has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ldt.errors import CheckError, RecipeError
from ldt.harmonise.recipe import BandMapping
from ldt.harmonise.vocabulary import ObservedProperty, concepts
from ldt.model.coverage import Band
from ldt.sources.source import Layer
from ldt.units import Conversion, conversion

#: How classes are stored: larger than any code in use, and none of them.
_CLASS_DTYPE, NO_CLASS = "uint16", 65535
#: Classes that a message names, at most.
_NAMED = 8

Cells = NDArray[Any]


class BandReader(Protocol):
    """What becomes of the cells of one layer. All of them are looked at before the first is converted."""

    layer: Layer

    def look(self, cells: Cells) -> None:
        """Look at some cells as they stand in the file."""
        ...

    def judge(self) -> dict[str, Any]:
        """Return what was found in all cells, JSON-ready.

        Raises:
            CheckError: they cannot be what the recipe says.
        """
        ...

    @property
    def repairs(self) -> list[tuple[str, str]]:
        """(reason, message) for cells that are made no data though the file does not mean them so."""
        ...

    @property
    def band(self) -> Band:
        """What is stored."""
        ...

    def convert(self, cells: Cells) -> Cells:
        """Return cells as they are stored."""
        ...


class Numbers:
    """A band of numbers.

    Args:
        observed: what they are; its unit is the one stored.
        mapping: what the recipe says of them.
        layer: where they stand.
        dtype: the floating-point type that is stored; None lets whole numbers that need no conversion stay so.

    Raises:
        CheckError: neither recipe nor file state the unit, or it does not measure the observed property.
    """

    def __init__(
        self, observed: ObservedProperty, mapping: BandMapping, layer: Layer, dtype: str | None = None
    ) -> None:
        self.layer = layer
        self._observed, self._range, self._others = observed, mapping.valid_range, mapping.values
        unit = mapping.unit or layer.unit
        if not unit:
            raise CheckError(
                f"neither the file nor the recipe states the unit of {observed.code}",
                remedy=f"state it in the recipe: coverage.bands.{observed.code}.unit",
            )
        self._conversion = conversion(unit, observed.unit)
        self._linear = Conversion(layer.scale * mapping.scale, layer.offset * mapping.scale + mapping.offset)
        self._nodata = _possible([*layer.nodata, *mapping.nodata], layer.dtype)
        same = not self._others and self._linear == self._conversion == Conversion(1.0, 0.0)
        if dtype is None and np.dtype(layer.dtype).kind in "iu" and same and self._nodata:
            self.band = Band(observed.code, observed.unit, layer.dtype, self._nodata[0])
        else:
            self.band = Band(observed.code, observed.unit, dtype or float_type([layer]))
        self._cells = self._missing = self._wrong = 0

    def _values(self, cells: Cells) -> tuple[Cells, NDArray[np.bool_], NDArray[np.bool_]]:
        """Return values in the file's unit, which cells have none, and which have one that cannot be."""
        missing = _missing(cells, self._nodata)
        values = cells.astype(np.float64)
        for written, meant in self._others.items():
            values[cells == written] = meant
        values = self._linear(values)
        if self._range is None:
            return values, missing, np.zeros_like(missing)
        low, high = self._range
        return values, missing, ~missing & ~((values >= low) & (values <= high))

    def look(self, cells: Cells) -> None:
        """Count the cells without a value, and with one that cannot be."""
        _, missing, wrong = self._values(cells)
        self._cells += cells.size
        self._missing += int(missing.sum())
        self._wrong += int(wrong.sum())

    def judge(self) -> dict[str, Any]:
        """Return the counts.

        Raises:
            CheckError: more than half of the values cannot be.
        """
        if self._range and self._wrong * 2 > self._cells - self._missing:
            low, high = self._range
            raise CheckError(
                f"most of its values are not within {low:g} to {high:g}, where {self._observed.code} lies",
                remedy="take the recipe that fits the file, or correct the band's `valid_range`",
            )
        found = {"cells": self._cells, "missing": self._missing}
        return {**found, "out_of_range": self._wrong} if self._wrong else found

    @property
    def repairs(self) -> list[tuple[str, str]]:
        """Tell of values that cannot be."""
        if self._range is None or not self._wrong:
            return []
        low, high = self._range
        what = (
            f"{self._wrong:,} cells of {self._observed.code} are not within {low:g} to {high:g}: made no data"
        )
        return [("out-of-range", what)]

    def convert(self, cells: Cells) -> Cells:
        """Return values in the unit of the observed property."""
        values, missing, wrong = self._values(cells)
        none = missing | wrong
        if self.band.nodata is not None:
            return np.where(none, cells.dtype.type(self.band.nodata), cells)
        return np.where(none, np.nan, self._conversion(values)).astype(self.band.dtype)


def float_type(layers: Iterable[Layer]) -> str:
    """Return the smallest floating-point type, of single precision at least, that the numbers of some layers fit into."""
    return str(np.result_type(np.float32, *(layer.dtype for layer in layers)))


class Classes:
    """A band of classes: codes of a vocabulary, or the numbers that some files have in their place.

    Args:
        observed: what they are.
        mapping: what the recipe says of them; it names the vocabulary.
        layer: where they stand.

    Raises:
        RecipeError: the vocabulary's codes are no numbers.
    """

    def __init__(self, observed: ObservedProperty, mapping: BandMapping, layer: Layer) -> None:
        self.layer = layer
        self._vocabulary = mapping.vocabulary or ""
        self._known = class_codes(self._vocabulary, mapping.alternative)
        self._nodata = _possible([*layer.nodata, *mapping.nodata], layer.dtype)
        self.band = Band(observed.code, observed.unit, _CLASS_DTYPE, NO_CLASS, self._vocabulary)
        self._counts: Counter[int] = Counter()
        self._missing = 0
        self._codes: dict[int, int] = {}

    def look(self, cells: Cells) -> None:
        """Count the cells of each value."""
        missing = _missing(cells, self._nodata)
        self._missing += int(missing.sum())
        values, counts = np.unique(cells[~missing], return_counts=True)
        if (values != np.round(values)).any():
            raise CheckError(
                f"band {self.layer.name} holds numbers with decimals, no classes",
                remedy="correct coverage.bands in the recipe",
            )
        self._counts.update(dict(zip(values.astype(np.int64).tolist(), counts.tolist(), strict=True)))

    def judge(self) -> dict[str, Any]:
        """Find out which notation the file has: the one in which more of its cells are known.

        Raises:
            CheckError: not even half of them are.
        """
        hits = {
            notation: sum(n for value, n in self._counts.items() if value in codes)
            for notation, codes in self._known.items()
        }
        notation = max(hits, key=lambda name: hits[name])
        self._codes = self._known[notation]
        total = sum(self._counts.values())
        if hits[notation] * 2 < total:
            raise CheckError(
                f"the values {_shown(self._unknown)} are no {' or '.join(self._known)} of the vocabulary {self._vocabulary}",
                remedy="list what means no data in `nodata` of the band, or correct its vocabulary",
            )
        found = {"cells": total + self._missing, "missing": self._missing, "notation": notation}
        unknown = {str(value): n for value, n in self._unknown.items()}
        return {**found, "unknown_classes": unknown} if unknown else found

    @property
    def _unknown(self) -> dict[int, int]:
        """Number of cells by value that is no class."""
        return {value: n for value, n in sorted(self._counts.items()) if value not in self._codes}

    @property
    def repairs(self) -> list[tuple[str, str]]:
        """Tell of values that are no class."""
        if not self._unknown:
            return []
        what = f"{sum(self._unknown.values()):,} cells hold {_shown(self._unknown)}, no class of {self._vocabulary}: made no data"
        return [("unknown-class", what)]

    def convert(self, cells: Cells) -> Cells:
        """Return the codes of the vocabulary."""
        values = np.array(sorted(self._codes), dtype=np.int64)
        codes = np.array([self._codes[v] for v in values.tolist()], dtype=_CLASS_DTYPE)
        missing = _missing(cells, self._nodata)
        whole = np.where(missing, values[0], cells).astype(np.int64)
        place = np.searchsorted(values, whole).clip(max=len(values) - 1)
        return np.where(~missing & (values[place] == whole), codes[place], np.uint16(NO_CLASS))


def _missing(cells: Cells, nodata: tuple[float, ...]) -> NDArray[np.bool_]:
    """Return which cells have no value."""
    missing = ~np.isfinite(cells)
    with np.errstate(over="ignore"):  # a double's value for "none" declared for single floats
        for value in nodata:
            missing |= cells == cells.dtype.type(value)
    return missing


def _possible(values: list[float], dtype: str) -> tuple[float, ...]:
    """Return those of some values that can stand in cells of a type, each once."""
    if np.dtype(dtype).kind in "iu":
        limits = np.iinfo(dtype)
        values = [v for v in values if limits.min <= v <= limits.max and v == int(v)]
    return tuple(dict.fromkeys(values))


def _shown(values: Iterable[int]) -> str:
    named = list(values)
    return ", ".join(map(str, named[:_NAMED])) + (", …" if len(named) > _NAMED else "")


@lru_cache(maxsize=32)
def class_codes(vocabulary: str, alternative: str | None) -> dict[str, dict[int, int]]:
    """Return, for each notation of a vocabulary that cells may hold, value → code.

    Args:
        vocabulary: its id; its codes must be whole numbers.
        alternative: property of its concepts that files may hold in place of the code. Only concepts that have it are classes
            then: of Corine's three levels the third.

    Raises:
        RecipeError: no such vocabulary, or its codes (or the property) are no whole numbers.
    """
    try:
        found = concepts(vocabulary)
        if alternative is None:
            return {"code": {int(c["code"]): int(c["code"]) for c in found}}
        having = [c for c in found if alternative in c.get("properties", {})]
        codes = {int(c["code"]): int(c["code"]) for c in having}
        others = {int(c["properties"][alternative]): int(c["code"]) for c in having}
    except (ValueError, TypeError) as e:
        raise RecipeError(f"the codes of the vocabulary {vocabulary!r} are no whole numbers: {e}") from e
    if not codes or max(codes) >= NO_CLASS or min(codes) < 0:
        raise RecipeError(f"no concept of the vocabulary {vocabulary!r} has a usable {alternative!r}")
    return {"code": codes, alternative: others}
