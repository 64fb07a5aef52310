"""The whole description, tried: requests made from it, and each answer held against it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import hypothesis
import pytest
import requests
import schemathesis
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from tests.e2e.serving import served

from ldt.api.openapi import operations

#: What is there to be asked for; any other name is tried too.
THERE: dict[str, list[str]] = {
    "twin": ["town"],
    "collectionId": ["administrative-units", "protected-sites", "series.air", "datasets"],
    "featureId": ["places.q01", "sites.s2"],
    "dataset": ["places", "air"],
    "datastream": ["1", "2"],
    "indicator": ["no2-annual-mean"],
    "vocabulary": ["corine"],
    "code": ["311"],
    "chain": ["air"],
    "locId": ["DE01"],
    "recordId": ["places", "air"],
    "tileMatrixSetId": ["WebMercatorQuad", "EuropeanETRS89_LAEAQuad"],
    "tileMatrix": ["7", "14"],
    "tileRow": ["43", "5500"],
    "tileCol": ["66", "8510"],
}
#: What parameters can be; random texts would be refused, and are by the requests that are meant to be wrong.
ASKED: dict[str, list[str]] = {
    "at": ["town@5", "4", "2999-01-01T00:00:00Z"],
    "bbox": ["7,49,7.1,51", "7,49,0,7.1,51,9", "170,-90,-170,90"],
    "bbox-crs": ["http://www.opengis.net/def/crs/EPSG/0/4258"],
    "code": ["01"],
    "collections": ["protected-sites"],
    "coords": ["POINT(7.01 50.01)", "POLYGON((7 50,7.1 50,7.1 50.1,7 50))", "LINESTRING(7 50,7.1 50.1)"],
    "crs": ["http://www.opengis.net/def/crs/EPSG/0/25832", "http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
    "datetime": ["2013-01-01T00:00:00Z/2013-01-02T00:00:00Z", "../2013-01-01"],
    "filter": ["1=1", "name LIKE 'Quarter%' AND code > '03'", "S_INTERSECTS(geometry, POINT(7.01 50))"],
    "filter-crs": ["http://www.opengis.net/def/crs/OGC/1.3/CRS84"],
    "parameter-name": ["NO2", "PM10"],
    "property": ["NO2"],
    "properties": ["name", "code,name"],
    "scheme": ["quarter"],
    "sortby": ["-code", "+name,code"],
    "token": ["WzEsNSwieCIsW11d"],
    "within-units": ["km"],
    "z": ["0"],
}
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    unsupported_method,
]


def aimed(document: dict[str, Any], there: dict[str, list[str]]) -> dict[str, Any]:
    """Return a description whose paths lead to what is there: random names would never be found."""
    for _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            name = parameter["name"]
            if parameter["in"] == "path" and name in there:
                parameter["schema"] = {"type": "string", "enum": there[name]}
            elif parameter["in"] == "query" and name in ASKED:
                schema = parameter["schema"]
                values = [_of_type(schema, text) for text in ASKED[name]]
                parameter["schema"] = {"type": schema["type"], "enum": values}
    return document


def _of_type(schema: dict[str, Any], text: str) -> Any:
    if schema["type"] != "array":
        return text
    return [float(t) if schema["items"]["type"] == "number" else t for t in text.split(",")]


@pytest.fixture(scope="module")
def service(town_url: str) -> Iterator[str]:
    with served(town_url) as address:
        yield address


def run(service: str, address: str, examples: int, there: dict[str, list[str]] | None = None) -> list[str]:
    """Try every operation of a description; returns what was not as it says, and on which request."""
    document = aimed(httpx.get(service + address, timeout=60).json(), {**THERE, **(there or {})})
    schema = schemathesis.openapi.from_dict(document)
    wrong: list[str] = []
    answered: set[str] = set()
    with requests.Session() as session:
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), result
            operation = result.ok()
            cases = operation.as_strategy(generation_mode=GenerationMode.POSITIVE)
            cases |= operation.as_strategy(generation_mode=GenerationMode.NEGATIVE)

            @hypothesis.settings(
                max_examples=examples,
                deadline=None,
                database=None,
                derandomize=True,
                phases=[hypothesis.Phase.generate],
                suppress_health_check=list(hypothesis.HealthCheck),
            )
            @hypothesis.given(case=cases)
            def tried(case: schemathesis.Case[Any]) -> None:
                try:
                    answer = case.call_and_validate(
                        document["servers"][0]["url"], session, checks=CHECKS, allow_redirects=False
                    )
                except FailureGroup as e:
                    wrong.append(f"{case.as_curl_command()}: {[str(one) for one in e.exceptions]}")
                else:
                    if answer.status_code == 200:
                        answered.add(case.operation.label)

            tried()
    # Requests that are all refused would show nothing.
    assert len(answered) > 0.5 * len(list(operations(document))), sorted(answered)
    return wrong


@pytest.mark.parametrize("address", ["/api?f=oas31", "/twins/town/api?f=oas30"])
def test_no_answer_is_other_than_described(service: str, address: str) -> None:
    assert not run(service, address, 4)
