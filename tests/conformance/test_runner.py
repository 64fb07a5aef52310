"""What the runner does with endpoints that are slow, large, gone or sly, and with the rules of verdicts."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ldt.conformance import EndpointError, Limits, Outcome, ParameterError, Report, available, load, run

FEATURES = ["/req/features"]
CORE = load(available()["ldt-core"])


def made(
    tmp_path: Path, tests: list[dict[str, Any]], levels: dict[str, str] | None = None, **more: Any
) -> Any:
    """A specification of one class with the given tests, one requirement each."""
    requirements = [
        {
            "id": f"/req/a/{t['id']}",
            "level": (levels or {}).get(t["id"], "shall"),
            "statement": {"en": t["id"]},
        }
        for t in tests
    ]
    head = {
        "id": "made",
        "version": "1.0",
        "uri": "urn:made",
        "title": {"en": "m"},
        "authority": "t",
        "license": "CC0",
    }
    document = {
        "spec": head,
        "requirements_classes": [
            {"id": "/req/a", "title": {"en": "A"}, "target": {"kind": "http-endpoint"}, "requirements": requirements}
        ],
        "tests": [
            {**t, "id": f"/conf/a/{t['id']}", "requirement": f"/req/a/{t['id']}",
             "prerequisites": [f"/conf/a/{p}" for p in t.get("prerequisites", [])]}
            for t in tests
        ],
        **more,
    }  # fmt: skip
    path = tmp_path / "made.yaml"
    path.write_text(yaml.safe_dump(document))
    return load(path)


def outcomes(report: Report) -> dict[str, Outcome]:
    return {t.id.rsplit("/", 1)[1]: t.outcome for t in report.tests}


def ask(path: str, *expect: Any, **more: Any) -> dict[str, Any]:
    return {"request": {"path": path}, "expect": list(expect) or [{"status": 200}], **more}


def test_the_general_classes_run_alone(serve: Callable[..., Any]) -> None:
    endpoint = serve()
    report = run(CORE, endpoint.url + "/", classes=FEATURES)
    assert [c.id for c in report.classes] == ["/req/landing-page", "/req/collections", "/req/features"]
    assert report.outcome is Outcome.PASSED
    assert not [path for path in endpoint.seen if "indicators" in path]
    assert report.classes[2].external == ["http://www.opengis.net/spec/ogcapi-features-1/1.0/req/core"]


def test_a_parameter_that_is_given_is_used_and_not_looked_for(serve: Callable[..., Any]) -> None:
    endpoint = serve()
    report = run(CORE, endpoint.url, {"collection": "empty"}, classes=FEATURES)
    assert not [path for path in endpoint.seen if "/sites/" in path]
    assert report.parameters["collection"] == "empty"
    # Without a feature there is nothing to retrieve: that is a failure, not a silent pass.
    assert outcomes(report)["feature"] is Outcome.FAILED


def test_unknown_parameters_and_classes_are_refused(serve: Callable[..., Any]) -> None:
    with pytest.raises(ParameterError, match="collection, indicator"):
        run(CORE, serve().url, {"colection": "a"})
    with pytest.raises(ParameterError, match="/req/features"):
        run(CORE, serve().url, classes=["/req/feature"])


def test_verdicts_follow_prerequisites_and_levels(serve: Callable[..., Any], tmp_path: Path) -> None:
    specification = made(
        tmp_path,
        [
            {"id": "late", "prerequisites": ["failing"], "steps": [ask("/")]},
            {"id": "later", "prerequisites": ["late"], "steps": [ask("/")]},
            {"id": "failing", "steps": [ask("/lost")]},
            {"id": "advice", "steps": [ask("/lost")]},
            {"id": "fine", "steps": [ask("/")]},
        ],
        {"advice": "should"},
    )
    report = run(specification, serve().url)
    assert outcomes(report) == {
        "late": Outcome.UNTESTED,
        "later": Outcome.UNTESTED,
        "failing": Outcome.FAILED,
        "advice": Outcome.WARNING,
        "fine": Outcome.PASSED,
    }
    assert report.classes[0].outcome is Outcome.FAILED
    assert report.classes[0].reason == "/conf/a/failing"


def test_an_error_in_the_test_itself_cannot_tell(
    serve: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    specification = made(
        tmp_path, [{"id": "broken", "steps": [ask("/", {"pointer": "/title", "matches": "T"})]}]
    )
    monkeypatch.setattr("ldt.conformance.steps.check", lambda *_: 1 / 0)
    report = run(specification, serve().url)
    assert outcomes(report) == {"broken": Outcome.CANT_TELL}
    assert "ZeroDivisionError" in report.tests[0].reason
    assert report.outcome is Outcome.CANT_TELL


def test_a_manual_test_waits_for_a_person(serve: Callable[..., Any], tmp_path: Path) -> None:
    specification = made(tmp_path, [{"id": "look", "kind": "manual", "instructions": {"en": "Look at it."}}])
    report = run(specification, serve().url)
    assert outcomes(report) == {"look": Outcome.CANT_TELL}
    assert report.tests[0].mode == "manual"


def test_what_does_not_occur_is_inapplicable_and_not_passed(
    serve: Callable[..., Any], tmp_path: Path
) -> None:
    steps = [ask("/", applies=[{"pointer": "/no/such", "exists": True}])]
    report = run(made(tmp_path, [{"id": "absent", "steps": steps}]), serve().url)
    assert report.outcome is Outcome.INAPPLICABLE


def test_nobody_there_is_one_clear_error() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(EndpointError, match=f"127.0.0.1:{port}.*is the service running"):
        run(CORE, f"http://127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("", "not an address"),
        ("ftp://127.0.0.1:9", "not an address"),
        ("127.0.0.1:9", "not an address"),
        ("http://", "not an address"),
        ("file:///etc", "not an address"),
        ("http://127.0.0.1:9/?f=json", "a query or a fragment"),
    ],
)
def test_what_is_no_address_is_refused(url: str, reason: str) -> None:
    with pytest.raises(EndpointError, match=reason):
        run(CORE, url)


def slow(path: str, query: dict[str, str], answer: Any) -> Any:
    if path == "/slow":
        time.sleep(0.6)
    return answer


def test_no_answer_in_time_cannot_tell_and_the_run_goes_on(serve: Callable[..., Any], tmp_path: Path) -> None:
    specification = made(
        tmp_path, [{"id": "slow", "steps": [ask("/slow")]}, {"id": "next", "steps": [ask("/")]}]
    )
    report = run(specification, serve(slow).url, limits=Limits(timeout=0.2))
    assert outcomes(report) == {"slow": Outcome.CANT_TELL, "next": Outcome.PASSED}
    assert "within 0.2 s" in report.tests[0].reason


def test_an_endpoint_that_drips_is_left_after_the_timeout() -> None:
    """Each byte comes in time, the answer never ends."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        done = threading.Event()

        def drip() -> None:
            peer, _ = server.accept()
            with peer:
                peer.recv(65_536)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
                while not done.wait(0.05):
                    try:
                        peer.sendall(b" ")
                    except OSError:
                        return

        thread = threading.Thread(target=drip, daemon=True)
        thread.start()
        start = time.monotonic()
        with pytest.raises(EndpointError, match="no whole answer"):
            run(CORE, f"http://127.0.0.1:{server.getsockname()[1]}", limits=Limits(timeout=0.4))
        assert time.monotonic() - start < 2
        done.set()
        thread.join(2)


