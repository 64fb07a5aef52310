"""References between objects: what they lead to, in any order of ingest, at any snapshot, for those who may see it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from tests.store.loading import load_features, make_twin

from ldt.errors import NotFound
from ldt.model.snapshot import OPERATOR, PUBLIC, Access
from ldt.store import references, snapshots
from ldt.store.connect import connect
from ldt.store.migrate import migrate
from ldt.store.references import Reference, Target

SCHEMA = {
    "properties": {
        "name": {"type": "string"},
        "street": {"type": "string", "x-ldt": {"reference": ["streets"]}},
        "parts": {
            "type": "array",
            "items": {"type": "string"},
            "x-ldt": {"reference": ["streets", "houses"]},
        },
    }
}


@pytest.fixture(autouse=True)
def types(monkeypatch: pytest.MonkeyPatch) -> None:
    """Feature types of this module's own: houses refer to streets, streets to nothing."""
    monkeypatch.setattr(references, "feature_schema", lambda name: SCHEMA if name == "houses" else {})


@pytest.fixture
def conn(database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with connect(database_url) as conn:
        make_twin(conn)
        yield conn


def houses(conn: psycopg.Connection[Any], objects: dict[str, Any], **more: Any) -> None:
    load_features(conn, objects, name=more.pop("name", "houses"), feature_type="houses", **more)


def streets(conn: psycopg.Connection[Any], objects: dict[str, Any], **more: Any) -> None:
    load_features(conn, objects, name=more.pop("name", "streets"), feature_type="streets", **more)


def counted(
    conn: psycopg.Connection[Any], access: frozenset[Access] = OPERATOR, at: int | None = None
) -> tuple[int, int]:
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", access, at)
        found = references.of_dataset(conn, snapshot, "houses")
    assert found is not None
    assert found.complete
    return found.resolved, found.dangling


def resolved(conn: psycopg.Connection[Any], text: str, **more: Any) -> list[str]:
    asked = {"property": "street", "types": ("streets",), "source_id": -1, "namespace": "n", **more}
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", OPERATOR)
        (found,) = references.resolve(conn, snapshot, [Reference(text=text, **asked)])
    return [one.id for one in found]


def test_what_comes_later_is_found_too_and_what_goes_away_is_dangling(conn: psycopg.Connection[Any]) -> None:
    houses(
        conn, {"a": {"street": "#s1"}, "b": {"street": "#s1"}, "c": {"street": "#s2"}, "d": {"name": "none"}}
    )
    assert counted(conn) == (0, 3)
    streets(conn, {"x": {"name": "X", "alias": "s1"}, "y": {"name": "Y", "alias": "s2"}})
    assert counted(conn) == (3, 0)
    streets(conn, {"y": {"name": "Y", "alias": "s2"}})
    assert counted(conn) == (1, 2)
    # houses at 1, streets at 2, fewer streets at 3: each state has its own answer
    assert [counted(conn, at=revision) for revision in (1, 2, 3)] == [(0, 3), (3, 0), (1, 2)]


def test_a_reference_into_what_one_may_not_see_is_dangling(conn: psycopg.Connection[Any]) -> None:
    houses(conn, {"a": {"street": "#s1"}})
    streets(conn, {"x": {"alias": "s1"}}, access=Access.RESTRICTED)
    assert counted(conn, OPERATOR) == (1, 0)
    assert counted(conn, PUBLIC) == (0, 1)


def test_several_references_in_one_property_are_counted_one_by_one(conn: psycopg.Connection[Any]) -> None:
    houses(conn, {"a": {"parts": ["#s1", "#b", "#gone"], "street": "#s1"}, "b": {"alias": "b"}})
    streets(conn, {"x": {"alias": "s1"}})
    assert counted(conn) == (3, 1)


def test_what_changes_is_found_by_its_new_alias(conn: psycopg.Connection[Any]) -> None:
    houses(conn, {"a": {"street": "#s1"}, "b": {"street": "#s2"}})
    streets(conn, {"x": {"alias": "s1", "name": "X"}})
    streets(conn, {"x": {"alias": "s2", "name": "Y"}})
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", OPERATOR)
        found = references.of_dataset(conn, snapshot, "houses", listed=9)
    assert found is not None
    assert [one["reference"] for one in found.listed] == ["#s1"]
    assert (counted(conn, at=2), counted(conn, at=3)) == ((1, 1), (1, 1))


def test_only_the_types_that_a_property_may_lead_to_are_looked_at(conn: psycopg.Connection[Any]) -> None:
    houses(conn, {"a": {"street": "#b"}, "b": {"alias": "b"}})
    assert counted(conn) == (0, 1)
    streets(conn, {"x": {"alias": "b"}})
    assert counted(conn) == (1, 0)
    assert resolved(conn, "#b") == ["streets.x"]
    assert resolved(conn, "#b", types=("houses", "streets")) == ["houses.b", "streets.x"]


def test_references_of_several_properties_are_looked_up_at_once_and_kept_apart(
    conn: psycopg.Connection[Any],
) -> None:
    houses(conn, {"b": {"alias": "x1"}})
    streets(conn, {"x": {"alias": "x1"}})
    asked = [Reference(name, "#x1", (name,), -1, "n") for name in ("streets", "houses", "castles")]
    with conn.transaction():
        found = references.resolve(conn, snapshots.resolve(conn, "town", OPERATOR), asked)
    assert found == [[Target("streets", "streets.x")], [Target("houses", "houses.b")], []]


def test_an_identifier_is_found_within_its_namespace(conn: psycopg.Connection[Any]) -> None:
    streets(conn, {"x": {}})  # (town/things, x), as all features that the tests load by hand
    assert resolved(conn, "town/things/x") == ["streets.x"]
    assert resolved(conn, "urn:x-inspire:object:id:town/things:x") == ["streets.x"]
    assert resolved(conn, "other/x") == []
    assert resolved(conn, "x") == ["streets.x"]  # without a namespace any is meant
    assert resolved(conn, "https://elsewhere.example/streets/x") == []


def test_the_nearest_answers(conn: psycopg.Connection[Any]) -> None:
    streets(conn, {"x": {"alias": "s1"}}, name="ours")
    streets(conn, {"y": {"alias": "s1"}}, name="theirs")
    sources = dict(conn.execute("SELECT fid, source_id FROM ldt.feature").fetchall())
    assert resolved(conn, "#s1") == ["ours.x", "theirs.y"]
    assert resolved(conn, "#s1", source_id=sources["x"]) == ["ours.x"]
    assert resolved(conn, "#s1", source_id=sources["y"]) == ["theirs.y"]
    conn.execute("UPDATE ldt.feature SET namespace = 'far' WHERE fid = 'x'")
    assert resolved(conn, "#s1", namespace="town/things") == ["theirs.y"]


def test_dangling_ones_are_listed_each_text_once(conn: psycopg.Connection[Any]) -> None:
    houses(conn, {"a": {"street": "#s1"}, "b": {"street": "#s1"}, "c": {"street": "#s2"}})
    streets(conn, {"x": {"alias": "s2"}})
    with conn.transaction():
        snapshot = snapshots.resolve(conn, "town", OPERATOR)
        found = references.of_dataset(conn, snapshot, "houses", listed=10)
        none = references.of_dataset(conn, snapshot, "streets")
        few = references.of_dataset(conn, snapshot, "houses", limit=2)
        exactly = references.of_dataset(conn, snapshot, "houses", limit=3)
    assert found is not None
    assert found.summary() == {"resolved": 1, "dangling": 2, "complete": True}
    assert found.listed == [{"property": "street", "reference": "#s1", "features": 2, "feature": "houses.a"}]
    assert none is None  # streets refer to nothing
    assert few is not None
    assert few.summary() == {"resolved": 0, "dangling": 2, "complete": False}
    assert exactly is not None
    assert exactly.complete
    with conn.transaction(), pytest.raises(NotFound):
        references.of_dataset(conn, snapshots.resolve(conn, "town", OPERATOR), "castles")


def test_more_than_one_statement_takes(
    conn: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(references, "_BATCH", 3)
    houses(conn, {f"{chr(97 + i)}": {"street": f"#s{i}"} for i in range(10)})
    streets(conn, {f"{chr(97 + i)}": {"alias": f"s{i}"} for i in range(7)})
    assert counted(conn) == (7, 3)


def test_the_references_of_one_feature(conn: psycopg.Connection[Any]) -> None:
    feature = {
        "properties": {"street": "#a", "parts": ["#b", "#c"], "name": "#d"},
        "source_id": 1,
        "namespace": "n",
    }
    found = references.of_feature("houses", feature)
    assert [(r.property, r.text) for r in found] == [("street", "#a"), ("parts", "#b"), ("parts", "#c")]
    streets(conn, {"x": {"alias": "c"}})
    with conn.transaction():
        met = references.resolve(conn, snapshots.resolve(conn, "town", OPERATOR), found)
    assert met == [[], [], [Target("streets", "streets.x")]]


def test_references_are_found_by_an_index(conn: psycopg.Connection[Any]) -> None:
    streets(conn, {"x": {"alias": "s1"}})
    conn.execute("SET enable_seqscan = off")
    for column, index in (("alias", "alias"), ('local_id COLLATE "C"', "local_id")):
        plan = conn.execute(f"EXPLAIN SELECT 1 FROM ldt.feature WHERE {column} = 's1'").fetchall()
        assert any(f"feature_1_{index}" in line and "Index" in line for (line,) in plan), plan


def test_features_of_an_older_schema_get_the_column_and_the_indexes(empty_database_url: str) -> None:
    migrate(empty_database_url, "0005")
    with connect(empty_database_url) as conn:
        conn.execute("CREATE TABLE ldt.feature_7 PARTITION OF ldt.feature FOR VALUES IN (7)")
        conn.execute(
            "INSERT INTO ldt.feature (twin_id, dataset_id, fid, since, feature_type, namespace, local_id, properties, digest,"
            " source_id, source_row) VALUES (1, 7, 'a', 1, 'streets', 'n', 'a', '{}', gen_random_uuid(), 1, 0)"
        )
    migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        assert conn.execute("SELECT fid, alias FROM ldt.feature").fetchall() == [("a", None)]
        indexes = conn.execute(
            "SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = 'ldt.feature_7'::regclass"
        ).fetchall()
    assert {"feature_7_alias_idx", "feature_7_local_id_idx"} <= {name for (name,) in indexes}


def test_a_table_that_is_attached_makes_no_index_twice(conn: psycopg.Connection[Any]) -> None:
    """The indexes that an ingest makes before it attaches its table are those of the parent."""
    streets(conn, {"x": {"alias": "s1"}})
    found = conn.execute(
        "SELECT count(*), count(DISTINCT pg_get_indexdef(indexrelid)) FROM pg_index WHERE indrelid = 'ldt.feature_1'::regclass"
    ).fetchone()
    parent = conn.execute("SELECT count(*) FROM pg_index WHERE indrelid = 'ldt.feature'::regclass").fetchone()
    assert parent is not None
    assert found == (parent[0], parent[0])
