"""`ldt sources`: where recipes get their data, and whether it is still there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ldt.cli.output import Json, emit, progress, say, table
from ldt.errors import ServiceError

app = typer.Typer(
    name="sources",
    help="Sources: the services and pages that the recipes' data come from.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

Names = Annotated[
    list[str] | None, typer.Argument(help="Recipes by name or path; all shipped ones by default.")
]


@app.command("list")
def list_(names: Names = None, as_json: Json = False) -> None:
    """List the services and pages that recipes name, and what they answered last; asks nobody."""
    from ldt.pipeline.upstream import listed

    found = listed(names or ())

    def row(one: dict[str, Any]) -> tuple[str, str, str, str]:
        last = one["last"]
        seen = f"{last['state']} since {last['since'][:10]}" if last else "never asked"
        return one["recipe"], one["protocol"], one["address"], seen

    emit(found, lambda: table(("recipe", "protocol", "address", "last seen"), [row(one) for one in found]))


@app.command("check")
def check(
    names: Names = None,
    strict: Annotated[bool, typer.Option("--strict", help="Fail unless every one of them is well.")] = False,
    as_json: Json = False,
) -> None:
    """Ask every recipe's service, or the page where its data are got, whether it is there; tells what it answered, and since when."""
    from ldt.pipeline.upstream import check as run
    from ldt.pipeline.upstream import upstreams

    with progress("asking the sources", total=len(upstreams(names or ()))) as advance:
        found = run(names or (), told=lambda _: advance(1))
    unwell = [one for one in found if one["state"] != "ok"]

    def row(one: dict[str, Any]) -> tuple[str, str, str, str, str]:
        count = f", {one['records']:,} records" if one["records"] is not None else ""
        status = "" if one["status"] is None else str(one["status"])
        return (
            one["recipe"],
            one["state"],
            status,
            one["since"][:16].replace("T", " "),
            one["message"] + count,
        )

    def render() -> None:
        table(("recipe", "state", "status", "since", "what it answered"), [row(one) for one in found])
        say(f"\n{len(found) - len(unwell)} of {len(found)} are well")

    emit(found, render)
    if strict and unwell:
        if as_json:
            raise typer.Exit(ServiceError.exit_code)
        raise ServiceError(f"{len(unwell)} of {len(found)} sources are not well")


@app.command("clear")
def clear(as_json: Json = False) -> None:
    """Remove what was kept of live services' answers; the data of the twins stay."""
    from ldt.pipeline.fetch import cache_folder
    from ldt.sources.services.cache import Cache

    removed = Cache(cache_folder()).prune(0)
    emit({"removed": removed}, lambda: say(f"{removed:,} bytes removed"))
