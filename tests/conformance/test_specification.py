"""A specification file is checked whole before anything runs; what is wrong is named with file, place and reason."""

from __future__ import annotations

import copy
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from ldt.conformance import SpecificationError, available, find, load
from ldt.conformance.specification import folder
from ldt.conformance.validate import OPERATORS, SUBJECTS

SMALL: dict[str, Any] = {
    "spec": {
        "id": "small",
        "version": "1.0.0",
        "uri": "https://example.org/spec/small/1.0",
        "title": {"en": "Small"},
        "authority": "tests",
        "license": "CC0-1.0",
    },
    "schemas": {"list": {"type": "array"}},
    "requirements_classes": [
        {
            "id": "/req/a",
            "title": {"en": "A"},
            "target": {"kind": "http-endpoint"},
            "requirements": [{"id": "/req/a/one", "level": "shall", "statement": {"en": "One."}}],
        }
    ],
    "tests": [
        {
            "id": "/conf/a/one",
            "requirement": "/req/a/one",
            "steps": [
                {"request": {"path": "/"}, "expect": [{"status": 200}], "capture": {"links": "/links"}},
                {"expect": [{"value": "${links}", "schema": {"$ref": "#/$defs/list"}}]},
            ],
        }
    ],
}


def written(tmp_path: Path, edit: Callable[[Any], None] = lambda document: None) -> Path:
    document = copy.deepcopy(SMALL)
    edit(document)
    path = tmp_path / "small.yaml"
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    return path


def test_a_right_file_is_read_and_its_digest_is_that_of_its_bytes(tmp_path: Path) -> None:
    path = written(tmp_path)
    specification = load(path)
    assert specification.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert [t.id for t in specification.tests_of(specification.classes[0])] == ["/conf/a/one"]
    assert specification.requirement("/req/a/one").level == "shall"


