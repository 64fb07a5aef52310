"""Runs the benchmarks on a private database of their own and writes `docs/benchmarks.md`."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from bench.measure import Measurement
from bench.page import put


def main() -> int:
    """Run what is named on the command line, or everything; returns 1 if a ratio misses its aim."""
    with tempfile.TemporaryDirectory(prefix="ldt-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        os.environ["LDT_DATA_DIR"] = folder
        from bench import harmonising, loading, peers, serving
        from ldt.settings import settings
        from ldt.store.cluster import private_cluster
        from ldt.store.migrate import migrate

        settings.cache_clear()
        cluster = private_cluster()
        url = cluster.up().url
        try:
            migrate(url)
            _watch_statements(url)
            cluster.down()
            url = cluster.up().url
            chosen = sys.argv[1:]
            found: list[Measurement] = []
            for name, run in (
                ("polygons", loading.polygons),
                ("observations", loading.observations),
                ("gml", harmonising.gml),
                ("land-cover", harmonising.land_cover),
                ("features", serving.features),
                ("latest", serving.latest),
                ("peers", peers.peers),
            ):
                if not chosen or name in chosen:
                    print(f"{name} …", flush=True)
                    found += run(url, Path(folder))
                    for measurement in found[-1:]:
                        print(f"  {measurement.line()}", flush=True)
        finally:
            cluster.down()
    print()
    for measurement in found:
        print(measurement.line())
    if not chosen:
        write([m for m in found if m.limit_is not in peers.AIMS])
    return 0 if all(m.good for m in found) else 1


def _watch_statements(url: str) -> None:
    """Have the next start load pg_stat_statements, which tells what share of a request is PostgreSQL's."""
    import psycopg

    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute("ALTER SYSTEM SET shared_preload_libraries = 'pg_stat_statements'")


def write(found: list[Measurement]) -> None:
    """Record the figures of a whole run against the physical limit; other kinds write sections of their own."""
    lines = [
        "Written by `make bench`.",
        "",
        "| what | LDT | the limit | ratio | aim |",
        "|---|---|---|---|---|",
        *(m.row() for m in found),
    ]
    put("Against the physical limit", "\n".join(lines))


if __name__ == "__main__":
    sys.exit(main())
