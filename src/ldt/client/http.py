"""Requests to one service: pinned to one state of a twin, patient with a service that is away, page after page."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

import httpx2
import orjson

from ldt.client.errors import BadAnswer, Unreachable, of_answer

#: Attempts beyond the first, for a connection that fails and for an answer 503.
RETRIES = 4
#: Seconds that an answer 503 may make us wait, whatever it says.
LONGEST_WAIT = 30.0
#: Rows asked for at once; a service cuts it to its own maximum.
PAGE = 10_000

Document = dict[str, Any]


class Patient(httpx2.BaseTransport):
    """A transport that asks again when the service is away (503), after the seconds that `Retry-After` names.

    Only 503 with that header is repeated: the service says by it that nothing was done and that waiting helps.

    Args:
        inner: what sends the requests; failing connections are repeated there.
        retries: how often a request is repeated at most.
    """

    def __init__(self, inner: httpx2.BaseTransport, retries: int = RETRIES) -> None:
        self._inner, self._retries = inner, retries

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, again where the service asks for patience."""
        response = self._inner.handle_request(request)
        for _ in range(self._retries):
            seconds = response.headers.get("Retry-After", "")
            # The other form of the header, a date, is not waited for: our clock and theirs may differ.
            if response.status_code != 503 or not seconds.isdigit() or int(seconds) > LONGEST_WAIT:
                break
            response.close()
            time.sleep(int(seconds))
            response = self._inner.handle_request(request)
        return response

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


class Session:
    """One service, one twin, one state of it.

    Args:
        url: address of the twin's landing page.
        transport: what sends the requests; None for the network.
        timeout: seconds for connecting, and between two pieces of an answer.
        language: code of the language in which titles are wanted.

    Attributes:
        at: the revision that every request below the twin is pinned to; None until it is known.
    """

    def __init__(
        self, url: str, *, transport: httpx2.BaseTransport | None, timeout: float, language: str
    ) -> None:
        self.url = url.rstrip("/")
        self.at: int | None = None
        self._client = httpx2.Client(
            transport=Patient(transport or httpx2.HTTPTransport(retries=RETRIES)),
            timeout=timeout,
            follow_redirects=True,
            headers={"Accept-Language": language, "User-Agent": "ldt-client"},
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def json(self, *path: str, **params: Any) -> Document:
        """Return a document of the twin.

        Args:
            path: segments below the twin's address.
            params: query parameters; None is left out.

        Raises:
            ClientError: see :mod:`ldt.client.errors`.
        """
        return _document(self._get(self._below(path), self._pinned(params)))

    def elsewhere(self, url: str, **params: Any) -> Document:
        """Return a document at another address of the service; it is not pinned. Raises ClientError."""
        return _document(self._get(url, _given(params)))

    def bytes(self, *path: str, **params: Any) -> bytes:
        """Return the body of an answer of the twin. Raises ClientError."""
        return self._get(self._below(path), self._pinned(params)).content

    def pages(self, *path: str, **params: Any) -> Iterator[Document]:
        """Yield a paged resource of the twin, following its `next` links. Raises ClientError."""
        asked = {"limit": PAGE, **params}
        page = self.json(*path, **asked)
        seen: set[str] = set()
        while True:
            yield page
            following = link(page, "next")
            if following is None:
                return
            if following in seen:
                raise BadAnswer("the pages go round in a circle", url=following)
            seen.add(following)
            page = self.elsewhere(following)

    def _below(self, path: tuple[str, ...]) -> str:
        return "/".join([self.url, *(_segment(p) for p in path)])

    def _pinned(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return _given({"at": self.at, **params})

    def _get(self, url: str, params: Mapping[str, Any]) -> httpx2.Response:
        try:
            target = httpx2.URL(url)
            # Merged, not replaced: links carry the query that they stand for.
            response = self._client.get(target.copy_merge_params(params) if params else target)
        except (httpx2.InvalidURL, httpx2.UnsupportedProtocol) as e:
            raise Unreachable(f"{url!r} is no address of a service: {e}", url=url) from None
        except httpx2.HTTPError as e:
            reason = str(e) or type(e).__name__
            raise Unreachable(
                f"{url} gives no answer: {reason} (is the service running? `ldt serve` starts one)", url=url
            ) from None
        if response.is_success:
            return response
        raise of_answer(str(response.url), response.status_code, _problem(response))


def _segment(text: str) -> str:
    """Return a part of a path, encoded; what is written with `/` would be another address."""
    from urllib.parse import quote

    return quote(text, safe=":~")


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in params.items() if v is not None}


def _document(response: httpx2.Response) -> Document:
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        content = None
    if not isinstance(content, dict):
        kind = response.headers.get("content-type", "something without a type")
        raise BadAnswer(
            f"{response.url} gives {kind}, not a JSON document: is it an LDT service?", url=str(response.url)
        )
    return content


def _problem(response: httpx2.Response) -> Document:
    if "json" not in response.headers.get("content-type", ""):
        return {}
    try:
        content = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def link(document: Document, rel: str) -> str | None:
    """Return the address of a document's first link of a relation, or None."""
    ways = cast("list[Document]", document.get("links", []))
    return next((str(one["href"]) for one in ways if one.get("rel") == rel), None)
