"""Makes `world` importable under pytest's importlib mode, and gives each test a twin of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from world import World

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
