"""CQL2 (OGC 21-065r2) in its JSON form to a condition of SQL: white-listed operators, functions and properties, bound values.

Every part is typed before any SQL is made of it, so that a filter that means nothing is refused here and not by the database.
Unknown values follow SQL's three-valued logic, which is that of 21-065r2, table 1.
"""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from difflib import get_close_matches
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Double,
    Numeric,
    String,
    and_,
    case,
    cast,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import JSONB

from ldt.store.cql2 import spatial, temporal
from ldt.store.cql2.functions import accenti, call, casei, power
from ldt.store.cql2.operand import Operand, a, problem, weighed
from ldt.store.crs import CRS84, Crs
from ldt.store.items import Property

#: A filter that is as deep as it may be takes this many calls to translate and to compile.
sys.setrecursionlimit(max(sys.getrecursionlimit(), 6_000))

_COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / func.nullif(b, 0),
    "div": lambda a, b: func.trunc(a / func.nullif(b, 0)),
    "%": lambda a, b: cast(func.mod(cast(a, Numeric), func.nullif(cast(b, Numeric), 0)), Double),
}
_ARRAYS = frozenset({"a_contains", "a_containedBy", "a_equals", "a_overlaps"})
_SPECIAL = {"geometry": "S_EQUALS", "interval": "T_EQUALS", "array": "A_EQUALS"}
_LITERALS = ("date", "timestamp", "interval", "bbox", "property", "op", "type")
#: What the standard's own data, PostGIS and many files call the geometry.
_GEOMETRY = "geom"


def expression(filter_: Any, properties: Mapping[str, Property], crs: Crs = CRS84) -> ColumnElement[bool]:
    """Return the condition that a filter is.

    Args:
        filter_: CQL2 JSON, as `json.loads` gives it.
        properties: what it may name; `geom` is `geometry` where no property is called so.
        crs: what the coordinates in it are in, in the axis order of its authority.

    Raises:
        UsageError: it is no CQL2, names what there is not, or compares what cannot be compared.
        TooLarge: it has too many coordinates.
    """
    found = _Translation(properties, crs).operand(filter_)
    if found.kind != "boolean":
        raise problem(
            f"the filter is {a(found.kind)}, not a condition",
            "compare it: name = 'value', or name IS NOT NULL",
        )
    condition: ColumnElement[bool] = found.sql
    return condition


