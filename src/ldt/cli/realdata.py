"""Try a folder of real files: `python -m ldt.cli.realdata FOLDER [PAGE]` writes what became of each as a page of Markdown."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def main(folder: Path, out: Path) -> None:
    """Inspect and ingest every file of a folder, into a database of its own that is gone afterwards, and write the page.

    Args:
        folder: the files.
        out: the page.
    """
    from ldt.cli.output import progress
    from ldt.pipeline import realdata
    from ldt.settings import settings
    from ldt.store import cluster

    with tempfile.TemporaryDirectory(prefix="ldt-real-") as home:
        Path(home).chmod(0o755)  # where root runs this, the database runs as another user
        os.environ["LDT_DATA_DIR"] = home
        os.environ.pop("LDT_DATABASE_URL", None)
        settings.cache_clear()
        url = cluster.database_url()
        try:
            names = realdata.names(folder)
            lines = []
            with progress(f"ingesting {folder}") as advance, realdata.trying(url, folder) as tried:
                for name in names:
                    lines.append(realdata.line(tried(name)))
                    advance(1)
        finally:
            cluster.private_cluster().down()
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(realdata.page(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2] if len(sys.argv) > 2 else "docs/reference/real-data.md"))
