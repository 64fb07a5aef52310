"""What was seen before, against a plain dictionary."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from ldt.harmonise.seen import CONTENT, Seen

batches = st.lists(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=25), max_size=12)


@given(batches)
def test_agrees_with_a_dictionary(given_batches: list[list[tuple[int, int]]]) -> None:
    seen, known, row = Seen(), dict[tuple[int, int], int](), 0
    for keys in given_batches:
        content = np.zeros(len(keys), CONTENT)
        content["row"] = np.arange(row, row + len(keys))
        repeats = seen.add(
            np.array([k[0] for k in keys], np.int32), np.array([k[1] for k in keys], np.int64), content
        )
        for place, key in enumerate(keys):
            assert bool(repeats.repeated[place]) == (key in known)
            assert repeats.first["row"][place] == known.setdefault(key, row + place)
        row += len(keys)


def ordered(seen: Seen, begin: int, number: int) -> npt.NDArray[np.bool_]:
    return seen.add(
        np.zeros(number, np.int32), np.arange(begin, begin + number), np.zeros(number, CONTENT)
    ).repeated


def test_memory_stays_within_what_is_said() -> None:
    seen = Seen()
    for begin in range(0, 200_000, 1000):
        assert not ordered(seen, begin, 1000).any()
    (series,) = seen._series.values()
    held = sum(times.nbytes + contents.nbytes for times, contents in series.runs)
    assert held <= 32 * 200_000
    # Merged as they come: a batch is looked up in a handful of runs, not in two hundred.
    assert len(series.runs) <= 10
    assert ordered(seen, 199_500, 1000).sum() == 500
