"""One large GML file, read by several processes side by side.

The file is cut behind whole members; each part is read by a worker as if it were the file, and the parts are put together in the
order of the file. Wherever a part is not made of plain members alone, the rest of the file is read by this process, which also
finds out what is wrong with it, if anything is.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from ldt.errors import LdtError
from ldt.sources.batches import counted_on, rarely_collected
from ldt.sources.gml_pieces import Pieces
from ldt.sources.gml_records import NotPlainError, Reading, Wanted
from ldt.sources.source import Batch, DeclaredCrs
from ldt.workers import LARGE, context

#: Bytes of one part.
PART = 12 * 1024**2

#: Parts that this process reads by itself, while the others start.
OWN = 2

#: Batches, members and records of a part; packed are batches on their way from another process.
Part = tuple[list[Batch], int, int]
Packed = tuple[list[tuple[bytes, DeclaredCrs | None]], int, int]


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
            for batch in batches:
                yield Batch(counted_on(batch.records, reading.row), batch.crs)
            reading.members += members
            reading.row += rows
        if whole and pieces.complete:
            return
    yield from reading.batches()


def _parts(path: Path, wanted: Wanted, pieces: Pieces, workers: int, size: int) -> Iterator[Part | None]:
    """Yield what workers make of the parts of a file, in its order; None for one that they cannot read."""
    # The server imports what workers need; who asks it for one before has to wait.
    made_by = context()
    spans = pieces.spans(size)
    for span in islice(spans, OWN):
        yield _read(path, wanted, span)
    with ProcessPoolExecutor(workers, mp_context=made_by) as pool:
        waiting: deque[Future[Packed | None]] = deque()

        def submit(count: int) -> None:
            for span in islice(spans, count):
                with _without_main():
                    waiting.append(pool.submit(_read_and_pack, path, wanted, span))

        try:
            submit(workers + 2)
            while waiting:
                packed = waiting.popleft().result()
                submit(1)
                yield None if packed is None else _unpacked(packed)
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
            batches = list(reading.batches())
    except (NotPlainError, LdtError):
        return None
    return batches, reading.members, reading.row


def _read_and_pack(path: Path, wanted: Wanted, span: tuple[int, int]) -> Packed | None:
    """Read one part in another process."""
    found = _read(path, wanted, span)
    return None if found is None else ([(_stream(b.records), b.crs) for b in found[0]], *found[1:])


def _stream(records: pa.RecordBatch) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, records.schema) as stream:
        stream.write_batch(records)
    return bytes(sink.getvalue())


def _unpacked(packed: Packed) -> Part:
    batches = []
    for data, crs in packed[0]:
        with pa.ipc.open_stream(data) as stream:
            batches.append(Batch(stream.read_next_batch(), crs))
    return batches, *packed[1:]
