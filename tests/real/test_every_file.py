"""Every real file through `ldt inspect`, a recipe or a draft, and into a twin; and the page that tells of it. Minutes: `make soak`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ldt.cli.realdata import counted
from ldt.errors import LdtError
from ldt.pipeline import realdata
from ldt.pipeline.check import check
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.draft import draft
from ldt.pipeline.realdata import Row

pytestmark = pytest.mark.soak

PAGE = Path("docs/reference/real-data.md")
#: Files that the README gives a country which their things do not lie in, and why.
ELSEWHERE = {
    "inspire/gb_os/hydro_inspire.gml": "refused: EPSG:25832 far out of its zone",
    "inspire/gb_os/hydro_inspire2.gml": "refused: EPSG:25832 far out of its zone",
    "inspire/deegree/Inspire-Adress.xml": "an example: the point is in Lorraine",
}


@pytest.fixture(scope="module")
def rows(shared_database_url: str, real_data: Path, own_data_dir: Path) -> list[Row]:
    return list(realdata.run(shared_database_url, real_data))


def test_every_file_is_explained_and_every_record_accounted_for(rows: list[Row]) -> None:
    assert len(rows) > 250
    for row in rows:
        assert row.runs or row.explained, row.path
        for run in row.runs:
            assert run.done is not None or run.error, row.path
            if run.done:
                assert run.done.tally.adds_up, row.path


def test_no_place_is_outside_the_country_that_the_readme_names(rows: list[Row], real_data: Path) -> None:
    """The README's column `what` begins with the ISO code of the country."""
    table = (real_data / "README.md").read_text("utf-8")
    said = dict(re.findall(r"^\| `([^`]+)` \|[^|]*\|[^|]*\|[^|]*\| ([A-Z]{2})(?=[ /])", table, re.MULTILINE))
    known = {row.path: {p for run in row.runs for p in run.places} for row in rows}
    wrong = {
        path: (code, known[path])
        for path, code in said.items()
        if known.get(path)
        and code not in known[path]
        and path not in ELSEWHERE
        and all(len(p) == 2 for p in known[path])
    }
    assert wrong == {}


def test_the_page_is_that_of_today(rows: list[Row]) -> None:
    assert PAGE.read_text("utf-8") == realdata.page(rows, counted(rows)), (
        "python -m ldt.cli.realdata ../shared/data"
    )


def test_every_layer_without_a_recipe_of_its_own_can_be_drafted(real_data: Path, tmp_path: Path) -> None:
    failed = []
    for path in sorted(p for p in real_data.rglob("*") if p.is_file()):
        try:
            found = inspect(path)
        except LdtError:
            continue
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
