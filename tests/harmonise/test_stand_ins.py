"""Functions of expressions that stand for columns: `any_like` and `by_year` (`any_of` is in test_columns)."""

from __future__ import annotations

import time
from typing import Any

import pyarrow as pa
import pytest

from ldt.errors import RecipeError
from ldt.harmonise.columns import Mapper


def value(sql: str, columns: dict[str, list[Any]]) -> list[Any]:
    """Return what an expression gives for a source with these columns."""
    records = pa.RecordBatch.from_pydict({"_row": list(range(len(next(iter(columns.values()))))), **columns})
    mapped = Mapper({"v": sql}).run(records)
    assert not mapped.failed
    found: list[Any] = mapped.table.column("v").to_pylist()
    return found


@pytest.mark.parametrize(
    ("pattern", "columns", "expected"),
    [
        ("NAME_.*", {"other": ["x"]}, None),
        ("NAME", {"SURNAME": ["x"], "NAME_2": ["y"]}, None),  # as a whole, or not at all
        (r"name_\d", {"NAME_A": ["x"], "Name_2": ["y"]}, "y"),
        # Two match: the source's order, and the first that is not null.
        ("NAME_.*", {"name_b": ["b"], "name_a": ["a"]}, "b"),
        ("NAME_.*", {"name_b": [None], "name_a": ["a"]}, "a"),
        # Several patterns: one after the other.
        ("name_a|none', 'name_.*", {"name_b": ["b"], "name_a": ["a"]}, "a"),
        # Names with quotes, as a column and in a pattern (SQL writes '' for ').
        ("na.me", {'na"me': ["quoted"]}, "quoted"),
        ("na''.*", {"na'm\"e": ["quoted"]}, "quoted"),
        # Prefixes of namespaces do not count where no column is called so.
        ("inspireId_(local|global)Id", {"ad:inspireId.localId": ["l"]}, "l"),
        ("inspireId_(local|global)Id", {"ad:inspireId.localId": ["l"], "inspireid_globalid": ["g"]}, "g"),
        # What readers add is none of the source's columns.
        (".*", {"_file": ["f"], "raw": ["{}"], "code": ["c"]}, "c"),
        ("größe.*", {"Größe_m": ["5"]}, "5"),
    ],
)
def test_any_like_is_the_first_value_of_the_columns_that_match(
    pattern: str, columns: dict[str, list[Any]], expected: str | None
) -> None:
    assert value(f"any_like('{pattern}')", columns) == [expected]


def test_any_like_decides_record_by_record_and_keeps_a_common_type() -> None:
    assert value("any_like('n.')", {"n1": [1, None, None], "n2": [2, 3, None]}) == [1, 3, None]
    # Of several types, as texts.
    assert value("any_like('n.')", {"n1": [1, None], "n2": ["x", "y"]}) == ["1", "y"]


def test_columns_that_stand_in_are_known_as_used() -> None:
    """They are told in messages, and do not count as what no expression took."""
    mapper = Mapper({"v": "any_like('n.')::INTEGER", "y": r"by_year('c_(\d\d)')[1].year"})
    mapped = mapper.run(
        pa.RecordBatch.from_pydict({"_row": [0], "n1": [None], "n2": ["x"], "c_18": ["1"], "d": ["2"]})
    )
    assert mapped.failed["v"].tolist() == [True]
    assert (mapped.uses["v"], mapped.uses["y"]) == (("n1", "n2"), ("c_18",))
    assert mapped.used == {"n1", "n2", "c_18"}


CHANGE: dict[str, list[Any]] = {"code_12": ["211", "311"], "other": ["o", "o"], "CODE_18": [None, "112"]}


def test_by_year_gives_the_columns_that_name_a_year_newest_first() -> None:
    entries = r"by_year('code_(\d\d)')"
    assert value(entries, CHANGE) == [
        [{"year": 2018, "name": "CODE_18", "value": None}, {"year": 2012, "name": "code_12", "value": "211"}],
        [{"year": 2018, "name": "CODE_18", "value": "112"}, {"year": 2012, "name": "code_12", "value": "311"}],
    ]  # fmt: skip
    assert value(f"{entries}[2].value || '-' || {entries}[1].year", CHANGE) == ["211-2018", "311-2018"]
    assert value(f"{entries}[3].year", CHANGE) == [None, None]
    assert value(rf"list_filter({entries}, lambda c: c.value <> '')[1].year", CHANGE) == [2012, 2018]


@pytest.mark.parametrize(
    ("names", "years"),
    [
        # POSIX, strptime, %y: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068.
        (["c_90", "c_00", "c_06", "c_69", "c_68"], [2068, 2006, 2000, 1990, 1969]),
        (["c_1990", "c_2018"], [2018, 1990]),
        # What the brackets hold is no year; and one column for a year, the first.
        (["c_x", "c_123", "c_18", "c_2018"], [2018]),
        (["d"], []),
    ],
)
def test_years_have_two_or_four_digits(names: list[str], years: list[int]) -> None:
    found = value(r"by_year('c_(\w+)')", {name: [name] for name in names})
    assert [entry["year"] for entry in found[0]] == years
    assert value(r"by_year('c_(\w+)')[1].name", {"c_18": [1], "c_2018": [2]}) == ["c_18"]


def test_several_patterns_of_a_year_come_in_their_order() -> None:
    columns = {"l1_18": ["1"], "l2_18": ["12"], "l2_24": ["0"], "l1_24": ["3"]}
    levels = r"by_year('l2_(\d\d)', 'l1_(\d\d)')"
    assert [e["name"] for e in value(levels, columns)[0]] == ["l2_24", "l1_24", "l2_18", "l1_18"]
    assert value(f"list_filter({levels}, lambda c: c.value <> '0')[1].value", columns) == ["3"]


def test_names_with_quotes_are_texts_and_columns() -> None:
    name = """a'"_18"""
    assert value(r"by_year('a.._(\d\d)')[1]", {name: [7]}) == [{"year": 2018, "name": name, "value": "7"}]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("any_like(a)", "any_like takes patterns of names of columns as texts"),
        ("any_like()", "at least one"),
        ("any_like('a', 3)", "as texts"),
        ("any_like('(a')", "no regular expression: .*missing"),
        ("any_like('a)|(?:b')", "no regular expression"),
        (
            r"any_like('(a)\1')",
            "no regular expression",
        ),  # RE2 has no references back: they cost exponential time
        (f"any_like('{'a' * 201}')", "a pattern of 201 characters; 200 are the most"),
        ("by_year('CODE_18')", "one pair of brackets"),
        (r"by_year('(a|b)_(\d\d)')", "one pair of brackets"),
        (f"by_year('{'(a{100}){100}' * 9}')", "no regular expression"),
    ],
)
def test_calls_that_cannot_be_resolved_are_refused_at_once(sql: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why) as caught:
        Mapper({"v": sql})
    assert "'v'" in str(caught.value)
    assert "write any_like(" in str(caught.value) or "write by_year(" in str(caught.value)


def test_patterns_that_are_catastrophic_elsewhere_take_no_time() -> None:
    """`(a+)+b` on a row of a's: Python's `re` tries every way to share them out, and is not done with 40."""
    began = time.process_time()
    assert value("any_like('(a+)+b')", {"a" * 5000: ["x"]}) == [None]
    assert value("any_like('(a|a)*b', '(.*a){20}')", {"a" * 5000: ["x"], "c": ["y"]}) == ["x"]
    assert time.process_time() - began < 5
