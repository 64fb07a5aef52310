"""Brings a database to the newest schema, and the catalogue in it to what `schemas/` says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from alembic import command, op
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, pool
from sqlalchemy.exc import DBAPIError

from ldt.errors import StoreError
from ldt.store.catalogue import load_catalogue
from ldt.store.connect import connect, translated

_HERE = Path(__file__).parent
# Any number that no other program takes: two migrations at once wait for each other.
_LOCK = 0x1D7


@dataclass(frozen=True, slots=True)
class Migrated:
    """What a migration did: schema revision before (None = empty database) and after, vocabularies loaded."""

    before: str | None
    after: str
    vocabularies: int


def migrate(url: str, target: str = "head") -> Migrated:
    """Bring a database to a schema revision, the newest by default, and load the catalogue.

    Args:
        url: libpq address of the database.
        target: a revision (`0001`), or `head`.

    Raises:
        StoreError: the database cannot be reached, lacks PostGIS, or is newer than this program.
    """
    config = _config()
    script = ScriptDirectory.from_config(config)
    engine = create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=pool.NullPool
    )
    try:
        with translated(), engine.connect() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
            # The version table lives outside the schema that the first migration makes.
            context = MigrationContext.configure(
                connection, opts={"version_table_schema": "public", "version_table": "ldt_schema_version"}
            )
            before = context.get_current_revision()
            connection.commit()
            if before is not None and before not in known_revisions():
                raise StoreError(
                    f"the database has schema {before}, which this version of ldt does not know",
                    remedy="upgrade ldt, or point LDT_DATABASE_URL at another database",
                )
            config.attributes["connection"] = connection
            command.upgrade(config, target)
            after = MigrationContext.configure(
                connection, opts={"version_table_schema": "public", "version_table": "ldt_schema_version"}
            ).get_current_revision()
            connection.commit()
            loaded = 0
            if after == script.get_current_head():
                # Still under the lock: two programs that start at once must not load the catalogue at once.
                with connect(url) as conn, conn.transaction():
                    loaded = load_catalogue(conn)
    except DBAPIError as e:
        with translated():
            raise (e.orig or e) from e
    finally:
        engine.dispose()
    return Migrated(before=before, after=str(after), vocabularies=loaded)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(_HERE / "migrations"))
    return config


def known_revisions() -> frozenset[str]:
    """Return the schema revisions that this program knows."""
    return frozenset(s.revision for s in ScriptDirectory.from_config(_config()).walk_revisions())


def run_sql(name: str) -> None:
    """Run one numbered SQL file inside a migration, on the raw driver connection.

    Text wrappers choke on `%I` and on `[:2]`, so neither SQLAlchemy's nor Alembic's text is used.
    """
    driver = op.get_bind().connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - tells mypy what the engine's creator made
    driver.execute((_HERE / "sql" / name).read_text(encoding="utf-8").encode())
