"""Variables over axes, as the Climate and Forecast conventions (CF 1.11) describe them, made layers: what NetCDF, Zarr and GRIB share.

A variable has two axes in space and perhaps others: time, levels, ensemble members. A layer has time alone. So each other axis that
has several values is either taken at one of them (`select`) or summed up by a statistic (`reduce`), and that is told.
"""

from __future__ import annotations

import itertools
import math
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, StringConstraints
from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder
from ldt.sources.batches import Options, declare
from ldt.sources.raster import by_step
from ldt.sources.regrid import Degrees, Regridded
from ldt.sources.source import DeclaredCrs, Layer, TimeAxis, Transform

GEOGRAPHIC = "longitude and latitude (CF), datum not named"
#: Values that say that a coordinate is easting or longitude, and northing or latitude (CF 1.11, sections 4.1, 4.2, 5.6).
LONGITUDES = frozenset(
    {"longitude", "lon", "degrees_east", "degree_east", "degrees_e", "degree_e", "degreese", "degreee"}
)
LATITUDES = frozenset(
    {"latitude", "lat", "degrees_north", "degree_north", "degrees_n", "degree_n", "degreesn", "degreen"}
)
X = LONGITUDES | {"x", "projection_x_coordinate", "grid_longitude", "rlon"}
Y = LATITUDES | {"y", "projection_y_coordinate", "grid_latitude", "rlat"}
#: By how much of a cell a coordinate may lie off the regular grid: they are often single floats.
_OFF = 0.05
#: Values of an axis that a message names.
_NAMED = 10

Statistic = Annotated[str, StringConstraints(pattern=r"^(mean|min|max|median|p[1-9]\d?)$")]
#: Numbers of values by axis, in the order of the axes.
Place = tuple[int, ...]


class CubeOptions(Options):
    """Options of the reader `cube`.

    Attributes:
        select: axis → the value at which it is taken (`{level: 850}`), for axes other than time, x and y that have several.
        reduce: axis → how its values are summed up instead: `mean`, `min`, `max`, `median`, or a percentile `p5` to `p95`
            (`{number: mean}` of an ensemble). Cells without a value do not count.
    """

    select: dict[str, float] = Field({})
    reduce: dict[str, Statistic] = Field({})


