"""Hot days and tropical nights, at stations and in areas, against numpy and hand calculations."""

from __future__ import annotations

import calendar
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from tests.indicators.world import World

from ldt.indicators.lineage import lineage, records
from ldt.model.coverage import Band, Grid
from ldt.model.indicator import ValueKey
from ldt.store import values

HOT, TROPICAL = "hot-days", "tropical-nights"
HIGHEST, LOWEST = "air-temperature-maximum", "air-temperature-minimum"
#: Four columns and three rows of one kilometre.
X0, Y0 = 4_100_000.0, 3_100_000.0
GRID = Grid("EPSG:3035", 4, 3, (1000.0, 0.0, X0, 0.0, -1000.0, Y0))


def days(year: int, first: int = 0, last: int | None = None) -> list[datetime]:
    n = 366 if calendar.isleap(year) else 365
    return [datetime(year, 1, 1, tzinfo=UTC) + timedelta(days=i) for i in range(n)][first:last]


def cells(steps: int, seed: int = 1) -> NDArray[Any]:
    rng = np.random.default_rng(seed)
    return rng.normal(24, 6, (steps, 3, 4)).astype("float32")


def add(
    world: World, code: str, array: NDArray[Any], times: list[datetime], name: str = "climate", **options: Any
) -> None:
    band = options.pop("band", Band(HIGHEST, "Cel", "float32"))
    grid = options.pop("grid", GRID)
    world.coverage(name, code, band, array, grid, times, **{"averaging": "P1D", **options})


def area(world: World, code: str, left: float, top: float, right: float, bottom: float) -> None:
    """An area given in cells, from the upper left corner of the grid."""
    box = shapely.box(X0 + 1000 * left, Y0 - 1000 * bottom, X0 + 1000 * right, Y0 - 1000 * top)
    to = Transformer.from_crs(3035, 4326, always_xy=True)
    dense = shapely.segmentize(box, 50)
    world.area(code, shapely.transform(dense, lambda xy: np.column_stack(to.transform(xy[:, 0], xy[:, 1]))))


def value(
    world: World, code: str, year: str = "2023", scheme: str = "city", indicator: str = HOT
) -> dict[str, Any]:
    found: dict[str, Any] = values.one(world.conn, world.snapshot(), ValueKey(indicator, scheme, code, year))
    return found


# Stations -----------------------------------------------------------------------------------------------------


def test_exactly_thirty_degrees_are_no_hot_day(world: World) -> None:
    level = [30.0] * 5 + [30.1] * 7 + [12.0] * 353
    world.observations("weather", "S1", HIGHEST, days(2023), level, averaging="P1D", zone="UTC", unit="Cel")
    world.observations(
        "weather",
        "S1",
        LOWEST,
        days(2023),
        [20.0] * 3 + [20.1] * 4 + [9.0] * 358,
        averaging="P1D",
        zone="UTC",
        unit="Cel",
    )
    world.compute(HOT, TROPICAL, periods=["2023"])
    hot = value(world, "S1", scheme="station")
    assert (hot["value"], hot["unit"], hot["n_valid"], hot["n_expected"]) == (7.0, "{days}/a", 365, 365)
    assert (hot["verdicts"], hot["method"]) == ([], "daily values as delivered")
    assert value(world, "S1", scheme="station", indicator=TROPICAL)["value"] == 4.0


@pytest.mark.parametrize(("n", "status"), [(274, "valid"), (273, "insufficient")])
def test_a_station_needs_three_quarters_of_the_days(world: World, n: int, status: str) -> None:
    # 0.75 * 365 = 273.75
    world.observations(
        "weather", "S1", HIGHEST, days(2023)[:n], [35.0] * n, averaging="P1D", zone="UTC", unit="Cel"
    )
    world.compute(HOT, periods=["2023"])
    found = value(world, "S1", scheme="station")
    assert (found["status"], found["value"]) == (status, float(n) if status == "valid" else None)
    assert found["quality"]["days"]["above"] == n


