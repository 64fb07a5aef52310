"""Protocol `sensorthings`: OGC SensorThings API 1.0 and 1.1 (OGC 18-088). Pages are followed by `@iot.nextLink`.

`layer` is an entity set, or the path to one (`Things`, `Datastreams`, `Observations`, `Things(3)/Datastreams`); query options
(`$expand`, `$select`, `$filter`) go into `parameters`.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import urljoin

import orjson

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services.documents import json_object, listed
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import Collected, complete, follow
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service

PAGE_SIZE = 1_000
#: Where the location is, seen from an entity set (OGC 18-088, figure 2).
_PLACES = {
    "Locations": "location",
    "Things": "Locations/location",
    "Datastreams": "Thing/Locations/location",
    "MultiDatastreams": "Thing/Locations/location",
    "Observations": "Datastream/Thing/Locations/location",
    "FeaturesOfInterest": "feature",
}
_TIMED = "Observations"


class SensorThings:
    """Entity sets of a SensorThings API."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the entities of a set."""
        address, entities = _address(service, client)
        params = _params(service, query, entities)
        where = client.shown(address)
        # Where counting takes a server longer than giving everything out, a recipe leaves it out: `$count: "false"`.
        pages, count = complete(
            lambda: _collect(address, params, service, client),
            lambda: _count(address, params, service, client),
            where,
        )
        nothing = count == 0 or not any(p.records for p in pages)
        if nothing and not _count(address, {"$count": params.get("$count", "true")}, service, client):
            answer = client.get(address, params={"$top": 1}, headers=service.headers, suffix=".json")
            if not listed(json_object(answer), "value", answer):
                raise ServiceZero(f"{entities} is empty", where=where, answered=200)
        yield from pages

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for one entity of the set, or for the entity sets that there are."""

        def ask() -> Learnt:
            if service.layer is None:
                found, answer = describe(service, client)
                return Learnt(f"SensorThings, {len(found)} entity sets", answer.status)
            address, entities = _address(service, client)
            # Counting observations takes some servers minutes (field notes B2).
            count = {} if entities == _TIMED else {"$count": "true"}
            params: dict[str, str | int] = {**count, **service.parameters, "$top": 1}
            answer = client.get(address, params=params, headers=service.headers, suffix=".json")
            document = json_object(answer)
            if not listed(document, "value", answer):
                raise ServiceZero(f"{entities} is empty", answered=answer.status)
            return Learnt(f"SensorThings, {entities} answer", answer.status, _counted(document))

        return probed(ask)


PROTOCOL = SensorThings()


def describe(service: Service, client: Client) -> tuple[list[dict[str, Any]], Answer]:
    """Return the entity sets that a service lists, each with name and address, and the answer."""
    answer = client.get(service.url, headers=service.headers, suffix=".json")
    return [s for s in listed(json_object(answer), "value", answer) if isinstance(s, dict)], answer


def _address(service: Service, client: Client) -> tuple[str, str]:
    """Return the address of an entity set, and its name."""
    if service.layer is None:
        raise ServiceError(
            "no entity set is named",
            where=client.shown(service.url),
            remedy="name one as `layer`: Things, Locations, Datastreams, Observations …",
            answered=200,
        )
    base = service.url.partition("?")[0].rstrip("/")
    return f"{base}/{service.layer.strip('/')}", service.layer.rstrip("/").rpartition("/")[2]


def _params(service: Service, query: Query, entities: str) -> dict[str, str | int]:
    filters = [service.parameters["$filter"]] if "$filter" in service.parameters else []
    if query.bbox and entities in _PLACES:
        west, south, east, north = (f"{n:.8g}" for n in query.bbox)
        ring = ", ".join(
            f"{x} {y}" for x, y in ((west, south), (east, south), (east, north), (west, north), (west, south))
        )
        filters.append(f"st_within({_PLACES[entities]}, geography'POLYGON (({ring}))')")
    if entities == _TIMED:
        filters += [f"phenomenonTime ge {_instant(query.begin)}"] if query.begin else []
        filters += [f"phenomenonTime lt {_instant(query.end)}"] if query.end else []
    params: dict[str, str | int] = {"$top": service.page_size or PAGE_SIZE, **service.parameters}
    if filters:
        params["$filter"] = " and ".join(f"({f})" if len(filters) > 1 else f for f in filters)
    return params


def _instant(time: datetime) -> str:
    return time.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _count(address: str, params: dict[str, str | int], service: Service, client: Client) -> int | None:
    if params.get("$count") == "false":
        return None
    keys = {n: v for n, v in params.items() if n == "$filter" or not n.startswith("$")}
    answer = client.get(
        address, params={**keys, "$count": "true", "$top": 1}, headers=service.headers, suffix=".json"
    )
    return _counted(json_object(answer))


def _counted(document: dict[str, Any]) -> int | None:
    found = document.get("@iot.count", document.get("@count"))
    return found if isinstance(found, int) and found >= 0 else None


def _collect(address: str, params: dict[str, str | int], service: Service, client: Client) -> Collected:
    got = Collected()
    answer = client.get(address, params=params, headers=service.headers, suffix=".json")
    seen: set[str] = set()
    while True:
        document = json_object(answer)
        entities = listed(document, "value", answer)
        new = got.add(answer, (_id(e) for e in entities), partial(orjson.dumps, entities))
        link = document.get("@iot.nextLink") or document.get("@nextLink")
        if not isinstance(link, str) or not new:
            return got
        if (following := urljoin(answer.base, link)) in seen:
            raise ServiceError(
                "its pages lead in a circle", where=client.shown(following), answered=answer.status
            )
        seen.add(following)
        answer = follow(service, client, answer, link, headers={}, suffix=".json")


def _id(entity: Any) -> str | None:
    if not isinstance(entity, dict):
        return None
    found = entity.get("@iot.id", entity.get("id", entity.get("@iot.selfLink")))
    return None if found is None else str(found)
