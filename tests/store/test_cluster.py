"""The private PostGIS: each pitfall is provoked for real, on clusters of its own."""

from __future__ import annotations

import fcntl
import json
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from ldt.errors import ClusterError, Conflict, DiskFull, PostgisMissing, StoreError
from ldt.settings import settings
from ldt.store import cluster_settings, initdb
from ldt.store.binaries import find_binaries
from ldt.store.cluster import Cluster, Status, database_url
from ldt.store.connect import connect, translated
from ldt.store.process import Owner, failure, locked, read_pid_file, server_owner, serves, surely_stale

ROOT = os.geteuid() == 0
as_root = pytest.mark.skipif(
    not ROOT, reason="only root runs the server as another user, mounts a disk and becomes others"
)


@pytest.fixture(scope="module")
def pristine() -> Iterator[Path]:
    """A cluster's folder, made and stopped once for this module."""
    folder = Path(tempfile.mkdtemp(prefix=f"ldt-test-{os.getpid()}-", dir="/tmp"))
    folder.chmod(0o711)
    cluster = Cluster(folder / "pg", for_tests=True)
    cluster.up()
    cluster.down()
    yield cluster.home
    shutil.rmtree(folder)


@pytest.fixture
def stopped(pristine: Path) -> Iterator[Cluster]:
    """The same, for tests that leave it whole; stopped afterwards."""
    cluster = Cluster(pristine, for_tests=True)
    yield cluster
    cluster.down()


@pytest.fixture
def spare(pristine: Path, short_folder: Path) -> Cluster:
    """A copy of it, stopped, for one test that does things to it. Copying takes longer than anything else here."""
    subprocess.run(["cp", "-a", pristine, short_folder / "pg"], check=True)
    return Cluster(short_folder / "pg", for_tests=True)


def ask(url: str, statement: str) -> object:
    """Return the first value that a statement gives."""
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
    return row[0] if row else None


def in_another_process(body: str, home: Path, user: str = "") -> subprocess.Popen[str]:
    """Run Python with `cluster` on a folder, in a real process of its own, as another user if asked."""
    # It becomes the other user after the imports: our interpreter may lie where that user cannot read.
    code = f"""
import json, os, pwd, sys
from pathlib import Path
from ldt.errors import LdtError
from ldt.store.cluster import Cluster
home, user = sys.argv[1:]
if user:
    os.setgroups([]), os.setgid(pwd.getpwnam(user).pw_gid), os.setuid(pwd.getpwnam(user).pw_uid)
cluster = Cluster(Path(home), for_tests=True)
{body}
"""
    command = [sys.executable, "-c", code, str(home), user]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/")


UP = "running = cluster.up(); print(json.dumps([running.pid, running.started]))"


# Up, down, status ---------------------------------------------------------------------------------------------


def test_up_and_down_twice_each(stopped: Cluster) -> None:
    assert stopped.status() == Status("stopped", stopped.home, find_binaries().major, None, None)
    first = stopped.up()
    assert first.started
    second = stopped.up()
    assert not second.started
    assert (second.pid, second.url) == (first.pid, first.url)
    # What psutil would say: the process is there, and it is a postgres on our folder.
    assert (
        str(stopped.pgdata) in Path(f"/proc/{first.pid}/cmdline").read_text()
        if Path("/proc").exists()
        else True
    )
    status = stopped.status()
    assert (status.state, status.running, status.tcp_port) == ("running", second, None)
    assert stopped.down() is True
    assert stopped.down() is False
    assert stopped.status().state == "stopped"
    with pytest.raises(ClusterError, match="not running"):
        stopped.url()


def test_nothing_is_there_at_first_and_status_makes_nothing(short_folder: Path) -> None:
    assert Cluster(short_folder / "pg").status().state == "absent"
    assert list(short_folder.iterdir()) == []
    assert Cluster(short_folder / "pg").down() is False


def test_data_outlive_a_restart_and_the_port_is_kept(stopped: Cluster) -> None:
    url = stopped.up().url
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")
    assert stopped.restart().url == url
    assert ask(url, "SELECT answer FROM kept") == 42


