"""Land cover: what part of an area is of certain classes."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import ColumnElement, FromClause, Integer, Text, and_, case, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from ldt.indicators import areas
from ldt.indicators.request import Request, inputs, named, resolve, rows
from ldt.model.indicator import Formula, Value
from ldt.model.snapshot import DatasetVersion
from ldt.store import tables as t

#: Property of a unit that says which year it describes.
YEAR = "reference_year"

#: Why a unit does not count.
OTHER_LAYER, OTHER_YEAR, NO_AREA, NO_CLASS = "other-layer", "other-year", "without-area", "unknown-class"


def class_share(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the share of some classes in the part of each area that land cover is known for, in EPSG:3035.

    For each period the layer with the latest reference year that is not after the period is taken, for all areas the
    same. Units whose class the vocabulary has no flag for (no data) count as not covered. Below the coverage that the
    definition asks for the status is `insufficient`.
    """
    snapshot, formula = request.snapshot, request.definition.formula
    kind = str(formula.feature_type)
    layers = _layers(conn, request)
    if not layers:
        return request.lacking(f"needs features of the type {kind}")
    chosen = {p: c for p in request.periods if (c := _choose(layers, _last_year(p))) is not None}
    years = named(sorted({str(year) for year, _ in layers if year is not None}))
    values = [
        v
        for v in request.lacking(f"needs {kind} of its last year or before; there are those of {years}")
        if v.key.period not in chosen
    ]
    if not chosen:
        return values
    found = rows(conn, _statement(request, chosen))
    if not found:
        return request.lacking(
            f"needs areas of the schemes {named(request.area_schemes)} among {named(areas.AREA_TYPES)}"
        )
    by_id = {d.dataset_id: d for d in areas.area_datasets(snapshot)}
    for r in found:
        year, dataset = chosen[r["period"]]
        values.append(_value(request, r, year, *inputs([by_id[r["dataset_id"]], dataset])))
    return values


def _layers(conn: psycopg.Connection[Any], request: Request) -> list[tuple[int | None, DatasetVersion]]:
    """Return (reference year, data set) of the land cover that there is; None where the year is not known."""
    datasets = request.snapshot.of_type(str(request.definition.formula.feature_type))
    by_id = {d.dataset_id: d for d in datasets}
    f = t.feature
    found = rows(
        conn,
        select(f.c.dataset_id, _year(f).label("year"))
        .distinct()
        .where(areas.seen(f, request.snapshot, datasets), _status_layer(f, request.definition.formula)),
    )
    return [(None if r["year"] is None else int(r["year"]), by_id[r["dataset_id"]]) for r in found]


def _choose(
    layers: list[tuple[int | None, DatasetVersion]], last: int
) -> tuple[int | None, DatasetVersion] | None:
    fitting = [(y, d) for y, d in layers if y is None or y <= last]
    # An unknown year is the last resort; of equals the data set that came first.
    return max(fitting, key=lambda c: (-1 if c[0] is None else c[0], -c[1].dataset_id), default=None)


def _last_year(period: str) -> int:
    end = resolve(period).end
    return end.year - 1 if (end.month, end.day) == (1, 1) else end.year


def of_class(unit: FromClause, concept: FromClause, formula: Formula) -> ColumnElement[bool]:
    """Return the predicate that joins a unit with the concept of its class."""
    return and_(
        concept.c.vocabulary == str(formula.vocabulary),
        concept.c.code == unit.c.properties[str(formula.class_property)].astext,
    )


def why_not(
    unit: FromClause, concept: FromClause, formula: Formula, year: ColumnElement[str] | str | None
) -> ColumnElement[Any]:
    """Return the expression of why a unit that intersects an area does not count, null where it does.

    Args:
        unit: an alias of `tables.feature`.
        concept: the concept of its class, outer-joined by :func:`of_class`.
        formula: what classes are asked for.
        year: the reference year that was chosen, as text; null where it is not known.
    """
    flag = concept.c.properties[str(formula.concept_flag)].astext
    return case(
        (~_status_layer(unit, formula), OTHER_LAYER),
        (_year(unit).is_distinct_from(year), OTHER_YEAR),
        (func.ST_Dimension(unit.c.geom) < 2, NO_AREA),
        (flag.is_(None), NO_CLASS),
    )


