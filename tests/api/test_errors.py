"""The one shape of everything that goes wrong, stated here and asserted for every failure route.

application/problem+json (RFC 9457) with `type` (urn:ldt:problem:…), `title`, `status` (the status of the answer) and
`detail`; `where`, `remedy` and `instance` are texts where they are given. Nothing else tells of our insides.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import orjson
import psycopg
import pytest
from fastapi import APIRouter
from starlette.requests import Request
from starlette.testclient import TestClient

from ldt.api.app import STANDARDS, create_app
from ldt.api.paging import write_token
from ldt.api.standard import Standard

C = "/twins/town/collections/administrative-units"
ITEMS = f"{C}/items"


def assert_problem(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, Any] = answer.json()
    assert problem["type"].startswith("urn:ldt:problem:")
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert set(problem) <= {"type", "title", "status", "detail", "where", "remedy", "instance"}
    assert all(isinstance(v, str) for k, v in problem.items() if k != "status")
    assert "Traceback" not in answer.text
    return problem


def token(*content: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(list(content))).rstrip(b"=").decode()


def made(path: str, *position: Any) -> str:
    """Return a token as the service writes it for a resource without parameters, with a position of ours."""
    request = Request({"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []})
    return write_token(request, 1, position)


NOT_FOUND = [
    "/nowhere",
    "/twins/nowhere",
    "/twins/nowhere/collections",
    "/twins/nowhere/api",
    "/twins/town/nowhere",
    "/twins/town/collections/nowhere",
    "/twins/town/collections/nowhere/items",
    "/twins/town/collections/nowhere/schema",
    "/twins/town/collections/generic-features",  # there is one, but not for everybody
    "/twins/town/collections/generic-features/items/secret.x",
    f"{ITEMS}/nowhere",
    f"{ITEMS}/places.nowhere",
    f"{ITEMS}/secret.x",
    f"{ITEMS}/sites.s1",  # in another collection
    f"{ITEMS}?at=999",
    "/twins/town?at=1900-01-01T00:00:00Z",
    "/id/town/places.nowhere",
    "/id/town/secret.x",
    "/id/nowhere/places.q01",
    "/twins/town/datasets/nowhere",
    "/twins/town/datasets/secret",
    "/twins/town/datasets/secret/outcomes",
    "/twins/town/datasets/nowhere/versions",
    "/twins/town/datastreams/9999",
    "/twins/town/datastreams/x",
    "/twins/town/datastreams/-1",
    "/twins/town/datastreams/99999999999999999999",
    "/twins/town/datastreams/٣",
    "/twins/town/datastreams/9999/observations",
    "/twins//collections",
    f"{ITEMS}/..%2F..%2Fapi",
]
BAD = [
    f"{ITEMS}?limit=0",
    f"{ITEMS}?limit=-1",
    f"{ITEMS}?limit=x",
    f"{ITEMS}?limit=1.5",
    f"{ITEMS}?limit=",
    f"{ITEMS}?limit=1&limit=2",
    f"{ITEMS}?nosuch=1",
    f"{ITEMS}?LIMIT=1",
    f"{C}?limit=1",
    "/?x=1",
    "/twins?limit=1",
    f"{ITEMS}?bbox=",
    f"{ITEMS}?bbox=1,2,3",
    f"{ITEMS}?bbox=1,2,3,4,5",
    f"{ITEMS}?bbox=1,2,3,4,5,6,7",
    f"{ITEMS}?bbox=a,b,c,d",
    f"{ITEMS}?bbox=7,51,8,50",
    f"{ITEMS}?bbox=nan,50,8,51",
    f"{ITEMS}?bbox=7,50,inf,51",
    f"{ITEMS}?bbox=1e999,50,8,51",
    f"{ITEMS}?bbox=7,50,1_0,51",
    f"{ITEMS}?bbox=7,50,9,8,51,1",
    f"{ITEMS}?bbox=700,50,701,51",
    f"{ITEMS}?bbox=7,50,8,51&bbox-crs=EPSG:9999",
    f"{ITEMS}?datetime=",
    f"{ITEMS}?datetime=yesterday",
    f"{ITEMS}?datetime=2013-02-30",
    f"{ITEMS}?datetime=2013-01-01T25:00:00Z",
    f"{ITEMS}?datetime=2014-01-01/2013-01-01",
    f"{ITEMS}?datetime=../..",
    f"{ITEMS}?datetime=2013-01-01T00:00:00",
    f"{ITEMS}?datetime=0000-01-01T00:00:00Z",
    f"{ITEMS}?datetime=99999-01-01T00:00:00Z",
    f"{ITEMS}?at=yesterday",
    f"{ITEMS}?at=2013-01-01",
    f"{ITEMS}?at=other@1",
    f"{ITEMS}?at=-1",
    f"{ITEMS}?at=99999999999999999999",
    f"{ITEMS}?f=shapefile",
    f"{ITEMS}?f=shp",
    "/twins/town?f=geojson",
    f"{ITEMS}?name=%00",
    f"{ITEMS}?name=%FF",
    f"{ITEMS}?%C3=1",
    f"{C}%00",
    "/twins/%FF",
    f"{ITEMS}/places.%00",
    f"{ITEMS}?token=",
    f"{ITEMS}?token=x",
    f"{ITEMS}?token=%C3%A4%C3%A4",
    f"{ITEMS}?token=" + "A" * 5000,
    f"{ITEMS}?token=" + token(),
    f"{ITEMS}?token=" + token(1, 1, "0" * 16, [1, "q01"]),
    f"{ITEMS}?token=" + token(1, True, "0" * 16, [1, "q01"]),
    f"{ITEMS}?token=" + token(2, 1, "0" * 16, [1, "q01"]),
    f"{ITEMS}?token=" + token({"a": 1}),
    "/twins/town/datasets/places/outcomes?outcome=accepted",
    "/twins/town/datasets/places/outcomes?outcome=x",
    "/twins/town/latest?bbox=1,2,3",
    "/twins/town/latest?limit=0",
    "/twins/town/datastreams/1/observations?datetime=x",
    "/twins/town/datastreams?at=x",
    # Ids of datastreams are of 32 bits: what is larger is no id, and must not reach the database.
    f"/twins/town/latest?token={made('/twins/town/latest', 2**40)}",
    f"/twins/town/datastreams?token={made('/twins/town/datastreams', 2**40)}",
    f"/twins/town/datastreams?token={made('/twins/town/datastreams', -1)}",
]


@pytest.mark.parametrize("path", NOT_FOUND)
def test_what_is_not_there_is_404(client: TestClient, path: str) -> None:
    assert_problem(client.get(f"http://testserver{path}"), 404)


@pytest.mark.parametrize("path", BAD)
def test_what_cannot_be_understood_is_400(client: TestClient, path: str) -> None:
    assert_problem(client.get(path), 400)


@pytest.mark.parametrize(
    "path", ["/", "/twins/town", ITEMS, f"{ITEMS}/places.q01", "/twins/town/latest", "/twins/town/datasets"]
)
@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0, */*;q=0", "nonsense"])
def test_no_form_that_both_speak_is_406(client: TestClient, path: str, accept: str) -> None:
    assert_problem(client.get(path, headers={"Accept": accept}), 406)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_what_would_write_is_405(client: TestClient, method: str) -> None:
    answer = client.request(method, ITEMS)
    assert_problem(answer, 405)
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"


def test_an_unknown_parameter_is_told_with_the_known_ones(client: TestClient) -> None:
    problem = assert_problem(client.get(f"{ITEMS}?nosuch=1"), 400)
    assert problem["type"] == "urn:ldt:problem:unknown-parameter"
    assert problem["where"] == "nosuch"
    assert {"limit", "bbox", "datetime", "at", "token", "f", "name", "code"} <= set(
        problem["remedy"].removeprefix("it has: ").split(", ")
    )


def test_a_host_that_is_none_is_400(client: TestClient) -> None:
    for host in ("[", "a b", "x/../y", "evil.example@town", '"'):
        assert_problem(client.get("/", headers={"Host": host}), 400)


def test_a_fault_of_ours_is_500_without_details(town_url: str) -> None:
    router = APIRouter()

    @router.get("/broken")
    def broken() -> None:
        raise RuntimeError("the password is 1234")

    app = create_app(town_url, standards=[*STANDARDS, Standard(router)])
    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/broken")
    assert_problem(answer, 500)
    assert "1234" not in answer.text


@pytest.fixture
def without_database() -> Iterator[TestClient]:
    """A service whose database is not there."""
    address = "postgresql://someone@127.0.0.1:9/secretname?connect_timeout=1"
    with TestClient(create_app(address), raise_server_exceptions=False) as client:
        yield client


def test_without_a_database_it_is_503_and_tells_nothing_of_it(without_database: TestClient) -> None:
    for path in ("/health", "/twins/town"):
        answer = without_database.get(path)
        problem = assert_problem(answer, 503)
        assert int(answer.headers["retry-after"]) > 0
        assert "secretname" not in answer.text
        assert "someone" not in answer.text
        assert problem["type"] == "urn:ldt:problem:store-error"
    assert without_database.get("/").status_code == 200


def test_a_database_without_our_schema_is_503(empty_database_url: str) -> None:
    with TestClient(create_app(empty_database_url), raise_server_exceptions=False) as client:
        answer = client.get("/health")
    assert assert_problem(answer, 503)["detail"] == "the database cannot be used at this moment"
    assert "schema" not in answer.text


def test_the_service_recovers_when_the_database_ends_its_sessions(client: TestClient, town_url: str) -> None:
    for _ in range(3):
        assert client.get("/twins/town").status_code == 200
        with psycopg.connect(town_url, autocommit=True) as conn:
            ended = conn.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE application_name = 'ldt-api' AND datname = current_database()"
            ).fetchone()
        assert ended is not None
        assert ended[0] >= 1
        assert client.get("/twins/town").status_code == 200


def test_a_statement_that_takes_too_long_is_503(town_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.settings import settings

    monkeypatch.setenv("LDT_STATEMENT_TIMEOUT", "0.2")
    settings.cache_clear()
    try:
        app = create_app(town_url)
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    with psycopg.connect(town_url) as conn, TestClient(app, raise_server_exceptions=False) as client:
        conn.execute("LOCK TABLE ldt.dataset IN ACCESS EXCLUSIVE MODE")
        answer = client.get("/twins/town/datasets")
        assert assert_problem(answer, 503)["type"] == "urn:ldt:problem:timeout"
        assert "retry-after" in answer.headers


BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


def test_a_browser_is_told_on_a_page(client: TestClient) -> None:
    answer = client.get(f"{ITEMS}?nosuch=<script>", headers={"Accept": BROWSER})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "This resource has no parameter" in answer.text
    assert "What helps" in answer.text
    assert client.get("/nowhere?f=html").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/%FF", headers={"Accept": BROWSER}).text.startswith("<!doctype html>")


@pytest.mark.parametrize("accept", ["*/*", "application/geo+json", "application/json, text/html;q=0.5", ""])
def test_programs_are_told_in_json(client: TestClient, accept: str) -> None:
    assert_problem(client.get(f"{ITEMS}?nosuch=1", headers={"Accept": accept}), 400)
    assert_problem(client.get(f"{ITEMS}?nosuch=1&f=json", headers={"Accept": BROWSER}), 400)


def test_a_host_that_is_none_is_told_in_json(client: TestClient) -> None:
    assert_problem(client.get("/", headers={"Accept": BROWSER, "Host": "a b"}), 400)
