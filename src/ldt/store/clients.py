"""PostgreSQL's client programs: finding them, and running them on a database without showing its password."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from ldt.errors import PostgisMissing, StoreError
from ldt.store.binaries import find_binaries
from ldt.store.connect import connect, translated


def program(name: str, major: int) -> str:
    """Return the path of a client program, that of the server's own major version where it is there.

    Raises:
        StoreError: there is none.
    """
    try:
        beside = find_binaries(major).program(name)
    except PostgisMissing:  # a client alone is enough where the server is on another machine
        beside = ""
    found = beside if os.access(beside, os.X_OK) else shutil.which(name)
    if found is None:
        raise StoreError(
            f"PostgreSQL's program {name} is not on this machine",
            remedy="install PostgreSQL's client programs (Debian: postgresql-client)",
        )
    return found


def server_major(url: str) -> int:
    """Return the major version of a server."""
    with connect(url) as conn:
        return conn.info.server_version // 10_000


@dataclass(frozen=True, slots=True)
class Client:
    """A client program under way, with its pipes and what it said on standard error."""

    name: str
    process: subprocess.Popen[bytes]
    said: IO[bytes]

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe into it."""
        assert self.process.stdin is not None  # noqa: S101 - opened as a pipe
        return self.process.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe out of it; only where it does not write elsewhere."""
        assert self.process.stdout is not None  # noqa: S101 - opened as a pipe
        return self.process.stdout

    def finish(self) -> None:
        """Wait until it has ended.

        Raises:
            StoreError: it failed; says why in its own words.
        """
        if self.process.wait() == 0:
            return
        self.said.seek(0)
        lines = [line.strip() for line in self.said.read().decode("utf-8", "replace").splitlines()]
        telling = [line for line in lines if "error" in line.lower()]
        cause = next(iter([*telling, *filter(None, lines)]), f"exit code {self.process.returncode}")
        raise StoreError(f"{self.name} failed: {cause}")


@contextmanager
def started(
    name: str,
    args: Sequence[str | Path],
    *,
    major: int,
    url: str | None = None,
    stdout: IO[bytes] | int = subprocess.PIPE,
) -> Iterator[Client]:
    """Start a client program; it is ended at the end, if it has not by itself.

    Args:
        name: `pg_dump`, `pg_restore` or `psql`.
        args: its arguments, without the database.
        major: major version of the server.
        url: the database; None for a program that works without one.
        stdout: where its output goes; a pipe by default.

    Raises:
        StoreError: it is not there.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    words = [program(name, major), *map(str, args)]
    if url is not None:
        with translated():
            known: dict[str, Any] = conninfo_to_dict(url)
        # Every user of a machine can read command lines.
        if password := known.pop("password", None):
            environment["PGPASSWORD"] = str(password)
        words.append(f"--dbname={make_conninfo('', **known)}")
    # Standard error goes to a file: a pipe that nobody reads while it fills would stop the program.
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603
            words, stdin=subprocess.PIPE, stdout=stdout, stderr=said, env=environment
        )
        try:
            yield Client(name, process, said)
        finally:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
