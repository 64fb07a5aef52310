"""Cutting: which cells, steps and bands of a coverage were asked for, and the file that they become.

Files are read by windows; what is cut out is bounded by `MAX_CELLS`.
"""

from __future__ import annotations

import math
import tempfile
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from ldt.api.coverages.client import Concepts
from ldt.api.coverages.request import MAX_CELLS
from ldt.api.parameters import Box
from ldt.errors import TooLarge, UsageError
from ldt.model.coverage import Band, Coverage, Grid
from ldt.store import coverages
from ldt.timerange import Interval, format_instant

#: Points between two corners of a box when it is carried into another CRS: straight lines there are bent here.
DENSE = 21
#: The colour of classes that their vocabulary gives none.
GREY = "#808080"
#: UCUM codes that UDUNITS, which the CF Conventions name units by, writes otherwise.
UDUNITS = {"Cel": "degree_Celsius"}


@dataclass(frozen=True, slots=True)
class Cut:
    """Rows and columns of a grid, `[first, last)` each."""

    top: int
    bottom: int
    left: int
    right: int

    @property
    def height(self) -> int:
        """Rows."""
        return self.bottom - self.top

    @property
    def width(self) -> int:
        """Columns."""
        return self.right - self.left

    def transform(self, grid: Grid) -> Affine:
        """Return the transformation from (column, row) of the cut to (x, y)."""
        return Affine(*grid.transform) @ Affine.translation(self.left, self.top)


def cut(grid: Grid, bounds: Box | None) -> Cut | None:
    """Return the cells of a grid that a rectangle touches.

    Args:
        grid: with x ascending and y descending.
        bounds: left, bottom, right, top in the grid's CRS; None is everything.

    Returns:
        None if it touches none.
    """
    if bounds is None:
        return Cut(0, grid.height, 0, grid.width)
    back = ~Affine(*grid.transform)
    (first_column, first_row), (last_column, last_row) = (
        back @ (bounds[0], bounds[3]),
        back @ (bounds[2], bounds[1]),
    )
    left, right = max(0, math.floor(first_column)), min(grid.width, math.ceil(last_column))
    top, bottom = max(0, math.floor(first_row)), min(grid.height, math.ceil(last_row))
    return Cut(top, bottom, left, right) if left < right and top < bottom else None


def box_of(coverage: Coverage, to: str) -> Box:
    """Return the bounds of a coverage's cells in another CRS, x first."""
    a, _, c, _, e, f = coverage.grid.transform
    own = (c, f + e * coverage.grid.height, c + a * coverage.grid.width, f)
    return carried(own, coverage.grid.crs, to)


def carried(box: Box, source: str, target: str) -> Box:
    """Return the bounds in another CRS of a rectangle, its sides bent as they are there; x first in both."""
    found: Box = transform_bounds(source, target, *box, densify_pts=DENSE)
    return found


def asked_cut(coverage: Coverage, box: Box | None) -> Cut:
    """Return the cells that a bbox parameter asks for; raises UsageError if there are none."""
    bounds = carried(box, "OGC:CRS84", coverage.grid.crs) if box else None
    found = cut(coverage.grid, bounds)
    if found is None:
        there = ",".join(f"{x:.6g}" for x in box_of(coverage, "OGC:CRS84"))
        raise UsageError(
            f"bbox lies outside {coverage.id}", where="bbox", remedy=f"it has cells within {there}"
        )
    return found


def asked_bands(coverage: Coverage, observed_property: str | None) -> tuple[Band, ...]:
    """Return the bands that a property parameter asks for; raises UsageError if there is none."""
    if observed_property is None:
        return coverage.bands
    band = coverage.band(observed_property)
    if band is None:
        there = ", ".join(b.property for b in coverage.bands)
        raise UsageError(
            f"{coverage.id} has no band of {observed_property!r}",
            where="property",
            remedy=f"it has: {there}",
        )
    return (band,)


def asked_steps(coverage: Coverage, times: Sequence[datetime], within: Interval | None) -> slice:
    """Return the time steps that begin in an interval.

    Args:
        coverage: of which they are.
        times: beginnings of its steps, ascending; none where there is no time axis.
        within: what a datetime parameter asks for.

    Raises:
        UsageError: none begins there; or without a time axis, the coverage stands for another time.
    """
    if within is None:
        return slice(0, len(times))
    start, end = within.start, within.end
    if times:
        first = next((i for i, t in enumerate(times) if start is None or t >= start), len(times))
        last = sum(end is None or t <= end for t in times)
        if first < last:
            return slice(first, last)
    else:
        early = end is not None and coverage.time_first is not None and end < coverage.time_first
        late = start is not None and coverage.time_last is not None and start >= coverage.time_last
        if not early and not late:
            return slice(0, 0)
    bounds = (coverage.time_first, coverage.time_last)
    there = "/".join(format_instant(m) if m else ".." for m in bounds)
    raise UsageError(
        f"{coverage.id} has nothing of that time", where="datetime", remedy=f"it stands for {there}"
    )


