"""What a snapshot sees: the one predicate that every read goes through, as expressions with the versions bound in.

Versions are constants in the statement, never a join to "current version": with many partitions a join or a subselect
plans a hundred times slower.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Integer,
    Text,
    and_,
    false,
    func,
    literal,
    not_,
    null,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY

from ldt.model.snapshot import OPERATOR, DatasetVersion, Snapshot
from ldt.store import tables as t


def rows(table: FromClause, twin_id: int, dataset: DatasetVersion) -> ColumnElement[bool]:
    """Return the predicate of the rows of one data set in a table that has `since` and `until`.

    For the current version the predicate is what the partial indexes say. It holds only in the transaction in which
    the snapshot was resolved, which is REPEATABLE READ for that reason.
    """
    mine = and_(table.c.twin_id == twin_id, table.c.dataset_id == dataset.dataset_id)
    if dataset.current:
        return and_(mine, table.c.until.is_(None))
    v = dataset.version
    return and_(mine, table.c.since <= v, or_(table.c.until.is_(None), table.c.until > v))


def features(snapshot: Snapshot, datasets: Sequence[DatasetVersion]) -> ColumnElement[bool]:
    """Return the predicate of the features of some data sets (`tables.feature`)."""
    return or_(false(), *(rows(t.feature, snapshot.twin_id, d) for d in datasets))


def datastream_states(snapshot: Snapshot, datasets: Sequence[DatasetVersion]) -> ColumnElement[bool]:
    """Return the predicate of the states of the datastreams of some data sets (`tables.datastream_state`)."""
    return or_(false(), *(rows(t.datastream_state, snapshot.twin_id, d) for d in datasets))


def observations(snapshot: Snapshot, datasets: Sequence[DatasetVersion]) -> FromClause:
    """Return the observations of some data sets as a subquery with the columns of `tables.observation`.

    The current version is read from `observation` alone; a past one adds what was overwritten or removed since.
    """
    return observations_of(snapshot.twin_id, datasets)


def observations_of(twin_id: int, datasets: Sequence[DatasetVersion]) -> FromClause:
    """Return the observations of data sets as a snapshot sees them, as :func:`observations` does: for statements that are kept."""
    o, h = t.observation, t.observation_history
    names = [c.name for c in o.c]
    parts = []
    for d in datasets:
        now = select(*(o.c[n] for n in names)).where(o.c.twin_id == twin_id, o.c.dataset_id == d.dataset_id)
        if d.current:
            parts.append(now)
            continue
        parts.append(now.where(o.c.version <= d.version))
        parts.append(
            select(*(h.c[n] for n in names)).where(
                h.c.twin_id == twin_id,
                h.c.dataset_id == d.dataset_id,
                h.c.version <= d.version,
                h.c.until > d.version,
            )
        )
    if not parts:
        return select(*(null().cast(c.type).label(c.name) for c in o.c)).where(false()).subquery("obs")
    return union_all(*parts).subquery("obs") if len(parts) > 1 else parts[0].subquery("obs")


def values(snapshot: Snapshot) -> ColumnElement[bool]:
    """Return the predicate of the indicator values that a snapshot sees (`tables.value`): its twin, revision and rights.

    A value is of the class that its inputs had when it was computed. Where an input has become stricter since, its class
    of today counts, also for past states: else the value would tell what the data set no longer may.
    """
    v = t.value
    classes = [a.value for a in snapshot.access]
    mine = and_(v.c.twin_id == snapshot.twin_id, v.c.access.in_(classes))
    if snapshot.access != OPERATOR:
        d = t.dataset.c
        unseen = select(d.name).where(d.twin_id == snapshot.twin_id, d.access.not_in(classes))
        mine = and_(mine, not_(v.c.inputs.has_any(func.array(unseen.scalar_subquery(), type_=ARRAY(Text)))))
    if snapshot.current:
        return and_(mine, v.c.until.is_(None))
    r = literal(snapshot.revision, Integer)
    return and_(mine, v.c.since <= r, or_(v.c.until.is_(None), v.c.until > r))
