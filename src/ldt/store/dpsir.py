"""What fills the boxes of DPSIR chains: the values of the latest period, indicator by indicator."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import psycopg
from sqlalchemy import and_, func, or_, select

from ldt.model.indicator import TWIN, ValueKey
from ldt.model.snapshot import Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import fetch_all

#: Columns of a value in a box; the whole value is one link away.
_SHOWN = (
    *("indicator", "scheme", "code", "name", "period", "value", "unit", "status", "reason", "coverage"),
    "verdicts",
)


def current_values(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    indicators: Collection[str],
    scheme: str,
    *,
    code: str | None = None,
    period: str | None = None,
) -> list[dict[str, Any]]:
    """Return the values of some indicators in the latest period that each has values of.

    Of two periods that end together the longer one is taken: the year, not its last hour.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        indicators: ids of the indicators.
        scheme: the scheme of spatial units. Values of the scheme `twin`, which say why nothing can be computed, come too.
        code: only this unit.
        period: this period, as it is written (`2013`), in place of the latest.

    Returns:
        dicts with `id` (the slug of the value) and the columns `indicator` … `verdicts`, in order of (indicator, scheme, code).
    """
    v = t.value.c
    place = v.scheme == scheme if code is None else and_(v.scheme == scheme, v.code == code)
    where = [
        visible.values(snapshot),
        v.indicator.in_(sorted(indicators)),
        or_(place, v.scheme == TWIN),
    ]
    if period is not None:
        where.append(v.period == period)
    recency = (
        func.rank()
        .over(partition_by=(v.indicator, v.scheme), order_by=(v.period_end.desc(), v.period_start))
        .label("recency")
    )
    ranked = select(*(v[c] for c in _SHOWN), recency).where(and_(*where)).subquery()
    r = ranked.c
    statement = select(*(r[c] for c in _SHOWN)).where(r.recency == 1).order_by(r.indicator, r.scheme, r.code)
    return [
        {"id": ValueKey(row["indicator"], row["scheme"], row["code"], row["period"]).slug, **row}
        for row in fetch_all(conn, statement)
    ]
