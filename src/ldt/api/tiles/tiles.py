"""OGC API - Tiles, Part 1: Core (OGC 20-057): tile matrix sets, and vector tiles of collections and of a whole twin."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import ColumnElement

from ldt.api import documents, html, links, openapi
from ldt.api.collections.request import CollectionId
from ldt.api.context import Reading, reading
from ldt.api.filters import Filter, FilterCrs, FilterLang, read_filter
from ldt.api.negotiate import JSON, negotiate
from ldt.api.parameters import At, Datetime, F, Twin, only_known, parse_datetime
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.routes import Route, first
from ldt.api.standard import Collection, Standard
from ldt.api.tiles import client, matrix, metadata, prompt
from ldt.api.tiles.caching import cache_control
from ldt.api.tiles.request import (
    FORMS,
    MVT,
    TILEJSON,
    TILESET_FORMS,
    Collections,
    Column,
    Indicators,
    Matrix,
    MatrixSetId,
    Period,
    Properties,
    Row,
    Scheme,
    chosen_properties,
    listed,
)
from ldt.api.twin.twin import trail
from ldt.errors import NotFound
from ldt.store.pages import Selection
from ldt.store.tiles import MOST, Box
from ldt.store.value_tiles import COLLECTION

_BASE = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
_CLASSES = (
    "core",
    "tileset",
    "tilesets-list",
    "dataset-tilesets",
    "geodata-tilesets",
    "collections-selection",
)

_SENDS = {**openapi.sends("A vector tile", MVT), 204: {"description": "Nothing lies in this tile."}}

router = APIRouter(dependencies=[Depends(only_known)], tags=["tiles"], route_class=Route)


def _landing(request: Request, seen: Reading) -> list[links.Link]:
    to = ("twins", seen.snapshot.twin)
    return [
        links.link(
            links.url(request, *to, "tiles", f="json"), metadata.RELATIONS["vector"], JSON, "Vector tiles"
        ),
        links.link(
            links.url(request, *to, "tileMatrixSets"),
            "http://www.opengis.net/def/rel/ogc/1.0/tiling-schemes",
            JSON,
            "Tile matrix sets",
        ),
    ]


def _describe(request: Request, seen: Reading, collection: Collection) -> Mapping[str, Any]:
    if collection.item_type is None or collection.bbox is None:
        return {}
    to = links.url(request, "twins", seen.snapshot.twin, "collections", collection.id, "tiles", f="json")
    return {"links": [links.link(to, metadata.RELATIONS["vector"], JSON, "Vector tiles")]}


STANDARD = Standard(
    router,
    tuple(_BASE + name for name in (*_CLASSES, "mvt", "oas30")),
    landing=_landing,
    describe=_describe,
)

# Tile matrix sets ---------------------------------------------------------------------------------------------


@router.get(
    "/twins/{twin}/tileMatrixSets",
    operation_id="getTileMatrixSetsList",
    responses=openapi.says(documents.TileMatrixSets, *FORMS),
)
def matrix_sets(request: Request, twin: Twin, f: F = None) -> Response:
    """The tile matrix sets: how the map is cut into tiles."""
    chosen = negotiate(request, f, FORMS)
    found = [
        {
            "id": name,
            "title": grid.title,
            "uri": str(grid.uri),
            "crs": matrix.crs(grid),
            "links": _ways(request, twin, name),
        }
        for name, grid in matrix.SETS.items()
    ]
    document = {"tileMatrixSets": found, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page("Tile matrix sets", trail(request, twin)))


def _ways(request: Request, twin: str, name: str) -> list[links.Link]:
    to = links.url(request, "twins", twin, "tileMatrixSets", name)
    # `self` as the standard has it, `item` as its executable tests look for it.
    return [links.link(to, rel, JSON, name) for rel in ("self", "item")]


@router.get(
    "/twins/{twin}/tileMatrixSets/{tileMatrixSetId}",
    operation_id="getTileMatrixSet",
    responses=openapi.says(documents.TileMatrixSet, *FORMS),
)
def matrix_set(request: Request, twin: Twin, matrix_set_id: MatrixSetId, f: F = None) -> Response:
    """One tile matrix set: its CRS, and for each of its matrices the scale, the origin, the size."""
    chosen = negotiate(request, f, FORMS)
    grid = matrix.find(matrix_set_id)
    document = {**matrix.definition(grid), "links": links.own(request, chosen, FORMS)}
    here = [*trail(request, twin), ("Tile matrix sets", links.url(request, "twins", twin, "tileMatrixSets"))]
    return answer(request, document, chosen, Page(str(grid.title), here))


# Tile sets ----------------------------------------------------------------------------------------------------

#: Parameters of a tile set that its tiles have too.
_PASSED = (
    *("collections", "properties", "datetime", "filter", "filter-lang", "filter-crs"),
    *("scheme", "indicator", "period"),
)


@dataclass(frozen=True, slots=True)
class _Of:
    """What a tile set is of: its address below the twin, what it is called, what it shows."""

    path: tuple[str, ...]
    title: str
    shown: Sequence[client.Shown]

    @property
    def box(self) -> Box | None:
        """West, south, east, north in degrees of all; None where there is nothing."""
        return metadata.united([one.bbox for one in self.shown]) if self.shown else None


def _of_collection(request: Request, seen: Reading, identifier: str) -> _Of:
    found = client.shown(request, seen, identifier)
    title = html.say(found.collection.title, html.languages(request))
    return _Of(("collections", identifier, "tiles"), title, [found])


def _of_values(
    request: Request, seen: Reading, scheme: str | None, indicator: str | None, period: str | None
) -> _Of:
    found = client.chosen_values(request, seen, client.ValuesAsked(scheme, listed(indicator), period))
    title = html.say(found.collection.title, html.languages(request))
    return _Of(("collections", COLLECTION, "tiles"), title, [found])


def _of_twin(request: Request, seen: Reading, asked: str | None) -> _Of:
    return _Of(("tiles",), seen.snapshot.twin, client.all_shown(request, seen, listed(asked)))


def _address(request: Request, twin: str, of: _Of, name: str, variables: str = "", **more: str) -> str:
    passed = {n: request.query_params[n] for n in _PASSED if n in request.query_params}
    path, mark, query = links.url(request, "twins", twin, *of.path, name, **passed, **more).partition("?")
    return f"{path}{variables}{mark}{query}"


def _tilesets(request: Request, twin: str, of: _Of, f: str | None) -> Response:
    chosen = negotiate(request, f, FORMS)
    sets = []
    for name, grid in matrix.SETS.items():
        if of.box is None or not matrix.limits(name, of.box):
            continue
        scheme = links.url(request, "twins", twin, "tileMatrixSets", name)
        ways = [
            links.link(_address(request, twin, of, name), "self", JSON, name),
            links.link(scheme, metadata.SCHEME, JSON, name),
        ]
        sets.append({**metadata.summary(grid, "vector", of.title, of.box), "links": ways})
    document = {"title": of.title, "tilesets": sets, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page(f"Vector tiles: {of.title}", trail(request, twin)))


def _tileset(
    request: Request, twin: str, of: _Of, name: str, properties: str | None, f: str | None
) -> Response:
    grid = matrix.find(name)
    mercator = name == "WebMercatorQuad"
    chosen = negotiate(request, f, TILESET_FORMS if mercator else FORMS)
    if of.box is None or not matrix.limits(name, of.box):
        raise NotFound(f"{of.title} has nothing to show in {name}", remedy="/tiles lists the tile sets")
    names = chosen_properties(properties, [one.items for one in of.shown])
    wanted = html.languages(request)
    layers = [
        metadata.layer(
            html.say(one.collection.title, wanted), one.items, names[one.collection.id] if names else None
        )
        for one in of.shown
    ]
    if chosen is TILEJSON:
        template = _address(request, twin, of, name, "/{z}/{y}/{x}", f=MVT.name)
        document = metadata.tilejson(grid, of.title, of.box, template, layers)
    else:
        template = _address(request, twin, of, name, "/{tileMatrix}/{tileRow}/{tileCol}", f=MVT.name)
        scheme = links.url(request, "twins", twin, "tileMatrixSets", name)
        document = {
            **metadata.tileset(grid, "vector", of.title, of.box, layers),
            "links": [
                *links.own(request, chosen, TILESET_FORMS if mercator else FORMS),
                links.link(scheme, metadata.SCHEME, JSON, name),
                metadata.templated(links.link(template, "item", MVT, "The tiles")),
            ],
        }
    up = [*trail(request, twin), ("Vector tiles", links.url(request, "twins", twin, *of.path))]
    return answer(request, document, chosen, Page(f"{of.title}: {name}", up))


@router.get(
    "/twins/{twin}/tiles",
    operation_id=".dataset.vector.getTileSetsList",
    responses=openapi.says(documents.TileSets, *FORMS),
)
def tilesets(
    request: Request, twin: Twin, collections: Collections = None, at: At = None, f: F = None
) -> Response:
    """The vector tile sets of a twin: all its features, or the collections that are asked for, a layer each."""
    with reading(request, twin, at) as seen:
        of = _of_twin(request, seen, collections)
    return _tilesets(request, twin, of, f)


@router.get(
    "/twins/{twin}/tiles/{tileMatrixSetId}",
    operation_id=".dataset.vector.getTileSet",
    responses=metadata.SAYS,
)
def tileset(
    request: Request,
    twin: Twin,
    matrix_set_id: MatrixSetId,
    collections: Collections = None,
    properties: Properties = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A vector tile set of a twin: which tiles there are, the schemas of their layers, their address."""
    with reading(request, twin, at) as seen:
        of = _of_twin(request, seen, collections)
    return _tileset(request, twin, of, matrix_set_id, properties, f)


