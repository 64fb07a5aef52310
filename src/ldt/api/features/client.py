"""What the store answers for OGC API - Features: collections, pages of items, one item."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from ldt.api.context import Reading
from ldt.errors import NotFound
from ldt.model.feature import split_api_id
from ldt.model.snapshot import DatasetVersion
from ldt.store import features, references
from ldt.store.features import Position, Selection
from ldt.store.references import Target


def collection_ids(seen: Reading) -> list[str]:
    """Return the ids of the collections that a snapshot sees, in order."""
    return sorted({d.feature_type for d in seen.snapshot.datasets.values() if d.feature_type})


def datasets(seen: Reading, collection: str) -> list[DatasetVersion]:
    """Return the data sets of a collection.

    Raises:
        NotFound: the snapshot sees no such collection.
    """
    found = seen.snapshot.of_type(collection)
    if not found:
        raise NotFound(
            f"{seen.snapshot.twin} has no collection {collection!r}",
            remedy="/collections lists what there is",
        )
    return found


def extent(seen: Reading, parts: list[DatasetVersion]) -> tuple[list[float] | None, list[Any]]:
    """Return (bbox, [first, last] instant) of some data sets."""
    return features.extent(seen.conn, seen.snapshot, parts)


def count(seen: Reading, parts: list[DatasetVersion], selection: Selection) -> tuple[int, bool]:
    """Return (how many match, whether that is exact)."""
    return features.count(seen.conn, seen.snapshot, parts, selection)


def items(
    seen: Reading, parts: list[DatasetVersion], selection: Selection, limit: int, after: Position | None
) -> Generator[tuple[Position, bytes]]:
    """Yield (position, GeoJSON text) of at most `limit` features."""
    return features.page(seen.conn, seen.snapshot, parts, selection, limit=limit, after=after)


def item(seen: Reading, identifier: str, collection: str | None = None) -> tuple[str, dict[str, Any]]:
    """Return (collection, all that is known) of a feature.

    Args:
        seen: the state to read.
        identifier: its API id.
        collection: where it must be; any if None.

    Raises:
        NotFound: the snapshot sees no such feature there.
    """
    split = split_api_id(identifier)
    dataset = seen.snapshot.datasets.get(split[0]) if split else None
    if split and dataset and dataset.feature_type and collection in (None, dataset.feature_type):
        found = features.one(seen.conn, seen.snapshot, dataset, split[1])
        if found:
            return dataset.feature_type, found
    raise NotFound(
        f"there is no feature {identifier!r} here", remedy="the items of the collection list the ids"
    )


def related(seen: Reading, collection: str, found: dict[str, Any]) -> list[tuple[str, Target]]:
    """Return (property, feature that it leads to) for each reference of a feature that leads to one."""
    written = references.of_feature(collection, found)
    met = references.resolve(seen.conn, seen.snapshot, written) if written else []
    return [(one.property, to) for one, targets in zip(written, met, strict=True) for to in targets]
