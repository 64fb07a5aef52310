"""The views that QGIS sees: one per twin, feature type and dimension, typed, named and styled, over the current open data.

A typed geometry column is a cast, and a cast hides the spatial index: each partition gets an index on the same expression.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson
import psycopg
import yaml
from psycopg import sql

from ldt.settings import shipped
from ldt.store import gis
from ldt.store.connect import translated

# Dimension of a geometry → (type of the column, suffix of the view where a feature type mixes dimensions)
_DIMENSIONS = {0: ("MultiPoint", "points"), 1: ("MultiLineString", "lines"), 2: ("MultiPolygon", "polygons")}
_SUFFIXES = ("", *(suffix for _, suffix in _DIMENSIONS.values()))
#: Columns that every view has.
_FIXED = ("id", "dataset", "namespace", "local_id", "valid_from", "valid_to", "geom")
_TYPES = {"string": "text", "number": "double precision", "integer": "bigint", "boolean": "boolean"}


@cache
def feature_schema(feature_type: str) -> dict[str, Any]:
    """Return the JSON Schema of a feature type; an empty one for a type that has none."""
    path = shipped("schemas") / "features" / f"{feature_type}.schema.json"
    content: dict[str, Any] = orjson.loads(path.read_bytes()) if path.is_file() else {"properties": {}}
    return content


def refers(feature_type: str) -> bool:
    """Whether features of a type may refer to others (`x-ldt: {reference: [types]}` of a property)."""
    return any(
        "reference" in about.get("x-ldt", {}) for about in feature_schema(feature_type)["properties"].values()
    )


def collection_schema(collection: str, stated: Iterable[dict[str, dict[str, str]]]) -> dict[str, Any]:
    """Return the JSON Schema of a collection's features: that of its feature type, else what its data sets state.

    Args:
        collection: a feature type, or a collection of generic features.
        stated: of each of its data sets the properties that its recipe states.
    """
    schema = feature_schema(collection)
    if schema["properties"] or "title" in schema:
        return schema
    properties: dict[str, dict[str, str]] = {}
    for one in stated:
        for name, about in one.items():
            # Where two data sets disagree, nothing is said of the property.
            properties[name] = about if properties.get(name, about) == about else {}
    return {"title": collection, "type": "object", "properties": properties}


def refresh(
    conn: psycopg.Connection[Any], twin_id: int, feature_type: str, *, changed: int | None = None
) -> list[str]:
    """Bring the views of a feature type up to date; returns their names. Nothing is touched where nothing changed.

    A view that nothing open is left for is dropped: what became restricted, or was removed, must not be seen through it.

    Args:
        conn: a connection in a transaction.
        twin_id: the twin.
        feature_type: the feature type, or a collection of generic features.
        changed: the one data set whose features changed since the views were refreshed last; without it, any of them may have.
    """
    with translated():
        twin = conn.execute("SELECT name FROM ldt.twin WHERE id = %s", (twin_id,)).fetchone()
        if twin is None:
            return []
        datasets = conn.execute(
            "SELECT id FROM ldt.dataset WHERE twin_id = %s"
            " AND feature_type = %s AND access = 'open' AND NOT upper_inf(removed) AND current_version > 0 ORDER BY id",
            (twin_id, feature_type),
        ).fetchall()
        found = {i: _dimensions(conn, i) if changed in {None, i} else _indexed(conn, i) for (i,) in datasets}
        present = {dimension: [i for i in found if dimension in found[i]] for dimension in _DIMENSIONS}
        present = {dimension: ids for dimension, ids in present.items() if ids}
        names = []
        for dimension, ids in present.items():
            suffix = _DIMENSIONS[dimension][1] if len(present) > 1 else ""
            name = gis.view_name(twin[0], feature_type, suffix)
            for i in ids:
                _index(conn, i, dimension)
            _view(conn, name, feature_type, dimension, ids)
            names.append(name)
        possible = [gis.view_name(twin[0], feature_type, suffix) for suffix in _SUFFIXES]
        gis.drop(conn, [name for name in possible if name not in names])
    return names


def _dimensions(conn: psycopg.Connection[Any], dataset_id: int) -> set[int]:
    """Return the dimensions of a data set's geometries, having looked at each."""
    row = conn.execute(
        sql.SQL("SELECT bit_or(1 << ST_Dimension(geom)) FROM {} WHERE until IS NULL").format(
            sql.Identifier("ldt", f"feature_{dataset_id}")
        )
    ).fetchone()
    bits = (row and row[0]) or 0
    return {dimension for dimension in _DIMENSIONS if bits & 1 << dimension}


def _indexed(conn: psycopg.Connection[Any], dataset_id: int) -> set[int]:
    """Return the dimensions of the geometries of a data set that did not change since its indexes were made.

    Each of them has an index; one that was there in an earlier version may have one, too.
    """
    return {d for d in _DIMENSIONS if _exists(conn, _index_name(dataset_id, d)) and _has(conn, dataset_id, d)}


