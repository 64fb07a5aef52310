"""Coverages in: their cells into the file store, as a Cloud Optimised GeoTIFF or as Zarr, and then one row for each.

Cells are written block by block, so that memory stays bounded. The same cells give the same bytes and so the same digest.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import rasterio
import rasterio.shutil
import xarray as xr
import zarr
from affine import Affine
from psycopg.types.json import Jsonb
from rasterio.windows import Window

from ldt.model.coverage import COG, ZARR, NewCoverage
from ldt.store import files
from ldt.store.connect import fetch_all, translated
from ldt.store.coverages import centres, file_name
from ldt.store.load import Changes

#: Cells that are held at once while they are written.
_BLOCK_CELLS = 4_000_000
#: Cells along each side of a tile in a GeoTIFF; a part of a cube covers as many, and this many steps.
_TILE, _STEPS = 256, 64
_EPOCH = np.datetime64("1970-01-01T00:00:00", "s")
#: Of a coverage's row, what makes it another one than before.
_DESCRIPTION = (
    "digest",
    "media_type",
    "bands",
    "grid",
    "time_first",
    "time_last",
    "steps",
    "averaging",
    "quality",
)


class CoverageRows:
    """The coverages of one ingest (see :class:`ldt.store.load.Rows`): the current row of one that did not change is kept."""

    def __init__(self, conn: psycopg.Connection[Any], twin_id: int, dataset_id: int, version: int) -> None:
        self._conn = conn
        self._ids = {"twin_id": twin_id, "dataset_id": dataset_id, "version": version}
        self._new: dict[str, dict[str, Any]] = {}

    def add(self, coverage: NewCoverage, source_id: int) -> None:
        """Take in a coverage, whose code no other of this ingest has; its bytes are in the file store afterwards.

        Raises:
            SourceError: its cells cannot be read.
            StoreError: the file store cannot be written to.
        """
        media_type = ZARR if coverage.times else COG
        with files.working_folder() as folder:
            target = folder / file_name(media_type)
            write_zarr(coverage, target) if coverage.times else write_cog(coverage, target)
            digest = files.digest_of(target)
            files.keep(digest, [target])
        self._new[coverage.code] = {
            "code": coverage.code,
            "digest": digest,
            "media_type": media_type,
            "bands": [asdict(b) for b in coverage.bands],
            "grid": {**asdict(coverage.grid), "transform": list(coverage.grid.transform)},
            "time_first": coverage.time_first,
            "time_last": coverage.time_last,
            "steps": max(1, len(coverage.times)),
            "averaging": coverage.averaging,
            "quality": coverage.quality,
            "footprint": coverage.footprint,
            "source_id": source_id,
            "source_row": coverage.source_row,
        }

    def finish(self) -> Changes:
        """Close the rows of coverages that are gone or different, and write those that are new or different."""
        current = {
            row["code"]: row
            for row in fetch_all(
                self._conn,
                f"SELECT code, {', '.join(_DESCRIPTION)} FROM ldt.coverage"
                " WHERE twin_id = %(twin_id)s AND dataset_id = %(dataset_id)s AND until IS NULL",
                self._ids,
            )
        }
        same = {
            code
            for code, row in self._new.items()
            if code in current and all(current[code][name] == row[name] for name in _DESCRIPTION)
        }
        closed = sorted(current.keys() - same)
        with translated():
            self._conn.execute(
                "UPDATE ldt.coverage SET until = %(version)s WHERE twin_id = %(twin_id)s AND dataset_id = %(dataset_id)s"
                " AND until IS NULL AND code = ANY (%(closed)s)",
                {**self._ids, "closed": closed},
            )
            for code in sorted(self._new.keys() - same):
                self._insert(self._new[code])
            changes = self._state()
        changes.added = len(self._new.keys() - current.keys())
        changes.changed = len((self._new.keys() & current.keys()) - same)
        changes.removed = len(current.keys() - self._new.keys())
        return changes

    def _insert(self, row: dict[str, Any]) -> None:
        documents = {name: Jsonb(row[name]) for name in ("bands", "grid", "quality")}
        self._conn.execute(
            "INSERT INTO ldt.coverage (twin_id, dataset_id, code, since, digest, media_type, footprint, time_first, time_last,"
            " bands, source_id, grid, steps, averaging, source_row, quality) VALUES (%(twin_id)s, %(dataset_id)s, %(code)s,"
            " %(version)s, %(digest)s, %(media_type)s, ST_SetSRID(%(footprint)s::geometry, 4326), %(time_first)s, %(time_last)s,"
            " %(bands)s, %(source_id)s, %(grid)s, %(steps)s, %(averaging)s, %(source_row)s, %(quality)s)",
            {**self._ids, **row, **documents},
        )

    def _state(self) -> Changes:
        """Return how many coverages the version has, where they lie, and when."""
        row = self._conn.execute(
            "SELECT count(*), ST_AsBinary(ST_Envelope(ST_Extent(footprint)::geometry)), min(time_first), max(time_last)"
            " FROM ldt.coverage WHERE twin_id = %(twin_id)s AND dataset_id = %(dataset_id)s AND until IS NULL",
            self._ids,
        ).fetchone()
        assert row is not None  # noqa: S101 - an aggregate always returns a row
        return Changes(rows=row[0], extent=row[1], time_first=row[2], time_last=row[3])


def write_cog(coverage: NewCoverage, target: Path) -> None:
    """Write a coverage without a time axis as a Cloud Optimised GeoTIFF, without side files.

    Numbers are averaged in the overviews, of classes the nearest is taken. Bands are described by their observed property.
    """
    first, grid = coverage.bands[0], coverage.grid
    floats = first.dtype.startswith("float")
    profile = {
        "width": grid.width,
        "height": grid.height,
        "count": len(coverage.bands),
        "dtype": first.dtype,
        "crs": rasterio.CRS.from_user_input(grid.crs),
        "transform": Affine(*grid.transform),
        "nodata": np.nan if first.nodata is None and floats else first.nodata,
    }
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, rasterio.Env(GDAL_PAM_ENABLED="NO"):
        plain = Path(folder) / "plain.tif"
        tiled = {"tiled": True, "blockxsize": _TILE, "blockysize": _TILE, "bigtiff": "IF_SAFER"}
        with rasterio.open(plain, "w", driver="GTiff", compress="lzw", **tiled, **profile) as file:
            for number, band in enumerate(coverage.bands):
                file.set_band_description(number + 1, band.property)
                file.set_band_unit(number + 1, band.unit)
                for start, stop in _stripes(coverage, _TILE):
                    cells = coverage.read(number, 0, start, stop)
                    file.write(cells, number + 1, window=Window(0, start, grid.width, stop - start))
        rasterio.shutil.copy(
            plain,
            target,
            driver="COG",
            compress="DEFLATE",
            predictor="FLOATING_POINT" if floats else "STANDARD",
            blocksize=_TILE,
            bigtiff="IF_SAFER",
            resampling="NEAREST" if first.vocabulary else "AVERAGE",
        )


def write_zarr(coverage: NewCoverage, target: Path) -> None:
    """Write a coverage with a time axis as Zarr, version 3, with the coordinates and the CRS as the CF Conventions have them."""
    x, y = centres(coverage.grid)
    seconds = [int((np.datetime64(m.replace(tzinfo=None), "s") - _EPOCH).astype(int)) for m in coverage.times]
    frame = xr.Dataset(
        coords={
            "time": (
                "time",
                np.array(seconds, "int64"),
                {"units": "seconds since 1970-01-01", "calendar": "standard"},
            ),
            "y": ("y", y),
            "x": ("x", x),
        }
    )
    frame = frame.rio.write_crs(coverage.grid.crs).rio.write_transform(Affine(*coverage.grid.transform))
    frame.to_zarr(target, mode="w-", zarr_format=3, consolidated=False)
    group = zarr.open_group(target, mode="r+", zarr_format=3)
    shape = (len(coverage.times), coverage.grid.height, coverage.grid.width)
    for number, band in enumerate(coverage.bands):
        array = group.create_array(
            band.property,
            shape=shape,
            chunks=tuple(min(n, c) for n, c in zip(shape, (_STEPS, _TILE, _TILE), strict=True)),
            dtype=band.dtype,
            fill_value=np.nan if band.nodata is None else band.nodata,
            dimension_names=("time", "y", "x"),
            attributes={"units": band.unit, "grid_mapping": "spatial_ref", "coordinates": "spatial_ref"},
        )
        for start, stop in _stripes(coverage, _TILE, steps=_STEPS):
            for begin in range(0, shape[0], _STEPS):
                steps = range(begin, min(begin + _STEPS, shape[0]))
                array[begin : steps.stop, start:stop] = np.stack(
                    [coverage.read(number, step, start, stop) for step in steps]
                )


def _stripes(coverage: NewCoverage, tile: int, steps: int = 1) -> Iterator[tuple[int, int]]:
    """Yield (first row, row after the last) of stripes of whole rows of tiles, as many as may be held."""
    grid = coverage.grid
    rows = max(1, _BLOCK_CELLS // (grid.width * steps * tile)) * tile
    for start in range(0, grid.height, rows):
        yield start, min(start + rows, grid.height)
