"""Gives each test a twin of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.indicators.world import World

from ldt.store.connect import connect


@pytest.fixture
def world(database_url: str) -> Iterator[World]:
    """An empty twin `test` in a fresh database."""
    with connect(database_url) as conn:
        row = conn.execute(
            "INSERT INTO ldt.twin (name, title, scale) VALUES ('test', '{}', 'city') RETURNING id"
        ).fetchone()
        assert row is not None
        yield World(conn, row[0])
