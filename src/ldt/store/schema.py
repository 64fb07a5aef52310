"""Which revision a database's schema has, and which is the newest; told without Alembic, which takes long to load.

Beside the revision stands the digest of the files that the catalogue was loaded from, as the comment of the schema `ldt`: a
backup carries both, and an upgrade that only brings other files of `schemas/` is noticed too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from ldt import __version__
from ldt.settings import shipped
from ldt.store.connect import fetch_all

#: Folders under `schemas/` whose files are loaded into the database.
LOADED = ("vocabularies", "indicators", "dpsir")
_REVISIONS = Path(__file__).parent / "migrations" / "versions"
_TOLD = "catalogue "


def schema_of(conn: psycopg.Connection[Any]) -> str | None:
    """Return the revision of the schema, None if there is none."""
    (there,) = fetch_all(conn, "SELECT to_regclass('public.ldt_schema_version') IS NOT NULL AS yes")
    found = fetch_all(conn, "SELECT version_num FROM public.ldt_schema_version") if there["yes"] else []
    return str(found[0]["version_num"]) if found else None


def newest() -> str:
    """Return the newest revision that this program knows: each is a file that its number begins."""
    return max(path.name.partition("_")[0] for path in _REVISIONS.glob("[0-9]*.py"))


def catalogue_digest(folder: Path | None = None) -> str:
    """Return the SHA-256 of the files that the catalogue is loaded from, names and contents, and of the version that loads them.

    Args:
        folder: in place of the shipped `schemas/`.
    """
    found = hashlib.sha256(__version__.encode())
    for kind in LOADED:
        for path in sorted(((folder or shipped("schemas")) / kind).glob("*.yaml")):
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            found.update(f"\n{kind}/{path.name} {content}".encode())
    return found.hexdigest()


def catalogue_of(conn: psycopg.Connection[Any]) -> str | None:
    """Return the digest of the files that the catalogue in the database was loaded from; None if that is not known."""
    (row,) = fetch_all(conn, "SELECT obj_description(to_regnamespace('ldt'), 'pg_namespace') AS told")
    told = str(row["told"] or "")
    return told.removeprefix(_TOLD) if told.startswith(_TOLD) else None


def note_catalogue(conn: psycopg.Connection[Any], digest: str) -> None:
    """Write down from which files the catalogue in the database was loaded."""
    conn.execute(sql.SQL("COMMENT ON SCHEMA ldt IS {}").format(f"{_TOLD}{digest}"))


def is_current(conn: psycopg.Connection[Any]) -> bool:
    """Whether the schema and the catalogue in a database are those of this program: else `migrate` is to be called."""
    return schema_of(conn) == newest() and catalogue_of(conn) == catalogue_digest()
