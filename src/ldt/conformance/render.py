"""A report for people, on a terminal or in a log."""

from __future__ import annotations

import re

from rich.console import Console
from rich.text import Text

from ldt.conformance.report import Outcome, Report, TestResult, in_language, instant

_STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "bold red",
    Outcome.WARNING: "yellow",
    Outcome.INAPPLICABLE: "dim",
    Outcome.UNTESTED: "magenta",
    Outcome.CANT_TELL: "magenta",
}
_WORDS = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "FAILED",
    Outcome.WARNING: "warning",
    Outcome.INAPPLICABLE: "not applicable",
    Outcome.UNTESTED: "not tested",
    Outcome.CANT_TELL: "cannot tell",
}

#: Control characters (C0, DEL, C1): an endpoint must not write to the terminal.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def _text(line: str, style: str = "") -> Text:
    """Return what came from anywhere as text: neither read as markup nor as codes of the terminal."""
    return Text(_CONTROL.sub(" ", line), style=style)


def render(report: Report, console: Console, *, verbose: bool = False, language: str = "en") -> None:
    """Print a report.

    Args:
        report: what to print.
        console: where.
        verbose: also the tests that passed.
        language: of the statements, ISO 639-1; English where there is none in it.
    """
    spec = report.specification
    console.print(_text(f"{in_language(spec['title'], language)} {spec['version']}", style="bold"))
    console.print(_text(f"  {spec['uri']}  {spec['digest']}"))
    console.print(_text(f"  against {report.endpoint}"))
    console.print(
        _text(
            f"  {instant(report.started)}, {report.seconds:.1f} s, {report.requests} requests, "
            f"{report.tool['name']} {report.tool['version']}"
        )
    )
    for name, value in report.parameters.items():
        console.print(_text(f"  {name} = {value}"))
    for result in report.classes:
        console.print()
        line = _text(f"{_WORDS[result.outcome]:<15}", style=_STYLES[result.outcome])
        line.append(f"{result.id}  {in_language(result.title, language)}", style="bold")
        console.print(line)
        if result.reason and result.outcome is not Outcome.FAILED:
            console.print(_text(f"{'':<15}{result.reason}"))
        for test in result.tests:
            if verbose or test.outcome is not Outcome.PASSED:
                _test(test, console, language)
    console.print()
    counted = ", ".join(
        f"{number} {_WORDS[Outcome(name)]}" for name, number in report.counts.items() if number
    )
    console.print(_text(f"{_WORDS[report.outcome]}: {counted}", style=_STYLES[report.outcome]))


def _test(test: TestResult, console: Console, language: str) -> None:
    line = _text(f"  {_WORDS[test.outcome]:<15}", style=_STYLES[test.outcome])
    line.append(test.id, style="none")
    console.print(line)
    if test.outcome is Outcome.PASSED:
        return
    console.print(_text(f"{'':<17}asked: {in_language(test.statement, language)}"))
    console.print(_text(f"{'':<17}found: {test.reason}"))
    if test.evidence and test.outcome in (Outcome.FAILED, Outcome.WARNING, Outcome.CANT_TELL):
        request, response = test.evidence["request"], test.evidence["response"]
        console.print(_text(f"{'':<17}{request['method']} {request['url']} → {response['status']}"))
        excerpt = " ".join(response["excerpt"].split())
        if excerpt:
            console.print(_text(f"{'':<17}{excerpt if len(excerpt) <= 200 else excerpt[:200] + '…'}"))
