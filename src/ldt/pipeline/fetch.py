"""What is given as a source becomes files: paths as they are, addresses and live services fetched page by page."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

import shapely

from ldt.errors import NotFound, UsageError
from ldt.harmonise.recipe import Recipe
from ldt.settings import settings
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service
from ldt.store import twins
from ldt.store.connect import connect
from ldt.timerange import Period

#: Told of each answer of a service: (address without credentials, whether the bytes were there already).
Told = Callable[[str, bool], None]


@dataclass(frozen=True, slots=True)
class Fetched:
    """A page of a service, as a source.

    Attributes:
        path: its bytes.
        name: what the file is called: as in the address, or after the layer and the page's number.
        url: the request that it answers, without credentials.
    """

    path: Path
    name: str
    url: str


def is_address(source: str) -> bool:
    """Whether a source is an address rather than a path."""
    return source.lower().startswith(("http://", "https://"))


def cache_folder() -> Path:
    """Return where the answers of services are kept."""
    return settings().data_dir / "services"


def sources_of(
    url: str,
    twin: str,
    recipe: Recipe,
    given: Sequence[str],
    *,
    layer: str | None = None,
    period: Period | None = None,
    everywhere: bool = False,
    offline: bool = False,
    told: Told | None = None,
) -> list[Path | Fetched]:
    """Return what is to be read: the paths that are given, and what the addresses, or else the recipe's own service, answer.

    Args:
        url: address of the database, where the twin's selection is.
        twin: name of the twin; of one that is not there yet, everything is asked for.
        recipe: names the service, if nothing is given.
        given: paths and addresses.
        layer: part of the service, in place of the recipe's.
        period: of the observations that are asked for; all without it.
        everywhere: ask for everything, wherever the twin is.
        offline: take what was fetched before.
        told: told of each answer.

    Raises:
        UsageError: nothing is given, and the recipe names no service.
        ServiceError: a service does not give what it has.
    """
    if not given and recipe.source.service is None:
        raise UsageError(
            "no source given, and the recipe names no service",
            where=recipe.name,
            remedy="name a file, folder or address",
        )
    addresses: list[str | None] = [s for s in given if is_address(s)] if given else [None]
    found: list[Path | Fetched] = [Path(s) for s in given if not is_address(s)]
    if not addresses:
        return found
    query = Query(
        bbox=None if everywhere else _box(url, twin),
        begin=period.start if period else None,
        end=period.end if period else None,
        reader=recipe.source.reader,
    )
    rate = recipe.source.service.rate if recipe.source.service else 4.0
    tell = (lambda answer: told(answer.url, answer.cached)) if told else None
    with Client(cache_folder(), rate=rate, offline=offline, told=tell) as client:
        for address in addresses:
            service = service_of(recipe, address, client, layer)
            pages = list(protocol(service.protocol).pages(service, query, client))
            found += [
                Fetched(page.path, page_name(page, service, number), page.url)
                for number, page in enumerate(pages, 1)
            ]
    return found


def service_of(recipe: Recipe, address: str | None, client: Client, layer: str | None = None) -> Service:
    """Return the service to ask: the recipe's own, perhaps at another address, or the one that an address speaks.

    The environment's values are in it: recipe and address are the user's own words, and nothing that comes later is.

    Raises:
        RecipeError: a variable that is not set.
        ServiceError: an address does not answer.
    """
    own = recipe.source.service
    if address is None:
        assert own is not None  # noqa: S101 - checked by sources_of
        service = own
    elif own is not None:
        service = own.model_copy(update={"url": address})
    else:
        # It knows all readers, whose libraries take a second to load.
        from ldt.sources.services.describe import recognise

        service = Service(protocol=recognise(client.filled_address(address), client), url=address)
    return client.filled(service.model_copy(update={"layer": layer}) if layer else service)


def _box(url: str, twin: str) -> tuple[float, float, float, float] | None:
    """Return (west, south, east, north) of what a twin keeps, in degrees; None if it keeps everything."""
    with connect(url, application="ldt ingest") as conn:
        try:
            kept = twins.selection(conn, twins.twin_id(conn, twin))
        except NotFound:  # it is made by the ingest
            return None
    if kept is None:
        return None
    west, south, east, north = shapely.from_wkb(kept).bounds
    return float(west), float(south), float(east), float(north)


def page_name(page: Page, service: Service, number: int) -> str:
    """Return what a page's file is called; a recipe may take a date or a station from it."""
    if page.name:
        return page.name
    suffix = page.path.suffix
    named = PurePosixPath(unquote(urlsplit(page.url).path)).name
    if service.protocol in {"http", "stac", "eea-air", "cds"} and PurePosixPath(named).suffix:
        return named
    stem = (service.layer or service.protocol).replace(":", "_").replace("/", "_")
    return f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}"
