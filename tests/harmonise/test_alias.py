"""The other name of a feature: evaluated by the recipe, part of what makes a record the one it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ldt.harmonise import harmonise
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe
from ldt.sources import read


def features(path: Path, alias: str | None) -> list[dict[str, Any]]:
    recipe = Recipe.model_validate(
        {
            "ldt": 1, "name": "things", "title": {"en": "Things"}, "publisher": "a test", "licence": "CC0-1.0",
            "origin": "local", "anatomy": "structure.environment.air", "source": {"reader": "table"},
            "feature": {
                "type": "generic-features", "id": {"local_id": "code", "stability": "source"}, "columns": {},
                "geometry": "none", "alias": alias,
            },
        }
    )  # fmt: skip
    chunks = harmonise(recipe, read("table", path, {}), Context("town/things"))
    return [row for chunk in chunks if chunk.features for row in chunk.features.to_pylist()]


def test_the_alias_is_what_the_recipe_says_and_another_alias_is_another_content(tmp_path: Path) -> None:
    path = tmp_path / "things.csv"
    path.write_text("code,name\nA,x\nB,\n")
    none, given, again = features(path, None), features(path, "name"), features(path, "name")
    other = features(path, "name || '2'")
    assert [row["alias"] for row in none] == [None, None]
    assert [row["alias"] for row in given] == ["x", None]
    assert [row["alias"] for row in other] == ["x2", None]
    assert given == again
    assert len({rows[0]["digest"] for rows in (none, given, other)}) == 3
    # a record without an alias is the same whatever the recipe says of aliases
    assert len({rows[1]["digest"] for rows in (none, given, other)}) == 1
