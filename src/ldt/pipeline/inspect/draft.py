"""A drafted recipe: a file that runs as it is on the source that it was drafted from, marked where a person must decide."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from ldt import sources
from ldt.errors import LdtError, SourceError, UsageError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe
from ldt.harmonise.vocabulary import observed_property
from ldt.model.outcome import Tally
from ldt.pipeline.generic import (
    collection_id,
    layer_name,
    published,
    safe_name,
    types,
    value_sql,
)
from ldt.pipeline.inspect import Looked, look_at, match
from ldt.pipeline.inspect.columns import quoted
from ldt.pipeline.inspect.draft_series import observations, observed, units_of
from ldt.pipeline.inspect.draft_text import Draft, Lines, flow, head, sentinels, source, zone_comment
from ldt.pipeline.inspect.profile import Profile, profile
from ldt.pipeline.inspect.times import time_sql
from ldt.sources.gml_paths import parse_path
from ldt.sources.resource import open_resources

#: Leaves of XML that a draft names, at most.
_LEAVES = 80
_ID = re.compile(r"(?i)^(gml_id|fid|ogc_fid|id|.*[_ ]id|localid|.*localid|code|.*[_ ]code|key|nr|nummer|number|uuid|guid|objectid|kennung|schluessel)$")  # fmt: skip
_SEVERAL = re.compile(r"has \d+ values of (\S+) \((-?[\d.]+)")


def draft(path: Path, layer: str | None = None, service: dict[str, str] | None = None) -> Draft:
    """Return a recipe for one layer of a source.

    Args:
        path: file, folder or archive.
        layer: which layer; needed where there are several.
        service: the recipe's `source.service`, where the file is a page of one.

    Raises:
        SourceError: the source cannot be read, or holds nothing to ingest.
        UsageError: it has several layers and none is named.
    """
    description = sources.describe(path)
    if description.document:
        raise SourceError(description.document.why, where=path.name)
    with open_resources(path) as resources:
        by_name = {r.name: r for r in resources}
        several = len(resources) > 1
        layers = []
        for about in description.layers:
            file, _, name = about.name.partition(": ")
            inside = several and file in by_name
            resource = by_name[file] if inside else resources[0]
            layers.append(match.Layer(resource, description.reader, about, name if inside else about.name))
        chosen = _chosen(path, layers, layer)
        found = look_at(chosen)
        made = _drafted(path, found)
        if service:
            place = made.lines.index("source:") + 1
            made.lines[place:place] = [
                "  service:",
                *(f"    {key}: {flow(value)}" for key, value in service.items()),
            ]
        made.lines.append("")
        return made.draft()


def _chosen(path: Path, layers: list[match.Layer], wanted: str | None) -> match.Layer:
    names = [one.name for one in layers]
    if wanted is not None:
        for one in layers:
            if wanted in {one.name, one.description.name}:
                return one
        raise UsageError(f"has no layer {wanted!r}", where=path.name, remedy=f"there are: {', '.join(names)}")
    if len(set(names)) == 1:
        return layers[0]
    if not layers:
        raise SourceError(
            "holds no records", where=path.name, remedy="there is nothing to draft a recipe for"
        )
    raise UsageError(
        f"has {len(names)} layers", where=path.name, remedy=f"name one with --layer: {', '.join(names)}"
    )


def _drafted(path: Path, found: Looked) -> Lines:
    if found.layer.reader in {"raster", "cube"}:
        return _coverage(path, found)
    if found.layer.reader == "om":
        raise UsageError(
            "observations in XML need no draft",
            where=path.name,
            remedy="the recipes om/* and eea/aqd-e read them",
        )
    _with_paths(found)
    if found.profile is None:
        raise SourceError("; ".join(found.problems), where=path.name)
    if found.kind == "series" and found.time_column and (values := observed(found.profile, units_of(found))):
        made = observations(path, found, found.time_column, values)
        if _taken(made.draft(), found):
            return made
    return _features(path, found)


def _with_paths(found: Looked) -> None:
    """Give the leaves of XML names, so that they can be mapped."""
    if found.layer.reader != "gml":
        return
    paths: dict[str, str] = {}
    for leaf in list(found.layer.description.columns)[:_LEAVES]:
        try:
            parse_path(leaf)
        except LdtError:
            continue
        name = _property(leaf.replace("/@", "_").replace("/", "_"), paths)
        paths[f"{name}_" if name in {"gml_id", "geometry", "raw"} else name] = leaf
    found.options = {"feature": [found.layer.name], "paths": paths}
    with found.batches() as batches:
        found.profile = profile(batches)


def _features(path: Path, found: Looked) -> Lines:
    assert found.profile is not None  # noqa: S101 - the caller has asked
    seen, lines = found.profile, Lines()
    name = layer_name(found.layer.reader, found.layer.resource, found.options)
    head(lines, path, found, name)
    source(lines, found)
    lines.put(0, "feature")
    lines.put(
        1,
        "type",
        "generic-features",
        "decide: a type of schemas/features, if one fits; its properties are then the columns",
    )
    lines.put(1, "collection", collection_id(name, safe_name(name)))
    lines.put(1, "geometry", "optional" if seen.places or found.points else "none")
    local_id, stability, why = _identifier(found, seen)
    lines.put(1, "id")
    lines.put(2, "local_id", local_id, why)
    lines.put(2, "stability", stability)
    if found.time_column and found.time and found.kind == "series":
        lines.put(1, "valid_from", time_sql(found.time_column))
        if found.time_column.naive and found.time.zone is None:
            lines.put(1, "zone", "UTC", zone_comment(found))
        elif found.time_column.naive:
            lines.put(1, "zone", found.time.zone)
    lines.put(1, "columns")
    named: dict[str, str] = {}
    kinds = types(seen, found.layer.reader)
    properties = {}
    for column, kind in published(seen, found.layer.reader):
        own = _property(column.name, named)
        named[own] = column.name
        gone = sorted(sentinels(column, kind))
        comment = f"decide: whether {', '.join(gone)} means that there is no value" if gone else ""
        lines.put(2, own, value_sql(column, kind, gone), comment)
        if kinds[column.name]:
            properties[own] = kinds[column.name]
    if not named:
        lines.lines[-1] += " {}"
    if properties:
        lines.put(1, "properties")
        for own, about in properties.items():
            lines.put(2, own, about)
    return lines


def _property(name: str, taken: Iterable[str]) -> str:
    """Return a column's name as a property's: letters, digits and `_`, none twice whatever the case."""
    plain = safe_name(name).replace("-", "_") if not re.fullmatch(r"[A-Za-z_]\w*", name, re.ASCII) else name
    plain = f"_{plain}" if plain[0].isdigit() else plain
    if plain.lower() in {"where", "cell", "valid_from", "valid_to", "alias"}:
        plain += "_"
    folded, number, found = {t.lower() for t in taken}, 2, plain
    while found.lower() in folded:
        found, number = f"{plain}_{number}", number + 1
    return found


def _identifier(found: Looked, seen: Profile) -> tuple[str, str, str]:
    """Return SQL of the identifier, its stability, and a comment."""
    if found.layer.reader == "gml":
        own = next((n for n, p in found.options["paths"].items() if p.endswith("Identifier/localId")), None)
        if own and (column := seen.columns.get(own)) and column.unique:
            return quoted(own), "source", ""
        return (
            "coalesce(gml_id, (_row + 1)::VARCHAR)",
            "source",
            "decide: whether gml:ids are kept over deliveries",
        )
    when = found.time_column
    times = {when.name, when.clock.name if when.clock else ""} if when else set()
    unique = [
        c
        for c in seen.columns.values()
        if c.unique and seen.whole and c.kind in {"text", "integer"} and not seen.malformed
    ]
    for column in sorted(unique, key=lambda c: not _ID.match(c.name)):
        if column.filled < seen.read or column.name in times:
            continue
        if _ID.match(column.name):
            return f"{quoted(column.name)}::VARCHAR", "source", "no value of it occurs twice"
        if column.kind == "text":
            return (
                f"{quoted(column.name)}::VARCHAR",
                "derived",
                "decide: whether it names the thing: no value of it occurs twice",
            )
    return (
        "(_row + 1)::VARCHAR",
        "position",
        "decide: no column tells records apart; the place in the file does",
    )


def _taken(made: Draft, found: Looked) -> bool:
    """Whether a draft takes some of the first records."""
    tally = Tally()
    try:
        recipe = Recipe.model_validate(made.content)
        worker = harmoniser(recipe, Context(namespace="draft"))
        with match.reading(found.layer, recipe.source.options) as batches:
            for chunk in worker.batches(match.first(batches, 500)):
                tally.add(chunk.tally)
    except (LdtError, ValueError):
        return False
    return tally.accepted + tally.repaired > tally.rejected


def _coverage(path: Path, found: Looked) -> Lines:
    lines, about = Lines(), found.layer.description
    name = layer_name(found.layer.reader, found.layer.resource, {})
    head(lines, path, found, name)
    lines.put(0, "source")
    lines.put(1, "reader", found.layer.reader)
    lines.put(1, "files", [found.layer.resource.name])
    chosen = {m[1]: float(m[2]) for p in found.problems if (m := _SEVERAL.search(p))}
    if chosen:
        lines.put(1, "options", {"select": chosen}, f"decide: {'; '.join(found.problems)}")
    lines.put(0, "coverage")
    lines.put(1, "bands")
    cube = found.layer.reader == "cube"
    names = [found.layer.name] if cube else list(about.columns)[:1]
    for band in names:
        known = observed_property(band) if cube else None
        code = known.code if known else "unspecified"
        lines.put(2, code, comment="decide: a code of the vocabulary observed-properties")
        lines.put(3, "source", band if cube else int(band))
        if known is None:
            lines.put(3, "unit", "1", "decide: the unit of the values")
    if not about.cells.get("time"):
        year = re.search(r"(?<!\d)(19|20)\d\d(?!\d)", path.name)
        lines.put(1, "period", year[0] if year else "2000", "decide: the period that it stands for")
    elif cube:
        lines.put(1, "averaging", "PT1H", "decide: what one step stands for")
    return lines
