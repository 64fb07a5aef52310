"""The private PostGIS: a database of our own in the user's data directory, on a unix socket, without set-up.

A cluster's folder holds::

    data/             PostgreSQL's own data directory (owned by the user that the server runs as, mode 0700)
    socket/           the socket, unless the path is too long for one
    ldt.conf          settings, written at each start      pg_hba.conf   who may come in
    port              the port, kept for good              start.log     the last start
    lock              held while somebody starts, stops or makes it
    open, ldt_reader.password, pg_service.conf             once it is open to QGIS

The server is left running when a command ends: notebooks, the service and commands share it. `ldt db down` ends it.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import quote

import psycopg

from ldt.errors import ClusterError, StoreError
from ldt.settings import settings
from ldt.store import cluster_settings as given
from ldt.store import reader
from ldt.store.binaries import Binaries, find_binaries
from ldt.store.initdb import make_data_directory, make_home, write
from ldt.store.process import (
    Owner,
    PidFile,
    failure,
    full_disk_told,
    locked,
    read_pid_file,
    server_owner,
    serves,
    surely_stale,
)

_LOCKED = re.compile(r'lock file ".*" already exists')

State = Literal["absent", "stopped", "starting", "running", "stopping"]


@dataclass(frozen=True)
class Running:
    """A private database that runs.

    Attributes:
        url: its address, `postgresql://…`, as libpq and psycopg take it.
        socket_dir: the folder of its socket.
        port: the port that names the socket (and the TCP port once it is open).
        pid: the process of the server.
        started: whether this call started it.
    """

    url: str
    socket_dir: Path
    port: int
    pid: int
    started: bool


@dataclass(frozen=True)
class Status:
    """What is known of a private database without touching it.

    Attributes:
        state: `absent` (never made), `stopped`, `starting`, `running` or `stopping`.
        home: the cluster's folder.
        major: the PostgreSQL version that it was made with; None if absent.
        running: address and process, None unless it runs.
        tcp_port: the port on 127.0.0.1 if it is open to QGIS.
    """

    state: State
    home: Path
    major: int | None
    running: Running | None
    tcp_port: int | None


class Cluster:
    """A private database in a folder.

    Args:
        data_dir: the cluster's folder; made when needed.
        for_tests: trade safety against a crash of the machine for speed.
    """

    def __init__(self, data_dir: Path, *, for_tests: bool = False) -> None:
        self.home = Path(data_dir).expanduser().resolve()
        self.pgdata = self.home / "data"
        self.for_tests = for_tests

    # What is there ---------------------------------------------------------------------------------------------

    def status(self) -> Status:
        """Return what is known of the database; starts and changes nothing.

        Raises:
            ClusterError: the folder is another user's.
        """
        found = self._server()
        major = self._major()
        if found is None:
            return Status("absent" if major is None else "stopped", self.home, major, None, None)
        if found.status not in ("ready", "standby"):
            return Status(
                "stopping" if found.status == "stopping" else "starting", self.home, major, None, None
            )
        return Status("running", self.home, major, self._running(found), found.port if found.tcp else None)

    def url(self, database: str = given.DATABASE) -> str:
        """Return the address of a database in the running server.

        Raises:
            ClusterError: the server is not running.
        """
        found = self._server()
        if found is None:
            raise ClusterError(
                "the private database is not running", where=str(self.home), remedy="run: ldt db up"
            )
        return _url(found, database)

    def _server(self) -> PidFile | None:
        """Return the pid file if the process that it names is really our server."""
        found = read_pid_file(self.pgdata)
        return found if found is not None and serves(found.pid, self.pgdata) else None

    def _running(self, found: PidFile, *, started: bool = False) -> Running:
        return Running(_url(found, given.DATABASE), Path(found.socket_dir), found.port, found.pid, started)

    def _major(self) -> int | None:
        try:
            return int((self.pgdata / "PG_VERSION").read_text("utf-8").split(".")[0])
        except FileNotFoundError:
            return None
        except (PermissionError, ValueError) as error:
            raise ClusterError(
                "this is not a data directory of PostgreSQL that you can read",
                where=str(self.pgdata),
                remedy="run ldt as the user whose it is, or set LDT_DATA_DIR to a folder of your own",
            ) from error

    # Up and down -----------------------------------------------------------------------------------------------

    def up(self, wait: float = 300) -> Running:
        """Make the database if there is none, start it if it does not run, and return its address.

        Of several processes that call this at the same moment one starts it, the others wait and find it running.

        Args:
            wait: seconds to wait for another process that is starting it, or for recovery after a crash.

        Raises:
            PostgisMissing: this machine has no PostgreSQL with PostGIS.
            DiskFull: no room to make or start it.
            ClusterError: anything else that is in the way; the error says what and what to do.
        """
        found = self._server()
        if found is not None and found.status == "ready":
            return self._running(self._reachable(found))
        binaries = self._binaries()  # before anything is made
        owner = server_owner(self.home, self.pgdata)
        with full_disk_told(self.home):
            make_home(self.home, owner)
            with locked(self.home, wait):
                found = self._settled(wait)
                if found is not None:
                    return self._running(self._reachable(found))
                if not self.pgdata.exists():
                    make_data_directory(
                        self.pgdata,
                        binaries,
                        owner,
                        write_settings=lambda: self._write_settings(owner),
                        sync=not self.for_tests,
                    )
                found = self._start(binaries, owner, wait)
        _update_extensions(_url(found, given.DATABASE))
        return self._running(found, started=True)

    def down(self, wait: float = 120) -> bool:
        """Stop the server if it runs; sessions are ended, transactions rolled back (`pg_ctl -m fast`).

        Returns:
            Whether it was running.

        Raises:
            ClusterError: it did not stop.
        """
        if self._server() is None:
            return False
        owner = server_owner(self.home, self.pgdata)
        with locked(self.home, wait):
            if self._server() is None:
                return False
            self._stop(owner, wait)
        return True

    def restart(self, wait: float = 300) -> Running:
        """Stop and start the server under one lock, so that nobody starts it in between."""
        owner = server_owner(self.home, self.pgdata)
        with full_disk_told(self.home), locked(self.home, wait):
            if self._server() is not None:
                self._stop(owner, wait)
            return self._running(self._start(self._binaries(), owner, wait), started=True)

    def _stop(self, owner: Owner, wait: float) -> None:
        args = ["stop", "-D", str(self.pgdata), "-m", "fast", "-w", "-t", str(int(wait))]
        done = owner.run([self._binaries().program("pg_ctl"), *args], timeout=wait + 30)
        if done.returncode:
            raise failure("the private database did not stop", done.stderr or done.stdout, where=self.pgdata)

    def _settled(self, wait: float) -> PidFile | None:
        """Wait while a server is starting, recovering or stopping; return it if it runs in the end."""
        deadline = time.monotonic() + wait
        while (found := self._server()) is not None and found.status != "ready":
            if time.monotonic() > deadline:
                raise ClusterError(
                    f"the private database has been {found.status} for {wait:g} s",
                    where=str(self.pgdata),
                    remedy=f"wait longer, and look into {self.home / 'start.log'} and {self.pgdata / 'log'}",
                )
            time.sleep(0.05)
        return found

    def _reachable(self, found: PidFile) -> PidFile:
        if not (Path(found.socket_dir) / f".s.PGSQL.{found.port}").exists():
            raise ClusterError(
                "the private database runs, but its socket was removed, so nobody can reach it",
                where=found.socket_dir,
                remedy="run: ldt db down, then ldt db up",
            )
        return found

    def _binaries(self) -> Binaries:
        """Return programs that fit the data directory.

        Raises:
            ClusterError: the data directory was made by another major version, or is none at all.
        """
        major = self._major()
        binaries = find_binaries(major)
        if major is None and self.pgdata.exists():
            raise ClusterError(
                "this folder is in the place of the private database, but holds none",
                where=str(self.pgdata),
                remedy="move it away and try again",
            )
        if major is not None and binaries.major != major:
            raise ClusterError(
                f"the private database was made by PostgreSQL {major}, this machine has {binaries.major} ({binaries.bindir})",
                where=str(self.pgdata),
                remedy=f"install PostgreSQL {major} with PostGIS again; or move the data: with {major}, ldt db up && "
                f'pg_dump -Fc -f ldt.dump "$(ldt db url)" && ldt db down; rename {self.pgdata}; '
                f'with {binaries.major}, ldt db up && pg_restore --clean --if-exists -d "$(ldt db url)" ldt.dump',
            )
        return binaries

    # Starting it -----------------------------------------------------------------------------------------------

    @property
    def open_marker(self) -> Path:
        """The file whose presence says that the server listens on 127.0.0.1."""
        return self.home / "open"

    @property
    def log(self) -> Path:
        """What the server said at its last start."""
        return self.home / "start.log"

    def _write_settings(self, owner: Owner) -> int:
        """Write `ldt.conf` and `pg_hba.conf`; return the port."""
        kept = self.home / "port"
        tcp = self.open_marker.exists()
        port = int(kept.read_text("utf-8")) if kept.exists() else 0
        if not port or (tcp and not given.is_free(port)):
            port = given.free_port()
            write(kept, str(port))
        socket_dir = given.choose_socket_dir(self.home, owner)
        if tcp:
            reader.opened(self.home, port)  # the port may be another than last time
        text = given.conf(self.home, socket_dir=socket_dir, port=port, tcp=tcp, for_tests=self.for_tests)
        write(self.home / "ldt.conf", text)
        write(self.home / "pg_hba.conf", given.HBA)
        return port

    def _start(self, binaries: Binaries, owner: Owner, wait: float) -> PidFile:
        self._write_settings(owner)
        said = self._pg_ctl_start(binaries, owner, wait)
        if _LOCKED.search(said) and surely_stale(self.pgdata, owner):
            # The number in the lock files is now another process, or one that has ended but that nobody collected, as
            # happens in containers; PostgreSQL cannot tell either from a server.
            self._set_locks_aside(owner)
            said = self._pg_ctl_start(binaries, owner, wait)
        found = self._settled(wait) if not said else None
        if found is None:
            raise failure(
                "the private database cannot be started",
                said or "it ended at once",
                where=self.pgdata,
                remedy=f"see {self.log} and {self.pgdata / 'log'}",
            )
        return found

    def _set_locks_aside(self, owner: Owner) -> None:
        """Take the pid file and the socket's lock away; only after it is certain that no server is there."""
        for left in given.choose_socket_dir(self.home, owner).glob(".s.PGSQL.*"):
            left.unlink()  # the folder is this cluster's alone
        pid_file = self.pgdata / "postmaster.pid"
        if pid_file.exists():
            pid_file.rename(pid_file.with_name("postmaster.pid.stale"))

    def _pg_ctl_start(self, binaries: Binaries, owner: Owner, wait: float) -> str:
        """Start the server; return what it said if that failed, else nothing."""
        self.log.unlink(missing_ok=True)
        self.log.touch(mode=0o600)
        if owner.switch:
            os.chown(self.log, owner.uid, owner.gid)
        began = time.time()
        args = ["start", "-D", str(self.pgdata), "-l", str(self.log), "-w", "-t", str(int(wait)), "-s"]
        done = owner.run([binaries.program("pg_ctl"), *args], timeout=wait + 30)
        if done.returncode == 0:
            return ""
        said = [self.log.read_text("utf-8", errors="replace")]
        # Once its own log is open the server says the rest there.
        logs = (path for path in (self.pgdata / "log").glob("*.log") if path.stat().st_mtime >= began - 1)
        for path in sorted(logs, key=lambda path: path.stat().st_mtime)[-1:]:
            said.append("\n".join(path.read_text("utf-8", errors="replace").splitlines()[-40:]))
        return "\n".join([*said, done.stderr])

    # Open to QGIS ----------------------------------------------------------------------------------------------

    def connect(self) -> reader.Opened:
        """Open the database to QGIS on this machine; starts it if need be, and may be repeated.

        The first time it is restarted to listen on 127.0.0.1, on a random port that is kept.

        Raises:
            Conflict: somebody is at work in it and it would have to be restarted.
            StoreError: it cannot be started or refuses.
        """
        running = self.up()
        found = reader.opened(self.home, running.port)
        reader.grant(running.url, found.password_file.read_text("utf-8").strip())
        if self.status().tcp_port is None:
            reader.must_be_idle(running.url)
            self.open_marker.touch()
            running = self.restart()
        return reader.opened(self.home, running.port)

    def disconnect(self) -> None:
        """Close the database to QGIS again; passwords that were handed out are worthless afterwards.

        Raises:
            Conflict: somebody is at work in it and it would have to be restarted.
            StoreError: it cannot be started or refuses.
        """
        running = self.up()
        if self.status().tcp_port is not None:
            reader.must_be_idle(running.url)
        reader.forbid(running.url)
        found = reader.opened(self.home, running.port)
        for path in (self.open_marker, found.password_file, found.service_file):
            path.unlink(missing_ok=True)
        if self.status().tcp_port is not None:
            self.restart()


