"""Indicator values as items: each value a feature with the geometry of its spatial unit. Every function takes a Snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
import psycopg
from sqlalchemy import ColumnElement, Text, case, cast, exists, func, literal, select
from sqlalchemy.dialects.postgresql import JSONB

from ldt.model.snapshot import Snapshot
from ldt.store import catalogue, visible
from ldt.store import tables as t
from ldt.store.connect import fetch_all
from ldt.store.items import Items, Kind, Part, Property
from ldt.store.value_tiles import COLLECTION

#: What a rule set can say, the worst first: where it judges by several objectives, the worst counts.
_VERDICTS = ("exceeded", "not-assessable", "compliant")
_SCHEMAS: Mapping[str, tuple[Kind, Mapping[str, Any]]] = {
    "indicator": ("string", {"title": "Id of the indicator"}),
    "title": ("string", {"title": "Title of the indicator, in English"}),
    "scheme": ("string", {"title": "Scheme of the spatial unit: station, city, district, quarter, …"}),
    "code": ("string", {"title": "Code of the spatial unit in its scheme"}),
    "name": ("string", {"title": "Name of the spatial unit"}),
    "period": ("string", {"title": "Period, as it is written: 2024"}),
    "period_start": ("timestamp", {"title": "Begin of the period"}),
    "period_end": ("timestamp", {"title": "End of the period; it is not part of it"}),
    "value": ("number", {"title": "Value, in its unit; absent where the rules allow none"}),
    "unit": ("string", {"title": "Unit (UCUM)"}),
    "status": (
        "string",
        {
            "title": "Whether the value may be used",
            "enum": ["valid", "insufficient", "not-computable", "suppressed"],
        },
    ),
    "reason": ("string", {"title": "Why there is no value"}),
    "n_valid": ("integer", {"title": "Records that counted; for areas the number of features"}),
    "n_expected": ("integer", {"title": "Records that a complete period has"}),
    "coverage": ("number", {"title": "Share of the records or of the area with valid data, 0 to 1"}),
    "method": ("string", {"title": "How it was computed"}),
}


def verdict_name(rule_set: str) -> str:
    """Return the name of the property that holds what a rule set says of a value: `verdict_2008_50_ec`."""
    return f"verdict_{rule_set.replace('-', '_')}"


def there(conn: psycopg.Connection[Any], snapshot: Snapshot) -> bool:
    """Whether a snapshot sees any values."""
    seen = select(literal(1)).select_from(t.value).where(visible.values(snapshot))
    (row,) = fetch_all(conn, select(exists(seen).label("any")))
    return bool(row["any"])


def items(conn: psycopg.Connection[Any], snapshot: Snapshot) -> Items:
    """Return what indicator values are read from.

    Their id is `{indicator}.{slug}` with :attr:`ldt.model.indicator.ValueKey.slug`; a value has a property for each rule set that
    there is, null where that says nothing of it.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
    """
    v = t.value.c
    titles = fetch_all(conn, select(t.indicator.c.id, t.indicator.c.definition["title"]["en"].label("title")))
    called = cast(literal(orjson.dumps({r["id"]: r["title"] for r in titles}).decode(), Text), JSONB)
    columns: dict[str, ColumnElement[Any]] = {
        n: called[v.indicator].astext.collate("C") if n == "title" else _own(n, kind)
        for n, (kind, _) in _SCHEMAS.items()
    }
    rules = {verdict_name(r.id): r for r in catalogue.rule_sets()}
    said = {name: _verdict(rule.id) for name, rule in rules.items()}
    pairs = [e for n, c in {**columns, **said}.items() for e in (literal(n, Text), c)]
    part = Part(
        order=0,
        table=t.value,
        where=visible.values(snapshot),
        key=v.id,
        identifier=v.id,
        geometry=v.geom,
        attributes=func.jsonb_build_object(*pairs, type_=JSONB),
        start=v.period_start,
        end=v.period_end,
        prefix="",
    )
    found = [Property(n, kind, columns[n], schema) for n, (kind, schema) in _SCHEMAS.items()]
    found += [
        Property(n, "string", c, {"title": f"What {rules[n].title['en']} says", "enum": list(_VERDICTS)})
        for n, c in said.items()
    ]
    place = {"title": "Place of the spatial unit", "x-ogc-role": "primary-geometry"}
    found.append(Property("geometry", "geometry", v.geom, place))
    return Items(COLLECTION, (part,), {p.name: p for p in found})


def _own(name: str, kind: Kind) -> ColumnElement[Any]:
    column: ColumnElement[Any] = t.value.c[name]
    return column.collate("C") if kind == "string" else column


def _verdict(rule_set: str) -> ColumnElement[Any]:
    """Return the expression of what a rule set says of a value."""
    said = ((v, orjson.dumps([{"rule_set": rule_set, "verdict": v}]).decode()) for v in _VERDICTS)
    whens = [(t.value.c.verdicts.op("@>")(cast(literal(s, Text), JSONB)), literal(v, Text)) for v, s in said]
    return case(*whens).collate("C")


def extent(
    conn: psycopg.Connection[Any], snapshot: Snapshot
) -> tuple[tuple[float, float, float, float] | None, tuple[datetime | None, datetime | None]]:
    """Return (west, south, east, north in degrees or None, (begin of the first, end of the last) period) of the values.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
    """
    v = t.value.c
    box = func.ST_Extent(v.geom)
    sides = [
        f(box).label(n)
        for n, f in zip("wsen", (func.ST_XMin, func.ST_YMin, func.ST_XMax, func.ST_YMax), strict=True)
    ]
    times = (func.min(v.period_start).label("first"), func.max(v.period_end).label("last"))
    (row,) = fetch_all(conn, select(*sides, *times).where(visible.values(snapshot)))
    bbox = None if row["w"] is None else (row["w"], row["s"], row["e"], row["n"])
    return bbox, (row["first"], row["last"])
