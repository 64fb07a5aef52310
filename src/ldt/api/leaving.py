"""Clients that go away before they are answered: what runs for them in the database is cancelled."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import psycopg
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

_STATE = "ldt.running"
#: Seconds after which it is looked whether anybody still waits; most requests are answered by then.
_WATCH = 0.1


async def left(receive: Receive) -> None:
    """Return when the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


@dataclass(slots=True)
class _Running:
    """The connections on which statements of one request may be running."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    connections: list[psycopg.Connection[Any]] = field(default_factory=list)

    def cancel(self) -> None:
        # Under the lock, so that none is given back meanwhile, and another request's statement is cancelled.
        with self.lock:
            for conn in self.connections:
                conn.cancel_safe(timeout=5)


@contextmanager
def running(request: Request, conn: psycopg.Connection[Any]) -> Iterator[None]:
    """Have the statement of a connection cancelled if the client of a request goes away meanwhile."""
    state: _Running | None = request.scope.get(_STATE)
    if state is None:
        yield
        return
    with state.lock:
        state.connections.append(conn)
    try:
        yield
    finally:
        with state.lock:
            state.connections.remove(conn)


class Leaving:
    """ASGI middleware: looks whether the client still waits, for requests that take long.

    A thread that waits for the database cannot be ended, but its statement can; the thread then ends by itself.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        state, tasks = _Running(), list[asyncio.Task[None]]()

        async def watch() -> None:
            await left(receive)
            await asyncio.to_thread(state.cancel)

        timer = asyncio.get_running_loop().call_later(
            _WATCH, lambda: tasks.append(asyncio.create_task(watch()))
        )
        try:
            await self.app({**scope, _STATE: state}, receive, send)
        finally:
            timer.cancel()
            for task in tasks:
                task.cancel()
