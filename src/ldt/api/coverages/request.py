"""What comes in: which coverage, which part of it, in which form."""

from __future__ import annotations

from typing import Annotated

from fastapi import Path, Query
from pydantic import WithJsonSchema

from ldt.api.negotiate import HTML, JSON, Format
from ldt.api.parameters import Box, parse_bbox
from ldt.errors import NotFound, UsageError

GEOTIFF = Format("geotiff", "image/tiff;application=geotiff", "GeoTIFF", ("image/tiff", "cog", "tiff"))
ZARR = Format("zarr", "application/zip", "Zarr, zipped", ("zip",))
PNG = Format("png", "image/png", "PNG")

FORMS = (JSON, HTML)
DATA_FORMS = (GEOTIFF, ZARR)
MAP_FORMS = (PNG,)

#: Cells, over all bands and time steps, that are cut out in one answer; whole GeoTIFF files are sent whatever their size.
MAX_CELLS = 4096 * 4096
#: Points along each side of a picture.
MAX_SIDE, DEFAULT_SIDE = 2048, 512

CoverageId = Annotated[
    str, Path(alias="coverage", description="Id of the coverage: `{data set}.{code}`.", examples=["clc.2018"])
]
Property = Annotated[
    str | None,
    Query(alias="property", description="Only this observed property (code of `observed-properties`)."),
    WithJsonSchema({"type": "string"}),
]
OfDataset = Annotated[
    str | None,
    Query(alias="dataset", description="Only those of this data set."),
    WithJsonSchema({"type": "string"}),
]
Side = Annotated[
    int | None,
    Query(ge=1, le=MAX_SIDE, description="Points of the picture; without it, what the other side asks for."),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": MAX_SIDE}),
]


def coverage_key(identifier: str) -> tuple[str, str]:
    """Return (data set, code) of the id of a coverage.

    Raises:
        NotFound: no coverage can have it.
    """
    dataset, dot, code = identifier.partition(".")
    if not (dataset and dot and code):
        raise NotFound(f"there is no coverage {identifier!r}", remedy="/coverages lists the ids")
    return dataset, code


def one_box(text: str | None, crs: str | None) -> Box | None:
    """Return the rectangle that a bbox parameter names, in degrees; None without one.

    Raises:
        UsageError: it is malformed, goes over the antimeridian, or has no area.
    """
    boxes = parse_bbox(text, crs)
    if len(boxes) > 1:
        raise UsageError(
            "a coverage is not cut over the antimeridian", where="bbox", remedy="ask for each side of it"
        )
    if not boxes:
        return None
    (west, south, east, north) = boxes[0]
    if west == east or south == north:
        raise UsageError("bbox has no area", where="bbox", remedy="give it a width and a height")
    return boxes[0]
