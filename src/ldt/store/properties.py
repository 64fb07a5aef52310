"""Typed properties of jsonb documents, as their JSON Schemas state them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Date, DateTime, Numeric, case, cast, func, literal

from ldt.store.items import Kind


def kind_of(schema: Mapping[str, Any]) -> Kind | None:
    """Return what the values of a property are, by its JSON Schema; None where they are no single values and no lists of such."""
    kinds = schema.get("type")
    kinds = [k for k in (kinds if isinstance(kinds, list) else [kinds]) if k != "null"]
    if len(kinds) != 1:
        return None
    kind, form = kinds[0], schema.get("format")
    if kind == "string":
        return "date" if form == "date" else "timestamp" if form == "date-time" else "string"
    if kind == "array":
        return None if schema.get("items", {}).get("type") in {"object", "array"} else "array"
    return kind if kind in {"number", "integer", "boolean"} else None


def typed(kind: Kind, properties: ColumnElement[Any], name: str) -> ColumnElement[Any]:
    """Return the expression of a property in a jsonb document, of the type that its kind says.

    A value of another type than its schema states is as if it were not there: it must not end the statement.
    """
    value, content = properties[name], properties[name].astext
    if kind == "string":
        found: ColumnElement[Any] = content.collate("C")
        return found
    if kind == "array":
        return case((func.jsonb_typeof(value) == "array", value))
    if kind == "boolean":
        return case((content == "true", literal(True)), (content == "false", literal(False)))
    if kind == "date":
        return func.ldt.date_of(content, type_=Date)
    if kind == "timestamp":
        return func.ldt.instant_of(content, type_=DateTime(timezone=True))
    return case((func.jsonb_typeof(value) == "number", cast(value, Numeric)))
