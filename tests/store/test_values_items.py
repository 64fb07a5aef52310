"""Indicator values as items: rights, past states, verdicts of several objectives, and what a page costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
import pytest

from ldt.model.snapshot import OPERATOR, PUBLIC, Access
from ldt.store import counts, pages, snapshots, values_items
from ldt.store.connect import connect
from ldt.store.pages import Selection
from ldt.store.revisions import next_revision

EVERYTHING = Selection()


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('t', '{}', 'city')")
        for _ in range(2):
            next_revision(connection, 1, "values")
        connection.execute(
            "INSERT INTO ldt.run (twin_id, indicator, revision, computed_at, started, finished, code_version, definition,"
            " definition_digest, rules_digest, parameters, inputs)"
            " SELECT id, 'no2-annual-mean', 1, 1, now(), now(), '', '{}', '', '', '{}', '[]' FROM ldt.twin"
        )
        yield connection


def put(conn: psycopg.Connection[Any], code: str, number: float = 1.0, **more: Any) -> None:
    start = datetime(2013, 1, 1, tzinfo=UTC)
    columns = {
        "indicator": "no2-annual-mean", "scheme": "station", "code": code, "period": "2013",
        "period_start": start, "period_end": datetime(2014, 1, 1, tzinfo=UTC), "since": 1, "value": number,
        "unit": "ug/m3", "status": "valid", "n_valid": 1, "method": "by hand", "access": "open", "inputs": "{}",
        **more,
    }  # fmt: skip
    conn.execute(
        f"INSERT INTO ldt.value (twin_id, run_id, {', '.join(columns)})"
        f" SELECT t.id, r.id, {', '.join(['%s'] * len(columns))} FROM ldt.twin t, ldt.run r",
        list(columns.values()),
    )


def seen(
    conn: psycopg.Connection[Any], access: frozenset[Access] = PUBLIC, at: int | None = None
) -> dict[str, Any]:
    with conn.transaction():
        items = values_items.items(conn, snapshots.resolve(conn, "t", access, at))
        found = [orjson.loads(text) for _, text in pages.page(conn, items, EVERYTHING, limit=100)]
        assert counts.count(conn, items, EVERYTHING) == (len(found), True)
    return {f["properties"]["code"]: f["properties"] for f in found}


def test_rights_are_part_of_every_read(conn: psycopg.Connection[Any]) -> None:
    put(conn, "a")
    put(conn, "b", access="restricted")
    assert set(seen(conn)) == {"a"}
    assert set(seen(conn, OPERATOR)) == {"a", "b"}
    with conn.transaction():
        public = snapshots.resolve(conn, "t", PUBLIC, None)
        items = values_items.items(conn, public)
        assert pages.one(conn, items, "no2-annual-mean.station.a.2013")
        assert pages.one(conn, items, "no2-annual-mean.station.b.2013") is None


def test_extents_tell_nothing_of_what_is_not_seen(conn: psycopg.Connection[Any]) -> None:
    put(conn, "a", geom="SRID=4326;POINT(7 51)")
    put(conn, "b", geom="SRID=4326;POINT(8 52)", access="confidential", period="2014",
        period_end=datetime(2020, 1, 1, tzinfo=UTC))  # fmt: skip
    public, operator = (snapshots.resolve(conn, "t", a, None) for a in (PUBLIC, OPERATOR))
    assert values_items.extent(conn, public)[0] == (7, 51, 7, 51)
    assert values_items.extent(conn, operator)[0] == (7, 51, 8, 52)
    assert values_items.extent(conn, public)[1][1] == datetime(2014, 1, 1, tzinfo=UTC)
    conn.execute("UPDATE ldt.value SET access = 'restricted'")
    assert not values_items.there(conn, public)
    assert values_items.there(conn, operator)


def test_a_value_goes_with_an_input_that_became_restricted(conn: psycopg.Connection[Any]) -> None:
    conn.execute(
        "INSERT INTO ldt.dataset (twin_id, name, shape, title, publisher, licence, access, origin, data_stage, anatomy, recipe)"
        " SELECT id, 'sites', 'observation', '{}', '', '', 'open', 'local', 'raw', '', '{}' FROM ldt.twin"
    )
    put(conn, "a", inputs='{"sites": 1}')
    put(conn, "b")
    assert set(seen(conn)) == {"a", "b"}
    conn.execute("UPDATE ldt.dataset SET access = 'restricted'")
    assert set(seen(conn)) == {"b"}
    assert set(seen(conn, at=1)) == {"b"}


def test_past_states_show_the_values_of_then(conn: psycopg.Connection[Any]) -> None:
    put(conn, "a", 1.0, until=2)
    put(conn, "a", 2.0, since=2)
    assert seen(conn, at=1)["a"]["value"] == 1
    assert seen(conn)["a"]["value"] == 2


def test_of_several_objectives_of_a_rule_set_the_worst_verdict_counts(conn: psycopg.Connection[Any]) -> None:
    def said(*verdicts: str) -> str:
        return orjson.dumps([{"rule_set": "who-2021", "verdict": v} for v in verdicts]).decode()

    put(conn, "a", verdicts=said("compliant", "exceeded", "not-assessable"))
    put(conn, "b", verdicts=said("compliant", "not-assessable"))
    put(conn, "c", verdicts=said("compliant"))
    put(conn, "d", verdicts="[]")
    found = {code: p["verdict_who_2021"] for code, p in seen(conn).items()}
    assert found == {"a": "exceeded", "b": "not-assessable", "c": "compliant", "d": None}
    assert {p["verdict_2008_50_ec"] for p in seen(conn).values()} == {None}


def test_a_page_deep_in_many_values_reads_no_more_than_its_rows(conn: psycopg.Connection[Any]) -> None:
    """PostgreSQL's own account of the work: an index scan of as many rows as are sent, no sort."""
    conn.execute(
        "INSERT INTO ldt.value (twin_id, run_id, indicator, scheme, code, period, period_start, period_end, since, value,"
        " unit, status, n_valid, method, access, inputs, geom) SELECT t.id, r.id, 'no2-annual-mean', 'cell', to_char(n, 'FM00000'),"
        " '2013', '2013-01-01Z', '2014-01-01Z', 1, n, 'ug/m3', 'valid', 1, '', 'open', '{}',"
        " ST_MakeEnvelope(n % 100, n / 1000, n % 100 + 1, n / 1000 + 1, 4326)"
        " FROM ldt.twin t, ldt.run r, generate_series(1, 20000) n"
    )
    conn.execute("ANALYZE ldt.value")
    conn.execute(
        "LOAD 'auto_explain'; SET auto_explain.log_min_duration = 0; SET auto_explain.log_analyze = on"
    )
    conn.execute("SET auto_explain.log_level = notice; SET client_min_messages = notice")
    plans: list[str] = []
    conn.add_notice_handler(lambda notice: plans.append(notice.message_primary or ""))
    with conn.transaction():
        items = values_items.items(conn, snapshots.resolve(conn, "t", PUBLIC, None))
        plans.clear()
        after = pages.Position(0, "no2-annual-mean.cell.15000.2013")
        rows = list(pages.page(conn, items, EVERYTHING, limit=100, after=after))
    assert [orjson.loads(text)["properties"]["value"] for _, text in rows] == list(range(15001, 15101))
    (plan,) = (p for p in plans if "value_id" in p)
    assert "Sort" not in plan
    assert "rows=100 " in plan
