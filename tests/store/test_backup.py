"""Backup and restore: everything is as it was, value by value; what is damaged, newer or in the way is refused by name."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo
from starlette.testclient import TestClient
from tests.store.loading import load_features, make_twin
from tests.store.whole import bytes_kept, fill, rows

from ldt.api.app import create_app
from ldt.errors import Conflict, NotFound, SourceError, StoreError
from ldt.model.snapshot import OPERATOR
from ldt.settings import settings
from ldt.store import backup as backups
from ldt.store import files
from ldt.store.backup import backup
from ldt.store.connect import connect
from ldt.store.migrate import migrate
from ldt.store.restore import read_manifest, restore

Copy = Callable[[str], tuple[str, Callable[[], None]]]


def use(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Work with the file store in another data directory."""
    monkeypatch.setenv("LDT_DATA_DIR", str(folder))
    settings.cache_clear()


@pytest.fixture(autouse=True)
def _own_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    use(tmp_path / "first", monkeypatch)
    yield
    settings.cache_clear()


@pytest.fixture
def town(database_url: str, tmp_path: Path) -> str:
    """The address of a database that holds a small twin with something in every table."""
    fill(database_url, tmp_path)
    return database_url


def answers(url: str) -> dict[str, Any]:
    """Return what the service answers at every address that its links lead to, to one who may see everything."""
    found: dict[str, Any] = {}
    waiting = ["/", "/twins"]
    with TestClient(create_app(url, caller=lambda request: OPERATOR)) as client:
        while waiting:
            path = waiting.pop()
            answer = client.get(path, headers={"accept": "application/json, */*;q=0.1"})
            assert answer.status_code == 200, (path, answer.text[:300])
            if "json" not in answer.headers["content-type"]:
                found[path] = hashlib.sha256(answer.content).hexdigest()
                continue
            document = answer.json()
            document.pop("timeStamp", None)
            found[path] = document
            for href in set(_links(document)):
                below = href.removeprefix("http://testserver")
                if href != below and below not in found and below not in waiting and "/api" not in below:
                    waiting.append(below)
    return found


def _links(document: Any) -> Iterator[str]:
    for value in document.values() if isinstance(document, dict) else document:
        if isinstance(value, dict | list):
            yield from _links(value)
    # A query of EDR (its link has `variables`) wants parameters.
    plain = isinstance(document, dict) and "variables" not in document
    if plain and isinstance(document.get("href"), str) and "f=" not in document["href"]:
        yield document["href"]


