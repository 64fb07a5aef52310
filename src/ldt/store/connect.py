"""Connections to PostgreSQL, and the translation of its errors into ours. Nothing else knows the driver's exceptions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import errors as pg
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout

from ldt.errors import Conflict, DiskFull, LdtError, StoreError, Timeout, UsageError

if TYPE_CHECKING:
    from sqlalchemy import ClauseElement
    from sqlalchemy.engine import Dialect

_SETTINGS = "-c timezone=UTC -c datestyle=ISO -c intervalstyle=iso_8601 -c client_min_messages=warning"


def connect(url: str, *, application: str = "ldt") -> psycopg.Connection[tuple[Any, ...]]:
    """Open a connection, in autocommit mode: transactions are explicit (`with conn.transaction()`).

    Raises:
        StoreError: the server cannot be reached or refuses us.
    """
    with translated():
        return psycopg.connect(url, autocommit=True, application_name=application, options=_SETTINGS)


def serving_options(statement_timeout: float) -> str:
    """Return the options of a connection that serves: read-only, each transaction in one state, bounded in time (seconds).

    Starting parallel workers and compiling take longer than most pages do, and many requests run side by side anyway.
    """
    return (
        f"{_SETTINGS} -c statement_timeout={int(statement_timeout * 1000)}"
        " -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\\ read"
        " -c max_parallel_workers_per_gather=0 -c jit=off"
    )


def pool(
    url: str, *, statement_timeout: float, size: int = 8
) -> ConnectionPool[psycopg.Connection[tuple[Any, ...]]]:
    """Return a pool for serving: read-only by default, bounded in time. It opens at the first use and heals by itself."""
    return ConnectionPool(
        url,
        min_size=1,
        max_size=size,
        open=False,
        timeout=5.0,
        reconnect_timeout=2.0,
        check=ConnectionPool.check_connection,
        kwargs={
            "autocommit": True,
            "application_name": "ldt-api",
            "options": serving_options(statement_timeout),
        },
        name="ldt-api",
    )


@contextmanager
def translated() -> Iterator[None]:
    """Turn the driver's errors into LDT's.

    Raises:
        DiskFull: no room left on the server.
        Timeout: the statement took longer than it may.
        Conflict: another transaction was in the way and retrying is sensible.
        UsageError: a value that PostgreSQL cannot take (NUL bytes, impossible dates, numbers too large).
        StoreError: everything else that the server or the connection says.
    """
    try:
        yield
    except LdtError:
        raise
    except pg.DiskFull as e:
        raise DiskFull(
            f"the database has no room left: {_first_line(e)}", remedy="free some disk space, then run again"
        ) from e
    except pg.QueryCanceled as e:
        raise Timeout(
            "the database took longer than a statement may",
            remedy="ask for less: a smaller bbox, period or limit; filter and sort by properties that are indexed (a recipe's `indexed`)",
        ) from e
    except (pg.SerializationFailure, pg.DeadlockDetected, pg.LockNotAvailable) as e:
        raise Conflict(f"another process is writing: {_first_line(e)}", remedy="run again") from e
    except (
        pg.CharacterNotInRepertoire,
        pg.UntranslatableCharacter,
        pg.DatetimeFieldOverflow,
        pg.NumericValueOutOfRange,
    ) as e:
        raise UsageError(f"a value that the database cannot take: {_first_line(e)}") from e
    except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout) as e:
        if "No space left" in str(e):
            raise DiskFull(
                f"the database has no room left: {_first_line(e)}", remedy="free some disk space"
            ) from e
        raise StoreError(
            f"the database cannot be reached: {_first_line(e)}",
            remedy="`ldt db status` tells what is wrong, `ldt db up` starts the private database",
        ) from e
    except psycopg.DatabaseError as e:
        raise StoreError(f"the database refuses: {_first_line(e)}") from e


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__


@cache
def _dialect(paramstyle: str = "pyformat") -> Dialect:
    """Return the dialect whose compiled statements psycopg executes, or libpq itself (`numeric_dollar`)."""
    from sqlalchemy.dialects import (
        postgresql,
    )  # most who connect build no statements, and it takes long to load

    return postgresql.dialect(paramstyle=paramstyle)  # type: ignore[no-untyped-call]


def compiled(statement: ClauseElement) -> tuple[str, dict[str, Any]]:
    """Compile a SQLAlchemy statement once for the driver; returns its text and its bound parameters."""
    result = statement.compile(dialect=_dialect(), compile_kwargs={"render_postcompile": True})
    return str(result), dict(result.params)


def numbered(statement: ClauseElement) -> tuple[str, tuple[str, ...], dict[str, Any]]:
    """Compile a SQLAlchemy statement for libpq: its text with `$1`, `$2`, …, the names of these in order, their values by name."""
    result = statement.compile(
        dialect=_dialect("numeric_dollar"), compile_kwargs={"render_postcompile": True}
    )
    return str(result), tuple(getattr(result, "positiontup", None) or ()), dict(result.params)


def spelled(expression: ClauseElement) -> str:
    """Return an expression with its constants written out, for definitions, which take no parameters."""
    return str(expression.compile(dialect=_dialect("numeric_dollar"), compile_kwargs={"literal_binds": True}))


def execute(
    conn: psycopg.Connection[Any], statement: ClauseElement, **parameters: Any
) -> psycopg.Cursor[Any]:
    """Execute a SQLAlchemy statement on a driver connection; further parameters fill `bindparam`s."""
    text, bound = compiled(statement)
    with translated():
        return conn.execute(text, {**bound, **parameters})


def fetch_all(
    conn: psycopg.Connection[Any],
    statement: ClauseElement | str,
    parameters: Mapping[str, Any] | Sequence[Any] = (),
) -> list[dict[str, Any]]:
    """Execute a statement, built or written, and return all its rows as dicts by column."""
    text, bound = (statement, parameters) if isinstance(statement, str) else compiled(statement)
    with translated(), conn.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(text.encode(), bound).fetchall()
