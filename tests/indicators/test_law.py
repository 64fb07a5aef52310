"""The rule sets, against the published tables, typed by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ldt.model.law import Objective, RuleSet, verdicts
from ldt.store.catalogue import rule_sets

LAW = {r.id: r for r in rule_sets()}

# Directive (EU) 2024/2881, Annex I, section 1: pollutant, period, limit value, permitted exceedances.
TABLE_1 = {
    ("PM2.5", "day", 25, 18), ("PM2.5", "year", 10, None), ("PM10", "day", 45, 18), ("PM10", "year", 20, None),
    ("NO2", "hour", 200, 3), ("NO2", "day", 50, 18), ("NO2", "year", 20, None),
    ("SO2", "hour", 350, 3), ("SO2", "day", 50, 18), ("SO2", "year", 20, None),
    ("C6H6", "year", 3.4, None), ("CO", "daily max 8h", 10, None), ("CO", "day", 4, 18),
    ("Pb-in-PM10", "year", 0.5, None), ("As-in-PM10", "year", 6, None), ("Cd-in-PM10", "year", 5, None),
    ("Ni-in-PM10", "year", 20, None), ("BaP-in-PM10", "year", 1, None),
}  # fmt: skip
TABLE_2 = {
    ("PM2.5", "year", 25, None), ("PM10", "day", 50, 35), ("PM10", "year", 40, None),
    ("NO2", "hour", 200, 18), ("NO2", "year", 40, None), ("SO2", "hour", 350, 24), ("SO2", "day", 125, 3),
    ("C6H6", "year", 5, None), ("CO", "daily max 8h", 10, None), ("Pb-in-PM10", "year", 0.5, None),
}  # fmt: skip
WHO = {
    ("PM2.5", "year", 5), ("PM2.5", "day", 15), ("PM10", "year", 15), ("PM10", "day", 45), ("NO2", "year", 10),
    ("NO2", "day", 25), ("NO2", "hour", 200), ("SO2", "day", 40), ("CO", "day", 4), ("O3", "daily max 8h", 100),
    ("O3", "peak season (6-month mean of daily max 8h)", 60),
}  # fmt: skip


def limits(rules: RuleSet) -> list[Objective]:
    return [o for o in rules.objectives if o.objective == "limit value"]


def test_limit_values_are_those_of_the_tables() -> None:
    for rules, table in (("2024-2881", TABLE_1), ("2008-50-ec", TABLE_2)):
        found = {(o.property, o.averaging, o.value, o.permitted_exceedances) for o in limits(LAW[rules])}
        assert found == table, rules
    assert {(o.property, o.averaging, o.value) for o in LAW["who-2021"].objectives} == WHO
    assert {o.unit for r in LAW.values() for o in r.objectives if o.property == "CO"} == {"mg/m3"}


def test_all_61_values_of_the_reference_are_there_and_one_more() -> None:
    # The ozone target of 2008/50/EC (25 days) stands in the text of the reference, not in its table.
    assert sum(len(r.objectives) for r in LAW.values()) == 61 + 1
    (ozone,) = [o for o in LAW["2008-50-ec"].objectives if o.property == "O3"]
    assert (ozone.value, ozone.permitted_exceedances, ozone.objective) == (120, 25, "target value")


def judged(value: float | None, coverage: float, year: int, what: str = "NO2") -> dict[str, dict[str, Any]]:
    return {v["rule_set"]: v for v in verdicts(LAW.values(), what, "year", year, value, coverage)}


@pytest.mark.parametrize(
    ("year", "old", "new"),
    [
        (2009, False, False),
        (2010, True, False),
        (2026, True, False),
        (2029, True, False),
        (2030, False, True),
    ],
)
def test_what_is_in_force_follows_the_year_assessed(year: int, old: bool, new: bool) -> None:
    found = judged(30.0, 1.0, year)
    assert (found["2008-50-ec"]["in_force"], found["2024-2881"]["in_force"]) == (old, new)
    # In force or not, each gives its verdict.
    assert (found["2008-50-ec"]["verdict"], found["2024-2881"]["verdict"]) == ("compliant", "exceeded")
    assert (found["2008-50-ec"]["distance"], found["2024-2881"]["distance"]) == (-10.0, 10.0)


def test_exactly_the_limit_is_kept() -> None:
    assert judged(40.0, 1.0, 2020)["2008-50-ec"]["verdict"] == "compliant"
    assert judged(40.000001, 1.0, 2020)["2008-50-ec"]["verdict"] == "exceeded"


def test_rules_disagree_on_a_coverage_of_87_7_percent() -> None:
    # BE_BETR740, PM10, 2013: 7,684 of 8,760 hours.
    found = judged(25.0, 7684 / 8760, 2013, "PM10")
    assert {k: v["verdict"] for k, v in found.items()} == {
        "2008-50-ec": "not-assessable",  # 90 %
        "2024-2881": "exceeded",  # 85 %, limit 20
        "who-2021": "exceeded",
        "eea-statistics": "compliant",  # 75 %: may be published
    }
    assert found["2008-50-ec"]["coverage_required"] == 0.9
    assert found["2008-50-ec"]["distance"] is None


def test_without_a_value_nothing_is_assessed() -> None:
    assert {v["verdict"] for v in judged(None, 0.0, 2020).values()} == {"not-assessable"}


def test_thresholds_of_hours_and_days_say_nothing_on_a_year() -> None:
    assert {v["objective"] for v in judged(1.0, 1.0, 2020).values()} == {
        "limit value, year",
        "guideline, year",
        "data capture",
    }
