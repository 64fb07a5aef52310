"""A client that an endpoint cannot lead astray: bounded in size, time and number, and it stays on the endpoint's host."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import httpx2

from ldt.conformance.errors import EndpointError
from ldt.conformance.pointer import MISSING

#: Redirects followed for one request.
MAX_REDIRECTS = 5
#: Characters of a body that a report keeps.
EXCERPT = 1_000
#: What is asked for where a test asks for nothing: servers that would give people HTML then give JSON.
ACCEPT = "application/geo+json, application/json;q=0.9, */*;q=0.1"
_DEFAULT_PORTS = {"http": 80, "https": 443}


class Inconclusive(Exception):
    """No verdict is possible: no answer in time, an answer beyond our limits, the run's limits used up."""


class Refused(Exception):
    """The endpoint sends us somewhere we do not go, or what it sends is not HTTP."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one run may cost.

    Attributes:
        timeout: seconds for one answer, from the first byte sent to the last byte received.
        max_bytes: largest body, decoded.
        max_requests: requests of the whole run.
        max_seconds: duration of the whole run.
        allow_hosts: further hosts (`name` or `name:port`) that links and redirects may lead to.
    """

    timeout: float = 30.0
    max_bytes: int = 20_000_000
    max_requests: int = 5_000
    max_seconds: float = 1_800.0
    allow_hosts: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Answer:
    """One request and what came back.

    Attributes:
        url: where the body came from, after redirects.
        headers: lower-case names.
        seconds: until the last byte.
    """

    method: str
    url: str
    status: int
    headers: Mapping[str, str]
    body: bytes
    seconds: float

    @cached_property
    def json(self) -> Any:
        """The body as JSON; :data:`MISSING` if it is none."""
        try:
            return json.loads(self.body, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            return MISSING

    @property
    def media_type(self) -> str:
        """The media type without its parameters, in lower case; empty if none is stated."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()

    def excerpt(self) -> dict[str, Any]:
        """Return what a report keeps of it."""
        text = self.body[: 4 * EXCERPT].decode("utf-8", "replace")
        return {
            "request": {"method": self.method, "url": self.url},
            "response": {
                "status": self.status,
                "content_type": self.headers.get("content-type"),
                "bytes": len(self.body),
                "seconds": round(self.seconds, 3),
                "excerpt": text if len(text) <= EXCERPT else text[:EXCERPT] + "…",
            },
        }


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Client:
    """Requests to one endpoint, within limits.

    Args:
        base_url: address of the endpoint, `http` or `https`, with or without a slash at the end.
        limits: what the run may cost.
        agent: the User-Agent sent.

    Raises:
        EndpointError: if `base_url` is not an address.
    """

    def __init__(self, base_url: str, limits: Limits, agent: str) -> None:
        try:
            url = httpx2.URL(base_url)
        except (httpx2.InvalidURL, TypeError, ValueError) as error:
            raise EndpointError(f"is not an address: {error}", where=base_url) from None
        if url.scheme not in _DEFAULT_PORTS or not url.host:
            raise EndpointError(
                "is not an address of an HTTP service", where=base_url, remedy="give http://… or https://…"
            )
        if url.query or url.fragment:
            raise EndpointError(
                "has a query or a fragment",
                where=base_url,
                remedy="give the address of the landing page alone",
            )
        self.base_url = str(url).rstrip("/") + "/"
        self.limits = limits
        self.requests = 0
        self._origin = url
        self._started = time.monotonic()
        self._client = httpx2.Client(
            timeout=httpx2.Timeout(limits.timeout),
            follow_redirects=False,
            headers={"User-Agent": agent, "Accept": ACCEPT},
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def below(self, path: str) -> str:
        """Return the address of a path below the base URL."""
        return self.base_url + path.lstrip("/")

    def request(
        self,
        url: str,
        *,
        method: str = "GET",
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the answer, following redirects within the endpoint's own host.

        Args:
            url: absolute address.
            method: `GET`, `HEAD` or `OPTIONS`.
            params: added to the query that the address may have.
            headers: sent besides our own.

        Raises:
            Refused: for an address or a redirect to another host, or an answer that is not HTTP.
            Inconclusive: for a limit that was reached, or a connection that failed.
        """
        target = self._inside(url, "the address")
        if params:
            target = target.copy_merge_params(params)
        for _ in range(MAX_REDIRECTS + 1):
            answer = self._once(method, target, headers or {})
            location = answer.headers.get("location")
            if answer.status not in (301, 302, 303, 307, 308) or not location:
                return answer
            target = self._inside(str(target.join(location)), f"{target} redirects, and the target")
        raise Refused(f"{url} redirects more than {MAX_REDIRECTS} times")

    def _inside(self, url: str, what: str) -> httpx2.URL:
        try:
            target = httpx2.URL(url)
        except httpx2.InvalidURL as error:
            raise Refused(f"{what} {url!r} is not an address: {error}") from None
        same = target.scheme in _DEFAULT_PORTS and (
            (target.host, _port(target)) == (self._origin.host, _port(self._origin))
            # The one step to another port that means no other service: from http to https.
            or (target.host == self._origin.host and (_port(self._origin), _port(target)) == (80, 443))
        )
        if not same and not {target.host, f"{target.host}:{_port(target)}"} & self.limits.allow_hosts:
            raise Refused(f"{what} {url} lies on another host than {self.base_url}; it is not followed")
        return target

    def _once(self, method: str, url: httpx2.URL, headers: Mapping[str, str]) -> Answer:
        if self.requests >= self.limits.max_requests:
            raise Inconclusive(f"the run's limit of {self.limits.max_requests} requests is used up")
        if time.monotonic() - self._started > self.limits.max_seconds:
            raise Inconclusive(f"the run's limit of {self.limits.max_seconds:g} s is used up")
        self.requests += 1
        start = time.monotonic()
        try:
            with self._client.stream(method, url, headers=dict(headers)) as response:
                body = self._body(response.iter_bytes(), start, str(url))
        except httpx2.TimeoutException:
            raise Inconclusive(f"no answer from {url} within {self.limits.timeout:g} s") from None
        except (httpx2.ProtocolError, httpx2.DecodingError) as error:
            raise Refused(f"the answer of {url} is not valid HTTP: {error}") from None
        except (httpx2.RequestError, httpx2.InvalidURL, OSError) as error:
            raise Inconclusive(f"{url} cannot be reached: {error}") from None
        return Answer(
            method,
            str(url),
            response.status_code,
            {k.lower(): v for k, v in response.headers.items()},
            body,
            time.monotonic() - start,
        )

    def _body(self, chunks: Iterable[bytes], start: float, url: str) -> bytes:
        body = bytearray()
        for chunk in chunks:
            body += chunk
            if len(body) > self.limits.max_bytes:
                raise Inconclusive(f"the answer of {url} is larger than {self.limits.max_bytes} bytes")
            # The client's own timeout is for one read; an endpoint that drips would hold us for ever.
            if time.monotonic() - start > self.limits.timeout:
                raise Inconclusive(f"no whole answer from {url} within {self.limits.timeout:g} s")
        return bytes(body)


def _port(url: httpx2.URL) -> int:
    return url.port or _DEFAULT_PORTS.get(url.scheme, 0)
