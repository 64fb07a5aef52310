"""`/collections/datasets/items`: the catalogue, searched by words, place, time, filters; and one record of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack, closing
from dataclasses import replace
from typing import Any

import orjson
from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import ColumnElement, and_, false, true

from ldt.api import documents, html, links, openapi, sketch
from ldt.api.collections.collections import above
from ldt.api.context import Reading, reading
from ldt.api.features.answers import ItemsPage, content_crs
from ldt.api.features.request import (
    QUERYABLES,
    CrsIs,
    SortBy,
    asked_crs,
    first_token,
    position,
    selection,
)
from ldt.api.filters import Filter, FilterCrs, FilterLang
from ldt.api.formats import bulk
from ldt.api.negotiate import GEOJSON, HTML, JSON, negotiate
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
from ldt.api.records.kind import TITLE, Records, one_record
from ldt.api.records.record import CORE, Catalogue, language
from ldt.api.records.request import (
    FORMS,
    ONE_FORMS,
    PROFILE,
    ExternalIds,
    Ids,
    Profile,
    Q,
    RecordId,
    Route,
    TypeIs,
    check_profile,
    listed,
    terms,
)
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.standard import Collection, Standard
from ldt.store import pages, records_items
from ldt.store.crs import CRS84
from ldt.store.items import Items
from ldt.store.records_items import COLLECTION

_SPEC = "http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/"
_CLASSES = (
    *("searchable-catalog", "searchable-catalog-filtering", "searchable-catalog-sorting"),
    *(
        "records-api",
        "record-core",
        "record-collection",
        "record-core-query-parameters",
        "filtering",
        "sorting",
    ),
    *("query-param-profile", "json", "html", "oas30"),
)
_CATALOG_PROFILE = "http://www.opengis.net/def/profile/OGC/0/ogc-catalog"
_CATALOG = "http://www.opengis.net/def/rel/ogc/1.0/ogc-catalog"

router = APIRouter(tags=["records"], route_class=Route)


def _landing(request: Request, seen: Reading) -> list[links.Link]:
    to = links.url(request, "twins", seen.snapshot.twin, "collections", COLLECTION, "items")
    return [links.link(to, _CATALOG, GEOJSON, "The catalogue of data sets")]


def _describe(request: Request, seen: Reading, collection: Collection) -> Mapping[str, Any]:
    """Say of the catalogue that it is one, in which order its records are, and in which languages."""
    if collection.item_type != "record":
        return {}
    code = language(collection.title, html.languages(request))
    return {
        "type": "Catalog",
        "conformsTo": [CORE.replace("record-core", "record-collection")],
        "language": {"code": code},
        "languages": [{"code": one} for one in collection.title]
        if not isinstance(collection.title, str)
        else [],
        "defaultSortOrder": [{"field": "id", "direction": "asc"}],
        "links": [links.link(_CATALOG_PROFILE, "profile", HTML, "Profile of the catalogue")],
    }


#: Its addresses lie within those of Features, so it is mounted before; its collection is listed after theirs.
STANDARD = Standard(router, tuple(_SPEC + name for name in _CLASSES), landing=_landing, describe=_describe)
CATALOGUE = Standard(APIRouter(), kinds=(Records(),))


@router.get(
    f"/twins/{{twin}}/collections/{COLLECTION}/items",
    responses=openapi.says(documents.RecordCollection, *FORMS),
    openapi_extra={"parameters": [QUERYABLES]},
)
def items(
    request: Request,
    twin: Twin,
    limit: Limit = DEFAULT_LIMIT,
    q: Q = None,
    type_: TypeIs = None,
    ids: Ids = None,
    external_ids: ExternalIds = None,
    profile: Profile = None,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    within: Datetime = None,
    crs: CrsIs = None,
    sortby: SortBy = None,
    condition: Filter = None,
    condition_lang: FilterLang = None,
    condition_crs: FilterCrs = None,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """A page of the records of the catalogue: those that all parameters select."""
    chosen = negotiate(request, f, FORMS)
    check_profile(profile)
    start = first_token(request)
    with ExitStack() as stack:
        seen = stack.enter_context(reading(request, twin, at, start))
        read = records_items.items(seen.snapshot, html.languages(request))
        asked = selection(
            request,
            read,
            bbox=bbox,
            bbox_crs=bbox_crs,
            within=within,
            crs=crs,
            sortby=sortby,
            condition=condition,
            condition_lang=condition_lang,
            condition_crs=condition_crs,
        )
        further = _further(twin, read, q, type_, ids, external_ids)
        if further:
            asked = replace(asked, where=and_(*further, true() if asked.where is None else asked.where))
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        after = position(asked.sort, start.position) if start else None
        if chosen in bulk.FORMS:
            wanted = bulk.Bulk(request, chosen, seen, read, asked, limit, after)
            return bulk.answer(stack, wanted, headers(tag, (), content_crs(asked.crs)))
        page = ItemsPage(request, chosen, seen, read, asked, cut(limit), after, FORMS)
        source = closing(pages.page(seen.conn, read, asked, limit=page.limit + 1, after=after))
        rows = [orjson.loads(text) for text in page.kept(stack.enter_context(source))]
        catalogue = Catalogue.read(request, seen, [row["id"] for row in rows])
        records = [_record(request, catalogue, row) for row in rows]
        document = {"type": "FeatureCollection", "features": records, **page.about()}
    document["links"] = [*document["links"], _profile()]
    context = {"map": sketch.draw(records if asked.crs is CRS84 else []), "q": q or ""}
    title = html.say(TITLE, html.languages(request))
    shown = Page(title, above(request, twin), "records.html", context)
    return answer(request, document, chosen, shown, tag=tag, extra=content_crs(asked.crs))


def _further(
    twin: str, read: Items, q: str | None, types: str | None, ids: str | None, external: str | None
) -> list[ColumnElement[bool]]:
    """Return the predicates of the parameters that only records have."""
    found: list[ColumnElement[bool]] = []
    if asked := terms(q):
        found.append(records_items.found_by(read, asked))
    if (kinds := listed(types, "type")) is not None and records_items.TYPE not in kinds:
        found.append(false())
    if (names := listed(ids, "ids")) is not None:
        found.append(records_items.called(read, names))
    if (others := listed(external, "externalIds")) is not None:
        parts = [one.rpartition(":") for one in others]
        mine = [value for scheme, _, value in parts if scheme in ("", twin)]
        # A scheme alone asks for all that it names.
        found.append(true() if (twin, ":", "") in parts else records_items.called(read, mine))
    return found


def _record(request: Request, catalogue: Catalogue, row: dict[str, Any]) -> dict[str, Any]:
    document = catalogue.record(row["id"], row["geometry"])
    above_it = ("twins", catalogue.twin, "collections", COLLECTION)
    own = [
        links.link(links.url(request, *above_it, "items", row["id"]), "self", GEOJSON, "This record"),
        links.link(links.url(request, *above_it), "collection", JSON, "The catalogue"),
    ]
    return {**document, "links": [*own, *document["links"]]}


def _profile() -> links.Link:
    return links.link(PROFILE, "profile", None, "Profile of the records")


@router.get(
    f"/twins/{{twin}}/collections/{COLLECTION}/items/{{recordId}}",
    dependencies=[Depends(only_known)],
    responses=openapi.says(documents.Record, *ONE_FORMS),
)
def item(
    request: Request,
    twin: Twin,
    record_id: RecordId,
    profile: Profile = None,
    crs: CrsIs = None,
    at: At = None,
    f: F = None,
) -> Response:
    """One record: what a data set is, where it comes from, who may use it and how, and the ways to what it holds."""
    chosen = negotiate(request, f, ONE_FORMS)
    check_profile(profile)
    sent_in = asked_crs(crs)
    with reading(request, twin, at) as seen:
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        document = one_record(request, seen, record_id, sent_in)
    to = links.url(request, "twins", twin, "collections", COLLECTION)
    document["snapshot"] = seen.snapshot.id
    document["links"] = [
        *links.own(request, chosen, ONE_FORMS),
        links.link(to, "collection", JSON, "The catalogue"),
        *document["links"],
    ]
    context = {"map": sketch.draw([document] if sent_in is CRS84 else [])}
    page = Page(
        document["properties"]["title"],
        [*above(request, twin), (html.say(TITLE, html.languages(request)), to)],
        "record.html",
        context,
    )
    extra = {**content_crs(sent_in), "Content-Language": document["properties"]["language"]["code"]}
    return answer(request, document, chosen, page, tag=tag, extra=extra)
