"""GRIB messages, decoded by ecCodes in a process of its own.

Two things of the library would harm this process: damaged messages can make it write where it must not, or search for minutes; and its
wheel brings a PROJ and an SQLite whose functions it makes visible to everything that is loaded later, so that other libraries call the
wrong ones. There a crash, a search or a want of memory ends the decoding of one file, and is told. A process that has met no damage
serves the next file too.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from ldt.errors import SourceError

_AGAIN = "get it again from where it came"
_WORKER = Path(__file__).with_name("grib_worker.py")
#: Seconds that one answer may take; a field of 50 million cells takes a few.
TIMEOUT = 120.0
#: Messages that are looked through for one answer.
_BATCH = 2000


#: A process that waits for the next file, and the process that started it.
_idle: list[tuple[int, subprocess.Popen[bytes]]] = []


def _started() -> subprocess.Popen[bytes]:
    # Without the folder of the script on the path of its modules: some of ours have names of the standard library's.
    return subprocess.Popen(  # noqa: S603 - our own script
        [sys.executable, "-P", str(_WORKER)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()


@atexit.register
def _end_idle() -> None:
    while _idle:
        parent, process = _idle.pop()
        if parent == os.getpid():
            _end(process)


class Decoder:
    """What decodes one file; used in a `with`.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        parent, process = _idle.pop() if _idle else (0, None)
        self._process = process if process is not None and parent == os.getpid() else _started()
        self._sound = True

    def __enter__(self) -> Decoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._sound and not _idle and self._process.poll() is None:
            _idle.append((os.getpid(), self._process))
        else:
            _end(self._process)

    def messages(self) -> Iterator[dict[str, Any]]:
        """Yield what each message is, by ecCodes' keys; None where it does not have one. Steps are in seconds.

        Raises:
            SourceError: the file is truncated or damaged.
        """
        start = 0
        while True:
            head, _ = self._ask({"do": "scan", "start": start, "count": _BATCH})
            yield from head["messages"]
            if len(head["messages"]) < _BATCH:
                return
            start = head["next"]

    def grid(self, offset: int) -> tuple[dict[str, Any], NDArray[np.float64], NDArray[np.float64]]:
        """Return how the cells of a message stand, and their latitudes and longitudes by row and column.

        Raises:
            SourceError: the message is damaged.
        """
        head, cells = self._ask({"do": "grid", "offset": offset})
        return head["order"], cells[0], cells[1]

    def values(
        self, offset: int, order: dict[str, Any], window: tuple[int, int, int, int]
    ) -> NDArray[np.float64]:
        """Return a window of a message's values, NaN where there is none.

        Raises:
            SourceError: the message is damaged.
        """
        return self._ask({"do": "values", "offset": offset, "window": window, **order})[1]

    def _ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], NDArray[np.float64]]:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None and stdout is not None  # noqa: S101, PT018 - they are pipes
        late = threading.Event()
        request["path"] = str(self._path.absolute())

        def end() -> None:
            late.set()
            self._process.kill()

        timer = threading.Timer(TIMEOUT, end)
        timer.start()
        try:
            with self._lock:
                stdin.write(orjson.dumps(request) + b"\n")
                stdin.flush()
                head: dict[str, Any] = orjson.loads(stdout.readline() or b"{}")
                shape = head.get("shape", (0,))
                size = int(np.prod(shape)) * 8
                cells = np.frombuffer(stdout.read(size), np.float64)
        except (BrokenPipeError, orjson.JSONDecodeError):
            head, cells, size = {}, np.empty(0), 0
        finally:
            timer.cancel()
        self._sound = bool(head) and cells.nbytes == size and "error" not in head
        if not head or cells.nbytes != size:
            raise self._ended(late.is_set())
        if "error" in head:
            what = head["error"]
            text = (
                "truncated: it ends within a message"
                if what == "truncated"
                else f"ecCodes cannot read it: {what}"
            )
            raise SourceError(text, where=self._path.name, remedy=_AGAIN)
        return head, cells.reshape(shape)

    def _ended(self, late: bool) -> SourceError:
        """Return why the process has ended before it answered."""
        code = self._process.wait()
        if late:
            what = f"a message takes longer than {TIMEOUT:g} s to decode"
        elif code < 0:
            what = "a message is damaged so that decoding it crashes"
        else:
            return SourceError(
                "GRIB is read with ecCodes, which does not start here",
                where=self._path.name,
                remedy="install the packages eccodes and eccodeslib, or make the file NetCDF",
            )
        return SourceError(what, where=self._path.name, remedy=_AGAIN)
