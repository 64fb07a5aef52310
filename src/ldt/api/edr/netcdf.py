"""NetCDF by the CF Conventions 1.8: grids as grids; places with their times as discrete sampling geometries (chapter 9)."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS

from ldt.api.coverages.cells import UDUNITS
from ldt.api.edr.gridded import code_of
from ldt.api.edr.piece import Found, Piece
from ldt.netcdf import Attribute, Variable, write_netcdf
from ldt.store.crs import Crs

_TIME: dict[str, Attribute] = {
    "standard_name": "time",
    "axis": "T",
    "units": "seconds since 1970-01-01T00:00:00Z",
    "calendar": "standard",
}


class _File:
    """What is going to be written: dimensions, which are as long as the variables need, and variables."""

    def __init__(self) -> None:
        self.dimensions: dict[str, int] = {}
        self.variables: dict[str, Variable] = {}

    def add(self, name: str, along: tuple[str, ...], values: NDArray[Any], **about: Attribute) -> None:
        self.dimensions |= zip(along, values.shape, strict=True)
        self.variables[name] = Variable(along, values, about)


def netcdf(found: Found, about: Mapping[str, str]) -> bytes:
    """Return a NetCDF file. The names of a second grid end in `_2`, and so on; `about` are global attributes."""
    file = _File()
    grids = [p for p in found.pieces if p.kind == "grid"]
    for number, piece in enumerate(grids, 1):
        _grid(file, piece, found, f"_{number}" if number > 1 else "")
    kind: dict[str, str] = {}
    if not grids:
        kind = {"featureType": _sampled(file, found)}
    file.add("crs", (), np.array(0, np.int32), **_system(found.crs))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "answer.nc"
        write_netcdf(path, file.dimensions, file.variables, {"Conventions": "CF-1.8", **kind, **about})
        return path.read_bytes()


def _grid(file: _File, piece: Piece, found: Found, end: str) -> None:
    y, x = (n + end for n in _names(found.crs))
    file.add(x, (x,), piece.x, **_axis("x", found.crs))
    file.add(y, (y,), piece.y, **_axis("y", found.crs))
    time: tuple[str, ...] = ()
    if piece.starts.size:
        time = (f"time{end}",)
        file.add(time[0], time, _seconds(piece.starts), **_TIME, bounds=f"time_bounds{end}")
        bounds = np.column_stack((_seconds(piece.starts), _seconds(piece.ends)))
        file.add(f"time_bounds{end}", (*time, "bound"), bounds)
    for name, values in piece.values.items():
        cells = values if time else values[0]
        file.add(name + end, (*time, y, x), cells, **_described(name, found, cells))


def _sampled(file: _File, found: Found) -> str:
    """Add places with their values over time, as incomplete multidimensional arrays (CF 1.8, 9.3.2); returns the type of feature."""
    pieces = [one for piece in found.pieces for one in _singles(piece)]
    track = any(p.kind == "track" for p in pieces)
    instance = "trajectory" if track else "station"
    places = (instance, "obs") if track else (instance,)
    y, x = _names(found.crs)
    for name, axis, rows in ((x, "x", [p.x for p in pieces]), (y, "y", [p.y for p in pieces])):
        stacked = _stacked(rows)
        file.add(name, places, stacked if track else stacked[:, 0], **_axis(axis, found.crs))
    times = _stacked([_seconds(p.starts) for p in pieces])
    file.add("time", (instance, "obs"), times, **_TIME, _FillValue=float("nan"))
    if not track:
        file.variables["time"] = Variable(
            (instance, "obs"), times, {**_TIME, "_FillValue": float("nan"), "bounds": "time_bounds"}
        )
        ends = _stacked([_seconds(p.ends) for p in pieces])
        file.add("time_bounds", (instance, "obs", "bound"), np.stack((times, ends), -1))
    labels = np.array([p.label.encode() for p in pieces])
    letters = labels.view("S1").reshape(len(pieces), -1)
    file.add(f"{instance}_id", (instance, "letter"), letters, cf_role=f"{'trajectory' if track else 'timeseries'}_id")  # fmt: skip
    for name in found.parameters:
        rows = [p.values.get(name, np.full(max(1, p.starts.size), np.nan)) for p in pieces]
        values = _stacked(rows)
        about = _described(name, found, values)
        file.add(name, (instance, "obs"), values, **about, coordinates=f"time {y} {x} {instance}_id")
    return "trajectory" if track else "timeSeries"


def _singles(piece: Piece) -> list[Piece]:
    """Return the places of a line one by one."""
    if piece.kind != "line":
        return [piece]
    return [
        Piece(
            "point", piece.label, piece.x[n : n + 1], piece.y[n : n + 1], piece.starts, piece.ends,
            {name: v[:, n] for name, v in piece.values.items()},
        )
        for n in range(piece.x.size)
    ]  # fmt: skip


def _stacked(rows: Sequence[NDArray[Any]]) -> NDArray[np.float64]:
    """Return rows of different length as one array, NaN at their ends; as long as the longest, but at least 1."""
    whole = np.full((len(rows), max(1, *(r.size for r in rows))), np.nan)
    for n, row in enumerate(rows):
        whole[n, : row.size] = row
    return whole


def _seconds(moments: NDArray[np.datetime64]) -> NDArray[np.float64]:
    seconds: NDArray[np.float64] = moments.astype("datetime64[us]").astype(np.int64) / 1e6
    return seconds


def _names(crs: Crs) -> tuple[str, str]:
    return ("lat", "lon") if crs.geographic else ("y", "x")


def _axis(name: str, crs: Crs) -> dict[str, Attribute]:
    if not crs.geographic:
        return {"standard_name": f"projection_{name}_coordinate", "units": "m", "axis": name.upper()}
    if name == "x":
        return {"standard_name": "longitude", "units": "degrees_east", "axis": "X"}
    return {"standard_name": "latitude", "units": "degrees_north", "axis": "Y"}


def _described(name: str, found: Found, values: NDArray[Any]) -> dict[str, Attribute]:
    one = found.parameters[name]
    about: dict[str, Attribute] = {
        "long_name": one.concept.get("label", {}).get("en", one.code),
        "grid_mapping": "crs",
        "_FillValue": np.float32("nan") if values.dtype == np.float32 else float("nan"),
    }
    if not one.classes:
        return {**about, "units": UDUNITS.get(one.unit, one.unit)}
    classes = sorted(one.classes, key=lambda c: int(c["code"]))
    labels = [c["label"].get("en", c["code"]).replace(",", "") for c in classes]
    about["flag_values"] = np.array([int(c["code"]) for c in classes], values.dtype)
    return {**about, "flag_meanings": " ".join("_".join(text.split()) for text in labels)}


def _system(crs: Crs) -> dict[str, Attribute]:
    """Return the attributes of the grid mapping (CF 1.8, 5.6 and annex F)."""
    found = CRS.from_user_input(code_of(crs)).to_cf()
    return {
        k: np.array(v, np.float64) if isinstance(v, list) else v for k, v in found.items() if v is not None
    }
