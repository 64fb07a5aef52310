"""Coverages: rasters and cubes. The bytes are files, named by digest; this is what is known of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from numpy.typing import NDArray

from ldt.model.snapshot import DatasetVersion

#: Media types of what the file store holds: one layer as a Cloud Optimised GeoTIFF, a cube as Zarr.
COG, ZARR = "image/tiff; application=geotiff; profile=cloud-optimized", "application/vnd.zarr"


@dataclass(frozen=True, slots=True)
class Band:
    """What one variable of a coverage holds.

    Attributes:
        property: code of the vocabulary `observed-properties`; the name of the variable.
        unit: UCUM code of the values as they are stored.
        dtype: NumPy's name of the stored type.
        nodata: the stored value that means that there is none; None where that is NaN.
        vocabulary: vocabulary of the classes where values are codes (then they are integers), else None.
    """

    property: str
    unit: str
    dtype: str
    nodata: float | None = None
    vocabulary: str | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """Where the cells lie.

    Attributes:
        crs: `EPSG:{code}`, or WKT2 where the CRS has no code.
        width, height: cells along x and y.
        transform: the six numbers of the affine transformation from (column, row) to (x, y), x = easting or longitude, in
            the order (a, b, c, d, e, f) of `affine.Affine`: x = a * column + b * row + c, y = d * column + e * row + f.
    """

    crs: str
    width: int
    height: int
    transform: tuple[float, float, float, float, float, float]


@dataclass(frozen=True, slots=True)
class Coverage:
    """One coverage of a data set, at a version.

    Attributes:
        dataset: the data set that holds it, at the version that is seen.
        code: what tells it from the others of its data set; without slashes.
        digest: of the files in the file store.
        media_type: :data:`COG` or :data:`ZARR`.
        time_first, time_last: the period `[time_first, time_last)` that the coverage stands for; None where nothing is known.
        steps: number of time steps; 1 where there is no time axis.
        averaging: ISO 8601 duration that one step stands for (`P1D`), None where there is no time axis.
        footprint: WKB of a polygon in EPSG:4326, x = longitude.
        quality: what was found when it was read: `{bands: {property: {cells, missing, out_of_range, unknown_classes, codes}}}`, each
            where there is something to tell, and `time` where times were moved to the beginning of their steps.
    """

    dataset: DatasetVersion
    code: str
    digest: str
    media_type: str
    bands: tuple[Band, ...]
    grid: Grid
    time_first: datetime | None
    time_last: datetime | None
    steps: int
    averaging: str | None
    footprint: bytes
    quality: dict[str, Any] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """The id in addresses: `{data set}.{code}`."""
        return f"{self.dataset.name}.{self.code}"

    def band(self, observed_property: str) -> Band | None:
        """Return the band of an observed property, or None."""
        return next((b for b in self.bands if b.property == observed_property), None)

    def summary(self) -> dict[str, Any]:
        """Return a JSON-ready form without the footprint."""
        return {
            "id": self.id,
            "dataset": self.dataset.name,
            "code": self.code,
            "digest": self.digest,
            "media_type": self.media_type,
            "bands": [asdict(b) for b in self.bands],
            "grid": {**asdict(self.grid), "transform": list(self.grid.transform)},
            "time_first": self.time_first,
            "time_last": self.time_last,
            "steps": self.steps,
            "averaging": self.averaging,
            "quality": self.quality,
        }


@dataclass(frozen=True, slots=True)
class NewCoverage:
    """A coverage as harmonise hands it to the store: what is known of it, and its cells, read when they are asked for.

    Attributes:
        code, bands, grid, time_first, time_last, averaging, footprint, quality: as in :class:`Coverage`.
        times: the beginning of each step of the time axis, in UTC, ascending; empty where there is none.
        source_row: the number of its record in its source.
        read: the cells of (band, step, first row, row after the last), each counted from 0; step 0 where there is no time axis.
            Two-dimensional, in the band's dtype, x ascending and y descending; may raise `SourceError`.
    """

    code: str
    bands: tuple[Band, ...]
    grid: Grid
    time_first: datetime | None
    time_last: datetime | None
    times: tuple[datetime, ...]
    averaging: str | None
    footprint: bytes
    read: Callable[[int, int, int, int], NDArray[Any]]
    quality: dict[str, Any] = field(default_factory=dict)
    source_row: int = 0
