"""Two ingests of one twin at the same moment: each lock that made one wait for the other for ever, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.store.loading import (
    START,
    description,
    load_features,
    load_observations,
    make_twin,
    observation_batch,
    stream,
)

from ldt.store import twins, views
from ldt.store.connect import connect
from ldt.store.load_observations import ObservationRows


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as found:
        make_twin(found)
        # What waits is an error here, at once.
        found.execute("SET lock_timeout = '300ms'")
        yield found


@pytest.fixture
def other(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as found:
        yield found


def test_a_commit_does_not_wait_for_who_registers_a_data_set(
    conn: psycopg.Connection[Any], other: psycopg.Connection[Any]
) -> None:
    with other.transaction():
        twins.put_dataset(
            other,
            twins.twin_id(other, "town"),
            description("another"),
            name="another",
            shape="feature",
            feature_type="generic-features",
            recipe={},
        )
        assert load_features(conn, {"a": "x"}).version == 1


def test_views_do_not_wait_for_who_loads_into_their_tables(
    conn: psycopg.Connection[Any], other: psycopg.Connection[Any]
) -> None:
    twin = twins.twin_id(conn, "town")
    busy = load_features(conn, {"a": "x"}, name="busy").dataset_id
    views.refresh(conn, twin, "generic-features")
    load_features(conn, {"b": "x"}, name="quick")
    with other.transaction():
        other.execute(f"UPDATE ldt.feature_{busy} SET until = 2")
        assert views.refresh(conn, twin, "generic-features") == ["town_generic_features"]


def test_stations_do_not_wait_for_who_brings_the_same_ones(
    conn: psycopg.Connection[Any], other: psycopg.Connection[Any], database_url: str
) -> None:
    twin = twins.twin_id(conn, "town")
    with other.transaction():
        dataset = twins.put_dataset(
            other, twin, description("slow"), name="slow", shape="observation", feature_type=None, recipe={}
        )
        rows = ObservationRows(other, database_url, twin, dataset, 1, "upsert")
        rows.add(observation_batch([(0, START, 1.0)]), 1, [stream("S1")])
        done = load_observations(conn, database_url, [stream("S1")], [(0, START, 2.0)], name="quick")
        assert done.changes.rows == 1
