"""Citizen sensors of the sample city: fine dust and weather, as sensor.community archives them.

The archive writes times without a zone that are UTC: the night in which clocks go back has no hour twice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from ldt.pipeline.sample.city import City, Floats

#: Sensors of each kind, numbers of the first, and of the first place. Real numbers are below 100,000.
COUNT, FIRST, FIRST_PLACE = 5, 990_001, 980_001
#: Nineteen days around the change of the clocks on 26 October 2025; a value about every five minutes.
START, DAYS, SECONDS = np.datetime64("2025-10-13T00:00:00"), 19, 300


@dataclass(frozen=True, slots=True)
class Sensor:
    """One sensor with all its rows, in order of time.

    Attributes:
        number: of the sensor.
        kind: `SDS011` (P1 and P2, ug/m3) or `BME280` (pressure in Pa, temperature in degrees Celsius, humidity in percent).
        place: number of the place; two sensors of one box share it.
        latitude, longitude: degrees, three decimals: the archive blurs the place.
        time: (n,) datetime64[s], UTC.
        values: name of the column → values (n,), NaN where the field is empty.
    """

    number: int
    kind: str
    place: int
    latitude: float
    longitude: float
    time: npt.NDArray[np.datetime64]
    values: dict[str, Floats]


def sensors(rng: np.random.Generator, city: City, to_degrees: Transformer, days: int = DAYS) -> list[Sensor]:
    """Draw boxes with one sensor of each kind, spread over the city; `to_degrees` as for the stations."""
    made = []
    share = (0.1, 0.34, 0.52, 0.66, 0.8)
    for n in range(COUNT):
        x, y = city.place(share[n], 2 * np.pi * n / COUNT + 0.5)
        longitude, latitude = (round(float(v), 3) for v in to_degrees.transform(x, y))
        place = (FIRST_PLACE + n, latitude, longitude)
        for k, kind in enumerate(("SDS011", "BME280")):
            time = _times(rng, days)
            draw = _dust if kind == "SDS011" else _weather
            made.append(Sensor(FIRST + 2 * n + k, kind, *place, time, draw(rng, time, share[n])))
    return made


def _times(rng: np.random.Generator, days: int) -> npt.NDArray[np.datetime64]:
    """Return when a sensor sent: every few minutes, with some seconds of drift, and one outage of hours."""
    n = days * 86_400 // SECONDS
    drift = rng.integers(0, 60, n)
    time = START + (np.arange(n) * SECONDS + drift).astype("timedelta64[s]")
    began = int(rng.integers(0, n - 60))
    return np.delete(time, slice(began, began + 40))


def _dust(rng: np.random.Generator, time: npt.NDArray[np.datetime64], out: float) -> dict[str, Floats]:
    hours = (time - time[0]).astype(np.float64) / 3600
    every_six = np.arange(0, hours[-1] + 6, 6)
    slow = np.interp(hours, every_six, np.exp(0.5 * rng.standard_normal(len(every_six))))
    p1 = np.round((21 - 9 * out) * slow * np.exp(0.2 * rng.standard_normal(len(time))), 2)
    p2 = np.round(p1 * rng.uniform(0.42, 0.62, len(time)), 2)
    # A laser that sticks sends nothing but an empty field.
    p1[rng.random(len(time)) < 0.001] = np.nan
    return {"P1": p1, "P2": p2}


def _weather(rng: np.random.Generator, time: npt.NDArray[np.datetime64], out: float) -> dict[str, Floats]:
    hour = (time - time.astype("datetime64[D]")).astype(np.float64) / 3600
    day = (time - time[0]).astype(np.float64) / 86_400
    warm = 10.5 - 1.2 * out + 4.2 * np.cos(2 * np.pi * (hour - 14) / 24) + 2 * np.sin(day / 2.3)
    temperature = np.round(warm + 0.2 * rng.standard_normal(len(time)), 2)
    humidity = np.round(np.clip(78 - 4 * (warm - 10) + rng.standard_normal(len(time)), 5, 100), 2)
    pressure = np.round(99_400 + 650 * np.sin(day / 3.1) + 12 * rng.standard_normal(len(time)), 2)
    return {"pressure": pressure, "temperature": temperature, "humidity": humidity}
