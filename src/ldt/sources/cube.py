"""Reader `cube`: NetCDF (versions 3 and 4) through GDAL, and Zarr (versions 2 and 3) through xarray; CF Conventions.

Each variable over a regular grid of x and y is a layer. Further axes than time have to be taken at one value; where they have
several, the option `select` says which. Longitudes and latitudes without a word on their datum are taken as EPSG:4326.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray
from pydantic import Field
from pyproj import CRS
from pyproj.exceptions import CRSError

from ldt.axis import AxisOrder
from ldt.errors import SourceError
from ldt.sources.batches import Options, check_options, declare
from ldt.sources.netcdf_classic import check_length
from ldt.sources.raster import by_step, check_block, describe_layer, gdal, gdal_crs, gdal_steps, six
from ldt.sources.resource import magic
from ldt.sources.source import DeclaredCrs, Description, Layer, Raster, TimeAxis, Transform

if TYPE_CHECKING:
    import xarray as xr

SUFFIXES = (".nc", ".nc4", ".zarr")

_AGAIN = "get it again from where it came"
_GEOGRAPHIC = "longitude and latitude (CF), datum not named"
#: Values that say that a coordinate is easting or longitude, and northing or latitude (CF 1.11, sections 4.1, 4.2, 5.6).
_X = frozenset({"x", "longitude", "projection_x_coordinate", "degrees_east", "degree_east", "lon"})
_Y = frozenset({"y", "latitude", "projection_y_coordinate", "degrees_north", "degree_north", "lat"})
#: By how much of a cell a coordinate may lie off the regular grid: they are often single floats.
_OFF = 0.05


class CubeOptions(Options):
    """Options of the reader `cube`.

    Attributes:
        select: axis → the value at which it is taken (`{level: 850}`), for axes other than time, x and y that have several.
    """

    select: dict[str, float] = Field({})


class CubeReader:
    """NetCDF and Zarr."""

    suffixes = SUFFIXES
    options = CubeOptions

    @contextmanager
    def open(self, path: Path, options: dict[str, Any]) -> Iterator[Raster]:
        """Open a file or a Zarr folder; its variables are the layers."""
        select = check_options(CubeOptions, options, "cube").select
        with ExitStack() as stack:
            layers = _zarr(path, select, stack) if path.is_dir() else _netcdf(path, select, stack)
            if not layers:
                raise SourceError(
                    "has no variable over two axes", where=path.name, remedy="give a file with a grid"
                )
            yield Raster(tuple(layers))

    def describe(self, path: Path) -> Description:
        """Tell the variables, their grid and time axis."""
        with self.open(path, {}) as raster:
            layers = [describe_layer(layer.name, layer) for layer in raster.layers]
        return Description(format="Zarr" if path.is_dir() else "netCDF", reader="cube", layers=layers)


# NetCDF -------------------------------------------------------------------------------------------------------


def _netcdf(path: Path, select: Mapping[str, float], stack: ExitStack) -> list[Layer]:
    if magic(path, 3) == b"CDF":
        check_length(path)
    whole = stack.enter_context(gdal(path, "netCDF"))
    names = whole.subdatasets or [None]
    files = [stack.enter_context(gdal(path, "netCDF", name)) if name else whole for name in names]
    return [_netcdf_layer(path, file, select) for file in files if file.count and min(file.shape) > 1]


def _netcdf_layer(path: Path, file: Any, select: Mapping[str, float]) -> Layer:
    """Return a variable as GDAL presents it: a band for each combination of the values of the further axes."""
    tags, first = file.tags(), file.tags(1)
    axes = [a for a in tags.get("NETCDF_DIM_EXTRA", "").strip("{}").split(",") if a]
    at = {a: [float(file.tags(n)[f"NETCDF_DIM_{a}"]) for n in file.indexes] for a in axes}
    units = {a: tags.get(f"{a}#units", "") for a in axes}
    time = next((a for a in axes if " since " in units[a]), None)
    chosen, problem = _chosen({a: v for a, v in at.items() if a != time}, select, file.count)
    bands = tuple(int(n) for n in np.asarray(file.indexes)[chosen])
    steps = tuple(v for v, c in zip(at[time], chosen, strict=True) if c) if time else ()
    return Layer(
        name=first.get("NETCDF_VARNAME", "1"),
        label=first.get("long_name"),
        dtype=file.dtypes[0],
        unit=file.units[0] or None,
        scale=file.scales[0],
        offset=file.offsets[0],
        nodata=tuple(_numbers([file.nodatavals[0], first.get("_FillValue"), first.get("missing_value")])),
        width=file.width,
        height=file.height,
        transform=None if file.transform == Affine.identity() else six(file.transform),
        crs=_netcdf_crs(file, tags),
        time=TimeAxis(steps, units[time], tags.get(f"{time}#calendar", "standard")) if time else None,
        problem=problem,
        read=by_step(path, file.dtypes[0], len(bands), gdal_steps(path, file, bands)),
    )


def _netcdf_crs(file: Any, tags: Mapping[str, str]) -> DeclaredCrs | None:
    if crs := gdal_crs(file):
        return crs
    units = {value for name, value in tags.items() if name.endswith("#units")}
    if units & _X and units & _Y:
        return declare("EPSG:4326", _GEOGRAPHIC, AxisOrder.XY)
    return None


# Zarr ---------------------------------------------------------------------------------------------------------


def _zarr(path: Path, select: Mapping[str, float], stack: ExitStack) -> list[Layer]:
    import xarray as xr

    try:
        whole = stack.enter_context(
            xr.open_dataset(
                path, engine="zarr", decode_times=False, mask_and_scale=False, cache=False, consolidated=False
            )
        )
    except (OSError, ValueError, KeyError, TypeError, RuntimeError) as e:
        raise SourceError(
            f"is no Zarr that can be read: {_one_line(e)}", where=path.name, remedy=_AGAIN
        ) from e
    layers = []
    for name, variable in whole.data_vars.items():
        x, y = _axis(variable, _X), _axis(variable, _Y)
        if x is not None and y is not None:
            check_block(path, variable.encoding.get("chunks") or variable.shape, str(variable.dtype))
            layers.append(_zarr_layer(path, whole, str(name), (x, y), select))
    return layers


def _zarr_layer(
    path: Path, whole: xr.Dataset, name: str, xy: tuple[str, str], select: Mapping[str, float]
) -> Layer:
    variable, (x, y) = whole[name], xy
    axes = [str(d) for d in variable.dims if d not in xy]
    at = {a: [float(v) for v in variable[a].values] for a in axes if a in variable.coords}
    at |= {a: [float(n) for n in range(variable.sizes[a])] for a in axes if a not in at}
    time = next((a for a in axes if " since " in str(variable[a].attrs.get("units", ""))), None)
    others = [a for a in axes if a != time]
    problem = None
    taken: dict[str, int] = {}
    for axis in others:
        chosen, found = _chosen({axis: at[axis]}, select, len(at[axis]))
        problem, taken[axis] = problem or found, int(np.flatnonzero(chosen)[0]) if chosen.any() else 0
    attributes = variable.attrs

    def read(steps: range, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        where: dict[str, Any] = {**taken, y: slice(top, bottom), x: slice(left, right)}
        if time:
            where[time] = slice(steps.start, steps.stop)
        try:
            cells = variable.isel(where).transpose(..., y, x).values
        except (OSError, ValueError, RuntimeError, TypeError) as e:
            raise SourceError(f"variable {name!r}: {_one_line(e)}", where=path.name, remedy=_AGAIN) from e
        return np.asarray(cells if time else cells[None])

    return Layer(
        name=name,
        label=attributes.get("long_name"),
        dtype=str(variable.dtype),
        unit=attributes.get("units"),
        scale=float(attributes.get("scale_factor", 1.0)),
        offset=float(attributes.get("add_offset", 0.0)),
        nodata=tuple(_numbers([attributes.get("_FillValue"), attributes.get("missing_value")])),
        width=variable.sizes[x],
        height=variable.sizes[y],
        transform=_transform(variable[x].values, variable[y].values),
        crs=_zarr_crs(whole, variable, x),
        time=TimeAxis(
            tuple(at[time]),
            str(variable[time].attrs["units"]),
            str(variable[time].attrs.get("calendar", "standard")),
        )
        if time
        else None,
        problem=problem,
        read=by_step(path, str(variable.dtype), len(at[time]) if time else 1, read),
    )


def _axis(variable: xr.DataArray, words: frozenset[str]) -> str | None:
    """Return the axis of a variable whose coordinate says that it is x (or y), or that is called so."""
    for dim in map(str, variable.dims):
        attributes = variable[dim].attrs if dim in variable.coords else {}
        said = {str(attributes.get(a, "")).lower() for a in ("axis", "standard_name", "units")}
        if said & words or dim.lower() in words:
            return dim
    return None


def _transform(x: NDArray[Any], y: NDArray[Any]) -> Transform | None:
    """Return the transformation of a grid from the middles of its cells; None if it is not regular."""
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


def _zarr_crs(whole: xr.Dataset, variable: xr.DataArray, x: str) -> DeclaredCrs | None:
    mapping = variable.encoding.get("grid_mapping") or variable.attrs.get("grid_mapping")
    if mapping in whole.variables:
        try:
            crs = CRS.from_cf(whole[mapping].attrs)
        except CRSError:
            return None
        return declare(crs.to_wkt(), crs.name, AxisOrder.XY)
    if str(variable[x].attrs.get("units", "")) in _X or x.lower() in {"lon", "longitude"}:
        return declare("EPSG:4326", _GEOGRAPHIC, AxisOrder.XY)
    return None


# Both ---------------------------------------------------------------------------------------------------------


def _chosen(
    axes: Mapping[str, Sequence[float]], select: Mapping[str, float], count: int
) -> tuple[NDArray[np.bool_], str | None]:
    """Return which of `count` layers lie at the selected values of their axes, and what is wrong with the selection."""
    chosen = np.ones(count, dtype=bool)
    for axis, values in axes.items():
        there = sorted(set(values))
        if len(there) == 1:
            continue
        if axis not in select:
            return (
                chosen,
                f"has {len(there)} values of {axis} ({_shown(there)}): say which with the option `select`",
            )
        hits = np.isclose(values, select[axis])
        if not hits.any():
            return chosen, f"has no {axis} {select[axis]:g}: the option `select` can name {_shown(there)}"
        chosen &= hits
    return chosen, None


def _shown(values: Sequence[float]) -> str:
    return ", ".join(f"{v:g}" for v in values[:10]) + (", …" if len(values) > 10 else "")


def _numbers(values: Sequence[Any]) -> list[float]:
    """Return those of some values that are numbers, each once; NaN is no data whatever is declared."""
    numbers: list[float] = []
    for value in values:
        try:
            number = float(value)
        except (TypeError, ValueError):
            continue
        if not math.isnan(number) and number not in numbers:
            numbers.append(number)
    return numbers


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
