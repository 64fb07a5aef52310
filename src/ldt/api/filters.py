"""Filters of requests: CQL2 in text or JSON (OGC 21-065r2) as the parameters of Features, Part 3 (OGC 19-079r2) bring it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import orjson
from fastapi import Query
from pydantic import WithJsonSchema
from sqlalchemy import ColumnElement

from ldt.errors import TooLarge, UsageError
from ldt.store.cql2 import LEVELS, expression, parse
from ldt.store.crs import CRS84, crs_of
from ldt.store.items import Property

TEXT, JSON_FORM = "cql2-text", "cql2-json"
#: Longest filter, in bytes of UTF-8.
MAX_BYTES = 65_536

Filter = Annotated[
    str | None,
    Query(
        alias="filter",
        description="Only items for which this condition of CQL2 holds. The queryables of the collection say what it may name.",
    ),
    WithJsonSchema({"type": "string"}),
]
FilterLang = Annotated[
    str | None,
    Query(alias="filter-lang", description="How the filter is written."),
    WithJsonSchema({"type": "string", "enum": [TEXT, JSON_FORM], "default": TEXT}),
]
FilterCrs = Annotated[
    str | None,
    Query(
        alias="filter-crs",
        description="The CRS of the coordinates in the filter, with the axis order of its authority; the collection lists them.",
    ),
    WithJsonSchema({"type": "string", "format": "uri", "default": CRS84.uri}),
]


def read_filter(
    text: str | None, lang: str | None, crs: str | None, properties: Mapping[str, Property]
) -> ColumnElement[bool] | None:
    """Return the condition that the parameters of a request ask for; None without a filter.

    Args:
        text: parameter `filter`.
        lang: parameter `filter-lang`: `cql2-text` (default) or `cql2-json`.
        crs: parameter `filter-crs`, as URI; CRS84 without it.
        properties: the queryables of the collection.

    Raises:
        UsageError: a language, CRS, function or property that there is not, or an expression that means nothing.
        TooLarge: beyond the limits of length or of coordinates.
    """
    if lang not in (None, TEXT, JSON_FORM):
        raise UsageError(
            f"{lang[:40]!r} is no language of filters here",
            where="filter-lang",
            remedy=f"write {TEXT} or {JSON_FORM}",
        )
    of = CRS84 if crs is None else crs_of(crs, "filter-crs")
    if text is None:
        return None
    return expression(_json_form(text) if lang == JSON_FORM else _text_form(text), properties, of)


def _checked(text: str) -> str:
    try:
        size = len(text.encode())
    except UnicodeEncodeError as e:
        raise UsageError(
            "the filter is not UTF-8", where="filter", remedy="encode it as UTF-8, then %XX"
        ) from e
    if size > MAX_BYTES:
        raise TooLarge(
            f"the filter is {size} bytes long, more than {MAX_BYTES}",
            where="filter",
            remedy="simplify its geometry, or ask in parts",
        )
    return text


def _text_form(text: str) -> Any:
    found = _checked(text)
    if found.lstrip()[:1] == "{":
        raise UsageError(
            "the filter is JSON, but its language is text",
            where="filter",
            remedy=f"add filter-lang={JSON_FORM}",
        )
    return parse(found)


def _json_form(text: str) -> Any:
    depth = 0
    inside = False
    escaped = False
    for character in _checked(text):
        if inside:
            inside = escaped or character != '"'
            escaped = not escaped and character == "\\"
        elif character == '"':
            inside = True
        elif character in "[{":
            depth += 1
            # An operation is an object and an array.
            if depth > 2 * LEVELS:
                raise UsageError(
                    f"the filter is nested deeper than {LEVELS} levels",
                    where="filter",
                    remedy="write it flatter: a list with in, or several requests",
                )
        elif character in "]}":
            depth -= 1
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as e:
        raise UsageError(
            f"the filter is not JSON: {e}", where="filter", remedy=f"for CQL2 text write filter-lang={TEXT}"
        ) from e
