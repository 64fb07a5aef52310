"""Migrations, from empty and from each previous state; and the typed tables against the live schema."""

from __future__ import annotations

import subprocess
import sys

import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.types import Boolean, DateTime, Integer, Numeric, String

from ldt.errors import StoreError
from ldt.store import tables
from ldt.store.connect import connect
from ldt.store.migrate import migrate


def test_from_empty_to_head_and_again(empty_database_url: str) -> None:
    first = migrate(empty_database_url)
    assert first.before is None
    assert first.vocabularies > 5
    again = migrate(empty_database_url)
    assert (again.before, again.after) == (first.after, first.after)


@pytest.mark.parametrize("state", ["0001", "0002"])
def test_from_a_previous_state_keeps_what_is_there(empty_database_url: str, state: str) -> None:
    assert migrate(empty_database_url, state).after == state
    with connect(empty_database_url) as conn:
        conn.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('old', '{\"en\": \"Old\"}', 'city')")
    done = migrate(empty_database_url)
    assert done.before == state
    assert done.after > state
    with connect(empty_database_url) as conn:
        assert conn.execute("SELECT name FROM ldt.twin").fetchall() == [("old",)]
        assert conn.execute("SELECT to_regclass('gis.layer_styles') IS NOT NULL").fetchone() == (True,)


def test_a_newer_schema_is_refused_by_name(empty_database_url: str) -> None:
    migrate(empty_database_url)
    with connect(empty_database_url) as conn:
        conn.execute("UPDATE public.ldt_schema_version SET version_num = '9999'")
    with pytest.raises(StoreError, match="schema 9999"):
        migrate(empty_database_url)


def test_two_at_once_wait_for_each_other(empty_database_url: str) -> None:
    code = f"from ldt.store.migrate import migrate; print(migrate({empty_database_url!r}).after)"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    results = [(p.communicate(timeout=60), p.returncode) for p in running]
    assert [code for _, code in results] == [0, 0], results
    assert len({out for (out, _), _ in results}) == 1


_FAMILIES = (
    (Boolean, {"BOOLEAN"}),
    (Integer, {"INTEGER", "BIGINT", "SMALLINT"}),
    (Numeric, {"DOUBLE PRECISION", "DOUBLE_PRECISION"}),
    (DateTime, {"TIMESTAMP"}),
    (String, {"TEXT"}),
)


def test_typed_tables_are_the_live_schema(shared_database_url: str) -> None:
    with connect(shared_database_url) as conn:
        live = {
            (table, column): kind.upper()
            for table, column, kind in conn.execute(
                "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) FROM pg_attribute a"
                " JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace"
                " WHERE n.nspname = 'ldt' AND c.relkind IN ('r', 'p') AND NOT c.relispartition AND a.attnum > 0"
                " AND NOT a.attisdropped"
            )
        }
        keys = {
            table: set(columns)
            for table, columns in conn.execute(
                "SELECT c.relname, array_agg(a.attname::text) FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid"
                " JOIN pg_namespace n ON n.oid = c.relnamespace"
                " JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY (i.indkey)"
                " WHERE n.nspname = 'ldt' AND i.indisprimary GROUP BY c.relname"
            )
        }
    typed = {(t.name, c.name): c for t in tables.metadata.tables.values() for c in t.c}
    assert set(typed) == set(live)
    for (table, name), column in typed.items():
        kind = live[table, name]
        for family, names in _FAMILIES:
            if type(column.type).__mro__[0] is family or isinstance(column.type, family):
                assert any(kind.startswith(n) for n in names), (table, name, kind, column.type)
                break
        else:
            expected = type(column.type).__name__.upper()
            assert kind.startswith(expected) or (expected in {"ARRAY"} and kind.endswith("[]")), (
                table,
                name,
                kind,
            )
    for t in tables.metadata.tables.values():
        primary = {c.name for c in t.primary_key}
        if primary:
            assert primary == keys[t.name], t.name


def test_sqlalchemy_can_reflect_it(shared_database_url: str) -> None:
    engine = create_engine("postgresql+psycopg://", creator=lambda: connect(shared_database_url))
    assert {"feature", "observation", "value"} <= set(inspect(engine).get_table_names(schema="ldt"))
    engine.dispose()
