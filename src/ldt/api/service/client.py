"""What the store answers for the service: its twins and its health."""

from __future__ import annotations

from typing import Any

from ldt import __version__
from ldt.api.context import Connection
from ldt.store import health as store
from ldt.store import twins


def health(conn: Connection) -> dict[str, Any]:
    """Return the health document; raises StoreError if there is none."""
    found = store.health(conn)
    database = f"PostgreSQL {found['postgresql']}, PostGIS {found['postgis']}"
    return {"status": "ok", "database": database, "version": __version__, "twins": found["twins"]}


def all_twins(conn: Connection) -> list[dict[str, Any]]:
    """Return what is said of all twins, in order of name."""
    return twins.twins(conn)
