"""Conditions that differ only in their values are one statement."""

from __future__ import annotations

import pytest
from sqlalchemy import Column, ColumnElement, Integer, MetaData, Table, Text, and_, literal, or_, select

from ldt.store.connect import numbered
from ldt.store.cql2 import expression, parse
from ldt.store.crs import CRS84
from ldt.store.items import Property
from ldt.store.shapes import condition

TABLE = Table("t", MetaData(), Column("name", Text), Column("floors", Integer))
PROPERTIES = {
    "name": Property("name", "string", TABLE.c.name),
    "floors": Property("floors", "integer", TABLE.c.floors),
}


def filtered(text: str) -> ColumnElement[bool]:
    return expression(parse(text), PROPERTIES, CRS84)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("floors > 3 AND name = 'a'", "floors > 4 AND name = 'b'", True),
        ("floors IN (1, 2)", "floors IN (3, 4)", True),
        ("floors IN (1, 2)", "floors IN (1, 2, 3)", False),
        ("floors > 3", "floors >= 3", False),
        ("floors > 3", "NOT floors > 3", False),
        ("name LIKE 'a%'", "name LIKE 'b_c%'", True),
        ("floors > 3", "name > '3'", False),
    ],
)
def test_a_shape_is_what_stays_when_values_change(one: str, other: str, same: bool) -> None:
    first, second = condition(filtered(one)), condition(filtered(other))
    assert first.shape is not None
    assert (first.shape == second.shape) is same
    texts = [numbered(select(TABLE.c.name).where(c.expression))[0] for c in (first, second)]
    assert (texts[0] == texts[1]) is same


def test_the_values_are_those_of_the_condition_in_its_order() -> None:
    found = condition(or_(TABLE.c.floors > 3, and_(TABLE.c.name == "it's", TABLE.c.floors < literal(9))))
    assert list(found.values.values()) == [3, "it's", 9]
    _, names, bound = numbered(select(TABLE.c.name).where(found.expression))
    assert {name: bound[name] for name in names} == dict(found.values)


def test_a_list_that_is_written_out_by_its_length_has_no_shape() -> None:
    found = condition(TABLE.c.floors.in_([1, 2, 3]))
    assert found.shape is None
    _, names, bound = numbered(select(TABLE.c.name).where(found.expression))
    assert [bound[n] for n in names] == [1, 2, 3]
