"""The server's process: as which user it runs, and what `postmaster.pid` really says.

PostgreSQL refuses to run as root, and its pid file outlives crashes and reboots, after which the number in it may
belong to any other process. Both are settled here, for :mod:`ldt.store.cluster`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import pwd
import re
import stat
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ldt.errors import ClusterError, Conflict, DiskFull, StoreError

_FULL = re.compile(r"No space left on device|Disk quota exceeded|\bENOSPC\b|\bEDQUOT\b", re.IGNORECASE)
_TELLING = re.compile(r"FATAL|PANIC|ERROR|error:|could not|cannot")


@dataclass(frozen=True)
class Owner:
    """The user as which the server runs and to whom its data directory belongs.

    Attributes:
        uid: numeric user.
        gid: numeric group.
        name: the user's name, or the number where it has none.
        switch: whether we must become that user first, that is, whether we are root.
    """

    uid: int
    gid: int
    name: str
    switch: bool

    def run(
        self, args: Sequence[str | Path], *, stdin: str = "", timeout: float = 600
    ) -> subprocess.CompletedProcess[str]:
        """Run a program as this user, in a clean environment, and return what it said.

        Raises:
            ClusterError: the program cannot be started as this user, or did not end in time.
        """
        words = [str(arg) for arg in args]
        as_user: dict[str, object] = (
            {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}
        )
        try:
            return subprocess.run(  # type: ignore[call-overload,no-any-return]  # noqa: S603
                words,
                input=stdin,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
                check=False,
                cwd="/",  # the other user may be unable to read the folder that we are in
                env=self._environment(),
                **as_user,
            )
        except subprocess.TimeoutExpired as error:
            raise ClusterError(
                f"{Path(words[0]).name} did not end within {timeout:g} s", where=words[0]
            ) from error
        except OSError as error:
            raise ClusterError(
                f"{Path(words[0]).name} cannot be run as user {self.name}: {error.strerror}",
                where=words[0],
                remedy="run ldt as an ordinary user, or set LDT_DATABASE_URL to a server",
            ) from error

    def _environment(self) -> dict[str, str]:
        # PG* would redirect the programs; LC_* and LANG of the host may name a locale that is not there; PROJ_* and
        # GDAL_* of a Python environment would make PostGIS read data files of another version.
        dropped = ("PG", "LC_", "LANG", "PROJ_", "GDAL_", "POSTGIS_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
        if self.switch:
            environment["HOME"] = "/"
        return environment | {"LC_ALL": "C"}

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user can enter a folder; asked of the system by really doing it."""
        return self.run(["/bin/sh", "-c", 'cd "$0"', folder]).returncode == 0


def server_owner(home: Path, pgdata: Path) -> Owner:
    """Decide as which user the server runs.

    An ordinary user runs it as himself. Root cannot: an existing data directory decides (its owner), else `postgres`
    is taken, else `nobody`. No user is ever created, and no folder above the data directory changed.

    Raises:
        ClusterError: root without such a user; a data directory of somebody else; a place that the server's user
            cannot reach.
    """
    me = os.geteuid()
    found = _stat(pgdata)
    if me != 0:
        if found is not None and found.st_uid != me:
            raise ClusterError(
                f"the private database belongs to user {_name(found.st_uid)}, you are {_name(me)}",
                where=str(pgdata),
                remedy="run ldt as that user, or set LDT_DATA_DIR to a folder of your own",
            )
        return Owner(me, os.getegid(), _name(me), switch=False)
    if found is None:
        owner = _unprivileged()
    elif found.st_uid == 0:
        raise ClusterError(
            "the private database belongs to root, as whom PostgreSQL does not run; it was copied perhaps",
            where=str(pgdata),
            remedy=f"give it back: chown -R {_unprivileged().name} {pgdata}",
        )
    else:
        owner = Owner(found.st_uid, found.st_gid, _name(found.st_uid), switch=True)
    _must_reach(owner, home)
    return owner


def _unprivileged() -> Owner:
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Owner(entry.pw_uid, entry.pw_gid, name, switch=True)
    raise ClusterError(
        "you are root, PostgreSQL does not run as root, and there is no user postgres or nobody to run it as",
        remedy="run ldt as an ordinary user, or set LDT_DATABASE_URL to a server",
    )