@router.get(
    f"/twins/{{twin}}/collections/{COLLECTION}/tiles",
    operation_id=".values.vector.getTileSetsList",
    responses=openapi.says(documents.TileSets, *FORMS),
)
def values_tilesets(
    request: Request,
    twin: Twin,
    scheme: Scheme = None,
    indicator: Indicators = None,
    period: Period = None,
    at: At = None,
    f: F = None,
) -> Response:
    """The vector tile sets of indicator values by area."""
    with reading(request, twin, at) as seen:
        of = _of_values(request, seen, scheme, indicator, period)
    return _tilesets(request, twin, of, f)


@router.get(
    f"/twins/{{twin}}/collections/{COLLECTION}/tiles/{{tileMatrixSetId}}",
    operation_id=".values.vector.getTileSet",
    responses=metadata.SAYS,
)
def values_tileset(
    request: Request,
    twin: Twin,
    matrix_set_id: MatrixSetId,
    scheme: Scheme = None,
    indicator: Indicators = None,
    period: Period = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A vector tile set of indicator values by area: the schema of the layer names the indicators with their units."""
    with reading(request, twin, at) as seen:
        of = _of_values(request, seen, scheme, indicator, period)
    return _tileset(request, twin, of, matrix_set_id, None, f)


@router.get(
    "/twins/{twin}/collections/{collectionId}/tiles",
    operation_id=".collection.vector.getTileSetsList",
    responses=openapi.says(documents.TileSets, *FORMS),
)
def collection_tilesets(
    request: Request, twin: Twin, collection_id: CollectionId, at: At = None, f: F = None
) -> Response:
    """The vector tile sets of a collection."""
    with reading(request, twin, at) as seen:
        of = _of_collection(request, seen, collection_id)
    return _tilesets(request, twin, of, f)


@router.get(
    "/twins/{twin}/collections/{collectionId}/tiles/{tileMatrixSetId}",
    operation_id=".collection.vector.getTileSet",
    responses=metadata.SAYS,
)
def collection_tileset(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    matrix_set_id: MatrixSetId,
    properties: Properties = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A vector tile set of a collection: which tiles there are, the schema of the layer, their address."""
    with reading(request, twin, at) as seen:
        of = _of_collection(request, seen, collection_id)
    return _tileset(request, twin, of, matrix_set_id, properties, f)


# Tiles --------------------------------------------------------------------------------------------------------


def _selection(within: str | None, condition: ColumnElement[bool] | None = None) -> Selection:
    when = parse_datetime(within)
    return Selection(start=when.start if when else None, end=when.end if when else None, where=condition)


def _tile(
    request: Request,
    seen: Reading,
    of: _Of,
    place: tuple[str, str, int, int],
    selection: Selection,
    properties: str | None,
    f: str | None,
) -> Response:
    chosen = negotiate(request, f, (MVT,))
    name, one, row, column = place
    number = matrix.zoom(matrix.find(name), one)
    names = chosen_properties(properties, [s.items for s in of.shown])
    tag = etag(request, seen.snapshot, chosen)
    if same := unchanged(request, tag):
        return same
    made = client.tile(seen, of.shown, (name, number, row, column), selection, names)
    sent = headers(tag, extra=cache_control(request, seen.snapshot))
    if made.thinned:
        sent["LDT-Thinned"] = str(MOST)
    if not made.content:
        return Response(status_code=204, headers=sent)
    return Response(made.content, headers=sent, media_type=MVT.media_type)


@router.get(
    "/twins/{twin}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    operation_id=".dataset.vector.getTile",
    responses=_SENDS,
)
def tile(
    request: Request,
    twin: Twin,
    matrix_set_id: MatrixSetId,
    tile_matrix: Matrix,
    row: Row,
    column: Column,
    collections: Collections = None,
    properties: Properties = None,
    within: Datetime = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A vector tile of a twin, with a layer for each collection; 204 where there is nothing in it."""
    with reading(request, twin, at) as seen:
        of = _of_twin(request, seen, collections)
        selection = _selection(within)
        return _tile(request, seen, of, (matrix_set_id, tile_matrix, row, column), selection, properties, f)


@router.get(
    f"/twins/{{twin}}/collections/{COLLECTION}/tiles/{{tileMatrixSetId}}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}",
    operation_id=".values.vector.getTile",
    responses=_SENDS,
)
def values_tile(
    request: Request,
    twin: Twin,
    matrix_set_id: MatrixSetId,
    tile_matrix: Matrix,
    row: Row,
    column: Column,
    scheme: Scheme = None,
    indicator: Indicators = None,
    period: Period = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A vector tile of indicator values: a feature for each area, a property for each indicator; `…_status` says why there is no number."""
    with reading(request, twin, at) as seen:
        of = _of_values(request, seen, scheme, indicator, period)
        place = (matrix_set_id, tile_matrix, row, column)
        return _tile(request, seen, of, place, Selection(), None, f)


@router.get(
    "/twins/{twin}/collections/{collectionId}/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}",
    operation_id=".collection.vector.getTile",
    responses=_SENDS,
)
@first(prompt.tile)
def collection_tile(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    matrix_set_id: MatrixSetId,
    tile_matrix: Matrix,
    row: Row,
    column: Column,
    properties: Properties = None,
    within: Datetime = None,
    condition: Filter = None,
    lang: FilterLang = None,
    filter_crs: FilterCrs = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A vector tile of a collection, in one layer of its name; 204 where there is nothing in it."""
    with reading(request, twin, at) as seen:
        of = _of_collection(request, seen, collection_id)
        selection = _selection(within, read_filter(condition, lang, filter_crs, of.shown[0].items.properties))
        return _tile(request, seen, of, (matrix_set_id, tile_matrix, row, column), selection, properties, f)
