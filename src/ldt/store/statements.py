"""Statements on the event loop: prepared once for each connection, one round trip each, no thread.

For one row, psycopg's asyncio connection takes four times as much CPU as libpq driven directly, a thread nine times (34, 78 and 9 µs
were measured, decision 0005): what answers thousands of small requests a second uses psycopg's libpq layer, :mod:`psycopg.pq`. All
else uses the pool of :mod:`ldt.store.connect`.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

from ldt.errors import StoreError
from ldt.store.connect import serving_options, translated

#: Prepared statements that a connection keeps; the one used longest ago goes first.
_PREPARED = 100
#: Seconds that a request waits for a connection.
_WAIT = 5.0
#: Seconds after which it is looked whether anybody still waits for the answer; most statements have ended by then.
_WATCH = 0.1


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement with `$1`, `$2`, … for its parameters.

    Attributes:
        text: SQL.
        names: of its parameters, in order.
        bound: those whose values are part of it, by name.
        kept: whether its plan may be kept, since no value of a parameter makes another plan better.
    """

    text: bytes
    names: tuple[str, ...]
    bound: dict[str, Any]
    kept: bool = True

    def values(self, given: dict[str, Any]) -> list[Any]:
        """Return the values of its parameters in order, with what is given for this time."""
        bound = self.bound
        return [given[n] if n in given else bound[n] for n in self.names]


