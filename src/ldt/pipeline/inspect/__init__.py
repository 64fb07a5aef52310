"""`ldt inspect`: what a source is, where and when its things really are, what speaks against it, and which recipes fit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cftime  # type: ignore[import-untyped]

from ldt import sources
from ldt.errors import LdtError
from ldt.harmonise.recipe import Recipe
from ldt.pipeline.inspect import match
from ldt.pipeline.inspect.columns import PointColumns, number, point_columns
from ldt.pipeline.inspect.places import countries, declared_label, guess, label, where
from ldt.pipeline.inspect.profile import Profile, profile
from ldt.pipeline.inspect.schemas import schema
from ldt.pipeline.inspect.times import Span, TimeColumn, span, time_column
from ldt.sources.batches import declare
from ldt.sources.judge import judge
from ldt.sources.judged import judged_options
from ldt.sources.resource import magic, open_resources
from ldt.sources.source import AxisOrder, Batch, Description

Extent = tuple[float, float, float, float]

_CELLS = frozenset({"raster", "cube"})
#: What GDAL calls formats → what people call them.
_FORMATS = {
    "GPKG": "GeoPackage",
    "ESRI Shapefile": "Shapefile",
    "OpenFileGDB": "file geodatabase",
    "LIBKML": "KML",
}


@dataclass(slots=True)
class Looked:
    """What was found of one layer. `options` are the reader's to read it."""

    layer: match.Layer
    options: dict[str, Any]
    profile: Profile | None = None
    time: Span | None = None
    time_column: TimeColumn | None = None
    kind: str = "table"
    crs_declared: str | None = None
    crs_judged: str | None = None
    because: str | None = None
    axis_order: str | None = None
    extent: Extent | None = None
    points: PointColumns | None = None
    encoding: str | None = None
    schema: str | None = None
    problems: list[str] = field(default_factory=list)
    recipes: list[str] = field(default_factory=list)

    def batches(self) -> AbstractContextManager[Iterator[Batch]]:
        """Give the layer's records."""
        return match.reading(self.layer, self.options)

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        about = self.layer.description
        return {
            "name": about.name,
            "kind": self.kind,
            "count": about.count,
            "crs_declared": self.crs_declared,
            "crs_judged": self.crs_judged,
            "crs_because": self.because,
            "axis_order": self.axis_order,
            "extent": [round(v, 7) for v in self.extent] if self.extent else None,
            "countries": countries(self.extent) if self.extent else [],
            "place": where(self.extent) if self.extent else None,
            "time": self.time.summary() if self.time else None,
            "schema": self.schema,
            "geometry_types": about.geometry_types,
            "columns": about.columns,
            "cells": about.cells,
            "problems": list(dict.fromkeys(self.problems)),
            "recipes": self.recipes,
        }


def inspect(path: Path) -> dict[str, Any]:
    """Return what a source is, JSON-ready.

    Returns:
        `{path, format, encoding, reader, problems, recipes, layers}`; each layer `{name, kind, count, crs_declared, crs_judged,
        axis_order, extent, time, schema, problems, recipes, …}`, `kind` being `feature`, `table`, `series`, `coverage` or
        `document`, and `extent` (west, south, east, north) where the things really are, in degrees.

    Raises:
        SourceError: it cannot be read.
        NotFound: it is not there.
    """
    description = sources.describe(path)
    if description.document:
        return _of_document(path, description)
    layers = look(path, description)
    found = [one.summary() for one in layers]
    return {
        "path": str(path),
        "format": _FORMATS.get(description.format, description.format),
        "encoding": description.encoding or next((one.encoding for one in layers), None),
        "reader": description.reader,
        "problems": description.problems,
        "recipes": _together([one["recipes"] for one in found]),
        "layers": found,
    }


def _of_document(path: Path, description: Description) -> dict[str, Any]:
    document = description.document
    assert document is not None  # noqa: S101 - the caller has asked
    layer = {
        "name": document.title or path.name,
        "kind": "document",
        "count": len(document.contents) or None,
        **dict.fromkeys(("crs_declared", "crs_judged", "axis_order", "extent", "time")),
        "schema": document.schema,
        "contents": list(document.contents),
        "problems": list(document.problems),
        "recipes": [],
    }
    return {
        "path": str(path),
        "format": description.format,
        "encoding": description.encoding,
        "reader": None,
        "problems": description.problems,
        "recipes": [],
        "layers": [layer],
    }


