"""The coordinate operation to EPSG:4326: the best that PROJ has for where the data lie, without the network."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.aoi import AreaOfInterest
from pyproj.transformer import TransformerGroup

from ldt.errors import CheckError

#: Geographic CRS whose coordinates are kept as they are. That of ETRS89 is a null transformation (EPSG:1149, 1 m).
KEPT = frozenset({("EPSG", "4326"), ("EPSG", "4258"), ("OGC", "CRS84")})


def operation_for(crs: CRS, boxes: NDArray[np.float64]) -> dict[str, Any]:
    """Return the operation to EPSG:4326 for where data lie, as members of a judgement.

    Args:
        crs: of the data, horizontal.
        boxes: where they lie, (n, 4) in degrees; NaN where that is not possible.

    Returns:
        `operation`, `accuracy_m`, `ballpark`, `better` and `transformer`, which is None where coordinates are kept as they are.

    Raises:
        CheckError: PROJ has none.
    """
    west, south, east, north = (
        np.nanmin(boxes[:, 0]),
        np.nanmin(boxes[:, 1]),
        np.nanmax(boxes[:, 2]),
        np.nanmax(boxes[:, 3]),
    )
    area = AreaOfInterest(max(west, -180.0), max(south, -90.0), min(east, 180.0), min(north, 90.0))
    with warnings.catch_warnings():
        # pyproj warns where a better operation lacks its grid; that is recorded below.
        warnings.simplefilter("ignore", UserWarning)
        group = TransformerGroup(crs, "EPSG:4326", always_xy=True, area_of_interest=area)  # type: ignore[arg-type] # its stub names a private twin
    if not group.transformers:
        raise CheckError(
            f"PROJ has no operation from {crs.name} to WGS 84 that needs no further grid",
            remedy="install proj-data",
        )
    best = group.transformers[0]
    steps = [step for step in best.description.split(" + ") if not step.startswith("axis order change")]
    kept = tuple(crs.to_authority() or ()) in KEPT
    return {
        "operation": " + ".join(steps) or "none",
        "accuracy_m": best.accuracy if best.accuracy >= 0 else None,
        "ballpark": "Ballpark" in best.description,
        "better": None if group.best_available else group.unavailable_operations[0].name,
        "transformer": None if kept else best,
    }
