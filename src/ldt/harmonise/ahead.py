"""Work one step ahead: the next item is worked on in another thread while the last one is used."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from ldt.errors import LdtError

T = TypeVar("T")
R = TypeVar("R")


def ahead(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Yield `work(item)` for each item, in order, at most one item ahead of what was taken.

    An error of the source comes after the results of all items before it, as it would without the second thread.
    """
    broken: LdtError | None = None
    source = iter(items)
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as pool:
        pending: Future[R] | None = None
        while True:
            try:
                item = next(source)
            except StopIteration:
                break
            except LdtError as error:
                broken = error
                break
            following = pool.submit(work, item)
            if pending is not None:
                yield pending.result()
            pending = following
        if pending is not None:
            yield pending.result()
    if broken is not None:
        raise broken
