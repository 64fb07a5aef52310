"""Ten minutes at 80 % of the maximum with ingests beside it: no error, flat memory, no torn read. The table goes into docs/benchmarks.md.

`LDT_SOAK_SECONDS=60 LDT_SOAK_EVERY=5` tries it in a minute.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import httpx2 as httpx
import pytest
from bench import load
from tests.e2e.serving import served

from ldt.settings import settings

pytestmark = pytest.mark.soak

_BRING = "import sys; from pathlib import Path; from bench.load import bring; bring(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))"


def test_readers_and_ingests_side_by_side(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    load.prepare(database_url, tmp_path)

    def ingesting(version: int) -> None:
        subprocess.run(
            [sys.executable, "-c", _BRING, database_url, str(tmp_path), str(version)],
            cwd=Path(__file__).parents[2],
            check=True,
            timeout=120,
        )

    done = load.Loaded()
    with served(database_url) as base:
        with httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=20)) as client:
            assert client.get(f"{base}/health").status_code == 200
        asyncio.run(load.readers(base, load.services(), done, ingesting))
    load.report(done)
    assert set(done.answers) == {"200"}, done.answers
    assert done.torn == []
    assert done.traversals > 1
    assert done.versions >= load.SECONDS // load.EVERY - 2
    middle = [m for t, m in done.memory if load.SECONDS / 10 < t <= load.SECONDS / 2]
    late = [m for t, m in done.memory if t > load.SECONDS / 2]
    assert max(late) < 1.15 * max(middle), (max(middle), max(late))
