"""`ldt rejected`: records that were turned away, by reason; written out to be mended, and taken in again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ldt.cli.ingest import Twin, render_ingested
from ldt.cli.output import Json, emit, progress, say, table
from ldt.errors import UsageError

_OUTCOMES = ("repaired", "rejected", "duplicate", "outside")
#: What helps against a reason, in one line.
REMEDIES = {
    "bad-cell": "correct the code of the cell, as 1kmN3210E4321",
    "bad-geometry": "correct the geometry in the source, or draw it anew",
    "bad-interval": "give an end after the beginning, or state `averaging` in the recipe",
    "bad-time": "write times as 2013-01-31T10:00:00+01:00, or read them with strptime in the recipe",
    "bad-value": "correct the value, or write TRY_CAST in the recipe where a bad value shall count as none",
    "code-list": "take a code of the vocabulary, or map the source's codes in the recipe",
    "conflict": "decide which value holds; two records tell different values of one time",
    "duplicate": "nothing to do: the first record is kept",
    "id-conflict": "give the records different identifiers, or remove the one that is out of date",
    "impossible-coordinates": "correct the coordinates, or the CRS in the recipe (source.crs)",
    "invalid-geometry": "draw the geometry anew: nothing is left of it when it is made valid",
    "malformed": "mend the record's text: it has more or fewer fields than the header, or a quote is not closed",
    "missing-id": "give the record an identifier, or state another `id.local_id` in the recipe",
    "missing-value": "fill in the property, or take it out of `required` in the recipe",
    "naive-time": "state the zone in the recipe (`zone`)",
    "no-geometry": "give the record a geometry, or state `geometry: optional` in the recipe",
    "not-selected": "nothing to do: the recipe's `where` leaves it out",
    "outside": "nothing to do: it lies outside the twin",
    "schema": "correct the value: the feature type does not allow it",
    "time-zone": "write the time with its offset: the clock showed it twice, or never",
    "unusable-band": "say in the recipe which value of the further axes to take (source.options.select)",
}


def rejected(
    dataset: Annotated[str, typer.Argument(help="Name of the data set.")],
    twin: Twin,
    outcome: Annotated[str, typer.Option(help="rejected, repaired, duplicate or outside.")] = "rejected",
    reason: Annotated[str | None, typer.Option(help="List the records of this reason.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Records that are listed, at most.")] = 100,
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write all such records to this file, with their reasons: .jsonl (to mend), .csv or .geojson."
        ),
    ] = None,
    mend: Annotated[
        Path | None,
        typer.Option(
            help="Take mended records (a .jsonl of --out, edited) in, in place of those that they mend."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Tell which records were turned away and why, by reason; write them out; take them in again when they are mended."""
    from ldt.model.outcome import Outcome
    from ldt.model.snapshot import OPERATOR
    from ldt.pipeline.mended import write_out
    from ldt.store import records, snapshots
    from ldt.store.cluster import database_url
    from ldt.store.connect import connect, translated

    if mend is not None:
        _mend(dataset, twin, mend)
        return
    if outcome not in _OUTCOMES:
        raise UsageError(
            f"{outcome!r} is no outcome that is listed",
            where="--outcome",
            remedy=f"one of {', '.join(_OUTCOMES)}",
        )
    wanted = Outcome(outcome)
    with connect(database_url()) as conn, translated(), conn.transaction():
        snapshot = snapshots.resolve(conn, twin, OPERATOR)
        why = records.reasons(conn, snapshot, dataset, wanted)
        found = records.outcomes(conn, snapshot, dataset, outcome=wanted, reason=reason, limit=limit)
        if out is not None:
            everything = records.outcomes(conn, snapshot, dataset, outcome=wanted, reason=reason, limit=None)
    why = [{**one, "remedy": REMEDIES.get(one["reason"])} for one in why]
    if out is not None:
        _written(out, lambda: write_out(out, everything))
    emit(
        {"dataset": dataset, "outcome": wanted.value, "reasons": why, "records": found},
        lambda: _render(dataset, wanted.value, why, found if reason else None),
    )


def _render(
    dataset: str, outcome: str, why: list[dict[str, Any]], found: list[dict[str, Any]] | None
) -> None:
    if not why:
        say(f"{dataset}: nothing {outcome}")
    elif found is not None:
        table(
            ("source", "row", "reason", "what"),
            [(r["source"], r["row"], r["reason"], r["message"]) for r in found],
        )
    else:
        table(
            ("reason", "records", "example", "what helps"),
            [(r["reason"], f"{r['count']:,}", r["example"], r["remedy"] or "") for r in why],
        )


def _written(out: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as e:
        raise UsageError(
            f"cannot be written: {e.strerror}", where=str(out), remedy="name a file that you may write to"
        ) from e


def _mend(dataset: str, twin: str, path: Path) -> None:
    from ldt.pipeline.mend import mend as run
    from ldt.store.cluster import database_url

    with progress(f"mending {dataset}"):
        done = run(database_url(), twin, dataset, path)
    emit(done.summary(), lambda: render_ingested(done))
