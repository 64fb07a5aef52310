"""Protocol `cds`: the Climate and the Atmosphere Data Store of Copernicus. A request is submitted, waited for, its result downloaded.

`url` ends in `/api`, `layer` is the data set, `parameters` are the request: texts, or lists and objects written as JSON. `area` is that of
the twin and `date` the period of the ingest where they are not given. The key comes in as `headers: {PRIVATE-TOKEN: ${CDSAPI_KEY}}`.

Source: the stores' retrieve API, an OGC API - Processes (`/retrieve/v1`), as of 2025. [K]
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from ldt.errors import RecipeError, ServiceError
from ldt.sources.services import jobs
from ldt.sources.services.documents import json_object
from ldt.sources.services.download import check_page, suffix_for, suffix_of
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import same_origin
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service

_POSTED = {"Accept": "application/json", "Content-Type": "application/json"}
_DONE, _FAILED = frozenset({"successful"}), frozenset({"failed", "rejected", "dismissed"})
#: Boxes are rounded outwards to this part of a degree: finer than any grid of the stores.
_ROUNDING = 0.25


class DataStore:
    """The result of one request is one page."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the result."""
        root = f"{service.url.rstrip('/')}/retrieve/v1"
        asked = orjson.dumps({"inputs": inputs(service, query)})
        _, job = _document(service, client, f"{root}/processes/{_dataset(service)}/execution", asked)
        name = job.get("jobID")
        if not isinstance(name, str) or not name:
            raise ServiceError("accepts a request and gives no job", where=client.shown(service.url))
        address = f"{root}/jobs/{quote(name, safe='')}"
        jobs.wait(
            lambda: _document(service, client, address)[1],
            state=lambda d: str(d.get("status") or ""),
            done=_DONE,
            failed=_FAILED,
            why=lambda d: _why(service, client, address, d),
            where=client.shown(address),
        )
        _, results = _document(service, client, f"{address}/results")
        yield _result(service, client, results)

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for the description of the data set, which needs no key."""

        def ask() -> Learnt:
            address = f"{service.url.rstrip('/')}/retrieve/v1/processes/{_dataset(service)}"
            answer, document = _document(service, client, address)
            return Learnt(f"data set {document.get('title') or document.get('id')}", answer.status)

        return probed(ask)


PROTOCOL = DataStore()


def inputs(service: Service, query: Query) -> dict[str, Any]:
    """Return a request: the recipe's, with area and date of what is asked for.

    Raises:
        RecipeError: a parameter is no JSON though it begins like it, or nothing says when.
    """
    request = {name: _value(name, text) for name, text in service.parameters.items()}
    if "area" not in request and query.bbox:
        west, south, east, north = query.bbox
        # North, west, south, east.
        request["area"] = [_out(north, 1), _out(west, -1), _out(south, -1), _out(east, 1)]
    if not {"date", "year"} & request.keys():
        if query.begin is None or query.end is None:
            raise RecipeError(
                "the request says no `date` or `year`, and no period is given",
                where="source.service.parameters",
                remedy="give one: ldt ingest … --period 2024-07, or `date` in the recipe",
            )
        first, last = query.begin.astimezone(UTC), query.end.astimezone(UTC) - timedelta(microseconds=1)
        request["date"] = f"{first.date().isoformat()}/{last.date().isoformat()}"
    return request


def _value(name: str, text: str) -> Any:
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as e:
        raise RecipeError(
            f"{name}: {text!r} is no JSON",
            where="source.service.parameters",
            remedy='write lists as JSON: \'["00:00", "12:00"]\'',
        ) from e


def _out(degrees: float, side: int) -> float:
    """Return a bound rounded outwards."""
    steps = degrees / _ROUNDING
    return (math.ceil(steps) if side > 0 else math.floor(steps)) * _ROUNDING


def _dataset(service: Service) -> str:
    if not service.layer:
        raise RecipeError(
            "a request needs the name of its data set",
            where="source.service.layer",
            remedy="take it from the page of the data set: reanalysis-era5-single-levels",
        )
    return service.layer


def _document(
    service: Service, client: Client, address: str, body: bytes | None = None
) -> tuple[Answer, Mapping[str, Any]]:
    answer = client.get(address, headers={**_POSTED, **service.headers}, body=body, suffix=".json")
    return answer, json_object(answer)


def _why(service: Service, client: Client, address: str, job: Mapping[str, Any]) -> str:
    """Return why a job failed: the store tells it where the results would be, or in the job itself."""
    try:
        _document(service, client, f"{address}/results")
    except ServiceError as e:
        return e.message
    return str(job.get("message") or "")


def _result(service: Service, client: Client, results: Mapping[str, Any]) -> Page:
    asset = (results.get("asset") or {}).get("value") or {}
    href = asset.get("href")
    if not isinstance(href, str) or urlsplit(href).scheme not in {"http", "https"}:
        raise ServiceError("the result has no address", where=client.shown(service.url))
    suffix = suffix_of(href) or suffix_for(str(asset.get("type") or "")) or ".bin"
    own = service.headers if same_origin(service.url, href) else {}
    answer = client.get(href, headers=own, suffix=suffix)
    check_page(answer, suffix)
    stated, size = asset.get("file:size"), answer.path.stat().st_size
    if isinstance(stated, int) and stated != size:
        raise ServiceError(
            f"came with {size:,} bytes, and {stated:,} are stated",
            where=answer.url,
            remedy="try again later",
        )
    return Page(
        answer.path,
        answer.url,
        answer.digest,
        None,
        answer.fetched,
        answer.cached,
        name=f"{_dataset(service)}{suffix}",
    )
