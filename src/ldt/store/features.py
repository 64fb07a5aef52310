"""Features out: pages as bytes, straight from SQL. Every function takes a Snapshot."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import psycopg
from sqlalchemy import ColumnElement, and_, cast, func, literal, or_, select, text, true
from sqlalchemy.dialects.postgresql import TEXT

from ldt.model.feature import api_id
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import compiled, execute, translated

#: An exact count of a filtered selection stops here; beyond it the planner's estimate is given, and says so.
EXACT_COUNT = 10_000
#: Decimals of coordinates, about a centimetre; one feature is the same alone and in a page.
DIGITS = 7


@dataclass(frozen=True, slots=True)
class Selection:
    """What a request asks for.

    Attributes:
        bboxes: rectangles (west, south, east, north) in degrees, any of which a geometry must intersect.
        start, end: bounds of the time with which a life span [valid_from, valid_to) must overlap; None is open.
            An object without a life span matches any time.
        filters: further predicates over `tables.feature`.
    """

    bboxes: Sequence[tuple[float, float, float, float]] = ()
    start: datetime | None = None
    end: datetime | None = None
    filters: Sequence[ColumnElement[bool]] = field(default=())

    def where(self) -> ColumnElement[bool]:
        """Return the predicate over `tables.feature`."""
        f = t.feature.c
        parts: list[ColumnElement[bool]] = list(self.filters)
        if self.bboxes:
            parts.append(
                or_(*(func.ST_Intersects(f.geom, func.ST_MakeEnvelope(*box, 4326)) for box in self.bboxes))
            )
        if self.end is not None:
            parts.append(or_(f.valid_from.is_(None), f.valid_from <= self.end))
        if self.start is not None:
            parts.append(
                or_(
                    f.valid_to.is_(None),
                    f.valid_to > self.start,
                    and_(f.valid_from == f.valid_to, f.valid_from == self.start),
                )
            )
        return and_(true(), *parts)

    @property
    def everything(self) -> bool:
        """Whether nothing is left out."""
        return not (self.bboxes or self.filters or self.start or self.end)


class Position(NamedTuple):
    """A place in the order of a collection: after this feature of this data set."""

    dataset_id: int
    fid: str


def page(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    datasets: Sequence[DatasetVersion],
    selection: Selection,
    *,
    limit: int,
    after: Position | None = None,
    digits: int = DIGITS,
) -> Generator[tuple[Position, bytes]]:
    """Yield features as GeoJSON texts, in order of (data set, fid), from a server-side cursor.

    One who does not read to the end closes the generator before the transaction ends: its cursor lives in that.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        datasets: data sets of the snapshot that make up the collection.
        selection: what is asked for.
        limit: how many at most.
        after: where the last page ended.
        digits: decimals of coordinates.

    Yields:
        (position of this feature, its GeoJSON text as UTF-8 bytes).
    """
    left = limit
    for dataset in sorted(datasets, key=lambda d: d.dataset_id):
        if left <= 0:
            return
        if after is not None and dataset.dataset_id < after.dataset_id:
            continue
        f = t.feature.c
        statement = (
            # As the UTF-8 bytes that are sent: decoding and encoding megabytes costs more than it looks.
            select(f.fid, func.convert_to(_geojson(dataset, digits), "UTF8"))
            .where(visible.rows(t.feature, snapshot.twin_id, dataset), selection.where())
            .order_by(f.fid)
            .limit(left)
        )
        if after is not None and dataset.dataset_id == after.dataset_id:
            statement = statement.where(f.fid > after.fid)
        sql_text, bound = compiled(statement)
        with translated(), conn.cursor(name="features", binary=True) as cursor:
            # So many are in memory at once, whatever their size.
            cursor.itersize = 500
            cursor.execute(sql_text, bound)
            for fid, document in cursor:
                left -= 1
                yield Position(dataset.dataset_id, fid), document


def _geojson(dataset: DatasetVersion, digits: int) -> ColumnElement[str]:
    """Return the expression of a feature's GeoJSON text. `geometry` and `properties` are always there."""
    f = t.feature.c
    return func.concat(
        literal(f'{{"type":"Feature","id":"{dataset.name}.'),
        f.fid,
        literal('","geometry":'),
        func.coalesce(func.ST_AsGeoJSON(f.geom, digits, 0), literal("null")),
        literal(',"properties":'),
        cast(f.properties, TEXT),
        literal("}"),
    )


def one(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion, fid: str
) -> dict[str, Any] | None:
    """Return one feature with all that is known of it (identifiers, life span, source and row), or None."""
    f, s = t.feature.c, t.source_object.c
    row = execute(
        conn,
        select(
            f.fid,
            func.ST_AsGeoJSON(f.geom, DIGITS, 0).label("geometry"),
            f.properties,
            f.raw,
            f.namespace,
            f.local_id,
            f.version_id,
            f.valid_from,
            f.valid_to,
            f.since,
            f.source_id,
            f.source_row,
            s.digest.label("source_digest"),
            s.name.label("source_name"),
        )
        .join(t.source_object, s.id == f.source_id)
        .where(visible.rows(t.feature, snapshot.twin_id, dataset), f.fid == fid),
    )
    names = [c.name for c in row.description or ()]
    found = row.fetchone()
    return {"id": api_id(dataset.name, fid), **dict(zip(names, found, strict=True))} if found else None


def count(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    datasets: Sequence[DatasetVersion],
    selection: Selection,
) -> tuple[int, bool]:
    """Return (how many features match, whether that is exact), without ever scanning a large table.

    The whole of a collection is known from its versions. A selection is counted up to `EXACT_COUNT`; beyond, the planner's
    estimate is returned.
    """
    if not datasets:
        return 0, True
    if selection.everything:
        v = t.version.c
        row = execute(
            conn,
            select(func.coalesce(func.sum(v.rows), 0)).where(
                or_(*(and_(v.dataset_id == d.dataset_id, v.version == d.version) for d in datasets))
            ),
        ).fetchone()
        return int(row[0]) if row else 0, True
    matching = (
        select(literal(1))
        .select_from(t.feature)
        .where(visible.features(snapshot, datasets), selection.where())
    )
    few = execute(
        conn, select(func.count()).select_from(matching.limit(EXACT_COUNT + 1).subquery())
    ).fetchone()
    if few and few[0] <= EXACT_COUNT:
        return int(few[0]), True
    sql_text, bound = compiled(matching)
    with translated():
        plan = conn.execute("EXPLAIN (FORMAT json) " + sql_text, bound).fetchone()
    return max(int(plan[0][0]["Plan"]["Plan Rows"]) if plan else 0, EXACT_COUNT + 1), False


def extent(
    conn: psycopg.Connection[Any], snapshot: Snapshot, datasets: Sequence[DatasetVersion]
) -> tuple[list[float] | None, list[datetime | None]]:
    """Return (bbox in degrees or None, [first, last] instant) of some data sets, from what their versions recorded."""
    v = t.version.c
    if not datasets:
        return None, [None, None]
    box = text("ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)")
    inner = (
        select(
            func.ST_Extent(v.extent).label("b"),
            func.min(v.time_first).label("f"),
            func.max(v.time_last).label("l"),
        )
        .where(or_(*(and_(v.dataset_id == d.dataset_id, v.version == d.version) for d in datasets)))
        .subquery("e")
    )
    row = execute(conn, select(box, inner.c.f, inner.c.l).select_from(inner)).fetchone()
    assert row is not None  # noqa: S101 - an aggregate always returns a row
    bbox = [float(x) for x in row[:4]] if row[0] is not None else None
    return bbox, [row[4], row[5]]