def test_everything_is_as_it_was(
    town: str, empty_database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, kept, answered = rows(town), bytes_kept(), answers(town)
    for table in ("feature", "observation", "observation_history", "value", "run", "coverage", "concept"):
        assert before[table], table
    assert len(kept) == 4  # two sources, the coverage in two versions
    assert any("/lineage" in path for path in answered)
    assert len(answered) > 100
    done = backup(town, tmp_path / "backup")
    assert done.twins == {"town": 10}
    assert done.rows["observation"] == len(before["observation"]) == 2 * 8760

    use(tmp_path / "second", monkeypatch)
    restored = restore(empty_database_url, tmp_path / "backup")
    assert restored == done == read_manifest(tmp_path / "backup")
    assert rows(empty_database_url) == before
    assert bytes_kept() == kept
    assert answers(empty_database_url) == answered
    # it is a database like any other: the schema is known, numbers go on, things can be loaded and removed
    assert migrate(empty_database_url).before == done.schema
    with connect(empty_database_url) as conn:
        assert load_features(conn, {"a": "new"}).revision == 11
        assert load_features(conn, {"a": "new"}, name="another").dataset_id > 7


def test_a_backup_can_be_restored_over_what_is_there_only_when_told(
    town: str, tmp_path: Path, database_url: str
) -> None:
    backup(town, tmp_path / "backup")
    before, kept = rows(town), bytes_kept()
    with connect(town) as conn:
        make_twin(conn, "village")
        objects = {"a": "later"}
        load_features(conn, objects, twin="village")
        conn.execute(
            "UPDATE ldt.source_object SET kept = true WHERE digest NOT IN (SELECT digest FROM ldt.coverage)"
        )
        later = hashlib.sha256(repr(objects).encode()).hexdigest()
        (tmp_path / "x.gpkg").write_text("later")
        files.keep(later, [tmp_path / "x.gpkg"])
    with pytest.raises(Conflict, match="twins: town, village"):
        restore(town, tmp_path / "backup")
    assert len(rows(town)["twin"]) == 2
    restore(town, tmp_path / "backup", replace=True)
    assert rows(town) == before
    # what only the replaced twins referred to is gone from the file store too
    assert bytes_kept() == kept


def test_what_is_not_ours_is_not_overwritten(town: str, empty_database_url: str, tmp_path: Path) -> None:
    backup(town, tmp_path / "backup")
    migrate(empty_database_url)  # an empty schema is nothing
    with connect(empty_database_url) as conn:
        conn.execute("CREATE TABLE gis.my_own (x int)")
    with pytest.raises(Conflict, match=r"gis\.my_own"):
        restore(empty_database_url, tmp_path / "backup")
    with connect(empty_database_url) as conn:
        conn.execute("DROP TABLE gis.my_own")
        conn.execute("CREATE TABLE public.elsewhere AS SELECT 1 AS x")
    restore(empty_database_url, tmp_path / "backup")
    with connect(empty_database_url) as conn:
        assert conn.execute("SELECT x FROM public.elsewhere").fetchone() == (1,)
    assert rows(empty_database_url) == rows(town)


@pytest.mark.parametrize("which", ["database.dump", "objects", "manifest.json"])
@pytest.mark.parametrize("harm", ["changed", "cut", "gone"])
def test_a_damaged_backup_is_refused_with_the_file_named(
    which: str, harm: str, town: str, empty_database_url: str, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    backup(town, folder)
    path = folder / which
    if path.is_dir():
        path = next(p for p in sorted(path.rglob("*")) if p.is_file())
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        # one bit in the middle; in the manifest that may be the name of a twin
        middle = len(content) // 2
        changed = content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]
        path.write_bytes(changed if harm == "changed" else content[:-1])
    expected = NotFound if (which, harm) == ("manifest.json", "gone") else SourceError
    with pytest.raises(expected) as told:
        restore(empty_database_url, folder)
    assert told.value.where == str(folder if expected is NotFound else path)
    with connect(empty_database_url) as conn:
        assert conn.execute("SELECT to_regclass('ldt.twin')").fetchone() == (None,)


@pytest.mark.parametrize("key", ["schema", "format"])
def test_a_backup_of_a_newer_version_is_refused(
    key: str, town: str, empty_database_url: str, tmp_path: Path
) -> None:
    backup(town, tmp_path / "backup")
    path = tmp_path / "backup" / "manifest.json"
    content = json.loads(path.read_text())
    content[key] = "9999" if key == "schema" else 2
    path.write_text(json.dumps(content))
    with pytest.raises(StoreError, match="which this version does not know") as told:
        restore(empty_database_url, tmp_path / "backup")
    assert told.value.remedy == "upgrade ldt, then restore"


def test_a_backup_of_an_older_schema_is_brought_up_to_date(
    empty_database_url: str, tmp_path: Path, copy_database: Copy
) -> None:
    migrate(empty_database_url, "0004")
    with connect(empty_database_url) as conn:
        conn.execute("INSERT INTO ldt.twin (name, title, scale) VALUES ('old', '{\"en\": \"Old\"}', 'city')")
    assert backup(empty_database_url, tmp_path / "backup").schema == "0004"
    url, drop = copy_database("ldt")
    try:
        restore(url, tmp_path / "backup")
        with connect(url) as conn:
            assert conn.execute("SELECT name FROM ldt.twin").fetchall() == [("old",)]
            assert conn.execute("SELECT count(*) FROM ldt.discarded").fetchone() == (0,)
        assert migrate(url).before == migrate(url).after
    finally:
        drop()


def test_an_interrupted_backup_never_looks_whole(
    town: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Interrupted(BaseException):
        pass

    for moment in ("dumping the database", "copying files"):

        def step(what: str, done: int, of: int, at: str = moment) -> None:
            if what == at:
                raise Interrupted

        with pytest.raises(Interrupted):
            backup(town, tmp_path / "backup", step=step)
        assert not (tmp_path / "backup").exists()

    def killed(path: Path) -> None:
        # as if the process ended here: nothing tidies up
        if path.name == "manifest.json":
            monkeypatch.setattr("shutil.rmtree", lambda *args, **kwargs: None)
            raise Interrupted

    monkeypatch.setattr(backups, "flushed", killed)
    with pytest.raises(Interrupted):
        backup(town, tmp_path / "backup")
    monkeypatch.undo()
    assert not (tmp_path / "backup").exists()
    with pytest.raises(NotFound, match="no backup here"):
        read_manifest(tmp_path / "backup")


def test_a_folder_that_holds_something_is_left_alone(town: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    backup(town, tmp_path / "mine")  # an empty one may be there
    before = (tmp_path / "mine" / "manifest.json").read_bytes()
    with pytest.raises(Conflict, match="something here"):
        backup(town, tmp_path / "mine")
    assert (tmp_path / "mine" / "manifest.json").read_bytes() == before
    with pytest.raises(StoreError, match="cannot be written"):
        backup(town, Path("/proc/backup"))


def test_a_restore_that_fails_half_way_changes_nothing(
    town: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "backup"
    backup(town, folder)
    before = rows(town)
    # A dump that breaks off: the manifest is made to fit it, so that only pg_restore can find it out.
    dump = folder / "database.dump"
    dump.write_bytes(dump.read_bytes()[:-3000])
    content = orjson.loads((folder / "manifest.json").read_bytes())
    content["files"]["database.dump"] = backups.signed(dump)
    content.pop("digest")
    content["digest"] = backups.Manifest(**content).digest
    (folder / "manifest.json").write_bytes(orjson.dumps(content))
    use(tmp_path / "second", monkeypatch)
    with pytest.raises(StoreError, match="pg_restore failed"):
        restore(town, folder, replace=True)
    assert rows(town) == before
    assert bytes_kept() == {}


def test_who_is_at_work_is_waited_for_and_then_told(
    town: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup(town, tmp_path / "backup")
    monkeypatch.setattr("ldt.store.restore._HEAD", _head_with_short_patience())
    with connect(town) as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM ldt.twin")
        with pytest.raises(Conflict, match="somebody is at work"):
            restore(town, tmp_path / "backup", replace=True)
    with connect(town) as ingest, ingest.transaction():
        ingest.execute("SELECT pg_advisory_xact_lock_shared(%s, 0)", (0x1D9,))
        with pytest.raises(Conflict, match="ingesting or making a backup"):
            restore(town, tmp_path / "backup", replace=True)
    assert len(rows(town)["twin"]) == 1


def _head_with_short_patience() -> str:
    from ldt.store import restore as module

    assert "lock_timeout = '30s'" in module._HEAD
    return module._HEAD.replace("30s", "300ms")


def test_files_that_are_lost_are_told(town: str, empty_database_url: str, tmp_path: Path) -> None:
    digest = next(files.root().glob("*/*")).name
    shutil.rmtree(files.folder_of(digest))
    done = backup(town, tmp_path / "backup")
    assert done.missing == [digest]
    assert restore(empty_database_url, tmp_path / "backup").missing == [digest]


def test_a_server_with_a_password_is_backed_up_without_showing_it(
    town: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = subprocess.Popen

    def popen(words: list[str], **options: Any) -> Any:
        asked.append((words, options.get("env", {}).get("PGPASSWORD")))
        return real(words, **options)

    monkeypatch.setattr(subprocess, "Popen", popen)
    url = make_conninfo(town, password="not to be seen")  # the socket trusts, and does not look at it
    assert backup(url, tmp_path / "backup").twins == {"town": 10}
    ((words, password),) = [a for a in asked if "pg_config" not in a[0][0] and "--version" not in a[0]]
    assert Path(words[0]).name == "pg_dump"
    assert password == "not to be seen"
    assert not any("not to be seen" in word for word in words)


def test_a_database_with_nothing_in_it_has_no_backup(empty_database_url: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="nothing in this database"):
        backup(empty_database_url, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


def test_the_reader_keeps_its_rights(town: str, tmp_path: Path) -> None:
    backup(town, tmp_path / "backup")
    role = sql.Identifier("ldt_reader")
    with connect(town) as conn:
        if not conn.execute("SELECT 1 FROM pg_roles WHERE rolname = 'ldt_reader'").fetchone():
            conn.execute(sql.SQL("CREATE ROLE {}").format(role))
    restore(town, tmp_path / "backup", replace=True)
    with psycopg.connect(town) as conn:
        conn.execute("SET ROLE ldt_reader")
        assert conn.execute("SELECT count(*) FROM gis.town_generic_features").fetchone() == (3,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            conn.execute("SELECT * FROM ldt.twin")