def _together(lists: Sequence[list[str]]) -> list[str]:
    """Return the recipes of all layers: the best of each first, the generic ones last."""
    ranks: dict[str, int] = {}
    for names in lists:
        for rank, name in enumerate(names):
            ranks[name] = min(rank, ranks.get(name, rank))
    return sorted(ranks, key=lambda n: (match.is_generic(n), ranks[n]))


def look(path: Path, description: Description) -> list[Looked]:
    """Return what is found of each layer of a source that is described already."""
    with open_resources(Path(path)) as resources:
        by_name = {r.name: r for r in resources}
        found = []
        for about in description.layers:
            file, colon, name = about.name.partition(": ")
            inside = colon and file in by_name and len(resources) > 1
            resource = by_name[file] if inside else resources[0]
            layer = match.Layer(resource, description.reader, about, name if inside else about.name)
            found.append(look_at(layer))
        return found


def look_at(layer: match.Layer) -> Looked:
    """Return what is found of one layer, whose file is open."""
    options = judged_options(layer.reader, layer.resource.path, layer.name)
    found = Looked(layer, options, problems=list(layer.description.problems))
    found.encoding, found.schema = _encoding(layer), schema(layer)
    if layer.reader in _CELLS:
        _cells(found)
    else:
        _records(found)
    found.recipes = match.fitting(layer)
    found.kind = _kind(found)
    return found


def _records(found: Looked) -> None:
    about = found.layer.description
    try:
        with found.batches() as batches:
            found.profile = profile(batches)
        found.time_column = time_column(found.profile)
        if found.time_column:
            with found.batches() as batches:
                found.time = span(batches, found.time_column)
    except LdtError as e:
        found.problems.append(str(e))
        return
    if found.time:
        found.problems += found.time.notes
    found.crs_declared = declared_label(about.crs)
    if found.profile.crs:
        _placed(found, found.profile)
    elif found.profile.unplaced:
        _not_placed(found, found.profile)
    else:
        found.crs_judged = found.crs_declared if about.crs else None
        _of_columns(found, found.profile)


def _placed(found: Looked, seen: Profile) -> None:
    judgement = seen.crs[0][0]
    found.crs_declared = declared_label(judgement.declared)
    found.crs_judged, found.because = label(judgement.declared.projjson), judgement.reason
    found.axis_order = judgement.found.value
    # Of a file that is larger than what was looked at, the header tells the whole extent.
    found.extent = seen.extent if seen.whole else found.layer.description.extent or seen.extent
    if judgement.repaired:
        found.problems = [p for p in found.problems if "with axes swapped" not in p]
        found.problems.append(f"the axes are exchanged: {judgement.reason}")
    if judgement.doubt:
        found.problems.append(judgement.doubt)
    if " (not " in (found.crs_judged or ""):
        found.problems.append(f"the name of the CRS misleads: {found.crs_judged}")
    others = {label(j.declared.projjson) for j, _ in seen.crs} - {found.crs_judged}
    if others:
        found.problems.append(f"further CRS in it: {', '.join(sorted(others))}")
    found.problems += seen.problems


def _not_placed(found: Looked, seen: Profile) -> None:
    """Say where coordinates could lie whose CRS is not declared, or cannot be what is declared."""
    about, bounds = found.layer.description, seen.unplaced[0]
    found.problems = [*seen.problems, *(n for n in (found.time.notes if found.time else ()))]
    straight, swapped = guess(bounds), guess((bounds[1], bounds[0], bounds[3], bounds[2]))
    for candidates, order in ((straight, "xy"), (swapped, "yx")):
        # What lies nowhere in the CRS that it declares is not placed in another one, and only degrees are told for sure.
        if candidates and (about.crs is None or candidates == ["EPSG:4326"]):
            if len(candidates) == 1 and about.crs is None:
                found.crs_judged, found.axis_order = candidates[0], order
                found.extent = _extent(candidates[0], bounds, order)
                place = where(found.extent) if found.extent else "nowhere"
                found.because = f"no other known CRS of Europe fits the coordinates; they lie in {place}"
            found.problems.append(
                f"the coordinates would fit {' or '.join(candidates)}: state it in the recipe"
            )
            return


