"""Finding a PostgreSQL that has PostGIS.

There is no Python wheel that carries PostGIS, so the private database runs the programs of the machine: Debian's or
PGDG's packages, Homebrew, Postgres.app or conda-forge. A folder of programs counts only if it is complete and its
PostgreSQL knows PostGIS, which is looked at before anything is made.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ldt.errors import PostgisMissing
from ldt.settings import settings

PROGRAMS = ("initdb", "postgres", "pg_ctl")
"""What a folder must hold to be able to run a private database."""

OLDEST = 14
"""The oldest major version that the schema and the start-up options are made for."""

_PLACES = (
    "/usr/lib/postgresql/*/bin",
    "/usr/pgsql-*/bin",
    "/opt/homebrew/opt/postgresql@*/bin",
    "/usr/local/opt/postgresql@*/bin",
    "/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",
    "/Applications/Postgres.app/Contents/Versions/*/bin",
)


@dataclass(frozen=True)
class Binaries:
    """The programs of one PostgreSQL that has PostGIS.

    Attributes:
        bindir: the folder that holds `initdb`, `postgres` and `pg_ctl`.
        major: the major version, which a data directory is bound to.
        version: the full version, as `15.18`.
        postgis_version: the version of PostGIS that `CREATE EXTENSION` makes, as `3.3.2`.
    """

    bindir: Path
    major: int
    version: str
    postgis_version: str

    def program(self, name: str) -> str:
        """Return the path of one program."""
        return str(self.bindir / name)


def install_line(major: int | None = None) -> str:
    """Return the one line that installs PostgreSQL with PostGIS on this kind of machine.

    Args:
        major: the PostgreSQL version that is needed; any if None.
    """
    conda = f"conda install -c conda-forge postgresql{f'={major}' if major else ''} postgis"
    if sys.platform == "darwin":
        return "brew install postgis" if shutil.which("brew") else conda
    if shutil.which("apt-get"):
        sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
        package = f"postgresql-{major or _debian_major()}-postgis-3"
        return f"{sudo}apt-get install -y --no-install-recommends {package}"
    if shutil.which("dnf"):
        return "sudo dnf install -y postgis postgresql-server"
    return conda


def _debian_major() -> int:
    # What this release of Debian carries, where its server is installed without PostGIS; 15 is Debian 12's.
    majors = [
        int(path.parent.name)
        for path in Path("/").glob("usr/lib/postgresql/*/bin")
        if path.parent.name.isdigit()
    ]
    return max(majors, default=15)


def find_binaries(major: int | None = None) -> Binaries:
    """Find a PostgreSQL with PostGIS on this machine.

    `LDT_PG_BINDIR` decides alone where it is set. Otherwise these are asked in turn: `pg_config` and `initdb` on the
    path, the folders of Debian, PGDG, Homebrew and Postgres.app (the newest first), and the conda environment.

    Args:
        major: prefer this major version, the one that a data directory was made with.

    Returns:
        The programs of that major version if there are any, else the first found.

    Raises:
        PostgisMissing: nothing fits; the error says what is missing and gives the line that installs it.
    """
    chosen = settings().pg_bindir
    if chosen is not None:
        return _examine(chosen)
    first: Binaries | None = None
    lacking: PostgisMissing | None = None
    for bindir in _candidates():
        try:
            found = _examine(bindir)
        except PostgisMissing as error:
            lacking = lacking or error
            continue
        if major is None or found.major == major:
            return found
        first = first or found
    if first is not None:
        return first
    raise lacking or PostgisMissing(
        "no PostgreSQL with PostGIS was found on this machine",
        remedy=f"install it: {install_line(major)} ; or set LDT_PG_BINDIR to its programs or LDT_DATABASE_URL to a server",
    )


def _candidates() -> Iterator[Path]:
    seen: set[Path] = set()
    for bindir in _places():
        real = bindir.resolve()
        if real not in seen and any((real / name).exists() for name in PROGRAMS):
            seen.add(real)
            yield real


def _places() -> Iterator[Path]:
    pg_config = shutil.which("pg_config")
    if pg_config and (bindir := _ask(pg_config, "--bindir")):
        yield Path(bindir)
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    for pattern in _PLACES:
        yield from sorted(Path("/").glob(pattern.lstrip("/")), key=_number, reverse=True)
    for prefix in (os.environ.get("CONDA_PREFIX"), sys.prefix):
        if prefix:
            yield Path(prefix) / "bin"


def _number(path: Path) -> tuple[int, ...]:
    """Order folders by the version in their name: 9.6 before 10 before 15."""
    return tuple(int(digits) for digits in re.findall(r"\d+", str(path)))


def _examine(bindir: Path) -> Binaries:
    """Return what a folder of programs is, or raise PostgisMissing that says what it lacks."""
    bindir = bindir.expanduser().absolute()
    for name in PROGRAMS:
        if not os.access(bindir / name, os.X_OK):
            raise PostgisMissing(
                f"the program {name} of PostgreSQL is missing",
                where=str(bindir),
                remedy=f"install the server: {install_line()}",
            )
    answer = _ask(str(bindir / "postgres"), "--version")
    match = re.search(r"\(PostgreSQL\)\s+((\d+)[\w.]*)", answer or "")
    if match is None:
        raise PostgisMissing(
            "the program postgres does not tell its version",
            where=str(bindir),
            remedy=f"install a whole PostgreSQL: {install_line()}",
        )
    version, major = match[1], int(match[2])
    if major < OLDEST:
        raise PostgisMissing(
            f"PostgreSQL {version} is too old, {OLDEST} or newer is needed",
            where=str(bindir),
            remedy=f"install a newer one: {install_line()}",
        )
    for share in _sharedirs(bindir, major):
        control = share / "extension" / "postgis.control"
        if control.is_file():
            return Binaries(bindir, major, version, _default_version(control))
    raise PostgisMissing(
        f"PostgreSQL {version} is here, but without PostGIS",
        where=str(bindir),
        remedy=f"install it: {install_line(major)}",
    )


def _sharedirs(bindir: Path, major: int) -> Iterator[Path]:
    pg_config = bindir / "pg_config"
    if os.access(pg_config, os.X_OK) and (share := _ask(str(pg_config), "--sharedir")):
        yield Path(share)
        return
    # Some packages leave pg_config to a development package; these are where the server itself looks.
    prefix = bindir.resolve().parent
    yield from (
        prefix / "share" / "postgresql",
        prefix / "share",
        Path(f"/usr/share/postgresql/{major}"),
        Path("/usr/share/pgsql"),
    )


def _default_version(control: Path) -> str:
    match = re.search(r"^\s*default_version\s*=\s*'([^']+)'", control.read_text("utf-8"), re.MULTILINE)
    return match[1] if match else "unknown"


def _ask(program: str, option: str) -> str | None:
    """Return what a program answers to an option, None if it cannot be run."""
    try:
        done = subprocess.run([program, option], capture_output=True, text=True, timeout=20, check=False)  # noqa: S603
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
