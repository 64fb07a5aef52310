"""Restore: the database and the file store as a backup has them.

It happens in one transaction: the database is as the backup has it, or as it was before.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import orjson
import psycopg

from ldt.errors import Conflict, NotFound, SourceError, StoreError
from ldt.store import clients, files, prune
from ldt.store.backup import (
    DUMP,
    FORMAT,
    MANIFEST,
    OBJECTS,
    Manifest,
    Step,
    nothing,
    referred,
    rows_by_table,
    signed,
)
from ldt.store.connect import connect, fetch_all, translated
from ldt.store.load import FILES_LOCK
from ldt.store.migrate import known_revisions, migrate
from ldt.store.schema import schema_of

_CHUNK = 1024 * 1024


def read_manifest(folder: Path) -> Manifest:
    """Return what a backup says of itself.

    Raises:
        NotFound: there is no backup here, or none that is whole.
        SourceError: the manifest is damaged.
        StoreError: it was made by a newer version of LDT.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise NotFound("there is no backup here", where=str(folder), remedy=f"a whole one has a {MANIFEST}")
    damaged = SourceError("the backup is damaged: this file is not as it was written", where=str(path))
    try:
        content = orjson.loads(path.read_bytes())
        digest, made_by = content.pop("digest"), content["ldt"]
        newer = content["format"] != FORMAT or content["schema"] not in known_revisions()
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError) as e:
        raise damaged from e
    if newer:
        raise StoreError(
            f"the backup was made by ldt {made_by} (layout {content['format']}, schema {content['schema']}),"
            " which this version does not know",
            where=str(path),
            remedy="upgrade ldt, then restore",
        )
    try:
        manifest = Manifest(**content)
    except TypeError as e:
        raise damaged from e
    if manifest.digest != digest:
        raise damaged
    return manifest


def verify(folder: Path, manifest: Manifest, *, step: Step = nothing) -> None:
    """Make sure that every file of a backup is as it was written.

    Raises:
        SourceError: one is not; names it.
    """
    for number, (name, (size, digest)) in enumerate(manifest.files.items()):
        step("verifying files", number, len(manifest.files))
        path = folder / name
        try:
            same = path.stat().st_size == size and signed(path)[1] == digest
        except OSError as e:
            raise SourceError(
                f"the backup is damaged: a file cannot be read: {e.strerror}", where=str(path)
            ) from e
        if not same:
            raise SourceError("the backup is damaged: this file is not as it was written", where=str(path))


def restore(url: str, folder: Path, *, replace: bool = False, step: Step = nothing) -> Manifest:
    """Make the database and the file store what a backup has, in one transaction, and bring it to this version's schema.

    Args:
        url: the database; PostGIS must be in it, or be allowed to be made.
        folder: the backup.
        replace: whether twins that are there may be deleted.
        step: told what is being done.

    Raises:
        NotFound, SourceError: the backup is not there, or damaged; nothing was changed.
        StoreError: it is of a newer version, or the database refuses; nothing was changed.
        Conflict: there are twins in the database, or somebody is at work in it.
    """
    manifest = read_manifest(folder)
    verify(folder, manifest, step=step)
    with connect(url, application="ldt restore") as conn, translated():
        if not replace:
            _must_be_empty(conn)
        alone = conn.execute("SELECT pg_try_advisory_lock(%s, 0)", (FILES_LOCK,)).fetchone()
        if not (alone and alone[0]):
            raise Conflict("somebody is ingesting or making a backup", remedy="wait until that has ended")
        before = referred(conn) if schema_of(conn) else []
        added = _put_objects(folder, manifest, step)
        try:
            step("restoring the database", 0, 1)
            _load(url, folder / DUMP, manifest)
        except BaseException:
            for digest in added:
                files.discard(digest)
            raise
        if (found := rows_by_table(conn)) != manifest.rows:
            differs = sorted(t for t in {*found, *manifest.rows} if found.get(t) != manifest.rows.get(t))
            raise StoreError(f"tables do not hold as many rows as they did: {', '.join(differs)}")
        migrate(url)
        conn.execute(
            "INSERT INTO ldt.discarded (digest) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (before,)
        )
        conn.execute("SELECT pg_advisory_unlock(%s, 0)", (FILES_LOCK,))
        prune.sweep(conn)
    return manifest