def _extent(code: str, bounds: Sequence[float], order: str) -> Extent | None:
    crs = declare(code, code, AxisOrder(order))
    return judge(crs, bounds)[0]


def _of_columns(found: Looked, seen: Profile) -> None:
    """Find coordinates among the columns of a table."""
    points = point_columns(seen)
    if points is None:
        return
    if points.crs is None:
        found.problems.append(
            f"{points.x!r} and {points.y!r} are coordinates; {points.because}: state the option `crs`"
        )
        return
    boxes = []
    with found.batches() as batches:
        for batch in batches:
            pair = [map(_degrees, batch.records.column(name).to_pylist()) for name in (points.x, points.y)]
            boxes += [(a, b) for a, b in zip(*pair, strict=True) if a is not None and b is not None]
    degrees = points.crs == "EPSG:4326"
    good = [
        (a, b) for a, b in boxes if (a, b) != (0, 0) and (not degrees or (abs(a) <= 180 and abs(b) <= 90))
    ]
    if not good or len(good) * 2 < len(boxes):
        return
    if points.both:
        found.problems.append(
            f"{points.x!r} is taken as the easting and {points.y!r} as the northing; the other way round they would lie in the area of {points.crs} too"
        )
    found.points = points
    found.crs_judged, found.axis_order, found.because = points.crs, "xy", points.because
    lons, lats = zip(*good, strict=True)
    bounds = (min(lons), min(lats), max(lons), max(lats))
    found.extent = bounds if degrees else _extent(points.crs, bounds, "xy")


def _degrees(value: Any) -> float | None:
    return None if value is None else number(str(value))


def _cells(found: Looked) -> None:
    about = found.layer.description
    found.crs_declared = found.crs_judged = declared_label(about.crs)
    found.axis_order = about.crs.order.value if about.crs else None
    found.extent = about.extent
    time = about.cells.get("time")
    if time and time.get("units"):
        calendar = time.get("calendar", "standard")
        begin, end = (cftime.num2date(time[k], time["units"], calendar) for k in ("first", "last"))
        found.time = Span(f"{begin.isoformat()}Z", f"{end.isoformat()}Z", "UTC", "time", [])


def _kind(found: Looked) -> str:
    if found.layer.reader in _CELLS:
        return "coverage"
    if found.layer.reader == "om":
        return "series"
    if found.layer.description.geometry_types:
        return "feature"
    best = next((r for n, r in match.shipped_recipes() if found.recipes and n == found.recipes[0]), None)
    if isinstance(best, Recipe) and not match.is_generic(found.recipes[0]):
        return "series" if best.observation else "feature" if best.feature and _has_place(best) else "table"
    if is_series(found):
        return "series"
    return "feature" if found.points or (found.profile and found.profile.places) else "table"


def _has_place(recipe: Recipe) -> bool:
    return recipe.feature is not None and recipe.feature.geometry != "none"


def is_series(found: Looked) -> bool:
    """Whether records are values in time: a column of time with several instants, and numbers beside it."""
    if found.profile is None or found.time is None or found.time.begin == found.time.end:
        return False
    numbers = [c for c in found.profile.columns.values() if c.kind in {"integer", "number", "comma"}]
    places = (found.points.x, found.points.y) if found.points else ()
    aside = {found.time.column, *places}
    return any(c.name not in aside for c in numbers)


def _encoding(layer: match.Layer) -> str | None:
    """Return the encoding of a file's text, as far as it says it; None where it has no text."""
    resource, suffix = layer.resource, layer.resource.path.suffix.lower()
    if layer.reader in {"gml", "om"}:
        head = magic(resource.path, 200)
        if head.startswith((b"\xff\xfe", b"\xfe\xff")):
            return "utf-16"
        said = re.search(rb"encoding\s*=\s*[\"']([\w-]+)[\"']", head)
        return said[1].decode().lower() if said else "utf-8"
    if suffix == ".shp":
        page = next((s for s in resource.sides if s.suffix.lower() == ".cpg"), None)
        return page.read_text("ascii", "replace").strip().lower() if page else None
    return "utf-8" if layer.reader == "json" or suffix in {".geojson", ".json"} else None
