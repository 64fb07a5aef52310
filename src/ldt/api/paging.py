"""Page tokens: a state of the twin and a position in its order, so that paging sees one state, whole.

A token is base64url of a JSON array: format, revision, digest of the query, position. It grants nothing: rights are
looked up anew with each request, so it needs no secret and any process of the service reads it. The digest only keeps a
token from being used with another query, where its position would mean nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from types import UnionType
from typing import Any

import orjson
from starlette.requests import Request

from ldt.errors import BadToken

_FORMAT = 1
_MAX_LENGTH = 8000
# What may differ between the pages of one query: how much, in what form, and the token itself.
_FREE = frozenset({"token", "limit", "f"})


@dataclass(frozen=True, slots=True)
class Token:
    """Where a page begins: after `position`, in the state `revision`."""

    revision: int
    position: tuple[Any, ...]


def bad_token(why: str) -> BadToken:
    """Return the error for a token that cannot be used."""
    return BadToken(f"this page token cannot be used: {why}", where="token", remedy="begin at the first page")


def query_digest(request: Request) -> str:
    """Return a digest of the resource and of the parameters that select what is paged through."""
    chosen = sorted((k, v) for k, v in request.query_params.multi_items() if k not in _FREE)
    return hashlib.sha256(orjson.dumps([request.scope["path"].rstrip("/"), chosen])).hexdigest()[:16]


def write_token(request: Request, revision: int, position: tuple[Any, ...]) -> str:
    """Return the token of the page after a position.

    Args:
        request: the query that is paged through.
        revision: the state that it sees.
        position: sort key of the last row of this page (texts, whole numbers and nulls).
    """
    text = orjson.dumps([_FORMAT, revision, query_digest(request), list(position)])
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def read_token(request: Request, text: str | None, kinds: tuple[type | UnionType, ...]) -> Token | None:
    """Return what a token says, or None if there is none.

    Args:
        request: the query that it came with.
        text: the token.
        kinds: types of the parts of the position (`str`, `int`, `str | None`).

    Raises:
        BadToken: it was not made here, was changed, or belongs to another query.
    """
    if text is None:
        return None
    if len(text) > _MAX_LENGTH:
        raise bad_token("it is too long")
    try:
        content = orjson.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError) as e:
        raise bad_token("it was not made by this service") from e
    if not (isinstance(content, list) and len(content) == 4 and content[0] == _FORMAT):
        raise bad_token("it was not made by this service")
    _, revision, digest, position = content
    if not (
        _whole(revision) and revision >= 0 and isinstance(position, list) and len(position) == len(kinds)
    ):
        raise bad_token("it was not made by this service")
    for part, kind in zip(position, kinds, strict=True):
        fits = _whole(part) if kind is int else isinstance(part, kind) and "\x00" not in str(part)
        if not fits:
            raise bad_token("it was not made by this service")
    if digest != query_digest(request):
        raise bad_token("it belongs to another query")
    return Token(revision, tuple(position))


def _whole(value: object) -> bool:
    # bool is an int in Python; PostgreSQL's bigint ends at 2**63.
    return isinstance(value, int) and not isinstance(value, bool) and -(2**63) <= value < 2**63
