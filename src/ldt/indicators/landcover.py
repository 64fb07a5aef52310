"""Land cover: what part of an area is of certain classes."""

from __future__ import annotations

from typing import Any

import psycopg
from sqlalchemy import Integer, Text, and_, cast, column, func, select, true
from sqlalchemy.dialects.postgresql import ARRAY

from ldt.indicators import areas
from ldt.indicators.request import Request, inputs, named, resolve, rows
from ldt.model.indicator import Value
from ldt.model.snapshot import DatasetVersion
from ldt.store import tables as t

#: Property of a unit that says which year it describes.
YEAR = "reference_year"


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
        select(f.c.dataset_id, f.c.properties[YEAR].astext.label("year"))
        .distinct()
        .where(areas.seen(f, request.snapshot, datasets)),
    )
    return [(int(r["year"]) if (r["year"] or "").isdigit() else None, by_id[r["dataset_id"]]) for r in found]


def _choose(
    layers: list[tuple[int | None, DatasetVersion]], last: int
) -> tuple[int | None, DatasetVersion] | None:
    fitting = [(y, d) for y, d in layers if y is None or y <= last]
    # An unknown year is the last resort; of equals the data set that came first.
    return max(fitting, key=lambda c: (-1 if c[0] is None else c[0], -c[1].dataset_id), default=None)


def _last_year(period: str) -> int:
    end = resolve(period).end
    return end.year - 1 if (end.month, end.day) == (1, 1) else end.year


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
    clip = select(
        func.ST_Area(
            func.ST_Intersection(area.c.laea, areas.polygons(func.ST_Transform(unit.c.geom, areas.LAEA)))
        ).label("m2")
    ).lateral("clip")
    flag = concept.c.properties[str(formula.concept_flag)].astext
    year = unit.c.properties[YEAR].astext
    # A year that is no number counts as unknown, here as in `_layers`.
    known = year.regexp_match(r"^\d+$")
    return (
        select(
            area.c.scheme,
            area.c.code,
            area.c.name,
            area.c.dataset_id,
            area.c.area_m2,
            layer.c.period,
            func.ST_AsEWKB(area.c.geom).label("geom"),
            func.count(unit.c.fid).filter(flag.is_not(None)).label("units"),
            func.count(unit.c.fid).filter(flag.is_(None)).label("unknown"),
            func.coalesce(func.sum(clip.c.m2).filter(flag.is_not(None)), 0.0).label("covered_m2"),
            func.coalesce(func.sum(clip.c.m2).filter(flag == "true"), 0.0).label("in_class_m2"),
        )
        .select_from(
            area.join(layer, true())
            .outerjoin(
                unit,
                and_(
                    areas.seen(unit, snapshot, datasets),
                    unit.c.dataset_id == layer.c.dataset_id,
                    func.coalesce(known, False) == layer.c.year.is_not(None),
                    func.coalesce(year == layer.c.year, layer.c.year.is_(None)),
                    func.ST_Dimension(unit.c.geom) == 2,
                    func.ST_Intersects(unit.c.geom, area.c.geom),
                ),
            )
            .outerjoin(
                concept,
                and_(
                    concept.c.vocabulary == str(formula.vocabulary),
                    concept.c.code == unit.c.properties[str(formula.class_property)].astext,
                ),
            )
            .outerjoin(clip, true())
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
    coverage = min(1.0, row["covered_m2"] / row["area_m2"])
    needed = request.definition.validity.min_coverage or 0.0
    enough = coverage >= needed and row["covered_m2"] > 0
    return Value(
        key=request.key(row["scheme"], row["code"], row["period"]),
        period_start=period.start,
        period_end=period.end,
        name=row["name"],
        value=100 * min(1.0, row["in_class_m2"] / row["covered_m2"]) if enough else None,
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
            "covered_m2": row["covered_m2"],
            "in_class_m2": row["in_class_m2"],
            "reference_year": year,
            "units": row["units"],
            "units_of_unknown_class": row["unknown"],
        },
        access=access,
        inputs=versions,
        geom=bytes(row["geom"]),
    )
