"""Which recipes fit a layer: by its reader, names and columns, and by trying them on its first records."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ldt import sources
from ldt.errors import CheckError, LdtError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe, load_recipe, recipe_names
from ldt.model.outcome import Tally
from ldt.pipeline.inspect.profile import profile
from ldt.sources.resource import Resource, magic
from ldt.sources.source import Batch, LayerDescription

#: Records that a recipe is tried on.
_TRIED = 200
#: What a recipe takes of records of which nobody can say where they lie: it fits by what it looks for, the place must be stated.
_UNPLACED = 0.001
#: Folder of the recipes that take any layer; they come last.
GENERIC = "generic"
_ANY = frozenset({"inspire/any"})


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer as recipes see it."""

    resource: Resource
    reader: str
    description: LayerDescription
    #: The layer's name without that of its file, where an archive has several.
    name: str


@lru_cache(maxsize=1)
def shipped_recipes() -> tuple[tuple[str, Recipe], ...]:
    """Return the shipped recipes by name; those that are wrong are passed over (`ldt recipes check` tells)."""
    found = []
    for name in recipe_names():
        try:
            found.append((name, load_recipe(name)))
        except LdtError:
            continue
    return tuple(found)


def is_generic(name: str) -> bool:
    """Whether a shipped recipe takes any layer."""
    return name.startswith(f"{GENERIC}/") or name in _ANY


def fitting(layer: Layer) -> list[str]:
    """Return the names of the recipes that fit a layer, best first, the generic ones last."""
    scores: dict[str, tuple[int, float]] = {}
    for name, recipe in shipped_recipes():
        if recipe.source.reader != layer.reader:
            continue
        if is_generic(name):
            if _takes(recipe, layer):
                scores[name] = (-1, 0.0 if name in _ANY else -1.0)
            continue
        score = _score(recipe, layer)
        if score and (share := _accepted(recipe, layer)) > 0:
            scores[name] = (score, share)
    return sorted(scores, key=lambda n: (tuple(-s for s in scores[n]), n))


def _takes(recipe: Recipe, layer: Layer) -> bool:
    """Whether a generic recipe is meant for a layer: those that need a geometry, for one that has it."""
    geometry = recipe.feature.geometry if recipe.feature else "none"
    return geometry != "required" or bool(layer.description.geometry_types)


def _score(recipe: Recipe, layer: Layer) -> int:
    """Return how much of what a recipe looks for a layer has, 0 for not at all.

    Its `match` words must all be there. The feature types that it takes, its layer and the names of its files count too; a
    word that is the layer's own name (a type of entity) says more than one that is among its columns.
    """
    about, options = layer.description, recipe.source.options
    words = {w.lower() for w in (layer.name, *about.columns, *_path_names(layer), *_first_line(layer))}
    if not all(any(a in words for a in word.lower().split("|")) for word in recipe.source.match):
        return 0
    files = {layer.resource.name.lower(), layer.resource.container.name.lower()}
    patterns = [p.lower() for p in recipe.source.files if p.strip("*").lower() not in _SUFFIXES]
    named = any(fnmatch.fnmatch(name, p) for p in patterns for name in files)
    types = options.get("feature") or []
    if types and layer.reader == "gml" and layer.name not in types:
        return 0
    if options.get("layer") not in (None, layer.name):
        return 0
    called = any(layer.name.lower() in word.lower().split("|") for word in recipe.source.match)
    return 3 * named + 4 * bool(types) + 2 * len(recipe.source.match) + called


_SUFFIXES = frozenset({"", ".gml", ".xml", ".csv", ".json", ".geojson", ".gpkg", ".shp", ".zip", ".tif", ".nc", ".txt", ".parquet"})  # fmt: skip


def _path_names(layer: Layer) -> Iterator[str]:
    """Yield the steps of the paths that GML's leaves stand at: `match` may name an element anywhere below."""
    if layer.reader == "gml":
        for column in layer.description.columns:
            yield from column.split("/")


def _first_line(layer: Layer) -> list[str]:
    """Return the names in the first line of a table, also where it is passed over since the rows are wider than it."""
    if layer.reader != "table":
        return []
    lines = magic(layer.resource.path, 16_384).decode("latin-1").splitlines()
    line = next((line for line in lines if line.strip()), "")
    return [name.strip(' "\ufeff') for name in re.split(r"[,;\t|]", line)]


def _accepted(recipe: Recipe, layer: Layer) -> float:
    """Return the share of a layer's first records that a recipe takes. Rasters are not tried: their cells would have to be read."""
    if recipe.coverage:
        return 1.0
    tally = Tally()
    try:
        tried = recipe.with_options({"layer": layer.name} if layer.reader == "vector" else {})
        worker = harmoniser(tried, Context(namespace="inspect"))
        options = {k: v for k, v in tried.source.options.items() if k != "member"}
        with reading(layer, options) as batches:
            for chunk in worker.batches(first(batches, _TRIED)):
                tally.add(chunk.tally)
    except CheckError:
        return _UNPLACED if recipe.feature and _unplaced(layer, options) else 0.0
    except LdtError:
        return 0.0
    taken = tally.accepted + tally.repaired + tally.duplicate
    return taken / tally.read if tally.read else 0.0


def _unplaced(layer: Layer, options: dict[str, Any]) -> bool:
    """Whether the first records have coordinates that cannot be judged, for any recipe."""
    with reading(layer, options) as batches:
        return bool(profile(first(batches, _TRIED), unique=False).unplaced)


@contextmanager
def reading(layer: Layer, options: dict[str, Any]) -> Iterator[Iterator[Batch]]:
    """Give the records of a layer, and close its file when enough were read."""
    batches = sources.read_resource(layer.reader, layer.resource, options)
    try:
        yield batches
    finally:
        if isinstance(batches, Generator):
            batches.close()


def first(batches: Iterator[Batch], number: int) -> Iterator[Batch]:
    """Yield the first records of some batches."""
    for batch in batches:
        yield Batch(batch.records.slice(0, number), batch.crs)
        number -= batch.records.num_rows
        if number <= 0:
            return
