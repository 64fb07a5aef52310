"""The engine: indicators for areas and periods on one state of a twin, all or nothing.

Each method reads what it needs in one statement for all units and periods. What has not changed is not written again,
and a computation that changes nothing leaves no trace.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson
import psycopg
from psycopg.pq import TransactionStatus

from ldt import __version__
from ldt.errors import Conflict, NotFound, RecipeError, UsageError
from ldt.indicators import air, eaqi, exceedance, green, heat, landcover, sealing
from ldt.indicators.request import Request
from ldt.model.indicator import STATION, TWIN, Definition, Value
from ldt.model.law import RuleSet
from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.store import catalogue, values
from ldt.store.connect import translated
from ldt.store.revisions import next_revision
from ldt.timerange import Period

#: What a method is: it returns the values of one indicator, at most one for each spatial unit and period.
Method = Callable[[psycopg.Connection[Any], Request], list[Value]]

#: The methods that a definition can name.
METHODS: dict[str, Method] = {
    "annual-mean": air.annual_means,
    "completeness": air.completeness,
    "air-quality-index": eaqi.air_quality_index,
    "exceedance-days": exceedance.exceedance_days,
    "temperature-days": heat.temperature_days,
    "union-share": green.union_share,
    "class-share": landcover.class_share,
    "class-diversity": landcover.class_diversity,
    "class-change": landcover.land_take,
    "coverage-mean": sealing.coverage_mean,
    "class-area-per-inhabitant": green.area_per_inhabitant,
}


@dataclass(slots=True)
class RunResult:
    """What became of one indicator.

    Attributes:
        revision: the revision that the changes were committed as, the same for all of one call; None without changes.
        written: values that are new or differ from the stored ones.
        closed: stored values that differ or are no more.
        unchanged: values that were there already.
        statuses: number of values by status, written or not.
    """

    indicator: str
    run_id: int | None = None
    revision: int | None = None
    written: int = 0
    closed: int = 0
    unchanged: int = 0
    statuses: dict[str, int] = field(default_factory=dict)

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form."""
        return {
            "indicator": self.indicator,
            "run": self.run_id,
            "revision": self.revision,
            "written": self.written,
            "closed": self.closed,
            "unchanged": self.unchanged,
            "statuses": self.statuses,
        }


@dataclass(slots=True)
class _Outcome:
    request: Request
    started: datetime
    finished: datetime
    found: list[Value]
    changed: values.Changes


def compute(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    indicators: Sequence[str] | None = None,
    *,
    schemes: Sequence[str] | None = None,
    periods: Sequence[str | Period],
) -> list[RunResult]:
    """Compute indicators, and store what differs from the stored values, in one transaction and one revision.

    Args:
        conn: a connection, best in the REPEATABLE READ transaction in which the snapshot was resolved.
        snapshot: the newest state of the twin, with the rights of the operator: values inherit the strictest access
            class of their inputs, so nothing leaks, and a computation that saw less would remove what it cannot see.
        indicators: ids of definitions; None for all.
        schemes: schemes of areas (`city`, `district`, …); None for all that the definition has. Values at stations
            are always computed.
        periods: calendar periods (`2024`), each resolved in the zone of the unit.

    Returns:
        One result for each indicator, in the order given.

    Raises:
        NotFound: there is no such indicator.
        UsageError: the snapshot is not the newest or not the operator's, or no period fits the indicator.
        Conflict: another process changed the twin meanwhile; nothing was written.
    """
    _must_be_whole(snapshot)
    texts = tuple(dict.fromkeys(p if isinstance(p, str) else p.text for p in periods))
    if not texts:
        raise UsageError("no periods to compute for", remedy="give periods like 2024")
    with translated(), _transaction(conn):
        requests = _requests(conn, snapshot, indicators, schemes, texts)
        outcomes = [_outcome(conn, request) for request in requests]
        revision = _commit(conn, snapshot, any(o.changed for o in outcomes))
        return [_store(conn, o, revision) for o in outcomes]


def _must_be_whole(snapshot: Snapshot) -> None:
    if not snapshot.current:
        raise UsageError(f"{snapshot.id} is not the newest state", where="at", remedy="compute without `at`")
    if snapshot.access != OPERATOR:
        raise UsageError(
            "indicators are computed by the operator, who sees everything", remedy="resolve with OPERATOR"
        )


