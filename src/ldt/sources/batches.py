"""What all readers share: reserved names, tidy column names, checked options, CRS declarations."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, ValidationError
from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder, horizontal
from ldt.errors import RecipeError
from ldt.sources.source import FILE, GEOMETRY, MALFORMED, RAW, ROW, DeclaredCrs

#: Records in a batch, at most; a compromise of memory and speed for records of some hundred bytes.
BATCH_ROWS = 20_000

_RESERVED = frozenset({ROW, FILE, GEOMETRY, RAW, MALFORMED})


class Options(BaseModel):
    """What every reader understands; each adds its own.

    Attributes:
        member: pattern of the names of the files to take from an archive or folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    member: str | None = None


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Let Python look for cycles of garbage rarely. Records are many small objects without cycles: looking took a fourth of the time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 50)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def counted_on(records: pa.RecordBatch, offset: int) -> pa.RecordBatch:
    """Return records with `_row` counted on from `offset`."""
    if not offset:
        return records
    place = records.schema.get_field_index(ROW)
    return records.set_column(place, ROW, pc.add(records.column(place), pa.scalar(offset, pa.int64())))


Known = TypeVar("Known", bound=Options)


def check_options(model: type[Known], options: dict[str, Any], reader: str) -> Known:
    """Return a recipe's `source.options` as the reader's own model.

    Raises:
        RecipeError: an option that the reader does not have, or a value that does not fit; tells what there is.
    """
    try:
        return model.model_validate(options)
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "options"
        known = ", ".join(model.model_fields)
        raise RecipeError(
            f"{place}: {first['msg']}", where=f"options of the reader {reader!r}", remedy=f"it knows: {known}"
        ) from e


def column_names(names: Iterable[str]) -> list[str]:
    """Return names that SQL can tell apart: not empty, unique whatever the case, and none of the reserved ones.

    A name that is taken gets `_` and, if need be, a number appended: `geometry` becomes `geometry_`.
    """
    taken = set(_RESERVED)
    result = []
    for place, name in enumerate(names, 1):
        name = name.strip().replace("\x00", "") or f"column_{place}"
        candidate, number = name, 1
        while candidate.lower() in taken:
            candidate = f"{name}_" if number == 1 else f"{name}_{number}"
            number += 1
        taken.add(candidate.lower())
        result.append(candidate)
    return result


def with_rows(columns: dict[str, pa.Array], first: int, count: int) -> pa.RecordBatch:
    """Return a record batch with `_row` counting from `first`."""
    rows = pa.array(np.arange(first, first + count, dtype=np.int64))
    return pa.RecordBatch.from_pydict({ROW: rows, **columns})


@lru_cache(maxsize=256)
def declare(definition: str, text: str, order: AxisOrder, *, by_format: bool = False) -> DeclaredCrs | None:
    """Return the declaration of a CRS, reduced to its horizontal part.

    Args:
        definition: anything that PROJ understands: a code, WKT, PROJJSON.
        text: the declaration as it stands in the source.
        order: the order of the coordinates as delivered.
        by_format: whether the file's format fixes it.

    Returns:
        None if PROJ does not know it, or if it only says that nothing is known ("Undefined geographic SRS").
    """
    try:
        crs = horizontal(CRS.from_user_input(definition))
    except CRSError:
        return None
    if crs.is_engineering or crs.name.lower().startswith(("undefined", "unknown")):
        return None
    return DeclaredCrs(text=text, projjson=crs.to_json(), order=order, by_format=by_format)
