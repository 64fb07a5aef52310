"""The vocabularies that observations are checked against, read from `schemas/vocabularies`."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import yaml

from ldt.errors import RecipeError
from ldt.settings import shipped


@dataclass(frozen=True, slots=True)
class ObservedProperty:
    """What is observed: its code in the vocabulary `observed-properties`, and the UCUM unit in which it is stored."""

    code: str
    unit: str


def observed_property(text: str) -> ObservedProperty | None:
    """Return the observed property that a source's text names, or None.

    Args:
        text: the code (`PM10`), the EEA's number (`5`) or URI (http or https), or a notation (`PM2,5`). Codes and notations
            are compared exactly first, then without regard to case.
    """
    exact, folded = _observed_properties()
    name = text.strip()
    name = name.replace("https://", "http://", 1) if name.startswith("https://") else name
    return exact.get(name) or folded.get(name.casefold())


@lru_cache(maxsize=8)
def integer_codes(vocabulary: str) -> frozenset[int]:
    """Return the codes of a vocabulary whose codes are integers, such as `observation-validity`."""
    return frozenset(int(concept["code"]) for concept in concepts(vocabulary))


@lru_cache(maxsize=64)
def finest_codes(vocabulary: str) -> frozenset[str]:
    """Return the codes of a vocabulary that no other code is narrower than: of Corine's three levels the third.

    Raises:
        RecipeError: there is no such vocabulary.
    """
    found = concepts(vocabulary)
    parents = {concept.get("parent") for concept in found}
    return frozenset(concept["code"] for concept in found if concept["code"] not in parents)


@lru_cache(maxsize=1)
def _observed_properties() -> tuple[dict[str, ObservedProperty], dict[str, ObservedProperty]]:
    exact: dict[str, ObservedProperty] = {}
    for concept in concepts("observed-properties"):
        properties = concept["properties"]
        found = ObservedProperty(concept["code"], properties["unit"])
        eea = properties.get("eea_code")
        names = {concept["code"], *properties.get("notations", [])}
        names |= {str(eea)} if eea is not None else set()
        names |= {concept["uri"]} if "uri" in concept else set()
        for name in names:
            if exact.setdefault(name, found) != found:
                raise RecipeError(
                    f"{name!r} names two observed properties: {exact[name].code} and {found.code}",
                    where="schemas/vocabularies/observed-properties.yaml",
                )
    folded: dict[str, ObservedProperty] = {}
    for name, found in exact.items():
        folded.setdefault(name.casefold(), found)
    return exact, folded


def concepts(vocabulary: str) -> list[dict[str, Any]]:
    """Return the concepts of a vocabulary as its file has them.

    Raises:
        RecipeError: there is no such vocabulary.
    """
    path = shipped("schemas") / "vocabularies" / f"{vocabulary}.yaml"
    if not path.is_file():
        raise RecipeError(f"no vocabulary {vocabulary!r}", remedy="see schemas/vocabularies")
    found: list[dict[str, Any]] = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)[
        "concepts"
    ]
    return found
