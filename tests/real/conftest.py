"""Twins built from real files, once per module; the files themselves are never copied into the project."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ldt.settings import settings


@pytest.fixture(scope="module")
def own_data_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file store of the module's own."""
    folder = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(folder))
        settings.cache_clear()
        yield folder
    settings.cache_clear()
