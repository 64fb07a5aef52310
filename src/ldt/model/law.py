"""Rule sets: limit values, targets and guidelines as data, chosen by the year assessed, never by today.

Where regimes differ (90, 85 or 75 % of valid data) the verdict of each rule set is given, whether in force or not.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ldt.model.dataset import Text
from ldt.model.vocabulary import Checked, Slug

Verdict = Literal["compliant", "exceeded", "not-assessable"]
Share = Annotated[float, Field(gt=0, le=1)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Years(_Strict):
    """Years assessed, both ends included; an absent end is open."""

    start: int | None = Field(None, alias="from")
    end: int | None = Field(None, alias="to")

    def __contains__(self, year: int) -> bool:
        return (self.start is None or self.start <= year) and (self.end is None or year <= self.end)


class CoverageRule(_Strict):
    """How much valid data an assessment needs.

    Attributes:
        properties: codes of the vocabulary `observed-properties`; None for all.
        averaging: the period of the statistic that is assessed (`year`, `day`, …); None for all.
        share: least share of valid among expected values, 0 to 1; exactly this share is enough.
    """

    properties: list[str] | None = None
    averaging: str | None = None
    share: Share
    source: str
    checked: Checked


class Objective(_Strict):
    """One value that a statistic is held against.

    Attributes:
        property: code of the vocabulary `observed-properties`.
        eea_code: the pollutant's number in the EEA vocabulary, which is what is unique.
        objective: what kind of value it is, in the words of the law.
        averaging: period of the statistic: `year`, `day`, `hour`, `daily max 8h`, …
        value: more than this, unrounded, is `exceeded`.
        permitted_exceedances: how often a year the value may be exceeded.
        in_force: years assessed, where they differ from the rule set's.
    """

    property: str
    eea_code: int
    objective: str
    averaging: str
    value: float
    unit: str
    permitted_exceedances: int | None = None
    percentile: float | None = None
    note: str | None = None
    source: str
    checked: Checked
    in_force: Years | None = None


class RuleSet(_Strict):
    """One regime: its values, its demands on the data, and when it is in force.

    Attributes:
        kind: `law` binds, `guideline` advises, `statistics` says what may be published.
        in_force: years assessed for which it holds; a guideline holds from its year on.
        legal_source: the act with its article or annex.
        source: where this project has the content from.
    """

    id: Slug
    title: Text
    kind: Literal["law", "guideline", "statistics"]
    in_force: Years
    legal_source: str
    source: str
    checked: Checked
    notes: list[str] = []
    coverage: list[CoverageRule]
    objectives: list[Objective] = []

    def coverage_rule(self, observed_property: str, averaging: str) -> CoverageRule | None:
        """Return the first coverage rule for a statistic, or None where the rule set has none."""
        for rule in self.coverage:
            if rule.properties is not None and observed_property not in rule.properties:
                continue
            if rule.averaging is None or rule.averaging == averaging:
                return rule
        return None


#: Kinds of objective that a statistic of a single year is judged by; alert and information thresholds, critical
#: levels and exposure objectives are about other things.
JUDGED = frozenset({"limit value", "target value", "guideline"})


def verdicts(
    rule_sets: Iterable[RuleSet],
    observed_property: str,
    averaging: str,
    year: int,
    value: float | None,
    coverage: float,
) -> list[dict[str, Any]]:
    """Return the verdict of every rule set that has something to say on a statistic.

    Args:
        rule_sets: all regimes, in force or not.
        observed_property: code of the vocabulary `observed-properties`.
        averaging: period of the statistic (`year`).
        year: the year assessed.
        value: the statistic, in the unit of the objectives (air: ug/m3), whatever its coverage; None if there is none.
        coverage: share of valid data, 0 to 1.

    Returns:
        Objects with `rule_set`, `objective`, `limit`, `unit`, `verdict`, `coverage_required`, `coverage`, `distance`
        (value minus limit, in the unit; None where not assessable), `in_force`, `source` and `checked`.
        A rule set of kind `statistics` has no limit: its verdict is whether the value may be published.
    """
    found: list[dict[str, Any]] = []
    for rules in rule_sets:
        demand = rules.coverage_rule(observed_property, averaging)
        # Both are correctly rounded quotients, so that exactly 85 % compares equal to 0.85.
        enough = value is not None and (demand is None or coverage >= demand.share)
        common = {
            "rule_set": rules.id,
            "coverage_required": demand.share if demand else None,
            "coverage": coverage,
        }
        if rules.kind == "statistics":
            found.append(
                {
                    **common,
                    "objective": "data capture",
                    "limit": None,
                    "unit": None,
                    "verdict": "compliant" if enough else "not-assessable",
                    "distance": None,
                    "in_force": year in rules.in_force,
                    "source": demand.source if demand else rules.legal_source,
                    "checked": demand.checked if demand else rules.checked,
                }
            )
            continue
        found += [
            {
                **common,
                **_verdict(o, value if enough else None),
                "in_force": year in (o.in_force or rules.in_force),
            }
            for o in rules.objectives
            if o.property == observed_property and o.averaging == averaging and o.objective in JUDGED
        ]
    return found


def _verdict(objective: Objective, value: float | None) -> dict[str, Any]:
    outcome: Verdict = "not-assessable"
    if value is not None:
        outcome = "exceeded" if value > objective.value else "compliant"
    return {
        "objective": f"{objective.objective}, {objective.averaging}",
        "limit": objective.value,
        "unit": objective.unit,
        "verdict": outcome,
        "distance": None if value is None else value - objective.value,
        "source": objective.source,
        "checked": objective.checked,
    }
