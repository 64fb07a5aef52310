"""Indicator values by area as items of vector tiles: a row for each spatial unit, a property for each indicator, so that a map needs one request for a tile."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import psycopg
from geoalchemy2 import Geometry
from sqlalchemy import ColumnElement, Text, and_, cast, column, func, literal, not_, select, true
from sqlalchemy.dialects.postgresql import JSONB, aggregate_order_by, distinct_on

from ldt.model.indicator import STATION, TWIN
from ldt.model.snapshot import Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import fetch_all
from ldt.store.items import Items, Part, Property
from ldt.store.tiles import Box, reach

COLLECTION = "indicator-values"
_TEXT: Mapping[str, Any] = {"type": "string"}


@dataclass(frozen=True, slots=True)
class There:
    """What values of spatial units there are in a scheme.

    Attributes:
        scheme: the scheme.
        units: how many units have a place and a value.
        indicators: which indicators they have, in order.
        periods: of which periods, the newest last.
        bbox: west, south, east, north in degrees.
    """

    scheme: str
    units: int
    indicators: tuple[str, ...]
    periods: tuple[str, ...]
    bbox: Box


def _placed(snapshot: Snapshot) -> ColumnElement[bool]:
    v = t.value.c
    # A value of one of a station's properties (`DENW053/NO2`) is no value of the station.
    part_of_station = and_(v.scheme == STATION, v.code.contains("/"))
    return and_(visible.values(snapshot), v.geom.is_not(None), v.scheme != TWIN, not_(part_of_station))


def there(conn: psycopg.Connection[Any], snapshot: Snapshot) -> list[There]:
    """Return what values by area a snapshot sees, the scheme with most units first.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
    """
    v = t.value.c
    extent = cast(func.ST_Extent(v.geom), Geometry)
    rows = fetch_all(
        conn,
        select(
            v.scheme,
            func.count(v.code.distinct()).label("units"),
            func.array_agg(v.indicator.distinct()).label("indicators"),
            func.array_agg(aggregate_order_by(v.period, v.period_start, v.period)).label("periods"),
            *(getattr(func, f"ST_{n}")(extent).label(n.lower()) for n in ("XMin", "YMin", "XMax", "YMax")),
        )
        .where(_placed(snapshot))
        .group_by(v.scheme),
    )
    found = [
        There(
            r["scheme"],
            r["units"],
            tuple(sorted(r["indicators"])),
            tuple(dict.fromkeys(r["periods"])),
            (r["xmin"], r["ymin"], r["xmax"], r["ymax"]),
        )
        for r in rows
    ]
    return sorted(found, key=lambda one: (-one.units, one.scheme))


def items(
    snapshot: Snapshot, of: There, schemas: Mapping[str, Mapping[str, Any]], period: str | None
) -> Items:
    """Return the items of the values of a scheme, to be shown in tiles and nowhere else.

    Each has `scheme`, `code`, `name`, and for each indicator `{indicator}` where the value is one that the rules allow,
    `{indicator}_status` (`valid`, `insufficient`, …) and `{indicator}_period`.

    Args:
        snapshot: the state to read.
        of: what there is in the scheme.
        schemas: which indicators, each with the JSON Schema of its values.
        period: of which period; without one, of each unit and indicator the newest.
    """
    v = t.value.c
    # Inside, so that only the units that a tile shows are put together.
    wanted = and_(
        _placed(snapshot),
        v.scheme == of.scheme,
        v.indicator.in_(list(schemas)),
        v.geom.op("&&")(reach()),
        true() if period is None else v.period == period,
    )
    newest = (
        select(v.code, v.name, v.indicator, v.period, v.status, v.value, v.geom)
        .ext(distinct_on(v.code, v.indicator))
        .where(wanted)
        .order_by(v.code, v.indicator, v.period_start.desc(), v.period_end.desc())
        .subquery("newest")
    ).c
    allowed = and_(newest.status == "valid", newest.value.is_not(None))
    numbers = func.jsonb_object_agg(newest.indicator, newest.value).filter(allowed)
    states = func.jsonb_object_agg(newest.indicator.concat("_status"), newest.status)
    periods = func.jsonb_object_agg(newest.indicator.concat("_period"), newest.period)
    unit = func.jsonb_build_object(
        literal("scheme", Text),
        literal(of.scheme, Text),
        literal("code", Text),
        newest.code,
        literal("name", Text),
        func.min(newest.name),
    )
    empty = cast(literal("{}", Text), JSONB)
    rows = (
        select(
            newest.code,
            func.array_agg(newest.geom)[1].label("geom"),
            func.coalesce(numbers, empty)
            .op("||")(states)
            .op("||")(periods)
            .op("||")(unit)
            .label("properties"),
        )
        .group_by(newest.code)
        .subquery("units")
    )
    part = Part(
        order=0,
        table=rows,
        where=true(),
        key=column("code", Text),
        identifier=func.concat(literal(f"{of.scheme}.", Text), column("code", Text)),
        geometry=column("geom", Geometry),
        attributes=column("properties", JSONB),
    )
    return Items(COLLECTION, [part], _properties(schemas))


def _properties(schemas: Mapping[str, Mapping[str, Any]]) -> dict[str, Property]:
    document = column("properties", JSONB)
    texts = {"scheme": "Scheme", "code": "Code", "name": "Name"}
    found = {
        n: Property(n, "string", document[n].astext, {**_TEXT, "title": title}) for n, title in texts.items()
    }
    for one, schema in schemas.items():
        number = document[one].astext.cast(t.value.c.value.type)
        found[one] = Property(one, "number", number, schema)
        for what in ("status", "period"):
            name = f"{one}_{what}"
            found[name] = Property(name, "string", document[name].astext, _TEXT)
    return found
