"""What is claimed is shown: each conformance class has tests, each mark names a class that is claimed."""

from __future__ import annotations

from pathlib import Path

from ldt.cli.classes import claimed, marked, page


def test_each_class_that_is_claimed_has_a_test() -> None:
    assert [c for c in claimed() if c not in marked()] == []


def test_each_mark_names_a_class_that_is_claimed() -> None:
    assert {c: tests for c, tests in marked().items() if c not in claimed()} == {}


def test_marks_are_found_where_they_stand(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "test_one.py").write_text(
        "import pytest\n"
        "@pytest.mark.conformance('urn:a', 'urn:b')\n"
        "@pytest.mark.parametrize('x', [1])\n"
        "def test_both(x): ...\n"
        "@pytest.mark.conformance('urn:a')\n"
        "def test_another(): ...\n"
        "def test_without(): ...\n",
        encoding="utf-8",
    )
    file = "inner/test_one.py"
    assert marked(tmp_path) == {
        "urn:a": [(file, "test_both"), (file, "test_another")],
        "urn:b": [(file, "test_both")],
    }


def test_the_page_has_a_row_for_each_class() -> None:
    rows = [line for line in page().splitlines() if line.startswith("| [")]
    assert len(rows) == len(claimed()) == len(set(claimed()))
