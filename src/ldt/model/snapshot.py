"""Snapshots: one whole state of a twin, named by its revision."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class Access(StrEnum):
    """Access class of a data set, from the least to the most strict."""

    OPEN = "open"
    RESTRICTED = "restricted"
    CONFIDENTIAL = "confidential"


#: What a caller without any proof of identity may see.
PUBLIC: frozenset[Access] = frozenset({Access.OPEN})
#: What the operator on the machine itself may see.
OPERATOR: frozenset[Access] = frozenset(Access)


def strictest(classes: frozenset[Access] | set[Access]) -> Access:
    """Return the strictest of some access classes: values derived from restricted inputs inherit it."""
    order = list(Access)
    return max(classes, key=order.index, default=Access.OPEN)


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """A data set as a snapshot sees it.

    `properties` are the JSON Schemas of its features' properties, where its recipe states them; `rows` is how many rows it has
    (features, observations or coverages), where its version says so. `indexed` are the properties that its recipe names as those that
    features are looked for by.
    """

    dataset_id: int
    name: str
    version: int
    current: bool
    shape: str
    feature_type: str | None
    access: Access
    namespace: str
    properties: dict[str, dict[str, str]] = field(default_factory=dict, hash=False)
    rows: int | None = None
    indexed: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A twin at a revision, as one caller may see it. Every read of the store takes one.

    Attributes:
        twin_id: the twin.
        twin: its name.
        revision: the commit of the twin that this state is.
        current: whether it is the newest (then the partial indexes on current rows serve it).
        committed: when that commit was.
        access: the classes that the caller may see.
        datasets: what is visible, by name, in order of `dataset_id`.
        state: counts, for its twin, what has changed in what snapshots see; while it is the same, so is this snapshot.
    """

    twin_id: int
    twin: str
    revision: int
    current: bool
    committed: datetime | None
    access: frozenset[Access] = PUBLIC
    datasets: dict[str, DatasetVersion] = field(default_factory=dict)
    state: int = 0

    @property
    def id(self) -> str:
        """The citable form: `{twin}@{revision}`."""
        return f"{self.twin}@{self.revision}"

    def of_type(self, feature_type: str) -> list[DatasetVersion]:
        """Return the data sets that hold features of a type, in order of `dataset_id`."""
        return [d for d in self.datasets.values() if d.feature_type == feature_type]

    def of_shape(self, shape: str) -> list[DatasetVersion]:
        """Return the data sets of a shape (`feature`, `observation`, `coverage`), in order of `dataset_id`."""
        return [d for d in self.datasets.values() if d.shape == shape]
