"""A station whose pollutants are measured at sampling points of their own: its values are those of all of them."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
import shapely
from tests.indicators.world import World

from ldt.errors import NotFound
from ldt.indicators import areas
from ldt.model.indicator import ValueKey
from ldt.store import values

CET = timezone(timedelta(hours=1))
START = datetime(2024, 5, 1, tzinfo=CET)
INDEX = "european-air-quality-index"
PLACE = shapely.Point(14.5, 35.9)


def value(world: World, code: str, scheme: str = "station") -> dict[str, Any]:
    found: dict[str, Any] = values.one(
        world.conn, world.snapshot(), ValueKey(INDEX, scheme, code, "2024-05-01T00")
    )
    return found


def measured(world: World) -> None:
    """One hour: 20 ug/m3 of NO2 (class 2, up to 25) and 130 ug/m3 of PM10 (class 4, above 120), each at its own sampling point."""
    world.observations("air", "MT/SPO-1", "NO2", [START], [20.0])
    world.observations("air", "MT/SPO-2", "PM10", [START], [130.0])


def point(
    code: str, station: str | None = "MT00003", name: str = "Kordin"
) -> tuple[str, Any, dict[str, Any]]:
    return (
        code.replace("/", "-"),
        PLACE,
        {"code": code, "name": name, **({"station": station} if station else {})},
    )


def test_the_index_of_a_station_is_that_of_all_its_sampling_points(world: World) -> None:
    measured(world)
    world.features("points", areas.FACILITIES, [point("MT/SPO-1"), point("MT/SPO-2")])
    world.area("valletta", PLACE.buffer(0.1))
    world.compute(INDEX, periods=["2024-05-01T00"])
    found = value(world, "MT00003")
    assert (found["value"], found["name"]) == (4, "Kordin")
    assert found["quality"]["last"]["pollutants"] == ["PM10"]
    assert {s["datastream"].split("-P")[0].split("-N")[0] for s in found["quality"]["series"]} == {"MT/SPO-1", "MT/SPO-2"}  # fmt: skip
    assert set(found["inputs"]) == {"air", "points"}
    with pytest.raises(NotFound):
        value(world, "MT/SPO-1")
    city = value(world, "valletta", "city")
    assert (city["value"], city["quality"]["station"]) == (4, "MT00003")


def test_a_station_that_is_known_itself_lies_where_it_says(world: World) -> None:
    measured(world)
    elsewhere = shapely.Point(14.6, 35.8)
    station = ("station", elsewhere, {"code": "MT00003", "name": "Kordin Station"})
    world.features("points", areas.FACILITIES, [point("MT/SPO-1"), point("MT/SPO-2")])
    world.features("stations", areas.FACILITIES, [station])
    world.compute(INDEX, periods=["2024-05-01T00"])
    found = value(world, "MT00003")
    assert found["name"] == "Kordin Station"
    assert areas.places(world.conn, world.snapshot())["MT00003"]["dataset"].name == "stations"


def test_sampling_points_of_no_station_stand_for_themselves(world: World) -> None:
    measured(world)
    world.features("points", areas.FACILITIES, [point("MT/SPO-1", station=None)])
    world.compute(INDEX, periods=["2024-05-01T00"])
    alone, other = value(world, "MT/SPO-1"), value(world, "MT/SPO-2")
    assert (alone["value"], other["value"]) == (2, 4)
