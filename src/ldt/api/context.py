"""What a request works with: one read-only transaction, and the snapshot that was resolved in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import psycopg
from psycopg_pool import ConnectionPool
from starlette.requests import Request

from ldt.api.leaving import running
from ldt.api.paging import Token
from ldt.api.security import Caller
from ldt.errors import BadToken, Gone, NotFound, UsageError
from ldt.model.snapshot import Snapshot
from ldt.store.connect import translated
from ldt.store.snapshots import parse_at, resolve
from ldt.store.statements import Statements

if TYPE_CHECKING:
    from ldt.api.remembered import Memory
    from ldt.api.standard import Kind, Standard

Connection = psycopg.Connection[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Service:
    """What all requests share.

    Attributes:
        pool: read-only connections.
        caller: tells what the caller of a request may see.
        standards: what is mounted.
        statements: runs what is answered without a thread.
        memory: the snapshots that are remembered.
    """

    pool: ConnectionPool[Connection]
    caller: Caller
    standards: tuple[Standard, ...]
    statements: Statements
    memory: Memory

    @property
    def conformance(self) -> tuple[str, ...]:
        """The conformance classes of what is mounted."""
        return tuple(dict.fromkeys(c for s in self.standards for c in s.conformance))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of collection that there are, in the order in which they are listed."""
        return tuple(k for s in self.standards for k in s.kinds)


@dataclass(frozen=True, slots=True)
class Reading:
    """A transaction and the state of a twin that is read in it."""

    conn: Connection
    snapshot: Snapshot


def service(request: Request) -> Service:
    """Return what all requests share."""
    return cast("Service", request.app.state.service)


@contextmanager
def connection(request: Request) -> Iterator[Connection]:
    """Give a connection in a REPEATABLE READ, read-only transaction; it goes back to the pool at the end.

    Raises:
        StoreError: the database cannot be used.
        Timeout: a statement took too long.
    """
    with translated(), service(request).pool.connection() as conn, running(request, conn), conn.transaction():
        yield conn


@contextmanager
def reading(
    request: Request, twin: str, at: str | None = None, token: Token | None = None
) -> Iterator[Reading]:
    """Give the state of a twin that the caller may see, in one transaction.

    Args:
        request: whose caller decides what is seen.
        twin: name of the twin.
        at: a revision or an instant; None is the newest state.
        token: a page token, whose revision goes before `at`.

    Raises:
        NotFound: no such twin, or no such state of it.
        Gone: the state was pruned.
        BadToken: the token names a state that never was.
        UsageError: `at` is no snapshot, or one of another twin.
    """
    moment = token.revision if token else parse_at(at)
    if token is None and at and "@" in at and at.partition("@")[0] != twin:
        raise UsageError(f"{at!r} is a snapshot of another twin", where="at", remedy=f"write {twin}@…")
    with connection(request) as conn:
        try:
            snapshot = resolve(conn, twin, service(request).caller(request), moment)
        except NotFound as e:
            if token is not None and e.where == "at":
                raise BadToken(
                    "the token names a state that is not there",
                    where="token",
                    remedy="begin at the first page",
                ) from e
            raise
        except Gone as e:
            if token is not None:
                e.where, e.remedy = "token", "begin again at the first page"
            raise
        yield Reading(conn, snapshot)
