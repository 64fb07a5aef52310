"""OGC API - Features, Part 1: Core (OGC 17-069r4): collections, items, items by id; and `/id/…`, the persistent URIs."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Request, Response
from starlette.responses import RedirectResponse

from ldt.api import documents, html, links, openapi, sketch
from ldt.api.context import Reading, reading
from ldt.api.features import client
from ldt.api.features.request import FORMS, ITEM_FORMS, SCHEMA_FORMS, filterable, schema, selection
from ldt.api.http import Stream
from ldt.api.negotiate import GEOJSON, HTML, JSON, SCHEMA, Format, negotiate
from ldt.api.paging import read_token, write_token
from ldt.api.parameters import (
    CRS84,
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
from ldt.api.respond import Page, answer, dumps, etag, headers, unchanged
from ldt.api.twin.twin import trail
from ldt.errors import NotFound
from ldt.model.feature import feature_uri
from ldt.settings import settings
from ldt.store.features import Position
from ldt.store.references import Target
from ldt.timerange import format_instant

CONFORMANCE: tuple[str, ...] = (
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/html",
    "http://www.opengis.net/spec/ogcapi-common-2/1.0/conf/collections",
)
#: A page that is smaller than this is sent in one piece, with its `next` link in the header too.
_WHOLE = 512 * 1024
_CHUNK = 256 * 1024
_GREGORIAN = "http://www.opengis.net/def/uom/ISO-8601/0/Gregorian"
_CONTENT_CRS = {"Content-Crs": f"<{CRS84}>"}

router = APIRouter(tags=["features"])
_checked = [Depends(only_known)]

CollectionId = Annotated[str, Path(alias="collectionId", description="A collection: a type of feature.")]
FeatureId = Annotated[str, Path(alias="featureId", description="A feature's id.")]


def title_of(collection: str, wanted: list[str]) -> str:
    """Return what a collection is called: as its feature type's schema says, else its id; that of a type without one in words."""
    title = schema(collection, []).get("x-ldt", {}).get("title")
    return html.say(title, wanted) if title else collection


def _collection(request: Request, seen: Reading, collection: str) -> dict[str, Any]:
    parts = client.datasets(seen, collection)
    bbox, (first, last) = client.extent(seen, parts)
    wanted = html.languages(request)
    name = title_of(collection, wanted)

    def to(*more: str, **query: Any) -> str:
        return links.url(request, "twins", seen.snapshot.twin, "collections", collection, *more, **query)

    extent: dict[str, Any] = {}
    if bbox:
        # Outwards, so that nothing lies outside what is stated.
        west, south, east, north = bbox
        rounded = [_down(west), _down(south), -_down(-east), -_down(-north)]
        extent["spatial"] = {"bbox": [rounded], "crs": CRS84}
    if first or last:
        interval = [format_instant(i) if i else None for i in (first, last)]
        extent["temporal"] = {"interval": [interval], "trs": _GREGORIAN}
    about: dict[str, Any] = {"id": collection, "title": name, "itemType": "feature", "crs": [CRS84]}
    if description := html.say(schema(collection, parts).get("description"), wanted):
        about["description"] = description
    if extent:
        about["extent"] = extent
    about["datasets"] = [d.name for d in parts]
    about["links"] = [
        links.link(to("items", f="json"), "items", GEOJSON, f"{name} as GeoJSON"),
        links.link(to("items", f="html"), "items", HTML, f"{name} as HTML"),
        links.link(to("schema"), "describedby", SCHEMA, f"Schema of {name}"),
    ]
    return about


def _down(degrees: float) -> float:
    return math.floor(degrees * 1e7) / 1e7


