"""The breadcrumb of the indicators of a twin."""

from __future__ import annotations

from starlette.requests import Request

from ldt.api import links
from ldt.api.twin.twin import trail


def above(
    request: Request, twin: str, indicator: str | None = None, value: str | None = None
) -> list[tuple[str, str]]:
    """Return (title, address) down to the indicators of a twin, to the values of one of them, or to one value."""

    def to(*parts: str) -> str:
        return links.url(request, "twins", twin, "indicators", *parts)

    found = [*trail(request, twin), ("Indicators", to())]
    if indicator is not None:
        found += [(indicator, to(indicator)), ("Values", to(indicator, "values"))]
        if value is not None:
            found.append((value, to(indicator, "values", value)))
    return found
