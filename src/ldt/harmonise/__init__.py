"""From a source's own records to canonical ones: columns, CRS, geometry, times, units, identifiers, and every record's outcome."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import Recipe
from ldt.sources.source import Batch


def harmoniser(recipe: Recipe, context: Context) -> Any:
    """Return what makes canonical records for a recipe; its method `batches` takes the batches (or rasters) of one source at a time.

    Use one harmoniser for all sources of an ingest, so that duplicates across sources are found.

    Raises:
        RecipeError: the recipe is wrong.
    """
    if recipe.feature is not None:
        from ldt.harmonise.features import FeatureHarmoniser

        return FeatureHarmoniser(recipe, context)
    if recipe.coverage is not None:
        from ldt.harmonise.coverages import CoverageHarmoniser

        return CoverageHarmoniser(recipe, context)
    from ldt.harmonise.observations import ObservationHarmoniser

    return ObservationHarmoniser(recipe, context)


def harmonise(recipe: Recipe, batches: Iterable[Batch], context: Context) -> Iterator[Chunk]:
    """Yield the canonical records of one source, chunk by chunk, with the outcome of every record.

    Raises:
        RecipeError: the recipe is wrong, or does not fit the source.
        CheckError: the data fail a check as a whole (CRS, zone, unit).
    """
    chunks: Iterator[Chunk] = harmoniser(recipe, context).batches(batches)
    yield from chunks
