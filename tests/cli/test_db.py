"""`ldt db`, run as a user does: as a program, on a data directory of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from tests.store.loading import load_features, make_twin

from ldt.store.binaries import find_binaries
from ldt.store.cluster import Cluster
from ldt.store.connect import connect

LDT = Path(sys.executable).parent / "ldt"

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def ldt(short_folder: Path) -> Iterator[Run]:
    """A function that runs `ldt` with a data directory of its own."""

    def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [LDT, *words],
            env={**os.environ, "LDT_DATA_DIR": str(short_folder / "data"), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    yield run
    Cluster(short_folder / "data" / "pg").down()


def answer(done: subprocess.CompletedProcess[str]) -> Any:
    """Return the one JSON document that a command printed."""
    assert done.stdout.count("\n") == 1, done
    return json.loads(done.stdout)


def test_the_private_database_from_up_to_down(ldt: Run, short_folder: Path) -> None:
    assert answer(ldt("db", "status", "--json"))["state"] == "absent"
    assert not (short_folder / "data").exists()

    up = ldt("db", "up", "--json")
    assert up.returncode == 0, up.stderr
    running = answer(up)
    assert running["started"] is True
    assert all(json.loads(line)["progress"] for line in up.stderr.splitlines())
    with psycopg.connect(running["url"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
    again = ldt("db", "up")
    assert again.stdout == f"Running already: {running['url']}\n"
    assert ldt("db", "url").stdout == running["url"] + "\n"

    status = answer(ldt("db", "status", "--json"))
    assert (status["state"], status["pid"], status["tcp_port"]) == ("running", running["pid"], None)
    assert status["server"].startswith(find_binaries().version)
    assert status["postgis"] == find_binaries().postgis_version
    assert status["schema"] is None

    assert ldt("db", "down").stdout == "Stopped.\n"
    assert answer(ldt("db", "down", "--json")) == {"stopped": False}
    assert "state:        stopped" in ldt("db", "status").stdout


def test_connect_tells_qgis_how_to_come_in_and_close_takes_it_back(ldt: Run) -> None:
    told = ldt("db", "connect")
    assert told.returncode == 0, told.stderr
    found = answer(ldt("db", "connect", "--json"))
    assert f"PGSERVICEFILE='{found['service_file']}' qgis" in told.stdout
    assert Path(found["password_file"]).read_text().strip() not in told.stdout
    environment = {"PATH": os.environ["PATH"], "PGSERVICEFILE": found["service_file"]}
    asked = ["psql", "-X", "-A", "-t", "service=ldt", "-c", "SELECT current_user || inet_server_port()"]
    done = subprocess.run(asked, env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"ldt_reader{found['port']}\n"
    assert answer(ldt("db", "status", "--json"))["tcp_port"] == found["port"]

    assert ldt("db", "connect", "--close").stdout.startswith("Closed")
    assert answer(ldt("db", "status", "--json"))["tcp_port"] is None
    assert subprocess.run(asked, env=environment, capture_output=True, check=False).returncode != 0


def test_migrate_makes_the_schema_and_says_so(ldt: Run) -> None:
    first = answer(ldt("db", "migrate", "--json"))
    assert first["before"] is None
    assert first["vocabularies"] > 0
    second = answer(ldt("db", "migrate", "--json"))
    assert second["before"] == second["after"] == first["after"]
    status = answer(ldt("db", "status", "--json"))
    assert status["schema"] == first["after"]
    assert f"The schema is at {first['after']}" in ldt("db", "migrate").stdout


def test_another_server_is_shown_without_its_password_and_is_not_ours_to_touch(
    ldt: Run, empty_database_url: str
) -> None:
    external = {"LDT_DATABASE_URL": empty_database_url.replace("ldt@", "ldt:s3cret@")}
    shown = ldt("db", "status", "--json", **external)
    assert "s3cret" not in shown.stdout + shown.stderr
    assert answer(shown)["state"] == "external"
    assert answer(shown)["postgis"] == find_binaries().postgis_version
    assert answer(ldt("db", "url", "--json", **external)) == {"url": external["LDT_DATABASE_URL"]}
    for command in ("up", "down", "connect"):
        refused = ldt("db", command, **external)
        assert refused.returncode == 2
        assert "not ours to" in refused.stderr
        assert "unset it" in refused.stderr


def test_another_server_that_does_not_answer_is_one_clear_line(ldt: Run) -> None:
    done = ldt("db", "status", LDT_DATABASE_URL="postgresql://ldt:s3cret@127.0.0.1:9/ldt")
    assert done.returncode == 8
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    assert "s3cret" not in done.stderr


def test_an_address_that_is_none_is_one_clear_line(ldt: Run) -> None:
    done = ldt("db", "status", LDT_DATABASE_URL="garbage")
    assert done.returncode == 8
    assert len(done.stderr.splitlines()) == 1
    assert "internal error" not in done.stderr


def test_without_postgis_the_line_that_installs_it_is_told(ldt: Run, tmp_path: Path) -> None:
    done = ldt("db", "up", "--json", LDT_PG_BINDIR=str(tmp_path))
    assert done.returncode == 8
    problem = answer(done)
    assert problem["type"] == "urn:ldt:problem:postgis-missing"
    assert "install" in problem["remedy"]


def test_a_backup_moves_a_city_to_another_machine(ldt: Run, short_folder: Path) -> None:
    with connect(answer(ldt("db", "up", "--json"))["url"]) as conn:
        ldt("db", "migrate")
        make_twin(conn)
        load_features(conn, {"a": "A", "b": "B"})
    made = answer(ldt("db", "backup", str(short_folder / "backup"), "--json"))
    assert (made["twins"], made["rows"]["feature"]) == ({"town": 1}, 2)
    assert (made["missing"], made["files"]) == ([], 1)
    assert ldt("db", "backup", str(short_folder / "backup")).returncode == 7
    assert ldt("db", "restore", str(short_folder / "backup")).returncode == 7
    assert ldt("db", "down").returncode == 0

    elsewhere = str(short_folder / "elsewhere")
    try:
        done = ldt("db", "restore", str(short_folder / "backup"), LDT_DATA_DIR=elsewhere)
        assert (done.returncode, done.stdout.splitlines()[1:]) == (0, ["  town@1"]), done.stderr
        listed = answer(ldt("dataset", "list", "--twin", "town", "--json", LDT_DATA_DIR=elsewhere))
        assert [(d["name"], d["version"], d["rows"]) for d in listed] == [("things", 1, 2)]
    finally:
        ldt("db", "down", LDT_DATA_DIR=elsewhere)
    broken = short_folder / "broken"
    broken.mkdir()
    refused = ldt("db", "restore", str(broken), LDT_DATA_DIR=str(short_folder / "third"))
    assert refused.returncode == 3
    assert refused.stderr.splitlines()[-1].startswith(f"Error: {broken}: there is no backup here")
    assert not (short_folder / "third").exists()  # told before a database was made
