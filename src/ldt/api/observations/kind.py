"""The kind of collection `series`: the stations of one data set of observations, and their series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request

from ldt.api.context import Reading
from ldt.api.coverages.kind import dataset_of
from ldt.api.standard import Collection
from ldt.store import edr_series, records
from ldt.store.crs import Crs
from ldt.store.items import Items

#: What ids of these collections begin with, whatever the data set is called.
PREFIX = "series."


class Stations:
    """Collections of stations with their series (see :class:`ldt.api.standard.Kind`)."""

    name = "series"

    def ids(self, seen: Reading) -> Sequence[str]:
        """Return `series.{data set}` for each that a snapshot sees, in order of name."""
        return sorted(PREFIX + d.name for d in seen.snapshot.of_shape("observation"))

    def collection(self, seen: Reading, identifier: str) -> Collection | None:
        """Return a collection, called as its data set is."""
        dataset = dataset_of(seen.snapshot, identifier, PREFIX, "observation")
        if dataset is None:
            return None
        (about,) = records.datasets(seen.conn, seen.snapshot, dataset.name)
        bbox, interval = edr_series.extent(seen.conn, seen.snapshot, dataset)
        return Collection(
            id=identifier,
            kind=self.name,
            title=about["title"],
            description=about["description"],
            datasets=(dataset,),
            bbox=bbox,
            interval=interval,
        )

    def items(self, seen: Reading, identifier: str) -> Items | None:
        """Return what the stations are read from."""
        dataset = dataset_of(seen.snapshot, identifier, PREFIX, "observation")
        return edr_series.items(seen.snapshot, dataset, identifier) if dataset else None

    def item(
        self, request: Request, seen: Reading, collection: str, identifier: str, crs: Crs
    ) -> dict[str, Any] | None:
        """Return None: a station is sent as it stands in a page; its values are at its location (EDR)."""
        return None
