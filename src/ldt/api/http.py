"""The edge to HTTP: addresses made plain, HEAD, and answers that are streamed from the database."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import unquote_to_bytes

import anyio
import anyio.to_thread
from starlette.concurrency import iterate_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ldt.api.errors import problem_response
from ldt.api.leaving import left
from ldt.errors import LdtError, UsageError

_log = logging.getLogger("ldt.api")
_SLASHES = re.compile("//+")


class PlainAddresses:
    """ASGI middleware: slashes at the end or doubled change nothing, HEAD is GET without a body, and no text is other than UTF-8.

    Doubled ones come from clients that put `/collections` after a landing page that ends in a slash, OGC's suites among them.

    NUL bytes and broken UTF-8 are refused here, once, for all parameters and parts of paths: PostgreSQL takes neither, and
    a server that replaces broken bytes answers a question that nobody asked.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if wrong := _wrong_text(scope):
            await problem_response(wrong, Request(scope))(scope, receive, send)
            return
        path, root = scope["path"], scope.get("root_path", "")
        if "//" in path:
            path = _SLASHES.sub("/", path)
            scope = {**scope, "path": path}
        if path != "/" and path.endswith("/") and path.rstrip("/") != root:
            scope = {**scope, "path": path.rstrip("/") or "/"}
        if scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        await self.app({**scope, "method": "GET", "ldt.head": True}, receive, without_body)


def _wrong_text(scope: Scope) -> UsageError | None:
    raw: bytes = scope.get("raw_path") or scope["path"].encode("utf-8", "surrogateescape")
    for where, text in (("address", raw), ("query", scope.get("query_string", b""))):
        try:
            decoded = unquote_to_bytes(text).decode("utf-8")
        except UnicodeDecodeError:
            return UsageError("the address is not UTF-8", where=where, remedy="encode it as UTF-8")
        if "\x00" in decoded:
            return UsageError("the address holds a NUL byte", where=where, remedy="leave it out")
    return None


class Stream(Response):
    """An answer whose bytes are made while they are sent, by a generator that runs in the thread pool.

    Args:
        chunks: the body.
        close: called once at the end, whatever happened; gives the connection back.
        cancel: called when the client went away, to end the statement that is running.
    """

    def __init__(
        self,
        chunks: Iterator[bytes],
        *,
        close: Callable[[], None],
        cancel: Callable[[], None],
        media_type: str,
        headers: Mapping[str, str],
    ) -> None:
        self.status_code = 200
        self.media_type = media_type
        self.background = None
        self._chunks, self._close, self._cancel = chunks, close, cancel
        self.init_headers({**headers})
        # The length is not known; the base class takes a missing body for an empty one.
        if "content-length" in self.headers:
            del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; stop when the client goes away."""
        gone = False

        async def watch(group: anyio.abc.TaskGroup) -> None:
            nonlocal gone
            await left(receive)
            gone = True
            # The thread that waits for the database cannot be cancelled, but its statement can.
            await anyio.to_thread.run_sync(self._cancel)
            group.cancel_scope.cancel()

        try:
            async with anyio.create_task_group() as group:
                group.start_soon(watch, group)
                try:
                    await self._send(scope, send)
                except (LdtError, OSError) as e:
                    if not gone:
                        _log.error("an answer broke off: %s", e)
                        raise
                group.cancel_scope.cancel()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(self._give_back)

    def _give_back(self) -> None:
        try:
            self._close()
        except LdtError as e:
            # Everything was sent, or its failure was told already.
            _log.error("a connection was lost: %s", e)

    async def _send(self, scope: Scope, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if not scope.get("ldt.head"):
            async for chunk in iterate_in_threadpool(self._chunks):
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
