"""Reader `cube`: NetCDF (versions 3 and 4) through GDAL, Zarr (versions 2 and 3) through xarray, GRIB (editions 1 and 2) through ecCodes.

Each variable over x and y is a layer. Further axes than time have to be taken at one value, or summed up; where they have
several, the options `select` and `reduce` say how. Longitudes and latitudes without a word on their datum are taken as EPSG:4326. Cells
that lie on no regular grid are brought onto one (:mod:`ldt.sources.regrid`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from ldt.errors import SourceError
from ldt.sources import cf, grib, netcdf, zarr_folder
from ldt.sources.batches import check_options
from ldt.sources.raster import describe_layer
from ldt.sources.resource import magic
from ldt.sources.source import Description, Raster

SUFFIXES = (".nc", ".nc4", ".zarr", ".grib", ".grb", ".grib1", ".grib2", ".grb1", ".grb2")


class CubeReader:
    """NetCDF, Zarr and GRIB."""

    suffixes = SUFFIXES
    options = cf.CubeOptions

    @contextmanager
    def open(self, path: Path, options: dict[str, Any]) -> Iterator[Raster]:
        """Open a file or a Zarr folder; its variables are the layers."""
        chosen = check_options(cf.CubeOptions, options, "cube")
        with ExitStack() as stack:
            if path.is_dir():
                variables = zarr_folder.variables(path, stack)
            elif magic(path, 4) == b"GRIB":
                variables = grib.variables(path, chosen, stack)
            else:
                variables = netcdf.variables(path, stack)
            if not variables:
                raise SourceError(
                    "has no variable over two axes", where=path.name, remedy="give a file with a grid"
                )
            yield Raster(tuple(cf.layer_of(path, v, chosen) for v in variables))

    def describe(self, path: Path) -> Description:
        """Tell the variables, their grid and time axis."""
        with self.open(path, {}) as raster:
            layers = [describe_layer(layer.name, layer) for layer in raster.layers]
        form = "Zarr" if path.is_dir() else "GRIB" if magic(path, 4) == b"GRIB" else "netCDF"
        return Description(format=form, reader="cube", layers=layers)
