"""The leaves of features as columns of their own, typed: what a feature type that no recipe knows consists of.

A leaf is called what the alternative encodings of INSPIRE would call it (MIF action 2017.2, flattening): the names of the
properties that lead to it, without those of data types, joined by `_`: `inspireId/Identifier/localId` is `inspireId_localId`,
`status/@href` is `status_href`. Types are those of all values of the file: it is read twice, so that memory stays bounded.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa

from ldt.sources.batches import column_names
from ldt.sources.source import RAW, Batch

#: Number with a leading zero are codes; what does not fit into 64 bits is no integer of a computer's.
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,17})")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,2})?")
_TYPES: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("boolean", {"true": True, "false": False}.get),
    ("integer", lambda text: int(text) if _INTEGER.fullmatch(text) else None),
    ("number", lambda text: float(text) if _NUMBER.fullmatch(text) else None),
)
_ARROW = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64(), "text": pa.string()}


@dataclass(slots=True)
class _Leaf:
    """What all values of a leaf have in common: the types that they may be of, and whether some feature has several."""

    kinds: list[tuple[str, Callable[[str], Any]]] = field(default_factory=lambda: list(_TYPES))
    many: bool = False

    def learn(self, value: str | list[str]) -> None:
        self.many |= isinstance(value, list)
        for text in value if isinstance(value, list) else [value]:
            if self.kinds:
                self.kinds = [(name, read) for name, read in self.kinds if read(text) is not None]

    def column(self, values: list[str | list[str] | None]) -> pa.Array:
        name, read = self.kinds[0] if self.kinds else ("text", str)
        if not self.many:
            return pa.array([None if v is None else read(str(v)) for v in values], _ARROW[name])
        lists = [None if v is None else [read(t) for t in ([v] if isinstance(v, str) else v)] for v in values]
        return pa.array(lists, pa.list_(_ARROW[name]))


def with_leaves(read: Callable[[], Iterator[Batch]], taken: set[str]) -> Iterator[Batch]:
    """Yield the batches of a source with a column for each leaf in place of `raw`.

    Args:
        read: reads the source from its beginning; called twice.
        taken: names of the columns that it has already.
    """
    leaves: dict[str, _Leaf] = {}
    for batch in read():
        for record in _raw(batch):
            for key, value in record.items():
                leaves.setdefault(key, _Leaf()).learn(value)
    names = _names(list(leaves), taken)
    for batch in read():
        records = _raw(batch)
        columns = {n: batch.records.column(n) for n in batch.records.schema.names if n != RAW}
        for key, leaf in leaves.items():
            columns[names[key]] = leaf.column([record.get(key) for record in records])
        yield Batch(pa.RecordBatch.from_pydict(columns), batch.crs)


def _raw(batch: Batch) -> list[dict[str, Any]]:
    """Return the leaves of each record by path. That a value is nil is told by its absence and by its reason."""
    records = (orjson.loads(text) for text in batch.records.column(RAW).to_pylist())
    return [{k: v for k, v in record.items() if not k.endswith("@nil")} for record in records]


def _names(paths: list[str], taken: set[str]) -> dict[str, str]:
    """Return the name of each leaf's column, in the order given: short where that tells it from all others."""
    short = {path: _short(path) for path in paths}
    often = [name.lower() for name in short.values()]
    wanted = [
        short[path] if often.count(short[path].lower()) == 1 else path.replace("@", "").replace("/", "_")
        for path in paths
    ]
    first = sorted(taken)
    return dict(zip(paths, column_names([*first, *wanted])[len(first) :], strict=True))


def _short(path: str) -> str:
    steps = path.split("/")
    properties = [step for step in steps[:-1] if not step[:1].isupper()] + steps[-1:]
    return "_".join(step.removeprefix("@") for step in properties)
