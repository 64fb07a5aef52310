"""Freshness: what recipes state is understood, and due dates are those of a calendar."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ldt.harmonise.recipe import load_recipe, recipe_names
from ldt.model.freshness import judge, stated_intervals

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "intervals"),
    [
        ("yearly", ["P1Y"]),
        ("Annual", ["P1Y"]),
        ("half-yearly", ["P6M"]),
        ("hourly (E2a), yearly (E1a)", ["PT1H", "P1Y"]),
        ("every six years", ["P6Y"]),
        ("every 10 minutes", ["PT10M"]),
        ("every five minutes", ["PT5M"]),
        ("every day", ["P1D"]),
        ("P1M", ["P1M"]),
        ("PT15M", ["PT15M"]),
        ("irregular", []),
        ("never", []),
        ("as needed, by Paul", []),
        ("P9999Y, every 999 years, PT99999999999999H", []),
    ],
)
def test_intervals_that_are_stated(text: str, intervals: list[str]) -> None:
    assert [i.text() for i in stated_intervals(text)] == intervals


def test_every_shipped_recipe_states_something_that_is_understood() -> None:
    for name in recipe_names():
        stated = load_recipe(name).update_frequency
        assert stated is None or stated_intervals(stated) or stated in {"never", "irregular"}, name


def state(text: str | None, now: datetime, *, end: datetime | None = NOON) -> str:
    return judge(text, "observation", committed=NOON, time_last=end, now=now).state


def test_series_are_due_two_intervals_after_their_end() -> None:
    found = judge("hourly", "observation", committed=NOON, time_last=NOON, now=NOON)
    assert found.due == datetime(2026, 1, 31, 14, tzinfo=UTC)
    assert state("hourly", datetime(2026, 1, 31, 14, tzinfo=UTC)) == "fresh"
    assert state("hourly", datetime(2026, 1, 31, 14, 0, 1, tzinfo=UTC)) == "overdue"
    # a month after 31 January is 28 February, and a month after that 28 March
    found = judge("monthly", "coverage", committed=NOON, time_last=NOON, now=NOON)
    assert found.due == datetime(2026, 3, 28, 12, tzinfo=UTC)
    # the longest of several
    assert state("hourly (E2a), yearly (E1a)", datetime(2028, 1, 31, 12, tzinfo=UTC)) == "fresh"
    assert state("hourly (E2a), yearly (E1a)", datetime(2028, 2, 1, 12, tzinfo=UTC)) == "overdue"


def test_objects_are_due_one_interval_after_their_last_change() -> None:
    # the end of a life span says nothing of when the data set ends
    past = datetime(1990, 1, 1, tzinfo=UTC)
    for now, expected in (
        (datetime(2032, 1, 31, 12, tzinfo=UTC), "fresh"),
        (datetime(2032, 1, 31, 12, 1, tzinfo=UTC), "overdue"),
    ):
        found = judge("every six years", "feature", committed=NOON, time_last=past, now=now)
        assert (found.state, found.data_end) == (expected, None)
        assert found.due == datetime(2032, 1, 31, 12, tzinfo=UTC)
        assert "every six years" in found.judged


def test_what_cannot_be_judged_says_why() -> None:
    later = datetime(2099, 1, 1, tzinfo=UTC)
    for text, expected, why in (
        (None, "unknown", "not stated"),
        ("irregular", "unknown", "“irregular” names no interval"),
        ("never", "fresh", "cannot be overdue"),
    ):
        found = judge(text, "observation", committed=NOON, time_last=NOON, now=later)
        assert (found.state, found.due) == (expected, None)
        assert why in found.judged
