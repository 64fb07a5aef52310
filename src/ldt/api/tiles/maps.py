"""Map tiles of coverages (OGC 20-057): `/collections/{coverage.…}/map/tiles`, pictures in the colours of their legend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import WithJsonSchema

from ldt.api import documents, html, links, openapi
from ldt.api.collections.client import no_collection
from ldt.api.collections.request import CollectionId
from ldt.api.context import Reading, reading
from ldt.api.coverages import cells, picture
from ldt.api.coverages import client as coverage_client
from ldt.api.coverages.kind import PREFIX, Coverages, dataset_of
from ldt.api.coverages.request import PNG, Property
from ldt.api.negotiate import JSON, negotiate
from ldt.api.parameters import At, Datetime, F, Twin, only_known, parse_datetime
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.standard import Collection, Standard
from ldt.api.tiles import matrix, metadata
from ldt.api.tiles.caching import cache_control
from ldt.api.tiles.request import FORMS, TILEJSON, TILESET_FORMS, Column, Matrix, MatrixSetId, Row
from ldt.api.twin.twin import trail
from ldt.errors import NotFound, UsageError
from ldt.model.coverage import Band, Coverage
from ldt.store import coverages as stored
from ldt.store import records
from ldt.store.tiles import Box

_SIDE = 256
#: Parameters of a tile set that its tiles have too.
_PASSED = ("coverage", "property", "datetime")
_LEGEND = "http://www.opengis.net/def/rel/ogc/1.0/legend"

router = APIRouter(dependencies=[Depends(only_known)], tags=["tiles"])

Code = Annotated[
    str | None,
    Query(
        alias="coverage",
        description="One of the coverages of the collection, by its code; without it, the newest of those that are asked for.",
    ),
    WithJsonSchema({"type": "string"}),
]


def _describe(request: Request, seen: Reading, collection: Collection) -> Mapping[str, Any]:
    if collection.kind != Coverages.name or collection.bbox is None:
        return {}
    here = ("twins", seen.snapshot.twin, "collections", collection.id, "map")
    to = links.url(request, *here, "tiles", f="json")
    return {
        "links": [
            links.link(to, metadata.RELATIONS["map"], JSON, "Map tiles"),
            links.link(links.url(request, *here, "legend"), _LEGEND, JSON, "What the colours mean"),
        ]
    }


STANDARD = Standard(router, ("http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",), describe=_describe)


@dataclass(frozen=True, slots=True)
class _Map:
    """What a map shows: a band of a coverage at one of its steps."""

    title: str
    coverage: Coverage
    band: Band
    step: int
    colours: dict[str, Any]

    @property
    def box(self) -> Box:
        """West, south, east, north in degrees."""
        return cells.box_of(self.coverage, "OGC:CRS84")


def _map(
    request: Request,
    seen: Reading,
    collection: str,
    code: str | None,
    observed_property: str | None,
    within: str | None,
) -> _Map:
    """Return what a map of a collection shows.

    Raises:
        NotFound: no such collection, or it has no such coverage.
        UsageError: it has no such property, or nothing of that time.
    """
    dataset = dataset_of(seen.snapshot, collection, PREFIX, "coverage")
    if dataset is None:
        raise no_collection(seen, collection)
    when = parse_datetime(within)
    there = stored.listed(seen.conn, seen.snapshot, dataset=dataset.name)
    found = [
        c for c in there if code in (None, c.code) and (not observed_property or c.band(observed_property))
    ]
    if not found and code is not None and code not in {c.code for c in there}:
        raise NotFound(
            f"{collection} has no coverage {code[:80]!r}",
            where="coverage",
            remedy=f"it has: {', '.join(c.code for c in there)}",
        )
    if not found:
        raise UsageError(
            f"{collection} has nothing of {observed_property!r}",
            where="property",
            remedy=f"it has: {', '.join(sorted({b.property for c in there for b in c.bands}))}",
        )
    oldest = datetime.min.replace(tzinfo=seen.snapshot.committed.tzinfo if seen.snapshot.committed else None)
    refused: UsageError | None = None
    for one in sorted(found, key=lambda c: (c.time_first or oldest, c.code), reverse=True):
        try:
            step = picture.step_of(one, when)
        except UsageError as e:
            refused = e
            continue
        band = cells.asked_bands(one, observed_property)[0]
        concepts = coverage_client.classes(seen, one).get(band.vocabulary or "", [])
        (about,) = records.datasets(seen.conn, seen.snapshot, dataset.name)
        title = html.say(about["title"], html.languages(request))
        return _Map(title, one, band, step, picture.legend(one, band, concepts))
    assert refused is not None  # noqa: S101 - there is at least one, and each was refused
    raise refused


def _address(
    request: Request, twin: str, collection: str, name: str, variables: str = "", **more: str
) -> str:
    passed = {n: request.query_params[n] for n in _PASSED if n in request.query_params}
    to = links.url(request, "twins", twin, "collections", collection, "map", "tiles", name, **passed, **more)
    path, mark, query = to.partition("?")
    return f"{path}{variables}{mark}{query}"


@router.get(
    "/twins/{twin}/collections/{collectionId}/map/tiles",
    operation_id=".collection.map.getTileSetsList",
    responses=openapi.says(documents.TileSets, *FORMS),
)
def tilesets(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    code: Code = None,
    observed_property: Property = None,
    within: Datetime = None,
    at: At = None,
    f: F = None,
) -> Response:
    """The map tile sets of a collection of coverages."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = _map(request, seen, collection_id, code, observed_property, within)
    sets = []
    for name, grid in matrix.SETS.items():
        if not matrix.limits(name, found.box):
            continue
        scheme = links.url(request, "twins", twin, "tileMatrixSets", name)
        ways = [
            links.link(_address(request, twin, collection_id, name), "self", JSON, name),
            links.link(scheme, metadata.SCHEME, JSON, name),
        ]
        sets.append({**metadata.summary(grid, "map", found.title, found.box), "links": ways})
    document = {"title": found.title, "tilesets": sets, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page(f"Map tiles: {found.title}", trail(request, twin)))


