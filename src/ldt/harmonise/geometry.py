"""Geometries: from WKB as it stands in the source to valid, two-dimensional EPSG:4326, all records of a batch at once.

What is stored is valid, has x = longitude, no heights, and exterior rings counter-clockwise (RFC 7946, section 3.1.6).
A geometry that cannot be used rejects its record; one that can be made valid without changing its dimension is repaired.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from ldt.harmonise.crs import CrsJudgement, Geometries
from ldt.harmonise.parts import in_parts

Bools = NDArray[np.bool_]


@dataclass(slots=True)
class Problems:
    """What befell some records of a batch: position → (reason, message). The first reason of a record stands."""

    found: dict[int, tuple[str, str]] = field(default_factory=dict)

    def add(self, where: Bools, reason: str, message: str | Callable[[int], str]) -> None:
        """Note a reason for every position where `where` is true and none was noted before."""
        for i in np.flatnonzero(where).tolist():
            if i not in self.found:
                self.found[i] = (reason, message(i) if callable(message) else message)


@dataclass(slots=True)
class Checked:
    """The geometries of a batch after all checks.

    Attributes:
        geometries: shapely geometries in EPSG:4326, x = longitude; None where there is none, or none that can be used.
        rejected: positions that cannot be used.
        repaired: positions whose geometry was changed, and how.
        outside: positions that do not intersect the selection.
    """

    geometries: Geometries
    rejected: Problems
    repaired: Problems
    outside: Bools


def _read(values: NDArray[Any]) -> tuple[Geometries, Bools, Bools, Bools]:
    """Return geometries of WKB in 2D, None for empty ones and those that cannot be used; which are damaged; which are empty; which have coordinates that are not numbers."""
    geometries: Geometries = shapely.from_wkb(values, on_invalid="ignore")
    damaged = shapely.is_missing(geometries) & (values != np.array(None))
    if shapely.has_z(geometries).any() or _has_m(geometries):
        geometries = shapely.force_2d(geometries)
    empty = shapely.is_empty(geometries)
    geometries[empty] = None
    coordinates = shapely.get_coordinates(geometries)
    # Column by column: NumPy is slow to reduce along an axis of two.
    endless = _owners(geometries, ~(np.isfinite(coordinates[:, 0]) & np.isfinite(coordinates[:, 1])))
    geometries[endless] = None
    return geometries, damaged, empty, endless


def check(
    wkb: pa.Array | None,
    count: int,
    rule: Literal["required", "optional", "none"],
    judge: Callable[[Geometries], CrsJudgement],
    selection: BaseGeometry | None,
) -> Checked:
    """Check the geometries of one batch.

    Args:
        wkb: the source's geometries, coordinates as they stand there; None where the batch has none.
        count: number of records.
        rule: the recipe's word on geometry.
        judge: gives the judgement of the CRS; called only if there is a geometry to judge.
        selection: prepared polygon in EPSG:4326, x = longitude; None keeps all.
    """
    rejected, repaired = Problems(), Problems()
    geometries: Geometries = np.full(count, None, dtype=object)
    if wkb is not None and rule != "none":
        source, damaged, empty, endless = in_parts(_read, wkb.to_numpy(zero_copy_only=False))
        rejected.add(
            damaged, "bad-geometry", "the geometry cannot be read: its WKB is damaged or of an unknown type"
        )
        rejected.add(
            endless,
            "impossible-coordinates",
            "the geometry has coordinates that are not numbers (NaN or infinite)",
        )
        note = "the geometry is empty"
        if rule == "required":
            rejected.add(empty, "no-geometry", f"{note}, and its feature type needs one")
        else:
            repaired.add(empty, "empty-geometry", f"{note}: the record is kept without one")
        if not shapely.is_missing(source).all():
            geometries = _place(source, judge(source), rejected, repaired)
    missing = shapely.is_missing(geometries)
    if rule == "required":
        rejected.add(missing, "no-geometry", "the record has no geometry, and its feature type needs one")
    outside = np.zeros(count, dtype=bool)
    if selection is not None:
        outside = ~missing & ~shapely.intersects(selection, geometries)
    return Checked(geometries, rejected, repaired, outside)


def _has_m(geometries: Geometries) -> bool:
    return bool(shapely.has_m(geometries).any()) if hasattr(shapely, "has_m") else False


def _place(source: Geometries, judgement: CrsJudgement, rejected: Problems, repaired: Problems) -> Geometries:
    """Bring geometries to longitude and latitude, valid; reject those whose coordinates are not on Earth."""
    if judgement.assumed:
        _assume(source, judgement, rejected, repaired)
    geometries, off, invalid = in_parts(partial(_moved, judgement), source)
    rejected.add(
        off,
        "impossible-coordinates",
        lambda i: f"coordinates around {_around(source[i])} are not possible in {judgement.declared.text}",
    )
    if judgement.repaired:
        there = ~shapely.is_missing(geometries)
        repaired.add(there, "axis-order", f"axes exchanged: {judgement.reason}")
    if invalid.any():
        _make_valid(geometries, source, invalid, rejected, repaired)
    return geometries


def _moved(judgement: CrsJudgement, source: Geometries) -> tuple[Geometries, Bools, Bools]:
    """Return geometries in EPSG:4326, exterior rings counter-clockwise and None where they lie off the Earth; which do; which are not valid."""
    geometries = judgement.to_lonlat(source).copy()
    coordinates = shapely.get_coordinates(geometries)
    with np.errstate(invalid="ignore"):
        # NaN and infinity are not below the limits either.
        on = (np.abs(coordinates[:, 0]) <= 180 + 1e-9) & (np.abs(coordinates[:, 1]) <= 90 + 1e-9)
    off = _owners(geometries, ~on)
    geometries[off] = None
    invalid = ~shapely.is_valid(geometries) & ~shapely.is_missing(geometries)
    return shapely.orient_polygons(geometries, exterior_cw=False), off, invalid


def _assume(geometries: Geometries, judgement: CrsJudgement, rejected: Problems, repaired: Problems) -> None:
    """Tell which geometries fit the CRS that the others of their source declare, and which do not."""
    text = judgement.declared.text
    there, fit = ~shapely.is_missing(geometries), judgement.fits(geometries)
    rejected.add(
        there & ~fit,
        "no-crs",
        lambda i: (
            f"no CRS is declared, and coordinates around {_around(geometries[i])} do not fit that of the others, {text}"
        ),
    )
    repaired.add(fit, "crs-of-the-others", f"no CRS is declared: taken as {text}, which the others declare")


def _owners(geometries: Geometries, coordinates: Bools) -> Bools:
    """Return which geometries some coordinates belong to."""
    mask = np.zeros(len(geometries), dtype=bool)
    if coordinates.any():
        _, owner = shapely.get_coordinates(geometries, return_index=True)
        mask[owner[coordinates]] = True
    return mask


def _around(geometry: Any) -> str:
    first = shapely.get_coordinates(geometry)[0]
    return f"({first[0]:.10g}, {first[1]:.10g})"


def _make_valid(
    geometries: Geometries, source: Geometries, invalid: Bools, rejected: Problems, repaired: Problems
) -> None:
    """Make invalid geometries valid where they stand, keeping their dimension; reject what then has nothing left.

    Rings that touch almost, and are valid in the source's coordinates, can cross by the rounding of the transformation. They
    are told apart (`rounding`), since the source is not to blame.
    """
    reasons = dict(
        zip(np.flatnonzero(invalid).tolist(), shapely.is_valid_reason(geometries[invalid]), strict=True)
    )
    dimensions = shapely.get_dimensions(geometries[invalid])
    valid = shapely.make_valid(geometries[invalid], method="structure", keep_collapsed=False)
    kept_parts = [_of_dimension(g, d) for g, d in zip(valid, dimensions, strict=True)]
    geometries[invalid] = shapely.orient_polygons(kept_parts, exterior_cw=False)
    lost = invalid & shapely.is_missing(geometries)
    rejected.add(lost, "invalid-geometry", lambda i: f"the geometry cannot be made valid: {reasons[i]}")
    kept = invalid & ~lost
    rounded = kept.copy()
    rounded[kept] = shapely.is_valid(source[kept])
    repaired.add(
        rounded,
        "rounding",
        lambda i: f"valid in the source, made valid after the transformation: {reasons[i]}",
    )
    repaired.add(kept & ~rounded, "invalid-geometry", lambda i: f"made valid: {reasons[i]}")


def _of_dimension(geometry: Any, dimension: int) -> Any:
    """Return the parts of a geometry that have a dimension (2 = areas) as a valid geometry, None if that leaves nothing."""
    if geometry.is_empty:
        return None
    parts = [p for p in shapely.get_parts(geometry) if shapely.get_dimensions(p) == dimension]
    if geometry.geom_type == "GeometryCollection" or not geometry.is_valid:
        # GEOS's `structure` method leaves areas apart that share an edge, which are only valid as one.
        geometry = shapely.union_all(parts)
    return geometry if not geometry.is_empty and geometry.is_valid else None
