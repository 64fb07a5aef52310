"""Random conditions over `people`, in CQL2 JSON, and what they are for a row: three-valued logic in plain Python."""

from __future__ import annotations

import math
import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Any

from hypothesis import strategies as st

Form = Any


def op(name: str, *arguments: Form) -> Form:
    return {"op": name, "args": list(arguments)}


def _property(*names: str) -> st.SearchStrategy[Form]:
    return st.sampled_from([{"property": n} for n in names])


_TEXTS = ["a", "A", "", "Äé", "ae", "it's", "%", "a%b", "a_b", "Straße", "strasse", "ø", "o", "B"]
_PATTERNS = ["a%", "%", "_", "a_b", "a\\%b", "%ß%", "a\\_b", "%'%", "", "ä%", "\\\\%"]
_DATES = ["2021-12-31", "2022-04-15", "2022-04-16", "2022-04-17"]
_INSTANTS = ["2021-12-31T23:59:59Z", "2022-04-16T00:00:00Z", "2022-04-16T10:00:00Z", "2022-04-17T00:00:00Z"]
_COMPARISONS = ["=", "<>", "<", ">", "<=", ">="]
_BOTH = ["t_after", "t_before", "t_disjoint", "t_equals", "t_intersects"]
_INTERVALS = [
    *("t_contains", "t_during", "t_finishedBy", "t_finishes", "t_meets", "t_metBy"),
    *("t_overlappedBy", "t_overlaps", "t_startedBy", "t_starts"),
]

#: Halves and small whole numbers, so that no sum, product or quotient is rounded differently.
_numbers = st.recursive(
    st.one_of(_property("n", "i"), st.sampled_from([-3, -1, 0, 1, 2, 4, 1.5, 0.25])),
    lambda inner: st.one_of(
        st.builds(op, st.sampled_from(["+", "-", "*", "div", "%"]), inner, inner),
        st.builds(op, st.just("/"), inner, st.sampled_from([-2, 0, 1, 4, 0.5])),
        st.builds(op, st.just("^"), inner, st.sampled_from([0, 1, 2, -1])),
        st.builds(op, st.just("abs"), inner),
    ),
    max_leaves=4,
)
_texts = st.recursive(
    st.one_of(_property("s", "r"), st.sampled_from(_TEXTS)),
    lambda inner: st.builds(op, st.sampled_from(["casei", "accenti"]), inner),
    max_leaves=2,
)
_instants = st.one_of(
    _property("d", "t", "u"),
    st.sampled_from([{"date": d} for d in _DATES] + [{"timestamp": t} for t in _INSTANTS]),
)


@st.composite
def _interval(draw: st.DrawFn) -> Form:
    ends = draw(st.sampled_from([_DATES, _INSTANTS]))
    given = sorted(draw(st.lists(st.sampled_from(ends), min_size=2, max_size=2)))
    first = draw(st.sampled_from([given[0], "..", {"property": "t"}, {"property": "d"}]))
    last = draw(st.sampled_from([given[1], "..", {"property": "u"}]))
    return {"interval": [first, last]}


_fold = st.sampled_from(
    [
        lambda x: x,
        lambda x: op("casei", x),
        lambda x: op("accenti", x),
        lambda x: op("accenti", op("casei", x)),
    ]
)


