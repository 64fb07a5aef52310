"""`/indicators` and `/twins/{twin}/indicators`: definitions and values."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, html, links, openapi, sketch
from ldt.api.context import connection, reading
from ldt.api.formats.geoparquet import of_rows
from ldt.api.indicators import client, lineage
from ldt.api.indicators.above import above
from ldt.api.indicators.kind import Values
from ldt.api.indicators.request import (
    FORMS,
    ONE_FORMS,
    VALUE_FORMS,
    Codes,
    IndicatorId,
    Periods,
    Scheme,
    StatusIs,
    ValueId,
    filters,
    position,
    value_key,
)
from ldt.api.negotiate import GEOJSON, HTML, JSON, PARQUET, negotiate
from ldt.api.paging import read_token, write_token
from ldt.api.parameters import At, Datetime, F, Limit, PageToken, Twin, cut, only_known
from ldt.api.respond import Page, answer, etag, headers, unchanged
from ldt.api.standard import Standard
from ldt.api.twin.twin import trail
from ldt.timerange import format_instant

router = APIRouter(dependencies=[Depends(only_known)], tags=["indicators"])
STANDARD = Standard(router, kinds=(Values(),))
router.include_router(lineage.router, dependencies=[])

_LISTED = ("id", "code", "title", "unit", "dpsir", "anatomy", "spatial_units", "temporal_unit")


# Definitions --------------------------------------------------------------------------------------------------


@router.get("/indicators", responses=openapi.says(documents.IndicatorList, *FORMS))
def definitions(request: Request, f: F = None) -> Response:
    """The indicators that are defined; they are the same for all twins."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        found = client.definitions(conn)
    rows = [_listed(request, one, "indicators", one["id"]) for one in found]
    document = {"indicators": rows, "links": links.own(request, chosen, FORMS)}
    return answer(request, document, chosen, Page("Indicators"))


def _listed(request: Request, one: dict[str, Any], *to: str) -> dict[str, Any]:
    title = html.say(one["title"], html.languages(request))
    ways = [links.link(links.url(request, *to), "item", JSON, title)]
    return {**{k: one[k] for k in _LISTED}, "links": ways}


@router.get("/indicators/{indicator}", responses=openapi.says(documents.IndicatorDefinition, *FORMS))
def definition(request: Request, indicator: IndicatorId, f: F = None) -> Response:
    """One indicator: formula, unit, DPSIR role, what makes a value valid, thresholds, source."""
    chosen = negotiate(request, f, FORMS)
    with connection(request) as conn:
        found = client.definition(conn, indicator)
    document = {**found, "links": links.own(request, chosen, FORMS)}
    title = html.say(found["title"], html.languages(request))
    return answer(request, document, chosen, Page(title, [("Indicators", links.url(request, "indicators"))]))


# Of a twin ----------------------------------------------------------------------------------------------------


