"""What an `srsName` means: which CRS, and which order of coordinates.

The rule that this module follows is the one of GML 3.2.1 (clause 9.10) and of the OGC's axis order policy (OGC 08-038r7):
a URN or an http URI of the definition means the order of the definition itself. The older `http://www.opengis.net/gml/srs/epsg.xml#…`
meant east first by the convention of its time (WFS 1.0). The short `EPSG:4258` means either, depending on who wrote it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from urllib.parse import parse_qs, unquote, urlsplit

from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder, authority_order, horizontal
from ldt.sources.batches import declare
from ldt.sources.source import DeclaredCrs

_URN = re.compile(
    r"urn:(?:x-)?ogc:def:crs:(?P<authority>\w+):(?P<version>[^:]*):(?P<code>[\w-]+)", re.IGNORECASE
)
_URI = re.compile(
    r"https?://(?:www\.)?opengis\.net/def/crs/(?P<authority>\w+)/(?P<version>[^/]*)/(?P<code>[\w-]+)/?",
    re.IGNORECASE,
)
_GML_URI = re.compile(r"https?://(?:www\.)?opengis\.net/gml/srs/epsg\.xml#(?P<code>\d+)", re.IGNORECASE)
_SHORT = re.compile(r"(?P<authority>EPSG|OGC|CRS):{1,2}(?P<code>[\w-]+)", re.IGNORECASE)
#: The names of the German surveying authorities (GeoInfoDok, AdV), which mean east first.
_ADV = {
    **{f"ETRS89_UTM{zone}": f"EPSG:{25800 + zone}" for zone in (31, 32, 33)},
    **{f"DE_DHDN_3GK{zone}": f"EPSG:{31464 + zone}" for zone in (2, 3, 4, 5)},
    "ETRS89_Lat-Lon": "EPSG:4258",
}


@lru_cache(maxsize=256)
def parse_srs_name(text: str) -> DeclaredCrs | None:
    """Return the CRS of an `srsName`; None where it names none that is known.

    Args:
        text: URN (also compound: `urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::7837`), http URI, `EPSG:4258`, `CRS84`, or a
            name of the German AdV (`urn:adv:crs:ETRS89_UTM32`). Heights are left out.
    """
    name = text.strip()
    for pattern in (_URN, _URI):
        if match := pattern.fullmatch(name):
            return _defined(_identifier(match["authority"], match["code"]), name)
    if match := _GML_URI.fullmatch(name):
        return declare(f"EPSG:{match['code']}", name, AxisOrder.XY)
    if match := _SHORT.fullmatch(name):
        return _short(_identifier(match["authority"], match["code"]), name)
    if name.upper() == "CRS84":
        return declare("OGC:CRS84", name, AxisOrder.XY)
    if name.lower().startswith("urn:adv:crs:"):
        # With heights the name has a second part behind a `*`.
        code = _ADV.get(name[12:].split("*")[0])
        return _defined(code, name) if code else None
    if name.lower().startswith("urn:ogc:def:crs,"):
        first = name.split(",")[1]
        part = parse_srs_name(f"urn:ogc:def:{first}")
        return declare(part.projjson, name, part.order) if part else None
    if "/def/crs-compound" in name:
        firsts = parse_qs(urlsplit(name).query).get("1", [])
        part = parse_srs_name(unquote(firsts[0])) if firsts else None
        return declare(part.projjson, name, part.order) if part else None
    return None


def _identifier(authority: str, code: str) -> str:
    if authority.upper() in {"OGC", "CRS"}:
        # CRS:84, OGC:CRS84 and OGC:1.3:CRS84 are one; so are the American 83 and 27.
        return f"OGC:CRS{code.upper().removeprefix('CRS')}"
    return f"{authority.upper()}:{code}"


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