def _status_layer(unit: FromClause, formula: Formula) -> ColumnElement[bool]:
    # A unit that tells what it was before belongs to a layer of changes, which lies over the layer of a year.
    return and_(
        unit.c.properties["nomenclature"].astext == str(formula.vocabulary),
        unit.c.properties["change_from"].astext.is_(None),
    )


def _year(unit: FromClause) -> ColumnElement[Any]:
    """The reference year as text; null where it is not known or no number."""
    year = unit.c.properties[YEAR].astext
    return case((year.regexp_match(r"^\d{1,4}$"), year))


def _statement(request: Request, chosen: dict[str, tuple[int | None, DatasetVersion]]) -> Any:
    snapshot, formula = request.snapshot, request.definition.formula
    area = areas.areas(snapshot, request.area_schemes)
    unit, concept = t.feature.alias("unit"), t.concept
    layer = (
        func.unnest(
            cast(list(chosen), ARRAY(Text)),
            cast([d.dataset_id for _, d in chosen.values()], ARRAY(Integer)),
            cast([None if y is None else str(y) for y, _ in chosen.values()], ARRAY(Text)),
        )
        .table_valued(
            column("period", Text), column("dataset_id", Integer), column("year", Text), name="layer"
        )
        .render_derived()
    )
    datasets = list({d.dataset_id: d for _, d in chosen.values()}.values())
    m2 = func.ST_Area(
        func.ST_Intersection(area.c.laea, areas.polygons(func.ST_Transform(unit.c.geom, areas.LAEA)))
    )
    flag = concept.c.properties[str(formula.concept_flag)].astext
    reason = why_not(unit, concept, formula, layer.c.year)
    return (
        select(
            area.c.scheme,
            area.c.code,
            area.c.name,
            area.c.dataset_id,
            area.c.area_m2,
            layer.c.period,
            func.ST_AsEWKB(area.c.geom).label("geom"),
            func.count(unit.c.fid).filter(reason.is_(None)).label("units"),
            func.count(unit.c.fid).filter(reason == NO_CLASS).label("unknown"),
            # Two sums that exclude each other, so that each unit is clipped once.
            func.coalesce(func.sum(m2).filter(reason.is_(None), flag == "true"), 0.0).label("in_class_m2"),
            func.coalesce(func.sum(m2).filter(reason.is_(None), flag != "true"), 0.0).label("others_m2"),
        )
        .select_from(
            area.join(layer, true())
            .outerjoin(
                unit,
                and_(
                    areas.seen(unit, snapshot, datasets),
                    unit.c.dataset_id == layer.c.dataset_id,
                    func.ST_Intersects(unit.c.geom, area.c.geom),
                ),
            )
            .outerjoin(
                concept,
                of_class(unit, concept, formula),
            )
        )
        .group_by(
            area.c.scheme,
            area.c.code,
            area.c.name,
            area.c.dataset_id,
            area.c.area_m2,
            area.c.geom,
            layer.c.period,
        )
        .order_by(area.c.scheme, area.c.code, layer.c.period)
    )


def _value(
    request: Request, row: dict[str, Any], year: int | None, versions: dict[str, int], access: Any
) -> Value:
    period = resolve(row["period"])
    covered = row["in_class_m2"] + row["others_m2"]
    coverage = min(1.0, covered / row["area_m2"])
    needed = request.definition.validity.min_coverage or 0.0
    enough = coverage >= needed and covered > 0
    return Value(
        key=request.key(row["scheme"], row["code"], row["period"]),
        period_start=period.start,
        period_end=period.end,
        name=row["name"],
        value=100 * row["in_class_m2"] / covered if enough else None,
        unit=request.definition.unit,
        status="valid" if enough else "insufficient",
        reason=None
        if enough
        else f"land cover is known for {100 * coverage:.1f} % of the area, {100 * needed:g} % are needed",
        n_valid=row["units"],
        coverage=coverage,
        method=f"share of the covered area, land cover of {year or 'an unknown year'}, EPSG:3035",
        quality={
            "area_m2": row["area_m2"],
            "covered_m2": covered,
            "in_class_m2": row["in_class_m2"],
            "reference_year": year,
            "units": row["units"],
            "units_of_unknown_class": row["unknown"],
        },
        access=access,
        inputs=versions,
        geom=bytes(row["geom"]),
    )
