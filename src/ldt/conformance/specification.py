"""A candidate specification as data: requirements classes, requirements and executable tests, read from one YAML file.

The structure follows OGC ModSpec (08-131r3); the format is described in `docs/conformance.md` and by the JSON Schema
`schemas/spec/specification.schema.json`. A file is checked whole before anything is run: see :mod:`ldt.conformance.validate`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ldt.conformance.errors import SpecificationError
from ldt.conformance.validate import check_document, check_references

#: A text in several languages, by ISO 639-1 code.
Text = dict[str, str]
#: One step of a test, as the JSON Schema describes it.
Step = dict[str, Any]

#: Specification and schema files above this size (bytes) are refused.
MAX_FILE_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class Requirement:
    """One thing that the specification asks for.

    Attributes:
        id: `/req/{class}/{name}`.
        level: `shall`, `should` or `may`. A `may` is a permission and is not tested.
        statement: what is asked, by language.
        source: where it comes from: `{doc, clause, checked}`.
    """

    id: str
    level: str
    statement: Text
    parts: list[dict[str, Any]] = field(default_factory=list)
    source: list[dict[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class RequirementsClass:
    """A set of requirements on one kind of target, that an implementation conforms to as a whole.

    Attributes:
        id: `/req/{class}`.
        depends_on: ids of classes of this file, or URIs of classes of other specifications (told, not run).
    """

    id: str
    title: Text
    target: dict[str, Any]
    requirements: list[Requirement]
    depends_on: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Test:
    """An executable (or, where `kind` is `manual`, a described) test of one requirement."""

    __test__ = False  # pytest would take the name for a test class

    id: str
    requirement: str
    kind: str = "automatic"
    purpose: Text = field(default_factory=dict)
    instructions: Text = field(default_factory=dict)
    prerequisites: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Parameter:
    """What the caller may state besides the base URL.

    Attributes:
        default: the value where none is given.
        discover: steps that capture it from the endpoint where none is given.
    """

    name: str
    description: Text
    default: str | float | None = None
    discover: list[Step] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Specification:
    """A specification that has been read and checked.

    Attributes:
        digest: SHA-256 of the file and of the schema files that it names, hexadecimal.
        schemas: JSON Schemas that tests refer to as `#/$defs/{name}`.
        files: JSON Schemas in files of their own, by file name.
    """

    path: Path
    digest: str
    id: str
    version: str
    uri: str
    title: Text
    authority: str
    license: str
    description: Text
    classes: list[RequirementsClass]
    tests: list[Test]
    parameters: dict[str, Parameter] = field(default_factory=dict)
    schemas: dict[str, Any] = field(default_factory=dict)
    files: dict[str, Any] = field(default_factory=dict)

    def requirement(self, identifier: str) -> Requirement:
        """Return the requirement of an id."""
        return next(r for c in self.classes for r in c.requirements if r.id == identifier)

    def tests_of(self, requirements_class: RequirementsClass) -> list[Test]:
        """Return the tests of a class, in the order of the file."""
        ids = {r.id for r in requirements_class.requirements}
        return [t for t in self.tests if t.requirement in ids]


class _StrictLoader(yaml.SafeLoader):
    """YAML without what surprises in a specification: repeated keys, anchors, and dates made of strings."""

    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            # Aliases nest to documents of any size; `schemas` is the place for what is used twice.
            raise yaml.YAMLError("aliases (*name) are not allowed: use `schemas` for what is used twice")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if not isinstance(key, str):
                raise yaml.YAMLError(f"key {key!r} is not a string, line {key_node.start_mark.line + 1}")
            if key in seen:
                raise yaml.YAMLError(f"key {key!r} stands twice, line {key_node.start_mark.line + 1}")
            seen.add(key)
        return super().construct_mapping(node, deep)


_StrictLoader.yaml_implicit_resolvers = {
    letter: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def folder() -> Path:
    """Return the folder of the specifications that come with the software."""
    package = Path(__file__).parents[1]
    inside = package / "_data" / "schemas"
    return (inside if inside.is_dir() else package.parents[1] / "schemas") / "spec"


def available() -> dict[str, Path]:
    """Return the specifications that come with the software: path by name."""
    return {path.stem: path for path in sorted(folder().glob("*.yaml"))}


def find(name: str) -> Path:
    """Return the path of a specification given as a file or as a shipped name.

    Raises:
        SpecificationError: if it is neither.
    """
    shipped = available()
    if name in shipped:
        return shipped[name]
    path = Path(name)
    if path.is_file():
        return path
    raise SpecificationError(
        "there is no specification of this name, and no such file",
        where=name,
        remedy=f"give a YAML file, or one of: {', '.join(shipped) or 'none is installed'}",
    )


def load(path: Path) -> Specification:
    """Read and check a specification file.

    Args:
        path: a YAML file; schema files that it names lie beside it.

    Raises:
        SpecificationError: naming the file, the place in it and the reason.
    """
    content = _read(path)
    try:
        # A subclass of SafeLoader: it makes nothing but plain values.
        document = yaml.load(content, Loader=_StrictLoader)  # noqa: S506
    except (yaml.YAMLError, RecursionError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split()) or "it is nested too deeply"
        raise SpecificationError(f"is not YAML as we read it: {reason}", where=str(path)) from None
    schema = json.loads((folder() / "specification.schema.json").read_text(encoding="utf-8"))
    check_document(document, schema, str(path))
    digest = hashlib.sha256(content)
    files: dict[str, Any] = {}
    for name in sorted(set(_schema_files(document))):
        text = _read(path.parent / name)
        digest.update(name.encode() + b"\0" + text)
        try:
            files[name] = json.loads(text)
        except ValueError as error:
            raise SpecificationError(f"is not JSON: {error}", where=str(path.parent / name)) from None
    check_references(document, files, str(path))
    return _build(document, path, digest.hexdigest(), files)


def _read(path: Path) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SpecificationError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="check the path"
        ) from None
    if len(content) > MAX_FILE_BYTES:
        raise SpecificationError(f"is larger than {MAX_FILE_BYTES} bytes", where=str(path))
    return content


def _schema_files(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(name := node.get("schema_file"), str):
            yield name
        for member in node.values():
            yield from _schema_files(member)
    elif isinstance(node, list):
        for member in node:
            yield from _schema_files(member)


def _build(document: dict[str, Any], path: Path, digest: str, files: dict[str, Any]) -> Specification:
    head = document["spec"]
    return Specification(
        path=path,
        digest=digest,
        id=head["id"],
        version=head["version"],
        uri=head["uri"],
        title=head["title"],
        authority=head["authority"],
        license=head["license"],
        description=head.get("description", {}),
        classes=[
            RequirementsClass(**{**c, "requirements": [Requirement(**r) for r in c["requirements"]]})
            for c in document["requirements_classes"]
        ],
        tests=[Test(**t) for t in document["tests"]],
        parameters={p["name"]: Parameter(**p) for p in document.get("parameters", [])},
        schemas=document.get("schemas", {}),
        files=files,
    )
