"""`/twins/{twin}/datasets`: licence, origin, versions, sources and the outcomes of records."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Depends, Request, Response

from ldt.api import documents, html, links, openapi
from ldt.api.context import reading
from ldt.api.datasets import client
from ldt.api.datasets.request import FORMS, TABLE_FORMS, DatasetName, WhichOutcome, outcome
from ldt.api.negotiate import JSON, negotiate
from ldt.api.paging import read_token, write_token
from ldt.api.parameters import At, F, Limit, PageToken, Twin, cut, only_known
from ldt.api.respond import Page, answer
from ldt.api.standard import Standard
from ldt.api.twin.twin import trail

router = APIRouter(dependencies=[Depends(only_known)], tags=["datasets"])
STANDARD = Standard(router)

_LISTED = (
    "name", "title", "description", "shape", "feature_type", "publisher", "licence", "licence_uri", "access", "origin",
    "data_stage", "themes", "anatomy", "dpsir", "update_frequency", "version", "revision", "committed", "time_first",
    "time_last", "freshness", "outcomes", "rows",
)  # fmt: skip


def _trail(request: Request, twin: str, name: str | None = None) -> list[tuple[str, str]]:
    found = [*trail(request, twin), ("Data sets", links.url(request, "twins", twin, "datasets"))]
    return found if name is None else [*found, (name, links.url(request, "twins", twin, "datasets", name))]


@router.get("/twins/{twin}/datasets", responses=openapi.says(documents.DatasetList, *TABLE_FORMS))
def datasets(request: Request, twin: Twin, at: At = None, f: F = None) -> Response:
    """The data sets of a twin: licence, origin, version, outcomes of their records, and whether they are overdue."""
    chosen = negotiate(request, f, TABLE_FORMS)
    with reading(request, twin, at) as seen:
        found = client.datasets(seen)
    rows = []
    for one in found:
        to = links.url(request, "twins", twin, "datasets", one["name"])
        rows.append({k: one[k] for k in _LISTED} | {"links": [links.link(to, "item", JSON, one["name"])]})
    document = {
        "snapshot": seen.snapshot.id,
        "datasets": rows,
        "links": links.own(request, chosen, TABLE_FORMS),
    }
    page = Page("Data sets", _trail(request, twin)[:-1], "datasets.html")
    wanted = html.languages(request)
    return answer(request, document, chosen, page, rows=[_flat(row, wanted) for row in rows])


def _flat(row: dict[str, Any], wanted: list[str]) -> dict[str, Any]:
    """Return a data set as one line of a table: texts in one language, each count and date in a column of its own."""
    nested = ("links", "freshness", "outcomes", "rows")
    found = {k: html.say(v, wanted) if html.is_text(v) else v for k, v in row.items() if k not in nested}
    fresh = row["freshness"]
    return {
        **found,
        "freshness": fresh["state"],
        "due": fresh["due"],
        "judged": fresh["judged"],
        **row["outcomes"],
        "rows": row["rows"]["all"],
    }


@router.get("/twins/{twin}/datasets/{dataset}", responses=openapi.says(documents.Dataset, *FORMS))
def dataset(request: Request, twin: Twin, dataset: DatasetName, at: At = None, f: F = None) -> Response:
    """One data set: description, version, the five outcomes, sources with their digests, how its CRS was judged."""
    chosen = negotiate(request, f, FORMS)
    with reading(request, twin, at) as seen:
        found = client.dataset(seen, dataset)

    def to(*parts: str) -> str:
        return links.url(request, "twins", twin, *parts)

    ways = [
        links.link(to("datasets", dataset, "versions"), "version-history", JSON, "Versions"),
        links.link(
            to("datasets", dataset, "outcomes"), "outcomes", JSON, "Records that were not simply accepted"
        ),
    ]
    if found["feature_type"]:
        ways.append(links.link(to("collections", found["feature_type"]), "data", JSON, "The collection"))
    elif found["shape"] == "observation":
        ways.append(links.link(to("datastreams"), "data", JSON, "Datastreams"))
    elif found["shape"] == "coverage":
        ways.append(links.link(to("coverages"), "data", JSON, "Coverages"))
    if found["licence_uri"]:
        ways.append(links.link(found["licence_uri"], "license", None, found["licence"]))
    document: dict[str, Any] = {
        **found,
        "snapshot": seen.snapshot.id,
        "links": [*links.own(request, chosen, FORMS), *ways],
    }
    title = html.say(found["title"], html.languages(request))
    return answer(request, document, chosen, Page(title, _trail(request, twin)))


@router.get(
    "/twins/{twin}/datasets/{dataset}/versions", responses=openapi.says(documents.VersionList, *TABLE_FORMS)
)
def versions(request: Request, twin: Twin, dataset: DatasetName, at: At = None, f: F = None) -> Response:
    """The versions of a data set, newest first, with what each changed. The `revision` of one can be given as `at`."""
    chosen = negotiate(request, f, TABLE_FORMS)
    with reading(request, twin, at) as seen:
        found = client.versions(seen, dataset)
    document = {
        "dataset": dataset,
        "snapshot": seen.snapshot.id,
        "versions": found,
        "links": links.own(request, chosen, TABLE_FORMS),
    }
    return answer(request, document, chosen, Page("Versions", _trail(request, twin, dataset)), rows=found)


@router.get(
    "/twins/{twin}/datasets/{dataset}/outcomes", responses=openapi.says(documents.OutcomeList, *TABLE_FORMS)
)
def outcomes(
    request: Request,
    twin: Twin,
    dataset: DatasetName,
    outcome_: WhichOutcome = None,
    limit: Limit = 100,
    at: At = None,
    token: PageToken = None,
    f: F = None,
) -> Response:
    """The records that were repaired, rejected, found twice or lie outside: which, and why."""
    chosen = negotiate(request, f, TABLE_FORMS)
    start = read_token(request, token, (str, str, int))
    which, limit = outcome(outcome_), cut(limit)
    with reading(request, twin, at, start) as seen:
        after = (start.position[0], start.position[1], start.position[2]) if start else None
        found = client.outcomes(seen, dataset, which, limit + 1, after)
    more, found = len(found) > limit, found[:limit]
    ways = links.own(request, chosen, TABLE_FORMS)
    if more:
        last = found[-1]
        position = (last["outcome"], last["source_digest"], last["row"])
        to = links.here(request, token=write_token(request, seen.snapshot.revision, position))
        ways.append(links.link(to, "next", chosen, "Next page"))
    document = {"dataset": dataset, "snapshot": seen.snapshot.id, "records": found, "links": ways}
    return answer(request, document, chosen, Page("Outcomes", _trail(request, twin, dataset)), rows=found)