def conditions() -> st.SearchStrategy[Form]:
    """Conditions over the properties of `people`."""
    comparison = st.sampled_from(_COMPARISONS)
    simple = st.one_of(
        _property("b"),
        st.builds(op, comparison, _numbers, _numbers),
        st.builds(op, comparison, _texts, _texts),
        st.builds(op, comparison, _instants, _instants),
        st.builds(op, comparison, _property("b"), st.booleans()),
        st.builds(op, st.just("between"), _numbers, _numbers, _numbers),
        st.builds(op, st.just("between"), _instants, _instants, _instants),
        st.builds(op, st.just("in"), _numbers, st.lists(_numbers, min_size=1, max_size=3)),
        st.builds(op, st.just("in"), _texts, st.lists(_texts, min_size=1, max_size=3)),
        st.builds(op, st.just("in"), _instants, st.lists(_instants, min_size=1, max_size=3)),
        st.builds(
            lambda f, p, t: op("like", f(t), f(p)), _fold, st.sampled_from(_PATTERNS), _property("s", "r")
        ),
        st.builds(op, st.just("isNull"), st.one_of(_numbers, _texts, _instants, _property("b"))),
        st.builds(
            op, st.sampled_from(_BOTH), st.one_of(_instants, _interval()), st.one_of(_instants, _interval())
        ),
        st.builds(op, st.sampled_from(_INTERVALS), _interval(), _interval()),
    )
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            st.builds(op, st.just("not"), inner),
            st.builds(op, st.sampled_from(["and", "or"]), inner, inner),
        ),
        max_leaves=4,
    )


# What they are ----------------------------------------------------------------------------------------------------


def evaluated(form: Form, row: dict[str, Any]) -> Any:
    """Return the value of a form for a row; None is unknown."""
    match form:
        case bool() | int() | float() | str():
            return form
        case {"property": name}:
            return row[name]
        case {"date": text}:
            return date.fromisoformat(text)
        case {"timestamp": text}:
            return datetime.fromisoformat(text)
        case {"interval": [first, last]}:
            return (_end(first, row, -1), _end(last, row, 1))
        case {"op": "and" | "or" as name, "args": arguments}:
            return _joined(name, [evaluated(a, row) for a in arguments])
        case {"op": "in", "args": [value, listed]}:
            first, *rest = _alike([value, *listed], row)
            return _joined("or", [_operation("=", [first, one]) for one in rest])
        case {"op": "between", "args": arguments}:
            value, low, high = _alike(arguments, row)
            return _joined("and", [_operation(">=", [value, low]), _operation("<=", [value, high])])
        case {"op": "isNull", "args": [inner]}:
            return evaluated(inner, row) is None
        case {"op": name, "args": arguments}:
            return _operation(name, _alike(arguments, row))
    raise AssertionError(form)


def _end(form: Form, row: dict[str, Any], sign: int) -> Any:
    if form == "..":
        return sign * math.inf
    if isinstance(form, str):
        return datetime.fromisoformat(form) if "T" in form else date.fromisoformat(form)
    return row[form["property"]]


def _joined(name: str, values: list[bool | None]) -> bool | None:
    decisive = name == "or"
    if decisive in values:
        return decisive
    return None if None in values else not decisive


def _is_day(form: Form) -> bool:
    match form:
        case {"interval": ends}:
            return any(_is_day(e) or e in _DATES for e in ends)
        case {"property": name}:
            return bool(name == "d")
    return isinstance(form, dict) and "date" in form


def _alike(forms: list[Form], row: dict[str, Any]) -> list[Any]:
    """Return the values of forms; if one is of days, instants are the days on which they lie, known or not."""
    found = [evaluated(f, row) for f in forms]
    return [_day(v) for v in found] if any(map(_is_day, forms)) else found


def _day(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_day, value))
    return value.astimezone(UTC).date() if isinstance(value, datetime) else value


def _operation(name: str, values: list[Any]) -> Any:
    if name.startswith("t_"):
        return _temporal(name, *values)
    if None in values:
        return None
    if name == "not":
        return not values[0]
    match name:
        case "casei":
            return _casei(values[0])
        case "accenti":
            return _accenti(values[0])
        case "abs":
            return abs(values[0])
    a, b = values
    match name:
        case "=":
            return a == b
        case "<>":
            return a != b
        case "<":
            return a < b
        case ">":
            return a > b
        case "<=":
            return a <= b
        case ">=":
            return a >= b
        case "like":
            return _like(a, b)
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "^":
            return None if a == 0 and b < 0 else float(a) ** b
    if b == 0:
        return None
    if name == "%":
        return math.fmod(a, b)
    return a / b if name == "/" else float(math.trunc(a / b))


