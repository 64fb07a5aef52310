"""Removal: what only the removed thing showed is gone, everything else stays, and bytes go when nothing refers to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.store.loading import (
    START,
    load_features,
    load_observations,
    make_twin,
    read_items,
    source,
    stream,
)

from ldt.errors import Conflict, Gone, NotFound, StoreError, UsageError
from ldt.model.snapshot import OPERATOR, PUBLIC
from ldt.settings import settings
from ldt.store import files, observations, prune, records, snapshots, twins, views
from ldt.store.connect import connect, fetch_all
from ldt.store.load import exclusive


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path))
    settings.cache_clear()
    yield
    settings.cache_clear()


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        make_twin(connection)
        yield connection


def kept(conn: psycopg.Connection[Any], content: object, tmp_path: Path) -> Path:
    """Keep the bytes of a source as an ingest does; returns their folder."""
    digest = source(content).digest
    file = tmp_path / "test.gpkg"
    file.write_text(repr(content), encoding="utf-8")
    conn.execute("UPDATE ldt.source_object SET kept = true WHERE digest = %s", (digest,))
    return files.keep(digest, [file])


def names(conn: psycopg.Connection[Any], at: int | None = None, twin: str = "town") -> dict[str, str]:
    with conn.transaction():
        snapshot = snapshots.resolve(conn, twin, PUBLIC, at)
        documents = [document for _, document in read_items(conn, snapshot)]
    return {d["id"].removeprefix("things."): d["properties"]["name"] for d in documents}


def counts(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Count the rows of every table that holds something of a twin."""
    tables = [
        r["name"]
        for r in fetch_all(
            conn,
            "SELECT DISTINCT c.relname AS name FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid"
            " WHERE c.relnamespace = 'ldt'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
            " AND a.attname IN ('twin_id', 'dataset_id') ORDER BY 1",
        )
    ]
    return {
        t: fetch_all(conn, f"SELECT count(*) AS n FROM ldt.{t}")[0]["n"]
        for t in [*tables, "twin", "source_object"]
    }


# Versions -----------------------------------------------------------------------------------------------------


def test_the_kept_versions_show_what_they_did_and_older_ones_are_gone(conn: psycopg.Connection[Any]) -> None:
    states: list[dict[str, str]] = [
        {"a": "A", "b": "B", "c": "C"},
        {"a": "A", "b": "other"},  # c is removed, b changed
        {"a": "A", "b": "other", "d": "D"},
        {"a": "again", "d": "D"},
    ]
    for state in states:
        load_features(conn, state)
    done = prune.prune_dataset(conn, "town", "things", keep=2)
    # b and c of version 1 were the only rows that neither version 3 nor 4 shows
    assert (done.versions, done.oldest, done.revision, done.rows) == ((1, 2), 3, 5, {"feature": 2})
    assert names(conn, 3) == states[2]
    assert names(conn, 4) == names(conn, 5) == names(conn) == states[3]
    for revision in (1, 2):
        with pytest.raises(Gone, match="things"):
            names(conn, revision)
    with conn.transaction():
        listed = records.versions(conn, snapshots.resolve(conn, "town", PUBLIC), "things")
    assert [(v["version"], v["pruned"]) for v in listed] == [(4, False), (3, False), (2, True), (1, True)]


