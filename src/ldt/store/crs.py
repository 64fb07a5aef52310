"""The CRS that geometries are asked for and written in (OGC API - Features, Part 2, OGC 18-058r1).

Geometries are stored in EPSG:4326 with x = longitude. What is sent has the axis order of the CRS's authority, CRS84 being
longitude, latitude by its own definition (7.2 there).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import pyproj
from sqlalchemy import ColumnElement, func

from ldt.axis import AxisOrder, authority_order
from ldt.errors import UsageError

_EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
_CODE = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/EPSG/(?:0|\d[\d.]*)/|urn:ogc:def:crs:EPSG:[\d.]*:|\[?EPSG:)(\d{4,5})\]?",
    re.IGNORECASE,
)
_CRS84 = re.compile(
    r"https?://www\.opengis\.net/def/crs/OGC/(?:1\.3|0)/CRS84|urn:ogc:def:crs:OGC:(?:1\.3)?:CRS84|\[?(?:OGC:)?CRS84\]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Crs:
    """A CRS that geometries can be asked for and written in.

    Attributes:
        uri: its identifier.
        srid: its EPSG code; CRS84 is 4326 here.
        flipped: whether its authority writes y (north, latitude) before x.
        digits: decimals that coordinates are written with: about a centimetre in degrees, a millimetre in metres.
        geographic: whether coordinates are degrees.
    """

    uri: str
    srid: int
    flipped: bool
    digits: int
    geographic: bool

    def written(self, geometry: ColumnElement[Any]) -> ColumnElement[Any]:
        """Return the expression of a stored geometry (EPSG:4326, x = longitude) in this CRS, in its axis order."""
        moved = geometry if self.srid == 4326 else func.ST_Transform(geometry, self.srid)
        return func.ST_FlipCoordinates(moved) if self.flipped else moved


#: What data are stored in, and what is sent when nothing else is asked for.
CRS84 = Crs("http://www.opengis.net/def/crs/OGC/1.3/CRS84", 4326, False, 7, True)

#: The UTM zones 28 to 38 on ETRS89 and on WGS 84.
_ZONES = (*range(25828, 25839), *range(32628, 32639))
#: EPSG codes of what can be asked for: WGS 84, ETRS89, LAEA Europe, Web Mercator, and the UTM zones of Europe.
CODES = (4326, 4258, 3035, 3857, *_ZONES)


@lru_cache(maxsize=1)
def supported() -> dict[str, Crs]:
    """Return the CRS that can be asked for, by URI, CRS84 first."""
    return {crs.uri: crs for crs in (CRS84, *map(_of_code, CODES))}


def near(bbox: tuple[float, float, float, float] | None) -> list[str]:
    """Return the URIs of the CRS that a collection lists, CRS84 first: all but the zones far from it, where UTM is distorted.

    What is not listed is taken all the same.

    Args:
        bbox: west, south, east, north of the collection in degrees, west greater than east over the antimeridian; None if it is not known.
    """
    return [uri for uri, crs in supported().items() if bbox is None or _is_near(crs.srid, bbox[0], bbox[2])]


def _is_near(srid: int, west: float, east: float) -> bool:
    if srid not in _ZONES:
        return True
    begins = srid % 100 * 6 - 186
    # Half a zone on each side: there, too, the zone is in use.
    spans = [(west, east)] if west <= east else [(west, 180.0), (-180.0, east)]
    return any(w <= begins + 9 and e >= begins - 3 for w, e in spans)


def _of_code(code: int) -> Crs:
    definition = pyproj.CRS.from_epsg(code)
    geographic = definition.is_geographic
    flipped = authority_order(definition) is AxisOrder.YX
    return Crs(f"{_EPSG}{code}", code, flipped, 7 if geographic else 3, geographic)


@lru_cache(maxsize=256)
def crs_of(text: str, where: str = "crs") -> Crs:
    """Return the CRS that a parameter names: by URI, URN, or as `EPSG:25832`.

    Args:
        text: the parameter.
        where: its name, for the error.

    Raises:
        UsageError: it names none that is supported.
    """
    uri = CRS84.uri if _CRS84.fullmatch(text) else text
    if match := _CODE.fullmatch(text):
        uri = f"{_EPSG}{int(match[1])}"
    if found := supported().get(uri):
        return found
    raise UsageError(
        f"{text[:80]!r} is not a CRS that is supported here",
        where=where,
        remedy=f"the collection lists them; {CRS84.uri} is the default",
    )
