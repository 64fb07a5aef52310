"""Every resource for people: one template, one style, nothing fetched from anywhere else."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from importlib.resources import files
from typing import Any

import jinja2
from markupsafe import Markup
from starlette.requests import Request

from ldt.api import links

_STYLE = files("ldt.api").joinpath("templates/style.css").read_text("utf-8")
_DIGEST = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

#: Headers of every HTML page: no scripts, no frames, the one style sheet that is in it, pictures of our own.
SECURITY = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_DIGEST}'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


@lru_cache(maxsize=1)
def _environment() -> jinja2.Environment:
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("ldt.api"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.do"],
    )
    found.filters["plain"] = _plain
    found.filters["words"] = _words
    found.tests["address"] = _is_address
    found.tests["text_in_languages"] = is_text
    return found


def render(
    request: Request,
    document: Mapping[str, Any],
    template: str,
    title: str,
    trail: Sequence[tuple[str, str]],
    context: Mapping[str, Any],
) -> bytes:
    """Return the HTML form of a document.

    Args:
        request: gives addresses and the languages that are wanted.
        document: the JSON document.
        template: file under `templates/`.
        title: heading.
        trail: (title, address) of what is above it.
        context: further variables of the template.
    """
    wanted = languages(request)
    text = _environment().get_template(template)
    return text.render(
        document=document,
        title=title,
        trail=[("Service", links.url(request)), *trail],
        style=Markup(_STYLE),  # noqa: S704 - our own file
        alternates=[one for one in document.get("links", ()) if one["rel"] == "alternate"],
        next=next((one["href"] for one in document.get("links", ()) if one["rel"] == "next"), None),
        say=lambda value: say(value, wanted),
        **context,
    ).encode()


def languages(request: Request) -> list[str]:
    """Return the language codes that a request prefers, in its order, and English at the end."""
    found = []
    for part in request.headers.get("accept-language", "").split(","):
        head, _, q = part.strip().partition(";q=")
        try:
            quality = float(q) if q else 1.0
        except ValueError:
            continue
        if head and head != "*" and quality > 0:
            found.append((quality, head[:2].lower()))
    found.sort(key=lambda pair: -pair[0])
    return [code for _, code in found] + ["en"]


def say(value: Any, wanted: Sequence[str]) -> str:
    """Return a text in the language that is wanted most; a text in no language stays as it is."""
    if not isinstance(value, Mapping):
        return "" if value is None else str(value)
    code = next((w for w in wanted if w in value), next(iter(value), ""))
    return str(value.get(code, ""))


def is_text(value: Any) -> bool:
    """Whether a value is a text in several languages: all keys are codes of two letters, all values texts."""
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(isinstance(k, str) and len(k) == 2 and k.islower() for k in value)
        and all(isinstance(v, str) for v in value.values())
    )


def _plain(value: Any) -> str:
    """Return a single value as people write it."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    if isinstance(value, float):
        return f"{value:.12g}"
    return str(value)


def _words(name: Any) -> str:
    """Return a name from a document as words: `time_first` becomes `time first`."""
    return str(name).replace("_", " ")


def _is_address(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("https://", "http://")) and " " not in value
