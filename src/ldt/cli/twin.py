"""`ldt twin` and `ldt dataset`: twins from their manifests, and what is in them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ldt.cli.building import build as shown
from ldt.cli.indicators import render_runs
from ldt.cli.ingest import Twin, render_ingested
from ldt.cli.output import Json, confirm, emit, progress, say, table

if TYPE_CHECKING:
    from ldt.store.prune import Swept

app = typer.Typer(
    name="twin", help="Twins: build, list, remove.", no_args_is_help=True, rich_markup_mode=None
)
datasets = typer.Typer(
    name="dataset",
    help="Data sets of a twin: list, remove, prune.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("build")
def build(
    manifest: Annotated[Path, typer.Argument(help="The manifest, a YAML file.")],
    offline: Annotated[
        bool, typer.Option("--offline", help="Take what was fetched of live services before.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create or update a twin from its manifest. Run again, it does only what is missing."""
    from ldt.store.cluster import database_url

    done = shown(database_url(), manifest, offline=offline)

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


@app.command("rm")
def remove_twin(
    name: Annotated[str, typer.Argument(help="Name of the twin.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Delete a twin with all its data, past states included. Other twins keep theirs."""
    from ldt.store import prune, twins
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect

    with connect(database_url()) as conn:
        twins.twin_id(conn, name)
        if not yes:
            confirm(f"Delete the twin {name} with all its data and all its past states?", "--yes")
        with progress(f"deleting {name}"):
            gone = prune.remove_twin(conn, name)
            swept = prune.sweep(conn)

    def render() -> None:
        say(f"{name} and its {len(gone)} data sets are deleted.")
        _render_swept(swept)

    emit({"twin": name, "datasets": gone, "files": swept}, render)


@datasets.command("list")
def list_datasets(twin: Twin, as_json: Json = False) -> None:
    """List the data sets of a twin, with their version, outcomes, and whether they are overdue."""
    from ldt.model.freshness import judge
    from ldt.model.snapshot import OPERATOR
    from ldt.store import records, snapshots
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect, translated

    with connect(database_url()) as conn, translated(), conn.transaction():
        found = records.datasets(conn, snapshots.resolve(conn, twin, OPERATOR))
    for one in found:
        one["freshness"] = judge(
            one["update_frequency"],
            one["shape"],
            committed=one["committed"],
            time_last=one["time_last"],
            now=datetime.now(UTC),
        ).state
    columns = (
        "name",
        "version",
        "freshness",
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


@datasets.command("prune")
def prune_dataset(
    name: Annotated[str, typer.Argument(help="Name of the data set.")],
    twin: Twin,
    keep: Annotated[int | None, typer.Option(help="How many of the newest versions to keep.", min=1)] = None,
    before: Annotated[
        datetime | None,
        typer.Option(
            help="Instead: keep the versions that were shown on this day (UTC) or later.",
            formats=["%Y-%m-%d"],
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Delete what only past versions of a data set show. States of the twin that need them are gone afterwards."""
    from ldt.store import prune
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect

    day = before.replace(tzinfo=UTC) if before else None
    with connect(database_url()) as conn, progress(f"pruning {name}"):
        done = prune.prune_dataset(conn, twin, name, keep=keep, before=day)
        swept = prune.sweep(conn)

    def render() -> None:
        if not done.versions:
            say(f"{name}: nothing to prune; the oldest version kept is {done.oldest}.")
        else:
            rows = ", ".join(f"{count:,} of {what}" for what, count in done.rows.items()) or "none"
            one = len(done.versions) == 1
            which = (
                f"version {done.versions[0]} is"
                if one
                else f"versions {done.versions[0]} to {done.versions[-1]} are"
            )
            say(f"{name}: {which} no longer kept (revision {done.revision}). Rows deleted: {rows}.")
        _render_swept(swept)

    emit({"dataset": name, **done.summary(), "files": swept}, render)


def _render_swept(swept: Swept) -> None:
    if swept.deleted:
        say(f"Files deleted: {swept.deleted:,} ({swept.bytes:,} bytes).")
    if swept.left:
        say(f"{swept.left:,} files wait, since somebody is ingesting; the next removal deletes them.")
