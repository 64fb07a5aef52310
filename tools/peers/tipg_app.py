"""tipg on a database whose address is in PEER_DATABASE. Served by .peers/bin/uvicorn.

tipg's own setting takes no address of a unix socket; over TCP it would be slower than what it is measured beside.
"""

from __future__ import annotations

import os
from typing import Any

import asyncpg

_create_pool = asyncpg.create_pool


def _pool(_dsn: str, **settings: Any) -> Any:
    return _create_pool(os.environ["PEER_DATABASE"], **settings)


asyncpg.create_pool = _pool

from tipg.main import app  # noqa: E402

__all__ = ["app"]
