"""The client of all services, against a real server: what it tries again, what it keeps, and what it never tells."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import IO, Any

import httpx2
import pytest
from tests.sources.services.server import Asked, Reply, serving

from ldt.errors import RecipeError, ServiceError
from ldt.settings import settings
from ldt.sources.services.cache import Cache
from ldt.sources.services.http import USER_AGENT, Client
from ldt.sources.services.service import Service

BODY = bytes(range(256)) * 40


def test_an_answer_goes_into_a_file_and_says_who_asks(client: Client) -> None:
    with serving(lambda _: Reply(BODY, kind="application/zip")) as server:
        answer = client.get(
            f"{server.url}/a.zip", params={"x": "1 2"}, headers={"X-Note": "ä".encode().hex()}, suffix=".zip"
        )
    assert answer.path.read_bytes() == BODY
    assert (answer.path.suffix, answer.status, answer.content_type, answer.cached) == (
        ".zip",
        200,
        "application/zip",
        False,
    )
    assert server.asked[0].query == {"x": "1 2"}
    assert server.asked[0].headers["user-agent"] == USER_AGENT


def test_what_did_not_change_does_not_travel_again(client: Client) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"v1"':
            return Reply(status=304)
        return Reply(BODY, headers={"ETag": '"v1"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"})

    with serving(answer) as server:
        first = client.get(server.url)
        again = client.get(server.url)
    assert (first.cached, again.cached) == (False, True)
    assert again.path == first.path
    assert again.path.read_bytes() == BODY
    assert again.fetched > first.fetched
    assert server.asked[1].headers["if-modified-since"] == "Sun, 22 Nov 2026 10:00:00 GMT"


def test_another_answer_is_another_file_and_the_time_of_the_answer_makes_none(client: Client) -> None:
    bodies = iter(
        [
            '{"features": [], "timeStamp": "2026-11-22T10:00:00Z"}',
            '{"features": [], "timeStamp": "2026-11-22T10:00:01Z"}',
            '{"features": [1], "timeStamp": "2026-11-22T10:00:02Z"}',
        ]
    )
    with serving(lambda _: Reply(next(bodies))) as server:
        answers = [client.get(server.url, suffix=".json") for _ in range(3)]
    assert [a.cached for a in answers] == [False, True, False]
    assert answers[0].digest == answers[1].digest != answers[2].digest
    assert answers[0].path.read_text().endswith('00Z"}')


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(client: Client, status: int) -> None:
    replies = iter([Reply(status=status), Reply(status=status), Reply(b"good")])
    with serving(lambda _: next(replies)) as server:
        assert client.get(server.url).content() == b"good"
    assert len(server.asked) == 3


def test_it_comes_back_when_it_was_told_to(client: Client) -> None:
    then = format_datetime(datetime.now(UTC) + timedelta(seconds=2), usegmt=True)
    replies = iter(
        [
            Reply(status=503, headers={"Retry-After": "1"}),
            Reply(status=503, headers={"Retry-After": then}),
            Reply(b""),
        ]
    )
    begun = time.monotonic()
    with serving(lambda _: next(replies)) as server:
        client.get(server.url)
    assert 1.0 <= time.monotonic() - begun < 4


def test_who_asks_for_too_much_patience_is_reported(client: Client) -> None:
    with (
        serving(lambda _: Reply(status=429, headers={"Retry-After": "86400"})) as server,
        pytest.raises(ServiceError) as error,
    ):
        client.get(server.url)
    assert "86,400 seconds" in str(error.value)
    assert len(server.asked) == 1


@pytest.mark.parametrize(
    ("status", "body", "told"),
    [
        (404, "<html><head><title>Not  here</title></head></html>", "answers 404: Not here"),
        (400, '{"code": "x", "description": "no such bbox"}', "answers 400: no such bbox"),
        (
            400,
            "<ows:ExceptionReport><ows:Exception><ows:ExceptionText>Cannot do natural order without a primary key</ows:ExceptionText>",
            "answers 400: Cannot do natural order without a primary key",
        ),
        (401, "", "check the credentials"),
    ],
)
def test_a_refusal_is_final_and_in_the_services_own_words(
    client: Client, status: int, body: str, told: str
) -> None:
    with serving(lambda _: Reply(body, status=status)) as server, pytest.raises(ServiceError) as error:
        client.get(server.url)
    assert told in str(error.value)
    assert error.value.extra["answered"] == status
    assert len(server.asked) == 1


def test_a_download_that_broke_off_goes_on_where_it_stopped(client: Client) -> None:
    def answer(asked: Asked) -> Reply:
        headers = {"ETag": '"v1"', "Accept-Ranges": "bytes"}
        if asked.headers.get("if-range") == '"v1"':
            start = int(asked.headers["range"].removeprefix("bytes=").removesuffix("-"))
            part = BODY[start:]
            headers["Content-Range"] = f"bytes {start}-{len(BODY) - 1}/{len(BODY)}"
            return Reply(part, status=206, headers=headers, cut=3000 if len(part) > 5000 else None)
        return Reply(BODY, headers=headers, cut=4000)

    with serving(answer) as server:
        assert client.get(server.url).content() == BODY
    ranges = [a.headers.get("range") for a in server.asked]
    assert ranges[0] is None
    assert ranges[1:3] == ["bytes=4000-", "bytes=7000-"]
    assert len(ranges) == 3


def test_what_changed_between_the_parts_is_fetched_from_its_beginning(client: Client) -> None:
    other = b"other" * 2000
    replies = iter(
        [
            Reply(BODY, headers={"ETag": '"v1"', "Accept-Ranges": "bytes"}, cut=4000),
            Reply(other, headers={"ETag": '"v2"', "Accept-Ranges": "bytes"}),
        ]
    )
    with serving(lambda _: next(replies)) as server:
        assert client.get(server.url).content() == other


def test_parts_are_not_put_together_where_nothing_says_that_they_fit(client: Client) -> None:
    replies = iter([Reply(BODY, headers={"ETag": 'W/"v1"', "Accept-Ranges": "bytes"}, cut=4000), Reply(BODY)])
    with serving(lambda _: next(replies)) as server:
        assert client.get(server.url).content() == BODY
    assert "range" not in server.asked[1].headers


def test_a_truncated_answer_is_none(client: Client) -> None:
    with serving(lambda _: Reply(BODY, cut=100)) as server, pytest.raises(ServiceError, match="broke off"):
        client.get(server.url)
    assert len(server.asked) == 5


def test_too_much_is_refused_while_it_comes(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_MAX_SOURCE_BYTES", "5000")
    settings.cache_clear()
    try:
        with (
            serving(lambda _: Reply(BODY)) as server,
            pytest.raises(ServiceError, match="LDT_MAX_SOURCE_BYTES"),
        ):
            client.get(server.url)
    finally:
        monkeypatch.undo()
        settings.cache_clear()


def test_credentials_are_in_the_request_and_in_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("CITY_KEY", "s3cr t/+é")
    replies = iter([Reply(BODY), Reply("<title>s3cr t/+é is wrong</title>", status=400)])
    with serving(lambda _: next(replies)) as server, Client(tmp_path / "c", rate=1000) as client:
        address = server.url.replace("http://", "http://me:hidden@") + "/f?token=abcdef"
        said = Service(
            protocol="http",
            url=address,
            parameters={"k": "${CITY_KEY}"},
            headers={"X-Api-Key": "${CITY_KEY}"},
        )
        service = client.filled(said)
        answer = client.get(service.url, params=service.parameters, headers=service.headers)
        with pytest.raises(ServiceError) as error:
            client.get(service.url, params={**service.parameters, "again": 1})
    assert server.asked[0].query["k"] == "s3cr t/+é"
    assert server.asked[0].query["token"] == "abcdef"
    kept = b"".join(p.read_bytes() for p in (tmp_path / "c" / "requests").iterdir())
    for text in (answer.url, str(error.value), repr(error.value.problem()), caplog.text, kept.decode()):
        assert not any(s in text for s in ("s3cr", "%2F%2B", "hidden", "abcdef")), text
    assert answer.url.endswith("/f?token=***&k=${CITY_KEY}")


@pytest.mark.parametrize(
    "said",
    [
        {"headers": {"Authorization": "Bearer ${LDT_NO_SUCH_KEY}"}},
        {"parameters": {"key": "${LDT_NO_SUCH_KEY}"}},
        {"url": "https://example.org/?key=${LDT_NO_SUCH_KEY}"},
        {"layer": "${LDT_NO_SUCH_KEY}"},
    ],
    ids=str,
)
def test_a_missing_variable_is_named(client: Client, said: dict[str, Any]) -> None:
    with pytest.raises(RecipeError, match="environment variable LDT_NO_SUCH_KEY"):
        client.filled(Service(protocol="http", **{"url": "https://example.org/", **said}))


def test_a_key_in_an_address_is_encoded_and_an_address_of_its_own_is_not(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_KEY", "a+b&c=d")
    monkeypatch.setenv("CITY_URL", "https://example.org/wfs")
    assert (
        client.filled_address("${CITY_URL}/x?key=${CITY_KEY}")
        == "https://example.org/wfs/x?key=a%2Bb%26c%3Dd"
    )


def test_a_new_key_finds_what_the_old_one_was_answered(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = Service(protocol="http", url="http://x", parameters={"k": "${CITY_KEY}"})
    with serving(lambda _: Reply(BODY)) as server:
        for key, cached in (("old1", False), ("new2", True)):
            monkeypatch.setenv("CITY_KEY", key)
            assert client.get(server.url, params=client.filled(said).parameters).cached is cached
    assert [a.query["k"] for a in server.asked] == ["old1", "new2"]


def test_a_redirect_to_another_host_takes_no_credentials_along(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CITY_KEY", "s3cret")
    headers = {
        "Authorization": "Bearer ${CITY_KEY}",
        "X-Api-Key": "${CITY_KEY}",
        "X-Other": "a ${CITY_KEY}",
        "Accept": "text/csv",
    }
    headers = client.filled(Service(protocol="http", url="http://x", headers=headers)).headers
    with serving(lambda _: Reply(b"there")) as other:
        moved = Reply(status=302, headers={"Location": f"{other.url}/file?signature=xyz"})
        with serving(
            lambda a: moved if a.path == "/away" else Reply(status=302, headers={"Location": "/away"})
        ) as server:
            answer = client.get(f"{server.url}/here", headers=headers)
    assert answer.content() == b"there"
    assert [a.headers["x-api-key"] for a in server.asked] == ["s3cret", "s3cret"]
    assert other.asked[0].headers["accept"] == "text/csv"
    assert not {"authorization", "x-api-key", "x-other"} & set(other.asked[0].headers)
    assert answer.url == f"{other.url}/file?signature=***"


def test_a_redirect_in_a_circle_ends(client: Client) -> None:
    with (
        serving(lambda _: Reply(status=302, headers={"Location": "/"})) as server,
        pytest.raises(ServiceError, match="redirects more than"),
    ):
        client.get(server.url)


@pytest.mark.parametrize(
    "address", ["ftp://example.org/a", "file:///etc/passwd", "https://", "nothing", "http://[::1"]
)
def test_what_is_no_address_is_not_asked(client: Client, address: str) -> None:
    with pytest.raises(ServiceError):
        client.get(address)


def test_nobody_there_is_an_error_with_a_remedy_and_offline_reads_what_is_kept(tmp_path: Path) -> None:
    with serving(lambda _: Reply(b"kept")) as server, Client(tmp_path, rate=1000) as client:
        client.get(server.url)
    with (
        Client(tmp_path, patience=0.01, attempts=2) as client,
        pytest.raises(ServiceError, match="--offline"),
    ):
        client.get(server.url)
    with Client(tmp_path, offline=True) as client:
        assert client.get(server.url).content() == b"kept"
        with pytest.raises(ServiceError, match="nothing is kept"):
            client.get(server.url, params={"page": 2})


def test_one_host_is_asked_no_faster_than_its_rate(tmp_path: Path) -> None:
    with serving(lambda _: Reply(b"")) as server, Client(tmp_path, rate=20) as client:
        begun = time.monotonic()
        for _ in range(5):
            client.get(server.url)
        assert time.monotonic() - begun >= 4 / 20


def test_the_cache_is_bounded_and_what_was_just_asked_for_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda a: Reply(a.path.encode() * 1000)) as server:
        with Client(tmp_path, rate=1000) as client:
            for name in "abc":
                client.get(f"{server.url}/{name}")
        monkeypatch.setenv("LDT_SERVICE_CACHE_BYTES", "1")
        settings.cache_clear()
        try:
            with Client(tmp_path, rate=1000) as client:
                kept = client.get(f"{server.url}/a")
        finally:
            monkeypatch.undo()
            settings.cache_clear()
    assert list((tmp_path / "bodies").iterdir()) == [kept.path]


def test_two_that_get_the_same_do_not_write_into_one_another(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    with cache.part("k") as first, cache.part("k") as second:
        first.file.write(b"one")
        second.file.write(b"two, longer")
        answer = {
            "url": "u",
            "status": 200,
            "content_type": "",
            "etag": None,
            "last_modified": None,
            "headers": {},
        }
        kept = [cache.keep("k", part, ".bin", answer) for part in (first, second)]
    assert [cache.body(k).read_bytes() for k in kept] == [b"one", b"two, longer"]
    assert not list((tmp_path / "parts").iterdir())


def test_head_is_enough_to_look_and_get_where_it_is_not_known(client: Client) -> None:
    with serving(
        lambda a: Reply(status=405) if a.method == "HEAD" else Reply(b"x", kind="text/html")
    ) as server:
        seen = client.look(server.url)
    assert (seen.status, seen.content_type, seen.moved_to) == (200, "text/html", None)
    with serving(
        lambda a: Reply() if a.path == "/new" else Reply(status=301, headers={"Location": "/new"})
    ) as server:
        assert client.look(f"{server.url}/old").moved_to == f"{server.url}/new"


def test_less_than_was_promised_is_no_answer_whatever_carries_it(tmp_path: Path) -> None:
    """On HTTP/1.1 the library below notices; a proxy's or a recorded answer may be short without that."""

    def short(_: httpx2.Request) -> httpx2.Response:
        return httpx2.Response(200, headers={"Content-Length": "100"}, stream=httpx2.ByteStream(b"x" * 50))

    with (
        Client(tmp_path, transport=httpx2.MockTransport(short), patience=0.01, attempts=2) as client,
        pytest.raises(ServiceError, match="50 of 100 bytes came"),
    ):
        client.get("https://example.org/a")


def test_a_part_that_another_kept_meanwhile_is_not_written_into(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between our opening the file and locking it, another process may have made it the answer's body."""

    def kept_first(file: IO[bytes], how: int) -> None:
        (tmp_path / "parts" / "k").replace(tmp_path / "body")
        (tmp_path / "parts" / "k").touch()

    monkeypatch.setattr("ldt.sources.services.cache.fcntl.flock", kept_first)
    with Cache(tmp_path).part("k") as part:
        part.file.write(b"more")
        part.file.flush()
        assert not part.shared
    assert (tmp_path / "body").read_bytes() == b""
