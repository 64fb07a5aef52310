"""Which files the sample city consists of, and what writes each."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from ldt.pipeline.sample import expected, files, tables
from ldt.pipeline.sample.air import POLLUTANTS
from ldt.pipeline.sample.city import CRS, Area, polygons
from ldt.pipeline.sample.climate import write_temperatures
from ldt.pipeline.sample.datasets import ENTRIES
from ldt.pipeline.sample.draw import LEGACY_YEAR, MEASURED, Drawn
from ldt.pipeline.sample.gml import GmlWriter
from ldt.pipeline.sample.gml_buildings import write_buildings
from ldt.pipeline.sample.landcover import AFTER, BEFORE, LAEA, YEARS, Units

BUFFER_M = 5_000
#: Hours at the end of the legacy file that stand there twice.
LEGACY_TWICE = 24 * 31
#: Years that indicators are computed for: of the first there is land cover, of the others also air and temperatures.
PERIODS = (BEFORE, *MEASURED)

#: Writes one file.
Write = Callable[[Path], None]

_SYNTHETIC = {
    "title": {
        "en": "Sample city (synthetic data)",
        "de": "Musterstadt (synthetische Daten)",
        "fr": "Ville modèle (données synthétiques)",
        "es": "Ciudad de muestra (datos sintéticos)",
        "it": "Città campione (dati sintetici)",
    },
    "description": {
        "en": "A made-up city. Every feature and every value was drawn by a random generator; nothing was surveyed or measured.",
        "de": "Eine erfundene Stadt. Alle Objekte und Werte stammen aus einem Zufallsgenerator; nichts wurde vermessen oder gemessen.",
        "fr": "Une ville inventée. Chaque objet et chaque valeur sort d'un générateur aléatoire ; rien n'a été levé ni mesuré.",
        "es": "Una ciudad inventada. Todos los objetos y valores salen de un generador aleatorio; nada se ha levantado ni medido.",
        "it": "Una città inventata. Ogni oggetto e ogni valore viene da un generatore casuale; nulla è stato rilevato o misurato.",
    },
}


def plan(drawn: Drawn, notice: str) -> dict[str, Write]:
    """Return path below the folder → what writes that file; nothing is written yet.

    Args:
        drawn: the city.
        notice: what each file says of itself, where its format has a place for that.
    """
    return {
        **_areas(drawn, notice),
        **_inspire(drawn, notice),
        **_land(drawn, notice),
        **_series(drawn, notice),
        **_people(drawn),
        "README.txt": _text(f"{notice}\nNo rights are reserved (CC0 1.0).\n"),
        "expected.json": partial(_expected, drawn, notice),
        "sample-city.yaml": _text(
            f"# {notice}\n{yaml.safe_dump(_manifest(), allow_unicode=True, sort_keys=False, width=120)}"
        ),
    }


def _text(text: str) -> Write:
    def write(path: Path) -> None:
        path.write_text(text, encoding="utf-8")

    return write


def _areas(drawn: Drawn, notice: str) -> dict[str, Write]:
    city = drawn.city
    return {
        f"{stem}.gpkg": partial(
            files.write_geopackage,
            layer=layer,
            geometries=polygons(some),
            columns=_attributes(some),
            crs=CRS,
            geometry_type="Polygon",
            title=f"{title} (synthetic data)",
            notice=notice,
        )
        for stem, layer, title, some in (
            ("boundary", "stadtgebiet", "Stadtgebiet", [city.boundary]),
            ("districts", "stadtbezirke", "Stadtbezirke", city.districts),
            ("quarters", "stadtviertel", "Stadtviertel", city.quarters),
        )
    }


def _attributes(areas: list[Area]) -> dict[str, Any]:
    """Return the columns of a layer of areas, in the words that German cities use."""
    columns = {
        "schluessel": np.array([a.code for a in areas], dtype=object),
        "bezeichnung": np.array([a.name for a in areas], dtype=object),
        "gehoert_zu": np.array([a.parent for a in areas], dtype=object),
        "flaeche_m2": np.array([round(a.polygon.area, 2) for a in areas]),
        "bemerkung": np.full(len(areas), "synthetic data", dtype=object),
    }
    if areas[0].parent is None:
        del columns["gehoert_zu"]
    return columns


def _inspire(drawn: Drawn, notice: str) -> dict[str, Write]:
    writer = GmlWriter.create()
    return {
        "administrative-unit.gml": partial(
            writer.administrative_units, areas=[drawn.city.boundary], notice=notice
        ),
        "protected-sites.gml": partial(writer.protected_sites, sites=drawn.sites, notice=notice),
        "stations.gml": partial(writer.facilities, stations=drawn.stations, notice=notice),
        "buildings.gml.gz": partial(write_buildings, buildings=drawn.buildings, notice=notice),
    }


def _land(drawn: Drawn, notice: str) -> dict[str, Write]:
    made: dict[str, Write] = {}
    for year in YEARS:
        units = drawn.cover.units(year)
        made[f"land-cover/CLC{year}_sample.gpkg"] = _units(
            units, f"clc{year % 100}_sample", {f"CODE_{year % 100}": units.codes}, f"CLC {year}", notice
        )
    changes = drawn.cover.changes()
    first, second = (np.array([c.split("-")[n] for c in changes.codes], dtype=object) for n in (0, 1))
    columns = {
        f"CODE_{BEFORE % 100}": first,
        f"CODE_{AFTER % 100}": second,
        "CHANGE": changes.codes,
        "CHTYPE": np.full(len(first), "R", dtype=object),
    }
    title = f"CLC changes {BEFORE} to {AFTER}"
    made["land-cover/CHA1824_sample.gpkg"] = _units(changes, "cha24_sample", columns, title, notice)
    for raster in drawn.land_cover:
        made[f"land-cover/U{raster.year}_CLC{raster.year}_V2026_sample.tif"] = partial(
            raster.write, notice=notice
        )
    for short, rasters in (("IMD", drawn.sealed), ("TCD", drawn.canopy)):
        for raster in rasters:
            name = f"land-cover/{short}_{raster.year}_{raster.grid.cell:03.0f}m_sample_03035_v1_0.tif"
            made[name] = partial(raster.write, notice=notice)
    return made


def _units(units: Units, layer: str, columns: dict[str, Any], title: str, notice: str) -> Write:
    n = len(units.codes)
    return partial(
        files.write_geopackage,
        layer=layer,
        geometries=units.polygons,
        columns={
            "ID": np.array([f"EU-{k}" for k in range(1, n + 1)], dtype=object),
            **columns,
            "AREA_HA": np.array([round(p.area / 1e4, 4) for p in units.polygons]),
            "REMARK": np.full(n, "synthetic", dtype=object),
        },
        crs=LAEA,
        geometry_type="Polygon",
        title=f"{title}, sample city (synthetic data)",
        notice=notice,
    )


def _series(drawn: Drawn, notice: str) -> dict[str, Write]:
    legacy = f"{drawn.legacy.station}_{POLLUTANTS[drawn.legacy.pollutant]}_{LEGACY_YEAR}_legacy.csv"
    years = f"{MEASURED[0]}-{MEASURED[-1]}"
    return {
        **{
            f"air-quality/{s.station}_{POLLUTANTS[s.pollutant]}.parquet": partial(
                files.write_eea_parquet, series=s, notice=notice
            )
            for s in drawn.series
        },
        legacy: partial(files.write_eea_legacy, series=drawn.legacy, twice=LEGACY_TWICE),
        f"temperature_day_sample_{years}.nc": partial(
            write_temperatures, made=drawn.temperatures, notice=notice
        ),
        **{
            f"sensors/2025-10_{s.kind.lower()}_sensor_{s.number}.csv": partial(tables.write_sensor, sensor=s)
            for s in drawn.sensors
        },
    }


def _people(drawn: Drawn) -> dict[str, Write]:
    return {
        "population-grid.csv": partial(tables.write_population_grid, population=drawn.population),
        "einwohner.csv": partial(tables.write_population, city=drawn.city, population=drawn.population),
        "baumkataster.csv": partial(tables.write_trees, trees=drawn.trees),
    }


def _expected(drawn: Drawn, notice: str, path: Path) -> None:
    tallies = expected.tallies(drawn, BUFFER_M, LEGACY_TWICE)
    content = {
        "notice": notice,
        "datasets": {name: tallies[name] for name in ENTRIES},
        "areas": expected.areas(drawn.city),
        "air_quality": [
            *expected.air(drawn.series, MEASURED),
            *expected.air([drawn.legacy], (LEGACY_YEAR,)),
        ],
        "values": expected.values(drawn, PERIODS),
    }
    # A row a line, so that a difference between two cities can be read.
    parts = [f"{json.dumps(key)}: {_lines(value)}" for key, value in content.items()]
    path.write_text("{\n" + ",\n".join(parts) + "\n}\n", encoding="utf-8")


def _lines(value: Any) -> str:
    if not isinstance(value, list):
        return json.dumps(value, ensure_ascii=False, indent=1)
    return "[\n" + ",\n".join(json.dumps(one, ensure_ascii=False) for one in value) + "\n]"


def _manifest() -> dict[str, Any]:
    return {
        "ldt": 1,
        "twin": "sample-city",
        **_SYNTHETIC,
        "scale": "city",
        "boundary": "sample-boundary",
        "buffer_m": BUFFER_M,
        "datasets": [entry.listed(name) for name, entry in ENTRIES.items()],
        "areas": ["city", "district", "quarter"],
        "periods": [str(period) for period in PERIODS],
    }
