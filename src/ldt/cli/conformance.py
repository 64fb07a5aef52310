"""`ldt conformance`: a specification, stated as data, against any endpoint.

Exit codes: 0 every requirements class passed (or did not apply); 9 one failed, or could not be shown to pass; 2 the command or the
specification cannot be understood; 4 nothing answers at the address.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ldt.cli import output
from ldt.errors import LdtError, SourceError, UsageError

if TYPE_CHECKING:
    from ldt.conformance import Report, Specification

NOT_CONFORMANT = 9
"""Exit code when a requirements class did not pass."""

app = typer.Typer(
    name="conformance",
    help="Run a specification against an endpoint.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

SpecOption = Annotated[str, typer.Option("--spec", metavar="FILE|NAME", help="The specification.")]


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the runner raises, which knows nothing of this program, into our errors."""
    from ldt.conformance import ConformanceError, EndpointError

    try:
        yield
    except EndpointError as error:
        raise SourceError(error.message, where=error.where, remedy=error.remedy) from None
    except ConformanceError as error:
        raise UsageError(error.message, where=error.where, remedy=error.remedy) from None


def _specification(name: str) -> Specification:
    from ldt.conformance import find, load

    return load(find(name))


def _parameters(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for item in given:
        name, equals, value = item.partition("=")
        if not equals or not name or name in values:
            raise UsageError(
                "is not name=value, or is given twice",
                where=f"--param {item}",
                remedy="--param collection=sites",
            )
        values[name] = value
    return values


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise LdtError(
            f"the report cannot be written: {error.strerror}", where=str(path), remedy="give another path"
        ) from None


def _earl_form(path: Path | None) -> Any:
    forms = {".ttl": "turtle", ".jsonld": "json-ld", ".json": "json-ld"}
    if path is not None and path.suffix not in forms:
        raise UsageError(
            "its ending tells no form of EARL", where=f"--earl {path}", remedy="end it in .ttl or .jsonld"
        )
    return forms[path.suffix] if path else None


@app.command("run")
def run_command(
    url: Annotated[str, typer.Argument(help="The address of the endpoint's landing page.")],
    spec: SpecOption = "ldt-core",
    param: Annotated[
        list[str] | None,
        typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the specification."),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option("--class", metavar="ID", help="Run this class and what it depends on only."),
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write JUnit XML to this file.")] = None,
    earl: Annotated[Path | None, typer.Option(help="Write EARL to this file (.ttl or .jsonld).")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds that one answer may take.")] = 30.0,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="A further host that links and redirects may lead to.")
    ] = None,
    language: Annotated[
        str, typer.Option(help="Language of statements, where there is a text in it.")
    ] = "en",
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Show what passed too.")] = False,
    as_json: output.Json = False,
) -> None:
    """Run a specification against an endpoint and tell what failed, and why."""
    from ldt.conformance import Limits, run

    params, form = _parameters(param or []), _earl_form(earl)
    with _told():
        specification = _specification(spec)
        total = None if only else len(specification.tests)
        with output.progress(f"testing {url}", total=total) as advance:
            report = run(
                specification,
                url,
                params,
                classes=only or (),
                limits=Limits(timeout=timeout, allow_hosts=frozenset(allow_host or ())),
                progress=lambda _: advance(1),
            )
    if junit:
        from ldt.conformance.junit import junit as as_junit

        _write(junit, as_junit(report))
    if earl:
        from ldt.conformance.earl import earl as as_earl

        _write(earl, as_earl(report, form))
    output.emit(report.as_dict(), lambda: _render(report, verbose, language))
    if report.outcome.value not in ("passed", "inapplicable"):
        raise typer.Exit(NOT_CONFORMANT)


def _render(report: Report, verbose: bool, language: str) -> None:
    import sys

    from rich.console import Console

    from ldt.conformance.render import render

    width = None if sys.stdout.isatty() else 10_000  # a log is not folded
    render(report, Console(file=sys.stdout, width=width, soft_wrap=False), verbose=verbose, language=language)


@app.command("list")
def list_command(as_json: output.Json = False) -> None:
    """List the specifications that come with the software."""
    from ldt.conformance import available, load
    from ldt.conformance.report import in_language

    with _told():
        found = [(name, load(path)) for name, path in available().items()]
    data = [
        {"name": n, "version": s.version, "uri": s.uri, "title": s.title, "digest": f"sha256:{s.digest}", "tests": len(s.tests)}
        for n, s in found
    ]  # fmt: skip
    rows = [[n, s.version, len(s.tests), in_language(s.title)] for n, s in found]
    output.emit({"specifications": data}, lambda: output.table(["name", "version", "tests", "title"], rows))


@app.command("show")
def show_command(
    spec: Annotated[str, typer.Argument(metavar="FILE|NAME", help="The specification.")] = "ldt-core",
    as_json: output.Json = False,
) -> None:
    """Show the requirements of a specification, and its parameters."""
    from dataclasses import asdict

    with _told():
        specification = _specification(spec)
    data = {k: v for k, v in asdict(specification).items() if k not in ("path", "schemas", "files")}
    output.emit(data, lambda: _describe(specification))


def _describe(specification: Specification) -> None:
    from ldt.conformance.report import in_language

    output.say(f"{in_language(specification.title)} {specification.version}")
    output.say(f"{specification.uri}  sha256:{specification.digest}")
    for parameter in specification.parameters.values():
        output.say(f"--param {parameter.name}=…  {in_language(parameter.description)}")
    for requirements_class in specification.classes:
        output.say()
        output.say(f"{requirements_class.id}  {in_language(requirements_class.title)}")
        for dependency in requirements_class.depends_on:
            output.say(f"  depends on {dependency}")
        for requirement in requirements_class.requirements:
            output.say(f"  {requirement.level.upper():<7}{requirement.id}")
            output.say(f"         {in_language(requirement.statement)}")
