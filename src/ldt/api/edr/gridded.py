"""Queries of coverages: every answer is cells as they are stored, found by their place. Nothing is interpolated.

A place has the value of the cell that it lies in. A grid that is asked for in the CRS of the coverage has its cells; in
another CRS it is a regular grid there, whose points have the values of the cells that they lie in.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from pyproj import CRS, Geod, Transformer

from ldt.api.coverages.cells import carried, cut
from ldt.api.edr.piece import Found, Parameter, Piece, Times, label, no_times
from ldt.api.edr.request import MAX_PLACES, MAX_VALUES, Asked
from ldt.errors import TooLarge
from ldt.model.coverage import Coverage, Grid
from ldt.store import edr_cells
from ldt.store.coverages import centres
from ldt.store.crs import Crs
from ldt.timerange import Interval, parse_duration

GEOD = Geod(ellps="WGS84")
Floats = NDArray[np.float64]
#: Points of a circle that is carried into another CRS; places that are looked at on the way through a cell, so that the
#: corners that a line cuts unseen are few and small.
_AROUND, _STEPS = 72, 4


@dataclass(frozen=True, slots=True)
class _Layer:
    """A coverage with the time steps and the parameters that are asked of it."""

    coverage: Coverage
    steps: slice | None
    starts: Times
    ends: Times
    parameters: dict[str, Parameter]

    @property
    def depth(self) -> int:
        """Values of one cell."""
        return max(1, self.starts.size) * len(self.parameters)

    def read(self, rows: NDArray[np.int64], columns: NDArray[np.int64]) -> dict[str, NDArray[np.floating]]:
        """Return (t, n) by name of the parameter."""
        if rows.size * self.depth > MAX_VALUES:
            raise too_large(rows.size * self.depth)
        codes = {p.code for p in self.parameters.values()}
        bands = [b for b in self.coverage.bands if b.property in codes]
        cells = edr_cells.picked(self.coverage, bands, self.steps, rows, columns)
        return {name: cells[p.code] for name, p in self.parameters.items()}


def too_large(values: int) -> TooLarge:
    """Return the error for an answer that would have too many values."""
    return TooLarge(
        f"{values:,} values are asked for at once, the most are {MAX_VALUES:,}",
        remedy="ask for a smaller place, a shorter datetime, fewer parameters, or with resolution-x and resolution-y",
    )


def _layers(
    coverages: Sequence[Coverage], parameters: dict[str, Parameter], asked: Asked
) -> Iterator[_Layer]:
    for one in coverages:
        mine = {n: p for n, p in parameters.items() if one.band(p.code)}
        if not mine:
            continue
        starts, ends = _times(one, edr_cells.starts(one))
        first, last = chosen(starts, ends, asked.within)
        if starts.size and first == last:
            continue
        steps = slice(first, last) if one.averaging is not None or one.steps > 1 else None
        yield _Layer(one, steps, starts[first:last], ends[first:last], mine)


def _times(coverage: Coverage, starts: Times) -> tuple[Times, Times]:
    """Return beginnings and ends of what the steps of a coverage stand for, `[start, end)` each."""
    if not starts.size:
        if coverage.time_first is None:
            return no_times(), no_times()
        first = np.array([_micro(coverage.time_first)])
        return first, np.array([_micro(coverage.time_last)]) if coverage.time_last else first
    span = parse_duration(coverage.averaging) if coverage.averaging else None
    if not span:
        return starts, starts
    if span.months:
        moments = [m.replace(tzinfo=UTC) for m in starts.astype(object)]
        return starts, np.array([_micro(span.after(m)) for m in moments])
    return starts, starts + np.timedelta64(span.days * 86_400_000_000 + span.microseconds, "us")


def _micro(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")


def chosen(starts: Times, ends: Times, within: Interval | None) -> tuple[int, int]:
    """Return (first, after the last) of the times that have something in common with an interval.

    Args:
        starts: ascending; `[start, end)` is what each stands for, an instant where both are equal.
        ends: the same.
        within: both of its bounds belong to it.
    """
    if within is None:
        return 0, starts.size
    there = np.ones(starts.size, bool)
    if within.start is not None:
        start = _micro(within.start)
        there &= (ends > start) | ((starts == ends) & (starts >= start))
    if within.end is not None:
        there &= starts <= _micro(within.end)
    found = np.flatnonzero(there)
    return (int(found[0]), int(found[-1]) + 1) if found.size else (0, 0)


# Places -------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def carrier(source: str, target: str) -> Transformer:
    """Return what carries coordinates from one CRS into another, x first in both."""
    return Transformer.from_crs(source, target, always_xy=True)


def code_of(crs: Crs) -> str:
    """Return a CRS as PROJ knows it."""
    return f"EPSG:{crs.srid}"


def cells_of(grid: Grid, crs: Crs, x: Floats, y: Floats) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return row and column of the cells in which places lie; -1 outside of the grid.

    A place on the border of two cells lies in the right or lower of them, one on the outer border in the grid.
    """
    there_x, there_y = carrier(code_of(crs), grid.crs).transform(x, y)
    column, row = ~Affine(*grid.transform) @ (np.asarray(there_x), np.asarray(there_y))
    with np.errstate(invalid="ignore"):
        inside = (column >= 0) & (column <= grid.width) & (row >= 0) & (row <= grid.height)
    rows, columns = (
        np.where(inside, np.minimum(np.floor(np.where(inside, v, 0)), most - 1), -1).astype(np.int64)
        for v, most in ((row, grid.height), (column, grid.width))
    )
    return rows, columns


