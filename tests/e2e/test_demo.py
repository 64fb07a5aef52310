"""`ldt demo` as a person runs it: a process on a fresh machine, its addresses opened, Ctrl-C, `ldt db down`, and once more."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
import yaml

LDT = [sys.executable, "-m", "ldt.cli"]


def environment(folder: Path) -> dict[str, str]:
    """A fresh machine: nothing set but the data directory; output goes into a pipe, as into a log."""
    unset = ("LDT_DATABASE_URL", "PYTHONUNBUFFERED")
    kept = {k: v for k, v in os.environ.items() if k not in unset}
    return {**kept, "LDT_DATA_DIR": str(folder)}


def ldt(folder: Path, *args: str) -> dict[str, Any]:
    """Run a command to its end; returns its JSON."""
    done = subprocess.run(
        [*LDT, *args, "--json"],
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@dataclass
class Demo:
    """A running demo: its process, what it printed, the addresses in that."""

    process: subprocess.Popen[str]
    printed: str
    addresses: list[str]

    def interrupt(self) -> int:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(20)


@contextmanager
def demo(folder: Path) -> Iterator[Demo]:
    # In a session of its own: the terminal's Ctrl-C goes to the group, and the database must not be in it.
    process = subprocess.Popen(
        [*LDT, "demo", "--port", "0"],
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        printed = ""
        for line in process.stdout:
            printed += line
            if "notebook" in line:
                break
        else:
            raise AssertionError(f"the demo ended early: {printed}{process.stderr.read()}")
        addresses = re.findall(r"^  .+: +(http://\S+)$", printed, re.MULTILINE)
        with httpx.Client(transport=httpx.HTTPTransport(retries=20)) as client:
            client.get(addresses[0])
        yield Demo(process, printed, addresses)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def alive(pid: int) -> bool:
    """Tell by `ps` whether a process runs; one that has ended and that nobody has asked about does not."""
    found = subprocess.run(["ps", "-p", str(pid), "-o", "stat="], capture_output=True, text=True, check=False)
    return bool(found.stdout.strip()) and not found.stdout.startswith("Z")


def group(demo: Demo) -> list[str]:
    """Return the processes of the demo's session that are still there, by `ps`."""
    found = subprocess.run(
        ["ps", "-s", str(demo.process.pid), "-o", "pid=,comm="], capture_output=True, text=True, check=False
    )
    return found.stdout.split("\n")[:-1]


def revisions(folder: Path) -> tuple[int, int, int]:
    """Return the number of versions, of runs, and the revision of the twin."""
    url = ldt(folder, "db", "url")["url"]
    with psycopg.connect(url) as conn:
        row = conn.execute(
            "SELECT (SELECT count(*) FROM ldt.version), (SELECT count(*) FROM ldt.run), (SELECT max(revision) FROM ldt.twin)"
        ).fetchone()
    assert row is not None
    return row


def test_from_nothing_to_a_city_and_back(short_folder: Path) -> None:
    short_folder.chmod(0o755)
    with demo(short_folder) as running, httpx.Client(timeout=30, follow_redirects=True) as client:
        assert "synthetic" in running.printed
        assert "ldt db connect" in running.printed
        base = running.addresses[0].removesuffix("map")
        twin = f"{base}twins/sample-city"
        assert running.addresses == [
            f"{base}map", *(f"{twin}/{part}" for part in ("map", "", "indicators", "dpsir", "datasets"))
        ]  # fmt: skip
        for address in running.addresses:
            opened(client, address)
        values_are_those_of_the_generator(client, f"{twin}/", short_folder)
        assert running.interrupt() in (0, 130)
        assert running.process.stderr is not None
        told = running.process.stderr.read()
        assert "Traceback" not in told
        for step in (
            "drawing the sample city",
            "writing its files",
            "starting the database",
            "sample-buildings",
            "indicators",
        ):
            assert re.search(rf"^(\d+/\d+ )?{step} …$", told, re.MULTILINE), step
            assert re.search(rf"^(\d+/\d+ )?{step}:.* done \([\d.]+ s\)$", told, re.MULTILINE), step
        assert group(running) == []
    status = ldt(short_folder, "db", "status")
    assert status["state"] == "running"
    assert alive(status["pid"])
    first = revisions(short_folder)
    listed = yaml.safe_load((short_folder / "sample-city" / "sample-city.yaml").read_text("utf-8"))
    assert first[0] == len(listed["datasets"])  # one version of each data set
    written = times(short_folder)

    # once more, on what is there
    with demo(short_folder) as running:
        assert running.interrupt() in (0, 130)
        assert running.process.stderr is not None
        assert "drawing" not in running.process.stderr.read()
    assert revisions(short_folder) == first
    assert times(short_folder) == written
    assert ldt(short_folder, "db", "status")["pid"] == status["pid"]

    assert ldt(short_folder, "db", "down") == {"stopped": True}
    assert not alive(status["pid"])
    assert ldt(short_folder, "db", "status")["state"] == "stopped"
    assert ldt(short_folder, "db", "down") == {"stopped": False}


def times(folder: Path) -> dict[Path, int]:
    """Return when each file of the sample city was written."""
    return {p: p.stat().st_mtime_ns for p in (folder / "sample-city").rglob("*") if p.is_file()}


def opened(client: httpx.Client, address: str) -> None:
    """A browser gets a page, without an error; a program gets JSON of the same resource, but for maps, which are pages only."""
    page = client.get(address, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert page.status_code == 200, address
    assert page.headers["content-type"].startswith("text/html")
    assert "<h1" in page.text
    if address.endswith("/map"):
        return
    data = client.get(address, headers={"Accept": "application/json"})
    assert data.status_code == 200, address
    assert data.headers["content-type"].startswith("application/json")
    assert data.json()


def values_are_those_of_the_generator(client: httpx.Client, twin: str, folder: Path) -> None:
    """What comes out of the service is what the generator says; tests/indicators/test_sample.py compares to the last digit."""
    expected = json.loads((folder / "sample-city" / "expected.json").read_text(encoding="utf-8"))
    wanted: dict[str, dict[tuple[str, str, str], float | None]] = {}
    for value in expected["values"]:
        wanted.setdefault(value["indicator"], {})[value["scheme"], value["code"], value["period"]] = value[
            "value"
        ]
    assert len(wanted) == 17
    for indicator, values in wanted.items():
        answer = client.get(f"{twin}indicators/{indicator}/values?limit=10000&f=json").json()
        served = {(v["scheme"], v["code"], v["period"]): v["value"] for v in answer["values"]}
        assert {key: served[key] for key in values} == {
            key: None if value is None else pytest.approx(value, rel=1e-5, abs=1e-4)
            for key, value in values.items()
        }, indicator


def test_a_taken_port_is_told_before_the_work(short_folder: Path) -> None:
    with taken_port() as port:
        done = subprocess.run(
            [*LDT, "demo", "--port", str(port)],
            env=environment(short_folder),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 7
    assert "cannot listen" in done.stderr
    assert not (short_folder / "sample-city").exists()


@contextmanager
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        yield taken.getsockname()[1]
