"""CRS by name, and places by country: what `ldt inspect` says of where things are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError, ProjError

from ldt.harmonise.countries import country_box, country_codes, places_name
from ldt.sources.judge import EUROPE
from ldt.sources.source import DeclaredCrs

Extent = tuple[float, float, float, float]

#: National and European CRS that are tried where a source states none: the one in whose country the data then lie.
_CANDIDATES = ("EPSG:3857", "EPSG:3035", "EPSG:28992", "EPSG:2154", "EPSG:27700", "EPSG:2056", "EPSG:21781", "EPSG:31370", "EPSG:3067", "EPSG:5514", "EPSG:2180", "EPSG:25829", "EPSG:25830", "EPSG:25831", "EPSG:25832", "EPSG:25833", "EPSG:25834", "EPSG:25835", "EPSG:31466", "EPSG:31467", "EPSG:31468", "EPSG:31469", "EPSG:3003", "EPSG:3004", "EPSG:3006", "EPSG:31256", "EPSG:31287", "EPSG:2100", "EPSG:3763", "EPSG:23700", "EPSG:3765", "EPSG:3794", "EPSG:3346", "EPSG:3301", "EPSG:3059")  # fmt: skip
#: Degrees that a country's data reach beyond the zone of UTM that it gives them in: Kirkenes is 12° east of the 33rd.
_BEYOND = 13.0


@lru_cache(maxsize=256)
def label(projjson: str) -> str:
    """Return what a CRS is called: authority and code where one can be identified, else its name.

    A name that is that of a known CRS, with other parameters, is no identification: it is given with a note.
    """
    crs = CRS.from_json(projjson)
    found = crs.to_authority(min_confidence=70)
    if found is None:
        try:
            known = CRS.from_user_input(crs.name)
        except CRSError:
            return crs.name
        found = known.to_authority()
        if found is None:
            return crs.name
        code = ":".join(found)
        return code if _same(crs, known) else f"{crs.name} (not {code}: {_differs(crs, known)})"
    code = ":".join(found)
    return code if _same(crs, CRS.from_authority(*found)) else crs.name


def _same(crs: CRS, known: CRS) -> bool:
    """Whether two CRS give the same places for the same coordinates, within a metre."""
    use = known.area_of_use
    if use is None:
        return True
    lon, lat = (use.west + use.east) / 2, (use.south + use.north) / 2
    try:
        there = Transformer.from_crs("OGC:CRS84", known, always_xy=True).transform(lon, lat)
        here = Transformer.from_crs("OGC:CRS84", crs, always_xy=True).transform(lon, lat)
    except ProjError:
        return False
    near = 1e-5 if crs.is_geographic else 1.0
    return bool(np.allclose(there, here, rtol=0, atol=near))


def _differs(crs: CRS, known: CRS) -> str:
    """Return the first parameter of a projection that is not that of a CRS of the same name."""
    mine, theirs = (
        {p.name: p.value for p in c.coordinate_operation.params} if c.coordinate_operation else {}
        for c in (crs, known)
    )
    return next((f"{n} is {v:g}" for n, v in mine.items() if theirs.get(n) != v), "other parameters")


def declared_label(crs: DeclaredCrs | None) -> str | None:
    """Return what a source's declaration is called; None where there is none."""
    return None if crs is None else label(crs.projjson)


def countries(extent: Sequence[float]) -> list[str]:
    """Return the codes of the countries in whose box the middle of an extent lies, the likeliest first.

    Boxes overlap, so this says where something can be; how far it is from the middle of each box tells the likeliest.
    """
    x, y = (extent[0] + extent[2]) / 2, (extent[1] + extent[3]) / 2
    found = []
    for code in country_codes():
        box = country_box(code)
        off = max(
            abs(2 * x - box.west - box.east) / (box.east - box.west),
            abs(2 * y - box.south - box.north) / (box.north - box.south),
        )
        if off <= 1:
            found.append((off, code))
    return [code for _, code in sorted(found)]


def where(extent: Sequence[float]) -> str:
    """Return where an extent lies, for people: `Germany or Netherlands` (their boxes overlap), `several countries`."""
    if extent[2] - extent[0] > 60:
        return "several countries"
    names = [places_name(code) for code in countries(extent)[:4]]
    if not names:
        return "outside Europe's countries"
    return " or ".join(names)


def guess(bounds: Sequence[float], country: str | None = None) -> list[str]:
    """Return the CRS in which coordinates (least x, least y, greatest x, greatest y) could lie in the area that the CRS is made for.

    Degrees are degrees: then EPSG:4326 alone is named. The wide ones (EPSG:3857, EPSG:3035) come last. Countries give all their
    data in one zone of UTM (Norway in the 33rd, Denmark in the 32nd): in a country that is known a zone may reach into the next.

    Args:
        bounds: of the coordinates, as they stand.
        country: ISO 3166 code of where they must lie, if that is known.
    """
    box = country_box(country) if country else None
    low_x, low_y, high_x, high_y = bounds
    if max(map(abs, bounds)) <= 180:
        west, south, east, north = EUROPE
        return ["EPSG:4326"] if west <= low_x <= high_x <= east and south <= low_y <= high_y <= north else []
    found = []
    for code in _CANDIDATES:
        crs = CRS.from_user_input(code)
        use = crs.area_of_use
        beyond = _BEYOND if box and "UTM zone" in crs.name else 0.0
        try:
            to = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
            lon, lat = to.transform((low_x + high_x) / 2, (low_y + high_y) / 2)
        except ProjError:
            continue
        if box and not (box.west <= lon <= box.east and box.south <= lat <= box.north):
            continue
        if code == "EPSG:3857":
            if -25 <= lon <= 45 and 30 <= lat <= 72 and max(map(abs, bounds)) > 1e4:
                found.append(code)
        elif use and use.west - beyond <= lon <= use.east + beyond and use.south <= lat <= use.north:
            found.append(code)
    return sorted(found, key=lambda c: c in {"EPSG:3857", "EPSG:3035"})
