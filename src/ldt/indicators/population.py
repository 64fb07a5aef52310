"""Population of areas: what is stated for the area itself, else cells weighted by the share of them that lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, Float, FromClause, and_, case, cast, func, or_, select

from ldt.indicators import areas, classes
from ldt.indicators.layers import last_year
from ldt.indicators.request import Request, rows
from ldt.model.snapshot import DatasetVersion
from ldt.store import tables as t

#: Whose figure it is: the area's own, or that of cells.
OWN, CELLS = "own", "cells"


@dataclass(frozen=True, slots=True)
class Population:
    """How many people live in an area.

    Attributes:
        number: inhabitants; of cells it need not be whole.
        source: :data:`OWN` or :data:`CELLS`.
        scheme: scheme of the units that were counted.
        year: the year for which they were.
        units: how many units went into it.
    """

    number: float
    dataset: DatasetVersion
    source: str
    scheme: str
    year: int
    units: int

    @property
    def method(self) -> str:
        """How it was found, in words."""
        if self.source == OWN:
            return f"population of {self.year}"
        return f"population of {self.year} from cells ({self.scheme}), weighted by area"

    @property
    def quality(self) -> dict[str, Any]:
        """What the quality of a value says of it."""
        return {
            "population": self.number,
            "population_from": {
                "source": self.source,
                "dataset": self.dataset.name,
                "scheme": self.scheme,
                "year": self.year,
                "units": self.units,
            },
        }


#: Population by scheme and code of the area, and period.
Populations = dict[tuple[str, str, str], Population]


def populations(
    conn: psycopg.Connection[Any], request: Request, described: Sequence[dict[str, Any]]
) -> Populations:
    """Return the population of areas for the periods of a request; areas of which nothing is known are left out.

    An area's own figure goes before one from cells: the features of the formula's `population_type` with its scheme and code,
    of the latest reference year that is not after the period; of equals the first data set. Cells are the features with
    an area, of one data set, scheme and year: again the latest, then of the scheme that has the most of them.

    Args:
        conn: a connection in the transaction of the request.
        request: its formula names the type of the features; its periods are wanted.
        described: the areas, as :func:`ldt.indicators.areas.listed` returns them.
    """
    found = _own(conn, request)
    missing = {
        (a["scheme"], a["code"], p)
        for a in described
        for p in request.periods
        if (a["scheme"], a["code"], p) not in found
    }
    if missing:
        found |= {key: p for key, p in _from_cells(conn, request).items() if key in missing}
    return found


def used(
    feature: FromClause, source: dict[str, Any], scheme: str, code: str, area: Any
) -> ColumnElement[bool]:
    """Return the predicate of the features that went into a population.

    Args:
        feature: an alias of `tables.feature`.
        source: `population_from` of the value's quality.
        scheme: scheme of the area.
        code: code of the area.
        area: expression of its geometry in EPSG:4326.
    """
    properties = feature.c.properties
    same = and_(properties["scheme"].astext == source["scheme"], classes.year(feature) == str(source["year"]))
    if source["source"] == OWN:
        return and_(same, properties["scheme"].astext == scheme, properties["code"].astext == code)
    return and_(same, func.ST_Dimension(feature.c.geom) == 2, func.ST_Intersects(feature.c.geom, area))


def _number(feature: FromClause) -> ColumnElement[Any]:
    number = feature.c.properties["population"]
    return case((func.jsonb_typeof(number) == "number", cast(number.astext, Float)))


def _own(conn: psycopg.Connection[Any], request: Request) -> Populations:
    datasets = request.snapshot.of_type(str(request.definition.formula.population_type))
    by_id = {d.dataset_id: d for d in datasets}
    f = t.feature
    scheme, code, year = f.c.properties["scheme"].astext, f.c.properties["code"].astext, classes.year(f)
    stated = rows(
        conn,
        select(
            f.c.dataset_id,
            scheme.label("scheme"),
            code.label("code"),
            year.label("year"),
            func.sum(_number(f)).label("number"),
            func.count().label("units"),
        )
        .where(
            areas.seen(f, request.snapshot, datasets),
            scheme.in_(list(request.area_schemes)),
            code.is_not(None),
            year.is_not(None),
            _number(f).is_not(None),
        )
        .group_by(f.c.dataset_id, scheme, code, year),
    )
    # From the least to the most wanted, so that the last one stays.
    stated.sort(key=lambda r: (int(r["year"]), -r["dataset_id"]))
    return {
        (r["scheme"], r["code"], period): Population(
            r["number"], by_id[r["dataset_id"]], OWN, r["scheme"], int(r["year"]), r["units"]
        )
        for period in request.periods
        for r in stated
        if int(r["year"]) <= last_year(period)
    }


def _from_cells(conn: psycopg.Connection[Any], request: Request) -> Populations:
    datasets = request.snapshot.of_type(str(request.definition.formula.population_type))
    by_id = {d.dataset_id: d for d in datasets}
    groups = _groups(conn, request)
    chosen = {p: g for p in request.periods if (g := _choose(groups, last_year(p))) is not None}
    wanted = {(g["dataset_id"], g["scheme"], g["year"]) for g in chosen.values()}
    if not wanted:
        return {}
    area, cell = areas.areas(request.snapshot, request.area_schemes), t.feature.alias("cell")
    scheme, year = cell.c.properties["scheme"].astext, classes.year(cell)
    whole = areas.polygons(func.ST_Transform(cell.c.geom, areas.LAEA))
    share = func.ST_Area(func.ST_Intersection(area.c.laea, whole)) / func.nullif(func.ST_Area(whole), 0.0)
    found = rows(
        conn,
        select(
            area.c.scheme,
            area.c.code,
            cell.c.dataset_id,
            scheme.label("cells"),
            year.label("year"),
            func.sum(_number(cell) * share).label("number"),
            func.count().label("units"),
        )
        .select_from(area.join(cell, func.ST_Intersects(cell.c.geom, area.c.geom)))
        .where(
            areas.seen(cell, request.snapshot, datasets),
            func.ST_Dimension(cell.c.geom) == 2,
            _number(cell).is_not(None),
            or_(*(and_(cell.c.dataset_id == d, scheme == s, year == str(y)) for d, s, y in sorted(wanted))),
        )
        .group_by(area.c.scheme, area.c.code, cell.c.dataset_id, scheme, year),
    )
    return {
        (r["scheme"], r["code"], period): Population(
            r["number"], by_id[r["dataset_id"]], CELLS, r["cells"], int(r["year"]), r["units"]
        )
        for period, g in chosen.items()
        for r in found
        if (r["dataset_id"], r["cells"], int(r["year"])) == (g["dataset_id"], g["scheme"], g["year"])
    }


def _groups(conn: psycopg.Connection[Any], request: Request) -> list[dict[str, Any]]:
    """Return what sets of cells there are: `dataset_id`, `scheme`, `year`, `cells` (how many)."""
    datasets = request.snapshot.of_type(str(request.definition.formula.population_type))
    f = t.feature
    scheme, year = f.c.properties["scheme"].astext, classes.year(f)
    found = rows(
        conn,
        select(f.c.dataset_id, scheme.label("scheme"), year.label("year"), func.count().label("cells"))
        .where(
            areas.seen(f, request.snapshot, datasets),
            func.ST_Dimension(f.c.geom) == 2,
            scheme.is_not(None),
            year.is_not(None),
        )
        .group_by(f.c.dataset_id, scheme, year),
    )
    return [{**r, "year": int(r["year"])} for r in found]


def _choose(groups: Sequence[dict[str, Any]], last: int) -> dict[str, Any] | None:
    latest: dict[tuple[int, str], dict[str, Any]] = {}
    for g in sorted(groups, key=lambda g: g["year"]):
        if g["year"] <= last:
            latest[g["dataset_id"], g["scheme"]] = g
    return max(latest.values(), key=lambda g: (g["cells"], -g["dataset_id"], g["scheme"]), default=None)
