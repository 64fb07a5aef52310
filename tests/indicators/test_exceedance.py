"""Days above a number against pandas and hand calculations, and what the law says of them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
import shapely
from tests.indicators.world import World

from ldt.indicators.daily import DAYS, HOURS, MAX_8H, MEAN, RUNNING, Daily, daily
from ldt.indicators.lineage import lineage, records
from ldt.indicators.series import count, find
from ldt.model.indicator import ValueKey
from ldt.store import values

CET = timezone(timedelta(hours=1))
HOUR = timedelta(hours=1)
PM10, O3 = "pm10-exceedance-days", "o3-days-above-120"


def hours(year: int, zone: timezone = CET, before: int = 0) -> list[datetime]:
    start, end = datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    return [start + i * HOUR for i in range(-before, int((end - start) / HOUR))]


def at(times: list[datetime], moment: datetime) -> int:
    return times.index(moment)


def value(
    world: World, indicator: str, code: str = "S1", year: str = "2013", scheme: str = "station"
) -> dict[str, Any]:
    found: dict[str, Any] = values.one(world.conn, world.snapshot(), ValueKey(indicator, scheme, code, year))
    return found


def verdict(found: dict[str, Any], rule_set: str) -> dict[str, Any]:
    one: list[dict[str, Any]] = [v for v in found["verdicts"] if v["rule_set"] == rule_set]
    assert len(one) == 1
    return one[0]


def days_of(world: World, what: str, statistic: str, year: str = "2013") -> Daily:
    """The days of the only series of an observed property."""
    snapshot = world.snapshot()
    (series,) = find(world.conn, snapshot, [what], summer_time=True)
    counts = count(world.conn, snapshot, [series], [year], 1)
    (found,) = daily(world.conn, snapshot, counts, statistic, 1)
    return found


# Against pandas -----------------------------------------------------------------------------------------------

ZONES = ["+01:00", "-03:30", "+05:45", "UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe"]


def generated(zone: str, seed: int) -> pd.DataFrame:
    """Hourly values of 2013 and the days around it, with gaps, flags and a long outage, indexed by local time."""
    rng = np.random.default_rng(seed)
    tz = (
        "UTC"
        if zone == "UTC"
        else ZoneInfo(zone)
        if "/" in zone
        else datetime.fromisoformat(f"2013-01-01T00:00{zone}").tzinfo
    )
    index = pd.date_range("2012-12-30", "2014-01-03", freq="h", tz=tz)
    level = 75 + 45 * np.sin(np.arange(len(index)) / 24 * 2 * np.pi) + rng.normal(0, 30, len(index))
    frame = pd.DataFrame(
        {
            "value": level,
            "validity": rng.choice([1, 2, 3, -1, -99], len(index), p=[0.7, 0.05, 0.05, 0.1, 0.1]),
        },
        index=index,
    )
    kept = rng.random(len(index)) > 0.05
    kept[3000:3400] = False
    return frame[kept]


@pytest.mark.parametrize("zone", ZONES)
def test_daily_means_are_those_of_pandas(world: World, zone: str) -> None:
    frame = generated(zone, 1)
    world.observations(
        "air",
        "S1",
        "PM10",
        list(frame.index.to_pydatetime()),
        list(frame.value),
        validity=list(frame.validity),
        zone=zone,
    )
    good = frame[frame.validity >= 1].value
    by_day = good.groupby(good.index.date)
    expected = by_day.mean()[by_day.count() >= 18]
    expected = expected[[d.year == 2013 for d in expected.index]]
    assert 100 < len(expected) < 365  # valid days and days that are not
    found = days_of(world, "PM10", MEAN)
    assert list(found.values) == list(expected.index)
    assert list(found.values.values()) == pytest.approx(list(expected), rel=1e-12)
    assert found.n_valid == int((good.index.year == 2013).sum())
    assert (found.n_days, found.n_expected) == (365, 8760)


@pytest.mark.parametrize("zone", ZONES)
def test_running_means_are_those_of_pandas(world: World, zone: str) -> None:
    frame = generated(zone, 2)
    world.observations(
        "air",
        "S1",
        "O3",
        list(frame.index.to_pydatetime()),
        list(frame.value),
        validity=list(frame.validity),
        zone=zone,
    )
    good = frame[frame.validity >= 1].value
    every = pd.date_range(frame.index[0], frame.index[-1], freq="h")
    means = good.reindex(every).rolling(8, min_periods=6).mean().dropna()
    # The last hour of a window lies in the day on which the window ends.
    by_day = means.groupby(means.index.date)
    expected = by_day.max()[by_day.count() >= 18]
    expected = expected[[d.year == 2013 for d in expected.index]]
    assert 100 < len(expected) < 365
    found = days_of(world, "O3", MAX_8H)
    assert list(found.values) == list(expected.index)
    assert list(found.values.values()) == pytest.approx(list(expected), rel=1e-9)
    # From values to the indicator.
    world.compute(O3, periods=["2013"])
    one = value(world, O3)
    assert one["quality"]["days"]["above"] == int((expected > 120).sum()) > 10
    assert one["quality"]["days"]["valid"] == len(expected)
    assert one["coverage"] == (good.index.year == 2013).sum() / 8760


def test_a_series_off_the_hour_has_one_value_in_each_hour(world: World) -> None:
    # Two values in each hour of half a day, at 10 and 40 minutes past: 12 hours, not 24.
    start = datetime(2013, 5, 1, tzinfo=CET)
    times = [start + timedelta(minutes=m) for m in range(10, 12 * 60, 30)]
    assert len(times) == 24
    world.observations("air", "S1", "PM10", times, [99.0] * 24)
    found = days_of(world, "PM10", MEAN)
    assert (found.n_valid, found.values) == (12, {})


# By hand ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count_", "valid"), [(17, False), (18, True)])
def test_a_day_needs_18_hours(world: World, count_: int, valid: bool) -> None:
    day = [datetime(2013, 5, 1, tzinfo=CET) + i * HOUR for i in range(count_)]
    world.observations("air", "S1", "PM10", day, [60.0] * count_)
    assert days_of(world, "PM10", MEAN).values == ({date(2013, 5, 1): 60.0} if valid else {})


def test_the_hour_from_23_to_24_is_of_the_day_and_the_next_is_not(world: World) -> None:
    times = hours(2013)
    level = [10.0] * len(times)
    # One hour of 24 lifts its day's mean to (23 * 10 + 1210) / 24 = 60.
    level[at(times, datetime(2013, 5, 1, 23, tzinfo=CET))] = 1210.0
    level[at(times, datetime(2013, 6, 1, 0, tzinfo=CET))] = 1210.0
    world.observations("air", "S1", "PM10", times, level)
    found = days_of(world, "PM10", MEAN).values
    assert {d: v for d, v in found.items() if v > 50} == {date(2013, 5, 1): 60.0, date(2013, 6, 1): 60.0}


def test_exactly_the_threshold_is_no_exceedance(world: World) -> None:
    times = hours(2013)
    level = [50.0] * 24 * 3 + [50.0000001] * 24 * 2 + [1.0] * (len(times) - 24 * 5)
    world.observations("air", "S1", "PM10", times, level)
    world.compute(PM10, periods=["2013"])
    found = value(world, PM10)
    assert (found["value"], found["unit"], found["status"]) == (2.0, "{days}/a", "valid")
    assert verdict(found, "2008-50-ec")["exceedances"] == 2
    assert verdict(found, "2024-2881")["exceedances"] == 5  # more than 45
    assert verdict(found, "2024-2881")["limit"] == 45


def test_a_running_mean_belongs_to_the_day_on_which_it_ends(world: World) -> None:
    times = hours(2013, before=24)
    level = [0.0] * len(times)
    # The eight hours 17:00–01:00: their mean ends at 01:00 of 2 May and is the first of that day.
    first = at(times, datetime(2013, 5, 1, 17, tzinfo=CET))
    level[first : first + 8] = [130.0] * 8
    # The eight hours 16:00–24:00: their mean ends at 24:00 of 10 May and is the last of that day.
    last = at(times, datetime(2013, 5, 10, 16, tzinfo=CET))
    level[last : last + 8] = [130.0] * 8
    # The eight hours 17:00–01:00 over the turn of the year: of 1 January, though seven of them are of 2012.
    turn = at(times, datetime(2012, 12, 31, 17, tzinfo=CET))
    level[turn : turn + 8] = [130.0] * 8
    world.observations("air", "S1", "O3", times, level)
    found = days_of(world, "O3", MAX_8H).values
    assert {d: v for d, v in found.items() if v > 120} == {
        date(2013, 1, 1): 130.0,
        date(2013, 5, 2): 130.0,
        date(2013, 5, 10): 130.0,
    }
    # 7 of the 8 hours of 17:00–01:00 are of the evening: the day before has 7/8 * 130 = 113.75.
    assert found[date(2013, 5, 1)] == 113.75


@pytest.mark.parametrize(("missing", "valid"), [(2, True), (3, False)])
def test_a_running_mean_needs_6_of_8_hours(world: World, missing: int, valid: bool) -> None:
    # In each 8 hours the same number is missing, so all windows of the day are valid or none.
    start = datetime(2013, 5, 1, tzinfo=CET)
    times = [start + i * HOUR for i in range(-8, 24) if i % 8 >= missing]
    world.observations("air", "S1", "O3", times, [80.0] * len(times))
    assert days_of(world, "O3", MAX_8H).values == ({date(2013, 5, 1): 80.0} if valid else {})


@pytest.mark.parametrize(("last", "valid"), [(17, True), (16, False)])
def test_a_day_needs_18_running_means(world: World, last: int, valid: bool) -> None:
    # Hours from the evening before to `last` o'clock, then nothing. Windows end up to two hours after the last value:
    # with values to 15:00–16:00 those that end with the hours 0 to 17, which are 18.
    start = datetime(2013, 5, 1, tzinfo=CET)
    times = [start + i * HOUR for i in range(-8, last - 1)]
    world.observations("air", "S1", "O3", times, [80.0] * len(times))
    assert (date(2013, 5, 1) in days_of(world, "O3", MAX_8H).values) is valid


def test_running_means_as_delivered_belong_to_the_day_on_which_they_end(world: World) -> None:
    # They begin seven hours before the hour that they end with.
    day = datetime(2013, 5, 1, tzinfo=CET)
    times = [day + (i - 7) * HOUR for i in range(24)]
    level = [100.0] * 24
    level[0] = 140.0  # 17:00–01:00
    world.observations("air", "S1", "O3", times, level, averaging="PT8H")
    found = days_of(world, "O3", MAX_8H)
    assert (found.series.averaging, found.n_valid, found.n_expected) == (RUNNING, 24, 8760)
    assert found.values == {date(2013, 5, 1): 140.0}


def test_running_means_that_are_delivered_each_half_hour_are_not_more_of_them(world: World) -> None:
    # 24 running means end in 12 hours: fewer than 18.
    day = datetime(2013, 5, 1, tzinfo=CET)
    times = [day - 7 * HOUR + timedelta(minutes=30 * i) for i in range(24)]
    world.observations("air", "S1", "O3", times, [100.0] * 24, averaging="PT8H")
    found = days_of(world, "O3", MAX_8H)
    assert (found.n_valid, found.values) == (12, {})


@pytest.mark.parametrize("zone", ["+01:00", "Europe/Berlin"])
def test_days_as_delivered_keep_their_date_in_summer_time(world: World, zone: str) -> None:
    tz = CET if zone == "+01:00" else ZoneInfo(zone)
    first = date(2013, 1, 1)
    dates = [first + timedelta(days=i) for i in range(365)]
    times = [datetime(d.year, d.month, d.day, tzinfo=tz).astimezone(UTC) for d in dates]
    world.observations("air", "S1", "PM10", times, [float(i) for i in range(365)], averaging="P1D", zone=zone)
    found = days_of(world, "PM10", MEAN)
    assert (found.series.averaging, found.n_valid, found.n_expected, found.coverage) == (DAYS, 365, 365, 1.0)
    assert found.values == {d: float(i) for i, d in enumerate(dates)}


def test_hours_go_before_days(world: World) -> None:
    times = hours(2013)
    dates = [datetime(2013, 1, 1, tzinfo=CET) + timedelta(days=i) for i in range(365)]
    world.observations("air", "S1", "PM10", times[:7000], [60.0] * 7000)
    world.observations("air", "S1", "PM10", dates, [10.0] * 365, averaging="P1D")
    world.compute(PM10, periods=["2013"])
    found = value(world, PM10)
    # 7,000 hours are 291 days and 16 hours: the last day is not valid.
    assert (found["value"], found["n_valid"], found["n_expected"]) == (291.0, 7000, 8760)
    assert found["method"] == "daily means of at least 18 hours"
    assert sorted((s["averaging"], s["used"]) for s in found["quality"]["series"]) == [
        (DAYS, False),
        (HOURS, True),
    ]


# Status and law -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("n", "status"), [(6570, "valid"), (6569, "insufficient")])
def test_three_quarters_of_the_hours_are_needed(world: World, n: int, status: str) -> None:
    world.observations("air", "S1", "PM10", hours(2013)[:n], [10.0] * n)
    world.compute(PM10, periods=["2013"])
    found = value(world, PM10)
    assert (found["status"], found["value"]) == (status, 0.0 if status == "valid" else None)
    assert (found["coverage"], found["quality"]["days"]["above"]) == (n / 8760, 0)


def test_too_little_data_excuse_no_exceedance(world: World) -> None:
    # 36 days of 60 and nothing else: whatever the other days were, 35 is exceeded; 45 as 99th percentile is not known.
    n = 36 * 24
    world.observations("air", "S1", "PM10", hours(2013)[:n], [60.0] * n)
    world.observations("air", "S2", "PM10", hours(2013)[: n - 24], [60.0] * (n - 24))
    world.compute(PM10, periods=["2013"])
    found = value(world, PM10)
    assert (found["status"], found["value"]) == ("insufficient", None)
    assert {v["rule_set"]: v["verdict"] for v in found["verdicts"]} == {
        "2008-50-ec": "exceeded",
        "2024-2881": "exceeded",
        "who-2021": "not-assessable",
        "eea-statistics": "not-assessable",
    }
    old = verdict(found, "2008-50-ec")
    assert (old["exceedances"], old["permitted"], old["distance"], old["basis"]) == (36, 35, 1, [2013])
    assert old["by_year"] == {"2013": 36}
    other = verdict(value(world, PM10, "S2"), "2008-50-ec")
    assert (other["verdict"], other["exceedances"], other["by_year"]) == (
        "not-assessable",
        None,
        {"2013": 35},
    )


def test_the_guideline_is_judged_by_its_percentile(world: World) -> None:
    rng = np.random.default_rng(3)
    level = rng.gamma(4, 7, 365)
    world.observations("air", "S1", "PM10", hours(2013), list(np.repeat(level, 24)))
    world.compute(PM10, periods=["2013"])
    found = verdict(value(world, PM10), "who-2021")
    assert found["statistic"] == pytest.approx(np.percentile(level, 99), rel=1e-9)
    assert (found["limit"], found["percentile"], found["verdict"]) == (45, 99, "exceeded")
    assert found["distance"] == pytest.approx(np.percentile(level, 99) - 45, rel=1e-9)


def ozone(world: World, counts: dict[int, tuple[int, list[int]]], thing: str = "S1") -> None:
    """Daily running means: in each year a number of days in July at 130, the other days at 100; without some months."""
    times, level = [], []
    for year, (above, without) in counts.items():
        for t in hours(year):
            if t.month in without:
                continue
            july = t - datetime(year, 7, 1, tzinfo=CET)
            times.append(t - 7 * HOUR)
            level.append(130.0 if timedelta(0) <= july < timedelta(days=above) else 100.0)
    world.observations("air", thing, "O3", times, level, averaging="PT8H")


def test_the_ozone_target_is_averaged_over_three_years(world: World) -> None:
    ozone(world, {2011: (40, []), 2012: (30, []), 2013: (5, [])})
    world.compute(O3, periods=["2011", "2012", "2013"])
    found = value(world, O3)
    assert found["value"] == 5.0
    old = verdict(found, "2008-50-ec")
    # (40 + 30 + 5) / 3 = 25, which is permitted; 18 from 2030 on are not kept.
    assert (old["exceedances"], old["permitted"], old["verdict"], old["basis"]) == (
        25.0,
        25,
        "compliant",
        [2011, 2012, 2013],
    )
    assert old["by_year"] == {"2011": 40, "2012": 30, "2013": 5}
    new = verdict(found, "2024-2881")
    assert (new["exceedances"], new["distance"], new["verdict"], new["in_force"]) == (
        25.0,
        7.0,
        "exceeded",
        False,
    )
    # The year 2012 has two years, 2011 one: that is what the directive makes do with.
    two, one = (verdict(value(world, O3, year=y), "2008-50-ec") for y in ("2012", "2011"))
    assert (two["exceedances"], two["basis"]) == (35.0, [2011, 2012])
    assert (one["exceedances"], one["basis"], one["verdict"]) == (40.0, [2011], "exceeded")


def test_a_year_without_its_summer_is_no_basis(world: World) -> None:
    # Without February the summer is whole; without April and May, only four of its six months are.
    ozone(world, {2011: (30, [4, 5]), 2012: (20, [2]), 2013: (20, [5])})
    world.compute(O3, periods=["2013"])
    found = verdict(value(world, O3), "2008-50-ec")
    assert (found["exceedances"], found["basis"], found["verdict"]) == (20.0, [2012, 2013], "compliant")
    # The 85 % of the new directive are of the whole year: 304 of 365 days are too few, 334 are enough.
    assert verdict(value(world, O3), "2024-2881")["basis"] == [2012, 2013]


def test_without_any_valid_year_the_target_cannot_be_assessed(world: World) -> None:
    ozone(world, {2013: (20, [4, 5, 6, 8, 9])})
    ozone(world, {2013: (31, [1, 2, 3, 4]), 2012: (31, [1, 2, 3, 4]), 2011: (31, [1, 2, 3, 4])}, "S2")
    world.compute(O3, periods=["2013"])
    found = verdict(value(world, O3), "2008-50-ec")
    assert (found["verdict"], found["exceedances"], found["basis"]) == ("not-assessable", None, [])
    # Five months of summer are enough for the old directive, 245 of 365 days not for the new one; but three times 31
    # days above are more than 18 a year, whatever the rest of the year was.
    other = value(world, O3, "S2")
    assert (other["status"], verdict(other, "2008-50-ec")["basis"]) == ("insufficient", [2011, 2012, 2013])
    assert (verdict(other, "2024-2881")["verdict"], verdict(other, "2024-2881")["exceedances"]) == (
        "exceeded",
        31.0,
    )


def test_areas_have_the_maximum_and_the_worst_verdict(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    world.area("D1", shapely.box(6.8, 50.8, 7.0, 51.1), scheme="district", name="districts")
    world.area("Q1", shapely.box(7.1, 50.8, 7.2, 51.1), scheme="quarter", name="quarters")
    places = {"IN1": (6.9, 50.9), "IN2": (7.05, 51.0), "FEW": (7.15, 51.0)}
    world.features(
        "stations",
        "environmental-monitoring-facilities",
        [(c, shapely.Point(*p), {"code": c, "name": c}) for c, p in places.items()],
    )
    for code, above, n in (("IN1", 12, 365), ("IN2", 30, 365), ("FEW", 40, 40)):
        level = [60.0] * 24 * above + [10.0] * 24 * (n - above)
        world.observations("air", code, "PM10", hours(2013)[: 24 * n], level)
    world.compute(PM10, periods=["2013"])
    city = value(world, PM10, "CITY", scheme="city")
    assert (city["value"], city["status"], city["quality"]["station"]) == (30.0, "valid", "IN2")
    # The value is of a station with enough data; the verdict is of the station that exceeds for certain.
    assert (verdict(city, "2008-50-ec")["verdict"], verdict(city, "2008-50-ec")["station"]) == (
        "exceeded",
        "FEW",
    )
    assert value(world, PM10, "D1", scheme="district")["value"] == 12.0
    quarter = value(world, PM10, "Q1", scheme="quarter")
    assert (quarter["status"], quarter["reason"]) == (
        "insufficient",
        "none of 1 stations has enough valid data",
    )


def test_what_lacks_is_told(world: World) -> None:
    world.compute(PM10, periods=["2013"])
    assert value(world, PM10, "test", scheme="twin")["reason"] == "needs observations of PM10"
    world.observations("air", "S1", "PM10", hours(2013)[:24], [1.0] * 24, averaging="PT8H")
    world.compute(PM10, periods=["2013"])
    found = value(world, PM10)
    assert (found["status"], found["reason"]) == (
        "not-computable",
        "needs PM10 as PT1H or P1D in ug/m3; there is PT8H in ug/m3",
    )


# Lineage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("averaging", "n"), [("PT1H", 8760 + 7), ("PT8H", 8760)])
def test_lineage_reaches_back_to_the_windows_of_the_first_day(world: World, averaging: str, n: int) -> None:
    times = hours(2013, before=48)
    flags = [1] * len(times)
    flags[at(times, datetime(2012, 12, 31, 20, tzinfo=CET))] = -1
    world.observations("air", "S1", "O3", times, [50.0] * len(times), averaging=averaging, validity=flags)
    world.compute(O3, periods=["2013"])
    key = ValueKey(O3, "station", "S1", "2013")
    found = lineage(world.conn, world.snapshot(), key)
    # 7 hours before the year begins; delivered running means begin that much before the hour that they end with.
    lost = 7 if averaging == "PT8H" else 0
    in_file = len([t for t in times if t >= times[48] - 7 * HOUR]) - lost
    assert (found["records"]["used"], found["records"]["discarded"]) == (in_file - 1, {"validity -1": 1})
    assert in_file == n
    first = records(world.conn, world.snapshot(), key, limit=5)
    assert first[0]["time"] == datetime(2012, 12, 31, 17, tzinfo=CET)
    assert [r["reason"] for r in first] == [None, None, None, "validity -1", None]
