"""Protocol `stac`: the items of a STAC API (1.0 and later), or of a static catalogue, and of each the assets that are wanted.

`url` is a landing page, a catalogue, a collection or an item; `layer` names collections, by commas. Of `parameters` these are ours:
`assets` (keys or roles, by commas), `cloud_cover` (`eo:cloud_cover` at most), `max_items`; all others go into the search.
Assets are downloaded whole; what is larger than a source may be is refused. An item that has to be ordered first (extension `order`,
as the data lake of Destination Earth has them) is ordered and waited for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urljoin

import orjson

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services import jobs
from ldt.sources.services.documents import json_object
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import PagingError, same_origin
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service
from ldt.sources.services.stac_items import Asset, assets, check, key_of, wanted

_OURS = frozenset({"assets", "cloud_cover", "max_items"})
#: Items asked for at a time, and taken in all, unless the recipe says otherwise.
_LIMIT, _MAX_ITEMS = 100, 1000
#: Documents of a static catalogue that are walked through.
_MAX_DOCUMENTS = 10_000
_JSON = {"Accept": "application/geo+json, application/json"}
_POSTED = {**_JSON, "Content-Type": "application/json"}
_ORDERABLE = frozenset({"orderable"})
_DELIVERED, _REFUSED = frozenset({"succeeded"}), frozenset({"failed", "canceled", "cancelled"})
Document = Mapping[str, Any]


class Stac:
    """Each asset is a page."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the assets of all items that are wanted, in the order of the service."""
        chosen = frozenset(filter(None, service.parameters.get("assets", "").split(",")))
        cover = service.parameters.get("cloud_cover")
        most = int(service.parameters.get("max_items", _MAX_ITEMS))
        taken = 0
        for address, item in _items(service, query, client):
            if not wanted(item, query, float(cover) if cover else None):
                continue
            taken += 1
            if taken > most:
                raise ServiceError(
                    f"has more than {most:,} items for this place and time",
                    where=client.shown(service.url),
                    remedy="ask for a shorter period, or raise `max_items` in `parameters`",
                )
            address, item = _delivered(service, client, address, item)
            for asset in assets(item, address, chosen, query.reader):
                yield _page(service, client, asset)

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for the document at the address, and of an API for one item."""

        def ask() -> Learnt:
            answer, document = _document(service, client, service.url)
            search = _search(document, answer.base)
            if search is None:
                title = document.get("title") or document.get("id") or "a document"
                return Learnt(f"{document.get('type', 'STAC')} {title}", answer.status)
            found = _asked(service, client, search, {**_collections(service), "limit": 1})[1]
            count = _matched(found)
            if not found.get("features"):
                raise ServiceZero("answers, and has no item at all", where=answer.url, answered=answer.status)
            return Learnt("STAC API" if count is None else f"STAC API, {count:,} items", answer.status, count)

        return probed(ask)


PROTOCOL = Stac()


def _page(service: Service, client: Client, asset: Asset) -> Page:
    if asset.suffix == ".zarr":
        raise ServiceError(
            "the asset is a Zarr store, of many files: only single files are fetched",
            where=client.shown(asset.href),
            remedy="copy it with the operator's client and give the folder, or name another asset in `assets`",
        )
    own = service.headers if same_origin(service.url, asset.href) else {}
    answer = client.get(asset.href, headers=own, suffix=asset.suffix)
    check(asset, answer.path.stat().st_size, answer.digest, answer.url)
    return Page(answer.path, answer.url, answer.digest, None, answer.fetched, answer.cached, name=asset.name)


def _items(service: Service, query: Query, client: Client) -> Iterator[tuple[str, Document]]:
    """Yield (address, item) of what is at the service's address."""
    answer, document = _document(service, client, service.url)
    if document.get("type") == "Feature":
        yield _own_address(document, answer.base), document
    elif document.get("type") == "FeatureCollection":
        yield from _paged(service, client, answer, document, {})
    elif (search := _search(document, answer.base)) is not None:
        yield from _searched(service, query, client, search)
    elif document.get("type") in {"Catalog", "Collection"} or "stac_version" in document:
        yield from _walked(service, client, answer.base, document)
    else:
        raise ServiceError(
            "answers with no STAC document", where=answer.url, remedy="correct `url` of the recipe's service"
        )


# A search -----------------------------------------------------------------------------------------------------


def _search(document: Document, base: str) -> tuple[str, bool] | None:
    """Return the address of an API's search, and whether it is to be posted; None where there is none."""
    links = [x for x in document.get("links") or [] if x.get("rel") == "search" and x.get("href")]
    if not links:
        return None
    posted = [x for x in links if str(x.get("method", "GET")).upper() == "POST"]
    return urljoin(base, str((posted or links)[0]["href"])), bool(posted)


def _collections(service: Service) -> dict[str, Any]:
    return {"collections": service.layer.split(",")} if service.layer else {}


def _searched(
    service: Service, query: Query, client: Client, search: tuple[str, bool]
) -> Iterator[tuple[str, Document]]:
    own = {n: v for n, v in service.parameters.items() if n not in _OURS}
    body: dict[str, Any] = {**own, **_collections(service), "limit": service.page_size or _LIMIT}
    if query.bbox:
        body["bbox"] = list(query.bbox)
    if query.begin or query.end:
        # Both ends of the parameter are included, the end of our period is not.
        last = query.end - timedelta(microseconds=1000) if query.end else None
        body["datetime"] = f"{_text(query.begin)}/{_text(last)}"
    answer, document = _asked(service, client, search, body)
    if not document.get("features"):
        everything = {**own, **_collections(service), "limit": 1}
        if len(everything) < len(body) and not _asked(service, client, search, everything)[1].get("features"):
            raise ServiceZero(
                f"answers, and has no item at all{' in ' + service.layer if service.layer else ''}",
                where=answer.url,
                remedy="check the name of the collection (`layer`), or tell the operator of the service",
            )
        return
    yield from _paged(service, client, answer, document, body)


