"""Records whose CRS is not declared, in a source where others declare one.

Producers leave `srsName` out of single geometries; the others tell what is meant. Such records wait until those have been read,
and are then placed as these are, if their coordinates fit (`repaired: crs-of-the-others`); else they alone are turned away
(`rejected: no-crs`). Where nothing declares a CRS, the file is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from ldt.harmonise.crs import CrsJudgement
from ldt.sources.source import Batch

#: Batches that wait at most, which bounds the memory. Those that waited then are judged by what was read until then.
WAITING = 20


def after_the_others(batches: Iterable[Batch], undeclared: Callable[[Batch], bool]) -> Iterator[Batch]:
    """Yield batches in their order, but those whose CRS is not declared behind the others."""
    waiting: list[Batch] = []
    for batch in batches:
        if not undeclared(batch):
            yield batch
            continue
        waiting.append(batch)
        if len(waiting) == WAITING:
            yield from waiting
            waiting = []
    yield from waiting


def of_the_others(judgements: Iterable[CrsJudgement]) -> CrsJudgement | str:
    """Return the one judgement of a source's declared records, for those without a CRS; or why there is not one."""
    different = {(j.declared.projjson, j.found): j for j in judgements}
    if len(different) == 1:
        return replace(next(iter(different.values())), assumed=True)
    texts = ", ".join(sorted({j.declared.text for j in different.values()}))
    return f"no CRS is declared, and others of the source declare several: {texts}"
