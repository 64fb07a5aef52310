"""What a value of an indicator must be, and the areas of the sample city in parts that add up.

Quarters partition districts, and districts the city: what is summed over quarters is summed over all of them. So the cells and
units of an area are found once for each quarter.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import shapely

from ldt.pipeline.sample.city import City, Floats, polygons
from ldt.pipeline.sample.grids import Grid, to_laea
from ldt.pipeline.sample.landcover import Units

#: Share of an area that must have valid data.
COVERED = 0.9
Row = dict[str, Any]


def row(indicator: str, scheme: str, code: str, period: int | str, value: float | None, **more: Any) -> Row:
    """Return an expected value; one that there is not enough data for has none, and the status says so."""
    status = "valid" if value is not None else "insufficient"
    return {
        "indicator": indicator,
        "scheme": scheme,
        "code": code,
        "period": str(period),
        "status": status,
        "value": None if value is None else round(float(value), 9),
        **more,
    }


@dataclass(frozen=True)
class Areas:
    """City, districts and quarters, in EPSG:3035."""

    city: City

    @cached_property
    def quarters(self) -> npt.NDArray[np.object_]:
        """Polygons of the quarters (41,)."""
        return to_laea(polygons(self.city.quarters))

    @cached_property
    def members(self) -> list[tuple[str, str, npt.NDArray[np.int64]]]:
        """Scheme, code and the numbers of the quarters of each area."""
        quarters = self.city.quarters
        whole = np.arange(len(quarters))
        made = [("city", self.city.boundary.code, whole)]
        for district in self.city.districts:
            own = [n for n, q in enumerate(quarters) if q.parent == district.code]
            made.append(("district", district.code, np.array(own)))
        return [*made, *(("quarter", q.code, whole[n : n + 1]) for n, q in enumerate(quarters))]

    @cached_property
    def sizes(self) -> Floats:
        """Areas of the quarters (41,), square metres."""
        return np.asarray(shapely.area(self.quarters), dtype=np.float64)

    def _shares(self, grid: Grid) -> list[tuple[npt.NDArray[np.int64], Floats]]:
        made = self._found.get(grid)
        if made is None:
            made = self._found[grid] = [grid.shares(q) for q in self.quarters]
        return made

    @cached_property
    def _found(self) -> dict[Grid, list[tuple[npt.NDArray[np.int64], Floats]]]:
        return {}

    def sums(self, grid: Grid, values: Floats, valid: npt.NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Return for each quarter (41,) the sum of valid cells' values by their share in it, and the sum of those shares."""
        flat, there = values.ravel(), valid.ravel()
        total, weight = np.zeros(len(self.quarters)), np.zeros(len(self.quarters))
        for n, (cells, share) in enumerate(self._shares(grid)):
            own = share * there[cells]
            total[n], weight[n] = float((own * flat[cells]).sum()), float(own.sum())
        return total, weight

    def means(
        self, indicator: str, period: int, grid: Grid, values: Floats, valid: npt.NDArray[np.bool_]
    ) -> list[Row]:
        """Return the means of a grid's values (height, width) over every area, by exact shares of cells."""
        total, weight = self.sums(grid, values, valid)
        made = []
        for scheme, code, own in self.members:
            covered = weight[own].sum() * grid.cell**2 / self.sizes[own].sum()
            mean = total[own].sum() / weight[own].sum() if covered >= COVERED else None
            made.append(row(indicator, scheme, code, period, mean))
        return made

    def by_class(self, units: Units) -> dict[str, Floats]:
        """Return class → area of it in each quarter (41,), square metres."""
        tree = shapely.STRtree(units.polygons)
        quarter, unit = tree.query(self.quarters, predicate="intersects")
        size = shapely.area(shapely.intersection(self.quarters[quarter], units.polygons[unit]))
        made: dict[str, Floats] = {}
        for n, u, s in zip(quarter, unit, size, strict=True):
            made.setdefault(str(units.codes[u]), np.zeros(len(self.quarters)))[n] += s
        return made

    def per_area(self, of_quarter: Floats) -> Iterable[tuple[str, str, float]]:
        """Yield scheme, code and the sum over its quarters of every area."""
        for scheme, code, own in self.members:
            yield scheme, code, float(of_quarter[own].sum())
