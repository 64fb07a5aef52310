"""FlatGeobuf, written by GDAL from Arrow batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pyarrow as pa


def write(
    path: Path, schema: pa.Schema, batches: Iterable[pa.RecordBatch], *, geometry: str, crs: str
) -> None:
    """Write batches as a FlatGeobuf file, without an index: that would leave no room for features without a geometry.

    Args:
        path: the file; its name is that of the layer.
        schema: of the batches; the geometry is WKB.
        batches: the rows; what they raise is raised.
        geometry: name of the column of geometries; x is longitude or easting.
        crs: the CRS, as authority and code.
    """
    import pyogrio

    failed: list[BaseException] = []

    def noting() -> Iterator[pa.RecordBatch]:
        # GDAL tells of an error in its source in words of its own.
        try:
            yield from batches
        except BaseException as e:
            failed.append(e)
            raise

    reader = pa.RecordBatchReader.from_batches(schema, noting())
    try:
        pyogrio.write_arrow(
            reader,
            path,
            driver="FlatGeobuf",
            geometry_name=geometry,
            geometry_type="Unknown",
            crs=crs,
            layer_options={"SPATIAL_INDEX": "NO"},
        )
    except Exception as e:
        raise (failed[0] if failed else e) from e
