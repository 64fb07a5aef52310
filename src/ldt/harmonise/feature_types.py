"""Canonical feature types: what `schemas/features/{type}.schema.json` says, checked for whole columns at once.

The schemas are JSON Schema (draft 2020-12) of a feature's `properties`. The keywords that they use are all about one property at
a time, so a column is checked at once: types, bounds and lengths by Arrow, all else by the `jsonschema` library, once for each distinct value.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jsonschema
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from ldt.errors import RecipeError
from ldt.harmonise.documents import dump
from ldt.settings import shipped

#: Keywords that say nothing of validity.
_ANNOTATIONS = frozenset({"title", "description", "examples", "x-ldt", "$comment", "default", "deprecated"})
#: Keywords of a whole object that are understood; a schema that uses others is refused when it is loaded.
_OBJECT_KEYWORDS = _ANNOTATIONS | {
    "$schema",
    "$id",
    "type",
    "properties",
    "patternProperties",
    "required",
    "additionalProperties",
}
#: Distinct values of a column whose verdict is remembered.
_REMEMBERED = 100_000

Bools = NDArray[np.bool_]


class FeatureType:
    """A canonical feature type.

    Attributes:
        name: its name, `protected-sites`.
        schema: its JSON Schema.
        open: whether features may have properties that the schema does not name (`generic-features`).
    """

    def __init__(self, name: str, schema: dict[str, Any]) -> None:
        unknown = set(schema) - _OBJECT_KEYWORDS
        if unknown:
            raise RecipeError(
                f"uses keywords that are not checked: {', '.join(sorted(unknown))}",
                where=f"{name}.schema.json",
            )
        for key, about in schema.get("properties", {}).items():
            _check_reference(about, where=f"{name}.schema.json: {key}")
        self.name = name
        self.schema = schema
        self.open: bool = schema.get("additionalProperties", True) is not False
        self._verdicts: dict[str, dict[bytes, str | None]] = {}

    @property
    def required(self) -> list[str]:
        """Properties that every feature of the type has."""
        return list(self.schema.get("required", []))

    def property_schema(self, name: str) -> dict[str, Any] | None:
        """Return the schema of a property; None if the type has no such property."""
        found: dict[str, Any] | None = self.schema.get("properties", {}).get(name)
        if found is not None:
            return found
        for pattern, schema in self.schema.get("patternProperties", {}).items():
            if pc.match_substring_regex(pa.array([name]), pattern)[0].as_py():
                return dict(schema)
        return {} if self.open else None

    def check_recipe(self, columns: list[str], required: list[str]) -> None:
        """Check that a recipe makes properties that the type has.

        Raises:
            RecipeError: it makes one that the type does not have, or leaves out one that it requires.
        """
        has = ", ".join(self.schema.get("properties", {}))
        for name in columns:
            if self.property_schema(name) is None:
                raise RecipeError(
                    f"feature.columns: {self.name} have no property {name!r}", remedy=f"they have: {has}"
                )
        for name in [*self.required, *required]:
            if name not in columns:
                raise RecipeError(
                    f"feature.columns: {name!r} is required and missing", remedy=f"say what {name} is"
                )

    def failing(self, name: str, column: pa.Array) -> dict[int, str]:
        """Return position → message for each value of a property that breaks the schema. Nulls are not looked at."""
        schema = {k: v for k, v in (self.property_schema(name) or {}).items() if k not in _ANNOTATIONS}
        if not schema or column.null_count == len(column):
            return {}
        suspects = _suspects(schema, column)
        if suspects is None:
            return self._by_value(name, schema, column, np.ones(len(column), dtype=bool))
        return self._by_value(name, schema, column, suspects) if suspects.any() else {}

    def _by_value(self, name: str, schema: dict[str, Any], column: pa.Array, where: Bools) -> dict[int, str]:
        """Judge values by the library, each distinct one once."""
        verdicts = self._verdicts.setdefault(name, {})
        validator = jsonschema.Draft202012Validator(
            schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
        )
        positions = np.flatnonzero(where & column.is_valid().to_numpy(zero_copy_only=False))
        encoded = column.take(pa.array(positions)).dictionary_encode() if _hashable(column.type) else None
        values = (
            encoded.dictionary.to_pylist()
            if encoded is not None
            else column.take(pa.array(positions)).to_pylist()
        )
        messages = []
        for value in values:
            key = dump(value)
            if key not in verdicts:
                if len(verdicts) >= _REMEMBERED:
                    verdicts.clear()
                error = jsonschema.exceptions.best_match(validator.iter_errors(orjson.loads(key)))
                verdicts[key] = None if error is None else f"{name}: {error.message[:300]}"
            messages.append(verdicts[key])
        codes = encoded.indices.to_pylist() if encoded is not None else range(len(values))
        return {
            p: m for p, c in zip(positions.tolist(), codes, strict=True) if (m := messages[c]) is not None
        }


def _check_reference(about: dict[str, Any], where: str) -> None:
    """Check that a property which refers to other objects (`x-ldt: {reference: [types]}`) holds texts.

    Raises:
        RecipeError: it names no types, or is neither a string nor an array of strings.
    """
    if "reference" not in about.get("x-ldt", {}):
        return
    types = about["x-ldt"]["reference"]
    if not (isinstance(types, list) and types and all(isinstance(one, str) for one in types)):
        raise RecipeError(
            "`reference` is the list of the feature types that it may lead to",
            where=where,
            remedy="name at least one",
        )
    kind = about.get("items", {}).get("type") if about.get("type") == "array" else about.get("type")
    if kind != "string":
        raise RecipeError("a reference is a string, or an array of strings", where=where)


def _hashable(kind: pa.DataType) -> bool:
    return not (pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType))


def _suspects(schema: dict[str, Any], column: pa.Array) -> Bools | None:
    """Return which values Arrow finds wrong, or None if it cannot judge the schema or the type."""
    kind = column.type
    if pa.types.is_list(kind) and pa.types.is_string(kind.value_type):
        return _suspect_lists(schema, column)
    number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    text = pa.types.is_string(kind) or pa.types.is_large_string(kind)
    wanted = schema.get("type")
    fits = (
        (number and wanted == "number")
        or (pa.types.is_integer(kind) and wanted == "integer")
        or (text and wanted == "string")
    )
    if not fits or set(schema) - {
        "type",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
    }:
        return None
    measured = pc.utf8_length(column) if text else column
    tests = [
        (pc.less, schema.get("minLength" if text else "minimum")),
        (pc.greater, schema.get("maxLength" if text else "maximum")),
        (pc.less_equal, None if text else schema.get("exclusiveMinimum")),
        (pc.greater_equal, None if text else schema.get("exclusiveMaximum")),
    ]
    wrong = np.zeros(len(column), dtype=bool)
    for test, bound in tests:
        if bound is not None:
            wrong |= pc.fill_null(test(measured, bound), False).to_numpy(zero_copy_only=False)
    return wrong


def _suspect_lists(schema: dict[str, Any], column: pa.ListArray) -> Bools | None:
    """Return which lists of texts have an item that Arrow finds wrong, or None if it cannot judge the schema."""
    items = schema.get("items", {})
    if set(schema) != {"type", "items"} or schema["type"] != "array" or items.get("type") != "string":
        return None
    if set(items) - {"type", "minLength", *_ANNOTATIONS}:
        return None
    texts = column.flatten()
    short = pc.less(pc.utf8_length(texts), items.get("minLength", 0))
    wrong = np.zeros(len(column), dtype=bool)
    wrong[pc.list_parent_indices(column).filter(pc.fill_null(short, True)).to_numpy()] = True
    return wrong


@lru_cache(maxsize=64)
def feature_type(name: str) -> FeatureType:
    """Return a canonical feature type by name.

    Raises:
        RecipeError: there is none of that name; tells what there are.
    """
    path = shipped("schemas") / "features" / f"{name}.schema.json"
    if not path.is_file():
        raise RecipeError(
            f"feature.type: there is no feature type {name!r}",
            remedy=f"there are: {', '.join(feature_type_names())}",
        )
    return FeatureType(name, orjson.loads(path.read_bytes()))


def feature_type_names() -> list[str]:
    """Return the names of the canonical feature types."""
    return sorted(
        p.name.removesuffix(".schema.json") for p in (shipped("schemas") / "features").glob("*.schema.json")
    )