def _must_be_empty(conn: psycopg.Connection[Any]) -> None:
    there = [r["name"] for r in fetch_all(conn, "SELECT name FROM ldt.twin")] if schema_of(conn) else []
    others = fetch_all(
        conn,
        "SELECT c.oid::regclass::text AS name FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f')"
        " AND (c.relnamespace = to_regnamespace('gis') AND c.relname <> 'layer_styles'"
        "   OR c.relnamespace = to_regnamespace('ldt') AND to_regclass('public.ldt_schema_version') IS NULL) ORDER BY 1",
    )
    if there or others:
        what = f"twins: {', '.join(there)}" if there else ", ".join(o["name"] for o in others[:5])
        raise Conflict(
            f"the database is not empty ({what})",
            remedy="restore into an empty one, or say --replace to delete what is there",
        )


def _put_objects(folder: Path, manifest: Manifest, step: Step) -> list[str]:
    """Bring the files into the file store; returns the digests that were not there before."""
    digests = sorted({name.split("/")[2] for name in manifest.files if name.startswith(f"{OBJECTS}/")})
    added = []
    for number, digest in enumerate(digests):
        step("copying files", number, len(digests))
        if not files.folder_of(digest).is_dir():
            files.keep(digest, sorted((folder / OBJECTS / digest[:2] / digest).iterdir()))
            added.append(digest)
    return added


_HEAD = """\
SET client_min_messages = warning;
BEGIN;
SET LOCAL lock_timeout = '30s';
CREATE EXTENSION IF NOT EXISTS postgis;
DROP SCHEMA IF EXISTS gis, ldt CASCADE;
DROP TABLE IF EXISTS public.ldt_schema_version;
"""
#: The table is Alembic's; the readers' rights are lost with the schema that they were given for.
_TAIL = """
CREATE TABLE public.ldt_schema_version (version_num varchar(32) NOT NULL CONSTRAINT ldt_schema_version_pkc PRIMARY KEY);
INSERT INTO public.ldt_schema_version VALUES ('{schema}');
DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ldt_reader') THEN
    GRANT USAGE ON SCHEMA gis TO ldt_reader;
    GRANT SELECT ON ALL TABLES IN SCHEMA gis TO ldt_reader;
    ALTER DEFAULT PRIVILEGES IN SCHEMA gis GRANT SELECT ON TABLES TO ldt_reader;
END IF; END $$;
SET LOCAL synchronous_commit = on;
COMMIT;
"""


def _load(url: str, dump: Path, manifest: Manifest) -> None:
    """Replace the schemas by those of a dump: psql runs what pg_restore writes, between our BEGIN and COMMIT."""
    major = clients.server_major(url)
    read: list[str | Path] = ["--no-owner", "--no-privileges", "--file=-", dump]
    run = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null", "--file=-"]
    with (
        clients.started("psql", run, major=major, url=url) as psql,
        clients.started("pg_restore", read, major=major) as script,
    ):
        try:
            psql.stdin.write(_HEAD.encode())
            shutil.copyfileobj(script.stdout, psql.stdin, _CHUNK)
            # Nothing happens without the COMMIT, which is only said once the whole dump was read.
            script.finish()
            psql.stdin.write(_TAIL.format(schema=manifest.schema).encode())
            psql.stdin.close()
        except BrokenPipeError:  # psql has ended, and says why
            script.process.kill()
        try:
            psql.finish()
        except StoreError as e:
            if "lock timeout" not in e.message:
                raise
            raise Conflict(
                "somebody is at work in the database",
                remedy="stop the service and other readers, then restore again",
            ) from e
