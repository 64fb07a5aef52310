"""The values of indicators as QGIS sees them: one view per twin and scheme of spatial units, one column and one style per indicator.

A row is a spatial unit in a period. A value that the rules do not allow is no number there, but null; `…_status` says why.
"""

from __future__ import annotations

from typing import Any
from xml.sax.saxutils import quoteattr

import psycopg
from psycopg import sql

from ldt.model.indicator import STATION, TWIN, Definition
from ldt.store import catalogue, gis
from ldt.store.connect import translated

#: From low to high: five classes of ColorBrewer's YlGnBu, which reads in print and with defective colour vision.
COLOURS = ("#ffffcc", "#a1dab4", "#41b6c4", "#2c7fb8", "#253494")
NO_VALUE = "#bdbdbd"

#: What may be shown: current, of a unit with a place, open, and made of what is still open. A value of one of a station's
#: properties (`DENW053/NO2`) is no column of the station.
_SHOWN = (
    "v.twin_id = {twin} AND v.until IS NULL AND v.geom IS NOT NULL AND NOT (v.scheme = {station} AND v.code LIKE '%/%')"
    " AND v.access = 'open' AND NOT EXISTS (SELECT FROM ldt.dataset d"
    " WHERE d.twin_id = v.twin_id AND v.inputs ? d.name AND d.access <> 'open')"
)


def refresh(conn: psycopg.Connection[Any], twin_id: int) -> list[str]:
    """Bring the views of a twin's values up to date; returns their names.

    A view that nothing open is left for is dropped.
    """
    with translated():
        row = conn.execute("SELECT name FROM ldt.twin WHERE id = %s", (twin_id,)).fetchone()
        if row is None:
            return []
        definitions = catalogue.indicator_definitions(conn)
        there: dict[str, list[str]] = {}
        for scheme, indicator in _there(conn, twin_id):
            if indicator in definitions:
                there.setdefault(scheme, []).append(indicator)
        for scheme, indicators in there.items():
            _view(conn, twin_id, scheme, [definitions[i] for i in indicators], _name(row[0], scheme))
        names = [_name(row[0], scheme) for scheme in there]
        schemes = [c["code"] for c in catalogue.concepts(conn, "area-schemes")]
        gis.drop(conn, [n for n in (_name(row[0], s) for s in schemes) if n not in names])
    return names


def _name(twin: str, scheme: str) -> str:
    return gis.view_name(twin, "indicators", scheme)


def _shown(twin_id: int) -> sql.Composed:
    return sql.SQL(_SHOWN).format(twin=sql.Literal(twin_id), station=sql.Literal(STATION))


def _there(conn: psycopg.Connection[Any], twin_id: int) -> list[tuple[str, str]]:
    statement = sql.SQL(
        "SELECT DISTINCT v.scheme, v.indicator FROM ldt.value v WHERE {} AND v.scheme <> {} ORDER BY 1, 2"
    ).format(_shown(twin_id), sql.Literal(TWIN))
    return conn.execute(statement).fetchall()


