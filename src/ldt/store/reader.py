"""Opening the private PostGIS to QGIS and other readers on this machine.

They come over TCP on 127.0.0.1, as a role that may read the views of the schema `gis` and nothing else, with a random
password that lies in files which only their owner can read.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from ldt.errors import Conflict, StoreError
from ldt.store.cluster_settings import DATABASE, READER
from ldt.store.initdb import write

_GRANTS = (
    "CREATE SCHEMA IF NOT EXISTS gis",
    "REVOKE CREATE ON SCHEMA public FROM PUBLIC",
    f"REVOKE TEMPORARY ON DATABASE {DATABASE} FROM PUBLIC",
    f"GRANT CONNECT ON DATABASE {DATABASE} TO {READER}",
    f"GRANT USAGE ON SCHEMA gis TO {READER}",
    f"GRANT SELECT ON ALL TABLES IN SCHEMA gis TO {READER}",
    # The views are generated at ingest: later ones must be readable too.
    f"ALTER DEFAULT PRIVILEGES IN SCHEMA gis GRANT SELECT ON TABLES TO {READER}",
    # QGIS looks for `layer_styles` without a schema.
    f"ALTER ROLE {READER} SET search_path = gis, public",
    f"ALTER ROLE {READER} SET default_transaction_read_only = on",
    f"ALTER ROLE {READER} SET statement_timeout = '5min'",
)


@dataclass(frozen=True)
class Opened:
    """How a reader on this machine comes in.

    Attributes:
        host: always 127.0.0.1.
        port: the TCP port.
        database: the database.
        user: the read-only role.
        password_file: the file that holds the password, mode 0600.
        service: the name of the entry in the service file.
        service_file: a `pg_service.conf` with that entry, mode 0600.
    """

    host: str
    port: int
    database: str
    user: str
    password_file: Path
    service: str
    service_file: Path

    @property
    def conninfo(self) -> str:
        """The address without its password, for programs that ask for one."""
        return f"postgresql://{self.user}@{self.host}:{self.port}/{self.database}"


def opened(home: Path, port: int) -> Opened:
    """Return how a reader comes in, making the password if there is none, and write the service file.

    Args:
        home: the cluster's folder.
        port: the TCP port of the server.
    """
    found = Opened(
        host="127.0.0.1",
        port=port,
        database=DATABASE,
        user=READER,
        password_file=home / f"{READER}.password",
        service=DATABASE,
        service_file=home / "pg_service.conf",
    )
    if not found.password_file.exists():
        write(found.password_file, secrets.token_urlsafe(24) + "\n", mode=0o600)
    password = found.password_file.read_text("utf-8").strip()
    entry = {
        "host": found.host,
        "port": port,
        "dbname": found.database,
        "user": found.user,
        "password": password,
    }
    lines = [f"[{found.service}]", *(f"{key}={value}" for key, value in entry.items()), ""]
    write(found.service_file, "\n".join(lines), mode=0o600)
    return found


def grant(url: str, password: str) -> None:
    """Make the read-only role if need be, set its password, and give it the views. May be repeated.

    Args:
        url: the database, as its owner.
        password: the password; only its SCRAM verifier is sent, so that no log can hold it.

    Raises:
        StoreError: the database refuses.
    """
    role = sql.Identifier(READER)
    try:
        with psycopg.connect(url) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,)).fetchone() is None:
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CONNECTION LIMIT 20").format(role))
            verifier = connection.pgconn.encrypt_password(
                password.encode(), READER.encode(), b"scram-sha-256"
            )
            connection.execute(
                sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(verifier.decode()))
            )
            for statement in _GRANTS:
                connection.execute(statement)
    except psycopg.Error as error:
        raise StoreError(
            f"the role {READER} cannot be given its rights: {str(error).strip().splitlines()[0]}", where=url
        ) from error


def forbid(url: str) -> None:
    """Let the read-only role in no longer, if it exists.

    Raises:
        StoreError: the database refuses.
    """
    try:
        with psycopg.connect(url) as connection:
            if connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (READER,)).fetchone():
                connection.execute(
                    sql.SQL("ALTER ROLE {} NOLOGIN PASSWORD NULL").format(sql.Identifier(READER))
                )
    except psycopg.Error as error:
        raise StoreError(
            f"the role {READER} cannot be closed: {str(error).strip().splitlines()[0]}", where=url
        ) from error


def must_be_idle(url: str) -> None:
    """Make sure that nobody is at work in the server, before it is restarted.

    Raises:
        Conflict: somebody is; idle connections do not count, since pools open them anew.
    """
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() AND state <> 'idle'"
        ).fetchone()
    if row and row[0]:
        raise Conflict(
            f"the private database must be restarted for this, but {row[0]} other connection(s) are at work in it",
            remedy="let them finish, or run ldt db down, then try again",
        )
