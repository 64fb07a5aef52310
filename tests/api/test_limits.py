"""Every limit that docs/limits.md states: what is at it is taken, what is beyond is answered as the page says."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import anyio
import pytest
from starlette.testclient import TestClient

from ldt.api.coverages.request import MAX_CELLS
from ldt.api.edr.request import MAX_FEATURES, MAX_VALUES
from ldt.api.formats import bulk
from ldt.api.sketch import _MAX_POINTS
from ldt.settings import settings
from ldt.store.counts import MOST_SORTED

ITEMS = "/twins/town/collections/administrative-units/items"
SERIES = "/twins/town/collections/series.air"
RECORDS = "/twins/town/collections/datasets/items"
PAGE = (Path(__file__).parents[2] / "docs" / "limits.md").read_text("utf-8")


def rows(table: int) -> dict[str, tuple[int, str]]:
    """Return the limit and the answer beyond it, by what is limited, of one of the tables of the page."""
    lines = PAGE.split("| what | limit | beyond it |")[table + 1].strip().splitlines()[1:]
    found = {}
    for line in lines:
        if not line.startswith("|"):
            break
        what, limit, beyond = (cell.strip() for cell in line.strip("|").split("|"))
        found[what] = (int(re.sub(r"\D.*", "", limit.replace(",", ""))), beyond.partition(",")[0])
    return found


def positions(number: int) -> str:
    # A line that never meets itself.
    return ",".join(f"{7 + i / 1e5:.5f} 50" for i in range(number))


def ring(number: int) -> str:
    """Return a polygon of so many vertices, the last being the first."""
    top = [f"{7 + i / 1e5:.5f} 50" for i in range(number - 2)]
    return f"POLYGON(({','.join([*top, '7 51', top[0]])}))"


#: A request that is at a limit, by what is limited.
REQUESTS: dict[str, Callable[[int], tuple[str, dict[str, Any]]]] = {
    "bytes of `filter`": lambda n: (ITEMS, {"filter": "name='" + "x" * (n - 7) + "'"}),
    "levels of `filter`, as text": lambda n: (ITEMS, {"filter": "(" * (n - 2) + "1=1" + ")" * (n - 2)}),
    "positions of the geometries of `filter`": lambda n: (ITEMS, {"filter": f"S_INTERSECTS(geometry,LINESTRING({positions(n)}))"}),
    "keys of `sortby`": lambda n: (ITEMS, {"sortby": ",".join(["name", "code", "scheme", "country", "level", "residence", "parent_code", "parent_scheme", "level_name"][:n])}),
    "degrees of a number of `bbox`": lambda n: (ITEMS, {"bbox": f"{-n},-90,{n},90"}),
    "search terms of `q` (records)": lambda n: (RECORDS, {"q": ",".join(["air"] * n)}),
    "characters of `q` (records)": lambda n: (RECORDS, {"q": "x" * n}),
    "`ids` (records)": lambda n: (RECORDS, {"ids": ",".join(["x"] * n)}),
    "characters of `coords` (EDR)": lambda n: (f"{SERIES}/position", {"coords": "POINT(7 50)" + " " * (n - 11)}),
    "vertices of a polygon or line of `coords` (EDR)": lambda n: (f"{SERIES}/area", {"coords": ring(n)}),
    "points of `coords` (EDR)": lambda n: (f"{SERIES}/position", {"coords": f"MULTIPOINT({','.join(['7 9'] * n)})"}),
    "kilometres of `within` (EDR)": lambda n: (f"{SERIES}/radius", {"coords": "POINT(7 50)", "within": str(n), "within-units": "km"}),
    "`width` and `height` of a picture": lambda n: ("/twins/town/coverages/none/map", {"width": str(n)}),
}  # fmt: skip
#: Those that have a test of their own below.
APART = {
    "`limit` of a page as JSON or HTML",
    "`limit` of items as CSV, FlatGeobuf or GeoParquet",
    "answers as CSV, FlatGeobuf or GeoParquet that a process makes at once",
    "characters of `token`",
}


def test_every_row_is_tried() -> None:
    assert set(rows(0)) == set(REQUESTS) | APART


def sent(client: TestClient, path: str, asked: dict[str, Any]) -> tuple[int, str, bytes]:
    """Return status, media type and body of an answer; the client's library refuses addresses of more than 65,536 characters."""

    async def ask() -> tuple[int, str, bytes]:
        messages: list[Any] = []

        waiting = iter([{"type": "http.request", "body": b"", "more_body": False}])

        async def receive() -> dict[str, Any]:
            for message in waiting:
                return message
            await anyio.sleep_forever()
            raise AssertionError

        async def send(message: Any) -> None:
            messages.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http", "root_path": "",
            "path": path, "raw_path": path.encode(), "query_string": urlencode(asked).encode(), "headers": [(b"host", b"testserver")],
            "server": ("testserver", 80), "client": ("testclient", 1),
        }  # fmt: skip
        await client.app(scope, receive, send)
        start, *rest = messages
        return (
            start["status"],
            dict(start["headers"]).get(b"content-type", b"").decode(),
            b"".join(m.get("body", b"") for m in rest),
        )

    assert client.portal is not None
    return client.portal.call(ask)


@pytest.mark.parametrize("what", REQUESTS)
def test_a_limit(client: TestClient, what: str) -> None:
    limit, beyond = rows(0)[what]
    if what != "points of `coords` (EDR)":  # so many points take minutes
        status, _, body = sent(client, *REQUESTS[what](limit))
        assert status in {200, 204, 404}, body[:300]
    status, media_type, body = sent(client, *REQUESTS[what](limit + 1))
    assert status == int(beyond), body[:300]
    assert media_type == "application/problem+json"


def test_limits_are_cut(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pages, many = rows(0)["`limit` of a page as JSON or HTML"], rows(0)[sorted(APART)[1]]
    assert pages == (settings().max_limit, "cut")
    assert many == (settings().max_bulk_limit, "cut")
    monkeypatch.setattr(settings(), "max_limit", 3)
    monkeypatch.setattr(settings(), "max_bulk_limit", 5)
    assert client.get(f"{ITEMS}?limit=1000000000").json()["numberReturned"] == 3
    assert client.get(f"{ITEMS}?f=csv&limit=1000000000").text.count("\r\n") == 1 + 5


def test_bulk_at_once(client: TestClient) -> None:
    limit, beyond = rows(0)["answers as CSV, FlatGeobuf or GeoParquet that a process makes at once"]
    with ExitStack() as taken:
        for _ in range(limit - 1):
            assert bulk._places.acquire(blocking=False)
            taken.callback(bulk._places.release)
        assert client.get(f"{ITEMS}?f=csv").status_code == 200
        assert bulk._places.acquire(blocking=False)
        taken.callback(bulk._places.release)
        answer = client.get(f"{ITEMS}?f=csv")
        assert answer.status_code == int(beyond)
        assert int(answer.headers["retry-after"]) > 0


def test_the_longest_token(client: TestClient) -> None:
    limit, beyond = rows(0)["characters of `token`"]
    for length, why in ((limit, "not made by this service"), (limit + 1, "too long")):
        answer = client.get(ITEMS, params={"token": "x" * length})
        assert answer.status_code == int(beyond)
        assert why in answer.json()["detail"]


def test_what_depends_on_data_is_what_the_code_says() -> None:
    found = [limit for limit, _ in rows(1).values()]
    seconds = [int(settings().statement_timeout), settings().bulk_timeout, 5]
    assert found == [MAX_VALUES, MAX_FEATURES, MAX_CELLS, MOST_SORTED, *seconds, _MAX_POINTS]
