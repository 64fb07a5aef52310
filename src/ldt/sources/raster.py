"""Reader `raster`: GeoTIFF (also BigTIFF and COG) and ESRI's ASCII grid, through GDAL.

Only these two of GDAL's drivers are let near a file: some of the others follow addresses and paths that stand in it. For the
same reason GDAL does not look for side files; a world file and a .prj are read here. Coordinates are east first, whatever the
CRS says of its axes: so GDAL delivers them, and so GeoTIFF (OGC 19-008r4) stores them.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine, loadsw
from numpy.typing import NDArray
from pyproj import CRS
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from ldt.axis import AxisOrder
from ldt.errors import HostileSource, SourceError
from ldt.settings import settings
from ldt.sources.batches import Options, check_options, declare
from ldt.sources.judge import judge
from ldt.sources.resource import magic, raster_side
from ldt.sources.source import DeclaredCrs, Description, Layer, LayerDescription, Raster, Transform

SUFFIXES = (".tif", ".tiff", ".asc")

#: First bytes of TIFF and BigTIFF, in both byte orders.
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_AGAIN = "get it again from where it came"
#: The largest block that is decoded at once, in bytes. Files in use have blocks of some hundred kilobytes; a file without
#: tiles may have one of all its cells.
MAX_BLOCK_BYTES = 512 * 1024**2
#: Cells that are read at once for steps to come.
_GROUP_CELLS = 1_000_000
#: Bands that a file may have; those of time series come as cubes.
_MAX_BANDS = 10_000


class RasterOptions(Options):
    """Options of the reader `raster`: none beside `member`."""


class RasterReader:
    """Raster files."""

    suffixes = SUFFIXES
    options = RasterOptions

    @contextmanager
    def open(self, path: Path, options: dict[str, Any]) -> Iterator[Raster]:
        """Open a file; its bands are its layers, named `1`, `2` and so on."""
        check_options(RasterOptions, options, "raster")
        with gdal(path, _driver(path)) as file:
            if file.count > _MAX_BANDS:
                raise HostileSource(
                    f"{file.count:,} bands are more than {_MAX_BANDS:,}", where=path.name, remedy=_AGAIN
                )
            transform, crs = _place(path, file)
            yield Raster(tuple(_layer(path, file, n, transform, crs) for n in file.indexes))

    def describe(self, path: Path) -> Description:
        """Tell size, bands, CRS and extent from the header."""
        with self.open(path, {}) as raster:
            layer = describe_layer(path.name, raster.layers[0])
            layer.columns = {band.name: _words(band) for band in raster.layers}
        form = "GeoTIFF" if _driver(path) == "GTiff" else "ESRI ASCII grid"
        return Description(format=form, reader="raster", layers=[layer])


def _driver(path: Path) -> str:
    return "GTiff" if magic(path, 4) in TIFF else "AAIGrid"


def _words(layer: Layer) -> str:
    return ", ".join(filter(None, [layer.dtype, layer.unit, layer.label]))


@contextmanager
def gdal(path: Path, driver: str, name: str | None = None, **config: str) -> Iterator[Any]:
    """Open a file with one of GDAL's drivers, without side files, and refuse blocks that memory is not made for.

    Args:
        path: the file.
        driver: GDAL's name of the driver.
        name: what GDAL calls it, where that is not its path (a variable of a cube).
        config: GDAL's configuration while it is opened.

    Raises:
        SourceError: it cannot be read.
        HostileSource: it says that it has blocks of more than `MAX_BLOCK_BYTES`.
    """
    with (
        gdal_errors(path),
        rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR", GDAL_PAM_ENABLED="NO", **config),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # that is judged by harmonising
        file = rasterio.open(name or path, driver=driver)
    with file:
        for shape, dtype in zip(file.block_shapes, file.dtypes, strict=True):
            check_block(path, shape, dtype)
        yield file


def check_block(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    """Refuse a file whose blocks are larger than memory is made for.

    Raises:
        HostileSource: they are.
    """
    size = int(np.prod([int(n) for n in shape])) * np.dtype(dtype).itemsize
    if size > MAX_BLOCK_BYTES:
        raise HostileSource(
            f"its cells come in blocks of {size:,} bytes, more than the {MAX_BLOCK_BYTES:,} allowed",
            where=path.name,
            remedy="write it anew in tiles: gdal_translate -co TILED=YES",
        )


@contextmanager
def gdal_errors(path: Path) -> Iterator[None]:
    """Turn what GDAL says into one SourceError."""
    try:
        yield
    except (RasterioError, ValueError, OSError, MemoryError) as e:
        text = " ".join(str(e).replace(str(path), path.name).split())
        raise SourceError(f"GDAL cannot read it: {text}", where=path.name, remedy=_AGAIN) from e


def check_cells(path: Path, cells: int, dtype: str) -> None:
    """Refuse to read more cells than a source may have bytes.

    Raises:
        HostileSource: they are more.
    """
    size, limit = cells * np.dtype(dtype).itemsize, settings().max_source_bytes
    if size > limit:
        raise HostileSource(
            f"{cells:,} cells are {size:,} bytes, more than the {limit:,} allowed",
            where=path.name,
            remedy="give the twin a boundary, cut the file, or raise LDT_MAX_SOURCE_BYTES",
        )


#: The cells of some steps: (steps, first row, row after the last, first column, column after the last) → three dimensions.
ReadSteps = Callable[[range, int, int, int, int], NDArray[Any]]


def by_step(
    path: Path, dtype: str, steps: int, read_steps: ReadSteps, *, each: int = 1
) -> Callable[..., NDArray[Any]]:
    """Return the function that reads windows of one step (see :class:`~ldt.sources.source.Layer`).

    Small windows are read for many steps at once, and kept until another is asked for: opening a window or unpacking a chunk for
    each of a year's days would take a hundred times longer. `each` is how many windows of the file one step is made of.
    """
    # Neither GDAL nor Zarr is asked from two threads at once; loading is done in another one than harmonising.
    lock = threading.Lock()
    held: dict[tuple[int, ...], NDArray[Any]] = {}

    def read(step: int, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        size = (bottom - top) * (right - left) * each
        check_cells(path, size, dtype)
        group = max(1, _GROUP_CELLS // max(1, size))
        first = step - step % group
        key = (first, top, bottom, left, right)
        with lock:
            if key not in held:
                held.clear()
                held[key] = read_steps(range(first, min(first + group, steps)), top, bottom, left, right)
            cells: NDArray[Any] = held[key][step - first]
        return cells

    return read


def gdal_steps(path: Path, file: Any, bands: tuple[int, ...]) -> ReadSteps:
    """Return the function that reads windows of a GDAL data set; `bands` are the numbers of the bands by step."""

    def read(steps: range, top: int, bottom: int, left: int, right: int) -> NDArray[Any]:
        with gdal_errors(path):
            cells: NDArray[Any] = file.read(
                list(bands[steps.start : steps.stop]), window=Window(left, top, right - left, bottom - top)
            )
        return cells

    return read


def _layer(path: Path, file: Any, number: int, transform: Transform | None, crs: DeclaredCrs | None) -> Layer:
    i = number - 1
    dtype = file.dtypes[i]
    nodata = file.nodatavals[i]
    return Layer(
        name=str(number),
        label=file.descriptions[i],
        dtype=dtype,
        unit=file.units[i] or None,
        scale=file.scales[i],
        offset=file.offsets[i],
        nodata=() if nodata is None else (nodata,),
        width=file.width,
        height=file.height,
        transform=transform,
        crs=crs,
        time=None,
        problem="its numbers are complex" if dtype.startswith("complex") else None,
        read=by_step(path, dtype, 1, gdal_steps(path, file, (number,))),
    )


def _place(path: Path, file: Any) -> tuple[Transform | None, DeclaredCrs | None]:
    """Return transformation and CRS: what stands in the file, else what its side files say."""
    transform = file.transform
    if transform == Affine.identity():
        world = raster_side(path, (".tfw", ".tifw", ".wld"))
        transform = _world_file(world) if world else None
    crs = gdal_crs(file)
    if crs is None and (prj := raster_side(path, (".prj",))):
        crs = declare(prj.read_text(encoding="utf-8", errors="replace").strip(), prj.name, AxisOrder.XY)
    return (six(transform) if transform else None), crs


def six(transform: Affine) -> Transform:
    """Return the numbers of a transformation."""
    return transform.a, transform.b, transform.c, transform.d, transform.e, transform.f


def gdal_crs(file: Any) -> DeclaredCrs | None:
    """Return the CRS that GDAL finds in a file."""
    if not file.crs:
        return None
    wkt = file.crs.to_wkt()
    code = file.crs.to_epsg()
    return declare(wkt, f"EPSG:{code}" if code else CRS.from_wkt(wkt).name, AxisOrder.XY)


def _world_file(path: Path) -> Affine:
    try:
        return loadsw(path.read_text(encoding="ascii"))
    except (ValueError, TypeError) as e:
        raise SourceError("is no world file of six numbers", where=path.name, remedy=_AGAIN) from e


def describe_layer(name: str, layer: Layer) -> LayerDescription:
    """Return what `ldt inspect` tells of a layer, its column named by itself."""
    told = LayerDescription(
        name=name,
        count=1,
        columns={layer.name: _words(layer)},
        crs=layer.crs,
        cells={"width": layer.width, "height": layer.height, "nodata": list(layer.nodata)},
    )
    if layer.problem:
        told.problems = [layer.problem]
    if layer.note:
        told.cells["method"] = layer.note
    if layer.transform is None:
        told.problems.append("its cells do not lie on a regular grid")
    else:
        _, b, _, d, _, _ = layer.transform
        told.cells["size"] = [layer.transform[0], layer.transform[4]]
        if b or d:
            told.problems.append("its grid is rotated")
        else:
            told.extent, found = judge(layer.crs, bounds(layer))
            if told.extent and told.extent[2] > 180:  # over the antimeridian: RFC 7946, section 5.2
                told.extent = (*told.extent[:2], told.extent[2] - 360, told.extent[3])
            told.problems += found
    if layer.time:
        told.cells["time"] = {
            "steps": len(layer.time.values),
            "units": layer.time.units,
            "first": layer.time.values[0],
            "last": layer.time.values[-1],
        }
    return told


def bounds(layer: Layer) -> tuple[float, float, float, float]:
    """Return (least x, least y, greatest x, greatest y) of the cells of a layer whose grid is not rotated.

    Cells about the poles, whose middles lie at 90 degrees, end there.
    """
    assert layer.transform is not None  # noqa: S101 - the caller has asked
    a, _, c, _, e, f = layer.transform
    west, east = sorted((c, c + a * layer.width))
    south, north = sorted((f, f + e * layer.height))
    if layer.crs and CRS.from_json(layer.crs.projjson).is_geographic:
        south = -90.0 if -90 - abs(e) < south < -90 else south
        north = 90.0 if 90 < north < 90 + abs(e) else north
        west, east = _around(west, east)
    return west, south, east, north


def _around(west: float, east: float) -> tuple[float, float]:
    """Return longitudes from -180 to 180, whatever they are counted from; beyond 180 only where they reach over the antimeridian."""
    if east - west > 359.999:
        return (-180.0, 180.0) if east > 180.001 else (west, east)
    turns = np.floor((west + 180) / 360) * 360
    return west - turns, east - turns
