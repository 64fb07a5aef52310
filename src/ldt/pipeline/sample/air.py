"""Air quality of the sample city: stations, and two years of hourly values as the EEA's download service gives them.

The series have what real ones have: rush hours and weekends, winter and summer, days of still air that all stations share, gaps, calibrations, values
below the detection limit. All of it is drawn; none of it was measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt
from pyproj import Transformer

from ldt.pipeline.sample.city import City, Floats, SmoothField

#: EEA pollutant codes (reference vocabulary aq/pollutant) and the notation in the older files.
POLLUTANTS = {8: "NO2", 5: "PM10", 6001: "PM2.5", 7: "O3", 1: "SO2"}
NO2, PM10, PM25, O3, SO2 = POLLUTANTS
#: Detection limits, ug/m3: lower values carry the flags 2 (kept) and 3 (replaced by half the limit).
DETECTION_LIMIT = {NO2: 2.0, PM10: 3.0, PM25: 2.0, O3: 2.0, SO2: 1.0}
#: How much the rush hours of a road shape the day of a pollutant: what engines emit, more than what they stir up.
_FROM_TRAFFIC = {NO2: 1.0, PM10: 0.4, PM25: 0.3, SO2: 0.1}
#: Verification of a year's data: verified, then preliminary verified. Both are good enough for statistics.
VERIFICATION = {2023: 1, 2024: 1, 2025: 2}


#: Scatter from hour to hour, as the standard deviation of the logarithm.
_NOISE = {NO2: 0.22, PM10: 0.22, PM25: 0.18, O3: 0.08, SO2: 0.35}


@dataclass(frozen=True, slots=True)
class Site:
    """How a station is meant: where it stands and what it is to show.

    Attributes:
        share: where it stands, as a share of the city's radius.
        bearing: degrees anticlockwise from east.
        level: EEA pollutant code → intended annual mean, ug/m3.
        coverage: share of the hours of each year that have a valid value.
        traffic: how much the two rush hours shape the day, 0 to 1.
    """

    code: str
    name: str
    kind: str
    area: str
    share: float
    bearing: float
    level: dict[int, float]
    coverage: float
    traffic: float


#: Six stations that measure; no German state has the letters ZZ. 44 ug/m3 is above the limit value of 40 for NO2,
#: 87 % lies between the coverage that directives 2024/2881 (85 %) and 2008/50 (90 %) ask for, 70 % below both.
SITES = (
    Site("DEZZ001", "Musterstadt Wallring", "traffic", "urban", 0.24, 80,
         {NO2: 44.0, PM10: 26.0, PM25: 14.5}, 0.975, 1.0),
    Site("DEZZ002", "Musterstadt Neumarkt", "background", "urban", 0.26, 200,
         {NO2: 24.0, PM10: 19.0, PM25: 11.5, O3: 46.0, SO2: 4.0}, 0.98, 0.5),
    Site("DEZZ003", "Musterstadt Gartenstadt", "background", "suburban", 0.56, 60,
         {NO2: 16.0, PM10: 16.0, PM25: 9.5, O3: 52.0}, 0.87, 0.4),
    Site("DEZZ004", "Musterstadt Güterbahnhof", "industrial", "suburban", 0.55, 180,
         {NO2: 28.0, PM10: 23.0, SO2: 11.0}, 0.70, 0.3),
    Site("DEZZ005", "Musterstadt Deichfeld", "traffic", "suburban", 0.83, 300,
         {NO2: 33.0, PM10: 21.0, PM25: 12.0}, 0.96, 0.9),
    Site("DEZZ006", "Musterwald", "background", "rural", 1.35, 130,
         {NO2: 6.5, PM10: 11.0, PM25: 7.0, O3: 55.0}, 0.97, 0.1),
)  # fmt: skip
#: Stations that the list holds but no series: one lies too far away for the twin.
NEIGHBOURS = (Site("DEZZ090", "Fernstadt Bahnhof", "background", "urban", 9.0, 20, {}, 0.0, 0.0),)
#: Beyond this share of the city's radius a station lies outside the twin, whatever the outline.
FAR = 4.0


@dataclass(frozen=True, slots=True)
class Station:
    """A monitoring station with its place, latitude and longitude in degrees (ETRS89)."""

    site: Site
    xy: tuple[float, float]
    latitude: float
    longitude: float


@dataclass(frozen=True, slots=True)
class Series:
    """The rows of one sampling point, in order of time; hours that were lost have no row.

    Attributes:
        start: beginning of each hour, naive, UTC+1, datetime64[h].
        value: ug/m3 with two decimals; -999 where an instrument was being calibrated.
        validity, verification: EEA codes.
    """

    station: str
    pollutant: int
    start: npt.NDArray[np.datetime64]
    value: Floats
    validity: npt.NDArray[np.int32]
    verification: npt.NDArray[np.int32]

    @property
    def sampling_point(self) -> str:
        """Identifier as German stations have it in the EEA's files, with the country in front."""
        return f"DE/SPO.DE_{self.station}_{POLLUTANTS[self.pollutant]}_dataGroup1"


def hours(year: int) -> npt.NDArray[np.datetime64]:
    """Return the beginning of every hour of a calendar year, in the zone of the data."""
    return np.arange(np.datetime64(f"{year}-01-01T00"), np.datetime64(f"{year + 1}-01-01T00"))


def weather(rng: np.random.Generator, start: npt.NDArray[np.datetime64]) -> Floats:
    """Return a factor (n,) around 1 that all stations share: days of still air have much, windy days little."""
    days = (start - start[0]).astype(np.float64) / 24
    daily = rng.standard_normal(int(days[-1]) + 3)
    smooth = np.convolve(daily, [0.25, 0.5, 0.25], mode="same") / 0.61
    return np.asarray(np.exp(0.35 * np.interp(days, np.arange(len(smooth)), smooth)), dtype=np.float64)


