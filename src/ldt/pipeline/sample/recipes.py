"""Recipes of the sample city that map like the shipped ones, and say of the data what they are: synthetic.

A twin shows the title, publisher and licence that a recipe states. Those of `clc/corine-vector` or
`eea/air-quality-parquet` would name the European Environment Agency as the author of made-up data. So the generator
writes a recipe of its own for each: the mapping of the shipped one, taken over as it is, under a description of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import yaml

from ldt.harmonise.recipe import find_recipe

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
class Derived:
    """A recipe that differs from a shipped one in its description.

    Attributes:
        shipped: name of the shipped recipe.
        titles: what the data are, by language.
        observation: keys of the mapping that differ after all.
    """

    shipped: str
    titles: dict[str, str]
    observation: dict[str, Any] = field(default_factory=dict)


def _titles(en: str, de: str, fr: str, es: str, it: str) -> dict[str, str]:
    return {"en": en, "de": de, "fr": fr, "es": es, "it": it}


DERIVED = {
    "sample-administrative-unit": Derived(
        "inspire/administrative-units",
        _titles("municipality", "Gemeinde", "commune", "municipio", "comune"),
    ),
    "sample-protected-sites": Derived(
        "inspire/protected-sites",
        _titles("protected sites", "Schutzgebiete", "sites protégés", "lugares protegidos", "siti protetti"),
    ),
    "sample-land-cover": Derived(
        "clc/corine-vector",
        _titles(
            "land cover", "Bodenbedeckung", "occupation du sol", "cubierta terrestre", "copertura del suolo"
        ),
    ),
    "sample-air-quality": Derived(
        "eea/air-quality-parquet",
        _titles("air quality", "Luftqualität", "qualité de l'air", "calidad del aire", "qualità dell'aria"),
        # The files name the sampling point alone; in the sample city it tells the station, so no further table is needed.
        {"thing": r"regexp_extract(Samplingpoint, 'DE_(DEZZ\d{3})_', 1)", "datastream": ["Samplingpoint"]},
    ),
    "sample-air-quality-legacy": Derived(
        "eea/air-quality-legacy",
        _titles(
            "air quality before 2024",
            "Luftqualität vor 2024",
            "qualité de l'air avant 2024",
            "calidad del aire antes de 2024",
            "qualità dell'aria prima del 2024",
        ),
    ),
}


def derived_recipe(name: str, notice: str) -> str:
    """Return the text of a recipe of :data:`DERIVED`.

    Raises:
        NotFound: the shipped recipe is not there.
    """
    derived = DERIVED[name]
    recipe: dict[str, Any] = yaml.safe_load(find_recipe(derived.shipped).read_text(encoding="utf-8"))
    recipe |= {
        "name": name,
        "title": {language: _SYNTHETIC[language].format(what) for language, what in derived.titles.items()},
        "description": _DESCRIPTION,
        "publisher": PUBLISHER,
        "licence": "CC0-1.0",
        "licence_uri": "https://creativecommons.org/publicdomain/zero/1.0/",
        "update_frequency": "never",
    }
    if derived.observation:
        recipe["observation"] |= derived.observation
    body = yaml.safe_dump(recipe, allow_unicode=True, sort_keys=False, width=120)
    return f"# {notice}\n# The mapping is that of {derived.shipped}, which LDT ships; see there for why it is so.\n{body}"
