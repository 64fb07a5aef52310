"""Lineage: from a value back to its run, definition, rules and data sets, and to the very records, with file and row.

Everything is told as of the versions that the value was computed from, not as of the newest ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import (
    Integer,
    Select,
    and_,
    case,
    cast,
    column,
    false,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import ARRAY, TIMESTAMP

from ldt.errors import Gone, NotFound
from ldt.indicators import areas, classes, green, landcover, population
from ldt.indicators.request import resolve, rows
from ldt.model.feature import api_id
from ldt.model.indicator import STATION, Definition, Formula, ValueKey
from ldt.model.snapshot import Access, DatasetVersion, Snapshot
from ldt.store import catalogue, values, visible
from ldt.store import tables as t
from ldt.store.snapshots import own_namespace
from ldt.timerange import format_instant, parse_instant

#: What the chain says of a record that did not count because of its validity flag.
_FLAGGED = "validity"


def lineage(conn: psycopg.Connection[Any], snapshot: Snapshot, key: ValueKey) -> dict[str, Any]:
    """Return where a value comes from.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state in which the value is looked up.
        key: the value.

    Returns:
        `value`; `run` (id, revision, the revision computed from, times, code version, parameters); `definition` as it was
        then with its digest; `rule_sets` with digests; `inputs` (data set, version, recipe digest, harmoniser, files with
        name and SHA-256); `derived_from` (ids of the station values behind the value of an area); `records`: how many
        were used and how many were left out for what reason, and the files that the used ones stand in.

    Raises:
        NotFound: the snapshot sees no such value, or no longer one of its inputs.
        Gone: a version that it was computed from was pruned.
    """
    value = values.one(conn, snapshot, key)
    run = values.run(conn, snapshot, value["run_id"])
    datasets = _datasets(conn, snapshot, value)
    return {
        "value": value,
        "run": {
            **{k: run[k] for k in ("id", "revision", "computed_at", "started", "finished", "code_version")},
            **{k: run[k] for k in ("parameters", "rules_digest")},
            "snapshot": f"{snapshot.twin}@{run['computed_at']}",
        },
        "definition": run["definition"],
        "definition_digest": run["definition_digest"],
        "rule_sets": _rule_sets(run),
        "inputs": [_input(conn, d) for d in datasets],
        "derived_from": _derived_from(value),
        "records": _tally(conn, snapshot, value, run, datasets),
    }


def records(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    key: ValueKey,
    *,
    after: Sequence[Any] | None = None,
    limit: int = 1000,
) -> list[dict[str, Any]]:
    """Return the records that a value was computed from, used or not, in a stable order.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state in which the value is looked up.
        key: the value.
        after: `position` of the record that the last page ended with.
        limit: how many at most.

    Returns:
        dicts with `dataset`, `source` (file name), `source_digest` (SHA-256), `row` (from 0), `used`, `reason` (why not),
        `position`; observations also have `datastream`, `time`, `time_end`, `value`, `validity`, `verification`; features
        `feature` (API id) and `role` (`area` or `input`); coverages `coverage` (id) and `role`.

    Raises:
        NotFound: the snapshot sees no such value, or no longer one of its inputs.
        Gone: a version that it was computed from was pruned.
    """
    value = values.one(conn, snapshot, key)
    run = values.run(conn, snapshot, value["run_id"])
    datasets = _datasets(conn, snapshot, value)
    names = {d.dataset_id: d.name for d in datasets}
    if _has_series(value, run):
        found = _observations(conn, snapshot, value, run, datasets)
        if found is None:
            return []
        statement = select(found).order_by(found.c.datastream_id, found.c.time).limit(limit)
        if after is not None:
            place = tuple_(literal(int(after[0])), literal(parse_instant(str(after[1]))))
            statement = statement.where(tuple_(found.c.datastream_id, found.c.time) > place)
        return [_observation(r, names) for r in rows(conn, statement)]
    features = _features(conn, snapshot, value, run, datasets)
    statement = select(features).order_by(features.c.dataset_id, features.c.fid).limit(limit)
    if after is not None:
        place = tuple_(literal(int(after[0])), literal(str(after[1])))
        statement = statement.where(tuple_(features.c.dataset_id, features.c.fid) > place)
    return [_feature(r, names) for r in rows(conn, statement)]


# What a value was computed from -------------------------------------------------------------------------------


def _datasets(
    conn: psycopg.Connection[Any], snapshot: Snapshot, value: dict[str, Any]
) -> list[DatasetVersion]:
    """Return the inputs of a value as the versions that it was computed from."""
    d, v, wanted = t.dataset.c, t.version.c, value["inputs"]
    found = rows(
        conn,
        select(d.id, d.name, d.shape, d.feature_type, d.access, d.current_version, v.version, v.pruned)
        .join_from(t.dataset, t.version, v.dataset_id == d.id)
        .where(
            d.twin_id == snapshot.twin_id,
            tuple_(d.name, v.version).in_(list(wanted.items())) if wanted else literal(False),
            d.access.in_([a.value for a in snapshot.access]),
        )
        .order_by(d.id),
    )
    if lost := sorted(set(wanted) - {r["name"] for r in found}):
        raise NotFound(f"inputs of the value are not to be seen: {', '.join(lost)}")
    if pruned := [f"{r['name']} version {r['version']}" for r in found if r["pruned"]]:
        raise Gone(
            f"what the value was computed from is no longer kept: {', '.join(pruned)}",
            remedy="compute it anew",
        )
    return [
        DatasetVersion(
            dataset_id=r["id"],
            name=r["name"],
            version=r["version"],
            current=r["version"] == r["current_version"],
            shape=r["shape"],
            feature_type=r["feature_type"],
            access=Access(r["access"]),
            namespace=own_namespace(snapshot.twin, r["name"]),
        )
        for r in found
    ]


def _input(conn: psycopg.Connection[Any], dataset: DatasetVersion) -> dict[str, Any]:
    v, s, link = t.version.c, t.source_object.c, t.version_source.c
    (version,) = rows(
        conn,
        select(v.revision, v.committed, v.recipe_digest, v.harmoniser, v.code_version).where(
            v.dataset_id == dataset.dataset_id, v.version == dataset.version
        ),
    )
    files = rows(
        conn,
        select(s.name, s.digest, s.size, s.kept)
        .join_from(t.version_source, t.source_object, s.id == link.source_id)
        .where(link.dataset_id == dataset.dataset_id, link.version == dataset.version)
        .order_by(s.name, s.digest),
    )
    return {
        "dataset": dataset.name,
        "version": dataset.version,
        "feature_type": dataset.feature_type,
        "access": dataset.access.value,
        **version,
        "files": files,
    }


def _rule_sets(run: dict[str, Any]) -> list[dict[str, Any]]:
    """The rule sets of a run, by the digests of then; what they said then stands in the verdicts themselves."""
    now = {r.id: r for r in catalogue.rule_sets()}
    return [
        {
            "id": identifier,
            "digest": digest,
            "title": now[identifier].title if identifier in now else None,
            "legal_source": now[identifier].legal_source if identifier in now else None,
            "changed_since": identifier not in now or catalogue.digest(now[identifier]) != digest,
        }
        for identifier, digest in run["parameters"].get("rule_sets", {}).items()
    ]


def _derived_from(value: dict[str, Any]) -> list[str]:
    """The ids of the station values behind the value of an area."""
    return [
        ValueKey(value["indicator"], STATION, s["code"], value["period"]).slug
        for s in value["quality"].get("stations", [])
    ]


def _has_series(value: dict[str, Any], run: dict[str, Any]) -> bool:
    """Whether a value was made of observations: not that of an area whose cells are measured."""
    if value["scheme"] != STATION and run["definition"]["formula"].get("coverage"):
        return False
    return any(i["kind"] == "observation" for i in run["definition"]["inputs"])


def _tally(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    value: dict[str, Any],
    run: dict[str, Any],
    datasets: list[DatasetVersion],
) -> dict[str, Any]:
    """Count the records of a value by what became of them, and the used ones by file."""
    found = (
        _observations(conn, snapshot, value, run, datasets)
        if _has_series(value, run)
        else _features(conn, snapshot, value, run, datasets)
    )
    used = 0
    discarded: dict[str, int] = {}
    files: list[dict[str, Any]] = []
    if found is not None:
        names = {d.dataset_id: d.name for d in datasets}
        c = found.c
        grouped = (c.reason, c.dataset_id, c.source, c.source_digest)
        for r in rows(conn, select(*grouped, func.count().label("n")).group_by(*grouped).order_by(*grouped)):
            if r["reason"] is not None:
                discarded[r["reason"]] = discarded.get(r["reason"], 0) + r["n"]
                continue
            used += r["n"]
            files.append(
                {
                    "dataset": names[r["dataset_id"]],
                    "name": r["source"],
                    "digest": r["source_digest"],
                    "records": r["n"],
                }
            )
    return {"used": used, "discarded": discarded, "files": files}


# Observations -------------------------------------------------------------------------------------------------


def _observations(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    value: dict[str, Any],
    run: dict[str, Any],
    datasets: list[DatasetVersion],
) -> Any | None:
    """Return the observations of the used series in the period as a subquery, or None if there are none."""
    streams = _streams(conn, snapshot, value, datasets)
    if not streams:
        return None
    instants = ARRAY(TIMESTAMP(timezone=True))
    stream = (
        func.unnest(
            cast([s[0] for s in streams], ARRAY(Integer)),
            cast([s[1] for s in streams], instants),
            cast([s[2] for s in streams], instants),
        )
        .table_valued(column("id", Integer), column("start"), column("end"), name="stream")
        .render_derived()
    )
    obs = visible.observations(snapshot, [d for d in datasets if d.shape == "observation"])
    least = Definition.model_validate(run["definition"]).validity.valid_from_code or 1
    o, s = obs.c, t.source_object.c
    return (
        select(
            o.dataset_id,
            o.datastream_id,
            t.datastream.c.code.label("datastream"),
            o.time,
            o.time_end,
            o.value,
            o.validity,
            o.verification,
            case((o.validity < least, func.concat(f"{_FLAGGED} ", o.validity))).label("reason"),
            s.name.label("source"),
            s.digest.label("source_digest"),
            o.source_row.label("row"),
        )
        .select_from(stream)
        .join(obs, and_(o.datastream_id == stream.c.id, o.time >= stream.c.start, o.time < stream.c.end))
        .join(t.datastream, t.datastream.c.id == o.datastream_id)
        .join(t.source_object, s.id == o.source_id)
        .subquery("record")
    )


def _streams(
    conn: psycopg.Connection[Any], snapshot: Snapshot, value: dict[str, Any], datasets: list[DatasetVersion]
) -> list[tuple[int, datetime, datetime]]:
    """Return (datastream, start, end) of the series that speak for the value, or for the stations behind it."""
    stations = [s["code"] for s in value["quality"].get("stations", [])]
    behind = (
        values.page(
            conn,
            snapshot,
            value["indicator"],
            scheme=STATION,
            codes=stations,
            periods=[value["period"]],
            limit=len(stations),
        )
        if stations
        else [value]
    )
    # A window that ends in the period may begin before it: then the series says what was read.
    used = {
        (s["dataset"], s["datastream"]): (
            [parse_instant(text) for text in s["read"]]
            if "read" in s
            else [v["period_start"], v["period_end"]]
        )
        for v in behind
        for s in v["quality"].get("series", [])
        if s["used"]
    }
    ids = {d.name: d.dataset_id for d in datasets}
    d = t.datastream.c
    wanted = [(ids[name], code) for name, code in used if name in ids]
    if not wanted:
        return []
    names = {d.dataset_id: d.name for d in datasets}
    found = rows(
        conn,
        select(d.id, d.dataset_id, d.code).where(tuple_(d.dataset_id, d.code).in_(wanted)).order_by(d.id),
    )
    return [(r["id"], *used[names[r["dataset_id"]], r["code"]]) for r in found]


def _observation(row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    position = [row.pop("datastream_id"), format_instant(row["time"])]
    return {
        "dataset": names[row.pop("dataset_id")],
        **row,
        "used": row["reason"] is None,
        "position": position,
    }


# Features -----------------------------------------------------------------------------------------------------


def _features(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    value: dict[str, Any],
    run: dict[str, Any],
    datasets: list[DatasetVersion],
) -> Any:
    """Return the area's own features, those that were read for it, and the coverages that were read, as a subquery."""
    formula = Definition.model_validate(run["definition"]).formula
    f, stored = t.feature.alias("f"), t.value.alias("stored")
    holders = [d for d in datasets if d.feature_type in areas.AREA_TYPES]
    own = _columns(f, "area", null()).where(
        areas.seen(f, snapshot, holders),
        f.c.properties["scheme"].astext == value["scheme"],
        f.c.properties["code"].astext == value["code"],
    )
    # The area's geometry as it was then stands with the value.
    geometry = (
        select(stored.c.geom)
        .where(
            stored.c.twin_id == snapshot.twin_id,
            stored.c.indicator == value["indicator"],
            stored.c.scheme == value["scheme"],
            stored.c.code == value["code"],
            stored.c.period == value["period"],
            stored.c.since == value["since"],
        )
        .scalar_subquery()
    )
    parts = [own, _coverages(snapshot, value, datasets)]
    if measured := [d for d in datasets if d.feature_type == formula.feature_type]:
        parts.append(
            _columns(f, "input", _why_not(conn, f, formula, value)).where(
                areas.seen(f, snapshot, measured), func.ST_Intersects(f.c.geom, geometry)
            )
        )
    if people := value["quality"].get("population_from"):
        counted = [d for d in datasets if d.name == people["dataset"]]
        parts.append(
            _columns(f, "input", null()).where(
                areas.seen(f, snapshot, counted),
                population.used(f, people, value["scheme"], value["code"], geometry),
            )
        )
    return union_all(*parts).subquery("record")


