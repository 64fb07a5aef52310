"""Who lives where in the sample city: a 1 km grid as Eurostat delivers it, and the figures of its statistics office.

Inhabitants live in the buildings that were drawn. The grid is that of a census, the office counts at the end of some years;
its figure of the city as a whole is left out, and that of one quarter is withheld, so that a twin needs the grid as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from pyproj import Transformer

from ldt.pipeline.sample.buildings import Buildings
from ldt.pipeline.sample.city import CRS, City
from ldt.pipeline.sample.grids import Grid
from ldt.pipeline.sample.landcover import LAEA

Ints = npt.NDArray[np.int64]

#: Reference year of the grid, and the years at whose end the office counted.
GRID_YEAR = 2021
COUNTED = (2018, 2023, 2024, 2025)
#: The quarter whose number is withheld: so few live there that it would tell of single households.
WITHHELD = "0402"
#: Persons in a cell of the grid outside the city, at most.
_COUNTRY = 90


@dataclass(frozen=True, slots=True)
class Population:
    """Inhabitants.

    Attributes:
        grid: 1 km cells.
        in_cell: persons in each cell (height, width), of :data:`GRID_YEAR`.
        in_area: (scheme, code) of districts and quarters → year of :data:`COUNTED` → persons.
    """

    grid: Grid
    in_cell: Ints
    in_area: dict[tuple[str, str], dict[int, int]]

    def code(self, row: int, column: int) -> str:
        """Return the code of a cell, of its lower left corner, in the notation of the census grid."""
        north = round(self.grid.north - (row + 1) * self.grid.cell)
        east = round(self.grid.west + column * self.grid.cell)
        return f"CRS3035RES1000mN{north}E{east}"


def population(rng: np.random.Generator, city: City, buildings: Buildings) -> Population:
    """Count who lives where, and draw those who live around the city."""
    middles = shapely.get_coordinates(shapely.centroid(buildings.footprints))
    grid = Grid.of_kilometres()
    x, y = Transformer.from_crs(CRS, LAEA, always_xy=True).transform(middles[:, 0], middles[:, 1])
    column = ((np.asarray(x) - grid.west) // grid.cell).astype(np.int64)
    row = ((grid.north - np.asarray(y)) // grid.cell).astype(np.int64)
    in_cell = np.zeros(grid.shape, dtype=np.int64)
    there = buildings.year <= GRID_YEAR
    np.add.at(in_cell, (row[there], column[there]), buildings.inhabitants[there])
    drawn = rng.integers(0, _COUNTRY, grid.shape)
    in_cell += np.where(city.rurality(grid.in_city_crs()) > 1.05, drawn, 0)

    points = shapely.points(middles)
    in_area: dict[tuple[str, str], dict[int, int]] = {}
    for quarter in city.quarters:
        here = shapely.contains(quarter.polygon, points)
        counts = {y: int(buildings.inhabitants[here & (buildings.year <= y)].sum()) for y in COUNTED}
        in_area["quarter", quarter.code] = counts
        of_district = in_area.setdefault(("district", str(quarter.parent)), dict.fromkeys(COUNTED, 0))
        for year, count in counts.items():
            of_district[year] += count
    return Population(grid, in_cell, in_area)