def _casei(text: str) -> str:
    return text.casefold()


def _accenti(text: str) -> str:
    bare = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return bare.replace("ß", "ss").replace("ø", "o")


def _like(text: str, pattern: str) -> bool:
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    made = "".join(".*" if p == "%" else "." if p == "_" else re.escape(p[-1]) for p in parts)
    return re.fullmatch(made, text, re.DOTALL) is not None


def _temporal(name: str, first: Any, second: Any) -> bool | None:
    """Allen's relations, each by its definition in OWL-Time, over closed intervals."""
    a, b = first if isinstance(first, tuple) else (first, first)
    c, d = second if isinstance(second, tuple) else (second, second)
    match name:
        case "t_after":
            return _lt(d, a)
        case "t_before":
            return _lt(b, c)
        case "t_disjoint":
            return _joined("or", [_lt(b, c), _lt(d, a)])
        case "t_intersects":
            disjoint = _joined("or", [_lt(b, c), _lt(d, a)])
            return None if disjoint is None else not disjoint
        case "t_equals":
            return _joined("and", [_eq(a, c), _eq(b, d)])
        case "t_contains":
            return _joined("and", [_lt(a, c), _lt(d, b)])
        case "t_during":
            return _joined("and", [_lt(c, a), _lt(b, d)])
        case "t_finishedBy":
            return _joined("and", [_lt(a, c), _eq(b, d)])
        case "t_finishes":
            return _joined("and", [_lt(c, a), _eq(b, d)])
        case "t_meets":
            return _eq(b, c)
        case "t_metBy":
            return _eq(a, d)
        case "t_overlappedBy":
            return _joined("and", [_lt(c, a), _lt(a, d), _lt(d, b)])
        case "t_overlaps":
            return _joined("and", [_lt(a, c), _lt(c, b), _lt(b, d)])
        case "t_startedBy":
            return _joined("and", [_eq(a, c), _lt(d, b)])
        case "t_starts":
            return _joined("and", [_eq(a, c), _lt(b, d)])
    raise AssertionError(name)


def _number(instant: Any) -> float:
    if isinstance(instant, float):
        return instant
    return instant.timestamp() if isinstance(instant, datetime) else float(instant.toordinal())


def _lt(a: Any, b: Any) -> bool | None:
    return None if a is None or b is None else _number(a) < _number(b)


def _eq(a: Any, b: Any) -> bool | None:
    return None if a is None or b is None else _number(a) == _number(b)


# In text ----------------------------------------------------------------------------------------------------------


def written(form: Form) -> str:
    """Return a form as CQL2 text, every operation in parentheses; the `cql2` library writes `div` as a function."""
    match form:
        case bool():
            return str(form).upper()
        case int() | float():
            return repr(form)
        case str():
            return "'" + form.replace("\\", "\\\\").replace("'", "''") + "'"
        case {"property": name}:
            return f'"{name}"'
        case {"date": text}:
            return f"DATE('{text}')"
        case {"timestamp": text}:
            return f"TIMESTAMP('{text}')"
        case {"interval": ends}:
            return f"INTERVAL({','.join(map(written, ends))})"
        case {"op": "in", "args": [value, listed]}:
            return f"({written(value)} IN ({','.join(map(written, listed))}))"
        case {"op": "isNull", "args": [value]}:
            return f"({written(value)} IS NULL)"
        case {"op": "not", "args": [value]}:
            return f"(NOT {written(value)})"
        case {"op": "between", "args": [value, low, high]}:
            return f"({written(value)} BETWEEN {written(low)} AND {written(high)})"
        case {"op": "like", "args": [value, pattern]}:
            return f"({written(value)} LIKE {written(pattern)})"
        case {"op": name, "args": arguments} if name[0].isalpha() and name not in ("and", "or", "div"):
            return f"{name}({','.join(map(written, arguments))})"
        case {"op": name, "args": arguments}:
            return "(" + f" {name} ".join(map(written, arguments)) + ")"
    raise AssertionError(form)
