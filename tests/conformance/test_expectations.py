"""Pointers against the examples of RFC 6901, expectations by hand."""

from __future__ import annotations

from typing import Any

import pytest

from ldt.conformance.expectations import bounding_box, check
from ldt.conformance.pointer import MISSING, select

#: RFC 6901 section 5.
RFC = {
    "foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5, 'k"l': 6, " ": 7, "m~n": 8,
}  # fmt: skip


@pytest.mark.parametrize(
    ("pointer", "value"),
    [
        ("", RFC), ("/foo", ["bar", "baz"]), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1), ("/c%d", 2), ("/e^f", 3),
        ("/g|h", 4), ("/i\\j", 5), ('/k"l', 6), ("/ ", 7), ("/m~0n", 8),
        ("/foo/2", MISSING), ("/foo/-", MISSING), ("/foo/00", MISSING), ("/foo/x", MISSING), ("/bar", MISSING),
        ("/foo/*", ["bar", "baz"]), ("/nothing/*", []),
    ],
)  # fmt: skip
def test_pointers(pointer: str, value: Any) -> None:
    assert select(RFC, pointer) == value


def test_a_pointer_begins_with_a_slash() -> None:
    with pytest.raises(ValueError, match="begins with"):
        select(RFC, "foo")


POINT = {"type": "Point", "coordinates": [7.0, 51.0]}
DOCUMENT = {"a": 1, "yes": True, "list": [1, 2, 2], "text": "abc", "null": None, "g": [POINT, None]}


@pytest.mark.parametrize(
    ("good", "bad"),
    [
        ({"status": [200, 404]}, {"status": 404}),
        ({"media_type": "application/json"}, {"media_type": "text/html"}),
        ({"header": "Content-Type", "matches": "json"}, {"header": "ETag", "exists": True}),
        ({"pointer": "/a", "equals": 1.0}, {"pointer": "/yes", "equals": 1}),
        ({"pointer": "/g/0/coordinates", "nearly": [7.0000009, 51]}, {"pointer": "/g/0/coordinates", "nearly": [7.000002, 51]}),
        ({"pointer": "/g", "nearly": [POINT, None]}, {"pointer": "/g", "nearly": [POINT]}),
        ({"pointer": "/yes", "nearly": True}, {"pointer": "/yes", "nearly": 1}),
        ({"pointer": "/null", "equals": None}, {"pointer": "/lost", "equals": None}),
        ({"pointer": "/lost", "exists": False}, {"pointer": "/a", "exists": False}),
        ({"pointer": "/a", "not_equals": 2}, {"pointer": "/a", "not_equals": 1}),
        ({"pointer": "/a", "one_of": [1, 2]}, {"pointer": "/yes", "one_of": [1, 2]}),
        ({"pointer": "/list", "contains": 2}, {"pointer": "/list", "contains": 3}),
        ({"pointer": "/list", "excludes": 3}, {"pointer": "/list", "excludes": 1}),
        ({"pointer": "/a", "at_least": 1}, {"pointer": "/a", "at_least": 2}),
        ({"pointer": "/a", "at_most": "1"}, {"pointer": "/text", "at_most": 2}),
        ({"pointer": "/list", "count": 3}, {"pointer": "/list", "count": 2}),
        ({"pointer": "/list", "min_count": 3}, {"pointer": "/list", "min_count": 4}),
        ({"pointer": "/list", "max_count": 3}, {"pointer": "/list", "max_count": 2}),
        ({"value": [1, "1"], "unique": True}, {"pointer": "/list", "unique": True}),
        ({"pointer": "/list", "same_members": [2, 1, 2]}, {"pointer": "/list", "same_members": [1, 2]}),
        ({"value": 3, "sum_of": ["/a", "/list/1"]}, {"value": 2, "sum_of": ["/a", "/yes"]}),
        ({"pointer": "/g", "intersects_bbox": [6, 50, 8, 52]}, {"pointer": "/g", "intersects_bbox": [50, 6, 52, 8]}),
        ({"pointer": "/g", "intersects_bbox": [170, 50, 8, 52]}, {"pointer": "/g", "intersects_bbox": [170, 50, -170, 52]}),
        ({"schema": {"required": ["a"]}}, {"schema": {"required": ["b"]}}),
        ({"pointer": "/a", "schema": {"$ref": "#/$defs/number"}}, {"pointer": "/text", "schema": {"$ref": "#/$defs/number"}}),
        ({"schema_file": "object.json"}, {"pointer": "/a", "schema_file": "object.json"}),
    ],
)  # fmt: skip
def test_each_expectation_holds_and_fails(good: dict[str, Any], bad: dict[str, Any]) -> None:
    rest = (DOCUMENT, 200, {"content-type": "application/json; a=b"}, {"number": {"type": "number"}}, {"object.json": {"type": "object"}})  # fmt: skip
    assert check(good, *rest) is None
    said = check({**bad, "why": "because"}, *rest)
    assert said is not None
    assert said.endswith("(because)")


def test_a_box_is_a_hair_wider_than_its_coordinates() -> None:
    collection = {"type": "GeometryCollection", "geometries": [POINT, {"type": "LineString", "coordinates": [[1, 2], [3, 4, 9]]}]}  # fmt: skip
    assert bounding_box(collection) == pytest.approx([1, 2, 7, 51], abs=2e-6)
    assert bounding_box(None) is None
    assert bounding_box({"type": "Polygon", "coordinates": []}) is None
