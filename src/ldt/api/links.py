"""Links: absolute addresses, as the client sees the service."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request

from ldt.api.negotiate import Format
from ldt.errors import UsageError
from ldt.settings import settings

Link = dict[str, str]

_HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?")


def base(request: Request) -> str:
    """Return the address of the service, without a slash at the end: `LDT_SERVICE_URL`, else as the request came.

    Raises:
        UsageError: the Host header is no host.
    """
    if settings().service_url:
        return str(settings().service_url)
    host = request.headers.get("host")
    if host is None:
        return str(request.base_url).rstrip("/")
    if not _HOST.fullmatch(host):
        raise UsageError("the Host header is not the name of a host", where="Host")
    # As `request.base_url`, which is dear: each link needs it.
    scope = request.scope
    return f"{scope.get('scheme', 'http')}://{host}{scope.get('root_path', '')}".rstrip("/")


def url(request: Request, *parts: str | int, **query: Any) -> str:
    """Return the address of a resource.

    Args:
        request: gives the service's address; its `at` goes along, so that one stays in the state that one looks at.
        parts: segments of the path, not yet encoded.
        query: parameters; those that are None are left out.
    """
    path = "".join(f"/{quote(str(p), safe=':~')}" for p in parts) or "/"
    at = request.query_params.get("at")
    chosen = {**({"at": at} if at and parts and parts[0] == "twins" else {}), **query}
    return base(request) + path + _query([(k, v) for k, v in chosen.items() if v is not None])


def here(request: Request, **changes: Any) -> str:
    """Return the address of this request with some parameters changed; None takes one away."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in changes]
    kept += [(k, v) for k, v in changes.items() if v is not None]
    path = request.scope["path"].removeprefix(request.scope.get("root_path", ""))
    return base(request) + (quote(path, safe="/:~@") or "/") + _query(kept)


def _query(items: Sequence[tuple[str, Any]]) -> str:
    return f"?{urlencode(items, safe=':,/@')}" if items else ""


def link(href: str, rel: str, form: Format | None = None, title: str | None = None) -> Link:
    """Return a link object (RFC 8288 as OGC APIs write it)."""
    found = {"href": href, "rel": rel}
    if form is not None:
        found["type"] = form.media_type
    if title is not None:
        found["title"] = title
    return found


def own(request: Request, chosen: Format, offered: Iterable[Format]) -> list[Link]:
    """Return the links of a resource to itself and to its other forms."""
    address = here(request, f=None)
    address += "&f=" if "?" in address else "?f="
    found = [link(address + chosen.name, "self", chosen, f"This document as {chosen.title}")]
    found += [
        link(address + o.name, "alternate", o, f"This document as {o.title}")
        for o in offered
        if o.name != chosen.name
    ]
    return found


# Documents can have hundreds of links, headers more than a few kB are refused: these say how to go on.
_IN_HEADER = frozenset(
    {
        "self",
        "alternate",
        "next",
        "collection",
        "canonical",
        "describedby",
        "conformance",
        "data",
        "service-desc",
    }
)


def header(links: Iterable[Link]) -> str:
    """Return the Link header of some links. Titles are left out: they may hold characters that a header cannot."""
    return ", ".join(
        f'<{one["href"]}>; rel="{one["rel"]}"' + (f'; type="{one["type"]}"' if "type" in one else "")
        for one in links
        if one["rel"] in _IN_HEADER
    )
