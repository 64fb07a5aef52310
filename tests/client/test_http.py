"""What goes over the wire: pinned, patient, told in the service's own words. Against answers that are made up here."""

from __future__ import annotations

from typing import Any

import httpx2
import pytest

from ldt.client import BadAnswer, Gone, NotFound, Refused, ServiceFault, Twin, Unreachable, http

LANDING: dict[str, Any] = {
    "name": "town",
    "title": "A <town>",
    "snapshot": "town@7",
    "revision": 7,
    "committed": "2026-01-31T12:00:00Z",
    "links": [],
}


class Service:
    """Answers by path; keeps what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.asked: list[httpx2.URL] = []
        self.answers = {"twins/town": LANDING, **answers}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request.url)
        found = self.answers.get(request.url.path.strip("/"))
        if isinstance(found, list):
            found = found.pop(0)
        if isinstance(found, Exception):
            raise found
        if isinstance(found, httpx2.Response):
            return found
        if found is None:
            return problem(404, "there is nothing at this address")
        return httpx2.Response(200, json=found)

    def twin(self, at: str | int | None = None) -> Twin:
        return Twin("http://city.test/twins/town/", at, transport=httpx2.MockTransport(self))


def problem(status: int, detail: str, **more: Any) -> httpx2.Response:
    headers = {"content-type": "application/problem+json", **more.pop("headers", {})}
    return httpx2.Response(status, json={"detail": detail, "status": status, **more}, headers=headers)


def test_every_request_asks_for_the_state_of_the_first() -> None:
    service = Service(
        **{"twins/town/datasets": {"datasets": []}, "twins/town/indicators": {"indicators": []}}
    )
    twin = service.twin()
    assert (twin.snapshot, twin.name, twin.title) == ("town@7", "town", "A <town>")
    twin.datasets()
    twin.indicators()
    assert [dict(u.params) for u in service.asked] == [{}, {"at": "7"}, {"at": "7"}]


def test_a_past_state_is_looked_up_once_and_asked_for_by_its_revision() -> None:
    service = Service(**{"twins/town/datasets": {"datasets": []}})
    service.twin("2026-02-01T00:00:00Z").datasets()
    assert [u.params.get("at") for u in service.asked] == [None, "2026-02-01T00:00:00Z", "7"]


def test_of_a_service_with_one_twin_it_is_that_one() -> None:
    entry = {"title": "s", "links": [{"rel": "data", "href": "http://city.test/twins"}]}
    service = Service(**{"": entry, "twins": {"twins": [{"name": "town"}]}})
    transport = httpx2.MockTransport(service)
    assert Twin("http://city.test", transport=transport).url == "http://city.test/twins/town"
    service.answers["twins"] = {"twins": [{"name": "a"}, {"name": "b"}]}
    with pytest.raises(Refused, match=r"http://city.test/twins/a, http://city.test/twins/b"):
        Twin("http://city.test/", transport=transport)


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, Refused), (404, NotFound), (410, Gone), (413, Refused), (500, ServiceFault), (503, Unreachable)],
)
def test_an_error_says_what_the_service_says(status: int, kind: type[Exception]) -> None:
    told = problem(status, "what failed", where="bbox", remedy="do this")
    with pytest.raises(kind) as caught:
        Service(**{"twins/town/datasets": told}).twin().datasets()
    assert type(caught.value) is kind
    assert str(caught.value) == "bbox: what failed (do this)"
    assert (caught.value.status, caught.value.remedy) == (status, "do this")  # type: ignore[attr-defined]
    assert caught.value.url.endswith("/twins/town/datasets?at=7")  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(502, text="<html>proxy</html>", headers={"content-type": "text/html"}),
        httpx2.Response(500, text="{", headers={"content-type": "application/json"}),
        httpx2.Response(500, text="[]", headers={"content-type": "application/json"}),
    ],
)
def test_an_error_without_a_problem_is_told_by_its_status(answer: httpx2.Response) -> None:
    with pytest.raises(ServiceFault, match=f"status {answer.status_code}"):
        Service(**{"twins/town/datasets": answer}).twin().datasets()


@pytest.mark.parametrize("content", ["<html></html>", "[1]", "", "nul"])
def test_what_is_no_document_is_no_answer_of_ldt(content: str) -> None:
    answer = httpx2.Response(200, text=content, headers={"content-type": "text/html"})
    with pytest.raises(BadAnswer, match="is it an LDT service"):
        Service(**{"twins/town": answer}).twin()


@pytest.mark.parametrize("landing", [{"links": []}, {"snapshot": "x"}])
def test_a_landing_page_of_something_else_is_told(landing: dict[str, Any]) -> None:
    with pytest.raises(BadAnswer, match="twin"):
        Service(**{"twins/town": landing}).twin()


@pytest.mark.parametrize("address", ["", "city", "ftp://city.test", "http://"])
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(Unreachable):
        Twin(address)


def test_nobody_there_is_told_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "RETRIES", 1)
    with pytest.raises(Unreachable, match=r"http://127.0.0.1:9 gives no answer.*ldt serve"):
        Twin("http://127.0.0.1:9")


def test_a_service_that_is_away_is_asked_again_when_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("ldt.client.http.time.sleep", waited.append)

    def away(after: str | None) -> httpx2.Response:
        headers = {"Retry-After": after} if after else {}
        return problem(503, "the database cannot be used", headers=headers)

    service = Service(**{"twins/town/datasets": [away("2"), away("5"), {"datasets": []}]})
    assert service.twin().datasets().empty
    assert waited == [2, 5]
    for header in (None, "Wed, 21 Oct 2026 07:28:00 GMT", "3600"):
        service = Service(**{"twins/town/datasets": [away(header), {"datasets": []}]})
        with pytest.raises(Unreachable, match="cannot be used"):
            service.twin().datasets()
    assert waited == [2, 5]
    busy = problem(429, "too many requests", headers={"Retry-After": "1"})
    with pytest.raises(Refused, match="too many"):
        Service(**{"twins/town/datasets": [busy, {"datasets": []}]}).twin().datasets()
    assert waited == [2, 5]
    service = Service(**{"twins/town/datasets": [away("1") for _ in range(http.RETRIES + 1)]})
    with pytest.raises(Unreachable):
        service.twin().datasets()
    assert waited == [2, 5] + [1] * http.RETRIES


def test_a_slow_service_is_told() -> None:
    with pytest.raises(Unreachable, match="ReadTimeout"):
        Service(**{"twins/town/datasets": httpx2.ReadTimeout("")}).twin().datasets()


def page(*numbers: int, following: str | None = None) -> dict[str, Any]:
    ways = [{"rel": "next", "href": following}] if following else []
    rows = [
        {"datastream": n, "thing": f"S{n}", "observed_property": "NO2", "averaging": "PT1H", "dataset": "air"}
        for n in numbers
    ]
    return {"datastreams": rows, "links": ways}


def test_pages_are_read_to_the_last_and_no_page_twice() -> None:
    to = "http://city.test/twins/town/datastreams?at=7&limit=10000&token=x"
    service = Service(**{"twins/town/datastreams": [page(1, 2, following=to), page(3)]})
    assert list(service.twin().datastreams().index) == [1, 2, 3]
    assert str(service.asked[-1]) == to
    round_and_round = Service(**{"twins/town/datastreams": [page(1, following=to) for _ in range(3)]})
    with pytest.raises(BadAnswer, match="circle"):
        round_and_round.twin().datastreams()


def test_a_part_of_an_address_cannot_lead_elsewhere() -> None:
    service = Service()
    twin = service.twin()
    for name in ("../../x", "a/b", "a?at=1", "ö"):
        with pytest.raises(NotFound):
            twin.definition(name)
    assert [u.raw_path.decode() for u in service.asked[1:]] == [
        f"/twins/town/indicators/{name}?at=7" for name in ("..%2F..%2Fx", "a%2Fb", "a%3Fat%3D1", "%C3%B6")
    ]


def test_how_it_shows_itself() -> None:
    twin = Service().twin()
    assert repr(twin) == "Twin('http://city.test/twins/town', at='town@7')"
    shown = twin._repr_html_()
    assert "A &lt;town&gt;" in shown
    assert "2026-01-31 12:00:00 UTC" in shown
    assert "town@7" in shown


def test_a_limit_holds_whatever_size_the_pages_have() -> None:
    path = "twins/town/indicators/i/values/v/lineage/records"
    following = [{"rel": "next", "href": f"http://city.test/{path}?token=x"}]
    first = {"records": [{"row": 1}, {"row": 2}], "links": following}
    second = {"records": [{"row": 3}, {"row": 4}], "links": following}
    for limit, expected in ((1, [1]), (2, [1, 2]), (3, [1, 2, 3]), (4, [1, 2, 3, 4])):
        service = Service(**{path: [first, second]})
        assert list(service.twin().records("i", "v", limit=limit)["row"]) == expected
        assert len(service.asked) == (2 if limit < 3 else 3)
