"""A report as JUnit XML, for continuous integration: a suite for each requirements class, a case for each test.

There is no standard for JUnit XML; this is the common core of Ant's and Jenkins' readers: `testsuites`, `testsuite` with counts,
`testcase` with at most one of `failure`, `error` and `skipped`.
"""

from __future__ import annotations

import json
import re

from lxml import etree

from ldt.conformance.report import ClassResult, Outcome, Report, TestResult, in_language, instant

#: Characters that XML 1.0 cannot hold (section 2.2), which bodies of answers may.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_ELEMENT = {
    Outcome.FAILED: "failure",
    Outcome.CANT_TELL: "error",
    Outcome.UNTESTED: "skipped",
    Outcome.INAPPLICABLE: "skipped",
}


def junit(report: Report) -> bytes:
    """Return a report as JUnit XML, UTF-8.

    A failed recommendation (`warning`) is a passed case with the reason in `system-out`: it does not fail a build.
    """
    root = etree.Element(
        "testsuites", name=_clean(f"{report.specification['id']} {report.specification['version']}")
    )
    _count(root, report.tests)
    root.set("time", f"{report.seconds:.3f}")
    for result in report.classes:
        root.append(_suite(report, result))
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def _suite(report: Report, result: ClassResult) -> etree._Element:
    suite = etree.Element("testsuite", name=result.id)
    _count(suite, result.tests)
    suite.set("time", f"{sum(test.seconds for test in result.tests):.3f}")
    suite.set("timestamp", instant(report.started).removesuffix("Z"))
    properties = etree.SubElement(suite, "properties")
    for name, value in (
        ("endpoint", report.endpoint),
        ("specification", report.specification["uri"]),
        ("digest", report.specification["digest"]),
        ("outcome", f"{result.outcome.value} {result.reason}".strip()),
    ):
        etree.SubElement(properties, "property", name=name, value=_clean(value))
    for test in result.tests:
        suite.append(_case(result, test))
    return suite


def _case(result: ClassResult, test: TestResult) -> etree._Element:
    case = etree.Element("testcase", name=test.id, classname=result.id, time=f"{test.seconds:.3f}")
    if name := _ELEMENT.get(test.outcome):
        element = etree.SubElement(case, name, message=_clean(test.reason))
        if name != "skipped":
            element.set("type", test.outcome.value)
            evidence = json.dumps(test.evidence, ensure_ascii=False, indent=1) if test.evidence else ""
            element.text = _clean(f"{in_language(test.statement)}\n{test.reason}\n{evidence}")
    elif test.outcome is Outcome.WARNING:
        etree.SubElement(case, "system-out").text = _clean(f"recommendation not followed: {test.reason}")
    return case


def _count(element: etree._Element, tests: list[TestResult]) -> None:
    element.set("tests", str(len(tests)))
    for attribute, name in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(attribute, str(sum(_ELEMENT.get(test.outcome) == name for test in tests)))


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)
