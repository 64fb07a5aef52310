"""Which file a recipe's name means: that in the user's own folder, else a shipped one; never one that lies somewhere below."""

from __future__ import annotations

from pathlib import Path

import pytest

from ldt.errors import NotFound
from ldt.harmonise.recipe import find_recipe
from ldt.settings import shipped

SHIPPED = shipped("connectors") / "inspire" / "addresses.yaml"


def test_a_shipped_one_by_its_name_with_and_without_the_folder() -> None:
    assert find_recipe("inspire/addresses") == SHIPPED
    assert find_recipe("addresses") == SHIPPED


def test_the_users_own_goes_first(tmp_path: Path) -> None:
    own = tmp_path / "addresses.yaml"
    own.write_text("ldt: 1")
    assert find_recipe("addresses", tmp_path) == own
    assert find_recipe("inspire/addresses", tmp_path) == SHIPPED


@pytest.mark.parametrize("below", [".venv/lib/ldt/connectors/inspire", "old/inspire"])
def test_copies_below_the_users_folder_are_not_taken(tmp_path: Path, below: str) -> None:
    (tmp_path / below).mkdir(parents=True)
    (tmp_path / below / "addresses.yaml").write_text("ldt: 1")
    assert find_recipe("inspire/addresses", tmp_path) == SHIPPED
    (tmp_path / below / "mine.yaml").write_text("ldt: 1")
    with pytest.raises(NotFound, match="mine"):
        find_recipe("mine", tmp_path)
