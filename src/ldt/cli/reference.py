"""Writes the reference of the commands from the commands themselves: `python -m ldt.cli.reference > docs/commands.md`."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator

import typer

from ldt.cli import FAULT, INTERRUPTED, app, run
from ldt.errors import LdtError


def commands(group: typer.Typer, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command, in the order in which they are registered."""
    for command in group.registered_commands:
        function = command.callback
        yield (*path, command.name or (function.__name__ if function else ""))
    for inner in group.registered_groups:
        if inner.typer_instance is not None:
            yield from commands(inner.typer_instance, (*path, str(inner.typer_instance.info.name)))


def help_of(words: tuple[str, ...]) -> str:
    """Return what `ldt WORDS --help` prints, at a fixed width."""
    width, os.environ["COLUMNS"] = os.environ.get("COLUMNS"), "100"
    out = io.StringIO()
    try:
        with contextlib.redirect_stdout(out):
            run([*words, "--help"])
    finally:
        if width is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = width
    return out.getvalue().strip()


def exit_codes() -> list[tuple[int, str]]:
    """Return the exit codes and what they mean, in order."""
    found: dict[int, list[str]] = {
        0: ["done"],
        FAULT: ["a fault of this program; the log has the details"],
        INTERRUPTED: ["interrupted"],
    }

    for kind in LdtError.__subclasses__():
        found.setdefault(kind.exit_code, []).append((kind.__doc__ or "").splitlines()[0].rstrip("."))
    found.setdefault(9, []).append("`ldt conformance run`: a conformance class did not pass")
    return [(code, "; ".join(dict.fromkeys(found[code]))) for code in sorted(found)]


def page() -> str:
    """Return the whole page as Markdown."""
    parts = [
        "# Commands",
        "",
        "Generated from the program: `python -m ldt.cli.reference > docs/commands.md`. Every command takes `--json` and then prints one JSON",
        "document on standard output and nothing else; progress goes to standard error.",
        "",
        "| exit code | meaning |",
        "|---|---|",
        *(f"| {code} | {meaning} |" for code, meaning in exit_codes()),
        "",
    ]
    for words in commands(app):
        parts += [f"## ldt {' '.join(words)}", "", "```text", help_of(words), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    print(page(), end="")  # noqa: T201 - this is what the module is for
