"""The one HTTP client of all services: polite, patient, and what it got once it need not get again.

Each request is answered into a file. A request that was made before is made conditionally (ETag, Last-Modified), so that what
has not changed does not travel again; a download that broke off goes on where it stopped, if the service says how
(RFC 9110, sections 13 and 14). Redirects to another host take no credentials along.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import TracebackType

import httpx2
import stamina

from ldt import __version__
from ldt.errors import DiskFull, ServiceError
from ldt.settings import settings
from ldt.sources.services.cache import Cache, Kept, Part, request_key
from ldt.sources.services.credentials import Hidden, LogFilter, inert
from ldt.sources.services.sending import PassingError, Sender
from ldt.sources.services.service import Service

USER_AGENT = f"ldt/{__version__} (local digital twin; reads open environmental data)"

#: Headers that are kept with an answer.
_KEPT_HEADERS = ("link", "ngsild-results-count", "content-range", "content-crs", "content-disposition")
# Without a handler of the program's own, Python would print the library's notes on standard error.
logging.getLogger("stamina").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, its bytes in a file. `cached` says that the service confirmed the bytes that were already there.

    `headers` are those that paging needs, by lower-case name: links and counts. `url` is for people, without credentials; `base` is
    what links in the answer are relative to.
    """

    path: Path
    url: str
    status: int
    content_type: str
    digest: str
    fetched: datetime
    cached: bool
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    base: str = field(default="", repr=False)

    def content(self) -> bytes:
        """Return the bytes, for answers that are small."""
        return self.path.read_bytes()


@dataclass(frozen=True, slots=True)
class Seen:
    """What an address answers, without its content. `moved_to` is where it has moved to for good, if it has."""

    url: str
    status: int
    content_type: str
    moved_to: str | None
    said: str


@dataclass(frozen=True, slots=True)
class _Asked:
    method: str
    url: httpx2.URL
    headers: dict[str, str]
    body: bytes | None
    key: str
    suffix: str


