"""OGC API - Common, Part 2 (OGC 20-024): the collections of a twin, of every kind that is mounted."""

from __future__ import annotations

import math
from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, html, links, openapi
from ldt.api.collections.client import collection_ids, collection_of
from ldt.api.collections.request import FORMS, CollectionId
from ldt.api.context import Reading, reading, service
from ldt.api.negotiate import JSON, negotiate
from ldt.api.parameters import CRS84, At, F, Twin, only_known
from ldt.api.respond import Page, answer
from ldt.api.standard import Collection, Standard
from ldt.api.twin.twin import trail
from ldt.timerange import format_instant

_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"

router = APIRouter(dependencies=[Depends(only_known)], tags=["collections"])


def _landing(request: Request, seen: Reading) -> list[links.Link]:
    to = links.url(request, "twins", seen.snapshot.twin, "collections")
    return [links.link(to, "data", JSON, "Collections")]


STANDARD = Standard(
    router, ("http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",), landing=_landing
)


def above(request: Request, twin: str, collection: Collection | None = None) -> list[tuple[str, str]]:
    """Return the breadcrumb down to the list of collections, or to one of them."""
    found = [*trail(request, twin), ("Collections", links.url(request, "twins", twin, "collections"))]
    if collection is None:
        return found
    to = links.url(request, "twins", twin, "collections", collection.id)
    return [*found, (html.say(collection.title, html.languages(request)), to)]


def describe(request: Request, seen: Reading, collection: Collection) -> dict[str, Any]:
    """Return the document of a collection: what is common to all kinds, and what each standard adds."""
    wanted = html.languages(request)
    about: dict[str, Any] = {"id": collection.id, "title": html.say(collection.title, wanted)}
    if description := html.say(collection.description, wanted):
        about["description"] = description
    if collection.item_type:
        about["itemType"] = collection.item_type
    if extent := _extent(collection):
        about["extent"] = extent
    about["datasets"] = [d.name for d in collection.datasets]
    ways: list[links.Link] = []
    for standard in service(request).standards:
        added = dict(standard.describe(request, seen, collection)) if standard.describe else {}
        ways += added.pop("links", [])
        about |= added
    return {**about, "links": ways}


def _extent(collection: Collection) -> dict[str, Any]:
    extent: dict[str, Any] = {}
    if collection.bbox:
        # Outwards, so that nothing lies outside what is stated.
        west, south, east, north = collection.bbox
        rounded = [_down(west), _down(south), -_down(-east), -_down(-north)]
        extent["spatial"] = {"bbox": [rounded], "crs": CRS84}
    begin, end = collection.interval
    if begin and end:
        # One that is open on a side is left out: OGC's suite for Features stops at a null, though the standard has it.
        extent["temporal"] = {"interval": [[format_instant(begin), format_instant(end)]], "trs": _GREGORIAN}
    return extent


def _down(degrees: float) -> float:
    return math.floor(degrees * 1e7) / 1e7


@router.get("/twins/{twin}/collections", responses=openapi.says(documents.Collections, *FORMS))
def collections(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The collections of a twin: one for each type of feature, over all its data sets, and those of the other standards."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = [
            describe(request, seen, collection_of(request, seen, c)[1]) for c in collection_ids(request, seen)
        ]
    for one in found:
        here = links.url(request, "twins", twin, "collections", one["id"])
        one["links"] = [links.link(here, "self", JSON, one["title"]), *one["links"]]
    document = {
        "snapshot": seen.snapshot.id,
        "collections": found,
        "links": links.own(request, chosen, FORMS),
    }
    page = Page("Collections", trail(request, twin), "collections.html")
    return answer(request, document, chosen, page)


@router.get("/twins/{twin}/collections/{collectionId}", responses=openapi.says(documents.Collection, *FORMS))
def collection(
    request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None
) -> Response:
    """One collection: its title, extent, CRS, data sets, and the ways to what it holds."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        _, found = collection_of(request, seen, collection_id)
        document = describe(request, seen, found)
    document["links"] = [*links.own(request, chosen, FORMS), *document["links"]]
    return answer(request, document, chosen, Page(document["title"], above(request, twin)))
