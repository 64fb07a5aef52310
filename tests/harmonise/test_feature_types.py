"""Canonical feature types: checks by column, against the jsonschema library on whole documents."""

from __future__ import annotations

from typing import Any

import jsonschema
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ldt.errors import RecipeError
from ldt.harmonise.feature_types import FeatureType, feature_type, feature_type_names

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "code": {"type": "string", "minLength": 2, "maxLength": 4},
        "kind": {"type": "string", "enum": ["a", "b"]},
        "country": {"type": "string", "pattern": "^[A-Z]{2}$"},
        "year": {"type": "integer", "minimum": 1900, "exclusiveMaximum": 2100},
        "area": {"type": "number", "exclusiveMinimum": 0, "maximum": 10},
        "day": {"type": "string", "format": "date"},
        "parts": {"type": "array", "items": {"type": "integer"}},
    },
    "patternProperties": {"^name_[a-z]{2}$": {"type": "string", "minLength": 1}},
    "required": ["code"],
    "additionalProperties": False,
}
KINDS = {
    "code": (pa.string(), st.text(max_size=6)),
    "kind": (pa.string(), st.sampled_from(["a", "b", "c", ""])),
    "country": (pa.string(), st.sampled_from(["DE", "de", "DEU", ""])),
    "year": (pa.int64(), st.integers(1890, 2110)),
    "area": (pa.float64(), st.sampled_from([-1.0, 0.0, 0.5, 10.0, 10.5])),
    "day": (pa.string(), st.sampled_from(["2020-02-29", "2021-02-29", "20210101", "x"])),
    "parts": (pa.list_(pa.int64()), st.lists(st.integers(0, 3), max_size=2)),
    "name_de": (pa.string(), st.sampled_from(["", "x"])),
}
document = st.fixed_dictionaries({n: st.none() | s for n, (_, s) in KINDS.items()})


@given(st.lists(document, min_size=1, max_size=8))
def test_columns_are_judged_as_whole_documents_are(documents: list[dict[str, Any]]) -> None:
    kind = FeatureType("test", SCHEMA)
    failing: set[int] = set()
    for name, (type_, _) in KINDS.items():
        failing |= set(kind.failing(name, pa.array([d[name] for d in documents], type_)))
    # Nulls are left out of a feature's properties, and `required` is checked on its own.
    whole = jsonschema.Draft202012Validator(
        {**SCHEMA, "required": []}, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    expected = {
        i
        for i, d in enumerate(documents)
        if not whole.is_valid({k: v for k, v in d.items() if v is not None})
    }
    assert failing == expected


def test_a_value_of_another_type_is_told() -> None:
    kind = FeatureType("test", SCHEMA)
    assert "'x' is not of type 'integer'" in kind.failing("year", pa.array(["x"]))[0]
    assert "not of type 'string'" in kind.failing("code", pa.array([112]))[0]
    assert kind.failing("code", pa.array([None], pa.string())) == {}


def test_keywords_that_are_not_checked_are_refused() -> None:
    with pytest.raises(RecipeError, match="dependentRequired"):
        FeatureType("test", {**SCHEMA, "dependentRequired": {"code": ["year"]}})


def test_a_recipe_makes_only_properties_that_there_are_and_all_that_are_required() -> None:
    kind = FeatureType("test", SCHEMA)
    kind.check_recipe(["code", "name_de"], ["name_de"])
    with pytest.raises(RecipeError, match="no property 'colour'"):
        kind.check_recipe(["code", "colour"], [])
    with pytest.raises(RecipeError, match="'code' is required"):
        kind.check_recipe(["year"], [])


def test_an_unknown_type_is_told_with_what_there_is() -> None:
    with pytest.raises(RecipeError, match="administrative-units"):
        feature_type("castles")


@pytest.mark.parametrize("name", feature_type_names())
def test_each_shipped_schema_is_one_and_describes_itself(name: str) -> None:
    schema = feature_type(name).schema
    jsonschema.Draft202012Validator.check_schema(schema)
    about = schema["x-ldt"]
    assert {"en", "de", "fr", "es", "it"} <= set(about["title"])
    assert set(about["geometry"]) <= {
        "Point",
        "MultiPoint",
        "LineString",
        "MultiLineString",
        "Polygon",
        "MultiPolygon",
        "GeometryCollection",
    }
    assert about["area"] in (True, False)
    assert all(p["description"] for p in schema["properties"].values())
    style = about.get("style", {})
    assert "colours" not in style or style["by"] in schema["properties"]


@pytest.mark.parametrize(
    "about",
    [
        {"type": "string", "x-ldt": {"reference": "streets"}},
        {"type": "string", "x-ldt": {"reference": []}},
        {"type": "integer", "x-ldt": {"reference": ["streets"]}},
        {"type": "array", "items": {"type": "object"}, "x-ldt": {"reference": ["streets"]}},
    ],
)
def test_a_reference_is_a_text_that_may_lead_to_some_types(about: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="reference"):
        FeatureType("test", {**SCHEMA, "properties": {**SCHEMA["properties"], "street": about}})


@pytest.mark.parametrize("name", feature_type_names())
def test_references_of_shipped_types_lead_to_types_that_there_are(name: str) -> None:
    for key, about in feature_type(name).schema["properties"].items():
        assert set(about.get("x-ldt", {}).get("reference", [])) <= set(feature_type_names()), key
