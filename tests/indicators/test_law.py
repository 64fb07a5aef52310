"""The rule sets, against the published tables, typed by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ldt.model.law import Days, Objective, RuleSet, daily_verdicts, verdicts
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


# Statistics of days -------------------------------------------------------------------------------------------


def days(
    year: int, values: list[float], coverage: float = 1.0, months: dict[int, float] | None = None
) -> Days:
    return Days(year, coverage, values, dict.fromkeys(range(1, 13), 1.0) if months is None else months)


def counted(what: str, averaging: str, *years: Days) -> dict[str, dict[str, Any]]:
    return {v["rule_set"]: v for v in daily_verdicts(LAW.values(), what, averaging, years)}


@pytest.mark.parametrize("percentile", [0.0, 50.0, 90.4, 99.0, 100.0])
@pytest.mark.parametrize("n", [1, 2, 100, 365])
def test_percentiles_are_those_of_numpy(percentile: float, n: int) -> None:
    values = np.random.default_rng(n).gamma(2, 20, n)
    assert days(2013, list(values)).percentile(percentile) == pytest.approx(
        np.percentile(values, percentile), rel=1e-12
    )


def test_each_rule_set_counts_with_its_own_threshold_and_permits_its_own_number() -> None:
    # 35 days above 50, 5 more above 45, the others below.
    found = counted("PM10", "day", days(2013, [60.0] * 35 + [47.0] * 5 + [10.0] * 325))
    assert {k: (v["verdict"], v.get("exceedances"), v.get("permitted")) for k, v in found.items()} == {
        "2008-50-ec": ("compliant", 35, 35),
        "2024-2881": ("exceeded", 40, 18),
        "who-2021": ("exceeded", None, None),
        "eea-statistics": ("compliant", None, None),
    }
    assert (found["2008-50-ec"]["limit"], found["2024-2881"]["limit"]) == (50, 45)
    assert (found["2008-50-ec"]["distance"], found["2024-2881"]["distance"]) == (0, 22)
    assert (
        found["2008-50-ec"]["in_force"],
        found["2024-2881"]["in_force"],
        found["who-2021"]["in_force"],
    ) == (True, False, False)
    assert {v["objective"] for v in found.values()} == {"limit value, day", "guideline, day", "data capture"}


def test_one_day_more_than_permitted_is_exceeded() -> None:
    assert (
        counted("PM10", "day", days(2013, [60.0] * 36 + [10.0] * 329))["2008-50-ec"]["verdict"] == "exceeded"
    )


@pytest.mark.parametrize(
    ("coverage", "old", "new", "who"),
    [
        (0.9, "compliant", "compliant", "compliant"),
        (0.899, "not-assessable", "compliant", "compliant"),
        (0.849, "not-assessable", "not-assessable", "compliant"),
        (0.749, "not-assessable", "not-assessable", "not-assessable"),
    ],
)
def test_days_need_the_coverage_of_the_rule_set(coverage: float, old: str, new: str, who: str) -> None:
    found = counted("PM10", "day", days(2013, [10.0] * 200, coverage))
    assert [found[r]["verdict"] for r in ("2008-50-ec", "2024-2881", "who-2021")] == [old, new, who]
    assert found["2008-50-ec"]["coverage"] == coverage


@pytest.mark.parametrize(("whole", "verdict"), [(5, "compliant"), (4, "not-assessable")])
def test_ozone_of_2008_needs_five_of_six_months_of_summer(whole: int, verdict: str) -> None:
    # 27 of 30 days are 90 %; the winter does not matter, nor does the share of the year.
    months = {m: 27 / 30 if m - 4 < whole else 26 / 30 for m in range(4, 10)}
    found = counted("O3", "daily max 8h", days(2013, [100.0] * 160, 0.4, months))
    assert found["2008-50-ec"]["verdict"] == verdict
    assert found["2024-2881"]["verdict"] == "not-assessable"  # 85 % of the hours of the year


def test_years_are_averaged_over_those_that_are_valid() -> None:
    none: dict[int, float] = {}
    first, second, third = (
        days(2011, [130.0] * 60),
        days(2012, [130.0] * 3, 0.1, none),
        days(2013, [130.0] * 10),
    )
    found = counted("O3", "daily max 8h", days(2010, [130.0] * 300), first, second, third)["2008-50-ec"]
    # 2010 is too long ago, 2012 has no summer: (60 + 10) / 2.
    assert (found["exceedances"], found["basis"], found["verdict"]) == (35.0, [2011, 2013], "exceeded")
    assert found["by_year"] == {"2011": 60, "2012": 3, "2013": 10}
    alone = counted("O3", "daily max 8h", third)["2008-50-ec"]
    assert (alone["exceedances"], alone["basis"], alone["verdict"]) == (10.0, [2013], "compliant")


def test_what_is_missing_can_only_add_exceedances() -> None:
    none: dict[int, float] = {}
    few = [days(y, [130.0] * n, 0.2, none) for y, n in ((2011, 26), (2012, 26), (2013, 26))]
    sure = counted("O3", "daily max 8h", *few)["2008-50-ec"]
    assert (sure["verdict"], sure["exceedances"], sure["basis"]) == ("exceeded", 26.0, [2011, 2012, 2013])
    unsure = counted("O3", "daily max 8h", *few[:2])["2008-50-ec"]  # 52 / 3 days, if 2010 had none
    assert (unsure["verdict"], unsure["exceedances"], unsure["basis"]) == ("not-assessable", None, [])


def test_the_rules_of_ozone_name_their_source() -> None:
    (rule,) = [c for c in LAW["2008-50-ec"].coverage if c.properties == ["O3"]]
    assert rule.season is not None
    assert (rule.season.months, rule.season.enough, rule.share) == ([4, 5, 6, 7, 8, 9], 5, 0.9)
    assert "Annex VII" in rule.source
    targets = [
        o
        for r in LAW.values()
        for o in r.objectives
        if o.objective == "target value" and o.averaging == "daily max 8h"
    ]
    assert [(o.years, o.min_years, o.permitted_exceedances) for o in targets] == [(3, 1, 25), (3, 1, 18)]
