"""Large arrays in parts, side by side on a few threads.

GEOS lets other threads run while it works on an array, so two threads check two parts in the time of one. Parts are small:
what the steps of one part hand to each other then stays in the processor's cache.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Items of a part.
PART = 2_000

Arrays = tuple[NDArray[Any], ...]


def in_parts(work: Callable[[NDArray[Any]], Arrays], array: NDArray[Any]) -> Arrays:
    """Return what `work` makes of an array, done part by part.

    Args:
        work: returns arrays of the length of its argument, each item made of the item at its place alone. It runs in several
            threads at once.
        array: one dimension, any length.
    """
    if len(array) <= PART:
        return work(array)
    parts = [array[start : start + PART] for start in range(0, len(array), PART)]
    return tuple(np.concatenate(made) for made in zip(*_threads().map(work, parts), strict=True))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(min(os.cpu_count() or 1, 4), thread_name_prefix="parts")
