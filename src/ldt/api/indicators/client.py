"""What the store answers for indicators: definitions, values, lineage."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import orjson

from ldt.api.context import Connection, Reading
from ldt.indicators import lineage as of_value
from ldt.model.indicator import ValueKey
from ldt.store import catalogue, values

#: Where a page of values begins: after (scheme, code, period_start, period_end).
After = tuple[Any, Any, Any, Any] | None


def definitions(conn: Connection) -> list[dict[str, Any]]:
    """Return the definitions of the indicators in order of id."""
    return [_plain(d) for d in catalogue.indicator_definitions(conn).values()]


def definition(conn: Connection, indicator: str) -> dict[str, Any]:
    """Return the definition of an indicator; raises NotFound."""
    return _plain(catalogue.indicator_definition(conn, indicator))


def _plain(definition: Any) -> dict[str, Any]:
    found: dict[str, Any] = definition.model_dump(mode="json", by_alias=True)
    return found


def available(seen: Reading) -> dict[str, dict[str, Any]]:
    """Return what values there are, by indicator: `schemes`, `periods`, and `count` of the values by status."""
    found = {}
    for indicator, rows in groupby(values.overview(seen.conn, seen.snapshot), lambda r: r["indicator"]):
        count: dict[str, int] = {}
        schemes, periods = set(), set()
        for row in rows:
            schemes.add(row["scheme"])
            periods.add(row["period"])
            count[row["status"]] = count.get(row["status"], 0) + row["count"]
        found[indicator] = {"schemes": sorted(schemes), "periods": sorted(periods), "count": count}
    return found


def page(
    seen: Reading, indicator: str, filters: dict[str, Any], limit: int, after: After, *, geometry: bool
) -> list[dict[str, Any]]:
    """Return values in order of (scheme, code, period), with GeoJSON objects as `geometry` if wanted."""
    found = values.page(
        seen.conn, seen.snapshot, indicator, **filters, limit=limit, after=after, geometry=geometry
    )
    return [_with_geometry(row) if geometry else row for row in found]


def count(seen: Reading, indicator: str, filters: dict[str, Any]) -> int:
    """Return how many values match."""
    return values.count(seen.conn, seen.snapshot, indicator, **filters)


def value(seen: Reading, key: ValueKey) -> dict[str, Any]:
    """Return one value with its place; raises NotFound."""
    return _with_geometry(values.one(seen.conn, seen.snapshot, key, geometry=True))


def _with_geometry(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "geometry": orjson.loads(row["geometry"]) if row["geometry"] else None}


def lineage(seen: Reading, key: ValueKey) -> dict[str, Any]:
    """Return where a value comes from; raises NotFound or Gone."""
    return of_value.lineage(seen.conn, seen.snapshot, key)


def records(seen: Reading, key: ValueKey, limit: int, after: tuple[Any, ...] | None) -> list[dict[str, Any]]:
    """Return the records that a value was computed from; raises NotFound or Gone."""
    return of_value.records(seen.conn, seen.snapshot, key, after=after, limit=limit)
