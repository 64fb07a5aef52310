"""The page of conformance classes: what the mounted standards claim and the tests that show it, found without running them."""

from __future__ import annotations

import ast
from itertools import groupby
from pathlib import Path

from ldt.api.app import STANDARDS

TESTS = Path(__file__).parents[3] / "tests"


def claimed() -> list[str]:
    """Return the conformance classes that a twin claims, in the order of its landing page."""
    return list(dict.fromkeys(c for standard in STANDARDS for c in standard.conformance))


def marked(folder: Path = TESTS) -> dict[str, list[tuple[str, str]]]:
    """Return what `@pytest.mark.conformance("class", …)` names: class → (file below the folder, test), in order."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.rglob("test_*.py")):
        source = path.read_text(encoding="utf-8")
        if "mark.conformance" not in source:
            continue
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef):
                for name in _named(node):
                    found.setdefault(name, []).append((path.relative_to(folder).as_posix(), node.name))
    return found


def _named(test: ast.FunctionDef) -> list[str]:
    """Return the classes that the marks of a test name."""
    return [
        str(ast.literal_eval(argument))
        for mark in test.decorator_list
        if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.conformance"
        for argument in mark.args
    ]


def page() -> str:
    """Return the page as Markdown: for each standard its classes, for each class its tests."""
    tests = marked()
    parts = [
        "# Conformance classes",
        "",
        "Generated from the code: `python -m ldt.cli.reference docs`. These are the classes that every twin lists at `/conformance`, exactly",
        "those of the standards that are mounted, with the tests that show each; they run in `make test`.",
    ]
    classes = [c.rpartition("/conf/") for c in claimed()]
    for standard, names in groupby(sorted(classes, key=lambda c: c[0]), key=lambda c: c[0]):
        parts += ["", f"## {standard.partition('/spec/')[2]}", "", "| class | shown by |", "|---|---|"]
        for above, between, name in names:
            identifier = above + between + name
            shown = "<br>".join(f"`{file}` {_said(test)}" for file, test in tests.get(identifier, []))
            parts.append(f"| [{name}]({identifier}) | {shown} |")
    return "\n".join(parts) + "\n"


def _said(test: str) -> str:
    return test.removeprefix("test_").replace("_", " ")