def series(
    rng: np.random.Generator, site: Site, pollutant: int, start: npt.NDArray[np.datetime64], air: Floats
) -> Series:
    """Draw the series of one sampling point.

    Args:
        rng: source of chance.
        site: the station.
        pollutant: EEA code, a key of :data:`POLLUTANTS`.
        start: hours (n,) to cover, whole years.
        air: weather factor (n,).
    """
    shape = _ozone(start, air) if pollutant == O3 else _emitted(site, pollutant, start, air)
    value = shape * np.exp(_NOISE[pollutant] * rng.standard_normal(len(start)))
    of_year = _of_year(start)
    if pollutant in (PM10, PM25):
        # On New Year's Eve fireworks drive particles to several times their usual level.
        value = np.where((of_year < 3 / 8766) & (site.area != "rural"), value * 6, value)
    value = np.round(value * site.level[pollutant] / value.mean(), 2)

    validity = np.ones(len(start), dtype=np.int32)
    low = value < DETECTION_LIMIT[pollutant]
    replaced = low & (rng.random(len(start)) < 0.5)
    validity[low], validity[replaced] = 2, 3
    value[replaced] = DETECTION_LIMIT[pollutant] / 2
    lost, wrong, calibration = _outages(rng, start, site.coverage)
    validity[wrong], validity[calibration] = -1, -99
    value[calibration] = -999.0
    year = start.astype("datetime64[Y]").astype(np.int64) + 1970
    verification = np.select([year == y for y in VERIFICATION], list(VERIFICATION.values())).astype(np.int32)
    keep = ~lost
    return Series(site.code, pollutant, start[keep], value[keep], validity[keep], verification[keep])


def _of_year(start: npt.NDArray[np.datetime64]) -> Floats:
    """Return how much of its year lies before each hour, 0 to 1."""
    passed: Floats = (start - start.astype("datetime64[Y]")).astype(np.float64) / 8766
    return passed


def _emitted(site: Site, pollutant: int, start: npt.NDArray[np.datetime64], air: Floats) -> Floats:
    """Return the course (n,) of what roads, chimneys and heating emit, around 1."""
    hour = start.astype(np.int64) % 24
    day = start.astype("datetime64[D]").astype(np.int64)
    weekend = (day + 3) % 7 >= 5  # 1970-01-01 was a Thursday
    rush = np.exp(-(((hour - 7.5) / 1.6) ** 2)) + 0.9 * np.exp(-(((hour - 17.5) / 2.2) ** 2))
    night = 0.25 * np.cos(2 * np.pi * (hour - 22) / 24)
    winter = 0.28 * np.cos(2 * np.pi * (_of_year(start) - 0.03))
    strength = site.traffic * _FROM_TRAFFIC[pollutant]
    shape = (0.55 + strength * rush) * np.where(weekend, 1 - 0.3 * strength, 1) * (1 + winter) + night * 0.4
    return np.asarray(np.maximum(shape, 0.08) * air, dtype=np.float64)


def _ozone(start: npt.NDArray[np.datetime64], air: Floats) -> Floats:
    """Return the course (n,) of ozone, around 1: it is made by the sun, on still days of summer, and is highest at three."""
    hour = start.astype(np.int64) % 24
    summer = -np.cos(2 * np.pi * (_of_year(start) - 0.03))
    sun = 1 + (0.5 + 0.2 * summer) * np.cos(2 * np.pi * (hour - 15) / 24)
    # Still air holds ozone back in winter, when exhaust takes it up, and lets it grow in summer.
    return np.asarray((1 + 0.32 * summer) * sun * air ** (0.6 * summer), dtype=np.float64)


def _outages(
    rng: np.random.Generator, start: npt.NDArray[np.datetime64], coverage: float
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which hours were lost, are wrong, or went to calibration; the rest is `coverage` of each year, to the hour."""
    n = len(start)
    calibration = np.zeros(n, dtype=np.bool_)
    calibration[1::168] = True  # an hour a week
    wrong, lost = np.zeros(n, dtype=np.bool_), np.zeros(n, dtype=np.bool_)
    years = start.astype("datetime64[Y]")
    for year in np.unique(years):
        of_year = np.flatnonzero(years == year)
        missing = len(of_year) - round(coverage * len(of_year)) - int(calibration[of_year].sum())
        wrong_here = missing // 5
        # Outages last from hours to weeks: neighbouring hours are ranked by a slow random field and fall out together.
        field = SmoothField.random(rng, 1_500.0, 12)(
            np.column_stack([of_year * 10.0, np.zeros(len(of_year))])
        )
        field[calibration[of_year]] = -np.inf
        ranked = of_year[np.argsort(-field, kind="stable")]
        lost[ranked[: missing - wrong_here]] = True
        wrong[ranked[missing - wrong_here : missing]] = True
    return lost, wrong, calibration


def stations(city: City, to_degrees: Transformer) -> list[Station]:
    """Return the stations where they stand; `to_degrees` is a pyproj transformer from the city's CRS to ETRS89, x first."""
    made = []
    for site in SITES + NEIGHBOURS:
        x, y = city.place(site.share, np.radians(site.bearing))
        longitude, latitude = to_degrees.transform(x, y)
        made.append(Station(site, (float(x), float(y)), round(latitude, 6), round(longitude, 6)))
    return made


def opened(site: Site) -> date:
    """Return when a station was opened (made up, spread over the nineties)."""
    return date(1990 + int(site.code[-1]), 4, 1)
