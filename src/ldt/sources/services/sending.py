"""One request and its answer: in turn, over redirects, and what is to be thought of an answer that tells of an error."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx2

from ldt.errors import ServiceError
from ldt.sources.services.credentials import Hidden
from ldt.sources.services.said import said

#: Answers after which asking again may help.
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_MAX_REDIRECTS = 10
#: The longest that a service may ask us to wait, in seconds; what asks for more is told to the user.
_MAX_WAIT = 120.0
#: How much of an answer that tells of an error is read.
_MAX_SAID = 64 * 1024


class PassingError(Exception):
    """Something that may be over soon. `wait` is how long the service asks to wait, in seconds, if it does."""

    def __init__(self, error: ServiceError, wait: float | None = None) -> None:
        super().__init__(error.message)
        self.error = error
        self.wait = wait


class Sender:
    """Sends requests in turn, follows redirects without taking credentials along, and says what went wrong.

    Args:
        http: the connections.
        hidden: credentials, which nothing that is said may show.
        rate: requests a second to one host, at most.
    """

    def __init__(self, http: httpx2.Client, hidden: Hidden, rate: float) -> None:
        self._http = http
        self._hidden = hidden
        self._rate = rate
        self._next: dict[str, float] = {}
        self._lock = threading.Lock()

    @contextmanager
    def sent(
        self, method: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes | None
    ) -> Iterator[httpx2.Response]:
        """Send a request, follow redirects, give the answer with its content still to come.

        Raises:
            PassingError: no answer, and perhaps the next time.
            ServiceError: no answer.
        """
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
        request = self._http.build_request(method, url, headers=encoded, content=body)
        before: list[httpx2.Response] = []
        for _ in range(_MAX_REDIRECTS + 1):
            self._take_turn(request.url.host)
            try:
                response = self._http.send(request, stream=True)
            except httpx2.TimeoutException as e:
                raise PassingError(self._silent("did not answer in time", request)) from e
            except httpx2.HTTPError as e:
                raise self._unreachable(e, request) from e
            if response.next_request is None:
                response.history = before
                try:
                    yield response
                finally:
                    response.close()
                return
            response.close()
            before.append(response)
            request = self._onward(request, response.next_request)
        raise ServiceError(f"redirects more than {_MAX_REDIRECTS} times", where=self._hidden.hide(str(url)))

    def _onward(self, before: httpx2.Request, after: httpx2.Request) -> httpx2.Request:
        """Return the request that a redirect asks for, without credentials if it leads elsewhere."""
        if after.url.scheme not in {"http", "https"}:
            raise ServiceError(
                f"redirects to an address of the kind {after.url.scheme!r}",
                where=self._hidden.hide(str(before.url)),
            )
        origins = [(r.url.scheme, r.url.host, r.url.port) for r in (before, after)]
        if origins[0] != origins[1]:
            for name, value in list(after.headers.items()):
                if self._hidden.secret_header(name, value):
                    del after.headers[name]
        return after

    def _take_turn(self, host: str) -> None:
        """Wait until the host may be asked again."""
        with self._lock:
            now = time.monotonic()
            turn = max(now, self._next.get(host, now))
            self._next[host] = turn + 1 / self._rate
        time.sleep(turn - now)

    def refusal(self, response: httpx2.Response) -> Exception:
        """Return the error for an answer of 400 and above."""
        status, text = response.status_code, self.said_by(response)
        message = f"answers {status}{f': {text}' if text else ''}"
        if status in {401, 403}:
            return self.error(message, response, "check the credentials that the recipe names")
        error = self.error(message, response)
        wait = _asked_to_wait(response.headers.get("Retry-After"))
        if status not in _PASSING:
            return error
        if wait is not None and wait > _MAX_WAIT:
            return self.error(
                f"{message}; asks to come back in {wait:,.0f} seconds", response, "try again then"
            )
        return PassingError(error, wait)

    def said_by(self, response: httpx2.Response) -> str:
        """Return what an answer that tells of an error says, without credentials."""
        content = b""
        try:
            for block in response.iter_bytes():
                content += block
                if len(content) >= _MAX_SAID:
                    break
        except httpx2.HTTPError:
            return ""  # the status tells enough
        return self._hidden.hide(said(content))

    def _unreachable(self, error: httpx2.HTTPError, request: httpx2.Request) -> Exception:
        text = str(error) or type(error).__name__
        if "CERTIFICATE" in text.upper():
            return self._silent(f"its certificate is not valid: {text}", request)
        return PassingError(self._silent(f"cannot be reached: {text}", request))

    def _silent(self, message: str, request: httpx2.Request) -> ServiceError:
        return ServiceError(
            self._hidden.hide(message),
            where=self._hidden.hide(str(request.url)),
            remedy="check the address and the network; with --offline what was fetched before is read again",
        )

    def error(self, message: str, response: httpx2.Response, remedy: str | None = None) -> ServiceError:
        """Return an error that names where the answer came from, and its status."""
        where = self._hidden.hide(str(response.url))
        return ServiceError(message, where=where, remedy=remedy, answered=response.status_code)


def _asked_to_wait(text: str | None) -> float | None:
    """Return the seconds that a `Retry-After` asks for, written as a number or as a date."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except ValueError:
        return None
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    return max(0.0, (then - datetime.now(UTC)).total_seconds())