class _Translation:
    """One filter. Each method takes the arguments of one kind of operator and returns a typed operand."""

    def __init__(self, properties: Mapping[str, Property], crs: Crs) -> None:
        self.properties = properties
        self.geometries = spatial.Geometries(crs)

    def operand(self, part: Any) -> Operand:
        match part:
            case bool():
                return Operand("boolean", literal(part, Boolean), literal=part)
            case int() | float():
                return _number(part)
            case str():
                return _string(part)
            case list():
                return self.array(part)
            case {"op": str(op), "args": list(arguments)}:
                return self.operation(op, arguments)
            case {"property": str(name)}:
                return self.property(name)
            case {"date": text}:
                return temporal.instant("date", text)
            case {"timestamp": text}:
                return temporal.instant("timestamp", text)
            case {"interval": ends}:
                return temporal.interval(ends, self.operand)
            case {"bbox": numbers, **rest} if "type" not in rest:
                return self.geometries.box(numbers)
            case {"type": _}:
                return self.geometries.geometry(part)
            case None:
                raise problem("null is no value", "ask for missing values with IS NULL")
        raise problem(
            f"an object with {', '.join(map(repr, list(part)[:5])) or 'nothing'} is no expression of CQL2",
            f"one of these must be in it, well formed: {', '.join(_LITERALS)} (and args with op)",
        )

    def property(self, name: str) -> Operand:
        found = self.properties.get(name)
        if found is None and name == _GEOMETRY:
            found = self.properties.get("geometry")
        if found is None:
            near = get_close_matches(name, self.properties, 1)
            said = f"did you mean {near[0]!r}? " if near else ""
            raise problem(
                f"{name[:80]!r} is no queryable of this collection",
                f"{said}it has: {', '.join(sorted(self.properties))}",
            )
        return Operand(found.kind, found.column)

    def operation(self, op: str, arguments: list[Any]) -> Operand:
        if op in ("and", "or"):
            return self.logical(op, arguments)
        if op == "in":
            return self.member(arguments)
        found = [self.operand(a) for a in arguments]
        if op in _COMPARISONS:
            first, second = _exactly(op, found, 2)
            return _boolean(_COMPARISONS[op](*_comparable(op, first, second)))
        if op == "^" or op in _ARITHMETIC:
            return _calculated(op, *_exactly(op, found, 2))
        if op in spatial.RELATIONS:
            first, second = _exactly(op, found, 2)
            return _boolean(spatial.relation(op, first, second))
        if op in temporal.RELATIONS:
            first, second = _exactly(op, found, 2)
            return _boolean(temporal.relation(op, first, second))
        if op in _ARRAYS:
            return _compared_arrays(op, *_exactly(op, found, 2))
        match op:
            case "not":
                return _boolean(not_(_condition(op, *_exactly(op, found, 1))))
            case "between":
                operands = _comparable(op, *_exactly(op, found, 3))
                return _boolean(operands[0].between(*operands[1:]))
            case "like":
                value, pattern = _exactly(op, found, 2)
                return _like(value, pattern, _unwrapped(arguments[1]))
            case "isNull":
                return _is_null(*_exactly(op, found, 1))
            case "casei" | "accenti":
                return _folded(op, *_exactly(op, found, 1))
        return call(op, found)

    def logical(self, op: str, arguments: list[Any]) -> Operand:
        if len(arguments) < 2:
            raise problem(f"{op.upper()} joins two conditions or more")
        conditions = [_condition(op, self.operand(a)) for a in arguments]
        return _boolean(and_(*conditions) if op == "and" else or_(*conditions))

    def member(self, arguments: list[Any]) -> Operand:
        if len(arguments) != 2 or not isinstance(arguments[1], list) or not arguments[1]:
            raise problem("IN takes a value and a list of at least one", "write name IN ('a','b')")
        value, *listed = _comparable("in", *(self.operand(a) for a in (arguments[0], *arguments[1])))
        return _boolean(value.in_(listed))

    def array(self, elements: list[Any]) -> Operand:
        found = [self.operand(e) for e in elements]
        for element in found:
            if element.kind in ("array", "geometry", "interval"):
                raise problem(
                    f"no array here holds {a(element.kind)}",
                    "its elements are texts, numbers, booleans, dates or timestamps",
                )
        if all(e.literal is not None for e in found):
            values = [e.literal for e in found]
            return Operand("array", _json(values), literal=values)
        return Operand("array", func.jsonb_build_array(*map(_in_json, found)), weight=weighed(*found))


# Literals ---------------------------------------------------------------------------------------------------------


def _number(value: float) -> Operand:
    if not math.isfinite(value) or abs(value) > sys.float_info.max:
        raise problem("a number of the filter is greater than a double can hold")
    if isinstance(value, int) and abs(value) < 2**63:
        return Operand("integer", literal(value, BigInteger), literal=value)
    return Operand("number", literal(Decimal(repr(float(value))), Numeric), literal=float(value))


def _string(value: str) -> Operand:
    if "\0" in value or (not value.isprintable() and any("\ud800" <= c <= "\udfff" for c in value)):
        raise problem("a text of the filter holds NUL or half a character, which no value here does")
    return Operand("string", literal(value, String), literal=value)


def _json(value: Any) -> Any:
    # As text: what the driver makes of a list is an array of SQL.
    return cast(literal(orjson.dumps(value).decode(), String), JSONB)


def _in_json(element: Operand) -> Any:
    """Return an element of an array as jsonb: times as the texts that stored arrays hold."""
    types: dict[str, Any] = {
        "string": String(),
        "boolean": Boolean(),
        "number": Double(),
        "integer": Numeric(),
    }
    if element.literal is not None:
        return _json(element.literal)
    return func.to_jsonb(cast(element.sql, types.get(element.kind, String())))


# Operators --------------------------------------------------------------------------------------------------------


def _boolean(condition: Any) -> Operand:
    return Operand("boolean", condition)