class _Connection:
    """A connection whose socket the event loop watches. One statement at a time."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self.pgconn = connection.pgconn
        self.pgconn.nonblocking = 1
        self.broken = False
        self.used = False
        self._adapt = Transformer(connection)
        self._prepared: OrderedDict[tuple[bytes, tuple[int, ...]], bytes] = OrderedDict()
        self._number = 0
        self.loop = asyncio.get_running_loop()
        self._waiting: asyncio.Future[pq.abc.PGresult] | None = None
        self._last: pq.abc.PGresult | None = None
        self._socket = self.pgconn.socket
        self.loop.add_reader(self._socket, self._readable)

    def close(self) -> None:
        if not self.broken:
            self.broken = True
            self.loop.remove_reader(self._socket)
        self.connection.close()

    def _readable(self) -> None:
        try:
            self.pgconn.consume_input()
            while not self.pgconn.is_busy():
                result = self.pgconn.get_result()
                if result is None:
                    if self._waiting is not None and self._last is not None:
                        self._done(self._last)
                    return
                self._last = result
        except psycopg.Error as e:
            # The server went away, perhaps while nobody was waiting.
            self.broken = True
            self.loop.remove_reader(self._socket)
            if self._waiting is not None and not self._waiting.done():
                self._waiting.set_exception(e)
            self._waiting = None

    def _done(self, result: pq.abc.PGresult) -> None:
        waiting, self._waiting, self._last = self._waiting, None, None
        if waiting is not None and not waiting.done():
            waiting.set_result(result)

    async def _answer(self) -> pq.abc.PGresult:
        self._waiting = self.loop.create_future()
        while self.pgconn.flush():
            await asyncio.sleep(0.001)  # parameters larger than the socket's buffer
        result = await self._waiting
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            raise error_from_result(result)
        return result

    async def run(self, statement: Statement, given: dict[str, Any]) -> pq.abc.PGresult:
        """Run a statement; the result is binary."""
        values = statement.values(given)
        adapted = self._adapt.dump_sequence(values, [PyFormat.TEXT] * len(values))
        types = self._adapt.types or ()
        if not statement.kept:
            self.pgconn.send_query_params(statement.text, adapted, types, result_format=1)
            return await self._answer()
        name = self._prepared.get((statement.text, types))
        if name is None:
            name = await self._prepare(statement.text, types)
        else:
            self._prepared.move_to_end((statement.text, types))
        self.pgconn.send_query_prepared(name, adapted, result_format=1)
        return await self._answer()

    async def _prepare(self, text: bytes, types: tuple[int, ...]) -> bytes:
        if len(self._prepared) >= _PREPARED:
            _, old = self._prepared.popitem(last=False)
            self.pgconn.send_query(b"DEALLOCATE " + old)
            await self._answer()
        self._number += 1
        name = b"ldt_%d" % self._number
        self.pgconn.send_prepare(name, text, types)
        await self._answer()
        self._prepared[text, types] = name
        return name


class Statements:
    """Runs statements on connections of its own, read-only and bounded in time. For one event loop.

    Args:
        url: address of the database.
        statement_timeout: seconds that one statement may take.
        size: how many connections are opened at most.
    """

    def __init__(self, url: str, *, statement_timeout: float, size: int = 8) -> None:
        self._url, self._options, self._size = url, serving_options(statement_timeout), size
        self._idle: list[_Connection] = []
        self._opened = 0
        self._queue: deque[asyncio.Future[None]] = deque()

    async def run(
        self,
        statement: Statement,
        given: dict[str, Any],
        gone: Callable[[], Awaitable[None]] | None = None,
    ) -> pq.abc.PGresult:
        """Return the result of a statement, in binary.

        Args:
            statement: what is run.
            given: values of its parameters for this time, by name.
            gone: returns when nobody waits for the answer any more; the statement is then cancelled.

        Raises:
            StoreError: the database cannot be used, or no connection came free in time.
            Timeout: the statement took too long, or was cancelled.
        """
        with translated():
            fresh = False
            while True:
                connection = await self._take()
                fresh = fresh or not connection.used
                connection.used = True
                try:
                    return await self._watched(connection, statement, given, gone)
                except psycopg.OperationalError:
                    # A connection that was idle while the server was restarted: once more, on a new one.
                    if not connection.broken or fresh:
                        raise
                finally:
                    self._give_back(connection)

    async def _watched(
        self,
        connection: _Connection,
        statement: Statement,
        given: dict[str, Any],
        gone: Callable[[], Awaitable[None]] | None,
    ) -> pq.abc.PGresult:
        watch: list[asyncio.Task[None]] = []

        def begin() -> None:
            if gone is not None:
                watch.append(asyncio.ensure_future(_cancel_when(gone, connection)))

        timer = asyncio.get_running_loop().call_later(_WATCH, begin)
        try:
            return await connection.run(statement, given)
        except asyncio.CancelledError:
            # What it was doing is not known any more.
            connection.close()
            raise
        finally:
            timer.cancel()
            for task in watch:
                task.cancel()

    async def _take(self) -> _Connection:
        loop = asyncio.get_running_loop()
        until = loop.time() + _WAIT
        while True:
            while self._idle:
                connection = self._idle.pop()
                if not connection.broken and connection.loop is loop:
                    return connection
                self._drop(connection)
            if self._opened < self._size:
                return await self._open()
            waiter = loop.create_future()
            self._queue.append(waiter)
            try:
                await asyncio.wait_for(waiter, max(until - loop.time(), 0))
            except TimeoutError as e:
                raise StoreError(
                    "all connections to the database are in use", remedy="try again later"
                ) from e

    async def _open(self) -> _Connection:
        self._opened += 1
        try:
            opened = await asyncio.to_thread(self._connect)
        except BaseException:
            self._opened -= 1
            self._wake()
            raise
        return _Connection(opened)

    def _connect(self) -> psycopg.Connection[Any]:
        return psycopg.connect(self._url, autocommit=True, application_name="ldt-api", options=self._options)

    def _give_back(self, connection: _Connection) -> None:
        if connection.broken:
            self._drop(connection)
        else:
            self._idle.append(connection)
        self._wake()

    def _drop(self, connection: _Connection) -> None:
        self._opened -= 1
        connection.close()

    def _wake(self) -> None:
        while self._queue:
            waiter = self._queue.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

    def close(self) -> None:
        """Close all connections."""
        while self._idle:
            self._drop(self._idle.pop())


async def _cancel_when(gone: Callable[[], Awaitable[None]], connection: _Connection) -> None:
    await gone()
    await asyncio.to_thread(connection.pgconn.get_cancel().cancel)
