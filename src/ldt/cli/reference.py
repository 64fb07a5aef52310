"""Writes pages of reference from what they are about: `python -m ldt.cli.reference docs` writes them anew in that folder."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import typer
import yaml

from ldt.cli import FAULT, INTERRUPTED, app, classes, run
from ldt.errors import LdtError
from ldt.harmonise.recipe import Recipe, find_recipe, load_recipe, recipe_names


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
        "Generated from the program: `python -m ldt.cli.reference docs`. Every command takes `--json` and then prints one JSON",
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


def recipes_page() -> str:
    """Return the page of the shipped recipes as Markdown: one section for each, those of a folder together."""
    parts = [
        "# The shipped recipes",
        "",
        "Generated from `connectors/`: `python -m ldt.cli.reference docs`. What each key means is told in [recipes](recipes.md);",
        "`ldt recipes show NAME` prints a recipe, `ldt inspect FILE` proposes those that fit a file.",
        "",
        "| recipe | makes | reader | origin | title |",
        "|---|---|---|---|---|",
    ]
    recipes = {name: load_recipe(name) for name in recipe_names()}
    for name, recipe in recipes.items():
        cells = (_makes(recipe), recipe.source.reader, recipe.origin, recipe.title["en"])
        parts.append(f"| [{name}](#{name.replace('/', '')}) | {' | '.join(cells)} |")
    for folder, names in groupby(recipes, lambda name: name.split("/")[0]):
        parts += ["", f"## {folder}"]
        for name in names:
            parts += ["", f"### {name}", "", *_recipe(name, recipes[name])]
    return "\n".join(parts) + "\n"


def _makes(recipe: Recipe) -> str:
    return recipe.feature.type if recipe.feature else f"{recipe.shape}s"


def _recipe(name: str, recipe: Recipe) -> Iterator[str]:
    """Yield the lines of one recipe: what it says of itself, its facts, and what its columns are made of."""
    yield f"**{recipe.title['en']}**"
    if remark := _remark(find_recipe(name)):
        yield from ("", remark)
    yield ""
    licence = f"[{recipe.licence}]({recipe.licence_uri})" if recipe.licence_uri else recipe.licence
    files = ", ".join(f"`{pattern}`" for pattern in recipe.source.files) or "any"
    facts = {
        "publisher": recipe.publisher,
        "licence": licence,
        "origin": recipe.origin,
        "updated": recipe.update_frequency or "not stated",
        "anatomy": f"`{recipe.anatomy}`",
        "reader": f"`{recipe.source.reader}`",
        "files": files,
        "makes": _makes(recipe),
    }
    for key, value in facts.items():
        yield f"- {key}: {value}"
    yield from ("", "```yaml", _columns(recipe), "```")


def _remark(path: Path) -> str:
    """Return the comment that a recipe begins with."""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.removeprefix("#").strip())
    return "\n".join(lines)


def _columns(recipe: Recipe) -> str:
    """Return what is made of a record, as the recipe says it."""
    said: dict[str, Any]
    if recipe.feature:
        said = recipe.feature.columns
    elif recipe.observation:
        said = recipe.observation.model_dump(mode="json", exclude_unset=True)
    else:
        assert recipe.coverage is not None  # noqa: S101 - a recipe has exactly one of the three
        said = recipe.coverage.model_dump(mode="json", exclude_unset=True)
    text: str = yaml.safe_dump(said, allow_unicode=True, sort_keys=False, width=10_000)
    return text.rstrip()


#: File name → the page.
PAGES = {
    "commands.md": page,
    "recipe-reference.md": recipes_page,
    "reference/conformance.md": classes.page,
}


if __name__ == "__main__":
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "docs")
    for file, write in PAGES.items():
        (folder / file).write_text(write(), encoding="utf-8")
