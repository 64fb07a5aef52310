"""Cells of coverages by row and column, for many time steps: read tile by tile, so that memory stays bounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ldt.model.coverage import COG, Band, Coverage
from ldt.store.coverages import opened

#: Cells along each side of what is read at once, as the files are tiled; and cells that are held at once.
_TILE, _HELD = 256, 4_000_000

Numbers = NDArray[np.floating]
Index = NDArray[np.integer]


def starts(coverage: Coverage) -> NDArray[np.datetime64]:
    """Return the beginnings of the time steps of a coverage, in UTC (`datetime64[us]`); none where there is no time axis.

    Raises:
        StoreError: the file store does not have it.
    """
    if coverage.media_type == COG:
        return np.empty(0, "datetime64[us]")
    with opened(coverage) as cells:
        return beginnings(cells)


def beginnings(cells: xr.Dataset) -> NDArray[np.datetime64]:
    """Return the beginnings of the time steps of opened cells, in UTC (`datetime64[us]`)."""
    if "time" not in cells.dims:
        return np.empty(0, "datetime64[us]")
    return cells["time"].to_numpy().astype("datetime64[us]")


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
    number = 1 if steps is None else steps.stop - steps.start
    found = {}
    with opened(coverage) as cells:
        for band in bands:
            whole = cells[band.property]
            exact = band.vocabulary is not None or whole.dtype.itemsize > 4
            values = np.full((number, rows.size), np.nan, np.float64 if exact else np.float32)
            for some in _tiles(rows, columns, there):
                _read(whole, band, steps, rows[some], columns[some], values, some)
            found[band.property] = values
    return found


def _tiles(rows: Index, columns: Index, there: Index) -> Iterator[Index]:
    """Yield the positions in `there`, tile by tile."""
    if not there.size:
        return
    across = columns[there].max() // _TILE + 1
    tile = rows[there] // _TILE * across + columns[there] // _TILE
    order = np.argsort(tile, kind="stable")
    yield from np.split(there[order], np.flatnonzero(np.diff(tile[order])) + 1)


def _read(
    whole: xr.DataArray,
    band: Band,
    steps: slice | None,
    rows: Index,
    columns: Index,
    values: Numbers,
    where: Index,
) -> None:
    top, left = int(rows.min()), int(columns.min())
    window = whole.isel(y=slice(top, int(rows.max()) + 1), x=slice(left, int(columns.max()) + 1))
    if steps is None:
        values[0, where] = _numbers(window.to_numpy()[rows - top, columns - left], band)
        return
    # As many steps at once as may be held; whole parts of the file, which are so many steps long.
    held = max(1, _HELD // (window.sizes["y"] * window.sizes["x"]))
    for begin in range(steps.start, steps.stop, held):
        end = min(begin + held, steps.stop)
        block = window.isel(time=slice(begin, end)).to_numpy()
        values[begin - steps.start : end - steps.start, where] = _numbers(
            block[:, rows - top, columns - left], band
        )


def _numbers(cells: NDArray[np.generic], band: Band) -> Numbers:
    """Return cells as numbers, NaN where the band says that there is none."""
    exact = band.vocabulary is not None or cells.dtype.itemsize > 4
    numbers: Numbers = cells.astype(np.float64 if exact else np.float32)
    if band.nodata is not None and not np.isnan(band.nodata):
        numbers[cells == band.nodata] = np.nan
    return numbers
