"""What an `srsName` means: which CRS, and which order of coordinates.

The rule that this module follows is the one of GML 3.2.1 (clause 9.10) and of the OGC's axis order policy (OGC 08-038r7):
a URN or an http URI of the definition means the order of the definition itself. The older `http://www.opengis.net/gml/srs/epsg.xml#…`
meant east first by the convention of its time (WFS 1.0). The short `EPSG:4258` means either, depending on who wrote it.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit

from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder, authority_order, horizontal
from ldt.sources.batches import declare
from ldt.sources.source import DeclaredCrs

_URN = re.compile(
    r"urn:(?:x-)?(?:ogc|opengis):def:crs:(?P<authority>\w+)(?::(?P<version>[^:]*))?:(?P<code>[\w-]+)",
    re.IGNORECASE,
)
#: An older form, in which the kind of CRS stands: `urn:EPSG:geographicCRS:4326`.
_OLD_URN = re.compile(r"urn:(?P<authority>EPSG):\w+CRS:(?P<code>\d+)", re.IGNORECASE)
_URI = re.compile(
    r"https?://(?:www\.)?opengis\.net/def/crs/(?P<authority>\w+)(?:/(?P<version>[^/]*))?/(?P<code>[\w-]+)/?",
    re.IGNORECASE,
)
_GML_URI = re.compile(r"https?://(?:www\.)?opengis\.net/gml/srs/epsg\.xml#(?P<code>\d+)", re.IGNORECASE)
_SHORT = re.compile(r"(?P<authority>EPSG|OGC|CRS|ESRI):{1,2}(?:\d[\d.]*:)?(?P<code>[\w-]+)", re.IGNORECASE)
#: A mere number, as databases give it, and pages about a code: an EPSG code, and no word on axes.
_NUMBER = re.compile(
    r"(?:SRID\s*=\s*|https?://(?:www\.)?(?:epsg\.io|epsg\.org/crs|spatialreference\.org/ref/epsg)/)?(?P<code>\d{4,6})[;/]?",
    re.IGNORECASE,
)
#: Names of the German surveying authorities (GeoInfoDok, AdV): east first; regional variants of a name have more behind it (`_NW177`).
_ADV = {
    **{f"ETRS89_UTM{zone}": f"EPSG:{25800 + zone}" for zone in (31, 32, 33)},
    **{f"DE_DHDN_3GK{zone}": f"EPSG:{31464 + zone}" for zone in (2, 3, 4, 5)},
    **{f"DE_PD-83_3GK{zone}": f"EPSG:{3393 + zone}" for zone in (3, 4)},
    **{f"DE_RD-83_3GK{zone}": f"EPSG:{3394 + zone}" for zone in (4, 5)},
    **{f"DE_42-83_3GK{zone}": f"EPSG:{2394 + zone}" for zone in (3, 4, 5)},
}
#: These of them begin with latitude.
_ADV_GLOBE = {"ETRS89_Lat-Lon": "EPSG:4258", "DE_DHDN_Lat-Lon": "EPSG:4314"}
#: What `axisLabels` call the first axis, where that leaves no doubt (x is northing to surveyors, easting to others).
_NORTH_FIRST = frozenset({"lat", "latitude", "n", "north", "northing", "geodetic latitude"})
_EAST_FIRST = frozenset({"lon", "long", "longitude", "e", "east", "easting", "geodetic longitude"})


@lru_cache(maxsize=256)
def parse_srs_name(text: str) -> DeclaredCrs | None:
    """Return the CRS of an `srsName`; None where it names none that is known.

    Args:
        text: URN (also compound: `urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::7837`), http URI, `EPSG:4258`, `CRS84`, a mere
            number (also `SRID=25832`), or a name of the German AdV (`urn:adv:crs:ETRS89_UTM32`). Heights are left out.
    """
    name = text.strip()
    for pattern in (_URN, _OLD_URN, _URI):
        if match := pattern.fullmatch(name):
            return _defined(_identifier(match["authority"], match["code"]), name)
    if match := _GML_URI.fullmatch(name):
        return declare(_known(f"EPSG:{match['code']}"), name, AxisOrder.XY)
    if match := _SHORT.fullmatch(name):
        return _short(_identifier(match["authority"], match["code"]), name)
    if match := _NUMBER.fullmatch(name):
        return _short(_identifier("EPSG", match["code"]), name)
    if name.upper() == "CRS84":
        return declare("OGC:CRS84", name, AxisOrder.XY)
    if name.lower().startswith("urn:adv:crs:"):
        return _adv(name)
    if name.lower().startswith("urn:ogc:def:crs,"):
        first = name.split(",")[1].strip()
        part = parse_srs_name(f"urn:ogc:def:{first}")
        return declare(part.projjson, name, part.order) if part else None
    if "/def/crs-compound" in name:
        firsts = parse_qs(urlsplit(name).query).get("1", [])
        part = parse_srs_name(unquote(firsts[0])) if firsts and "crs-compound" not in firsts[0] else None
        return declare(part.projjson, name, part.order) if part else None
    return None


def with_labels(crs: DeclaredCrs, labels: str | None) -> DeclaredCrs:
    """Return a CRS whose order is not told with the order that `axisLabels` tell, if they do.

    Args:
        crs: as its `srsName` declares it; returned as it is where that tells the order.
        labels: `Lat Long`, `E N`; labels that can mean either (`x y`) tell nothing.
    """
    if crs.order is not AxisOrder.UNKNOWN or not labels:
        return crs
    first = labels.replace(",", " ").lower().split()[:1]
    if not first:
        return crs
    if first[0] in _NORTH_FIRST:
        return replace(crs, order=AxisOrder.YX)
    return replace(crs, order=AxisOrder.XY) if first[0] in _EAST_FIRST else crs


def _adv(name: str) -> DeclaredCrs | None:
    # With heights the name has a second part behind a `*`.
    plain = name[12:].split("*", maxsplit=1)[0]
    for known, code in _ADV.items():
        if plain == known or plain.startswith(f"{known}_"):
            return declare(code, name, AxisOrder.XY)
    for known, code in _ADV_GLOBE.items():
        if plain in {known, f"{known}-h"}:
            return declare(code, name, AxisOrder.YX)
    return None


def _identifier(authority: str, code: str) -> str:
    if authority.upper() in {"OGC", "CRS"}:
        # CRS:84, OGC:CRS84, OGC:1.3:CRS84 and (with heights) OGC:0:CRS84h are one; so are the American 83 and 27.
        return f"OGC:CRS{code.upper().removeprefix('CRS').removesuffix('H')}"
    return _known(f"{authority.upper()}:{code}")


@lru_cache(maxsize=256)
def _known(code: str) -> str:
    """Return the code that PROJ knows: ESRI's where it is that and none of EPSG's."""
    authority, _, number = code.partition(":")
    if authority != "EPSG" or not number.isdecimal() or int(number) < 37_000:
        return code
    try:
        CRS.from_user_input(code)
    except CRSError:
        return f"ESRI:{number}"
    return code


def _order(definition: str) -> AxisOrder:
    try:
        return authority_order(horizontal(CRS.from_user_input(definition)))
    except CRSError:
        return AxisOrder.UNKNOWN


def _defined(definition: str, text: str) -> DeclaredCrs | None:
    return declare(definition, text, _order(definition))


def _short(definition: str, text: str) -> DeclaredCrs | None:
    """A short code: certain only where both readings agree, which is where the definition itself begins with east."""
    order = _order(definition)
    return declare(definition, text, order if order is AxisOrder.XY else AxisOrder.UNKNOWN)
