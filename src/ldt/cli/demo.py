"""`ldt demo`: from nothing to a served twin."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from ldt.cli.building import build, steps
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
    from ldt.settings import settings
    from ldt.store.cluster import database_url

    where = folder or settings().data_dir / "sample-city"
    manifest = _write(where)
    with progress("starting the database"):
        url = database_url()
    done = build(url, manifest)
    if done.errors:
        raise done.errors[0][1]

    def render() -> None:
        say(
            "\nThe sample city is synthetic: no place, no person and no measurement in it is real. Its files lie in"
        )
        say(f"  {where}\n")
        for one in done.datasets:
            render_ingested(one)
        say()
        render_runs(done.runs)

    emit({"synthetic": True, "folder": where, **done.summary()}, render)
    return done.twin


def _write(where: Path) -> Path:
    """Write the files, or find them there; returns the manifest."""
    from ldt.pipeline.sample import generate

    with steps() as shown:
        shown.begin("looking for the files of the sample city")

        def tell(what: str, done: int, of: int) -> None:
            if of == 1:
                shown.begin(f"{what} the sample city")
            elif done == 0:
                shown.begin("writing its files", of)
            shown.reach(done)

        return generate(where, tell=tell)


def _serve(listening: socket.socket, name: str) -> None:
    from ldt.cli.serve import address_of, answer

    base = address_of(listening, _HOST)
    twin = f"{base}twins/{name}"
    say("\nOpen these addresses (Ctrl-C stops serving; `ldt db down` stops the database):")
    for what, address in (
        ("the map", f"{base}map"),
        ("of the city", f"{twin}/map"),
        ("the twin", f"{twin}/"),
        ("its indicators", f"{twin}/indicators"),
        ("causes, effects", f"{twin}/dpsir"),
        ("its catalogue", f"{twin}/datasets"),
    ):
        say(f"  {what + ':':<17}{address}")
    say(f"In QGIS: add {twin}/ as OGC API - Features, or run `ldt db connect` for the database.")
    say(f'In a notebook: Twin("{twin}") of ldt.client; notebooks/ has two to begin with.\n')
    answer(listening, workers=1)
