"""The hot path answers as the usual way does, and nothing that is remembered outlives a change of data or of access."""

from __future__ import annotations

import asyncio
import re
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import psycopg
import pytest
import uvicorn
from starlette.testclient import TestClient

from ldt.api import routes
from ldt.api.app import create_app
from ldt.api.features import features
from ldt.api.leaving import left
from ldt.model.snapshot import OPERATOR
from ldt.store.statements import Statement, Statements

ITEMS = "/twins/town/collections/administrative-units/items"
SITES = "/twins/town/collections/protected-sites/items"


@pytest.fixture
def both(town_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[TestClient, TestClient]]:
    """A client of the service as it is, and of one without the hot path."""
    with TestClient(create_app(town_url), raise_server_exceptions=False) as quick:

        async def never(request: Any) -> None:
            return None

        for endpoint in (features.items, features.item):
            monkeypatch.setitem(routes._HANDLERS, endpoint, never)
        with TestClient(create_app(town_url), raise_server_exceptions=False) as usual:
            monkeypatch.undo()
            yield quick, usual


@pytest.mark.parametrize(
    "address",
    [
        f"{ITEMS}", f"{ITEMS}?limit=3", f"{ITEMS}?limit=25", f"{ITEMS}?limit=24&crs=EPSG:3035", f"{ITEMS}?bbox=7,50,7.05,51&limit=2",
        f"{ITEMS}?bbox=7,50,7.05,51", f"{ITEMS}?bbox=8,50,9,51", f"{ITEMS}?datetime=2000-01-01", f"{SITES}?datetime=1995-01-01",
        f"{SITES}?datetime=2005-01-01", f"{ITEMS}?sortby=-code&limit=4", f"{ITEMS}?properties=code&limit=4", f"{ITEMS}?code=03",
        f"{ITEMS}?filter=code>'20'", f"{ITEMS}?filter=code>'20'&limit=2", f"{ITEMS}?at=2", f"{ITEMS}?at=99", f"{ITEMS}?at=x", f"{ITEMS}?limit=0",
        f"{ITEMS}?no-such=1", f"{ITEMS}?code=1&code=2", f"{ITEMS}?token=x", f"{ITEMS}?f=xml", f"{ITEMS}?f=html",
        f"{ITEMS}/places.q03", f"{ITEMS}/places.q03?crs=EPSG:25832", f"{ITEMS}/places.q99", f"{ITEMS}/sites.s1", f"{ITEMS}/q03",
        f"{ITEMS}/places.q03?limit=1", f"{SITES}/sites.s2", f"{SITES}/sites.s1?f=json", "/twins/town/collections/none/items",
        "/twins/none/collections/administrative-units/items", "/twins/town/collections/generic-features/items/secret.x",
    ],
)  # fmt: skip
def test_both_ways_answer_alike(both: tuple[TestClient, TestClient], address: str) -> None:
    pages = 0
    addresses = [address]
    while addresses and pages < 4:
        quick, usual = (c.get(addresses[0]) for c in both)
        assert (quick.status_code, without_time(quick.text)) == (usual.status_code, without_time(usual.text))
        assert dict(quick.headers) | {"content-length": ""} == dict(usual.headers) | {"content-length": ""}
        links = quick.json().get("links", ()) if "json" in quick.headers["content-type"] else ()
        addresses, pages = [one["href"] for one in links if one["rel"] == "next"], pages + 1


def without_time(text: str) -> str:
    return re.sub(r'"timeStamp":"[^"]+"', "", text)


