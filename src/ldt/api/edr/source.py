"""What a collection's queries are answered from: the coverages of a data set, or the series of its stations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ldt.api.context import Reading
from ldt.api.coverages.kind import PREFIX as COVERAGE
from ldt.api.coverages.kind import dataset_of
from ldt.api.edr import names
from ldt.api.edr.piece import Parameter
from ldt.api.observations.kind import PREFIX as SERIES
from ldt.errors import NotFound
from ldt.model.coverage import Coverage
from ldt.model.snapshot import DatasetVersion
from ldt.store import coverages, edr_series
from ldt.store.edr_series import Measured


@dataclass(frozen=True, slots=True)
class Grids:
    """The coverages of a data set; `parameters` by name."""

    dataset: DatasetVersion
    coverages: Sequence[Coverage]
    parameters: dict[str, Parameter]


@dataclass(frozen=True, slots=True)
class Stations:
    """The series of a data set; `measured` has for each parameter by name what it is in the store."""

    dataset: DatasetVersion
    measured: dict[str, tuple[Parameter, Measured]]

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters by name."""
        return {name: p for name, (p, _) in self.measured.items()}


def source(seen: Reading, collection: str) -> Grids | Stations | None:
    """Return what the queries of a collection are answered from; None if it has none, or is not seen."""
    if dataset := dataset_of(seen.snapshot, collection, COVERAGE, "coverage"):
        found = coverages.listed(seen.conn, seen.snapshot, dataset=dataset.name)
        return Grids(dataset, found, names.of_coverages(seen, found))
    if dataset := dataset_of(seen.snapshot, collection, SERIES, "observation"):
        measured = edr_series.measured(seen.conn, seen.snapshot, dataset)
        return Stations(dataset, names.of_series(seen, measured))
    return None


def required(seen: Reading, collection: str, query: str) -> Grids | Stations:
    """Return what a query is answered from.

    Raises:
        NotFound: there is no such collection, or it has no such query.
    """
    found = source(seen, collection)
    if found is None or query not in QUERIES[type(found)]:
        raise NotFound(
            f"{seen.snapshot.twin} has no collection {collection!r} with the query {query}",
            remedy="the documents of the collections list their data_queries",
        )
    return found


#: The queries that each has, in the order in which they are listed.
QUERIES: dict[type, tuple[str, ...]] = {
    Grids: ("position", "radius", "area", "cube", "trajectory"),
    Stations: ("position", "radius", "area", "cube", "trajectory", "locations", "items"),
}
