"""`ldt inspect`: what a source is, where its things are, what speaks against it, which recipes fit; and a draft of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from ldt.cli.output import Json, emit, say
from ldt.errors import UsageError


def inspect(
    source: Annotated[str, typer.Argument(help="A file, folder, archive or address.")],
    draft: Annotated[
        bool, typer.Option("--draft", help="Write a recipe that runs on this source, to standard output.")
    ] = False,
    layer: Annotated[
        str | None, typer.Option(help="The layer to draft a recipe for, where there are several.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the drafted recipe to this file; implies --draft.")
    ] = None,
    picture: Annotated[
        Path | None, typer.Option("--map", help="Draw where the layers lie, into this PNG.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell what a source is: format, layers, schema, CRS as declared and as judged, count, extent, time, encoding, problems, fitting recipes."""
    from ldt.pipeline.fetch import is_address
    from ldt.pipeline.inspect import inspect as look
    from ldt.pipeline.inspect.address import inspect_address
    from ldt.pipeline.inspect.worldmap import write_png

    if draft or out:
        _draft(source, layer, out)
        return
    found = inspect_address(source) if is_address(source) else look(Path(source))
    if picture is not None:
        extents = [one["extent"] for one in found["layers"] if one["extent"]]
        try:
            write_png(picture, extents)
        except OSError as e:
            raise UsageError(
                f"cannot be written: {e.strerror}",
                where=str(picture),
                remedy="name a file that you may write to",
            ) from e
    emit(found, lambda: _render(Path(found["path"]), found))


def _draft(source: str, layer: str | None, out: Path | None) -> None:
    from ldt.pipeline.fetch import is_address
    from ldt.pipeline.inspect.address import draft_address
    from ldt.pipeline.inspect.draft import draft

    remote = is_address(source)
    made = draft_address(source, layer) if remote else draft(Path(source), layer)
    if out is not None:
        try:
            out.write_text(made.text, encoding="utf-8")
        except OSError as e:
            raise UsageError(
                f"cannot be written: {e.strerror}", where=str(out), remedy="name a file that you may write to"
            ) from e
    decide = [
        line.strip().removeprefix("# decide: ") for line in made.text.splitlines() if "# decide:" in line
    ]
    given = "" if remote else f" {source}"
    command = f"ldt ingest {out or 'DRAFT.yaml'}{given} --twin scratch"

    def render() -> None:
        if out is None:
            sys.stdout.write(made.text)
            return
        say(f"{out}: drafted; {len(decide)} things to decide are marked in it")
        say(f"try it: {command}")

    emit({"recipe": made.content, "text": made.text, "decide": decide, "try": command}, render)


def _render(source: Path, found: dict[str, Any]) -> None:
    from ldt.pipeline.inspect.worldmap import text_map

    encoding = f", {found['encoding']}" if found["encoding"] else ""
    reader = f" (reader {found['reader']}{encoding})" if found["reader"] else ""
    say(f"{source.name}: {found['format']}{reader}")
    for problem in found["problems"]:
        say(f"  {'problem: ' if found['reader'] else ''}{problem}")
    for layer in found["layers"]:
        if layer["kind"] == "document":
            _render_document(layer)
        else:
            _render_layer(layer)
    extents = [one["extent"] for one in found["layers"] if one["extent"]]
    if extents:
        say()
        for line in text_map(extents):
            say(line)
    if found["reader"]:
        fitting = ", ".join(found["recipes"])
        say(f"\nfitting recipes: {fitting or f'none shipped; draft one: ldt inspect {source} --draft'}")


def _render_document(layer: dict[str, Any]) -> None:
    say(f"  {layer['name']}" + (f" ({layer['schema']})" if layer["schema"] else ""))
    for name in layer["contents"][:20]:
        say(f"    {name}")
    if len(layer["contents"]) > 20:
        say(f"    … and {len(layer['contents']) - 20:,} more")
    for problem in layer["problems"]:
        say(f"  problem: {problem}")


def _render_layer(layer: dict[str, Any]) -> None:
    count = "unknown number of" if layer["count"] is None else f"{layer['count']:,}"
    say(
        f"\nlayer {layer['name']}: {layer['kind']}, {count} records {', '.join(layer['geometry_types'])}".rstrip()
    )
    if layer["schema"]:
        say(f"  schema: {layer['schema']}")
    if layer["crs_declared"] or layer["crs_judged"]:
        declared, judged = layer["crs_declared"] or "none declared", layer["crs_judged"] or "none that fits"
        say(f"  CRS: {declared}" + (f", judged {judged}" if judged != declared else ""))
        order = {"xy": "east first", "yx": "north first"}.get(layer["axis_order"] or "")
        if order:
            say(f"  coordinates: {order}" + (f" ({layer['crs_because']})" if layer["crs_because"] else ""))
    if layer["extent"]:
        numbers = ", ".join(f"{x:.4f}" for x in layer["extent"])
        say(f"  extent: {numbers} (west, south, east, north): {layer['place']}")
    if time := layer["time"]:
        zone = time["zone"] or "no zone stated"
        say(f"  time: {time['begin']} to {time['end']} ({zone}), column {time['column']}")
    if cells := layer["cells"]:
        say("  cells: " + ", ".join(f"{key} {value}" for key, value in cells.items()))
    for problem in layer["problems"]:
        say(f"  problem: {problem}")
    for name, kind in layer["columns"].items():
        say(f"  {name}: {kind}")
    if layer["recipes"]:
        say(f"  recipes: {', '.join(layer['recipes'])}")
