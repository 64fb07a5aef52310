"""Points of records that have two columns of coordinates and no geometry."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import shapely
from numpy.typing import NDArray
from pydantic import model_validator

from ldt.axis import AxisOrder
from ldt.errors import RecipeError
from ldt.sources.batches import Options, declare
from ldt.sources.source import GEOMETRY, DeclaredCrs

_NUMBER = r"^\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*$"


class PointOptions(Options):
    """Options of readers whose records may have their place in two columns.

    Attributes:
        x: column of the easting or longitude, and `y` of the northing or latitude; a decimal comma is understood. Where files
            differ, several (`longitude|lon`), the first of them that there is; upper and lower case do not matter.
        crs: of `x` and `y`.
    """

    x: str | None = None
    y: str | None = None
    crs: str | None = None

    @model_validator(mode="after")
    def _point_is_whole(self) -> PointOptions:
        if (self.x is None) != (self.y is None):
            raise ValueError("`x` and `y` come together")
        return self


Chosen = TypeVar("Chosen", bound=PointOptions)


def with_names(options: Chosen, names: Sequence[str], reader: str) -> Chosen:
    """Return the options with `x` and `y` as the file writes them.

    Raises:
        RecipeError: the file has no such column.
    """
    folded = {name.lower(): name for name in reversed(names)}
    found = {}
    for option, wanted in (("x", options.x), ("y", options.y)):
        if wanted is None:
            continue
        name = next((folded[w] for w in wanted.lower().split("|") if w in folded), None)
        if name is None:
            raise RecipeError(
                f"no column {wanted!r}",
                where=f"options of the reader {reader!r}",
                remedy=f"there are: {', '.join(names)}",
            )
        found[option] = wanted if wanted in names else name
    return options.model_copy(update=found)


def point_crs(options: PointOptions, reader: str) -> DeclaredCrs | None:
    """Return the CRS of the points that `x` and `y` make.

    Raises:
        RecipeError: PROJ does not know it.
    """
    if options.x is None or options.crs is None:
        return None
    crs = declare(options.crs, options.crs, AxisOrder.XY)
    if crs is None:
        raise RecipeError(
            f"unknown CRS {options.crs!r}",
            where=f"options of the reader {reader!r}",
            remedy="write it as EPSG:25832",
        )
    return crs


def with_points(records: pa.RecordBatch, options: PointOptions) -> pa.RecordBatch:
    """Return the records with a point made of two columns; null where one of them is no number."""
    x, y = (_numbers(records.column(name)) for name in (options.x, options.y))
    points = shapely.points(x, y)
    points[np.isnan(x) | np.isnan(y)] = None
    return records.append_column(GEOMETRY, pa.array(shapely.to_wkb(points), pa.binary()))


def _numbers(values: pa.Array) -> NDArray[np.float64]:
    """Return numbers, also those that are written as text, with a decimal comma or point; NaN where it is none."""
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        dotted = pc.utf8_trim_whitespace(pc.replace_substring(values, ",", "."))
        values = pc.if_else(pc.match_substring_regex(dotted, _NUMBER), dotted, None)
    numbers: NDArray[np.float64] = pc.fill_null(values.cast(pa.float64()), float("nan")).to_numpy(
        zero_copy_only=False
    )
    return numbers
