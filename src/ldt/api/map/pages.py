"""`/map` and `/twins/{twin}/map`: the map of a twin, drawn by the browser from the public API; and `/map/assets/…`."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request, Response
from starlette.responses import RedirectResponse

from ldt.api import html, links, openapi
from ldt.api.context import connection, reading
from ldt.api.map import client
from ldt.api.map.request import FORMS
from ldt.api.negotiate import HTML, JSON, negotiate
from ldt.api.parameters import At, F, Twin, only_known
from ldt.api.respond import Page, answer, headers, unchanged
from ldt.api.standard import Standard
from ldt.api.twin import client as twin_client
from ldt.api.twin.twin import trail

router = APIRouter(tags=["map"])
STANDARD = Standard(router)
_checked = [Depends(only_known)]

#: Headers of a map: scripts and styles are files of this service, and nothing goes anywhere else.
SECURITY = {
    **html.SECURITY,
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self'; connect-src 'self';"
        " img-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
}

#: Where a map leads to, below the twin.
_WAYS: dict[tuple[str, ...], dict[str, str]] = {
    (): {"en": "The twin", "de": "Der Zwilling", "fr": "Le jumeau", "es": "El gemelo", "it": "Il gemello"},
    ("indicators",): {
        "en": "Tables",
        "de": "Tabellen",
        "fr": "Tableaux",
        "es": "Tablas",
        "it": "Tabelle",
    },
    ("dpsir",): {
        "en": "Causes and effects",
        "de": "Ursachen und Wirkungen",
        "fr": "Causes et effets",
        "es": "Causas y efectos",
        "it": "Cause ed effetti",
    },
    ("datasets",): {
        "en": "Data sets",
        "de": "Datensätze",
        "fr": "Jeux de données",
        "es": "Conjuntos de datos",
        "it": "Insiemi di dati",
    },
}


@router.get(
    "/map",
    dependencies=_checked,
    responses=openapi.stated(*FORMS) | {303: {"description": "There is one twin: to its map."}},
)
def maps(request: Request, f: F = None) -> Response:
    """The maps: a list of the twins, or (303) the map of the only one."""
    chosen = negotiate(request, f, FORMS)
    wanted = html.languages(request)
    with connection(request) as conn:
        found = client.all_twins(conn)
    if len(found) == 1:
        return RedirectResponse(links.url(request, "twins", found[0]["name"], "map"), 303)
    ways = [
        links.link(
            links.url(request, "twins", one["name"], "map"), "item", HTML, html.say(one["title"], wanted)
        )
        for one in found
    ]
    said = (
        "Maps of the twins that are served here."
        if found
        else "There is no twin here yet: `ldt demo` builds one."
    )
    return answer(request, {"description": said, "links": ways}, chosen, Page("Maps"))


@router.get("/twins/{twin}/map", dependencies=_checked, responses=openapi.stated(*FORMS))
def map_of_twin(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The map of a twin, for a browser: indicators by area or station, features, land cover."""
    negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        one = twin_client.described(seen)
    wanted = html.languages(request)
    ways = [
        links.link(links.url(request, "twins", twin, *to), "related", JSON, html.say(title, wanted))
        for to, title in _WAYS.items()
    ]
    bbox = one["bbox"] if one["bbox"] and one["bbox"][0] is not None else None
    context = {
        # The path alone: the page loads its files from wherever it was loaded itself.
        "root": urlsplit(links.base(request)).path,
        "twin": twin,
        "bbox": ",".join(map(str, bbox)) if bbox else "",
        "ways": ways,
    }
    title = html.say(one["title"], wanted)
    body = html.render(request, {}, "map.html", title, trail(request), context)
    return Response(body, headers={**headers(), **SECURITY}, media_type=HTML.media_type)


@router.get("/map/assets/{path:path}", include_in_schema=False)
def asset(request: Request, path: str) -> Response:
    """A file that maps load; what follows `?` is not looked at, since loaders add their version there."""
    found = client.asset(path)
    if same := unchanged(request, found.tag):
        return same
    sent = {**headers(found.tag), "X-Content-Type-Options": "nosniff"}
    return Response(found.content, headers=sent, media_type=found.media_type)
