"""The revision of a schema, told without Alembic, against what Alembic says."""

from __future__ import annotations

import pytest

from ldt.pipeline.ingest import make_twin
from ldt.store import migrate
from ldt.store.connect import connect
from ldt.store.schema import newest, schema_of


def test_the_newest_is_that_of_alembic(database_url: str) -> None:
    assert newest() == max(migrate.known_revisions())
    with connect(database_url) as conn:
        assert schema_of(conn) == newest()
        conn.execute("ALTER TABLE public.ldt_schema_version RENAME TO other")
        assert schema_of(conn) is None


def test_a_twin_is_made_in_a_database_of_any_revision(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is migrated only where it is behind: that takes as long as a small file takes to read."""
    with connect(database_url) as conn:
        conn.execute("DROP SCHEMA ldt CASCADE; DROP SCHEMA gis CASCADE; DROP TABLE public.ldt_schema_version")
    assert make_twin(database_url, "town")
    monkeypatch.setattr(migrate, "migrate", None)
    assert not make_twin(database_url, "town")
    assert make_twin(database_url, "village")
