"""`/vocabularies`: what the codes mean, with source and how far each was checked."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, html, links, openapi
from ldt.api.context import connection
from ldt.api.negotiate import JSON, negotiate
from ldt.api.parameters import F, only_known
from ldt.api.respond import Page, answer
from ldt.api.standard import Standard
from ldt.api.vocabularies import client
from ldt.api.vocabularies.request import FORMS, TABLE_FORMS, Code, VocabularyId

router = APIRouter(dependencies=[Depends(only_known)], tags=["vocabularies"])
STANDARD = Standard(router)


def _trail(request: Request) -> list[tuple[str, str]]:
    return [("Vocabularies", links.url(request, "vocabularies"))]


def _say(request: Request, text: Any) -> str:
    return html.say(text, html.languages(request))


@router.get("/vocabularies", responses=openapi.says(documents.VocabularyList, *FORMS))
def vocabularies(request: Request, f: F = None) -> Response:
    """The vocabularies: title, source, how far they were checked (V in the source, K general knowledge, P our proposal)."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        found = client.vocabularies(conn)
    for one in found:
        to = links.url(request, "vocabularies", one["id"])
        one["links"] = [links.link(to, "self", JSON, _say(request, one["title"]))]
    document = {"vocabularies": found, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page("Vocabularies"))


@router.get("/vocabularies/{vocabulary}", responses=openapi.says(documents.Vocabulary, *TABLE_FORMS))
def vocabulary(request: Request, vocabulary: VocabularyId, f: F = None) -> Response:
    """One vocabulary with its concepts."""
    chosen = negotiate(request, f, TABLE_FORMS)
    with connection(request) as conn:
        found = client.vocabulary(conn, vocabulary)
    rows = found["concepts"]
    concepts = []
    for one in rows:
        to = links.url(request, "vocabularies", vocabulary, one["code"])
        concepts.append({**one, "links": [links.link(to, "item", JSON, _say(request, one["label"]))]})
    document = {**found, "concepts": concepts, "links": links.own(request, chosen, TABLE_FORMS)}
    page = Page(_say(request, found["title"]), _trail(request))
    return answer(request, document, chosen, page, rows=rows)


@router.get("/vocabularies/{vocabulary}/{code}", responses=openapi.says(documents.Concept, *FORMS))
def concept(request: Request, vocabulary: VocabularyId, code: Code, f: F = None) -> Response:
    """One concept of a vocabulary."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        found = client.concept(conn, vocabulary, code)
    above = links.url(request, "vocabularies", vocabulary)
    ways = [links.link(above, "collection", JSON, "The vocabulary")]
    if found["parent"]:
        to = links.url(request, "vocabularies", vocabulary, found["parent"])
        ways.append(links.link(to, "up", JSON, "The broader concept"))
    document = {
        **found,
        "vocabulary": vocabulary,
        "links": [*links.own(request, chosen, FORMS), *ways],
    }
    page = Page(_say(request, found["label"]), [*_trail(request), (vocabulary, above)])
    return answer(request, document, chosen, page)
