"""The parameters of collections: what they are called, measured in and made of; as the standards write them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ldt.api import html
from ldt.api.context import Reading
from ldt.api.coverages.cells import colour
from ldt.api.coverages.client import classes
from ldt.api.edr.piece import Parameter
from ldt.errors import UsageError
from ldt.model.coverage import Coverage
from ldt.store import catalogue
from ldt.store.edr_series import Measured

_UCUM = "http://www.opengis.net/def/uom/UCUM/"
_VOCABULARY = "observed-properties"


def _concepts(seen: Reading) -> dict[str, dict[str, Any]]:
    return {c["code"]: c for c in catalogue.concepts(seen.conn, _VOCABULARY)}


def of_coverages(seen: Reading, coverages: Sequence[Coverage]) -> dict[str, Parameter]:
    """Return the parameters of the coverages of a data set, by name: the code of the observed property."""
    concepts = _concepts(seen)
    found: dict[str, Parameter] = {}
    for one in coverages:
        meanings = classes(seen, one)
        for band in one.bands:
            if band.property not in found:
                found[band.property] = Parameter(
                    band.property,
                    band.property,
                    concepts.get(band.property, {}),
                    band.unit,
                    one.averaging,
                    tuple(meanings.get(band.vocabulary or "", ())),
                    band.vocabulary,
                )
    return found


def of_series(seen: Reading, measured: Sequence[Measured]) -> dict[str, tuple[Parameter, Measured]]:
    """Return the parameters of the series of a data set, by name.

    The name is the code of the observed property; where it is measured in several ways, with the averaging, and where
    that is the same too, with the unit.
    """
    concepts = _concepts(seen)
    found = {}
    for one in measured:
        same = [m for m in measured if m.observed_property == one.observed_property]
        name = one.observed_property
        if len(same) > 1:
            name += f"_{one.averaging}"
            if sum(m.averaging == one.averaging for m in same) > 1:
                name += f"_{one.unit}"
        concept = concepts.get(one.observed_property, {})
        found[name] = (Parameter(name, one.observed_property, concept, one.unit, one.averaging), one)
    return found


def chosen(parameters: Mapping[str, Any], names: Iterable[str] | None, collection: str) -> dict[str, Any]:
    """Return the parameters that a query asks for.

    Raises:
        UsageError: the collection has no such parameter.
    """
    if names is None:
        return dict(parameters)
    found = {}
    for name in names:
        if name not in parameters:
            raise UsageError(
                f"{collection} has no parameter {name[:80]!r}",
                where="parameter-name",
                remedy=f"it has: {', '.join(parameters)}",
            )
        found[name] = parameters[name]
    return found


def document(one: Parameter, wanted: Sequence[str] | None = None) -> dict[str, Any]:
    """Return a parameter as CoverageJSON has it, or as the documents of EDR collections do.

    Args:
        one: the parameter.
        wanted: languages, where texts are in one of them (EDR); without it they are in all (CoverageJSON).
    """

    def say(texts: Any) -> Any:
        return html.say(texts, wanted) if wanted is not None else texts

    label = one.concept.get("label") or {"en": one.code}
    observed: dict[str, Any] = {
        "id": one.concept.get("uri") or f"urn:ldt:{_VOCABULARY}:{one.code}",
        "label": say(label),
    }
    found: dict[str, Any] = {"type": "Parameter", "id": one.name, "observedProperty": observed}
    if definition := one.concept.get("definition"):
        found["description"] = say(definition)
    if one.classes:
        ids = {c["code"]: c.get("uri") or f"urn:ldt:{one.vocabulary}:{c['code']}" for c in one.classes}
        observed["categories"] = [{"id": ids[c["code"]], "label": say(c["label"])} for c in one.classes]
        found["categoryEncoding"] = {ids[c["code"]]: int(c["code"]) for c in one.classes}
        found["ldt:colours"] = {ids[c["code"]]: colour(c) for c in one.classes}
    else:
        found["unit"] = {"label": say({"en": one.unit}), "symbol": {"value": one.unit, "type": _UCUM}}
    if one.averaging is not None:
        method = "mean" if one.averaging not in ("PT0S", "var") else "instantaneous"
        found["measurementType"] = {"method": "unknown" if one.averaging == "var" else method}
        if one.averaging != "var":
            found["measurementType"]["duration"] = one.averaging
    return found
