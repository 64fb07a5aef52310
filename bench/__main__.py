"""Runs the benchmarks on a private database of their own and writes `docs/benchmarks.md`."""

from __future__ import annotations

import os
import platform
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from bench.measure import Measurement


def main() -> int:
    """Run what is named on the command line, or everything; returns 1 if a ratio misses its aim."""
    with tempfile.TemporaryDirectory(prefix="ldt-bench-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        os.environ["LDT_DATA_DIR"] = folder
        from bench import harmonising, loading, serving
        from ldt.settings import settings
        from ldt.store.cluster import private_cluster
        from ldt.store.migrate import migrate

        settings.cache_clear()
        cluster = private_cluster()
        url = cluster.up().url
        try:
            migrate(url)
            chosen = sys.argv[1:]
            found: list[Measurement] = []
            for name, run in (
                ("polygons", loading.polygons),
                ("observations", loading.observations),
                ("gml", harmonising.gml),
                ("land-cover", harmonising.land_cover),
                ("features", serving.features),
                ("latest", serving.latest),
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
    if not sys.argv[1:]:
        write(found)
    return 0 if all(m.good for m in found) else 1


def write(found: list[Measurement]) -> None:
    """Record the figures of a whole run."""
    page = Path(__file__).parents[1] / "docs" / "benchmarks.md"
    lines = [
        "# Benchmarks",
        "",
        "Written by `make bench`. Each figure stands beside the physical limit, measured in the same run on the same machine;",
        "only the ratio carries over to another machine.",
        "",
        f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}.",
        "",
        "| what | LDT | the limit | ratio | aim |",
        "|---|---|---|---|---|",
        *(m.row() for m in found),
        "",
    ]
    page.write_text("\n".join(lines) + "\n".join(m.note for m in found if m.note) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
