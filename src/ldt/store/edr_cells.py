"""Cells of coverages by row and column, for many time steps: read tile by tile, so that memory stays bounded.

The files are read by the libraries that wrote them, rasterio and zarr: to open one as an xarray dataset takes ten times as long
as to read the few cells of a query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import zarr
from numpy.typing import NDArray
from rasterio.windows import Window

from ldt.model.coverage import COG, Band, Coverage
from ldt.store.coverages import existing

#: Cells along each side of what is read at once, as the files are tiled; and cells that are held at once.
_TILE, _HELD = 256, 4_000_000

Numbers = NDArray[np.floating]
Index = NDArray[np.integer]

#: The cells (step, row, column) of a band, by its place among the bands, from slices of steps, rows and columns.
_Read = Callable[[int, slice, slice, slice], NDArray[Any]]


def starts(coverage: Coverage) -> NDArray[np.datetime64]:
    """Return the beginnings of the time steps of a coverage, in UTC (`datetime64[us]`); none where there is no time axis.

    Raises:
        StoreError: the file store does not have it.
    """
    if coverage.media_type == COG:
        return np.empty(0, "datetime64[us]")
    return _starts(existing(coverage))


@lru_cache(maxsize=128)
def _starts(place: Path) -> NDArray[np.datetime64]:
    # What is at a place stays as it is: its name has the digest. Times are written as seconds (`write_zarr`).
    seconds = np.asarray(zarr.open_array(place / "time", mode="r")[:]).astype("timedelta64[s]")
    found = (np.datetime64(0, "us") + seconds).astype("datetime64[us]")
    found.flags.writeable = False
    return found


def picked(
    coverage: Coverage, bands: Sequence[Band], steps: slice | None, rows: Index, columns: Index
) -> dict[str, Numbers]:
    """Return the values of some cells.

    Args:
        coverage: of which they are.
        bands: which variables.
        steps: which time steps; None where there is no time axis.
        rows: which cells, (n,); below 0 where there is none.
        columns: the same.

    Returns:
        By observed property an array (steps, n), or (1, n) where there is no time axis: floats, NaN where there is no
        cell or no value; classes are whole numbers.

    Raises:
        StoreError: the file store does not have it.
    """
    there = np.flatnonzero((rows >= 0) & (columns >= 0))
    taken = steps or slice(0, 1)
    found = {}
    with _opened(coverage) as read:
        for band in bands:
            values = np.full((taken.stop - taken.start, rows.size), np.nan, _type(band))
            for some in _tiles(rows, columns, there):
                _fill(values, some, read, coverage.bands.index(band), band, taken, rows[some], columns[some])
            found[band.property] = values
    return found


def _type(band: Band) -> type[np.floating]:
    """Return the type that holds every value of a band exactly, and NaN."""
    exact = band.vocabulary is not None or np.dtype(band.dtype).itemsize > (4 if "float" in band.dtype else 2)
    return np.float64 if exact else np.float32


@contextmanager
def _opened(coverage: Coverage) -> Iterator[_Read]:
    place = existing(coverage)
    if coverage.media_type == COG:
        with rasterio.open(place) as file:

            def cog(band: int, steps: slice, rows: slice, columns: slice) -> NDArray[Any]:
                window = Window.from_slices(rows, columns)
                return np.asarray(file.read(band + 1, window=window))[None]

            yield cog
        return
    arrays = [zarr.open_array(place / band.property, mode="r") for band in coverage.bands]
    yield lambda band, steps, rows, columns: np.asarray(arrays[band][steps, rows, columns])


def _tiles(rows: Index, columns: Index, there: Index) -> Iterator[Index]:
    """Yield the positions in `there`, tile by tile."""
    if not there.size:
        return
    across = columns[there].max() // _TILE + 1
    tile = rows[there] // _TILE * across + columns[there] // _TILE
    order = np.argsort(tile, kind="stable")
    yield from np.split(there[order], np.flatnonzero(np.diff(tile[order])) + 1)


def _fill(
    values: Numbers,
    where: Index,
    read: _Read,
    number: int,
    band: Band,
    steps: slice,
    rows: Index,
    columns: Index,
) -> None:
    """Put the values of the cells of one tile where they belong."""
    top, left = int(rows.min()), int(columns.min())
    down, across = slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1)
    # As many steps at once as may be held.
    held = max(1, _HELD // ((down.stop - top) * (across.stop - left)))
    for begin in range(steps.start, steps.stop, held):
        end = min(begin + held, steps.stop)
        cells = read(number, slice(begin, end), down, across)[:, rows - top, columns - left]
        numbers = cells.astype(values.dtype)
        if band.nodata is not None:
            numbers[cells == band.nodata] = np.nan
        values[begin - steps.start : end - steps.start, where] = numbers
