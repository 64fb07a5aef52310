"""What must be known before a map is sent: the twins; and the files of `web/`, which are read once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from ldt.api.context import Connection
from ldt.errors import NotFound
from ldt.settings import shipped
from ldt.store import twins

_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".txt": "text/plain",
    ".md": "text/markdown",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """A file that pages load."""

    content: bytes
    media_type: str
    tag: str


def all_twins(conn: Connection) -> list[dict[str, Any]]:
    """Return what is said of all twins, in order of name."""
    return twins.twins(conn)


def asset(path: str) -> Asset:
    """Return a file under `web/`.

    Raises:
        NotFound: there is none of that name. Names are looked up, never joined to a folder.
    """
    found = _assets().get(path)
    if found is None:
        raise NotFound(f"the map has no file {path!r}", remedy="/map is the map")
    return found


@lru_cache(maxsize=1)
def _assets() -> dict[str, Asset]:
    folder = shipped("web")
    found = {}
    for file in sorted(folder.rglob("*")):
        if file.suffix in _TYPES and file.is_file():
            content = file.read_bytes()
            tag = f'"{hashlib.sha256(content).hexdigest()[:24]}"'
            found[file.relative_to(folder).as_posix()] = Asset(content, _TYPES[file.suffix], tag)
    return found
