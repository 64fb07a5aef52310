"""A served twin when things go wrong around it: the database stops, clients leave or read slowly, answers are large."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
import shapely
from bench.load import services
from tests.e2e.serving import served

from ldt.store.cluster import Cluster
from ldt.store.migrate import migrate

ABOVE = "/twins/town"
LARGE = f"{ABOVE}/collections/administrative-units/items"
ADDRESSES = [
    ABOVE,
    f"{ABOVE}/collections",
    f"{LARGE}?limit=10",
    f"{LARGE}?limit=10&filter=name='x'&f=html",
    f"{LARGE}?limit=10000",
    f"{LARGE}?f=csv",
    f"{LARGE}/many.n00001",
    f"{ABOVE}/collections/administrative-units/tiles/WebMercatorQuad/0/0/0",
    f"{ABOVE}/collections/series.air/locations",
    f"{ABOVE}/collections/series.air/position?coords=POINT(7.01%2050.01)",
    f"{ABOVE}/latest",
    f"{ABOVE}/datasets",
]
NUMBER = 8_000


def many(town: Any) -> None:
    """Add 8,000 features of 5 kB each: 40 MB as GeoJSON."""
    ring = shapely.Point(7, 50).buffer(0.01, quad_segs=56)
    town.features(
        {f"n{i:05d}": (shapely.affinity.translate(ring, i / 1e4), {"name": f"{i}"}) for i in range(NUMBER)},
        name="many",
    )


@pytest.fixture(scope="module")
def base(town_url: str, make_town: Any) -> Iterator[str]:
    """The town with much more in it, served by a process of its own."""
    with make_town(town_url) as town:
        many(town)
    with (
        served(town_url) as found,
        httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=20)) as client,
    ):
        assert client.get(f"{found}{LARGE}?limit=1").status_code == 200
        yield found


def peak(pid: int) -> int:
    """Return the most memory that a process has had resident so far, in bytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


def connected(base: str) -> socket.socket:
    host, port = base.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=30)


def test_a_large_answer_is_sent_in_bounded_memory(base: str) -> None:
    (pid,) = services()
    with httpx.Client(timeout=60, headers={"Accept-Encoding": "identity"}) as client:
        client.get(f"{base}{LARGE}?limit=600")
        before = peak(pid)
        size = len(client.get(f"{base}{LARGE}?limit=10000").content)
        assert size > 40e6
        assert peak(pid) - before < size / 3
        # Nor does it wait in memory for somebody who reads slowly.
        with connected(base) as slow:
            slow.sendall(f"GET {LARGE}?limit=10000 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
            assert slow.recv(1000).startswith(b"HTTP/1.1 200")
            time.sleep(2)
            assert peak(pid) - before < size / 3
            rest = 0
            while piece := slow.recv(1 << 20):
                rest += len(piece)
        assert rest > 40e6


@pytest.mark.parametrize("path", ADDRESSES)
def test_a_client_that_leaves_takes_its_statement_along(base: str, town_url: str, path: str) -> None:
    """The database is made to wait: who would still be answered then, waits with it; who has left, does not."""
    running = (
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ldt-api' AND datname = current_database()"
        " AND state = 'active'"
    )

    def becomes(number: int, seconds: float) -> bool:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            with psycopg.connect(town_url) as conn:
                if conn.execute(running).fetchone() == (number,):
                    return True
            time.sleep(0.02)
        return False

    with psycopg.connect(town_url) as lock:
        lock.execute("LOCK TABLE ldt.twin, ldt.dataset, ldt.feature, ldt.datastream IN ACCESS EXCLUSIVE MODE")
        with connected(base) as asked:
            asked.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
            assert becomes(1, 5)
        assert becomes(0, 1.5)


def test_the_database_stops_and_comes_back(short_folder: Path, make_town: Any, quarters: Any) -> None:
    cluster = Cluster(short_folder / "pg", for_tests=True)
    url = cluster.up().url
    migrate(url)
    with make_town(url) as town:
        town.twin()
        town.features(quarters)
        town.observations({("DE01", "NO2"): [40.0]})
    addresses = [a for a in ADDRESSES if "many" not in a and "coords" not in a]
    with served(url) as base, httpx.Client(timeout=30, transport=httpx.HTTPTransport(retries=20)) as client:

        def failing() -> dict[str, int]:
            found = {a: client.get(base + a).status_code for a in addresses}
            return {a: status for a, status in found.items() if status >= 300}

        assert failing() == {}
        cluster.down()
        try:
            for address in addresses:
                answer = client.get(base + address)
                assert answer.status_code == 503, address
                html = "f=html" in address
                form = "text/html; charset=utf-8" if html else "application/problem+json"
                assert answer.headers["content-type"] == form
                assert int(answer.headers["retry-after"]) > 0
            assert client.get(f"{base}/").status_code == 200  # what needs no database is there all the time
        finally:
            cluster.up()
        until = time.monotonic() + 15
        while failing() and time.monotonic() < until:
            time.sleep(0.2)
        assert failing() == {}
