"""Every resource answers, in every form, with and without a slash at the end; the landing page claims what is mounted."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx2
import pytest
from fastapi import APIRouter
from openapi_spec_validator import validate
from starlette.testclient import TestClient

from ldt.api.app import STANDARDS, create_app
from ldt.api.standard import Standard
from ldt.cli.serve import serve
from ldt.errors import Conflict
from ldt.settings import settings

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
@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-common-1/1.0/conf/json",
)
def test_a_resource_answers_with_and_without_a_slash_at_the_end(client: TestClient, path: str) -> None:
    plain = client.get(path)
    assert plain.status_code == 200
    assert "json" in plain.headers["content-type"]
    with_slash = client.get(path.rstrip("/") + "/")
    assert with_slash.status_code == 200
    assert [k for k in with_slash.json() if k not in plain.json()] == []
    doubled = client.get("/" + path.replace("/", "//").lstrip("/"))
    assert doubled.status_code == 200
    assert doubled.json().keys() == plain.json().keys()


def test_the_classes_are_those_of_what_is_mounted(client: TestClient, town_url: str) -> None:
    expected = {c for s in STANDARDS for c in s.conformance}
    assert set(client.get("/twins/town/conformance").json()["conformsTo"]) == expected
    part = "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/"
    assert {part + c for c in ("core", "geojson", "html", "oas30")} <= expected
    one = Standard(APIRouter(), ("urn:x",))
    assert create_app(town_url, standards=[one]).state.service.conformance == ("urn:x",)


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/oas30",
)
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


def test_the_guide_names_every_address(client: TestClient) -> None:
    text = (Path(__file__).parents[2] / "docs" / "api.md").read_text("utf-8")
    for path in client.get("/api").json()["paths"]:
        last = path.rstrip("/").rpartition("/")[2]
        named = f"/{last}`" if not last.startswith("{") else "{"
        assert named in text or path == "/", path


def test_two_processes_serve_until_they_are_told_to_end(town_url: str) -> None:
    environment = {**os.environ, "LDT_DATABASE_URL": town_url}
    command = "from ldt.cli.serve import serve; serve(host='127.0.0.1', port=0, workers=2)"
    with subprocess.Popen(
        [sys.executable, "-c", command], env=environment, stdout=subprocess.PIPE, text=True
    ) as served:
        assert served.stdout is not None
        address = served.stdout.readline().split()[1]
        answer = None
        for _ in range(100):
            with contextlib.suppress(httpx2.TransportError):
                answer = httpx2.get(f"{address}health")
                break
            time.sleep(0.1)
        served.terminate()
        served.wait(20)
    assert answer is not None
    assert answer.json()["status"] == "ok"
    assert served.returncode == 0


def test_a_port_that_is_taken_is_one_clear_error(town_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LDT_DATABASE_URL", town_url)
    settings.cache_clear()
    try:
        with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(Conflict, match="in use"):
            serve(host="127.0.0.1", port=taken.getsockname()[1])
    finally:
        monkeypatch.undo()
        settings.cache_clear()
