"""Daily temperatures of the sample city on the European 1 km grid, as NetCDF with the CF conventions, in kelvin.

The town is warmer than the country around it, by night more than by day; hills are cooler. Values keep two decimals, and none
lies so near 20 or 30 degrees Celsius that the step from kelvin in single precision could decide about it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyproj

from ldt.netcdf import Attribute, Variable, write_netcdf
from ldt.pipeline.sample.city import City, Floats, SmoothField
from ldt.pipeline.sample.grids import Grid
from ldt.pipeline.sample.landcover import LAEA

ZERO_CELSIUS = 273.15
HOT, TROPICAL = 30.0, 20.0
_EPOCH = np.datetime64("1950-01-01")


@dataclass(frozen=True, slots=True)
class Temperatures:
    """Highest and lowest temperature of each day (days, height, width) in degrees Celsius; `day` (days,) datetime64[D], UTC."""

    grid: Grid
    day: npt.NDArray[np.datetime64]
    highest: Floats
    lowest: Floats


def temperatures(rng: np.random.Generator, city: City, years: tuple[int, ...]) -> Temperatures:
    """Draw the days of some years."""
    grid = Grid.of_kilometres()
    day = np.arange(np.datetime64(f"{years[0]}-01-01"), np.datetime64(f"{years[-1] + 1}-01-01"))
    of_year = (day - day.astype("datetime64[Y]")).astype(np.float64) / 365.25
    summer = -np.cos(2 * np.pi * (of_year - 0.055))
    weather = _weather(rng, len(day))
    sun = 5.4 + 2.2 * summer + 1.2 * rng.standard_normal(len(day))
    xy = grid.in_city_crs()
    town = np.exp(-1.6 * city.rurality(xy) ** 2)
    place = -0.5 * SmoothField.random(rng, 9_000)(xy)
    mean = (10.4 + 9.6 * summer + weather)[:, None, None] + place
    noise = 0.35 * rng.standard_normal((2, len(day), *grid.shape))
    highest = mean + sun[:, None, None] + 1.6 * town + noise[0]
    lowest = mean - 0.85 * sun[:, None, None] + 3.4 * town + noise[1]
    return Temperatures(
        grid, day, _clear_of(highest, HOT), _clear_of(np.minimum(lowest, highest - 0.5), TROPICAL)
    )


def _weather(rng: np.random.Generator, days: int) -> Floats:
    """Return how much warmer than usual each day (days,) is, in kelvin: warm and cold spells of about a week."""
    step = rng.standard_normal(days)
    made = np.empty(days)
    last = 0.0
    for n in range(days):
        last = 0.8 * last + step[n]
        made[n] = last
    return 2.1 * made


def _clear_of(values: Floats, threshold: float) -> Floats:
    rounded = np.round(values, 2)
    near = np.abs(rounded - threshold) < 0.015
    return np.asarray(
        np.where(near, threshold + np.where(rounded > threshold, 0.02, -0.02), rounded), dtype=np.float64
    )


def write_temperatures(path: Path, made: Temperatures, notice: str) -> None:
    """Write `tasmax` and `tasmin` in the manner of reanalyses: CF-1.8, kelvin, days since 1950."""
    grid = made.grid
    crs = pyproj.CRS(LAEA).to_cf()
    mapping: dict[str, Attribute] = {
        name: value for name, value in crs.items() if isinstance(value, str | int | float)
    }
    cell: dict[str, Attribute] = {
        "units": "K",
        "standard_name": "air_temperature",
        "grid_mapping": "crs",
        "_FillValue": np.float32(1e20),
    }
    axes = ("time", "y", "x")
    highest = {
        **cell,
        "cell_methods": "time: maximum",
        "long_name": "Highest near-surface air temperature of the day",
    }
    lowest = {
        **cell,
        "cell_methods": "time: minimum",
        "long_name": "Lowest near-surface air temperature of the day",
    }
    time = {
        "units": "days since 1950-01-01 00:00:00",
        "calendar": "standard",
        "standard_name": "time",
        "axis": "T",
    }
    y = {"units": "m", "standard_name": "projection_y_coordinate", "axis": "Y"}
    x = {"units": "m", "standard_name": "projection_x_coordinate", "axis": "X"}
    write_netcdf(
        path,
        {"time": len(made.day), "y": grid.height, "x": grid.width},
        {
            "time": Variable(("time",), (made.day - _EPOCH).astype(np.float64), time),
            "y": Variable(("y",), grid.y, y),
            "x": Variable(("x",), grid.x, x),
            "crs": Variable((), np.array(0, dtype=np.int32), mapping),
            "tasmax": Variable(axes, _kelvin(made.highest), highest),
            "tasmin": Variable(axes, _kelvin(made.lowest), lowest),
        },
        {
            "Conventions": "CF-1.8",
            "title": "Daily temperature, sample city (synthetic data)",
            "comment": notice,
            "license": "CC0-1.0",
        },
    )


def _kelvin(celsius: Floats) -> npt.NDArray[np.float32]:
    return np.asarray(np.round(celsius + ZERO_CELSIUS, 2), dtype=np.float32)
