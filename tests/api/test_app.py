"""Every resource answers, in every form, with and without a slash at the end; the landing page claims what is mounted."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from fastapi import APIRouter
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from ldt.api.app import STANDARDS, create_app

ITEMS = "/twins/town/collections/administrative-units/items"
RESOURCES = [
    "/",
    "/api",
    "/conformance",
    "/health",
    "/twins",
    "/twins/town",
    "/twins/town/api",
    "/twins/town/conformance",
    "/twins/town/collections",
    "/twins/town/collections/administrative-units",
    "/twins/town/collections/administrative-units/schema",
    ITEMS,
    f"{ITEMS}/places.q01",
    "/twins/town/datasets",
    "/twins/town/datasets/places",
    "/twins/town/datasets/places/versions",
    "/twins/town/datasets/places/outcomes",
    "/twins/town/latest",
    "/twins/town/datastreams",
    "/twins/town/datastreams/1",
    "/twins/town/datastreams/1/observations",
]


@pytest.mark.parametrize("path", RESOURCES)
def test_a_resource_answers_with_and_without_a_slash_at_the_end(client: TestClient, path: str) -> None:
    plain = client.get(path)
    assert plain.status_code == 200
    assert "json" in plain.headers["content-type"]
    with_slash = client.get(path.rstrip("/") + "/")
    assert with_slash.status_code == 200
    assert [k for k in with_slash.json() if k not in plain.json()] == []


def test_the_classes_are_those_of_what_is_mounted(client: TestClient, town_url: str) -> None:
    expected = {c for s in STANDARDS for c in s.CONFORMANCE}
    assert set(client.get("/twins/town/conformance").json()["conformsTo"]) == expected
    part = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
    assert {part + c for c in ("core", "geojson", "html", "oas30")} <= expected
    one: Any = SimpleNamespace(CONFORMANCE=("urn:x",), router=APIRouter())
    assert create_app(town_url, standards=[one]).state.service.conformance == ("urn:x",)


def test_descriptions_are_valid_openapi(client: TestClient) -> None:
    for path, version in [
        ("/twins/town/api", "3.0.3"),
        ("/twins/town/api?f=oas31", "3.1.0"),
        ("/api", "3.1.0"),
        ("/api?f=oas30", "3.0.3"),
    ]:
        answer = client.get(path)
        assert f"version={version[:3]}" in answer.headers["content-type"]
        document = answer.json()
        assert document["openapi"] == version
        validate(document)
