"""Which form of a resource is sent: what `f` says, else what the Accept header prefers, else the resource's first form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from starlette.requests import Request

from ldt.errors import NotAcceptable, UsageError


@dataclass(frozen=True, slots=True)
class Format:
    """A form that resources are sent in.

    Attributes:
        name: what `f` says.
        media_type: what the Accept and Content-Type headers say.
        title: for links.
        also: further names and media types under which it is asked for.
    """

    name: str
    media_type: str
    title: str
    also: tuple[str, ...] = ()


JSON = Format("json", "application/json", "JSON")
GEOJSON = Format("geojson", "application/geo+json", "GeoJSON", ("json", "application/json"))
HTML = Format("html", "text/html", "HTML", ("application/xhtml+xml",))
JSONFG = Format("jsonfg", "application/vnd.ogc.fg+json", "JSON-FG")
CSV = Format("csv", "text/csv", "CSV")
FLATGEOBUF = Format("flatgeobuf", "application/flatgeobuf", "FlatGeobuf", ("fgb",))
PARQUET = Format("parquet", "application/vnd.apache.parquet", "GeoParquet", ("geoparquet",))
SCHEMA = Format("json", "application/schema+json", "JSON Schema", ("application/json",))
OAS30 = Format(
    "oas30", "application/vnd.oai.openapi+json;version=3.0", "OpenAPI 3.0", ("json", "application/json")
)
OAS31 = Format("oas31", "application/vnd.oai.openapi+json;version=3.1", "OpenAPI 3.1")


def negotiate(request: Request, f: str | None, offered: Sequence[Format]) -> Format:
    """Return the form in which to answer.

    Args:
        request: whose Accept header is read when `f` is absent.
        f: name of a form.
        offered: forms of the resource, the preferred one first.

    Raises:
        UsageError: `f` names a form that this resource does not have.
        NotAcceptable: the Accept header allows none of them.
    """
    names = ", ".join(o.name for o in offered)
    if f is not None:
        wanted = f.lower()
        exact = [o for o in offered if o.name == wanted]
        found = exact or [o for o in offered if wanted in o.also or wanted == o.media_type]
        if not found:
            raise UsageError(f"this resource has no form {f!r}", where="f", remedy=f"it has: {names}")
        return found[0]
    accept = ", ".join(request.headers.getlist("accept")).strip()
    if not accept:
        return offered[0]
    ranges = _ranges(accept)
    best = max(offered, key=lambda o: _quality(o, ranges))
    if _quality(best, ranges) <= 0:
        raise NotAcceptable(
            "this resource has none of the forms that the Accept header allows",
            where="Accept",
            remedy=f"ask for one of {', '.join(o.media_type for o in offered)}, or give f={offered[0].name}",
        )
    return best


def _ranges(accept: str) -> list[tuple[str, float]]:
    """Return (media range without blanks, quality) of an Accept header; parts that cannot be read are left out."""
    found = []
    for part in accept.split(","):
        head, *parameters = [p.strip().lower().replace(" ", "") for p in part.split(";")]
        quality, kept = 1.0, []
        for p in parameters:
            if p.startswith("q="):
                try:
                    quality = float(p[2:])
                except ValueError:
                    quality = -1.0
            elif p:
                kept.append(p.replace('"', ""))
        if "/" in head and 0 <= quality <= 1:
            found.append((";".join([head, *kept]), quality))
    return found


def _quality(offered: Format, ranges: list[tuple[str, float]]) -> float:
    """Return the quality of the most specific range that a form falls under (RFC 9110, 12.5.1); 0 if under none."""
    full = offered.media_type
    bare = full.split(";")[0]
    for names in ((full,), (bare,), offered.also, (f"{bare.split('/')[0]}/*",), ("*/*",)):
        # `text/html;charset=utf-8` asks for text/html; a version in a media type is another type.
        qualities = [q for r, q in ranges if r in names or (";charset=" in r and r.split(";")[0] in names)]
        if qualities:
            return max(qualities)
    return 0.0
