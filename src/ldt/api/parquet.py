"""Rows with a place as GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson


def geoparquet(rows: Sequence[Mapping[str, Any]], schema: Any) -> bytes:
    """Return rows as a GeoParquet file.

    Args:
        rows: each with `geometry`, a GeoJSON object in longitude and latitude or None.
        schema: Arrow schema of the other columns; nested values of text columns are written as JSON.

    Returns:
        The bytes. The CRS is left out of the metadata, which there means OGC:CRS84.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    import shapely

    shapes = [shapely.from_geojson(orjson.dumps(r["geometry"])) if r["geometry"] else None for r in rows]
    columns = [pa.array([_fit(r.get(f.name)) for r in rows], f.type) for f in schema]
    table = pa.Table.from_arrays(
        [*columns, pa.array([shapely.to_wkb(s) if s is not None else None for s in shapes], pa.binary())],
        schema=schema.append(pa.field("geometry", pa.binary())),
    )
    present = [s for s in shapes if s is not None]
    geometry: dict[str, Any] = {
        "encoding": "WKB",
        "geometry_types": sorted({s.geom_type for s in present}),
    }
    if present:
        geometry["bbox"] = [float(x) for x in shapely.total_bounds(present)]
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    table = table.replace_schema_metadata({b"geo": orjson.dumps(about)})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return bytes(sink.getvalue())


def _fit(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
