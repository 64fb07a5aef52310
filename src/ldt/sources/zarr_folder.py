"""Zarr, versions 2 and 3, through xarray: the variables that have cells, and where their cells lie (CF 1.11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ldt.axis import AxisOrder
from ldt.errors import SourceError
from ldt.sources import cf
from ldt.sources.batches import declare
from ldt.sources.raster import check_block, check_cells
from ldt.sources.regrid import Degrees
from ldt.sources.source import DeclaredCrs, TimeAxis, Transform

if TYPE_CHECKING:
    import xarray as xr

_AGAIN = "get it again from where it came"


def variables(path: Path, stack: ExitStack) -> list[cf.Variable]:
    """Return the variables of a Zarr folder over at least two axes; it is closed with the stack.

    Raises:
        SourceError: it cannot be read.
        HostileSource: its chunks are larger than memory is made for.
    """
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
    found = []
    for name, variable in whole.data_vars.items():
        if (xy := _xy(variable)) is not None:
            check_block(path, variable.encoding.get("chunks") or variable.shape, str(variable.dtype))
            found.append(_variable(path, whole, str(name), xy))
    return found


def _variable(path: Path, whole: xr.Dataset, name: str, xy: tuple[str, str]) -> cf.Variable:
    variable, (x, y) = whole[name], xy
    names = [str(d) for d in variable.dims if d not in xy]
    axes = {a: _values(variable, a) for a in names}
    time = next((a for a in names if " since " in str(_attribute(variable, a, "units"))), None)
    transform, points = _place(path, whole, variable, xy)
    attributes = variable.attrs

    def read(places: Sequence[cf.Place], top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        window = {y: slice(top, bottom), x: slice(left, right)}
        try:
            if (
                time
                and len({tuple(v for a, v in zip(names, p, strict=True) if a != time) for p in places}) == 1
            ):
                number = names.index(time)
                steps = [p[number] for p in places]
                rest = {a: v for a, v in zip(names, places[0], strict=True) if a != time}
                part = variable.isel({**rest, **window, time: slice(steps[0], steps[-1] + 1)})
                return np.asarray(part.transpose(time, y, x).values)
            parts = [variable.isel({**dict(zip(names, p, strict=True)), **window}) for p in places]
            return np.stack([part.transpose(y, x).values for part in parts])
        except (OSError, ValueError, RuntimeError, TypeError) as e:
            raise SourceError(f"variable {name!r}: {_one_line(e)}", where=path.name, remedy=_AGAIN) from e

    return cf.Variable(
        name=name,
        label=attributes.get("long_name"),
        dtype=str(variable.dtype),
        unit=attributes.get("units"),
        scale=float(attributes.get("scale_factor", 1.0)),
        offset=float(attributes.get("add_offset", 0.0)),
        nodata=tuple(cf.numbers([attributes.get("_FillValue"), attributes.get("missing_value")])),
        axes=axes,
        time_name=time,
        time=_time(whole, variable, time, axes[time]) if time else None,
        width=variable.sizes[x],
        height=variable.sizes[y],
        transform=transform,
        crs=_crs(whole, variable, x),
        points=points,
        read=read,
    )


def _attribute(variable: xr.DataArray, axis: str, name: str) -> Any:
    return variable[axis].attrs.get(name, "") if axis in variable.coords else ""


def _values(variable: xr.DataArray, axis: str) -> tuple[float, ...]:
    if axis in variable.coords and np.issubdtype(variable[axis].dtype, np.number):
        return tuple(float(v) for v in variable[axis].values)
    return tuple(float(n) for n in range(variable.sizes[axis]))


def _xy(variable: xr.DataArray) -> tuple[str, str] | None:
    """Return the axes of x and y; of a variable over coordinates in two dimensions these have."""
    x, y = _axis(variable, cf.X), _axis(variable, cf.Y)
    if x is not None and y is not None and x != y:
        return x, y
    flat = [c for c in variable.coords.values() if c.ndim == 2 and _says(c) & (cf.LONGITUDES | cf.LATITUDES)]
    if len(flat) < 2:
        return None
    rows, columns = map(str, flat[0].dims)
    return columns, rows


def _says(coordinate: xr.DataArray) -> set[str]:
    said = {str(coordinate.attrs.get(a, "")).lower() for a in ("axis", "standard_name", "units")}
    return said | {str(coordinate.name).lower()}


def _axis(variable: xr.DataArray, words: frozenset[str]) -> str | None:
    """Return the axis of a variable whose coordinate says that it is x (or y), or that is called so."""
    for dim in map(str, variable.dims):
        said = _says(variable[dim]) if dim in variable.coords else {dim.lower()}
        if said & words:
            return dim
    return None


def _place(
    path: Path, whole: xr.Dataset, variable: xr.DataArray, xy: tuple[str, str]
) -> tuple[Transform | None, cf.Points | None]:
    """Return where the cells lie: the transformation of a regular grid, or each cell by itself."""
    x, y = xy
    flat = {
        words: next((c for c in variable.coords.values() if c.ndim == 2 and _says(c) & words), None)
        for words in (cf.LONGITUDES, cf.LATITUDES)
    }
    longitude, latitude = flat[cf.LONGITUDES], flat[cf.LATITUDES]
    if longitude is not None and latitude is not None:
        check_cells(path, longitude.size, "float64")
        return None, cf.Points(*(_degrees(c.transpose(y, x)) for c in (longitude, latitude)))
    if x not in variable.coords or y not in variable.coords:
        return None, None
    columns, rows = variable[x].values, variable[y].values
    if _says(variable[x]) & cf.LONGITUDES and _says(variable[y]) & cf.LATITUDES:
        return cf.rectilinear(columns, rows)
    crs = _mapping(whole, variable)
    points = cf.unrotated(crs, columns, rows) if crs is not None else None
    return (None, points) if points is not None else (cf.transform_of(columns, rows), None)


def _degrees(coordinate: xr.DataArray) -> Degrees:
    return cf.degrees(coordinate.values, str(coordinate.attrs.get("units", "")))


def _time(whole: xr.Dataset, variable: xr.DataArray, name: str, values: tuple[float, ...]) -> TimeAxis:
    """Return the axis of time with the bounds of its steps, if the values are those of intervals."""
    attributes: Mapping[str, Any] = variable[name].attrs
    method = cf.method_of(str(variable.attrs.get("cell_methods", ""))) or variable.attrs.get("GRIB_stepType")
    instants = method in {"point", "instant"}
    bounds: tuple[tuple[float, float], ...] = ()
    stated = attributes.get("bounds")
    if stated in whole.variables and not instants and whole[stated].shape == (len(values), 2):
        bounds = tuple((float(a), float(b)) for a, b in whole[stated].values)
    calendar = str(attributes.get("calendar", "standard"))
    return TimeAxis(values, str(attributes["units"]), calendar, bounds, instants)


def _mapping(whole: xr.Dataset, variable: xr.DataArray) -> Any:
    mapping = variable.encoding.get("grid_mapping") or variable.attrs.get("grid_mapping")
    return cf.mapped(whole[mapping].attrs) if mapping in whole.variables else None


def _crs(whole: xr.Dataset, variable: xr.DataArray, x: str) -> DeclaredCrs | None:
    mapping = variable.encoding.get("grid_mapping") or variable.attrs.get("grid_mapping")
    if mapping in whole.variables:
        crs = _mapping(whole, variable)
        return declare(crs.to_wkt(), crs.name, AxisOrder.XY) if crs is not None else None
    said = _says(variable[x]) if x in variable.coords else {x.lower()}
    return cf.geographic() if said & cf.LONGITUDES else None


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
