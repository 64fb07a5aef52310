"""Bulk loading: Arrow batches into tables by binary COPY, encoded outside Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
import pyarrow as pa
from pgpq import ArrowToPostgresBinaryEncoder
from pgpq.encoders import StringEncoderBuilder
from pgpq.schema import Jsonb
from psycopg import sql

from ldt.store.connect import translated


def copy(
    conn: psycopg.Connection[Any],
    table: sql.Composable,
    batches: Iterable[pa.RecordBatch],
    *,
    constants: Mapping[str, int] | None = None,
    jsonb: frozenset[str] = frozenset(),
    rows_per_message: int = 8192,
) -> int:
    """Copy Arrow batches into a table; returns the number of rows.

    The columns of the batches carry the names of the table's columns. WKB goes into geometry columns as it is (the
    column's SRID is taken), 16-byte binaries into uuid columns.

    Args:
        conn: a connection in a transaction.
        table: the table.
        batches: all of the same schema.
        constants: further integer columns with one value for all rows.
        jsonb: string columns whose target is jsonb.
        rows_per_message: rows encoded at a time, which bounds the memory.
    """
    count = 0
    batches = iter(batches)
    first = next(batches, None)
    if first is None:
        return 0
    fixed = dict(constants or {})
    schema = pa.schema([*(pa.field(name, pa.int32()) for name in fixed), *first.schema])
    encoders = {f.name: ArrowToPostgresBinaryEncoder.infer_encoder(f) for f in schema}
    for name in jsonb:
        encoders[name] = StringEncoderBuilder.new_with_output(schema.field(name), Jsonb())
    encoder = ArrowToPostgresBinaryEncoder.new_with_encoders(schema, encoders)
    columns = sql.SQL(", ").join(sql.Identifier(f.name) for f in schema)
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(table, columns)
    with translated(), conn.cursor() as cursor, cursor.copy(statement) as out:
        out.write(encoder.write_header())
        for batch in (first, *batches):
            for start in range(0, batch.num_rows, rows_per_message):
                part = batch.slice(start, rows_per_message)
                same = [pa.repeat(pa.scalar(v, pa.int32()), part.num_rows) for v in fixed.values()]
                out.write(
                    encoder.write_batch(pa.RecordBatch.from_arrays([*same, *part.columns], schema=schema))
                )
            count += batch.num_rows
        out.write(encoder.finish())
    return count
