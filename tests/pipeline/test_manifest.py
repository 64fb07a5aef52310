"""Manifests: the schema is that of the models, the commented example is one, and what a city describes goes before the recipe."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ldt.errors import NotFound, RecipeError
from ldt.harmonise.recipe import load_recipe
from ldt.model.snapshot import Access
from ldt.pipeline.manifest import Described, Manifest, load_manifest, manifest_schema, resolve, schema_text
from ldt.settings import shipped

ROOT = Path(__file__).parents[2]
RECIPE = "inspire/protected-sites"


def example() -> dict[str, Any]:
    """The commented example of docs/manifest.md."""
    text = (ROOT / "docs" / "manifest.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"^```yaml\n(ldt: 1.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    found: dict[str, Any] = yaml.safe_load(block)
    return found


def validator() -> jsonschema.Draft202012Validator:
    schema = json.loads((shipped("schemas") / "manifest.schema.json").read_bytes())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def entry(tmp_path: Path, **said: Any) -> Path:
    (tmp_path / "sites.gml").write_text("<x/>", encoding="utf-8")
    content = {
        "ldt": 1,
        "twin": "town",
        "title": {"en": "Town"},
        "datasets": [{"recipe": RECIPE, "sources": ["sites.gml"], **said}],
    }
    path = tmp_path / "town.yaml"
    path.write_text(yaml.safe_dump(content), encoding="utf-8")
    return path


def test_the_schema_is_that_of_the_models() -> None:
    written = (shipped("schemas") / "manifest.schema.json").read_bytes()
    assert written == schema_text(), "run: python -m ldt.pipeline.manifest"


def test_the_commented_example_is_a_manifest_and_names_every_key() -> None:
    content = example()
    assert [e.message for e in validator().iter_errors(content)] == []
    manifest = Manifest.model_validate(content)
    assert set(content) == set(Manifest.model_fields)
    said = {key for entry in content["datasets"] for key in entry}
    assert said == set(manifest_schema()["$defs"]["DatasetEntry"]["properties"])
    for one in manifest.datasets:
        assert load_recipe(one.recipe).name


def test_shipped_manifests_fit_the_schema_and_misspelt_keys_do_not() -> None:
    content = yaml.safe_load((ROOT / "tests" / "real" / "cologne.yaml").read_text(encoding="utf-8"))
    assert validator().is_valid(content)
    assert not validator().is_valid({**content, "bufer_m": 1})
    content["datasets"][0]["describe"] = {"licens": "x"}
    assert not validator().is_valid(content)


def test_what_the_city_describes_goes_before_the_recipe(tmp_path: Path) -> None:
    said = {"title": {"en": "Heaths"}, "access": "restricted", "update_frequency": "yearly"}
    path = entry(tmp_path, describe=said)
    (listed,) = resolve(load_manifest(path), tmp_path)
    shipped_one = load_recipe(RECIPE)
    assert listed.recipe.title == {"en": "Heaths"}
    assert listed.recipe.access is Access.RESTRICTED
    assert listed.recipe.update_frequency == "yearly"
    # nothing else differs
    same = listed.recipe.model_copy(update={n: getattr(shipped_one, n) for n in said})
    assert same == shipped_one
    assert listed.recipe.digest != shipped_one.digest


def test_another_licence_does_not_keep_the_address_of_the_first(tmp_path: Path) -> None:
    recipe = load_recipe("clc/corine-vector").model_copy(update={"licence_uri": "https://example.org/old"})
    assert Described.model_validate({"licence": "CC0-1.0"}).of(recipe).licence_uri is None
    both = {"licence": "CC0-1.0", "licence_uri": "https://example.org/new"}
    assert Described.model_validate(both).of(recipe).licence_uri == "https://example.org/new"
    assert Described().of(recipe) == recipe


@pytest.mark.parametrize(
    ("said", "place"),
    [
        ({"describe": {"name": "x"}}, "datasets.0.describe.name"),
        ({"describe": {"title": None}}, "datasets.0.describe"),
        ({"describe": {"title": {"english": "x"}}}, "datasets.0.describe.title"),
        ({"describe": {"access": "secret"}}, "datasets.0.describe.access"),
    ],
)
def test_a_wrong_description_is_told_with_its_place(said: dict[str, Any], place: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError) as told:
        load_manifest(entry(tmp_path, **said))
    assert told.value.message.startswith(place)
    assert told.value.where == "town.yaml"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("areas: [city, distrikt]", "areas: there is no 'distrikt'; there are: twin, city, district,"),
        ("indicators: [no2-mean]", "indicators: there is no 'no2-mean'; there are: data-completeness,"),
        ("periods: ['2024', '20x4']", "periods: '20x4' is not a period"),
    ],
)
def test_what_is_asked_for_is_checked_before_anything_is_read(
    line: str, message: str, tmp_path: Path
) -> None:
    path = entry(tmp_path)
    path.write_text(path.read_text(encoding="utf-8") + f"{line}\n", encoding="utf-8")
    with pytest.raises(RecipeError) as told:
        load_manifest(path)
    assert told.value.message.startswith(message)
    assert told.value.where == "town.yaml"


def test_what_is_missing_is_told(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="no such manifest"):
        load_manifest(tmp_path / "none.yaml")
    with pytest.raises(NotFound, match=r"no file matches 'none.gml'"):
        resolve(load_manifest(entry(tmp_path, sources=["none.gml"])), tmp_path)
