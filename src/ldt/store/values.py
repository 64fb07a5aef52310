"""Values of indicators: written with the revision that they hold from, read as a snapshot sees them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.types.json import Jsonb
from sqlalchemy import ColumnElement, and_, func, select, tuple_

from ldt.errors import NotFound
from ldt.model.indicator import Value, ValueKey
from ldt.model.snapshot import Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import fetch_all, translated

#: What two values must agree in to be the same. The geometry is not compared: it is that of the inputs.
_COMPARED = (
    *("period_start", "period_end", "name", "value", "unit", "status", "reason", "n_valid", "n_expected"),
    *("coverage", "method", "verdicts", "quality", "access", "inputs"),
)
#: Columns of a value as readers get it.
_READ = ("indicator", "scheme", "code", "period", *_COMPARED, "since", "until", "run_id")


@dataclass(frozen=True, slots=True)
class Scope:
    """What a run speaks for: it says all that there is for these schemes and periods of an indicator."""

    indicator: str
    schemes: frozenset[str]
    periods: frozenset[str]


@dataclass(slots=True)
class Changes:
    """The difference between what is stored and what a run found.

    Attributes:
        written: values that are new or differ.
        closed: keys of stored values that differ or are no more.
        unchanged: how many agree.
    """

    written: list[Value] = field(default_factory=list)
    closed: list[ValueKey] = field(default_factory=list)
    unchanged: int = 0

    def __bool__(self) -> bool:
        return bool(self.written or self.closed)


@dataclass(frozen=True, slots=True)
class RunRecord:
    """What is kept of a run; the fields of `ldt.run`."""

    indicator: str
    started: datetime
    finished: datetime
    code_version: str
    definition: dict[str, Any]
    definition_digest: str
    rules_digest: str
    parameters: dict[str, Any]
    inputs: list[dict[str, Any]]


# Writing ------------------------------------------------------------------------------------------------------


def changes(
    conn: psycopg.Connection[Any], snapshot: Snapshot, scope: Scope, values: Iterable[Value]
) -> Changes:
    """Compare the values of a run with the stored ones.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the newest state of the twin.
        scope: stored values in it that are not among `values` are to be closed.
        values: what the run found, at most one for each key.
    """
    v = t.value.c
    stored = fetch_all(
        conn,
        select(*(v[c] for c in ("indicator", "scheme", "code", "period", *_COMPARED))).where(
            visible.values(snapshot),
            v.indicator == scope.indicator,
            v.scheme.in_(sorted(scope.schemes)),
            v.period.in_(sorted(scope.periods)),
        ),
    )
    old = {ValueKey(r["indicator"], r["scheme"], r["code"], r["period"]): r for r in stored}
    found = Changes()
    for value in values:
        row = old.pop(value.key, None)
        if row is not None and all(_same(row[c], _plain(value, c)) for c in _COMPARED):
            found.unchanged += 1
            continue
        found.written.append(value)
        if row is not None:
            found.closed.append(value.key)
    found.closed += old
    return found


def _plain(value: Value, column: str) -> Any:
    return value.access.value if column == "access" else getattr(value, column)


def _same(a: Any, b: Any) -> bool:
    # The database may sum in another order, which changes the last bits of a mean but not the value.
    if isinstance(a, float) or isinstance(b, float):
        return a is not None and b is not None and math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-12)
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(a[k], b[k]) for k in a)
    if isinstance(a, list) and isinstance(b, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def write(
    conn: psycopg.Connection[Any], snapshot: Snapshot, revision: int, run: RunRecord, changed: Changes
) -> int:
    """Write a run and what it changed; returns the run's id.

    Args:
        conn: a connection in the transaction that took the revision.
        snapshot: the state that the values were computed from.
        revision: the revision from which on they hold.
        run: the run.
        changed: what :func:`changes` found.
    """
    with translated(), conn.cursor() as cursor:
        row = cursor.execute(
            "INSERT INTO ldt.run (twin_id, indicator, revision, computed_at, started, finished, code_version, definition,"
            " definition_digest, rules_digest, parameters, inputs)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id",
            (
                snapshot.twin_id,
                run.indicator,
                revision,
                snapshot.revision,
                run.started,
                run.finished,
                run.code_version,
                Jsonb(run.definition),
                run.definition_digest,
                run.rules_digest,
                Jsonb(run.parameters),
                Jsonb(run.inputs),
            ),
        ).fetchone()
        assert row is not None  # noqa: S101 - an INSERT with RETURNING always returns
        keys = changed.closed
        cursor.execute(
            "UPDATE ldt.value v SET until = %(revision)s"
            " FROM unnest(%(schemes)s::text[], %(codes)s::text[], %(periods)s::text[]) AS k (scheme, code, period)"
            " WHERE v.twin_id = %(twin)s AND v.indicator = %(indicator)s AND v.until IS NULL"
            " AND v.scheme = k.scheme AND v.code = k.code AND v.period = k.period",
            {
                "revision": revision,
                "twin": snapshot.twin_id,
                "indicator": run.indicator,
                "schemes": [k.scheme for k in keys],
                "codes": [k.code for k in keys],
                "periods": [k.period for k in keys],
            },
        )
        cursor.executemany(
            "INSERT INTO ldt.value (twin_id, indicator, scheme, code, period_start, period_end, period, since, run_id,"
            " name, value, unit, status, reason, n_valid, n_expected, coverage, method, verdicts, quality, access, inputs,"
            " geom) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,"
            " ST_GeomFromEWKB(%s))",
            [(snapshot.twin_id, *_fields(v, revision, row[0])) for v in changed.written],
        )
    return int(row[0])


def _fields(value: Value, revision: int, run: int) -> tuple[Any, ...]:
    return (
        *(value.key.indicator, value.key.scheme, value.key.code),
        *(value.period_start, value.period_end, value.key.period, revision, run),
        *(value.name, value.value, value.unit, value.status, value.reason),
        *(value.n_valid, value.n_expected, value.coverage, value.method),
        *(Jsonb(value.verdicts), Jsonb(value.quality), value.access.value, Jsonb(value.inputs), value.geom),
    )


# Reading ------------------------------------------------------------------------------------------------------


def page(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    indicator: str,
    *,
    scheme: str | None = None,
    codes: Sequence[str] | None = None,
    periods: Sequence[str] | None = None,
    status: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    after: tuple[str, str, datetime, datetime] | None = None,
    limit: int = 1000,
    geometry: bool = False,
) -> list[dict[str, Any]]:
    """Return the values of an indicator that a snapshot sees, in order of (scheme, code, period_start, period_end).

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        indicator: id of the indicator.
        scheme: only this scheme of spatial units.
        codes: only these units.
        periods: only these periods, as they are written (`2013`).
        status: only this status.
        bbox: west, south, east, north in degrees, which the unit's place must intersect.
        start: the period must end after it; None is open.
        end: the period must begin before it; None is open.
        after: (scheme, code, period_start, period_end) of the value that the last page ended with.
        limit: how many at most.
        geometry: whether `geometry` (GeoJSON as text, 7 decimals, x = longitude) is wanted.

    Returns:
        dicts with `indicator`, `scheme`, `code`, `name`, `period`, `period_start`, `period_end`, `value`, `unit`,
        `status`, `reason`, `n_valid`, `n_expected`, `coverage`, `method`, `verdicts`, `quality`, `access`, `inputs`,
        `since`, `until`, `run_id`, `id` (the slug), and `geometry` if wanted.
    """
    v = t.value.c
    where = _where(
        snapshot,
        indicator,
        scheme=scheme,
        codes=codes,
        periods=periods,
        status=status,
        bbox=bbox,
        start=start,
        end=end,
    )
    if after is not None:
        where = and_(where, tuple_(v.scheme, v.code, v.period_start, v.period_end) > tuple_(*after))
    columns: list[ColumnElement[Any]] = [v[c] for c in _READ]
    if geometry:
        columns.append(func.ST_AsGeoJSON(v.geom, 7).label("geometry"))
    statement = (
        select(*columns).where(where).order_by(v.scheme, v.code, v.period_start, v.period_end).limit(limit)
    )
    return [_with_id(r) for r in fetch_all(conn, statement)]


def count(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    indicator: str,
    **filters: Any,
) -> int:
    """Return how many values :func:`page` would give in all; takes its filters (`scheme` … `end`)."""
    rows = fetch_all(
        conn,
        select(func.count().label("n")).select_from(t.value).where(_where(snapshot, indicator, **filters)),
    )
    return int(rows[0]["n"])


def _where(
    snapshot: Snapshot,
    indicator: str,
    *,
    scheme: str | None = None,
    codes: Sequence[str] | None = None,
    periods: Sequence[str] | None = None,
    status: str | None = None,
    bbox: tuple[float, float, float, float] | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> ColumnElement[bool]:
    v = t.value.c
    parts = [visible.values(snapshot), v.indicator == indicator]
    if scheme is not None:
        parts.append(v.scheme == scheme)
    if codes is not None:
        parts.append(v.code.in_(list(codes)))
    if periods is not None:
        parts.append(v.period.in_(list(periods)))
    if status is not None:
        parts.append(v.status == status)
    if bbox is not None:
        parts.append(func.ST_Intersects(v.geom, func.ST_MakeEnvelope(*bbox, 4326)))
    if start is not None:
        parts.append(v.period_end > start)
    if end is not None:
        parts.append(v.period_start < end)
    return and_(*parts)


def one(
    conn: psycopg.Connection[Any], snapshot: Snapshot, key: ValueKey, *, geometry: bool = False
) -> dict[str, Any]:
    """Return one value as :func:`page` does.

    Raises:
        NotFound: the snapshot sees no such value.
    """
    found = page(
        conn,
        snapshot,
        key.indicator,
        scheme=key.scheme,
        codes=[key.code],
        periods=[key.period],
        limit=1,
        geometry=geometry,
    )
    if not found:
        raise NotFound(
            f"{key.indicator} has no value {key.slug!r}", remedy="the list of its values shows what there is"
        )
    return found[0]


def overview(conn: psycopg.Connection[Any], snapshot: Snapshot) -> list[dict[str, Any]]:
    """Return what there is: `indicator`, `scheme`, `period`, `status`, and `count` of the values, in that order."""
    v = t.value.c
    names = (v.indicator, v.scheme, v.period, v.status)
    return fetch_all(
        conn,
        select(*names, func.count().label("count"))
        .where(visible.values(snapshot))
        .group_by(*names)
        .order_by(*names),
    )


def run(conn: psycopg.Connection[Any], snapshot: Snapshot, run_id: int) -> dict[str, Any]:
    """Return a run of the snapshot's twin: the columns of `ldt.run`.

    Raises:
        NotFound: there is none of that id at the snapshot's revision.
    """
    r = t.run.c
    found = fetch_all(
        conn,
        select(*r).where(r.id == run_id, r.twin_id == snapshot.twin_id, r.revision <= snapshot.revision),
    )
    if not found:
        raise NotFound(f"{snapshot.twin} has no run {run_id}")
    return found[0]


def _with_id(row: dict[str, Any]) -> dict[str, Any]:
    return {"id": ValueKey(row["indicator"], row["scheme"], row["code"], row["period"]).slug, **row}
