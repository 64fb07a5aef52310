"""JSON made column by column, against the standard library made record by record."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt.harmonise.documents import json_objects, merge_objects, plain

text = st.none() | st.text(max_size=8)
number = (
    st.none()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from([1e300, -0.0, 5e-324, 1e16])
)
whole = st.none() | st.integers(-(2**63), 2**63 - 1)


@given(
    st.lists(
        st.tuples(text, number, whole, st.none() | st.booleans(), st.lists(st.text(max_size=3), max_size=2)),
        max_size=20,
    )
)
def test_every_record_reads_back_as_what_went_in(records: list[tuple[Any, ...]]) -> None:
    names = ['te"xt', "number", "whole", "truth", "list"]
    kinds = [pa.string(), pa.float64(), pa.int64(), pa.bool_(), pa.list_(pa.string())]
    columns = {
        n: pa.array([r[i] for r in records], k) for i, (n, k) in enumerate(zip(names, kinds, strict=True))
    }
    made = json_objects(columns, len(records)).to_pylist()
    expected = [{n: v for n, v in zip(names, r, strict=True) if v is not None} for r in records]
    assert [json.loads(m) for m in made] == expected


def test_types_beyond_those_of_json() -> None:
    columns = {
        "day": pa.array([date(2009, 3, 24)]),
        "instant": pa.array([datetime(2020, 1, 1, tzinfo=UTC)]),
        "decimal": pa.array([Decimal("1.50")]),
        "bytes": pa.array([b"\x00\xff"]),
        "dictionary": pa.array(["x"]).dictionary_encode(),
        "struct": pa.array([{"a": 1, "b": None}]),
        "nan": pa.array([float("nan")]),
        "infinite": pa.array([float("inf")]),
        "null": pa.nulls(1),
        "control": pa.array(["a\tb\u0001"]),
    }
    assert json.loads(json_objects(columns, 1)[0].as_py()) == {
        "day": "2009-03-24",
        "instant": "2020-01-01T00:00:00+00:00",
        "decimal": 1.5,
        "bytes": "00ff",
        "dictionary": "x",
        "struct": {"a": 1, "b": None},
        "control": "a\tb\u0001",
    }


def test_no_columns_and_no_values_make_empty_objects() -> None:
    assert json_objects({}, 2).to_pylist() == ["{}", "{}"]
    assert json_objects({"a": pa.array([None, "x"], pa.string())}, 2).to_pylist() == ["{}", '{"a":"x"}']


def test_objects_are_put_together() -> None:
    first = pa.array(['{"a":1}', "{}", '{"a":1}', None, "{}"])
    second = pa.array([' {"b":2} ', '{"b":2}', "{}", '{"b":2}', None])
    merged = [json.loads(m) for m in merge_objects(first, second).to_pylist()]
    assert merged == [{"a": 1, "b": 2}, {"b": 2}, {"a": 1}, {"b": 2}, {}]


def test_plain_values_for_messages() -> None:
    assert plain({"a": b"\x01", "b": float("nan"), 3: date(2020, 1, 2)}) == {
        "a": "01",
        "b": None,
        "3": "2020-01-02",
    }


@pytest.mark.parametrize("count", [1, 3])
def test_columns_without_any_value_leave_empty_objects(count: int) -> None:
    nothing = pa.array([None] * count, pa.string())
    assert json_objects({"a": nothing, "b": nothing}, count).to_pylist() == ["{}"] * count
    some = pa.array(["x"] * count)
    assert json_objects({"a": nothing, "b": some, "c": nothing}, count).to_pylist() == ['{"b":"x"}'] * count


def test_a_record_without_any_value_among_others_is_an_empty_object() -> None:
    columns = {"a": pa.array(["x", None, "y"]), "b": pa.array([1, None, None])}
    assert json_objects(columns, 3).to_pylist() == ['{"a":"x","b":1}', "{}", '{"a":"y"}']
