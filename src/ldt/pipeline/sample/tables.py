"""Writers of the sample city's tables: population, trees, citizen sensors, each in the layout and the encoding of real ones.

German offices write a decimal comma, a semicolon between columns, Latin-1, and a point where a number is kept secret.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ldt.pipeline.sample.city import City
from ldt.pipeline.sample.population import COUNTED, GRID_YEAR, WITHHELD, Population
from ldt.pipeline.sample.sensors import Sensor
from ldt.pipeline.sample.trees import NOWHERE, TWICE, Trees

_POPULATION_HEADER = (
    "Stichtag",
    "Raumbezug",
    "Schlüssel",
    "Bezeichnung",
    "Einwohner",
    "Fläche in km²",
    "Bemerkung",
)
_TREE_HEADER = (
    "Baumnummer", "Gattung/Art (botanisch)", "Gattung/Art (deutsch)", "Pflanzjahr", "Höhe in m", "Kronendurchmesser in m",
    "Stadtviertel", "Rechtswert (UTM32)", "Hochwert (UTM32)", "Bemerkung",
)  # fmt: skip
#: Columns of the archive by kind of sensor, after those that every file has.
SENSOR_COLUMNS = {
    "SDS011": ("P1", "durP1", "ratioP1", "P2", "durP2", "ratioP2"),
    "BME280": ("pressure", "altitude", "pressure_sealevel", "temperature", "humidity"),
}
_SENSOR_HEADER = ("sensor_id", "sensor_type", "location", "lat", "lon", "timestamp")


def write_population_grid(path: Path, population: Population) -> None:
    """Write the grid as Eurostat delivers the census: code of the cell, total population."""
    rows = [
        (population.code(row, column), int(count))
        for (row, column), count in np.ndenumerate(population.in_cell)
    ]
    _write(path, ("GRD_ID", f"TOT_P_{GRID_YEAR}"), rows, delimiter=",", encoding="utf-8")


def write_population(path: Path, city: City, population: Population) -> None:
    """Write what the statistics office publishes of districts and quarters."""
    rows = []
    for scheme, word, areas in (
        ("district", "Stadtbezirk", city.districts),
        ("quarter", "Stadtviertel", city.quarters),
    ):
        for area in areas:
            for year in COUNTED:
                count = "." if area.code == WITHHELD else str(population.in_area[scheme, area.code][year])
                size = _comma(round(area.polygon.area / 1e6, 2), 2)
                rows.append((f"31.12.{year}", word, area.code, area.name, count, size, "synthetische Daten"))
    _write(path, _POPULATION_HEADER, rows)


def write_trees(path: Path, trees: Trees) -> None:
    """Write the register; its first rows stand there a second time, some of the last have no coordinates."""
    rows = []
    for n, (x, y) in enumerate(trees.xy.tolist()):
        nowhere = n >= len(trees.xy) - NOWHERE
        place = ("", "") if nowhere else (_comma(x, 2), _comma(y, 2))
        sizes = (_comma(trees.height[n], 1), _comma(trees.crown[n], 1))
        kind = (trees.botanical[n], trees.german[n], trees.planted[n])
        rows.append((f"B{n + 1:05}", *kind, *sizes, trees.quarter[n], *place, "synthetische Daten"))
    _write(path, _TREE_HEADER, [*rows, *rows[:TWICE]])


def write_sensor(path: Path, sensor: Sensor) -> None:
    """Write the rows of one sensor as the archive of sensor.community has them."""
    time = pc.strftime(pa.array(sensor.time), format="%Y-%m-%dT%H:%M:%S").to_pylist()
    columns = [
        [_plain(v) for v in sensor.values[c].tolist()] if c in sensor.values else [""] * len(time)
        for c in SENSOR_COLUMNS[sensor.kind]
    ]
    fixed = (sensor.number, sensor.kind, sensor.place, f"{sensor.latitude:.3f}", f"{sensor.longitude:.3f}")
    rows = ((*fixed, *row) for row in zip(time, *columns, strict=True))
    _write(path, (*_SENSOR_HEADER, *SENSOR_COLUMNS[sensor.kind]), rows, encoding="utf-8", line="\n")


def _plain(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.2f}"


def _comma(value: float, decimals: int) -> str:
    return f"{value:.{decimals}f}".replace(".", ",")


def _write(
    path: Path, header: Iterable[str], rows: Iterable[Iterable[Any]], *,
    delimiter: str = ";", encoding: str = "latin-1", line: str = "\r\n",
) -> None:  # fmt: skip
    with path.open("w", encoding=encoding, newline="") as file:
        csv.writer(file, delimiter=delimiter, lineterminator=line).writerows([tuple(header), *rows])