def _text(moment: datetime | None) -> str:
    return ".." if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _asked(
    service: Service, client: Client, search: tuple[str, bool], body: Document
) -> tuple[Answer, Document]:
    address, posted = search
    if posted:
        return _document(service, client, address, orjson.dumps(body))
    flat = {n: ",".join(map(str, v)) if isinstance(v, list) else v for n, v in body.items()}
    return _document(service, client, address, params=flat)


def _paged(
    service: Service, client: Client, answer: Answer, document: Document, body: dict[str, Any]
) -> Iterator[tuple[str, Document]]:
    """Yield the items of a page and of all that follow; compares their number with the service's own."""
    seen: set[str] = set()
    matched = _matched(document)
    while True:
        features = document.get("features") or []
        for item in features:
            key = key_of(item)
            if key in seen:
                raise PagingError(
                    f"its pages repeat the item {item.get('id')}",
                    where=answer.url,
                    remedy="ask for smaller pages (`page_size`), or tell the operator of the service",
                )
            seen.add(key)
            yield _own_address(item, answer.base), item
        following = next((x for x in document.get("links") or [] if x.get("rel") == "next"), None)
        if following is None or not features:
            break
        address = urljoin(answer.base, str(following["href"]))
        if str(following.get("method", "GET")).upper() == "POST":
            more = following.get("body") or {}
            body = {**body, **more} if following.get("merge") else more
            answer, document = _document(service, client, address, orjson.dumps(body))
        else:
            answer, document = _document(service, client, address)
    if matched is not None and len(seen) < matched:
        raise PagingError(
            f"gives {len(seen):,} items of the {matched:,} that it counts",
            where=answer.url,
            remedy="ask for smaller pages (`page_size`), or tell the operator of the service",
        )


def _matched(document: Document) -> int | None:
    """Return the service's own count of items, in the notations of OGC API and of STAC before 1.0."""
    count = document.get("numberMatched", (document.get("context") or {}).get("matched"))
    return count if isinstance(count, int) else None


def _own_address(item: Document, fallback: str) -> str:
    own = next((x.get("href") for x in item.get("links") or [] if x.get("rel") == "self"), None)
    return urljoin(fallback, str(own)) if own else fallback


# A static catalogue -------------------------------------------------------------------------------------------


def _walked(
    service: Service, client: Client, address: str, document: Document
) -> Iterator[tuple[str, Document]]:
    """Yield the items of a catalogue and of those under it, each document once."""
    wanted_collections = set(service.layer.split(",")) if service.layer else None
    waiting, seen = [(address, document)], {address}
    while waiting:
        base, found = waiting.pop()
        if found.get("type") == "Feature":
            if wanted_collections is None or found.get("collection") in wanted_collections:
                yield base, found
            continue
        links = [x for x in found.get("links") or [] if x.get("rel") in {"item", "child"} and x.get("href")]
        for link in reversed(links):
            target = urljoin(base, str(link["href"]))
            if target in seen:
                continue
            seen.add(target)
            if len(seen) > _MAX_DOCUMENTS:
                raise ServiceError(
                    f"its catalogue has more than {_MAX_DOCUMENTS:,} documents",
                    where=client.shown(service.url),
                    remedy="give the address of one of its collections",
                )
            answer, child = _document(service, client, target)
            waiting.append((answer.base, child))


def _document(
    service: Service,
    client: Client,
    address: str,
    body: bytes | None = None,
    params: Mapping[str, Any] | None = None,
) -> tuple[Answer, Document]:
    """Return an answer as JSON; credentials go to the service's own host only."""
    own = service.headers if same_origin(service.url, address) else {}
    headers = {**(_JSON if body is None else _POSTED), **own}
    answer = client.get(address, params=params, headers=headers, body=body, suffix=".json")
    return answer, json_object(answer)


# Orders -------------------------------------------------------------------------------------------------------


def _delivered(service: Service, client: Client, address: str, item: Document) -> tuple[str, Document]:
    """Return an item whose assets are there: one that has to be ordered is ordered, and waited for."""
    if (item.get("properties") or {}).get("order:status") not in _ORDERABLE:
        return address, item
    link = next((x for x in item.get("links") or [] if x.get("rel") == "retrieve" and x.get("href")), None)
    if link is None:
        raise ServiceError(
            f"the item {item.get('id')} has to be ordered, and does not say where",
            where=address,
            remedy="order it on the operator's page",
        )
    answer, order = _document(
        service, client, urljoin(address, str(link["href"])), orjson.dumps(link.get("body") or {})
    )
    where = _own_address(order, answer.base)
    last = [(answer.base, order)]

    def ask() -> Document:
        if len(last) > 1 or not _state(order):
            found, document = _document(service, client, where)
        else:  # the answer to the order tells its state already
            found, document = answer, order
        last.append((found.base, document))
        return document

    jobs.wait(
        ask,
        state=_state,
        done=_DELIVERED,
        failed=_REFUSED,
        why=lambda d: str((d.get("properties") or {}).get("order:message") or ""),
        where=client.shown(where),
    )
    return last[-1]


def _state(order: Document) -> str:
    return str((order.get("properties") or {}).get("order:status") or "")
