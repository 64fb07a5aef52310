"""`/dpsir` and `/twins/{twin}/dpsir`: chains of causes, and for a twin the indicators in their boxes with current values."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, html, links, openapi
from ldt.api.context import Reading, connection, reading
from ldt.api.dpsir import boxes, client
from ldt.api.dpsir.request import FORMS, ChainId, Code, PeriodText, Scheme, scheme_of
from ldt.api.negotiate import JSON, negotiate
from ldt.api.parameters import At, F, Twin, only_known
from ldt.api.respond import Page, answer
from ldt.api.standard import Standard
from ldt.api.twin.twin import trail
from ldt.model.indicator import TWIN

router = APIRouter(dependencies=[Depends(only_known)], tags=["dpsir"])
STANDARD = Standard(router)

_TITLE = "DPSIR chains"


def _say(request: Request, text: Any) -> str:
    return html.say(text, html.languages(request))


# Definitions --------------------------------------------------------------------------------------------------


@router.get("/dpsir", responses=openapi.says(documents.ChainList, *FORMS))
def chains(request: Request, f: F = None) -> Response:
    """The DPSIR chains: driving force, pressure, state, impact, response, and how they are linked."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        found = client.chains(conn)
    rows = [_linked(request, one, "dpsir") for one in found]
    document = {"chains": rows, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page(_TITLE, template="dpsir.html"))


@router.get("/dpsir/{chain}", responses=openapi.says(documents.Chain, *FORMS))
def chain(request: Request, chain: ChainId, f: F = None) -> Response:
    """One DPSIR chain."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        (found,) = client.chains(conn, chain)
    document = {**found, "links": links.own(request, chosen, FORMS)}
    page = Page(_say(request, found["title"]), [(_TITLE, links.url(request, "dpsir"))], "dpsir.html")
    return answer(request, document, chosen, page)


def _linked(request: Request, one: dict[str, Any], *above: str, **query: Any) -> dict[str, Any]:
    ways = [
        links.link(links.url(request, *above, one["id"], **query), "item", JSON, _say(request, one["title"]))
    ]
    return {**one, "links": ways}


# Of a twin ----------------------------------------------------------------------------------------------------


@router.get("/twins/{twin}/dpsir", responses=openapi.says(documents.TwinChainList, *FORMS))
def of_twin(
    request: Request,
    twin: Twin,
    scheme: Scheme = None,
    code: Code = None,
    period: PeriodText = None,
    at: At = None,
    f: F = None,
) -> Response:
    """All chains with the twin's current values in their boxes, and the boxes that are empty with the reason."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found, about, choices = _filled(request, seen, client.chains(seen.conn), scheme, code, period)
    rows = []
    for one in found:
        inside = {k: v for k, v in one.items() if k != "arrows"}
        rows.append(_linked(request, inside, "twins", twin, "dpsir", **_asked(scheme, code, period)))
    document = {
        "snapshot": seen.snapshot.id,
        **about,
        "boxes": boxes.count(n for c in found for n in c["nodes"]),
        "chains": rows,
        "links": [*links.own(request, chosen, FORMS), _definitions(request)],
    }
    return answer(request, document, chosen, Page(_TITLE, trail(request, twin), "dpsir.html", choices))


@router.get("/twins/{twin}/dpsir/{chain}", responses=openapi.says(documents.TwinChain, *FORMS))
def chain_of_twin(
    request: Request,
    twin: Twin,
    chain: ChainId,
    scheme: Scheme = None,
    code: Code = None,
    period: PeriodText = None,
    at: At = None,
    f: F = None,
) -> Response:
    """One chain with the twin's current values: its boxes, and its arrows with the indicators at their two ends."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found, about, choices = _filled(request, seen, client.chains(seen.conn, chain), scheme, code, period)
    (one,) = found
    up = links.url(request, "twins", twin, "dpsir", **_asked(scheme, code, period))
    document = {
        **one,
        "arrows": boxes.arrows(one),
        "snapshot": seen.snapshot.id,
        **about,
        "links": [
            *links.own(request, chosen, FORMS),
            links.link(up, "collection", JSON, "All chains of this twin"),
            links.link(links.url(request, "dpsir", chain), "describedby", JSON, "The definition"),
        ],
    }
    page = Page(_say(request, one["title"]), [*trail(request, twin), (_TITLE, up)], "dpsir.html", choices)
    return answer(request, document, chosen, page)


def _asked(scheme: str | None, code: str | None, period: str | None) -> dict[str, str | None]:
    # A form sends a field that nothing was chosen in as an empty text.
    return {"scheme": scheme or None, "code": code or None, "period": period or None}


def _definitions(request: Request) -> links.Link:
    return links.link(links.url(request, "dpsir"), "describedby", JSON, "The chains themselves")


def _filled(
    request: Request,
    seen: Reading,
    found: list[dict[str, Any]],
    scheme: str | None,
    code: str | None,
    period: str | None,
) -> tuple[list[dict[str, Any]], dict[str, Any], dict[str, Any]]:
    """Return the chains with their boxes filled, what was chosen, and what the page lets people choose from."""
    there = client.available(seen)
    schemes = {s for by_scheme in there.values() for s in by_scheme}
    chosen = scheme_of(scheme, client.schemes(seen.conn), schemes)
    code, period = code or None, period or None
    named = {n["indicator"] for c in found for n in c["nodes"] if n["indicator"]}
    defined = client.definitions(seen.conn)
    values = client.current_values(seen, named & defined.keys(), chosen, code, period)
    for one in values:
        one["links"] = _ways(request, seen.snapshot.twin, one)
    filling = boxes.Filling(chosen, code, period, defined, there, values)
    chains = []
    for one in found:
        nodes = [{**n, **filling.box(n["indicator"])} for n in one["nodes"]]
        for node in nodes:
            if node["indicator"] in defined:
                to = links.url(request, "indicators", node["indicator"])
                title = _say(request, defined[node["indicator"]].title)
                node["links"] = [links.link(to, "describedby", JSON, title)]
        chains.append({**one, "boxes": boxes.count(nodes), "nodes": nodes})
    periods = {p for i in named for by_scheme in [there.get(i, {})] for p in by_scheme.get(chosen, ())}
    choices = {
        "schemes": sorted((schemes - {TWIN}) | {chosen}),
        "periods": sorted(periods),
        "at": request.query_params.get("at"),
    }
    return chains, {"scheme": chosen, "code": code, "period": period}, choices


def _ways(request: Request, twin: str, value: dict[str, Any]) -> list[links.Link]:
    to = ("twins", twin, "indicators", value["indicator"], "values", value["id"])
    return [
        links.link(links.url(request, *to), "item", JSON, "This value"),
        links.link(links.url(request, *to, "lineage"), "lineage", JSON, "How it came about"),
    ]
