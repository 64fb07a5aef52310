"""GRIB files for tests, made with ecCodes from its samples: small grids whose values are told by hand."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

#: 4 x 3 cells of one degree, middles at 6 to 9 E and 52 to 50 N.
GRID: dict[str, Any] = {
    "Ni": 4,
    "Nj": 3,
    "latitudeOfFirstGridPointInDegrees": 52.0,
    "latitudeOfLastGridPointInDegrees": 50.0,
    "longitudeOfFirstGridPointInDegrees": 6.0,
    "longitudeOfLastGridPointInDegrees": 9.0,
    "iDirectionIncrementInDegrees": 1.0,
    "jDirectionIncrementInDegrees": 1.0,
}
KNOWN: dict[str, Any] = {"shortName": "2t", "dataDate": 20240131, "dataTime": 0, "bitsPerValue": 16}


@lru_cache(maxsize=1)
def eccodes() -> Any:
    """ecCodes in this process: its libraries are loaded each for itself, since the loader of its wheel makes them visible to others."""
    places = {
        name: Path(found.origin).parent
        for name in ("eckitlib", "eccodeslib")
        if (found := importlib.util.find_spec(name)) is not None and found.origin is not None
    }
    waiting = [p for place in places.values() for p in place.glob("lib*/*") if ".so" in p.suffixes]
    for _ in range(len(waiting)):  # each as soon as those that it needs are there
        waiting = [path for path in waiting if not _loaded(path)]
    with pytest.MonkeyPatch.context() as patch:
        if "eccodeslib" in places:
            patch.setenv("FINDLIBS_DISABLE_PACKAGE", "yes")
            patch.setenv("ECCODES_HOME", str(places["eccodeslib"]))
        return importlib.import_module("eccodes")


def _loaded(path: Path) -> bool:
    try:
        ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL)
    except OSError:
        return False
    return True


def write_grib(
    path: Path,
    messages: Iterable[tuple[Mapping[str, Any], NDArray[Any]]],
    *,
    sample: str = "regular_ll_sfc_grib2",
) -> Path:
    """Write messages of (keys, values as they stand in the file) one after the other; the keys follow those of `KNOWN` and `GRID`."""
    ec = eccodes()
    with path.open("wb") as file:
        for keys, values in messages:
            handle = ec.codes_grib_new_from_samples(sample)
            for name, value in {**GRID, **KNOWN, **keys}.items():
                ec.codes_set(handle, name, value)
            ec.codes_set_values(handle, np.asarray(values, dtype=np.float64).ravel())
            ec.codes_write(handle, file)
            ec.codes_release(handle)
    return path


def counting(add: float = 0.0) -> NDArray[np.float64]:
    """0 to 11, from north-west to south-east, plus something."""
    return np.arange(12.0).reshape(3, 4) + add
