"""`ldt inspect`: what a source is, and which recipes fit it."""

from __future__ import annotations

import fnmatch
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ldt import sources
from ldt.harmonise.recipe import Recipe, load_recipe, recipe_names


def inspect(path: Path) -> dict[str, Any]:
    """Return what a source is, JSON-ready: format, reader, layers, problems, and the shipped recipes that fit, best first.

    Raises:
        SourceError: it cannot be read.
        NotFound: it is not there.
    """
    description = sources.describe(path)
    columns = {c for layer in description.layers for c in (layer.name, *layer.columns)}
    # Of an archive also what the files in it are called.
    files = {path.name.lower(), *(layer.name.partition(": ")[0].lower() for layer in description.layers)}
    scores = {
        name: score
        for name in recipe_names()
        if (score := _fits(load_recipe(name), files, description.reader, columns))
    }
    found = asdict(description)
    for layer in found["layers"]:
        if layer["crs"]:
            layer["crs"].pop("projjson")
    return {**found, "recipes": sorted(scores, key=lambda n: (-scores[n], n))}


def _fits(recipe: Recipe, files: set[str], reader: str, columns: set[str]) -> int:
    """Return how well a recipe fits, 0 for not at all: its `match` words must all be there, its file name counts more."""
    if recipe.source.reader != reader:
        return 0
    named = any(fnmatch.fnmatch(name, pattern.lower()) for pattern in recipe.source.files for name in files)
    folded = {column.lower() for column in columns}
    matched = bool(recipe.source.match) and all(
        any(name in folded for name in word.lower().split("|")) for word in recipe.source.match
    )
    if recipe.source.match and not matched:
        return 0
    return 2 * named + matched
