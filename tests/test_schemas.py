"""What lies under `schemas/` is what it says it is."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ldt.model.dpsir import Chain
from ldt.model.indicator import Definition
from ldt.model.law import RuleSet
from ldt.model.vocabulary import Vocabulary
from ldt.settings import shipped
from ldt.store.catalogue import KINDS, SCHEMAS, json_schema, read_files

ROOT = shipped("schemas")
FILES = [(kind, path) for kind in KINDS for path in sorted((ROOT / kind).glob("*.yaml"))]
LANGUAGES = {"en", "de", "fr", "es", "it"}


def schema(kind: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"{SCHEMAS[kind]}.schema.json").read_text("utf-8"))
    return found


@lru_cache
def codes(vocabulary: str) -> set[str]:
    return {c.code for v in read_files("vocabularies", Vocabulary) if v.id == vocabulary for c in v.concepts}


@pytest.mark.parametrize("kind", KINDS)
def test_the_schema_is_that_of_the_model(kind: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(kind))
    assert schema(kind) == json_schema(kind), "make it anew: python -m ldt.store.catalogue"


@pytest.mark.parametrize(("kind", "path"), FILES, ids=lambda v: v.stem if isinstance(v, Path) else v)
def test_the_file_fits_its_schema(kind: str, path: Path) -> None:
    content = yaml.safe_load(path.read_text("utf-8"))
    jsonschema.Draft202012Validator(schema(kind)).validate(content)
    assert content["id"] == path.stem
    assert set(content["title"]) >= LANGUAGES


@pytest.mark.parametrize(
    ("vocabulary", "number"),
    [
        ("anatomy", 62),  # 3 systems, 9 layers, 50 elements
        ("scales", 9),
        ("dpsir", 5),
        ("indicator-types", 5),
        ("corine", 5 + 15 + 44),
        ("inspire-themes", 34),
        ("access-classes", 3),
        ("data-stages", 4),
        ("void-reasons", 3),
    ],
)
def test_the_vocabulary_is_whole(vocabulary: str, number: int) -> None:
    assert len(codes(vocabulary)) == number


def test_the_anatomy_has_three_systems_nine_layers_and_fifty_elements() -> None:
    (anatomy,) = [v for v in read_files("vocabularies", Vocabulary) if v.id == "anatomy"]
    levels = [c.properties["level"] for c in anatomy.concepts]
    assert [levels.count(n) for n in ("system", "layer", "element")] == [3, 9, 50]
    assert all(c.parent == (c.code.rpartition(".")[0] or None) for c in anatomy.concepts)


def test_corine_classes_carry_their_mappings_and_the_tags_of_these() -> None:
    (corine,) = [v for v in read_files("vocabularies", Vocabulary) if v.id == "corine"]
    classes = [c for c in corine.concepts if c.properties["level"] == 3]
    assert [c.properties["grid_code"] for c in classes] == list(range(1, 45))
    assert all(set(c.properties) <= set(corine.properties) for c in classes)
    natural = {c.code for c in classes if c.properties["is_natural_seminatural"]}
    assert natural == {c.code for c in classes if c.code[0] in "345"} - {"422"}  # salines are made by man
    for c in corine.concepts:
        assert c.parent == (c.code[:-1] or None)


def test_every_reference_is_known() -> None:
    law = {r.id for r in read_files("law", RuleSet)}
    for d in read_files("indicators", Definition):
        assert set(d.spatial_units) <= codes("area-schemes"), d.id
        assert d.anatomy in codes("anatomy"), d.id
        assert set(d.thresholds) <= law, d.id
        assert set(d.definition) >= LANGUAGES, d.id
        assert d.formula.property is None or d.formula.property in codes("observed-properties"), d.id
    for r in read_files("law", RuleSet):
        named = {o.property for o in r.objectives} | {p for c in r.coverage for p in c.properties or []}
        assert named <= codes("observed-properties"), r.id
    for v in read_files("vocabularies", Vocabulary):
        for c in v.concepts:
            paths = c.properties.get("anatomy", c.properties.get("city_anatomy_path", []))
            assert set([paths] if isinstance(paths, str) else paths) <= codes("anatomy"), (v.id, c.code)
            assert c.properties.get("scale", "0") in codes("scales")


def test_all_ten_chains_are_there_and_whole() -> None:
    chains = {c.id: c for c in read_files("dpsir", Chain)}
    assert sorted(chains) == sorted(
        ["air", "heat", "soil", "biodiversity", "water", "noise", "climate", "waste", "flood", "well-being"]
    )
    defined = {d.id for d in read_files("indicators", Definition)}
    named = {n.indicator for c in chains.values() for n in c.nodes if n.indicator}
    assert {"no2-annual-mean", "pm10-annual-mean", "protected-area-share", "natural-share"} <= named & defined
    for chain in chains.values():
        assert {n.role for n in chain.nodes} == set("DPSIR"), chain.id
        reached = {k.to_node for k in chain.all_links} | {k.from_node for k in chain.all_links}
        assert reached == {n.id for n in chain.nodes}, chain.id


def test_a_chain_refuses_an_arrow_that_the_roles_do_not_allow() -> None:
    nodes = [{"id": r.lower(), "role": r, "title": {"en": r}} for r in "DPSIR"]
    chain = {"id": "x", "title": {"en": "x"}, "checked": "P", "source": "x", "nodes": nodes}
    links = Chain.model_validate(chain).all_links
    assert {(k.from_node, k.to_node) for k in links} == {
        ("d", "p"), ("p", "s"), ("s", "i"), ("i", "r"), ("r", "d"), ("r", "p"),
    }  # fmt: skip
    with pytest.raises(ValueError, match="no S acts on a D"):
        Chain.model_validate({**chain, "links": [{"from": "s", "to": "d"}]})
    with pytest.raises(ValueError, match="nodes that there are not: z"):
        Chain.model_validate({**chain, "links": [{"from": "d", "to": "z"}]})
