"""Streams through a real server: a large page comes whole, and one that nobody reads any more gives its connection back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
import pytest
import shapely
import uvicorn
from starlette.testclient import TestClient

from ldt.api.app import create_app

ITEMS = "/twins/town/collections/administrative-units/items"
NUMBER = 6000


@pytest.fixture(scope="module")
def large_url(town_url: str, make_town: Callable[[str], Any]) -> str:
    """The town with 6,000 features more, together about 12 MB."""
    ring = shapely.Point(7, 50).buffer(0.01, quad_segs=16)
    with make_town(town_url) as town:
        town.features(
            {
                f"n{i:05d}": (shapely.affinity.translate(ring, i / 1e4), {"name": f"{i}"})
                for i in range(NUMBER)
            },
            name="many",
        )
    return town_url


@pytest.fixture(scope="module")
def port(large_url: str) -> Iterator[int]:
    """A real server, with two connections to the database."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(create_app(large_url, connections=2), log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield listening.getsockname()[1]
    server.should_exit = True
    thread.join()


def ask(port: int, path: str) -> socket.socket:
    asked = socket.create_connection(("127.0.0.1", port), timeout=20)
    asked.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    return asked


def test_a_large_page_is_streamed_whole(large_url: str) -> None:
    with (
        TestClient(create_app(large_url)) as client,
        client.stream("GET", f"{ITEMS}?limit=10000", headers={"Accept-Encoding": "identity"}) as answer,
    ):
        assert "content-length" not in answer.headers
        assert answer.headers["content-crs"]
        document = orjson.loads(b"".join(answer.iter_raw()))
    assert document["numberReturned"] == document["numberMatched"] == NUMBER + 25
    assert len({f["id"] for f in document["features"]}) == NUMBER + 25
    assert "next" not in {one["rel"] for one in document["links"]}


def test_a_streamed_page_leads_to_the_next(large_url: str) -> None:
    with TestClient(create_app(large_url)) as client:
        first = client.get(f"{ITEMS}?limit=4000").json()
        to = next(one["href"] for one in first["links"] if one["rel"] == "next")
        second = client.get(to).json()
    seen = [f["id"] for page in (first, second) for f in page["features"]]
    assert len(seen) == len(set(seen)) == NUMBER + 25
    assert second["numberReturned"] == NUMBER + 25 - 4000


def test_head_of_a_stream_has_no_body(large_url: str) -> None:
    with TestClient(create_app(large_url)) as client:
        answer = client.head(f"{ITEMS}?limit=10000")
    assert (answer.status_code, answer.content) == (200, b"")


def test_clients_that_go_away_give_their_connections_back(port: int, large_url: str) -> None:
    # Five times as many as there are connections; each reads a little and leaves.
    for _ in range(10):
        with ask(port, f"{ITEMS}?limit=10000") as asked:
            assert asked.recv(1000).startswith(b"HTTP/1.1 200")
    with ask(port, "/twins/town/collections") as asked:
        assert asked.recv(1000).startswith(b"HTTP/1.1 200")
    for _ in range(100):
        with psycopg.connect(large_url) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ldt-api'"
                " AND datname = current_database() AND state <> 'idle'"
            ).fetchone()
        if row == (0,):
            break
        time.sleep(0.05)
    assert row == (0,)


def test_when_all_connections_are_taken_it_is_503(port: int) -> None:
    readers = [ask(port, f"{ITEMS}?limit=10000") for _ in range(2)]
    try:
        for one in readers:
            assert one.recv(100).startswith(b"HTTP/1.1 200")
        with ask(port, "/twins/town") as asked:
            assert asked.recv(100).startswith(b"HTTP/1.1 503")
    finally:
        for one in readers:
            one.close()


def test_a_stream_that_breaks_off_is_not_taken_for_a_whole_one(port: int, large_url: str) -> None:
    with ask(port, f"{ITEMS}?limit=10000") as asked:
        got = asked.recv(1000)
        with psycopg.connect(large_url, autocommit=True) as conn:
            conn.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ldt-api'"
                " AND datname = current_database()"
            )
        while part := asked.recv(1 << 16):
            got += part
    assert not got.endswith(b"0\r\n\r\n")  # the last chunk, which ends a whole answer
    with ask(port, "/twins/town") as asked:
        assert asked.recv(100).startswith(b"HTTP/1.1 200")


def test_a_cursor_ends_before_its_transaction(large_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.store import pages as store

    real, seen = store.page, []

    def watched(conn: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            yield from real(conn, *args, **kwargs)
        finally:
            seen.append(conn.info.transaction_status.name)

    monkeypatch.setattr(store, "page", watched)
    with TestClient(create_app(large_url)) as client:
        for query in ("limit=2&f=html", "limit=5000"):  # sent in one piece; streamed
            # Read to the end, the generator would close by itself: there is always more than is asked for.
            assert client.get(f"{ITEMS}?{query}").status_code == 200
            assert len(seen) == 1
            assert seen.pop() in {"INTRANS", "ACTIVE"}
