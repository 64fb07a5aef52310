"""The JSON Schema of recipes, made from the models; `python -m ldt.harmonise.schema` writes it anew."""

from __future__ import annotations

from typing import Any

import orjson

from ldt.harmonise.recipe import Recipe
from ldt.settings import shipped


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a recipe."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Recipe.model_json_schema()}


def schema_text() -> bytes:
    """Return what `schemas/recipe.schema.json` holds."""
    return orjson.dumps(recipe_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    (shipped("schemas") / "recipe.schema.json").write_bytes(schema_text())
