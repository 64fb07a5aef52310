"""References between objects, resolved when asked for, over all data sets that a snapshot sees. Nothing is fetched."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from sqlalchemy import (
    ARRAY,
    FromClause,
    Integer,
    Select,
    Text,
    cast,
    column,
    func,
    literal,
    or_,
    select,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB, JSONPATH

from ldt.model.feature import api_id
from ldt.model.reference import targets
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import tables as t
from ldt.store import visible
from ldt.store.connect import compiled, fetch_all, translated
from ldt.store.records import find
from ldt.store.views import feature_schema

#: References that one statement resolves when those of a whole data set are looked at.
_BATCH = 5_000


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference of a feature: the property that holds it, its text, and what is known of the one who refers.

    Attributes:
        property: name of the property.
        text: the reference, as the source writes it.
        types: the feature types that it may lead to.
        source_id, namespace: of the feature that refers; where several objects answer, the nearest is meant.
    """

    property: str
    text: str
    types: tuple[str, ...]
    source_id: int
    namespace: str


@dataclass(frozen=True, slots=True)
class Target:
    """A feature that a reference leads to: its type, and its API id."""

    feature_type: str
    id: str


@dataclass(slots=True)
class References:
    """What became of the references of a data set.

    Attributes:
        resolved, dangling: how many references lead to a feature that the snapshot sees, and how many do not.
        complete: whether all were looked at.
        listed: dangling ones, each text once: `property`, `reference`, `features` (how many write it), `feature` (the id of one).
    """

    resolved: int = 0
    dangling: int = 0
    complete: bool = True
    listed: list[dict[str, Any]] = field(default_factory=list)

    def summary(self) -> dict[str, Any]:
        """Return the counts, JSON-ready."""
        return {"resolved": self.resolved, "dangling": self.dangling, "complete": self.complete}


def reference_properties(feature_type: str | None) -> dict[str, tuple[str, ...]]:
    """Return the properties of a feature type that are references, each with the types that it may lead to."""
    properties: Mapping[str, Any] = feature_schema(feature_type).get("properties", {}) if feature_type else {}
    found = {name: about.get("x-ldt", {}).get("reference") for name, about in properties.items()}
    return {name: tuple(types) for name, types in found.items() if types}


def of_feature(feature_type: str, found: Mapping[str, Any]) -> list[Reference]:
    """Return the references of one feature, as :func:`ldt.store.features.one` returns it, in the order of its type."""
    made = []
    for name, types in reference_properties(feature_type).items():
        written = found["properties"].get(name) or []
        made += [
            Reference(name, text, types, found["source_id"], found["namespace"])
            for text in ([written] if isinstance(written, str) else written)
        ]
    return made


def resolve(
    conn: psycopg.Connection[Any], snapshot: Snapshot, references: Sequence[Reference]
) -> list[list[Target]]:
    """Return the features that each reference leads to, in the order given; none where it is dangling.

    Where several objects answer to a reference, those of the same file go before those of the same namespace, and these
    before all others. What the snapshot does not see is not there.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        references: any number; they are looked up in one statement.
    """
    wanted = {name for r in references for name in r.types}
    datasets = [d for d in snapshot.datasets.values() if d.feature_type in wanted]
    if not datasets:
        return [[] for _ in references]
    names = {d.dataset_id: d.name for d in datasets}
    best: list[tuple[int, set[Target]]] = [(3, set()) for _ in references]
    for row in fetch_all(conn, _matching(snapshot, datasets, references)):
        reference = references[row["number"]]
        if row["feature_type"] not in reference.types:
            continue
        near = row["namespace"] == reference.namespace
        distance = 0 if row["source_id"] == reference.source_id else 1 if near else 2
        target = Target(row["feature_type"], api_id(names[row["dataset_id"]], row["fid"]))
        before, met = best[row["number"]]
        if distance < before:
            best[row["number"]] = distance, {target}
        elif distance == before:
            met.add(target)
    return [sorted(met, key=lambda one: one.id) for _, met in best]


