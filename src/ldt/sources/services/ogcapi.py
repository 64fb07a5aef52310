"""Protocol `ogcapi`: OGC API - Features (OGC 17-069r4). Pages are followed by their `next` links, as the standard has it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

import orjson

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services.documents import json_object, linked, listed
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import Collected, complete, follow
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service

PAGE_SIZE = 1_000
_ACCEPT = {"Accept": "application/geo+json, application/json;q=0.9"}
#: Pages without a feature that are followed, since a filter may leave nothing of a page; more of them is a loop.
_EMPTY_PAGES = 3


class OgcApi:
    """Collections of an OGC API - Features."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the items of a collection."""
        address, params = _items(service, client)
        if query.bbox and "bbox" not in params:
            params["bbox"] = ",".join(f"{n:.8g}" for n in query.bbox)
        if (query.begin or query.end) and "datetime" not in params:
            ends = (query.begin, query.end)
            params["datetime"] = "/".join(t.isoformat() if t else ".." for t in ends)
        pages, count = complete(
            lambda: _collect(address, params, service, client),
            lambda: _matched(_get(address, {**params, "limit": 1}, service, client)),
            client.shown(address),
        )
        if count == 0 and query.bbox:
            everywhere = {k: v for k, v in params.items() if k not in {"bbox", "datetime"}}
            count = _matched(_get(address, {**everywhere, "limit": 1}, service, client))
        if count == 0:
            raise ServiceZero("the collection has no items at all", where=client.shown(address), answered=200)
        yield from pages

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for the collections, and for one item of the collection."""

        def ask() -> Learnt:
            if service.layer is None and "/collections/" not in service.url:
                found, answer = collections(service, client)
                return Learnt(f"OGC API, {len(found)} collections", answer.status)
            address, params = _items(service, client)
            answer = _get(address, {**params, "limit": 1}, service, client)
            features = listed(json_object(answer), "features", answer)
            count = _matched(answer)
            if not features or count == 0:
                raise ServiceZero("the collection has no items at all", answered=answer.status)
            return Learnt("OGC API, collection answers", answer.status, count)

        return probed(ask)


PROTOCOL = OgcApi()


def collections(service: Service, client: Client) -> tuple[list[dict[str, Any]], Answer]:
    """Return the collections that a landing page leads to, and the answer that lists them."""
    base, params = _parted(service)
    if base.rstrip("/").endswith("/collections"):
        address = base
    else:
        landing = _get(base, params, service, client)
        link = linked(json_object(landing), "data", "json")
        address = urljoin(landing.base, link) if link else f"{base.rstrip('/')}/collections"
    answer = _get(address, {} if "?" in address else params, service, client)
    found = listed(json_object(answer), "collections", answer)
    return [c for c in found if isinstance(c, dict)], answer


def _items(service: Service, client: Client) -> tuple[str, dict[str, str | int]]:
    """Return the address of a collection's items, and the recipe's own parameters."""
    base, params = _parted(service)
    plain = base.rstrip("/")
    if plain.endswith("/items"):
        return plain, params
    if "/collections/" in plain:
        return f"{plain}/items", params
    found, answer = collections(service, client)
    names = [str(c.get("id")) for c in found]
    if service.layer is None and len(found) != 1:
        raise _no_layer(f"has {len(found)} collections", names, answer)
    chosen = next((c for c in found if service.layer in {None, str(c.get("id"))}), None)
    if chosen is None:
        raise _no_layer(f"has no collection {service.layer!r}", names, answer)
    link = linked(chosen, "items", "geo+json")
    if link is None:
        return f"{plain.removesuffix('/collections')}/collections/{chosen['id']}/items", params
    # What the link says beyond the path is a format or the like, which we ask for in our own way.
    return urlunsplit(urlsplit(urljoin(answer.base, link))._replace(query="")), params


def _no_layer(problem: str, names: list[str], answer: Answer) -> ServiceError:
    shown = ", ".join(names[:30]) + (" …" if len(names) > 30 else "")
    return ServiceError(
        problem, where=answer.url, remedy=f"name one as `layer`: {shown}", answered=answer.status
    )


def _parted(service: Service) -> tuple[str, dict[str, str | int]]:
    parts = urlsplit(service.url)
    given = dict(p.partition("=")[::2] for p in parts.query.split("&") if p)
    return urlunsplit(parts._replace(query="", fragment="")), {**given, **service.parameters}


def _get(address: str, params: dict[str, str | int], service: Service, client: Client) -> Answer:
    """Ask for JSON, and once more by `f=json` where a service answers programs with a page for people."""
    headers = {**_ACCEPT, **service.headers}
    answer = client.get(address, params=params, headers=headers, suffix=".geojson")
    if "html" in answer.content_type and "f" not in params:
        answer = client.get(address, params={**params, "f": "json"}, headers=headers, suffix=".geojson")
    return answer


def _collect(address: str, params: dict[str, str | int], service: Service, client: Client) -> Collected:
    got = Collected()
    answer = _first(address, params, service, client)
    seen: set[str] = set()
    empty = 0
    while True:
        document = json_object(answer)
        features = listed(document, "features", answer)
        new = got.add(answer, (_id(f) for f in features), partial(orjson.dumps, features))
        if features and not new:
            return got  # nothing but what came before, whatever its link says
        empty = 0 if features else empty + 1
        link = linked(document, "next", "geo+json")
        if link is None or empty > _EMPTY_PAGES:
            return got
        if (following := urljoin(answer.base, link)) in seen:
            raise ServiceError(
                "its pages lead in a circle", where=client.shown(following), answered=answer.status
            )
        seen.add(following)
        answer = follow(service, client, answer, link, headers=_ACCEPT, suffix=".geojson")


def _first(address: str, params: dict[str, str | int], service: Service, client: Client) -> Answer:
    """Ask for the first page; a service that refuses so many records is asked for as many as it likes."""
    limit = service.page_size or PAGE_SIZE
    try:
        return _get(address, {"limit": limit, **params}, service, client)
    except ServiceError as e:
        if e.extra.get("answered") != 400 or "limit" in params:
            raise
    return _get(address, params, service, client)


def _matched(answer: Answer) -> int | None:
    found = json_object(answer).get("numberMatched")
    return found if isinstance(found, int) and found >= 0 else None


def _id(feature: Any) -> str | None:
    found = feature.get("id") if isinstance(feature, dict) else None
    return None if found is None else str(found)
