"""Backup: the database and the files that it refers to, in one folder that is whole or is not there.

The folder holds::

    manifest.json     what is in it: versions, twins, rows of each table, size and SHA-256 of each file
    database.dump     the schemas `ldt` and `gis`, as pg_dump's custom format has them
    objects/          the files of sources and coverages, as in the file store
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import psycopg
from psycopg import sql

from ldt import __version__
from ldt.errors import NotFound
from ldt.store import clients, files
from ldt.store.connect import connect, fetch_all, translated
from ldt.store.folders import flushed, made
from ldt.store.load import FILES_LOCK
from ldt.store.schema import schema_of

FORMAT = 1
MANIFEST, DUMP, OBJECTS = "manifest.json", "database.dump", "objects"

#: Told what is being done: (what, steps done, of how many).
Step = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a backup says of itself.

    Attributes:
        format: version of the layout.
        ldt: version of the program that made it.
        schema: revision of the database schema.
        created: when, RFC 3339.
        postgresql, postgis: versions of the server.
        twins: name → revision.
        rows: rows by table of the schema `ldt`.
        files: path in the folder → [size, SHA-256].
        missing: digests that the database refers to and the file store did not have.
    """

    format: int
    ldt: str
    schema: str
    created: str
    postgresql: str
    postgis: str
    twins: dict[str, int]
    rows: dict[str, int]
    files: dict[str, list[Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def digest(self) -> str:
        """SHA-256 over everything that the manifest says."""
        return hashlib.sha256(orjson.dumps(self, option=orjson.OPT_SORT_KEYS)).hexdigest()

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form, with the number of files and their size in place of their list."""
        told: dict[str, Any] = orjson.loads(orjson.dumps(self))
        return {**told, "files": len(self.files), "bytes": sum(size for size, _ in self.files.values())}


def nothing(what: str, done: int, of: int) -> None:
    """Tell nobody."""
    return


# Backup -------------------------------------------------------------------------------------------------------


def backup(url: str, folder: Path, *, step: Step = nothing) -> Manifest:
    """Write a backup of one state of the database, with the files that it refers to.

    Whatever interrupts it, the folder is whole or is not there. Ingests and readers go on meanwhile.

    Args:
        url: the database.
        folder: where; it must not exist, or be empty.
        step: told what is being done.

    Raises:
        Conflict: the folder holds something.
        DiskFull: no room left.
        StoreError: the database cannot be read, the folder not be written, or pg_dump is not there.
    """
    with made(folder) as whole, connect(url, application="ldt backup") as conn:
        with translated():
            # Before the state is fixed: from here on no file is deleted.
            conn.execute("SELECT pg_advisory_lock_shared(%s, 0)", (FILES_LOCK,))
        with translated(), conn.transaction():
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            manifest = _described(conn)
            step("dumping the database", 0, 1)
            _dump(conn, url, whole / DUMP)
            manifest.files[DUMP] = signed(whole / DUMP)
            _copy_objects(conn, whole, manifest, step)
        content = {"digest": manifest.digest, **orjson.loads(orjson.dumps(manifest))}
        (whole / MANIFEST).write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2))
        flushed(whole / MANIFEST)
    return manifest


def _described(conn: psycopg.Connection[Any]) -> Manifest:
    schema = schema_of(conn)
    if schema is None:
        raise NotFound(
            "there is nothing in this database yet", remedy="`ldt twin build` or `ldt demo` fills it"
        )
    (server,) = fetch_all(
        conn,
        "SELECT current_setting('server_version') AS postgresql,"
        " (SELECT extversion FROM pg_extension WHERE extname = 'postgis') AS postgis",
    )
    return Manifest(
        format=FORMAT,
        ldt=__version__,
        schema=schema,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        postgresql=server["postgresql"],
        postgis=server["postgis"],
        twins={t["name"]: t["revision"] for t in fetch_all(conn, "SELECT name, revision FROM ldt.twin")},
        rows=rows_by_table(conn),
    )


def rows_by_table(conn: psycopg.Connection[Any]) -> dict[str, int]:
    """Count the rows of each table of the model; partitions count with their table."""
    tables = fetch_all(
        conn,
        "SELECT relname FROM pg_class WHERE relnamespace = 'ldt'::regnamespace AND relkind IN ('r', 'p')"
        " AND NOT relispartition ORDER BY 1",
    )
    counts = {}
    for table in tables:
        name = table["relname"]
        row = conn.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("ldt", name))).fetchone()
        counts[name] = int(row[0]) if row else 0
    return counts


def _dump(conn: psycopg.Connection[Any], url: str, path: Path) -> None:
    row = conn.execute("SELECT pg_export_snapshot()").fetchone()
    assert row is not None  # noqa: S101 - a SELECT without FROM has one row
    args = ["--format=custom", "--schema=ldt", "--schema=gis", "--no-owner", "--no-privileges"]
    args.append(f"--snapshot={row[0]}")
    major = conn.info.server_version // 10_000
    with path.open("wb") as out, clients.started("pg_dump", args, major=major, url=url, stdout=out) as dump:
        dump.finish()


def _copy_objects(conn: psycopg.Connection[Any], whole: Path, manifest: Manifest, step: Step) -> None:
    digests = referred(conn)
    (whole / OBJECTS).mkdir()
    for number, digest in enumerate(digests):
        step("copying files", number, len(digests))
        source = files.folder_of(digest)
        if not source.is_dir():
            manifest.missing.append(digest)
            continue
        target = whole / OBJECTS / digest[:2] / digest
        shutil.copytree(source, target, copy_function=shutil.copyfile)
        for path in sorted(p for p in target.rglob("*") if p.is_file()):
            manifest.files[path.relative_to(whole).as_posix()] = signed(path)


def referred(conn: psycopg.Connection[Any]) -> list[str]:
    """Return the digests whose files the database refers to."""
    return [
        r["digest"]
        for r in fetch_all(
            conn,
            "SELECT digest FROM ldt.source_object WHERE kept UNION SELECT digest FROM ldt.coverage ORDER BY 1",
        )
    ]


def signed(path: Path) -> list[Any]:
    """Bring a file to the disk; return its size and SHA-256."""
    flushed(path)
    with path.open("rb") as file:
        return [path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()]
