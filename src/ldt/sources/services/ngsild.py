"""Protocol `ngsild`: entities of an NGSI-LD context broker (ETSI GS CIM 009, 5.7.2 and 6.4), current or temporal.

`layer` is an entity type, by the short name that the recipe's `@context` (header `Link`) gives it, or its full address.
`parameters` may hold `options: keyValues`; the reader takes either form. `parameters: {temporal: "true"}` asks for histories.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import orjson

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services.documents import header_link, json_value
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import Collected, complete, follow
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service

#: Brokers give 1,000 at most, as ETSI recommends.
PAGE_SIZE = 500
_ACCEPT = {"Accept": "application/ld+json, application/json;q=0.9"}


class NgsiLd:
    """Entities of one type."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the entities."""
        address, params = _request(service, query)
        pages, count = complete(
            lambda: _collect(address, params, service, client),
            lambda: _count(address, params, service, client),
            client.shown(address),
        )
        if count == 0 or not any(p.records for p in pages):
            everywhere = _request(service, Query())[1]
            answer = _get(address, {**everywhere, "limit": 1}, service, client)
            if not _entities(answer):
                raise ServiceZero(
                    f"there are no entities of the type {service.layer!r}", where=answer.url, answered=200
                )
        yield from pages

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for one entity of the type, or for the types that there are."""

        def ask() -> Learnt:
            if service.layer is None:
                answer = client.get(
                    f"{_base(service)}/types", headers={**_ACCEPT, **service.headers}, suffix=".json"
                )
                return Learnt(f"NGSI-LD, {len(types(answer))} entity types", answer.status)
            address, params = _request(service, Query())
            answer = _get(address, {**params, "limit": 1, "count": "true"}, service, client)
            if not _entities(answer):
                raise ServiceZero(
                    f"there are no entities of the type {service.layer!r}", answered=answer.status
                )
            return Learnt(f"NGSI-LD, {service.layer} answer", answer.status, _counted(answer))

        return probed(ask)


PROTOCOL = NgsiLd()


def types(answer: Answer) -> list[str]:
    """Return the entity types that a broker lists."""
    found = json_value(answer)
    listed = found.get("typeList", []) if isinstance(found, dict) else found
    return [str(t.get("typeName") or t.get("id")) if isinstance(t, dict) else str(t) for t in listed]


def _base(service: Service) -> str:
    base = service.url.partition("?")[0].rstrip("/")
    for end in ("/temporal/entities", "/entities"):
        base = base.removesuffix(end)
    return base if base.endswith("/ngsi-ld/v1") or "/ngsi-ld/" in base else f"{base}/ngsi-ld/v1"


def _request(service: Service, query: Query) -> tuple[str, dict[str, str | int]]:
    own = dict(service.parameters)
    temporal = own.pop("temporal", "") == "true"
    params: dict[str, str | int] = {**own}
    if service.layer:
        params["type"] = service.layer
    if query.bbox and "georel" not in params:
        west, south, east, north = (f"{n:.8g}" for n in query.bbox)
        corners = ((west, south), (east, south), (east, north), (west, north), (west, south))
        ring = ",".join(f"[{x},{y}]" for x, y in corners)
        params |= {"georel": "within", "geometry": "Polygon", "coordinates": f"[[{ring}]]"}
    if temporal:
        params |= _period(query)
    return f"{_base(service)}/{'temporal/' if temporal else ''}entities", params


def _period(query: Query) -> dict[str, str]:
    def instant(time: datetime) -> str:
        return time.isoformat().replace("+00:00", "Z")

    if query.begin and query.end:
        return {"timerel": "between", "timeAt": instant(query.begin), "endTimeAt": instant(query.end)}
    if query.begin:
        return {"timerel": "after", "timeAt": instant(query.begin)}
    return {"timerel": "before", "timeAt": instant(query.end)} if query.end else {}


def _get(address: str, params: dict[str, str | int], service: Service, client: Client) -> Answer:
    return client.get(address, params=params, headers={**_ACCEPT, **service.headers}, suffix=".json")


def _count(address: str, params: dict[str, str | int], service: Service, client: Client) -> int | None:
    return _counted(_get(address, {**params, "limit": 1, "count": "true"}, service, client))


def _counted(answer: Answer) -> int | None:
    found = answer.headers.get("ngsild-results-count", "")
    return int(found) if found.isdigit() else None


def _collect(address: str, params: dict[str, str | int], service: Service, client: Client) -> Collected:
    """Follow the links; a broker that sends none is asked by offset until a page is empty."""
    got = Collected()
    limit = service.page_size or PAGE_SIZE
    answer = _get(address, {"limit": limit, **params}, service, client)
    read = 0
    while True:
        entities = _entities(answer)
        new = got.add(answer, (_id(e) for e in entities), partial(orjson.dumps, entities))
        read += len(entities)
        if not entities or not new:
            return got
        link = header_link(answer, "next")
        if link:
            answer = follow(service, client, answer, link, headers=_ACCEPT, suffix=".json")
        elif len(entities) >= limit:
            answer = _get(address, {"limit": limit, **params, "offset": read}, service, client)
        else:
            return got


def _entities(answer: Answer) -> list[Any]:
    found = json_value(answer)
    if isinstance(found, list):
        return found
    if isinstance(found, dict) and isinstance(found.get("features"), list):
        return list(found["features"])
    raise ServiceError(
        "answers with an object where a list of entities is due",
        where=answer.url,
        remedy="check the address: it ends with /ngsi-ld/v1",
        answered=answer.status,
    )


def _id(entity: Any) -> str | None:
    found = (entity.get("id") or entity.get("@id")) if isinstance(entity, dict) else None
    return None if found is None else str(found)
