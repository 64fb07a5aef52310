"""What comes in: where, when, how high, of what, in which CRS and form. Read once, for all queries."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import shapely
from fastapi import Path, Query
from numpy.typing import NDArray
from pydantic import WithJsonSchema

from ldt.api.negotiate import CSV, HTML, Format
from ldt.api.parameters import parse_bbox, parse_datetime
from ldt.errors import TooLarge, UsageError
from ldt.store.crs import CRS84, Crs, crs_of
from ldt.timerange import Interval

COVJSON = Format(
    "covjson",
    "application/vnd.cov+json",
    "CoverageJSON",
    ("coveragejson", "application/prs.coverage+json", "json", "application/json"),
)
GEOJSON = Format("geojson", "application/geo+json", "GeoJSON")
NETCDF = Format("netcdf", "application/x-netcdf", "NetCDF", ("netcdf4", "nc", "application/netcdf"))

DATA_FORMS = (COVJSON, GEOJSON, CSV, NETCDF, HTML)
#: Names by which collections list their forms: as the standard and its test suite write them.
NAMES = {COVJSON.name: "CoverageJSON", GEOJSON.name: "GeoJSON", CSV.name: "CSV", NETCDF.name: "NetCDF"}

#: Values of one answer, over all parameters, places and times; as GeoJSON features, and rows of an HTML table.
MAX_VALUES, MAX_FEATURES, MAX_ROWS = 1_000_000, 100_000, 500
#: Characters and vertices of `coords`; positions of a MULTIPOINT or along a trajectory.
MAX_TEXT, MAX_VERTICES, MAX_PLACES = 64_000, 2_000, 10_000
#: Metres of one unit of `within-units`, by the names that are understood.
UNITS = {"m": 1.0, "metres": 1.0, "meters": 1.0, "km": 1000.0, "kilometres": 1000.0, "kilometers": 1000.0, "mi": 1609.344, "miles": 1609.344}  # fmt: skip
MAX_RADIUS = 2_000_000.0


def _text(**schema: Any) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", **schema})


def _coords(kinds: str, example: str) -> Any:
    return Annotated[
        str, Query(description=f"Well-known text: {kinds}, in `crs`.", examples=[example]), _text()
    ]


PointCoords = _coords("POINT or MULTIPOINT", "POINT(7.0 50.9)")
AreaCoords = _coords("POLYGON or MULTIPOLYGON", "POLYGON((6.9 50.9,7 50.9,7 51,6.9 51,6.9 50.9))")
LineCoords = _coords(
    "LINESTRING or MULTILINESTRING, with Z, M or ZM; M is seconds since 1970", "LINESTRING(6.9 50.9,7 51)"
)
CubeBox = Annotated[
    str,
    Query(
        description="West, south, east, north in `crs`; six numbers have heights too, which `z` goes before."
    ),
    _text(),
]
OptionalBox = Annotated[
    str | None, Query(alias="bbox", description="Only places in it: west, south, east, north in `crs`."), _text()
]  # fmt: skip
Z = Annotated[
    str | None,
    Query(
        description="Levels: `850`, `100/550`, `10,80,200` or `R20/100/50`. No collection here has levels: it selects nothing."
    ),
    _text(),
]
ParameterName = Annotated[
    str | None,
    Query(
        alias="parameter-name",
        description="Only these parameters of the collection, parted by commas; without it, all.",
    ),
    _text(),
]
CrsName = Annotated[
    str | None,
    Query(
        alias="crs",
        description="CRS of what is asked and of what is answered: one that the collection lists; CRS84 without it.",
    ),
    _text(),
]
Within = Annotated[
    str, Query(alias="within", description="Radius, in `within-units`."), WithJsonSchema({"type": "number"})
]
WithinUnits = Annotated[
    str, Query(alias="within-units", description="Unit of the radius."), _text(enum=sorted(UNITS))
]


def _resolution(axis: str) -> Any:
    return Annotated[
        str | None,
        Query(
            alias=f"resolution-{axis}",
            description=f"Positions along {axis}, both ends included; 0 is every cell. Without it, every cell, or as many as an answer may have.",
        ),
        WithJsonSchema({"type": "integer", "minimum": 0}),
    ]


ResolutionX, ResolutionY, ResolutionZ = _resolution("x"), _resolution("y"), _resolution("z")
LocationId = Annotated[str, Path(alias="locId", description="A location; /locations lists them.")]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a query asks for, beside where.

    Attributes:
        crs: CRS of the question and of the answer.
        within: time; None is any.
        names: parameters, in the order asked; None is all.
    """

    crs: Crs
    within: Interval | None
    names: tuple[str, ...] | None


