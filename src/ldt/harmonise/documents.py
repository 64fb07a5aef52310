"""Columns of Arrow to JSON objects, column by column: ten times as fast as a dict per record."""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

#: What JSON text must escape (RFC 8259, section 7).
_ESCAPED = r'["\\\x00-\x1f]'


def json_objects(columns: Mapping[str, Any], count: int) -> pa.Array:
    """Return one JSON object per record, as text; a null is left out, and so is a number that JSON cannot write.

    Args:
        columns: name → Arrow array of `count` values, of any type. Columns of the type `arrow.json` are put in as they are.
        count: number of records.
    """
    members = []
    for name, column in columns.items():
        key = orjson.dumps(name).decode() + ":"
        values = _values(_flat(column))
        # Arrow joins nothing but nulls to an array of no length at all, so a column without any value is left out here.
        if values.null_count < count:
            # Joining with a null gives a null, and `skip` below then leaves the member out.
            members.append(pc.binary_join_element_wise(key, values, ""))
    if not members:
        return pa.repeat("{}", count)
    if len(members) > 1:
        # A record with nothing but nulls would vanish from what Arrow joins: it gets an empty member.
        nothing = reduce(pc.and_, (pc.is_null(m) for m in members))
        members[0] = pc.if_else(nothing, "", members[0])
        members = [pc.binary_join_element_wise(*members, ",", null_handling="skip")]
    return pc.binary_join_element_wise("{", pc.fill_null(members[0], ""), "}", "")


def merge_objects(first: pa.Array, second: pa.Array) -> pa.Array:
    """Return JSON objects that have the members of both; a null on one side leaves the other."""
    left = pc.fill_null(pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(first), 1, -1), "")
    right = pc.fill_null(pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(second), 1, -1), "")
    comma = pc.if_else(pc.and_(pc.not_equal(left, ""), pc.not_equal(right, "")), ",", "")
    return pc.binary_join_element_wise("{", left, comma, right, "}", "")


def plain(value: Any) -> Any:
    """Return a value as what JSON can hold: bytes as hexadecimal text, times in ISO 8601, anything else as text."""
    return orjson.loads(dump(value))


def _flat(column: Any) -> pa.Array:
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if isinstance(array, pa.ChunkedArray):
        array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
    return array.dictionary_decode() if pa.types.is_dictionary(array.type) else array


def _values(array: pa.Array) -> pa.Array:
    """Return the JSON text of each value, null for null."""
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return (
            array.storage.cast(pa.string()) if kind.extension_name == "arrow.json" else _values(array.storage)
        )
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        text = array.cast(pa.string())
        return _slow(text) if pc.any(pc.match_substring_regex(text, _ESCAPED)).as_py() else _quoted(text)
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_decimal(kind):
        return array.cast(pa.string())
    if pa.types.is_floating(kind):
        array = array.cast(pa.float64())
        return pc.if_else(pc.is_finite(array), array, None).cast(pa.string())
    if pa.types.is_date(kind):
        return _quoted(array.cast(pa.string()))
    if pa.types.is_null(kind):
        return array.cast(pa.string())
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return _texts(array)
    return _slow(array)


def _texts(array: pa.ListArray) -> pa.Array:
    """Return lists of texts as JSON arrays."""
    ends = np.cumsum(pc.fill_null(pc.list_value_length(array), 0).to_numpy(zero_copy_only=False))
    items = pc.fill_null(_values(array.flatten()), "null")
    lists = pa.ListArray.from_arrays(pa.array(np.concatenate([[0], ends]), pa.int32()), items)
    joined = pc.binary_join_element_wise("[", pc.binary_join(lists, ","), "]", "")
    return pc.if_else(array.is_valid(), joined, None)


def _quoted(text: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise('"', text, '"', "")


def _slow(array: pa.Array) -> pa.Array:
    values = array.to_pylist(maps_as_pydicts="lossy")
    return pa.array([None if v is None else dump(v).decode() for v in values], pa.string())


def dump(value: Any) -> bytes:
    """Return a value as JSON, as :func:`plain` would have it."""
    return orjson.dumps(value, default=_other, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY)


def _other(value: Any) -> Any:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, np.generic):
        return value.item()
    return str(value)
