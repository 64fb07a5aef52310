"""GeoPackages as QGIS likes them: a layer for each collection and each scheme of spatial units, with its styles in it."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyogrio
import shapely
from pyogrio.errors import DataLayerError, DataSourceError

from ldt.errors import StoreError
from ldt.model.indicator import STATION, Definition
from ldt.pipeline.tables import VALUE_SCHEMA, plain, wkb
from ldt.store import value_views

GEOMETRY = "geom"
#: Dimension → (OGC's name of the type, ending of the layer's name where a collection mixes dimensions).
KINDS = {0: ("Point", "points"), 1: ("LineString", "lines"), 2: ("Polygon", "polygons")}
_BATCH = 1000

#: In the layout in which QGIS itself saves styles into a GeoPackage.
_STYLES = """\
CREATE TABLE layer_styles (id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL, f_table_catalog TEXT(256), f_table_schema TEXT(256),
    f_table_name TEXT(256), f_geometry_column TEXT(256), styleName TEXT(30), styleQML TEXT, styleSLD TEXT, useAsDefault BOOLEAN,
    description TEXT, owner TEXT(30), ui TEXT(30), update_time DATETIME);
INSERT INTO gpkg_contents (table_name, data_type, identifier, description, last_change)
    VALUES ('layer_styles', 'attributes', 'layer_styles', '', strftime('%Y-%m-%dT%H:%M:%fZ', 'now'));
"""


@dataclass(frozen=True, slots=True)
class Style:
    """A QML style of a layer; QGIS opens the layer with the default one."""

    name: str
    qml: str
    description: str
    default: bool = True


@dataclass(slots=True)
class GeoPackage:
    """A GeoPackage that is being written.

    Attributes:
        path: the file.
        styles: layer → its styles, written by :meth:`finish`.
    """

    path: Path
    styles: dict[str, list[Style]] = field(default_factory=dict)

    def layer(
        self,
        name: str,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        geometry_type: str | None,
        title: str,
    ) -> None:
        """Write a layer, batch by batch.

        Args:
            name: the layer's name.
            schema: of the batches; the column `geom` is WKB, longitude first.
            batches: its rows.
            geometry_type: OGC's name (`MultiPolygon`); None for a table without geometry.
            title: what people see.

        Raises:
            StoreError: the file cannot be written.
        """
        failed: list[BaseException] = []
        reader = pa.RecordBatchReader.from_batches(schema, _watched(batches, failed))
        place = {"geometry_name": GEOMETRY, "crs": "EPSG:4326"} if geometry_type else {}
        try:
            pyogrio.write_arrow(
                reader,
                self.path,
                layer=name,
                driver="GPKG",
                geometry_type=geometry_type,
                layer_options={"DESCRIPTION": title, "SPATIAL_INDEX": "YES" if geometry_type else "NO"},
                **place,
            )
        except (DataLayerError, DataSourceError, RuntimeError) as e:
            # What a batch failed with does not come through GDAL.
            if failed:
                raise failed[0] from e
            raise StoreError(f"the layer {name} cannot be written: {e}", where=str(self.path)) from e

    def finish(self) -> None:
        """Write the styles."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        with closing(sqlite3.connect(self.path)) as file, file:
            file.executescript(_STYLES)
            file.executemany(
                "INSERT INTO layer_styles (f_table_catalog, f_table_schema, f_table_name, f_geometry_column, styleName, styleQML,"
                " styleSLD, useAsDefault, description, owner, ui, update_time)"
                " VALUES ('', '', ?, ?, ?, ?, '', ?, ?, '', NULL, ?)",
                [
                    (layer, GEOMETRY, s.name, s.qml, s.default, s.description, now)
                    for layer, styles in self.styles.items()
                    for s in styles
                ],
            )


def _watched(batches: Iterator[pa.RecordBatch], failed: list[BaseException]) -> Iterator[pa.RecordBatch]:
    try:
        yield from batches
    except BaseException as e:
        failed.append(e)
        raise


# Indicators ---------------------------------------------------------------------------------------------------