def position(
    coverages: Sequence[Coverage], parameters: dict[str, Parameter], asked: Asked, points: shapely.Geometry
) -> Found:
    """Return the values at some points; those that lie in no cell of a coverage are left out.

    Raises:
        TooLarge: more values than an answer may have.
    """
    x, y = shapely.get_coordinates(points).T
    pieces: list[Piece] = []
    for layer in _layers(coverages, parameters, asked):
        rows, columns = cells_of(layer.coverage.grid, asked.crs, x, y)
        inside = np.flatnonzero(rows >= 0)
        if not inside.size:
            continue
        values = layer.read(rows[inside], columns[inside])
        for n, place in enumerate(inside):
            mine = {name: v[:, n] for name, v in values.items()}
            pieces.append(_piece("point", layer, x[place : place + 1], y[place : place + 1], mine))
    return _bounded(Found(asked.crs, parameters, pieces))


def _piece(kind: Any, layer: _Layer, x: Floats, y: Floats, values: Any, **about: Any) -> Piece:
    return Piece(kind, label(layer.coverage), x, y, layer.starts, layer.ends, values, about)


def _bounded(found: Found) -> Found:
    if found.size > MAX_VALUES:
        raise too_large(found.size)
    return found


def trajectory(
    coverages: Sequence[Coverage], parameters: dict[str, Parameter], asked: Asked, legs: Sequence[Floats]
) -> Found:
    """Return the values of the cells along lines, in their order.

    Args:
        coverages: of what.
        parameters: which.
        asked: when, and in which CRS.
        legs: for each line (x, y, m) of its vertices. Where m is given it is the time at which each place is looked at; a
            place where no step of the coverage holds at that time has no value.

    Raises:
        TooLarge: more places or values than an answer may have.
    """
    pieces: list[Piece] = []
    for layer in _layers(coverages, parameters, asked):
        for leg in legs:
            found = _along(layer.coverage.grid, asked.crs, leg)
            if found is None or not (found[3] >= 0).any():
                continue
            x, y, m, rows, columns = (a[found[3] >= 0] for a in found)
            if np.isnan(m).any():
                pieces.append(_piece("line", layer, x, y, layer.read(rows, columns)))
            elif piece := _track(layer, x, y, m, rows, columns):
                pieces.append(piece)
    return _bounded(Found(asked.crs, parameters, pieces))


def _along(grid: Grid, crs: Crs, leg: Floats) -> tuple[Any, ...] | None:
    """Return x, y, m, row, column of the places where a line is in the middle of its way through each cell; None outside."""
    parts: list[Floats] = []
    for first, last in pairwise(leg):
        for stretch in _stretches(grid, crs, first, last):
            parts.append(stretch)
            if sum(map(len, parts)) > _STEPS * MAX_PLACES:
                raise TooLarge(f"the line crosses more than {MAX_PLACES:,} cells", where="coords", remedy="ask for a shorter one")  # fmt: skip
    if not parts:
        return None
    steps = np.vstack(parts)
    rows, columns = cells_of(grid, crs, steps[:, 0], steps[:, 1])
    change = (np.diff(rows) != 0) | (np.diff(columns) != 0)
    firsts = np.concatenate([[0], np.flatnonzero(change) + 1])
    lasts = np.concatenate([firsts[1:] - 1, [len(steps) - 1]])
    middle = (steps[firsts] + steps[lasts]) / 2
    return middle[:, 0], middle[:, 1], middle[:, 2], rows[firsts], columns[firsts]