def _exactly(op: str, found: list[Operand], count: int) -> list[Operand]:
    if len(found) != count:
        raise problem(f"{op.upper()} takes {count} operand(s), not {len(found)}")
    return found


def _condition(op: str, found: Operand) -> Any:
    if found.kind != "boolean":
        raise problem(f"{op.upper()} takes conditions, not {a(found.kind)}", "compare it: name = 'value'")
    return found.sql


def _comparable(op: str, *operands: Operand) -> list[Any]:
    """Return the SQL of operands that are compared with the first.

    Raises:
        UsageError: they are of different kinds, or of one that has no order.
    """
    first = operands[0]
    for found in operands:
        if found.kind in _SPECIAL:
            raise problem(f"{op.upper()} does not compare {a(found.kind)}", f"{_SPECIAL[found.kind]} does")
        alike = found.kind == first.kind or (found.is_number and first.is_number)
        if not alike and not (found.is_instant and first.is_instant):
            raise problem(
                f"{op.upper()} compares {a(first.kind)} with {a(found.kind)}",
                "write texts as 'text', numbers without quotes, days as DATE('2022-04-16'),"
                " instants as TIMESTAMP('2022-04-16T10:13:19Z')",
            )
    if first.is_instant:
        return temporal.same_granularity(*operands)
    if first.kind != "string":
        return [o.sql for o in operands]
    # By code point, whatever a column says; literals follow the first operand.
    return [o.sql if n and o.literal is not None else o.sql.collate("C") for n, o in enumerate(operands)]


def _calculated(op: str, first: Operand, second: Operand) -> Operand:
    for found in (first, second):
        if not found.is_number:
            raise problem(f"{op.upper()} calculates with numbers, not with {a(found.kind)}")
    if op == "^":
        return Operand("number", power(first, second), weight=weighed(first, second, times=4))
    # As doubles, so that 1/2 is a half and nothing overflows early.
    sql = _ARITHMETIC[op](cast(first.sql, Double), cast(second.sql, Double))
    return Operand("number", sql, weight=weighed(first, second))


def _unwrapped(part: Any) -> Any:
    """Return what CASEI and ACCENTI are applied to."""
    while isinstance(part, dict) and part.get("op") in ("casei", "accenti"):
        part = part["args"][0]
    return part


def _like(value: Operand, folded: Operand, pattern: Any) -> Operand:
    if value.kind != "string":
        raise problem(f"LIKE compares texts, not {a(value.kind)}")
    if not isinstance(pattern, str):
        raise problem(
            "the pattern of LIKE is a text in quotes",
            "write name LIKE 'Stadt%', with CASEI or ACCENTI around both",
        )
    if (len(pattern) - len(pattern.rstrip("\\"))) % 2:
        raise problem("the pattern of LIKE ends with its escape character", "double it to look for it")
    return _boolean(value.sql.like(folded.sql, escape="\\"))


def _folded(op: str, text: Operand) -> Operand:
    if text.kind != "string":
        raise problem(f"{op.upper()} takes a text, not {a(text.kind)}")
    return Operand("string", casei(text.sql) if op == "casei" else accenti(text.sql), weight=text.weight)


def _is_null(found: Operand) -> Operand:
    if found.kind == "interval":
        raise problem("IS NULL does not look at an interval", "ask for its ends")
    return _boolean(found.sql.is_(None))


def _compared_arrays(op: str, first: Operand, second: Operand) -> Operand:
    """Compare arrays as sets (21-065r2, requirement array-predicates)."""
    for found in (first, second):
        if found.kind != "array":
            raise problem(f"{op.upper()} compares arrays, not {a(found.kind)}", "write an array as ('a','b')")
    one, other = first.sql, second.sql
    contains = one.op("@>", is_comparison=True)(other)
    within = other.op("@>", is_comparison=True)(one)
    match op:
        case "a_contains":
            return _boolean(contains)
        case "a_containedBy":
            return _boolean(within)
        case "a_equals":
            return _boolean(and_(contains, within))
    element = func.jsonb_array_elements(one).table_valued("value")
    holds = other.op("@>", is_comparison=True)(func.jsonb_build_array(element.c.value))
    shared = exists(select(1).select_from(element).where(holds))
    return _boolean(case((and_(one.is_not(None), other.is_not(None)), shared)))
