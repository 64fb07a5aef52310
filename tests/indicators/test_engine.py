"""The engine: all or nothing in one revision, nothing where nothing changed, the past as it was."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import shapely
from tests.indicators.world import World

from ldt.errors import Conflict, NotFound, UsageError
from ldt.indicators import engine
from ldt.model.indicator import ValueKey
from ldt.store import values
from ldt.timerange import parse_period

START = datetime(2013, 1, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=i) for i in range(8760)]
NO2 = "no2-annual-mean"


def fill(world: World, code: str, level: float, **options: Any) -> None:
    world.observations("air", code, "NO2", HOURS, [level] * len(HOURS), zone="UTC", **options)


def revisions(world: World) -> list[str]:
    return [r[0] for r in world.conn.execute("SELECT what FROM ldt.revision ORDER BY revision").fetchall()]


def runs(world: World) -> int:
    row = world.conn.execute("SELECT count(*) FROM ldt.run").fetchone()
    assert row is not None
    return int(row[0])


def station(world: World, code: str, at: int | None = None) -> float | None:
    found = values.one(world.conn, world.snapshot(at), ValueKey(NO2, "station", code, "2013"))
    return found["value"] if found["value"] is None else float(found["value"])


def test_one_call_is_one_revision_and_a_second_one_none(world: World) -> None:
    fill(world, "S1", 10.0)
    first = world.compute(NO2, "data-completeness", periods=["2013"])
    assert [(r.written, r.closed, r.unchanged) for r in first] == [(1, 0, 0), (1, 0, 0)]
    assert {r.revision for r in first} == {2}
    assert revisions(world) == ["version", "values"]
    second = world.compute(NO2, "data-completeness", periods=["2013"])
    assert [(r.written, r.closed, r.unchanged, r.revision, r.run_id) for r in second] == [
        (0, 0, 1, None, None)
    ] * 2
    assert revisions(world) == ["version", "values"]
    assert runs(world) == 2


def test_only_what_differs_is_written_and_the_past_stays(world: World) -> None:
    fill(world, "S1", 10.0)
    world.compute(NO2, periods=["2013"])
    world.observations("more", "S2", "NO2", HOURS, [20.0] * 8760, zone="UTC")
    (result,) = world.compute(NO2, periods=["2013"])
    assert (result.written, result.unchanged) == (1, 1)  # S1 has other inputs than S2: it is left alone
    fill(world, "S1", 40.0)
    (result,) = world.compute(NO2, periods=["2013"])
    assert (result.written, result.closed, result.unchanged) == (1, 1, 1)
    assert station(world, "S1") == 40.0
    now = world.snapshot().revision
    assert [station(world, "S1", at) for at in (2, 3, 4, 5)] == [10.0] * 4
    assert station(world, "S1", now) == 40.0
    with pytest.raises(NotFound):
        station(world, "S2", 3)
    with pytest.raises(NotFound):
        station(world, "S1", 1)


def test_a_unit_that_is_no_more_loses_its_value_and_keeps_its_past(world: World) -> None:
    box = shapely.box(7, 51, 7.1, 51.1)
    world.area("A", box)
    world.area("B", box, name="more")
    world.features("sites", "protected-sites", [("s", box, {})])
    world.compute("protected-area-share", periods=["2024"])
    before = world.snapshot().revision
    with world.conn.transaction():
        version = world.commit("more")
        world.conn.execute(
            "UPDATE ldt.feature SET until = %s WHERE dataset_id = %s", (version, world.ids["more"])
        )
    (result,) = world.compute("protected-area-share", periods=["2024"])
    assert (result.closed, result.written, result.unchanged) == (1, 0, 1)
    assert [v["code"] for v in values.page(world.conn, world.snapshot(), "protected-area-share")] == ["A"]
    assert [v["code"] for v in values.page(world.conn, world.snapshot(before), "protected-area-share")] == [
        "A",
        "B",
    ]


def test_other_periods_and_schemes_are_left_alone(world: World) -> None:
    fill(world, "S1", 10.0)
    world.compute(NO2, periods=["2013", "2014"])
    (result,) = world.compute(NO2, periods=[parse_period("2014", UTC)], schemes=["quarter"])
    assert (result.written, result.closed, result.unchanged) == (0, 0, 1)
    assert values.count(world.conn, world.snapshot(), NO2) == 2


def test_a_change_in_the_meantime_is_a_conflict_and_nothing_is_written(world: World) -> None:
    fill(world, "S1", 10.0)
    stale = world.snapshot()
    fill(world, "S1", 20.0)
    with pytest.raises(Conflict, match="changed while"):
        engine.compute(world.conn, stale, [NO2], periods=["2013"])
    assert revisions(world) == ["version", "version"]
    assert runs(world) == 0


def test_a_past_state_is_refused(world: World) -> None:
    fill(world, "S1", 10.0)
    fill(world, "S1", 20.0)
    with pytest.raises(UsageError, match="not the newest"):
        engine.compute(world.conn, world.snapshot(1), [NO2], periods=["2013"])


def test_unknown_indicators_and_no_periods_are_told(world: World) -> None:
    with pytest.raises(NotFound, match=r"'no3-annual-mean'.*there are: .*no2-annual-mean"):
        world.compute("no3-annual-mean", periods=["2013"])
    with pytest.raises(UsageError, match="no periods"):
        world.compute(NO2, periods=[])


def test_a_run_says_what_it_was(world: World) -> None:
    fill(world, "S1", 10.0)
    (result,) = world.compute(NO2, periods=["2013"], schemes=["city"])
    assert result.run_id is not None
    run = values.run(world.conn, world.snapshot(), result.run_id)
    assert (run["indicator"], run["revision"], run["computed_at"]) == (NO2, 2, 1)
    assert run["definition"]["unit"] == "ug/m3"
    assert run["parameters"]["periods"] == ["2013"]
    assert run["parameters"]["schemes"] == ["station", "city"]
    assert set(run["parameters"]["rule_sets"]) == {"2008-50-ec", "2024-2881", "who-2021", "eea-statistics"}
    assert run["inputs"] == [{"dataset": "air", "dataset_id": world.ids["air"], "version": 1}]
    with pytest.raises(NotFound):
        values.run(world.conn, world.snapshot(1), result.run_id)


def test_every_definition_has_its_method() -> None:
    from ldt.model.indicator import Definition
    from ldt.store.catalogue import read_files

    assert {d.formula.method for d in read_files("indicators", Definition)} <= set(engine.METHODS)
