"""What a recipe says of a live service, and what a protocol must be able to do."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from ldt.sources.services.http import Client

Protocols = Literal[
    "http", "wfs", "ogcapi", "arcgis", "csw", "sos", "sensorthings", "ngsild", "stac", "eea-air", "cds"
]

#: What a probe finds, see :class:`Probe`.
State = Literal["ok", "zero", "moved", "refused", "failed", "unreachable"]


class Service(BaseModel):
    """Where a data set is served, and how politely it is asked for.

    Texts may name environment variables as `${NAME}`: that is how keys and tokens come in, never as values in a file.

    Attributes:
        protocol: what the service speaks; `http` is a file behind an address.
        url: the address of the service, without the query.
        layer: feature type, collection, layer number, entity type, offering: what the protocol calls a part of a service.
        parameters: added to each request.
        headers: added to each request.
        page_size: records asked for at a time; the protocol's own default without it.
        rate: requests a second, at most.
        licence_note: what the service's operator asks of its users, if it says so.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    protocol: Protocols
    url: str = Field(min_length=1)
    layer: str | None = None
    parameters: dict[str, str] = {}
    headers: dict[str, str] = {}
    page_size: int | None = Field(None, ge=1, le=100_000)
    rate: float = Field(4.0, gt=0, le=100)
    licence_note: str | None = None


@dataclass(frozen=True, slots=True)
class Query:
    """What of a service is wanted.

    Attributes:
        bbox: (west, south, east, north) in degrees, EPSG:4326; None for everything.
        begin, end: period of observations, half open; None where it has no bound.
        reader: the reader that will read the answers; decides between the formats that a service offers.
    """

    bbox: tuple[float, float, float, float] | None = None
    begin: datetime | None = None
    end: datetime | None = None
    reader: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer, in a file.

    Attributes:
        path: the file; its suffix is that of its media type.
        url: the request that it answers.
        digest: SHA-256 of its bytes, hexadecimal.
        records: records in it, where the protocol tells without reading it; else None.
        fetched: when the service said so; of a page out of the cache, when it last confirmed it.
        cached: whether the bytes came out of the cache.
        name: what the file is to be called, where the address does not tell it well enough.
    """

    path: Path
    url: str
    digest: str
    records: int | None
    fetched: datetime
    cached: bool
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Probe:
    """What a service answered when it was asked whether it is there.

    Attributes:
        state: `ok`; `zero` (it answers, and says that it has nothing at all: not the same as no data for this query);
            `moved`; `refused` (credentials); `failed`; `unreachable`.
        message: one line for people: what was asked and what came back.
        status: HTTP status, if there was an answer.
        records: the service's own count, where it tells one.
        answered: when.
        seconds: how long it took.
    """

    state: State
    message: str
    status: int | None
    records: int | None
    answered: datetime
    seconds: float


class ServiceProtocol(Protocol):
    """One protocol: a module of this package, listed in :mod:`ldt.sources.services.registry`."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield every page, in an order that loses and doubles nothing; compares the sum with the service's own count.

        Args:
            service: with the environment's values in it (`client.filled`).
            query: what of it is wanted.
            client: asks.

        Raises:
            ServiceError: no answer, an error instead of one, or fewer records than the service counts.
            ServiceZero: the service answers that it has nothing, for anything.
        """
        ...

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask the service for the smallest thing that shows that it works. Never raises for what the service does."""
        ...