def beginnings(cells: xr.Dataset) -> list[datetime]:
    """Return the beginnings of the time steps of an opened coverage (UTC); none where there is no time axis."""
    if "time" not in cells.dims:
        return []
    micro = cells["time"].to_numpy().astype("datetime64[us]")
    return [moment.replace(tzinfo=UTC) for moment in micro.astype(object)]


def _bounded(cells: int) -> None:
    if cells > MAX_CELLS:
        raise TooLarge(
            f"{cells:,} cells are asked for at once, the most that are cut out is {MAX_CELLS:,}",
            remedy="ask for a part with bbox, datetime or property",
        )


def geotiff(coverage: Coverage, bands: Sequence[Band], part: Cut) -> bytes:
    """Return cells of a coverage without a time axis as a GeoTIFF file, in their stored type.

    Raises:
        TooLarge: more than `MAX_CELLS`.
    """
    _bounded(part.width * part.height * len(bands))
    numbers = [coverage.bands.index(b) + 1 for b in bands]
    with rasterio.open(coverages.existing(coverage)) as source:
        cells = source.read(numbers, window=Window(part.left, part.top, part.width, part.height))
        profile = {
            "driver": "GTiff",
            "width": part.width,
            "height": part.height,
            "count": len(bands),
            "dtype": cells.dtype,
            "crs": source.crs,
            "transform": part.transform(coverage.grid),
            "nodata": source.nodata,
            "compress": "deflate",
        }
    with rasterio.MemoryFile() as memory:
        with memory.open(**profile) as target:
            target.write(cells)
            for number, band in enumerate(bands, 1):
                target.set_band_description(number, band.property)
                target.set_band_unit(number, band.unit)
        return bytes(memory.read())


def zarr(
    coverage: Coverage,
    bands: Sequence[Band],
    part: Cut,
    within: Interval | None,
    classes: Mapping[str, Concepts],
    about: Mapping[str, str],
    target: Path,
) -> None:
    """Write cells of a coverage as Zarr (version 3) in one ZIP file, with the attributes of the CF Conventions 1.11.

    Args:
        coverage: of which they are.
        bands: which.
        part: which.
        within: of a time axis, the steps that begin in it.
        classes: concepts of its vocabularies.
        about: attributes of the group.
        target: the file to write.

    Raises:
        UsageError: nothing is of that time.
        TooLarge: more than `MAX_CELLS`.
        StoreError: the file store does not have the coverage.
    """
    with coverages.opened(coverage) as whole:
        times = beginnings(whole)
        steps = asked_steps(coverage, times, within)
        _bounded(part.width * part.height * len(bands) * max(1, steps.stop - steps.start))
        found = whole[[b.property for b in bands]].isel(
            x=slice(part.left, part.right), y=slice(part.top, part.bottom)
        )
        if times:
            found = found.isel(time=steps)
        found = found.load()
    found = found.rio.write_transform(part.transform(coverage.grid))
    found.attrs = {"Conventions": "CF-1.11", **about}
    for band in bands:
        found[band.property].attrs |= _described(band, classes)
        found[band.property].encoding = {}  # how the source was packed
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        found.to_zarr(folder, mode="w", zarr_format=3, consolidated=False)
        # Stored, not packed a second time: readers can take chunks out of it as they are.
        with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
            for file in sorted(p for p in Path(folder).rglob("*") if p.is_file()):
                archive.write(file, file.relative_to(folder))


def colour(concept: Mapping[str, Any]) -> str:
    """Return the colour of a class, as `#rrggbb`."""
    return str(concept["properties"].get("hex", GREY))


def _described(band: Band, classes: Mapping[str, Concepts]) -> dict[str, Any]:
    if band.vocabulary is None:
        return {"units": UDUNITS.get(band.unit, band.unit)}
    limits = np.iinfo(band.dtype)
    fitting = (c for c in classes[band.vocabulary] if limits.min <= int(c["code"]) <= limits.max)
    there = sorted(fitting, key=lambda c: int(c["code"]))
    labels = [c["label"].get("en", c["code"]) for c in there]
    return {
        "flag_values": np.array([int(c["code"]) for c in there], band.dtype),
        # Parted by blanks, so that a meaning is one word (CF 1.11, section 3.5).
        "flag_meanings": " ".join("_".join(label.replace(",", "").split()) for label in labels),
        # Not of CF, but as the land cover maps of ESA's Climate Change Initiative have them.
        "flag_colors": " ".join(colour(c) for c in there),
    }