def value_layers(
    package: GeoPackage, definitions: Sequence[Definition], rows: Sequence[dict[str, Any]], snapshot: str
) -> dict[str, int]:
    """Write values as the views of the database have them, and as one table with all that is known of each.

    A layer for each scheme: a row for each unit and period, and for each indicator a column with the number, empty where the
    rules allow none, and one with the status. Returns the number of rows by layer.

    Args:
        package: where to.
        definitions: of the indicators that there are values of.
        rows: values as :func:`ldt.store.values.page` gives them, with their geometry.
        snapshot: the state that they were read in.
    """
    said = {"snapshot": snapshot}
    cells = [{f.name: plain({**r, **said}[f.name]) for f in VALUE_SCHEMA} for r in rows]
    table = pa.Table.from_pylist(cells, schema=VALUE_SCHEMA)
    package.layer(
        "indicator_values", VALUE_SCHEMA, iter(table.to_batches(_BATCH)), None, "Values of indicators"
    )
    counts = {"indicator_values": len(rows)}
    placed = [r for r in rows if r["geometry"] and not (r["scheme"] == STATION and "/" in r["code"])]
    for scheme in sorted({r["scheme"] for r in placed}):
        mine = [r for r in placed if r["scheme"] == scheme]
        present = {r["indicator"] for r in mine}
        used = [d for d in definitions if d.id in present]
        name = f"indicators_{scheme.replace('-', '_')}"
        counts[name] = _scheme_layer(package, name, scheme, used, mine, snapshot)
    return counts


def _scheme_layer(
    package: GeoPackage,
    name: str,
    scheme: str,
    definitions: Sequence[Definition],
    rows: Sequence[dict[str, Any]],
    snapshot: str,
) -> int:
    columns = {d.id: value_views.column_name(d) for d in definitions}
    units: dict[tuple[str, str], dict[str, Any]] = {}
    for r in sorted(rows, key=lambda r: (r["code"], r["period_start"], r["period"])):
        key = (r["code"], r["period"])
        unit = units.setdefault(
            key,
            {
                "id": f"{r['code']}.{r['period']}",
                **{n: r[n] for n in ("code", "name", "period", "period_start")},
                "snapshot": snapshot,
                GEOMETRY: _placed(r["geometry"], scheme),
            },
        )
        column = columns[r["indicator"]]
        unit[column] = r["value"] if r["status"] == "valid" else None
        unit[f"{column}_status"] = r["status"]
    schema = pa.schema(
        [
            *((n, pa.string()) for n in ("id", "code", "name", "period")),
            ("period_start", pa.timestamp("us", tz="UTC")),
            *(pair for c in columns.values() for pair in ((c, pa.float64()), (f"{c}_status", pa.string()))),
            *(("snapshot", pa.string()), (GEOMETRY, pa.binary())),
        ]
    )
    table = pa.Table.from_pylist(list(units.values()), schema=schema)
    kind = "Point" if scheme == STATION else "MultiPolygon"
    package.layer(name, schema, iter(table.to_batches(_BATCH)), kind, f"Indicators by {scheme}")
    classes = {d.id: _classes([r for r in rows if r["indicator"] == d.id]) for d in definitions}
    first = next((i for i, found in classes.items() if found), definitions[0].id)
    dimension = 0 if scheme == STATION else 2
    package.styles[name] = [
        Style(
            d.id,
            value_views.style(d, dimension, classes[d.id]),
            f"{d.title['en']} ({d.unit})",
            default=d.id == first,
        )
        for d in definitions
    ]
    return len(units)


def _placed(geojson: str, scheme: str) -> bytes | None:
    if scheme == STATION:
        return wkb(geojson)
    shape = shapely.from_geojson(geojson)
    multi = shape if shape.geom_type == "MultiPolygon" else shapely.multipolygons([shape])
    return bytes(shapely.to_wkb(multi))


def _classes(rows: Sequence[dict[str, Any]]) -> tuple[str, list[float]] | None:
    """Return the last period that has numbers, and the bounds of five classes of equal size in it, as the views have them."""
    valid = [r for r in rows if r["status"] == "valid"]
    if not valid:
        return None
    last = max(valid, key=lambda r: r["period_start"])["period"]
    numbers = sorted(r["value"] for r in valid if r["period"] == last)
    at = (max(math.ceil(share * len(numbers) / 5) - 1, 0) for share in range(6))
    return last, [numbers[i] for i in at]
