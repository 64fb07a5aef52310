"""A report in the W3C Evaluation and Report Language (EARL 1.0 Schema, http://www.w3.org/ns/earl#), as Turtle or JSON-LD."""

from __future__ import annotations

from typing import Literal

from rdflib import RDF, XSD, BNode, Graph, Namespace, URIRef
from rdflib import Literal as RdfLiteral
from rdflib.namespace import DCTERMS, DOAP

from ldt.conformance.report import Outcome, Report, TestResult, in_language, instant

EARL = Namespace("http://www.w3.org/ns/earl#")
#: Our outcomes in EARL's; a recommendation that is not followed is told in `earl:info`.
OUTCOMES = {
    Outcome.PASSED: EARL.passed,
    Outcome.WARNING: EARL.passed,
    Outcome.FAILED: EARL.failed,
    Outcome.INAPPLICABLE: EARL.inapplicable,
    Outcome.UNTESTED: EARL.untested,
    Outcome.CANT_TELL: EARL.cantTell,
}
_CONTEXT = {
    "earl": str(EARL),
    "dct": str(DCTERMS),
    "doap": str(DOAP),
    "xsd": str(XSD),
}


def graph(report: Report) -> Graph:
    """Return a report as an EARL graph: one `earl:Assertion` for each test.

    The criteria are named by the specification's URI and the test's id, so that reports on different
    endpoints can be put into one store and compared.
    """
    g = Graph()
    g.bind("earl", EARL)
    g.bind("dct", DCTERMS)
    g.bind("doap", DOAP)
    specification = URIRef(report.specification["uri"])
    g.add((specification, DCTERMS.title, RdfLiteral(in_language(report.specification["title"]), lang="en")))
    g.add((specification, DCTERMS.hasVersion, RdfLiteral(report.specification["version"])))
    g.add((specification, DCTERMS.identifier, RdfLiteral(report.specification["digest"])))
    assertor, subject = BNode("tool"), URIRef(report.endpoint)
    g.add((assertor, RDF.type, EARL.Software))
    g.add((assertor, DCTERMS.title, RdfLiteral(report.tool["name"])))
    g.add((assertor, DOAP.revision, RdfLiteral(report.tool["version"])))
    g.add((subject, RDF.type, EARL.TestSubject))
    for result in report.classes:
        holder = _criterion(report, result.id)
        g.add((holder, RDF.type, EARL.TestRequirement))
        g.add((holder, DCTERMS.isPartOf, specification))
        for language, text in result.title.items():
            g.add((holder, DCTERMS.title, RdfLiteral(text, lang=language)))
        for number, test in enumerate(result.tests):
            case = _criterion(report, test.id)
            g.add((case, RDF.type, EARL.TestCase))
            g.add((case, DCTERMS.isPartOf, holder))
            for language, text in test.statement.items():
                g.add((case, DCTERMS.description, RdfLiteral(text, lang=language)))
            node = BNode(f"assertion{result.id.replace('/', '-')}-{number}")
            g.add((node, RDF.type, EARL.Assertion))
            g.add((node, EARL.assertedBy, assertor))
            g.add((node, EARL.subject, subject))
            g.add((node, EARL.test, case))
            g.add((node, EARL.mode, EARL.manual if test.mode == "manual" else EARL.automatic))
            g.add((node, EARL.result, _result(g, report, test, f"{node}-result")))
    return g


def _criterion(report: Report, identifier: str) -> URIRef:
    return URIRef(report.specification["uri"].rstrip("/") + identifier)


def _result(g: Graph, report: Report, test: TestResult, name: str) -> BNode:
    node = BNode(name)
    g.add((node, RDF.type, EARL.TestResult))
    g.add((node, EARL.outcome, OUTCOMES[test.outcome]))
    g.add((node, DCTERMS.date, RdfLiteral(instant(report.started), datatype=XSD.dateTime)))
    if test.reason:
        said = (
            f"recommendation not followed: {test.reason}" if test.outcome is Outcome.WARNING else test.reason
        )
        g.add((node, EARL.info, RdfLiteral(said, lang="en")))
    if test.evidence:
        g.add((node, DCTERMS.source, URIRef(test.evidence["request"]["url"])))
    return node


def earl(report: Report, form: Literal["turtle", "json-ld"]) -> bytes:
    """Return a report as EARL in Turtle or JSON-LD, UTF-8. Nothing is fetched: the context is inside."""
    whole = graph(report)
    if form == "turtle":
        return whole.serialize(None, "turtle", None, "utf-8")
    return whole.serialize(None, "json-ld", None, "utf-8", context=_CONTEXT, auto_compact=True)
