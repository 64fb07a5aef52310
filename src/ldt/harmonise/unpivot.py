"""Records that hold several values: a list column taken apart, or columns put under one another."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ldt.errors import RecipeError
from ldt.harmonise.recipe import Unpivot

#: The element, as SQL sees it.
ITEM = "item"
#: The column that the element comes from, where columns are put under one another.
ITEM_NAME = "item_name"


@dataclass(frozen=True, slots=True)
class Elements:
    """The elements of some records, in order.

    Attributes:
        index: int64, position of each element's record in the batch.
        ordinal: int64, the element's place in its list, or its column's place among `unpivot.columns`, from 0.
        items: what SQL sees beside the record's own columns: `item`, and `item_name` where columns are put under one another.
    """

    index: pa.Array
    ordinal: pa.Array
    items: dict[str, pa.Array]


def elements(records: pa.RecordBatch | pa.Table, unpivot: Unpivot) -> Elements:
    """Return the elements of all records: of a list as many as it has, of columns one for each that the source has.

    Raises:
        RecipeError: the source does not have the column, or it is no list; it has none of the columns.
    """
    return _from_columns(records, unpivot) if unpivot.columns else _from_list(records, unpivot)


def element(records: pa.RecordBatch, unpivot: Unpivot, record: int, place: int) -> tuple[str, Any]:
    """Return what one element is called in messages, and its value."""
    if unpivot.columns:
        name = unpivot.columns[place]
        return name, records.column(_known(records.schema.names)[name.lower()])[record].as_py()
    column = str(unpivot.column)
    return f"{column}[{place}]", records.column(column)[record][place].as_py()


def sources(unpivot: Unpivot) -> list[str]:
    """Return the columns that hold the elements, as the recipe writes them."""
    return unpivot.columns or [str(unpivot.column)]


def _from_list(records: pa.RecordBatch | pa.Table, unpivot: Unpivot) -> Elements:
    column = str(unpivot.column)
    if column not in records.schema.names:
        raise RecipeError(
            f"unpivot: the source has no column {column!r}",
            remedy=f"it has: {', '.join(records.schema.names)}",
        )
    lists = _whole(records.column(column))
    if not (pa.types.is_list(lists.type) or pa.types.is_large_list(lists.type)):
        raise RecipeError(f"unpivot: column {column!r} is of type {lists.type}, not a list")
    index = pc.list_parent_indices(lists).cast(pa.int64())
    # The place of each element is its distance from the first row of the same record.
    parents = index.to_numpy()
    first = (
        np.flatnonzero(np.r_[True, parents[1:] != parents[:-1]]) if len(parents) else np.empty(0, np.int64)
    )
    ordinal = np.arange(len(parents)) - np.repeat(first, np.diff(np.r_[first, len(parents)]))
    return Elements(index, pa.array(ordinal), {ITEM: pc.list_flatten(lists)})


def _from_columns(records: pa.RecordBatch | pa.Table, unpivot: Unpivot) -> Elements:
    known = _known(records.schema.names)
    there = [(place, name) for place, name in enumerate(unpivot.columns) if name.lower() in known]
    if not there:
        raise RecipeError(
            f"unpivot: the source has none of the columns {', '.join(unpivot.columns)}",
            remedy=f"it has: {', '.join(records.schema.names)}",
        )
    values = [_whole(records.column(known[name.lower()])) for _, name in there]
    if len({column.type for column in values}) > 1:
        values = [column.cast(pa.string()) for column in values]
    rows, width = records.num_rows, len(there)
    # One column after the other, then record by record.
    order = np.arange(rows * width).reshape(width, rows).T.ravel()
    names = pa.DictionaryArray.from_arrays(
        pa.array(np.tile(np.arange(width, dtype=np.int32), rows)), [name for _, name in there]
    )
    return Elements(
        index=pa.array(np.repeat(np.arange(rows, dtype=np.int64), width)),
        ordinal=pa.array(np.tile(np.array([place for place, _ in there], np.int64), rows)),
        items={
            ITEM: pa.concat_arrays(values).take(pa.array(order)),
            ITEM_NAME: names.cast(pa.string()),
        },
    )


def _known(names: Iterable[str]) -> dict[str, str]:
    return {name.lower(): name for name in names}


def _whole(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
