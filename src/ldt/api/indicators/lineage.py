"""`…/values/{value}/lineage`: from a number back to the records that it was computed from."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, links, openapi
from ldt.api.context import reading
from ldt.api.indicators import client
from ldt.api.indicators.above import above
from ldt.api.indicators.request import FORMS, TABLE_FORMS, IndicatorId, ValueId, record_position, value_key
from ldt.api.negotiate import JSON, negotiate
from ldt.api.paging import read_token, write_token
from ldt.api.parameters import At, F, Limit, PageToken, Twin, cut, only_known
from ldt.api.respond import Page, answer

router = APIRouter(dependencies=[Depends(only_known)], tags=["indicators"])


@router.get(
    "/twins/{twin}/indicators/{indicator}/values/{value}/lineage",
    responses=openapi.says(documents.Lineage, *FORMS),
)
def lineage(
    request: Request, twin: Twin, indicator: IndicatorId, value: ValueId, at: At = None, f: F = None
) -> Response:
    """How a value came about: run, definition and rule sets of then, versions and files read, records used and left out."""
    chosen = negotiate(request, f, FORMS)
    key = value_key(indicator, value)
    with reading(request, twin, at) as seen:
        client.definition(seen.conn, indicator)
        found = client.lineage(seen, key)

    def to(*parts: str) -> str:
        return links.url(request, "twins", twin, *parts)

    here = ("indicators", indicator, "values", value)
    ways = [
        *links.own(request, chosen, FORMS),
        links.link(to(*here), "value", JSON, "The value"),
        links.link(to(*here, "lineage", "records"), "records", JSON, "The records, one by one"),
    ]
    ways += [
        links.link(to("indicators", indicator, "values", one), "derived-from", JSON, one)
        for one in found["derived_from"]
    ]
    ways += [
        links.link(to("datasets", one["dataset"]), "dataset", JSON, one["dataset"]) for one in found["inputs"]
    ]
    document: dict[str, Any] = {**found, "snapshot": seen.snapshot.id, "links": ways}
    return answer(
        request, document, chosen, Page("How it came about", above(request, twin, indicator, value))
    )


@router.get(
    "/twins/{twin}/indicators/{indicator}/values/{value}/lineage/records",
    responses=openapi.says(documents.LineageRecords, *TABLE_FORMS),
)
def records(
    request: Request,
    twin: Twin,
    indicator: IndicatorId,
    value: ValueId,
    limit: Limit = 1000,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """The very records that a value was computed from, used or not, each with its file and row."""
    chosen = negotiate(request, f, TABLE_FORMS)
    start = read_token(request, token, (int, str))
    key, after, limit = value_key(indicator, value), record_position(start), cut(limit)
    with reading(request, twin, at, start) as seen:
        client.definition(seen.conn, indicator)
        found = client.records(seen, key, limit + 1, after)
    more, found = len(found) > limit, found[:limit]
    ways = links.own(request, chosen, TABLE_FORMS)
    if more:
        text = write_token(request, seen.snapshot.revision, tuple(found[-1]["position"]))
        ways.append(links.link(links.here(request, token=text), "next", chosen, "Next page"))
    rows = [{k: v for k, v in one.items() if k != "position"} for one in found]
    document = {"value": value, "snapshot": seen.snapshot.id, "records": rows, "links": ways}
    page = Page("Records", above(request, twin, indicator, value))
    return answer(request, document, chosen, page, rows=rows)
