"""Protocol `csw`: descriptions of data sets from a catalogue, CSW 2.0.2 GetRecords by GET (OGC 07-006r1, ISO 19139 records).

`layer` is the type of record, `gmd:MD_Metadata` by default. A page is a `GetRecordsResponse`, read by the reader `metadata`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from lxml import etree

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import Collected, PagingError, complete
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service
from ldt.sources.services.wfs_capabilities import base, xml

PAGE_SIZE = 50
_GMD = "http://www.isotc211.org/2005/gmd"


class Csw:
    """Records of a catalogue."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the records."""
        address, params = _request(service, query)
        pages, count = complete(
            lambda: _collect(address, params, service, client),
            lambda: _matched(address, params, service, client),
            client.shown(address),
        )
        if count == 0 and not _matched(address, _request(service, Query())[1], service, client):
            raise ServiceZero(
                "the catalogue has no records at all", where=client.shown(address), answered=200
            )
        yield from pages

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask how many records there are."""

        def ask() -> Learnt:
            address, params = _request(service, Query())
            count = _matched(address, params, service, client)
            if not count:
                raise ServiceZero("the catalogue has no records at all", answered=200)
            return Learnt("CSW 2.0.2", 200, count)

        return probed(ask)


PROTOCOL = Csw()


def _request(service: Service, query: Query) -> tuple[str, dict[str, str | int]]:
    address, own = base(service.url)
    record = service.layer or "gmd:MD_Metadata"
    params: dict[str, str | int] = {
        **own,
        "service": "CSW",
        "version": "2.0.2",
        "request": "GetRecords",
        "resultType": "results",
        "typeNames": record,
        "elementSetName": "full",
        **({"outputSchema": _GMD} if record.startswith("gmd:") else {}),
        **service.parameters,
    }
    if query.bbox and "constraint" not in {k.lower() for k in service.parameters}:
        west, south, east, north = (f"{n:.8g}" for n in query.bbox)
        params |= {
            "constraintLanguage": "CQL_TEXT",
            "constraint_language_version": "1.1.0",
            "constraint": f"BBOX(ows:BoundingBox, {west}, {south}, {east}, {north})",
        }
    return address, params


def _matched(address: str, params: dict[str, str | int], service: Service, client: Client) -> int | None:
    return _number(
        _results(_get(address, {**params, "startPosition": 1, "maxRecords": 1}, service, client)), "Matched"
    )


def _collect(address: str, params: dict[str, str | int], service: Service, client: Client) -> Collected:
    got = Collected()
    start = 1
    while True:
        window = {"startPosition": start, "maxRecords": service.page_size or PAGE_SIZE}
        answer = _get(address, {**params, **window}, service, client)
        results = _results(answer)
        records = [r for r in results if isinstance(r.tag, str)]
        new = got.add(answer, (_id(r) for r in records), partial(_content, records))
        told = results.get("nextRecord", "")
        following = int(told) if told.isdigit() else 0
        matched = _number(results, "Matched")
        if not records or not following or (matched is not None and following > matched):
            return got
        if following <= start or not new:
            raise PagingError("gives the same page again and again", where=answer.url)
        start = following


def _get(address: str, params: dict[str, str | int], service: Service, client: Client) -> Answer:
    return client.get(address, params=params, headers=service.headers, suffix=".xml")


def _results(answer: Answer) -> Any:
    root = xml(answer)
    for element in root.iter():
        if isinstance(element.tag, str) and etree.QName(element).localname == "SearchResults":
            return element
    raise ServiceError(
        f"is no answer of a catalogue: {etree.QName(root).localname}",
        where=answer.url,
        answered=answer.status,
    )


def _number(results: Any, what: str) -> int | None:
    found = results.get(f"numberOfRecords{what}", "")
    return int(found) if found.isdigit() else None


def _content(records: list[Any]) -> bytes:
    return b"".join(etree.tostring(r, method="c14n") for r in records)


def _id(record: Any) -> str | None:
    for child in record:
        if isinstance(child.tag, str) and etree.QName(child).localname in {"fileIdentifier", "identifier"}:
            return " ".join("".join(child.itertext()).split()) or None
    return None
