"""What the tests of the European recipes share: files in the published layouts, made here, and what recipes make of them."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine

from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import load_recipe
from ldt.model.coverage import NewCoverage
from ldt.model.outcome import RecordOutcome, Tally
from ldt.pipeline.ingest import opened
from ldt.sources import suffixes
from ldt.sources.resource import open_resources

#: South-west corner of some squares of 100 m in the Bergisches Land, EPSG:3035.
EAST, NORTH = 4_110_000, 3_110_000


def squares(columns: dict[str, list[Any]], crs: str = "EPSG:3035") -> gpd.GeoDataFrame:
    """A row of squares of 100 m side by side, one for each value of the columns."""
    number = len(next(iter(columns.values())))
    west = EAST + 100 * np.arange(number)
    shapes = gpd.GeoSeries(list(shapely.box(west, NORTH, west + 100, NORTH + 100)), crs="EPSG:3035")
    return gpd.GeoDataFrame(columns, geometry=shapes.to_crs(crs), crs=crs)


def raster(
    path: Path, cells: NDArray[Any], *, crs: Any = "EPSG:3035", nodata: float | None = None, size: int = 100
) -> Path:
    """A GeoTIFF whose north-west corner is that of the squares."""
    profile = {"driver": "GTiff", "dtype": str(cells.dtype), "count": 1, "crs": crs, "nodata": nodata}
    placed = Affine(size, 0, EAST, 0, -size, NORTH + size * cells.shape[0])
    with rasterio.open(
        path, "w", height=cells.shape[0], width=cells.shape[1], transform=placed, **profile
    ) as file:
        file.write(cells, 1)
    return path


def table(path: Path, rows: list[dict[str, Any]], delimiter: str = ",", encoding: str = "utf-8") -> Path:
    """Delimited text with the keys of the first row as header."""
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.DictWriter(file, rows[0], delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
    return path


@dataclass(frozen=True)
class Covered:
    """What became of one raster."""

    coverage: NewCoverage | None
    cells: NDArray[Any]
    tally: Tally
    outcomes: list[RecordOutcome]

    @property
    def period(self) -> tuple[int, int]:
        """First year, and the one after the last."""
        assert self.coverage is not None
        assert self.coverage.time_first is not None
        assert self.coverage.time_last is not None
        return self.coverage.time_first.year, self.coverage.time_last.year


def covered(name: str, path: Path) -> Covered:
    """Read the one raster behind a path through its recipe, and all of its cells."""
    with chunks(name, path) as found:
        (chunk,) = found
        coverage = chunk.coverages[0] if chunk.coverages else None
        none = np.zeros((0, 0))
        cells = coverage.read(0, 0, 0, coverage.grid.height) if coverage else none
        return Covered(coverage, cells, chunk.tally, chunk.outcomes)


@contextmanager
def chunks(name: str, path: Path) -> Iterator[Iterator[Any]]:
    """What the harmoniser makes of the files behind a path, archives unpacked."""
    recipe = load_recipe(name)
    worker = harmoniser(recipe, Context("https://example.org/id/test"))
    with open_resources(path, suffixes=suffixes(recipe.source.reader)) as resources:
        yield (chunk for resource in resources for chunk in worker.batches(opened(recipe, resource)))
