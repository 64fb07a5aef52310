"""Whether the database can be used."""

from __future__ import annotations

from typing import Any

import psycopg

from ldt.errors import StoreError
from ldt.store.connect import translated


def health(conn: psycopg.Connection[Any]) -> dict[str, Any]:
    """Return what the database is: `postgresql`, `postgis`, `twins` (how many).

    Raises:
        StoreError: it does not answer, or it does not hold our schema.
    """
    with translated():
        found = conn.execute("SELECT to_regclass('ldt.twin') IS NOT NULL").fetchone()
        if not found or not found[0]:
            raise StoreError("the database does not hold the schema of LDT", remedy="run: ldt db migrate")
        row = conn.execute(
            "SELECT current_setting('server_version'), PostGIS_Lib_Version(), (SELECT count(*) FROM ldt.twin)"
        ).fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM always returns a row
    return {"postgresql": row[0], "postgis": row[1], "twins": row[2]}
