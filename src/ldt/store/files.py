"""The file store: bytes of sources and coverages, content-addressed, in a directory."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from ldt.errors import DiskFull, StoreError
from ldt.settings import settings


def root() -> Path:
    """Return the folder of the file store."""
    return settings().data_dir / "objects"


def folder_of(digest: str) -> Path:
    """Return the folder in which the files of a digest are kept, whether or not they are there."""
    return root() / digest[:2] / digest


def keep(digest: str, files: Sequence[Path]) -> Path:
    """Keep the files that a digest stands for, under their own names; returns their folder. Twice is once.

    Raises:
        DiskFull: no room left.
        StoreError: the folder cannot be written to.
    """
    target = folder_of(digest)
    if target.is_dir():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target and renamed: what stands under a digest is always whole.
        with tempfile.TemporaryDirectory(dir=target.parent, prefix=".new-") as fresh:
            inner = Path(fresh) / "files"
            inner.mkdir()
            for file in files:
                shutil.copyfile(file, inner / file.name)
            try:
                inner.rename(target)
            except OSError:
                if not target.is_dir():  # another process was quicker: same digest, same bytes
                    raise
    except OSError as e:
        if e.errno == errno.ENOSPC:
            raise DiskFull(
                "no room left for the source files", where=str(root()), remedy="free some disk space"
            ) from e
        raise StoreError(
            f"the file store cannot be written to: {e.strerror}",
            where=str(root()),
            remedy="set LDT_DATA_DIR to a folder of yours",
        ) from e
    return target


def discard(digest: str) -> int:
    """Delete the files of a digest; returns how many bytes they had, 0 if there were none.

    Nobody may come to refer to them meanwhile. They are moved away first: what stands under a digest is always whole.
    """
    target, away = folder_of(digest), root() / ".discarded"
    if not target.is_dir():
        return 0
    shutil.rmtree(away, ignore_errors=True)  # what an interrupted call left
    target.rename(away)
    size = sum(p.stat().st_size for p in away.rglob("*") if p.is_file())
    shutil.rmtree(away)
    return size
