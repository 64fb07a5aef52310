"""Arrays in parts: nothing is lost, doubled or exchanged where parts meet."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from ldt.harmonise.parts import PART, in_parts


@pytest.mark.parametrize("count", [0, 1, PART, PART + 1, 5 * PART + 7])
def test_every_item_keeps_its_place(count: int) -> None:
    """The squares of 0, 1, 2 … stand where the numbers stood, whatever the number of parts."""
    numbers = np.arange(count)

    def work(part: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
        return part**2, part % 2 == 1

    squares, odd = in_parts(work, numbers)
    assert squares.tolist() == [n * n for n in range(count)]
    assert odd.sum() == count // 2


def test_parts_are_small_and_what_fails_in_one_is_told() -> None:
    sizes = []

    def work(part: NDArray[Any]) -> tuple[NDArray[Any]]:
        sizes.append((len(part), threading.current_thread().name.startswith("parts")))
        if part[-1] == 2 * PART:
            raise ValueError("the last one")
        return (part,)

    with pytest.raises(ValueError, match="the last one"):
        in_parts(work, np.arange(2 * PART + 1))
    assert sorted(sizes) == [(1, True), (PART, True), (PART, True)]
