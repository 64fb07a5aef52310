"""`ldt db`: the database. By default a private PostGIS; `LDT_DATABASE_URL` names another server."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldt.cli.output import Json, emit, progress, say
from ldt.errors import UsageError

if TYPE_CHECKING:
    from ldt.store.cluster import Cluster

app = typer.Typer(
    name="db",
    help="The database: start, stop, open to QGIS, migrate, back up, restore.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command()
def up(as_json: Json = False) -> None:
    """Start the private database, making it the first time. It keeps running until `ldt db down`."""
    cluster = _private("start")
    with progress("starting the private database"):
        running = cluster.up()
    emit(
        asdict(running),
        lambda: say(f"{'Started' if running.started else 'Running already'}: {running.url}"),
    )


@app.command()
def down(as_json: Json = False) -> None:
    """Stop the private database. Sessions in it are ended, unfinished transactions rolled back."""
    stopped = _private("stop").down()
    emit({"stopped": stopped}, lambda: say("Stopped." if stopped else "It was not running."))


@app.command()
def status(as_json: Json = False) -> None:
    """Tell whether the database runs, where it is and what it holds; starts nothing."""
    from ldt.settings import settings
    from ldt.store.cluster import private_cluster

    external = settings().database_url
    if external:
        found: dict[str, Any] = {
            "state": "external",
            "url": _without_password(external),
            **_contents(external),
        }
    else:
        known = private_cluster().status()
        found = {"state": known.state, "folder": known.home, "postgresql": known.major}
        if known.running:
            found |= {"url": known.running.url, "pid": known.running.pid, "tcp_port": known.tcp_port}
            found |= _contents(known.running.url)

    def render() -> None:
        for name, value in found.items():
            say(f"{name.replace('_', ' ') + ':':<14}{'-' if value is None else value}")

    emit(found, render)


@app.command()
def url(as_json: Json = False) -> None:
    """Print the database's address, as `psql` and `pg_dump` take it; starts the private one if need be."""
    from ldt.store.cluster import database_url

    address = database_url()
    emit({"url": address}, lambda: say(address))


@app.command()
def connect(
    close: Annotated[
        bool, typer.Option("--close", help="Close it again; the password is thrown away.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Open the private database to QGIS on this machine: read-only, 127.0.0.1, with a password."""
    cluster = _private("open")
    if close:
        cluster.disconnect()
        emit({"open": False}, lambda: say("Closed: only the socket of its owner leads into the database."))
        return
    with progress("opening the private database to readers on this machine"):
        found = cluster.connect()

    def render() -> None:
        say(
            f"The views in schema gis can be read by every program on this machine that has the password in\n  {found.password_file}"
        )
        say(f"\nQGIS, with nothing to type:\n  PGSERVICEFILE='{found.service_file}' qgis")
        say(f"  then: Layer > Add Layer > Add PostGIS Layers > New, Service: {found.service}")
        say("\nor fill in:")
        for name, value in (
            ("Host", found.host),
            ("Port", found.port),
            ("Database", found.database),
            ("User name", found.user),
        ):
            say(f"  {name + ':':<11}{value}")

    emit({"open": True, **asdict(found), "conninfo": found.conninfo}, render)


@app.command()
def migrate(as_json: Json = False) -> None:
    """Bring the database to this version's schema, and load the vocabularies and definitions."""
    from ldt.store.cluster import database_url
    from ldt.store.migrate import migrate as migrate_schema

    with progress("bringing the schema up to date"):
        done = migrate_schema(database_url())

    def render() -> None:
        change = (
            f"is at {done.after}"
            if done.before == done.after
            else f"went from {done.before or 'nothing'} to {done.after}"
        )
        say(f"The schema {change}; {done.vocabularies} vocabularies loaded.")

    emit(asdict(done), render)


@app.command()
def backup(
    folder: Annotated[Path, typer.Argument(help="Where to write it; a folder that is not there yet.")],
    as_json: Json = False,
) -> None:
    """Write the database and the files that it refers to into a folder. Readers and ingests go on meanwhile."""
    from ldt.store.backup import backup as write_backup
    from ldt.store.cluster import database_url

    url = database_url()
    with progress(f"writing the backup {folder}") as advance:
        done = write_backup(url, folder, step=lambda what, number, of: advance(1))

    def render() -> None:
        told = done.summary()
        say(f"{folder}: {told['files']:,} files, {told['bytes']:,} bytes; schema {done.schema}.")
        for twin, revision in sorted(done.twins.items()):
            say(f"  {twin}@{revision}")
        if done.missing:
            say(f"The file store lacks the files of {len(done.missing)} digests; so does the backup.")

    emit({"folder": folder, **done.summary()}, render)


@app.command()
def restore(
    folder: Annotated[Path, typer.Argument(help="The backup.")],
    replace: Annotated[bool, typer.Option("--replace", help="Delete the twins that are there.")] = False,
    as_json: Json = False,
) -> None:
    """Make the database and the files what a backup has, whole or not at all. Every file is verified first."""
    from ldt.store.cluster import database_url
    from ldt.store.restore import read_manifest
    from ldt.store.restore import restore as read_backup

    read_manifest(folder)  # what is wrong with it is told before a database is started
    url = database_url()
    with progress(f"restoring {folder}") as advance:
        done = read_backup(url, folder, replace=replace, step=lambda what, number, of: advance(1))

    def render() -> None:
        say(f"Restored as of {done.created}:")
        for twin, revision in sorted(done.twins.items()):
            say(f"  {twin}@{revision}")

    emit({"folder": folder, **done.summary()}, render)


def _private(verb: str) -> Cluster:
    """Return the private database, or say that another one is used."""
    from ldt.settings import settings
    from ldt.store.cluster import private_cluster

    if settings().database_url:
        raise UsageError(
            f"LDT_DATABASE_URL names another server, which is not ours to {verb}",
            where="LDT_DATABASE_URL",
            remedy="unset it to use the private database",
        )
    return private_cluster()


def _contents(address: str) -> dict[str, Any]:
    """Return versions, schema revision and size of a running database."""
    from ldt.store.connect import connect as open_connection
    from ldt.store.connect import translated

    with open_connection(address) as connection, translated():
        row = connection.execute(
            "SELECT current_setting('server_version'), pg_database_size(current_database()), "
            "(SELECT extversion FROM pg_extension WHERE extname = 'postgis'), to_regclass('public.ldt_schema_version')"
        ).fetchone()
        assert row is not None  # noqa: S101 - a SELECT without FROM has one row
        schema = (
            connection.execute("SELECT version_num FROM public.ldt_schema_version").fetchone()
            if row[3]
            else None
        )
    return {"server": row[0], "postgis": row[2], "schema": schema[0] if schema else None, "bytes": row[1]}


def _without_password(address: str) -> str:
    """Return an address that may be shown."""
    from psycopg.conninfo import conninfo_to_dict, make_conninfo

    from ldt.store.connect import translated

    with translated():
        known = conninfo_to_dict(address)
    return make_conninfo("", **{key: value for key, value in known.items() if key != "password"})
