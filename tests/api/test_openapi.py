"""The descriptions are true: every route is in them, and what is sent is what they say."""

from __future__ import annotations

import re
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.testclient import TestClient

from ldt.api.openapi import downgrade, operations
from ldt.errors import UsageError

PATHS = {
    "twin": "town",
    "collectionId": "administrative-units",
    "featureId": "places.q01",
    "recordId": "places",
    "dataset": "places",
    "datastream": "1",
    "indicator": "no2-annual-mean",
    "vocabulary": "corine",
    "code": "311",
    "chain": "air",
    "locId": "DE01",
    "tileMatrixSetId": "WebMercatorQuad",
    "tileMatrix": "7",
    "tileRow": "43",
    "tileCol": "66",
}


def required(operation: dict[str, Any]) -> list[str]:
    """Return the query parameters that an operation cannot do without."""
    return [p["name"] for p in operation["parameters"] if p["in"] == "query" and p["required"]]


@pytest.fixture(scope="module")
def description(client: TestClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api").json()
    return found


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
)
def test_what_is_sent_is_what_is_described(client: TestClient, description: dict[str, Any]) -> None:
    registry = Registry().with_resource("urn:api", Resource.from_contents(description, DRAFT202012))
    checked = 0
    for path, operation in operations(description):
        if "{value}" in path or "{coverage}" in path or path.startswith("/id/"):
            continue  # values are tested with the sample city, coverages in a folder of their own; /id/ redirects
        if required(operation) or "/locations" in path:
            continue  # the queries of EDR have a folder of their own
        if "/map/" in path or "/indicator-values/" in path:
            continue  # the town has no coverages and no values: these tiles have a folder of their own
        address = re.sub(r"\{(\w+)\}", lambda m: PATHS[m.group(1)], path)
        for media_type, stated in operation["responses"]["200"]["content"].items():
            answer = client.get(address, headers={"Accept": media_type})
            assert answer.status_code == 200, address
            assert answer.headers["content-type"].partition(";")[0] == media_type.partition(";")[0]
            if "$ref" not in stated["schema"]:
                continue
            schema = {"$ref": "urn:api" + stated["schema"]["$ref"]}
            jsonschema.Draft202012Validator(schema, registry=registry).validate(answer.json())
            checked += 1
    assert checked > 25


def test_what_is_described_is_what_is_taken(client: TestClient, description: dict[str, Any]) -> None:
    for path, operation in operations(description):
        if "{value}" in path or "{coverage}" in path or path.startswith("/id/"):
            continue
        address = re.sub(r"\{(\w+)\}", lambda m: PATHS[m.group(1)], path)
        stated = {p["name"] for p in operation["parameters"] if p["in"] == "query"} - {"queryables"}
        needed = "".join(f"&{name}=1" for name in required(operation))
        remedy = client.get(f"{address}?no-such=1{needed}").json()["remedy"]
        taken = set(remedy.removeprefix("it has: ").split(", "))
        assert stated <= taken
        if not path.endswith("/items"):  # which also takes the names of properties
            assert stated == taken


def test_the_limit_is_the_one_that_is_served(client: TestClient, description: dict[str, Any]) -> None:
    from ldt.settings import settings

    stated = [p for _, o in operations(description) for p in o["parameters"] if p["name"] == "limit"]
    assert stated
    assert {p["schema"]["maximum"] for p in stated} == {settings().max_limit}
    boxes = [p for _, o in operations(description) for p in o["parameters"] if p["name"] == "bbox"]
    assert all((p["style"], p["explode"]) == ("form", False) for p in boxes)


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30")
def test_a_twin_has_a_description_complete_in_itself(client: TestClient) -> None:
    for form in ("oas30", "oas31"):
        document = client.get(f"/twins/town/api?f={form}").json()
        validate(document)
        assert document["servers"] == [{"url": "http://testserver/twins/town"}]
        assert {"/", "/conformance", "/collections", "/collections/{collectionId}/items"} <= set(
            document["paths"]
        )
        assert not any("{twin}" in path or path.startswith("/twins") for path in document["paths"])
        for path, operation in operations(document):
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert named == set(re.findall(r"\{(\w+)\}", path))
            for parameter in operation["parameters"]:
                if parameter["name"] == "collectionId":
                    assert "administrative-units" in parameter["schema"]["enum"]
                    assert "generic-features" not in parameter["schema"]["enum"]
        # Each path of the description is where it says.
        for path, operation in operations(document):
            address = re.sub(r"\{(\w+)\}", lambda m: PATHS.get(m.group(1), "x"), path)
            allowed = (400,) if required(operation) else (200, 404)
            assert client.get(document["servers"][0]["url"] + address).status_code in allowed


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "string", "nullable": True}),
        ({"type": ["integer", "null"]}, {"type": "integer", "nullable": True}),
        ({"const": "a"}, {"enum": ["a"]}),
        ({"type": "string", "examples": ["a", "b"]}, {"type": "string", "example": "a"}),
        ({"exclusiveMinimum": 3}, {"minimum": 3, "exclusiveMinimum": True}),
        (
            {"$ref": "#/components/schemas/X", "description": "d"},
            {"allOf": [{"$ref": "#/components/schemas/X"}], "description": "d"},
        ),
        (
            {"anyOf": [{"$ref": "#/components/schemas/X"}, {"type": "null"}]},
            {"allOf": [{"$ref": "#/components/schemas/X"}], "nullable": True},
        ),
        ({"type": "object", "propertyNames": {"pattern": "a"}}, {"type": "object"}),
        ({"type": "array"}, {"type": "array", "items": {}}),
        (
            {
                "type": "object",
                "properties": {"examples": {"type": ["string", "null"]}, "const": {"const": 1}},
            },
            {
                "type": "object",
                "properties": {"examples": {"type": "string", "nullable": True}, "const": {"enum": [1]}},
            },
        ),
        ({"type": ["string", "integer"]}, {"anyOf": [{"type": "string"}, {"type": "integer"}]}),
        (
            {"type": "array", "prefixItems": [{"type": "string"}]},
            {"type": "array", "items": {"anyOf": [{"type": "string"}]}},
        ),
        (
            {"type": "object", "additionalProperties": {"const": 1}},
            {"type": "object", "additionalProperties": {"enum": [1]}},
        ),
    ],
)
def test_schemas_of_3_1_become_schemas_of_3_0(new: dict[str, Any], old: dict[str, Any]) -> None:
    document = {
        "openapi": "3.1.0",
        "info": {"title": "t", "version": "1", "summary": "s"},
        "paths": {},
        "components": {"schemas": {"S": new, "X": {"type": "string"}}},
    }
    lowered = downgrade(document)
    assert lowered["components"]["schemas"]["S"] == old
    assert "summary" not in lowered["info"]
    validate(lowered)


def test_a_problem_is_what_the_description_says(description: dict[str, Any]) -> None:
    registry = Registry().with_resource("urn:api", Resource.from_contents(description, DRAFT202012))
    schema = {"$ref": "urn:api#/components/schemas/Problem"}
    validator = jsonschema.Draft202012Validator(schema, registry=registry)
    validator.validate(UsageError("m", where="w", remedy="r").problem("/x"))
    assert not validator.is_valid({"title": "t"})
