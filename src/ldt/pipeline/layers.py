"""Which layer of a file a recipe is meant for, where neither it nor the user says so."""

from __future__ import annotations

from collections.abc import Sequence

from ldt import sources
from ldt.errors import SourceError
from ldt.harmonise.recipe import Recipe
from ldt.sources.resource import Resource
from ldt.sources.source import LayerDescription


def with_layer(recipe: Recipe, resources: Sequence[Resource]) -> tuple[Recipe, str | None]:
    """Return a recipe with the layer to read, and a sentence that says which was taken; as it is where there is no choice.

    Raises:
        SourceError: several layers, of which none or more than one has what the recipe looks for; lists them.
    """
    if recipe.source.reader != "vector" or "layer" in recipe.source.options or not resources:
        return recipe, None
    first = resources[0]
    if first.path.suffix.lower() in {".shp", ".geojson", ".json", ".fgb"}:
        return recipe, None
    layers = sources.describe(first.path).layers
    if len(layers) < 2:
        return recipe, None
    fitting = [one for one in layers if recipe.source.match and _matches(recipe, one)]
    if len(fitting) == 1:
        taken = fitting[0].name
        said = f"{first.name} has {len(layers)} layers; {taken!r} is the one that has {', '.join(recipe.source.match)}"
        return recipe.with_options({"layer": taken}), said
    listed = ", ".join(f"{one.name} ({one.count:,} records)" for one in fitting or layers)
    which = "several of them fit" if fitting else "it is not clear which is meant"
    raise SourceError(
        f"has {len(layers)} layers, and {which}",
        where=first.name,
        remedy=f"name one: --option layer=NAME, in a manifest options: {{layer: NAME}}; there are: {listed}",
    )


def _matches(recipe: Recipe, layer: LayerDescription) -> bool:
    words = {word.lower() for word in (layer.name, *layer.columns)}
    return all(any(a in words for a in word.lower().split("|")) for word in recipe.source.match)