def asked(crs: str | None, within: str | None, names: str | None, z: str | None) -> Asked:
    """Return what the parameters that all queries have ask for.

    Raises:
        UsageError: one of them is malformed.
    """
    check_levels(z)
    listed = None if names is None else tuple(dict.fromkeys(n.strip() for n in names.split(",")))
    if listed is not None and not all(listed):
        raise UsageError("an empty name", where="parameter-name", remedy="leave it out, or name a parameter")
    return Asked(CRS84 if crs is None else crs_of(crs), parse_datetime(within), listed)


_KINDS = {
    "Point": (shapely.GeometryType.POINT, shapely.GeometryType.MULTIPOINT),
    "Polygon": (shapely.GeometryType.POLYGON, shapely.GeometryType.MULTIPOLYGON),
    "LineString": (shapely.GeometryType.LINESTRING, shapely.GeometryType.MULTILINESTRING),
}
_TAG = re.compile(r"([A-Z]+?)\s*(ZM|Z|M)?\s*(?=\(|EMPTY|$)", re.IGNORECASE)


def geometry(text: str, kind: str, crs: Crs) -> shapely.Geometry:
    """Return the points or polygons that `coords` names, x first, whatever the axis order of the CRS.

    Args:
        text: well-known text; a tag may also be written without a blank (`POINTZ`).
        kind: `Point` or `Polygon`; its multiple is taken too.
        crs: in which it is written.

    Raises:
        UsageError: it is no such geometry, is empty, not valid, or outside of the world.
        TooLarge: it has too many vertices.
    """
    found = _parsed(text, kind, MAX_PLACES if kind == "Point" else MAX_VERTICES)
    if kind == "Polygon" and not found.is_valid:
        why = shapely.is_valid_reason(found)
        raise UsageError(f"coords is no valid polygon: {why}", where="coords", remedy=_remedy(kind))
    flat = shapely.force_2d(found)
    if crs.flipped:
        flat = shapely.transform(flat, lambda c: c[:, ::-1])
    _in_world(shapely.get_coordinates(flat), crs)
    return flat


def lines(text: str, crs: Crs) -> list[NDArray[np.float64]]:
    """Return the lines that `coords` names: for each (x, y, m) of its vertices, m NaN where it has none.

    Raises:
        UsageError, TooLarge: as :func:`geometry`; a LINESTRINGM also where m does not ascend.
    """
    found = _parsed(text, "LineString", MAX_VERTICES)
    legs = []
    for part in shapely.get_parts(found):
        leg = shapely.get_coordinates(part, include_z=True, include_m=True)[:, [0, 1, 3]]
        if crs.flipped:
            leg = leg[:, [1, 0, 2]]
        _in_world(leg, crs)
        if found.has_m and not (np.diff(leg[:, 2]) >= 0).all():
            raise UsageError("m does not ascend", where="coords", remedy="m is seconds since 1970")
        if found.has_m and not (abs(leg[:, 2]) < 2e11).all():
            raise UsageError("m is no time", where="coords", remedy="m is seconds since 1970")
        legs.append(leg)
    return legs


def _remedy(kind: str) -> str:
    return f"write a {kind.upper()} or MULTI{kind.upper()} as well-known text"


def _parsed(text: str, kind: str, most: int) -> shapely.Geometry:
    if len(text) > MAX_TEXT:
        raise TooLarge(f"coords has {len(text):,} characters, the most are {MAX_TEXT:,}", where="coords")
    # GEOS wants a blank before the dimensions, the standard writes none.
    plain = _TAG.sub(lambda m: f"{m[1]} {m[2] or ''} ", text.strip(), count=1)
    try:
        with np.errstate(over="ignore"):
            found = shapely.from_wkt(plain)
    except (shapely.errors.ShapelyError, ValueError) as e:
        raise UsageError("coords is no well-known text", where="coords", remedy=_remedy(kind)) from e
    if found is None or shapely.get_type_id(found) not in _KINDS[kind] or found.is_empty:
        raise UsageError(f"coords is no {kind.upper()}", where="coords", remedy=_remedy(kind))
    if (vertices := shapely.get_num_coordinates(found)) > most:
        raise TooLarge(f"coords has {vertices:,} vertices, the most are {most:,}", where="coords")
    if not np.isfinite(shapely.get_coordinates(found)).all():
        raise UsageError("coords has numbers that are not finite", where="coords", remedy=_remedy(kind))
    return found


