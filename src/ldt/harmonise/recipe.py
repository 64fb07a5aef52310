"""Recipes: how one data set, or a family of them, becomes canonical records. YAML that a GIS person can write.

The models below are the schema; `schemas/recipe.schema.json` is generated from them and held against them by a test.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ldt.errors import NotFound, RecipeError
from ldt.model.dataset import DatasetDescription
from ldt.settings import shipped
from ldt.sources.services.service import Service

#: A DuckDB SQL expression over the source's columns. It is wrapped in TRY: a value that fails costs its record only.
Sql = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Strict):
    """Where the data come from and what reads them.

    Attributes:
        reader: `vector` (files that GDAL opens), `gml`, `table` (CSV and the like), `json`, `parquet`; for coverages
            `raster` (GeoTIFF and what else GDAL opens) and `cube` (NetCDF, Zarr, GRIB); `om` for observations in XML
            (O&M, WaterML2, SOS answers, the EEA's e-reporting).
        files: what the files are usually called, for people and for `ldt inspect`.
        match: columns, elements or keys that a fitting source has (`CODE_18|CODE_12`: one of them); `ldt inspect` proposes
            recipes by it. Upper and lower case do not matter.
        crs: the CRS where the source states none, or states a wrong one (`crs_because` says why).
        country: ISO 3166 code of where the data must lie, when the twin does not tell.
        service: the live service that the data come from, when no file is given.
        upstream: address of the page where people get the data; `ldt sources check` asks whether it is still there.
        keep: whether the bytes are kept in the file store; otherwise only their digest is.
        options: what the reader itself understands.
    """

    reader: Literal["vector", "gml", "table", "json", "parquet", "raster", "cube", "om", "metadata"]
    files: list[str] = []
    match: list[str] = []
    crs: str | None = None
    crs_because: str | None = None
    country: Country | None = None
    service: Service | None = None
    upstream: str | None = None
    keep: bool = True
    options: dict[str, Any] = {}

    @model_validator(mode="after")
    def _override_has_reason(self) -> Source:
        if (self.crs is None) != (self.crs_because is None):
            raise ValueError("`crs` and `crs_because` come together: an override needs its reason")
        return self


class Identifier(_Strict):
    """How a record gets its identifier.

    Attributes:
        namespace: SQL of the INSPIRE namespace; without it the data set's own namespace is meant.
        local_id: SQL of the localId.
        version_id: SQL of the versionId, if there is one.
        stability: `source` (the source's own, kept over deliveries), `derived` (from attributes that rarely change),
            `position` (from the place in the file: another order gives other ids).
    """

    namespace: Sql | None = None
    local_id: Sql
    version_id: Sql | None = None
    stability: Literal["source", "derived", "position"]


class FeatureMapping(_Strict):
    """How records become features.

    Attributes:
        type: canonical feature type, a file `schemas/features/{type}.schema.json`.
        columns: canonical property → SQL. A null is left out of the feature's properties.
        required: canonical properties without which a record is rejected.
        valid_from: SQL of the beginning of the object's life span (and `valid_to` of its end).
        where: SQL; records for which it is not true are `outside`.
        geometry: whether a record must have a geometry, may have one, or has none.
        alias: SQL of the other name by which records of the same delivery refer to this one (a `gml:id`).
        cell: SQL of a code of the reference grid (`1kmN3210E4321`, `CRS3035RES1000mN3210000E4321000`); the geometry is that cell.
        codes: canonical property → vocabulary: a record whose value is none of its finest codes (of Corine's three levels the
            third) is rejected.
        collection: id of the collection of generic features, which have one of their own; `*` stands for the name of the layer
            or file. Recipes with `*` are made to fit the layer: its columns are the properties, typed.
        properties: JSON Schema of the properties of generic features, by name (`{type: integer}`), for those who read them.
        indexed: properties that people filter and sort by, beside those that the feature type's schema marks (`x-ldt: {indexed: true}`):
            each gets an index, which costs some per cent of the load. Of generic features those that the layer has.
        raw: whether what no column took is kept with the feature. `false` where several records tell of one object (the rows
            of a sensor all name its place): the first is the feature, the others repeat it.
    """

    type: str
    id: Identifier
    columns: dict[str, Sql]
    required: list[str] = []
    valid_from: Sql | None = None
    valid_to: Sql | None = None
    zone: str | None = Field(None, description="Zone of naive life-span times (`+01:00`, `Europe/Berlin`).")
    where: Sql | None = None
    geometry: Literal["required", "optional", "none"] = "required"
    alias: Sql | None = None
    cell: Sql | None = None
    codes: dict[str, str] = {}
    collection: str | None = Field(None, pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9_-]*)$", max_length=120)
    properties: dict[str, dict[str, str]] = {}
    indexed: list[str] = Field([], max_length=8)
    raw: bool = True


class Unpivot(_Strict):
    """One record becomes several rows: a list column is taken apart, or several columns are put under one another.

    Attributes:
        column: the list; SQL sees the element as `item`.
        columns: the columns instead; SQL sees the value as `item` and the name of its column, as it is written here, as
            `item_name`. Columns that a source does not have are passed over. Where types differ, values are texts.
        ordinal: name under which SQL sees the element's place in the list, or in `columns`, from 0.
    """

    column: str | None = None
    columns: list[str] = []
    ordinal: str = "ordinal"

    @model_validator(mode="after")
    def _one_of_two(self) -> Unpivot:
        if (self.column is None) == (not self.columns):
            raise ValueError("`unpivot` takes either `column` or `columns`")
        return self


class ObservationMapping(_Strict):
    """How records become observations.

    Attributes:
        thing: SQL of the code of what observes (the station).
        datastream: SQL expressions that, with thing and observed property, tell one series from another (sampling point).
        observed_property: SQL of a code of the vocabulary `observed-properties`, or of one of its notations.
        averaging: SQL of an ISO 8601 duration or one of the EEA's words (`hour`, `day`, `var`).
        time: SQL of the beginning of the interval; a naive time is in `zone`.
        time_end: SQL of its end; without it, `time` plus `averaging`.
        zone: fixed offset (`+01:00`) or name; required where times are naive.
        value: SQL of the number.
        missing: SQL that is true where the source says that there is no value.
        unit: SQL of the unit as the source writes it; `units` maps that to UCUM where the notation is not known.
        validity, verification: SQL of the EEA codes; 1 (valid) and 3 (not verified) where the source has none.
        unpivot: where one record holds several values.
        properties: what else is kept with the datastream.
        update: `upsert` adds and overwrites, `replace` also removes what a new delivery no longer has.
        where: SQL; records for which it is not true are `outside`.
    """

    thing: Sql
    datastream: list[Sql] = []
    observed_property: Sql
    averaging: Sql
    time: Sql
    time_end: Sql | None = None
    zone: str | None = None
    value: Sql
    missing: Sql | None = None
    unit: Sql
    units: dict[str, str] = {}
    validity: Sql = "1"
    verification: Sql = "3"
    unpivot: Unpivot | None = None
    properties: dict[str, Sql] = {}
    update: Literal["upsert", "replace"] = "upsert"
    where: Sql | None = None


class BandMapping(_Strict):
    """How one band or variable becomes canonical.

    Attributes:
        source: number of the band, from 1 (`raster`), or name of the variable (`cube`), or several names, the first
            that is there being taken.
        unit: unit as the source writes it, converted to the unit of the observed property; without it the one that the file
            declares, and it is an error if that declares none.
        scale, offset: stored value = file's value * scale + offset, beside what the file itself declares.
        nodata: values that mean that there is none, beside the one that the file declares.
        values: numbers that stand in the file for other ones (`{201: 100}`), before scale and offset.
        vocabulary: vocabulary of the classes where values are codes. Its codes are stored, as integers.
        alternative: property of the vocabulary's concepts that files may hold in place of the codes (`grid_code`);
            which of the two a file holds is found from its values, and told.
        valid_range: least and greatest value that there can be, in the file's unit; what lies outside is no data, and is counted.
    """

    source: int | str | list[str] = 1
    unit: str | None = None
    scale: float = 1.0
    offset: float = 0.0
    nodata: list[float] = []
    values: dict[int, float] = {}
    vocabulary: str | None = None
    alternative: str | None = None
    valid_range: tuple[float, float] | None = None


class CoverageMapping(_Strict):
    """How a raster or a cube becomes a coverage. One file is one record.

    Attributes:
        bands: code of the vocabulary `observed-properties` → how it is read.
        code: regular expression whose first group, in the name of the file, is the coverage's code; by default the name
            without its suffixes.
        period: the period that the coverage stands for, as text (`2018`), where the file has no time axis.
        period_pattern: regular expression whose first group, in the name of the file, is that period; `period` where it is not there.
            With a group named `last`, the period reaches from the beginning of the first to the end of the last (`2015`, `2018`).
            Years may have two digits (`06`, `90`).
        averaging: ISO 8601 duration that one step of a time axis stands for (`P1D`); not needed where the file states the bounds
            of its steps, or that its values are those of instants.
        stamp: what the times of a file without such bounds are: the beginning of each step, or its `end` (sums of reanalyses).
        zone: zone of a naive time axis (`UTC`, `+01:00`).
    """

    bands: Annotated[dict[str, BandMapping], Field(min_length=1)]
    code: str | None = None
    period: str | None = None
    period_pattern: str | None = None
    averaging: str | None = None
    stamp: Literal["begin", "end"] = "begin"
    zone: str | None = None


class Recipe(DatasetDescription):
    """One data set: its description, its source, and how records become features, observations or coverages."""

    ldt: Literal[1] = Field(description="Version of the recipe format.")
    source: Source
    feature: FeatureMapping | None = None
    observation: ObservationMapping | None = None
    coverage: CoverageMapping | None = None
    duplicate_key: list[str] = Field(
        default=[],
        description="Canonical names that make two records the same; by default the id, or the datastream and the time.",
    )

    @model_validator(mode="after")
    def _one_shape(self) -> Recipe:
        if sum(m is not None for m in (self.feature, self.observation, self.coverage)) != 1:
            raise ValueError("a recipe has exactly one of `feature`, `observation` and `coverage`")
        if (self.coverage is not None) != (self.source.reader in {"raster", "cube"}):
            raise ValueError("the readers `raster` and `cube` go with `coverage`, and only with it")
        return self

    @property
    def collection(self) -> str | None:
        """The collection that its features are in, None where it makes none."""
        return (self.feature.collection or self.feature.type) if self.feature else None

    @property
    def shape(self) -> Literal["feature", "observation", "coverage"]:
        """The shape of the records that this recipe makes."""
        if self.feature is not None:
            return "feature"
        return "observation" if self.observation is not None else "coverage"

    def with_options(self, options: dict[str, Any]) -> Recipe:
        """Return this recipe with some of the reader's options set for one delivery (`layer`, `encoding`, …)."""
        if not options:
            return self
        source = self.source.model_copy(update={"options": {**self.source.options, **options}})
        return self.model_copy(update={"source": source})

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the recipe says."""
        content = self.model_dump(mode="json")
        return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()


def load_recipe(name: str, folder: Path | None = None) -> Recipe:
    """Return a recipe by name (`city/cologne-districts`, `cologne-districts`) or by path of a YAML file.

    Args:
        name: a path that exists, or a name under `connectors/`.
        folder: where to look for names, `connectors/` by default; a manifest's own folder is tried first.

    Raises:
        NotFound: no such recipe.
        RecipeError: it is not YAML, or breaks the schema; names the file, the key and the reason.
    """
    path = find_recipe(name, folder)
    try:
        # libyaml's loader is ten times as fast as the other: `ldt inspect` reads all recipes.
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError) as e:
        raise RecipeError(f"not readable as YAML: {' '.join(str(e).split())}", where=path.name) from e
    try:
        return Recipe.model_validate(content)
    except ValidationError as e:
        first = e.errors()[0]
        place = ".".join(str(p) for p in first["loc"]) or "recipe"
        more = f" (and {e.error_count() - 1} more)" if e.error_count() > 1 else ""
        raise RecipeError(
            f"{place}: {first['msg']}{more}",
            where=path.name,
            remedy="see docs/recipes.md for what a recipe may say",
        ) from e


def find_recipe(name: str, folder: Path | None = None) -> Path:
    """Return the file of a recipe.

    Raises:
        NotFound: no such recipe; tells what there is.
    """
    given = Path(name)
    if given.suffix in {".yaml", ".yml"}:
        for path in (given, (folder or Path()) / given):
            if path.is_file():
                return path
    # The user's folder itself and nothing below it: it may be a home directory, or hold another installation of this program.
    if folder is not None and (folder / f"{name}.yaml").is_file():
        return folder / f"{name}.yaml"
    for path in sorted(shipped("connectors").rglob(f"{given.name}.yaml")):
        if path.with_suffix("").as_posix().endswith(f"/{name}"):
            return path
    known = ", ".join(sorted(recipe_names()))
    raise NotFound(f"no recipe {name!r}", remedy=f"there are: {known}")


def recipe_names() -> list[str]:
    """Return the names of the shipped recipes, with their folder (`inspire/protected-sites`)."""
    root = shipped("connectors")
    return sorted(p.relative_to(root).with_suffix("").as_posix() for p in root.rglob("*.yaml"))
