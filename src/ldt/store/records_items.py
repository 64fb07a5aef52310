"""The catalogue's records as items: one for each data set, found by their words in any language. Every function takes a Snapshot."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import psycopg
from sqlalchemy import (
    ColumnElement,
    Integer,
    Text,
    and_,
    cast,
    column,
    false,
    func,
    literal,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TSQUERY

from ldt.model.snapshot import Snapshot
from ldt.store import tables as t
from ldt.store.connect import fetch_all
from ldt.store.items import Items, Kind, Part, Property

COLLECTION = "datasets"
#: What all records of the catalogue are of.
TYPE = "dataset"

_ENUMERATED: Mapping[str, Sequence[str]] = {
    "type": (TYPE,),
    "shape": ("feature", "observation", "coverage"),
    "access": ("open", "restricted", "confidential"),
    "origin": ("space", "european", "national", "local"),
    "data_stage": ("raw", "transformed", "model-input", "model-output"),
    "dpsir": ("D", "P", "S", "I", "R"),
}
_PROPERTIES: Mapping[str, tuple[Kind, str]] = {
    "type": ("string", "What the record describes"),
    "title": ("string", "Title"),
    "description": ("string", "Description"),
    "created": ("timestamp", "When its first version was committed"),
    "updated": ("timestamp", "When the version that is described was committed"),
    "publisher": ("string", "Publisher"),
    "license": ("string", "Licence"),
    "access": ("string", "Access class"),
    "origin": ("string", "Where it comes from"),
    "data_stage": ("string", "Stage of the data"),
    "shape": ("string", "What it holds"),
    "feature_type": ("string", "Type of its features; the collection that they are in"),
    "themes": ("array", "Codes of its INSPIRE themes"),
    "anatomy": ("string", "Path in the City Anatomy"),
    "dpsir": ("string", "Role in DPSIR"),
    "update_frequency": ("string", "How often it is updated"),
    "version": ("integer", "Version"),
    "rows": ("integer", "Features, observations or coverages that it has"),
}


def items(snapshot: Snapshot, languages: Sequence[str] = ()) -> Items:
    """Return what the records are read from.

    Args:
        snapshot: the state to read.
        languages: codes of those in which titles and descriptions are wanted, the best first; English is always the last.
    """
    d, v, w = t.dataset.c, t.version.c, t.dataset_words.c
    seen = _seen(snapshot)
    earlier = t.version.alias("earlier").c
    created = select(func.min(earlier.committed)).where(earlier.dataset_id == d.id).scalar_subquery()
    columns: dict[str, ColumnElement[Any]] = {
        "type": literal(TYPE, Text),
        "title": _said(d.title, languages),
        "description": _said(d.description, languages),
        "created": created,
        "updated": v.committed,
        "license": d.licence,
        "themes": func.to_jsonb(d.themes, type_=JSONB),
        "version": v.version,
        "rows": v.rows,
    }
    columns = {n: columns[n] if n in columns else d[n] for n in _PROPERTIES}
    record = (
        select(
            d.name.collate("C").label("id"),
            v.extent,
            v.time_first,
            v.time_last,
            w.words,
            *(c.label(n) for n, c in columns.items()),
        )
        .join_from(t.dataset, seen, seen.c.id == d.id)
        .join(t.version, and_(v.dataset_id == d.id, v.version == seen.c.version))
        .join(t.dataset_words, w.dataset_id == d.id)
        .subquery("record")
    )
    r = record.c
    pairs = [e for n in _PROPERTIES for e in (literal(n, Text), r[n])]
    part = Part(
        order=0,
        table=record,
        where=true(),  # the subquery sees what the snapshot does, and no more
        key=r.id,
        identifier=r.id,
        geometry=r.extent,
        attributes=func.jsonb_build_object(*pairs, type_=JSONB),
        start=r.time_first,
        end=r.time_last,
        rows=len(snapshot.datasets),
        prefix="",
    )
    found = [
        Property(n, kind, _typed(r[n], kind), _schema(n, title)) for n, (kind, title) in _PROPERTIES.items()
    ]
    place = {"title": "Rectangle that holds it", "x-ogc-role": "primary-geometry"}
    found.append(Property("geometry", "geometry", r.extent, place))
    return Items(COLLECTION, (part,), {p.name: p for p in found})


def _seen(snapshot: Snapshot) -> Any:
    """Return the versions that a snapshot sees, as rows of `id` and `version`."""
    ids = [d.dataset_id for d in snapshot.datasets.values()]
    versions = [d.version for d in snapshot.datasets.values()]
    both = func.unnest(
        cast(literal(ids, ARRAY(Integer)), ARRAY(Integer)),
        cast(literal(versions, ARRAY(Integer)), ARRAY(Integer)),
    )
    return both.table_valued(column("id", Integer), column("version", Integer), name="seen").render_derived()


def _said(text: ColumnElement[Any], languages: Sequence[str]) -> ColumnElement[Any]:
    """Return a text in the best language that it is in."""
    any_of = func.jsonb_each_text(text).table_valued("key", "value", name="said").render_derived()
    rest = select(any_of.c.value).order_by(any_of.c.key).limit(1).scalar_subquery()
    return func.coalesce(*(text[code].astext for code in dict.fromkeys([*languages, "en"])), rest)


def _typed(value: ColumnElement[Any], kind: Kind) -> ColumnElement[Any]:
    return value.collate("C") if kind == "string" else value


def _schema(name: str, title: str) -> Mapping[str, Any]:
    return {"title": title, **({"enum": list(_ENUMERATED[name])} if name in _ENUMERATED else {})}


def found_by(read: Items, terms: Iterable[str]) -> ColumnElement[bool]:
    """Return the predicate of the records that any of some search terms finds.

    A term is a word, or several that follow each other in a text: in a title, a description, a theme, what is observed, a
    publisher or a name, in any language, whatever its inflection, case and accents.

    Args:
        read: what :func:`items` returns.
        terms: the search terms.
    """
    words = read.parts[0].table.c.words
    # Once for each term, not for each row: the query is made of some twenty configurations.
    asked = (select(func.ldt.asked_words(term, type_=TSQUERY)).scalar_subquery() for term in terms)
    return or_(false(), *(words.op("@@")(one) for one in asked))


def called(read: Items, names: Sequence[str]) -> ColumnElement[bool]:
    """Return the predicate of the records of some ids.

    Args:
        read: what :func:`items` returns.
        names: the ids.
    """
    return read.parts[0].key.in_(list(names))


def extent(
    conn: psycopg.Connection[Any], snapshot: Snapshot
) -> tuple[tuple[float, float, float, float] | None, tuple[datetime | None, datetime | None]]:
    """Return (west, south, east, north in degrees or None, (first, last) instant) of all data sets, from what their versions recorded.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
    """
    v, seen = t.version.c, _seen(snapshot)
    box = func.ST_Extent(v.extent)
    corners = (func.ST_XMin, func.ST_YMin, func.ST_XMax, func.ST_YMax)
    sides = [corner(box).label(n) for n, corner in zip("wsen", corners, strict=True)]
    times = (func.min(v.time_first).label("first"), func.max(v.time_last).label("last"))
    both = and_(v.dataset_id == seen.c.id, v.version == seen.c.version)
    (row,) = fetch_all(conn, select(*sides, *times).join_from(seen, t.version, both))
    bbox = None if row["w"] is None else (row["w"], row["s"], row["e"], row["n"])
    return bbox, (row["first"], row["last"])


def measured(
    conn: psycopg.Connection[Any], snapshot: Snapshot, names: Sequence[str]
) -> dict[str, tuple[list[str], list[str]]]:
    """Return by name of a data set the codes of what it observes, and what one value stands for (ISO 8601 durations), in order.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        names: names of data sets; those without observations and coverages are not in the answer.
    """
    chosen = {snapshot.datasets[n].dataset_id: n for n in names if n in snapshot.datasets}
    s, c = t.datastream.c, t.coverage.c
    band = (
        func.jsonb_array_elements(c.bands).table_valued(column("value", JSONB), name="band").render_derived()
    )
    ids = list(chosen)
    streams = select(s.dataset_id, s.observed_property.label("property"), s.averaging)
    layers = select(c.dataset_id, band.c.value["property"].astext, c.averaging).join_from(
        t.coverage, band.lateral(), true()
    )
    both = (
        streams.where(s.dataset_id.in_(ids))
        .union(layers.where(c.dataset_id.in_(ids), c.until.is_(None)))
        .subquery("both")
    )
    rows = fetch_all(
        conn,
        select(
            both.c.dataset_id,
            func.array_agg(both.c.property.distinct()).label("properties"),
            func.array_agg(both.c.averaging.distinct()).label("averaging"),
        ).group_by(both.c.dataset_id),
    )
    return {
        chosen[r["dataset_id"]]: (sorted(filter(None, r["properties"])), sorted(filter(None, r["averaging"])))
        for r in rows
    }
