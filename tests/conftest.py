"""What all tests share: an environment of their own, the real data, and databases.

Each pytest process (each worker under pytest-xdist) has a private PostGIS of its own in a short temporary folder,
without fsync, stopped at the end. In it the migrated schema is made once, as a template; copies of it cost about a
tenth of a second.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from ldt.errors import LdtError
from ldt.settings import settings
from ldt.store.binaries import find_binaries
from ldt.store.cluster import Cluster

PROJECT = Path(__file__).parents[1]
_TMP = Path("/tmp")  # noqa: S108
_PREFIX = "ldt-test-"


def pytest_configure(config: pytest.Config) -> None:
    """Keep the tests away from the user's own data and database."""
    for name in [
        name
        for name in os.environ
        if name.startswith("LDT_") and name not in ("LDT_REAL_DATA", "LDT_PG_BINDIR")
    ]:
        del os.environ[name]
    os.environ["LDT_DATA_DIR"] = str(_new_folder())
    settings.cache_clear()
    if not hasattr(config, "workerinput"):
        _remove_leftovers()


def pytest_unconfigure() -> None:
    """Stop what a test left running in the data directory, and remove it."""
    _remove(Path(os.environ["LDT_DATA_DIR"]))


def pytest_report_header() -> list[str]:
    """Name the native software that the outcome depends on."""
    try:
        found = find_binaries()
        database = f"PostgreSQL {found.version}, PostGIS {found.postgis_version}"
    except LdtError as error:
        database = str(error)
    import pyogrio

    return [f"native: {database}, GDAL {'.'.join(map(str, pyogrio.__gdal_version__))}"]


def _new_folder() -> Path:
    # Short, for the socket's sake; pytest's own temporary folders are closed to the user that the server runs as.
    folder = Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-", dir=_TMP))
    folder.chmod(0o711)
    return folder


def _remove_leftovers() -> None:
    """Stop and remove what test processes left that were killed."""
    for folder in _TMP.glob(f"{_PREFIX}*"):
        pid = folder.name.removeprefix(_PREFIX).split("-")[0]
        if folder.stat().st_uid != os.geteuid() or not pid.isdigit():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            _remove(folder)
        except PermissionError:
            continue


def _remove(folder: Path) -> None:
    for pgdata in folder.glob("**/data/postmaster.pid"):
        Cluster(pgdata.parents[1]).down()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """A folder with a short path that the server's user can reach; servers in it are stopped at the end."""
    folder = _new_folder()
    yield folder
    _remove(folder)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real files: LDT_REAL_DATA, else `../shared/data` beside the project."""
    folder = Path(os.environ.get("LDT_REAL_DATA") or PROJECT.parent / "shared" / "data")
    if not (folder / "README.md").is_file():
        pytest.skip(f"the real data are not here: {folder} (set LDT_REAL_DATA)")
    return folder


# Databases ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A running private PostGIS for this test process."""
    folder = _new_folder()
    made = Cluster(folder / "pg", for_tests=True)

    def end(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    # A runner that loses patience sends SIGTERM: let the fixtures end, so that no server stays behind.
    before = signal.signal(signal.SIGTERM, end)
    try:
        made.up()
        yield made
    finally:
        _remove(folder)
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def copy_database(cluster: Cluster) -> Callable[[str], tuple[str, Callable[[], None]]]:
    """A function that makes a fresh database from a template and returns its address and a function that drops it."""

    def copy(template: str) -> tuple[str, Callable[[], None]]:
        name = f"t_{secrets.token_hex(6)}"
        _admin(cluster, "CREATE DATABASE {} TEMPLATE {}", name, template)
        return cluster.url(name), lambda: _admin(cluster, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    return copy


def _admin(cluster: Cluster, statement: str, *names: str) -> None:
    with psycopg.connect(cluster.url("postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="session")
def template(cluster: Cluster) -> str:
    """The name of a database that holds the migrated, empty schema. Nobody may stay connected to it."""
    from ldt.store.migrate import migrate

    name = "ldt_template"
    _admin(cluster, "CREATE DATABASE {} TEMPLATE {}", name, "ldt")
    migrate(cluster.url(name))
    return name


@pytest.fixture
def database_url(
    template: str, copy_database: Callable[[str], tuple[str, Callable[[], None]]]
) -> Iterator[str]:
    """The address of a fresh database with the migrated schema, for one test."""
    url, drop = copy_database(template)
    yield url
    drop()


@pytest.fixture(scope="module")
def shared_database_url(
    template: str, copy_database: Callable[[str], tuple[str, Callable[[], None]]]
) -> Iterator[str]:
    """The same for all tests of a module: fill it once, then only read."""
    url, drop = copy_database(template)
    yield url
    drop()


@pytest.fixture(scope="session")
def sample_city_url(
    template: str, copy_database: Callable[[str], tuple[str, Callable[[], None]]]
) -> Iterator[str]:
    """The address of a database with the whole sample city, for tests that only read; built once in each test process."""
    from ldt.pipeline.build import build
    from ldt.pipeline.sample import generate

    url, drop = copy_database(template)
    folder = _new_folder()
    done = build(url, generate(folder))
    assert not done.errors, done.errors
    yield url
    shutil.rmtree(folder)
    drop()


@pytest.fixture
def empty_database_url(copy_database: Callable[[str], tuple[str, Callable[[], None]]]) -> Iterator[str]:
    """The address of a fresh database with PostGIS and nothing else, for tests of the migrations."""
    url, drop = copy_database("ldt")
    yield url
    drop()