def _must_reach(owner: Owner, folder: Path) -> None:
    existing = [path for path in (folder, *folder.parents) if path.is_dir()]
    if owner.can_enter(existing[0]):
        return
    closed = next(path for path in reversed(existing) if not owner.can_enter(path))
    raise ClusterError(
        f"you are root, so the database runs as user {owner.name}, who cannot enter {closed}",
        where=str(folder),
        remedy="set LDT_DATA_DIR to a folder that every user can reach, as /var/lib/ldt",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ClusterError(
            "the private database belongs to another user, this place cannot be entered",
            where=str(path),
            remedy="run ldt as that user, or set LDT_DATA_DIR to a folder of your own",
        ) from error


# The pid file -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PidFile:
    """What `postmaster.pid` holds: pid, port, socket folder, TCP address and status of the server.

    Attributes:
        pid: the postmaster's process, or what used to be.
        port: the port, which is also the ending of the socket's name.
        socket_dir: the folder of the socket; empty until the server has made it.
        tcp: the address that it listens on, empty if on none.
        status: `starting`, `ready`, `stopping` or `standby`; `starting` while the server has written none.
    """

    pid: int
    port: int
    socket_dir: str
    tcp: str
    status: str


def read_pid_file(pgdata: Path) -> PidFile | None:
    """Return what the pid file says, None if there is none or it is not (yet) whole.

    Raises:
        ClusterError: the data directory is another user's.
    """
    try:
        lines = (pgdata / "postmaster.pid").read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise ClusterError(
            "the private database belongs to another user",
            where=str(pgdata),
            remedy="run ldt as that user, or set LDT_DATA_DIR to a folder of your own",
        ) from error
    # Layout: pid, data directory, start time, port, socket folder, listen address, shared memory key, status.
    lines += [""] * (8 - len(lines))
    if not lines[0].lstrip("-").isdigit():
        return None
    return PidFile(
        pid=abs(int(lines[0])),  # negative: a stand-alone backend
        port=int(lines[3]) if lines[3].isdigit() else 0,
        socket_dir=lines[4],
        tcp=lines[5],
        status=lines[7].strip() or "starting",
    )


def serves(pid: int, pgdata: Path) -> bool:
    """Tell whether a process lives and is a server on this data directory.

    A living process is not enough: after a crash and a reboot, or in a new container, the number is another's. Its
    command line must name the directory, or, where the system shows it, its working directory must be it.
    """
    cmdline = Path(f"/proc/{pid}/cmdline")
    if Path("/proc/self/cmdline").exists():
        try:
            words = cmdline.read_bytes().decode("utf-8", "replace").split("\0")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            return False
        return _is_server(words) and (str(pgdata) in words or _works_in(pid, pgdata) is True)
    command = ["/bin/ps", "-ww", "-o", "command=", "-p", str(pid)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return "postgres" in done.stdout and str(pgdata) in done.stdout


def _is_server(words: Sequence[str]) -> bool:
    return Path(words[0]).name.startswith(("postgres", "postmaster"))


def _works_in(pid: int, folder: Path) -> bool | None:
    """Tell whether a process works in a folder; None if that cannot be known."""
    try:
        return os.path.samefile(f"/proc/{pid}/cwd", folder)
    except (FileNotFoundError, ProcessLookupError):
        return False
    except PermissionError:
        return None


def surely_stale(pgdata: Path, owner: Owner) -> bool:
    """Tell whether it is certain that no server process, not even an orphaned one, is on this data directory.

    Every process of a server works in its data directory, so it is certain when the system shows the working
    directories of all processes of the owner and none is this one. Where they cannot be seen, it is not certain.
    """
    pids = (
        [int(path.name) for path in Path("/proc").glob("[0-9]*")] if Path("/proc/self/cwd").exists() else []
    )
    if not pids:
        return False
    for pid in pids:
        try:
            uid = os.stat(f"/proc/{pid}").st_uid
        except (FileNotFoundError, ProcessLookupError):
            continue
        works_here = _works_in(pid, pgdata)
        if works_here or (works_here is None and uid == owner.uid):
            return False
    return True


@contextlib.contextmanager
def locked(home: Path, wait: float) -> Iterator[None]:
    """Hold the lock of a cluster between processes; the system frees it when its holder ends, however that is.

    Args:
        home: the cluster's folder.
        wait: seconds to wait for another holder.

    Raises:
        Conflict: another process held it all the time.
    """
    deadline = time.monotonic() + wait
    with (home / "lock").open("a", encoding="utf-8") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError as error:
                if time.monotonic() > deadline:
                    raise Conflict(
                        f"another process has been starting or stopping the private database for {wait:g} s",
                        where=str(home),
                        remedy="wait for it, or end it, and try again",
                    ) from error
                time.sleep(0.05)
        yield


# What went wrong ----------------------------------------------------------------------------------------------


def failure(what: str, said: str, *, where: Path, remedy: str | None = None) -> StoreError:
    """Return the error for a server program that failed, from what it said.

    Args:
        what: what failed, as `the private database cannot be started`.
        said: output and log of the program.
        where: the data directory.
        remedy: what to do, unless the disk is full.

    Returns:
        A DiskFull if the disk is full, else a ClusterError that carries the most telling line.
    """
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    telling = [line for line in lines if _TELLING.search(line)]
    full = [line for line in lines if _FULL.search(line)]
    cause = next(iter(full or telling or lines[-1:]), "no reason was given")
    cause = re.sub(r"^\d{4}-\d\d-\d\d [\d:.]+ \w+ \[\d+\] ", "", cause)
    if full:
        return DiskFull(
            f"{what}: no room is left on the disk: {cause}",
            where=str(where),
            remedy="free some space there, or set LDT_DATA_DIR to a larger disk, and try again",
        )
    return ClusterError(f"{what}: {cause}", where=str(where), remedy=remedy)


@contextlib.contextmanager
def full_disk_told(home: Path) -> Iterator[None]:
    """Turn the system's own "no space left" into a DiskFull, and let all else pass."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise DiskFull(
            "no room is left on the disk of the private database",
            where=str(home),
            remedy="free some space there, or set LDT_DATA_DIR to a larger disk, and try again",
        ) from error


def is_private(folder: Path, uid: int) -> bool:
    """Tell whether a folder is a real one, of this user, and closed to all others."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == uid and not found.st_mode & 0o077
