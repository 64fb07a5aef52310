"""What :mod:`ldt.sources.grib_process` runs: ecCodes, and nothing else of this project, in a process of its own.

It is given one request a line on standard input, as JSON, each with the path of a file. Each is answered with one line of JSON and,
where that has a `shape`, the numbers in C order after it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, Any

import eccodes as ec  # type: ignore[import-untyped]
import numpy as np
from numpy.typing import NDArray

#: Bytes of address space: what damaged messages ask for beyond is refused by the system.
_MEMORY = 6 * 1024**3
#: What stands in unpacked values where there is none; no quantity is so large.
_NONE = 1e36
#: Keys of a message that tell what it is, and the kind of their values.
_KEYS: dict[str, type] = {
    "cfVarName": str, "shortName": str, "name": str, "units": str, "parameterUnits": str, "typeOfLevel": str, "stepType": str, "md5GridSection": str,
    "md5Section3": str, "experimentVersionNumber": str, "chemShortName": str, "gridType": str, "edition": int, "discipline": int,
    "parameterCategory": int, "parameterNumber": int, "table2Version": int, "indicatorOfParameter": int, "constituentType": int,
    "numberOfDataPoints": int, "numberOfPoints": int, "bitsPerValue": int, "N": int, "offset": int, "dataDate": int, "dataTime": int,
    "startStep": int, "endStep": int, "level": int, "number": int, "scaledValueOfFirstWavelength": int, "percentileValue": int,
    "directionNumber": int, "frequencyNumber": int, "scaledValueOfLowerLimit": int,
}  # fmt: skip
Answer = tuple[dict[str, Any], NDArray[Any] | None]


def _scan(file: IO[bytes], start: int, count: int) -> Answer:
    """Return what messages are, from an offset on, without their values; fewer than asked for at the end of the file."""
    file.seek(start)
    found: list[dict[str, Any]] = []
    while len(found) < count and (handle := ec.codes_grib_new_from_file(file, headers_only=True)) is not None:
        try:
            ec.codes_set(handle, "stepUnits", "s")  # so that steps of minutes and of hours are told alike
            found.append({name: _key(handle, name, kind) for name, kind in _KEYS.items()})
        finally:
            ec.codes_release(handle)
    return {"messages": found, "next": file.tell()}, None


def _key(handle: int, name: str, kind: type) -> Any:
    """Return the value of a key; None where the message does not have it."""
    try:
        return None if ec.codes_is_missing(handle, name) else ec.codes_get(handle, name, kind)
    except ec.CodesInternalError:
        return None


def _grid(file: IO[bytes], offset: int) -> Answer:
    """Return where the cells of a message lie: (latitude and longitude, row, column), a list of cells being one row."""
    with _message(file, offset) as handle:
        order = {
            name: bool(_key(handle, key, int) or 0)
            for name, key in (
                ("columns_first", "jPointsAreConsecutive"),
                ("turning", "alternativeRowScanning"),
            )
        }
        latitude, longitude = (np.asarray(ec.codes_get_array(handle, k)) for k in ("latitudes", "longitudes"))
        rows = _key(handle, "Nj", int) or _key(handle, "Ny", int) or 0
        columns = _key(handle, "Ni", int) or _key(handle, "Nx", int) or 0
        shape = [rows, columns] if rows * columns == latitude.size else [1, latitude.size]
        cells = np.stack([_ordered(v, shape, **order) for v in (latitude, longitude)])
        return {"order": {"cells": shape, **order}}, cells


def _values(
    file: IO[bytes], offset: int, cells: list[int], columns_first: bool, turning: bool, window: list[int]
) -> Answer:
    """Return a window (first row, row after the last, first column, column after the last) of a message, NaN where there is no value."""
    with _message(file, offset) as handle:
        ec.codes_set(handle, "missingValue", _NONE)
        values = np.asarray(ec.codes_get_values(handle))
    if values.size != cells[0] * cells[1]:
        raise ValueError(f"a message has {values.size:,} values, its grid {cells[0] * cells[1]:,} cells")
    top, bottom, left, right = window
    part = _ordered(values, cells, columns_first, turning)[top:bottom, left:right]
    return {}, np.where(part == _NONE, np.nan, part)


def _ordered(values: NDArray[Any], shape: list[int], columns_first: bool, turning: bool) -> NDArray[Any]:
    """Return values by row and column: they may stand by columns, or turn back at the end of each row (WMO, code table 3.4)."""
    rows, columns = shape
    cells = values.reshape(columns, rows) if columns_first else values.reshape(rows, columns)
    if turning:
        cells = cells.copy()
        cells[1::2] = cells[1::2, ::-1]
    return cells.T if columns_first else cells


@contextmanager
def _message(file: IO[bytes], offset: int) -> Iterator[int]:
    file.seek(offset)
    handle = ec.codes_grib_new_from_file(file)
    if handle is None:
        raise ValueError("no message where there was one")
    try:
        yield handle
    finally:
        ec.codes_release(handle)


_DO: dict[str, Callable[..., Answer]] = {"scan": _scan, "grid": _grid, "values": _values}


def _limited() -> None:
    """Take no more memory than a file may need."""
    try:
        import resource
    except ImportError:  # not on this system
        return
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY if hard < 0 else min(_MEMORY, hard), hard))


def main() -> None:
    """Answer requests until there are no more."""
    _limited()
    # What the library itself prints must not come between the answers.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        try:
            with open(asked.pop("path"), "rb") as file:
                head, cells = _DO[asked.pop("do")](file, **asked)
        except (ec.CodesInternalError, ValueError, OverflowError, MemoryError, OSError) as e:
            early = isinstance(e, ec.PrematureEndOfFileError)
            head, cells = {"error": "truncated" if early else " ".join(str(e).split())}, None
        if cells is not None:
            head |= {"shape": cells.shape}
        answers.write(json.dumps(head).encode() + b"\n")
        if cells is not None:
            answers.write(np.ascontiguousarray(cells, dtype=np.float64).tobytes())
        answers.flush()


if __name__ == "__main__":
    main()