def test_pruning_twice_is_pruning_once(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    load_features(conn, {"a": "B"})
    assert prune.prune_dataset(conn, "town", "things", keep=1).revision == 3
    before = counts(conn)
    again = prune.prune_dataset(conn, "town", "things", keep=1)
    assert (again.versions, again.revision, again.rows) == ((), None, {})
    assert counts(conn) == before


def test_overwritten_observations_go_with_the_versions_that_showed_them(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    streams = [stream("DE01")]
    hours = [START + timedelta(hours=h) for h in range(4)]

    def series(at: int | None = None) -> list[float]:
        with conn.transaction():
            snapshot = snapshots.resolve(conn, "town", PUBLIC, at)
            (one,) = observations.datastreams(conn, snapshot)
            return [o["value"] for o in observations.series(conn, snapshot, one["datastream"])]

    load_observations(conn, database_url, streams, [(0, t, 1.0) for t in hours[:3]])
    load_observations(conn, database_url, streams, [(0, hours[1], 2.0)])
    load_observations(conn, database_url, streams, [(0, hours[1], 3.0), (0, hours[3], 4.0)])
    done = prune.prune_dataset(conn, "town", "air", keep=2)
    # the 1.0 of version 1 is overwritten since version 2; the 2.0 is what version 2 shows
    assert done.rows == {"observation_history": 1}
    assert series(2) == [1.0, 2.0, 1.0]
    assert series() == [1.0, 3.0, 1.0, 4.0]
    with pytest.raises(Gone):
        series(1)


def test_before_a_day_means_what_was_not_shown_since(conn: psycopg.Connection[Any]) -> None:
    for number in range(3):
        load_features(conn, {"a": str(number)})
        conn.execute(
            "UPDATE ldt.version SET committed = %s WHERE version = %s",
            (datetime(2026, 1 + number, 15, tzinfo=UTC), number + 1),
        )
    # version 1 was shown until 15 February: on the 14th it was, on the 15th it no longer is
    assert not prune.prune_dataset(conn, "town", "things", before=datetime(2026, 2, 14, tzinfo=UTC)).versions
    done = prune.prune_dataset(conn, "town", "things", before=datetime(2026, 2, 15, tzinfo=UTC))
    assert done.versions == (1,)
    # the current version is shown to this day, whatever the day
    done = prune.prune_dataset(conn, "town", "things", before=datetime(2099, 1, 1, tzinfo=UTC))
    assert done.versions == (2,)
    assert names(conn) == {"a": "2"}


def test_a_data_set_that_was_taken_away_can_go_whole_and_come_back(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    twins.remove_dataset(conn, "town", "things")
    done = prune.prune_dataset(conn, "town", "things", before=datetime(2099, 1, 1, tzinfo=UTC))
    assert (done.versions, done.oldest, done.rows) == ((1,), 2, {"feature": 1})
    with pytest.raises(Gone):
        names(conn, 1)
    assert names(conn, 2) == {}
    load_features(conn, {"a": "A"})
    assert names(conn) == {"a": "A"}


def test_exactly_one_way_to_say_what_is_kept(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, {"a": "A"})
    for said in ({}, {"keep": 1, "before": START}):
        with pytest.raises(UsageError, match="which versions"):
            prune.prune_dataset(conn, "town", "things", **said)  # type: ignore[arg-type]
    with pytest.raises(NotFound, match="no data set 'other'"):
        prune.prune_dataset(conn, "town", "other", keep=1)


def test_outcomes_of_pruned_versions_go(conn: psycopg.Connection[Any]) -> None:
    for number in range(2):
        loaded = load_features(conn, {"a": str(number)})
        conn.execute(
            "INSERT INTO ldt.outcome (twin_id, dataset_id, version, source_id, source_row, outcome, reason, message)"
            " SELECT 1, %(d)s, %(v)s, source_id, 0, 'rejected', 'x', 'x' FROM ldt.version_source"
            " WHERE dataset_id = %(d)s AND version = %(v)s",
            {"d": loaded.dataset_id, "v": loaded.version},
        )
    assert prune.prune_dataset(conn, "town", "things", keep=1).rows["outcome"] == 1
    assert fetch_all(conn, "SELECT version FROM ldt.outcome") == [{"version": 2}]


# Bytes --------------------------------------------------------------------------------------------------------


def test_bytes_stay_while_a_row_comes_from_them(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    first: dict[str, str] = {"a": "A", "b": "B"}
    second: dict[str, str] = {"a": "A", "b": "other"}
    third: dict[str, str] = {"a": "new", "b": "other"}
    folders = {}
    for number, state in enumerate((first, second), 1):
        load_features(conn, state)
        folders[number] = kept(conn, state, tmp_path)
    prune.prune_dataset(conn, "town", "things", keep=1)
    # version 1 is pruned, but `a` still stands as its file gave it
    assert prune.sweep(conn) == prune.Swept(0, 0, 0)
    assert folders[1].is_dir()
    load_features(conn, third)
    folders[3] = kept(conn, third, tmp_path)
    prune.prune_dataset(conn, "town", "things", keep=1)
    size = len(repr(first))
    assert prune.sweep(conn) == prune.Swept(1, size, 0)
    # `b` is as the second file gave it
    assert [folders[n].is_dir() for n in (1, 2, 3)] == [False, True, True]
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", OPERATOR)
        assert [s["kept"] for s in records.sources(conn, snapshot, "things")] == [True]
    told = fetch_all(conn, "SELECT digest, kept FROM ldt.source_object ORDER BY id")
    assert told[0] == {"digest": source(first).digest, "kept": False}


def test_bytes_that_another_twin_refers_to_stay(conn: psycopg.Connection[Any], tmp_path: Path) -> None:
    make_twin(conn, "village")
    state = {"a": "A"}
    load_features(conn, state)
    load_features(conn, state, twin="village")
    folder = kept(conn, state, tmp_path)
    prune.remove_twin(conn, "village")
    assert prune.sweep(conn).deleted == 0
    assert folder.is_dir()
    prune.remove_twin(conn, "town")
    assert prune.sweep(conn).deleted == 1
    assert not folder.exists()
    assert counts(conn)["source_object"] == 0


def test_nothing_is_deleted_while_somebody_ingests(
    conn: psycopg.Connection[Any], database_url: str, tmp_path: Path
) -> None:
    make_twin(conn, "village")
    state = {"a": "A"}
    load_features(conn, state)
    folder = kept(conn, state, tmp_path)
    with connect(database_url) as other, other.transaction(), exclusive(other, 4711):
        # This ingest has found the bytes in the file store, and will refer to them when it commits.
        prune.remove_twin(conn, "town")
        assert prune.sweep(conn) == prune.Swept(0, 0, 1)
        assert folder.is_dir()
        load_features(other, state, twin="village")
        other.execute("UPDATE ldt.source_object SET kept = true")
    assert prune.sweep(conn).deleted == 0
    assert folder.is_dir()
    prune.remove_twin(conn, "village")
    assert prune.sweep(conn).deleted == 1


def test_what_a_crash_left_is_deleted_by_the_next_sweep(
    conn: psycopg.Connection[Any], tmp_path: Path
) -> None:
    state = {"a": "A"}
    load_features(conn, state)
    folder = kept(conn, state, tmp_path)
    prune.remove_twin(conn, "town")  # and the program ends here
    assert folder.is_dir()
    assert prune.sweep(conn).deleted == 1
    assert not folder.exists()
    assert not list(files.root().rglob("*.gpkg"))


# Twins --------------------------------------------------------------------------------------------------------


def filled(conn: psycopg.Connection[Any], database_url: str, twin: str) -> None:
    """Make a twin with something in every table: features, views, series, history, values."""
    make_twin(conn, twin)
    load_features(conn, {"a": "A", "b": "B"}, twin=twin)
    load_features(conn, {"a": "A", "b": "C"}, twin=twin)
    streams = [stream("DE01"), stream("DE02")]
    load_observations(conn, database_url, streams, [(0, START, 1.0), (1, START, 2.0)], twin=twin)
    load_observations(conn, database_url, streams, [(0, START, 3.0)], twin=twin)
    identifier = twins.twin_id(conn, twin)
    views.refresh(conn, identifier, "generic-features")
    run = conn.execute(
        "INSERT INTO ldt.run (twin_id, indicator, revision, computed_at, started, finished, code_version, definition,"
        " definition_digest, rules_digest, parameters, inputs) VALUES (%s, 'no2-annual-mean', 4, 4, now(), now(), '', '{}',"
        " '', '', '{}', '[]') RETURNING id",
        (identifier,),
    ).fetchone()
    assert run is not None
    conn.execute(
        "INSERT INTO ldt.value (twin_id, indicator, scheme, code, period_start, period_end, period, since, run_id, value,"
        " unit, status, n_valid, method, access, inputs) VALUES (%s, 'no2-annual-mean', 'city', 'x', '2013-01-01Z',"
        " '2014-01-01Z', '2013', 4, %s, 1, 'ug/m3', 'valid', 1, 'x', 'open', '{}')",
        (identifier, run[0]),
    )


def test_a_removed_twin_leaves_nothing_and_others_as_they_were(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    filled(conn, database_url, "village")
    before = counts(conn)
    tables = "SELECT relname FROM pg_class WHERE relkind IN ('r', 'v') AND relnamespace::regnamespace::text IN ('ldt', 'gis') ORDER BY 1"
    there = fetch_all(conn, tables)
    filled(conn, database_url, "hamlet")
    assert {t for t, after in counts(conn).items() if after == before[t]} == _SHARED
    assert prune.remove_twin(conn, "hamlet") == ["things", "air"]
    prune.sweep(conn)
    assert counts(conn) == before
    assert fetch_all(conn, tables) == there
    assert [s["f_table_name"] for s in fetch_all(conn, "SELECT f_table_name FROM gis.layer_styles")] == [
        "village_generic_features"
    ]
    with pytest.raises(NotFound):
        names(conn, twin="hamlet")
    assert names(conn, twin="village") == {"a": "A", "b": "C"}


#: Tables in which the second twin adds nothing that the first does not have: sources with the same bytes; no coverage and no
#: rejected record is made here.
_SHARED = {"source_object", "coverage", "outcome"}


def test_a_twin_that_somebody_ingests_into_is_not_removed(
    conn: psycopg.Connection[Any], database_url: str
) -> None:
    loaded = load_features(conn, {"a": "A"})
    with connect(database_url) as other, other.transaction(), exclusive(other, loaded.dataset_id):
        with pytest.raises(Conflict):
            prune.remove_twin(conn, "town")
        with pytest.raises(Conflict):
            prune.prune_dataset(conn, "town", "things", keep=1)
    assert names(conn) == {"a": "A"}


def test_a_removal_that_fails_half_way_changes_nothing(
    conn: psycopg.Connection[Any], database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_features(conn, {"a": "A"})
    load_features(conn, {"a": "B"})
    before = counts(conn)

    def fails(*args: Any) -> int:
        raise StoreError("lost in the middle")

    monkeypatch.setattr(prune, "next_revision", fails)
    with pytest.raises(StoreError, match="lost"):
        prune.prune_dataset(conn, "town", "things", keep=1)
    monkeypatch.setattr(prune, "_partition", fails)
    with pytest.raises(StoreError, match="lost"):
        prune.remove_twin(conn, "town")
    assert counts(conn) == before
    assert names(conn, 1) == {"a": "A"}
    assert fetch_all(conn, "SELECT * FROM ldt.discarded") == []


def test_who_registers_a_data_set_of_a_removed_twin_is_told(conn: psycopg.Connection[Any]) -> None:
    from tests.store.loading import description

    identifier = twins.twin_id(conn, "town")
    prune.remove_twin(conn, "town")
    with pytest.raises(NotFound, match="removed while"):
        twins.put_dataset(
            conn,
            identifier,
            description("x"),
            name="x",
            shape="feature",
            feature_type="generic-features",
            recipe={},
        )
