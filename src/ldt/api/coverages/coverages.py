"""`/twins/{twin}/coverages`: rasters and cubes; their cells as GeoTIFF or Zarr, and pictures of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import orjson
import shapely
from fastapi import APIRouter, Depends, Request, Response
from starlette.background import BackgroundTask
from starlette.responses import FileResponse

from ldt.api import documents, html, links, openapi
from ldt.api.context import Reading, reading
from ldt.api.coverages import cells, client, picture
from ldt.api.coverages.kind import Coverages
from ldt.api.coverages.request import (
    DATA_FORMS,
    FORMS,
    GEOTIFF,
    MAP_FORMS,
    MAX_SIDE,
    PNG,
    ZARR,
    CoverageId,
    OfDataset,
    Property,
    Side,
    coverage_key,
    one_box,
)
from ldt.api.negotiate import JSON, Format, negotiate
from ldt.api.parameters import At, Bbox, BboxCrs, Datetime, F, Twin, only_known, parse_datetime
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.standard import Collection, Standard
from ldt.api.twin.twin import trail
from ldt.model.coverage import COG, Coverage
from ldt.store import coverages as stored
from ldt.timerange import format_instant

router = APIRouter(dependencies=[Depends(only_known)], tags=["coverages"])


def _describe(request: Request, seen: Reading, collection: Collection) -> dict[str, Any]:
    """Return what a collection of coverages has as items: the coverages of its data set."""
    if collection.kind != Coverages.name:
        return {}
    (dataset,) = collection.datasets
    to = links.url(request, "twins", seen.snapshot.twin, "coverages", dataset=dataset.name)
    return {
        "itemType": "coverage",
        "links": [links.link(to, "items", JSON, "The coverages: bands, grid, time, files")],
    }


STANDARD = Standard(router, describe=_describe)


def _about(coverage: Coverage, title: Any) -> dict[str, Any]:
    footprint = shapely.from_wkb(coverage.footprint)
    return {
        "id": coverage.id,
        "title": title,
        **{k: v for k, v in coverage.summary().items() if k != "id"},
        "bbox": [float(x) for x in footprint.bounds],
        "footprint": orjson.loads(shapely.to_geojson(footprint)),
    }


def _ways(request: Request, twin: str, coverage: Coverage) -> list[links.Link]:
    here = ("twins", twin, "coverages", coverage.id)
    ways = [
        links.link(links.url(request, *here, "data", f=one.name), "data", one, f"The cells as {one.title}")
        for one in _offered(coverage)
    ]
    ways.append(links.link(links.url(request, *here, "map"), "map", PNG, "A picture"))
    to = links.url(request, "twins", twin, "datasets", coverage.dataset.name)
    return [*ways, links.link(to, "dataset", JSON, "The data set")]


def _offered(coverage: Coverage) -> tuple[Format, ...]:
    # A GeoTIFF has no axis of time.
    return DATA_FORMS if coverage.media_type == COG else (ZARR,)


@router.get("/twins/{twin}/coverages", responses=openapi.says(documents.CoverageList, *FORMS))
def coverages(
    request: Request,
    twin: Twin,
    observed_property: Property = None,
    dataset: OfDataset = None,
    at: At = None,
    f: F = None,
) -> Response:
    """The coverages of a twin: what they hold, their grid, their time, where they lie."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = client.listed(seen, observed_property, dataset)
    rows = []
    for one, title in found:
        to = links.url(request, "twins", twin, "coverages", one.id)
        rows.append({**_about(one, title), "links": [links.link(to, "item", JSON, one.id)]})
    document = {
        "snapshot": seen.snapshot.id,
        "coverages": rows,
        "links": links.own(request, chosen, FORMS),
    }
    return answer(request, document, chosen, Page("Coverages", _above(request, twin)[:-1]))


def _above(request: Request, twin: str) -> list[tuple[str, str]]:
    return [*trail(request, twin), ("Coverages", links.url(request, "twins", twin, "coverages"))]


