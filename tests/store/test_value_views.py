"""The values of indicators as a desktop GIS sees them: a row per unit and period, null where there is no number."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from xml.etree import ElementTree

import psycopg
import pytest
import shapely

from ldt.model.indicator import Value, ValueKey
from ldt.model.snapshot import OPERATOR, Access
from ldt.store import snapshots, value_views, values
from ldt.store.connect import connect
from ldt.store.revisions import next_revision

NO2, PM10, COMPLETE = "no2-annual-mean", "pm10-annual-mean", "data-completeness"


def ewkb(geometry: shapely.Geometry) -> bytes:
    return bytes(shapely.to_wkb(shapely.set_srid(geometry, 4326), include_srid=True))


POINT, SQUARE = ewkb(shapely.Point(7, 51)), ewkb(shapely.box(7, 51, 7.1, 51.1))


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('old-town', '{}', 'city')")
        yield connection


def make(
    indicator: str, scheme: str, code: str, year: int, number: float | None, **more: Any
) -> tuple[str, Value]:
    return indicator, Value(
        key=ValueKey(indicator, scheme, code, str(year)),
        period_start=datetime(year, 1, 1, tzinfo=UTC),
        period_end=datetime(year + 1, 1, 1, tzinfo=UTC),
        unit="ug/m3",
        status="insufficient" if number is None else "valid",
        method="by hand",
        value=number,
        geom=more.pop("geom", SQUARE),
        **more,
    )


def store(conn: psycopg.Connection[Any], *made: tuple[str, Value]) -> list[str]:
    """Write values as a run does; returns the names of the views."""
    now = datetime.now(UTC)
    for indicator in sorted({i for i, _ in made}):
        found = [v for i, v in made if i == indicator]
        with conn.transaction():
            snapshot = snapshots.resolve(conn, "old-town", OPERATOR)
            scope = values.Scope(
                indicator, frozenset(v.key.scheme for v in found), frozenset(v.key.period for v in found)
            )
            changed = values.changes(conn, snapshot, scope, found)
            revision = next_revision(conn, snapshot.twin_id, "values")
            run = values.RunRecord(indicator, now, now, "0", {}, "", "", {}, [])
            values.write(conn, snapshot, revision, run, changed)
    return value_views.refresh(conn, 1)


def test_a_row_per_unit_and_period_and_a_column_per_indicator(conn: psycopg.Connection[Any]) -> None:
    names = store(
        conn,
        make(NO2, "district", "01", 2024, 20.5, name="Mitte"),
        make(NO2, "district", "01", 2025, None, name="Mitte"),
        make(PM10, "district", "01", 2024, 11.25, name="Mitte"),
        make(NO2, "station", "S1", 2024, 30.0, geom=POINT),
        make(COMPLETE, "station", "S1/NO2", 2024, 99.0, geom=POINT),
        make(NO2, "twin", "old-town", 2024, None, geom=None),
    )
    assert names == ["old_town_indicators_district", "old_town_indicators_station"]
    rows = conn.execute(
        "SELECT id, code, name, period, no2_annual_mean, no2_annual_mean_status, pm10_annual_mean, ST_AsText(geom)"
        " FROM gis.old_town_indicators_district ORDER BY period"
    ).fetchall()
    multi = "MULTIPOLYGON(((7.1 51,7.1 51.1,7 51.1,7 51,7.1 51)))"
    assert rows == [
        ("01.2024", "01", "Mitte", "2024", 20.5, "valid", 11.25, multi),
        ("01.2025", "01", "Mitte", "2025", None, "insufficient", None, multi),
    ]
    assert conn.execute("SELECT code, no2_annual_mean FROM gis.old_town_indicators_station").fetchall() == [
        ("S1", 30.0)
    ]
    types = conn.execute(
        "SELECT type, srid FROM geometry_columns WHERE f_table_schema = 'gis' ORDER BY f_table_name"
    ).fetchall()
    assert types == [("MULTIPOLYGON", 4326), ("POINT", 4326)]
    comment = conn.execute(
        "SELECT col_description('gis.old_town_indicators_district'::regclass, attnum) FROM pg_attribute"
        " WHERE attrelid = 'gis.old_town_indicators_district'::regclass AND attname = 'no2_annual_mean'"
    ).fetchone()
    assert comment == ("NO2 annual mean, ug/m3",)


def test_only_what_is_open_is_shown_and_an_empty_view_goes(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "INSERT INTO ldt.dataset (twin_id, name, shape, title, licence, access, origin, anatomy, recipe)"
        " VALUES (1, 'air', 'observation', '{}', 'none', 'open', 'local', 'structure', '{}')"
    )
    names = store(
        conn,
        make(NO2, "district", "01", 2024, 1.0, inputs={"air": 1}),
        make(NO2, "district", "02", 2024, 2.0),
        make(NO2, "quarter", "0101", 2024, 3.0, access=Access.RESTRICTED),
    )
    assert names == ["old_town_indicators_district"]

    def codes() -> list[str]:
        rows = conn.execute("SELECT code FROM gis.old_town_indicators_district ORDER BY code").fetchall()
        return [code for (code,) in rows]

    assert codes() == ["01", "02"]
    # What a value was made of is no longer for everybody: it is gone at once, without a refresh.
    conn.execute("UPDATE ldt.dataset SET access = 'restricted'")
    assert codes() == ["02"]
    conn.execute("DELETE FROM ldt.value WHERE scheme = 'district'")
    assert value_views.refresh(conn, 1) == []
    assert conn.execute("SELECT count(*) FROM pg_views WHERE schemaname = 'gis'").fetchone() == (0,)
    assert conn.execute("SELECT count(*) FROM gis.layer_styles").fetchone() == (0,)


def test_a_second_refresh_touches_nothing_that_readers_use(conn: psycopg.Connection[Any]) -> None:
    def oid() -> Any:
        return conn.execute("SELECT to_regclass('gis.old_town_indicators_district')::oid").fetchone()

    store(conn, make(NO2, "district", "01", 2024, 1.0))
    before = oid()
    value_views.refresh(conn, 1)
    assert oid() == before
    store(conn, make(PM10, "district", "01", 2024, 1.0))  # a new column needs a new view
    assert oid() != before


def rules(conn: psycopg.Connection[Any], style: str) -> list[tuple[str, str]]:
    """Return (filter, label) of the rules of a style; every rule has its symbol."""
    row = conn.execute("SELECT styleqml FROM gis.layer_styles WHERE stylename = %s", (style,)).fetchone()
    assert row is not None
    root = ElementTree.fromstring(row[0])  # noqa: S314 - our own text
    symbols = {s.get("name") for s in root.iter("symbol")}
    found = list(root.iter("rule"))
    assert {r.get("symbol") for r in found} == symbols
    return [(r.get("filter") or "", r.get("label") or "") for r in found]


def test_classes_are_those_of_the_last_period_with_numbers(conn: psycopg.Connection[Any]) -> None:
    some = [make(NO2, "district", f"{n:02}", 2024, float(n)) for n in range(1, 11)]
    none = [make(NO2, "district", f"{n:02}", 2025, None) for n in range(1, 11)]
    store(conn, *some, *none, make(PM10, "district", "01", 2024, None))
    found = rules(conn, NO2)
    # percentile_disc of 1..10 at 0, .2, …, 1 is 1, 2, 4, 6, 8, 10.
    assert [label for _, label in found] == [
        "1 – 2 ug/m3 (2024)",
        "2 – 4 ug/m3 (2024)",
        "4 – 6 ug/m3 (2024)",
        "6 – 8 ug/m3 (2024)",
        "8 – 10 ug/m3 (2024)",
        "no value (2024)",
    ]
    # Each row of the period falls under exactly one rule (the filters of QGIS are SQL here).
    counts = [
        conn.execute(f"SELECT count(*) FROM gis.old_town_indicators_district WHERE {f}".encode()).fetchone()
        for f, _ in found
    ]
    assert counts == [(2,), (2,), (2,), (2,), (2,), (0,)]
    assert rules(conn, PM10) == [('"pm10_annual_mean" IS NULL', "no value")]
    default = conn.execute("SELECT stylename FROM gis.layer_styles WHERE useasdefault").fetchall()
    assert default == [(NO2,)]


def test_equal_values_make_one_class(conn: psycopg.Connection[Any]) -> None:
    store(conn, *(make(NO2, "district", f"{n:02}", 2024, 7.0) for n in range(4)))
    assert [label for _, label in rules(conn, NO2)] == ["7 – 7 ug/m3 (2024)", "no value (2024)"]
