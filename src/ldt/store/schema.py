"""Which revision a database's schema has, and which is the newest; told without Alembic, which takes long to load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg

from ldt.store.connect import fetch_all

_REVISIONS = Path(__file__).parent / "migrations" / "versions"


def schema_of(conn: psycopg.Connection[Any]) -> str | None:
    """Return the revision of the schema, None if there is none."""
    (there,) = fetch_all(conn, "SELECT to_regclass('public.ldt_schema_version') IS NOT NULL AS yes")
    found = fetch_all(conn, "SELECT version_num FROM public.ldt_schema_version") if there["yes"] else []
    return str(found[0]["version_num"]) if found else None


def newest() -> str:
    """Return the newest revision that this program knows: each is a file that its number begins."""
    return max(path.name.partition("_")[0] for path in _REVISIONS.glob("[0-9]*.py"))
