"""The file store: bytes of sources and coverages, content-addressed, in a directory."""

from __future__ import annotations

import errno
import hashlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ldt.errors import DiskFull, StoreError
from ldt.settings import settings


def root() -> Path:
    """Return the folder of the file store."""
    return settings().data_dir / "objects"


def folder_of(digest: str) -> Path:
    """Return the folder in which the files of a digest are kept, whether or not they are there."""
    return root() / digest[:2] / digest


@contextmanager
def working_folder() -> Iterator[Path]:
    """Give a new folder within the file store, for what is being made; it is gone afterwards.

    Raises:
        DiskFull: no room left.
        StoreError: the folder cannot be written to.
    """
    try:
        root().mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=root(), prefix=".new-") as folder:
            yield Path(folder)
    except OSError as e:
        if e.errno == errno.ENOSPC:
            raise DiskFull(
                "no room left for the files", where=str(root()), remedy="free some disk space"
            ) from e
        raise StoreError(
            f"the file store cannot be written to: {e.strerror or e}",
            where=str(root()),
            remedy="set LDT_DATA_DIR to a folder of yours",
        ) from e


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes; of a folder, of the lines `{name in it} {SHA-256 of the file}`, in order of names."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    names = sorted(p.relative_to(path).as_posix() for p in path.rglob("*") if p.is_file())
    return hashlib.sha256("".join(f"{n} {digest_of(path / n)}\n" for n in names).encode()).hexdigest()


def keep(digest: str, files: Sequence[Path]) -> Path:
    """Keep the files and folders that a digest stands for, under their own names; returns their folder. Twice is once.

    Raises:
        DiskFull: no room left.
        StoreError: the folder cannot be written to.
    """
    target = folder_of(digest)
    if target.is_dir():
        return target
    # In a folder beside it and renamed: what stands under a digest is always whole.
    with working_folder() as fresh:
        inner = fresh / "files"
        inner.mkdir()
        for file in files:
            if file.is_dir():
                shutil.copytree(file, inner / file.name, copy_function=shutil.copyfile)
            else:
                shutil.copyfile(file, inner / file.name)
        target.parent.mkdir(exist_ok=True)
        try:
            inner.rename(target)
        except OSError:
            if not target.is_dir():  # another process was quicker: same digest, same bytes
                raise
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
