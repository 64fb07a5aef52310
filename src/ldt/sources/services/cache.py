"""What services answered, on disk: found again by request, its bytes by digest, bounded in size.

`requests/{key}.json` tells of a request and its last answer, `bodies/{digest}{suffix}` holds bytes, `parts/{key}` what has
come of an answer that broke off. The key is a digest of the request as the recipe writes it, credentials by name.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import orjson

from ldt.sources.resource import digest_file

#: Files in which services write when they answered; larger ones are not looked through for it.
_STAMPED = frozenset({".gml", ".xml", ".json", ".geojson"})
_MAX_STAMPED = 64 * 1024**2
_TIME = re.compile(rb"""(\btime[sS]tamp"?\s*[=:]\s*["'])[-0-9T:.Z+ ]*(["'])""")


@dataclass(frozen=True, slots=True)
class Kept:
    """A request's last answer.

    Attributes:
        url: where it came from, without credentials.
        digest: SHA-256 of its bytes.
        essence: the same without the time of the answer, which many services write into it.
        confirmed: when the service last said that it is still so.
    """

    url: str
    status: int
    content_type: str
    digest: str
    suffix: str
    etag: str | None
    last_modified: str | None
    confirmed: str
    headers: dict[str, str]
    essence: str


@dataclass(slots=True)
class Part:
    """The beginning of an answer. `validator` is what must still be so for the rest to fit; None where it cannot be resumed."""

    path: Path
    file: IO[bytes]
    validator: str | None
    shared: bool
    done: bool = False

    @property
    def size(self) -> int:
        """Bytes that are there."""
        return self.file.seek(0, os.SEEK_END)


class Cache:
    """The folder. Several processes may use it at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[Path] = set()

    def find(self, key: str) -> Kept | None:
        """Return what a request was answered, if its bytes are there and whole."""
        path = self._request(key)
        try:
            kept = Kept(**orjson.loads(path.read_bytes()))
        except (OSError, ValueError, TypeError):  # not there, or written by another version
            return None
        return kept if self.body(kept).is_file() else None

    def body(self, kept: Kept) -> Path:
        """Return the file of an answer's bytes."""
        return self.folder / "bodies" / f"{kept.digest}{kept.suffix}"

    def confirm(self, key: str, kept: Kept) -> Kept:
        """Note that an answer is still so."""
        kept = Kept(**{**asdict(kept), "confirmed": _now()})
        self._write(key, kept)
        return kept

    def keep(self, key: str, part: Part, suffix: str, answer: Mapping[str, Any]) -> Kept:
        """Keep a whole answer; the one that is there, if nothing but the time of the answer is another."""
        part.file.flush()
        digest = digest_file(part.path)
        essence = _essence(part.path) if suffix in _STAMPED else digest
        known = self.find(key)
        if known is not None and (known.essence, known.suffix) == (essence, suffix):
            self.drop(key, part)
            return self.confirm(key, known)
        kept = Kept(digest=digest, suffix=suffix, confirmed=_now(), essence=essence, **answer)
        body = self.body(kept)
        body.parent.mkdir(parents=True, exist_ok=True)
        part.path.replace(body)
        part.done = True
        if part.shared:
            self._note(key).unlink(missing_ok=True)
        self._write(key, kept)
        return kept

    @contextmanager
    def part(self, key: str) -> Iterator[Part]:
        """Open what has come of an answer; another process that gets the same one has a file of its own."""
        folder = self.folder / "parts"
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / key).open("a+b") as file:
            if _locked(file, folder / key):
                part = Part(folder / key, file, self._validator(key), shared=True)
                try:
                    yield part
                finally:
                    if part.validator is None:
                        self.drop(key, part)
                return
        with tempfile.NamedTemporaryFile(dir=folder, delete=False) as own:
            try:
                yield Part(Path(own.name), own, None, shared=False)
            finally:
                Path(own.name).unlink(missing_ok=True)

    def begin(self, key: str, part: Part, validator: str | None) -> None:
        """Start an answer anew, to be resumed if there is something that tells whether it is still the same."""
        part.file.seek(0)
        part.file.truncate()
        part.validator = validator if part.shared else None
        if not part.shared:
            return
        if validator is None:
            self._note(key).unlink(missing_ok=True)
        else:
            self._note(key).write_text(validator, encoding="utf-8")

    def drop(self, key: str, part: Part) -> None:
        """Forget a part that is of no use."""
        if part.done:  # what has its name now is another's
            return
        part.done, part.validator = True, None
        part.path.unlink(missing_ok=True)
        if part.shared:
            self._note(key).unlink(missing_ok=True)

    def prune(self, limit: int) -> int:
        """Remove what was not used for longest until the cache is within its limit; return the bytes removed.

        What was asked for through this object stays.
        """
        files = [(p.stat(), p) for p in self.folder.glob("*/*") if p.is_file()]
        total = sum(s.st_size for s, _ in files)
        removed = 0
        for stat, path in sorted(files, key=lambda f: f[0].st_mtime):
            if total - removed <= limit:
                break
            if path not in self._used:
                path.unlink(missing_ok=True)
                removed += stat.st_size
        return removed

    def _validator(self, key: str) -> str | None:
        try:
            return self._note(key).read_text(encoding="utf-8")
        except OSError:
            return None

    def _request(self, key: str) -> Path:
        return self.folder / "requests" / f"{key}.json"

    def _note(self, key: str) -> Path:
        return self.folder / "parts" / f"{key}.validator"

    def _write(self, key: str, kept: Kept) -> None:
        path, body = self._request(key), self.body(kept)
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(orjson.dumps(asdict(kept)))
        Path(file.name).replace(path)
        os.utime(body)
        self._used |= {path, body}


def request_key(
    method: str,
    url: str,
    params: Mapping[str, str | int | float],
    headers: Mapping[str, str],
    body: bytes | None,
) -> str:
    """Return the key of a request, from its parts with credentials by name."""
    parts = [method, url, sorted((k, str(v)) for k, v in params.items()), sorted(headers.items())]
    return hashlib.sha256(orjson.dumps(parts) + (body or b"")).hexdigest()


def _locked(file: IO[bytes], path: Path) -> bool:
    """Whether an open file could be locked, and is still the one at its path: another process may have kept it meanwhile."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.fstat(file.fileno()).st_ino == path.stat().st_ino
    except OSError:
        return False


def _essence(path: Path) -> str:
    """Return the digest of a file without the time that it says it was made at."""
    if path.stat().st_size > _MAX_STAMPED:
        return digest_file(path)
    return hashlib.sha256(_TIME.sub(rb"\1\2", path.read_bytes())).hexdigest()


def _now() -> str:
    return datetime.now(UTC).isoformat()
