"""Indicators of a twin, computed on its newest state."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ldt.errors import UsageError
from ldt.indicators import engine
from ldt.model.snapshot import OPERATOR
from ldt.store import catalogue, snapshots, twins, value_views
from ldt.store.connect import connect, translated


def recompute(
    url: str,
    twin: str,
    indicators: Sequence[str] | None,
    *,
    areas: Sequence[str] | None = None,
    periods: Sequence[str] | None = None,
) -> list[dict[str, Any]]:
    """Compute indicators in one transaction; what the call leaves open is taken from the twin's manifest.

    Args:
        url: address of the database.
        twin: name of the twin.
        indicators: ids, or None for those of the manifest, or all.
        areas: schemes of areas, or None for those of the manifest, or all.
        periods: periods as text (`2024`), or None for those of the manifest.

    Returns:
        What became of each indicator, JSON-ready.

    Raises:
        UsageError: no period is given and the manifest names none, or a scheme of areas is unknown.
    """
    with connect(url, application="ldt indicators") as conn, translated(), conn.transaction():
        conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        manifest = twins.manifest(conn, twin)
        chosen = list(periods or manifest.get("periods") or [])
        if not chosen:
            raise UsageError(
                "no period given",
                where=twin,
                remedy="name one (--period 2024), or list `periods` in the manifest",
            )
        if unknown := set(areas or ()) - {c["code"] for c in catalogue.concepts(conn, "area-schemes")}:
            raise UsageError(
                f"no such scheme of areas: {', '.join(sorted(unknown))}",
                where="area",
                remedy="/vocabularies/area-schemes lists them",
            )
        snapshot = snapshots.resolve(conn, twin, OPERATOR)
        results = engine.compute(
            conn,
            snapshot,
            indicators or manifest.get("indicators"),
            schemes=areas or manifest.get("areas") or None,
            periods=chosen,
        )
        value_views.refresh(conn, snapshot.twin_id)
    return [r.summary() for r in results]