@router.get("/twins/{twin}/indicators", responses=openapi.says(documents.IndicatorList, *FORMS))
def of_twin(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The indicators that the twin has values of."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        there = client.available(seen)
        found = [d for d in client.definitions(seen.conn) if d["id"] in there]
    rows = [
        {**_listed(request, one, "twins", twin, "indicators", one["id"]), "available": there[one["id"]]}
        for one in found
    ]
    document = {
        "snapshot": seen.snapshot.id,
        "indicators": rows,
        "links": links.own(request, chosen, FORMS),
    }
    return answer(request, document, chosen, Page("Indicators", trail(request, twin)))


@router.get(
    "/twins/{twin}/indicators/{indicator}", responses=openapi.says(documents.IndicatorDefinition, *FORMS)
)
def one(request: Request, twin: Twin, indicator: IndicatorId, at: At = None, f: F = None) -> Response:
    """One indicator, and for which spatial units and periods the twin has values of it."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = client.definition(seen.conn, indicator)
        there = client.available(seen).get(indicator, {"schemes": [], "periods": [], "count": {}})
    to = links.url(request, "twins", twin, "indicators", indicator, "values")
    document = {
        **found,
        "available": there,
        "snapshot": seen.snapshot.id,
        "links": [
            *links.own(request, chosen, FORMS),
            links.link(to, "values", JSON, "Values"),
            links.link(
                links.url(request, "indicators", indicator), "describedby", JSON, "The definition alone"
            ),
        ],
    }
    title = html.say(found["title"], html.languages(request))
    return answer(request, document, chosen, Page(title, above(request, twin)))


# Values -------------------------------------------------------------------------------------------------------


@router.get(
    "/twins/{twin}/indicators/{indicator}/values",
    responses=openapi.says(documents.IndicatorValueList, *VALUE_FORMS, geojson=documents.PlacedList),
)
def values(
    request: Request,
    twin: Twin,
    indicator: IndicatorId,
    scheme: Scheme = None,
    code: Codes = None,
    period: Periods = None,
    status: StatusIs = None,
    within: Datetime = None,
    limit: Limit = 1000,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """Values of an indicator in order of spatial unit and period; `datetime` asks for periods that overlap with it."""
    chosen = negotiate(request, f, VALUE_FORMS)
    start = read_token(request, token, (str, str, str, str))
    asked, after, limit = filters(scheme, code, period, status, within), position(start), cut(limit)
    with reading(request, twin, at, start) as seen:
        client.definition(seen.conn, indicator)
        tag = etag(request, seen.snapshot, chosen)
        if same := unchanged(request, tag):
            return same
        placed = chosen in (GEOJSON, HTML, PARQUET)
        found = client.page(seen, indicator, asked, limit + 1, after, geometry=placed)
        matched = client.count(seen, indicator, asked)
    more, found = len(found) > limit, found[:limit]
    ways = links.own(request, chosen, VALUE_FORMS)
    to = links.url(request, "twins", twin, "indicators", indicator)
    ways.append(links.link(to, "describedby", JSON, "The definition"))
    if more:
        last = found[-1]
        bounds = (format_instant(last["period_start"]), format_instant(last["period_end"]))
        text = write_token(request, seen.snapshot.revision, (last["scheme"], last["code"], *bounds))
        ways.append(links.link(links.here(request, token=text), "next", chosen, "Next page"))
    if chosen is PARQUET:
        body = of_rows(found, _arrow_schema())
        return Response(body, headers=headers(tag, ways), media_type=PARQUET.media_type)
    about = {
        "indicator": indicator,
        "snapshot": seen.snapshot.id,
        "numberMatched": matched,
        "numberReturned": len(found),
    }
    rows = [_linked(request, twin, v) for v in found]
    document: dict[str, Any] = {**about, "values": rows, "links": ways}
    context: dict[str, Any] = {}
    if chosen is GEOJSON:
        document = {
            "type": "FeatureCollection",
            "features": [_feature(r) for r in rows],
            **about,
            "links": ways,
        }
    elif chosen is HTML:
        context = {"map": sketch.draw(_feature(r) for r in rows)}
    page = Page("Values", above(request, twin, indicator)[:-1], "values.html", context)
    return answer(request, document, chosen, page, rows=found, tag=tag)


def _linked(request: Request, twin: str, row: dict[str, Any]) -> dict[str, Any]:
    to = ("twins", twin, "indicators", row["indicator"], "values", row["id"])
    ways = [
        links.link(links.url(request, *to), "self", JSON, "This value"),
        links.link(links.url(request, *to, "lineage"), "lineage", JSON, "How it came about"),
    ]
    return {**row, "links": ways}


def _feature(row: dict[str, Any]) -> dict[str, Any]:
    inside = {k: v for k, v in row.items() if k not in ("geometry", "links")}
    return {
        "type": "Feature",
        "id": row["id"],
        "geometry": row["geometry"],
        "properties": inside,
        "links": row["links"],
    }


def _arrow_schema() -> Any:
    import pyarrow as pa

    text = [
        "id",
        "indicator",
        "scheme",
        "code",
        "name",
        "period",
        "unit",
        "status",
        "reason",
        "method",
        "verdicts",
        "quality",
        "access",
        "inputs",
    ]
    instants = [(n, pa.timestamp("us", tz="UTC")) for n in ("period_start", "period_end")]
    numbers = [
        ("value", pa.float64()),
        ("coverage", pa.float64()),
        ("n_valid", pa.int64()),
        ("n_expected", pa.int64()),
    ]
    return pa.schema([*((n, pa.string()) for n in text), *instants, *numbers])


@router.get(
    "/twins/{twin}/indicators/{indicator}/values/{value}",
    responses=openapi.says(documents.IndicatorValue, *ONE_FORMS, geojson=documents.Feature),
)
def value(
    request: Request, twin: Twin, indicator: IndicatorId, value: ValueId, at: At = None, f: F = None
) -> Response:
    """One value: the number, how complete the data were, and what each rule set says of it."""
    chosen = negotiate(request, f, ONE_FORMS)
    key = value_key(indicator, value)
    with reading(request, twin, at) as seen:
        client.definition(seen.conn, indicator)
        row = _linked(request, twin, client.value(seen, key))
    feature = _feature(row)
    ways = [*links.own(request, chosen, ONE_FORMS), row["links"][1], *_ways(request, twin, indicator)]
    document: dict[str, Any] = {**feature, "snapshot": seen.snapshot.id, "links": ways}
    if chosen is not GEOJSON:
        document = {**row, "snapshot": seen.snapshot.id, "links": ways}
    if chosen is HTML:
        document.pop("geometry")
    page = Page(_title(row), above(request, twin, indicator), context={"map": sketch.draw([feature])})
    return answer(request, document, chosen, page)


def _ways(request: Request, twin: str, indicator: str) -> list[links.Link]:
    here = ("twins", twin, "indicators", indicator)
    return [
        links.link(links.url(request, *here), "describedby", JSON, "The definition"),
        links.link(links.url(request, *here, "values"), "collection", JSON, "All values"),
    ]


def _title(row: dict[str, Any]) -> str:
    return f"{row['indicator']}, {row['name'] or row['code']}, {row['period']}"
