"""What commands print: text for people, or with `--json` one JSON document on standard output and nothing else.

Results go to standard output; progress and errors go to standard error, so that results can be piped. On a terminal
progress is drawn, in a log it is plain lines, and with `--json` it is one JSON object a line, on standard error.
"""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import Annotated, Any

import typer

from ldt.errors import LdtError, UsageError

_SECONDS_BETWEEN_LINES = 5.0


class _Mode:
    json = False


def use_json(value: bool) -> bool:
    """Choose the form of all that follows; returns `value`, so that it can serve as an option's callback."""
    if value:
        _Mode.json = True
    return value


def reset() -> None:
    """Forget what an earlier command of this process chose."""
    _Mode.json = False


def is_json() -> bool:
    """Tell whether this command prints JSON."""
    return _Mode.json


Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document and nothing else.", callback=use_json, is_eager=True
    ),
]
"""The option that every command has: `def command(as_json: Json = False)`."""


def emit(data: Any, render: Callable[[], None]) -> None:
    """Print the result of a command; called once per command.

    Args:
        data: what `--json` prints: anything of dicts, lists, dataclasses, dates, paths, sets and numbers.
        render: prints the same for people.
    """
    if _Mode.json:
        _print_json(data)
    else:
        render()


def say(line: str = "") -> None:
    """Print one line for people on standard output."""
    sys.stdout.write(line + "\n")


def note(line: str) -> None:
    """Tell people something beside the result, on standard error; with `--json` one JSON object."""
    sys.stderr.write((_dumps({"note": line}) if _Mode.json else line) + "\n")
    sys.stderr.flush()


def confirm(question: str, option: str) -> None:
    """Ask before something is done that cannot be undone; returns if it may be.

    Args:
        question: what is asked.
        option: what says yes beforehand, for those whom nobody can ask.

    Raises:
        UsageError: nobody can be asked.
        typer.Abort: the answer was no.
    """
    if _Mode.json or not sys.stdin.isatty():
        raise UsageError("this cannot be undone, and nobody can be asked", remedy=f"say {option}")
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
        raise typer.Abort


def table(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows for people: a drawn table on a terminal, else values parted by tabs, for `cut` and `awk`."""
    texts = [["" if value is None else str(value) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (columns, *texts):
            say("\t".join(re.sub(r"[\t\r\n]+", " ", value) for value in line))
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(box=SIMPLE_HEAD)
    for column in columns:
        drawn.add_column(column)
    for line in texts:
        drawn.add_row(*(Text(value) for value in line))
    Console(file=sys.stdout).print(drawn)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show that something is being done, on standard error; yields a function that is told of each step done.

    ::

        with progress("reading districts.shp", total=86) as advance:
            for batch in batches:
                advance(len(batch))

    Args:
        what: what is being done.
        total: how many steps there are, if that is known.
    """
    if not _Mode.json and sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        # One step without a count is a spinner; a count without an end shows how far it has come.
        count = [] if total == 0 else [BarColumn(), MofNCompleteColumn()]
        text = TextColumn("{task.description}", markup=False)
        with Progress(
            SpinnerColumn(), text, *count, TimeElapsedColumn(), console=Console(stderr=True), transient=True
        ) as bar:
            task = bar.add_task(what, total=total)
            yield lambda steps: bar.advance(task, steps)
        return
    lines = _Lines(what, total)
    lines.tell("begin")
    yield lines.advance
    lines.tell("end")


class _Lines:
    """Progress as lines: one at the beginning, one every few seconds, one at the end."""

    def __init__(self, what: str, total: int | None) -> None:
        self.what, self.total, self.done = what, total, 0
        self.began = self.told = time.monotonic()

    def advance(self, steps: int) -> None:
        self.done += steps
        if time.monotonic() - self.told >= _SECONDS_BETWEEN_LINES:
            self.tell("going")

    def tell(self, state: str) -> None:
        self.told = time.monotonic()
        seconds = round(self.told - self.began, 1)
        if _Mode.json:
            event = {
                "progress": self.what,
                "state": state,
                "done": self.done,
                "total": self.total,
                "seconds": seconds,
            }
            sys.stderr.write(_dumps(event) + "\n")
        else:
            count = f" {self.done:,}" + (f" of {self.total:,}" if self.total else "") if self.done else ""
            after = {
                "begin": " …",
                "going": f":{count} ({seconds:g} s) …",
                "end": f":{count} done ({seconds:g} s)",
            }
            sys.stderr.write(f"{self.what}{after[state]}\n")
        sys.stderr.flush()


def print_error(error: LdtError) -> None:
    """Print an error: one red line on standard error, or with `--json` the problem details on standard output."""
    if _Mode.json:
        _print_json(error.problem())
        return
    # File names and foreign messages may hold line breaks and terminal codes.
    line = re.sub(r"\s+", " ", re.sub(r"[\x00-\x1f\x7f-\x9f]+", " ", f"Error: {error}")).strip()
    if sys.stderr.isatty() and not os.environ.get("NO_COLOR"):
        line = f"\x1b[31m{line}\x1b[0m"
    sys.stderr.write(line + "\n")


def _print_json(data: Any) -> None:
    sys.stdout.write(_dumps(data) + "\n")


def _dumps(data: Any) -> str:
    import orjson

    return orjson.dumps(
        data, default=_plain, option=orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
    ).decode()


def _plain(value: object) -> object:
    if isinstance(value, PurePath):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} has no JSON form")
