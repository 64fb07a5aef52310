"""From lines of CSV to Arrow batches, without Python for each row or value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa
from pyarrow import csv

from ldt.store.columns import Column
from ldt.store.items import Kind

_TYPES: dict[Kind, pa.DataType] = {
    "string": pa.string(),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us", "UTC"),
    "array": pa.string(),
    "geometry": pa.binary(),
}
#: Bytes of lines that become one batch: what is in memory at once is some times as much.
_CHUNK = 4 * 1024 * 1024


def schema_of(columns: Sequence[Column]) -> pa.Schema:
    """Return the Arrow schema of some columns; geometries are WKB, lists JSON text."""
    return pa.schema([pa.field(c.name, _TYPES[c.kind]) for c in columns])


def batches(lines: Iterator[bytes], columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    """Yield lines of :func:`ldt.store.columns.lines`, made with `typed`, as Arrow batches of about 4 MB of text."""
    waiting: list[bytes] = []
    size = 0
    for line in lines:
        waiting.append(line)
        size += len(line)
        if size >= _CHUNK:
            yield from _batch(b"".join(waiting), columns)
            waiting, size = [], 0
    if waiting:
        yield from _batch(b"".join(waiting), columns)


def _batch(text: bytes, columns: Sequence[Column]) -> Iterator[pa.RecordBatch]:
    # Names may be whatever data sets call their properties; here they are numbers.
    types = {str(i): pa.string() if c.kind == "geometry" else _TYPES[c.kind] for i, c in enumerate(columns)}
    table = csv.read_csv(
        pa.BufferReader(text),
        csv.ReadOptions(use_threads=False, block_size=len(text) + 1, column_names=list(types)),
        csv.ParseOptions(newlines_in_values=True),
        csv.ConvertOptions(
            column_types=types,
            null_values=[""],
            true_values=["true"],
            false_values=["false"],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            timestamp_parsers=[csv.ISO8601],
        ),
    )
    schema = schema_of(columns)
    for batch in table.combine_chunks().to_batches():
        arrays = [
            _unhexed(array) if c.kind == "geometry" else array
            for c, array in zip(columns, batch.columns, strict=True)
        ]
        yield pa.RecordBatch.from_arrays(arrays, schema=schema)


def _unhexed(texts: pa.StringArray) -> pa.BinaryArray:
    """Return the bytes that texts of hexadecimal digits stand for: all digits at once, each offset halved."""
    import numpy as np

    validity, offsets, digits = texts.buffers()
    positions = np.frombuffer(offsets, np.int32)[: len(texts) + 1] // 2
    content = bytes.fromhex(digits.to_pybytes().decode("ascii")) if digits else b""
    return pa.BinaryArray.from_buffers(
        pa.binary(), len(texts), [validity, pa.py_buffer(positions.tobytes()), pa.py_buffer(content)]
    )
