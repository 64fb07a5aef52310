"""Tiles that are kept, packed: maps of all visitors ask for the same ones, and what a state shows never changes."""

from __future__ import annotations

import gzip
from collections import OrderedDict
from collections.abc import Hashable

from starlette.requests import Request
from starlette.responses import Response

from ldt.settings import settings

#: What is smaller is sent as it is.
_SMALL = 2000
#: Most of the gain for a third of the time of level 9.
_LEVEL = 4


class Kept:
    """Packed tiles by key, bounded in bytes (`LDT_TILE_CACHE_BYTES` without `most`); the one that was used longest ago goes first."""

    def __init__(self, most: int | None = None) -> None:
        self._most, self._size = settings().tile_cache_bytes if most is None else most, 0
        self._entries: OrderedDict[Hashable, bytes] = OrderedDict()

    @property
    def keeps(self) -> bool:
        """Whether anything is kept at all: else nothing need be packed for it."""
        return self._most > 0

    def get(self, key: Hashable) -> bytes | None:
        """Return a packed tile, or None."""
        found = self._entries.get(key)
        if found is not None:
            self._entries.move_to_end(key)
        return found

    def put(self, key: Hashable, content: bytes) -> bytes:
        """Pack a tile and keep it; returns it packed."""
        packed = gzip.compress(content, _LEVEL, mtime=0)
        self._size += len(packed) - len(self._entries.pop(key, b""))
        self._entries[key] = packed
        while self._size > self._most:
            self._size -= len(self._entries.popitem(last=False)[1])
        return packed


def sent(
    request: Request, packed: bytes, headers: dict[str, str], media_type: str, content: bytes | None = None
) -> Response:
    """Return the answer with a packed tile: packed where the client takes that, else unpacked (`content`, where it is at hand)."""
    vary = {**headers, "Vary": f"{headers['Vary']}, Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", "") and len(packed) > _SMALL // 2:
        return Response(packed, headers={**vary, "Content-Encoding": "gzip"}, media_type=media_type)
    plain = gzip.decompress(packed) if content is None else content
    return Response(plain, headers=vary, media_type=media_type)
