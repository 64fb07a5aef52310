"""Other people's servers, each a process of its own out of `.peers` (tools/install-peers.sh)."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_PROJECT = Path(__file__).parents[3]
_PYTHON = _PROJECT / ".peers" / "bin" / "python"


@contextmanager
def pygeoapi(folder: Path, count: int) -> Iterator[str]:
    """Serve a collection `points` of so many points, with the identifiers p0, p1, …; gives the landing page."""
    with _peer("features.py", str(folder), str(count)) as address:
        yield address


@contextmanager
def sensorthings(count: int) -> Iterator[str]:
    """Serve three things and so many observations; gives the root of the API."""
    with _peer("observations.py", str(count)) as address:
        yield address


@contextmanager
def _peer(script: str, *arguments: str) -> Iterator[str]:
    if not _PYTHON.exists():
        pytest.fail("the servers that tests talk to are not installed: run tools/install-peers.sh")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(_PYTHON), str(_PROJECT / "tools" / "peers" / script), str(port), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address, f"{script} ended before it listened"
        yield address
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
