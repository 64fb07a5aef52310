"""What a twin built from the sample city must show: counts, shares and annual means, from the generator's own numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import shapely
from pyproj import Transformer

from ldt.pipeline.sample.air import POLLUTANTS, Series, hours
from ldt.pipeline.sample.city import CRS, Area, City, Floats, polygons
from ldt.pipeline.sample.landcover import LAEA, LandCover
from ldt.pipeline.sample.sites import ProtectedSite, repaired_union

OUTCOMES = ("accepted", "repaired", "rejected", "duplicate", "outside")


def tally(**outcomes: int) -> dict[str, int]:
    """Return the five outcomes and their sum, `read`."""
    return {"read": sum(outcomes.values()), **{o: outcomes.get(o, 0) for o in OUTCOMES}}


def sites_tally(sites: list[ProtectedSite]) -> dict[str, int]:
    """Return the outcomes of the protected sites."""
    return tally(**Counter(s.outcome for s in sites))


def land_cover_tally(city: City, cover: LandCover, buffer_m: float) -> dict[str, int]:
    """Return the outcomes of the land cover: a unit is outside when the city is more than `buffer_m` away.

    `doubtful` units lie so near the line that the way in which a buffer's corners are rounded decides: a circle drawn with
    eight segments to the quarter runs up to 24 m inside the true one, and EPSG:3035 distorts lengths here by less than 1 m.
    """
    away = shapely.distance(cover.polygons, _to_laea(polygons([city.boundary]))[0])
    outside = int((away > buffer_m).sum())
    doubtful = int((np.abs(away - buffer_m) < 30).sum())
    return {**tally(accepted=len(cover.codes) - outside, outside=outside), "doubtful": doubtful}


def air_tally(series: list[Series], twice: int = 0) -> dict[str, int]:
    """Return the outcomes of series of which the last `twice` rows stand twice in the file.

    Rows with the sentinel -999 are accepted too: their flag is below 1, and what is flagged is kept with its flag.
    """
    return tally(accepted=sum(len(s.value) for s in series), duplicate=twice)


def areas(city: City, cover: LandCover, sites: list[ProtectedSite]) -> list[dict[str, Any]]:
    """Return size, protected share and natural share (Corine classes 3xx, 4xx, 5xx) of each area, in EPSG:3035."""
    protected = _to_laea(np.array([repaired_union(sites)], dtype=object))[0]
    natural = shapely.coverage_union_all(cover.polygons[np.array([c[0] in "345" for c in cover.codes])])
    made = []
    for scheme, some in (("city", [city.boundary]), ("district", city.districts), ("quarter", city.quarters)):
        made += [
            _area(scheme, a, p, protected, natural)
            for a, p in zip(some, _to_laea(polygons(some)), strict=True)
        ]
    return made


def _area(
    scheme: str, area: Area, polygon: shapely.Geometry, protected: shapely.Geometry, natural: shapely.Geometry
) -> dict[str, Any]:
    size = shapely.area(polygon)
    return {
        "scheme": scheme,
        "code": area.code,
        "name": area.name,
        "area_km2": round(size / 1e6, 6),
        "protected_area_share": round(100 * shapely.area(polygon & protected) / size, 4),
        "natural_share": round(100 * shapely.area(polygon & natural) / size, 4),
    }


def _to_laea(geometries: Any) -> Any:
    transformer = Transformer.from_crs(CRS, LAEA, always_xy=True)

    def forward(xy: Floats) -> Floats:
        return np.column_stack(transformer.transform(xy[:, 0], xy[:, 1]))

    return shapely.transform(geometries, forward)


def air(series: list[Series], years: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return, per sampling point and calendar year (UTC+1), rows, valid hours, coverage in percent and mean in ug/m3."""
    made = []
    for s in series:
        of_year = s.start.astype("datetime64[Y]").astype(np.int64) + 1970
        for year in years:
            valid = (of_year == year) & (s.validity >= 1)
            total = len(hours(year))
            made.append(
                {
                    "station": s.station,
                    "sampling_point": s.sampling_point,
                    "pollutant": POLLUTANTS[s.pollutant],
                    "year": year,
                    "rows": int((of_year == year).sum()),
                    "valid": int(valid.sum()),
                    "hours": total,
                    "coverage": round(100 * float(valid.sum()) / total, 4),
                    "mean": round(float(s.value[valid].mean()), 6),
                }
            )
    return made
