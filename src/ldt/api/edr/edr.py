"""`/twins/{twin}/collections/{id}/position`, `radius`, `area`, `cube`, `trajectory`, `locations` (OGC API - EDR 1.1)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import shapely
from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import StreamingResponse

from ldt.api import html, links, openapi
from ldt.api.collections.client import collection_of
from ldt.api.collections.collections import above
from ldt.api.collections.request import CollectionId
from ldt.api.context import Reading, reading
from ldt.api.coverages.kind import Coverages
from ldt.api.edr import forms, gridded, names, stations
from ldt.api.edr import request as asks
from ldt.api.edr.describe import describe
from ldt.api.edr.netcdf import netcdf
from ldt.api.edr.piece import Found
from ldt.api.edr.request import COVJSON, DATA_FORMS, GEOJSON, MAX_ROWS, NETCDF, Asked
from ldt.api.edr.source import Grids, Stations, required
from ldt.api.negotiate import CSV, HTML, Format, negotiate
from ldt.api.observations.kind import Stations as SeriesKind
from ldt.api.paging import read_token, write_token
from ldt.api.parameters import At, Datetime, F, Limit, PageToken, Twin, cut, only_known
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.standard import Standard
from ldt.errors import NotFound
from ldt.model.feature import decode_fid
from ldt.store import edr_series, records
from ldt.store.edr_series import Measured, Station
from ldt.timerange import format_instant

_CLASSES = ("core", "collections", "json", "geojson", "edr-geojson", "covjson", "html", "oas30")
#: Of the queries of version 1.0 an abstract test wants an error where 1.1 wants the list of locations.
_DECLARED = [*(f"1.1/conf/{c}" for c in (*_CLASSES, "queries")), *(f"1.0/conf/{c}" for c in _CLASSES)]

router = APIRouter(dependencies=[Depends(only_known)], tags=["edr"])
STANDARD = Standard(
    router,
    tuple(f"http://www.opengis.net/spec/ogcapi-edr-1/{c}" for c in _DECLARED),
    kinds=(Coverages(), SeriesKind()),
    describe=describe,
)

_SCHEMAS: dict[str, dict[str, Any]] = {
    COVJSON.name: {"type": "object", "required": ["type"], "properties": {"type": {"enum": ["Coverage", "CoverageCollection"]}}},
    GEOJSON.name: {"type": "object", "required": ["type", "features"], "properties": {"type": {"const": "FeatureCollection"}, "features": {"type": "array", "items": {"type": "object"}}}},
    NETCDF.name: {"type": "string", "format": "binary"},
}  # fmt: skip


def _says(what: str, *forms: Format, nothing: bool = True) -> dict[int | str, dict[str, Any]]:
    content: dict[str, Any] = {}
    for form in forms:
        content |= openapi.content(form, _SCHEMAS.get(form.name, {"type": "string"}))
    found: dict[int | str, dict[str, Any]] = {200: {"description": what, "content": content}}
    if nothing:
        found[204] = {"description": "There is nothing at that place and time."}
    return found


_VALUES = _says("The values, with their units", *DATA_FORMS)

#: What a query reads while the state is held, and what makes the answer of it afterwards.
_Read = Callable[[Reading, Grids | Stations], Callable[[], Found]]


def _query(
    request: Request, query: str, asked: Asked, at: str | None, f: str | None, read: _Read
) -> Response:
    chosen = negotiate(request, f, DATA_FORMS)
    twin, collection = request.path_params["twin"], request.path_params["collectionId"]
    with reading(request, twin, at) as seen:
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        source = required(seen, collection, query)
        make = read(seen, source)
        (about,) = records.datasets(seen.conn, seen.snapshot, source.dataset.name)
    return _sent(request, chosen, make(), seen, about, tag)


def _sent(
    request: Request, chosen: Format, found: Found, seen: Reading, about: dict[str, Any], tag: str
) -> Response:
    sent = headers(tag, extra={"Content-Crs": f"<{found.crs.uri}>"})
    snapshot = seen.snapshot
    if chosen is HTML:
        return _page(request, found, seen, about, tag)
    if not found.pieces:
        return Response(status_code=204, headers=sent)
    wanted = html.languages(request)
    said = {
        "ldt:snapshot": snapshot.id,
        "ldt:dataset": about["name"],
        "ldt:licence": about["licence"],
        "ldt:interpolation": "none: each value is that of the cell or of the station",
    }
    if chosen is COVJSON:
        body = forms.coveragejson(found, said)
    elif chosen is GEOJSON:
        body = forms.geojson(found, said, links.here(request), wanted)
    elif chosen is CSV:
        return StreamingResponse(forms.csv_chunks(found), headers=sent, media_type=CSV.media_type)
    else:
        body = netcdf(
            found,
            {
                "title": html.say(about["title"], ["en"]),
                "institution": about["publisher"],
                "license": about["licence"],
                "source": about["name"],
                "snapshot": snapshot.id,
            },
        )
        sent["Content-Disposition"] = f'attachment; filename="{about["name"]}.nc"'
    return Response(body, headers=sent, media_type=chosen.media_type)


def _page(request: Request, found: Found, seen: Reading, about: dict[str, Any], tag: str) -> Response:
    rows = forms.table(found, MAX_ROWS)
    document: dict[str, Any] = {
        "snapshot": seen.snapshot.id,
        "crs": found.crs.uri,
        "values": found.size,
        "shown": f"{len(rows)} rows" + (", the first of more; CSV has all" if len(rows) == MAX_ROWS else ""),
        "rows": rows,
        "links": links.own(request, HTML, DATA_FORMS),
    }
    title = html.say(about["title"], html.languages(request))
    twin, collection = request.path_params["twin"], request.path_params["collectionId"]
    to = links.url(request, "twins", twin, "collections", collection)
    return answer(request, document, HTML, Page("Values", [*above(request, twin), (title, to)]), tag=tag)


def _of_stations(
    seen: Reading, source: Stations, asked: Asked, find: Callable[[list[Measured]], list[Station]]
) -> Callable[[], Found]:
    """Read the series of the stations that `find` gives for what is to be measured."""
    measured = names.chosen(source.measured, asked.names, source.dataset.name)
    some = find([m for _, m in measured.values()])
    found = stations.read(seen, source.dataset, some, measured, asked)
    return lambda: found


@router.get("/twins/{twin}/collections/{collectionId}/position", responses=_VALUES)
def position(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    coords: asks.PointCoords,
    within: Datetime = None,
    z: asks.Z = None,
    parameter_name: asks.ParameterName = None,
    crs: asks.CrsName = None,
    at: At = None,
    f: F = None,
) -> Response:
    """Values at positions: of the cell that each lies in, or of the station that is nearest to it."""
    asked = asks.asked(crs, within, parameter_name, z)
    points = asks.geometry(coords, "Point", asked.crs)

    def read(seen: Reading, source: Grids | Stations) -> Callable[[], Found]:
        if isinstance(source, Stations):
            d = source.dataset
            return _of_stations(
                seen, source, asked, lambda wanted: stations.at(seen, d, wanted, points, asked.crs)
            )
        chosen = names.chosen(source.parameters, asked.names, collection_id)
        return lambda: gridded.position(source.coverages, chosen, asked, points)

    return _query(request, "position", asked, at, f, read)


@router.get("/twins/{twin}/collections/{collectionId}/radius", responses=_VALUES)
def radius(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    coords: asks.PointCoords,
    within_radius: asks.Within,
    within_units: asks.WithinUnits,
    within: Datetime = None,
    z: asks.Z = None,
    parameter_name: asks.ParameterName = None,
    crs: asks.CrsName = None,
    at: At = None,
    f: F = None,
) -> Response:
    """Values within a geodesic distance of positions: of the cells whose middle, or the stations that lie so near."""
    asked = asks.asked(crs, within, parameter_name, z)
    points = asks.geometry(coords, "Point", asked.crs)
    metres = asks.metres(within_radius, within_units)

    def read(seen: Reading, source: Grids | Stations) -> Callable[[], Found]:
        if isinstance(source, Stations):
            d = source.dataset
            return _of_stations(
                seen,
                source,
                asked,
                lambda wanted: stations.around(seen, d, wanted, points, metres, asked.crs),
            )
        chosen = names.chosen(source.parameters, asked.names, collection_id)
        regions = gridded.of_circle(points, metres, asked.crs)
        return lambda: gridded.gridded(source.coverages, chosen, asked, regions)

    return _query(request, "radius", asked, at, f, read)


@router.get("/twins/{twin}/collections/{collectionId}/area", responses=_VALUES)
def area(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    coords: asks.AreaCoords,
    within: Datetime = None,
    z: asks.Z = None,
    parameter_name: asks.ParameterName = None,
    resolution_x: asks.ResolutionX = None,
    resolution_y: asks.ResolutionY = None,
    crs: asks.CrsName = None,
    at: At = None,
    f: F = None,
) -> Response:
    """Values in polygons: of the cells whose middle lies in one, or of the stations in them."""
    asked = asks.asked(crs, within, parameter_name, z)
    shape = asks.geometry(coords, "Polygon", asked.crs)
    fine = asks.resolution(resolution_x, "x"), asks.resolution(resolution_y, "y")
    return _regional(request, "area", asked, [gridded.of_polygon(shape)], [shape], fine, at, f)


@router.get("/twins/{twin}/collections/{collectionId}/cube", responses=_VALUES)
def cube(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    bbox: asks.CubeBox,
    within: Datetime = None,
    z: asks.Z = None,
    parameter_name: asks.ParameterName = None,
    resolution_x: asks.ResolutionX = None,
    resolution_y: asks.ResolutionY = None,
    resolution_z: asks.ResolutionZ = None,
    crs: asks.CrsName = None,
    at: At = None,
    f: F = None,
) -> Response:
    """Values in a rectangle: of the cells that it touches, or of the stations in it."""
    asked = asks.asked(crs, within, parameter_name, z)
    boxes = asks.boxes(bbox, asked.crs)
    fine = asks.resolution(resolution_x, "x"), asks.resolution(resolution_y, "y")
    asks.resolution(resolution_z, "z")
    return _regional(request, "cube", asked, [gridded.Region(b.bounds) for b in boxes], boxes, fine, at, f)


def _regional(
    request: Request,
    query: str,
    asked: Asked,
    regions: list[gridded.Region],
    shapes: Any,
    fine: tuple[int | None, int | None],
    at: str | None,
    f: str | None,
) -> Response:
    def read(seen: Reading, source: Grids | Stations) -> Callable[[], Found]:
        if isinstance(source, Stations):
            there = stations.inside(seen, source.dataset, shapes, asked.crs)
            return _of_stations(seen, source, asked, lambda _: there)
        chosen = names.chosen(source.parameters, asked.names, source.dataset.name)
        return lambda: gridded.gridded(source.coverages, chosen, asked, regions, fine)

    return _query(request, query, asked, at, f, read)


@router.get("/twins/{twin}/collections/{collectionId}/trajectory", responses=_VALUES)
def trajectory(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    coords: asks.LineCoords,
    within: Datetime = None,
    z: asks.Z = None,
    parameter_name: asks.ParameterName = None,
    crs: asks.CrsName = None,
    at: At = None,
    f: F = None,
) -> Response:
    """Values of the cells along lines, or of the stations near them; where the vertices have a time (M), of that time."""
    asked = asks.asked(crs, within, parameter_name, z)
    legs = asks.lines(coords, asked.crs)

    def read(seen: Reading, source: Grids | Stations) -> Callable[[], Found]:
        if isinstance(source, Stations):
            d, then = source.dataset, stations.while_passing(asked, legs)
            route = shapely.MultiLineString([leg[:, :2] for leg in legs])
            return _of_stations(
                seen,
                source,
                then or asked,
                lambda wanted: (
                    stations.around(seen, d, wanted, route, stations.NEAR, asked.crs) if then else []
                ),
            )
        chosen = names.chosen(source.parameters, asked.names, collection_id)
        return lambda: gridded.trajectory(source.coverages, chosen, asked, legs)

    return _query(request, "trajectory", asked, at, f, read)


_LIST_FORMS = (GEOJSON, HTML)


@router.get(
    "/twins/{twin}/collections/{collectionId}/locations",
    responses=_says("The stations, and what each measures", *_LIST_FORMS, nothing=False),
)
def locations(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    bbox: asks.OptionalBox = None,
    within: Datetime = None,
    parameter_name: asks.ParameterName = None,
    crs: asks.CrsName = None,
    limit: Limit = 1000,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """The stations of a collection; each is a location whose values can be asked for."""
    chosen = negotiate(request, f, _LIST_FORMS)
    start = read_token(request, token, (str,))
    asked = asks.asked(crs, within, parameter_name, None)
    areas = asks.boxes(bbox, asked.crs) if bbox is not None else ()
    limit = cut(limit)
    with reading(request, twin, at, start) as seen:
        source = required(seen, collection_id, "locations")
        assert isinstance(source, Stations)  # noqa: S101 - `required` lets nothing else through
        measured = names.chosen(source.measured, asked.names, collection_id)
        found = edr_series.listed(
            seen.conn,
            seen.snapshot,
            source.dataset,
            areas=[shapely.to_wkb(stations.degrees(a, asked.crs)) for a in areas],
            wanted=None if asked.names is None else [m for _, m in measured.values()],
            period=(asked.within.start, asked.within.end) if asked.within else (None, None),
            after=start.position[0] if start else None,
            limit=limit + 1,
        )
        _, about = collection_of(request, seen, collection_id)
    more, found = len(found) > limit, found[:limit]
    here = ("twins", twin, "collections", collection_id, "locations")
    ways = links.own(request, chosen, _LIST_FORMS)
    if more:
        to = write_token(request, seen.snapshot.revision, (found[-1][0].thing,))
        ways.append(links.link(links.here(request, token=to), "next", chosen, "Next page"))
    features = []
    for station, told, first, last in found:
        mine = [name for name, (_, m) in source.measured.items() if m.text in told]
        properties = {
            "name": station.name,
            "code": station.thing,
            "label": station.name or station.thing,
            "datetime": f"{format_instant(first)}/{format_instant(last)}",
            "parameter-name": mine,
            "edrqueryendpoint": links.url(request, *here, station.identifier),
        }
        place = stations.place(station, asked.crs)
        features.append({"type": "Feature", "id": station.identifier, "geometry": place, "properties": properties})  # fmt: skip
    document = {
        "type": "FeatureCollection",
        "features": features,
        "numberReturned": len(features),
        "snapshot": seen.snapshot.id,
        "links": ways,
    }
    shown = {**document, "locations": [f["properties"] for f in features]} if chosen is HTML else document
    page = Page("Locations", above(request, twin, about))
    return answer(request, shown, chosen, page, extra={"Content-Crs": f"<{asked.crs.uri}>"})


@router.get("/twins/{twin}/collections/{collectionId}/locations/{locId}", responses=_VALUES)
def location(
    request: Request,
    twin: Twin,
    collection_id: CollectionId,
    location_id: asks.LocationId,
    within: Datetime = None,
    parameter_name: asks.ParameterName = None,
    crs: asks.CrsName = None,
    at: At = None,
    f: F = None,
) -> Response:
    """The values of one station."""
    asked = asks.asked(crs, within, parameter_name, None)

    def read(seen: Reading, source: Grids | Stations) -> Callable[[], Found]:
        assert isinstance(source, Stations)  # noqa: S101 - `required` lets nothing else through
        thing = _thing(location_id)
        there = edr_series.by_code(seen.conn, seen.snapshot, source.dataset, thing)
        if not there:
            raise NotFound(f"{collection_id} has no location {location_id!r}", remedy="/locations lists them")
        return _of_stations(seen, source, asked, lambda _: there)

    return _query(request, "locations", asked, at, f, read)


def _thing(identifier: str) -> str:
    try:
        return decode_fid(identifier, "")[1]
    except ValueError:  # bytes that are no text: nothing is called so
        return identifier
