"""`/`, `/conformance`, `/api`, `/health`."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, links, openapi
from ldt.api.context import connection
from ldt.api.context import service as shared
from ldt.api.negotiate import HTML, JSON, OAS30, OAS31, negotiate
from ldt.api.parameters import F, only_known
from ldt.api.respond import Page, answer
from ldt.api.service import client
from ldt.api.service.request import DESCRIPTIONS, FORMS
from ldt.api.standard import Standard

TITLE = "Local digital twins"

router = APIRouter(dependencies=[Depends(only_known)], tags=["service"])
STANDARD = Standard(
    router,
    (
        "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
        "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/landing-page",
        "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
        "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/html",
    ),
)


@router.get("/", responses=openapi.says(documents.Landing, *FORMS))
def landing(request: Request, f: F = None) -> Response:
    """The entry to the service: its twins, vocabularies, indicators."""
    chosen = negotiate(request, f, FORMS)
    document = {
        "title": TITLE,
        "description": "Data of local digital twins, with their origin, versions and indicators.",
        "links": [
            *links.own(request, chosen, FORMS),
            links.link(links.url(request, "twins"), "data", JSON, "Twins"),
            links.link(links.url(request, "map"), "map", HTML, "Map"),
            links.link(links.url(request, "indicators"), "indicators", JSON, "Definitions of indicators"),
            links.link(links.url(request, "vocabularies"), "vocabularies", JSON, "Vocabularies"),
            links.link(links.url(request, "dpsir"), "dpsir", JSON, "DPSIR chains"),
            links.link(links.url(request, "conformance"), "conformance", JSON, "Conformance classes"),
            links.link(links.url(request, "api"), "service-desc", OAS31, "Description of the whole service"),
            links.link(links.url(request, "health"), "status", JSON, "Health"),
        ],
    }
    return answer(request, document, chosen, Page(TITLE))


@router.get("/conformance", responses=openapi.says(documents.Conformance, *FORMS))
def conformance(request: Request, f: F = None) -> Response:
    """The conformance classes of what is mounted."""
    chosen = negotiate(request, f, FORMS)
    document = {
        "conformsTo": list(shared(request).conformance),
        "links": links.own(request, chosen, FORMS),
    }
    return answer(request, document, chosen, Page("Conformance classes"))


@router.get(
    "/api",
    responses=openapi.stated(*DESCRIPTIONS),
)
def api(request: Request, f: F = None) -> Response:
    """The OpenAPI description of the whole service; each twin has one of its own."""
    chosen = negotiate(request, f, DESCRIPTIONS)
    document = openapi.of_service(request.app, links.base(request))
    if chosen is OAS30:
        document = openapi.downgrade(document)
    if chosen is HTML:
        document = {**openapi.for_people(document), "links": links.own(request, chosen, DESCRIPTIONS)}
    return answer(request, document, chosen, Page("Description"))


@router.get("/health", responses=openapi.says(documents.Health, JSON, HTML))
def health(request: Request, f: F = None) -> Response:
    """Whether the service can do its work; 503 if the database cannot be used."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        document = client.health(conn)
    return answer(request, document, chosen, Page("Health"), extra={"Cache-Control": "no-store"})
