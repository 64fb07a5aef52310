"""Land cover: the share of classes in an area, their diversity, and what was taken for building."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
from sqlalchemy import ColumnElement, FromClause, and_, case, func, not_, select

from ldt.indicators import areas, classes, layers
from ldt.indicators.classes import CHANGE_FROM, YEAR, Cover, Found
from ldt.indicators.request import Request, named, rows
from ldt.model.indicator import Formula, Value
from ldt.model.snapshot import DatasetVersion
from ldt.store import tables as t

#: Property of a unit of a layer of changes: the year of the class before.
BEFORE_YEAR = "change_from_year"
#: Why a unit of a layer of changes does not count: it was built up before, or is not now.
OTHER_CHANGE = "other-change"


def class_share(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the share of some classes in the part of each area that land cover is known for, in percent."""
    flags = classes.numbers(conn, request.definition.formula)

    def share(cover: Cover, period: str) -> Found:
        in_class = in_class_m2(cover, flags)
        return Found(
            value=100 * in_class / cover.covered_m2 if cover.m2 else None,
            method=f"share of the covered area, {cover.source}",
            quality={"in_class_m2": in_class},
        )

    return classes.values(conn, request, flags, share)


def in_class_m2(cover: Cover, flags: dict[str, Any]) -> float:
    """Return the square metres of the classes whose flag is set."""
    return sum(m2 for code, m2 in sorted(cover.m2.items()) if flags[code])


