"""`/twins/{twin}/latest`, `/datastreams`, `/datastreams/{id}/observations`."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, links, openapi, sketch
from ldt.api.context import reading
from ldt.api.negotiate import GEOJSON, JSON, Format, negotiate
from ldt.api.observations import client
from ldt.api.observations.request import (
    FORMS,
    LATEST_FORMS,
    TABLE_FORMS,
    DatastreamId,
    ObservedProperty,
    beginnings,
    datastream_id,
    stream_position,
)
from ldt.api.paging import bad_token, read_token, write_token
from ldt.api.parameters import (
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
    parse_bbox,
)
from ldt.api.respond import Page, answer
from ldt.api.standard import Standard
from ldt.api.twin.twin import trail
from ldt.errors import UsageError
from ldt.timerange import format_instant, parse_instant

router = APIRouter(dependencies=[Depends(only_known)], tags=["observations"])
STANDARD = Standard(router)


def _next(request: Request, revision: int, chosen: Format, last: str | int) -> links.Link:
    to = links.here(request, token=write_token(request, revision, (last,)))
    return links.link(to, "next", chosen, "Next page")


@router.get(
    "/twins/{twin}/latest",
    responses=openapi.says(documents.LatestList, *LATEST_FORMS, geojson=documents.PlacedList),
)
def latest(
    request: Request,
    twin: Twin,
    observed_property: ObservedProperty = None,
    bbox: Bbox = None,
    bbox_crs: BboxCrs = None,
    limit: Limit = 1000,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """The latest valid value of every datastream, with its station: what is measured now, on one page."""
    chosen = negotiate(request, f, LATEST_FORMS)
    start = read_token(request, token, (int,))
    boxes, after, limit = parse_bbox(bbox, bbox_crs), stream_position(start), cut(limit)
    with reading(request, twin, at, start) as seen:
        found = client.latest(seen, observed_property, boxes, limit + 1, after)
    more, found = len(found) > limit, found[:limit]
    ways = links.own(request, chosen, LATEST_FORMS)
    if more:
        ways.append(_next(request, seen.snapshot.revision, chosen, found[-1]["datastream"]))
    features = [
        {
            "type": "Feature",
            "id": str(row["datastream"]),
            "geometry": row["geometry"],
            "properties": {k: v for k, v in row.items() if k != "geometry"},
        }
        for row in found
    ]
    document: dict[str, Any] = {"snapshot": seen.snapshot.id}
    if chosen is GEOJSON:
        document |= {"type": "FeatureCollection", "features": features}
    else:
        document["values"] = found
    document["links"] = ways
    shown = {**document, "values": [f["properties"] for f in features]}
    page = Page("Latest values", trail(request, twin), context={"map": sketch.draw(features)})
    return answer(
        request, document if chosen.name in ("json", "geojson") else shown, chosen, page, rows=_flat(found)
    )


def _flat(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return rows for CSV: the place as two columns."""
    flat = []
    for row in rows:
        one = {k: v for k, v in row.items() if k != "geometry"}
        at_point = row["geometry"] and row["geometry"]["type"] == "Point"
        one["longitude"], one["latitude"] = row["geometry"]["coordinates"][:2] if at_point else (None, None)
        flat.append(one)
    return flat


@router.get("/twins/{twin}/datastreams", responses=openapi.says(documents.DatastreamList, *TABLE_FORMS))
def datastreams(
    request: Request, twin: Twin, limit: Limit = 1000, at: At = None, token: PageToken = None, f: F = None
) -> Response:
    """The datastreams of a twin: thing, observed property, unit, averaging, first and last observation."""
    chosen = negotiate(request, f, TABLE_FORMS)
    start = read_token(request, token, (int,))
    after, limit = stream_position(start), cut(limit)
    with reading(request, twin, at, start) as seen:
        found = client.datastreams(seen, limit + 1, after)
    more, found = len(found) > limit, found[:limit]
    ways = links.own(request, chosen, TABLE_FORMS)
    if more:
        ways.append(_next(request, seen.snapshot.revision, chosen, found[-1]["datastream"]))
    rows = []
    for one in found:
        to = links.url(request, "twins", twin, "datastreams", one["datastream"])
        rows.append({**one, "links": [links.link(to, "item", JSON, one["code"])]})
    document = {"snapshot": seen.snapshot.id, "datastreams": rows, "links": ways}
    return answer(request, document, chosen, Page("Datastreams", trail(request, twin)), rows=found)


@router.get("/twins/{twin}/datastreams/{datastream}", responses=openapi.says(documents.Datastream, *FORMS))
def datastream(
    request: Request, twin: Twin, datastream: DatastreamId, at: At = None, f: F = None
) -> Response:
    """One datastream."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = client.datastream(seen, datastream_id(datastream))
    here = ("twins", twin, "datastreams", datastream)
    document = {
        **found,
        "snapshot": seen.snapshot.id,
        "links": [
            *links.own(request, chosen, FORMS),
            links.link(links.url(request, *here, "observations"), "observations", JSON, "Observations"),
            links.link(
                links.url(request, "twins", twin, "datasets", found["dataset"]), "dataset", JSON, "Data set"
            ),
        ],
    }
    above = [*trail(request, twin), ("Datastreams", links.url(request, "twins", twin, "datastreams"))]
    return answer(request, document, chosen, Page(found["code"], above))


@router.get(
    "/twins/{twin}/datastreams/{datastream}/observations",
    responses=openapi.says(documents.ObservationList, *TABLE_FORMS),
)
def series(
    request: Request,
    twin: Twin,
    datastream: DatastreamId,
    within: Datetime = None,
    limit: Limit = 1000,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """Observations of a datastream in order of time; each stands for the interval [time, time_end)."""
    chosen = negotiate(request, f, TABLE_FORMS)
    start = read_token(request, token, (str,))
    bounds, limit = beginnings(within), cut(limit)
    try:
        after = parse_instant(start.position[0]) if start else None
    except UsageError as e:
        raise bad_token("it was not made by this service") from e
    with reading(request, twin, at, start) as seen:
        about = client.datastream(seen, datastream_id(datastream))
        found = client.series(seen, about["datastream"], bounds, limit + 1, after)
    more, found = len(found) > limit, found[:limit]
    ways = links.own(request, chosen, TABLE_FORMS)
    here = links.url(request, "twins", twin, "datastreams", datastream)
    ways.append(links.link(here, "datastream", JSON, "The datastream"))
    if more:
        ways.append(_next(request, seen.snapshot.revision, chosen, format_instant(found[-1]["time"])))
    document = {
        "datastream": about["datastream"],
        "observed_property": about["observed_property"],
        "unit": about["unit"],
        "snapshot": seen.snapshot.id,
        "observations": found,
        "links": ways,
    }
    above = [
        *trail(request, twin),
        ("Datastreams", links.url(request, "twins", twin, "datastreams")),
        (about["code"], here),
    ]
    return answer(request, document, chosen, Page("Observations", above), rows=found)
