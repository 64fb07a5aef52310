"""Archives, which come from strangers: unpacked within bounds.

They are unpacked member by member into a temporary folder, and what they say about themselves is checked before a byte is
written and again while it is written: total size, ratio, number of members, names that leave the folder.
"""

from __future__ import annotations

import errno
import gzip
import stat
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import IO, cast

from ldt.errors import DiskFull, HostileSource, SourceError
from ldt.settings import settings

#: Members that an archive may have, and files that a folder may have.
MAX_MEMBERS = 10_000
#: An archive member or gzip stream this small may unpack at any ratio: it can do no harm.
_SMALL = 16 * 1024**2
_BLOCK = 1024**2
#: What Python's unpackers raise on bytes that were changed (seen by changing them at random).
_BROKEN = (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, OverflowError, struct.error)


def gunzip(path: Path, folder: Path) -> Path:
    """Unpack a gzip stream into a folder, within bounds; return the file.

    Raises:
        SourceError: it is damaged.
        HostileSource: it is larger than an honest one.
        DiskFull: no room for it.
    """
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    target = folder / name
    try:
        with gzip.open(path) as packed, target.open("wb") as unpacked:
            _copy(cast("IO[bytes]", packed), unpacked, path, path.name, path.stat().st_size, _Budget())
    except _BROKEN as e:
        _check_room(e, path)
        raise SourceError(
            f"damaged gzip: {e}", where=path.name, remedy="get it again from where it came"
        ) from e
    return target


def _check_room(error: Exception, path: Path) -> None:
    """Tell a full disk from a damaged archive.

    Raises:
        DiskFull: if that is what the error means.
    """
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        raise DiskFull(
            "no room left to unpack it",
            where=path.name,
            remedy=f"free space in {tempfile.gettempdir()}, or set TMPDIR",
        ) from error


class _Budget:
    """Bytes that may still be written for one archive."""

    def __init__(self) -> None:
        self.left = settings().max_source_bytes


def unzip(path: Path, folder: Path) -> None:
    """Unpack a zip into an empty folder, within bounds.

    Raises:
        SourceError: it is damaged, or protected by a password.
        HostileSource: it is larger than an honest one, or a name in it leads out of it.
        DiskFull: no room for it.
    """
    broken = "get it again from where it came"
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            check_claims(path, members)
            budget = _Budget()
            for member in members:
                target = folder / _inside(path, member)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, target.open("wb") as unpacked:
                    _copy(packed, unpacked, path, member.filename, member.compress_size, budget)
    except (NotImplementedError, RuntimeError) as e:
        raise SourceError(
            f"zip that cannot be unpacked: {e}", where=path.name, remedy="pack it anew, without password"
        ) from e
    except _BROKEN as e:
        _check_room(e, path)
        raise SourceError(f"damaged zip: {e}", where=path.name, remedy=broken) from e


def check_claims(path: Path, members: list[zipfile.ZipInfo]) -> None:
    """Refuse an archive for what its directory says, before anything is written.

    Raises:
        HostileSource: it has too many members, they are too large or too dense, or a name leads out of it.
    """
    if len(members) > MAX_MEMBERS:
        raise HostileSource(
            f"{len(members)} members are more than {MAX_MEMBERS}",
            where=path.name,
            remedy="unpack it yourself",
        )
    total = sum(m.file_size for m in members)
    limit = settings().max_source_bytes
    if total > limit:
        raise HostileSource(
            f"claims to unpack to {total:,} bytes, more than the {limit:,} allowed",
            where=path.name,
            remedy="unpack it yourself, or raise LDT_MAX_SOURCE_BYTES",
        )
    for m in members:
        _inside(path, m)
        if m.file_size > _SMALL and m.file_size > settings().max_unpack_ratio * max(m.compress_size, 1):
            raise _too_dense(path, m.filename)


def _inside(path: Path, member: zipfile.ZipInfo) -> PurePosixPath:
    """Return a member's place below the folder; refuse names that lead out of it, and links."""
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in name.parts[0] or "\0" in member.filename:
        raise HostileSource(
            f"member {member.filename!r} leads out of the archive",
            where=path.name,
            remedy="do not trust this archive",
        )
    if stat.S_ISLNK(member.external_attr >> 16):
        raise HostileSource(
            f"member {member.filename!r} is a link", where=path.name, remedy="do not trust this archive"
        )
    return name


def _copy(
    packed: IO[bytes], unpacked: IO[bytes], path: Path, name: str, packed_size: int, budget: _Budget
) -> None:
    """Copy a stream, and stop as soon as it is larger than an honest archive is."""
    written = 0
    while block := packed.read(_BLOCK):
        written += len(block)
        budget.left -= len(block)
        if budget.left < 0:
            raise HostileSource(
                f"unpacks to more than the {settings().max_source_bytes:,} bytes allowed",
                where=path.name,
                remedy="unpack it yourself, or raise LDT_MAX_SOURCE_BYTES",
            )
        if written > _SMALL and written > settings().max_unpack_ratio * max(packed_size, 1):
            raise _too_dense(path, name)
        unpacked.write(block)


def _too_dense(path: Path, name: str) -> HostileSource:
    return HostileSource(
        f"member {name!r} unpacks to more than {settings().max_unpack_ratio} times its packed size",
        where=path.name,
        remedy="unpack it yourself, or raise LDT_MAX_UNPACK_RATIO",
    )
