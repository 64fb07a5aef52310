"""Heat: days of a year whose highest or lowest temperature is above a number, at stations and, from coverages, in areas.

At stations the days are counted by :mod:`ldt.indicators.exceedance`. In areas they are counted in each cell of a coverage with
an axis of days, and the counts averaged by the exact share of the cells; a station in an area is no mean of the area.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
import psycopg
import xarray as xr
from affine import Affine
from numpy.typing import NDArray

from ldt.indicators import areas, zonal
from ldt.indicators.exceedance import at_stations, unit_of
from ldt.indicators.request import Request, named, resolve
from ldt.indicators.stations import of_years
from ldt.model.coverage import Coverage
from ldt.model.indicator import Value
from ldt.store import coverages

#: What one step of a usable coverage stands for.
_DAY = "P1D"
#: Least share of the year's days that a cell needs, and of an area that such cells cover. [P]
LEAST = 0.9
#: Cells times days that are read at a time.
_BLOCK = 4_000_000


@dataclass(frozen=True, slots=True)
class _Counted:
    """The days above the number in each cell, for coverages that lie on the same grid.

    Attributes:
        days: (y, x), NaN in cells with too few days.
        n_days: how many days of the year there are.
        read: the coverages that hold them.
    """

    days: xr.DataArray
    n_days: int
    read: list[Coverage]


def temperature_days(conn: psycopg.Connection[Any], request: Request) -> list[Value]:
    """Return the number of days above `formula.above`: at stations, and the mean over the cells of `formula.coverage` in areas.

    Raises:
        UsageError: none of the periods is a calendar year.
    """
    request = of_years(request)
    formula = request.definition.formula
    band = str(formula.coverage)
    found = list(at_stations(conn, request).values())
    cubes = coverages.listed(conn, request.snapshot, observed_property=band)
    if not found and not cubes:
        return request.lacking(f"needs observations or coverages of {band}")
    units = areas.listed(conn, request.snapshot, request.area_schemes) if request.area_schemes else []
    if not units:
        return found or areas.lacking(request)
    unit = unit_of(conn, band)
    usable = [c for c in cubes if c.averaging == _DAY and _band_unit(c, band) == unit]
    for year in request.periods:
        if not usable:
            found += [_lacking(request, area, year, cubes, unit) for area in units]
        else:
            found += _in_areas(request, units, usable, year)
    return found


def _band_unit(coverage: Coverage, band: str) -> str | None:
    found = coverage.band(band)
    return None if found is None else found.unit


def _lacking(request: Request, area: dict[str, Any], year: str, cubes: list[Coverage], unit: str) -> Value:
    band = str(request.definition.formula.coverage)
    there = sorted({f"{c.averaging or 'no time axis'} in {_band_unit(c, band)}" for c in cubes})
    return areas.value(
        request,
        area,
        year,
        {c.dataset.dataset_id: c.dataset for c in cubes}.values(),
        status="not-computable",
        method=request.definition.formula.method,
        reason=f"needs a coverage of {band} by days in {unit}"
        + (f"; there is {named(there)}" if there else ""),
    )


def _in_areas(
    request: Request, units: list[dict[str, Any]], usable: list[Coverage], year: str
) -> list[Value]:
    period = resolve(year)
    expected = (period.end - period.start).days
    counted = [c for c in _counted(request, usable, year) if c.n_days]
    # A grid with too few days says nothing, so it must not lie over one that has enough.
    whole = [c for c in counted if c.n_days >= LEAST * expected] or counted
    means = zonal.means([area["geom"] for area in units], [c.days for c in whole])
    read = [c for group in whole for c in group.read]
    n_days = max((c.n_days for c in whole), default=0)
    found = []
    for area, mean in zip(units, means, strict=True):
        enough = mean.value is not None and mean.coverage >= LEAST
        found.append(
            areas.value(
                request,
                area,
                year,
                {c.dataset.dataset_id: c.dataset for c in read or usable}.values(),
                status="valid" if enough else "insufficient",
                value=mean.value if enough else None,
                reason=None if enough else _too_few(n_days, expected, mean.coverage),
                method="days of each cell, mean by the exact share of the cells",
                n_valid=n_days,
                n_expected=expected,
                coverage=mean.coverage,
                quality={
                    "days": {"valid": n_days, "expected": expected},
                    "area_m2": mean.area_m2,
                    "covered_m2": mean.known_m2,
                    "coverages": [c.id for c in read],
                },
            )
        )
    return found


def _too_few(n_days: int, expected: int, coverage: float) -> str:
    if n_days < LEAST * expected:
        return f"{n_days} of {expected} days are there, {100 * LEAST:g} % are needed"
    return (
        f"cells with {100 * LEAST:g} % of the days cover {100 * coverage:.1f} % of the area,"
        f" {100 * LEAST:g} % are needed"
    )


def _counted(request: Request, usable: Sequence[Coverage], year: str) -> Iterator[_Counted]:
    """Yield the counts of each data set and grid, which may be spread over several coverages (one for each month)."""
    for _, group in groupby(
        sorted(usable, key=lambda c: (c.dataset.dataset_id, repr(c.grid), c.code)),
        key=lambda c: (c.dataset.dataset_id, c.grid),
    ):
        yield _count(request, list(group), year)


def _count(request: Request, alike: list[Coverage], year: str) -> _Counted:
    formula, period = request.definition.formula, resolve(year)
    first, last = (np.datetime64(m.replace(tzinfo=None), "D") for m in (period.start, period.end))
    band, limit = str(formula.coverage), formula.above or 0.0
    grid = alike[0].grid
    above, known = (np.zeros((grid.height, grid.width), dtype=np.int32) for _ in range(2))
    seen: set[np.datetime64] = set()
    read: list[Coverage] = []
    for coverage in alike:
        with coverages.opened(coverage) as cells:
            array = cells[band]
            days = array["time"].values.astype("datetime64[D]")
            chosen = [i for i, d in enumerate(days) if first <= d < last and d not in seen]
            seen |= {days[i] for i in chosen}
            for block in _blocks(array, chosen):
                above += (block > limit).sum(axis=0)
                known += (~np.isnan(block)).sum(axis=0)
            if chosen:
                read.append(coverage)
    expected = int((last - first).astype(int))
    x, y = coverages.centres(grid)
    days_above = xr.DataArray(
        np.where(known >= LEAST * expected, above, np.nan), {"y": y, "x": x}, ("y", "x"), name=band
    )
    placed = days_above.rio.write_crs(grid.crs).rio.write_transform(Affine(*grid.transform))
    return _Counted(placed, len(seen), read)


def _blocks(array: xr.DataArray, chosen: list[int]) -> Iterator[NDArray[np.floating[Any]]]:
    length = max(1, _BLOCK // (array.sizes["y"] * array.sizes["x"]))
    for start in range(0, len(chosen), length):
        yield array.isel(time=chosen[start : start + length]).transpose("time", "y", "x").values
