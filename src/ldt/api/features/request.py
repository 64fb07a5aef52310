"""What comes in: how the parameters of `items` become a selection of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from sqlalchemy import ColumnElement, cast, literal
from sqlalchemy.dialects.postgresql import JSONB
from starlette.requests import Request

from ldt.api.negotiate import GEOJSON, HTML, JSON, SCHEMA
from ldt.api.parameters import known, parse_bbox, parse_datetime, refuse_unknown
from ldt.errors import UsageError
from ldt.model.snapshot import DatasetVersion
from ldt.store import tables as t
from ldt.store.features import Selection
from ldt.store.views import collection_schema

FORMS = (JSON, HTML)
ITEM_FORMS = (GEOJSON, HTML)
SCHEMA_FORMS = (SCHEMA, HTML)

_SIMPLE = ("string", "number", "integer", "boolean")


def filterable(collection: str, parts: Sequence[DatasetVersion]) -> dict[str, str]:
    """Return the properties by which a collection can be filtered, with their JSON type."""
    found = {}
    for name, about in schema(collection, parts)["properties"].items():
        kinds = about.get("type")
        kinds = [k for k in (kinds if isinstance(kinds, list) else [kinds]) if k != "null"]
        if len(kinds) == 1 and kinds[0] in _SIMPLE:
            found[name] = kinds[0]
    return found


def selection(
    request: Request,
    collection: str,
    parts: Sequence[DatasetVersion],
    bbox: str | None,
    bbox_crs: str | None,
    datetime: str | None,
) -> Selection:
    """Return what a request for items asks for.

    Args:
        request: whose further parameters are names of properties.
        collection: its id.
        parts: its data sets.
        bbox: parameter `bbox`.
        bbox_crs: parameter `bbox-crs`.
        datetime: parameter `datetime`.

    Raises:
        UnknownParameter: neither a parameter of the resource nor a property of the collection.
        UsageError: a value that cannot be understood.
    """
    own = known(request)
    properties = {k: v for k, v in filterable(collection, parts).items() if k not in own}
    refuse_unknown(request, [*own, *properties])
    interval = parse_datetime(datetime)
    return Selection(
        bboxes=parse_bbox(bbox, bbox_crs),
        start=interval.start if interval else None,
        end=interval.end if interval else None,
        filters=[
            _equals(name, kind, request.query_params[name])
            for name, kind in sorted(properties.items())
            if name in request.query_params
        ],
    )


def _equals(name: str, kind: str, text: str) -> ColumnElement[bool]:
    column: ColumnElement[Any] = t.feature.c.properties[name]
    content: ColumnElement[str] = t.feature.c.properties[name].astext
    if kind == "string":
        return content == text
    if kind == "boolean":
        if text not in {"true", "false"}:
            raise UsageError(f"{text!r} is neither true nor false", where=name)
        return content == text
    try:
        number = Decimal(text)
    except InvalidOperation:
        number = Decimal("NaN")
    # As jsonb, numbers compare by value (1 = 1.0); a huge exponent would be written out in full.
    if not number.is_finite() or abs(number.adjusted()) > 300 or len(text) > 400:
        raise UsageError(f"{text[:40]!r} is not a number", where=name, remedy="write it like 12.5")
    return column == cast(literal(str(number)), JSONB)


def schema(collection: str, parts: Sequence[DatasetVersion]) -> Mapping[str, Any]:
    """Return the JSON Schema of a collection's features."""
    return collection_schema(collection, [d.properties for d in parts])
