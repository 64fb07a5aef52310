"""The one HTTP client of all services: polite, patient, and what it got once it need not get again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import httpx2

from ldt import __version__
from ldt.errors import ServiceError

USER_AGENT = f"ldt/{__version__} (local digital twin; reads open environmental data)"


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer, its bytes in a file. `cached` says that the service confirmed the bytes that were already there."""

    path: Path
    url: str
    status: int
    content_type: str
    digest: str
    fetched: datetime
    cached: bool


class Client:
    """Gets answers into files.

    Args:
        cache: folder of the answers, which are found again by request.
        rate: requests a second to one host, at most.
        timeout: seconds until an answer must begin.
        transport: replaces the network (tests, recorded answers).
    """

    def __init__(
        self,
        cache: Path,
        *,
        rate: float = 4.0,
        timeout: float = 60.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._cache = cache
        self._rate = rate
        self._http = httpx2.Client(
            transport=transport, timeout=timeout, headers={"User-Agent": USER_AGENT}, follow_redirects=True
        )

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

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
            url: address; `${NAME}` in it, in parameters and in headers stands for an environment variable.
            params: added to the query of the address.
            headers: added to the client's own.
            body: what is posted.
            suffix: suffix of the file that the answer goes into, for the reader.

        Raises:
            ServiceError: no answer after all retries, or a status of 400 and above; names the address without credentials.
        """
        try:
            answer = self._http.request(
                "GET" if body is None else "POST", url, params=params, headers=headers, content=body
            )
        except httpx2.HTTPError as e:
            raise ServiceError(f"no answer: {e}", where=url) from e
        if answer.status_code >= 400:
            raise ServiceError(f"answers {answer.status_code}", where=url)
        digest = hashlib.sha256(answer.content).hexdigest()
        self._cache.mkdir(parents=True, exist_ok=True)
        path = self._cache / f"{digest}{suffix}"
        path.write_bytes(answer.content)
        kind = answer.headers.get("Content-Type", "")
        return Answer(path, str(answer.url), answer.status_code, kind, digest, datetime.now(UTC), False)
