"""Items as texts of JSON-FG (OGC 21-045r1, version 0.3)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Text, case, cast, func, literal, null

from ldt.store.columns import instant_text
from ldt.store.crs import CRS84
from ldt.store.geojson import chosen_attributes
from ldt.store.items import Part
from ldt.store.pages import Selection


def jsonfg(part: Part, selection: Selection) -> ColumnElement[str]:
    """Return the expression of an item's JSON-FG text.

    In CRS84 its geometry is in `geometry`, as GeoJSON has it, and `place` is null; in any other CRS it is the other way round (7.4
    there). `time` is an instant or an interval (7.3); the end of an interval is not part of it.
    """
    crs = selection.crs
    shape: ColumnElement[Any] = literal("null")
    if part.geometry is not None:
        shape = func.coalesce(func.ST_AsGeoJSON(crs.written(part.geometry), crs.digits, 0), literal("null"))
    nothing = literal("null", Text)
    geometry, place = (shape, nothing) if crs is CRS84 else (nothing, shape)
    return func.concat(
        literal('{"type":"Feature","id":"'),
        part.identifier,
        literal('","time":'),
        _time(part),
        literal(',"place":'),
        place,
        literal(',"geometry":'),
        geometry,
        literal(',"properties":'),
        cast(chosen_attributes(part, selection.properties), Text),
        literal("}"),
    )


def _time(part: Part) -> ColumnElement[Any]:
    start = part.start if part.start is not None else null()
    end = part.end if part.end is not None else null()
    if part.start is None and part.end is None:
        return literal("null")
    from_, to = (func.coalesce(instant_text(t), "..") for t in (start, end))
    return case(
        (start.is_(None) & end.is_(None), "null"),
        (start == end, func.concat('{"timestamp":"', from_, '"}')),
        else_=func.concat('{"interval":["', from_, '","', to, '"]}'),
    )