def _stretches(grid: Grid, crs: Crs, first: Floats, last: Floats) -> Iterator[Floats]:
    """Yield the parts of a straight line that come near a grid, as (x, y, m) of places a quarter of a cell apart."""
    carry = carrier(code_of(crs), grid.crs)
    a, _, c, _, e, f = grid.transform
    cell = min(abs(a), abs(e))
    (x0, x1), (y0, y1) = carry.transform([first[0], last[0]], [first[1], last[1]])
    way = math.hypot(x1 - x0, y1 - y0)
    # First in stretches of a hundred cells: most of a long line lies elsewhere.
    number = min(max(1, math.ceil(way / cell / 100)), 20_000) if math.isfinite(way) else 1000
    ends = np.linspace(first, last, number + 1)
    x, y = (np.asarray(v) for v in carry.transform(ends[:, 0], ends[:, 1]))
    with np.errstate(invalid="ignore"):
        west, east = np.minimum(x[:-1], x[1:]), np.maximum(x[:-1], x[1:])
        south, north = np.minimum(y[:-1], y[1:]), np.maximum(y[:-1], y[1:])
        near = (east >= c) & (west <= c + a * grid.width) & (north >= f + e * grid.height) & (south <= f)
        length = np.hypot(x[1:] - x[:-1], y[1:] - y[:-1])
    for n in np.flatnonzero(near & np.isfinite(length)):
        steps = min(max(1, math.ceil(_STEPS * length[n] / cell)), _STEPS * MAX_PLACES + 1)
        yield np.linspace(ends[n], ends[n + 1], steps + 1)


