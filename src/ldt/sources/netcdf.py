"""NetCDF, versions 3 and 4, through GDAL: the variables that have cells, and where their cells lie (CF 1.11).

GDAL presents a variable as bands, one for each combination of the values of its further axes, and turns rows north first where it
understands the grid. Where it does not, rows are left as they stand, so that they match the coordinates that are read beside them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
from affine import Affine
from numpy.typing import NDArray

from ldt.axis import AxisOrder
from ldt.errors import SourceError
from ldt.sources import cf
from ldt.sources.batches import declare
from ldt.sources.netcdf_classic import check_length
from ldt.sources.raster import check_cells, gdal, gdal_crs, gdal_steps, six
from ldt.sources.resource import magic
from ldt.sources.source import DeclaredCrs, TimeAxis, Transform

#: What coordinates are called in files that do not say what they are.
_LATITUDES = ("lat", "latitude", "nav_lat", "XLAT", "clat", "lat_1", "LATITUDE", "Latitude")
_LONGITUDES = ("lon", "longitude", "nav_lon", "XLONG", "clon", "lon_1", "LONGITUDE", "Longitude")
#: Attributes of new files of the Climate Data Store, which keep what GRIB says of steps.
_INSTANT = "instant"


def variables(path: Path, stack: ExitStack) -> list[cf.Variable]:
    """Return the variables of a file over at least two axes; what is opened for them is closed with the stack.

    Raises:
        SourceError: it cannot be read, or holds coordinates alone.
        HostileSource: its blocks or bounds are larger than memory is made for.
    """
    if magic(path, 3) == b"CDF":
        check_length(path)
    try:
        whole = stack.enter_context(gdal(path, "netCDF"))
    except SourceError as e:
        if cells := _coordinates_alone(path):
            raise SourceError(
                f"holds the coordinates of {cells:,} cells and no variable over them",
                where=path.name,
                remedy="give the file with the values; model output needs its grid within it",
            ) from e
        raise
    names = whole.subdatasets or [None]
    files = [(n, stack.enter_context(gdal(path, "netCDF", n)) if n else whole) for n in names]
    bounds = {v for _, f in files for k, v in f.tags().items() if k.endswith(("#bounds", "#climatology"))}
    mappings = {v for _, f in files for k, v in f.tags().items() if k.endswith("#grid_mapping")}
    found = []
    for name, file in files:
        called = file.tags(1).get("NETCDF_VARNAME", "1") if file.count else ""
        if not file.count or called in bounds | mappings or min(file.shape) < 1 or _is_coordinate(file):
            continue
        found.append(_variable(path, name, file, stack))
    return [v for v in found if v is not None]


def _is_coordinate(file: Any) -> bool:
    """Whether a variable of two axes tells where the cells of others lie."""
    tags = file.tags(1)
    said = {tags.get(a, "").lower() for a in ("standard_name", "units")} | {
        tags.get("NETCDF_VARNAME", "").lower()
    }
    return file.count == 1 and bool(said & (cf.LONGITUDES | cf.LATITUDES))


def _coordinates_alone(path: Path) -> int:
    """Return of how many cells a file that GDAL finds no raster in has the latitude; 0 if of none."""
    for name in _LATITUDES:
        with suppress(SourceError):
            return int(_one(path, name).size)
    return 0


def _one(path: Path, name: str) -> NDArray[Any]:
    """Return the values of a variable of one or two axes in the order of the file.

    Raises:
        SourceError: there is no such one.
    """
    with gdal(path, "netCDF", f'NETCDF:"{path}":{name}', GDAL_NETCDF_BOTTOMUP="NO") as file:
        check_cells(path, file.width * file.height, file.dtypes[0])
        cells: NDArray[Any] = gdal_steps(path, file, (1,))(range(1), 0, file.height, 0, file.width)[0]
        return cells[0] if cells.shape[0] == 1 else cells


def _maybe(path: Path, name: str | None) -> NDArray[Any] | None:
    if name is None:
        return None
    try:
        return _one(path, name)
    except SourceError:
        return None


def _variable(path: Path, opened: str | None, file: Any, stack: ExitStack) -> cf.Variable | None:
    tags, first = file.tags(), file.tags(1)
    name = first.get("NETCDF_VARNAME", "1")
    axes = _axes(path, file, tags)
    time = next((a for a in axes if _time_units(tags, a)), None)
    transform, points = _place(path, file, tags, name)
    crs = _crs(file, tags)
    if points is not None:
        # Rows as they stand, like the coordinates: GDAL turns round those that it takes to be south first.
        called = opened or f'NETCDF:"{path}":{name}'
        file = stack.enter_context(gdal(path, "netCDF", called, GDAL_NETCDF_BOTTOMUP="NO"))
    elif min(file.shape) < 2 and transform is None:
        return None  # a table of numbers, no cells
    shape = tuple(len(v) for v in axes.values())
    read = gdal_steps(path, file, tuple(file.indexes))

    def cells(places: Sequence[cf.Place], top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        bands = [int(np.ravel_multi_index(p, shape)) if shape else 0 for p in places]
        if bands == list(range(bands[0], bands[0] + len(bands))):
            return read(range(bands[0], bands[0] + len(bands)), top, bottom, left, right)
        return np.concatenate([read(range(b, b + 1), top, bottom, left, right) for b in bands])

    return cf.Variable(
        name=name,
        label=first.get("long_name"),
        dtype=file.dtypes[0],
        unit=file.units[0] or None,
        scale=file.scales[0],
        offset=file.offsets[0],
        nodata=tuple(cf.numbers([file.nodatavals[0], first.get("_FillValue"), first.get("missing_value")])),
        axes=axes,
        time_name=time,
        time=_time(path, tags, first, time, axes[time]) if time else None,
        width=file.width,
        height=file.height,
        transform=transform,
        crs=crs,
        points=points,
        read=cells,
    )


def _axes(path: Path, file: Any, tags: Mapping[str, str]) -> dict[str, tuple[float, ...]]:
    """Return the values of the further axes, in the order of the file; an axis without values is counted from 0."""
    names = [a for a in tags.get("NETCDF_DIM_EXTRA", "").strip("{}").split(",") if a]
    axes = {}
    for name in names:
        # GDAL tells the values in each band with few digits; the variable itself has them all.
        own = _maybe(path, name)
        told = [file.tags(n).get(f"NETCDF_DIM_{name}", "") for n in file.indexes] if own is None else []
        given = own.ravel().tolist() if own is not None else list(dict.fromkeys(told))
        axes[name] = tuple(float(v) if _is_number(v) else float(n) for n, v in enumerate(given))
    count = int(np.prod([len(v) for v in axes.values()]))
    if count != file.count:  # what GDAL tells of the axes does not lead to its bands: they are one axis
        axes = {"band": tuple(float(n) for n in file.indexes)}
    return axes


def _is_number(value: Any) -> bool:
    try:
        return bool(np.isfinite(float(value)))
    except (TypeError, ValueError):
        return False


def _time(
    path: Path, tags: Mapping[str, str], own: Mapping[str, str], name: str, values: tuple[float, ...]
) -> TimeAxis:
    """Return the axis of time with the bounds of its steps, if the values are those of intervals."""
    method = cf.method_of(own.get("cell_methods", "")) or own.get("GRIB_stepType")
    instants = method in {"point", _INSTANT}
    bounds: tuple[tuple[float, float], ...] = ()
    stated = _maybe(path, tags.get(f"{name}#bounds"))
    if stated is not None and not instants:
        pairs = np.asarray(stated, dtype=np.float64).reshape(-1, 2)
        if len(pairs) == len(values) and np.isfinite(pairs).all():
            bounds = tuple((float(a), float(b)) for a, b in pairs)
    units = _time_units(tags, name) or ""
    return TimeAxis(values, units, tags.get(f"{name}#calendar", "standard"), bounds, instants)


def _time_units(tags: Mapping[str, str], name: str) -> str | None:
    return cf.time_units(tags.get(f"{name}#units", ""), tags.get(f"{name}#long_name", ""))


def _place(
    path: Path, file: Any, tags: Mapping[str, str], name: str
) -> tuple[Transform | None, cf.Points | None]:
    """Return where the cells lie: the transformation of a regular grid, or each cell by itself."""
    told = None if file.transform == Affine.identity() else six(file.transform)
    named = [w for w in re.split(r"[\s,]+", tags.get(f"{name}#coordinates", "")) if w]
    latitude, longitude = (_coordinate(path, tags, named, words) for words in (_LATITUDES, _LONGITUDES))
    if latitude is not None and longitude is not None:
        if latitude.shape == longitude.shape == (file.height, file.width):
            return None, cf.Points(longitude, latitude)
        if latitude.shape == longitude.shape == (file.width,) and file.height == 1:
            return None, cf.Points(longitude[None], latitude[None])
        if latitude.shape == (file.height,) and longitude.shape == (file.width,):
            transform, points = cf.rectilinear(longitude, latitude)
            # GDAL takes grids for regular that are not quite (Gaussian ones); where they are, it knows which row is first.
            return (None, points) if points is not None else (told or transform, None)
    crs = cf.mapped(_attributes(tags, tags.get(f"{name}#grid_mapping", "").split(":")[0]))
    if crs is not None and crs.is_geographic and crs.is_derived:
        x, y = (_dimension(path, tags, words) for words in (cf.X, cf.Y))
        if x is not None and y is not None and (len(y), len(x)) == file.shape:
            return None, cf.unrotated(crs, x, y)
    return told, None


def _coordinate(
    path: Path, tags: Mapping[str, str], named: Sequence[str], usual: tuple[str, ...]
) -> NDArray[np.float64] | None:
    """Return the latitudes (or longitudes) of cells, in degrees: those that the variable names, else those called so."""
    words = cf.LATITUDES if usual == _LATITUDES else cf.LONGITUDES
    stated = [
        n
        for n in named
        if {tags.get(f"{n}#standard_name", "").lower(), tags.get(f"{n}#units", "").lower(), n.lower()} & words
        or n in usual
    ]
    dimensions = [
        k.split("#")[0]
        for k, v in tags.items()
        if k.endswith(("#standard_name", "#units")) and v.lower() in words
    ]
    for name in dict.fromkeys([*stated, *dimensions, *usual]):
        values = _maybe(path, name)
        if values is not None:
            return cf.degrees(values, tags.get(f"{name}#units", _unit(path, name)))
    return None


def _unit(path: Path, name: str) -> str:
    with gdal(path, "netCDF", f'NETCDF:"{path}":{name}') as file:
        return str(file.tags(1).get("units", ""))


def _dimension(path: Path, tags: Mapping[str, str], words: frozenset[str]) -> NDArray[Any] | None:
    """Return the values of the axis that says that it is x (or y)."""
    for key, value in tags.items():
        name, _, attribute = key.partition("#")
        if attribute in {"axis", "standard_name"} and value.lower() in words:
            return _maybe(path, name)
    return None


def _attributes(tags: Mapping[str, str], name: str) -> dict[str, Any]:
    """Return the attributes of a variable as CF has them: numbers as numbers, lists as lists."""
    found: dict[str, Any] = {}
    for key, text in tags.items():
        owner, _, attribute = key.partition("#")
        if owner != name or not attribute:
            continue
        parts = [p.strip() for p in text.strip("{}").split(",")]
        values = [float(p) for p in parts] if all(_is_number(p) for p in parts) else []
        found[attribute] = (values[0] if len(values) == 1 else values) if values else text
    return found


def _crs(file: Any, tags: Mapping[str, str]) -> DeclaredCrs | None:
    if crs := gdal_crs(file):
        return crs
    name = file.tags(1).get("NETCDF_VARNAME", "1")
    mapping = cf.mapped(_attributes(tags, tags.get(f"{name}#grid_mapping", "").split(":")[0]))
    if mapping is not None:
        return declare(mapping.to_wkt(), mapping.name, AxisOrder.XY)
    units = {value.lower() for key, value in tags.items() if key.endswith("#units")}
    return cf.geographic() if units & cf.LONGITUDES and units & cf.LATITUDES else None
