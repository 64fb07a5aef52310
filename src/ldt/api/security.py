"""Who is asking, and what they may see.

One seam: :func:`ldt.api.app.create_app` takes a function from the request to the access classes that its caller may
see, and the snapshot of every request is resolved with its answer. Nothing downstream asks again.
"""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request

from ldt.model.snapshot import PUBLIC, Access

#: From a request to the access classes that its caller may see.
Caller = Callable[[Request], frozenset[Access]]


def everyone(request: Request) -> frozenset[Access]:
    """Treat every caller as one without any proof of identity: only open data."""
    return PUBLIC


def is_operator(access: frozenset[Access]) -> bool:
    """Whether a caller may see everything; only then are raw records of rejected input shown."""
    return access == frozenset(Access)
