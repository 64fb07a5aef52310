"""Bytes to Arrow: one reader per family of formats, all with the same three rules.

Records come in batches in bounded memory, in the file's order; `_row` counts them from 0 and `_file` names their file;
geometry is WKB with coordinates in the order in which they stand, and the batch says which CRS is declared for them.
What cannot be read ends in one :class:`~ldt.errors.SourceError`. The readers know nothing of the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from ldt.errors import RecipeError
from ldt.sources.batches import check_options
from ldt.sources.describe import describe
from ldt.sources.gml import GmlReader
from ldt.sources.json_records import JsonReader
from ldt.sources.parquet import ParquetReader
from ldt.sources.resource import Resource, open_resources
from ldt.sources.source import FILE, ROW, Batch, Reader
from ldt.sources.table import TableReader
from ldt.sources.vector import VectorReader

__all__ = [
    "READERS",
    "Batch",
    "Reader",
    "Resource",
    "describe",
    "open_resources",
    "read",
    "read_resource",
    "suffixes",
]

#: The readers, by the name that a recipe gives.
READERS: dict[str, Reader] = {
    "vector": VectorReader(),
    "gml": GmlReader(),
    "table": TableReader(),
    "json": JsonReader(),
    "parquet": ParquetReader(),
}


def read(reader: str, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
    """Yield the records behind a path: of a file, or of every fitting file in an archive or folder, by name.

    Args:
        reader: a name in :data:`READERS`.
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
    chosen = _reader(reader)
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
    chosen = _reader(reader)
    check_options(chosen.options, options, reader)
    for batch in chosen.read(resource.path, options):
        yield Batch(_stamped(batch.records, resource.name, first_row), batch.crs)


def suffixes(reader: str) -> tuple[str, ...]:
    """Return the suffixes of the files that a reader takes from an archive or a folder."""
    return tuple(_reader(reader).suffixes)


def _reader(name: str) -> Reader:
    if name not in READERS:
        raise RecipeError(
            f"no reader {name!r}", where="source.reader", remedy=f"there are: {', '.join(READERS)}"
        )
    return READERS[name]


def _stamped(records: pa.RecordBatch, name: str, offset: int) -> pa.RecordBatch:
    """Return a batch with `_file`, and with `_row` counted on."""
    if offset:
        place = records.schema.get_field_index(ROW)
        records = records.set_column(place, ROW, pc.add(records.column(place), pa.scalar(offset, pa.int64())))
    return records.append_column(FILE, pa.repeat(pa.scalar(name, pa.string()), records.num_rows))