def _has(conn: psycopg.Connection[Any], dataset_id: int, dimension: int) -> bool:
    row = conn.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE until IS NULL AND ST_Dimension(geom) = {})").format(
            sql.Identifier("ldt", f"feature_{dataset_id}"), dimension
        )
    ).fetchone()
    return bool(row and row[0])


def _exists(conn: psycopg.Connection[Any], name: str) -> bool:
    found = conn.execute("SELECT to_regclass(%s)", (f"ldt.{name}",)).fetchone()
    return bool(found and found[0])


def _index_name(dataset_id: int, dimension: int) -> str:
    return f"feature_{dataset_id}_gis_{dimension}"


def _geometry(dimension: int) -> sql.Composed:
    # Of a collection of several kinds, what has the dimension of the view.
    return sql.SQL("(ST_Multi(ST_CollectionExtract(geom, {}))::geometry({}, 4326))").format(
        sql.Literal(dimension + 1), sql.SQL(_DIMENSIONS[dimension][0])
    )


def _index(conn: psycopg.Connection[Any], dataset_id: int, dimension: int) -> None:
    name = _index_name(dataset_id, dimension)
    # Asked for by hand: IF NOT EXISTS locks the table first, and so waits for who is loading into it, who waits for us.
    if _exists(conn, name):
        return
    conn.execute(
        sql.SQL(
            "CREATE INDEX {} ON {} USING gist ({}) WHERE until IS NULL AND ST_Dimension(geom) = {}"
        ).format(
            sql.Identifier(name),
            sql.Identifier("ldt", f"feature_{dataset_id}"),
            _geometry(dimension),
            dimension,
        )
    )


def _view(
    conn: psycopg.Connection[Any], name: str, feature_type: str, dimension: int, ids: list[int]
) -> None:
    rows = conn.execute(
        "SELECT recipe #> '{feature,properties}' FROM ldt.dataset WHERE id = ANY (%s) ORDER BY id", (ids,)
    ).fetchall()
    schema = collection_schema(feature_type, [r[0] for r in rows if r[0]])
    columns = sql.SQL("").join(
        sql.SQL(", (f.properties ->> {})::{} AS {}").format(
            key, sql.SQL(_TYPES.get(str(about.get("type")), "text")), sql.Identifier(name)
        )
        for (key, about), name in zip(
            schema["properties"].items(), _column_names(schema["properties"]), strict=True
        )
    )
    select = sql.SQL(
        "SELECT d.name || '.' || f.fid AS id, d.name AS dataset{columns}, f.namespace, f.local_id, f.valid_from, f.valid_to,"
        " {geometry} AS geom FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id"
        " WHERE f.dataset_id IN ({ids}) AND f.until IS NULL AND ST_Dimension(f.geom) = {dimension}"
    ).format(
        columns=columns,
        geometry=_geometry(dimension),
        ids=sql.SQL(", ").join(map(sql.Literal, ids)),
        dimension=dimension,
    )
    title = (schema.get("x-ldt", {}).get("title") or {}).get("en", feature_type)
    gis.publish(conn, name, select, title)
    gis.put_style(conn, name, "ldt", style(feature_type, dimension), title)


def _column_names(keys: Iterable[str]) -> list[str]:
    """Return names of columns for properties: none twice, none of those that every view has, not longer than PostgreSQL allows."""
    taken, names = set(_FIXED), []
    for key in keys:
        short = key.encode()[:60].decode(errors="ignore")
        name, number = short, 2
        while name.lower() in taken:
            name, number = f"{short[:56]}_{number}", number + 1
        taken.add(name.lower())
        names.append(name)
    return names


def style(feature_type: str, dimension: int) -> str:
    """Return a QML style: categories with the colours of the feature type's schema where it has them, else one symbol."""
    about = feature_schema(feature_type).get("x-ldt", {}).get("style", {})
    colours: dict[str, str] = about.get("colours", {})
    default = about.get("colour", "#4a7a9c")
    symbols = "".join(gis.symbol(str(i), dimension, c) for i, c in enumerate([*colours.values(), default]))
    if not colours:
        return f'<qgis version="3.22"><renderer-v2 type="singleSymbol"><symbols>{symbols}</symbols></renderer-v2></qgis>'
    labels = _labels(about.get("vocabulary"))
    categories = "".join(
        f'<category value={quoteattr(value)} label={quoteattr(labels.get(value, value))} symbol="{i}" render="true"/>'
        for i, value in enumerate(colours)
    )
    return (
        f'<qgis version="3.22"><renderer-v2 type="categorizedSymbol" attr={quoteattr(about["by"])}>'
        f"<categories>{categories}</categories><symbols>{symbols}</symbols></renderer-v2></qgis>"
    )


@cache
def _labels(vocabulary: str | None) -> dict[str, str]:
    """Return what the legend says of the codes of a vocabulary: `112 Discontinuous urban fabric`."""
    if vocabulary is None:
        return {}
    path = shipped("schemas") / "vocabularies" / f"{vocabulary}.yaml"
    concepts = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["concepts"]
    return {c["code"]: f"{c['code']} {c['label']['en']}" for c in concepts}
