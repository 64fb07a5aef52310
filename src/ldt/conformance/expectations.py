"""What a test may say of an answer: each expectation is checked and, where it does not hold, told in one sentence."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jsonschema
from referencing import Registry

from ldt.conformance.pointer import MISSING, select

#: Degrees by which a box taken from coordinates is widened, some 0.1 m.
HAIR = 1e-6
#: Characters of a value that a message shows.
_SHOWN = 200


def show(value: Any) -> str:
    """Return a value as a message shows it: JSON, cut where it is long."""
    if value is MISSING:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def validate(value: Any, schema: Any, schemas: Mapping[str, Any]) -> str | None:
    """Return why a value is not valid against a JSON Schema (draft 2020-12), or None.

    Args:
        value: parsed JSON.
        schema: the schema; `#/$defs/{name}` refers to `schemas`.
        schemas: JSON Schemas by name.
    """
    whole = {"$defs": dict(schemas), **schema} if isinstance(schema, dict) else schema
    if isinstance(schema, dict) and "$defs" in schema:
        whole["$defs"] = {**schemas, **schema["$defs"]}
    # An empty registry: a reference to elsewhere is an error of the specification, never a request.
    validator = jsonschema.Draft202012Validator(
        whole, registry=Registry(), format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    error = jsonschema.exceptions.best_match(validator.iter_errors(value))
    if error is None:
        return None
    place = "".join(f"/{step}" for step in error.absolute_path) or "the value"
    message = error.message if len(error.message) < 300 else error.message[:300] + "…"
    return f"at {place}: {message}"


def bounding_box(geometry: Any) -> list[float] | None:
    """Return [min x, min y, max x, max y] of a GeoJSON geometry, widened by a hair, or None where it has no coordinates.

    A service may round the coordinates it writes; the exact box of what it wrote could miss the object.
    """
    positions = list(_positions(geometry))
    if not positions:
        return None
    xs, ys = [p[0] for p in positions], [p[1] for p in positions]
    return [min(xs) - HAIR, min(ys) - HAIR, max(xs) + HAIR, max(ys) + HAIR]


def _positions(node: Any) -> Iterable[list[float]]:
    if isinstance(node, dict):
        yield from _positions(node.get("coordinates"))
        yield from _positions(node.get("geometries"))
    elif isinstance(node, list):
        if len(node) >= 2 and all(isinstance(n, int | float) for n in node):
            yield node
        else:
            for member in node:
                yield from _positions(member)


def _number(value: Any) -> float | None:
    """A number, also where it was given as text on the command line; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _members(value: Any) -> list[str]:
    return sorted(json.dumps(member, sort_keys=True) for member in value)