@dataclass(frozen=True, slots=True)
class Points:
    """Where cells lie that are on no regular grid: two-dimensional, in degrees; a list of cells is one row."""

    longitude: Degrees = field(repr=False)
    latitude: Degrees = field(repr=False)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable as it stands in a file.

    Attributes:
        name, label, dtype, unit, scale, offset, nodata: as of :class:`~ldt.sources.source.Layer`.
        axes: name → values, of all axes but those in space, in the order of the file.
        time: the axis of time with its units, if there is one; its name is `time_name`.
        width, height, transform, crs: as of a layer; where `points` says where cells lie these are of the file's rows and columns.
        read: the cells of some places (first row, row after the last, first column, column after the last), (place, row, column).
        note: what the reader did to it.
        problem: why it cannot be used.
    """

    name: str
    label: str | None
    dtype: str
    unit: str | None
    scale: float
    offset: float
    nodata: tuple[float, ...]
    axes: Mapping[str, Sequence[float]]
    time_name: str | None
    time: TimeAxis | None
    width: int
    height: int
    transform: Transform | None
    crs: DeclaredCrs | None
    points: Points | None
    read: Callable[[Sequence[Place], int, int, int, int], NDArray[Any]] = field(repr=False)
    note: str | None = None
    problem: str | None = None


def layer_of(path: Path, variable: Variable, options: CubeOptions) -> Layer:
    """Return a variable as a layer over time, x and y, with what is wrong with it."""
    v = variable
    taken, problem = _taken(v, options)
    reduced = [a for a in v.axes if len(taken[a]) > 1 and a != v.time_name]
    note = [v.note] if v.note else []
    note += [f"{options.reduce[a]} over the {len(taken[a])} values of {a}" for a in reduced]
    cells = _reduced(v, taken, [options.reduce[a] for a in reduced]) if reduced else _plain(v, taken)
    dtype = str(np.result_type(np.float32, v.dtype)) if reduced or v.points else v.dtype
    grid = Regridded(path, v.points.longitude, v.points.latitude) if v.points else None
    if grid:
        note.append(grid.note)

    def read(steps: range, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        if grid is None:
            return cells(steps, top, bottom, left, right)
        return grid.read((top, bottom, left, right), lambda *window: cells(steps, *window))

    each = math.prod(len(taken[a]) for a in reduced)
    return Layer(
        name=v.name,
        label=v.label,
        dtype=dtype,
        unit=v.unit,
        scale=1.0 if reduced else v.scale,
        offset=0.0 if reduced else v.offset,
        nodata=() if reduced else v.nodata,
        width=grid.width if grid else v.width,
        height=grid.height if grid else v.height,
        transform=grid.transform if grid else v.transform,
        crs=declare("EPSG:4326", GEOGRAPHIC, AxisOrder.XY) if grid else v.crs,
        time=v.time,
        problem=v.problem or problem,
        note="; ".join(note) or None,
        read=by_step(path, dtype, len(v.time.values) if v.time else 1, read, each=each),
    )


Steps = Callable[[range, int, int, int, int], NDArray[Any]]


def _plain(variable: Variable, taken: Mapping[str, Sequence[int]]) -> Steps:
    def read(steps: range, *window: int) -> NDArray[Any]:
        return variable.read(list(_places(variable, taken, steps)), *window)

    return read


def _reduced(variable: Variable, taken: Mapping[str, Sequence[int]], statistics: Sequence[str]) -> Steps:
    """Return what reads the statistics of some axes, as numbers in the variable's unit; NaN where there is none."""
    sizes = [len(taken[a]) for a in variable.axes if len(taken[a]) > 1 and a != variable.time_name]
    dtype = np.result_type(np.float32, variable.dtype)

    def read(steps: range, *window: int) -> NDArray[Any]:
        # Steps first, whatever the order of the file's axes, and then the axes that are summed up.
        places = [p for step in steps for p in _places(variable, taken, range(step, step + 1))]
        raw = variable.read(places, *window)
        cells = np.where(_none(raw, variable.nodata), np.nan, raw.astype(np.float64))
        cells = (cells * variable.scale + variable.offset).reshape(len(steps), *sizes, *raw.shape[1:])
        for statistic in statistics:
            cells = _summed(cells, statistic)
        return cells.astype(dtype)

    return read


def _places(variable: Variable, taken: Mapping[str, Sequence[int]], steps: range) -> list[Place]:
    numbers = [steps if a == variable.time_name else taken[a] for a in variable.axes]
    return list(itertools.product(*numbers))


def _none(cells: NDArray[Any], nodata: tuple[float, ...]) -> NDArray[np.bool_]:
    none: NDArray[np.bool_] = ~np.isfinite(cells)
    with np.errstate(over="ignore"):
        for value in nodata:
            none |= cells == np.asarray(value).astype(cells.dtype)
    return none


def _summed(cells: NDArray[Any], statistic: str) -> NDArray[Any]:
    """Return a statistic over the second axis; NaN where no value is."""
    functions: dict[str, Callable[..., NDArray[Any]]] = {
        "mean": np.nanmean, "min": np.nanmin, "max": np.nanmax, "median": np.nanmedian,
    }  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # cells without any value
        if statistic in functions:
            return functions[statistic](cells, axis=1)
        found: NDArray[Any] = np.nanpercentile(cells, float(statistic[1:]), axis=1)
        return found


def _taken(variable: Variable, options: CubeOptions) -> tuple[dict[str, Sequence[int]], str | None]:
    """Return which values of each axis are taken, and what is wrong with the options."""
    taken: dict[str, Sequence[int]] = {}
    problem = None
    for axis, values in variable.axes.items():
        taken[axis] = range(len(values)) if axis == variable.time_name else [0]
        if axis == variable.time_name or len(values) == 1:
            continue
        if axis in options.select:
            hits = np.flatnonzero(np.isclose(values, options.select[axis]))
            if len(hits):
                taken[axis] = [int(hits[0])]
            else:
                there = sorted(set(values))
                problem = (
                    problem
                    or f"has no {axis} {options.select[axis]:g}: the option `select` can name {shown(there)}"
                )
        elif axis in options.reduce:
            taken[axis] = range(len(values))
        else:
            there = sorted(set(values))
            problem = (
                problem
                or f"has {len(there)} values of {axis} ({shown(there)}): say which with the option `select`"
            )
    return taken, problem