def test_a_station_is_no_mean_of_its_area(world: World) -> None:
    area(world, "CITY", 0, 0, 4, 3)
    world.observations(
        "weather", "S1", HIGHEST, days(2023), [35.0] * 365, averaging="P1D", zone="UTC", unit="Cel"
    )
    world.features(
        "stations",
        "environmental-monitoring-facilities",
        [("S1", shapely.Point(6.0, 50.9), {"code": "S1", "name": "One"})],
    )
    world.compute(HOT, periods=["2023"])
    assert value(world, "S1", scheme="station")["value"] == 365.0
    found = value(world, "CITY")
    assert (found["status"], found["value"]) == ("not-computable", None)
    assert found["reason"] == "needs a coverage of air-temperature-maximum by days in Cel"


# Areas --------------------------------------------------------------------------------------------------------


def test_an_area_has_the_mean_of_its_cells_by_their_share(world: World) -> None:
    array = cells(365)
    add(world, "2023", array, days(2023))
    area(world, "WHOLE", 0, 0, 4, 3)
    area(world, "CELL", 1, 1, 2, 2)
    area(world, "CUT", 0.5, 0, 2, 0.25)
    world.compute(HOT, periods=["2023"])
    count = (array > 30).sum(axis=0)
    assert count.min() > 20
    whole = value(world, "WHOLE")
    assert whole["value"] == pytest.approx(count.mean(), rel=1e-6)
    assert (whole["n_valid"], whole["n_expected"], whole["status"]) == (365, 365, "valid")
    assert whole["coverage"] == pytest.approx(1.0, abs=1e-6)
    assert value(world, "CELL")["value"] == pytest.approx(count[1, 1], rel=1e-6)
    # A half of the first cell and the whole second one, of each a quarter from the top.
    assert value(world, "CUT")["value"] == pytest.approx((0.5 * count[0, 0] + count[0, 1]) / 1.5, rel=1e-6)


def test_exactly_thirty_degrees_are_no_hot_day_in_a_cell_either(world: World) -> None:
    array = np.full((365, 3, 4), 30.0, "float32")
    array[:9] = 30.01
    add(world, "2023", array, days(2023))
    area(world, "WHOLE", 0, 0, 4, 3)
    world.compute(HOT, periods=["2023"])
    assert value(world, "WHOLE")["value"] == pytest.approx(9, rel=1e-6)


def test_the_year_is_put_together_from_coverages_and_no_day_counts_twice(world: World) -> None:
    array, times = cells(365), days(2023)
    area(world, "WHOLE", 0, 0, 4, 3)
    # Winter before and after belong to other years; the days 150 to 199 stand in both.
    add(world, "a", np.concatenate([cells(31, 2) + 40, array[:200]]), days(2022)[-31:] + times[:200])
    add(world, "b", np.concatenate([array[150:], cells(20, 3) + 40]), times[150:] + days(2024)[:20])
    world.compute(HOT, periods=["2023", "2024"])
    found = value(world, "WHOLE")
    assert found["value"] == pytest.approx((array > 30).sum(axis=0).mean(), rel=1e-6)
    assert found["quality"]["coverages"] == ["climate.a", "climate.b"]
    later = value(world, "WHOLE", "2024")
    assert (later["status"], later["value"], later["n_valid"], later["n_expected"]) == (
        "insufficient",
        None,
        20,
        366,
    )
    assert later["reason"] == "20 of 366 days are there, 90 % are needed"
    assert later["quality"]["coverages"] == ["climate.b"]


@pytest.mark.parametrize(("n", "status"), [(329, "valid"), (328, "insufficient")])
def test_a_cell_needs_nine_tenths_of_the_days(world: World, n: int, status: str) -> None:
    # 0.9 * 365 = 328.5
    add(world, "2023", cells(365)[:n], days(2023)[:n])
    area(world, "WHOLE", 0, 0, 4, 3)
    world.compute(HOT, periods=["2023"])
    assert value(world, "WHOLE")["status"] == status


