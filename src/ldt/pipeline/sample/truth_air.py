"""What the indicators of air and heat must say of the sample city: computed from the drawn series and cubes alone, with NumPy.

Series are laid on a complete grid of hours, in the zone of the data (UTC+1), so that gaps are hours without a value.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import shapely

from ldt.pipeline.sample.air import NO2, O3, PM10, PM25, POLLUTANTS, SO2, Series, Station, hours
from ldt.pipeline.sample.city import City, Floats
from ldt.pipeline.sample.climate import HOT, TROPICAL, Temperatures
from ldt.pipeline.sample.truth import Areas, row

#: Upper edges of the classes 1 to 5 of the European Air Quality Index as of 2025, ug/m3.
INDEX_EDGES = {
    PM25: (5, 15, 50, 90, 140),
    PM10: (15, 45, 120, 195, 270),
    O3: (60, 100, 120, 160, 180),
    NO2: (10, 25, 60, 100, 150),
    SO2: (20, 40, 125, 190, 275),
}
#: Share of a period that must be there, and the least number of hours of a day, of an 8-hour mean, and of such means of a day.
ENOUGH, OF_DAY, OF_EIGHT = 0.75, 18, 6
_MEANS = {NO2: "no2-annual-mean", PM10: "pm10-annual-mean", PM25: "pm25-annual-mean"}

Row = dict[str, Any]


def air_values(
    city: City,
    stations: list[Station],
    series: list[Series],
    measured: tuple[int, ...],
    periods: tuple[int, ...],
) -> list[Row]:
    """Return the values of stations, and of the areas in which they stand, for each period; only in `measured` years are there data."""
    grid = np.concatenate([hours(y) for y in measured])
    of_year = grid.astype("datetime64[Y]").astype(np.int64) + 1970
    laid = {(s.station, s.pollutant): _laid(s, grid) for s in series}
    made: list[Row] = []
    for year in periods:
        here = of_year == year
        for (station, pollutant), values in laid.items():
            share = float(np.isfinite(values[here]).mean()) if here.any() else 0.0
            unit = f"{station}/{POLLUTANTS[pollutant]}"
            made.append(row("data-completeness", "station", unit, year, 100 * share))
            if pollutant in _MEANS:
                mean = float(np.nanmean(values[here])) if here.any() else None
                made.append(_checked(_MEANS[pollutant], station, year, mean, share))
            if pollutant == PM10:
                made.append(_pm10_days(station, year, values[here], share))
            if pollutant == O3:
                made.append(_o3_days(station, year, values, here, share))
        for station in dict.fromkeys(s for s, _ in laid):
            own = {p: v[here] for (s, p), v in laid.items() if s == station and p in INDEX_EDGES}
            made.append(_index(station, year, own))
    return [*made, *_maxima(city, stations, made)]


def _laid(series: Series, grid: np.ndarray[Any, np.dtype[np.datetime64]]) -> Floats:
    """Return the valid values of a series on a grid of hours (n,), NaN where there is none."""
    made = np.full(len(grid), np.nan)
    valid = (series.validity >= 1) & (series.start >= grid[0]) & (series.start <= grid[-1])
    made[(series.start[valid] - grid[0]).astype(np.int64)] = series.value[valid]
    return made


def _checked(indicator: str, station: str, year: int, value: float | None, share: float, **more: Any) -> Row:
    enough = share >= ENOUGH
    return row(indicator, "station", station, year, value if enough else None, **more)


def _pm10_days(station: str, year: int, values: Floats, share: float) -> Row:
    days = values.reshape(-1, 24)
    valid = np.isfinite(days).sum(axis=1) >= OF_DAY
    mean = np.nanmean(days[valid], axis=1)
    above = {str(limit): int((mean > limit).sum()) for limit in (50, 45)}
    return _checked(
        "pm10-exceedance-days", station, year, above["50"], share, days=int(valid.sum()), above=above
    )


def _o3_days(
    station: str, year: int, values: Floats, here: np.ndarray[Any, np.dtype[np.bool_]], share: float
) -> Row:
    before = np.concatenate([np.full(7, np.nan), values])
    # Of each hour h the hours h-7 … h: the mean that ends with h belongs to its day.
    eight = np.lib.stride_tricks.sliding_window_view(before, 8)
    n = np.isfinite(eight).sum(axis=1)
    means = np.where(n >= OF_EIGHT, np.nansum(eight, axis=1) / np.maximum(n, 1), np.nan)
    days = means[here].reshape(-1, 24)
    valid = np.isfinite(days).sum(axis=1) >= OF_DAY
    highest = np.nanmax(days[valid], axis=1)
    return _checked(
        "o3-days-above-120", station, year, int((highest > 120).sum()), share, days=int(valid.sum())
    )


def _index(station: str, year: int, own: dict[int, Floats]) -> Row:
    classes = np.array(
        [np.where(np.isfinite(v), 1 + np.searchsorted(INDEX_EDGES[p], v), 0) for p, v in own.items()]
    )
    hourly = classes.max(axis=0)
    there = np.sort(hourly[hourly > 0])
    by_class = {str(c): int((there == c).sum()) for c in range(1, 7)}
    # With an even number of hours the upper of the two in the middle.
    value = float(there[len(there) // 2]) if len(there) else None
    share = len(there) / len(hourly) if len(hourly) else 0.0
    return _checked("european-air-quality-index", station, year, value, share, hours=by_class)


def _maxima(city: City, stations: list[Station], made: Iterable[Row]) -> list[Row]:
    """Return, for city, districts and quarters, the highest value of the stations in them that have one."""
    per_area: dict[tuple[str, str, str, str], list[float | None]] = {}
    at = {s.site.code: shapely.Point(s.xy) for s in stations}
    for found in made:
        if found["indicator"] == "data-completeness":
            continue
        for scheme, areas in (
            ("city", [city.boundary]),
            ("district", city.districts),
            ("quarter", city.quarters),
        ):
            for area in areas:
                if area.polygon.contains(at[found["code"]]):
                    key = (found["indicator"], scheme, area.code, found["period"])
                    per_area.setdefault(key, []).append(found["value"])
    return [
        row(indicator, scheme, code, period, max((v for v in values if v is not None), default=None))
        for (indicator, scheme, code, period), values in per_area.items()
    ]


def heat_values(areas: Areas, cube: Temperatures, years: tuple[int, ...]) -> list[Row]:
    """Return hot days and tropical nights of areas: counted in each cell, then averaged over the area by exact shares of cells."""
    of_year = cube.day.astype("datetime64[Y]").astype(np.int64) + 1970
    made = []
    for year in years:
        here = of_year == year
        for indicator, hit in (
            ("hot-days", cube.highest[here] > HOT),
            ("tropical-nights", cube.lowest[here] > TROPICAL),
        ):
            count = hit.sum(axis=0).astype(np.float64)
            made += areas.means(indicator, year, cube.grid, count, np.ones(count.shape, dtype=np.bool_))
    return made
