"""`ldt twin` and `ldt dataset`: twins from their manifests, and what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ldt.cli.indicators import render_runs
from ldt.cli.ingest import Twin, render_ingested
from ldt.cli.output import Json, emit, progress, say, table

app = typer.Typer(name="twin", help="Twins: build, list.", no_args_is_help=True, rich_markup_mode=None)
datasets = typer.Typer(
    name="dataset", help="Data sets of a twin: list, remove.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("build")
def build(
    manifest: Annotated[Path, typer.Argument(help="The manifest, a YAML file.")], as_json: Json = False
) -> None:
    """Create or update a twin from its manifest. Run again, it does only what is missing."""
    from ldt.pipeline.build import build as run
    from ldt.store.cluster import database_url
    from ldt.store.migrate import migrate

    url = database_url()
    with progress("bringing the schema up to date"):
        migrate(url)
    with progress(f"building {manifest.name}") as advance:
        seen = [0]

        def tell(_source: str, read: int) -> None:
            advance(max(read - seen[0], 0))
            seen[0] = read

        def begin(_what: str, _done: int, _of: int) -> None:
            seen[0] = 0

        done = run(url, manifest, step=begin, progress=tell)

    def render() -> None:
        for one in done.datasets:
            render_ingested(one)
        render_runs(done.runs)
        say(f"{done.twin} is at revision {done.revision}.")

    emit(done.summary(), render)
    if done.errors:
        name, error = done.errors[0]
        error.where = f"data set {name}" + (f", {error.where}" if error.where else "")
        if as_json:
            raise typer.Exit(error.exit_code)
        raise error


@app.command("list")
def list_twins(as_json: Json = False) -> None:
    """List the twins."""
    from ldt.store import twins
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect

    with connect(database_url()) as conn:
        found = twins.twins(conn)
    emit(
        found,
        lambda: table(
            ("twin", "revision", "updated", "scale", "title"),
            [(t["name"], t["revision"], t["updated"], t["scale"], t["title"].get("en", "")) for t in found],
        ),
    )


@datasets.command("list")
def list_datasets(twin: Twin, as_json: Json = False) -> None:
    """List the data sets of a twin, with their version and outcomes."""
    from ldt.model.snapshot import OPERATOR
    from ldt.store import records, snapshots
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect, translated

    with connect(database_url()) as conn, translated(), conn.transaction():
        found = records.datasets(conn, snapshots.resolve(conn, twin, OPERATOR))
    columns = (
        "name",
        "version",
        "rows",
        "read",
        "accepted",
        "repaired",
        "rejected",
        "duplicate",
        "outside",
        "licence",
    )
    emit(found, lambda: table(columns, [[d[c] for c in columns] for d in found]))


@datasets.command("rm")
def remove_dataset(name: str, twin: Twin, as_json: Json = False) -> None:
    """Take a data set out of what a twin shows from now on; past snapshots keep it."""
    from ldt.store import twins
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect

    with connect(database_url()) as conn:
        revision = twins.remove_dataset(conn, twin, name)
    emit(
        {"dataset": name, "revision": revision},
        lambda: say(f"{name} is no longer shown (revision {revision})."),
    )
