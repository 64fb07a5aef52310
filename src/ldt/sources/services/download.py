"""Protocol `http`: a file behind an address. Its name is taken from the address, or from what the service calls it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from urllib.parse import parse_qsl, unquote, urlsplit

from ldt.errors import ServiceError
from ldt.sources.resource import MEDIA_TYPES
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import as_page
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.service import Page, Probe, Query, Service

#: Suffixes that sources may have, beside those of MEDIA_TYPES.
_PACKED = (
    ".zip",
    ".gz",
    ".xlsx",
    ".xls",
    ".ods",
    ".grib",
    ".grib2",
    ".grb",
    ".sqlite",
    ".db",
    ".kml",
    ".jp2",
)
_KNOWN = (*MEDIA_TYPES, *_PACKED)
#: Suffix by media type, where the address does not tell.
_SUFFIXES = {
    **{media: suffix for suffix, media in reversed(MEDIA_TYPES.items())},
    "application/zip": ".zip",
    "application/x-zip-compressed": ".zip",
    "application/gzip": ".gz",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
    "application/vnd.ms-excel": ".xls",
    "application/vnd.geo+json": ".geojson",
    "application/x-netcdf": ".nc",
    "application/wmo-grib2": ".grib2",
    "text/xml": ".xml",
}


class Download:
    """A file is one page."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the file. It is the same wherever the twin is: nothing of the query is asked for."""
        suffix = suffix_of(service.url) or _offered(service, client)
        answer = client.get(
            service.url, params=service.parameters, headers=service.headers, suffix=suffix or ".bin"
        )
        check_page(answer, suffix)
        yield as_page(answer)

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask for the head of the file."""

        def ask() -> Learnt:
            seen = client.look(service.url, params=service.parameters, headers=service.headers)
            if seen.status >= 400:
                raise ServiceError(
                    f"answers {seen.status} {seen.said}".rstrip(), where=seen.url, answered=seen.status
                )
            what = seen.content_type or "something"
            if seen.moved_to:
                return Learnt(f"{what}, moved for good to {seen.moved_to}", seen.status, state="moved")
            return Learnt(what, seen.status)

        return probed(ask)


PROTOCOL = Download()


def suffix_of(url: str) -> str:
    """Return the suffix of the file that an address names, in its path or in a parameter; empty if it names none."""
    parts = urlsplit(url)
    for text in (unquote(parts.path), *(value for _, value in parse_qsl(parts.query))):
        suffixes = [s.lower() for s in PurePosixPath(text).suffixes]
        if suffixes and suffixes[-1] in _KNOWN:
            return "".join(suffixes[-2:]) if suffixes[-1] == ".gz" and len(suffixes) > 1 else suffixes[-1]
    return ""


def suffix_for(content_type: str) -> str:
    """Return the suffix of files of a media type; empty if it tells none."""
    return _SUFFIXES.get(content_type.partition(";")[0].strip().lower(), "")


def _offered(service: Service, client: Client) -> str:
    seen = client.look(service.url, params=service.parameters, headers=service.headers)
    return suffix_of(seen.url) or suffix_for(seen.content_type)


def check_page(answer: Answer, suffix: str) -> None:
    """Refuse a page for people where a file was asked for: portals send one, with status 200, for what is gone.

    Raises:
        ServiceError: it is HTML.
    """
    with answer.path.open("rb") as file:
        start = file.read(512).lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if suffix != ".html" and (start.startswith((b"<!doctype html", b"<html"))):
        raise ServiceError(
            "answers with a page for people instead of a file",
            where=answer.url,
            remedy="open the address in a browser: the file may have moved, or need a login",
            answered=answer.status,
        )
