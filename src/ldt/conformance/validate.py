"""The checks on a specification file, before anything is run: an error of the file must not look like one of the endpoint."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import Any

import jsonschema

from ldt.conformance.errors import SpecificationError

VARIABLE = re.compile(r"\$\{([^}]*)\}")
#: What an expectation can look at, and what it can say of it.
SUBJECTS = frozenset({"pointer", "value", "header"})
OPERATORS = frozenset(
    {
        "schema",
        "schema_file",
        "exists",
        "equals",
        "nearly",
        "not_equals",
        "one_of",
        "contains",
        "excludes",
        "matches",
        "at_least",
        "at_most",
    }
    | {"count", "min_count", "max_count", "unique", "same_members", "sum_of", "intersects_bbox"}
)


def check_document(document: Any, schema: dict[str, Any], where: str) -> None:
    """Check the shape of a specification against its JSON Schema.

    Args:
        document: the parsed file.
        schema: `schemas/spec/specification.schema.json`.
        where: how messages name the file.

    Raises:
        SpecificationError: naming the first place that is wrong, and why.
    """
    validator = jsonschema.Draft202012Validator(schema)
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        place = "/" + "/".join(str(step) for step in error.absolute_path)
        message = error.message if len(error.message) < 300 else error.message[:297] + "…"
        raise SpecificationError(
            f"at {_named(document, list(error.absolute_path)) or place}: {message}", where=where
        )


def _named(document: Any, path: list[Any]) -> str | None:
    """Return a place with the id of the class, requirement or test that holds it, which is easier to find than a number."""
    node, identifier, rest = document, None, path
    for position, step in enumerate(path):
        node = node[step]
        if isinstance(node, dict) and str(node.get("id")).startswith("/"):
            identifier, rest = node["id"], path[position + 1 :]
    return f"{identifier} /{'/'.join(map(str, rest))}" if identifier else None


def check_references(document: dict[str, Any], files: dict[str, Any], where: str) -> None:
    """Check that everything that a specification refers to is there.

    Ids are unique; requirements lie in their class; tests name a requirement, prerequisites a test; neither
    classes nor tests depend on each other in a circle; each requirement but a `may` has a test; variables are parameters or captured
    before; JSON Schemas are schemas and refer to nothing outside the file.

    Raises:
        SpecificationError: naming the id concerned, and why.
    """
    try:
        _check_ids(document)
        _check_schemas(document.get("schemas", {}), files)
        defined = set(document.get("schemas", {}))
        names = _check_parameters(document.get("parameters", []), defined)
        for test in document["tests"]:
            _check_steps(test.get("steps", []), set(names), defined, test["id"])
    except _Wrong as wrong:
        raise SpecificationError(f"at {wrong.place}: {wrong.reason}", where=where) from None


class _Wrong(Exception):
    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place = place
        self.reason = reason


def _check_parameters(parameters: list[dict[str, Any]], schemas: set[str]) -> set[str]:
    """Check how parameters are discovered, each with those before it only, and return their names."""
    names: set[str] = set()
    for parameter in parameters:
        place = f"parameter {parameter['name']}"
        if "discover" in parameter and parameter["name"] not in _check_steps(
            parameter["discover"], set(names), schemas, place
        ):
            raise _Wrong(place, "its discovery does not capture it")
        names.add(parameter["name"])
    return names


def _check_ids(document: dict[str, Any]) -> None:
    classes, tests = document["requirements_classes"], document["tests"]
    requirements = [r for c in classes for r in c["requirements"]]
    for kind, entries, key in (
        ("parameter", document.get("parameters", []), "name"),
        ("class", classes, "id"),
        ("requirement", requirements, "id"),
        ("test", tests, "id"),
    ):
        seen: set[str] = set()
        for entry in entries:
            if entry[key] in seen:
                raise _Wrong(entry[key], f"the {kind} stands twice")
            seen.add(entry[key])
    for entry in classes:
        for requirement in entry["requirements"]:
            if not requirement["id"].startswith(entry["id"] + "/"):
                raise _Wrong(requirement["id"], f"a requirement of {entry['id']} has an id below it")
    _check_graph(
        {c["id"]: [d for d in c.get("depends_on", []) if d.startswith("/")] for c in classes}, "depends on"
    )
    _check_graph({t["id"]: t.get("prerequisites", []) for t in tests}, "has the prerequisite")
    levels = {r["id"]: r["level"] for r in requirements}
    for test in tests:
        if test["requirement"] not in levels:
            raise _Wrong(test["id"], f"there is no requirement {test['requirement']}")
        if levels[test["requirement"]] == "may":
            raise _Wrong(test["id"], "a permission (may) is not tested")
    tested = {t["requirement"] for t in tests}
    for identifier, level in levels.items():
        if level != "may" and identifier not in tested:
            raise _Wrong(identifier, "has no test")


def _check_graph(edges: dict[str, list[str]], verb: str) -> None:
    for identifier, targets in edges.items():
        for target in targets:
            if target not in edges:
                raise _Wrong(identifier, f"{verb} {target}, which does not exist")
    try:
        tuple(TopologicalSorter(edges).static_order())
    except CycleError as error:
        circle = list(error.args[1])
        raise _Wrong(circle[0], f"{verb} itself in a circle: {' → '.join(circle)}") from None


def _check_schemas(schemas: dict[str, Any], files: dict[str, Any]) -> None:
    for name, schema in schemas.items():
        _check_schema(schema, set(schemas), f"schema {name}")
    for name, schema in files.items():
        _check_schema(schema, set(schemas), f"schema file {name}")


def _check_schema(schema: Any, defined: set[str], place: str) -> None:
    try:
        jsonschema.Draft202012Validator.check_schema(schema)
    except jsonschema.SchemaError as error:
        raise _Wrong(place, f"is not a JSON Schema: {error.message}") from None
    own = {f"#/$defs/{name}" for name in schema.get("$defs", {})} if isinstance(schema, dict) else set()
    for reference in _references(schema):
        # Nothing is fetched: a test means the same wherever and whenever it runs.
        if reference not in own and reference.removeprefix("#/$defs/") not in defined:
            raise _Wrong(place, f"refers to {reference}; only '#/$defs/…' of `schemas` can be referred to")


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("$ref"), str):
            yield reference
        for member in node.values():
            yield from _references(member)
    elif isinstance(node, list):
        for member in node:
            yield from _references(member)


def _check_steps(steps: list[dict[str, Any]], known: set[str], schemas: set[str], place: str) -> set[str]:
    """Check steps in their order and return the variables that are known after them."""
    for number, step in enumerate(steps, 1):
        here = f"{place} step {number}"
        used = {k: v for k, v in step.items() if k in ("request", "follow", "applies", "expect")}
        if "pages" in step:
            known = known | {step["pages"]["as"]}
        if "each" in step:
            each = step["each"]
            _check_variables(each["in"], known, here)
            known = _check_steps(each.get("steps", []), known | {each["as"]}, schemas, here)
        _check_variables(used, known, here)
        for expectation in [*step.get("applies", []), *step.get("expect", [])]:
            _check_expectation(expectation, schemas, here)
        known = known | set(step.get("capture", {}))
    return known


def _check_variables(node: Any, known: Iterable[str], place: str) -> None:
    if isinstance(node, str):
        for name in VARIABLE.findall(node):
            if name not in known:
                raise _Wrong(place, f"uses ${{{name}}}, which is neither a parameter nor captured before")
    elif isinstance(node, dict):
        for member in node.values():
            _check_variables(member, known, place)
    elif isinstance(node, list):
        for member in node:
            _check_variables(member, known, place)


def _check_expectation(expectation: dict[str, Any], schemas: set[str], place: str) -> None:
    subjects, operators = SUBJECTS & expectation.keys(), OPERATORS & expectation.keys()
    whole = {"status", "media_type"} & expectation.keys()
    if len(subjects) > 1:
        raise _Wrong(place, f"an expectation looks at one thing, not at {' and '.join(sorted(subjects))}")
    if not operators and not whole:
        raise _Wrong(place, f"an expectation says nothing of its {next(iter(subjects), 'answer')}")
    if whole and (subjects or operators):
        raise _Wrong(place, f"{' and '.join(sorted(whole))} stands in an expectation of its own")
    if "schema" in expectation:
        _check_schema(expectation["schema"], schemas, place)
    if "matches" in expectation:
        try:
            re.compile(expectation["matches"])
        except re.error as error:
            raise _Wrong(place, f"{expectation['matches']!r} is not a regular expression: {error}") from None