def _matching(snapshot: Snapshot, datasets: Sequence[DatasetVersion], references: Sequence[Reference]) -> Any:
    """Return the statement that finds the features which any candidate of any reference names."""
    aliases: list[tuple[int, str]] = []
    pairs: list[tuple[int, str | None, str]] = []
    for number, reference in enumerate(references):
        candidates = targets(reference.text)
        aliases += [(number, alias) for alias in candidates.aliases]
        pairs += [(number, *pair) for pair in candidates.identifiers]
    f = t.feature.c
    named = _table(("number", "alias"), aliases)
    known = _table(("number", "namespace", "local_id"), pairs)

    def found(candidates: FromClause, matches: Any) -> Select[Any]:
        return (
            select(candidates.c.number, f.dataset_id, f.fid, f.feature_type, f.source_id, f.namespace)
            .select_from(candidates.join(t.feature, matches))
            .where(visible.features(snapshot, datasets))
        )

    in_namespace = or_(known.c.namespace.is_(None), f.namespace == known.c.namespace)
    return union_all(
        found(named, f.alias == named.c.alias),
        found(known, (f.local_id.collate("C") == known.c.local_id) & in_namespace),
    )


def _table(names: tuple[str, ...], rows: Sequence[tuple[Any, ...]]) -> FromClause:
    """Return rows as a table, `number` being an integer and all else text; each column is one bound array."""
    kinds = [ARRAY(Integer if name == "number" else Text) for name in names]
    arrays = [cast(literal([row[i] for row in rows], kind), kind) for i, kind in enumerate(kinds)]
    return func.unnest(*arrays).table_valued(*names).render_derived(name=f"by_{names[-1]}")


def of_dataset(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: str,
    *,
    limit: int | None = None,
    listed: int = 0,
) -> References | None:
    """Return what became of the references of a data set; None where its features have none by their type.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        dataset: name of the data set.
        limit: how many features are looked at, at most, in order of their ids; all without it.
        listed: how many of the dangling ones are listed, at most.

    Raises:
        NotFound: the snapshot does not see the data set.
    """
    found = find(snapshot, dataset)
    types = reference_properties(found.feature_type)
    if not types:
        return None
    done = References(complete=limit is None or not _more_than(conn, snapshot, found, limit))
    for rows in _different(conn, snapshot, found, list(types), limit):
        references = [Reference(r[0], r[1], types[r[0]], r[2], r[3]) for r in rows]
        for (name, text, _, _, count, first), met in zip(
            rows, resolve(conn, snapshot, references), strict=True
        ):
            if met:
                done.resolved += count
                continue
            done.dangling += count
            if len(done.listed) < listed:
                one = {
                    "property": name,
                    "reference": text,
                    "features": count,
                    "feature": api_id(dataset, first),
                }
                done.listed.append(one)
    return done


def _more_than(
    conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: DatasetVersion, limit: int
) -> bool:
    """Whether a data set has more features than so many."""
    f = t.feature.c
    mine = visible.rows(t.feature, snapshot.twin_id, dataset)
    return bool(fetch_all(conn, select(f.fid).where(mine).order_by(f.fid).offset(limit).limit(1)))


def _different(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    dataset: DatasetVersion,
    properties: list[str],
    limit: int | None,
) -> Iterator[list[tuple[Any, ...]]]:
    """Yield rows of (property, text, source, namespace, how many features, the first of them), some at a time."""
    every = t.feature.c
    referring = select(every.fid, every.source_id, every.namespace, every.properties).where(
        visible.rows(t.feature, snapshot.twin_id, dataset)
    )
    if limit is not None:
        referring = referring.order_by(every.fid).limit(limit)
    some = referring.subquery("referring")
    f = some.c
    names = cast(literal(properties, ARRAY(Text)), ARRAY(Text))
    name = func.unnest(names).table_valued("property").render_derived()
    # A single reference is a string, several are an array of them; the path takes both apart alike.
    several = func.jsonb_path_query(f.properties[name.c.property], cast("$[*]", JSONPATH))
    values = several.table_valued(column("value", JSONB)).render_derived().lateral()
    whole = cast(literal([], ARRAY(Text)), ARRAY(Text))
    text = values.c.value.op("#>>", return_type=Text())(whole)
    statement = (
        select(name.c.property, text, f.source_id, f.namespace, func.count(), func.min(f.fid))
        .select_from(some.join(name, literal(True)).join(values, literal(True)))
        .group_by(name.c.property, text, f.source_id, f.namespace)
        .order_by(name.c.property, text)
    )
    sql_text, bound = compiled(statement)
    with translated(), conn.cursor(name="references") as cursor:
        cursor.execute(sql_text, bound)
        while rows := cursor.fetchmany(_BATCH):
            yield rows