def _why_not(conn: psycopg.Connection[Any], f: Any, formula: Formula, value: dict[str, Any]) -> Any:
    """Return the expression of why a feature of the measured type did not count, null where it did."""
    if formula.class_property is None:
        return green.why_not(f, resolve(value["period"]).end.date().isoformat())
    numbers, quality = classes.numbers(conn, formula), value["quality"]
    year = quality.get(classes.YEAR)
    if landcover.BEFORE_YEAR in quality:
        return landcover.why_not_taken(f, formula, numbers, quality[landcover.BEFORE_YEAR], year)
    return classes.why_not(f, formula, list(numbers), None if year is None else str(year))


def _coverages(snapshot: Snapshot, value: dict[str, Any], datasets: list[DatasetVersion]) -> Select[Any]:
    """Return the coverages that `quality.coverages` names."""
    c = t.coverage
    holders = {d.name: d for d in datasets if d.shape == "coverage"}
    named = [identifier.partition(".") for identifier in value["quality"].get("coverages", [])]
    read = [
        and_(visible.rows(c, snapshot.twin_id, holders[name]), c.c.code == code)
        for name, _, code in named
        if name in holders
    ]
    return _columns(c, "input", null()).where(or_(false(), *read))


def _columns(f: Any, role: str, reason: Any) -> Select[Any]:
    s, is_coverage = t.source_object.c, f is t.coverage
    return select(
        f.c.dataset_id,
        (f.c.code if is_coverage else f.c.fid).label("fid"),
        literal("coverage" if is_coverage else "feature").label("kind"),
        literal(role).label("role"),
        cast(reason, t.source_object.c.name.type).label("reason"),
        s.name.label("source"),
        s.digest.label("source_digest"),
        f.c.source_row.label("row"),
    ).join_from(f, t.source_object, s.id == f.c.source_id)


def _feature(row: dict[str, Any], names: dict[int, str]) -> dict[str, Any]:
    dataset = names[row["dataset_id"]]
    position = [row.pop("dataset_id"), row["fid"]]
    return {
        "dataset": dataset,
        row.pop("kind"): api_id(dataset, row.pop("fid")),
        **row,
        "used": row["reason"] is None,
        "position": position,
    }
