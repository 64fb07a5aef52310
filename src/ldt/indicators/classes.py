"""What classes of land cover an area has: from units (features), else from the cells of a raster of classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    case,
    cast,
    column,
    false,
    func,
    not_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ldt.indicators import areas, layers, zonal
from ldt.indicators.layers import Layer
from ldt.indicators.request import Request, named, rows
from ldt.model.coverage import Band
from ldt.model.indicator import Formula, Value
from ldt.model.snapshot import DatasetVersion
from ldt.store import catalogue
from ldt.store import tables as t

#: Property of a unit that says which year it describes.
YEAR = "reference_year"
#: Property of a unit that says what class it was of before: it belongs to a layer of changes.
CHANGE_FROM = "change_from"
#: The observed property of rasters of classes.
LAND_COVER = "land-cover"

#: Why a unit does not count.
OTHER_LAYER, OTHER_YEAR, NO_AREA, NO_CLASS = "other-layer", "other-year", "without-area", "unknown-class"


@dataclass(slots=True)
class Cover:
    """The land cover of an area, from one layer.

    Attributes:
        area: the area, with the columns of :func:`ldt.indicators.areas.described`.
        area_m2: its size.
        m2: square metres by class, of the classes that count.
        counted: units, or tiles with cells in the area.
        unknown: units of a class that does not count; None with cells.
    """

    area: dict[str, Any]
    layer: Layer
    area_m2: float
    m2: dict[str, float] = field(default_factory=dict)
    counted: int = 0
    unknown: int | None = None

    @property
    def covered_m2(self) -> float:
        """Area for which a class that counts is known."""
        return sum(self.m2[c] for c in sorted(self.m2))

    @property
    def coverage(self) -> float:
        """Share of the area for which a class that counts is known."""
        return min(1.0, self.covered_m2 / self.area_m2) if self.area_m2 else 0.0

    @property
    def source(self) -> str:
        """What the classes are from, in words."""
        year = self.layer.year or "an unknown year"
        cells = ", exact shares of cells" if self.layer.tiles else ""
        return f"land cover of {year}{cells}"

    @property
    def quality(self) -> dict[str, Any]:
        """What the quality of a value says of its land cover."""
        said: dict[str, Any] = {
            "area_m2": self.area_m2,
            "covered_m2": self.covered_m2,
            "reference_year": self.layer.year,
        }
        if self.layer.tiles:
            return said | {"coverages": [c.id for c in self.layer.tiles]}
        return said | {"units": self.counted, "units_of_unknown_class": self.unknown}


@dataclass(frozen=True, slots=True)
class Found:
    """What a method makes of the land cover of an area.

    Attributes:
        value: None where there is none.
        method: how it came about.
        quality: added to what is said of the land cover.
        reason: why there is no value, although enough of the area is covered.
        datasets: what was read beside the land cover.
    """

    value: float | None
    method: str
    quality: dict[str, Any] = field(default_factory=dict)
    reason: str | None = None
    datasets: tuple[DatasetVersion, ...] = ()


def numbers(conn: psycopg.Connection[Any], formula: Formula) -> dict[str, Any]:
    """Return the classes that count, each with what the formula reads of it: a flag, a number or, where it names none, None.

    A class that lacks what is read does not count. Where nothing is read, the classes of the finest level count.
    """
    concepts = catalogue.concepts(conn, str(formula.vocabulary))
    read = formula.concept_flag or formula.concept_value
    if read is None:
        parents = {c["parent"] for c in concepts}
        return {c["code"]: None for c in concepts if c["code"] not in parents}
    return {c["code"]: c["properties"][read] for c in concepts if read in c["properties"]}


def values(
    conn: psycopg.Connection[Any],
    request: Request,
    counting: Iterable[str],
    measure: Callable[[Cover, str], Found],
) -> list[Value]:
    """Return what `measure` makes of the land cover of each area for each period.

    For each period the layer with the latest reference year that is not after it is taken, for all areas the same.
    Features go before rasters. A layer of changes is never read. What has no class among `counting` counts as not covered;
    below the coverage that the definition asks for the status is `insufficient`.
    """
    found, what = _layers(conn, request)
    if not found:
        return request.lacking(f"needs {what}")
    chosen = layers.latest(request, found)
    early = layers.too_early(request, chosen, found, what)
    if not chosen:
        return early
    described = areas.listed(conn, request.snapshot, request.area_schemes)
    if not described:
        return areas.lacking(request)
    used, codes = list(dict.fromkeys(chosen.values())), list(counting)
    covers = (
        _of_cells(described, used, codes)
        if found[0].tiles
        else _of_units(conn, request, described, used, codes)
    )
    return early + [
        _value(request, cover, period, measure) for period, layer in chosen.items() for cover in covers[layer]
    ]


def _layers(conn: psycopg.Connection[Any], request: Request) -> tuple[list[Layer], str]:
    """Return the layers of the first kind of land cover that there is, and what they are; without any, what is needed."""
    formula = request.definition.formula
    kind, rasters = str(formula.feature_type), f"coverages of {LAND_COVER}"
    if of_features := status_layers(conn, request):
        return of_features, kind
    of_cells = [
        layer
        for layer in layers.of_coverages(conn, request.snapshot, LAND_COVER)
        if all(b is not None and b.vocabulary == formula.vocabulary for b in _bands(layer))
    ]
    if of_cells:
        return of_cells, rasters
    measured = [f"coverages of {formula.coverage}"] if formula.coverage else []
    return [], named([*measured, f"features of the type {kind}", rasters])


def _bands(layer: Layer) -> list[Band | None]:
    return [c.band(LAND_COVER) for c in layer.tiles]


def _value(request: Request, cover: Cover, period: str, measure: Callable[[Cover, str], Found]) -> Value:
    known = areas.known_share(request, "land cover", cover.coverage)
    found = measure(cover, period)
    if known["status"] == "valid" and found.value is None:
        known |= {"status": "not-computable", "reason": found.reason}
    return areas.value(
        request,
        cover.area,
        period,
        [cover.layer.dataset, *found.datasets],
        value=found.value if known["status"] == "valid" else None,
        n_valid=cover.counted,
        method=found.method,
        quality=cover.quality | found.quality,
        **known,
    )


# Cells --------------------------------------------------------------------------------------------------------


def _of_cells(
    described: Sequence[dict[str, Any]], used: Sequence[Layer], codes: Sequence[str]
) -> dict[Layer, list[Cover]]:
    covers = {}
    for layer in used:
        with layers.opened(layer, LAND_COVER) as tiles:
            found = zonal.classes([a["geom"] for a in described], tiles)
        covers[layer] = [
            Cover(
                area=a,
                layer=layer,
                area_m2=z.area_m2,
                m2={c: m2 for code, m2 in z.m2.items() for c in (str(code),) if c in codes},
                counted=len(layer.tiles),
            )
            for a, z in zip(described, found, strict=True)
        ]
    return covers


# Units --------------------------------------------------------------------------------------------------------


def status_layers(conn: psycopg.Connection[Any], request: Request) -> list[Layer]:
    """Return the layers of the units that tell the state of a year, not its changes."""
    formula = request.definition.formula
    datasets = request.snapshot.of_type(str(formula.feature_type))
    by_id = {d.dataset_id: d for d in datasets}
    f = t.feature
    found = rows(
        conn,
        select(f.c.dataset_id, year(f).label("year"))
        .distinct()
        .where(areas.seen(f, request.snapshot, datasets), _status(f, formula)),
    )
    return [Layer(by_id[r["dataset_id"]], None if r["year"] is None else int(r["year"])) for r in found]


def why_not(
    unit: FromClause, formula: Formula, codes: Sequence[str], reference: ColumnElement[Any] | str | None
) -> ColumnElement[Any]:
    """Return the expression of why a unit that intersects an area does not count, null where it does.

    Args:
        unit: an alias of `tables.feature`.
        formula: what vocabulary and property the classes are of.
        codes: the classes that count.
        reference: the reference year that was chosen, as text; null where it is not known.
    """
    return case(
        (~_status(unit, formula), OTHER_LAYER),
        (year(unit).is_distinct_from(reference), OTHER_YEAR),
        (func.ST_Dimension(unit.c.geom) < 2, NO_AREA),
        (not_(func.coalesce(class_of(unit, formula).in_(list(codes)), false())), NO_CLASS),
    )


def class_of(unit: FromClause, formula: Formula) -> ColumnElement[Any]:
    """Return the expression of a unit's class, as text."""
    code: ColumnElement[Any] = unit.c.properties[str(formula.class_property)].astext
    return code


