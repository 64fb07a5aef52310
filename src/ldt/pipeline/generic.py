"""What no feature type claims: the recipes that take any layer, made to fit the one at hand.

A recipe whose `feature.collection` is `*` says nothing of columns. Before its records are read, they are looked at once: texts
of which all are numbers, truth values or dates become such, the properties' types are told to the recipe, and the collection
(and, by default, the data set) is called after the layer or the file.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Any

from ldt import sources
from ldt.harmonise.feature_types import feature_type_names
from ldt.harmonise.recipe import FeatureMapping, Recipe
from ldt.pipeline.inspect.columns import point_columns, quoted
from ldt.pipeline.inspect.places import guess, label
from ldt.pipeline.inspect.profile import WORDS, Column, Profile, profile
from ldt.pipeline.inspect.times import says_utc, time_column, time_sql
from ldt.sources.gml import GmlOptions
from ldt.sources.judged import judged_options
from ldt.sources.resource import Resource
from ldt.sources.source import Batch

#: Names that libraries give to a layer for want of a better one.
_NAMELESS = frozenset({"ogrgeojson", "layer", "sql_statement", "select", "features", "geojson"})
#: Names that a recipe's `columns` cannot have, since expressions of its own are called so.
_RESERVED = frozenset({"where", "cell", "valid_from", "valid_to", "alias"})
#: Readers that make points of two columns.
_WITH_POINTS = frozenset({"table", "parquet", "json", "vector"})
_SQL = {
    "boolean": "{}::BOOLEAN",
    "integer": "trim({})::BIGINT",
    "number": "trim({})::DOUBLE",
    "comma": "replace(trim({}), ',', '.')::DOUBLE",
    "grouped": "replace(replace(trim({}), '.', ''), ',', '.')::DOUBLE",
}
_TYPES: dict[str, dict[str, str]] = {
    "boolean": {"type": "boolean"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "comma": {"type": "number"},
    "grouped": {"type": "number"},
    "date": {"type": "string", "format": "date"},
    "date-time": {"type": "string", "format": "date-time"},
    "list": {"type": "array"},
    "text": {"type": "string"},
}


def is_generic(recipe: Recipe) -> bool:
    """Whether a recipe takes any layer, and is made to fit before it is run."""
    return recipe.feature is not None and recipe.feature.collection == "*"


def specialised(recipe: Recipe, resources: Sequence[Resource], name: str | None) -> tuple[Recipe, str]:
    """Return a recipe that fits the files at hand, and the name of the data set.

    Args:
        recipe: any; one that is not generic stays as it is.
        resources: the files, open.
        name: what the data set is to be called; by default the recipe's own name, or that of the layer.

    Raises:
        SourceError: a file cannot be read.
    """
    mapping = recipe.feature
    if mapping is None or not is_generic(recipe):
        return recipe, name or recipe.name
    reader, given = recipe.source.reader, recipe.source.options
    options = {**judged_options(reader, resources[0].path, given=given), **given}
    seen = profile(_records(recipe.source.reader, resources, options), limit=None, unique=False)
    pointless = reader in _WITH_POINTS and "x" not in options and not seen.places
    if pointless and (found := point_columns(seen, recipe.source.country)) and found.crs:
        options |= {"x": found.x, "y": found.y, "crs": found.crs}
    crs = _crs(recipe, seen)
    own = name or layer_name(recipe.source.reader, resources[0], options)
    dataset = name or safe_name(own)
    update: dict[str, Any] = {
        "collection": collection_id(own, dataset),
        "columns": {**mapping.columns, **typed(seen, recipe.source.reader)},
        "properties": types(seen, recipe.source.reader),
    }
    if begins := _begins(seen, recipe.source.reader, mapping.zone):
        used, begin = begins
        update |= begin
        # What tells the time is a property too.
        update["columns"] = {**{name: quoted(name) for name in used}, **update["columns"]}
    source = recipe.source.model_copy(update={"options": options, **crs})
    made: FeatureMapping = mapping.model_copy(update=update)
    title = {language: f"{text}: {own}" for language, text in recipe.title.items()}
    return recipe.model_copy(update={"source": source, "feature": made, "title": title}), dataset


def _crs(recipe: Recipe, seen: Profile) -> dict[str, str]:
    """Return the CRS of coordinates for which none is declared, and why: the one that all others declare, or the only one that fits."""
    if recipe.source.crs or not undeclared(seen):
        return {}
    others = {label(judgement.declared.projjson) for judgement, _ in seen.crs}
    found = sorted(others) if others else guess(seen.unplaced[0], recipe.source.country)
    if len(found) != 1:
        return {}
    why = (
        "other things of the file declare it"
        if others
        else "no other known CRS of Europe fits the coordinates"
    )
    return {"crs": found[0], "crs_because": f"none is declared, and {why}"}


def undeclared(seen: Profile) -> bool:
    """Whether there are coordinates for which no CRS is declared."""
    return bool(seen.unplaced) and "no CRS is declared" in " ".join(seen.problems)


def _records(reader: str, resources: Sequence[Resource], options: dict[str, Any]) -> Iterator[Batch]:
    taken = {k: v for k, v in options.items() if k != "member"}
    for resource in resources:
        yield from sources.read_resource(reader, resource, taken)


def layer_name(reader: str, resource: Resource, options: dict[str, Any]) -> str:
    """Return what the things of a file are called: its layer or feature type, or the file where that has no name of its own."""
    stem = resource.name
    while re.search(r"\.[A-Za-z][A-Za-z0-9]{1,9}$", stem):
        stem = stem.rpartition(".")[0]
    if reader == "gml":
        wanted = GmlOptions.model_validate({"feature": options.get("feature")}).feature or []
        return wanted[0] if len(wanted) == 1 else stem
    if reader != "vector":
        return stem
    layer = options.get("layer")
    if layer is None:
        import pyogrio  # it loads pandas: half a second that other readers need not wait

        layer = str(pyogrio.read_info(resource.path)["layer_name"])
    # GDAL calls a layer without a name after the file, which for a page of a service is one of the cache.
    return stem if layer.lower() in _NAMELESS or layer == resource.path.stem else layer


def safe_name(text: str) -> str:
    """Return a text as the name of a data set: lower-case letters, digits and hyphens, at most 100.

    ::

        ne_110m_rivers → ne-110m-rivers      Straßen (Köln) 2013 → strassen-koln-2013
    """
    plain = unicodedata.normalize("NFKD", text.replace("ß", "ss")).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:100].strip("-") or "layer"


def collection_id(own: str, dataset: str) -> str:
    """Return the id of the collection: the layer's own name where it can stand in an address, else the data set's."""
    found = own if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", own) else dataset
    # A collection that is called like a feature type would be mixed with it.
    return f"generic-{found}" if found in feature_type_names() else found


def published(seen: Profile, reader: str) -> list[tuple[Column, str]]:
    """Return the columns and their kinds as they are published: texts of formats that have types stay texts."""
    result = []
    for column in seen.columns.values():
        kind = column.kind
        # What a format that has types calls a text is one, unless it is a date, for which JSON and others have no type.
        if not column.typed and kind not in {"date", "date-time"} and (reader != "table" or kind == "json"):
            kind = "text"
        result.append((column, kind if column.filled else "text"))
    return result


def value_sql(column: Column, kind: str, missing: Sequence[str] = ()) -> str:
    """Return SQL of a column's value as what it is.

    Args:
        column: of the source.
        kind: what its values are.
        missing: texts that stand for no value, beside the words for it that were seen.
    """
    base = quoted(column.name)
    if column.typed:
        for number in missing:
            base = f"nullif({base}, {number})"
        return base
    for text in dict.fromkeys([*missing, *sorted(column.sentinels & WORDS)] if kind != "text" else []):
        base = f"nullif(trim({base}), '{text}')"
    return _SQL.get(kind, "{}").format(base)


def typed(seen: Profile, reader: str) -> dict[str, str]:
    """Return SQL for the columns whose texts are something else than texts, by name."""
    return {
        column.name: value_sql(column, kind)
        for column, kind in published(seen, reader)
        if not column.typed and kind in _SQL and column.name.lower() not in _RESERVED
    }


def types(seen: Profile, reader: str) -> dict[str, dict[str, str]]:
    """Return the JSON Schema of each property; nothing is said of one whose values are of several kinds."""
    return {column.name: dict(_TYPES.get(kind, {})) for column, kind in published(seen, reader)}


def _begins(seen: Profile, reader: str, zone: str | None) -> tuple[list[str], dict[str, str]] | None:
    """Return when the records of a table are valid from, where its columns tell that with their zone, or the recipe does.

    Returns:
        The columns that tell it, and the members of the recipe's `feature`.
    """
    if reader not in {"table", "json", "parquet"} or (found := time_column(seen)) is None:
        return None
    used = [name for name in (found.name, found.clock and found.clock.name) if name]
    zone = zone or ("UTC" if any(says_utc(name) for name in used) else None)
    if (found.naive and zone is None) or (found.clock is None and found.how != "iso"):
        return None
    begin = {"valid_from": time_sql(found)}
    return used, {**begin, "zone": zone} if found.naive and zone else begin
