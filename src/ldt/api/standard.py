"""What a standard is to the service: routes, the conformance classes that they bear out, and what it adds to the resources that all share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from fastapi import APIRouter
from starlette.requests import Request

from ldt.api.context import Reading
from ldt.api.links import Link
from ldt.model.snapshot import DatasetVersion
from ldt.store.crs import Crs
from ldt.store.items import Items


@dataclass(frozen=True, slots=True)
class Collection:
    """A collection (OGC API - Common, Part 2) as all standards see it.

    Attributes:
        id: unique in its twin.
        kind: the kind that it is of.
        title, description: by language, or as they are.
        datasets: what it shows.
        bbox: west, south, east, north in degrees; None where nothing lies anywhere.
        interval: first and last instant.
        item_type: `feature`, `record`, or None where it has no items.
    """

    id: str
    kind: str
    title: Mapping[str, str] | str
    description: Mapping[str, str] | str | None = None
    datasets: tuple[DatasetVersion, ...] = ()
    bbox: tuple[float, float, float, float] | None = None
    interval: tuple[datetime | None, datetime | None] = (None, None)
    item_type: str | None = "feature"


class Kind(Protocol):
    """A kind of collection: `features`, `values`, `series`, `coverage`, `records`."""

    name: str

    def ids(self, seen: Reading) -> Sequence[str]:
        """Return the ids of the collections of this kind that a snapshot sees, in order."""
        ...

    def collection(self, seen: Reading, identifier: str) -> Collection | None:
        """Return a collection; None if it is not of this kind, or not seen."""
        ...

    def items(self, seen: Reading, identifier: str) -> Items | None:
        """Return what its items are read from; None if it has none."""
        ...

    def item(
        self, request: Request, seen: Reading, collection: str, identifier: str, crs: Crs
    ) -> dict[str, Any] | None:
        """Return one item with all that is known of it, as a GeoJSON feature in a CRS; `links` are appended to those of the standard.

        None where it is sent as it stands in a page.

        Raises:
            NotFound: there is no such item in that collection of this kind.
        """
        ...


@dataclass(frozen=True, slots=True)
class Standard:
    """A folder of the API.

    Attributes:
        router: its routes.
        conformance: the classes that they bear out; the landing page lists those of what is mounted and no other.
        kinds: the kinds of collection that it adds.
        landing: gives the links that it adds to a twin's landing page.
        describe: gives the members that it adds to the document of a collection (`links` are appended to those of others).
    """

    router: APIRouter
    conformance: tuple[str, ...] = ()
    kinds: tuple[Kind, ...] = ()
    landing: Callable[[Request, Reading], list[Link]] | None = None
    describe: Callable[[Request, Reading, Collection], Mapping[str, Any]] | None = field(default=None)