def _view(
    conn: psycopg.Connection[Any], twin_id: int, scheme: str, definitions: list[Definition], name: str
) -> None:
    columns = sql.SQL("").join(
        sql.SQL(
            ", max(v.value) FILTER (WHERE v.indicator = {id} AND v.status = 'valid') AS {column},"
            " max(v.status) FILTER (WHERE v.indicator = {id}) AS {status}"
        ).format(
            id=sql.Literal(d.id),
            column=sql.Identifier(column_name(d)),
            status=sql.Identifier(f"{column_name(d)}_status"),
        )
        for d in definitions
    )
    kind = sql.SQL("Point" if scheme == STATION else "MultiPolygon")
    geometry = "(array_agg(v.geom))[1]" if scheme == STATION else "ST_Multi((array_agg(v.geom))[1])"
    select = sql.SQL(
        "SELECT v.code || '.' || v.period AS id, v.code, min(v.name) AS name, v.period, min(v.period_start) AS period_start"
        "{columns}, {geometry}::geometry({kind}, 4326) AS geom FROM ldt.value v WHERE {shown} AND v.scheme = {scheme}"
        " AND v.indicator IN ({ids}) GROUP BY v.code, v.period"
    ).format(
        columns=columns,
        geometry=sql.SQL(geometry),
        kind=kind,
        shown=_shown(twin_id),
        scheme=sql.Literal(scheme),
        ids=sql.SQL(", ").join(sql.Literal(d.id) for d in definitions),
    )
    gis.publish(conn, name, select, f"Indicators by {scheme}")
    for d in definitions:
        comment = sql.SQL("COMMENT ON COLUMN {}.{} IS {}")
        text = f"{d.title['en']}, {d.unit}"
        conn.execute(
            comment.format(sql.Identifier("gis", name), sql.Identifier(column_name(d)), sql.Literal(text))
        )
    classes = {d.id: _classes(conn, twin_id, scheme, d) for d in definitions}
    # QGIS opens a layer with its default style: the first indicator that has numbers.
    first = next((i for i, found in classes.items() if found), definitions[0].id)
    for d in definitions:
        qml = style(d, 0 if scheme == STATION else 2, classes[d.id])
        gis.put_style(conn, name, d.id, qml, f"{d.title['en']} ({d.unit})", default=d.id == first)


def column_name(definition: Definition) -> str:
    """Return the column that holds an indicator's values; with `_status` after it, the one of their status."""
    return definition.id.replace("-", "_")


def _classes(
    conn: psycopg.Connection[Any], twin_id: int, scheme: str, definition: Definition
) -> tuple[str, list[float]] | None:
    """Return the last period that has numbers, and the bounds of five classes of equal size in it."""
    statement = sql.SQL(
        "SELECT v.period, percentile_disc(ARRAY[0, .2, .4, .6, .8, 1]) WITHIN GROUP (ORDER BY v.value) FROM ldt.value v"
        " WHERE {shown} AND v.scheme = {scheme} AND v.indicator = {id} AND v.status = 'valid'"
        " GROUP BY v.period, v.period_start ORDER BY v.period_start DESC LIMIT 1"
    ).format(shown=_shown(twin_id), scheme=sql.Literal(scheme), id=sql.Literal(definition.id))
    return conn.execute(statement).fetchone()


def style(definition: Definition, dimension: int, classes: tuple[str, list[float]] | None) -> str:
    """Return the QML of an indicator: the classes of its last period, and grey where there is no number."""
    column = f'"{column_name(definition)}"'
    rules: list[tuple[str, str, str]] = []
    last, when = "", ""
    if classes is not None:
        period, bounds = classes
        last, when = f"\"period\" = '{period}' AND ", f" ({period})"
        for low, high, colour in zip(bounds, bounds[1:], COLOURS, strict=False):
            if low == high and rules:  # it is in the class below already
                continue
            # A bound belongs to the class below it, the lowest to the lowest class.
            expression = f"{last}{column} {'>' if rules else '>='} {low!r} AND {column} <= {high!r}"
            rules.append((expression, f"{low:.4g} – {high:.4g} {definition.unit}{when}", colour))
    rules.append((f"{last}{column} IS NULL", f"no value{when}", NO_VALUE))
    listed = "".join(
        f'<rule key="{i}" filter={quoteattr(expression)} label={quoteattr(label)} symbol="{i}"/>'
        for i, (expression, label, _) in enumerate(rules)
    )
    symbols = "".join(gis.symbol(str(i), dimension, colour) for i, (_, _, colour) in enumerate(rules))
    return (
        f'<qgis version="3.22"><renderer-v2 type="RuleRenderer"><rules key="root">{listed}</rules>'
        f"<symbols>{symbols}</symbols></renderer-v2></qgis>"
    )
