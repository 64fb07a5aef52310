"""Query parameters: what they are called, how they are documented, how they are read. Unknown ones are refused."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cache
from typing import Annotated, Any, get_type_hints

from fastapi import Path, Query
from fastapi.params import Query as QueryParameter
from pydantic import WithJsonSchema
from starlette.requests import Request

from ldt.errors import UnknownParameter, UsageError
from ldt.settings import settings
from ldt.store.crs import CRS84 as CRS84_CRS
from ldt.store.crs import crs_of
from ldt.timerange import Interval, parse_interval

CRS84 = CRS84_CRS.uri
DEFAULT_LIMIT = 10

Box = tuple[float, float, float, float]


def _text(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **schema})


Twin = Annotated[str, Path(description="Name of the twin.", examples=["cologne"])]
F = Annotated[
    str | None, Query(description="The form of the answer; goes before the Accept header."), _text()
]
At = Annotated[
    str | None,
    Query(
        description="The state to see: a revision (`17`, `cologne@17`) or an instant with its zone; without it, the newest."
    ),
    _text(),
]
Limit = Annotated[
    int,
    Query(ge=1, description="How many at most on this page; more than the maximum is cut to it."),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": 10_000, "default": DEFAULT_LIMIT}),
]
PageToken = Annotated[
    str | None,
    Query(
        alias="token", description="Where the page begins; taken from the link `next`, never made by hand."
    ),
    _text(),
]
Bbox = Annotated[
    str | None,
    Query(
        description="Only what intersects this rectangle: west, south, east, north in degrees (CRS84), or with heights six"
        " numbers (heights are not looked at). West greater than east goes over the antimeridian."
    ),
    WithJsonSchema({"type": "array", "items": {"type": "number"}, "minItems": 4, "maxItems": 6}),
]
BboxCrs = Annotated[
    str | None,
    Query(
        alias="bbox-crs",
        description="The CRS of bbox, whose axis order it has; the collection lists them.",
    ),
    _text(format="uri", default=CRS84),
]
Datetime = Annotated[
    str | None,
    Query(
        alias="datetime",
        description="Only what is in this time: an instant (RFC 3339) or an interval `start/end` with `..` for an open end."
        " Both ends are included.",
    ),
    _text(),
]


@cache
def _declared(endpoint: Callable[..., Any]) -> tuple[str, ...]:
    found = []
    for name, hint in get_type_hints(endpoint, include_extras=True).items():
        for about in getattr(hint, "__metadata__", ()):
            if isinstance(about, QueryParameter):
                found.append(about.alias or name)
    return tuple(sorted(found))


def known(request: Request) -> list[str]:
    """Return the names of the query parameters that the route of a request declares."""
    return list(_declared(request.scope["endpoint"]))


def refuse_unknown(request: Request, names: Iterable[str]) -> None:
    """Refuse parameters that are none of `names`, or that are given twice.

    Raises:
        UnknownParameter: the resource has no such parameter; the remedy names those that it has.
        UsageError: one is given twice.
    """
    allowed = set(names)
    seen = set()
    for name, _ in request.query_params.multi_items():
        if name not in allowed:
            raise UnknownParameter(
                f"this resource has no parameter {name!r}",
                where=name,
                remedy=f"it has: {', '.join(sorted(allowed))}" if allowed else "it takes none",
            )
        if name in seen:
            raise UsageError(f"{name!r} is given twice", where=name, remedy="give it once")
        seen.add(name)


def only_known(request: Request) -> None:
    """Refuse parameters that the route does not declare: a dependency for whole routers."""
    refuse_unknown(request, known(request))


def cut(limit: int) -> int:
    """Return a limit, cut to the largest that is served."""
    return min(limit, settings().max_limit)


def parse_bbox(text: str | None, crs: str | None = None) -> tuple[Box, ...]:
    """Return the rectangles that a bbox parameter names: none without it, two where it crosses the antimeridian.

    Longitudes up to one and a half turns and latitudes beyond the poles are taken, since maps that are zoomed out
    ask for them.

    Raises:
        UsageError: not four or six finite numbers, south of north, or a CRS that is not supported or not in degrees.
    """
    stated = CRS84_CRS if crs is None else crs_of(crs, "bbox-crs")
    if not stated.geographic:
        raise UsageError(
            f"bbox cannot be given in {stated.uri} here", where="bbox-crs", remedy=f"give it in {CRS84}"
        )
    if text is None:
        return ()
    numbers = [_number(part) for part in text.split(",")]
    if stated.flipped and len(numbers) in (4, 6):
        half = len(numbers) // 2
        numbers = [n for c in (numbers[:half], numbers[half:]) for n in (c[1], c[0], *c[2:])]
    if len(numbers) not in (4, 6):
        raise UsageError(
            f"bbox has {len(numbers)} numbers", where="bbox", remedy="write west,south,east,north in degrees"
        )
    if len(numbers) == 6:
        if numbers[2] > numbers[5]:
            raise UsageError("bbox ends below where it begins", where="bbox", remedy="swap its heights")
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    west, south, east, north = numbers
    if south > north:
        raise UsageError(
            f"bbox has its south ({south:g}) north of its north ({north:g})",
            where="bbox",
            remedy="write west,south,east,north: longitude first",
        )
    south, north = max(south, -90.0), min(north, 90.0)
    if west > east:
        east += 360
    return tuple((w, south, e, north) for w, e in _turns(west, east))


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or abs(value) > 540 or "_" in text:
        raise UsageError(
            f"{text[:40]!r} is not a coordinate",
            where="bbox",
            remedy="write west,south,east,north in degrees",
        )
    return value


def _turns(west: float, east: float) -> list[tuple[float, float]]:
    """Return the parts of a range of longitudes within -180 to 180."""
    if east - west >= 360:
        return [(-180.0, 180.0)]
    turns = math.floor((west + 180) / 360) * 360
    west, east = west - turns, east - turns
    return [(west, east)] if east <= 180 else [(west, 180.0), (-180.0, east - 360)]


def parse_datetime(text: str | None) -> Interval | None:
    """Return the interval that a datetime parameter names, or None without one.

    Raises:
        UsageError: with a message of its own for each way of being malformed.
    """
    if text is None:
        return None
    try:
        return parse_interval(text)
    except UsageError as e:
        e.where = "datetime"
        raise
