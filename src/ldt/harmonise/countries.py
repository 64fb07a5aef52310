"""The countries that a recipe may name, and where they lie: `schemas/countries.yaml`."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

import yaml

from ldt.errors import RecipeError
from ldt.settings import shipped


class Box(NamedTuple):
    """A box in degrees."""

    west: float
    south: float
    east: float
    north: float


@lru_cache(maxsize=1)
def _countries() -> dict[str, Any]:
    content: dict[str, Any] = yaml.load(
        (shipped("schemas") / "countries.yaml").read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
    )
    return content


def country_codes() -> list[str]:
    """Return the ISO 3166 codes of the countries in `schemas/countries.yaml`, without `EU`, which is all of them."""
    return [code for code in _countries()["countries"] if code != "EU"]


def country_box(code: str) -> Box:
    """Return the box of a country's land and sea, from `schemas/countries.yaml`.

    Raises:
        RecipeError: the country is not in the table.
    """
    table = _countries()
    known = table["countries"]
    code = table["aliases"].get(code, code)
    if code not in known:
        raise RecipeError(f"source.country: {code!r} is not known", remedy=f"one of: {', '.join(known)}")
    return Box(*known[code]["box"])


def places_name(code: str) -> str:
    """Return the English name of a country by its code."""
    table = _countries()
    name: str = table["countries"][table["aliases"].get(code, code)]["name"]
    return name
