"""Indexes on properties: which there are, that queries use them, and that what they give is what Python's own sort gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import literal
from tests.store.loading import load_features, make_twin, read_items

from ldt.errors import UsageError
from ldt.model.snapshot import PUBLIC, Snapshot
from ldt.store import counts, features, indexes, pages, snapshots
from ldt.store.connect import compiled, connect
from ldt.store.pages import Selection, Sort

COUNT = 3000
USES = ("office", "residential", "trade", None)


def objects(count: int = COUNT) -> dict[str, dict[str, Any]]:
    """Buildings, of which many are alike in each property, and some have none; ids in no order of anything else."""
    draw = random.Random(5)  # noqa: S311
    found = {}
    for i in range(count):
        about = {
            "use": draw.choices(USES, (50, 45, 1, 4))[0],
            "height_m": draw.choice([*range(3, 60), 8.5, None]),
        }
        found[f"b{i:05d}"] = {k: v for k, v in about.items() if v is not None} | {"name": f"n{i % 7}"}
    return found


@pytest.fixture(scope="module")
def conn(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with pytest.MonkeyPatch.context() as patch, connect(shared_database_url) as found:
        patch.setattr(indexes, "FEW", 1000)
        make_twin(found)
        load_features(found, objects(), name="some", feature_type="buildings", indexed=["height_m"])
        load_features(found, objects(1500), name="other", feature_type="buildings", indexed=["height_m"])
        yield found


def snapshot(conn: psycopg.Connection[Any]) -> Snapshot:
    return snapshots.resolve(conn, "town", PUBLIC)


def plan(conn: psycopg.Connection[Any], selection: Selection) -> str:
    items = features.items(snapshot(conn), "buildings")
    assert items is not None
    if selection.sort:
        statement = pages._sorted(items, selection, 20, None, pages._texts(selection))
    else:
        statement = pages._in_order(items.parts[0], selection, None, pages._texts(selection)).limit(20)
    text, bound = compiled(statement)
    conn.execute("SET max_parallel_workers_per_gather = 0")
    return "\n".join(row[0] for row in conn.execute(("EXPLAIN " + text).encode(), bound))


def where(conn: psycopg.Connection[Any], name: str, value: Any) -> Selection:
    items = features.items(snapshot(conn), "buildings")
    assert items is not None
    one = items.properties[name]
    return Selection(where=one.column == literal(value, one.column.type))


def by(conn: psycopg.Connection[Any], name: str, descending: bool) -> Selection:
    items = features.items(snapshot(conn), "buildings")
    assert items is not None
    return Selection(sort=(Sort(items.properties[name], descending),))


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("name", ["use", "height_m"])
def test_an_order_by_an_index_is_that_of_python(
    conn: psycopg.Connection[Any], name: str, descending: bool
) -> None:
    selection = by(conn, name, descending)
    assert selection.by_index
    assert "_by_" in plan(conn, selection)
    assert "Seq Scan" not in plan(conn, selection)
    everything = {("some", f): o for f, o in objects().items()} | {
        ("other", f): o for f, o in objects(1500).items()
    }
    ranks = {"some": 0, "other": 1}
    there = [k for k, o in everything.items() if name in o]
    missing = [k for k, o in everything.items() if name not in o]
    there.sort(key=lambda k: (everything[k][name], ranks[k[0]], k[1]), reverse=descending)
    missing.sort(key=lambda k: (ranks[k[0]], k[1]), reverse=descending)
    found, after = [], None
    with conn.transaction():
        while rows := read_items(conn, snapshot(conn), "buildings", selection, limit=700, after=after):
            found += [document["id"] for _, document in rows]
            after = rows[-1][0]
            assert len(found) <= len(everything)
    assert found == [".".join(k) for k in there + missing]


def test_few_of_many_are_found_by_the_index_and_expected_as_they_are(conn: psycopg.Connection[Any]) -> None:
    rare = sum(o.get("use") == "trade" for o in [*objects().values(), *objects(1500).values()])
    selection = where(conn, "use", "trade")
    assert "_by_" in plan(conn, selection)
    items = features.items(snapshot(conn), "buildings")
    assert items is not None
    assert counts.count(conn, items, selection) == (rare, True)
    # Nearly half of 4,500 have this use: an estimate, and a good one. Without statistics, half a per cent would be expected.
    usual = sum(o.get("use") == "residential" for o in [*objects().values(), *objects(1500).values()])
    number, exact = counts.count(conn, items, where(conn, "use", "residential"))
    assert not exact
    assert number == pytest.approx(usual, rel=0.05)


def test_too_much_is_not_sorted_without_an_index(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    items = features.items(snapshot(conn), "buildings")
    assert items is not None
    monkeypatch.setattr(counts, "MOST_SORTED", 2000)
    with pytest.raises(UsageError, match="more than the 2,000") as refused:
        counts.check_sorting(conn, items, by(conn, "name", False))
    assert refused.value.remedy is not None
    assert "height_m, use" in refused.value.remedy
    counts.check_sorting(conn, items, by(conn, "use", False))
    few = Selection(where=where(conn, "use", "trade").where, sort=by(conn, "name", False).sort)
    counts.check_sorting(conn, items, few)


def test_what_is_past_is_not_said_to_have_an_index(conn: psycopg.Connection[Any]) -> None:
    load_features(conn, objects(1501), name="some", feature_type="buildings", indexed=["height_m"])
    now = features.items(snapshot(conn), "buildings")
    assert now is not None
    assert now.properties["use"].indexed
    past = features.items(snapshots.resolve(conn, "town", PUBLIC, 1), "buildings")
    assert past is not None
    assert not past.properties["use"].indexed


def names(conn: psycopg.Connection[Any], dataset: str) -> int:
    row = conn.execute("SELECT id FROM ldt.dataset WHERE name = %s", (dataset,)).fetchone()
    assert row is not None
    return len(indexes._there(conn, row[0]))


def test_a_text_that_is_too_long_for_an_index_is_loaded_all_the_same(conn: psycopg.Connection[Any]) -> None:
    draw = random.Random(1)  # noqa: S311
    long = "".join(chr(draw.randrange(0x4E00, 0x9FFF)) for _ in range(3000))  # PostgreSQL cannot pack that
    load_features(conn, objects(1200), name="grown", feature_type="buildings", indexed=["height_m"])
    assert names(conn, "grown") == 2
    load_features(
        conn,
        objects(1200) | {"c": {"use": long}},
        name="grown",
        feature_type="buildings",
        indexed=["height_m"],
    )
    assert names(conn, "grown") == 1
    load_features(
        conn,
        objects(1200) | {"c": {"use": long}},
        name="long",
        feature_type="buildings",
        indexed=["height_m"],
    )
    assert names(conn, "long") == 1
    # While the long text is a row that has just gone, PostgreSQL still puts it in; the next load has the index again.
    for count in (1200, 1201):
        load_features(conn, objects(count), name="grown", feature_type="buildings", indexed=["height_m"])
    assert names(conn, "grown") == 2
    # Of few there are none, and those that were there go.
    load_features(conn, objects(20), name="grown", feature_type="buildings", indexed=["height_m"])
    assert names(conn, "grown") == 0
