"""`/functions`: what a filter may call (OGC 21-065r2, 7.10), and the classes of CQL2 that filters follow everywhere."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, links, openapi
from ldt.api.context import Reading, reading
from ldt.api.negotiate import HTML, JSON, negotiate
from ldt.api.parameters import At, F, Twin, only_known
from ldt.api.respond import Page, answer
from ldt.api.standard import Standard
from ldt.api.twin.twin import trail
from ldt.store.cql2 import FUNCTIONS

_FORMS = (JSON, HTML)
_RELATION = "http://www.opengis.net/def/rel/ogc/1.0/functions"
_CLASSES = (
    "basic-cql2",
    "cql2-text",
    "cql2-json",
    "advanced-comparison-operators",
    "case-insensitive-comparison",
    "accent-insensitive-comparison",
    "basic-spatial-functions",
    "basic-spatial-functions-plus",
    "spatial-functions",
    "temporal-functions",
    "array-functions",
    "property-property",
    "functions",
    "arithmetic",
)

router = APIRouter(dependencies=[Depends(only_known)], tags=["filters"])


def _landing(request: Request, seen: Reading) -> list[links.Link]:
    to = links.url(request, "twins", seen.snapshot.twin, "functions")
    return [links.link(to, _RELATION, JSON, "Functions of filters")]


STANDARD = Standard(
    router,
    (
        *(f"http://www.opengis.net/spec/cql2/1.0/conf/{c}" for c in _CLASSES),
        "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
        "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    ),
    landing=_landing,
)


def _types(kinds: tuple[str, ...]) -> list[str]:
    """Return kinds by the names that 19-079r2, 6.5 has for them."""
    return list(dict.fromkeys("datetime" if k in ("date", "timestamp") else k for k in kinds))


@router.get("/twins/{twin}/functions", responses=openapi.says(documents.Functions, *_FORMS))
def functions(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The functions that a filter may call."""
    chosen = negotiate(request, f, _FORMS)
    with reading(request, twin, at):
        found: list[dict[str, Any]] = [
            {
                "name": function.name,
                "description": function.description,
                "arguments": [
                    {"title": taken.title, "type": _types(taken.kinds)} for taken in function.arguments
                ],
                "returns": _types((function.returns,)),
            }
            for function in FUNCTIONS.values()
        ]
    document = {"functions": found, "links": links.own(request, chosen, _FORMS)}
    return answer(request, document, chosen, Page("Functions", trail(request, twin)))
