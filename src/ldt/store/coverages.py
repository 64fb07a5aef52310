"""Coverages out: what there is, and the cells themselves. Every read of the catalogue takes a Snapshot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import rioxarray
import xarray as xr
from affine import Affine
from numpy.typing import NDArray
from sqlalchemy import false, func, or_, select

from ldt.errors import NotFound, StoreError
from ldt.model.coverage import COG, Band, Coverage, Grid
from ldt.model.snapshot import Snapshot
from ldt.store import files, records, visible
from ldt.store import tables as t
from ldt.store.connect import fetch_all

#: What the file of a coverage is called in its folder of the file store, by media type.
_NAMES = {True: "coverage.tif", False: "coverage.zarr"}


def listed(
    conn: psycopg.Connection[Any],
    snapshot: Snapshot,
    *,
    observed_property: str | None = None,
    dataset: str | None = None,
) -> list[Coverage]:
    """Return the coverages that a snapshot sees, in order of data set (by its number) and code.

    Args:
        conn: a connection in the transaction in which the snapshot was resolved.
        snapshot: the state to read.
        observed_property: only those that have a band of it.
        dataset: only those of this data set.

    Raises:
        NotFound: the snapshot does not see the data set.
    """
    found = [records.find(snapshot, dataset)] if dataset is not None else snapshot.of_shape("coverage")
    c = t.coverage.c
    by_id = {d.dataset_id: d for d in found}
    statement = (
        select(
            c.dataset_id,
            c.code,
            c.digest,
            c.media_type,
            c.bands,
            c.grid,
            c.time_first,
            c.time_last,
            c.steps,
            c.averaging,
            func.ST_AsBinary(c.footprint).label("footprint"),
            c.quality,
        )
        .where(or_(false(), *(visible.rows(t.coverage, snapshot.twin_id, d) for d in found)))
        .order_by(c.dataset_id, func.convert_to(c.code, "UTF8"))
    )
    coverages = []
    for row in fetch_all(conn, statement):
        row["dataset"] = by_id[row.pop("dataset_id")]
        row["bands"] = tuple(Band(**band) for band in row["bands"])
        row["grid"] = Grid(**{**row["grid"], "transform": tuple(row["grid"]["transform"])})
        coverages.append(Coverage(**{**row, "footprint": bytes(row["footprint"])}))
    return [c for c in coverages if observed_property is None or c.band(observed_property)]


def one(conn: psycopg.Connection[Any], snapshot: Snapshot, dataset: str, code: str) -> Coverage:
    """Return a coverage by data set and code.

    Raises:
        NotFound: the snapshot does not see the data set, or it has no such coverage.
    """
    for coverage in listed(conn, snapshot, dataset=dataset):
        if coverage.code == code:
            return coverage
    raise NotFound(
        f"{dataset} has no coverage {code!r}", remedy="the list of its coverages shows what there is"
    )


def file_name(media_type: str) -> str:
    """Return what the file or folder of a coverage is called in the file store."""
    return _NAMES[media_type == COG]


def path(coverage: Coverage) -> Path:
    """Return the GeoTIFF file or the Zarr folder of a coverage."""
    return files.folder_of(coverage.digest) / file_name(coverage.media_type)


def existing(coverage: Coverage) -> Path:
    """Return the GeoTIFF file or the Zarr folder of a coverage.

    Raises:
        StoreError: the file store does not have it.
    """
    place = path(coverage)
    if not place.exists():
        raise StoreError(
            f"the bytes of the coverage {coverage.id} are not in the file store",
            where=str(place),
            remedy="restore them from a backup, or ingest the data set again",
        )
    return place


def opened(coverage: Coverage) -> xr.Dataset:
    """Return a coverage's cells, lazily; close it, or use it in `with`.

    Returns:
        Variables named by observed property, with the attributes `unit`, `property` and, for classes, `vocabulary`, over
        (`time`, `y`, `x`), or (`y`, `x`) where there is no time axis. `x` ascends, `y` descends; both are the middles of the
        cells. `time` is UTC, the beginning of the step. Numbers are floats, NaN where there is none; classes are integers,
        `_FillValue` (`rio.nodata`) where there is none. `rio.crs` and `rio.transform()` are set.

    Raises:
        StoreError: the file store does not have it.
    """
    place = existing(coverage)
    cells = _from_cog(coverage, place) if coverage.media_type == COG else _from_zarr(coverage, place)
    x, y = centres(coverage.grid)
    placed = cells.assign_coords(x=("x", x), y=("y", y)).rio.write_crs(coverage.grid.crs)
    found: xr.Dataset = placed.rio.write_transform(Affine(*coverage.grid.transform))
    for band in coverage.bands:
        attributes: dict[str, Any] = {
            "property": band.property,
            "unit": band.unit,
            "grid_mapping": "spatial_ref",
        }
        if band.vocabulary is not None:
            attributes |= {
                "vocabulary": band.vocabulary,
                "_FillValue": np.dtype(band.dtype).type(band.nodata),
            }
        found[band.property].attrs = attributes
    found.set_close(cells.close)
    return found


def centres(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return x of the middles of the columns and y of those of the rows."""
    a, _, c, _, e, f = grid.transform
    columns = np.arange(grid.width, dtype=np.float64)
    rows = np.arange(grid.height, dtype=np.float64)
    return c + a * (columns + 0.5), f + e * (rows + 0.5)


def _from_cog(coverage: Coverage, place: Path) -> xr.Dataset:
    # A file holds classes or numbers, never both. Coordinates are made once, in `centres`.
    classes = coverage.bands[0].vocabulary is not None
    cells = rioxarray.open_rasterio(place, masked=not classes, parse_coordinates=False, cache=False)
    assert isinstance(cells, xr.DataArray)  # noqa: S101 - other files than a GeoTIFF may give several
    found = xr.Dataset({b.property: cells.isel(band=i, drop=True) for i, b in enumerate(coverage.bands)})
    found.set_close(cells.close)
    return found


def _from_zarr(coverage: Coverage, place: Path) -> xr.Dataset:
    whole = xr.open_dataset(place, engine="zarr", consolidated=False, mask_and_scale=False, cache=False)
    found = whole[[b.property for b in coverage.bands]]
    found.set_close(whole.close)
    return found
