"""Items as GeoJSON (RFC 7946), as expressions of text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, func, literal

from ldt.store.crs import CRS84, Crs
from ldt.store.items import Part


def geojson(part: Part, crs: Crs = CRS84, properties: Sequence[str] | None = None) -> ColumnElement[str]:
    """Return the expression of an item's GeoJSON text; `geometry` and `properties` are always there.

    Args:
        part: whose item.
        crs: of the geometry.
        properties: names of those that are sent; all if None.
    """
    geometry: ColumnElement[Any] = literal("null")
    if part.geometry is not None:
        geometry = func.coalesce(
            func.ST_AsGeoJSON(crs.written(part.geometry), crs.digits, 0), literal("null")
        )
    return func.concat(
        literal('{"type":"Feature","id":"'),
        part.identifier,
        literal('","geometry":'),
        geometry,
        literal(',"properties":'),
        cast(chosen_attributes(part, properties), Text),
        literal("}"),
    )


def chosen_attributes(part: Part, names: Sequence[str] | None) -> ColumnElement[Any]:
    """Return the document of an item's properties, or of those with some names; all if None."""
    return part.attributes if names is None else func.jsonb_strip_nulls(_some(part.attributes, names))


def _some(attributes: ColumnElement[Any], names: Sequence[str]) -> ColumnElement[Any]:
    """Return a document with some members of another; nulls for those that are not there."""
    pieces = []
    for begin in range(0, max(len(names), 1), 40):  # a function takes a hundred arguments
        pairs = [e for n in names[begin : begin + 40] for e in (literal(n), attributes[n])]
        pieces.append(func.jsonb_build_object(*pairs))
    whole: ColumnElement[Any] = pieces[0]
    for piece in pieces[1:]:
        whole = whole.op("||")(piece)
    return whole
