"""What the items of a collection are like: their schema (OGC API - Features, Part 5), queryables (Part 3) and sortables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import links, openapi
from ldt.api.collections.client import collection_of, items_of
from ldt.api.collections.collections import above
from ldt.api.collections.request import CollectionId
from ldt.api.context import reading
from ldt.api.features.request import SCHEMA_FORMS, sortables
from ldt.api.negotiate import HTML, SCHEMA, negotiate
from ldt.api.parameters import At, F, Twin, only_known
from ldt.api.respond import Page, answer
from ldt.store.items import Items, Property
from ldt.store.views import feature_schema

router = APIRouter(dependencies=[Depends(only_known)])

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
_TYPES: dict[str, dict[str, Any]] = {
    "string": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "timestamp": {"type": "string", "format": "date-time"},
    "array": {"type": "array"},
    "geometry": {"format": "geometry-any"},
}


def ways(to: Callable[..., str]) -> list[links.Link]:
    """Return the links from a collection to its schemas; `to` gives the address of what is below the collection."""
    return [
        links.link(to("schema"), "describedby", SCHEMA, "Schema of the items"),
        links.link(to("schema"), f"{_REL}schema", SCHEMA, "Schema of the items"),
        links.link(to("queryables"), f"{_REL}queryables", SCHEMA, "What items can be filtered by"),
        links.link(to("sortables"), f"{_REL}sortables", SCHEMA, "What items can be sorted by"),
    ]


def described(name: str, about: Property) -> dict[str, Any]:
    """Return the JSON Schema of a property, with its type and a title whatever its data set states."""
    schema = {k: v for k, v in about.schema.items() if k != "x-ldt"}
    return {"title": schema.get("description") or name.replace("_", " "), **_TYPES[about.kind], **schema}


def _whole(read: Items) -> dict[str, Any]:
    found = {"properties": {**{n: described(n, p) for n, p in read.properties.items()}, **read.further}}
    # What the feature type says of itself: the map takes the colours from it.
    own = feature_schema(read.collection).get("x-ldt")
    return {**found, "x-ldt": own} if own else found


def _only(chosen: Mapping[str, Property]) -> dict[str, Any]:
    return {"properties": {n: described(n, p) for n, p in chosen.items()}, "additionalProperties": False}


def _schema(
    request: Request,
    twin: str,
    collection_id: str,
    at: str | None,
    f: str | None,
    title: str,
    choose: Callable[[Items], Mapping[str, Any]],
) -> Response:
    chosen = negotiate(request, f, SCHEMA_FORMS)
    with reading(request, twin, at) as seen:
        _, about = collection_of(request, seen, collection_id)
        read = items_of(request, seen, collection_id)
    document: dict[str, Any] = {
        "$schema": _DIALECT,
        "$id": links.here(request, f=None),
        "type": "object",
        "title": title,
        **choose(read),
    }
    if chosen is HTML:
        document["links"] = links.own(request, chosen, SCHEMA_FORMS)
    return answer(request, document, chosen, Page(title, above(request, twin, about)))


@router.get(
    "/twins/{twin}/collections/{collectionId}/schema",
    responses=openapi.stated(*SCHEMA_FORMS),
)
def schema(request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None) -> Response:
    """The JSON Schema of a collection's items, with the role that each property has."""
    return _schema(request, twin, collection_id, at, f, "Schema", _whole)


@router.get(
    "/twins/{twin}/collections/{collectionId}/queryables",
    responses=openapi.stated(*SCHEMA_FORMS),
)
def queryables(
    request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None
) -> Response:
    """The properties that the items of a collection can be filtered by."""
    return _schema(request, twin, collection_id, at, f, "Queryables", lambda read: _only(read.properties))


@router.get(
    "/twins/{twin}/collections/{collectionId}/sortables",
    responses=openapi.stated(*SCHEMA_FORMS),
)
def sortables_of(
    request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None
) -> Response:
    """The properties that the items of a collection can be sorted by."""
    return _schema(request, twin, collection_id, at, f, "Sortables", lambda read: _only(sortables(read)))
