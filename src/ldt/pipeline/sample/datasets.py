"""The data sets of the sample city: which recipe reads which files, and what a twin says of them.

The recipes are the shipped ones. Their descriptions would name the European Environment Agency or the Copernicus service as the
author of made-up data: so each entry of the manifest describes its data set as what it is, synthetic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PUBLISHER = "LDT sample city (synthetic data)"
_SYNTHETIC = {
    "en": "Sample city, {} (synthetic data)",
    "de": "Musterstadt, {} (synthetische Daten)",
    "fr": "Ville modèle, {} (données synthétiques)",
    "es": "Ciudad de muestra, {} (datos sintéticos)",
    "it": "Città campione, {} (dati sintetici)",
}
_DESCRIPTION = {
    "en": "Drawn by a random generator; nothing was surveyed or measured.",
    "de": "Aus einem Zufallsgenerator; nichts wurde vermessen oder gemessen.",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A data set of the manifest.

    Attributes:
        recipe: name of a shipped recipe; one of `city/sample-…` describes itself.
        source: path or glob below the folder.
        titles: what the data are, in en, de, fr, es, it.
    """

    recipe: str
    source: str
    titles: tuple[str, str, str, str, str] | None = None

    def listed(self, name: str) -> dict[str, Any]:
        """Return the entry as the manifest has it."""
        entry: dict[str, Any] = {"recipe": self.recipe, "sources": [self.source]}
        if self.titles is None:
            return entry
        words = zip(_SYNTHETIC.items(), self.titles, strict=True)
        describe = {
            "title": {language: text.format(what) for (language, text), what in words},
            "description": _DESCRIPTION,
            "publisher": PUBLISHER,
            "licence": "CC0-1.0",
            "licence_uri": "https://creativecommons.org/publicdomain/zero/1.0/",
            "update_frequency": "never",
        }
        return {**entry, "name": name, "describe": describe}


#: Name of the data set → entry, in the order of the manifest; the boundary first.
ENTRIES = {
    "sample-boundary": Entry("city/sample-boundary", "boundary.gpkg"),
    "sample-districts": Entry("city/sample-districts", "districts.gpkg"),
    "sample-quarters": Entry("city/sample-quarters", "quarters.gpkg"),
    "sample-administrative-unit": Entry(
        "inspire/administrative-units",
        "administrative-unit.gml",
        ("municipality", "Gemeinde", "commune", "municipio", "comune"),
    ),
    "sample-protected-sites": Entry(
        "inspire/protected-sites",
        "protected-sites.gml",
        ("protected sites", "Schutzgebiete", "sites protégés", "lugares protegidos", "siti protetti"),
    ),
    "sample-buildings": Entry(
        "inspire/buildings",
        "buildings.gml.gz",
        ("buildings", "Gebäude", "bâtiments", "edificios", "edifici"),
    ),
    "sample-stations": Entry("city/sample-stations", "stations.gml"),
    "sample-land-cover-2018": Entry(
        "clc/corine-vector",
        "land-cover/CLC2018_sample.gpkg",
        ("land cover 2018", "Landbedeckung 2018", "occupation du sol 2018", "cubierta terrestre 2018", "copertura del suolo 2018"),
    ),
    "sample-land-cover-2024": Entry(
        "clc/corine-vector",
        "land-cover/CLC2024_sample.gpkg",
        ("land cover 2024", "Landbedeckung 2024", "occupation du sol 2024", "cubierta terrestre 2024", "copertura del suolo 2024"),
    ),
    "sample-land-cover-changes": Entry(
        "clc/corine-vector",
        "land-cover/CHA1824_sample.gpkg",
        ("changes of land cover 2018 to 2024", "Änderungen der Landbedeckung 2018 bis 2024", "changements d'occupation du sol de 2018 à 2024", "cambios de la cubierta terrestre de 2018 a 2024", "cambiamenti della copertura del suolo dal 2018 al 2024"),
    ),
    "sample-land-cover-raster": Entry(
        "clc/corine-raster",
        "land-cover/U*.tif",
        ("land cover raster", "Landbedeckung als Raster", "occupation du sol en maille", "cubierta terrestre en malla", "copertura del suolo in celle"),
    ),
    "sample-imperviousness": Entry(
        "clms/imperviousness",
        "land-cover/IMD_*.tif",
        ("imperviousness", "Versiegelung", "imperméabilisation", "impermeabilización", "impermeabilizzazione"),
    ),
    "sample-tree-cover": Entry(
        "clms/tree-cover-density",
        "land-cover/TCD_*.tif",
        ("tree cover density", "Baumbedeckung", "couvert arboré", "cobertura arbórea", "copertura arborea"),
    ),
    "sample-temperature": Entry(
        "climate/daily-temperature",
        "temperature_*.nc",
        ("daily temperature", "Tagestemperatur", "température journalière", "temperatura diaria", "temperatura giornaliera"),
    ),
    "sample-air-quality": Entry("city/sample-air-quality", "air-quality/*.parquet"),
    "sample-air-quality-legacy": Entry(
        "eea/air-quality-legacy",
        "*_legacy.csv",
        ("air quality before 2024", "Luftqualität vor 2024", "qualité de l'air avant 2024", "calidad del aire antes de 2024", "qualità dell'aria prima del 2024"),
    ),
    "sample-sensors": Entry(
        "sensors/sensor-community",
        "sensors/*.csv",
        ("citizen sensors, values", "Bürgersensoren, Messwerte", "capteurs citoyens, valeurs", "sensores ciudadanos, valores", "sensori dei cittadini, valori"),
    ),
    "sample-sensor-places": Entry(
        "sensors/sensor-community-places",
        "sensors/*.csv",
        ("citizen sensors, places", "Bürgersensoren, Standorte", "capteurs citoyens, emplacements", "sensores ciudadanos, ubicaciones", "sensori dei cittadini, posizioni"),
    ),
    "sample-population-grid": Entry(
        "eurostat/population-grid",
        "population-grid.csv",
        ("population grid", "Bevölkerungsraster", "grille de population", "malla de población", "griglia della popolazione"),
    ),
    "sample-population": Entry("city/sample-population", "einwohner.csv"),
    "sample-trees": Entry("city/sample-trees", "baumkataster.csv"),
}  # fmt: skip
