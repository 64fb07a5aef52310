"""Bytes to Arrow, or to cells: one reader per family of formats, all with the same rules.

Records come in batches in bounded memory, in the file's order; `_row` counts them from 0 and `_file` names their file;
geometry is WKB with coordinates in the order in which they stand, and the batch says which CRS is declared for them.
A raster or a cube comes as one :class:`~ldt.sources.source.Raster` a file, whose cells are read when they are asked for.
What cannot be read ends in one :class:`~ldt.errors.SourceError`. The readers know nothing of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import pyarrow.compute as pc

from ldt.errors import RecipeError
from ldt.sources.batches import check_options, counted_on
from ldt.sources.resource import Resource, open_resources
from ldt.sources.source import FILE, ROW, Batch, Description, Raster, RasterReader, Reader

__all__ = [
    "READERS",
    "Batch",
    "Raster",
    "RasterReader",
    "Reader",
    "Resource",
    "describe",
    "open_resources",
    "read",
    "read_raster",
    "read_resource",
    "suffixes",
]

# Readers bring libraries that take a second to load: only those that are asked for are.
_RECORDS = {
    "vector": "vector.VectorReader",
    "gml": "gml.GmlReader",
    "table": "table.TableReader",
    "json": "json_records.JsonReader",
    "parquet": "parquet.ParquetReader",
    "om": "om.OmReader",
    "metadata": "metadata.MetadataReader",
}
_CELLS = {"raster": "raster.RasterReader", "cube": "cube.CubeReader"}
#: The names of the readers, as recipes give them.
READERS = (*_RECORDS, *_CELLS)


def describe(path: Path) -> Description:
    """Tell what a path holds; see :func:`ldt.sources.recognise.describe`."""
    from ldt.sources import recognise

    return recognise.describe(path)


def read(reader: str, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
    """Yield the records behind a path: of a file, or of every fitting file in an archive or folder, by name.

    Args:
        reader: a name of a reader of records.
        path: file, folder, zip or gzip.
        options: the recipe's `source.options`; `member` chooses files in an archive or folder.

    Yields:
        Batches whose `_row` counts on from file to file and whose `_file` is the file's own name.

    Raises:
        NotFound: no such path.
        RecipeError: no such reader or option.
        SourceError: bytes that cannot be read (what was read before has been yielded).
        HostileSource: bytes made to do harm.
    """
    chosen = _record_reader(reader)
    check_options(chosen.options, options, reader)
    with open_resources(path, suffixes=chosen.suffixes, member=options.get("member")) as resources:
        done = 0
        for resource in resources:
            last = done - 1
            for batch in read_resource(reader, resource, options, first_row=done):
                if batch.records.num_rows:
                    last = max(last, pc.max(batch.records.column(ROW)).as_py())
                yield batch
            done = last + 1


def read_resource(
    reader: str, resource: Resource, options: dict[str, Any], *, first_row: int = 0
) -> Iterator[Batch]:
    """Yield the records of one file that :func:`open_resources` gave; `_row` counts from `first_row`."""
    chosen = _record_reader(reader)
    check_options(chosen.options, options, reader)
    for batch in chosen.read(resource.path, options):
        yield Batch(_stamped(batch.records, resource.name, first_row), batch.crs)


def read_raster(reader: str, resource: Resource, options: dict[str, Any]) -> Iterator[Raster]:
    """Yield the one raster of a file that :func:`open_resources` gave; it is closed when the next one is asked for.

    Raises:
        RecipeError: no such reader of cells, or option.
        SourceError: bytes that cannot be read; also from the layers' `read`.
        HostileSource: bytes made to do harm.
    """
    chosen = _cell_reader(reader)
    check_options(chosen.options, options, reader)
    with chosen.open(resource.path, options) as raster:
        yield replace(raster, name=resource.name, digest=resource.digest)


def suffixes(reader: str) -> tuple[str, ...]:
    """Return the suffixes of the files that a reader takes from an archive or a folder."""
    return tuple((_cell_reader if reader in _CELLS else _record_reader)(reader).suffixes)


@lru_cache
def _record_reader(name: str) -> Reader:
    return cast("Reader", _loaded(_RECORDS, name))


@lru_cache
def _cell_reader(name: str) -> RasterReader:
    return cast("RasterReader", _loaded(_CELLS, name))


def _loaded(readers: dict[str, str], name: str) -> object:
    if name not in readers:
        raise RecipeError(
            f"no reader {name!r}", where="source.reader", remedy=f"there are: {', '.join(readers)}"
        )
    module, _, kind = readers[name].partition(".")
    made: object = getattr(import_module(f"ldt.sources.{module}"), kind)()
    return made


def _stamped(records: pa.RecordBatch, name: str, offset: int) -> pa.RecordBatch:
    """Return a batch with `_file`, and with `_row` counted on."""
    return counted_on(records, offset).append_column(
        FILE, pa.repeat(pa.scalar(name, pa.string()), records.num_rows)
    )
