"""Small files, written here, for the tests of the readers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ldt.sources import read
from ldt.sources.source import Batch


@pytest.fixture
def rows() -> Callable[..., list[dict[str, Any]]]:
    """Read a whole source as dictionaries."""

    def all_rows(reader: str, path: Path, /, **options: Any) -> list[dict[str, Any]]:
        return [row for batch in read(reader, path, options) for row in batch.records.to_pylist()]

    return all_rows


@pytest.fixture
def table() -> Callable[..., pa.Table]:
    """Read a whole source as one table."""

    def whole(reader: str, path: Path, /, **options: Any) -> pa.Table:
        return pa.Table.from_batches([batch.records for batch in read(reader, path, options)])

    return whole


@pytest.fixture
def batches() -> Callable[..., list[Batch]]:
    """Read a source's batches."""

    def every(reader: str, path: Path, /, **options: Any) -> list[Batch]:
        return list(read(reader, path, options))

    return every
