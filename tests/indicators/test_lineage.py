"""Lineage: down to file and row, as of what a value was computed from."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
import shapely
from tests.indicators.world import World

from ldt.errors import Gone, NotFound
from ldt.indicators.lineage import lineage, records
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import PUBLIC, Access

START = datetime(2013, 1, 1, tzinfo=UTC)
HOURS = [START + timedelta(hours=i) for i in range(8760)]
KEY = ValueKey("no2-annual-mean", "station", "S1", "2013")


def sha(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


def test_a_mean_leads_to_its_observations_and_their_flags(world: World) -> None:
    flags = [-1] * 10 + [-99] * 5 + [2] * 20 + [1] * 8725
    outside = [HOURS[-1] + timedelta(hours=1)]
    world.observations(
        "air",
        "S1",
        "NO2",
        [*HOURS, *outside],
        [float(i) for i in range(8761)],
        validity=[*flags, 1],
        zone="UTC",
    )
    world.compute(KEY.indicator, periods=["2013"])
    found = lineage(world.conn, world.snapshot(), KEY)
    assert found["records"] == {
        "used": 8745,
        "discarded": {"validity -1": 10, "validity -99": 5},
        "files": [{"dataset": "air", "name": "air-1.csv", "digest": sha("air-1.csv"), "records": 8745}],
    }
    (given,) = found["inputs"]
    assert (given["dataset"], given["version"], given["recipe_digest"]) == ("air", 1, "recipe-digest")
    assert [f["digest"] for f in given["files"]] == [sha("air-1.csv")]
    assert {r["id"]: r["changed_since"] for r in found["rule_sets"]} == {
        "2008-50-ec": False,
        "2024-2881": False,
        "who-2021": False,
        "eea-statistics": False,
    }
    assert found["definition"]["code"] == "AQ01"
    assert found["run"]["snapshot"] == "test@1"


def test_records_are_paged_and_name_file_and_row(world: World) -> None:
    world.observations(
        "air", "S1", "NO2", HOURS, [float(i) for i in range(8760)], validity=[-1] + [1] * 8759, zone="UTC"
    )
    world.compute(KEY.indicator, periods=["2013"])
    seen: list[int] = []
    after = None
    while page := records(world.conn, world.snapshot(), KEY, after=after, limit=3000):
        seen += [r["row"] for r in page]
        after = page[-1]["position"]
    assert seen == list(range(8760))
    first, second = records(world.conn, world.snapshot(), KEY, limit=2)
    assert (first["used"], first["reason"], second["used"], second["reason"]) == (
        False,
        "validity -1",
        True,
        None,
    )
    assert (second["value"], second["row"], second["source"], second["source_digest"]) == (
        1.0,
        1,
        "air-1.csv",
        sha("air-1.csv"),
    )
    assert second["time"] == START + timedelta(hours=1)


def test_lineage_is_of_the_versions_then_not_of_the_newest(world: World) -> None:
    world.observations("air", "S1", "NO2", HOURS, [10.0] * 8760, zone="UTC")
    world.compute(KEY.indicator, periods=["2013"])
    world.observations(
        "air", "S1", "NO2", HOURS[:100], [99.0] * 100, validity=-1, zone="UTC"
    )  # not computed anew yet
    for at in (2, None):
        found = records(world.conn, world.snapshot(at), KEY, limit=10_000)
        assert {r["value"] for r in found} == {10.0}
        assert len(found) == 8760
        assert lineage(world.conn, world.snapshot(at), KEY)["records"]["discarded"] == {}
    world.compute(KEY.indicator, periods=["2013"])
    now = lineage(world.conn, world.snapshot(), KEY)
    assert now["records"]["discarded"] == {"validity -1": 100}
    assert now["inputs"][0]["version"] == 2
    assert {f["name"]: f["records"] for f in now["records"]["files"]} == {"air-1.csv": 8660}
    assert lineage(world.conn, world.snapshot(2), KEY)["records"]["used"] == 8760


def test_a_pruned_version_is_gone(world: World) -> None:
    world.observations("air", "S1", "NO2", HOURS, [10.0] * 8760, zone="UTC")
    world.compute(KEY.indicator, periods=["2013"])
    world.observations("air", "S1", "NO2", HOURS[:1], [11.0], zone="UTC")
    world.conn.execute("UPDATE ldt.version SET pruned = true WHERE version = 1")
    with pytest.raises(Gone, match="air version 1"):
        lineage(world.conn, world.snapshot(), KEY)


def test_what_a_caller_may_not_see_has_no_lineage(world: World) -> None:
    world.observations("air", "S1", "NO2", HOURS, [10.0] * 8760, zone="UTC", access=Access.RESTRICTED)
    world.compute(KEY.indicator, periods=["2013"])
    with pytest.raises(NotFound):
        lineage(world.conn, world.snapshot(access=PUBLIC), KEY)
    with pytest.raises(NotFound):
        records(world.conn, world.snapshot(access=PUBLIC), KEY)


def test_the_maximum_of_a_city_leads_to_all_its_stations(world: World) -> None:
    world.area("CITY", shapely.box(6.8, 50.8, 7.2, 51.1))
    world.features(
        "stations",
        "environmental-monitoring-facilities",
        [(c, shapely.Point(7, 51), {"code": c}) for c in ("S1", "S2")],
    )
    for code, level in (("S1", 10.0), ("S2", 20.0)):
        world.observations("air", code, "NO2", HOURS, [level] * 8760, zone="UTC")
    world.compute(KEY.indicator, periods=["2013"])
    key = ValueKey(KEY.indicator, "city", "CITY", "2013")
    found = lineage(world.conn, world.snapshot(), key)
    assert found["derived_from"] == ["station.S1.2013", "station.S2.2013"]
    assert found["records"]["used"] == 2 * 8760
    assert [i["dataset"] for i in found["inputs"]] == ["areas", "stations", "air"]


def test_a_share_leads_to_the_features_of_then(world: World) -> None:
    city = shapely.box(7.0, 51.0, 7.1, 51.1)
    world.area("CITY", city)
    world.features(
        "sites",
        "protected-sites",
        [
            ("in", shapely.box(7.0, 51.0, 7.05, 51.1), {}),
            ("point", shapely.Point(7.05, 51.05), {}),
            ("late", city, {"legal_foundation_date": "2025-03-01"}),
            ("far", shapely.box(9, 51, 9.1, 51.1), {}),
        ],
    )
    world.compute("protected-area-share", periods=["2024"])
    world.features("sites", "protected-sites", [("in", city, {})])
    key = ValueKey("protected-area-share", "city", "CITY", "2024")
    found = records(world.conn, world.snapshot(), key)
    assert [(r["feature"], r["role"], r["used"], r["reason"], r["row"]) for r in found] == [
        ("areas.city-CITY", "area", True, None, 0),
        ("sites.in", "input", True, None, 0),
        ("sites.late", "input", False, "founded-later", 2),
        ("sites.point", "input", False, "without-area", 1),
    ]
    assert {r["source"] for r in found} == {"areas-1.csv", "sites-1.csv"}
    assert [r["feature"] for r in records(world.conn, world.snapshot(), key, after=found[1]["position"])] == [
        "sites.late",
        "sites.point",
    ]
    tally = lineage(world.conn, world.snapshot(), key)["records"]
    assert (tally["used"], tally["discarded"]) == (2, {"founded-later": 1, "without-area": 1})


def test_a_natural_share_leads_to_the_units_of_its_year(world: World) -> None:
    city = shapely.box(7.0, 51.0, 7.1, 51.1)
    world.area("CITY", city)
    world.features(
        "clc",
        "land-cover-units",
        [
            (f"{c}-{y}", city, {"class": c, "nomenclature": "corine", "reference_year": y})
            for c, y in (("311", 2012), ("112", 2018), ("999", 2018))
        ],
    )
    world.compute("natural-share", periods=["2024"])
    found = records(world.conn, world.snapshot(), ValueKey("natural-share", "city", "CITY", "2024"))
    assert [(r["feature"], r["reason"]) for r in found] == [
        ("areas.city-CITY", None),
        ("clc.112-2018", None),
        ("clc.311-2012", "other-year"),
        ("clc.999-2018", "unknown-class"),
    ]


def test_a_value_that_cannot_be_has_a_lineage_without_records(world: World) -> None:
    world.observations("air", "S1", "PM10", HOURS[:1], [1.0], zone="UTC")
    world.compute(KEY.indicator, periods=["2013"])
    key = ValueKey(KEY.indicator, "twin", "test", "2013")
    assert lineage(world.conn, world.snapshot(), key)["records"] == {"used": 0, "discarded": {}, "files": []}
    assert records(world.conn, world.snapshot(), key) == []
