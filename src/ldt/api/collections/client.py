"""What the kinds of collection answer: which collections there are, one of them, what its items are read from."""

from __future__ import annotations

from starlette.requests import Request

from ldt.api.context import Reading, service
from ldt.api.standard import Collection, Kind
from ldt.errors import NotFound
from ldt.store.items import Items


def collection_ids(request: Request, seen: Reading) -> list[str]:
    """Return the ids of the collections of a twin that a snapshot sees, kind by kind."""
    return list(dict.fromkeys(i for kind in service(request).kinds for i in kind.ids(seen)))


def collection_of(request: Request, seen: Reading, identifier: str) -> tuple[Kind, Collection]:
    """Return a collection and its kind.

    Raises:
        NotFound: the snapshot sees no such collection.
    """
    for kind in service(request).kinds:
        if found := kind.collection(seen, identifier):
            return kind, found
    raise no_collection(seen, identifier)


def items_of(request: Request, seen: Reading, identifier: str) -> Items:
    """Return what the items of a collection are read from.

    Raises:
        NotFound: the snapshot sees no such collection, or it has no items.
    """
    return kind_and_items(request, seen, identifier)[1]


def kind_and_items(request: Request, seen: Reading, identifier: str) -> tuple[Kind, Items]:
    """Return the kind of a collection and what its items are read from; raises as :func:`items_of`."""
    for kind in service(request).kinds:
        if found := kind.items(seen, identifier):
            return kind, found
    raise no_collection(seen, identifier)


def no_collection(seen: Reading, identifier: str) -> NotFound:
    """Return the error for a collection that is not seen."""
    return NotFound(
        f"{seen.snapshot.twin} has no collection {identifier!r} of that kind",
        remedy="/collections lists what there is",
    )