def test_an_answer_beyond_the_limit_is_not_read_to_its_end(serve: Callable[..., Any], tmp_path: Path) -> None:
    def large(path: str, query: dict[str, str], answer: Any) -> Any:
        if path == "/large":
            answer.status, answer.body = 200, b" " * 300_000
        return answer

    report = run(
        made(tmp_path, [{"id": "large", "steps": [ask("/large")]}]),
        serve(large).url,
        limits=Limits(max_bytes=100_000),
    )
    assert outcomes(report) == {"large": Outcome.CANT_TELL}
    assert "larger than 100000 bytes" in report.tests[0].reason


def test_the_number_of_requests_is_limited(serve: Callable[..., Any]) -> None:
    endpoint = serve()
    report = run(CORE, endpoint.url, limits=Limits(max_requests=10))
    assert len(endpoint.seen) == 10
    assert "limit of 10 requests" in report.tests[-1].reason or report.tests[-1].outcome is Outcome.UNTESTED
    assert report.outcome is Outcome.CANT_TELL


def test_a_redirect_to_another_host_is_not_followed(serve: Callable[..., Any], tmp_path: Path) -> None:
    other = serve()

    def sly(path: str, query: dict[str, str], answer: Any) -> Any:
        if path == "/sly":
            answer.status, answer.headers = 302, {"Location": other.url + "/collections"}
        if path == "/near":
            answer.status, answer.headers = 307, {"Location": "collections"}
        if path == "/round":
            answer.status, answer.headers = 302, {"Location": "round"}
        return answer

    endpoint = serve(sly)
    specification = made(
        tmp_path, [{"id": name, "steps": [ask(f"/{name}")]} for name in ("sly", "near", "round")]
    )
    report = run(specification, endpoint.url)
    assert outcomes(report) == {"sly": Outcome.FAILED, "near": Outcome.PASSED, "round": Outcome.FAILED}
    assert "another host" in report.tests[0].reason
    assert "more than 5 times" in report.tests[2].reason
    assert other.seen == []
    # Said so, it may.
    allowed = frozenset({f"127.0.0.1:{other.server_port}"})
    report = run(specification, endpoint.url, limits=Limits(allow_hosts=allowed))
    assert outcomes(report)["sly"] is Outcome.PASSED


def test_a_link_to_another_host_is_a_failure_and_not_a_request(serve: Callable[..., Any]) -> None:
    other = serve()

    def sly(path: str, query: dict[str, str], answer: Any) -> Any:
        if path == "/":
            for link in answer.body["links"]:
                link["href"] = link["href"].replace("/api", "/").replace(endpoint.url, other.url)
        return answer

    endpoint = serve(sly)
    report = run(CORE, endpoint.url, classes=["/req/api-definition"])
    assert outcomes(report)["openapi"] is Outcome.FAILED
    assert other.seen == []


def test_pages_that_lead_in_a_circle_end(serve: Callable[..., Any]) -> None:
    def circle(path: str, query: dict[str, str], answer: Any) -> Any:
        if path.endswith("sites/items") and query.get("offset") == "4":
            answer.body["links"][-1]["href"] = "items?limit=2&offset=2"
        return answer

    report = run(CORE, serve(circle).url, classes=FEATURES)
    assert "leads back" in next(t.reason for t in report.tests if t.id == "/conf/features/paging-unique")


def test_what_cannot_be_found_leaves_its_tests_untested(serve: Callable[..., Any]) -> None:
    def nothing(path: str, query: dict[str, str], answer: Any) -> Any:
        if path.endswith("/items"):
            answer.status = 503
        return answer

    report = run(CORE, serve(nothing).url, classes=FEATURES)
    features = report.classes[-1]
    assert {t.outcome for t in features.tests} == {Outcome.UNTESTED}
    assert "needs collection" in features.tests[0].reason
    assert features.outcome is Outcome.UNTESTED
