"""The documentation says what the program does: generated pages are current, links and commands in the README exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from ldt.cli import app
from ldt.cli.reference import PAGES, commands
from ldt.settings import Settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_pages_are_current(name: str) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "python -m ldt.cli.reference docs"


def test_the_recipe_reference_has_every_recipe_with_its_columns() -> None:
    text = PAGES["recipe-reference.md"]()
    sections = dict(zip(*[iter(re.split(r"^### (.+)$", text, flags=re.MULTILINE)[1:])] * 2, strict=True))
    shipped = (ROOT / "connectors").rglob("*.yaml")
    assert set(sections) == {p.relative_to(ROOT / "connectors").with_suffix("").as_posix() for p in shipped}
    for name, section in sections.items():
        said = yaml.safe_load((ROOT / "connectors" / f"{name}.yaml").read_text(encoding="utf-8"))
        (block,) = re.findall(r"^```yaml\n(.*?)^```", section, flags=re.MULTILINE | re.DOTALL)
        mapping = (
            said["feature"]["columns"] if "feature" in said else said.get("observation") or said["coverage"]
        )
        assert set(yaml.safe_load(block)) == set(mapping), name
        assert said["title"]["en"] in section


def test_commands_in_the_readme_exist() -> None:
    known = {" ".join(words) for words in commands(app)}
    used = re.findall(r"^\s*(?:\$ )?ldt ([a-z]+(?: [a-z]+)?)", README, flags=re.MULTILINE)
    assert used
    for words in used:
        assert words in known or words.split()[0] in known, words


def test_files_that_the_readme_links_to_exist() -> None:
    links = [t for t in re.findall(r"\]\(([^)#]+)\)", README) if not t.startswith("http")]
    assert links
    for target in links:
        assert (ROOT / target).exists(), target


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented(name: str) -> None:
    pages = README + "".join(p.read_text(encoding="utf-8") for p in (ROOT / "docs").rglob("*.md"))
    assert f"LDT_{name.upper()}" in pages


def test_the_site_lists_every_page() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))["nav"]

    def paths(entries: list[dict[str, object]]) -> set[str]:
        found: set[str] = set()
        for entry in entries:
            for value in entry.values():
                found |= paths(value) if isinstance(value, list) else {str(value)}
        return found

    assert paths(nav) == {p.relative_to(ROOT / "docs").as_posix() for p in (ROOT / "docs").rglob("*.md")}


def test_the_changelog_has_an_unreleased_section() -> None:
    assert "## Unreleased" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
