"""`ldt conformance run` against the served sample city: it passes whole, and a service that is broken is told where.

City, service and command are processes of their own, as a person runs them; between the service and the command may
stand a proxy that spoils answers on purpose.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from xml.etree import ElementTree

import httpx2 as httpx
import pytest
from rdflib import Graph, Namespace
from tests.e2e.serving import served

from ldt.conformance import available, load

LDT = [sys.executable, "-m", "ldt.cli"]
EARL = Namespace("http://www.w3.org/ns/earl#")
TESTS = {test.id for test in load(available()["ldt-core"]).tests}

#: By indicator, the tests of what does not occur: completeness is a number however few the records are. The mean of NO2
#: is left out where they are too few, which the generator sees to at one station.
INAPPLICABLE: dict[str, list[str]] = {
    "data-completeness": ["/conf/indicators/missing"],
    "no2-annual-mean": [],
}


@pytest.fixture(scope="module")
def city(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the sample city's landing page, built by `ldt demo` and served by `ldt serve`."""
    folder = tmp_path_factory.mktemp("city")
    done = subprocess.run(
        [*LDT, "demo", "--no-serve", "--json", "--folder", str(folder)],
        env={**os.environ, "LDT_DATABASE_URL": shared_database_url, "LDT_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    with served(shared_database_url) as address:
        # The address is told when the port is taken; the first answer may take a moment longer.
        with httpx.Client(transport=httpx.HTTPTransport(retries=20), timeout=60) as client:
            client.get(f"{address}/health")
        yield f"{address}/twins/{json.loads(done.stdout)['twin']}"


@dataclass
class Run:
    """What a run of the command gave: exit code, the report, the report files."""

    code: int
    report: dict[str, Any]
    junit: Path
    earl: Path

    @property
    def outcomes(self) -> dict[str, str]:
        """Outcome by id of the test."""
        return {test["id"]: test["outcome"] for one in self.report["classes"] for test in one["tests"]}

    def not_passed(self) -> dict[str, str]:
        """Return the tests that did not pass: outcome by id."""
        return {name: outcome for name, outcome in self.outcomes.items() if outcome != "passed"}


@pytest.fixture
def conformance(tmp_path: Path) -> Callable[..., Run]:
    """Run `ldt conformance run` to its end."""

    def run(url: str, *words: str) -> Run:
        junit, earl = tmp_path / "report.xml", tmp_path / "report.ttl"
        done = subprocess.run(
            [*LDT, "conformance", "run", url, "--json", "--junit", str(junit), "--earl", str(earl), *words],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert "Traceback" not in done.stderr
        return Run(done.returncode, json.loads(done.stdout), junit, earl)

    return run


@pytest.mark.parametrize("indicator", sorted(INAPPLICABLE))
def test_the_sample_city_passes_every_class(
    city: str, conformance: Callable[..., Run], indicator: str
) -> None:
    done = conformance(city, "--param", f"indicator={indicator}")
    assert done.not_passed() == dict.fromkeys(INAPPLICABLE[indicator], "inapplicable")
    assert done.outcomes.keys() == TESTS
    assert {one["outcome"] for one in done.report["classes"]} == {"passed"}
    assert done.report["outcome"] == "passed"
    assert done.code == 0

    # The files say the same, to those who read JUnit or EARL.
    cases = list(ElementTree.parse(done.junit).getroot().iter("testcase"))  # noqa: S314 - what we wrote ourselves
    assert len(cases) == len(TESTS)
    assert [c for c in cases if c.find("failure") is not None or c.find("error") is not None] == []
    assert len([c for c in cases if c.find("skipped") is not None]) == len(INAPPLICABLE[indicator])
    graph = Graph().parse(done.earl, format="turtle")
    said = [outcome for _, outcome in graph.subject_objects(EARL.outcome)]
    assert len(said) >= len(TESTS)
    assert set(said) == {EARL.passed} | ({EARL.inapplicable} if INAPPLICABLE[indicator] else set())


def test_what_is_looked_for_is_found_without_being_told(city: str, conformance: Callable[..., Run]) -> None:
    done = conformance(city)
    assert done.report["parameters"] == {
        "collection": "administrative-units",
        "indicator": "data-completeness",
    }
    assert done.code == 0


@pytest.mark.parametrize("collection", ["protected-sites", "administrative-units"])
def test_the_general_classes_of_ogc_pass_alone(
    city: str, conformance: Callable[..., Run], collection: str
) -> None:
    words = ("--class", "/req/features", "--class", "/req/api-definition")
    done = conformance(city, *words, "--param", f"collection={collection}")
    assert done.not_passed() == {}
    assert {one["id"]: one["outcome"] for one in done.report["classes"]} == dict.fromkeys(
        ["/req/landing-page", "/req/api-definition", "/req/collections", "/req/features"], "passed"
    )
    assert done.code == 0


# A service that is broken on purpose ----------------------------------------------------------------------------

#: (path below the twin, the JSON document of an answer), changed in place.
Spoil = Callable[[str, Any], None]


class _Proxy(ThreadingHTTPServer):
    """Passes questions on to the service and spoils its JSON answers; the links lead back here, as the Host header goes along."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, target: str, spoil: Spoil) -> None:
        super().__init__(("127.0.0.1", 0), _Forward)
        self.spoil = spoil
        parts = urlsplit(target)
        self.client = httpx.Client(base_url=f"{parts.scheme}://{parts.netloc}", timeout=30)
        self.url = f"http://127.0.0.1:{self.server_port}{parts.path}"


class _Forward(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Proxy

    def do_GET(self) -> None:
        headers = {"Host": self.headers["Host"], "Accept": self.headers["Accept"]}
        answer = self.server.client.get(self.path, headers=headers)
        body = answer.content
        if "json" in answer.headers["content-type"] and answer.status_code == 200:
            document = answer.json()
            self.server.spoil(self.path, document)
            body = json.dumps(document).encode()
        self.send_response(answer.status_code)
        self.send_header("Content-Type", answer.headers["content-type"])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def spoiled(target: str, spoil: Spoil) -> Iterator[str]:
    """Serve a spoiled service; gives its address."""
    with _Proxy(target, spoil) as proxy, proxy.client:
        thread = threading.Thread(target=proxy.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield proxy.url
        proxy.shutdown()
        thread.join()


def nothing(path: str, document: Any) -> None:
    """Leave an answer as it is."""


def one_too_many(path: str, document: Any) -> None:
    """A page says that it has one feature more than it has."""
    if "features" in document and "numberReturned" in document:
        document["numberReturned"] += 1


def lost_record(path: str, document: Any) -> None:
    """One record that was read is in none of the outcomes."""
    if "/datasets/sample-protected-sites" in path:
        document["outcomes"]["rejected"] -= 1


def no_origin(path: str, document: Any) -> None:
    """No value says where it comes from: the files of the lineage are gone."""
    if path.endswith("/lineage"):
        for one in document["inputs"]:
            del one["files"]


def no_vocabularies(path: str, document: Any) -> None:
    """A vocabulary does not lead to its concepts."""
    for one in document.get("vocabularies", []):
        one["links"] = []


def wrong_revision(path: str, document: Any) -> None:
    """The landing page's citable name is that of another state."""
    if "revision" in document and "snapshot" in document:
        document["snapshot"] += "0"


def test_a_proxy_that_spoils_nothing_is_not_seen(city: str, conformance: Callable[..., Run]) -> None:
    with spoiled(city, nothing) as url:
        done = conformance(url)
    assert set(done.not_passed().values()) == {"inapplicable"}
    assert done.code == 0


@pytest.mark.parametrize(
    ("spoil", "named"),
    [
        (one_too_many, "number-returned"),
        (lost_record, "accounting"),
        (no_origin, "lineage"),
        (no_vocabularies, "concepts"),
        (wrong_revision, "named"),
    ],
)
def test_a_broken_service_fails_for_exactly_what_is_broken(
    city: str, conformance: Callable[..., Run], spoil: Spoil, named: str
) -> None:
    with spoiled(city, spoil) as url:
        done = conformance(url)
    failed = [name for name, outcome in done.outcomes.items() if outcome == "failed"]
    assert [name.rsplit("/", 1)[1] for name in failed] == [named]
    assert done.code == 9
    cases = ElementTree.parse(done.junit).getroot().iter("testcase")  # noqa: S314 - what we wrote ourselves
    assert len([c for c in cases if c.find("failure") is not None]) == 1
    graph = Graph().parse(done.earl, format="turtle")
    assert (None, EARL.outcome, EARL.failed) in graph
