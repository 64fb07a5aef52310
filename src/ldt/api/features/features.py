"""OGC API - Features: items of collections of every kind, items by id; and `/id/…`, the persistent URIs."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from itertools import chain
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from ldt.api import documents, links, openapi, sketch
from ldt.api.collections.client import collection_of, items_of
from ldt.api.collections.collections import above
from ldt.api.collections.request import CollectionId
from ldt.api.context import Reading, reading
from ldt.api.features import client, prompt, schemas
from ldt.api.features.answers import ItemsPage, content_crs, gather, item_document
from ldt.api.features.kind import Features
from ldt.api.features.request import (
    ITEM_FORMS,
    ONE_FORMS,
    QUERYABLES,
    CrsIs,
    FeatureId,
    Properties,
    SortBy,
    asked_crs,
    first_token,
    position,
    selection,
    sortables,
)
from ldt.api.filters import Filter, FilterCrs, FilterLang
from ldt.api.formats import bulk, jsonfg
from ldt.api.http import Stream
from ldt.api.negotiate import GEOJSON, HTML, JSONFG, negotiate
from ldt.api.parameters import (
    DEFAULT_LIMIT,
    At,
    Bbox,
    BboxCrs,
    Datetime,
    F,
    Limit,
    PageToken,
    Twin,
    cut,
    only_known,
)
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.routes import Route, first
from ldt.api.standard import Collection, Standard
from ldt.errors import NotFound
from ldt.store import counts, pages
from ldt.store.crs import CRS84, Crs, near
from ldt.store.items import Items
from ldt.store.jsonfg import jsonfg as jsonfg_text

_SPEC = "http://www.opengis.net/spec/"
_CONFORMANCE = (
    f"{_SPEC}ogcapi-features-1/1.0/conf/core",
    f"{_SPEC}ogcapi-features-1/1.0/conf/geojson",
    f"{_SPEC}ogcapi-features-1/1.0/conf/html",
    f"{_SPEC}ogcapi-features-2/1.0/conf/crs",
    f"{_SPEC}ogcapi-features-3/1.0/conf/queryables",
    f"{_SPEC}ogcapi-features-3/1.0/conf/queryables-query-parameters",
    f"{_SPEC}ogcapi-common-3/1.0/conf/schemas",
    f"{_SPEC}ogcapi-common-3/1.0/conf/queryables",
    f"{_SPEC}ogcapi-common-3/1.0/conf/sortables",
)

router = APIRouter(tags=["features"], route_class=Route)
_checked = [Depends(only_known)]


def _describe(request: Request, seen: Reading, collection: Collection) -> Mapping[str, Any]:
    """Say of a collection that has items in which CRS they are sent, and where they are."""
    if collection.item_type is None:
        return {}

    def to(*more: str, **query: Any) -> str:
        above = ("twins", seen.snapshot.twin, "collections", collection.id)
        return links.url(request, *above, *more, **query)

    return {
        "crs": near(collection.bbox),
        "storageCrs": CRS84.uri,
        "links": [
            links.link(to("items", f="json"), "items", GEOJSON, "Items as GeoJSON"),
            links.link(to("items", f="html"), "items", HTML, "Items as HTML"),
            *schemas.ways(to),
        ],
    }


STANDARD = Standard(router, _CONFORMANCE, kinds=(Features(),), describe=_describe)


@router.get(
    "/twins/{twin}/collections/{collectionId}/items",
    responses=openapi.says(documents.FeatureCollection, *ITEM_FORMS),
    openapi_extra={"parameters": [QUERYABLES]},
)
@first(prompt.items)
def items(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    limit: Limit = DEFAULT_LIMIT,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    within: Datetime = None,
    crs: CrsIs = None,
    sortby: SortBy = None,
    properties: Properties = None,
    condition: Filter = None,
    condition_lang: FilterLang = None,
    condition_crs: FilterCrs = None,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """A page of the items of a collection."""
    chosen = negotiate(request, f, ITEM_FORMS)
    start = first_token(request)
    with ExitStack() as stack:
        seen = stack.enter_context(reading(request, twin, at, start))
        read = items_of(request, seen, collection_id)
        asked = selection(
            request,
            read,
            bbox=bbox,
            bbox_crs=bbox_crs,
            within=within,
            crs=crs,
            sortby=sortby,
            properties=properties,
            condition=condition,
            condition_lang=condition_lang,
            condition_crs=condition_crs,
        )
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        after = position(asked.sort, start.position) if start else None
        if chosen in bulk.FORMS:
            wanted = bulk.Bulk(request, chosen, seen, read, asked, limit, after)
            return bulk.answer(stack, wanted, headers(tag, (), content_crs(asked.crs)))
        counts.check_sorting(seen.conn, read, asked)
        page = ItemsPage(request, chosen, seen, read, asked, cut(limit), after)
        # One more than asked for tells whether there is a next page. Closed before the transaction ends: a cursor
        # that is closed later would be closed in the next request that has this connection.
        source = stack.enter_context(
            closing(
                pages.page(
                    seen.conn,
                    read,
                    asked,
                    limit=page.limit + 1,
                    after=after,
                    written=jsonfg_text if chosen is JSONFG else None,
                )
            )
        )
        rows = page.kept(source)
        first = gather(rows)
        if chosen is HTML:
            return _for_people(request, page, [*first, *rows], tag)
        if page.ended:
            body = b"".join(page.text(iter(first)))
            sent = headers(tag, page.all_links(), content_crs(asked.crs))
            return Response(body, headers=sent, media_type=chosen.media_type)
        conn = seen.conn
        # A client that reads too slowly must not keep a connection for ever.
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        return Stream(
            page.text(chain(first, rows)),
            close=stack.pop_all().close,
            cancel=conn.cancel_safe,
            media_type=chosen.media_type,
            headers=headers(tag, links.own(request, chosen, ITEM_FORMS), content_crs(asked.crs)),
        )


def _for_people(request: Request, page: ItemsPage, rows: list[bytes], tag: str) -> Response:
    features = [orjson.loads(row) for row in rows]
    document = {"type": "FeatureCollection", "features": features, **page.about()}
    twin, collection = page.seen.snapshot.twin, page.items.collection
    context = {
        # A sketch is drawn of degrees.
        "map": sketch.draw(features if page.asked.crs is CRS84 else []),
        "to": lambda i: links.url(request, "twins", twin, "collections", collection, "items", i),
        "filters": sorted(sortables(page.items)),
    }
    _, about = collection_of(request, page.seen, collection)
    shown = Page("Items", above(request, twin, about), "items.html", context)
    return answer(request, document, HTML, shown, tag=tag, extra=content_crs(page.asked.crs))


@router.get(
    "/twins/{twin}/collections/{collectionId}/items/{featureId}",
    dependencies=_checked,
    responses=openapi.says(documents.Feature, *ONE_FORMS),
)
@first(prompt.item)
def item(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    feature_id: FeatureId,
    crs: CrsIs = None,
    at: At = None,
    f: F = None,
) -> Response:
    """One item, with all that is known of it."""
    chosen = negotiate(request, f, ONE_FORMS)
    sent_in = asked_crs(crs)
    with reading(request, twin, at) as seen:
        kind, about = collection_of(request, seen, collection_id)
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        document = kind.item(request, seen, collection_id, feature_id, sent_in)
        if document is None:
            document = _plain(items_of(request, seen, collection_id), seen, feature_id, sent_in)
    document = item_document(request, chosen, seen.snapshot, collection_id, document)
    if chosen is JSONFG:
        schema = links.url(request, "twins", twin, "collections", collection_id, "schema")
        document = {
            **jsonfg.members(collection_id, schema, sent_in),
            **jsonfg.feature(document, sent_in),
        }
    name = str(document["properties"].get("name") or document["id"])
    context = {"map": sketch.draw([document] if sent_in is CRS84 else [])}
    page = Page(name, above(request, twin, about), "item.html", context)
    return answer(request, document, chosen, page, tag=tag, extra=content_crs(sent_in))


def _plain(read: Items, seen: Reading, identifier: str, crs: Crs) -> dict[str, Any]:
    found = pages.one(seen.conn, read, identifier, crs)
    if found is None:
        raise client.no_item(identifier)
    document: dict[str, Any] = orjson.loads(found)
    return document


@router.get("/id/{twin}/{featureId}", dependencies=_checked, status_code=303, tags=["identifiers"])
def identified(request: Request, twin: Twin, feature_id: FeatureId) -> Response:
    """The persistent URI of a feature: leads to where it is served."""
    try:
        with reading(request, twin) as seen:
            collection_id, _ = client.feature(seen, feature_id)
    except NotFound as e:
        raise NotFound(f"nothing is identified by {request.url.path}", remedy=e.remedy) from e
    to = links.url(request, "twins", twin, "collections", collection_id, "items", feature_id)
    return RedirectResponse(to, 303)


# After the items: the routes that are asked most are looked at first.
router.include_router(schemas.router)
