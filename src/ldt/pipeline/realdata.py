"""A folder of real files, each inspected and ingested into a scratch twin: one row per file, of what became of it.

This is how `docs/reference/real-data.md` is made, and how a city can try a folder of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pyogrio
import shapely
from pyproj import Transformer
from shapely import STRtree

from ldt.errors import LdtError
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.pipeline.generic import safe_name
from ldt.pipeline.ingest import Ingested, ingest, make_twin
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.pipeline.inspect.places import where
from ldt.store.connect import connect

#: Features whose places are looked at, at most.
_LOOKED_AT = 2000
#: Outcomes that are told with their reasons.
_TOLD = ("repaired", "rejected", "duplicate", "outside")
#: Degrees by which a place may lie off the generalised border of its country.
_NEAR = 0.25
#: What GDAL and SQLite leave beside files that they read or hold open: it comes and goes.
_LEFT_BEHIND = (".gfs", "-wal", "-shm", "-journal")


@dataclass(slots=True)
class Run:
    """One recipe on one file, or on one layer of it. `places` are ISO 3166 codes of countries, or what else can be said of the place."""

    recipe: str
    layer: str = ""
    done: Ingested | None = None
    error: str | None = None
    places: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """What became of one file.

    Attributes:
        path: from the folder, with slashes.
        recognised: its format.
        runs: what was ingested.
        said: the problems that `ldt inspect` names.
        explained: why there is nothing to ingest in it, or what is wrong with it.
    """

    path: str
    recognised: str
    said: list[str] = field(default_factory=list)
    runs: list[Run] = field(default_factory=list)
    explained: str | None = None


class Countries:
    """Which country a place is in: by the borders of NUTS, where the folder has them, else by boxes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @cached_property
    def _tree(self) -> tuple[STRtree, list[str]] | None:
        found = sorted(self._folder.rglob("NUTS_RG_*.geojson"))
        if not found:
            return None
        meta, _, wkb, columns = pyogrio.raw.read(
            found[0], columns=["CNTR_CODE", "LEVL_CODE"], where="LEVL_CODE = 0"
        )
        crs = str(meta["crs"])
        shapes = shapely.from_wkb(wkb)
        if crs != "EPSG:4326":
            to = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
            shapes = shapely.transform(shapes, lambda c: np.column_stack(to.transform(c[:, 0], c[:, 1])))
        codes = [
            {"EL": "GR", "UK": "GB"}.get(str(c), str(c))
            for c in columns[list(meta["fields"]).index("CNTR_CODE")]
        ]
        return STRtree(shapes), codes

    def of(self, points: list[shapely.Point]) -> list[str]:
        """Return the codes of the countries that points are in, most points first."""
        if not points or self._tree is None:
            return []
        tree, codes = self._tree
        counts: dict[str, int] = {}
        pairs = tree.query(points, predicate="dwithin", distance=0.0001)
        near = pairs if pairs.size else tree.query(points, predicate="dwithin", distance=_NEAR)
        for place in near[1]:
            counts[codes[place]] = counts.get(codes[place], 0) + 1
        return sorted(counts, key=lambda c: (-counts[c], c))


def names(folder: Path) -> list[str]:
    """Return the paths of a folder's files, from the folder, in their order; without hidden ones and what programs leave behind."""
    found = [p.relative_to(folder) for p in sorted(folder.rglob("*")) if p.is_file()]
    hidden = (any(part.startswith(".") for part in p.parts) for p in found)
    return [
        p.as_posix() for p, h in zip(found, hidden, strict=True) if not (h or p.name.endswith(_LEFT_BEHIND))
    ]


@contextmanager
def trying(url: str, folder: Path, *, twin: str = "real-data") -> Iterator[Callable[[str], Row]]:
    """Give a function that tells what becomes of a file of a folder, by its path from there.

    Args:
        url: address of a migrated database.
        folder: the files.
        twin: into which they are ingested; made if it is not there.
    """
    make_twin(url, twin)
    countries = Countries(folder)
    with connect(url, application="ldt real data") as conn:
        yield lambda name: _row(url, conn, twin, folder / name, name, countries)


def _row(
    url: str, conn: psycopg.Connection[Any], twin: str, path: Path, name: str, countries: Countries
) -> Row:
    try:
        found = inspect(path)
    except LdtError as e:
        return Row(name, "not readable", explained=str(e))
    layers = found["layers"]
    said = [*found["problems"], *(p for layer in layers for p in layer["problems"])]
    row = Row(name, found["format"], list(dict.fromkeys(said)))
    if not found["reader"]:
        row.explained = "; ".join(row.said)
        return row
    asked: set[tuple[str, str]] = set()
    for layer in layers:
        recipe, label = _recipe(path, found["reader"], layer)
        if recipe is None:
            row.runs.append(Run("none", layer["name"], error=label))
            continue
        option = _one_of(found["reader"], layer["name"], recipe) if len(layers) > 1 else {}
        key = (label, str(option))
        if key not in asked:
            asked.add(key)
            one = Run(label, layer["name"] if option else "")
            _ingest(url, twin, recipe.with_options(option), path, f"{name}-{len(row.runs)}", one)
            if one.done:
                one.places = _places(conn, one.done.dataset, countries)
            row.runs.append(one)
    if not row.runs:
        row.explained = "; ".join(row.said) or "it holds no records"
    return row


