"""Manifests: what a city brings, a boundary and a list of data sets. The schema is `schemas/manifest.schema.json`."""

from __future__ import annotations

from datetime import UTC
from glob import glob
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import yaml
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from ldt.errors import NotFound, RecipeError, UsageError
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.harmonise.vocabulary import concepts
from ldt.model.dataset import DataStage, DpsirRole, Name, Origin, Text
from ldt.model.snapshot import Access
from ldt.pipeline.fetch import is_address
from ldt.settings import shipped
from ldt.timerange import parse_period


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


#: What a data set need not have.
_MAY_LACK = frozenset({"description", "licence_uri", "dpsir", "update_frequency"})


class Described(_Strict):
    """What a city states of a data set in place of what its recipe states; see :class:`ldt.model.dataset.DatasetDescription`.

    Another licence without an address of its own has none: the recipe's would be that of another licence.
    """

    title: Text | None = None
    description: Text | None = None
    publisher: str | None = None
    licence: str | None = None
    licence_uri: str | None = None
    access: Access | None = None
    personal_data: bool | None = None
    origin: Origin | None = None
    data_stage: DataStage | None = None
    themes: list[str] | None = None
    anatomy: str | None = None
    dpsir: DpsirRole | None = None
    update_frequency: str | None = None

    def of(self, recipe: Recipe) -> Recipe:
        """Return a recipe under this description."""
        said = {name: getattr(self, name) for name in self.model_fields_set}
        if "licence" in said:
            said = {"licence_uri": None, **said}
        return recipe.model_copy(update=said)

    @model_validator(mode="after")
    def _nothing_required_is_taken_away(self) -> Described:
        for name in self.model_fields_set:
            if getattr(self, name) is None and name not in _MAY_LACK:
                raise ValueError(f"`{name}` cannot be empty: leave it out to keep what the recipe says")
        return self


class DatasetEntry(_Strict):
    """One data set of a twin.

    Attributes:
        recipe: name under `connectors/`, or path of a recipe relative to the manifest.
        sources: paths or globs relative to the manifest, or addresses (`https://…`); none where the recipe names a live service.
        layer: part of a service that an address leads to (feature type, collection, layer), in place of the recipe's.
        name: name of the data set, the recipe's own by default; needed where one recipe serves several data sets.
        options: what the reader must know of this delivery (`layer`, `encoding`, `member`), beside what the recipe says.
        describe: what is stated of the data set in place of what the recipe states (`title`, `licence`, `update_frequency`, …).
    """

    recipe: str
    sources: list[str] = []
    layer: str | None = None
    name: Name | None = None
    options: dict[str, Any] = {}
    describe: Annotated[Described, Field(default_factory=Described)]


class Manifest(_Strict):
    """A twin as a city describes it.

    Attributes:
        twin: name in addresses.
        scale: level of the City Anatomy's scale chain (`city`, `district`, `metropolis`, …).
        boundary: name of the data set, listed below, whose polygons are the boundary; without it everything is kept.
        buffer_m: geodesic buffer around the boundary within which features are kept, in metres.
        indicators: ids to compute after the data are in; all computable ones if it is left out.
        areas: schemes of areas to compute them for.
        periods: years, or other periods, to compute them for.
    """

    ldt: Literal[1] = Field(description="Version of the manifest format.")
    twin: Name
    title: Text
    description: Text | None = None
    scale: str = "city"
    boundary: Name | None = None
    buffer_m: Annotated[float, Field(ge=0, le=200_000)] = 5000
    datasets: Annotated[list[DatasetEntry], Field(min_length=1)]
    indicators: list[str] | None = None
    areas: list[str] = []
    periods: list[str] = []

    # What is asked for at the end of a build is checked before its beginning.

    @field_validator("indicators", "areas")
    @classmethod
    def _known(cls, names: list[str] | None, info: ValidationInfo) -> list[str] | None:
        known = _indicators() if info.field_name == "indicators" else _area_schemes()
        if unknown := [n for n in names or [] if n not in known]:
            raise ValueError(f"there is no {', '.join(map(repr, unknown))}; there are: {', '.join(known)}")
        return names

    @field_validator("periods")
    @classmethod
    def _readable(cls, periods: list[str]) -> list[str]:
        for text in periods:
            try:
                parse_period(text, UTC)
            except UsageError as e:
                raise ValueError(e.message) from e
        return periods


def _indicators() -> list[str]:
    return sorted(p.stem for p in (shipped("schemas") / "indicators").glob("*.yaml"))


def _area_schemes() -> list[str]:
    return [c["code"] for c in concepts("area-schemes")]


class Listed(BaseModel):
    """A data set of a manifest with its recipe read and its sources found."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    name: str
    recipe: Recipe
    sources: list[str]
    layer: str | None = None


def load_manifest(path: Path) -> Manifest:
    """Read a manifest.

    Raises:
        NotFound: no such file.
        RecipeError: it is not YAML or breaks the schema; names the key and the reason.
    """
    if not path.is_file():
        raise NotFound("no such manifest", where=str(path), remedy="docs/manifest.md has a commented example")
    try:
        return Manifest.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise RecipeError(f"not readable as YAML: {' '.join(str(e).split())}", where=path.name) from e
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "manifest"
        reason = first["msg"].removeprefix("Value error, ")
        raise RecipeError(f"{place}: {reason}", where=path.name, remedy="see docs/manifest.md") from e


def resolve(manifest: Manifest, folder: Path) -> list[Listed]:
    """Return the data sets of a manifest in the order in which they are ingested: the boundary first.

    Raises:
        NotFound: a recipe or a source that is not there; names it and the data set.
        RecipeError: a boundary that is not listed, a name given twice.
    """
    listed = []
    for entry in manifest.datasets:
        recipe = entry.describe.of(load_recipe(entry.recipe, folder).with_options(entry.options))
        name = entry.name or recipe.name
        listed.append(
            Listed(name=name, recipe=recipe, sources=_sources(entry, recipe, folder, name), layer=entry.layer)
        )
    names = [d.name for d in listed]
    if twice := {n for n in names if names.count(n) > 1}:
        raise RecipeError(
            f"two data sets are called {', '.join(sorted(twice))}",
            where="datasets",
            remedy="give one of them another `name`",
        )
    if manifest.boundary and manifest.boundary not in names:
        raise RecipeError(
            f"no data set is called {manifest.boundary!r}",
            where="boundary",
            remedy=f"there are: {', '.join(names)}",
        )
    return sorted(listed, key=lambda d: d.name != manifest.boundary)


def _sources(entry: DatasetEntry, recipe: Recipe, folder: Path, name: str) -> list[str]:
    """Return the paths and addresses of a data set."""
    if not entry.sources and recipe.source.service is None:
        raise RecipeError(
            "no `sources`, and the recipe names no live service",
            where=f"data set {name}",
            remedy="list files, folders or addresses",
        )
    found: list[str] = []
    for source in entry.sources:
        if is_address(source):
            matched = [source]
        else:
            exact = folder / source
            matched = [str(exact)] if exact.exists() else sorted(glob(str(exact)))
        if not matched:
            raise NotFound(
                f"no file matches {source!r}",
                where=f"data set {name}",
                remedy=f"paths are relative to {folder}",
            )
        found.extend(p for p in matched if p not in found)
    return found


def manifest_schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of a manifest, from the models above."""
    schema = Manifest.model_json_schema()
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "LDT manifest"}


def schema_text() -> bytes:
    """Return what `schemas/manifest.schema.json` holds."""
    return orjson.dumps(manifest_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


if __name__ == "__main__":
    (shipped("schemas") / "manifest.schema.json").write_bytes(schema_text())
