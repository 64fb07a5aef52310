"""Where layers lie, on a small map: of text for a terminal, or a PNG. The land is that of the countries' boxes, so it is rough."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.env import Env
from rasterio.errors import NotGeoreferencedWarning

from ldt.harmonise.countries import country_box, country_codes
from ldt.sources.judge import EUROPE

Extent = Sequence[float]

_WORLD = (-180.0, -90.0, 180.0, 90.0)
#: Characters of the map of text; one is about twice as high as wide, as is a degree of longitude at 55 degrees north short.
_COLUMNS, _ROWS = 64, 20
_WIDTH = 960
_SEA, _LAND, _BORDER, _HERE, _EDGE = (
    (225, 235, 243),
    (243, 240, 230),
    (190, 190, 190),
    (226, 87, 76),
    (150, 20, 20),
)


def _frame(extents: Sequence[Extent]) -> tuple[float, float, float, float]:
    """Return what the map shows: Europe, if all lies in it, else the world."""
    west, south, east, north = EUROPE
    inside = all(e[0] >= west and e[1] >= south and e[2] <= east and e[3] <= north for e in extents)
    return EUROPE if inside else _WORLD


def text_map(extents: Sequence[Extent]) -> list[str]:
    """Return the lines of a map: `·` where a country's box is, `#` where the things are."""
    west, south, east, north = _frame(extents)
    grid = [[" "] * _COLUMNS for _ in range(_ROWS)]

    def fill(box: Extent, mark: str) -> None:
        left, right = (int((x - west) / (east - west) * _COLUMNS) for x in (box[0], box[2]))
        low, high = (int((north - y) / (north - south) * _ROWS) for y in (box[3], box[1]))
        for row in range(max(low, 0), min(high, _ROWS - 1) + 1):
            for column in range(max(left, 0), min(right, _COLUMNS - 1) + 1):
                grid[row][column] = mark

    for code in country_codes():
        fill(country_box(code), "·")
    for extent in extents:
        fill(extent, "#")
    rule = "+" + "-" * _COLUMNS + "+"
    return [rule, *(f"|{''.join(row)}|" for row in grid), rule]


def write_png(path: Path, extents: Sequence[Extent]) -> None:
    """Write the map as a PNG: longitude and latitude as they are, north up.

    Raises:
        OSError: it cannot be written.
    """
    west, south, east, north = frame = _frame(extents)
    height = round(_WIDTH * (north - south) / (east - west) * (1.5 if frame == EUROPE else 1.0))
    picture: NDArray[np.uint8] = np.empty((height, _WIDTH, 3), np.uint8)
    picture[:] = _SEA

    def pixels(box: Extent) -> tuple[slice, slice]:
        left, right = (round((x - west) / (east - west) * _WIDTH) for x in (box[0], box[2]))
        low, high = (round((north - y) / (north - south) * height) for y in (box[3], box[1]))
        # What is smaller than a pixel is still seen.
        return slice(max(low - 2, 0), max(high + 3, 0)), slice(max(left - 2, 0), max(right + 3, 0))

    boxes = [country_box(code) for code in country_codes()]
    for box in boxes:
        picture[pixels(box)] = _LAND
    for box in boxes:
        _outline(picture, pixels(box), _BORDER)
    for extent in extents:
        rows, columns = pixels(extent)
        picture[rows, columns] = (picture[rows, columns] * 0.5 + np.array(_HERE) * 0.5).astype(np.uint8)
        _outline(picture, (rows, columns), _EDGE)
    with path.open("wb"):
        pass  # so that what forbids writing is told as such
    with (
        Env(GDAL_PAM_ENABLED="NO"),
        _pictures_have_no_place(),
        rasterio.open(path, "w", driver="PNG", width=_WIDTH, height=height, count=3, dtype="uint8") as file,
    ):
        file.write(np.moveaxis(picture, 2, 0))


@contextmanager
def _pictures_have_no_place() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        yield


def _outline(picture: NDArray[np.uint8], place: tuple[slice, slice], colour: tuple[int, int, int]) -> None:
    inside = picture[place]
    if inside.size:
        inside[[0, -1]] = colour
        inside[:, [0, -1]] = colour
