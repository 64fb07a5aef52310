"""Cells of the European reference grid, from their codes.

The grid is that of INSPIRE (Regulation (EU) 1089/2010, Annex II, 2.2.1, Grid_ETRS89-LAEA): squares in EPSG:3035, named after
their south-west corner. Three notations are in use:

- `1kmN3210E4321`, or with the easting first, as the EEA writes it, `1kmE4321N3210`: the size of the cell in metres or kilometres, and the corner in units of ten to the power of the zeros
  that the size in metres ends with (`250mN320725E432100`: 3 207 250, 4 321 000);
- `CRS3035RES1000mN3210000E4321000`: size and corner in metres (Eurostat, GISCO).
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import shapely
from numpy.typing import NDArray
from pyproj import CRS

from ldt.axis import AxisOrder
from ldt.sources.source import DeclaredCrs

_SHORT = re.compile(r"(?P<size>[1-9]\d*)(?P<unit>km|m)N(?P<north>\d+)E(?P<east>\d+)")
_EAST_FIRST = re.compile(r"(?P<size>[1-9]\d*)(?P<unit>km|m)E(?P<east>\d+)N(?P<north>\d+)")
_LONG = re.compile(r"CRS3035RES(?P<size>[1-9]\d*)mN(?P<north>\d+)E(?P<east>\d+)")
#: What the projection covers, in metres: all of Europe with its islands lies between 900 km and 7,400 km.
_FAR = 10_000_000

#: Cells are squares in this CRS; x is the easting.
GRID_CRS = DeclaredCrs("EPSG:3035", CRS.from_epsg(3035).to_json(), AxisOrder.XY)


def cell(code: str) -> tuple[int, int, int] | str:
    """Return (easting, northing, size) of a cell in metres, or why the code names none.

    >>> cell("1kmN3210E4321")
    (4321000, 3210000, 1000)
    """
    text = code.strip()
    if found := _LONG.fullmatch(text):
        size, factor = int(found["size"]), 1
    elif found := _SHORT.fullmatch(text) or _EAST_FIRST.fullmatch(text):
        size = int(found["size"]) * (1000 if found["unit"] == "km" else 1)
        factor = 10 ** (len(str(size)) - len(str(size).rstrip("0")))
    else:
        return (
            "it is written neither as 1kmN3210E4321 or 1kmE4321N3210 nor as CRS3035RES1000mN3210000E4321000"
        )
    east, north = int(found["east"]) * factor, int(found["north"]) * factor
    if east % size or north % size:
        return f"its corner ({east}, {north}) is no multiple of its size, {size} m"
    if east > _FAR or north > _FAR:
        return f"its corner ({east}, {north}) lies outside Europe"
    return east, north, size


def squares(codes: pa.Array) -> tuple[pa.Array, dict[int, str]]:
    """Return the cells as WKB polygons in EPSG:3035 (x = easting), and position → reason for the codes that name none.

    Args:
        codes: texts; a null has no cell, and no reason either.
    """
    boxes: NDArray[np.float64] = np.full((len(codes), 3), np.nan)
    problems: dict[int, str] = {}
    for i, code in enumerate(codes.cast(pa.string()).to_pylist()):
        if code is None:
            continue
        found = cell(code)
        if isinstance(found, str):
            problems[i] = f"{code!r} is no cell of the grid: {found}"
        else:
            boxes[i] = found
    east, north, size = boxes.T
    polygons = np.full(len(codes), None, dtype=object)
    good = ~np.isnan(east)
    polygons[good] = shapely.box(east[good], north[good], (east + size)[good], (north + size)[good])
    return pa.array(shapely.to_wkb(polygons), pa.binary()), problems
