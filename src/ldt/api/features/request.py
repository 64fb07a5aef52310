"""What comes in: how the parameters of `items` become a selection of items."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any

import orjson
from fastapi import Path, Query
from pydantic import WithJsonSchema
from sqlalchemy import ColumnElement, Text, and_, cast, literal, or_
from sqlalchemy.dialects.postgresql import JSONB
from starlette.requests import Request

from ldt.api.features.areas import areas
from ldt.api.filters import read_filter
from ldt.api.formats import bulk
from ldt.api.negotiate import GEOJSON, HTML, JSON, JSONFG, SCHEMA
from ldt.api.paging import Token, bad_token, read_token
from ldt.api.parameters import known, parse_datetime, refuse_unknown
from ldt.errors import UsageError
from ldt.store.crs import CRS84, Crs, crs_of
from ldt.store.items import Items, Property
from ldt.store.pages import Position, Selection, Sort
from ldt.store.shapes import condition as condition_of
from ldt.timerange import parse_instant

FORMS = (JSON, HTML)
ONE_FORMS = (GEOJSON, HTML, JSONFG)
ITEM_FORMS = (*ONE_FORMS, *bulk.FORMS)
SCHEMA_FORMS = (SCHEMA, HTML)

#: Longest order that can be asked for: each key is looked at for each item, and goes into the page token.
MAX_SORT_KEYS = 8

FeatureId = Annotated[str, Path(alias="featureId", description="An item's id.")]


def _list(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "array", "items": {"type": "string"}, "minItems": 1, **schema})


CrsIs = Annotated[
    str | None,
    Query(
        alias="crs",
        description="The CRS that coordinates are sent in, with the axis order of its authority; the collection lists them.",
    ),
    WithJsonSchema({"type": "string", "format": "uri", "default": CRS84.uri}),
]
SortBy = Annotated[
    str | None,
    Query(
        description="Order: names of sortables, each with + (ascending, also without a sign) or - (descending) before it."
        " Items without the property come last."
    ),
    _list(maxItems=MAX_SORT_KEYS),
]
Properties = Annotated[
    str | None, Query(description="Names of the properties that are sent; all without it."), _list()
]

#: The further parameters of items, which no signature can name: each queryable of a collection is one.
QUERYABLES = {
    "name": "queryables",
    "in": "query",
    "required": False,
    "description": "Queryables of the collection by name, each with the value that the property must have; an array must hold it.",
    "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    "style": "form",
    "explode": True,
}


def selection(
    request: Request,
    items: Items,
    *,
    bbox: str | None = None,
    bbox_crs: str | None = None,
    within: str | None = None,
    crs: str | None = None,
    sortby: str | None = None,
    properties: str | None = None,
    condition: str | None = None,
    condition_lang: str | None = None,
    condition_crs: str | None = None,
) -> Selection:
    """Return what a request for items asks for.

    Args:
        request: whose further parameters are names of queryables.
        items: of the collection.
        bbox: parameter `bbox`.
        bbox_crs: parameter `bbox-crs`.
        within: parameter `datetime`.
        crs: parameter `crs`.
        sortby: parameter `sortby`.
        properties: parameter `properties`.
        condition: parameter `filter`.
        condition_lang: parameter `filter-lang`.
        condition_crs: parameter `filter-crs`.

    Raises:
        UnknownParameter: neither a parameter of the resource nor a queryable of the collection.
        UsageError: a value that cannot be understood.
    """
    own = known(request)
    named = {n: p for n, p in items.properties.items() if p.kind != "geometry" and n not in own}
    refuse_unknown(request, [*own, *named])
    interval = parse_datetime(within)
    equal = [equals(p, request.query_params[n]) for n, p in named.items() if n in request.query_params]
    if (asked := read_filter(condition, condition_lang, condition_crs, items.properties)) is not None:
        equal.append(asked)
    where = condition_of(and_(*equal)) if equal else None
    return Selection(
        areas=areas(bbox, bbox_crs),
        start=interval.start if interval else None,
        end=interval.end if interval else None,
        where=where.expression if where else None,
        sort=_sort(items, sortby),
        properties=_chosen(items, properties),
        crs=asked_crs(crs),
        given=where.values if where else {},
        shape=where.shape if where else None,
    )


def asked_crs(text: str | None) -> Crs:
    """Return the CRS that a parameter `crs` names, CRS84 without it; raises UsageError for one that is not supported."""
    return CRS84 if text is None else crs_of(text, "crs")


def sortables(items: Items) -> dict[str, Property]:
    """Return the properties that items can be sorted by."""
    return {n: p for n, p in items.properties.items() if p.kind not in {"geometry", "array"}}


def returnables(items: Items) -> list[str]:
    """Return the names of the properties that are sent with items: those without a role of their own in the document."""
    return [*(n for n, p in items.properties.items() if "x-ogc-role" not in p.schema), *items.further]


def _names(text: str, where: str) -> list[str]:
    names = text.split(",")
    if "" in names:
        raise UsageError(f"{where} has an empty name", where=where, remedy="write names parted by commas")
    return names


def _sort(items: Items, text: str | None) -> tuple[Sort, ...]:
    if text is None:
        return ()
    offered = sortables(items)
    found: list[Sort] = []
    for one in _names(text, "sortby"):
        # A plus sign that is not encoded arrives as a blank.
        name = one[1:] if one[0] in "+- " else one
        if name not in offered:
            raise UsageError(
                f"{name[:80]!r} is no sortable",
                where="sortby",
                remedy=f"it can be sorted by: {', '.join(sorted(offered))}",
            )
        if name in (s.property.name for s in found):
            raise UsageError(f"{name!r} is given twice", where="sortby", remedy="give it once")
        found.append(Sort(offered[name], one[0] == "-"))
    if len(found) > MAX_SORT_KEYS:
        raise UsageError(
            f"sortby has {len(found)} keys", where="sortby", remedy=f"give at most {MAX_SORT_KEYS}"
        )
    return tuple(found)


def _chosen(items: Items, text: str | None) -> tuple[str, ...] | None:
    if text is None:
        return None
    offered = returnables(items)
    names = tuple(dict.fromkeys(_names(text, "properties")))
    if unknown := [n for n in names if n not in offered]:
        raise UsageError(
            f"{unknown[0][:80]!r} is no property of this collection",
            where="properties",
            remedy=f"it has: {', '.join(sorted(offered))}",
        )
    return names


def equals(about: Property, text: str) -> ColumnElement[bool]:
    """Return the predicate that a property has the value that a parameter gives; an array holds it.

    Raises:
        UsageError: the text is no value of the property's kind.
    """
    column, kind = about.column, about.kind
    if kind == "string":
        return column == text
    if kind == "array":
        whole = [orjson.dumps([text]).decode()]
        if (number := _decimal(text)) is not None:
            whole.append(f"[{number}]")
        return or_(*(column.op("@>")(cast(literal(w, Text), JSONB)) for w in whole))
    return column == literal(_value(about, text), column.type)


def _value(about: Property, text: str) -> Any:
    if about.kind == "boolean":
        if text not in {"true", "false"}:
            raise UsageError(f"{text[:40]!r} is neither true nor false", where=about.name)
        return text == "true"
    if about.kind == "date":
        try:
            return date.fromisoformat(text if re.fullmatch(r"\d{4}-\d\d-\d\d", text) else "")
        except ValueError as e:
            raise UsageError(
                f"{text[:40]!r} is not a date", where=about.name, remedy="write it like 2013-01-30"
            ) from e
    if about.kind == "timestamp":
        try:
            return parse_instant(text)
        except UsageError as e:
            e.where = about.name
            raise
    if (number := _decimal(text)) is None:
        raise UsageError(f"{text[:40]!r} is not a number", where=about.name, remedy="write it like 12.5")
    return number


def _decimal(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    # A huge exponent would be written out in full.
    return number if number.is_finite() and abs(number.adjusted()) <= 300 and len(text) <= 400 else None


def first_token(request: Request) -> Token | None:
    """Return the page token of a request for items, which has a value for each sort key beside part and key."""
    order = request.query_params.get("sortby")
    keys = len(order.split(",")) if order else 0
    kinds = (int, str, *(str | None for _ in range(keys)))
    return read_token(request, request.query_params.get("token"), kinds)


def position(sort: tuple[Sort, ...], found: tuple[Any, ...]) -> Position:
    """Return the place that a page token names.

    Raises:
        BadToken: a value is none of its key's kind: the token was changed.
    """
    part, key, *values = found
    for one, value in zip(sort, values, strict=True):
        if value is None or one.property.kind == "string":
            continue
        try:
            # What PostgreSQL writes: blanks for T, `t` for true, offsets in hours.
            text = value.replace(" ", "T") if one.property.kind == "timestamp" else value
            text = re.sub(r"([+-]\d\d)$", r"\1:00", text) if one.property.kind == "timestamp" else text
            _value(one.property, text)
        except UsageError as e:
            raise bad_token("it was not made by this service") from e
    return Position(part, key, tuple(values))