def _in_world(xy: NDArray[np.float64], crs: Crs) -> None:
    limits = (180, 90) if crs.geographic else (1e9, 1e9)
    if (abs(xy[:, :2]) > limits).any():
        remedy = "latitude first in this CRS" if crs.flipped else "longitude first, in degrees"
        raise UsageError(
            "coords lies outside of the world",
            where="coords",
            remedy=remedy if crs.geographic else "in metres",
        )


def boxes(text: str, crs: Crs) -> tuple[shapely.Polygon, ...]:
    """Return the rectangles that `bbox` names, x first: two where it goes over the antimeridian.

    Raises:
        UsageError: not four or six finite numbers, a side of no length, or south of north.
    """
    parts = text.split(",")
    if crs.flipped and len(parts) in (4, 6):
        half = len(parts) // 2
        parts = [parts[i] for i in (1, 0, *range(2, half), half + 1, half, *range(half + 2, 2 * half))]
    found = parse_bbox(",".join(parts)) if crs.geographic else (_projected(parts),)
    if any(w >= e or s >= n for w, s, e, n in found):
        raise UsageError("bbox has no area", where="bbox", remedy="give it a width and a height")
    return tuple(shapely.box(*box) for box in found)


def _projected(parts: list[str]) -> tuple[float, float, float, float]:
    try:
        numbers = [float(p) for p in parts]
    except ValueError:
        numbers = []
    if len(numbers) not in (4, 6) or not all(math.isfinite(n) and abs(n) < 1e9 for n in numbers):
        raise UsageError("bbox has not four numbers", where="bbox", remedy="write minx,miny,maxx,maxy")
    half = len(numbers) // 2
    return numbers[0], numbers[1], numbers[half], numbers[half + 1]


def metres(within: str, units: str) -> float:
    """Return a radius in metres.

    Raises:
        UsageError: it is no positive number, too large, or the unit is not known.
    """
    if units.lower() not in UNITS:
        raise UsageError(f"{units[:40]!r} is no unit of length here", where="within-units", remedy=f"one of {', '.join(UNITS)}")  # fmt: skip
    try:
        radius = float(within) * UNITS[units.lower()]
    except ValueError:
        radius = math.nan
    if not 0 < radius <= MAX_RADIUS:
        raise UsageError(
            f"{within[:40]!r} is no radius",
            where="within",
            remedy=f"give a number above 0, up to {MAX_RADIUS / 1000:g} km",
        )
    return radius


def resolution(text: str | None, axis: str) -> int | None:
    """Return how many positions are asked for along an axis; None where that is left to the server, 0 for every cell.

    Raises:
        UsageError: it is no whole number from 0 to `MAX_VALUES`.
    """
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 8 and int(text) <= MAX_VALUES):
        raise UsageError(
            f"{text[:40]!r} is no number of positions",
            where=f"resolution-{axis}",
            remedy=f"0 to {MAX_VALUES:,}",
        )
    return int(text)


_LEVEL = r"[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d{1,3})?"
_LEVELS = re.compile(
    rf"{_LEVEL}(?:,{_LEVEL})*|(?:{_LEVEL}|\.\.)/(?:{_LEVEL}|\.\.)|R\d{{1,6}}/{_LEVEL}/{_LEVEL}"
)


def check_levels(text: str | None) -> None:
    """Refuse what is no `z` of the standard. Nothing here has levels, so there is none to select.

    Raises:
        UsageError: it is neither level, range, list nor repeating interval, or a range ends below where it begins.
    """
    if text is None:
        return
    value = text.strip()
    remedy = "write 850, 100/550, 10,80,200 or R20/100/50"
    if len(value) > 2000 or not _LEVELS.fullmatch(value):
        raise UsageError(f"{text[:40]!r} is no level", where="z", remedy=remedy)
    ends = value.split("/")
    if len(ends) == 2 and ".." not in ends and float(ends[0]) > float(ends[1]):
        raise UsageError("z ends below where it begins", where="z", remedy=remedy)