@router.get(
    "/twins/{twin}/collections/{collectionId}/map/tiles/{tileMatrixSetId}",
    operation_id=".collection.map.getTileSet",
    responses=metadata.SAYS,
)
def tileset(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    matrix_set_id: MatrixSetId,
    code: Code = None,
    observed_property: Property = None,
    within: Datetime = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A map tile set of a collection of coverages: which tiles there are, their address, their legend."""
    grid = matrix.find(matrix_set_id)
    offered = TILESET_FORMS if matrix_set_id == "WebMercatorQuad" else FORMS
    chosen = negotiate(request, f, offered)
    with reading(request, twin, at) as seen:
        found = _map(request, seen, collection_id, code, observed_property, within)
    if not matrix.limits(matrix_set_id, found.box):
        raise NotFound(f"{collection_id} has nothing to show in {matrix_set_id}")
    if chosen is TILEJSON:
        template = _address(request, twin, collection_id, matrix_set_id, "/{z}/{y}/{x}", f=PNG.name)
        return answer(
            request, metadata.tilejson(grid, found.title, found.box, template), chosen, Page(found.title)
        )
    template = _address(
        request, twin, collection_id, matrix_set_id, "/{tileMatrix}/{tileRow}/{tileCol}", f=PNG.name
    )
    layer = {"id": found.coverage.id, "title": found.title, "dataType": "map"}
    scheme = links.url(request, "twins", twin, "tileMatrixSets", matrix_set_id)
    legend_query = {n: request.query_params[n] for n in _PASSED if n in request.query_params}
    to_legend = links.url(
        request, "twins", twin, "collections", collection_id, "map", "legend", **legend_query
    )
    document = {
        **metadata.tileset(grid, "map", found.title, found.box, [layer]),
        "links": [
            *links.own(request, chosen, offered),
            links.link(scheme, metadata.SCHEME, JSON, matrix_set_id),
            links.link(to_legend, _LEGEND, JSON, "What the colours mean"),
            metadata.templated(links.link(template, "item", PNG, "The tiles")),
        ],
    }
    up = links.url(request, "twins", twin, "collections", collection_id, "map", "tiles")
    page = Page(f"{found.title}: {matrix_set_id}", [*trail(request, twin), ("Map tiles", up)])
    return answer(request, document, chosen, page)


@router.get(
    "/twins/{twin}/collections/{collectionId}/map/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    operation_id=".collection.map.getTile",
    responses=openapi.sends("A map tile, 256 x 256 points; where there is no data it is transparent.", PNG),
)
def tile(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    matrix_set_id: MatrixSetId,
    tile_matrix: Matrix,
    row: Row,
    column: Column,
    code: Code = None,
    observed_property: Property = None,
    within: Datetime = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A map tile of a coverage: each point has the colour of the cell under it, of the last time step or the first in datetime."""
    chosen = negotiate(request, f, (PNG,))
    grid = matrix.find(matrix_set_id)
    zoom = matrix.zoom(grid, tile_matrix)
    with reading(request, twin, at) as seen:
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        found = _map(request, seen, collection_id, code, observed_property, within)
    if not matrix.has(matrix.limits(matrix_set_id, found.box), zoom, row, column):
        raise matrix.no_tile(matrix_set_id, tile_matrix, row, column)
    where = matrix.place(matrix_set_id, zoom, row, column)
    crs = f"EPSG:{where.srid}"
    body = picture.draw(
        found.coverage, found.band, found.step, where.bounds, (_SIDE, _SIDE), found.colours, crs
    )
    return Response(
        body, headers=headers(tag, extra=cache_control(request, seen.snapshot)), media_type=PNG.media_type
    )


@router.get(
    "/twins/{twin}/collections/{collectionId}/map/legend",
    operation_id=".collection.map.getLegend",
    responses=openapi.says(documents.Legend, *FORMS),
)
def legend(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    code: Code = None,
    observed_property: Property = None,
    within: Datetime = None,
    at: At = None,
    f: F = None,
) -> Response:
    """What the colours of map tiles mean: classes, or a ramp between whose entries colours are interpolated."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = _map(request, seen, collection_id, code, observed_property, within)
    document = {
        "title": found.title,
        "coverage": found.coverage.id,
        **found.colours,
        "links": links.own(request, chosen, FORMS),
    }
    return answer(request, document, chosen, Page(found.title, trail(request, twin)))
