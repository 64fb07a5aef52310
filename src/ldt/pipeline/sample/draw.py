"""Everything of the sample city that chance decides."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import shapely
from pyproj import Transformer

from ldt.pipeline.sample import air
from ldt.pipeline.sample.buildings import Buildings, buildings
from ldt.pipeline.sample.city import CRS, City
from ldt.pipeline.sample.climate import Temperatures, temperatures
from ldt.pipeline.sample.grids import Grid, to_city_crs
from ldt.pipeline.sample.landcover import AFTER, YEARS, LandCover, land_cover
from ldt.pipeline.sample.population import Population, population
from ldt.pipeline.sample.sensors import Sensor, sensors
from ldt.pipeline.sample.sites import ProtectedSite, protected_sites, repaired_union
from ldt.pipeline.sample.surfaces import (
    Surface,
    built_share,
    imperviousness,
    land_cover_raster,
    tree_cover_density,
)
from ldt.pipeline.sample.trees import Trees, trees

#: Calendar years of the hourly and the daily series.
MEASURED = (2024, 2025)
LEGACY_YEAR = 2023


@dataclass(frozen=True, slots=True)
class Size:
    """How much there is of what there can be more or less of.

    Attributes:
        buildings, trees: number of them.
        cell: side of the cells of imperviousness and tree cover density, metres.
        sensor_days: days of citizen sensors.
    """

    buildings: int
    trees: int
    cell: float
    sensor_days: int


#: The city that `ldt demo` builds, and a small one for quick tests; areas, land cover, air and temperatures are the same.
SIZES = {"full": Size(20_000, 4_000, 20.0, 19), "small": Size(1_200, 150, 100.0, 1)}


@dataclass(frozen=True, slots=True)
class Drawn:
    """The sample city as its generator knows it.

    Attributes:
        series: of two years, by station and pollutant; `legacy` is one of the year before.
        land_cover: rasters of :attr:`cover`, by year; `sealed` and `canopy` alike.
    """

    city: City
    cover: LandCover
    sites: list[ProtectedSite]
    stations: list[air.Station]
    series: list[air.Series]
    legacy: air.Series
    buildings: Buildings
    land_cover: list[Surface]
    sealed: list[Surface]
    canopy: list[Surface]
    temperatures: Temperatures
    population: Population
    trees: Trees
    sensors: list[Sensor]


def draw(seed: int, size: Size) -> Drawn:
    """Draw a city. The same seed gives the same city; what differs by size are the parts that :class:`Size` names."""
    # One generator per part: what is added to one part later leaves the others as they are.
    rngs = [np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(13)]
    city = City.random(rngs[0])
    cover = land_cover(rngs[1], rngs[5], city)
    sites = protected_sites(rngs[2], city)
    series, legacy = _series(rngs[3], rngs[4])
    to_degrees = Transformer.from_crs(CRS, "EPSG:4258", always_xy=True)
    built = buildings(rngs[6], city, cover, _unbuildable(cover, sites), size.buildings)
    grid = Grid.over_square(size.cell)
    share = {year: built_share(built, grid, year) for year in YEARS}
    return Drawn(
        city=city,
        cover=cover,
        sites=sites,
        stations=air.stations(city, to_degrees),
        series=series,
        legacy=legacy,
        buildings=built,
        land_cover=[land_cover_raster(cover, year) for year in YEARS],
        sealed=[imperviousness(rngs[7], city, cover, share[year], year, size.cell) for year in YEARS],
        canopy=[tree_cover_density(rngs[8], cover, share[AFTER], AFTER, size.cell)],
        temperatures=temperatures(rngs[9], city, MEASURED),
        population=population(rngs[10], city, built),
        trees=trees(rngs[11], city, built, size.trees),
        sensors=sensors(rngs[12], city, to_degrees, size.sensor_days),
    )


def _series(rng: np.random.Generator, more: np.random.Generator) -> tuple[list[air.Series], air.Series]:
    start = np.concatenate([air.hours(y) for y in MEASURED])
    weather = air.weather(rng, start)
    first = (air.NO2, air.PM10)
    series = [air.series(rng, site, p, start, weather) for site in air.SITES for p in first]
    before = air.hours(LEGACY_YEAR)
    legacy = air.series(rng, air.SITES[1], air.PM10, before, air.weather(rng, before))
    # The older service has no sentinel: what was not measured is not there.
    measured = legacy.validity > -99
    columns = {
        name: getattr(legacy, name)[measured] for name in ("start", "value", "validity", "verification")
    }
    series += [
        air.series(more, site, p, start, weather) for site in air.SITES for p in site.level if p not in first
    ]
    return series, replace(legacy, **columns)


def _unbuildable(cover: LandCover, sites: list[ProtectedSite]) -> shapely.Geometry:
    """Return the area, in the city's CRS, on which no building stands: water and wetlands, protected sites."""
    wet = np.array([c[0] in "45" for c in cover.codes[AFTER]])
    return shapely.union_all([*to_city_crs(cover.cells[wet]), repaired_union(sites)])
