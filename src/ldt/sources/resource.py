"""What a path is, before anybody parses it: is it there, how large, which bytes, and what lies in an archive.

Archives are unpacked into a temporary folder (:mod:`ldt.sources.archives`); an archive in an archive is not unpacked.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
import stat
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ldt.errors import NotFound, SourceError
from ldt.settings import settings
from ldt.sources.archives import MAX_MEMBERS, check_claims, gunzip, unzip
from ldt.sources.workbook import is_workbook

#: The files that belong to a shapefile, beside the .shp itself.
SHAPEFILE_SIDES = (".dbf", ".shx", ".prj", ".cpg", ".qpj")
#: The files that say where the cells of a raster lie, if it does not say so itself.
RASTER_SIDES = (".tfw", ".tifw", ".wld", ".prj")
_RASTERS = (".tif", ".tiff", ".asc")
#: What else comes with a raster under its name: colours, tables of values, metadata. No data of their own.
_BESIDE_RASTERS = (
    *RASTER_SIDES,
    ".aux",
    ".clr",
    ".dbf",
    ".htm",
    ".html",
    ".lyr",
    ".ovr",
    ".qml",
    ".sld",
    ".txt",
    ".xml",
)
#: Texts that tell of the data in a folder or archive.
_NOTES = re.compile(
    r"(?i)(read[_ -]?me|lies[_ -]?mich|lisez[_ -]?moi|leggimi|l[eé]eme|licen[cs]e|lizenz|licenza|licencia|copyright)(\.(txt|md|html?|pdf))?"
)
#: Folders that are one source, not a collection of files.
_FOLDERS = (".gdb", ".zarr")

#: Media types by suffix, as far as sources are read here.
MEDIA_TYPES = {
    ".asc": "text/plain",
    ".csv": "text/csv",
    ".fgb": "application/flatgeobuf",
    ".gdb": "application/x-filegdb",
    ".geojson": "application/geo+json",
    ".gml": "application/gml+xml",
    ".gpkg": "application/geopackage+sqlite3",
    ".json": "application/json",
    ".jsonld": "application/ld+json",
    ".nc": "application/netcdf",
    ".ods": "application/vnd.oasis.opendocument.spreadsheet",
    ".parquet": "application/vnd.apache.parquet",
    ".geoparquet": "application/vnd.apache.parquet",
    ".shp": "application/x-shapefile",
    ".tif": "image/tiff",
    ".tiff": "image/tiff",
    ".tsv": "text/tab-separated-values",
    ".txt": "text/plain",
    ".xls": "application/vnd.ms-excel",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".zarr": "application/vnd.zarr",
}


@dataclass(frozen=True, slots=True)
class Resource:
    """One data file (or file geodatabase, or Zarr folder) that a reader can open.

    Attributes:
        path: where its bytes lie; within a temporary folder if it came out of an archive.
        name: its file name, without folders and, for gzip, without `.gz`; what `_file` says.
        digest: SHA-256, hexadecimal. Of one file: of its bytes. Of several (a shapefile, a geodatabase): of the lines
            `{name} {SHA-256 of its bytes}`, in order of names, where a side file is named by its suffix alone.
        size: bytes, side files included.
        media_type: by suffix; `application/octet-stream` where that does not tell.
        sides: the files that belong to it.
        container: the archive, folder or file that was given.
    """

    path: Path
    name: str
    digest: str
    size: int
    media_type: str
    sides: tuple[Path, ...]
    container: Path


def digest_file(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, hexadecimal, read in blocks.

    Raises:
        SourceError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as e:
        raise SourceError(
            f"cannot be read: {e.strerror}", where=path.name, remedy="check the file's permissions"
        ) from e


@contextmanager
def open_resources(
    path: Path, *, suffixes: Iterable[str] = (), member: str | None = None
) -> Iterator[list[Resource]]:
    """Give the data files behind a path; what was unpacked for them is gone afterwards.

    Args:
        path: a file, a folder (also a file geodatabase or Zarr), a zip or a gzip.
        suffixes: which files are data, in lower case with the dot; without it all that are not side files. A file that is
            given by itself is taken whatever its suffix.
        member: a pattern (`*_2018.gpkg`) that names in an archive or folder must match.

    Yields:
        At least one resource, in order of names.

    Raises:
        NotFound: no such path.
        SourceError: empty, unreadable, too large, or nothing in it that is asked for.
        HostileSource: an archive made to do harm.
    """
    path = Path(path)
    kind = _kind(path)
    wanted = tuple(suffixes)
    if kind == "file":
        yield [_resource(path, path)]
    elif kind == "folder":
        yield _choose(path, path, wanted, member)
    else:
        with tempfile.TemporaryDirectory(prefix="ldt-") as folder:
            if kind == "gzip":
                yield [_resource(gunzip(path, Path(folder)), path)]
            else:
                unzip(path, Path(folder))
                yield _choose(Path(folder), path, wanted, member)


def magic(path: Path, length: int = 16) -> bytes:
    """Return the first bytes of a file.

    Raises:
        NotFound: no such file.
        SourceError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            return file.read(length)
    except FileNotFoundError as e:
        raise NotFound("no such file", where=str(path), remedy="check the path") from e
    except OSError as e:
        raise SourceError(
            f"cannot be read: {e.strerror}", where=path.name, remedy="check the file's permissions"
        ) from e


