"""The boxes of a chain: filled with the values of a twin, or empty and why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ldt.model.indicator import TWIN

FILLED = "filled"
#: Why a box is empty, in the order in which it is told.
EMPTY = (
    "insufficient",
    "not-computable",
    "suppressed",
    "not-computed",
    "not-defined",
    "no-indicator",
)


@dataclass(frozen=True, slots=True)
class Filling:
    """What the boxes of a twin are filled from.

    Attributes:
        scheme, code, period: the spatial units and the period that were asked for.
        defined: ids of the indicators that are defined.
        available: the periods that the twin has values for, by indicator and scheme.
        values: the current values, those of the scheme `twin` (which say why there are none) among them.
    """

    scheme: str
    code: str | None
    period: str | None
    defined: Collection[str]
    available: Mapping[str, Mapping[str, set[str]]]
    values: list[dict[str, Any]]

    def box(self, indicator: str | None) -> dict[str, Any]:
        """Return `state` (`filled`, or one of :data:`EMPTY`), `reason` and `values` of the box of an indicator."""
        if indicator is None:
            return _empty("no-indicator", "no indicator is named for this box")
        if indicator not in self.defined:
            return _empty("not-defined", f"the indicator {indicator} is not defined yet")
        mine = [v for v in self.values if v["indicator"] == indicator]
        placed = [v for v in mine if v["scheme"] == self.scheme] or mine
        if not placed:
            return _empty("not-computed", self._why_not_computed(indicator))
        if any(v["status"] == "valid" for v in placed):
            return {"state": FILLED, "reason": None, "values": placed}
        first = min(placed, key=lambda v: EMPTY.index(v["status"]))
        # The value of a whole twin only says why there are none.
        shown = [v for v in placed if v["scheme"] != TWIN]
        return {"state": first["status"], "reason": first["reason"], "values": shown}

    def _why_not_computed(self, indicator: str) -> str:
        asked = " ".join(p for p in (self.scheme, self.code) if p)
        when = f" in {self.period}" if self.period else ""
        there = self.available.get(indicator, {})
        others = "; ".join(f"{s}: {', '.join(sorted(p))}" for s, p in sorted(there.items()) if s != TWIN)
        hint = f"; it has values for {others}" if others else ""
        return f"no value was computed for {asked}{when}{hint}"


def _empty(state: str, reason: str) -> dict[str, Any]:
    return {"state": state, "reason": reason, "values": []}


def count(nodes: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return how many boxes there are: `total`, `filled`, and `empty` by reason."""
    states = Counter(n["state"] for n in nodes)
    return {
        "total": states.total(),
        FILLED: states[FILLED],
        "empty": {s: states[s] for s in EMPTY if states[s]},
    }


def arrows(chain: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the arrows of a chain whose boxes were filled, each with the boxes at its two `ends`."""
    by_id = {n["id"]: n for n in chain["nodes"]}
    ends = ("id", "role", "indicator", "state", "values")
    return [
        {**a, "ends": [{k: by_id[a[side]][k] for k in ends} for side in ("from", "to")]}
        for a in chain["arrows"]
    ]
