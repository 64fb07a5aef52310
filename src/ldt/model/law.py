"""Rule sets: limit values, targets and guidelines as data, chosen by the year assessed, never by today.

Where regimes differ (90, 85 or 75 % of valid data) the verdict of each rule set is given, whether in force or not.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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


class Season(_Strict):
    """Months that are judged one by one.

    Attributes:
        months: months of the year, 1 to 12.
        enough: how many of them must have the share of the rule.
    """

    months: list[Annotated[int, Field(ge=1, le=12)]] = Field(min_length=1)
    enough: int = Field(ge=1)


class CoverageRule(_Strict):
    """How much valid data an assessment needs.

    Attributes:
        properties: codes of the vocabulary `observed-properties`; None for all.
        averaging: the period of the statistic that is assessed (`year`, `day`, …); None for all.
        share: least share of valid among expected values, 0 to 1; exactly this share is enough.
        season: where the share is asked of the days of each of some months, not of the year.
    """

    properties: list[str] | None = None
    averaging: str | None = None
    share: Share
    season: Season | None = None
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
        percentile: the value holds for this percentile of the values of the year, in place of a number of exceedances.
        years: over how many years, the assessed one the last, the number of exceedances is averaged.
        min_years: of how many of them there must be enough valid data.
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
    years: int = Field(1, ge=1)
    min_years: int = Field(1, ge=1)
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
        (value minus limit, in the unit; None where not assessable), `basis` (the years looked at), `in_force`, `source`
        and `checked`.
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
            "basis": [year],
        }
        if rules.kind == "statistics":
            found.append({**common, **_capture(rules, demand, enough), "in_force": year in rules.in_force})
        found += [
            {**common, **_verdict(o, value if enough else None), "in_force": _in_force(rules, o, year)}
            for o in _judged(rules, observed_property, averaging)
        ]
    return found


def _judged(rules: RuleSet, observed_property: str, averaging: str) -> list[Objective]:
    return [
        o
        for o in rules.objectives
        if o.property == observed_property and o.averaging == averaging and o.objective in JUDGED
    ]


def _in_force(rules: RuleSet, objective: Objective, year: int) -> bool:
    return year in (objective.in_force or rules.in_force)


def _capture(rules: RuleSet, demand: CoverageRule | None, enough: bool) -> dict[str, Any]:
    return {
        "objective": "data capture",
        "limit": None,
        "unit": None,
        "verdict": "compliant" if enough else "not-assessable",
        "distance": None,
        "source": demand.source if demand else rules.legal_source,
        "checked": demand.checked if demand else rules.checked,
    }


def _verdict(objective: Objective, value: float | None) -> dict[str, Any]:
    return {
        **_described(objective),
        "verdict": "not-assessable" if value is None else _compared(value, objective.value),
        "distance": None if value is None else value - objective.value,
    }


def _described(objective: Objective) -> dict[str, Any]:
    return {
        "objective": f"{objective.objective}, {objective.averaging}",
        "limit": objective.value,
        "unit": objective.unit,
        "source": objective.source,
        "checked": objective.checked,
    }


def _compared(value: float, limit: float) -> Verdict:
    return "exceeded" if value > limit else "compliant"


# Statistics of days -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Days:
    """What a series says of the days of a year.

    Attributes:
        coverage: share of the year's hours (or days, for a series of daily values) that have valid data, 0 to 1.
        values: the statistic of each valid day.
        months: share of the days of each month (1 to 12) that are valid; an absent month has none.
    """

    year: int
    coverage: float
    values: Sequence[float]
    months: Mapping[int, float] = field(default_factory=dict)

    def above(self, limit: float) -> int:
        """Return the number of days above a limit, unrounded."""
        return sum(v > limit for v in self.values)

    def percentile(self, percentile: float) -> float | None:
        """Return a percentile of the days, 0 to 100, linear between the two nearest; None without days."""
        if not self.values:
            return None
        ordered = sorted(self.values)
        place = (len(ordered) - 1) * percentile / 100
        low = math.floor(place)
        high = min(low + 1, len(ordered) - 1)
        return ordered[low] + (ordered[high] - ordered[low]) * (place - low)

    def meets(self, rule: CoverageRule | None) -> bool:
        """Return whether there are enough valid data for a rule; without a rule any are enough."""
        if not self.values:
            return False
        if rule is None:
            return True
        if rule.season is None:
            return self.coverage >= rule.share
        whole = sum(self.months.get(m, 0.0) >= rule.share for m in rule.season.months)
        return whole >= rule.season.enough


def daily_verdicts(
    rule_sets: Iterable[RuleSet], observed_property: str, averaging: str, years: Sequence[Days]
) -> list[dict[str, Any]]:
    """Return the verdict of every rule set that has something to say on a statistic of days.

    Too little valid data are no excuse: what is missing can only add exceedances, so that a year whose count is above the
    permitted number already is `exceeded`, whatever its coverage.

    Args:
        rule_sets: all regimes, in force or not.
        observed_property: code of the vocabulary `observed-properties`.
        averaging: the statistic (`day`, `daily max 8h`).
        years: consecutive years, the assessed one the last. Of an objective that is averaged over several years only those
            that are here count.

    Returns:
        Objects as :func:`verdicts` returns them. A count has `permitted`, `exceedances` (their mean, where it is of several
        years) and `by_year`; its `distance` is the exceedances above the permitted ones, in days. A percentile has
        `percentile` and `statistic`; its `distance` is in the unit.
    """
    found: list[dict[str, Any]] = []
    last = years[-1]
    for rules in rule_sets:
        demand = rules.coverage_rule(observed_property, averaging)
        common = {
            "rule_set": rules.id,
            "coverage_required": demand.share if demand else None,
            "coverage": last.coverage,
        }
        if rules.kind == "statistics":
            captured = _capture(rules, demand, last.meets(demand))
            found.append(
                {**common, "basis": [last.year], **captured, "in_force": last.year in rules.in_force}
            )
        found += [
            {
                **common,
                **_described(o),
                **(_counted(o, demand, years) if o.percentile is None else _ranked(o, demand, last)),
                "in_force": _in_force(rules, o, last.year),
            }
            for o in _judged(rules, observed_property, averaging)
        ]
    return found


def _counted(objective: Objective, demand: CoverageRule | None, years: Sequence[Days]) -> dict[str, Any]:
    permitted = objective.permitted_exceedances or 0
    considered = [y for y in years if y.year > years[-1].year - objective.years]
    counts = {y.year: y.above(objective.value) for y in considered}
    valid = [y.year for y in considered if y.meets(demand)]
    basis = valid if len(valid) >= objective.min_years else []
    mean = sum(counts[y] for y in basis) / len(basis) if basis else None
    # The least that the mean can be, whatever the missing days and years were.
    least = sum(counts.values()) / objective.years
    if least > permitted >= (mean or 0.0):
        mean, basis = least, list(counts)
    return {
        "verdict": "not-assessable" if mean is None else _compared(mean, permitted),
        "permitted": permitted,
        "exceedances": mean,
        "by_year": {str(y): n for y, n in counts.items()},
        "basis": basis,
        "distance": None if mean is None else mean - permitted,
    }


def _ranked(objective: Objective, demand: CoverageRule | None, year: Days) -> dict[str, Any]:
    statistic = year.percentile(objective.percentile or 0.0) if year.meets(demand) else None
    return {
        "verdict": "not-assessable" if statistic is None else _compared(statistic, objective.value),
        "percentile": objective.percentile,
        "statistic": statistic,
        "basis": [year.year],
        "distance": None if statistic is None else statistic - objective.value,
    }
