"""Pictures of coverages, in EPSG:3857 unless another CRS is asked for, and the legend that says what the colours mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.warp import reproject
from rasterio.windows import Window

from ldt.api.coverages.cells import Cut, asked_steps, beginnings, box_of, carried, colour, cut
from ldt.api.coverages.client import Concepts
from ldt.api.coverages.request import DEFAULT_SIDE, MAX_SIDE
from ldt.api.parameters import Box
from ldt.model.coverage import COG, Band, Coverage
from ldt.store import coverages
from ldt.timerange import Interval

MERCATOR = "EPSG:3857"
#: The latitude at which the map of EPSG:3857 is a square.
_LAST_LATITUDE = 85.0511287798066
#: viridis, in nine equal steps: as light as the number is high, also for those who do not tell red from green
#: (S. van der Walt, N. Smith, 2015; CC0).
RAMP = (*("#440154", "#472d7b", "#3b528b", "#2c728e", "#21908c", "#27ad81", "#5dc863", "#aadc32", "#fde725"),)
#: Cells along each side, and time steps, that the range of a legend is found from.
_SAMPLE, _SAMPLE_STEPS = 256, 12


def legend(coverage: Coverage, band: Band, concepts: Concepts) -> dict[str, Any]:
    """Return what the colours of a band mean.

    Returns:
        `kind` `classes` with `entries` of (`value`, `label`, `color`), in the colours of the vocabulary; or `ramp`
        with `entries` of (`value`, `color`) between which colours are interpolated. What is beyond them has the last colour.
    """
    found: dict[str, Any] = {"property": band.property, "unit": band.unit}
    if band.vocabulary is not None:
        entries = [{"value": int(c["code"]), "label": c["label"], "color": colour(c)} for c in concepts]
        return {**found, "kind": "classes", "vocabulary": band.vocabulary, "entries": entries}
    low, high = _range(coverage, band)
    values = np.linspace(low, high, len(RAMP))
    entries = [{"value": float(f"{v:.6g}"), "color": c} for v, c in zip(values, RAMP, strict=True)]
    return {**found, "kind": "ramp", "entries": entries}


def _range(coverage: Coverage, band: Band) -> tuple[float, float]:
    """Return the numbers that the ends of the ramp stand for; they do not depend on the part or time that is shown."""
    if band.unit == "%":
        return 0.0, 100.0
    low, high = _sampled(_Sample(coverage.digest, band.property, coverage, band)) or (0.0, 1.0)
    if low == high:
        return low - 0.5, high + 0.5
    # Outwards to round numbers.
    unit = 10.0 ** math.floor(math.log10((high - low) / 2))
    return math.floor(low / unit) * unit, math.ceil(high / unit) * unit


@dataclass(frozen=True)
class _Sample:
    """A band, told apart by the digest of its file: what has that never changes."""

    digest: str
    property: str
    coverage: Coverage = field(compare=False)
    band: Band = field(compare=False)


@lru_cache(maxsize=256)
def _sampled(sample: _Sample) -> tuple[float, float] | None:
    """Return the least and the greatest of some cells of a band; None if none of them has a number."""
    grid, last = sample.coverage.grid, sample.coverage.steps - 1
    everything = Cut(0, grid.height, 0, grid.width)
    lows, highs = [], []
    with _opened(sample.coverage, sample.band) as read:
        for step in sorted({round(x) for x in np.linspace(0, last, _SAMPLE_STEPS)}):
            cells = read(everything, step, (_SAMPLE, _SAMPLE))[0].compressed()
            if len(cells):
                lows.append(float(cells.min()))
                highs.append(float(cells.max()))
    return (min(lows), max(highs)) if lows else None


#: From (part, step, most rows and columns) to the cells, thinned out, and where they lie.
_Read = Callable[[Cut, int, tuple[int, int]], tuple["np.ma.MaskedArray[Any, Any]", Affine]]


@contextmanager
def _opened(coverage: Coverage, band: Band) -> Iterator[_Read]:
    """Give a function that reads parts of a band, no more of it than a picture can show."""
    if coverage.media_type == COG:
        with rasterio.open(coverages.existing(coverage)) as source:
            yield partial(_from_cog, coverage, source, coverage.bands.index(band) + 1)
    else:
        with coverages.opened(coverage) as cube:
            yield partial(_from_cube, coverage, band, cube[band.property])


def _from_cog(
    coverage: Coverage, source: Any, number: int, part: Cut, step: int, most: tuple[int, int]
) -> tuple[np.ma.MaskedArray[Any, Any], Affine]:
    shape = min(part.height, most[0]), min(part.width, most[1])
    # From the overviews of the file: averages of numbers, the nearest of classes.
    window = Window(part.left, part.top, part.width, part.height)
    cells = source.read(number, window=window, out_shape=shape, masked=True)
    scale = Affine.scale(part.width / shape[1], part.height / shape[0])
    return np.ma.masked_invalid(cells), part.transform(coverage.grid) @ scale


def _from_cube(
    coverage: Coverage, band: Band, cube: xr.DataArray, part: Cut, step: int, most: tuple[int, int]
) -> tuple[np.ma.MaskedArray[Any, Any], Affine]:
    down, across = -(-part.height // most[0]), -(-part.width // most[1])
    rows, columns = slice(part.top, part.bottom, down), slice(part.left, part.right, across)
    values = cube.isel(time=step, y=rows, x=columns).to_numpy()
    cells = np.ma.masked_invalid(values)
    if band.vocabulary is not None and band.nodata is not None:
        cells = np.ma.masked_equal(values, band.nodata)
    return cells, part.transform(coverage.grid) @ Affine.scale(across, down)


# Pictures -----------------------------------------------------------------------------------------------------


def mercator(box: Box) -> Box:
    """Return a rectangle in degrees as metres of EPSG:3857; what no map of it shows is cut off."""
    west, south, east, north = box
    south, north = max(south, -_LAST_LATITUDE), min(north, _LAST_LATITUDE)
    return carried((west, south, east, north), "OGC:CRS84", MERCATOR)


def whole(coverage: Coverage) -> Box:
    """Return the bounds in EPSG:3857 of a picture of everything."""
    west, south, east, north = box_of(coverage, "OGC:CRS84")
    return mercator((max(west, -180.0), south, min(east, 180.0), north))


def corners(bounds: Box) -> list[list[float]]:
    """Return longitude and latitude of the corners of a picture: upper left, upper right, lower right, lower left."""
    west, south, east, north = carried(bounds, MERCATOR, "OGC:CRS84")
    return [[west, north], [east, north], [east, south], [west, south]]


def size(bounds: Box, width: int | None, height: int | None) -> tuple[int, int]:
    """Return (width, height) of a picture: what is not given follows from the other and the shape of the bounds."""
    ratio = (bounds[2] - bounds[0]) / (bounds[3] - bounds[1])
    if width is None and height is None:
        width = DEFAULT_SIDE if ratio >= 1 else None
        height = DEFAULT_SIDE if ratio < 1 else None
    found = width or round((height or 0) * ratio), height or round((width or 0) / ratio)
    return min(max(found[0], 1), MAX_SIDE), min(max(found[1], 1), MAX_SIDE)


def step_of(coverage: Coverage, within: Interval | None) -> int:
    """Return the time step that a picture shows: the first that begins in an interval, the last without one.

    Raises:
        UsageError: none begins there; or without a time axis, the coverage stands for another time.
    """
    if coverage.steps == 1:
        asked_steps(coverage, [], within)
        return 0
    with coverages.opened(coverage) as cube:
        steps = asked_steps(coverage, beginnings(cube), within)
    return int(steps.start if within else steps.stop - 1)


def draw(
    coverage: Coverage,
    band: Band,
    step: int,
    bounds: Box,
    shape: tuple[int, int],
    colours: dict[str, Any],
    crs: str = MERCATOR,
) -> bytes:
    """Return a picture as PNG: each point has the colour of the cell under it, none where there is no data.

    Args:
        coverage: what is shown.
        band: of which band.
        step: of which time step, counted from 0.
        bounds: the rectangle in `crs`, x first.
        shape: (width, height) in points.
        colours: what :func:`legend` says.
        crs: of the picture.
    """
    width, height = shape
    across, down = (bounds[2] - bounds[0]) / width, (bounds[3] - bounds[1]) / height
    place = Affine(across, 0, bounds[0], 0, -down, bounds[3])
    part = _under(coverage, carried(bounds, crs, "OGC:CRS84"))
    if part is None:
        return _png(np.zeros((4, height, width), np.uint8), place)
    with _opened(coverage, band) as read:
        # Twice as fine as the picture, since the cells lie at an angle to it.
        cells, transform = read(part, step, (2 * height, 2 * width))
    target = np.zeros((height, width), "float64")
    reproject(
        np.ma.filled(cells.astype("float64"), np.nan),
        target,
        src_transform=transform,
        src_crs=coverage.grid.crs,
        src_nodata=np.nan,
        dst_transform=place,
        dst_crs=crs,
        dst_nodata=np.nan,
        init_dest_nodata=True,
        resampling=Resampling.nearest,
    )
    return _png(_coloured(target, colours), place)


def _under(coverage: Coverage, box: Box) -> Cut | None:
    """Return the cells under a rectangle in degrees; None if there are none.

    Of it only what the coverage has is carried into the CRS of the grid, where the rest of the world may have no place.
    """
    own = box_of(coverage, "OGC:CRS84")
    west, south = max(box[0], own[0]), max(box[1], own[1])
    east, north = min(box[2], own[2]), min(box[3], own[3])
    if west >= east or south >= north:
        return None
    return cut(coverage.grid, carried((west, south, east, north), "OGC:CRS84", coverage.grid.crs))


def _coloured(values: NDArray[np.float64], colours: dict[str, Any]) -> NDArray[np.uint8]:
    """Return (red, green, blue, opacity) of values, (4, height, width)."""
    entries = sorted(colours["entries"], key=lambda one: float(one["value"]))
    known = np.array([one["value"] for one in entries], "float64")
    rgb = np.array([_rgb(one["color"]) for one in entries], "float64")
    there = np.isfinite(values)
    found = np.zeros((4, *values.shape), np.uint8)
    safe = np.where(there, values, known[0])
    if colours["kind"] == "classes":
        place = np.clip(np.searchsorted(known, safe), 0, len(known) - 1)
        there &= known[place] == safe
        found[:3] = np.moveaxis(rgb[place], -1, 0)
    else:
        for channel in range(3):
            found[channel] = np.round(np.interp(safe, known, rgb[:, channel]))
    found[:3, ~there] = 0
    found[3] = np.where(there, 255, 0)
    return found


def _rgb(colour: str) -> tuple[int, int, int]:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _png(channels: NDArray[np.uint8], place: Affine) -> bytes:
    _, height, width = channels.shape
    with rasterio.MemoryFile() as memory:
        with memory.open(
            driver="PNG", width=width, height=height, count=4, dtype="uint8", transform=place
        ) as target:
            target.write(channels)
        return bytes(memory.read())
