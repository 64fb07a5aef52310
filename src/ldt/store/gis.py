"""The schema `gis`, which desktop GIS sees: views with their comments, rights and styles."""

from __future__ import annotations

import hashlib
from typing import Any

import psycopg
from psycopg import sql

# Dimension of a geometry → (type of a symbol, class of its layer)
_SYMBOLS = {0: ("marker", "SimpleMarker"), 1: ("line", "SimpleLine"), 2: ("fill", "SimpleFill")}


def view_name(*parts: str) -> str:
    """Return the name of a view: `cologne_protected_sites`.

    PostgreSQL cuts names at 63 bytes; a digest keeps those apart that only differ beyond.
    """
    name = "_".join(filter(None, parts)).replace("-", "_")
    return name if len(name) <= 63 else f"{name[:54]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"


def publish(conn: psycopg.Connection[Any], name: str, select: sql.Composable, title: str) -> None:
    """Make a view show a query, and let the read-only role see it. Nothing is touched where it does already.

    The comment carries a digest of the query: replacing a view would wait for its readers, so only when it differs.
    """
    comment = f"{title} [{hashlib.sha256(select.as_bytes(conn)).hexdigest()[:16]}]"
    found = conn.execute("SELECT obj_description(to_regclass(%s))", (f'gis."{name}"',)).fetchone()
    if found and found[0] == comment:
        return
    view = sql.Identifier("gis", name)
    conn.execute(sql.SQL("DROP VIEW IF EXISTS {}").format(view))
    conn.execute(sql.SQL("CREATE VIEW {} AS {}").format(view, select))
    conn.execute(sql.SQL("COMMENT ON VIEW {} IS {}").format(view, comment))
    conn.execute(
        sql.SQL(
            "DO $$ BEGIN IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'ldt_reader') THEN"
            " GRANT SELECT ON {} TO ldt_reader; END IF; END $$"
        ).format(view)
    )


def put_style(
    conn: psycopg.Connection[Any], view: str, style: str, qml: str, description: str, *, default: bool = True
) -> None:
    """Keep a style of a view where QGIS looks for it. Of several, QGIS opens the view with the default one."""
    conn.execute(
        "INSERT INTO gis.layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, stylename, styleqml,"
        " useasdefault, description, owner) VALUES (current_database(), 'gis', %s, 'geom', %s, %s::xml, %s, %s, current_user)"
        " ON CONFLICT (f_table_schema, f_table_name, f_geometry_column, stylename)"
        " DO UPDATE SET styleqml = excluded.styleqml, useasdefault = excluded.useasdefault, description = excluded.description,"
        " f_table_catalog = excluded.f_table_catalog",
        (view, style, qml, default, description),
    )


def drop(conn: psycopg.Connection[Any], names: list[str]) -> None:
    """Drop those of some views that there are, with their styles."""
    found = conn.execute(
        "SELECT viewname FROM pg_views WHERE schemaname = 'gis' AND viewname = ANY (%s)", (names,)
    ).fetchall()
    for (name,) in found:
        conn.execute(sql.SQL("DROP VIEW {}").format(sql.Identifier("gis", name)))
        conn.execute(
            "DELETE FROM gis.layer_styles WHERE f_table_schema = 'gis' AND f_table_name = %s", (name,)
        )


def symbol(name: str, dimension: int, colour: str) -> str:
    """Return the QML of a plain symbol.

    Args:
        name: its name within the style.
        dimension: 0 for points, 1 for lines, 2 for areas.
        colour: `#rrggbb`.
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    kind, layer = _SYMBOLS[dimension]
    key = "line_color" if kind == "line" else "color"
    return (
        f'<symbol type="{kind}" name="{name}" alpha="1"><layer class="{layer}" enabled="1">'
        f'<Option type="Map"><Option type="QString" name="{key}" value="{red},{green},{blue},200"/></Option></layer></symbol>'
    )