def _one_of(reader: str, layer: str, recipe: Recipe) -> dict[str, Any]:
    """Return the options that take one layer of several; none where a recipe takes those that it is made for."""
    if reader == "vector":
        return {"layer": layer.rpartition(": ")[2]}
    return {"feature": [layer]} if reader == "gml" and not recipe.source.options.get("feature") else {}


def _recipe(path: Path, reader: str, layer: dict[str, Any]) -> tuple[Recipe | None, str]:
    """Return the recipe for a layer and its name: the best that fits, else a drafted one; or why there is none."""
    if layer["recipes"]:
        return load_recipe(layer["recipes"][0]), layer["recipes"][0]
    try:
        return Recipe.model_validate(draft(path, layer["name"]).content), "drafted"
    except LdtError as e:
        return None, str(e)


def _ingest(url: str, twin: str, recipe: Recipe, path: Path, name: str, one: Run) -> None:
    try:
        one.done = ingest(url, twin, recipe, [path], name=safe_name(name))
    except LdtError as e:
        one.error = str(e)


def _places(conn: psycopg.Connection[Any], dataset: str, countries: Countries) -> list[str]:
    """Return where the things of a data set are."""
    rows = conn.execute(
        "SELECT ST_AsBinary(ST_PointOnSurface(f.geom)) FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id"
        " WHERE d.name = %s AND f.until IS NULL AND f.geom IS NOT NULL AND NOT ST_IsEmpty(f.geom)"
        " ORDER BY f.fid LIMIT %s",
        (dataset, _LOOKED_AT),
    ).fetchall()
    points = [shapely.from_wkb(bytes(r[0])) for r in rows]
    if found := countries.of(points):
        return found
    box = conn.execute(
        "SELECT ST_XMin(v.extent), ST_YMin(v.extent), ST_XMax(v.extent), ST_YMax(v.extent) FROM ldt.version v"
        " JOIN ldt.dataset d ON d.id = v.dataset_id WHERE d.name = %s AND v.extent IS NOT NULL ORDER BY v.version DESC LIMIT 1",
        (dataset,),
    ).fetchone()
    if box is None:
        return []
    middle = shapely.Point((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
    small = box[2] - box[0] < 30
    return (countries.of([middle]) if small else []) or [where(box)]


def page(lines: Sequence[str]) -> str:
    """Return the page of a folder, as Markdown.

    Args:
        lines: what became of each file (see :func:`line`).
    """
    head = [
        "# Real files, and what becomes of them",
        "",
        "Made by `python -m ldt.cli.realdata FOLDER`, which inspects every file of a folder and ingests it into a scratch twin without a boundary, with the",
        "recipe that `ldt inspect` names first for each layer (`drafted`: the one that `ldt inspect --draft` writes). The tests make it anew and compare.",
        "",
        f"{len(lines)} files of the collection of real files (published by authorities, services and standards projects; not part of the project). Where a file",
        "has several layers or feature types, each line of a cell is one. *place*: the country, by the borders of NUTS; in words where it is told by the extent",
        "alone; empty where the records have no place of their own (tables; values of stations, which are placed by a recipe of their own). *noted*: what",
        "`ldt inspect` says of the file beforehand.",
        "",
        "| file | recognised as | recipe | read | accepted | repaired | rejected | duplicate | outside | place | noted |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *lines, ""])


def line(row: Row) -> str:
    """Return what became of a file as a row of the page."""
    if not row.runs:
        return f"| `{row.path}` | {_cell(row.recognised)} | {_cell(row.explained or '')} | | | | | | | | |"
    columns = [[_named(r) if r.done else f"{_named(r)}: {_cell(r.error or '')}" for r in row.runs]]
    for name in ("read", "accepted"):
        columns.append([f"{getattr(r.done.tally, name):,}" if r.done else "" for r in row.runs])
    columns += [[_told(r.done, name) if r.done else "" for r in row.runs] for name in _TOLD]
    columns.append([", ".join(r.places[:6]) + (" …" if len(r.places) > 6 else "") for r in row.runs])
    columns.append([_cell(one) for one in row.said if not any(one in (r.error or "") for r in row.runs)])
    cells = ["<br>".join(c) if any(c) else "" for c in columns]
    return f"| `{row.path}` | {_cell(row.recognised)} | {' | '.join(cells)} |"


def _named(run: Run) -> str:
    return f"{run.recipe} ({_cell(run.layer)})" if run.layer else run.recipe


def _told(done: Ingested, outcome: str) -> str:
    count = getattr(done.tally, outcome)
    reasons = [
        f"{k.partition(':')[2]} {n:,}"
        for k, n in sorted(done.tally.reasons.items())
        if k.startswith(f"{outcome}:")
    ]
    only = len(reasons) == 1
    why = reasons[0].rpartition(" ")[0] if only else ", ".join(reasons)
    return f"{count:,} ({why})" if count and why and why != outcome else f"{count:,}"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;")
