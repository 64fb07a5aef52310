"""One state of a twin: what it is called, how it is cited, and how rows are read from it."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any, Self, TypeVar

import httpx2
import pandas as pd

from ldt.client.errors import BadAnswer, Refused
from ldt.client.http import Document, Session, link
from ldt.client.progress import watched

_Frame = TypeVar("_Frame", bound=pd.DataFrame)


class State:
    """A twin in one state, which every request is pinned to. What it takes and raises is told by :class:`ldt.client.Twin`."""

    def __init__(
        self,
        url: str,
        at: str | int | None = None,
        *,
        language: str = "en",
        timeout: float = 30.0,
        progress: bool = True,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._session = Session(url, transport=transport, timeout=timeout, language=language)
        self._language, self._progress = language, progress
        try:
            self._about = self._landing(at)
        except BaseException:
            self.close()
            raise
        self._session.at = int(self._about["revision"])

    def _landing(self, at: str | int | None) -> Document:
        found = self._session.elsewhere(self._session.url)
        if "snapshot" not in found:
            self._session.url = self._only_twin(found)
        if at is not None or "snapshot" not in found:
            found = self._session.json(at=at)
        if not {"name", "title", "snapshot", "revision"} <= found.keys():
            raise BadAnswer(f"{self._session.url} is not the landing page of a twin", url=self._session.url)
        return found

    def _only_twin(self, landing: Document) -> str:
        address = link(landing, "data")
        found = self._session.elsewhere(address).get("twins") if address else None
        if not isinstance(found, list) or not found:
            raise BadAnswer(
                f"{self._session.url} is neither a twin nor a service of twins", url=self._session.url
            )
        addresses = [f"{self._session.url}/twins/{one['name']}" for one in found]
        if len(addresses) > 1:
            raise Refused(
                f"the service has several twins: name one of {', '.join(addresses)}", url=self._session.url
            )
        return addresses[0]

    # What it is ---------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """The address of the twin."""
        return self._session.url

    @property
    def name(self) -> str:
        """The name of the twin."""
        return str(self._about["name"])

    @property
    def title(self) -> str:
        """What the twin is called."""
        return str(self._about["title"])

    @property
    def snapshot(self) -> str:
        """The state that is read, in its citable form: `{twin}@{revision}`."""
        return str(self._about["snapshot"])

    @property
    def committed(self) -> pd.Timestamp | None:
        """When that state came about (UTC); None for a twin without data."""
        moment = self._about.get("committed")
        return pd.Timestamp(moment) if moment else None

    def citation(self) -> str:
        """Return how to cite what was read: the twin, its state with an address, and whose data are in it."""
        when = f" of {self.committed:%Y-%m-%d %H:%M} UTC" if self.committed else ""
        found = self._session.json("datasets")["datasets"]
        whose = sorted({f"{one['publisher']} ({one['licence']})" for one in found})
        data = f" Data: {'; '.join(whose)}." if whose else ""
        return f"{self.title}. Local digital twin, state {self.snapshot}{when}. {self.url}?at={self._session.at}.{data}"

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.url!r}, at={self.snapshot!r})"

    def _repr_html_(self) -> str:
        rows = {
            "state": self.snapshot,
            "since": f"{self.committed:%Y-%m-%d %H:%M:%S} UTC" if self.committed else "–",
            "address": self.url,
        }
        cells = "".join(f"<tr><th>{k}</th><td>{escape(v)}</td></tr>" for k, v in rows.items())
        return f"<table><caption>{escape(self.title)}</caption>{cells}</table>"

    # How rows are read --------------------------------------------------------------------------------------------

    def _rows(self, member: str, *path: str, limit: int | None = None, **params: Any) -> Iterator[Document]:
        """Yield the rows of a paged list, at most `limit`."""
        left = limit
        sized = {"limit": limit} if limit is not None else {}
        pages = self._session.pages(*path, **params, **sized)
        for page in watched(pages, member, shown=self._progress):
            rows = page[member]
            yield from rows if left is None else rows[:left]
            if left is not None and (left := left - len(rows)) <= 0:
                return

    def _features(self, *path: str, limit: int | None = None, **params: Any) -> list[Document]:
        return list(self._rows("features", *path, limit=limit, **params, f="geojson"))

    def _say(self, text: Any) -> Any:
        return text.get(self._language, next(iter(text.values()), "")) if isinstance(text, dict) else text

    def _told(self, frame: _Frame, **about: Any) -> _Frame:
        frame.attrs = {"snapshot": self.snapshot, **about}
        return frame