def database_url() -> str:
    """Return the address of the database: `LDT_DATABASE_URL`, else the private one, which is started if need be.

    Raises:
        StoreError: there is no private database and none can be made or started.
    """
    return settings().database_url or private_cluster().up().url


def private_cluster() -> Cluster:
    """Return the private database of this user, running or not."""
    return Cluster(settings().data_dir / "pg")


def _url(found: PidFile, database: str) -> str:
    return (
        f"postgresql://{given.DATABASE}@/{database}?host={quote(found.socket_dir, safe='')}&port={found.port}"
    )


def _update_extensions(url: str) -> None:
    """Bring PostGIS in the database up to the library, after the machine's packages were updated."""
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=30, options="") as connection:
            rows = connection.execute(
                "SELECT name, installed_version, default_version FROM pg_available_extensions "
                "WHERE name LIKE 'postgis%' AND installed_version <> default_version"
            ).fetchall()
            for name, installed, available in rows:
                if _numbers(available) > _numbers(installed):
                    connection.execute(f"ALTER EXTENSION {name} UPDATE")
    except psycopg.Error as error:
        raise StoreError(
            f"the private database does not answer: {str(error).strip().splitlines()[0]}",
            where=url,
            remedy="run: ldt db down, then ldt db up",
        ) from error


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
