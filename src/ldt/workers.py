"""The processes that read one large file side by side: made early, since what they import takes as long as a command needs to begin."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from multiprocessing.context import ForkServerContext
from multiprocessing.forkserver import ensure_running
from pathlib import Path

#: Bytes of a file for which it is worth to start other processes.
LARGE = 64 * 1024**2
_SUFFIXES = frozenset({".gml", ".xml"})


def context() -> ForkServerContext:
    """Return the way in which workers are made, their server running: it imports once what all of them need."""
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(["ldt.sources.gml_records"])
    ensure_running()
    return found


def expect(paths: Iterable[Path], workers: int) -> bool:
    """Start the server beforehand where a file is among those to be read that is worth it; tell whether it was.

    Args:
        paths: what is going to be read.
        workers: processes that may read beside this one; none start for 1.
    """
    large = (p.suffix.lower() in _SUFFIXES and p.is_file() and p.stat().st_size >= LARGE for p in paths)
    if workers < 2 or not any(large):
        return False
    context()
    return True