def test_the_database_is_in_utf8_and_utc_and_speaks_postgis(stopped: Cluster) -> None:
    url = stopped.up().url
    assert ask(url, "SELECT ST_AsText(ST_Point(6.96, 50.94, 4326))") == "POINT(6.96 50.94)"
    assert ask(url, "SELECT current_setting('TimeZone') || current_setting('server_encoding')") == "UTCUTF8"
    assert ask(url, "SELECT upper('ärger')") == "ÄRGER"  # the C locale knows only ASCII letters
    # An independent transformation of the cathedral of Cologne, by PROJ's own cs2cs 9.1: see the EPSG:25832 tile 356/5645.
    assert ask(
        url, "SELECT ST_AsText(ST_SnapToGrid(ST_Transform(ST_Point(6.9583, 50.9413, 4326), 25832), 1000))"
    ) == ("POINT(357000 5645000)")


def test_a_real_cluster_is_durable_and_one_for_tests_is_not(short_folder: Path, stopped: Cluster) -> None:
    real = Cluster(short_folder / "real")
    names = (
        "fsync",
        "full_page_writes",
        "synchronous_commit",
        "wal_level",
        "max_wal_senders",
        "jit",
        "max_wal_size",
        "listen_addresses",
    )
    wanted = ["on", "on", "off", "minimal", "0", "off", "4GB", ""]
    url = real.up().url
    assert [ask(url, f"SHOW {name}") for name in names] == wanted
    assert ask(stopped.up().url, "SHOW fsync") == "off"


