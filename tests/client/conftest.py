"""The sample city, served by a process of its own: the client knows it by its address only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.e2e.serving import served

from ldt.client import Twin
from ldt.pipeline.build import build
from ldt.pipeline.sample.generate import generate


@pytest.fixture(scope="module")
def address(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the service."""
    built = build(shared_database_url, generate(tmp_path_factory.mktemp("sample"), size="small"))
    assert built.errors == []
    with served(shared_database_url) as found:
        yield found


@pytest.fixture(scope="module")
def city(address: str) -> Iterator[Twin]:
    """The sample city."""
    with Twin(f"{address}/twins/sample-city") as found:
        yield found
