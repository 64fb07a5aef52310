"""What the private database is told: memory, processes, durability, sockets and who may come in.

The two files written here lie in the cluster's folder, outside of PostgreSQL's own, and are written anew at each
start, so that a new version of LDT brings its settings. What a user sets with `ALTER SYSTEM` is read later and wins.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import shutil
import socket
import tempfile
from pathlib import Path

from ldt.errors import ClusterError
from ldt.store.process import Owner, is_private

READER = "ldt_reader"
"""The role that QGIS and other readers come in as."""

DATABASE = "ldt"
"""The database in the private cluster, and the role that owns it."""

HBA = f"""\
# Written at each start. The socket's folder is closed to everybody but the owner (and root), so it needs no password.
local all all trust
host {DATABASE} {READER} 127.0.0.1/32 scram-sha-256
"""

_MB = 1024 * 1024


def conf(home: Path, *, socket_dir: Path, port: int, tcp: bool, for_tests: bool = False) -> str:
    """Return the text of `ldt.conf`.

    Args:
        home: the cluster's folder.
        socket_dir: the folder of the socket.
        port: the TCP port, which also names the socket.
        tcp: whether to listen on 127.0.0.1.
        for_tests: give up safety against a crash of the machine for speed.
    """
    cores, memory = os.cpu_count() or 1, memory_mb()
    gather = max(1, min(4, cores // 2))
    values: dict[str, str | int | float] = {
        "listen_addresses": "127.0.0.1" if tcp else "",
        "port": port,
        "unix_socket_directories": f'"{socket_dir}"',
        "unix_socket_permissions": "0700",
        "hba_file": str(home / "pg_hba.conf"),
        "max_connections": 100,
        "shared_buffers": f"{max(32, min(1024, memory // 4))}MB",
        "effective_cache_size": f"{max(64, memory // 2)}MB",
        "work_mem": f"{max(4, min(32, memory // 100))}MB",
        "maintenance_work_mem": f"{max(32, min(512, memory // 16))}MB",
        "max_worker_processes": cores + 8,
        "max_parallel_workers": cores,
        "max_parallel_workers_per_gather": gather,
        "max_parallel_maintenance_workers": gather,
        "dynamic_shared_memory_type": "mmap" if shared_memory_is_small() else "posix",
        "max_locks_per_transaction": 256,  # every partition that a statement touches takes some
        # One machine, no replicas: the log carries only what recovery needs. A crash may lose the last transactions,
        # never the order of them or the whole.
        "wal_level": "minimal",
        "max_wal_senders": 0,
        "synchronous_commit": "off",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": 1.1,
        "jit": "off",  # spatial plans are overestimated, and compiling them costs more than it saves
        "password_encryption": "scram-sha-256",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "lc_messages": "C",
        "logging_collector": "on",
        "log_directory": "log",
        "log_filename": "%a.log",  # seven files, each begun anew after a week
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_rotation_size": 0,
        "log_line_prefix": "%m [%p] ",
    }
    if for_tests:
        values |= {
            "fsync": "off",
            "full_page_writes": "off",
            "shared_buffers": "128MB",
            "max_wal_size": "1GB",
        }
    lines = [f"{key} = '{str(value).replace(chr(39), chr(39) * 2)}'" for key, value in values.items()]
    return "\n".join(["# Written at each start; put changes into ALTER SYSTEM.", *lines, ""])


def memory_mb() -> int:
    """Return the memory that we may use, in MB: the machine's, or less where a container's limit is lower."""
    try:
        found = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MB
    except (ValueError, OSError):
        found = 2048
    for limit in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            found = min(found, int(Path(limit).read_text("utf-8")) // _MB)
    return found


def shared_memory_is_small(folder: Path = Path("/dev/shm"), least_mb: int = 64) -> bool:  # noqa: S108
    """Tell whether /dev/shm has too little room for parallel queries; containers often get 64 MB or less."""
    if not folder.is_dir():
        return False
    return shutil.disk_usage(folder).total <= least_mb * _MB


# Sockets ------------------------------------------------------------------------------------------------------


def choose_socket_dir(home: Path, owner: Owner) -> Path:
    """Return a folder for the socket that is short enough, making it, closed to all but the server's user.

    The folder is `<home>/socket` where the socket's path fits (107 bytes on Linux, 103 on macOS; probed by a real
    bind), else one in `$XDG_RUNTIME_DIR` or in the temporary folder, named after the cluster's folder.

    Raises:
        ClusterError: a folder of that name is there already and is not ours.
    """
    for folder in _socket_folders(home, owner):
        if not _speakable(folder):
            continue
        try:
            folder.mkdir(mode=0o700, exist_ok=True)
        except FileExistsError:
            pass  # something that is no folder: refused below
        except OSError:
            continue  # a runtime directory that has gone
        if owner.switch and is_private(folder, os.geteuid()):
            os.chown(folder, owner.uid, owner.gid)  # just made, or copied by root with all the rest
        if not is_private(folder, owner.uid):
            raise ClusterError(
                f"the folder for the database's socket is not a folder of user {owner.name} closed to others",
                where=str(folder),
                remedy="remove it and try again",
            )
        if _binds(folder):
            return folder
    raise ClusterError(
        "no folder for the database's socket has a path short enough",
        where=str(home),
        remedy="set LDT_DATA_DIR to a shorter path, or TMPDIR to one",
    )


def _socket_folders(home: Path, owner: Owner) -> list[Path]:
    digest = hashlib.sha256(f"{home}:{home.stat().st_ino}".encode()).hexdigest()[:12]
    folders = [home / "socket"]
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    # Root's runtime directory is closed to the user that the server runs as.
    if runtime and not owner.switch:
        folders.append(Path(runtime) / f"ldt-{digest}")
    return [*folders, Path(tempfile.gettempdir()) / f"ldt-{digest}", Path("/tmp") / f"ldt-{digest}"]  # noqa: S108


def _speakable(folder: Path) -> bool:
    # A comma separates hosts in a PostgreSQL address, quotes end the setting.
    return not re.search(r"[,\"'\\\x00-\x1f]", str(folder))


def _binds(folder: Path) -> bool:
    """Tell whether a socket can really be made in a folder, under a name as long as the server's longest."""
    probe = folder / ".s.PGSQL.65535"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as trial:
        try:
            trial.bind(str(probe))
        except OSError:
            return False
    probe.unlink()
    return True


def free_port() -> int:
    """Return a random TCP port of 127.0.0.1 on which nobody listens.

    It is taken below the range from which systems give ports to outgoing connections, since it is kept for good.
    """
    for port in random.SystemRandom().sample(range(20_000, 32_000), 200):
        if is_free(port):
            return port
    raise ClusterError(
        "no free TCP port was found on 127.0.0.1 between 20000 and 32000", remedy="end some services"
    )


def is_free(port: int) -> bool:
    """Tell whether nobody listens on a TCP port of 127.0.0.1."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as trial:
        trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            trial.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
