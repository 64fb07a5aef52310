"""Reader `parquet`: Parquet as it is (decimals stay decimals), GeoParquet with its geometry (WKB or native) and CRS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import field_validator

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, SourceError
from ldt.settings import settings
from ldt.sources import geoarrow
from ldt.sources.batches import BATCH_ROWS, check_options, column_names, declare, with_rows
from ldt.sources.judge import judge
from ldt.sources.points import PointOptions, placed, point_crs, with_names
from ldt.sources.source import GEOMETRY, Batch, DeclaredCrs, Description, LayerDescription

SUFFIXES = (".parquet", ".geoparquet")


class ParquetOptions(PointOptions):
    """Options of the reader `parquet`.

    Attributes:
        columns: which columns to read; all without it.
        geometry, x, y, crs: see :class:`~ldt.sources.points.PointOptions`; for files without a geometry.
    """

    columns: list[str] | None = None

    @field_validator("columns")
    @classmethod
    def _some(cls, value: list[str] | None) -> list[str] | None:
        if value is not None and not value:
            raise ValueError("name at least one column")
        return value


class ParquetReader:
    """Parquet files."""

    suffixes = SUFFIXES
    options = ParquetOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the rows of one file, row group by row group."""
        chosen = check_options(ParquetOptions, options, "parquet")
        with _parquet_errors(path), pq.ParquetFile(path) as file:
            _check_size(path, file)
            there = file.schema_arrow.names
            missing = [c for c in chosen.columns or [] if c not in there]
            if missing:
                raise SourceError(
                    f"has no column {missing[0]!r}", where=path.name, remedy=f"there are: {', '.join(there)}"
                )
            geometry, crs = _geo(path, file)
            chosen = with_names(chosen, chosen.columns or there, "parquet")
            crs = crs if geometry else point_crs(chosen, "parquet")
            done = 0
            for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=chosen.columns):
                plain = [n for n in batch.schema.names if n != geometry]
                columns = {
                    name: batch.column(old) for name, old in zip(column_names(plain), plain, strict=True)
                }
                if geometry is not None and geometry in batch.schema.names:
                    columns[GEOMETRY] = _wkb(file, geometry, batch.column(geometry))
                records = with_rows(columns, done, batch.num_rows)
                if geometry:
                    yield Batch(records, crs)
                else:
                    yield from placed(records, chosen, crs)
                done += batch.num_rows

    def describe(self, path: Path) -> Description:
        """Tell the columns from the footer alone."""
        with _parquet_errors(path), pq.ParquetFile(path) as file:
            geometry, crs = _geo(path, file)
            columns = {f.name: str(f.type) for f in file.schema_arrow if f.name != geometry}
            layer = LayerDescription(name=path.stem, count=file.metadata.num_rows, columns=columns)
            if geometry:
                said = _geo_metadata(file)["columns"][geometry]
                layer.crs = crs
                layer.geometry_types = [str(t) for t in said.get("geometry_types", [])]
                box = said.get("bbox")
                # A bbox with heights has six numbers: two corners of three.
                layer.extent, layer.problems = judge(
                    crs, [*box[:2], *box[len(box) // 2 :][:2]] if box else None
                )
        return Description(format="GeoParquet" if geometry else "Parquet", reader="parquet", layers=[layer])


@contextmanager
def _parquet_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except (pa.ArrowException, OSError, orjson.JSONDecodeError, KeyError) as e:
        raise SourceError(
            f"not a whole Parquet file: {' '.join(str(e).split())}",
            where=path.name,
            remedy="get it again from where it came",
        ) from e


def _check_size(path: Path, file: pq.ParquetFile) -> None:
    footer = file.metadata
    size = sum(footer.row_group(i).total_byte_size for i in range(footer.num_row_groups))
    if size > settings().max_source_bytes:
        raise HostileSource(
            f"unpacks to {size:,} bytes, more than the {settings().max_source_bytes:,} allowed",
            where=path.name,
            remedy="cut it into parts, or raise LDT_MAX_SOURCE_BYTES",
        )


def _geo_metadata(file: pq.ParquetFile) -> dict[str, Any]:
    text = (file.schema_arrow.metadata or {}).get(b"geo")
    said: dict[str, Any] = orjson.loads(text) if text else {}
    return said


def _wkb(file: pq.ParquetFile, name: str, column: pa.Array) -> pa.Array:
    encoding = _geo_metadata(file)["columns"][name]["encoding"]
    storage = column.storage if isinstance(column, pa.ExtensionArray) else column
    return storage.cast(pa.binary()) if encoding == "WKB" else geoarrow.to_wkb(storage, encoding)


def _geo(path: Path, file: pq.ParquetFile) -> tuple[str | None, DeclaredCrs | None]:
    """Return the name of the geometry column and its CRS, by the GeoParquet specification 1.1.

    A CRS that is left out means OGC:CRS84, one that is null means that it is not known; coordinates are always x first.
    """
    said = _geo_metadata(file)
    if not said:
        return None, None
    name = str(said["primary_column"])
    column = said["columns"][name]
    if column["encoding"] not in {"WKB", *geoarrow.ENCODINGS}:
        raise SourceError(
            f"its geometry is encoded as {column['encoding']}, which GeoParquet does not know",
            where=path.name,
            remedy="write it as WKB",
        )
    if "crs" not in column:
        return name, declare("OGC:CRS84", "OGC:CRS84", AxisOrder.XY)
    if column["crs"] is None:
        return name, None
    identifier = column["crs"].get("id", {})
    text = (
        ":".join(str(v) for v in identifier.values())
        if identifier
        else str(column["crs"].get("name", "unnamed"))
    )
    return name, declare(orjson.dumps(column["crs"]).decode(), text, AxisOrder.XY, by_format=True)
