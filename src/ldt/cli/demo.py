"""`ldt demo`: from nothing to a served twin."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ldt.cli.ingest import render_ingested
from ldt.cli.output import Json, emit, progress, say

_HOST = "127.0.0.1"


def demo(
    port: Annotated[
        int, typer.Option(help="Port of the service; 0 for any free one.", min=0, max=65535)
    ] = 8000,
    serve: Annotated[bool, typer.Option(help="Serve it afterwards.")] = True,
    folder: Annotated[Path | None, typer.Option(help="Where to write the files of the sample city.")] = None,
    as_json: Json = False,
) -> None:
    """Build the sample city, which is synthetic, from files that it writes first, and serve it."""
    from ldt.cli.serve import bound

    with ExitStack() as stack:
        # A port that is taken is told before the work, not after it.
        listening = stack.enter_context(bound(_HOST, port)) if serve and not as_json else None
        twin = _build(folder)
        if listening:
            _serve(listening, twin)


def _build(folder: Path | None) -> str:
    """Write the files, build the twin, tell what came of it; returns the twin's name."""
    from ldt.cli.indicators import render_runs
    from ldt.pipeline.build import build
    from ldt.pipeline.sample import generate
    from ldt.settings import settings
    from ldt.store.cluster import database_url
    from ldt.store.migrate import migrate

    where = folder or settings().data_dir / "sample-city"
    with progress("writing the files of the sample city"):
        manifest = generate(where)
    with progress("starting the database"):
        url = database_url()
        migrate(url)
    with progress("building the sample city"):
        done = build(url, manifest)
    if done.errors:
        raise done.errors[0][1]

    def render() -> None:
        say("\nThe sample city is synthetic: every file was generated here. They lie in")
        say(f"  {where}\n")
        for one in done.datasets:
            render_ingested(one)
        say()
        render_runs(done.runs)

    emit(done.summary(), render)
    return done.twin


def _serve(listening: socket.socket, name: str) -> None:
    from ldt.cli.serve import address_of, answer

    base = address_of(listening, _HOST)
    twin = f"{base}twins/{name}"
    say("\nOpen these addresses (Ctrl-C stops serving; `ldt db down` stops the database):")
    for what, address in (
        ("the service", base),
        ("the twin", f"{twin}/"),
        ("its features", f"{twin}/collections"),
        ("its indicators", f"{twin}/indicators"),
        ("latest values", f"{twin}/latest"),
        ("the words used", f"{base}vocabularies"),
    ):
        say(f"  {what + ':':<16}{address}")
    say()
    answer(listening, workers=1)
