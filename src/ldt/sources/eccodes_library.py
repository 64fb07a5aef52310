"""ecCodes, loaded so that it does not get in the way of the other libraries of this process.

Its wheel brings libraries of its own, PROJ and SQLite among them, and the loader that comes with it makes their functions visible to
everything that is loaded later: a PROJ or GDAL of another version that is imported afterwards calls them and ends the process.
So they are loaded here first, each for itself alone.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType

from ldt.errors import SourceError

#: The packages with the libraries, those that others need first.
_PACKAGES = ("eckitlib", "eccodeslib")


@lru_cache(maxsize=1)
def eccodes() -> ModuleType:
    """Return the module `eccodes`.

    Raises:
        SourceError: it is not installed, or its library does not load.
    """
    if "eccodes" in sys.modules:
        return sys.modules["eccodes"]
    try:
        home = _load_for_itself()
        with _found_at(home):
            found = importlib.import_module("eccodes")
        _quiet()
    except (ImportError, OSError, RuntimeError) as e:
        raise SourceError(
            f"GRIB is read with ecCodes, which does not load: {' '.join(str(e).split())}",
            remedy="install the packages eccodes and eccodeslib, or make the file NetCDF",
        ) from e
    return found


def _quiet() -> None:
    """Let the library write nothing on standard error: what goes wrong is told by exceptions."""
    bindings = importlib.import_module("gribapi.bindings")
    libc = ctypes.CDLL(None)
    libc.fopen.restype = ctypes.c_void_p
    nowhere = libc.fopen(os.devnull.encode(), b"w")
    bindings.lib.grib_context_set_logging_file(
        bindings.lib.grib_context_get_default(), bindings.ffi.cast("FILE *", nowhere)
    )


def _load_for_itself() -> Path | None:
    """Load the libraries of the wheels with their names hidden from others; return where ecCodes is, None if it is no wheel."""
    home = None
    waiting: list[Path] = []
    for package in _PACKAGES:
        found = importlib.util.find_spec(package)
        if found is None or found.origin is None:
            continue
        home = Path(found.origin).parent if package == "eccodeslib" else home
        waiting += sorted(p for p in Path(found.origin).parent.glob("lib*/*") if ".so" in p.suffixes)
    while waiting:  # each as soon as those that it needs are there
        left = []
        for path in waiting:
            try:
                ctypes.CDLL(str(path), mode=os.RTLD_NOW | os.RTLD_LOCAL)
            except OSError:
                left.append(path)
        if len(left) == len(waiting):
            break
        waiting = left
    return home


@contextmanager
def _found_at(home: Path | None) -> Iterator[None]:
    """Let the library be found at a place, without the loader that makes everything visible."""
    if home is None:
        yield
        return
    names = {"FINDLIBS_DISABLE_PACKAGE": "yes", "ECCODES_HOME": str(home)}
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(names)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
