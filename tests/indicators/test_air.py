"""Annual means and completeness against pandas and hand calculations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from tests.indicators.world import World

from ldt.errors import UsageError
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import PUBLIC, Access
from ldt.store import values

CET = timezone(timedelta(hours=1))


def hours(year: int, count: int | None = None, zone: timezone = CET) -> list[datetime]:
    start, end = datetime(year, 1, 1, tzinfo=zone), datetime(year + 1, 1, 1, tzinfo=zone)
    n = int((end - start) / timedelta(hours=1)) if count is None else count
    return [start + timedelta(hours=i) for i in range(n)]


def value(
    world: World, indicator: str, scheme: str, code: str, period: str, at: int | None = None
) -> dict[str, Any]:
    found: dict[str, Any] = values.one(
        world.conn, world.snapshot(at), ValueKey(indicator, scheme, code, period)
    )
    return found


def verdict(found: dict[str, Any], rule_set: str) -> dict[str, Any]:
    one: list[dict[str, Any]] = [v for v in found["verdicts"] if v["rule_set"] == rule_set]
    assert len(one) == 1
    return one[0]


def test_mean_and_coverage_are_those_of_pandas(world: World) -> None:
    rng = np.random.default_rng(1)
    times = hours(2013)
    data = pd.DataFrame(
        {
            "time": pd.to_datetime(times, utc=True),
            "value": rng.normal(30, 20, len(times)),
            "validity": rng.choice([1, 2, 3, -1, -99], len(times), p=[0.9, 0.02, 0.02, 0.03, 0.03]),
        }
    )
    assert (data.value < 0).any()  # negative values are kept
    # A few hours of the neighbouring years, which must not count: the year begins at 00:00 +01:00.
    before, after = times[0] - timedelta(hours=1), times[-1] + timedelta(hours=1)
    world.observations(
        "air",
        "S1",
        "NO2",
        [before, *times, after],
        [9999.0, *data.value, 9999.0],
        validity=[1, *data.validity, 1],
    )
    world.compute("no2-annual-mean", periods=["2012", "2013", "2014"])
    assert value(world, "no2-annual-mean", "station", "S1", "2014")["n_valid"] == 1
    good = data[data.validity >= 1]
    found = value(world, "no2-annual-mean", "station", "S1", "2013")
    assert found["value"] == pytest.approx(good.value.mean(), rel=1e-12)
    assert found["n_valid"] == len(good)
    assert found["n_expected"] == 8760
    assert found["coverage"] == len(good) / 8760
    assert found["status"] == "valid"
    assert found["period_start"] == datetime(2012, 12, 31, 23, tzinfo=UTC)
    assert found["period_end"] == datetime(2013, 12, 31, 23, tzinfo=UTC)
    (series,) = found["quality"]["series"]
    assert series["negative"] == int((good.value < 0).sum())
    assert series["validity"] == {str(k): int(n) for k, n in data.validity.value_counts().items()}


@pytest.mark.parametrize(
    ("year", "expected"),
    [(2013, 8760), (2012, 8784), (1900, 8760), (2000, 8784)],  # 365 * 24, 366 * 24; 1900 was no leap year
)
def test_leap_years_have_8784_hours(world: World, year: int, expected: int) -> None:
    times = hours(year)
    world.observations("air", "S1", "NO2", times, [1.0] * len(times))
    world.compute("no2-annual-mean", periods=[str(year)])
    found = value(world, "no2-annual-mean", "station", "S1", str(year))
    assert (found["n_valid"], found["n_expected"], found["coverage"]) == (expected, expected, 1.0)


@pytest.mark.parametrize(
    ("count", "status", "law2008", "law2024", "eea"),
    [
        # 0.75 * 8760 = 6570, 0.85 * 8760 = 7446, 0.90 * 8760 = 7884: exactly the share is enough.
        (6569, "insufficient", "not-assessable", "not-assessable", "not-assessable"),
        (6570, "valid", "not-assessable", "not-assessable", "compliant"),
        (7445, "valid", "not-assessable", "not-assessable", "compliant"),
        (7446, "valid", "not-assessable", "exceeded", "compliant"),
        (7883, "valid", "not-assessable", "exceeded", "compliant"),
        (7884, "valid", "compliant", "exceeded", "compliant"),
    ],
)
def test_coverage_at_the_edges(
    world: World, count: int, status: str, law2008: str, law2024: str, eea: str
) -> None:
    world.observations("air", "S1", "NO2", hours(2013, count), [30.0] * count)
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "station", "S1", "2013")
    assert found["status"] == status
    assert found["value"] == (30.0 if status == "valid" else None)
    assert verdict(found, "2008-50-ec")["verdict"] == law2008
    assert verdict(found, "2024-2881")["verdict"] == law2024
    assert verdict(found, "eea-statistics")["verdict"] == eea
    assert verdict(found, "2008-50-ec")["in_force"] is True
    assert verdict(found, "2024-2881")["in_force"] is False


def test_a_zone_with_summer_time_is_taken_as_utc(world: World) -> None:
    times = hours(2013, zone=UTC)
    world.observations("air", "S1", "NO2", times, [1.0] * 8760, zone="Europe/Berlin")
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "station", "S1", "2013")
    assert found["period_start"] == datetime(2013, 1, 1, tzinfo=UTC)
    assert found["coverage"] == 1.0


def test_pm10_takes_days_only_where_there_are_no_hours(world: World) -> None:
    days = [datetime(2013, 1, 1, tzinfo=CET) + timedelta(days=i) for i in range(365)]
    world.observations("air", "DAYS", "PM10", days, [20.0] * 365, averaging="P1D")
    world.observations("air", "BOTH", "PM10", days, [20.0] * 365, averaging="P1D")
    world.observations("air", "BOTH", "PM10", hours(2013, 7000), [10.0] * 7000)
    world.compute("pm10-annual-mean", periods=["2013"])
    only = value(world, "pm10-annual-mean", "station", "DAYS", "2013")
    assert (only["value"], only["n_expected"]) == (20.0, 365)
    both = value(world, "pm10-annual-mean", "station", "BOTH", "2013")
    assert (both["value"], both["n_valid"], both["n_expected"]) == (10.0, 7000, 8760)
    assert sorted((s["averaging"], s["used"]) for s in both["quality"]["series"]) == [
        ("P1D", False),
        ("PT1H", True),
    ]


def test_of_several_sampling_points_the_best_covered_speaks(world: World) -> None:
    world.observations("air", "S1", "NO2", hours(2013, 7000), [10.0] * 7000, point="A")
    world.observations("air", "S1", "NO2", hours(2013, 8000), [50.0] * 8000, point="B")
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "station", "S1", "2013")
    assert found["value"] == 50.0
    assert {s["datastream"][-1]: (s["mean"], s["used"]) for s in found["quality"]["series"]} == {
        "A": (10.0, False),
        "B": (50.0, True),
    }


def test_a_series_denser_than_it_says_is_not_more_complete(world: World) -> None:
    # 100 days of daily means, one beginning each hour: 2,400 values in 100 of 365 intervals.
    world.observations("air", "S1", "PM10", hours(2013, 2400), [20.0] * 2400, averaging="P1D")
    world.compute("pm10-annual-mean", periods=["2013"])
    found = value(world, "pm10-annual-mean", "station", "S1", "2013")
    assert (found["n_valid"], found["n_expected"], found["status"]) == (2400, 365, "insufficient")
    assert found["coverage"] == 100 / 365


def test_running_means_are_no_input_and_the_value_says_what_is_needed(world: World) -> None:
    world.observations("air", "S1", "NO2", hours(2013), [1.0] * 8760, averaging="PT8H")
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "station", "S1", "2013")
    assert (found["status"], found["value"]) == ("not-computable", None)
    assert found["reason"] == "needs NO2 as PT1H in ug/m3; there is PT8H in ug/m3"


def test_without_observations_there_is_one_value_that_says_so(world: World) -> None:
    world.compute("no2-annual-mean", "data-completeness", periods=["2013"])
    found = value(world, "no2-annual-mean", "twin", "test", "2013")
    assert (found["status"], found["reason"]) == ("not-computable", "needs observations of NO2")
    assert value(world, "data-completeness", "twin", "test", "2013")["reason"] == "needs observations"
    # As soon as there is data, that value is no more.
    world.observations("air", "S1", "NO2", hours(2013), [1.0] * 8760)
    world.compute("no2-annual-mean", periods=["2013"])
    assert [v["code"] for v in values.page(world.conn, world.snapshot(), "no2-annual-mean")] == ["S1"]


def test_a_period_that_is_no_year_is_refused(world: World) -> None:
    with pytest.raises(UsageError, match="calendar years"):
        world.compute("no2-annual-mean", periods=["2013-05"])


def stations(world: World, places: dict[str, tuple[float, float]], access: Access = Access.OPEN) -> None:
    world.features(
        "stations",
        "environmental-monitoring-facilities",
        [(c, shapely.Point(*p), {"code": c, "name": f"Station {c}"}) for c, p in places.items()],
        access=access,
    )


def test_a_city_has_the_maximum_over_its_stations_and_never_a_mean(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    stations(world, {"IN1": (6.9, 50.9), "IN2": (7.0, 51.0), "LOW": (7.1, 51.0), "OUT": (8.0, 50.9)})
    for code, level, count in (
        ("IN1", 30.0, 8760),
        ("IN2", 45.0, 7500),
        ("LOW", 99.0, 100),
        ("OUT", 80.0, 8760),
    ):
        world.observations("air", code, "NO2", hours(2013, count), [level] * count)
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "city", "CITY", "2013")
    assert (found["value"], found["method"]) == (45.0, "maximum over stations")
    assert found["quality"]["station"] == "IN2"
    assert [s["code"] for s in found["quality"]["stations"]] == ["IN1", "IN2", "LOW"]
    # IN2 is highest, but its 85.6 % are too few for 90 %: the highest that can be assessed is IN1.
    assert (verdict(found, "2008-50-ec")["verdict"], verdict(found, "2008-50-ec")["station"]) == (
        "compliant",
        "IN1",
    )
    assert (verdict(found, "2024-2881")["verdict"], verdict(found, "2024-2881")["station"]) == (
        "exceeded",
        "IN2",
    )
    assert verdict(found, "2024-2881")["distance"] == 25.0
    assert value(world, "no2-annual-mean", "station", "IN1", "2013")["name"] == "Station IN1"


def test_a_valid_value_below_zero_goes_before_one_that_is_not_valid(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    stations(world, {"LOW": (6.9, 50.9), "FEW": (7.0, 51.0)})
    world.observations("air", "LOW", "NO2", hours(2013), [-0.5] * 8760)
    world.observations("air", "FEW", "NO2", hours(2013, 100), [50.0] * 100)
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "city", "CITY", "2013")
    assert (found["value"], found["status"]) == (-0.5, "valid")


def test_a_city_without_a_station_says_what_it_needs(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    world.observations("air", "S1", "NO2", hours(2013), [1.0] * 8760)
    world.compute("no2-annual-mean", periods=["2013"])
    found = value(world, "no2-annual-mean", "city", "CITY", "2013")
    assert (found["status"], found["reason"]) == (
        "not-computable",
        "needs a station in the area that measures NO2",
    )


def test_values_inherit_the_strictest_access_class(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    stations(world, {"S1": (6.9, 50.9), "S2": (6.9, 50.9)})
    world.observations("air", "S1", "NO2", hours(2013), [1.0] * 8760)
    world.observations("secret", "S2", "NO2", hours(2013), [2.0] * 8760, access=Access.CONFIDENTIAL)
    world.compute("no2-annual-mean", periods=["2013"])
    assert value(world, "no2-annual-mean", "station", "S1", "2013")["access"] == "open"
    assert value(world, "no2-annual-mean", "station", "S2", "2013")["access"] == "confidential"
    assert value(world, "no2-annual-mean", "city", "CITY", "2013")["access"] == "confidential"
    public = values.page(world.conn, world.snapshot(access=PUBLIC), "no2-annual-mean")
    assert [v["code"] for v in public] == ["S1"]


def test_a_public_snapshot_cannot_compute(world: World) -> None:
    from ldt.indicators import engine

    with pytest.raises(UsageError, match="operator"):
        engine.compute(world.conn, world.snapshot(access=PUBLIC), ["no2-annual-mean"], periods=["2013"])


def test_completeness_by_station_and_property(world: World) -> None:
    world.observations(
        "air", "S/1", "NO2", hours(2012, 4392), [1.0] * 4392
    )  # half of the 8784 hours of a leap year
    world.observations("air", "S/1", "PM10", hours(2012), [1.0] * 8784, validity=[-1] * 2196 + [1] * 6588)
    world.compute("data-completeness", periods=["2012", "2012-02"])
    no2 = value(world, "data-completeness", "station", "S/1/NO2", "2012")
    assert (no2["value"], no2["unit"]) == (50.0, "%")
    assert value(world, "data-completeness", "station", "S/1/PM10", "2012")["value"] == 75.0
    february = value(world, "data-completeness", "station", "S/1/PM10", "2012-02")
    assert february["n_expected"] == 29 * 24
    assert february["value"] == 0.0  # its first 2196 hours, until the end of March, are flagged -1
    assert no2["id"] == "station.S~2F1~2FNO2.2012"
