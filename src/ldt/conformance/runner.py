"""Runs the tests of a specification against an endpoint, of which it knows the base URL and the parameters, and no more."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from ldt.conformance.client import Client, Inconclusive, Limits, Refused
from ldt.conformance.errors import EndpointError, ParameterError
from ldt.conformance.pointer import MISSING
from ldt.conformance.report import ClassResult, Outcome, Report, TestResult
from ldt.conformance.specification import RequirementsClass, Specification, Test
from ldt.conformance.steps import Failed, Inapplicable, Walk
from ldt.conformance.validate import VARIABLE


def tool() -> dict[str, str]:
    """Return name and version of this software."""
    try:
        return {"name": "ldt", "version": version("ldt")}
    except PackageNotFoundError:
        return {"name": "ldt", "version": "unknown"}


def run(
    specification: Specification,
    base_url: str,
    params: Mapping[str, str] | None = None,
    *,
    classes: Collection[str] = (),
    limits: Limits | None = None,
    progress: Callable[[TestResult], None] | None = None,
) -> Report:
    """Run a specification against an endpoint.

    Args:
        specification: what :func:`ldt.conformance.specification.load` returned.
        base_url: address of the endpoint's landing page.
        params: values of the specification's parameters; those not given are defaults, or found at the endpoint.
        classes: ids of the classes to run, with what they depend on; all where empty.
        limits: what the run may cost.
        progress: called after each test.

    Raises:
        ParameterError: for a parameter or class that the specification does not have.
        EndpointError: if the address is none, or nothing answers there.
    """
    chosen = _chosen(specification, classes)
    for name in params or {}:
        if name not in specification.parameters:
            raise ParameterError(
                "the specification has no such parameter",
                where=name,
                remedy=f"it has {', '.join(specification.parameters) or 'none'}",
            )
    about = tool()
    started, clock = datetime.now(UTC), time.monotonic()
    with Client(base_url, limits or Limits(), f"{about['name']}-conformance/{about['version']}") as client:
        _reach(client)
        work = _Run(specification, client, dict(params or {}), progress)
        for requirements_class in chosen:
            for test in specification.tests_of(requirements_class):
                work.result(test)
        outcomes: dict[str, ClassResult] = {}
        for requirements_class in chosen:
            work.judge(requirements_class, outcomes)
        return Report(
            specification={
                "id": specification.id,
                "version": specification.version,
                "uri": specification.uri,
                "title": specification.title,
                "digest": f"sha256:{specification.digest}",
            },
            endpoint=client.base_url,
            started=started,
            seconds=round(time.monotonic() - clock, 3),
            tool=about,
            parameters={k: v for k, v in work.values.items() if v is not MISSING},
            requests=client.requests,
            classes=[outcomes[c.id] for c in chosen],
        )


def _reach(client: Client) -> None:
    """Ask for the landing page once, so that a wrong address is one clear error and not a hundred failures."""
    try:
        client.request(client.base_url)
    except Inconclusive as error:
        raise EndpointError(
            f"no test could be run: {error}", where=client.base_url, remedy="is the service running?"
        ) from None
    except Refused as error:
        raise EndpointError(
            f"no test could be run: {error}", where=client.base_url, remedy="give the address that is meant"
        ) from None


def _chosen(specification: Specification, classes: Collection[str]) -> list[RequirementsClass]:
    """Return the classes asked for and all that they, and the prerequisites of their tests, depend on."""
    by_id = {c.id: c for c in specification.classes}
    owner = {r.id: c.id for c in specification.classes for r in c.requirements}
    tests = {t.id: t for t in specification.tests}
    wanted: set[str] = set()
    todo = list(classes) or list(by_id)
    while todo:
        identifier = todo.pop()
        if identifier not in by_id:
            raise ParameterError(
                "the specification has no such requirements class",
                where=identifier,
                remedy=f"it has {', '.join(by_id)}",
            )
        if identifier in wanted:
            continue
        wanted.add(identifier)
        todo += [d for d in by_id[identifier].depends_on if d in by_id]
        for test in specification.tests_of(by_id[identifier]):
            todo += [owner[tests[p].requirement] for p in test.prerequisites]
    return [c for c in specification.classes if c.id in wanted]


def _variables(node: Any) -> set[str]:
    if isinstance(node, str):
        return set(VARIABLE.findall(node))
    members = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return {name for member in members for name in _variables(member)}


class _Run:
    """One run: results by test, values by parameter."""

    def __init__(
        self,
        specification: Specification,
        client: Client,
        given: dict[str, Any],
        progress: Callable[[TestResult], None] | None,
    ) -> None:
        self.specification = specification
        self.client = client
        self.progress = progress
        self.values: dict[str, Any] = given
        self.lacking: dict[str, str] = {}
        self.results: dict[str, TestResult] = {}
        self._tests = {t.id: t for t in specification.tests}

    def result(self, test: Test) -> TestResult:
        """Return the result of a test; it and its prerequisites are run if they have not been."""
        if test.id not in self.results:
            for prerequisite in test.prerequisites:
                self.result(self._tests[prerequisite])
            self.results[test.id] = result = self._make(test)
            if self.progress:
                self.progress(result)
        return self.results[test.id]

    def _make(self, test: Test) -> TestResult:
        requirement = self.specification.requirement(test.requirement)
        start = time.monotonic()
        outcome, reason, walk = self._verdict(test)
        if outcome is Outcome.FAILED and requirement.level == "should":
            outcome = Outcome.WARNING
        shown = walk is not None and walk.answer is not None and outcome is not Outcome.PASSED
        return TestResult(
            id=test.id,
            requirement=requirement.id,
            level=requirement.level,
            statement=requirement.statement,
            outcome=outcome,
            reason=reason,
            mode=test.kind,
            seconds=round(time.monotonic() - start, 3),
            evidence=walk.answer.excerpt() if shown and walk and walk.answer else None,
        )

    def _verdict(self, test: Test) -> tuple[Outcome, str, Walk | None]:
        if test.kind == "manual":
            return Outcome.CANT_TELL, "a person has to judge this", None
        for prerequisite in test.prerequisites:
            if self.results[prerequisite].outcome not in (Outcome.PASSED, Outcome.INAPPLICABLE):
                return Outcome.UNTESTED, f"needs {prerequisite}, which did not pass", None
        values: dict[str, Any] = {}
        for name in sorted(_variables(test.steps) & self.specification.parameters.keys()):
            if (value := self._parameter(name)) is MISSING:
                return (
                    Outcome.UNTESTED,
                    f"needs {name}: {self.lacking[name]}; it can be given as a parameter",
                    None,
                )
            values[name] = value
        walk = Walk(self.specification, self.client, values)
        return (*_walk(walk, test), walk)

    def _parameter(self, name: str) -> Any:
        """Return the value of a parameter: given, default, or found at the endpoint; MISSING if none of these."""
        if name not in self.values:
            parameter = self.specification.parameters[name]
            if not parameter.discover:
                self.values[name] = MISSING if parameter.default is None else parameter.default
                self.lacking[name] = "it has no default"
            else:
                self.values[name] = self._discover(name)
        return self.values[name]

    def _discover(self, name: str) -> Any:
        steps = self.specification.parameters[name].discover
        values = {
            n: self._parameter(n) for n in _variables(steps) & self.specification.parameters.keys() - {name}
        }
        for needed, value in values.items():
            if value is MISSING:
                self.lacking[name] = f"needs {needed}: {self.lacking[needed]}"
                return MISSING
        walk = Walk(self.specification, self.client, values)
        try:
            walk.run(steps)
        except (Failed, Inapplicable, Inconclusive) as why:
            self.lacking[name] = str(why)
            return MISSING
        return walk.variables[name]

    def judge(self, requirements_class: RequirementsClass, outcomes: dict[str, ClassResult]) -> Outcome:
        """Give a class its outcome, after the classes it depends on, into `outcomes`."""
        if requirements_class.id in outcomes:
            return outcomes[requirements_class.id].outcome
        by_id = {c.id: c for c in self.specification.classes}
        results = [self.results[t.id] for t in self.specification.tests_of(requirements_class)]
        found = [r.outcome for r in results if r.level == "shall"]
        outcome, reason = Outcome.PASSED, ""
        for worst in (Outcome.FAILED, Outcome.CANT_TELL, Outcome.UNTESTED):
            if worst in found:
                outcome, reason = worst, _names(results, worst)
                break
        else:
            for dependency in (d for d in requirements_class.depends_on if d in by_id):
                theirs = self.judge(by_id[dependency], outcomes)
                if theirs not in (Outcome.PASSED, Outcome.INAPPLICABLE):
                    outcome, reason = (
                        Outcome.UNTESTED,
                        f"depends on {dependency}, whose outcome is {theirs.value}",
                    )
            if outcome is Outcome.PASSED and found and set(found) == {Outcome.INAPPLICABLE}:
                outcome, reason = Outcome.INAPPLICABLE, "nothing that it is about occurs here"
        outcomes[requirements_class.id] = ClassResult(
            id=requirements_class.id,
            title=requirements_class.title,
            outcome=outcome,
            reason=reason,
            external=[d for d in requirements_class.depends_on if d not in by_id],
            tests=results,
        )
        return outcome


def _walk(walk: Walk, test: Test) -> tuple[Outcome, str]:
    try:
        walk.run(test.steps)
    except Failed as failed:
        return Outcome.FAILED, str(failed)
    except Inapplicable as inapplicable:
        return Outcome.INAPPLICABLE, str(inapplicable)
    except Inconclusive as inconclusive:
        return Outcome.CANT_TELL, str(inconclusive)
    except Exception as error:
        # An error in a test is a result (EARL: cantTell), and the run goes on.
        return Outcome.CANT_TELL, f"the test itself failed: {type(error).__name__}: {error}"
    return Outcome.PASSED, ""


def _names(results: list[TestResult], outcome: Outcome) -> str:
    return ", ".join(r.id for r in results if r.outcome is outcome and r.level == "shall")