def _equal(a: Any, b: Any, within: float = 0.0) -> bool:
    """Equality of JSON values: `true` is not 1, and 1.0 is 1. Numbers may differ by `within`."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(_equal(x, y, within) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_equal(v, b[k], within) for k, v in a.items())
    if within and isinstance(a, int | float) and isinstance(b, int | float):
        return abs(a - b) <= within
    return bool(a == b)


def _nearly(got: Any, wanted: Any) -> bool:
    """Equality but for rounding: a list may write coordinates with fewer decimals than the single object."""
    return _equal(got, wanted, HAIR)


def _compare(got: Any, wanted: Any, holds: Callable[[float, float], bool]) -> bool:
    left, right = _number(got), _number(wanted)
    return left is not None and right is not None and holds(left, right)


def _at_least(a: float, b: float) -> bool:
    return a >= b


def _at_most(a: float, b: float) -> bool:
    return a <= b


def _same(a: float, b: float) -> bool:
    return a == b


def _length(value: Any) -> int:
    return len(value) if isinstance(value, list | dict | str) else 0


def _unique(got: Any, _: Any) -> bool:
    return isinstance(got, list) and len(_members(got)) == len(set(_members(got)))


def _same_members(got: Any, wanted: Any) -> bool:
    return isinstance(got, list) and isinstance(wanted, list) and _members(got) == _members(wanted)


def _contains(got: Any, wanted: Any) -> bool:
    if isinstance(got, str):
        return isinstance(wanted, str) and wanted in got
    return isinstance(got, list | dict) and any(_equal(member, wanted) for member in got)


def _intersects(got: Any, wanted: Any) -> bool:
    """Whether the bounding box of every geometry touches a box: needed for, if not the same as, the geometries touching it."""
    if (
        not isinstance(wanted, list)
        or len(wanted) not in (4, 6)
        or not all(_number(n) is not None for n in wanted)
    ):
        return False
    half = len(wanted) // 2
    west, south, east, north = wanted[0], wanted[1], wanted[half], wanted[half + 1]
    for geometry in got if isinstance(got, list) else [got]:
        if (box := bounding_box(geometry)) is None:
            continue  # a feature without a geometry lies nowhere in particular
        # A box that crosses the antimeridian has its west edge east of its east edge (RFC 7946 section 5.2).
        beside = (box[2] < west or box[0] > east) if west <= east else (box[2] < west and box[0] > east)
        if beside or box[3] < south or box[1] > north:
            return False
    return True


#: For each operator: whether it holds of (what is there, what was asked), and how a message says what was asked.
_OPERATORS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "equals": (_equal, "is not {}"),
    "nearly": (_nearly, "is not, within 1e-6, {}"),
    "not_equals": (lambda got, wanted: not _equal(got, wanted), "must not be {}"),
    "one_of": (lambda got, wanted: _contains(wanted, got), "is none of {}"),
    "contains": (_contains, "does not contain {}"),
    "excludes": (lambda got, wanted: not _contains(got, wanted), "must not contain {}"),
    "matches": (
        lambda got, wanted: isinstance(got, str) and re.search(wanted, got) is not None,
        "does not match {}",
    ),
    "at_least": (lambda got, wanted: _compare(got, wanted, _at_least), "is not at least {}"),
    "at_most": (lambda got, wanted: _compare(got, wanted, _at_most), "is not at most {}"),
    "count": (lambda got, wanted: _compare(_length(got), wanted, _same), "does not have {} members"),
    "min_count": (lambda got, wanted: _compare(_length(got), wanted, _at_least), "has fewer than {} members"),
    "max_count": (lambda got, wanted: _compare(_length(got), wanted, _at_most), "has more than {} members"),
    "unique": (_unique, "repeats a member"),
    "same_members": (_same_members, "does not have the same members as {}"),
    "intersects_bbox": (_intersects, "has a geometry that lies outside the box {}"),
}


def check(
    expectation: Mapping[str, Any],
    document: Any,
    status: int | None,
    headers: Mapping[str, str],
    schemas: Mapping[str, Any],
    files: Mapping[str, Any],
) -> str | None:
    """Return why an expectation does not hold, one sentence, or None where it does.

    Args:
        expectation: as the JSON Schema of specifications describes it, variables filled in.
        document: the parsed JSON body, or the element that an `each` step looks at; :data:`MISSING` where there is none.
        status: the HTTP status, None where no request was made.
        headers: of the response, lower-case names.
        schemas: JSON Schemas by name.
        files: JSON Schemas in files, by file name.
    """
    reason = _whole(expectation, status, headers) or _of_subject(
        expectation, document, headers, schemas, files
    )
    return f"{reason} ({expectation['why']})" if reason and "why" in expectation else reason


def _whole(expectation: Mapping[str, Any], status: int | None, headers: Mapping[str, str]) -> str | None:
    if "status" in expectation:
        wanted = expectation["status"]
        allowed = wanted if isinstance(wanted, list) else [wanted]
        if status not in allowed:
            return f"the status is {status}, not {' or '.join(map(str, allowed))}"
    if "media_type" in expectation:
        wanted = expectation["media_type"]
        allowed = wanted if isinstance(wanted, list) else [wanted]
        got = headers.get("content-type", "").split(";")[0].strip().lower()
        if got not in allowed:
            return f"the media type is {got or 'not stated'}, not {' or '.join(allowed)}"
    return None


def _of_subject(
    expectation: Mapping[str, Any],
    document: Any,
    headers: Mapping[str, str],
    schemas: Mapping[str, Any],
    files: Mapping[str, Any],
) -> str | None:
    operators = [
        k for k in expectation if k in _OPERATORS or k in ("schema", "schema_file", "exists", "sum_of")
    ]
    if not operators:
        return None
    name, got = _subject(expectation, document, headers)
    if "exists" in expectation:
        if (got is not MISSING) != expectation["exists"]:
            return f"{name} is missing" if got is MISSING else f"{name} must not be there, but is {show(got)}"
        if len(operators) == 1:
            return None
    if got is MISSING:
        return f"{name} is missing" if name != "the answer" else "the answer is not JSON"
    for key in ("schema", "schema_file"):
        if key in expectation:
            schema = expectation[key] if key == "schema" else files[expectation[key]]
            if reason := validate(got, schema, schemas):
                return f"{name} is not as the schema asks, {reason}"
    if "sum_of" in expectation:
        terms = [select(document, pointer) for pointer in expectation["sum_of"]]
        numbers = [_number(term) for term in terms]
        if None in numbers or _number(got) != sum(n for n in numbers if n is not None):
            return f"{name} is {show(got)}, not the sum of {', '.join(show(term) for term in terms)}"
    for operator in operators:
        if operator in _OPERATORS:
            holds, said = _OPERATORS[operator]
            if not holds(got, expectation[operator]):
                return f"{name} {said.format(show(expectation[operator]))}: it is {show(got)}"
    return None


def _subject(expectation: Mapping[str, Any], document: Any, headers: Mapping[str, str]) -> tuple[str, Any]:
    if "header" in expectation:
        return f"the header {expectation['header']}", headers.get(expectation["header"].lower(), MISSING)
    if "value" in expectation:
        return "the captured value", expectation["value"]
    pointer = expectation.get("pointer", "")
    return pointer or "the answer", select(document, pointer) if document is not MISSING else MISSING
