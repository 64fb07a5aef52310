"""The forms of a report, read back by other software than wrote them."""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from typing import Any
from xml.etree import ElementTree

import pytest
from rdflib import RDF, Graph, Namespace, URIRef
from rich.console import Console

from ldt.conformance import Outcome, Report, available, load, run
from ldt.conformance.earl import earl
from ldt.conformance.junit import junit
from ldt.conformance.render import render

SPECIFICATION = load(available()["ldt-core"])
EARL = Namespace("http://www.w3.org/ns/earl#")
#: A hostile body, which XML cannot hold and rich would read as markup.
NASTY = b"[red]\x00\x1b]]>&<\xff\xef\xbf\xbf"


@pytest.fixture
def report(serve: Callable[..., Any]) -> Report:
    """One failed (with what hangs on it untested), one warning, one inapplicable, the rest passed."""

    def change(path: str, query: dict[str, str], answer: Any) -> Any:
        if path == "/datasets":
            answer.body["datasets"][0].pop("licence_uri")
        if path == "/collections/sites":
            answer.body.pop("extent")
        if path.startswith("/collections/no-such"):
            answer.status, answer.body = 200, NASTY
        return answer

    return run(SPECIFICATION, serve(change).url)


EXPECTED = {
    "passed": len(SPECIFICATION.tests) - 4,
    "failed": 1,
    "warning": 1,
    "inapplicable": 1,
    "untested": 1,
}


def test_the_report_counts_and_carries_evidence(report: Report) -> None:
    assert report.counts == {**EXPECTED, "cantTell": 0}
    data = json.loads(json.dumps(report.as_dict()))
    assert data["specification"]["digest"] == f"sha256:{SPECIFICATION.digest}"
    assert data["specification"]["version"] == SPECIFICATION.version
    assert data["endpoint"] == report.endpoint
    assert data["started"].endswith("Z")
    failed = [t for c in data["classes"] for t in c["tests"] if t["outcome"] == "failed"]
    assert [t["id"] for t in failed] == ["/conf/collections/unknown"]
    assert failed[0]["evidence"]["response"]["status"] == 200
    assert failed[0]["evidence"]["request"]["url"].endswith("/collections/no-such-collection-7f3a")
    # What depends on the failed class has not passed.
    outcomes = {c["id"]: c["outcome"] for c in data["classes"]}
    assert outcomes["/req/collections"] == "failed"
    assert outcomes["/req/features"] == "untested"
    assert outcomes["/req/dataset-metadata"] == "passed"


def test_junit_is_xml_whose_counts_agree_with_its_cases(report: Report) -> None:
    root = ElementTree.fromstring(junit(report))  # noqa: S314 - what we wrote ourselves
    assert root.tag == "testsuites"
    suites = list(root)
    assert [s.get("name") for s in suites] == [c.id for c in SPECIFICATION.classes]
    cases = [case for suite in suites for case in suite.findall("testcase")]
    assert len(cases) == len(SPECIFICATION.tests) == int(root.get("tests", ""))
    kinds = Counter(child.tag for case in cases for child in case)
    assert kinds == {"failure": 1, "skipped": 2, "system-out": 1}
    for element in (root, *suites):
        inside = list(element.iter("testcase"))
        for attribute, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(attribute, "")) == sum(c.find(tag) is not None for c in inside)
    failure = next(c.find("failure") for c in cases if c.find("failure") is not None)
    assert failure is not None
    assert "404" in failure.get("message", "")


# rdflib 7's own JSON-LD parser uses what rdflib has deprecated.
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")
@pytest.mark.parametrize("form", ["turtle", "json-ld"])
def test_earl_says_of_each_test_what_the_report_says(report: Report, form: Any) -> None:
    graph = Graph().parse(data=earl(report, form), format=form)
    assertions = list(graph.subjects(RDF.type, EARL.Assertion))
    assert len(assertions) == len(SPECIFICATION.tests)
    found: Counter[str] = Counter()
    for node in assertions:
        assert graph.value(node, EARL.subject) == URIRef(report.endpoint)
        assert graph.value(node, EARL.mode) == EARL.automatic
        assert (graph.value(node, EARL.assertedBy), RDF.type, EARL.Software) in graph
        case = graph.value(node, EARL.test)
        assert (case, RDF.type, EARL.TestCase) in graph
        outcome = graph.value(graph.value(node, EARL.result), EARL.outcome)
        found[str(outcome).removeprefix(str(EARL))] += 1
        if str(case) == SPECIFICATION.uri + "/conf/collections/unknown":
            assert outcome == EARL.failed
    # A recommendation that is not followed passes, with a word in earl:info.
    assert found == {"passed": EXPECTED["passed"] + 1, "failed": 1, "untested": 1, "inapplicable": 1}
    told = [str(o) for o in graph.objects(None, EARL.info) if "recommendation" in str(o)]
    assert len(told) == 1


def test_people_are_told_what_was_asked_and_what_was_found(report: Report) -> None:
    out = io.StringIO()
    render(report, Console(file=out, width=300))
    text = out.getvalue()
    assert "/conf/collections/unknown" in text
    assert "asked: A collection that does not exist is answered with status 404." in text
    assert "found: the status is 200, not 404" in text
    assert "[red]" in text  # not read as markup
    assert "\x1b" not in text  # nor written to the terminal
    assert "/conf/landing-page/success" not in text  # it passed
    assert report.outcome is Outcome.FAILED
    assert text.rstrip().splitlines()[-1].startswith("FAILED: ")
    render(report, Console(file=out, width=300), verbose=True)
    assert "/conf/landing-page/success" in out.getvalue()