def class_mean(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the mean of a number of the classes (`concept_value`), weighted by area, in the covered part of each area."""
    of_class = classes.numbers(conn, request.definition.formula)

    def mean(cover: Cover, period: str) -> Found:
        total = sum(m2 * of_class[code] for code, m2 in sorted(cover.m2.items()))
        return Found(
            value=total / cover.covered_m2 if cover.m2 else None,
            method=f"{request.definition.formula.concept_value} of each class, weighted by area, {cover.source}",
        )

    return classes.values(conn, request, of_class, mean)


def class_diversity(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return Shannon's diversity of the classes of each area: H = -sum(p ln p), p the share in the covered part.

    The quality has the number S of classes and the evenness H / ln S (none where there is one class only).
    """
    counting = classes.numbers(conn, request.definition.formula)

    def diversity(cover: Cover, period: str) -> Found:
        shares = [m2 / cover.covered_m2 for _, m2 in sorted(cover.m2.items())]
        h = -math.fsum(p * math.log(p) for p in shares)
        return Found(
            # Of a single class -0.0 would come out.
            value=abs(h) if shares else None,
            method=f"Shannon diversity of the classes, {cover.source}",
            quality={
                "classes": len(shares),
                "evenness": h / math.log(len(shares)) if len(shares) > 1 else None,
            },
        )

    return classes.values(conn, request, counting, diversity)


# Land take ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ChangeLayer:
    """The changes that one data set tells between two years."""

    dataset: DatasetVersion
    before: int
    after: int


def land_take(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return what became artificial in each area per year, in km2/a: from layers of changes, in EPSG:3035.

    Counted are units that were of a class without the flag (`concept_flag`: artificial) and are of one with it. The layer is
    the one whose years hold the last year of the period (the first year excluded), else the latest that ends before it.
    A layer of changes is taken to be complete: an area without any change has a land take of zero.
    """
    kind = str(request.definition.formula.feature_type)
    found = _change_layers(conn, request)
    if not found:
        return request.lacking(
            f"needs features of the type {kind} with {CHANGE_FROM}, {BEFORE_YEAR} and {YEAR}: a layer of changes"
        )
    chosen = {p: c for p in request.periods if (c := _changes_of(found, layers.last_year(p))) is not None}
    years = named(sorted({f"{c.before} to {c.after}" for c in found}))
    early = [
        v
        for v in request.lacking(f"needs changes of its last year or before; there are those of {years}")
        if v.key.period not in chosen
    ]
    if not chosen:
        return early
    described = areas.listed(conn, request.snapshot, request.area_schemes)
    if not described:
        return areas.lacking(request)
    taken = {c: _taken(conn, request, c) for c in dict.fromkeys(chosen.values())}
    return early + [
        _take(request, a, period, layer, taken[layer].get((a["scheme"], a["code"])))
        for period, layer in chosen.items()
        for a in described
    ]


def why_not_taken(
    unit: FromClause, formula: Formula, flags: dict[str, Any], before: int, after: int
) -> ColumnElement[Any]:
    """Return the expression of why a unit is no land take between two years, null where it is.

    Args:
        unit: an alias of `tables.feature`.
        formula: what vocabulary and property the classes are of.
        flags: by class, whether it is artificial.
        before: year of the class before.
        after: year of the class now.
    """
    built = [c for c, flag in flags.items() if flag]
    free = [c for c, flag in flags.items() if not flag]
    was, now = unit.c.properties[CHANGE_FROM].astext, classes.class_of(unit, formula)
    in_years = and_(
        classes.year(unit, BEFORE_YEAR) == str(before),
        classes.year(unit) == str(after),
    )
    return case(
        (~_change(unit, formula), classes.OTHER_LAYER),
        (~func.coalesce(in_years, False), classes.OTHER_YEAR),
        (func.ST_Dimension(unit.c.geom) < 2, classes.NO_AREA),
        (not_(func.coalesce(and_(was.in_(free), now.in_(built)), False)), OTHER_CHANGE),
    )


def _change(unit: FromClause, formula: Formula) -> ColumnElement[bool]:
    return and_(classes.of_vocabulary(unit, formula), unit.c.properties[CHANGE_FROM].astext.is_not(None))


def _change_layers(conn: psycopg.Connection[Any], request: Request) -> list[ChangeLayer]:
    formula = request.definition.formula
    datasets = request.snapshot.of_type(str(formula.feature_type))
    by_id = {d.dataset_id: d for d in datasets}
    f = t.feature
    found = rows(
        conn,
        select(
            f.c.dataset_id,
            classes.year(f, BEFORE_YEAR).label("before"),
            classes.year(f).label("after"),
        )
        .distinct()
        .where(areas.seen(f, request.snapshot, datasets), _change(f, formula)),
    )
    stated = [
        ChangeLayer(by_id[r["dataset_id"]], int(r["before"]), int(r["after"]))
        for r in found
        if r["before"] is not None and r["after"] is not None
    ]
    return [c for c in stated if c.before < c.after]


def _changes_of(found: Sequence[ChangeLayer], year: int) -> ChangeLayer | None:
    fitting = [c for c in found if c.before < year]
    # Those that hold the year end in it or later, all others before it. Of equals the shorter span, then the first data set.
    return max(
        fitting,
        key=lambda c: (year <= c.after, min(c.after, year), c.before, -c.dataset.dataset_id),
        default=None,
    )


def _taken(
    conn: psycopg.Connection[Any], request: Request, layer: ChangeLayer
) -> dict[tuple[str, str], dict[str, Any]]:
    formula = request.definition.formula
    flags = classes.numbers(conn, formula)
    area, unit = areas.areas(request.snapshot, request.area_schemes), t.feature.alias("unit")
    counts = why_not_taken(unit, formula, flags, layer.before, layer.after).is_(None)
    found = rows(
        conn,
        select(
            area.c.scheme,
            area.c.code,
            func.count().label("units"),
            func.sum(classes.clipped_m2(unit, area)).label("m2"),
        )
        .select_from(area.join(unit, func.ST_Intersects(unit.c.geom, area.c.geom)))
        .where(areas.seen(unit, request.snapshot, [layer.dataset]), counts)
        .group_by(area.c.scheme, area.c.code),
    )
    return {(r["scheme"], r["code"]): r for r in found}


def _take(
    request: Request, area: dict[str, Any], period: str, layer: ChangeLayer, taken: dict[str, Any] | None
) -> Value:
    m2, units = (taken["m2"], taken["units"]) if taken else (0.0, 0)
    return areas.value(
        request,
        area,
        period,
        [layer.dataset],
        value=m2 / 1e6 / (layer.after - layer.before),
        status="valid",
        n_valid=units,
        method=f"changes from {layer.before} to {layer.after}, per year, EPSG:3035",
        quality={
            "area_m2": area["area_m2"],
            "taken_m2": m2,
            BEFORE_YEAR: layer.before,
            YEAR: layer.after,
            "units": units,
        },
    )
