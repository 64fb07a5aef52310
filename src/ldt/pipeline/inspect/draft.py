"""A drafted recipe: a file that runs as it is on the source that it was drafted from, marked where a person must decide."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import yaml

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
    undeclared,
    value_sql,
)
from ldt.pipeline.inspect import Looked, look_at, match
from ldt.pipeline.inspect.columns import quoted
from ldt.pipeline.inspect.profile import Column, Profile, profile
from ldt.pipeline.inspect.times import TimeColumn, time_sql
from ldt.sources.gml_paths import parse_path
from ldt.sources.resource import open_resources
from ldt.sources.table import TableOptions, unit_row

#: Leaves of XML that a draft names, at most.
_LEAVES = 80
_ID = re.compile(r"(?i)^(gml_id|fid|ogc_fid|id|.*[_ ]id|localid|.*localid|code|.*[_ ]code|key|nr|nummer|number|uuid|guid|objectid|kennung|schluessel)$")  # fmt: skip
_THING = re.compile(r"(?i)(station|sensor|thing|procedure|site|location|messstelle|stn)")
_UNIT = re.compile(r"[\[(]\s*([^\])]+?)\s*[\])]\s*$")
_SEVERAL = re.compile(r"has \d+ values of (\S+) \((-?[\d.]+)")
_GENERIC_ANATOMY = "interactions.information.data_in_out"


@dataclass(frozen=True, slots=True)
class Draft:
    """A drafted recipe, as content and as the text of the file."""

    content: dict[str, Any]
    text: str


class _Lines:
    """A YAML file in the making, with comments."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def put(self, depth: int, key: str, value: Any = None, comment: str = "") -> None:
        """Add `key: value  # comment`; without a value it begins a block."""
        shown = "" if value is None else " " + flow(value)
        self.lines.append(f"{'  ' * depth}{flow(key)}:{shown}{f'  # {comment}' if comment else ''}")

    def say(self, depth: int, comment: str) -> None:
        """Add a line of comment."""
        self.lines.append(f"{'  ' * depth}# {comment}")

    def draft(self) -> Draft:
        """Return the file."""
        text = "\n".join([*self.lines, ""])
        return Draft(yaml.safe_load(text), text)


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=1_000_000)
    return text.removesuffix("\n").removesuffix("\n...")


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


def _drafted(path: Path, found: Looked) -> _Lines:
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
    if found.kind == "series" and found.time_column and (values := _observed(found.profile, _units(found))):
        made = _observations(path, found, found.time_column, values)
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


def _head(lines: _Lines, path: Path, found: Looked, name: str) -> None:
    about = found.layer.description
    count = f"{about.count:,} records" if about.count is not None else "records"
    lines.say(0, f"Drafted by `ldt inspect --draft` from {path.name}, layer {about.name}: {count}.")
    lines.say(
        0,
        "It runs as it is. What a person must decide is marked `decide`; docs/recipes.md says what a recipe can say.",
    )
    for problem in dict.fromkeys(found.problems):
        lines.say(0, f"seen: {' '.join(problem.split())}")
    lines.put(0, "ldt", 1)
    lines.put(0, "name", safe_name(name))
    lines.put(0, "title", {"en": name}, "decide: a title, in the languages of your users")
    lines.put(0, "publisher", "unknown", "decide: who publishes the data")
    lines.put(0, "licence", "unknown", "decide: its SPDX identifier, such as CC-BY-4.0")
    lines.put(0, "origin", "local", "decide: space, european, national or local")
    lines.put(
        0,
        "anatomy",
        _GENERIC_ANATOMY,
        "decide: a path of the City Anatomy (schemas/vocabularies/anatomy.yaml)",
    )
    lines.put(0, "update_frequency", "unknown", "decide: how often the source changes")


def _source(lines: _Lines, found: Looked) -> None:
    lines.put(0, "source")
    lines.put(1, "reader", found.layer.reader)
    lines.put(1, "files", [found.layer.resource.name])
    columns = [n for n in (found.profile.columns if found.profile else {}) if "|" not in n][:6]
    if columns and found.layer.reader != "gml":
        lines.put(1, "match", columns)
    if (
        found.crs_judged
        and found.profile
        and (undeclared(found.profile) or not found.profile.crs)
        and found.profile.places
    ):
        because = (None if found.profile.crs else found.because) or "other things of the file declare it"
        lines.put(1, "crs", found.crs_judged, "decide: whether this is the CRS")
        lines.put(1, "crs_because", because)
    options = {
        k: v for k, v in found.options.items() if k not in {"delimiter", "paths"} or v not in (",", {})
    }
    if found.points:
        options |= {"x": found.points.x, "y": found.points.y, "crs": found.points.crs}
    if options:
        lines.put(1, "options")
        for key, value in options.items():
            if key == "paths":
                lines.put(2, key)
                for name, leaf in value.items():
                    lines.put(3, name, leaf)
            else:
                lines.put(2, key, value)