def test_the_database_lies_in_the_settings_data_directory_unless_a_server_is_named(
    short_folder: Path, pristine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    subprocess.run(["cp", "-a", pristine, short_folder / "pg"], check=True)
    monkeypatch.setenv("LDT_DATA_DIR", str(short_folder))
    settings.cache_clear()
    assert f"host={str(short_folder).replace('/', '%2F')}%2Fpg%2Fsocket" in database_url()
    monkeypatch.setenv("LDT_DATABASE_URL", "postgresql://db.example/ldt")
    settings.cache_clear()
    assert database_url() == "postgresql://db.example/ldt"
    monkeypatch.undo()
    settings.cache_clear()


# Two at once, crashes -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("made", [False, True], ids=["to be made", "to be started"])
def test_of_two_processes_one_starts_it_and_the_other_finds_it_running(
    short_folder: Path, stopped: Cluster, made: bool
) -> None:
    home = stopped.home if made else short_folder / "new"
    both = [in_another_process(UP, home) for _ in range(2)]
    said = [process.communicate(timeout=60) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    answers = [json.loads(out) for out, _ in said]
    assert sorted(started for _, started in answers) == [False, True]
    assert len({pid for pid, _ in answers}) == 1
    assert serves(answers[0][0], home / "data")


def test_whoever_waits_too_long_for_the_lock_is_told(stopped: Cluster) -> None:
    with (stopped.home / "lock").open("a") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(Conflict, match="another process") as caught:
            stopped.up(wait=0.2)
    assert caught.value.exit_code == 7
    with locked(stopped.home, 0.2):
        pass


def test_a_process_killed_while_making_it_leaves_nothing_half(short_folder: Path) -> None:
    home = short_folder / "pg"
    killed = in_another_process(UP, home)
    deadline = time.monotonic() + 30
    while not list(home.glob("data.new-*/base")) and time.monotonic() < deadline:
        time.sleep(0.005)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    assert list(home.glob("data.new-*")), "it was killed too late for this test to say anything"
    assert not (home / "data").exists()
    cluster = Cluster(home, for_tests=True)
    assert cluster.up().started
    assert ask(cluster.url(), "SELECT postgis_lib_version()") == find_binaries().postgis_version


def kill_server(cluster: Cluster) -> str:
    """Kill the postmaster as a crash would, wait until its children are gone, and return the pid file left behind."""
    pid = cluster.up().pid
    os.kill(pid, signal.SIGKILL)
    deadline = time.monotonic() + 20
    while (
        not surely_stale(cluster.pgdata, server_owner(cluster.home, cluster.pgdata))
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    return (cluster.pgdata / "postmaster.pid").read_text()


def test_after_a_crash_it_recovers_and_keeps_what_was_committed(spare: Cluster) -> None:
    ask(spare.up().url, "SET synchronous_commit = on; CREATE TABLE crashed AS SELECT 42 AS answer")
    kill_server(spare)
    assert spare.status().state == "stopped"
    assert spare.down() is False
    assert spare.up().started
    assert ask(spare.url(), "SELECT answer FROM crashed") == 42


@pytest.fixture
def bystander(spare: Cluster) -> Iterator[subprocess.Popen[bytes]]:
    """A living process of the server's own user that has nothing to do with it."""
    owner = server_owner(spare.home, spare.pgdata)
    process = subprocess.Popen(["sleep", "300"], cwd="/", user=owner.uid if ROOT else None)
    yield process
    process.kill()
    process.wait()


def test_a_pid_file_that_names_another_living_process_is_not_believed(
    spare: Cluster, bystander: subprocess.Popen[bytes]
) -> None:
    lines = kill_server(spare).splitlines()
    pid_file = spare.pgdata / "postmaster.pid"
    pid_file.write_text("\n".join([str(bystander.pid), *lines[1:], ""]))
    found = read_pid_file(spare.pgdata)
    assert found is not None
    assert (found.pid, found.status) == (bystander.pid, "ready")
    assert spare.status().state == "stopped"
    assert spare.down() is False
    running = spare.up()
    assert running.started
    assert running.pid != bystander.pid
    assert bystander.poll() is None, "an innocent process was ended"


def test_a_pid_file_is_left_alone_while_it_is_not_certain_that_it_is_stale(
    spare: Cluster, bystander: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = kill_server(spare).splitlines()
    pid_file = spare.pgdata / "postmaster.pid"
    pid_file.write_text("\n".join([str(bystander.pid), *lines[1:], ""]))
    monkeypatch.setattr("ldt.store.cluster.surely_stale", lambda pgdata, owner: False)
    with pytest.raises(ClusterError, match="already exists"):
        spare.up()
    assert pid_file.read_text().startswith(f"{bystander.pid}\n")


def test_a_running_server_is_never_taken_for_stale(stopped: Cluster) -> None:
    stopped.up()
    assert not surely_stale(stopped.pgdata, server_owner(stopped.home, stopped.pgdata))


def test_a_socket_that_was_removed_is_told(stopped: Cluster) -> None:
    running = stopped.up()
    (running.socket_dir / f".s.PGSQL.{running.port}").unlink()
    with pytest.raises(ClusterError, match="its socket was removed") as caught:
        stopped.up()
    assert "ldt db down" in str(caught.value)


# Root and other users -----------------------------------------------------------------------------------------


@as_root
def test_root_hands_the_server_to_another_user_and_keeps_the_folder(
    short_folder: Path, pristine: Path
) -> None:
    before = os.umask(0o077)
    try:
        cluster = Cluster(short_folder / "deep" / "er" / "pg", for_tests=True)
        running = cluster.up()
    finally:
        os.umask(before)
    owner = pwd.getpwnam("postgres").pw_uid
    assert os.stat(f"/proc/{running.pid}").st_uid == owner
    assert (cluster.pgdata.stat().st_uid, stat.S_IMODE(cluster.pgdata.stat().st_mode)) == (owner, 0o700)
    assert (cluster.home.stat().st_uid, stat.S_IMODE(cluster.home.stat().st_mode)) == (0, 0o755)
    assert (running.socket_dir.stat().st_uid, stat.S_IMODE(running.socket_dir.stat().st_mode)) == (
        owner,
        0o700,
    )
    assert ask(running.url, "SELECT current_user") == "ldt"


@as_root
def test_root_is_told_which_folder_the_servers_user_cannot_enter(short_folder: Path) -> None:
    closed = short_folder / "closed"
    closed.mkdir(mode=0o700)
    with pytest.raises(ClusterError, match=f"user postgres, who cannot enter {closed} ") as caught:
        Cluster(closed / "below" / "pg").up()
    assert "LDT_DATA_DIR" in str(caught.value)
    assert list(closed.iterdir()) == []
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700, (
        "folders above the data directory are not ours to change"
    )


@as_root
def test_root_without_a_user_for_the_server_is_told(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(name: str) -> None:
        raise KeyError(name)

    monkeypatch.setattr(pwd, "getpwnam", unknown)
    with pytest.raises(ClusterError, match="no user postgres or nobody"):
        Cluster(short_folder / "pg").up()


@as_root
def test_root_in_a_container_that_may_not_become_others_is_told(short_folder: Path) -> None:
    # setpriv takes away the right to change users, as a restricted container does.
    code = "from pathlib import Path; import sys\nfrom ldt.store.cluster import Cluster\nCluster(Path(sys.argv[1])).up()"
    done = subprocess.run(
        [
            "setpriv",
            "--bounding-set=-setuid,-setgid",
            "--inh-caps=-setuid,-setgid",
            sys.executable,
            "-c",
            code,
            short_folder / "pg",
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot be run as user postgres: Operation not permitted" in last
    assert "run ldt as an ordinary user" in last


@as_root
def test_an_ordinary_user_runs_it_as_himself_and_others_are_turned_away(short_folder: Path) -> None:
    own = short_folder / "own"
    own.mkdir()
    shutil.chown(own, "nobody")
    own.chmod(0o755)
    process = in_another_process(UP, own / "pg", user="nobody")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    pid = json.loads(out)[0]
    nobody = pwd.getpwnam("nobody").pw_uid
    assert os.stat(f"/proc/{pid}").st_uid == nobody
    assert stat.S_IMODE((own / "pg").stat().st_mode) == 0o700

    told = "\ntry: cluster.up()\nexcept LdtError as error: print(error)"
    for home in (own / "pg", own / "else"):
        stranger = in_another_process(told, home, user="postgres")
        out, err = stranger.communicate(timeout=60)
        assert stranger.returncode == 0, err
        assert str(home) in out
        assert "LDT_DATA_DIR" in out
        assert len(out.splitlines()) == 1
    # Root meets a cluster of somebody else's: it goes on as that user.
    assert Cluster(own / "pg").restart().started
    assert Cluster(own / "pg").pgdata.stat().st_uid == nobody


@as_root
def test_a_data_directory_copied_by_root_is_told_and_its_remedy_works(
    pristine: Path, short_folder: Path
) -> None:
    subprocess.run(["cp", "-r", pristine, short_folder / "pg"], check=True)
    (short_folder / "pg" / "data").chmod(0o700)
    cluster = Cluster(short_folder / "pg", for_tests=True)
    with pytest.raises(ClusterError, match="belongs to root") as caught:
        cluster.up()
    assert caught.value.remedy is not None
    subprocess.run(caught.value.remedy.removeprefix("give it back: ").split(), check=True)
    assert cluster.up().started


# Paths, sockets, environment ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["x" * 150, "with, comma", "it's", "Straße und Brücke"])
def test_any_folder_will_do(
    short_folder: Path, pristine: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    elsewhere = short_folder / "t"
    elsewhere.mkdir()
    elsewhere.chmod(0o1777)
    monkeypatch.setattr(tempfile, "tempdir", str(elsewhere))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    cluster = Cluster(short_folder / name / "pg", for_tests=True)
    initdb.make_home(cluster.home, server_owner(cluster.home, cluster.pgdata))
    (pristine / "data").rename(cluster.pgdata)  # moved, not copied: it may be moved, and that is quicker
    running = cluster.up()
    at_home = running.socket_dir == cluster.home / "socket"
    assert at_home == (name == "Straße und Brücke")
    if not at_home:
        assert running.socket_dir.parent == elsewhere
        assert running.socket_dir.name.startswith("ldt-")
        assert stat.S_IMODE(running.socket_dir.stat().st_mode) == 0o700
    assert ask(running.url, "SHOW data_directory") == str(cluster.pgdata)
    assert cluster.restart().socket_dir == running.socket_dir
    assert cluster.down()
    cluster.pgdata.rename(pristine / "data")


def test_a_folder_that_somebody_else_put_in_the_sockets_place_is_refused(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    home = short_folder / ("x" * 120)
    home.mkdir()
    home.chmod(0o755)
    owner = server_owner(home, home / "data")
    chosen = cluster_settings.choose_socket_dir(home, owner)
    assert chosen == cluster_settings.choose_socket_dir(home, owner)
    chosen.chmod(0o777)
    with pytest.raises(ClusterError, match="closed to others"):
        cluster_settings.choose_socket_dir(home, owner)
    chosen.rmdir()
    chosen.symlink_to(short_folder)
    with pytest.raises(ClusterError, match="closed to others"):
        cluster_settings.choose_socket_dir(home, owner)


def test_a_runtime_folder_is_preferred_to_the_temporary_one(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = short_folder / "run"
    runtime.mkdir()
    home = short_folder / ("x" * 120)
    home.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    me = Owner(os.geteuid(), os.getegid(), "me", switch=False)
    assert cluster_settings.choose_socket_dir(home, me).parent == runtime
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_folder / "gone"))
    monkeypatch.setattr(tempfile, "tempdir", str(short_folder))
    assert cluster_settings.choose_socket_dir(home, me).parent == short_folder


@pytest.mark.parametrize("character", ["$", "`", '"', "\\"])
def test_a_path_that_the_servers_own_shell_would_expand_is_refused(
    short_folder: Path, character: str
) -> None:
    with pytest.raises(ClusterError, match="plainer path"):
        Cluster(short_folder / f"a{character}(b)").up()
    assert list(short_folder.iterdir()) == []


def test_the_environment_of_the_caller_does_not_matter(
    short_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {
        "LC_ALL": "xx_YY.UTF-8",
        "LANG": "xx_YY",
        "PGDATA": "/nowhere",
        "PGPORT": "1",
        "PGOPTIONS": "-c nonsense=1",
        "PROJ_DATA": "/nowhere",
        "PROJ_LIB": "/nowhere",
        "TZ": "Asia/Tokyo",
    }.items():
        monkeypatch.setenv(name, value)
    cluster = Cluster(short_folder / "pg", for_tests=True)
    running = cluster.up()
    url = running.url
    if Path("/proc/self/environ").exists():
        inherited = Path(f"/proc/{running.pid}/environ").read_bytes().decode().split("\0")
        names = {variable.split("=")[0] for variable in inherited}
        # The server sets some PG* for itself; PROJ_* of a Python environment would name data of another version.
        assert names & {"PROJ_DATA", "PROJ_LIB", "PGOPTIONS", "PGPORT", "LANG"} == set()
        assert "LC_ALL=C" in inherited
    monkeypatch.delenv("PGOPTIONS")
    monkeypatch.delenv("PGPORT")
    assert (
        ask(url, "SELECT round(ST_X(ST_Transform(ST_Point(9, 50, 4326), 25832)))") == 500_000
    )  # on the central meridian
    assert ask(url, "SHOW TimeZone") == "UTC"


def test_a_small_shared_memory_is_not_used(
    stopped: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not cluster_settings.shared_memory_is_small(tmp_path / "missing")
    monkeypatch.setattr(
        shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(64 * 1024**2, 0, 64 * 1024**2)
    )
    assert cluster_settings.shared_memory_is_small(tmp_path)
    monkeypatch.setattr(cluster_settings, "shared_memory_is_small", lambda: True)
    url = stopped.up().url
    assert ask(url, "SHOW dynamic_shared_memory_type") == "mmap"
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE many AS SELECT generate_series(1, 200000) AS n")
        connection.execute(
            "SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0"
        )
        connection.execute("ANALYZE many")
        plan = "\n".join(
            row[0] for row in connection.execute("EXPLAIN ANALYZE SELECT count(*) FROM many").fetchall()
        )
    assert "Workers Launched: 1" in plan


# Versions and disks -------------------------------------------------------------------------------------------


def test_another_major_version_is_refused_with_the_way_out(spare: Cluster) -> None:
    (spare.pgdata / "PG_VERSION").write_text("9\n")
    with pytest.raises(ClusterError) as caught:
        spare.up()
    assert f"made by PostgreSQL 9, this machine has {find_binaries().major}" in str(caught.value)
    assert "pg_dump -Fc" in str(caught.value)
    assert "pg_restore" in str(caught.value)
    assert spare.status() == Status("stopped", spare.home, 9, None, None)


def test_without_postgis_nothing_is_made(short_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_PG_BINDIR", str(short_folder))
    settings.cache_clear()
    with pytest.raises(PostgisMissing, match="install"):
        Cluster(short_folder / "pg").up()
    assert list(short_folder.iterdir()) == []
    monkeypatch.undo()
    settings.cache_clear()


def test_a_folder_that_is_no_database_is_left_alone(short_folder: Path) -> None:
    (short_folder / "pg" / "data").mkdir(parents=True)
    (short_folder / "pg" / "data" / "letter.txt").write_text("mine")
    with pytest.raises(ClusterError, match="holds none"):
        Cluster(short_folder / "pg").up()
    assert (short_folder / "pg" / "data" / "letter.txt").read_text() == "mine"


def test_a_newer_postgis_of_the_machine_is_brought_into_the_database(spare: Cluster) -> None:
    url = spare.up().url
    installed = "SELECT extversion FROM pg_extension WHERE extname = 'postgis'"
    newest = ask(url, installed)
    # What a database looks like after the packages were updated; PostGIS ships scripts from every older version.
    ask(url, "UPDATE pg_extension SET extversion = '3.0.0' WHERE extname = 'postgis'")
    spare.restart()
    spare.down()
    spare.up()
    assert ask(url, installed) == newest
    # A database newer than the machine is not touched.
    ask(url, "UPDATE pg_extension SET extversion = '99.0.0' WHERE extname = 'postgis'")
    spare.down()
    spare.up()
    assert ask(url, installed) == "99.0.0"


@pytest.fixture
def small_disk(short_folder: Path) -> Iterator[Callable[[int], Path]]:
    """A function that mounts a disk of so many MB and returns its folder."""
    folder = short_folder / "disk"

    def mount(megabytes: int) -> Path:
        folder.mkdir()
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "tmpfs", folder], check=True
        )
        return folder

    yield mount
    for pgdata in folder.glob("*/data"):
        Cluster(pgdata.parent).down()
    subprocess.run(["umount", folder], check=True)


@as_root
@pytest.mark.parametrize("megabytes", [1, 25, 55], ids=["at the settings", "in initdb", "in CREATE DATABASE"])
def test_a_disk_too_small_to_make_it_is_told_and_nothing_is_left(
    small_disk: Callable[[int], Path], megabytes: int
) -> None:
    disk = small_disk(megabytes)
    if megabytes == 1:
        (disk / "filler").write_bytes(b"x" * (1024**2 - 3 * 4096))
    with pytest.raises(DiskFull) as caught:
        Cluster(disk / "pg").up()
    assert "no room is left" in str(caught.value)
    assert "free some space" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 8
    assert list(disk.glob("pg/data*")) == []


@as_root
def test_a_disk_that_is_full_at_the_start_is_told_and_space_heals_it(
    small_disk: Callable[[int], Path], pristine: Path
) -> None:
    disk = small_disk(100)
    subprocess.run(["cp", "-a", pristine, disk / "pg"], check=True)
    cluster = Cluster(disk / "pg", for_tests=True)
    subprocess.run(["dd", "if=/dev/zero", f"of={disk / 'filler'}", "bs=4k"], check=False, capture_output=True)
    assert shutil.disk_usage(disk).free == 0
    with pytest.raises(DiskFull, match="no room is left"):
        cluster.up()
    assert cluster.status().state == "stopped"
    (disk / "filler").unlink()
    assert cluster.up().started


@as_root
def test_a_disk_that_fills_up_at_work_is_told_and_loses_nothing(
    small_disk: Callable[[int], Path], pristine: Path
) -> None:
    disk = small_disk(120)
    subprocess.run(["cp", "-a", pristine, disk / "pg"], check=True)
    cluster = Cluster(disk / "pg")
    url = cluster.up().url
    with connect(url) as connection:
        connection.execute("SET synchronous_commit = on; CREATE TABLE filled AS SELECT 42 AS answer")
        fill = "CREATE TABLE much AS SELECT n, repeat(md5(n::text), 8) AS text FROM generate_series(1, 1000000) AS n"
        # Either the statement is refused, or the log has no room and the server ends itself to be safe.
        with pytest.raises(StoreError) as caught, translated():
            connection.execute(fill)
        assert isinstance(caught.value, DiskFull) or "cannot be reached" in str(caught.value)
    cluster.down()
    subprocess.run(["mount", "-o", "remount,size=400m", disk], check=True)
    assert ask(cluster.up().url, "SELECT answer FROM filled") == 42


def test_the_most_telling_line_of_a_failure_is_told() -> None:
    said = (
        "2026-11-22 15:48:58.378 UTC [1] LOG:  starting\n2026-11-22 15:48:58.379 UTC [1] FATAL:  no luck\nbye"
    )
    assert str(failure("it failed", said, where=Path("/x"))) == "/x: it failed: FATAL:  no luck"
    assert str(failure("it failed", "", where=Path("/x"))) == "/x: it failed: no reason was given"
    assert isinstance(failure("it failed", "ERROR: x: Disk quota exceeded", where=Path("/x")), DiskFull)


# Open to QGIS -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def qgis(pristine: Path) -> Iterator[Cluster]:
    """A cluster with a table, and a view of it, that is open to QGIS."""
    folder = pristine.parent / "qgis"
    subprocess.run(["cp", "-a", pristine, folder], check=True)
    cluster = Cluster(folder, for_tests=True)
    url = cluster.up().url
    ask(
        url,
        "CREATE SCHEMA ldt; CREATE SCHEMA gis; CREATE TABLE ldt.secret AS SELECT 1 AS id, ST_Point(7, 51, 4326) AS geom",
    )
    ask(url, "CREATE VIEW gis.early AS SELECT id, geom FROM ldt.secret")
    cluster.connect()
    yield cluster
    cluster.down()


def psql(cluster: Cluster, *statements: str, **instead: str) -> subprocess.CompletedProcess[str]:
    """Ask as QGIS does: through libpq, with the service file; or with other variables instead of it."""
    service = {"PGSERVICEFILE": str(cluster.home / "pg_service.conf"), "PGSERVICE": "ldt"}
    return subprocess.run(
        ["psql", "-X", "-A", "-t", *(word for statement in statements for word in ("-c", statement))],
        env={"PATH": os.environ["PATH"], **(instead or service)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_qgis_reads_the_views_early_and_late_and_nothing_else(qgis: Cluster) -> None:
    ask(qgis.url(), "CREATE VIEW gis.late AS SELECT id, geom FROM ldt.secret")
    done = psql(
        qgis, "SELECT current_user", "SELECT ST_AsText(geom) FROM gis.early", "SELECT id FROM gis.late"
    )
    assert done.stdout.split("\n") == ["ldt_reader", "POINT(7 51)", "1", ""], done.stderr
    assert "early" in psql(qgis, "SELECT f_table_name FROM geometry_columns").stdout
    # QGIS asks for the styles without naming the schema.
    ask(qgis.url(), "CREATE TABLE IF NOT EXISTS gis.layer_styles (stylename text)")
    assert psql(qgis, "SELECT count(*) FROM layer_styles").stdout.strip() == "0"
    for statement in (
        "SELECT * FROM ldt.secret",
        "CREATE TABLE gis.mine (id int)",
        "CREATE TABLE public.mine (id int)",
        "UPDATE gis.early SET id = 2",
        "CREATE TEMPORARY TABLE mine (id int)",
    ):
        # The role is set to read only, but anybody may set that back: its rights must be what holds.
        refused = psql(qgis, "SET default_transaction_read_only = off", statement)
        assert refused.returncode != 0
        assert "permission denied" in refused.stderr, statement
    assert ask(qgis.url(), "SELECT id FROM ldt.secret") == 1


def test_only_the_password_opens_and_only_the_reader_and_only_our_database(qgis: Cluster) -> None:
    right = {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(qgis.status().tcp_port),
        "PGUSER": "ldt_reader",
        "PGDATABASE": "ldt",
        "PGPASSWORD": (qgis.home / "ldt_reader.password").read_text().strip(),
    }
    assert psql(qgis, "SELECT 7", **right).stdout.strip() == "7"
    for name, value, said in (
        ("PGPASSWORD", "wrong", "password authentication failed"),
        ("PGUSER", "ldt", "no pg_hba.conf entry"),
        ("PGDATABASE", "postgres", "no pg_hba.conf entry"),
    ):
        assert said in psql(qgis, "SELECT 7", **(right | {name: value})).stderr


def test_the_password_is_random_and_lies_in_files_of_the_owner_alone(qgis: Cluster) -> None:
    password = (qgis.home / "ldt_reader.password").read_text().strip()
    assert len(password) == 32  # 24 random bytes in base 64
    for name in ("ldt_reader.password", "pg_service.conf"):
        assert stat.S_IMODE((qgis.home / name).stat().st_mode) == 0o600
    texts = [path.read_text(errors="replace") for path in (qgis.pgdata / "log").glob("*.log")]
    assert texts
    assert not any(password in text for text in texts)
    assert str(ask(qgis.url(), "SELECT rolpassword FROM pg_authid WHERE rolname = 'ldt_reader'")).startswith(
        "SCRAM-SHA-256$"
    )


def test_opening_it_again_changes_nothing(qgis: Cluster) -> None:
    before, password = qgis.up(), (qgis.home / "ldt_reader.password").read_text()
    again = qgis.connect()
    assert qgis.up() == before
    assert again.password_file.read_text() == password
    assert again.port == before.port == qgis.status().tcp_port
    assert again.conninfo == f"postgresql://ldt_reader@127.0.0.1:{before.port}/ldt"


def test_it_listens_on_this_machine_only(qgis: Cluster) -> None:
    assert ask(qgis.url(), "SHOW listen_addresses") == "127.0.0.1"


def test_it_stays_open_and_moves_to_another_port_when_its_own_is_taken(qgis: Cluster) -> None:
    port = qgis.up().port
    assert qgis.restart().port == port
    qgis.down()
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # our own old connections linger
        other.bind(("127.0.0.1", port))
        other.listen()
        moved = qgis.up()
    assert moved.port != port
    assert parse_qs(urlsplit(moved.url).query)["port"] == [str(moved.port)]
    assert psql(qgis, "SELECT inet_server_port()").stdout.strip() == str(moved.port)


def test_it_is_not_restarted_under_somebody_at_work(spare: Cluster) -> None:
    url = spare.up().url
    with psycopg.connect(url) as working:
        working.execute("CREATE TABLE half (id int)")
        with pytest.raises(Conflict, match=r"1 other connection\(s\) are at work"):
            spare.connect()
        working.commit()
        assert spare.connect().port == spare.status().tcp_port  # idle: a pool opens a new one
    assert ask(spare.url(), "SELECT count(*) FROM half") == 0


def test_closing_it_takes_port_password_and_role_away(spare: Cluster) -> None:
    opened = spare.connect()
    spare.disconnect()
    assert spare.status().tcp_port is None
    with socket.socket() as client:
        assert client.connect_ex(("127.0.0.1", opened.port)) != 0
    assert not opened.password_file.exists()
    assert not opened.service_file.exists()
    assert ask(spare.url(), "SELECT rolcanlogin FROM pg_roles WHERE rolname = 'ldt_reader'") is False
    again = spare.connect()
    assert psql(spare, "SELECT current_user").stdout.strip() == again.user
