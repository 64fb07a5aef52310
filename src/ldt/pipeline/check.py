"""`ldt recipes check`: a recipe against its schema and the vocabularies, and on a source without writing anything."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from ldt import sources
from ldt.errors import LdtError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.model.outcome import Tally
from ldt.pipeline.generic import specialised
from ldt.pipeline.ingest import opened
from ldt.pipeline.layers import with_layer
from ldt.settings import shipped
from ldt.sources.resource import open_resources


def check(name: str, source: Path | None = None, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return {recipe, problems, outcomes}: what is wrong with a recipe, and what would become of a source's records."""
    found: dict[str, Any] = {"recipe": name, "problems": [], "outcomes": None}
    try:
        recipe = load_recipe(name, Path.cwd()).with_options(options or {})
        found["problems"] += _words(recipe)
        harmoniser(recipe, Context(namespace="check"))
        if source is not None:
            found["outcomes"] = asdict(dry_run(recipe, source))
    except LdtError as e:
        found["problems"].append(str(e))
    return found


def dry_run(recipe: Recipe, path: Path) -> Tally:
    """Return what would become of a source's records in a twin that keeps everything. Nothing is written."""
    tally = Tally()
    suffixes = sources.suffixes(recipe.source.reader)
    with open_resources(path, suffixes=suffixes, member=recipe.source.options.get("member")) as resources:
        recipe, _ = with_layer(recipe, resources)
        recipe, _ = specialised(recipe, resources, None)
        worker = harmoniser(recipe, Context(namespace="check"))
        for resource in resources:
            for chunk in worker.batches(opened(recipe, resource)):
                tally.add(chunk.tally)
    return tally


def _words(recipe: Recipe) -> list[str]:
    """Return where a recipe uses words that no vocabulary has."""
    problems = []
    if recipe.anatomy not in _codes("anatomy"):
        problems.append(
            f"anatomy: {recipe.anatomy!r} is no path of the City Anatomy (schemas/vocabularies/anatomy.yaml)"
        )
    themes = _codes("inspire-themes")
    problems += [f"themes: {theme!r} is no INSPIRE theme" for theme in recipe.themes if theme not in themes]
    if recipe.feature:
        known = {
            p.name.removesuffix(".schema.json")
            for p in (shipped("schemas") / "features").glob("*.schema.json")
        }
        if recipe.feature.type not in known:
            problems.append(f"feature.type: {recipe.feature.type!r} is none of {', '.join(sorted(known))}")
    return problems


def _codes(vocabulary: str) -> set[str]:
    content = yaml.safe_load(
        (shipped("schemas") / "vocabularies" / f"{vocabulary}.yaml").read_text(encoding="utf-8")
    )
    return {str(c["code"]) for c in content["concepts"]}