def test_cells_with_too_few_days_are_left_out(world: World) -> None:
    array = cells(365)
    array[:60, :, 0] = np.nan
    array[:20, :, 1] = np.nan  # few enough
    add(world, "2023", array, days(2023))
    area(world, "WHOLE", 0, 0, 4, 3)
    area(world, "RIGHT", 0.9, 0, 2, 1)
    world.compute(HOT, periods=["2023"])
    whole = value(world, "WHOLE")
    # A column of four is not known.
    assert (whole["status"], whole["value"]) == ("insufficient", None)
    assert whole["coverage"] == pytest.approx(0.75, abs=1e-6)
    assert whole["reason"] == "cells with 90 % of the days cover 75.0 % of the area, 90 % are needed"
    right = value(world, "RIGHT")
    assert right["coverage"] == pytest.approx(1 / 1.1, abs=1e-6)
    assert right["value"] == pytest.approx(int((array[:, 0, 1] > 30).sum()), rel=1e-6)


def test_of_two_grids_the_one_that_has_the_year_speaks(world: World) -> None:
    array = cells(365)
    add(world, "few", cells(100, 5) + 40, days(2023)[:100], "a-first")
    other = Grid("EPSG:3035", 4, 3, (1000.0, 0.0, X0, 0.0, -1000.0, Y0))
    add(world, "2023", array, days(2023), "b-second", grid=other)
    area(world, "WHOLE", 0, 0, 4, 3)
    world.compute(HOT, periods=["2023"])
    found = value(world, "WHOLE")
    assert found["value"] == pytest.approx((array > 30).sum(axis=0).mean(), rel=1e-6)
    assert list(found["inputs"]) == ["areas", "b-second"]


def test_a_coverage_of_months_cannot_be_counted(world: World) -> None:
    add(world, "2023", cells(12), days(2023)[:12], averaging="P1M")
    area(world, "WHOLE", 0, 0, 4, 3)
    world.compute(HOT, periods=["2023"])
    found = value(world, "WHOLE")
    assert found["status"] == "not-computable"
    assert (
        found["reason"] == "needs a coverage of air-temperature-maximum by days in Cel; there is P1M in Cel"
    )


def test_what_lacks_is_told(world: World) -> None:
    world.compute(HOT, TROPICAL, periods=["2023"])
    assert (
        value(world, "test", scheme="twin")["reason"]
        == "needs observations or coverages of air-temperature-maximum"
    )
    lowest = value(world, "test", scheme="twin", indicator=TROPICAL)
    assert lowest["reason"] == "needs observations or coverages of air-temperature-minimum"
    add(world, "2023", cells(365), days(2023))
    world.compute(HOT, periods=["2023"])
    assert value(world, "test", scheme="twin")["reason"].startswith(
        "needs areas of the schemes city, district"
    )


def test_lineage_of_an_area_names_the_coverages_and_of_a_station_the_days(world: World) -> None:
    add(world, "2022", cells(365, 4), days(2022))
    add(world, "2023", cells(365), days(2023))
    area(world, "WHOLE", 0, 0, 4, 3)
    world.observations(
        "weather", "S1", HIGHEST, days(2023), [35.0] * 365, averaging="P1D", zone="UTC", unit="Cel"
    )
    world.compute(HOT, periods=["2023"])
    key = ValueKey(HOT, "city", "WHOLE", "2023")
    found = lineage(world.conn, world.snapshot(), key)
    assert found["records"]["used"] == 2  # the area and the coverage of the year
    told = records(world.conn, world.snapshot(), key)
    assert [(r.get("coverage"), r["role"], r["used"]) for r in told if "coverage" in r] == [
        ("climate.2023", "input", True)
    ]
    assert [r["feature"] for r in told if "feature" in r] == ["areas.city-WHOLE"]
    assert {r["source"] for r in told} == {"areas-1.csv", "climate-2.csv"}
    station = lineage(world.conn, world.snapshot(), ValueKey(HOT, "station", "S1", "2023"))
    assert station["records"]["used"] == 365
