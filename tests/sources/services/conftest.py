"""A client that does not make tests wait."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ldt.sources.services.http import Client


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    """A client with a cache of its own and hardly any patience."""
    with Client(tmp_path / "cache", rate=10_000, patience=0.01, timeout=5) as client:
        yield client
