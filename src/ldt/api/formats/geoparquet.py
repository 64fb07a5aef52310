"""GeoParquet 1.1 (https://geoparquet.org/releases/v1.1.0/), batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pyproj
import shapely

#: By shapely's number of a type.
_KINDS = (
    "Point",
    "LineString",
    "LineString",
    "Polygon",
    "MultiPoint",
    "MultiLineString",
    "MultiPolygon",
    "GeometryCollection",
)
_SIDES = ("xmin", "ymin", "xmax", "ymax")


def write(
    sink: Any, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, geometry: str, crs: str
) -> None:
    """Write batches as a GeoParquet file with a box for each row (`covering`), which readers of rectangles look at first.

    Args:
        sink: a path or an Arrow output stream.
        schema: of the batches; the geometry is WKB.
        batches: the rows.
        geometry: name of the column of geometries; x is longitude or easting, whatever the CRS (the format says so).
        crs: the CRS, as pyproj takes it.
    """
    cover = "bbox" if "bbox" not in schema.names else "_bbox"
    box = pa.struct([pa.field(s, pa.float64()) for s in _SIDES])
    kinds: set[str] = set()
    whole: list[Sequence[float]] = []
    covered = schema.append(pa.field(cover, box))
    # Without an Arrow schema of its own the file's metadata, known at the end, are those of the schema that is read.
    with pq.ParquetWriter(sink, covered, compression="zstd", store_schema=False) as writer:
        for batch in batches:
            shapes = shapely.from_wkb(batch.column(geometry).to_numpy(zero_copy_only=False))
            bounds = shapely.bounds(shapes)
            absent = np.isnan(bounds[:, 0])
            boxes = pa.StructArray.from_arrays(
                [pa.array(bounds[:, i]) for i in range(4)], fields=list(box), mask=pa.array(absent)
            )
            columns = [*batch.columns, boxes]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=covered))
            kinds |= _kinds(shapes)
            if not absent.all():
                whole.append(tuple(shapely.total_bounds(shapes)))
        about: dict[str, Any] = {
            "encoding": "WKB",
            "geometry_types": sorted(kinds),
            "crs": _projjson(crs),
            "covering": {"bbox": {s: [cover, s] for s in _SIDES}},
        }
        if whole:
            each = np.array(whole)
            about["bbox"] = [*each[:, :2].min(axis=0).tolist(), *each[:, 2:].max(axis=0).tolist()]
        document = {"version": "1.1.0", "primary_column": geometry, "columns": {geometry: about}}
        writer.add_key_value_metadata({"geo": orjson.dumps(document).decode()})


def _kinds(shapes: Any) -> set[str]:
    """Return the names of the types of some geometries, as the format writes them. Heights are not stored here."""
    return {_KINDS[i] for i in np.unique(shapely.get_type_id(shapes)) if i >= 0}


@lru_cache(maxsize=64)
def _projjson(crs: str) -> dict[str, Any]:
    found: dict[str, Any] = pyproj.CRS(crs).to_json_dict()
    return found


def of_rows(rows: Sequence[Mapping[str, Any]], schema: Any) -> bytes:
    """Return rows as a GeoParquet file.

    Args:
        rows: each with `geometry`, a GeoJSON object in longitude and latitude or None.
        schema: Arrow schema of the other columns; nested values of text columns are written as JSON.
    """
    shapes = [shapely.from_geojson(orjson.dumps(r["geometry"])) if r["geometry"] else None for r in rows]
    columns = [pa.array([_fit(r.get(f.name)) for r in rows], f.type) for f in schema]
    places = pa.array([shapely.to_wkb(s) if s is not None else None for s in shapes], pa.binary())
    whole = schema.append(pa.field("geometry", pa.binary()))
    sink = pa.BufferOutputStream()
    batch = pa.RecordBatch.from_arrays([*columns, places], schema=whole)
    write(sink, whole, [batch], geometry="geometry", crs="OGC:CRS84")
    return bytes(sink.getvalue())


def _fit(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value