def test_the_schema_of_the_format_is_a_schema_and_closed() -> None:
    schema = json.loads((folder() / "specification.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_shipped_specifications_are_found_and_read() -> None:
    assert "ldt-core" in available()
    for name in available():
        assert load(find(name)).id == name


def _set(*path: Any, value: Any) -> Callable[[Any], None]:
    def edit(document: Any) -> None:
        for step in path[:-1]:
            document = document[step]
        document[path[-1]] = value

    return edit


STEP = ("tests", 0, "steps", 0)


@pytest.mark.parametrize(
    ("edit", "place", "reason"),
    [
        (_set("spec", "version", value="one"), "/spec/version", "does not match"),
        (_set("unknown", value=1), "", "'unknown' was unexpected"),
        (_set(*STEP, "request", "path", value="collections"), "/conf/a/one", "does not match"),
        (_set(*STEP, "follow", value={"rel": "next"}), "/conf/a/one", "valid under each"),
        (_set("tests", 0, "requirement", value="/req/a/two"), "/conf/a/one", "there is no requirement /req/a/two"),
        (_set("tests", 0, "prerequisites", value=["/conf/a/two"]), "/conf/a/one", "/conf/a/two, which does not exist"),
        (_set("tests", 0, "prerequisites", value=["/conf/a/one"]), "/conf/a/one", "in a circle"),
        (_set("requirements_classes", 0, "depends_on", value=["/req/b"]), "/req/a", "/req/b, which does not exist"),
        (_set("requirements_classes", 0, "requirements", 0, "id", value="/req/b/one"), "/req/b/one", "/req/a has an id"),
        (_set("requirements_classes", 0, "requirements", 0, "level", value="may"), "/conf/a/one", "is not tested"),
        (lambda d: d["tests"].append(copy.deepcopy(d["tests"][0])), "/conf/a/one", "stands twice"),
        (
            lambda d: d["requirements_classes"][0]["requirements"].append(
                {"id": "/req/a/two", "level": "should", "statement": {"en": "Two."}}
            ),
            "/req/a/two",
            "has no test",
        ),
        (_set(*STEP, "request", "path", value="/${id}"), "/conf/a/one step 1", "${id}"),
        (_set(*STEP, "expect", value=[{"value": "${links}", "unique": True}]), "step 1", "${links}"),
        (_set(*STEP, "expect", value=[{"pointer": "/a"}]), "step 1", "says nothing of its pointer"),
        (_set(*STEP, "expect", value=[{"pointer": "/a", "header": "b", "exists": True}]), "step 1", "one thing"),
        (_set(*STEP, "expect", value=[{"pointer": "/a", "matches": "("}]), "step 1", "regular expression"),
        (_set(*STEP, "expect", value=[{"schema": {"type": "lst"}}]), "step 1", "is not a JSON Schema"),
        (_set(*STEP, "expect", value=[{"schema": {"$ref": "http://a.example/b"}}]), "step 1", "http://a.example/b"),
        (_set("parameters", value=[{"name": "p", "description": {"en": "P"}, "discover": [{"request": {"path": "/"}}]}]),
         "parameter p", "does not capture it"),
        (_set(*STEP, "expect", value=[{"schema_file": "lost.json"}]), "lost.json", "cannot be read"),
        (_set(*STEP, "expect", value=[{"schema_file": "../../etc/passwd"}]), "/conf/a/one", "not"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, edit: Callable[[Any], None], place: str, reason: str) -> None:
    path = written(tmp_path, edit)
    with pytest.raises(SpecificationError) as caught:
        load(path)
    said = str(caught.value)
    assert str(tmp_path) in said
    assert place in said
    assert reason in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("spec: [", "YAML"),
        ("spec: 1\nspec: 2\n", "'spec' stands twice"),
        ("a: &x [1]\nb: [*x, *x]\n", "aliases"),
        ("1: a\n", "not a string"),
        ("!!python/object/apply:os.system ['true']\n", "YAML"),
        ("a: \x00\n", "YAML"),
        ("", "not of type 'object'"),
        ("[" * 100_000, "YAML"),
        ("# " + "x" * 2_000_000, "larger"),
    ],
)
def test_files_that_are_no_specification_are_one_clear_error(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SpecificationError) as caught:
        load(path)
    assert reason in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_that_is_nothing_is_told_what_there_is() -> None:
    with pytest.raises(SpecificationError, match="ldt-core"):
        find("no-such-specification")


def test_schema_files_beside_the_specification_count_for_the_digest(tmp_path: Path) -> None:
    path = written(tmp_path, _set(*STEP, "expect", value=[{"schema_file": "s.json"}]))
    (tmp_path / "s.json").write_text('{"type": "object"}')
    before = load(path)
    (tmp_path / "s.json").write_text('{"type": "array"}')
    assert before.files == {"s.json": {"type": "object"}}
    assert load(path).digest != before.digest


DOCS = (Path(__file__).parents[2] / "docs" / "conformance.md").read_text(encoding="utf-8")


def test_the_example_in_the_documentation_is_a_specification(tmp_path: Path) -> None:
    path = tmp_path / "air.yaml"
    path.write_text(DOCS.split("```yaml\n")[1].split("```")[0], encoding="utf-8")
    assert [t.id for t in load(path).tests] == ["/conf/stations/named"]


def test_every_key_of_steps_and_expectations_is_documented_and_has_an_effect() -> None:
    definitions = json.loads((folder() / "specification.schema.json").read_text())["$defs"]
    expectation = definitions["expectation"]["properties"].keys()
    step = definitions["step"]["properties"]
    keys = {
        *expectation,
        *step,
        *(k for s in ("request", "follow", "pages", "each") for k in step[s]["properties"]),
    }
    assert [
        k for k in sorted(keys) if not re.search(rf"`[^`]*\b{k}\b[^`]*`", DOCS) and f"{k}:" not in DOCS
    ] == []
    assert expectation == OPERATORS | SUBJECTS | {"why", "status", "media_type"}
