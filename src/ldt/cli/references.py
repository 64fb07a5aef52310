"""`ldt references`: what the objects of a data set refer to, and what of that is not there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from ldt.cli.output import Json, emit, say, table

if TYPE_CHECKING:
    from ldt.store.references import References


def references(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    twin: Annotated[str, typer.Option("--twin", help="Name of the twin.")],
    limit: Annotated[int, typer.Option(min=1, help="How many dangling ones to list.")] = 100,
    as_json: Json = False,
) -> None:
    """Count the references of a data set to other objects of the twin, and list those that lead nowhere."""
    from ldt.store.cluster import database_url

    found = counted(database_url(), twin, dataset, listed=limit)

    def render() -> None:
        if found is None:
            say(f"{dataset}: its type has no references")
            return
        say(f"{dataset}: {told(found)}")
        if found.listed:
            table(
                ("property", "leads nowhere", "features", "one of them"),
                [(r["property"], r["reference"], r["features"], r["feature"]) for r in found.listed],
            )

    emit(
        {
            "dataset": dataset,
            "references": found.summary() if found else None,
            "dangling": found.listed if found else [],
        },
        render,
    )


def counted(
    url: str, twin: str, dataset: str, *, limit: int | None = None, listed: int = 0
) -> References | None:
    """Return what became of the references of a data set in the newest state of a twin; None where its type has none."""
    from ldt.model.snapshot import OPERATOR
    from ldt.store import references as store
    from ldt.store import snapshots
    from ldt.store.connect import connect

    with connect(url) as conn, conn.transaction():
        return store.of_dataset(
            conn, snapshots.resolve(conn, twin, OPERATOR), dataset, limit=limit, listed=listed
        )


def told(found: References) -> str:
    """Return the counts in words."""
    counts = f"references: {found.resolved:,} resolved, {found.dangling:,} dangling"
    return counts if found.complete else f"{counts} among the first features (`ldt references` counts all)"
