"""What the generator wrote into a folder: the digest of each file, so that what is there unchanged need not be written again.

The list is a file that `sha256sum --check` understands. Its first line, a comment, says of which city, and by which generator:
the generator is known by the digest of its own sources, so that no version number can be forgotten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from pathlib import Path

NAME = "files.sha256"


def unchanged(folder: Path, what: str) -> bool:
    """Tell whether a folder holds a city, described by `what`, just as this generator would write it."""
    head, digests = _read(folder)
    return head == _head(what) and all(
        (folder / name).is_file() and _digest(folder / name) == digest for name, digest in digests.items()
    )


def names(folder: Path) -> set[str]:
    """Return the names of the files that a generator wrote into a folder; those that lead out of it are not believed."""
    inside = folder.resolve()
    return {n for n in _read(folder)[1] if (folder / n).resolve().is_relative_to(inside)}


def forget(folder: Path) -> None:
    """Remove the list of a folder whose files are about to be written."""
    (folder / NAME).unlink(missing_ok=True)


def record(folder: Path, what: str, files: Iterable[str]) -> None:
    """Write the list of the files of a city."""
    lines = [_head(what), *(f"{_digest(folder / name)}  {name}" for name in sorted(files))]
    (folder / NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def _read(folder: Path) -> tuple[str, dict[str, str]]:
    path = folder / NAME
    if not path.is_file():
        return "", {}
    head, *lines = path.read_text(encoding="utf-8", errors="replace").splitlines() or [""]
    pairs = (line.split("  ", 1) for line in lines)
    return head, {pair[1]: pair[0] for pair in pairs if len(pair) == 2}


def _head(what: str) -> str:
    return f"# sample city: {what}, generator {_generator()}"


@cache
def _generator() -> str:
    """Return the digest of the sources of this package."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(f"{path.name} {_digest(path)}\n".encode())
    return digest.hexdigest()[:16]


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
