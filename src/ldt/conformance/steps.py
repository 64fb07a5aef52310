"""The steps of a test: requests, links, pages and lists, with what is captured on the way and expected at each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin

from ldt.conformance.client import Answer, Client, Inconclusive, Refused
from ldt.conformance.expectations import bounding_box, check, show
from ldt.conformance.pointer import MISSING, select
from ldt.conformance.specification import Specification, Step
from ldt.conformance.validate import VARIABLE

#: Pages that a `pages` step follows where it does not say.
MAX_PAGES = 200


class Failed(Exception):
    """The endpoint does not do what the test asks; the message says what was found."""


class Inapplicable(Exception):
    """What the test is about does not occur at this endpoint."""


def fill(node: Any, variables: Mapping[str, Any]) -> Any:
    """Return a value of a specification with its `${variables}` filled in.

    A text that is one variable becomes that variable's value, of whatever type; inside a longer text it becomes text.
    """
    if isinstance(node, str):
        if whole := VARIABLE.fullmatch(node):
            return variables[whole[1]]
        return VARIABLE.sub(lambda match: text(variables[match[1]]), node)
    if isinstance(node, dict):
        return {key: fill(member, variables) for key, member in node.items()}
    if isinstance(node, list):
        return [fill(member, variables) for member in node]
    return node


def text(value: Any) -> str:
    """Return a value as it is written in an address: lists with commas, numbers as JSON writes them."""
    if isinstance(value, list):
        return ",".join(text(member) for member in value)
    return value if isinstance(value, str) else show(value)


def fill_path(path: str, variables: Mapping[str, Any]) -> str:
    """Return a path with its variables filled in, each as one escaped segment."""
    return VARIABLE.sub(lambda match: quote(text(variables[match[1]]), safe=""), path)


@dataclass
class Walk:
    """One test on its way through its steps.

    Attributes:
        variables: parameters, and what was captured so far.
        answer: the latest answer, None before the first request.
        document: what pointers look at: the body of the latest answer, or the element of an `each` step.
        named: answers of steps that have a name.
    """

    specification: Specification
    client: Client
    variables: dict[str, Any]
    answer: Answer | None = None
    document: Any = MISSING
    named: dict[str, Answer] = field(default_factory=dict)

    def run(self, steps: list[Step]) -> None:
        """Walk through steps.

        Raises:
            Failed: the endpoint does not do what is asked.
            Inapplicable: what the test is about does not occur.
            Inconclusive: no verdict is possible.
        """
        for step in steps:
            try:
                self._step(step)
            except Refused as refused:
                raise Failed(str(refused)) from None

    def _step(self, step: Step) -> None:
        if "request" in step:
            self._request(step["request"])
        elif "follow" in step:
            self._follow(step["follow"])
        elif "pages" in step:
            self._pages(step["pages"])
        elif "each" in step:
            self._each(step["each"])
        if "name" in step and self.answer is not None:
            self.named[step["name"]] = self.answer
        for expectation in step.get("applies", []):
            if reason := self._check(expectation):
                raise Inapplicable(reason)
        for expectation in step.get("expect", []):
            if reason := self._check(expectation):
                raise Failed(reason)
        for name, what in step.get("capture", {}).items():
            self.variables[name] = self._capture(name, what)

    def _check(self, expectation: dict[str, Any]) -> str | None:
        answer, spec = self.answer, self.specification
        return check(
            # Schemas may hold regular expressions and texts with a dollar; they have no variables.
            {k: v if k == "schema" else fill(v, self.variables) for k, v in expectation.items()},
            self.document,
            answer.status if answer else None,
            answer.headers if answer else {},
            spec.schemas,
            spec.files,
        )

    def _arrive(self, answer: Answer) -> None:
        self.answer, self.document = answer, answer.json

    def _request(self, request: dict[str, Any]) -> None:
        url = (
            self.client.below(fill_path(request["path"], self.variables))
            if "path" in request
            else text(fill(request["url"], self.variables))
        )
        params = {k: text(fill(v, self.variables)) for k, v in request.get("params", {}).items()}
        headers = fill(request.get("headers", {}), self.variables)
        self._arrive(
            self.client.request(url, method=request.get("method", "GET"), params=params, headers=headers)
        )

    def _follow(self, follow: dict[str, Any]) -> None:
        if "from" in follow:
            answer = self.named.get(follow["from"])
            if answer is None:
                raise Inconclusive(f"the test names a step {follow['from']!r} that has not been made")
            self._arrive(answer)
        rels = follow["rel"] if isinstance(follow["rel"], list) else [follow["rel"]]
        url = self._link(self.document, rels, follow.get("type"), follow.get("links", "/links"))
        if url is None:
            wanted = f" and type {follow['type']}" if "type" in follow else ""
            raise Failed(f"{self._where()} has no link with the relation {' or '.join(rels)}{wanted}")
        self._arrive(self.client.request(url, headers=fill(follow.get("headers", {}), self.variables)))

    def _link(self, document: Any, rels: list[str], media_type: str | None, pointer: str) -> str | None:
        links = select(document, pointer)
        for rel in rels:
            fitting = [
                link
                for link in (links if isinstance(links, list) else [])
                if isinstance(link, dict) and link.get("rel") == rel and isinstance(link.get("href"), str)
            ]
            if media_type is not None:
                # A link that announces no type may be of any.
                fitting = [
                    link for link in fitting if str(link.get("type", media_type)).split(";")[0] == media_type
                ]
            if fitting:
                base = self.answer.url if self.answer else self.client.base_url
                return urljoin(base, str(fitting[0]["href"]))
        return None

    def _pages(self, pages: dict[str, Any]) -> None:
        most = pages.get("max", MAX_PAGES)
        found: list[Any] = []
        visited: set[str] = set()
        while True:
            if self.answer is None or self.answer.status != 200:
                raise Failed(f"{self._where()} is not a page: the status is not 200")
            here = select(self.document, pages["collect"])
            if here is MISSING:
                raise Failed(f"{self._where()} has no {pages['collect']}")
            found += here if isinstance(here, list) else [here]
            visited.add(self.answer.url)
            url = self._link(self.document, [pages.get("rel", "next")], None, "/links")
            if url is None:
                break
            if url in visited:
                raise Failed(
                    f"the link to the next page of {self._where()} leads back to a page that was read"
                )
            if len(visited) >= most and pages.get("partial", False):
                break
            if len(visited) >= most:
                raise Inconclusive(f"there are more than {most} pages; choose a smaller collection")
            self._arrive(self.client.request(url))
        self.variables[pages["as"]] = found

    def _each(self, each: dict[str, Any]) -> None:
        source = each["in"]
        members = fill(source, self.variables) if source.startswith("$") else select(self.document, source)
        if not isinstance(members, list):
            raise Failed(f"{self._where()} has no list at {source or 'its root'}")
        if len(members) < each.get("at_least", 1):
            raise Failed(f"{self._where()} has {len(members)} members at {source}, too few to test")
        before = self.answer, self.document
        said: list[str] = []
        passed = 0
        for member in members[: each.get("limit")]:
            self.answer, self.document = before[0], member
            self.variables[each["as"]] = member
            try:
                self.run(each.get("steps", []))
            except Inapplicable as inapplicable:
                said.append(str(inapplicable))
            except Failed as failed:
                if each.get("require", "all") == "all":
                    raise Failed(f"{failed}; for {each['as']} = {show(member)}") from None
                said.append(str(failed))
            else:
                passed += 1
                if each.get("require", "all") == "any":
                    return
        if not passed:
            if each.get("require", "all") == "any":
                raise Failed(f"none of the {len(said)} members at {source} will do; the last: {said[-1]}")
            raise Inapplicable(said[-1])
        self.answer, self.document = before

    def _capture(self, name: str, what: Any) -> Any:
        pointer = what if isinstance(what, str) else what.get("pointer", what.get("bbox"))
        if pointer is None:
            found: Any = self._link(self.document, [what["link"]], None, "/links") or MISSING
            asked = f"a link with the relation {what['link']}"
        else:
            found, asked = select(self.document, pointer), pointer or "a JSON body"
            if isinstance(what, dict) and "bbox" in what and found is not MISSING:
                found, asked = bounding_box(found) or MISSING, f"coordinates at {pointer}"
        if found is MISSING:
            raise Failed(f"{self._where()} has no {asked}, which is needed as {name}")
        return found

    def _where(self) -> str:
        return self.answer.url if self.answer else self.client.base_url
