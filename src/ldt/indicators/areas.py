"""Areas and places, as expressions: the spatial units that values are given for are features like all else."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import psycopg
from sqlalchemy import CTE, ColumnElement, FromClause, case, false, func, or_, select
from sqlalchemy.dialects.postgresql import distinct_on

from ldt.indicators.request import Request, inputs, named, resolve, rows
from ldt.model.indicator import Value
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible

#: Feature types whose features are areas where they carry `scheme` and `code`.
AREA_TYPES = ("administrative-units", "statistical-units")
#: The feature type that says where a station is and what it is called.
FACILITIES = "environmental-monitoring-facilities"
#: Areas are computed in ETRS89-LAEA, which is equal-area; distances never are.
LAEA = 3035


def area_datasets(snapshot: Snapshot) -> list[DatasetVersion]:
    """Return the data sets that can hold areas."""
    return [d for kind in AREA_TYPES for d in snapshot.of_type(kind)]


def seen(feature: FromClause, snapshot: Snapshot, datasets: Sequence[DatasetVersion]) -> ColumnElement[bool]:
    """Return the predicate of the features of some data sets, for an alias of `tables.feature`."""
    return or_(false(), *(visible.rows(feature, snapshot.twin_id, d) for d in datasets))


def areas(snapshot: Snapshot, schemes: Sequence[str]) -> CTE:
    """Return the areas of some schemes: `scheme`, `code`, `name`, `dataset_id`, `geom` (4326), `laea`, `area_m2`.

    Features of one data set with the same scheme and code are parts of one area. Where several data sets have an area
    of the same scheme and code, the first data set's is taken.
    """
    f = t.feature.alias("f")
    scheme, code = f.c.properties["scheme"].astext, f.c.properties["code"].astext
    only = func.ST_GeometryN(func.ST_Collect(f.c.geom), 1)
    parts = (
        select(
            scheme.label("scheme"),
            code.label("code"),
            func.min(f.c.properties["name"].astext).label("name"),
            f.c.dataset_id,
            # A union may rearrange what it is given: a single part is left as it is.
            case((func.count() == 1, only), else_=func.ST_Union(f.c.geom)).label("geom"),
        )
        .where(
            seen(f, snapshot, area_datasets(snapshot)),
            scheme.in_(list(schemes)),
            code.is_not(None),
            func.ST_Dimension(f.c.geom) == 2,
        )
        .group_by(scheme, code, f.c.dataset_id)
        .subquery("part")
    )
    first = (
        select(parts)
        .ext(distinct_on(parts.c.scheme, parts.c.code))
        .order_by(parts.c.scheme, parts.c.code, parts.c.dataset_id)
        .subquery("first")
    )
    laea = polygons(func.ST_Transform(first.c.geom, LAEA)).label("laea")
    projected = select(first, laea).subquery("projected")
    return (
        select(projected, func.ST_Area(projected.c.laea).label("area_m2"))
        .where(func.ST_Area(projected.c.laea) > 0)
        .cte("area")
    )


def described(area: CTE) -> list[ColumnElement[Any]]:
    """Return what a value has to know of its area: `scheme`, `code`, `name`, `dataset_id`, `area_m2`, `geom` (EWKB)."""
    c = area.c
    return [c.scheme, c.code, c.name, c.dataset_id, c.area_m2, func.ST_AsEWKB(c.geom).label("geom")]


def listed(conn: psycopg.Connection[Any], snapshot: Snapshot, schemes: Sequence[str]) -> list[dict[str, Any]]:
    """Return the areas of some schemes as :func:`described` has them, in order of scheme and code."""
    area = areas(snapshot, schemes)
    found = rows(conn, select(*described(area)).order_by(area.c.scheme, area.c.code))
    return [{**r, "geom": _bytes(r["geom"])} for r in found]


def lacking(request: Request) -> list[Value]:
    """Return the value of each period that says that there are no areas."""
    return request.lacking(
        f"needs areas of the schemes {named(request.area_schemes)} among {named(AREA_TYPES)}"
    )


def value(
    request: Request,
    area: dict[str, Any],
    period: str,
    datasets: Iterable[DatasetVersion],
    **known: Any,
) -> Value:
    """Return the value of an area.

    Args:
        request: what is computed.
        area: a row with the columns of :func:`described`.
        period: as it is written.
        datasets: what was read beside the area itself.
        known: the further attributes of :class:`Value`, `status` and `method` among them.
    """
    span = resolve(period)
    holders = {d.dataset_id: d for d in area_datasets(request.snapshot)}
    versions, access = inputs([holders[area["dataset_id"]], *datasets])
    return Value(
        key=request.key(area["scheme"], area["code"], period),
        period_start=span.start,
        period_end=span.end,
        unit=request.definition.unit,
        name=area["name"],
        access=access,
        inputs=versions,
        geom=_bytes(area["geom"]),
        **known,
    )


def known_share(request: Request, what: str, coverage: float) -> dict[str, Any]:
    """Return `status`, `reason` and `coverage` of a value that needs data for a least share of its area.

    Args:
        request: its definition says what share.
        what: the data, as the reason names them.
        coverage: share of the area that there are data for, 0 to 1.
    """
    needed = request.definition.validity.min_coverage or 0.0
    enough = coverage > 0 and coverage >= needed
    reason = f"{what} is known for {100 * coverage:.1f} % of the area, {100 * needed:g} % are needed"
    return {
        "status": "valid" if enough else "insufficient",
        "reason": None if enough else reason,
        "coverage": coverage,
    }


def polygons(geometry: ColumnElement[Any]) -> ColumnElement[Any]:
    """Return the polygonal part of a geometry, valid: a projection can turn a sliver over."""
    return func.ST_CollectionExtract(func.ST_MakeValid(geometry), 3)


def places(conn: psycopg.Connection[Any], snapshot: Snapshot) -> dict[str, dict[str, Any]]:
    """Return the monitoring facilities by code: `name`, `geom` (EWKB), `dataset` (a :class:`DatasetVersion`).

    Where several data sets know a station, the first one's word is taken. A station of which only the sampling points are
    known lies where the first of them does, and has its name.
    """
    datasets = snapshot.of_type(FACILITIES)
    by_id = {d.dataset_id: d for d in datasets}
    f = t.feature
    code, station = (f.c.properties[name].astext for name in ("code", "station"))
    found = rows(
        conn,
        select(
            code.label("code"),
            station.label("station"),
            f.c.properties["name"].astext.label("name"),
            func.ST_AsEWKB(f.c.geom).label("geom"),
            f.c.dataset_id,
        )
        .ext(distinct_on(code))
        .where(seen(f, snapshot, datasets), code.is_not(None))
        .order_by(code, f.c.dataset_id, f.c.fid),
    )
    known = [
        (r, {"name": r["name"], "geom": _bytes(r["geom"]), "dataset": by_id[r["dataset_id"]]}) for r in found
    ]
    by_station = {r["station"]: place for r, place in reversed(known) if r["station"]}
    return by_station | {r["code"]: place for r, place in known}


def station_codes(conn: psycopg.Connection[Any], snapshot: Snapshot) -> dict[str, str]:
    """Return the code of the station by that of the facility, for facilities that are sampling points of one.

    Their values are the station's: one station measures several pollutants, each at a sampling point of its own.
    """
    datasets = snapshot.of_type(FACILITIES)
    f = t.feature
    code, station = (f.c.properties[name].astext for name in ("code", "station"))
    found = rows(
        conn,
        select(code.label("code"), station.label("station"))
        .ext(distinct_on(code))
        .where(seen(f, snapshot, datasets), code.is_not(None), station.is_not(None))
        .order_by(code, f.c.dataset_id, f.c.fid),
    )
    return {r["code"]: r["station"] for r in found}


def stations_in(
    conn: psycopg.Connection[Any], snapshot: Snapshot, schemes: Sequence[str]
) -> list[dict[str, Any]]:
    """Return the areas of some schemes, each with the codes of the stations that lie in it.

    Returns:
        dicts with the columns of :func:`described` and `stations` (list of codes; of a sampling point that of its station).
    """
    area = areas(snapshot, schemes)
    f = t.feature.alias("place")
    inside = func.ST_Covers(area.c.geom, f.c.geom)
    station = func.coalesce(f.c.properties["station"].astext, f.c.properties["code"].astext)
    found = rows(
        conn,
        select(
            *described(area),
            func.array_agg(station.distinct()).filter(station.is_not(None)).label("stations"),
        )
        .select_from(area.outerjoin(f, seen(f, snapshot, snapshot.of_type(FACILITIES)) & inside))
        .group_by(*described(area))
        .order_by(area.c.scheme, area.c.code),
    )
    return [{**r, "geom": _bytes(r["geom"]), "stations": r["stations"] or []} for r in found]


def _bytes(value: Any) -> bytes | None:
    return None if value is None else bytes(value)
