"""Reader `gml`: features of any GML application schema, INSPIRE's above all, in one pass and bounded memory.

No schema is loaded and none is needed: the recipe's `paths` say where the values of columns stand (see
:mod:`ldt.sources.gml_paths`), every leaf that none of them takes whole arrives under `raw`. Members that are alike are not even parsed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import Field, field_validator

from ldt.errors import RecipeError
from ldt.settings import settings
from ldt.sources.batches import Options, check_options, column_names
from ldt.sources.gml_ahead import ahead
from ldt.sources.gml_describe import Summary
from ldt.sources.gml_leaves import with_leaves
from ldt.sources.gml_records import Reading, Wanted
from ldt.sources.gml_rows import GEOMETRY_PATH, GML_ID, HEIGHT, TYPE
from ldt.sources.source import Batch, Description

SUFFIXES = (".gml", ".xml")


class GmlOptions(Options):
    """Options of the reader `gml`.

    Attributes:
        feature: local names of the feature types to take; all without it. On the command line one name, or several with commas.
        paths: column → location path.
        geometry: location path of the geometry property, where a feature has several; without it the first that is more than a label's place.
        each: local name of a property; each of them makes a record of its own, with all else that the feature has.
        leaves: whether every leaf becomes a column of its own, typed, in place of `raw`; the file is then read twice.
    """

    feature: list[str] | None = None
    paths: dict[str, str] = Field(default_factory=dict)
    geometry: str | None = None
    each: str | None = None
    leaves: bool = False

    @field_validator("feature", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        return value.split(",") if isinstance(value, str) else value


class GmlReader:
    """GML."""

    suffixes = SUFFIXES
    options = GmlOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the features, each batch of one CRS; `_row` counts all features, also those of types not asked for."""
        chosen = check_options(GmlOptions, options, "gml")
        names = list(chosen.paths)
        reserved = {GML_ID, TYPE, GEOMETRY_PATH, HEIGHT}
        if column_names(names) != names or reserved & set(names):
            raise RecipeError(
                "a column's name is reserved or there twice",
                where="option `paths`",
                remedy="call it something else than _row, _file, _type, _geometry, _height, gml_id, geometry, raw",
            )
        wanted = Wanted(
            paths=chosen.paths,
            geometry=chosen.geometry,
            features=frozenset(chosen.feature) if chosen.feature is not None else None,
            each=chosen.each,
            everything=chosen.leaves,
        )
        if chosen.leaves:
            yield from with_leaves(lambda: ahead(path, wanted, settings().workers), reserved | set(names))
        else:
            yield from ahead(path, wanted, settings().workers)

    def describe(self, path: Path) -> Description:
        """Tell the feature types, reading the whole file once."""
        reading = Reading(path, Wanted())
        summary = Summary(path)
        for batch in reading.batches():
            summary.see(batch)
        return summary.description(list(reading.places), sorted(reading.unknown))