def of_vocabulary(unit: FromClause, formula: Formula) -> ColumnElement[bool]:
    """Return the predicate of the units whose classes are those of the formula's vocabulary."""
    stated: ColumnElement[Any] = unit.c.properties["nomenclature"].astext
    return stated.is_not_distinct_from(str(formula.vocabulary))


def year(unit: FromClause, name: str = YEAR) -> ColumnElement[Any]:
    """Return the expression of a year that a unit states, as text; null where it is not known or no number."""
    stated = unit.c.properties[name].astext
    return case((stated.regexp_match(r"^\d{1,4}$"), stated))


def clipped_m2(unit: FromClause, area: FromClause) -> ColumnElement[Any]:
    """Return the expression of the square metres of a unit within an area, in EPSG:3035."""
    projected = areas.polygons(func.ST_Transform(unit.c.geom, areas.LAEA))
    return func.ST_Area(func.ST_Intersection(area.c.laea, projected))


def _status(unit: FromClause, formula: Formula) -> ColumnElement[bool]:
    # A unit that tells what it was before belongs to a layer of changes, which lies over the layer of a year.
    return and_(of_vocabulary(unit, formula), unit.c.properties[CHANGE_FROM].astext.is_(None))


def _of_units(
    conn: psycopg.Connection[Any],
    request: Request,
    described: Sequence[dict[str, Any]],
    used: Sequence[Layer],
    codes: Sequence[str],
) -> dict[Layer, list[Cover]]:
    covers = {
        (a["scheme"], a["code"], number): Cover(area=a, layer=layer, area_m2=a["area_m2"], unknown=0)
        for number, layer in enumerate(used)
        for a in described
    }
    for r in rows(conn, _statement(request, used, codes)):
        cover = covers[r["scheme"], r["code"], r["number"]]
        cover.counted += r["units"]
        cover.unknown = (cover.unknown or 0) + r["unknown"]
        if r["m2"] > 0:
            cover.m2[r["class"]] = r["m2"]
    return {layer: [c for c in covers.values() if c.layer is layer] for layer in used}


