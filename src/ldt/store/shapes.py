"""Shapes of conditions: two that differ only in their values are one statement, compiled once.

Building a statement from expressions anew costs more than PostgreSQL takes to answer it (2 ms against 0.5 ms).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, bindparam
from sqlalchemy.sql import visitors


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition whose values have names, so that others can be given to the statement that it is part of.

    Attributes:
        expression: the condition.
        values: what is bound into it, by name.
        shape: what it is but for its values: equal conditions of equal shape are one statement. None where it cannot be told.
    """

    expression: ColumnElement[bool]
    values: Mapping[str, Any] = field(hash=False)
    shape: Hashable | None


def condition(expression: ColumnElement[bool]) -> Condition:
    """Return a condition with its values named, in the order in which they stand in it."""
    values: dict[str, Any] = {}
    lists = False

    def named(element: Any, **_: Any) -> Any:
        nonlocal lists
        if not isinstance(element, BindParameter):
            return None
        # A list is written out by its length.
        lists = lists or element.expanding
        if element.expanding:
            return None
        name = f"where_{len(values)}"
        values[name] = element.effective_value
        return bindparam(name, element.effective_value, element.type)

    found = visitors.replacement_traverse(expression, {}, named)
    # SQLAlchemy's own key, the one by which it keeps statements.
    key = None if lists else found._generate_cache_key()
    return Condition(found, values, key.key if key is not None else None)