def _track(
    layer: _Layer, x: Floats, y: Floats, m: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> Piece | None:
    """Return the values at places, each at the time that m says; None if no step holds at any of them."""
    moments = np.datetime64(0, "us") + np.round(m * 1e6).astype("timedelta64[us]")
    if not layer.starts.size:
        return None
    step = np.searchsorted(layer.starts, moments, side="right") - 1
    holds = (step >= 0) & (
        (moments < layer.ends[step]) | ((layer.starts[step] == layer.ends[step]) & (moments == layer.starts[step]))
    )  # fmt: skip
    if not holds.any():
        return None
    first, last = int(step[holds].min()), int(step[holds].max()) + 1
    if layer.steps is None:
        needed = layer
    else:
        steps = slice(layer.steps.start + first, layer.steps.start + last)
        needed = replace(layer, steps=steps, starts=layer.starts[first:last], ends=layer.ends[first:last])
    values = needed.read(rows, columns)
    at = np.arange(rows.size)
    mine = {
        n: np.where(holds, v[np.clip(step - first, 0, len(v) - 1), at], np.nan) for n, v in values.items()
    }
    piece = _piece("track", layer, x, y, mine)
    return replace(piece, starts=moments, ends=moments)


# Grids --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Region:
    """A part of the plane in the CRS of the answer.

    Attributes:
        bounds: left, bottom, right, top.
        inside: tells of places whether they belong to it; None where all within the bounds do.
    """

    bounds: tuple[float, float, float, float]
    inside: Callable[[Floats, Floats], NDArray[np.bool_]] | None = None


def of_polygon(area: shapely.Geometry) -> Region:
    """Return the region of a polygon; a cell belongs to it if its middle lies in it or on its border."""
    shapely.prepare(area)
    return Region(area.bounds, lambda x, y: shapely.intersects_xy(area, x, y))


def of_circle(middle: shapely.Geometry, metres: float, crs: Crs) -> list[Region]:
    """Return the region within a geodesic distance of a point, for each point of a multipoint."""
    out, back = carrier(code_of(crs), "EPSG:4326"), carrier("EPSG:4326", code_of(crs))
    found = []
    for x, y in shapely.get_coordinates(middle):
        lon, lat = out.transform(x, y)
        n = _AROUND
        ring = GEOD.fwd(np.full(n, lon), np.full(n, lat), np.linspace(0, 360, n), np.full(n, metres * 1.01))
        around_x, around_y = (np.asarray(v) for v in back.transform(ring[0], ring[1]))

        def near(px: Floats, py: Floats, lon: float = lon, lat: float = lat) -> NDArray[np.bool_]:
            there = out.transform(px, py)
            away = GEOD.inv(np.full(px.shape, lon), np.full(px.shape, lat), *there)[2]
            return np.asarray(away) <= metres

        west, south, east, north = around_x.min(), around_y.min(), around_x.max(), around_y.max()
        found.append(Region((float(west), float(south), float(east), float(north)), near))
    return found


def gridded(
    coverages: Sequence[Coverage],
    parameters: dict[str, Parameter],
    asked: Asked,
    regions: Sequence[Region],
    resolution: tuple[int | None, int | None] = (None, None),
) -> Found:
    """Return the cells of coverages in some regions.

    Args:
        coverages: of what.
        parameters: which.
        asked: when, and in which CRS.
        regions: where; outside of a region, but within its bounds, there are no values.
        resolution: positions along x and y, both ends of the bounds included; 0 is every cell; None is every cell, or
            where those would be more than an answer may have, every second, third and so on.

    Raises:
        TooLarge: more values than an answer may have.
    """
    pieces: list[Piece] = []
    left = MAX_VALUES
    layers = list(_layers(coverages, parameters, asked))
    for layer in layers:
        for region in regions:
            share = left // max(1, len(layers) * len(regions))
            if axes := _axes(layer.coverage.grid, asked.crs, region, resolution, share // layer.depth):
                x, y, every = axes
                if piece := _cells(layer, asked.crs, region, x, y, every):
                    pieces.append(piece)
    return _bounded(Found(asked.crs, parameters, pieces))


def _cells(layer: _Layer, crs: Crs, region: Region, x: Floats, y: Floats, every: int) -> Piece | None:
    if x.size * y.size * layer.depth > MAX_VALUES:
        raise too_large(x.size * y.size * layer.depth)
    px, py = (a.ravel() for a in np.meshgrid(x, y))
    rows, columns = cells_of(layer.coverage.grid, crs, px, py)
    if region.inside is not None:
        rows = np.where(region.inside(px, py), rows, -1)
    if not (rows >= 0).any():
        return None
    shape = (max(1, layer.starts.size), y.size, x.size)
    values = {name: v.reshape(shape) for name, v in layer.read(rows, columns).items()}
    return _piece("grid", layer, x, y, values, **({"ldt:everyCell": every} if every > 1 else {}))


def _axes(
    grid: Grid, crs: Crs, region: Region, resolution: tuple[int | None, int | None], most: int
) -> tuple[Floats, Floats, int] | None:
    """Return x ascending, y descending, and of how many cells along each side one is taken; None outside of the grid."""
    target = _regular(grid, code_of(crs))
    part = cut(target, region.bounds)
    if part is None:
        return None
    x, y = centres(target)
    x, y = x[part.left : part.right], y[part.top : part.bottom]
    every = 1
    if resolution == (None, None) and x.size * y.size > most:
        every = math.ceil(math.sqrt(x.size * y.size / max(1, most)))
        x, y = x[every // 2 :: every], y[every // 2 :: every]
    west, south, east, north = region.bounds
    if resolution[0]:
        x = np.linspace(west, east, resolution[0])
    if resolution[1]:
        y = np.linspace(north, south, resolution[1])
    if not (x.size and y.size):
        return None
    # What is told of a place is what lies there: it is looked for where it is said to be.
    return np.round(x, crs.digits), np.round(y, crs.digits), every


@lru_cache(maxsize=64)
def _regular(grid: Grid, crs: str) -> Grid:
    """Return the grid itself, or in another CRS one that covers it with cells of about the same size."""
    own, other = CRS.from_user_input(grid.crs), CRS.from_user_input(crs)
    if own.equals(other, ignore_axis_order=True):
        return grid
    a, _, c, _, e, f = grid.transform
    bounds = (c, f + e * grid.height, c + a * grid.width, f)
    west, south, east, north = carried(bounds, grid.crs, crs)
    # Square cells, as many along the diagonal as before: so GDAL's warp chooses them too.
    size = math.hypot(east - west, north - south) / math.hypot(grid.width, grid.height)
    width, height = math.ceil((east - west) / size), math.ceil((north - south) / size)
    return Grid(crs, width, height, (size, 0.0, west, 0.0, -size, north))
