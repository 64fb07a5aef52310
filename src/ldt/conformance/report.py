"""The report of a run: dated, tied to one specification by its digest, and with the evidence for what failed."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """What became of a test or a class; the names are EARL's, and `warning` for a recommendation not followed."""

    PASSED = "passed"
    FAILED = "failed"
    WARNING = "warning"
    INAPPLICABLE = "inapplicable"
    UNTESTED = "untested"
    CANT_TELL = "cantTell"


@dataclass(frozen=True, slots=True)
class TestResult:
    """The outcome of one test.

    Attributes:
        statement: what the requirement asks, by language.
        level: of the requirement, `shall` or `should`.
        reason: one sentence; empty where the test passed.
        mode: `automatic` or `manual`.
        seconds: how long it took.
        evidence: the latest request and an excerpt of its response, where the test did not pass.
    """

    __test__ = False  # pytest would take the name for a test class

    id: str
    requirement: str
    level: str
    statement: dict[str, str]
    outcome: Outcome
    reason: str = ""
    mode: str = "automatic"
    seconds: float = 0.0
    evidence: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ClassResult:
    """The outcome of a requirements class, and of its tests."""

    id: str
    title: dict[str, str]
    outcome: Outcome
    reason: str
    external: list[str]
    tests: list[TestResult]


@dataclass(frozen=True, slots=True)
class Report:
    """What a run found.

    Attributes:
        specification: id, version, uri, title, and the SHA-256 digest of its files.
        endpoint: the base URL.
        started: when, an instant in UTC.
        seconds: how long.
        tool: name and version of this software.
        parameters: what was given or found at the endpoint.
        requests: how many were sent.
        classes: in the order of the specification.
    """

    specification: dict[str, Any]
    endpoint: str
    started: datetime
    seconds: float
    tool: dict[str, str]
    parameters: dict[str, Any]
    requests: int
    classes: list[ClassResult] = field(default_factory=list)

    @property
    def tests(self) -> list[TestResult]:
        """All test results, in order."""
        return [test for result in self.classes for test in result.tests]

    @property
    def counts(self) -> dict[str, int]:
        """Number of tests by outcome; every outcome is there."""
        counted = Counter(test.outcome for test in self.tests)
        return {outcome.value: counted[outcome] for outcome in Outcome}

    @property
    def outcome(self) -> Outcome:
        """`passed` if some class passed and each other was inapplicable; else the worst that happened to a class."""
        found = {result.outcome for result in self.classes}
        order = (Outcome.FAILED, Outcome.CANT_TELL, Outcome.UNTESTED, Outcome.PASSED)
        return next((outcome for outcome in order if outcome in found), Outcome.INAPPLICABLE)

    def as_dict(self) -> dict[str, Any]:
        """Return the report as JSON-ready values."""
        return {
            **{k: v for k, v in asdict(self).items() if k != "classes"},
            "started": instant(self.started),
            "outcome": self.outcome.value,
            "counts": self.counts,
            "classes": [asdict(result) for result in self.classes],
        }


def instant(moment: datetime) -> str:
    """Return an instant as RFC 3339 writes it, in UTC, to the second."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def in_language(text: dict[str, str], language: str = "en") -> str:
    """Return a text in a language, else in English, else in the first there is."""
    return text.get(language) or text.get("en") or next(iter(text.values()), "")
