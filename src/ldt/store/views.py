"""The views that QGIS sees: one per twin, feature type and dimension, typed, named and styled, over the current open data.

A typed geometry column is a cast, and a cast hides the spatial index: each partition gets an index on the same expression.
"""

from __future__ import annotations

import hashlib
from functools import cache
from typing import Any
from xml.sax.saxutils import quoteattr

import orjson
import psycopg
from psycopg import sql

from ldt.settings import shipped
from ldt.store.connect import translated

# Dimension of a geometry → (type of the column, suffix of the view where a feature type mixes dimensions)
_DIMENSIONS = {0: ("MultiPoint", "points"), 1: ("MultiLineString", "lines"), 2: ("MultiPolygon", "polygons")}
_SUFFIXES = ("", *(suffix for _, suffix in _DIMENSIONS.values()))
_TYPES = {"string": "text", "number": "double precision", "integer": "bigint", "boolean": "boolean"}
_SYMBOLS = {0: ("marker", "SimpleMarker"), 1: ("line", "SimpleLine"), 2: ("fill", "SimpleFill")}


@cache
def feature_schema(feature_type: str) -> dict[str, Any]:
    """Return the JSON Schema of a feature type; an empty one for a type that has none."""
    path = shipped("schemas") / "features" / f"{feature_type}.schema.json"
    content: dict[str, Any] = orjson.loads(path.read_bytes()) if path.is_file() else {"properties": {}}
    return content


def view_name(twin: str, feature_type: str, suffix: str = "") -> str:
    """Return the name of a view: `cologne_protected_sites`, with `_points` and so on where dimensions are mixed.

    PostgreSQL cuts names at 63 bytes; a digest keeps those apart that only differ beyond.
    """
    name = "_".join(filter(None, (twin, feature_type, suffix))).replace("-", "_")
    return name if len(name) <= 63 else f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def refresh(conn: psycopg.Connection[Any], twin_id: int, feature_type: str) -> list[str]:
    """Bring the views of a feature type up to date; returns their names. Nothing is touched where nothing changed.

    A view that nothing open is left for is dropped: what became restricted, or was removed, must not be seen through it.
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
        present = {
            dimension: [i for (i,) in datasets if _has(conn, i, dimension)] for dimension in _DIMENSIONS
        }
        present = {dimension: ids for dimension, ids in present.items() if ids}
        names = []
        for dimension, ids in present.items():
            suffix = _DIMENSIONS[dimension][1] if len(present) > 1 else ""
            name = view_name(twin[0], feature_type, suffix)
            for i in ids:
                _index(conn, i, dimension)
            _view(conn, name, feature_type, dimension, ids)
            names.append(name)
        possible = [view_name(twin[0], feature_type, suffix) for suffix in _SUFFIXES]
        _drop(conn, [name for name in possible if name not in names])
    return names


def _drop(conn: psycopg.Connection[Any], names: list[str]) -> None:
    found = conn.execute(
        "SELECT viewname FROM pg_views WHERE schemaname = 'gis' AND viewname = ANY (%s)", (names,)
    ).fetchall()
    for (name,) in found:
        conn.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier("gis", name)))
        conn.execute(
            "DELETE FROM gis.layer_styles WHERE f_table_schema = 'gis' AND f_table_name = %s", (name,)
        )


def _has(conn: psycopg.Connection[Any], dataset_id: int, dimension: int) -> bool:
    row = conn.execute(
        sql.SQL("SELECT EXISTS (SELECT FROM {} WHERE until IS NULL AND ST_Dimension(geom) = {})").format(
            sql.Identifier("ldt", f"feature_{dataset_id}"), dimension
        )
    ).fetchone()
    return bool(row and row[0])


def _geometry(dimension: int) -> sql.Composed:
    return sql.SQL("(ST_Multi(geom)::geometry({}, 4326))").format(sql.SQL(_DIMENSIONS[dimension][0]))


def _index(conn: psycopg.Connection[Any], dataset_id: int, dimension: int) -> None:
    name = f"feature_{dataset_id}_gis_{dimension}"
    # Asked for by hand: IF NOT EXISTS locks the table first, and so waits for who is loading into it, who waits for us.
    found = conn.execute("SELECT to_regclass(%s)", (f"ldt.{name}",)).fetchone()
    if found and found[0]:
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
    schema = feature_schema(feature_type)
    columns = sql.SQL("").join(
        sql.SQL(", (f.properties ->> {})::{} AS {}").format(
            key, sql.SQL(_TYPES.get(str(about.get("type")), "text")), sql.Identifier(key)
        )
        for key, about in schema["properties"].items()
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
    view = sql.Identifier("gis", name)
    # The comment carries a digest of the definition: replacing a view would wait for its readers, so only when it differs.
    digest = hashlib.sha256(select.as_bytes(conn)).hexdigest()[:16]
    title = (schema.get("x-ldt", {}).get("title") or {}).get("en", feature_type)
    comment = f"{title} [{digest}]"
    found = conn.execute("SELECT obj_description(to_regclass(%s))", (f'gis."{name}"',)).fetchone()
    if found and found[0] == comment:
        return
    conn.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
    conn.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, select))
    conn.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, comment))
    conn.execute(
        sql.SQL(
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ldt_reader') THEN"
            " GRANT SELECT ON {} TO ldt_reader; END IF; END $$"
        ).format(view)
    )
    conn.execute(
        "INSERT INTO gis.layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, stylename, styleqml,"
        " description, owner) VALUES (current_database(), 'gis', %s, 'geom', 'ldt', %s::xml, %s, current_user)"
        " ON CONFLICT (f_table_schema, f_table_name, f_geometry_column, stylename) DO UPDATE SET styleqml = excluded.styleqml",
        (name, style(feature_type, dimension), title),
    )


def style(feature_type: str, dimension: int) -> str:
    """Return a QML style: categories with the colours of the feature type's schema where it has them, else one symbol."""
    about = feature_schema(feature_type).get("x-ldt", {}).get("style", {})
    colours: dict[str, str] = about.get("colours", {})
    default = about.get("colour", "#4a7a9c")
    kind, layer = _SYMBOLS[dimension]
    symbols = "".join(_symbol(str(i), kind, layer, c) for i, c in enumerate([*colours.values(), default]))
    if not colours:
        return f'<qgis version="3.22"><renderer-v2 type="singleSymbol"><symbols>{symbols}</symbols></renderer-v2></qgis>'
    categories = "".join(
        f'<category value={quoteattr(value)} label={quoteattr(value)} symbol="{i}" render="true"/>'
        for i, value in enumerate(colours)
    )
    return (
        f'<qgis version="3.22"><renderer-v2 type="categorizedSymbol" attr={quoteattr(about["by"])}>'
        f"<categories>{categories}</categories><symbols>{symbols}</symbols></renderer-v2></qgis>"
    )


def _symbol(name: str, kind: str, layer: str, colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    key = "line_color" if kind == "line" else "color"
    return (
        f'<symbol type="{kind}" name="{name}" alpha="1"><layer class="{layer}" enabled="1">'
        f'<Option type="Map"><Option type="QString" name="{key}" value="{red},{green},{blue},200"/></Option></layer></symbol>'
    )
