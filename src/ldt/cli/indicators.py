"""`ldt indicators`: what can be computed, and computing it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ldt.cli.ingest import Twin
from ldt.cli.output import Json, emit, progress, say, table

app = typer.Typer(
    name="indicators", help="Indicators: list, compute.", no_args_is_help=True, rich_markup_mode=None
)


@app.command("list")
def list_indicators(as_json: Json = False) -> None:
    """List the indicators that are defined."""
    from ldt.store import catalogue
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect

    with connect(database_url()) as conn:
        found = [d.model_dump(mode="json") for d in catalogue.indicator_definitions(conn).values()]
    columns = ("id", "code", "unit", "dpsir")
    emit(
        found,
        lambda: table((*columns, "title"), [(*(d[c] for c in columns), d["title"]["en"]) for d in found]),
    )


@app.command("compute")
def compute(
    twin: Twin,
    indicators: Annotated[list[str] | None, typer.Argument(help="Ids; all by default.")] = None,
    area: Annotated[list[str] | None, typer.Option(help="Area scheme (city, district); repeatable.")] = None,
    period: Annotated[list[str] | None, typer.Option(help="Year or other period; repeatable.")] = None,
    as_json: Json = False,
) -> None:
    """Compute indicators on the newest state of a twin; values that did not change are not written again."""
    from ldt.pipeline.recompute import recompute
    from ldt.store.cluster import database_url

    with progress(f"computing the indicators of {twin}"):
        done = recompute(database_url(), twin, indicators or None, areas=area or None, periods=period or None)
    emit(done, lambda: render_runs(done))


def render_runs(runs: list[dict[str, Any]]) -> None:
    """Print what became of each indicator."""
    for one in runs:
        statuses = (
            ", ".join(f"{count} {status}" for status, count in sorted(one["statuses"].items())) or "no value"
        )
        say(f"{one['indicator']}: {statuses} ({one['written']} written, {one['unchanged']} unchanged)")
