"""Coverages: rasters and cubes. The bytes are files, named by digest; this is what is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

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
            "bands": [
                {n: getattr(b, n) for n in ("property", "unit", "dtype", "nodata", "vocabulary")}
                for b in self.bands
            ],
            "grid": {
                "crs": self.grid.crs,
                "width": self.grid.width,
                "height": self.grid.height,
                "transform": list(self.grid.transform),
            },
            "time_first": self.time_first,
            "time_last": self.time_last,
            "steps": self.steps,
            "averaging": self.averaging,
        }
