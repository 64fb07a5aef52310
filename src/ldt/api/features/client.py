"""What the store answers for one feature: all that is known of it, and what it refers to."""

from __future__ import annotations

from typing import Any

from ldt.api.context import Reading
from ldt.errors import NotFound
from ldt.model.feature import split_api_id
from ldt.store import features, references
from ldt.store.crs import CRS84, Crs
from ldt.store.references import Target


def feature(
    seen: Reading, identifier: str, collection: str | None = None, crs: Crs = CRS84
) -> tuple[str, dict[str, Any]]:
    """Return (collection, all that is known) of a feature.

    Args:
        seen: the state to read.
        identifier: its API id.
        collection: where it must be; any if None.
        crs: of its geometry.

    Raises:
        NotFound: the snapshot sees no such feature there.
    """
    split = split_api_id(identifier)
    dataset = seen.snapshot.datasets.get(split[0]) if split else None
    if split and dataset and dataset.feature_type and collection in (None, dataset.feature_type):
        found = features.one(seen.conn, seen.snapshot, dataset, split[1], crs)
        if found:
            return dataset.feature_type, found
    raise no_item(identifier)


def no_item(identifier: str) -> NotFound:
    """Return the error for an item that is not seen."""
    return NotFound(
        f"there is no feature {identifier!r} here", remedy="the items of the collection list the ids"
    )


def related(seen: Reading, collection: str, found: dict[str, Any]) -> list[tuple[str, Target]]:
    """Return (property, feature that it leads to) for each reference of a feature that leads to one."""
    written = references.of_feature(collection, found)
    met = references.resolve(seen.conn, seen.snapshot, written) if written else []
    return [(one.property, to) for one, targets in zip(written, met, strict=True) for to in targets]
