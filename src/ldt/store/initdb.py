"""Making the data directory of the private PostGIS, whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from ldt.errors import ClusterError
from ldt.store.binaries import Binaries
from ldt.store.cluster_settings import DATABASE
from ldt.store.process import Owner, failure


def make_home(home: Path, owner: Owner) -> None:
    """Make the cluster's folder; folders that are there already are left as they are.

    Raises:
        ClusterError: it cannot be made, or its path is one that PostgreSQL's programs cannot take.
    """
    # pg_ctl hands the path to a shell within double quotes.
    bad = sorted(set('"$`\\\n') & set(str(home)))
    if bad:
        raise ClusterError(
            f"the path holds {' '.join(map(repr, bad))}, which PostgreSQL's programs cannot take",
            where=str(home),
            remedy="set LDT_DATA_DIR to a plainer path",
        )
    missing = [path for path in (home, *home.parents) if not path.exists()]
    try:
        for folder in reversed(missing):
            folder.mkdir(exist_ok=True)
            # Only folders just made: the server's user must pass them, whatever root's umask is.
            folder.chmod(0o755 if owner.switch else 0o700)
    except (PermissionError, NotADirectoryError, FileExistsError) as error:
        raise ClusterError(
            f"the folder of the private database cannot be made: {error.strerror}",
            where=str(home),
            remedy="set LDT_DATA_DIR to a folder that you can write",
        ) from error
    if not home.is_dir() or not os.access(home, os.W_OK | os.X_OK):
        raise ClusterError(
            "the private database needs a folder here that you can write",
            where=str(home),
            remedy="set LDT_DATA_DIR to a folder of your own",
        )


def make_data_directory(
    pgdata: Path,
    binaries: Binaries,
    owner: Owner,
    *,
    write_settings: Callable[[], object],
    sync: bool = True,
) -> None:
    """Make a data directory that holds the database with PostGIS. The caller holds the cluster's lock.

    It is made in a temporary folder beside its place, then renamed: whatever interrupts that, the data directory is
    either whole, with database and PostGIS in it, or not there.

    Args:
        pgdata: where it shall be.
        binaries: the programs that make it.
        owner: whose it shall be.
        write_settings: writes `ldt.conf` and `pg_hba.conf` beside it.
        sync: whether to wait until all is on the disk; not for tests.

    Raises:
        DiskFull: no room.
        ClusterError: a program failed.
    """
    home = pgdata.parent
    for left in home.glob("data.new-*"):
        shutil.rmtree(left, ignore_errors=True)  # of a process that was killed
    new = Path(tempfile.mkdtemp(prefix="data.new-", dir=home))
    try:
        if owner.switch:
            os.chown(new, owner.uid, owner.gid)
        _initdb(new, binaries, owner, sync=sync)
        with (new / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("\n# Settings of LDT, written at each start\ninclude '../ldt.conf'\n")
        write_settings()
        _sql_alone(new, binaries, owner, "postgres", f"CREATE DATABASE {DATABASE}")
        _sql_alone(new, binaries, owner, DATABASE, "CREATE EXTENSION postgis")
        new.rename(pgdata)
        _sync(home)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _initdb(new: Path, binaries: Binaries, owner: Owner, *, sync: bool) -> None:
    command = [binaries.program("initdb"), "-D", str(new), "-U", DATABASE]
    command += ["--encoding=UTF8", "--auth=trust", "--no-instructions", *([] if sync else ["--no-sync"])]
    # The built-in provider needs nothing of the host; before 17 the host must have C.UTF-8, which older macOS lacks.
    locales = (
        [["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"]]
        if binaries.major >= 17
        else [["--locale=C.UTF-8"], ["--locale=C"]]
    )
    said = ""
    for locale in locales:
        done = owner.run([*command, *locale])
        if done.returncode == 0:
            return
        said = done.stderr
        if "locale" not in said:
            break
    raise failure("the private database cannot be made", said, where=new.parent)


def _sql_alone(pgdata: Path, binaries: Binaries, owner: Owner, database: str, statement: str) -> None:
    """Run one statement without a server, in a single-user backend."""
    # Not with exit_on_error: PostGIS's own script provokes errors that it catches. An uncaught one is in stderr.
    command = [
        binaries.program("postgres"),
        "--single",
        "-D",
        str(pgdata),
        "-c",
        "logging_collector=off",
        database,
    ]
    done = owner.run(command, stdin=statement + "\n")
    if done.returncode or "ERROR:" in done.stderr:
        raise failure("the private database cannot be made", done.stderr, where=pgdata.parent)


def write(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that it is there whole or not at all, and never with more rights than `mode`."""
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    with open(new, "x", encoding="utf-8", opener=lambda name, flags: os.open(name, flags, mode)) as file:
        file.write(text)
    new.chmod(mode)  # the umask may have taken away what the server's user needs
    new.replace(path)


def _sync(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