def shown(values: Sequence[float]) -> str:
    """Return some values for people."""
    return ", ".join(f"{v:g}" for v in values[:_NAMED]) + (", …" if len(values) > _NAMED else "")


def transform_of(x: NDArray[Any], y: NDArray[Any]) -> Transform | None:
    """Return the transformation of a grid from the middles of its cells; None if it is not regular.

    Longitudes may jump from 360 to 0, or from 180 to -180, if they are given in `x` as they follow one another.
    """
    ends = []
    for values in (x, y):
        if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
            return None
        step = (float(values[-1]) - float(values[0])) / (len(values) - 1)
        regular = float(values[0]) + step * np.arange(len(values))
        if step == 0 or np.abs(values - regular).max() > _OFF * abs(step):
            return None
        ends.append((step, float(values[0]) - step / 2))
    (a, c), (e, f) = ends
    return (a, 0.0, c, 0.0, e, f)


def rectilinear(longitude: NDArray[Any], latitude: NDArray[Any]) -> tuple[Transform | None, Points | None]:
    """Return where cells lie whose columns have longitudes and whose rows have latitudes: regularly, or each by itself."""
    x = np.unwrap(np.asarray(longitude, dtype=np.float64), period=360.0)
    y = np.asarray(latitude, dtype=np.float64)
    if transform := transform_of(x, y):
        return transform, None
    columns, rows = np.meshgrid(x, y)
    return None, Points(columns, rows)


def mapped(attributes: Mapping[str, Any]) -> CRS | None:
    """Return the CRS that the attributes of a grid mapping describe (CF 1.11, appendix F); None if they describe none."""
    try:
        return CRS.from_cf(dict(attributes))
    except (CRSError, KeyError, ValueError, TypeError):
        return None


def unrotated(crs: CRS, x: NDArray[Any], y: NDArray[Any]) -> Points | None:
    """Return longitude and latitude of the cells of a rotated grid; None where the CRS is no such one."""
    from pyproj import Transformer

    if not (crs.is_geographic and crs.is_derived):
        return None
    columns, rows = np.meshgrid(np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64))
    base = crs.source_crs or CRS.from_epsg(4326)
    longitude, latitude = Transformer.from_crs(crs, base, always_xy=True).transform(columns, rows)
    return Points(longitude, latitude)


def geographic() -> DeclaredCrs | None:
    """Return the CRS of longitudes and latitudes without a word on their datum."""
    return declare("EPSG:4326", GEOGRAPHIC, AxisOrder.XY)


def degrees(values: NDArray[Any], unit: str) -> Degrees:
    """Return angles in degrees: some models write radians."""
    angles = np.asarray(values, dtype=np.float64)
    return np.degrees(angles) if unit.strip().lower() in {"radian", "radians", "rad"} else angles


def numbers(values: Sequence[Any]) -> list[float]:
    """Return those of some values that are numbers, each once; NaN is no data whatever is declared."""
    found: list[float] = []
    for value in values:
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if not math.isnan(number) and number not in found:
            found.append(number)
    return found


#: How the forecasts of CAMS for Europe tell their time: units `hours`, long name `FORECAST time from 20240131`.
_FROM = re.compile(r"\btime from (\d{4})-?(\d{2})-?(\d{2})(?:[T ]?(\d{2}):?(\d{2}))?", re.IGNORECASE)


def time_units(units: str, long_name: str) -> str | None:
    """Return the units of an axis of time (CF 1.11, section 4.4), perhaps with the date from its name; None if it is no such axis."""
    if " since " in units:
        return units
    found = _FROM.search(long_name)
    if found is None or units.strip().lower() not in {"hours", "hour", "h", "days", "minutes", "seconds"}:
        return None
    year, month, day, hour, minute = found.groups()
    unit = "hours" if units.strip().lower() == "h" else units.strip()
    return f"{unit} since {year}-{month}-{day} {hour or '00'}:{minute or '00'}:00"


#: `time: mean`, `time: maximum within days`; `time: point` says that values are those of instants.
_METHOD = re.compile(r"\btime\d*\s*:\s*(?:\w+\s*:\s*)*(\w+)")


def method_of(cell_methods: str) -> str | None:
    """Return what of an interval of time a value is (CF 1.11, appendix E): `mean`, `maximum`, `sum`, `point`; None where nothing tells."""
    found = _METHOD.search(cell_methods)
    return found.group(1) if found else None
