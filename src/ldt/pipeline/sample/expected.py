"""What a twin built from the sample city must show: outcomes and values, from the generator's own numbers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from ldt.pipeline.sample import buildings, trees
from ldt.pipeline.sample.air import FAR, NEIGHBOURS, POLLUTANTS, SITES, Series, hours
from ldt.pipeline.sample.city import City, polygons
from ldt.pipeline.sample.draw import MEASURED, Drawn
from ldt.pipeline.sample.grids import Grid, to_laea
from ldt.pipeline.sample.landcover import YEARS
from ldt.pipeline.sample.population import COUNTED
from ldt.pipeline.sample.truth import Areas
from ldt.pipeline.sample.truth_air import air_values, heat_values
from ldt.pipeline.sample.truth_land import green_per_inhabitant, land_values

OUTCOMES = ("accepted", "repaired", "rejected", "duplicate", "outside")


def tally(**outcomes: int) -> dict[str, int]:
    """Return the five outcomes and their sum, `read`."""
    return {"read": sum(outcomes.values()), **{o: outcomes.get(o, 0) for o in OUTCOMES}}


def tallies(drawn: Drawn, buffer_m: float, legacy_twice: int) -> dict[str, dict[str, int]]:
    """Return the outcomes of each data set, by its name.

    Rows with the sentinel -999 are accepted too: their flag is below 1, and what is flagged is kept with its flag.
    """
    far = sum(site.share > FAR for site in SITES + NEIGHBOURS)
    houses, rows = len(drawn.buildings.footprints), sum(len(s.time) for s in drawn.sensors)
    registered = len(drawn.trees.xy)
    return {
        "sample-boundary": tally(accepted=1),
        "sample-districts": tally(accepted=len(drawn.city.districts)),
        "sample-quarters": tally(accepted=len(drawn.city.quarters)),
        "sample-administrative-unit": tally(accepted=1),
        "sample-protected-sites": tally(**Counter(s.outcome for s in drawn.sites)),
        "sample-buildings": tally(
            accepted=houses - buildings.CROSSED, repaired=buildings.CROSSED, duplicate=buildings.TWICE
        ),
        "sample-stations": tally(accepted=len(SITES + NEIGHBOURS) - far, outside=far),
        **{
            f"sample-land-cover-{year}": _near(drawn.city, drawn.cover.units(year).polygons, buffer_m)
            for year in YEARS
        },
        "sample-land-cover-changes": _near(drawn.city, drawn.cover.changes().polygons, buffer_m),
        "sample-land-cover-raster": tally(accepted=len(drawn.land_cover)),
        "sample-imperviousness": tally(accepted=len(drawn.sealed)),
        "sample-tree-cover": tally(accepted=len(drawn.canopy)),
        "sample-temperature": tally(accepted=1),
        "sample-air-quality": tally(accepted=sum(len(s.value) for s in drawn.series)),
        "sample-air-quality-legacy": tally(accepted=len(drawn.legacy.value), duplicate=legacy_twice),
        "sample-sensors": tally(accepted=rows),
        "sample-sensor-places": tally(accepted=len(drawn.sensors), duplicate=rows - len(drawn.sensors)),
        "sample-population-grid": _near(drawn.city, _cells(drawn.population.grid), buffer_m),
        "sample-population": _population(drawn.city),
        "sample-trees": tally(
            accepted=registered - trees.NOWHERE, rejected=trees.NOWHERE, duplicate=trees.TWICE
        ),
    }


def _near(city: City, geometries: npt.NDArray[np.object_], buffer_m: float) -> dict[str, int]:
    """Return the outcomes of geometries in EPSG:3035: one is outside when the city is more than `buffer_m` away.

    `doubtful` ones lie so near the line that the way in which a buffer's corners are rounded decides: a circle drawn with
    eight segments to the quarter runs up to 24 m inside the true one, and EPSG:3035 distorts lengths here by less than 1 m.
    """
    away = shapely.distance(geometries, to_laea(polygons([city.boundary]))[0])
    outside = int((away > buffer_m).sum())
    doubtful = int((np.abs(away - buffer_m) < 30).sum())
    return {**tally(accepted=len(geometries) - outside, outside=outside), "doubtful": doubtful}


def _cells(grid: Grid) -> npt.NDArray[np.object_]:
    x, y = (a.ravel() for a in np.meshgrid(grid.x, grid.y))
    half = grid.cell / 2
    return np.asarray(shapely.box(x - half, y - half, x + half, y + half), dtype=object)


def _population(city: City) -> dict[str, int]:
    # A number that is withheld cannot be read as one.
    areas = len(city.districts) + len(city.quarters)
    return tally(accepted=(areas - 1) * len(COUNTED), rejected=len(COUNTED))


def areas(city: City) -> list[dict[str, Any]]:
    """Return the areas with their size in EPSG:3035."""
    made = []
    for scheme, some in (("city", [city.boundary]), ("district", city.districts), ("quarter", city.quarters)):
        sizes = shapely.area(to_laea(polygons(some)))
        made += [
            {"scheme": scheme, "code": a.code, "name": a.name, "area_km2": round(size / 1e6, 6)}
            for a, size in zip(some, sizes, strict=True)
        ]
    return made


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


def values(drawn: Drawn, periods: tuple[int, ...]) -> list[dict[str, Any]]:
    """Return the value of every indicator at stations and in areas, for each period that there are data of."""
    parts = Areas(drawn.city)
    surfaces = {"soil-sealing": drawn.sealed, "tree-canopy-share": drawn.canopy}
    return [
        *air_values(drawn.city, drawn.stations, drawn.series, MEASURED, periods),
        *heat_values(parts, drawn.temperatures, MEASURED),
        *land_values(parts, drawn.cover, drawn.sites, surfaces, periods),
        *green_per_inhabitant(parts, drawn.cover, drawn.population, periods),
    ]
