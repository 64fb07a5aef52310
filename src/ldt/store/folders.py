"""Folders that are written for somebody: whole, or not there."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ldt.errors import Conflict, DiskFull, StoreError


@contextmanager
def made(folder: Path) -> Iterator[Path]:
    """Give a folder to write into, which takes its name when the block ends well; else nothing is left of it.

    Args:
        folder: must not exist, or be empty; what is above it is made.

    Raises:
        Conflict: it holds something.
        DiskFull: no room left.
        StoreError: it cannot be written.
    """
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise Conflict(
                "there is something here already",
                where=str(folder),
                remedy="name a folder that is not there yet",
            )
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(
            dir=folder.parent, prefix=f".{folder.name}.new-", ignore_cleanup_errors=True
        ) as new:
            whole = Path(new) / "whole"
            whole.mkdir()
            yield whole
            whole.rename(folder)
            flushed(folder.parent)
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("no room left", where=str(folder), remedy="free some disk space") from e
        raise StoreError(
            f"cannot be written: {e.strerror or e}",
            where=str(folder),
            remedy="name a folder that you may write",
        ) from e


def flushed(path: Path) -> None:
    """Wait until a file, or the names in a folder, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
