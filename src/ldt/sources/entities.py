"""Entities of context brokers (NGSI-LD, NGSI v2) as plain records.

An attribute of an entity comes in two forms: its value alone (key-values), or normalized, an object with `type`, `value` and what
is said of the value: `unitCode`, `observedAt` (ETSI GS CIM 009, 4.5; NGSI v2, "Attribute representation"). Both become the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

#: Where a normalized attribute has its value.
_HOLDERS = ("value", "object", "languageMap", "vocab", "json", "valueList", "objectList")
#: What an entity has that is no attribute.
_OWN = frozenset({"id", "type", "@context", "scope"})
_TIMES = ("observedAt", "dateObserved", "timestamp", "TimeInstant")
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


def entities(document: Any) -> list[dict[str, Any]] | None:
    """Return the entities of a document: a list of them, one alone, or as GeoJSON; None if it holds something else."""
    if isinstance(document, dict) and document.get("type") == "FeatureCollection":
        document = document.get("features")
    found = document if isinstance(document, list) else [document]
    whole = [_of_feature(e) if isinstance(e, dict) and e.get("type") == "Feature" else e for e in found]
    if not whole or not all(
        isinstance(e, dict) and "id" in e and isinstance(e.get("type"), str) for e in whole
    ):
        return None
    return whole


def simplified(entity: dict[str, Any]) -> dict[str, Any]:
    """Return an entity with the values of its attributes alone; of several values of one attribute, the last."""
    plain: dict[str, Any] = {}
    for name, attribute in entity.items():
        instances = list(_instances(attribute)) if name not in _OWN else []
        plain[name] = instances[-1]["value"] if instances else attribute
    return plain


def values(entity: dict[str, Any]) -> list[dict[str, Any]]:
    """Return one record for each value of each attribute.

    Returns:
        Records of `id`, `type`, `attribute`, `number` (where the value is one, or a text that is one), `text`, `unit` (the unitCode),
        `observed_at`, and `entity`: the whole entity, simplified.
    """
    plain = simplified(entity)
    records = []
    for name, attribute in entity.items():
        if name in _OWN:
            continue
        for one in _instances(attribute):
            value = one["value"]
            if isinstance(value, dict | list):
                continue
            records.append(
                {
                    "id": str(entity["id"]),
                    "type": str(entity["type"]),
                    "attribute": name,
                    "number": _number(value),
                    "text": None if value is None else str(value),
                    "unit": one["unit"],
                    "observed_at": one["observed_at"],
                    "entity": plain,
                }
            )
    return records


def at(value: Any, keys: Sequence[str]) -> Any:
    """Return what stands at the end of keys, of which numbers are places in lists (`Locations`, `0`, `location`); None for nothing."""
    for key in keys:
        if isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        elif isinstance(value, dict):
            value = value.get(key)
        else:
            return None
    return value


def _of_feature(feature: dict[str, Any]) -> dict[str, Any]:
    properties = feature.get("properties")
    within = properties if isinstance(properties, dict) else {}
    return {"location": feature.get("geometry"), **within, "id": feature.get("id")}


def _instances(attribute: Any) -> Iterator[dict[str, Any]]:
    """Yield the values of an attribute: one, or several of a series or of several sources."""
    if isinstance(attribute, list) and attribute and all(_normalized(a) for a in attribute):
        for one in attribute:
            yield from _instances(one)
        return
    if not _normalized(attribute):
        yield {"value": _typed(attribute), "unit": None, "observed_at": None}
        return
    if isinstance(series := attribute.get("values"), list):  # temporal, simplified: [[value, time], …]
        for pair in series:
            yield {"value": pair[0], "unit": attribute.get("unitCode"), "observed_at": pair[1]}
        return
    holder = next(h for h in _HOLDERS if h in attribute)
    metadata = attribute.get("metadata")
    about = {**(metadata if isinstance(metadata, dict) else {}), **attribute}
    time = next((_plain(about[t]) for t in _TIMES if t in about), None)
    yield {"value": _typed(attribute[holder]), "unit": _plain(about.get("unitCode")), "observed_at": time}


def _normalized(attribute: Any) -> bool:
    if not isinstance(attribute, dict) or not isinstance(attribute.get("type"), str):
        return False
    return any(h in attribute for h in _HOLDERS) or isinstance(attribute.get("values"), list)


def _typed(value: Any) -> Any:
    """Return the value of a typed value of JSON-LD (`{"@type": "DateTime", "@value": …}`), as NGSI-LD writes times."""
    return value["@value"] if isinstance(value, dict) and "@value" in value else value


def _plain(value: Any) -> Any:
    return value.get("value") if isinstance(value, dict) and "value" in value else _typed(value)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return float(value)
    return float(value) if _NUMBER.fullmatch(str(value)) else None
