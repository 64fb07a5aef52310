"""`/twins`, and for each twin a landing page, conformance classes and OpenAPI descriptions that are complete in themselves."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, html, links, openapi
from ldt.api.collections.client import collection_ids
from ldt.api.context import connection, reading
from ldt.api.context import service as shared
from ldt.api.negotiate import GEOJSON, HTML, JSON, OAS30, OAS31, negotiate
from ldt.api.parameters import CRS84, At, F, Twin, only_known
from ldt.api.respond import Page, answer
from ldt.api.standard import Standard
from ldt.api.twin import client
from ldt.api.twin.request import DESCRIPTIONS, FORMS

router = APIRouter(dependencies=[Depends(only_known)], tags=["twin"])
STANDARD = Standard(router, ("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",))


def trail(request: Request, twin: str | None = None) -> list[tuple[str, str]]:
    """Return the breadcrumb down to the list of twins, or to one of them."""
    found = [("Twins", links.url(request, "twins"))]
    return found if twin is None else [*found, (twin, links.url(request, "twins", twin))]


@router.get("/twins", responses=openapi.says(documents.TwinList, *FORMS))
def twins(request: Request, f: F = None) -> Response:
    """The twins that are served."""
    chosen = negotiate(request, f, FORMS)
    wanted = html.languages(request)
    with connection(request) as conn:
        found = client.all_twins(conn)
    rows = []
    for one in found:
        title = html.say(one["title"], wanted)
        rows.append(
            {
                "name": one["name"],
                "title": title,
                "description": html.say(one["description"], wanted) or None,
                "scale": one["scale"],
                "revision": one["revision"],
                "updated": one["updated"],
                "bbox": _bbox(one),
                "links": [links.link(links.url(request, "twins", one["name"]), "item", JSON, title)],
            }
        )
    document = {"twins": rows, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page("Twins"))


def _bbox(one: dict[str, Any]) -> list[float] | None:
    return one["bbox"] if one["bbox"] and one["bbox"][0] is not None else None


@router.get("/twins/{twin}", responses=openapi.says(documents.Landing, *FORMS))
def landing(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The landing page of a twin: everything that it offers, from one address."""
    chosen = negotiate(request, f, FORMS)
    wanted = html.languages(request)
    with reading(request, twin, at) as seen:
        one = client.described(seen)
        added = [to for s in shared(request).standards if s.landing for to in s.landing(request, seen)]
    title = html.say(one["title"], wanted)
    document: dict[str, Any] = {
        "title": title,
        "description": html.say(one["description"], wanted) or title,
        "name": twin,
        "scale": one["scale"],
        "snapshot": seen.snapshot.id,
        "revision": seen.snapshot.revision,
        "committed": seen.snapshot.committed,
    }
    if bbox := _bbox(one):
        document["extent"] = {"spatial": {"bbox": [bbox], "crs": CRS84}}
    document["links"] = [*links.own(request, chosen, FORMS), *_ways(request, twin), *added]
    return answer(request, document, chosen, Page(title, trail(request)))


def _ways(request: Request, twin: str) -> list[links.Link]:
    def to(*parts: str, **query: Any) -> str:
        return links.url(request, "twins", twin, *parts, **query)

    link = links.link
    return [
        link(to("map"), "map", HTML, "Map"),
        link(to("conformance"), "conformance", JSON, "Conformance classes"),
        # With its form: clients that send no Accept header, or a browser's, would get another.
        link(to("api", f="oas30"), "service-desc", OAS30, "OpenAPI 3.0"),
        link(to("api", f="oas31"), "service-desc", OAS31, "OpenAPI 3.1"),
        link(to("api", f="html"), "service-doc", HTML, "What can be asked"),
        link(to("indicators"), "indicators", JSON, "Indicators with values"),
        link(to("dpsir"), "dpsir", JSON, "Causes and effects: DPSIR chains with current values"),
        link(to("coverages"), "coverages", JSON, "Coverages: rasters and cubes"),
        link(to("datasets"), "datasets", JSON, "Data sets, their licences, versions and sources"),
        link(to("latest"), "latest", GEOJSON, "Latest value of every station"),
        link(to("datastreams"), "datastreams", JSON, "Datastreams"),
        link(links.url(request, "vocabularies"), "vocabularies", JSON, "What the codes mean"),
    ]


@router.get("/twins/{twin}/conformance", responses=openapi.says(documents.Conformance, *FORMS))
def conformance(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The conformance classes of what is mounted."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at):
        pass  # only to know that there is such a twin
    document = {
        "conformsTo": list(shared(request).conformance),
        "links": links.own(request, chosen, FORMS),
    }
    return answer(request, document, chosen, Page("Conformance classes", trail(request, twin)))


@router.get(
    "/twins/{twin}/api",
    responses=openapi.stated(*DESCRIPTIONS),
)
def api(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The OpenAPI description of a twin: 3.0 by default, 3.1 with `f=oas31`, a page for people with `f=html`."""
    chosen = negotiate(request, f, DESCRIPTIONS)
    with reading(request, twin, at) as seen:
        one = client.described(seen)
        collections = collection_ids(request, seen)
    title = html.say(one["title"], html.languages(request))
    server = links.base(request) + f"/twins/{twin}"
    document = openapi.of_twin(request.app, twin, title, server, collections)
    if chosen is OAS30:
        document = openapi.downgrade(document)
    if chosen is HTML:
        document = {**openapi.for_people(document), "links": links.own(request, chosen, DESCRIPTIONS)}
    return answer(request, document, chosen, Page("What can be asked", trail(request, twin)))