def test_plain_questions_take_the_hot_path(town_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    real = Statements.run

    async def watched(self: Statements, statement: Statement, given: Any, gone: Any = None) -> Any:
        asked.append(statement)
        return await real(self, statement, given, gone)

    monkeypatch.setattr(Statements, "run", watched)
    with TestClient(create_app(town_url)) as client:
        for address in (
            ITEMS,
            f"{ITEMS}?bbox=7,50,7.2,51",
            f"{ITEMS}/places.q03",
            f"{ITEMS}?filter=code='03'",
        ):
            for _ in range(3):
                asked.clear()
                assert client.get(address, headers={"Accept": "*/*"}).status_code == 200
            assert len(asked) == 1, address


def test_a_change_of_access_is_seen_at_once(own_town: Any) -> None:
    town, client = own_town
    one = f"{ITEMS}/places.q03"
    first = client.get(ITEMS)
    assert client.get(one).status_code == 200
    for access, status in (("restricted", 404), ("open", 200), ("confidential", 404)):
        town.conn.execute("UPDATE ldt.dataset SET access = %s WHERE name = 'places'", (access,))
        assert client.get(ITEMS).status_code == status
        assert client.get(one).status_code == status
        again = client.get(ITEMS, headers={"If-None-Match": first.headers["etag"]})
        assert again.status_code == status  # not 304: whoever has the tag may not see it any more


def test_what_one_may_see_is_not_remembered_for_another(town_url: str) -> None:
    path = "/twins/town/collections/generic-features/items"

    def caller(request: Any) -> Any:
        return OPERATOR if request.headers.get("x-who") == "operator" else frozenset()

    with TestClient(create_app(town_url, caller=caller)) as client:
        for _ in range(3):
            assert client.get(path, headers={"X-Who": "operator"}).json()["numberReturned"] == 1
            assert client.get(f"{path}/secret.x", headers={"X-Who": "operator"}).status_code == 200
            assert client.get(path).status_code == 404
            assert client.get(f"{path}/secret.x").status_code == 404


def test_new_versions_removals_and_new_twins_are_seen_at_once(own_town: Any, quarters: Any) -> None:
    town, client = own_town
    assert client.get(f"{ITEMS}?limit=100").json()["numberMatched"] == 25
    town.features(dict(list(quarters.items())[:20]))
    assert client.get(f"{ITEMS}?limit=5").json()["numberMatched"] == 20
    town.conn.execute("UPDATE ldt.dataset SET removed = '{[0,)}' WHERE name = 'places'")
    assert client.get(ITEMS).status_code == 404
    assert client.get(f"{SITES}?limit=1").json()["numberReturned"] == 1
    town.conn.execute("UPDATE ldt.twin SET name = 'other' WHERE name = 'town'")
    assert client.get(f"{SITES}?limit=1").status_code == 404
    assert client.get(f"{SITES.replace('town', 'other')}?limit=1").status_code == 200


def test_a_pruned_state_that_is_remembered_is_410(own_town: Any, quarters: Any) -> None:
    town, client = own_town
    town.features(dict(list(quarters.items())[:20]))
    assert client.get(f"{ITEMS}?at=5").json()["numberMatched"] == 25
    town.conn.execute("UPDATE ldt.version SET pruned = true WHERE version = 1 AND added = 25")
    assert client.get(f"{ITEMS}?at=5").status_code == 410


def test_it_recovers_from_lost_connections(own_town: Any) -> None:
    town, client = own_town
    for _ in range(3):
        assert client.get(ITEMS).status_code == 200
        town.conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ldt-api'"
            " AND datname = current_database()"
        )
    assert client.get(ITEMS).status_code == 200


# Statements ---------------------------------------------------------------------------------------------------

SLEEP = Statement(b"SELECT pg_sleep($1::float8)::text", ("seconds",), {}, kept=False)
ECHO = Statement(b"SELECT $1::int8 + $2::int8", ("a", "b"), {"b": 1})


def test_many_at_once_share_few_connections(town_url: str) -> None:
    async def ask() -> list[int]:
        statements = Statements(town_url, statement_timeout=5, size=2)
        found = await asyncio.gather(*(statements.run(ECHO, {"a": i}) for i in range(50)))
        opened = statements._opened
        statements.close()
        assert opened == 2
        return [int.from_bytes(r.get_value(0, 0) or b"") for r in found]

    assert asyncio.run(ask()) == [i + 1 for i in range(50)]


def test_a_statement_that_takes_too_long_ends_and_the_next_one_runs(town_url: str) -> None:
    from ldt.errors import Timeout

    async def ask() -> bytes | None:
        statements = Statements(town_url, statement_timeout=0.2, size=1)
        with pytest.raises(Timeout):
            await statements.run(SLEEP, {"seconds": 20})
        found = await statements.run(ECHO, {"a": 1})
        statements.close()
        return found.get_value(0, 0)

    assert asyncio.run(ask()) == (2).to_bytes(8)


def test_a_client_that_goes_away_ends_its_statement(town_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(request: Any) -> Any:
        await request.app.state.service.statements.run(SLEEP, {"seconds": 25}, partial(left, request.receive))

    monkeypatch.setitem(routes._HANDLERS, features.items, slow)
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(create_app(town_url), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    asked = socket.create_connection(listening.getsockname())
    asked.sendall(f"GET {ITEMS} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    try:
        assert sleeping(town_url, 1)
        asked.close()
        assert sleeping(town_url, 0)
    finally:
        server.should_exit = True
        thread.join()


def sleeping(url: str, number: int) -> bool:
    """Wait at most five seconds until so many statements sleep in the database."""
    for _ in range(100):
        with psycopg.connect(url) as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active'"
                " AND query LIKE 'SELECT pg_sleep%%'",
            ).fetchone()
        if row == (number,):
            return True
        time.sleep(0.05)
    return False
