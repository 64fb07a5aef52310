"""Paging that loses and doubles nothing: what came is compared with what the service counts, and fetched anew where it differs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urljoin, urlsplit, urlunsplit

from ldt.errors import ServiceError
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.service import Page, Service

#: How often all pages are fetched while the data change under our hands.
_ROUNDS = 2
#: Pages of one round; a service that gives more does not come to an end.
_MOST_PAGES = 100_000


class PagingError(ServiceError):
    """Pages that lose or repeat records, though the data did not change meanwhile."""


@dataclass(slots=True)
class Collected:
    """The pages of one round. `count` is of different records; `repeated` of those that came more than once."""

    pages: list[Page] = field(default_factory=list)
    count: int = 0
    repeated: int = 0
    _ids: set[str] = field(default_factory=set)
    _contents: set[str] = field(default_factory=set)

    def add(
        self, answer: Answer, ids: Iterable[str | None], content: Callable[[], bytes] | None = None
    ) -> int:
        """Take a page; return how many of its records are new. A record without an identifier counts as new.

        Args:
            answer: the page.
            ids: of its records.
            content: gives what tells it from other pages, where no record has an identifier: the records without what is of the moment.

        Raises:
            PagingError: it came before, or there is no end of pages.
        """
        records = new = known = 0
        for one in ids:
            records += 1
            known += one is not None
            if one is None or one not in self._ids:
                new += 1
                if one is not None:
                    self._ids.add(one)
        if records and not known and content is not None:
            digest = hashlib.sha256(content()).hexdigest()
            if digest in self._contents:
                raise PagingError("gives the same page again and again", where=answer.url)
            self._contents.add(digest)
        if len(self.pages) >= _MOST_PAGES:
            raise PagingError(f"gives more than {_MOST_PAGES:,} pages, and no end of them", where=answer.url)
        self.count += new
        self.repeated += records - new
        self.pages.append(as_page(answer, records))
        return new

    def drop_last(self) -> None:
        """Take back the last page, which held nothing new."""
        self.repeated -= self.pages.pop().records or 0


def as_page(answer: Answer, records: int | None = None) -> Page:
    """Return an answer as a page."""
    return Page(answer.path, answer.url, answer.digest, records, answer.fetched, answer.cached)


def complete(
    collect: Callable[[], Collected], count: Callable[[], int | None], where: str
) -> tuple[list[Page], int | None]:
    """Return all pages and the service's own count, None where it tells none.

    Args:
        collect: fetches all pages.
        count: asks the service how many records there are now.
        where: the address, without credentials, for errors.

    Raises:
        PagingError: pages lack or repeat records, though the service's count stayed the same.
        ServiceError: the data changed each time while they were fetched.
    """
    before = count()
    for _ in range(_ROUNDS):
        got = collect()
        if not got.repeated and (before is None or got.count >= before):
            return got.pages, before
        after = count()
        if after == before:
            raise _lost(got, before, where)
        before = after
    raise ServiceError(
        "the data change faster than they can be fetched: the service's count is another after the last page than before the first",
        where=where,
        remedy="try again at a quieter hour, or ask for a smaller part",
    )


def follow(
    service: Service, client: Client, answer: Answer, link: str, *, headers: Mapping[str, str], suffix: str
) -> Answer:
    """Return the answer behind a link in an answer. Credentials go to the service's own host only.

    Args:
        service: whose headers and, where a link leaves them out, parameters with credentials are sent along.
        client: asks.
        answer: where the link stands.
        link: absolute or relative.
        headers: what is sent beside, to any host.
        suffix: of the file.
    """
    address = urljoin(answer.base, link)
    if not same_origin(service.url, address):
        return client.get(address, headers=headers, suffix=suffix)
    user, at, _ = urlsplit(service.url).netloc.rpartition("@")
    parts = urlsplit(address)
    address = urlunsplit(parts._replace(netloc=f"{user}{at}{parts.netloc.rpartition('@')[2]}"))
    given = {name for name, _ in parse_qsl(urlsplit(address).query, keep_blank_values=True)}
    keys = {n: v for n, v in service.parameters.items() if client.secret(v) and n not in given}
    return client.get(address, params=keys, headers={**headers, **service.headers}, suffix=suffix)


def same_origin(one: str, other: str) -> bool:
    """Whether two addresses are of the same scheme, host and port."""
    first, second = urlsplit(one), urlsplit(other)
    return (first.scheme, first.netloc.rpartition("@")[2]) == (
        second.scheme,
        second.netloc.rpartition("@")[2],
    )


def _lost(got: Collected, counted: int | None, where: str) -> PagingError:
    if got.repeated:
        problem = (
            f"its pages repeat {got.repeated:,} records: their order is not the same from one to the next"
        )
    else:
        problem = f"gives {got.count:,} records of the {counted:,} that it counts"
    return PagingError(
        problem,
        where=where,
        remedy="ask for smaller pages (`page_size`), name another order in `parameters`, or tell the operator of the service",
        counted=counted,
        received=got.count,
    )