@router.get(
    "/twins/{twin}/coverages/{coverage}", responses=openapi.says(documents.CoverageDescription, *FORMS)
)
def coverage(request: Request, twin: Twin, coverage: CoverageId, at: At = None, f: F = None) -> Response:
    """One coverage: bands, units, grid, time, licence; and for maps the corners of its picture and the legend."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found, dataset = client.one(seen, *coverage_key(coverage))
        concepts = client.classes(seen, found)
    bounds = picture.whole(found)
    legends = [picture.legend(found, b, concepts.get(b.vocabulary or "", [])) for b in found.bands]
    to = links.url(request, "twins", twin, "coverages", found.id, "map")
    document = {
        **_about(found, dataset["title"]),
        **{k: dataset[k] for k in ("description", "publisher", "licence", "licence_uri")},
        "snapshot": seen.snapshot.id,
        "map": {
            "href": to,
            "crs": picture.MERCATOR,
            "corners": picture.corners(bounds),
            "max_side": MAX_SIDE,
            "legend": legends,
        },
        "links": [*links.own(request, chosen, FORMS), *_ways(request, twin, found)],
    }
    title = html.say(dataset["title"], html.languages(request))
    page = Page(f"{title}: {found.code}", _above(request, twin), "coverage.html")
    return answer(request, document, chosen, page)


@router.get(
    "/twins/{twin}/coverages/{coverage}/data",
    responses=openapi.sends("The cells", *DATA_FORMS),
)
def data(
    request: Request,
    twin: Twin,
    coverage: CoverageId,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    within: Datetime = None,
    observed_property: Property = None,
    at: At = None,
    f: F = None,
) -> Response:
    """The cells as a file, in their own CRS, none resampled: those that bbox touches, the time steps that begin in datetime."""
    box, when = one_box(bbox, bbox_crs), parse_datetime(within)
    with reading(request, twin, at) as seen:
        found, dataset = client.one(seen, *coverage_key(coverage))
        concepts = client.classes(seen, found)
    chosen = negotiate(request, f, _offered(found))
    part, bands = cells.asked_cut(found, box), cells.asked_bands(found, observed_property)
    if chosen is GEOTIFF and box is None and bands == found.bands:
        cells.asked_steps(found, [], when)
        return _stored_file(request, found)
    tag = etag(request, seen.snapshot, chosen)
    if same := unchanged(request, tag):
        return same
    named = {"Content-Disposition": f'attachment; filename="{_file_name(found, chosen)}"'}
    if chosen is GEOTIFF:
        cells.asked_steps(found, [], when)
        body = cells.geotiff(found, bands, part)
        return Response(body, headers=headers(tag, extra=named), media_type=GEOTIFF.media_type)
    folder = tempfile.TemporaryDirectory(prefix="ldt-")
    target = Path(folder.name) / "coverage.zarr.zip"
    try:
        cells.zarr(found, bands, part, when, concepts, _said(seen, found, dataset), target)
    except BaseException:
        folder.cleanup()
        raise
    sent = headers(tag, extra=named)
    return FileResponse(
        target, headers=sent, media_type=ZARR.media_type, background=BackgroundTask(folder.cleanup)
    )


def _stored_file(request: Request, coverage: Coverage) -> Response:
    """Return the very file of the store, of which parts can be asked for (Range); its name is its digest, and so is its tag."""
    tag = f'"{coverage.digest}"'
    if same := unchanged(request, tag):
        return same
    path = stored.existing(coverage)
    named = {"Content-Disposition": f'attachment; filename="{_file_name(coverage, GEOTIFF)}"'}
    return FileResponse(path, headers=headers(tag, extra=named), media_type=coverage.media_type)


def _file_name(coverage: Coverage, form: Format) -> str:
    # Codes come from names of files, which may hold anything.
    plain = "".join(c if c.isascii() and (c.isalnum() or c in "._-") else "_" for c in coverage.id)
    return plain + (".tif" if form is GEOTIFF else ".zarr.zip")


def _said(seen: Reading, coverage: Coverage, dataset: dict[str, Any]) -> dict[str, str]:
    """Return the attributes of a Zarr group (CF, and ACDD 1.3 for what CF does not name)."""
    found = {
        "title": html.say(dataset["title"], ["en"]),
        "institution": dataset["publisher"],
        "license": dataset["licence"],
        "coverage": coverage.id,
        "dataset": coverage.dataset.name,
        "licence": dataset["licence"],
        "snapshot": seen.snapshot.id,
        "source_digest": coverage.digest,
    }
    bounds = {"time_coverage_start": coverage.time_first, "time_coverage_end": coverage.time_last}
    return {**found, **{k: format_instant(v) for k, v in bounds.items() if v is not None}}


@router.get(
    "/twins/{twin}/coverages/{coverage}/map",
    responses=openapi.sends("A picture", *MAP_FORMS),
)
def map_picture(
    request: Request,
    twin: Twin,
    coverage: CoverageId,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    within: Datetime = None,
    observed_property: Property = None,
    width: Side = None,
    height: Side = None,
    at: At = None,
    f: F = None,
) -> Response:
    """A picture in EPSG:3857, of everything or of bbox, of the last time step or the first that begins in datetime."""
    chosen = negotiate(request, f, MAP_FORMS)
    box, when = one_box(bbox, bbox_crs), parse_datetime(within)
    with reading(request, twin, at) as seen:
        found, _ = client.one(seen, *coverage_key(coverage))
        concepts = client.classes(seen, found)
    tag = etag(request, seen.snapshot, chosen)
    if same := unchanged(request, tag):
        return same
    band = cells.asked_bands(found, observed_property)[0]
    step = picture.step_of(found, when)
    bounds = picture.mercator(box) if box else picture.whole(found)
    colours = picture.legend(found, band, concepts.get(band.vocabulary or "", []))
    body = picture.draw(found, band, step, bounds, picture.size(bounds, width, height), colours)
    return Response(body, headers=headers(tag), media_type=PNG.media_type)