def _features(path: Path, found: Looked) -> _Lines:
    assert found.profile is not None  # noqa: S101 - the caller has asked
    seen, lines = found.profile, _Lines()
    name = layer_name(found.layer.reader, found.layer.resource, found.options)
    _head(lines, path, found, name)
    _source(lines, found)
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
            lines.put(1, "zone", "UTC", _zone_comment(found))
        elif found.time_column.naive:
            lines.put(1, "zone", found.time.zone)
    lines.put(1, "columns")
    named: dict[str, str] = {}
    kinds = types(seen, found.layer.reader)
    properties = {}
    for column, kind in published(seen, found.layer.reader):
        own = _property(column.name, named)
        named[own] = column.name
        gone = sorted(_sentinels(column, kind))
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


def _sentinels(column: Column, kind: str) -> set[str]:
    """Return the values of a column of numbers that mean that there is none."""
    if kind not in {"integer", "number", "comma"}:
        return set()
    ends = {f"{v:g}" for v in (column.least, column.greatest) if v is not None}
    typed = {"-999", "-9999", "-99999", "9999", "99999"} & ends if column.typed else set()
    return (
        (column.sentinels - {"-99", "9999", "99999", "-"})
        | ({"-99", "9999", "99999"} & column.sentinels & ends)
        | typed
    )


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


def _zone_comment(found: Looked) -> str:
    changes = [n for n in found.problems if "summer time" in n]
    return f"decide: {changes[0] if changes else 'the zone of its times, such as +01:00 or Europe/Berlin'}"


def _units(found: Looked) -> dict[str, str]:
    """Return the units of a table's columns that a row of its own tells."""
    if found.layer.reader != "table":
        return {}
    return unit_row(found.layer.resource.path, TableOptions.model_validate(found.options))


def _observed(seen: Profile, units: dict[str, str]) -> list[tuple[Column, str, str | None, str]]:
    """Return the columns of numbers whose header names an observed property: with its code, the unit that the table tells, the stored unit."""
    found = []
    for column, kind in published(seen, "table"):
        if kind not in {"integer", "number", "comma"}:
            continue
        stated = _UNIT.search(column.name)
        unit = stated[1] if stated else units.get(column.name)
        plain = _UNIT.sub("", column.name).strip()
        words = [plain, plain.replace("_", "-"), *re.split(r"[:/]", plain)[-1:]]
        what = next((p for w in words if (p := observed_property(w)) and not w.isdigit()), None)
        if what is not None:
            found.append((column, what.code, unit, what.unit))
    return found


def _observations(
    path: Path, found: Looked, time: TimeColumn, values: list[tuple[Column, str, str | None, str]]
) -> _Lines:
    assert found.profile is not None  # noqa: S101 - the caller has asked
    assert found.time is not None  # noqa: S101 - the caller has asked
    lines = _Lines()
    name = layer_name(found.layer.reader, found.layer.resource, found.options)
    _head(lines, path, found, name)
    _source(lines, found)
    thing = next((c.name for c in found.profile.columns.values() if _THING.search(c.name) and c.filled), None)
    lines.put(0, "observation")
    if thing:
        lines.put(1, "thing", f"{quoted(thing)}::VARCHAR", "decide: the code of the station")
    else:
        lines.put(1, "thing", f"'{safe_name(name)}'", "decide: the code of the station")
    lines.put(1, "unpivot", {"columns": [c.name for c, *_ in values]})

    def cases(texts: Iterable[tuple[str, str]]) -> str:
        whens = " ".join(
            "WHEN '{}' THEN '{}'".format(*(t.replace("'", "''") for t in pair)) for pair in texts
        )
        return f"CASE item_name {whens} END"

    lines.put(1, "observed_property", cases((c.name, code) for c, code, _, _ in values))
    step = found.time.step
    lines.put(1, "averaging", f"'{_duration(step)}'", "decide: what one value stands for; PT0S is an instant")
    lines.put(1, "time", time_sql(time))
    if time.naive and found.time.zone is None:
        lines.put(1, "zone", "UTC", _zone_comment(found))
    elif time.naive:
        lines.put(1, "zone", found.time.zone)
    comma = any(kind == "comma" for _, kind in published(found.profile, "table"))
    lines.put(1, "value", "replace(trim(item::VARCHAR), ',', '.')::DOUBLE" if comma else "item::DOUBLE")
    gone = sorted({s for c, *_ in values for s in _sentinels(c, "number")})
    listed = ", ".join(f"'{g}'" for g in gone)
    lines.put(
        1,
        "missing",
        f"item IS NULL{f' OR trim(item::VARCHAR) IN ({listed})' if gone else ''}",
        f"decide: whether {', '.join(gone)} means that there is no value" if gone else "",
    )
    unstated = [c.name for c, _, unit, _ in values if unit is None]
    lines.put(
        1,
        "unit",
        cases((c.name, unit or stored) for c, _, unit, stored in values),
        f"decide: the header does not name the unit of {', '.join(unstated)}" if unstated else "",
    )
    return lines


def _duration(step: timedelta | None) -> str:
    if step is None:
        return "PT0S"
    seconds = int(step.total_seconds())
    if seconds % 86_400 == 0:
        return f"P{seconds // 86_400}D"
    if seconds % 3600 == 0:
        return f"PT{seconds // 3600}H"
    return f"PT{seconds // 60}M" if seconds % 60 == 0 else f"PT{seconds}S"


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


def _coverage(path: Path, found: Looked) -> _Lines:
    lines, about = _Lines(), found.layer.description
    name = layer_name(found.layer.reader, found.layer.resource, {})
    _head(lines, path, found, name)
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
