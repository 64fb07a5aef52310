"""JSON answers, and where they lead on."""

from __future__ import annotations

import re
from typing import Any

import orjson

from ldt.errors import ServiceError
from ldt.sources.services.http import Answer
from ldt.sources.services.said import said

_LINK = re.compile(r'<([^>]*)>\s*((?:;\s*[\w*]+\s*=\s*(?:"[^"]*"|[^;,"]*)\s*)*)')
_REL = re.compile(r';\s*rel\s*=\s*"?([^";,]*)"?', re.IGNORECASE)


def json_object(answer: Answer) -> dict[str, Any]:
    """Return a JSON object.

    Raises:
        ServiceError: the answer is something else; says what.
    """
    found = json_value(answer)
    if not isinstance(found, dict):
        raise ServiceError(
            "answers with a list where an object is due", where=answer.url, answered=answer.status
        )
    return found


def json_value(answer: Answer) -> Any:
    """Return a JSON value.

    Raises:
        ServiceError: the answer is something else; says what.
    """
    content = answer.content()
    try:
        return orjson.loads(content.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as e:
        raise answered_otherwise(answer, content, "JSON") from e


def answered_otherwise(answer: Answer, content: bytes, due: str) -> ServiceError:
    """Return the error of an answer that is not in the format that is due, with what it says instead."""
    told = said(content) if content.lstrip()[:1] == b"<" else ""
    return ServiceError(
        f"does not answer with {due}{f', but with {told!r}' if told else ''}",
        where=answer.url,
        remedy="check the protocol and the address",
        answered=answer.status,
    )


def listed(document: dict[str, Any], name: str, answer: Answer) -> list[Any]:
    """Return a list in an object.

    Raises:
        ServiceError: it has none of this name.
    """
    found = document.get(name)
    if not isinstance(found, list):
        told = said(answer.content()[:65536])
        raise ServiceError(
            f"answers without {name!r}{f': {told}' if told else ''}",
            where=answer.url,
            remedy="check the protocol and the address",
            answered=answer.status,
        )
    return found


def linked(document: dict[str, Any], rel: str, media: str = "") -> str | None:
    """Return the address of a document's link with some relation, the one of a media type before others."""
    links = document.get("links")
    found = [k for k in links if isinstance(k, dict)] if isinstance(links, list) else []
    fitting = [k for k in found if k.get("rel") == rel and isinstance(k.get("href"), str)]
    fitting.sort(key=lambda k: media not in str(k.get("type") or ""))
    return fitting[0]["href"] if fitting else None


def header_link(answer: Answer, rel: str) -> str | None:
    """Return the address of a link in the header `Link` (RFC 8288)."""
    for address, parameters in _LINK.findall(answer.headers.get("link", "")):
        if any(rel in found.split() for found in _REL.findall(parameters)):
            return str(address)
    return None
