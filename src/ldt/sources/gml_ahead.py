"""One large GML file, read by several processes side by side.

The file is cut behind whole members; each part is read by a worker as if it were the file, and the parts are put together in the
order of the file. Wherever a part is not made of plain members alone, the rest of the file is read by this process, which also
finds out what is wrong with it, if anything is.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from ldt.errors import LdtError
from ldt.sources.batches import counted_on, rarely_collected
from ldt.sources.gml_pieces import Pieces
from ldt.sources.gml_records import NotPlainError, Reading, Wanted
from ldt.sources.source import Batch, DeclaredCrs

#: Bytes of a file for which it is worth to start other processes, and of one part.
LARGE, PART = 64 * 1024**2, 12 * 1024**2

#: Batches (packed, with their CRS), members and records of a part.
Part = tuple[list[tuple[bytes, DeclaredCrs | None]], int, int]


def ahead(
    path: Path, wanted: Wanted, workers: int, *, large: int = LARGE, part: int = PART
) -> Iterator[Batch]:
    """Yield the records of a file.

    Args:
        path: the file.
        wanted: what of it.
        workers: processes beside this one; 1 for none.
        large: bytes from which on they are used.
        part: bytes that one of them reads at a time.

    Raises:
        SourceError: as :meth:`Reading.batches`.
    """
    reading = Reading(path, wanted)
    if workers > 1 and wanted.each is None and path.stat().st_size >= large:
        pieces = Pieces(path)
        whole = True
        for found in _parts(path, wanted, pieces, workers, part):
            if found is None:
                whole = False
                break
            batches, members, rows = found
            for packed, crs in batches:
                yield Batch(_unpacked(packed, reading.row), crs)
            reading.members += members
            reading.row += rows
        if whole and pieces.complete:
            return
    yield from reading.batches()


def _parts(path: Path, wanted: Wanted, pieces: Pieces, workers: int, size: int) -> Iterator[Part | None]:
    """Yield what workers make of the parts of a file, in its order; None for one that they cannot read."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["ldt.sources.gml_records"])
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        waiting: deque[Future[Part | None]] = deque()
        try:
            for span in pieces.spans(size):
                with _without_main():
                    waiting.append(pool.submit(_read, path, wanted, span))
                if len(waiting) > workers + 1:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        except BrokenProcessPool:
            yield None  # a worker was ended (memory): this process reads the rest
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the program that runs: workers would import it, and a script that is not written for that would run again in each."""
    main = sys.modules["__main__"]
    hidden: dict[str, Any] = {
        name: main.__dict__.pop(name) for name in ("__file__", "__spec__") if name in main.__dict__
    }
    main.__spec__ = None
    try:
        yield
    finally:
        main.__dict__.update(hidden)


def _read(path: Path, wanted: Wanted, span: tuple[int, int]) -> Part | None:
    """Read one part; errors are left to who reads it again."""
    reading = Reading(path, wanted, span)
    try:
        with rarely_collected():
            batches = [(_packed(batch.records), batch.crs) for batch in reading.batches()]
    except (NotPlainError, LdtError):
        return None
    return batches, reading.members, reading.row


def _packed(records: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, records.schema) as stream:
        stream.write_batch(records)
    return bytes(sink.getvalue())


def _unpacked(packed: bytes, offset: int) -> pa.RecordBatch:
    """Return records, their `_row` counted on."""
    with pa.ipc.open_stream(packed) as stream:
        return counted_on(stream.read_next_batch(), offset)