class Client:
    """Gets answers into files.

    Args:
        cache: folder of the answers, which are found again by request.
        rate: requests a second to one host, at most.
        timeout: seconds until an answer must begin.
        transport: replaces the network (tests, recorded answers).
        attempts: how often a request is made before it has failed.
        patience: seconds before the second attempt; they double from one to the next.
        offline: answer from the cache alone.
        told: is called with every answer, to show how far the work is.
    """

    def __init__(
        self,
        cache: Path,
        *,
        rate: float = 4.0,
        timeout: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
        attempts: int = 5,
        patience: float = 1.0,
        offline: bool = False,
        told: Callable[[Answer], None] | None = None,
    ) -> None:
        self._cache = Cache(cache)
        self._attempts = attempts
        self._patience = patience
        self._offline = offline
        self._told = told
        self._hidden = Hidden()
        self._filter = LogFilter(self._hidden)
        logging.getLogger("httpx2").addFilter(self._filter)
        self._http = httpx2.Client(transport=transport, timeout=timeout, headers={"User-Agent": USER_AGENT})
        self._sender = Sender(self._http, self._hidden, rate)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()
        logging.getLogger("httpx2").removeFilter(self._filter)
        self._cache.prune(settings().service_cache_bytes)

    def get(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | float] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        suffix: str = ".bin",
    ) -> Answer:
        """Return the answer to a GET, or to a POST where there is a body.

        Args:
            url: address; nothing in it is filled in any more, see :meth:`filled`.
            params: added to the query of the address.
            headers: added to the client's own.
            body: what is posted.
            suffix: suffix of the file that the answer goes into, for the reader.

        Raises:
            ServiceError: no answer after all retries, or a status of 400 and above; names the address without credentials.
                `extra` has `answered` (the status) where there was one.
            DiskFull: no room for the answer.
        """
        asked = self._asked(url, params or {}, headers or {}, body, suffix)
        known = self._cache.find(asked.key)
        if self._offline:
            if known is None:
                raise ServiceError(
                    "nothing is kept of this request, and nothing is asked for offline",
                    where=self.shown(str(asked.url)),
                    remedy="run it once without --offline",
                )
            answer = self._answer(known, cached=True)
        else:
            answer = self._patiently(asked, known)
        if self._told:
            self._told(answer)
        return answer

    def look(
        self,
        url: str,
        *,
        params: Mapping[str, str | int | float] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Seen:
        """Return what an address answers to HEAD, or to GET where it does not know HEAD; keeps nothing and asks once.

        Raises:
            ServiceError: no answer.
        """
        asked = self._asked(url, params or {}, headers or {}, None, "")
        try:
            seen = self._look("HEAD", asked)
            # Many services know no HEAD, or deny it, and answer as they like.
            return self._look("GET", asked) if seen.status >= 400 else seen
        except PassingError as e:
            raise e.error from None

    def filled(self, service: Service) -> Service:
        """Return a service of a recipe with the environment's values in place of `${NAME}`. Nothing else is ever filled.

        Raises:
            RecipeError: a variable that is not set.
        """
        return self._hidden.filled(service)

    def filled_address(self, url: str) -> str:
        """Return an address that a user has written, likewise.

        Raises:
            RecipeError: a variable that is not set.
        """
        return self._hidden.fill_address(url)

    def shown(self, text: str) -> str:
        """Return a text, mostly an address, without credentials."""
        return self._hidden.hide(text)

    def secret(self, text: str) -> bool:
        """Whether something of a text came from the environment."""
        return self._hidden.holds(text)

    def _asked(
        self,
        url: str,
        params: Mapping[str, str | int | float],
        headers: Mapping[str, str],
        body: bytes | None,
        suffix: str,
    ) -> _Asked:
        method = "GET" if body is None else "POST"
        try:
            address = httpx2.URL(url.strip())
            if params:
                address = address.copy_merge_params(params)
        except (httpx2.InvalidURL, ValueError) as e:
            raise ServiceError(f"cannot be an address: {self.shown(str(e))}", where=self.shown(url)) from None
        if address.scheme not in {"http", "https"} or not address.host:
            raise ServiceError(
                "no address that can be asked",
                where=self.shown(url),
                remedy="give one with https:// or http://",
            )
        # By name, so that a new key of the same user finds what the old one was answered.
        name = self._hidden.name
        key = request_key(
            method,
            name(url),
            {n: name(str(v)) for n, v in params.items()},
            {n: name(v) for n, v in headers.items()},
            body,
        )
        return _Asked(method, address, dict(headers), body, key, suffix)

    def _patiently(self, asked: _Asked, known: Kept | None) -> Answer:
        retries = stamina.retry_context(
            on=_again,
            attempts=self._attempts,
            timeout=None,
            wait_initial=self._patience,
            wait_max=60 * self._patience,
            wait_jitter=self._patience,
        )
        try:
            for attempt in retries:
                with attempt:
                    return self._once(asked, known)
        except PassingError as e:
            raise e.error from None
        raise AssertionError("unreachable: every attempt returns or raises")

    def _once(self, asked: _Asked, known: Kept | None) -> Answer:
        with self._cache.part(asked.key) as part:
            headers = dict(asked.headers)
            resumes = part.validator is not None and part.size > 0 and asked.body is None
            if resumes and part.validator:
                headers |= {
                    "Range": f"bytes={part.size}-",
                    "If-Range": part.validator,
                    "Accept-Encoding": "identity",
                }
            elif known is not None and asked.body is None:
                headers |= _conditions(known)
            with self._sender.sent(asked.method, asked.url, headers, asked.body) as response:
                if response.status_code == 304 and known is not None:
                    self._cache.drop(asked.key, part)
                    return self._answer(self._cache.confirm(asked.key, known), cached=True)
                if response.status_code == 416 and resumes:
                    self._cache.drop(asked.key, part)
                    raise PassingError(
                        self._sender.error("has nothing more of what it began to send", response), 0.0
                    )
                if response.status_code >= 400:
                    raise self._sender.refusal(response)
                self._receive(response, asked, part, resumes)
                answer = {
                    "url": self.shown(inert(str(response.url))),
                    "status": response.status_code,
                    "content_type": response.headers.get("Content-Type", ""),
                    "etag": response.headers.get("ETag") or (part.validator if resumes else None),
                    "last_modified": response.headers.get("Last-Modified"),
                    "headers": {
                        n: self._hidden.name(inert(v))
                        for n in _KEPT_HEADERS
                        if (v := response.headers.get(n))
                    },
                }
                kept = self._cache.keep(asked.key, part, asked.suffix, answer)
            same = known is not None and (known.digest, known.suffix) == (kept.digest, kept.suffix)
            return self._answer(kept, cached=same)

    def _receive(self, response: httpx2.Response, asked: _Asked, part: Part, resumes: bool) -> None:
        """Write an answer to its part, as it comes; raise PassingError where it breaks off."""
        if response.status_code == 206 and resumes:
            if not response.headers.get("Content-Range", "").startswith(f"bytes {part.size}-"):
                self._cache.drop(asked.key, part)
                raise PassingError(
                    self._sender.error("sends another part than the one asked for", response), 0.0
                )
        else:
            self._cache.begin(asked.key, part, _validator(response) if asked.body is None else None)
        limit, size = settings().max_source_bytes, part.size
        promised = response.headers.get("Content-Length")
        try:
            for block in response.iter_bytes():
                size += len(block)
                if size > limit:
                    self._cache.drop(asked.key, part)
                    raise self._sender.error(
                        f"answers with more than the {limit:,} bytes that a source may have",
                        response,
                        "ask for less, or raise LDT_MAX_SOURCE_BYTES",
                    )
                part.file.write(block)
            part.file.flush()
        except OSError as e:
            if e.errno not in {errno.ENOSPC, errno.EDQUOT}:
                raise
            raise DiskFull(
                "no room left to keep what the service sends",
                where=str(self._cache.folder),
                remedy="free space there",
            ) from e
        except (httpx2.TransportError, httpx2.DecodingError) as e:
            part.file.flush()
            raise PassingError(
                self._sender.error(f"the answer broke off: {self.shown(str(e))}", response)
            ) from None
        if promised and promised.isdigit() and response.num_bytes_downloaded < int(promised):
            got = response.num_bytes_downloaded
            raise PassingError(
                self._sender.error(f"the answer broke off: {got:,} of {int(promised):,} bytes came", response)
            )

    def _look(self, method: str, asked: _Asked) -> Seen:
        with self._sender.sent(method, asked.url, asked.headers, None) as response:
            moved = bool(response.history) and all(r.status_code in {301, 308} for r in response.history)
            text = "" if method == "HEAD" or response.status_code < 400 else self._sender.said_by(response)
            return Seen(
                url=self.shown(str(response.url)),
                status=response.status_code,
                content_type=response.headers.get("Content-Type", ""),
                moved_to=self.shown(str(response.url)) if moved else None,
                said=text,
            )

    def _answer(self, kept: Kept, *, cached: bool) -> Answer:
        fetched = datetime.fromisoformat(kept.confirmed)
        return Answer(
            self._cache.body(kept),
            kept.url,
            kept.status,
            kept.content_type,
            kept.digest,
            fetched,
            cached,
            {name: self._hidden.fill(value) for name, value in kept.headers.items()},
            self._hidden.fill(kept.url),
        )


def _again(error: Exception) -> bool | float:
    """Tell stamina whether to try again, or after how many seconds."""
    if not isinstance(error, PassingError):
        return False
    return True if error.wait is None else error.wait


def _conditions(known: Kept) -> dict[str, str]:
    conditions = {}
    if known.etag:
        conditions["If-None-Match"] = known.etag
    if known.last_modified:
        conditions["If-Modified-Since"] = known.last_modified
    return conditions


def _validator(response: httpx2.Response) -> str | None:
    """Return what tells whether a download that broke off may be resumed: a strong ETag, else the time of the last change."""
    ranges = "bytes" in response.headers.get("Accept-Ranges", "").lower()
    if response.status_code != 200 or not ranges or response.headers.get("Content-Encoding"):
        return None
    etag: str | None = response.headers.get("ETag")
    if etag and not etag.startswith("W/"):
        return etag
    changed: str | None = response.headers.get("Last-Modified")
    return changed
