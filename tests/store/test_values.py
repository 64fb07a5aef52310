"""Values: written with a revision, read as a snapshot sees them, named by a slug."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ldt.errors import NotFound
from ldt.model.indicator import Value, ValueKey
from ldt.model.snapshot import OPERATOR, PUBLIC, Access, Snapshot
from ldt.store import snapshots, values
from ldt.store.connect import connect
from ldt.store.revisions import next_revision

NO2 = "no2-annual-mean"
SCOPE = values.Scope(NO2, frozenset({"station"}), frozenset({"2013", "2014"}))
POINT = shapely.to_wkb(shapely.set_srid(shapely.Point(7.0, 51.0), 4326), include_srid=True)


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as connection:
        connection.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('t', '{}', 'city')")
        yield connection


def see(
    conn: psycopg.Connection[Any], at: int | None = None, access: frozenset[Access] = OPERATOR
) -> Snapshot:
    return snapshots.resolve(conn, "t", access, at)


def make(code: str, number: float | None = 1.0, period: str = "2013", **more: Any) -> Value:
    year = int(period)
    return Value(
        key=ValueKey(NO2, "station", code, period),
        period_start=datetime(year, 1, 1, tzinfo=UTC),
        period_end=datetime(year + 1, 1, 1, tzinfo=UTC),
        unit="ug/m3",
        status="insufficient" if number is None else "valid",
        method="by hand",
        value=number,
        geom=POINT,
        **more,
    )


def store(conn: psycopg.Connection[Any], *found: Value) -> values.Changes:
    """Write what a run found; returns what that changed."""
    now = datetime.now(UTC)
    with conn.transaction():
        snapshot = see(conn)
        changed = values.changes(conn, snapshot, SCOPE, found)
        if changed:
            revision = next_revision(conn, snapshot.twin_id, "values")
            run = values.RunRecord(NO2, now, now, "0", {}, "", "", {}, [])
            values.write(conn, snapshot, revision, run, changed)
    return changed


def seen(
    conn: psycopg.Connection[Any], at: int | None = None, **filters: Any
) -> list[tuple[str, float | None]]:
    return [(v["code"], v["value"]) for v in values.page(conn, see(conn, at), NO2, **filters)]


def test_values_hold_from_their_revision_until_the_next(conn: psycopg.Connection[Any]) -> None:
    store(conn, make("a"), make("b"))
    changed = store(conn, make("a"), make("b", 2.0), make("c", None))
    assert ([v.key.code for v in changed.written], changed.unchanged) == (["b", "c"], 1)
    store(conn, make("b", 2.0))
    assert seen(conn) == [("b", 2.0)]
    assert seen(conn, 1) == [("a", 1.0), ("b", 1.0)]
    assert seen(conn, 2) == [("a", 1.0), ("b", 2.0), ("c", None)]
    assert seen(conn, 3) == [("b", 2.0)]


@pytest.mark.parametrize(
    ("other", "differs"),
    [
        (make("a", 1.0 + 1e-11), False),  # the last bits of a sum in another order
        (make("a", 1.0 + 1e-6), True),
        (make("a", inputs={"d": 2}), True),
        (make("a", verdicts=[{"limit": 40, "distance": -39.0}]), True),
        (make("a", quality={"n": 1}), True),
        (make("a", access=Access.RESTRICTED), True),
        (make("a", n_valid=1), True),
        (make("a", None), True),
        (make("a", name="A"), True),
    ],
)
def test_what_makes_two_values_differ(conn: psycopg.Connection[Any], other: Value, differs: bool) -> None:
    store(conn, make("a"))
    assert bool(store(conn, other)) is differs


def test_rights_are_part_of_every_read(conn: psycopg.Connection[Any]) -> None:
    store(conn, make("a"), make("b", access=Access.RESTRICTED))
    public = see(conn, access=PUBLIC)
    assert [v["code"] for v in values.page(conn, public, NO2)] == ["a"]
    assert values.count(conn, public, NO2) == 1
    assert values.count(conn, see(conn), NO2) == 2
    assert [r["count"] for r in values.overview(conn, public)] == [1]
    with pytest.raises(NotFound, match=r"no value 'station\.b\.2013'"):
        values.one(conn, public, ValueKey(NO2, "station", "b", "2013"))


def test_a_value_goes_with_an_input_that_became_restricted(conn: psycopg.Connection[Any]) -> None:
    for name in ("sites", "stations"):
        conn.execute(
            "INSERT INTO ldt.dataset (twin_id, name, shape, title, publisher, licence, access, origin, data_stage, anatomy, recipe)"
            " SELECT id, %s, 'observation', '{}', '', '', 'open', 'local', 'raw', '', '{}' FROM ldt.twin",
            (name,),
        )
    store(conn, make("a", inputs={"sites": 1, "stations": 1}), make("b", inputs={"stations": 1}), make("c"))
    public = see(conn, access=PUBLIC)
    assert [v["code"] for v in values.page(conn, public, NO2)] == ["a", "b", "c"]
    conn.execute("UPDATE ldt.dataset SET access = 'restricted' WHERE name = 'sites'")
    store(conn, make("c", 2.0), make("a", inputs={"sites": 1}), make("b", inputs={"stations": 1}))
    for at in (None, 1):
        public = see(conn, at, PUBLIC)
        assert [v["code"] for v in values.page(conn, public, NO2)] == ["b", "c"]
        assert values.count(conn, public, NO2) == 2
        assert sum(row["count"] for row in values.overview(conn, public)) == 2
        with pytest.raises(NotFound):
            values.one(conn, public, make("a").key)
        assert values.count(conn, see(conn, at), NO2) == 3


def test_pages_follow_one_another_and_filters_choose(conn: psycopg.Connection[Any]) -> None:
    store(conn, *(make(c, period=p) for c in "abcde" for p in ("2013", "2014")))
    got: list[dict[str, Any]] = []
    after = None
    while page := values.page(conn, see(conn), NO2, after=after, limit=3):
        got += page
        last = page[-1]
        after = (last["scheme"], last["code"], last["period_start"], last["period_end"])
    assert [(v["code"], v["period"]) for v in got] == [(c, p) for c in "abcde" for p in ("2013", "2014")]
    assert seen(conn, codes=["b"], periods=["2014"]) == [("b", 1.0)]
    assert seen(conn, scheme="city") == []
    assert len(seen(conn, bbox=(6.9, 50.9, 7.1, 51.1))) == 10
    assert seen(conn, bbox=(8, 50, 9, 51)) == []
    middle = datetime(2014, 1, 1, tzinfo=UTC)
    assert {v["period"] for v in values.page(conn, see(conn), NO2, start=middle)} == {"2014"}
    assert {v["period"] for v in values.page(conn, see(conn), NO2, end=middle)} == {"2013"}
    assert values.count(conn, see(conn), NO2, periods=["2014"]) == 5


def test_the_place_is_given_as_geojson(conn: psycopg.Connection[Any]) -> None:
    store(conn, make("a"))
    found = values.one(conn, see(conn), ValueKey(NO2, "station", "a", "2013"), geometry=True)
    assert json.loads(found["geometry"]) == {"type": "Point", "coordinates": [7.0, 51.0]}
    assert found["id"] == "station.a.2013"


@given(st.tuples(*[st.text(st.characters(exclude_categories=["Cs"]), min_size=1)] * 3))
def test_a_slug_names_one_value_and_can_be_read_back(parts: tuple[str, str, str]) -> None:
    key = ValueKey(NO2, *parts)
    assert ValueKey.parse(NO2, key.slug) == key
    assert "/" not in key.slug
    assert key.slug.isascii()


@pytest.mark.parametrize(
    "slug", ["", "a.b", "a.b.c.d", "a..c", "a.b/c.d", "a.~2f.c", "a.~ZZ.c", "a.~41.c", "a.~FF.c"]
)
def test_what_is_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - any ValueError; what it says is for people
        ValueKey.parse(NO2, slug)