def _statement(request: Request, used: Sequence[Layer], codes: Sequence[str]) -> Any:
    snapshot, formula = request.snapshot, request.definition.formula
    area = areas.areas(snapshot, request.area_schemes)
    unit = t.feature.alias("unit")
    layer = (
        func.unnest(
            cast(list(range(len(used))), ARRAY(Integer)),
            cast([y.dataset.dataset_id for y in used], ARRAY(Integer)),
            cast([None if y.year is None else str(y.year) for y in used], ARRAY(Text)),
        )
        .table_valued(
            column("number", Integer), column("dataset_id", Integer), column("year", Text), name="layer"
        )
        .render_derived()
    )
    datasets = list({y.dataset.dataset_id: y.dataset for y in used}.values())
    reason = why_not(unit, formula, codes, layer.c.year)
    counts, group = reason.is_(None), class_of(unit, formula)
    return (
        select(
            area.c.scheme,
            area.c.code,
            layer.c.number,
            group.label("class"),
            func.count().filter(counts).label("units"),
            func.count().filter(reason == NO_CLASS).label("unknown"),
            func.coalesce(func.sum(clipped_m2(unit, area)).filter(counts), 0.0).label("m2"),
        )
        .select_from(
            area.join(layer, true()).join(
                unit,
                and_(
                    areas.seen(unit, snapshot, datasets),
                    unit.c.dataset_id == layer.c.dataset_id,
                    func.ST_Intersects(unit.c.geom, area.c.geom),
                ),
            )
        )
        .group_by(area.c.scheme, area.c.code, layer.c.number, group)
    )
