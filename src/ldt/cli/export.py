"""`ldt export`: a twin in one state as files that others read."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from ldt.cli.ingest import Twin
from ldt.cli.output import Json, emit, progress, say, table


class What(StrEnum):
    """Kinds of things that can be exported."""

    FEATURES = "features"
    INDICATORS = "indicators"
    OBSERVATIONS = "observations"
    COVERAGES = "coverages"


class Form(StrEnum):
    """Formats of features and values."""

    GPKG = "gpkg"
    PARQUET = "parquet"


class Class(StrEnum):
    """Access classes; each with the milder ones before it."""

    OPEN = "open"
    RESTRICTED = "restricted"
    CONFIDENTIAL = "confidential"


def export(
    folder: Annotated[Path, typer.Argument(help="Where to write; a folder that is not there yet.")],
    twin: Twin,
    what: Annotated[
        list[What] | None, typer.Option(help="Only this; repeatable. Everything by default.")
    ] = None,
    form: Annotated[
        Form, typer.Option(help="One GeoPackage, or GeoParquet with a file for each collection.")
    ] = Form.GPKG,
    collection: Annotated[
        list[str] | None, typer.Option(help="Only features of this collection; repeatable.")
    ] = None,
    indicator: Annotated[
        list[str] | None, typer.Option(help="Only values of this indicator; repeatable.")
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(help="Only features, observations and coverages of this data set; repeatable."),
    ] = None,
    at: Annotated[
        str | None, typer.Option(help="The state: a revision (17) or an instant; the newest by default.")
    ] = None,
    access: Annotated[
        Class, typer.Option(help="The strictest class of data that may be in it.")
    ] = Class.OPEN,
    as_json: Json = False,
) -> None:
    """Write a twin in one state as GeoPackage or GeoParquet, Parquet, GeoTIFF and Zarr, with licences and digests beside."""
    from ldt.model.snapshot import Access
    from ldt.pipeline.export import EVERYTHING, Asked
    from ldt.pipeline.export import export as run
    from ldt.store.cluster import database_url

    asked = Asked(
        what=tuple(w for w in EVERYTHING if not what or w in what),
        form=form.value,
        collections=tuple(collection or ()),
        indicators=tuple(indicator or ()),
        datasets=tuple(dataset or ()),
    )
    classes = list(Access)
    allowed = frozenset(classes[: classes.index(Access(access.value)) + 1])
    with progress(f"exporting {twin}") as advance:
        done = run(database_url(), twin, folder, asked, at=at, access=allowed, step=lambda _what: advance(1))
    emit({"folder": folder, **done}, lambda: _render(folder, done))


def _render(folder: Path, done: dict[str, Any]) -> None:
    table(
        ("file", "layer", "rows", "bytes"),
        [(r["path"], r.get("layer"), r.get("rows"), r["bytes"]) for r in done["resources"]],
    )
    licences = ", ".join(one["name"] for one in done["licenses"]) or "none"
    say(f"{folder} holds {done['snapshot']}; licences: {licences}.")
