"""From a document to an answer in the form that was negotiated."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from ldt import __version__
from ldt.api import html, links
from ldt.api.negotiate import CSV, HTML, Format
from ldt.model.snapshot import Snapshot

_JSON = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
#: What a cached answer depends on, beside its address.
_VARY = "Accept, Accept-Language, Authorization"


@dataclass(frozen=True, slots=True)
class Page:
    """What the HTML form of a resource needs beside its document.

    Attributes:
        title: heading.
        trail: (title, address) of what is above it.
        template: the file under `templates/`.
        context: further variables of the template.
    """

    title: str
    trail: Sequence[tuple[str, str]] = ()
    template: str = "resource.html"
    context: Mapping[str, Any] = field(default_factory=dict)


def dumps(content: Any) -> bytes:
    """Return JSON bytes; instants are written in UTC with `Z`."""
    return orjson.dumps(content, default=str, option=_JSON)


def etag(request: Request, snapshot: Snapshot, chosen: Format) -> str:
    """Return a weak entity tag: the state seen, the question, the form, and the program that answers."""
    seen = [
        snapshot.id,
        # Twins may come and go under one name; their ids do not come back, and the state counts whatever a snapshot can see.
        snapshot.twin_id,
        snapshot.state,
        sorted(snapshot.access),
        links.here(request),
        chosen.media_type,
        request.headers.get("accept-language", ""),
        __version__,
    ]
    return f'W/"{hashlib.sha256(orjson.dumps(seen)).hexdigest()[:24]}"'


def unchanged(request: Request, tag: str) -> Response | None:
    """Return the answer 304 if the client has what `tag` stands for, else None."""
    given = request.headers.get("if-none-match", "")
    if tag not in [t.strip() for t in given.split(",")]:
        return None
    return Response(status_code=304, headers=headers(tag=tag))


def headers(
    tag: str | None = None, linked: Iterable[links.Link] = (), extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Return the headers that every answer has: how long it may be kept, and its links."""
    found = {"Cache-Control": "no-cache", "Vary": _VARY, **(extra or {})}
    if tag:
        found["ETag"] = tag
    if linked and (text := links.header(linked)):
        found["Link"] = text
    return found


def answer(
    request: Request,
    document: Mapping[str, Any],
    chosen: Format,
    page: Page,
    *,
    rows: Sequence[Mapping[str, Any]] = (),
    tag: str | None = None,
    extra: Mapping[str, str] | None = None,
) -> Response:
    """Return a document as JSON, as HTML, or its rows as CSV.

    Args:
        request: what was asked.
        document: the JSON document; its `links` go to the Link header too.
        chosen: the form.
        page: what the HTML form needs.
        rows: what the CSV form holds.
        tag: entity tag.
        extra: further headers.
    """
    sent = headers(tag, document.get("links", ()), extra)
    if chosen.name == HTML.name:
        body = html.render(request, document, page.template, page.title, page.trail, page.context)
        return Response(body, headers={**sent, **html.SECURITY}, media_type="text/html")
    if chosen.name == CSV.name:
        return Response(csv_bytes(rows), headers=sent, media_type="text/csv")
    return Response(dumps(document), headers=sent, media_type=chosen.media_type)


def csv_bytes(rows: Sequence[Mapping[str, Any]], columns: Sequence[str] = ()) -> bytes:
    """Return rows as CSV (RFC 4180, UTF-8, a header line); nested values are written as JSON, nothing as an empty field."""
    names = list(columns) or list(rows[0] if rows else ())
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(names)
    writer.writerows([_cell(row.get(n)) for n in names] for row in rows)
    return out.getvalue().encode()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return dumps(value).decode().strip('"') if not isinstance(value, float) else repr(value)
