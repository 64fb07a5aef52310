"""Versions and snapshots: only what changed is written, and every past state can be read."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
import shapely
from tests.store.loading import START, load_features, load_observations, make_twin, read_items, stream

from ldt.errors import Conflict, NotFound, UsageError
from ldt.model.snapshot import OPERATOR, PUBLIC, Access, Snapshot
from ldt.store import counts, edr_series, features, observations, pages, records, snapshots, twins
from ldt.store.connect import connect
from ldt.store.items import Items, Part


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        make_twin(connection)
        yield connection


def names(conn: psycopg.Connection[Any], at: int | None = None) -> dict[str, str]:
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC, at)
        documents = [document for _, document in read_items(conn, snapshot)]
    return {d["id"].removeprefix("things."): d["properties"]["name"] for d in documents}


def test_one_changed_record_makes_one_row(conn: psycopg.Connection[Any]) -> None:
    first = {str(i): f"n{i}" for i in range(100)}
    load_features(conn, first)
    loaded = load_features(conn, {**first, "7": "other"})
    assert (loaded.version, loaded.revision) == (2, 2)
    assert (loaded.changes.added, loaded.changes.changed, loaded.changes.removed) == (0, 1, 0)
    assert conn.execute("SELECT count(*) FROM ldt.feature").fetchone() == (101,)
    assert names(conn)["7"] == "other"
    assert names(conn, at=1) == first


def test_removed_and_added_and_back_again(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A", "b": "B"})
    second = load_features(conn, {"b": "B", "c": "C"})
    assert (second.changes.added, second.changes.changed, second.changes.removed) == (1, 0, 1)
    third = load_features(conn, {"a": "A", "b": "B"})
    assert (third.changes.rows, third.changes.added, third.changes.removed) == (2, 1, 1)
    assert names(conn, at=1) == names(conn, at=3) == {"a": "A", "b": "B"}
    assert names(conn, at=2) == {"b": "B", "c": "C"}


def test_a_version_without_changes_writes_no_row(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    loaded = load_features(conn, {"a": "A"})
    assert (loaded.version, loaded.changes.added, loaded.changes.changed) == (2, 0, 0)
    assert conn.execute("SELECT count(*) FROM ldt.feature").fetchone() == (1,)


def test_paging_visits_every_feature_once_in_order(conn: psycopg.Connection[Any]) -> None:
    everything = {f"{i:03d}": "x" for i in range(57)}
    load_features(conn, everything)
    load_features(conn, {"~2F": "second data set"}, name="a-later-one")
    seen: list[str] = []
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC)
        after = None
        while True:
            page = read_items(conn, snapshot, limit=10, after=after)
            if not page:
                break
            after = page[-1][0]
            seen += [d["id"] for _, d in page]
    assert seen == [f"things.{k}" for k in everything] + ["a-later-one.~2F"]


def test_selection_by_place_and_null_geometry(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A", "b": "B", "c": "C"})
    load_features(conn, {"nowhere": "N"}, name="others", geometry=shapely.Point())
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC)
        datasets = snapshot.of_type("generic-features")
        # squares begin at 7.000, 7.001, 7.002 and are 0.0005 wide: the box touches the second alone
        here = pages.Selection(areas=[(7.0009, 49.9, 7.0012, 50.1)])
        assert [d["id"] for _, d in read_items(conn, snapshot, selection=here)] == ["things.b"]
        items = features.items(snapshot, "generic-features")
        assert items is not None
        assert counts.count(conn, items, here) == (1, True)
        assert counts.count(conn, items, pages.Selection()) == (4, True)
        bbox, _ = features.extent(conn, snapshot, datasets)
    assert bbox is not None
    assert bbox == pytest.approx([7.0, 50.0, 7.0025, 50.0005], abs=1e-6)


def test_access_classes_are_part_of_the_snapshot(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    load_features(conn, {"s": "secret"}, name="secrets", access=Access.RESTRICTED)
    with conn.transaction():
        assert list(snapshots.resolve(conn, "town", PUBLIC).datasets) == ["things"]
        assert list(snapshots.resolve(conn, "town", OPERATOR).datasets) == ["things", "secrets"]
    assert names(conn) == {"a": "A"}


def test_at_an_instant_is_the_last_commit_before_it(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    row = conn.execute("SELECT clock_timestamp()").fetchone()
    assert row is not None
    load_features(conn, {"a": "B"})
    with conn.transaction():
        assert snapshots.resolve(conn, "town", PUBLIC, row[0]).revision == 1
        assert snapshots.resolve(conn, "town", PUBLIC, snapshots.parse_at(row[0].isoformat())).revision == 1
        with pytest.raises(NotFound, match="no state"):
            snapshots.resolve(conn, "town", PUBLIC, 99)
        with pytest.raises(NotFound, match="no state"):
            snapshots.resolve(conn, "town", PUBLIC, row[0] - timedelta(days=1))
    with pytest.raises(UsageError, match="no snapshot"):
        snapshots.parse_at("yesterday")
    with pytest.raises(UsageError, match="no snapshot"):
        snapshots.parse_at("2026-01-01T00:00:00")  # no zone


def test_a_second_writer_of_the_same_data_set_is_told(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    load_features(conn, {"a": "A"})
    with connect(database_url) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(%s, %s)", (0x1D7, 1))
        with pytest.raises(Conflict, match="another process"):
            load_features(conn, {"a": "B"})
    assert names(conn) == {"a": "A"}


def test_removing_a_data_set_keeps_the_past(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    revision = twins.remove_dataset(conn, "town", "things")
    assert revision == 2
    assert names(conn) == {}
    assert names(conn, at=1) == {"a": "A"}
    with pytest.raises(NotFound):
        twins.remove_dataset(conn, "town", "things")
    load_features(conn, {"a": "back"})
    assert names(conn) == {"a": "back"}
    assert names(conn, at=2) == {}, "it came back at revision 3, not before"
    assert names(conn, at=1) == {"a": "A"}


# Observations -------------------------------------------------------------------------------------------------

HOURS = [START + timedelta(hours=h) for h in range(48)]


def series(conn: psycopg.Connection[Any], at: int | None = None) -> list[float]:
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", PUBLIC, at)
        first = observations.datastreams(conn, snapshot)[0]["datastream"]
        return [row["value"] for row in observations.series(conn, snapshot, first)]


def latest(conn: psycopg.Connection[Any], at: int | None = None) -> dict[str, float]:
    with conn.transaction():
        found = observations.latest(conn, snapshots.resolve(conn, "town", PUBLIC, at))
    return {row["thing"]: row["value"] for row in found}


def test_an_overwritten_value_is_kept_for_past_snapshots(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    streams = [stream("S1"), stream("S2")]
    values = [(s, t, float(i)) for s in range(2) for i, t in enumerate(HOURS)]
    first = load_observations(conn, database_url, streams, values)
    assert first.changes.rows == 96
    second = load_observations(conn, database_url, [streams[0]], [(0, HOURS[3], 99.0), (0, HOURS[47], 5.0)])
    assert (second.changes.added, second.changes.changed, second.changes.rows) == (0, 2, 96)
    assert conn.execute("SELECT count(*) FROM ldt.observation_history").fetchone() == (2,)
    assert series(conn, at=1) == [float(i) for i in range(48)]
    assert series(conn)[3] == 99.0
    assert (latest(conn, at=1), latest(conn)) == ({"S1": 47.0, "S2": 47.0}, {"S1": 5.0, "S2": 47.0})
    # the second station was not touched: its state is still the row of the first version
    assert conn.execute("SELECT count(*) FROM ldt.datastream_state").fetchone() == (3,)


def test_the_same_again_changes_nothing(conn: psycopg.Connection[Any], database_url: str) -> None:
    values = [(0, t, float(i)) for i, t in enumerate(HOURS)]
    load_observations(conn, database_url, [stream("S1")], values)
    again = load_observations(conn, database_url, [stream("S1")], values)
    assert (again.changes.added, again.changes.changed, again.changes.rows) == (0, 0, 48)
    assert conn.execute("SELECT count(*) FROM ldt.observation_history").fetchone() == (0,)


def test_replace_removes_what_a_delivery_no_longer_has(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    values = [(0, t, float(i)) for i, t in enumerate(HOURS)]
    load_observations(conn, database_url, [stream("S1")], values, update="replace")
    second = load_observations(conn, database_url, [stream("S1")], values[:10], update="replace")
    assert (second.changes.removed, second.changes.rows) == (38, 10)
    assert len(series(conn)) == 10
    assert len(series(conn, at=1)) == 48
    assert (latest(conn, at=1), latest(conn)) == ({"S1": 47.0}, {"S1": 9.0})


def test_upsert_appends(conn: psycopg.Connection[Any], database_url: str) -> None:
    load_observations(conn, database_url, [stream("S1")], [(0, HOURS[0], 1.0)])
    second = load_observations(
        conn, database_url, [stream("S1"), stream("S1", "PM10")], [(0, HOURS[1], 2.0), (1, HOURS[1], 3.0)]
    )
    assert (second.changes.added, second.changes.rows) == (2, 3)
    assert (series(conn, at=1), series(conn)) == ([1.0], [1.0, 2.0])


def test_years_are_partitions_in_utc(conn: psycopg.Connection[Any], database_url: str) -> None:
    edge = START - timedelta(hours=1)  # the first hour of 2013 in UTC+1 lies in 2012 in UTC
    load_observations(conn, database_url, [stream("S1")], [(0, edge, 1.0), (0, START, 2.0)])
    found = conn.execute(
        "SELECT c.relname, o.value FROM ldt.observation o JOIN pg_class c ON c.oid = o.tableoid ORDER BY o.time"
    ).fetchall()
    assert found == [("observation_2012", 1.0), ("observation_2013", 2.0)]


def test_no_store_read_without_a_snapshot() -> None:
    """Every public function that reads data takes a Snapshot, or Items that were made of one; the ones that read what is no data of a twin are named."""
    import inspect as look

    exempt = {"api_id", "expected", "find", "kind_of", "state_of", "typed"}
    for module in (counts, edr_series, features, observations, pages, records):
        for name, function in vars(module).items():
            if (
                name.startswith("_")
                or not look.isfunction(function)
                or function.__module__ != module.__name__
            ):
                continue
            kinds = look.get_annotations(function, eval_str=True).values()
            assert name in exempt or {Snapshot, Items, Part} & set(kinds), f"{module.__name__}.{name}"
