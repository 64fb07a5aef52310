"""Green: what part of an area is protected, and how much green there is for each inhabitant."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Text,
    and_,
    case,
    cast,
    column,
    func,
    literal_column,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ldt.indicators import areas, classes, landcover, population
from ldt.indicators.classes import Cover, Found
from ldt.indicators.request import Request, resolve, rows
from ldt.model.indicator import Value
from ldt.model.snapshot import DatasetVersion
from ldt.store import tables as t

#: Why a site does not count.
NO_AREA, LATER = "without-area", "founded-later"


def union_share(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the share of each area that lies in at least one feature, overlaps counted once, in EPSG:3035.

    A feature counts for a period if it was founded (`legal_foundation_date`, where it is known) before the period's end.
    Features without an area (points, lines) do not count; their number is told.
    """
    kind = str(request.definition.formula.feature_type)
    datasets = request.snapshot.of_type(kind)
    if not datasets:
        return request.lacking(f"needs features of the type {kind}")
    found = rows(conn, _statement(request))
    return [_value(request, r, datasets) for r in found] or areas.lacking(request)


def area_per_inhabitant(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the square metres of green land cover in each area for each of its inhabitants."""
    kind = str(request.definition.formula.population_type)
    if not request.snapshot.of_type(kind):
        return request.lacking(f"needs features of the type {kind}")
    flags = classes.numbers(conn, request.definition.formula)
    described = areas.listed(conn, request.snapshot, request.area_schemes)
    people = population.populations(conn, request, described)

    def per_inhabitant(cover: Cover, period: str) -> Found:
        green = landcover.in_class_m2(cover, flags)
        quality: dict[str, Any] = {"in_class_m2": green}
        known = people.get((cover.area["scheme"], cover.area["code"], period))
        if known is None:
            reason = "no population of the last year of the period or before is known for it"
            return Found(None, cover.source, quality, reason)
        return Found(
            value=green / known.number if known.number > 0 else None,
            method=f"{cover.source}; {known.method}",
            quality=quality | known.quality,
            reason="nobody lives there",
            datasets=(known.dataset,),
        )

    return classes.values(conn, request, flags, per_inhabitant)


def why_not(site: FromClause, last: ColumnElement[str] | str) -> ColumnElement[Any]:
    """Return the expression of why a feature that intersects an area does not count, null where it does.

    Args:
        site: an alias of `tables.feature`.
        last: the period's end as an ISO date, not included.
    """
    founded = site.c.properties["legal_foundation_date"].astext
    # ISO dates in the order of their letters: a text that is no date cannot fail, and is taken as unknown.
    later = and_(founded.regexp_match(r"^\d{4}-\d{2}-\d{2}"), func.left(founded, 10) >= last)
    return case((func.ST_Dimension(site.c.geom) < 2, NO_AREA), (later, LATER))


def _statement(request: Request) -> Any:
    snapshot = request.snapshot
    datasets = snapshot.of_type(str(request.definition.formula.feature_type))
    area = areas.areas(snapshot, request.area_schemes)
    site = t.feature.alias("site")
    period = (
        func.unnest(
            cast(list(request.periods), ARRAY(Text)),
            cast([resolve(p).end.date().isoformat() for p in request.periods], ARRAY(Text)),
        )
        .table_valued(column("period", Text), column("last", Text), name="period")
        .render_derived()
    )
    reason = why_not(site, period.c.last)
    counts = and_(site.c.fid.is_not(None), reason.is_(None))
    clipped = areas.polygons(
        func.ST_Intersection(area.c.laea, areas.polygons(func.ST_Transform(site.c.geom, areas.LAEA)))
    )
    return (
        select(
            *areas.described(area),
            period.c.period,
            func.count(site.c.fid).filter(counts).label("sites"),
            func.count(site.c.fid).filter(reason == NO_AREA).label("without_area"),
            func.count(site.c.fid).filter(reason == LATER).label("founded_later"),
            func.coalesce(func.ST_Area(func.ST_Union(case((counts, clipped)))), literal_column("0.0")).label(
                "inside_m2"
            ),
        )
        .select_from(
            area.join(period, true()).outerjoin(
                site,
                and_(
                    areas.seen(site, snapshot, datasets),
                    func.ST_Intersects(site.c.geom, area.c.geom),
                ),
            )
        )
        .group_by(*areas.described(area), period.c.period)
        .order_by(area.c.scheme, area.c.code, period.c.period)
    )


def _value(request: Request, row: dict[str, Any], datasets: list[DatasetVersion]) -> Value:
    return areas.value(
        request,
        row,
        row["period"],
        datasets,
        # The union of clipped parts can be larger than the area by a rounding error.
        value=100 * min(1.0, row["inside_m2"] / row["area_m2"]),
        status="valid",
        n_valid=row["sites"],
        method="union of the sites clipped to the area, EPSG:3035",
        quality={
            "area_m2": row["area_m2"],
            "protected_m2": row["inside_m2"],
            "sites": row["sites"],
            "sites_without_area": row["without_area"],
            "sites_founded_later": row["founded_later"],
        },
    )
