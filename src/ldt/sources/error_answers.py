"""Answers of services that failed, saved in place of data: what they say, whatever the file is called."""

from __future__ import annotations

import re
from typing import Any

from ldt.sources.services.said import said
from ldt.sources.source import Document

#: Members that only tell that something failed, and those that stand beside these and others that tell what it was.
_FAILURES = frozenset({"error", "errors", "exception", "exceptions", "fault"})
_ABOUT = frozenset({"code", "status", "statuscode", "status_code", "httpstatus", "error_code", "errorcode", "type", "title", "detail", "details", "message", "messages", "error_description", "instance", "timestamp", "path", "trace", "success", "help", "reason", "version", "request_id", "requestid", "id", "name", "description", "developermessage", "moreinfo", "more_info", "time", "ok", "method", "url", "links", "locator"})  # fmt: skip
_TOLD = frozenset(
    {"message", "messages", "detail", "details", "title", "reason", "description", "error_description"}
)
_STATES = frozenset({"code", "status", "statuscode", "status_code", "httpstatus", "error_code", "errorcode"})


def is_error(content: Any) -> bool:
    """Whether an answer only tells that something failed: RFC 9457, ArcGIS, CKAN, FastAPI, GeoServer, NGSI, and their like.

    Nothing in it is anything else than a failure and what is told of it; a list of records beside an empty `errors` is none.
    """
    if isinstance(content, list):
        return len(content) == 1 and is_error(content[0])
    if not isinstance(content, dict) or not content:
        return False
    lower = {str(k).lower(): v for k, v in content.items()}
    if not lower.keys() <= _FAILURES | _ABOUT:
        return False
    if any((isinstance(v, str | dict | list) and v) or v is True for v in map(lower.get, _FAILURES)):
        return True
    told = lower.keys() & _TOLD
    failed = any(_is_failure(lower[k]) for k in lower.keys() & _STATES) or lower.get("success") is False
    problem = str(lower.get("type", "")).lower()
    return bool(told) and (
        failed or "error" in problem or "exception" in problem or lower.keys() <= {"message", "detail"}
    )


def _is_failure(state: Any) -> bool:
    """Whether a status is one of HTTP's failures, or a word that is none of success."""
    text = str(state).strip()
    if text[:3].isdigit():
        return 400 <= int(text[:3]) < 600 or not 100 <= int(text[:3]) < 600
    return text.lower() not in {"", "ok", "success", "successful", "true", "none", "active", "available"}


#: Text of a server that failed: short, of words that say so, without columns.
_SHORT = 2000
_FAILED = re.compile(
    rb"(?i)^.{0,80}\b([45]\d\d )?(error|not found|forbidden|unauthori[sz]ed|bad (request|gateway)|service unavailable|access denied|time-?out|timed out|too many requests|exception|fehler|erreur|no such)\b"
)
_TABLE = re.compile(rb"(?m)^[^,;\t|\n]*([,;\t|]).*\n[^,;\t|\n]*\1")


def is_error_text(content: bytes) -> bool:
    """Whether a text is the short word of a server that failed, and no table that speaks of errors."""
    return len(content) < _SHORT and _FAILED.search(content) is not None and not _TABLE.search(content)


def error_answer(text: str | None) -> Document:
    """Return the document that an answer is which says that something failed."""
    problems = (f"it says: {text}",) if text else ()
    return Document(
        "error that a service answered with",
        None,
        text,
        advice="correct the request, and ask again",
        problems=problems,
    )


def error_document(content: bytes) -> Document:
    """Return the document that the answer of a service is which failed, with what it says."""
    return error_answer(said(content) or None)
