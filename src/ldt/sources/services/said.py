"""What a service says for itself when it does not answer with what was asked for: exceptions, problems, pages for people."""

from __future__ import annotations

import html
import re
from typing import Any

import orjson

_EXCEPTION = re.compile(r"<(?:\w+:)?(?:ExceptionText|ServiceException)\b[^>]*>(.*?)</", re.DOTALL)
_REPORT = re.compile(r"<(?:\w+:)?(?:ExceptionReport|ServiceExceptionReport)\b")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.DOTALL | re.IGNORECASE)
_MEMBERS = (
    "detail",
    "description",
    "message",
    "error_description",
    "error",
    "title",
    "reason",
    "details",
    "messages",
    "errors",
    "exceptions",
    "exception",
    "text",
    "msg",
    "Message",
)
_LONGEST = 300


def said(content: bytes) -> str:
    """Return what an answer tells a person, in one line of at most 300 characters; empty where it tells nothing.

    Understands OWS exception reports, service exceptions, JSON with a `detail`, `description`, `message` or `error` (RFC 9457
    and what OGC API, ArcGIS and SensorThings servers write), and the title of an HTML page.
    """
    text = content.decode("utf-8", "replace").strip()
    found = _json(text) if text[:1] in {"{", "["} else _markup(text) if text[:1] == "<" else text
    plain = " ".join(html.unescape(re.sub(r"<!\[CDATA\[|\]\]>|<[^>]*>", " ", found)).split())
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 1]}…"


def exception(content: bytes) -> str | None:
    """Return what an OWS exception report says (services send it with status 200 too); None if it is none."""
    start = content[:4096].decode("utf-8", "replace")
    return said(content) or "an exception without a text" if _REPORT.search(start) else None


def _markup(text: str) -> str:
    found = _EXCEPTION.search(text) or _TITLE.search(text)
    return found.group(1) if found else ""


def _json(text: str) -> str:
    try:
        return _member(orjson.loads(text))
    except orjson.JSONDecodeError:
        return ""


def _member(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "; ".join(filter(None, map(_member, value[:3])))
    if isinstance(value, dict):
        return next((text for name in _MEMBERS if (text := _member(value.get(name)))), "")
    return ""