@router.get(
    "/twins/{twin}/collections", dependencies=_checked, responses=openapi.says(documents.Collections, *FORMS)
)
def collections(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The collections of a twin: one for each type of feature, over all its data sets."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = [_collection(request, seen, c) for c in client.collection_ids(seen)]
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


@router.get(
    "/twins/{twin}/collections/{collectionId}",
    dependencies=_checked,
    responses=openapi.says(documents.Collection, *FORMS),
)
def collection(
    request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None
) -> Response:
    """One collection: its title, extent, CRS, data sets."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        document = _collection(request, seen, collection_id)
    document["links"] = [*links.own(request, chosen, FORMS), *document["links"]]
    page = Page(document["title"], _above(request, twin))
    return answer(request, document, chosen, page)


def _above(request: Request, twin: str, collection_id: str | None = None) -> list[tuple[str, str]]:
    to = links.url(request, "twins", twin, "collections")
    found = [*trail(request, twin), ("Collections", to)]
    if collection_id is None:
        return found
    name = title_of(collection_id, html.languages(request))
    return [*found, (name, links.url(request, "twins", twin, "collections", collection_id))]


@router.get(
    "/twins/{twin}/collections/{collectionId}/schema",
    dependencies=_checked,
    responses=openapi.stated(*SCHEMA_FORMS),
)
def collection_schema(
    request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None
) -> Response:
    """The JSON Schema of the properties of a collection's features."""
    chosen = negotiate(request, f, SCHEMA_FORMS)
    with reading(request, twin, at) as seen:
        parts = client.datasets(seen, collection_id)
    document: dict[str, Any] = {"type": "object", **schema(collection_id, parts)}
    if chosen is HTML:
        document["links"] = links.own(request, chosen, SCHEMA_FORMS)
    return answer(request, document, chosen, Page("Schema", _above(request, twin, collection_id)))


@router.get(
    "/twins/{twin}/collections/{collectionId}/items",
    responses=openapi.says(documents.FeatureCollection, *ITEM_FORMS),
    openapi_extra={
        "parameters": [
            {
                "name": "properties",
                "in": "query",
                "required": False,
                "description": "Properties of the collection's features (see its schema) by name, each with the value that it must have.",
                "schema": {"type": "object", "additionalProperties": {"type": "string"}},
                "style": "form",
                "explode": True,
            }
        ]
    },
)
def items(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    limit: Limit = DEFAULT_LIMIT,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    within: Datetime = None,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """A page of the features of a collection."""
    chosen = negotiate(request, f, ITEM_FORMS)
    start = read_token(request, token, (int, str))
    with ExitStack() as stack:
        seen = stack.enter_context(reading(request, twin, at, start))
        parts = client.datasets(seen, collection_id)
        asked = selection(request, collection_id, parts, bbox, bbox_crs, within)
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        limit = cut(limit)
        after = Position(*start.position) if start else None
        page = _Page(request, chosen, seen, limit, *client.count(seen, parts, asked))
        # One more than asked for tells whether there is a next page. Closed before the transaction ends: a cursor
        # that is closed later would be closed in the next request that has this connection.
        source = stack.enter_context(closing(client.items(seen, parts, asked, limit + 1, after)))
        rows = page.kept(source)
        first = _gather(rows)
        if page.ended or chosen is HTML:
            first += list(rows)
            return _whole(page, collection_id, first, tag)
        conn = seen.conn
        # A client that reads too slowly must not keep a connection for ever.
        conn.execute("SET LOCAL idle_in_transaction_session_timeout = '60s'")
        return Stream(
            page.text(chain(first, rows)),
            close=stack.pop_all().close,
            cancel=conn.cancel_safe,
            media_type=GEOJSON.media_type,
            headers=headers(tag, links.own(request, chosen, ITEM_FORMS), _CONTENT_CRS),
        )


class _Page:
    """A page of features while it is made."""

    def __init__(
        self, request: Request, chosen: Format, seen: Reading, limit: int, matched: int, exact: bool
    ) -> None:
        self.request, self.chosen, self.seen, self.limit = request, chosen, seen, limit
        self.matched, self.exact = matched, exact
        self.returned = 0
        self.ended = False
        self.last: Position | None = None
        self.more = False

    def kept(self, rows: Iterator[tuple[Position, bytes]]) -> Iterator[bytes]:
        """Yield the features of the page, and note what came."""
        for position, text in rows:
            if self.returned == self.limit:
                self.more = True
                break
            self.last = position
            self.returned += 1
            yield text
        self.ended = True

    def all_links(self) -> list[links.Link]:
        """Return the links; known when all rows have come."""
        found = links.own(self.request, self.chosen, ITEM_FORMS)
        path = self.request.path_params
        above = ("twins", path["twin"], "collections", path["collectionId"])
        found.append(links.link(links.url(self.request, *above), "collection", JSON, "The collection"))
        if self.more and self.last is not None:
            position = (self.last.dataset_id, self.last.fid)
            token = write_token(self.request, self.seen.snapshot.revision, position)
            found.append(links.link(links.here(self.request, token=token), "next", self.chosen, "Next page"))
        return found

    def about(self) -> dict[str, Any]:
        """Return the members beside the features."""
        matched = "numberMatched" if self.exact else "numberMatchedEstimate"
        # An estimate may be below what was seen.
        number = self.matched if self.exact else max(self.matched, self.returned)
        return {
            "numberReturned": self.returned,
            matched: number,
            "timeStamp": format_instant(datetime.now(UTC).replace(microsecond=0)),
            "snapshot": self.seen.snapshot.id,
            "links": self.all_links(),
        }

    def text(self, rows: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the document in pieces of about 256 kB."""
        waiting = [b'{"type":"FeatureCollection","features":[']
        size, comma = 0, b""
        for row in rows:
            waiting += (comma, row)
            comma = b",\n"
            size += len(row) + 2
            if size >= _CHUNK:
                yield b"".join(waiting)
                waiting, size = [], 0
        waiting += (b"],", dumps(self.about())[1:])
        yield b"".join(waiting)


def _gather(rows: Iterator[bytes]) -> list[bytes]:
    """Take rows until they are more than what is sent in one piece."""
    found, size = [], 0
    for row in rows:
        found.append(row)
        size += len(row)
        if size > _WHOLE:
            break
    return found


def _whole(page: _Page, collection_id: str, rows: list[bytes], tag: str) -> Response:
    request = page.request
    if page.chosen is HTML:
        features = [orjson.loads(row) for row in rows]
        document = {"type": "FeatureCollection", "features": features, **page.about()}
        return answer(
            request,
            document,
            HTML,
            Page(
                "Items",
                _above(request, page.seen.snapshot.twin, collection_id),
                "items.html",
                {
                    "map": sketch.draw(features),
                    "to": lambda i: links.url(
                        request, "twins", page.seen.snapshot.twin, "collections", collection_id, "items", i
                    ),
                    "filters": sorted(filterable(collection_id, page.seen.snapshot.of_type(collection_id))),
                },
            ),
            tag=tag,
        )
    body = b"".join(page.text(iter(rows)))
    return Response(body, headers=headers(tag, page.all_links(), _CONTENT_CRS), media_type=GEOJSON.media_type)


@router.get(
    "/twins/{twin}/collections/{collectionId}/items/{featureId}",
    dependencies=_checked,
    responses=openapi.says(documents.Feature, *ITEM_FORMS),
)
def item(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    feature_id: FeatureId,
    at: At = None,
    f: F = None,
) -> Response:
    """One feature, with its identifier and the source that it came from."""
    chosen = negotiate(request, f, ITEM_FORMS)
    with reading(request, twin, at) as seen:
        client.datasets(seen, collection_id)
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        _, found = client.item(seen, feature_id, collection_id)
        related = client.related(seen, collection_id, found)
    document = _feature(request, seen, collection_id, found)
    document["links"] += [_related(request, twin, name, to) for name, to in related]
    document["links"] = [*links.own(request, chosen, ITEM_FORMS), *document["links"]]
    name = str(found["properties"].get("name") or found["id"])
    page = Page(name, _above(request, twin, collection_id), "item.html", {"map": sketch.draw([document])})
    return answer(request, document, chosen, page, tag=tag, extra=_CONTENT_CRS)


def _feature(request: Request, seen: Reading, collection_id: str, found: dict[str, Any]) -> dict[str, Any]:
    twin, identifier = seen.snapshot.twin, found["id"]
    uri = feature_uri(settings().id_base, twin, identifier)
    above = links.url(request, "twins", twin, "collections", collection_id)
    dataset = links.url(request, "twins", twin, "datasets", identifier.partition(".")[0])
    return {
        "type": "Feature",
        "id": identifier,
        "geometry": orjson.loads(found["geometry"]) if found["geometry"] else None,
        "properties": found["properties"],
        "uri": uri,
        "identifier": {
            "namespace": found["namespace"],
            "localId": found["local_id"],
            "versionId": found["version_id"],
        },
        "validity": [format_instant(i) if i else None for i in (found["valid_from"], found["valid_to"])],
        "source": {
            "name": found["source_name"],
            "digest": found["source_digest"],
            "row": found["source_row"],
        },
        "raw": found["raw"],
        "snapshot": seen.snapshot.id,
        "links": [
            links.link(above, "collection", JSON, "The collection"),
            links.link(uri, "canonical", None, "The persistent identifier"),
            links.link(dataset, "dataset", JSON, "The data set"),
        ],
    }


def _related(request: Request, twin: str, name: str, to: Target) -> links.Link:
    """Return the link to a feature that a property refers to."""
    above = ("twins", twin, "collections", to.feature_type, "items")
    return links.link(links.url(request, *above, to.id), "related", GEOJSON, name)


@router.get("/id/{twin}/{featureId}", dependencies=_checked, status_code=303, tags=["identifiers"])
def identified(request: Request, twin: Twin, feature_id: FeatureId) -> Response:
    """The persistent URI of a feature: leads to where it is served."""
    try:
        with reading(request, twin) as seen:
            collection_id, _ = client.item(seen, feature_id)
    except NotFound as e:
        raise NotFound(f"nothing is identified by {request.url.path}", remedy=e.remedy) from e
    to = links.url(request, "twins", twin, "collections", collection_id, "items", feature_id)
    return RedirectResponse(to, 303)
