"""Every real file through `ldt inspect`, a recipe or a draft, and into a twin; and the page that tells of it, row by row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ldt.pipeline import realdata
from ldt.pipeline.check import check
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.pipeline.realdata import Row

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "real-data.md"
#: Rows of the page by file. One test for each, so that the many are the first that a worker takes up.
LINES = {m[1]: m[0] for m in re.finditer(r"^\| `([^`]+)` \|.*$", PAGE.read_text("utf-8"), re.MULTILINE)}
MAKE_IT = "make the page anew: python -m ldt.cli.realdata ../shared/data"
#: Files that the README gives a country which their things do not lie in, and why.
ELSEWHERE = {"inspire/deegree/Inspire-Adress.xml": "an example: the point is in Lorraine"}


@pytest.fixture(scope="module")
def tried(shared_database_url: str, real_data: Path, own_data_dir: Path) -> Iterator[Callable[[str], Row]]:
    with realdata.trying(shared_database_url, real_data) as found:
        yield found


@pytest.fixture(scope="module")
def countries(real_data: Path) -> dict[str, list[str]]:
    """The ISO codes of the countries with which the README's column `what` begins, by file."""
    table = (real_data / "README.md").read_text("utf-8")
    row = r"^\| `([^`]+)` \|[^|]*\|[^|]*\|[^|]*\| ([A-Z]{2}(?:/[A-Z]{2})*) "
    return {name: codes.split("/") for name, codes in re.findall(row, table, re.MULTILINE)}


@pytest.mark.parametrize("name", LINES)
def test_the_page_says_what_becomes_of_a_file(
    tried: Callable[[str], Row], countries: dict[str, list[str]], name: str
) -> None:
    row = tried(name)
    assert row.runs or row.explained
    for run in row.runs:
        assert run.done or run.error
        assert run.done is None or run.done.tally.adds_up
    places = {place for run in row.runs for place in run.places}
    # A place in words is told by boxes of countries, which overlap.
    if places and name in countries and name not in ELSEWHERE and all(len(p) == 2 for p in places):
        assert places & set(countries[name])
    assert realdata.line(row) == LINES[name], MAKE_IT


def test_the_page_has_a_row_for_each_file(real_data: Path) -> None:
    assert realdata.names(real_data) == list(LINES), MAKE_IT
    assert realdata.page(list(LINES.values())) == PAGE.read_text("utf-8"), MAKE_IT


def test_what_programs_leave_behind_is_no_file_of_the_collection(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    for name in ("a/b.gml", "a/b.gfs", "a.gpkg", "a.gpkg-wal", "a.gpkg-shm", ".hidden"):
        (tmp_path / name).touch()
    assert realdata.names(tmp_path) == ["a/b.gml", "a.gpkg"]


@pytest.mark.soak
def test_every_layer_without_a_recipe_of_its_own_can_be_drafted(real_data: Path, tmp_path: Path) -> None:
    failed = []
    for name in realdata.names(real_data):
        path = real_data / name
        if LINES[name].split(" | ")[1] == "not readable":
            continue
        found = inspect(path)
        for layer in found["layers"] if found["reader"] not in {None, "om"} else []:
            first = next(iter(layer["recipes"]), "generic/")
            lies_nowhere = any("not possible" in p for p in layer["problems"])
            if not first.startswith(("generic/", "inspire/any")) or not layer["count"] or lies_nowhere:
                continue
            (tmp_path / "draft.yaml").write_text(draft(path, layer["name"]).text, encoding="utf-8")
            done = check(str(tmp_path / "draft.yaml"), path)
            told = done["outcomes"]
            if told is None or not told["accepted"] + told["repaired"]:
                failed.append((path.name, layer["name"], done))
    assert failed == []