def _kind(path: Path) -> str:
    """Return `file`, `folder`, `zip` or `gzip`, and refuse what is none of them."""
    if not path.exists():
        raise NotFound("no such file or folder", where=str(path), remedy="check the path")
    if path.is_dir():
        return "file" if path.suffix.lower() in _FOLDERS else "folder"
    if not stat.S_ISREG(path.stat().st_mode):
        raise SourceError("neither a file nor a folder", where=path.name, remedy="give the path of a file")
    if path.stat().st_size == 0:
        raise SourceError(
            "the file is empty (0 bytes)", where=path.name, remedy="get it again from where it came"
        )
    start = magic(path, 4)
    if start[:2] == b"\x1f\x8b":
        return "gzip"
    if start not in {b"PK\x03\x04", b"PK\x05\x06"}:
        return "file"
    if is_workbook(path):
        # An archive to itself: it is not unpacked here, but what it claims is checked all the same.
        with zipfile.ZipFile(path) as archive:
            check_claims(path, archive.infolist())
        return "file"
    return "zip"


def _choose(folder: Path, container: Path, suffixes: tuple[str, ...], member: str | None) -> list[Resource]:
    """Return the data files in a folder, below it too."""
    found: list[Path] = []
    for count, path in enumerate(sorted(folder.rglob("*"))):
        if count > MAX_MEMBERS:
            raise SourceError(
                f"more than {MAX_MEMBERS} files", where=container.name, remedy="give a smaller folder"
            )
        inside = any(p.suffix.lower() in _FOLDERS for p in path.relative_to(folder).parents)
        is_data = path.is_file() or path.suffix.lower() in _FOLDERS
        if inside or not is_data or path.name.startswith(".") or path.suffix.lower() in SHAPEFILE_SIDES:
            continue
        if not suffixes and _beside_raster(path):
            continue
        if suffixes and path.suffix.lower() not in suffixes:
            continue
        if (
            member is None
            or fnmatch.fnmatch(path.relative_to(folder).as_posix(), member)
            or fnmatch.fnmatch(path.name, member)
        ):
            found.append(path)
    # What is told beside data is none: it is taken only where nothing else is there.
    found = [path for path in found if not _NOTES.fullmatch(path.name)] or found
    if not found:
        kinds = " or ".join(suffixes) or "data"
        asked = f" that matches {member!r}" if member else ""
        raise SourceError(
            f"holds no {kinds} file{asked}",
            where=container.name,
            remedy="look into it and name a file that is there",
        )
    return [_resource(path, container) for path in found]


def _resource(path: Path, container: Path) -> Resource:
    if path.is_dir():
        files = tuple(sorted(p for p in path.rglob("*") if p.is_file() and not p.name.endswith(".lock")))
        if not files:
            raise SourceError(
                "the folder is empty", where=path.name, remedy="get it again from where it came"
            )
        names = [p.relative_to(path).as_posix() for p in files]
        sides: tuple[Path, ...] = files
    else:
        sides = _sides(path)
        files = (path, *sides)
        names = [p.suffix.lower() for p in files]
    size = sum(p.stat().st_size for p in files)
    if size > settings().max_source_bytes:
        raise SourceError(
            f"{size:,} bytes are more than the {settings().max_source_bytes:,} that a source may have",
            where=path.name,
            remedy="cut it into parts, or raise LDT_MAX_SOURCE_BYTES",
        )
    if size == 0:
        raise SourceError(
            "the file is empty (0 bytes)", where=path.name, remedy="get it again from where it came"
        )
    if len(files) == 1 and not path.is_dir():
        digest = digest_file(path)
    else:
        lines = sorted(f"{name} {digest_file(p)}\n" for name, p in zip(names, files, strict=True))
        digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    media_type = MEDIA_TYPES.get(path.suffix.lower(), "application/octet-stream")
    return Resource(path, path.name, digest, size, media_type, sides, container)


def _sides(path: Path) -> tuple[Path, ...]:
    """Return the side files of a shapefile or a raster that are there, whatever the case of their suffix."""
    suffixes = {".shp": SHAPEFILE_SIDES, **dict.fromkeys(_RASTERS, RASTER_SIDES)}.get(path.suffix.lower(), ())
    if not suffixes:
        return ()
    return tuple(
        sorted(p for p in path.parent.glob(f"{_literal(path.stem)}.*") if p.suffix.lower() in suffixes)
    )


def raster_side(path: Path, suffixes: tuple[str, ...]) -> Path | None:
    """Return the side file of a raster that has one of some suffixes."""
    return next((p for p in _sides(path) if p.suffix.lower() in suffixes), None)


def _beside_raster(path: Path) -> bool:
    """Whether a file only comes with a raster beside it: `a.clr`, `a.clr.txt`, `a.tif.xml` with `a.tif`."""
    if path.suffix.lower() not in _BESIDE_RASTERS:
        return False
    stems = [path.name[:i] for i, letter in enumerate(path.name) if letter == "." and i]
    return any((path.parent / f"{stem}{suffix}").is_file() for stem in stems for suffix in _RASTERS)


def _literal(name: str) -> str:
    """Return a glob pattern that matches a name itself."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)
