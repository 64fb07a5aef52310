"""Features into a GeoParquet 1.1 file (https://geoparquet.org/releases/v1.1.0/), page by page."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ldt.client.errors import BadAnswer
from ldt.client.frames import Row, geometries
from ldt.client.http import Document

#: Features in one page, and so in one row group.
PAGE = 5_000
#: The column of properties that the schema does not name.
FURTHER = "further"
_TYPES = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}


def write(path: Path, schema: Document, pages: Iterable[Document], about: Mapping[str, str]) -> Path:
    """Write pages of features to a file, which appears when it is whole.

    Args:
        path: the file; one that is there is replaced.
        schema: JSON Schema of the features' properties.
        pages: GeoJSON feature collections.
        about: what is written into the file's metadata, beside `geo`.

    Returns:
        The path.

    Raises:
        BadAnswer: a feature is not what the schema says.
        ClientError: whatever reading the pages raises; then no file is left.
    """
    fields = _fields(schema)
    arrow = pa.schema([("id", pa.string()), *fields, ("geometry", pa.binary())])
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
    os.close(handle)
    try:
        with pq.ParquetWriter(name, arrow, compression="zstd") as writer:
            kinds: set[str] = set()
            bounds = np.array([np.inf, np.inf, -np.inf, -np.inf])
            for page in pages:
                shapes = geometries(page["features"])
                if page["features"]:
                    writer.write_table(_table(page["features"], shapes, arrow, fields))
                present = shapes[shapes != np.array(None)]
                if len(present):
                    kinds.update(str(s.geom_type) for s in present)
                    box = shapely.total_bounds(present)
                    bounds = np.concatenate(
                        [np.minimum(bounds[:2], box[:2]), np.maximum(bounds[2:], box[2:])]
                    )
            writer.add_key_value_metadata({"geo": _geo(kinds, bounds), **about})
        # As a file that is written plainly: what mkstemp makes is for its owner alone.
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)
        raise
    return path


def _fields(schema: Document) -> list[tuple[str, Any]]:
    """Return (name, Arrow type) of the properties of a schema; what has no simple type is text, and holds JSON."""
    found = []
    for name, one in schema.get("properties", {}).items():
        if str(one.get("format", "")).startswith("geometry"):
            continue  # it stands beside the properties
        kinds = one.get("type")
        kinds = [k for k in (kinds if isinstance(kinds, list) else [kinds]) if k != "null"]
        found.append((name, _TYPES.get(kinds[0], pa.string()) if len(kinds) == 1 else pa.string()))
    if schema.get("additionalProperties", True) is not False:
        found.append((FURTHER, pa.string()))
    return found


def _table(features: list[Row], shapes: Any, arrow: Any, fields: list[tuple[str, Any]]) -> Any:
    named = {name for name, _ in fields} - {FURTHER}
    rows = [one["properties"] for one in features]
    columns: list[Any] = [pa.array([one.get("id") for one in features], pa.string())]
    try:
        for name, kind in fields:
            if name == FURTHER and name not in named:
                left = [{k: v for k, v in row.items() if k not in named} for row in rows]
                values: list[Any] = [one or None for one in left]
            else:
                values = [row.get(name) for row in rows]
            if kind == pa.string():
                values = [v if v is None or isinstance(v, str) else orjson.dumps(v).decode() for v in values]
            columns.append(pa.array(values, kind))
    except (pa.ArrowInvalid, pa.ArrowTypeError) as e:
        raise BadAnswer(f"a feature is not what its schema says: {name}: {e}") from None
    columns.append(pa.array(shapely.to_wkb(shapes), pa.binary()))
    return pa.Table.from_arrays(columns, schema=arrow)


def _geo(kinds: set[str], bounds: np.ndarray[Any, Any]) -> str:
    # Without a CRS the metadata mean OGC:CRS84, which is what GeoJSON is in.
    geometry: dict[str, Any] = {"encoding": "WKB", "geometry_types": sorted(kinds)}
    if kinds:
        geometry["bbox"] = [float(x) for x in bounds]
    about = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geometry}}
    return orjson.dumps(about).decode()
