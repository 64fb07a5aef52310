"""Answers of services that failed, saved as if they were data: named, with what they say; and records that only look like them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ldt.sources import describe

#: As RFC 9457, ArcGIS, Django, FastAPI, CKAN, GeoServer, Open-Meteo, Spring, NGSI-LD, FROST, AWS and Salesforce answer.
ANSWERS: list[tuple[Any, str]] = [
    ({"type": "about:blank", "title": "Not Found", "status": 404, "detail": "no such collection"}, "no such collection"),
    ({"error": {"code": 400, "message": "Invalid URL", "details": []}}, "Invalid URL"),
    ({"message": "Not found", "code": 404}, "Not found"),
    ({"detail": "Not found."}, "Not found."),
    ({"detail": [{"loc": ["query", "x"], "msg": "field required", "type": "value_error"}]}, "field required"),
    ({"help": "https://x", "success": False, "error": {"message": "Not found: x", "__type": "Not Found Error"}}, "Not found: x"),
    ({"version": "1.0.0", "exceptions": [{"code": "noApplicableCode", "locator": "x", "text": "Unknown type"}]}, "Unknown type"),
    ({"error": True, "reason": "Latitude must be in range"}, "Latitude must be in range"),
    ({"timestamp": "2020-01-01", "status": 500, "error": "Internal Server Error", "path": "/x"}, "Internal Server Error"),
    ({"type": "https://uri.etsi.org/ngsi-ld/errors/ResourceNotFound", "title": "Entity Not Found"}, "Entity Not Found"),
    ({"code": 404, "type": "error", "message": "Nothing found."}, "Nothing found."),
    ({"message": "Missing Authentication Token"}, "Missing Authentication Token"),
    ([{"message": "session expired", "errorCode": "INVALID_SESSION_ID"}], "session expired"),
    ("404 Not Found", "404 Not Found"),
    ("Error: connection timed out\n", "Error: connection timed out"),
    ('<ExceptionReport xmlns="http://www.opengis.net/ows/1.1"><Exception><ExceptionText>Bad layer</ExceptionText></Exception></ExceptionReport>', "Bad layer"),
]  # fmt: skip


@pytest.mark.parametrize("suffix", [".json", ".csv"])
@pytest.mark.parametrize(("answer", "says"), ANSWERS, ids=[a[1] for a in ANSWERS])
def test_an_error_is_named_with_what_it_says(tmp_path: Path, answer: Any, says: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    path.write_text(answer if isinstance(answer, str) else json.dumps(answer))
    found = describe(path)
    assert found.format == "error that a service answered with"
    assert found.document is not None
    assert found.document.title == says
    assert f"it says: {says}" in found.problems


@pytest.mark.parametrize(
    "page",
    ["<h1>503 Service Unavailable</h1>", "<!-- x -->\n<!DOCTYPE html><html><title>Login</title></html>", "<br />\n<b>Fatal error</b>: x"],
)  # fmt: skip
def test_pages_for_people_are_named(tmp_path: Path, page: str) -> None:
    (tmp_path / "a.csv").write_text(page)
    assert describe(tmp_path / "a.csv").format == "web page (HTML)"


@pytest.mark.parametrize(
    "records",
    [
        {"errors": [], "data": [{"a": 1}]},
        {"error": None, "results": [{"a": 1}]},
        {"id": 1, "name": "x", "description": "y"},
        [{"message": "x", "code": 404}, {"message": "y", "code": 405}],
        {"name": "Station", "status": "active", "description": "x"},
        {"status": "ok", "data": [{"a": 1}]},
        {"error": 0.3, "name": "sensor"},
    ],
)
def test_records_that_only_look_like_one(tmp_path: Path, records: Any) -> None:
    (tmp_path / "a.json").write_text(json.dumps(records))
    assert describe(tmp_path / "a.json").document is None


def test_tables_that_speak_of_errors(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("station;error\n1;2\n")
    assert describe(tmp_path / "a.csv").layers[0].columns == {"station": "text", "error": "text"}
