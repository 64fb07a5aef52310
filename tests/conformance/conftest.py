"""A tiny twin, served in-process on 127.0.0.1: good, or broken by a function that changes its answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

DIGEST = "0" * 63 + "1"
#: Seven features, one without a place, ids that need escaping.
FEATURES: list[dict[str, Any]] = [
    {
        "type": "Feature",
        "id": f"sites.a~2F{n}:x",
        "geometry": None if n == 6 else {"type": "Point", "coordinates": [7.0 + n / 10, 50.9 + n / 100]},
        "properties": {"n": n},
    }
    for n in range(7)
]


@dataclass
class Answer:
    """What the twin answers."""

    body: Any
    status: int = 200
    media_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


#: (path below the twin, query, good answer) → the answer that is sent.
Change = Callable[[str, dict[str, str], Answer], Answer]


def problem(status: int, detail: str) -> Answer:
    body = {"type": "about:blank", "title": "Problem", "status": status, "detail": detail}
    return Answer(body, status, "application/problem+json")


def good(base: str, path: str, query: dict[str, str]) -> Answer:
    """Answer as a small twin that meets the whole specification."""
    match path.strip("/").split("/"):
        case [""]:
            rels = {"self": "", "conformance": "conformance", "data": "collections", "service-desc": "api"}
            rels |= {"service-doc": "docs", "vocabularies": "../../vocabularies"}
            links = [{"rel": rel, "href": f"{base}/{href}"} for rel, href in rels.items()]
            return Answer({"title": "Tiny", "links": links, "snapshot": "tiny@3", "revision": 3})
        case ["conformance"]:
            return Answer({"conformsTo": ["http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core"]})
        case ["api"]:
            body = {"openapi": "3.1.0", "info": {"title": "Tiny", "version": "1"}, "paths": {"/": {}}}
            return Answer(body, media_type="application/vnd.oai.openapi+json;version=3.1")
        case ["docs"]:
            return Answer(b"<!doctype html><title>Tiny</title>", media_type="text/html; charset=utf-8")
        case ["collections"]:
            links = [{"rel": "self", "href": f"{base}/collections"}]
            return Answer({"links": links, "collections": [_collection(base, n) for n in ("empty", "sites")]})
        case ["collections", "empty" | "sites" as name]:
            return Answer(_collection(base, name))
        case ["collections", "empty" | "sites" as name, "items"]:
            return _items(base, name, query)
        case ["collections", "sites", "items", fid]:
            found = [f for f in FEATURES if f["id"] == fid]
            return (
                Answer(found[0], media_type="application/geo+json")
                if found
                else problem(404, "no such feature")
            )
        case ["datasets"]:
            return Answer(
                {"datasets": [{k: v for k, v in _dataset().items() if k not in ("access", "sources")}]}
            )
        case ["datasets", "sites"]:
            return Answer(_dataset())
        case ["indicators", *rest]:
            return _indicator(rest, query)
        case ["vocabularies"]:
            entry: dict[str, Any] = {"id": "dpsir", "title": {"en": "DPSIR"}, "source": "EEA"}
            entry |= {"links": [{"rel": "self", "href": "vocabularies/dpsir"}]}
            return Answer({"vocabularies": [entry]})
        case ["vocabularies", "dpsir"]:
            return Answer({"id": "dpsir", "concepts": [{"code": "D", "label": {"en": "Driver"}}]})
    return problem(404, "nothing is here")


def _collection(base: str, name: str) -> dict[str, Any]:
    links = [{"rel": "items", "href": f"{base}/collections/{name}/items", "type": "application/geo+json"}]
    extent = {"spatial": {"bbox": [[6.9, 50.8, 7.8, 51.1]]}}
    return {"id": name, "title": name, "itemType": "feature", "extent": extent, "links": links}


def _items(base: str, name: str, query: dict[str, str]) -> Answer:
    if unknown := query.keys() - {"limit", "bbox", "datetime", "at", "offset"}:
        return problem(400, f"unknown parameter {unknown.pop()}")
    if not query.get("limit", "10").isdecimal() or query.get("limit") == "0":
        return problem(400, "limit is no positive number")
    if query.get("datetime", "2").strip(".")[:1] not in "0123456789/":
        return problem(400, "datetime is no instant and no interval")
    if int(query.get("at", 3)) > 3:
        return problem(404, "no such revision")
    features = [] if name == "empty" else FEATURES
    if "bbox" in query:
        try:
            west, south, east, north = (float(n) for n in query["bbox"].split(","))
        except ValueError:
            return problem(400, "bbox is not four numbers")
        points = [(f, f["geometry"]["coordinates"]) for f in features if f["geometry"]]
        features = [f for f, (x, y) in points if west <= x <= east and south <= y <= north]
    limit, offset = int(query.get("limit", 10)), int(query.get("offset", 0))
    page = features[offset : offset + limit]
    links = [{"rel": "self", "href": f"{base}/collections/{name}/items"}]
    if offset + limit < len(features):
        more = "&".join(f"{k}={v}" for k, v in {**query, "offset": str(offset + limit)}.items())
        links.append({"rel": "next", "href": f"items?{more}"})
    body = {"type": "FeatureCollection", "features": page, "links": links}
    return Answer(
        {**body, "numberReturned": len(page), "numberMatched": len(features)},
        media_type="application/geo+json",
    )


def _dataset() -> dict[str, Any]:
    outcomes = {"read": 9, "accepted": 5, "repaired": 2, "rejected": 1, "duplicate": 1, "outside": 0}
    sources = [{"name": "sites.gml", "digest": DIGEST}]
    return {
        "name": "sites",
        "title": {"en": "Sites"},
        "publisher": "The city",
        "licence": "CC-BY-4.0",
        "licence_uri": "https://creativecommons.org/licenses/by/4.0/",
        "origin": "local",
        "data_stage": "transformed",
        "access": "open",
        "version": 2,
        "committed": "2026-01-01T00:00:00Z",
        "outcomes": outcomes,
        "sources": sources,
    }


def _indicator(rest: list[str], query: dict[str, str]) -> Answer:
    definition: dict[str, Any] = {"id": "share", "title": "Share", "unit": "%", "dpsir": "S"}
    definition["formula"] = {"text": "a / b", "method": "share"}
    value: dict[str, Any] = {
        "id": "v1",
        "scheme": "city",
        "code": "1",
        "period": "2024",
        "period_start": "2024-01-01T00:00:00Z",
        "period_end": "2025-01-01T00:00:00Z",
        "value": 4.5,
        "unit": "%",
        "status": "valid",
        "n_valid": 3,
    }
    value |= {"coverage": 1.0, "method": "share", "verdicts": []}
    value["links"] = [{"rel": "lineage", "href": "values/v1/lineage"}]
    missing = {
        **value,
        "id": "v2",
        "value": None,
        "status": "not-computable",
        "reason": "no data",
        "n_valid": 0,
        "links": [{"rel": "lineage", "href": "values/v2/lineage"}],
    }
    inputs = [{"dataset": "sites", "version": 2, "files": [{"digest": f"sha256:{DIGEST}"}]}]
    match rest:
        case []:
            return Answer({"indicators": [definition]})
        case ["share"]:
            return Answer(definition)
        case ["share", "values"]:
            return Answer({"values": [value, missing][: int(query.get("limit", 10))]})
        case ["share", "values", "v1" | "v2", "lineage"]:
            return Answer({"inputs": inputs})
    return problem(404, "no such indicator")


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    # Head and body in one packet: else each answer waits 40 ms for a delayed acknowledgement.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Endpoint

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        path = parts.path.removeprefix("/twins/tiny").replace("%3A", ":") or "/"
        self.server.seen.append(self.path)
        answer = self.server.change(path, query, good(self.server.url, path, query))
        body = answer.encoded()
        self.send_response(answer.status)
        for name, value in {"Content-Type": answer.media_type, **answer.headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Endpoint(ThreadingHTTPServer):
    """The running twin; `url` is its landing page, `seen` what was asked."""

    daemon_threads = True
    block_on_close = False

    def __init__(self, change: Change) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.change = change
        self.seen: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}/twins/tiny"

    def handle_error(self, *_: object) -> None:
        """A client that gave up is what some tests are about."""


@contextmanager
def _served(change: Change) -> Iterator[Endpoint]:
    server = Endpoint(change)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Callable[..., Endpoint]]:
    """Start twins; the argument changes the good one's answers."""
    with ExitStack() as stack:
        yield lambda change=lambda path, query, answer: answer: stack.enter_context(_served(change))


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
