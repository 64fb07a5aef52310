"""The kind of collection `coverage`: the coverages of one data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from ldt.api.context import Reading
from ldt.api.standard import Collection
from ldt.model.snapshot import DatasetVersion, Snapshot
from ldt.store import records
from ldt.store.crs import Crs
from ldt.store.items import Items

#: What ids of these collections begin with, whatever the data set is called.
PREFIX = "coverage."


def dataset_of(snapshot: Snapshot, identifier: str, prefix: str, shape: str) -> DatasetVersion | None:
    """Return the data set that a collection `{prefix}{data set}` shows; None if it is not of the shape, or not seen."""
    found = snapshot.datasets.get(identifier.removeprefix(prefix)) if identifier.startswith(prefix) else None
    return found if found is not None and found.shape == shape else None


class Coverages:
    """Collections of coverages (see :class:`ldt.api.standard.Kind`)."""

    name = "coverage"

    def ids(self, seen: Reading) -> Sequence[str]:
        """Return `coverage.{data set}` for each that a snapshot sees, in order of name."""
        return sorted(PREFIX + d.name for d in seen.snapshot.of_shape("coverage"))

    def collection(self, seen: Reading, identifier: str) -> Collection | None:
        """Return a collection, called as its data set is."""
        dataset = dataset_of(seen.snapshot, identifier, PREFIX, "coverage")
        if dataset is None:
            return None
        (about,) = records.datasets(seen.conn, seen.snapshot, dataset.name)
        return Collection(
            id=identifier,
            kind=self.name,
            title=about["title"],
            description=about["description"],
            datasets=(dataset,),
            bbox=tuple(about["bbox"]) if about["bbox"] else None,
            interval=(about["time_first"], about["time_last"]),
            item_type=None,
        )

    def items(self, seen: Reading, identifier: str) -> Items | None:
        """Return None: cells are no items."""
        return None

    def item(
        self, request: Request, seen: Reading, collection: str, identifier: str, crs: Crs
    ) -> dict[str, Any] | None:
        """Return None: cells are no items."""
        return None
