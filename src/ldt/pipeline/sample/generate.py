"""Draws the sample city and writes it: the files, the manifest that builds a twin from them, and what that twin must show."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from pyproj import Transformer

from ldt.errors import UsageError
from ldt.pipeline.sample import air, expected, files
from ldt.pipeline.sample.city import CRS, Area, City, polygons
from ldt.pipeline.sample.gml import GmlWriter
from ldt.pipeline.sample.landcover import LAEA, LandCover, land_cover
from ldt.pipeline.sample.recipes import DERIVED, derived_recipe
from ldt.pipeline.sample.sites import ProtectedSite, protected_sites

SEED = 37105
YEARS = (2024, 2025)
LEGACY_YEAR = 2023
BUFFER_M = 5_000
#: Hours at the end of the legacy file that stand there twice.
LEGACY_TWICE = 24 * 31
NOTICE = "SYNTHETIC DATA. Musterstadt does not exist: everything in this file was drawn by a random generator (LDT sample city, seed {seed})."

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


def generate(folder: Path, *, seed: int = SEED) -> Path:
    """Write the sample city into a folder.

    The same seed gives the same bytes in every file, with the same versions of GDAL, GEOS, PROJ and Arrow.

    Args:
        folder: where to write; made if absent. Files of the same names are replaced, others are left alone.
        seed: of the random generator, 0 or more.

    Returns:
        Path of the manifest, `sample-city.yaml`; beside it `expected.json` tells what a twin built from it must show.

    Raises:
        UsageError: the folder cannot be written to, or the seed is negative.
    """
    if seed < 0:
        raise UsageError(f"the seed is {seed}", where="seed", remedy="take a whole number from 0")
    notice = NOTICE.format(seed=seed)
    try:
        return _write(folder, _draw(seed), notice)
    except OSError as e:
        reason = e.strerror or str(e)
        raise UsageError(
            f"cannot write the sample city: {reason}",
            where=str(folder),
            remedy="name a folder that you may write to",
        ) from e


@dataclass(frozen=True, slots=True)
class _Drawn:
    """Everything that chance decides; `legacy` is the series of the year before the others."""

    city: City
    cover: LandCover
    sites: list[ProtectedSite]
    series: list[air.Series]
    legacy: air.Series


def _draw(seed: int) -> _Drawn:
    # One generator per part: what is added to one part later leaves the others as they are.
    rngs = [np.random.Generator(np.random.PCG64(s)) for s in np.random.SeedSequence(seed).spawn(4)]
    city = City.random(rngs[0])
    cover = land_cover(rngs[1], city)
    sites = protected_sites(rngs[2], city)
    start = np.concatenate([air.hours(y) for y in YEARS])
    weather = air.weather(rngs[3], start)
    series = [air.series(rngs[3], site, p, start, weather) for site in air.SITES for p in air.POLLUTANTS]
    before = air.hours(LEGACY_YEAR)
    legacy = air.series(rngs[3], air.SITES[1], 5, before, air.weather(rngs[3], before))
    # The older service has no sentinel: what was not measured is not there.
    measured = legacy.validity > -99
    columns = {
        name: getattr(legacy, name)[measured] for name in ("start", "value", "validity", "verification")
    }
    return _Drawn(city, cover, sites, series, replace(legacy, **columns))


def _write(folder: Path, drawn: _Drawn, notice: str) -> Path:
    for part in ("air-quality", "recipes"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    _write_places(folder, drawn.city, drawn.cover, drawn.sites, notice)
    for s in drawn.series:
        name = f"{s.station}_{air.POLLUTANTS[s.pollutant]}.parquet"
        files.write_eea_parquet(folder / "air-quality" / name, s, notice)
    legacy = (
        folder / f"{drawn.legacy.station}_{air.POLLUTANTS[drawn.legacy.pollutant]}_{LEGACY_YEAR}_legacy.csv"
    )
    files.write_eea_legacy(legacy, drawn.legacy, LEGACY_TWICE)
    for name in DERIVED:
        (folder / "recipes" / f"{name}.yaml").write_text(derived_recipe(name, notice), encoding="utf-8")
    (folder / "README.txt").write_text(f"{notice}\nNo rights are reserved (CC0 1.0).\n", encoding="utf-8")
    content = {
        "notice": notice,
        "datasets": {
            **_feature_tallies(drawn.city, drawn.cover, drawn.sites),
            "sample-air-quality": expected.air_tally(drawn.series),
            "sample-air-quality-legacy": expected.air_tally([drawn.legacy], LEGACY_TWICE),
        },
        "areas": expected.areas(drawn.city, drawn.cover, drawn.sites),
        "air_quality": [*expected.air(drawn.series, YEARS), *expected.air([drawn.legacy], (LEGACY_YEAR,))],
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    (folder / "expected.json").write_text(text + "\n", encoding="utf-8")
    manifest = folder / "sample-city.yaml"
    body = yaml.safe_dump(_manifest(), allow_unicode=True, sort_keys=False, width=120)
    manifest.write_text(f"# {notice}\n{body}", encoding="utf-8")
    return manifest


def _write_places(
    folder: Path, city: City, cover: LandCover, sites: list[ProtectedSite], notice: str
) -> None:
    for stem, layer, title, some in (
        ("boundary", "stadtgebiet", "Stadtgebiet", [city.boundary]),
        ("districts", "stadtbezirke", "Stadtbezirke", city.districts),
        ("quarters", "stadtviertel", "Stadtviertel", city.quarters),
    ):
        files.write_geopackage(
            folder / f"{stem}.gpkg",
            layer,
            polygons(some),
            _attributes(some),
            crs=CRS,
            geometry_type="Polygon",
            title=f"{title} (synthetic data)",
            notice=notice,
        )
    columns = {
        "CODE_18": cover.codes,
        "AREA_HA": np.array([round(p.area / 1e4, 4) for p in cover.polygons]),
        "ID": np.array([f"EU-{n}" for n in range(1, len(cover.codes) + 1)], dtype=object),
        "REMARK": np.full(len(cover.codes), "synthetic", dtype=object),
    }
    files.write_geopackage(
        folder / "land-cover.gpkg",
        "clc18_sample",
        cover.polygons,
        columns,
        crs=LAEA,
        geometry_type="Polygon",
        title="CLC 2018, sample city (synthetic data)",
        notice=notice,
    )
    writer = GmlWriter.create()
    writer.protected_sites(folder / "protected-sites.gml", sites, notice)
    writer.administrative_units(folder / "administrative-unit.gml", [city.boundary], notice)
    to_degrees = Transformer.from_crs(CRS, "EPSG:4258", always_xy=True)
    files.write_stations(folder / "stations.csv", air.stations(city, to_degrees))


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


def _feature_tallies(city: City, cover: LandCover, sites: list[ProtectedSite]) -> dict[str, dict[str, int]]:
    far = sum(site.share > air.FAR for site in air.SITES + air.NEIGHBOURS)
    return {
        "sample-boundary": expected.tally(accepted=1),
        "sample-districts": expected.tally(accepted=len(city.districts)),
        "sample-quarters": expected.tally(accepted=len(city.quarters)),
        "sample-administrative-unit": expected.tally(accepted=1),
        "sample-protected-sites": expected.sites_tally(sites),
        "sample-stations": expected.tally(accepted=len(air.SITES + air.NEIGHBOURS) - far, outside=far),
        "sample-land-cover": expected.land_cover_tally(city, cover, BUFFER_M),
    }


def _manifest() -> dict[str, Any]:
    recipes = {
        "city/sample-boundary": "boundary.gpkg",
        "city/sample-districts": "districts.gpkg",
        "city/sample-quarters": "quarters.gpkg",
        "recipes/sample-administrative-unit.yaml": "administrative-unit.gml",
        "recipes/sample-protected-sites.yaml": "protected-sites.gml",
        "city/sample-stations": "stations.csv",
        "recipes/sample-land-cover.yaml": "land-cover.gpkg",
        "recipes/sample-air-quality.yaml": "air-quality/*.parquet",
        "recipes/sample-air-quality-legacy.yaml": "*_legacy.csv",
    }
    return {
        "ldt": 1,
        "twin": "sample-city",
        **_SYNTHETIC,
        "scale": "city",
        "boundary": "sample-boundary",
        "buffer_m": BUFFER_M,
        "datasets": [{"recipe": recipe, "sources": [source]} for recipe, source in recipes.items()],
        "indicators": [
            "no2-annual-mean",
            "pm10-annual-mean",
            "data-completeness",
            "protected-area-share",
            "natural-share",
        ],
        "areas": ["city", "district", "quarter"],
        "periods": [str(year) for year in YEARS],
    }