@contextmanager
def _transaction(conn: psycopg.Connection[Any]) -> Iterator[None]:
    idle = conn.info.transaction_status == TransactionStatus.IDLE
    with conn.transaction():
        if idle:
            conn.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        yield


def _requests(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    indicators: Sequence[str] | None,
    schemes: Sequence[str] | None,
    periods: tuple[str, ...],
) -> list[Request]:
    definitions = catalogue.indicator_definitions(conn)
    wanted = list(definitions if indicators is None else dict.fromkeys(indicators))
    if unknown := [i for i in wanted if i not in definitions]:
        raise NotFound(
            f"there is no indicator {', '.join(map(repr, unknown))}",
            remedy=f"there are: {', '.join(definitions)}",
        )
    law = {r.id: r for r in catalogue.rule_sets()}
    return [
        Request(
            definition=d,
            snapshot=snapshot,
            schemes=tuple(s for s in d.spatial_units if schemes is None or s in schemes or s == STATION),
            periods=periods,
            rule_sets=tuple(_rule_set(law, r, d) for r in d.thresholds),
        )
        for d in (definitions[i] for i in wanted)
    ]


def _rule_set(law: dict[str, RuleSet], identifier: str, definition: Definition) -> RuleSet:
    if identifier not in law:
        raise RecipeError(
            f"names the rule set {identifier!r}",
            where=f"{definition.id}.yaml",
            remedy=f"there are: {', '.join(law)}",
        )
    return law[identifier]


def _outcome(conn: psycopg.Connection[Any], request: Request) -> _Outcome:
    name = request.definition.formula.method
    if name not in METHODS:
        raise RecipeError(
            f"names the method {name!r}",
            where=f"{request.definition.id}.yaml",
            remedy=f"there are: {', '.join(METHODS)}",
        )
    started = datetime.now(UTC)
    found = METHODS[name](conn, request) if request.schemes else []
    # What a run does not say any more is no more: for its schemes and periods it speaks for all units.
    scope = values.Scope(
        request.definition.id, frozenset({*request.schemes, TWIN}), frozenset(request.periods)
    )
    changed = values.changes(conn, request.snapshot, scope, found)
    return _Outcome(request, started, datetime.now(UTC), found, changed)


def _commit(conn: psycopg.Connection[Any], snapshot: Snapshot, anything: bool) -> int | None:
    """Take the next revision if there is anything to commit, and make sure that nobody else did meanwhile."""
    revision: int | None = None
    before: int | None = None
    if anything:
        revision = next_revision(conn, snapshot.twin_id, "values")
        before = revision - 1
    else:
        row = conn.execute("SELECT revision FROM ldt.twin WHERE id = %s", (snapshot.twin_id,)).fetchone()
        before = row[0] if row else None
    if before != snapshot.revision:
        raise Conflict(
            f"{snapshot.twin} changed while its indicators were computed",
            remedy="run again: it takes the new data",
        )
    return revision


def _store(conn: psycopg.Connection[Any], outcome: _Outcome, revision: int | None) -> RunResult:
    request, changed = outcome.request, outcome.changed
    result = RunResult(
        indicator=request.definition.id,
        written=len(changed.written),
        closed=len(changed.closed),
        unchanged=changed.unchanged,
        statuses=dict(sorted(Counter(v.status for v in outcome.found).items())),
    )
    if not changed or revision is None:
        return result
    rules = {r.id: catalogue.digest(r) for r in request.rule_sets}
    record = values.RunRecord(
        indicator=request.definition.id,
        started=outcome.started,
        finished=outcome.finished,
        code_version=__version__,
        definition=request.definition.model_dump(mode="json", by_alias=True, exclude_none=True),
        definition_digest=catalogue.digest(request.definition),
        rules_digest=hashlib.sha256(orjson.dumps(rules)).hexdigest(),
        parameters={"schemes": list(request.schemes), "periods": list(request.periods), "rule_sets": rules},
        inputs=[
            {"dataset": d.name, "dataset_id": d.dataset_id, "version": d.version}
            for d in request.snapshot.datasets.values()
        ],
    )
    result.run_id = values.write(conn, request.snapshot, revision, record, changed)
    result.revision = revision
    return result
