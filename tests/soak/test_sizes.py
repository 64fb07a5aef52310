"""Growth from 10⁴ to 5·10⁶ features: requests that an index answers take no longer. The table goes into docs/benchmarks.md.

`LDT_SOAK_SIZES=10000,100000` tries it on fewer.
"""

from __future__ import annotations

from pathlib import Path

import httpx2 as httpx
import pytest
from bench import growth
from tests.e2e.serving import served

from ldt.settings import settings
from ldt.store.connect import connect

pytestmark = pytest.mark.soak


def test_times_stay_flat(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATA_DIR", str(tmp_path / "data"))
    settings.cache_clear()
    measured, seconds = {}, {}
    for size in growth.SIZES:
        seconds[size] = growth.fill(database_url, tmp_path, size)
        with connect(database_url) as conn:
            conn.execute("VACUUM ANALYZE ldt.feature")
        with served(database_url) as base:
            with httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=20)) as client:
                assert client.get(f"{base}/health").status_code == 200
            measured[size] = growth.times(base, size)
        print(size, {k: round(v, 1) for k, v in measured[size].items()}, flush=True)
    growth.report(measured, seconds)
    first, last = measured[growth.SIZES[0]], measured[growth.SIZES[-1]]
    # Half a millisecond is what the clock and the machine's other work come to.
    grown = {k: (first[k], last[k]) for k in first if last[k] > growth.FLAT * first[k] + 0.5}
    assert grown == {}
