"""What OGC's executable suites do before they look at an answer, in Python: they are written in Java and cannot be run here.

Sources: `ets-ogcapi-features10`, `ets-ogcapi-edr10`, `ets-ogcapi-tiles10` (github.com/opengeospatial), read for what they check.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

GEOJSON = "application/geo+json"
OPENAPI = "application/vnd.oai.openapi+json;version=3.0"
#: What REST Assured sends for `accept(JSON)`.
JSON = "application/json, application/javascript, text/javascript, text/json"
#: What Java sends where a suite opens an address itself: HTML goes before all else.
BROWSER = "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"

Document = dict[str, Any]


@dataclass(frozen=True)
class Suite:
    """A suite and what it is pointed at.

    Attributes:
        root: the landing page; paths are put after it as they are.
        client: asks.
    """

    root: str
    client: httpx.Client

    def get(self, path: str, accept: str = JSON, **params: Any) -> httpx.Response:
        """Ask for a path below the landing page, or for an address; parameters are added to those that it has."""
        address = httpx.URL(path if path.startswith("http") else self.root + path)
        return self.client.get(address.copy_merge_params(params), headers={"accept": accept})

    def document(self, path: str, accept: str = JSON, **params: Any) -> Document:
        """Ask for a document that must be there."""
        answer = self.get(path, accept, **params)
        assert answer.status_code == 200, (answer.url, answer.text[:300])
        found: Document = answer.json()
        return found

    def api(self) -> Document:
        """Return the description that the landing page names as OpenAPI 3.0."""
        (desc,) = [
            link
            for link in self.document("/")["links"]
            if link["rel"] == "service-desc" and link["type"].replace(" ", "") == OPENAPI
        ]
        return self.document(desc["href"], OPENAPI)


def of_rel(links: Sequence[Mapping[str, str]], rel: str) -> list[Mapping[str, str]]:
    """Return the links of a relation."""
    return [link for link in links if link["rel"] == rel]


def items_url(collection: Document) -> str | None:
    """Return where the suites look for items (`findFeaturesUrlForGeoJson`)."""
    found = [link["href"] for link in of_rel(collection["links"], "items") if link["type"] == GEOJSON]
    return found[0] if found else None


def parameters(api: Document, path: str) -> dict[str, Document]:
    """Return the query parameters of GET on a path, by name."""
    found: list[Document] = api["paths"][path]["get"]["parameters"]
    return {p["name"]: p for p in found if p["in"] == "query"}


def faults_of_openapi(api: Document) -> Iterator[str]:
    """Yield what the suites' parser (KaiZen) finds wrong with a description of OpenAPI 3.0, as far as it differs from the schema.

    That is: references that lead nowhere, types that 3.0 does not have, enumerations and lists of required members that are empty or say a
    thing twice, names with other signs than letters, digits, `.`, `_` and `-`, defaults of another type, negative maxima, operation ids
    given twice, parts of a path without a parameter.
    """
    ids: set[str] = set()
    for path, item in api["paths"].items():
        for operation in item.values():
            if operation["operationId"] in ids:
                yield f"operationId twice: {operation['operationId']}"
            ids.add(operation["operationId"])
            named = {
                p["name"] for p in operation.get("parameters", ()) if p["in"] == "path" and p["required"]
            }
            if named != set(re.findall(r"\{(\w+)\}", path)):
                yield f"{path}: {sorted(named)}"
            if any({"description", "$ref"}.isdisjoint(r) for r in operation["responses"].values()):
                yield f"{path}: a response without a description"
    yield from (f"{to} leads nowhere" for to in _references(api) if _leads_nowhere(api, to))
    for where, schema in _schemas(api, "#"):
        yield from (f"{where}: {fault}" for fault in _of_schema(schema))


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, list):
        for one in node:
            yield from _references(one)
    elif isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for one in node.values():
            yield from _references(one)


def _leads_nowhere(api: Document, to: str) -> bool:
    found: Any = api
    for part in to.removeprefix("#/").split("/"):
        found = found.get(part.replace("~1", "/")) if isinstance(found, dict) else None
    return not to.startswith("#/") or found is None


_TYPES = {
    "boolean": bool,
    "object": dict,
    "array": list,
    "number": (int, float),
    "integer": int,
    "string": str,
}
_NAME = re.compile(r"(?!x-)[a-zA-Z0-9._-]+")


def _of_schema(schema: Document) -> Iterator[str]:
    kind = schema.get("type")
    if kind is not None and kind not in _TYPES:
        yield f"type {kind!r}"
    if kind == "array" and "items" not in schema:
        yield "an array without items"
    if schema.get("maximum", 0) < 0:
        yield "a negative maximum"
    for name in ("enum", "required"):
        values = schema.get(name, [None])
        if not values or len({str(v) for v in values}) < len(values):
            yield f"{name}: {values}"
    yield from (f"property {n!r}" for n in schema.get("properties", {}) if not _NAME.fullmatch(n))
    default = schema.get("default")
    if kind in _TYPES and default is not None and not isinstance(default, _TYPES[kind]):  # type: ignore[arg-type]
        yield f"default {default!r}"


def _schemas(node: Any, where: str) -> Iterator[tuple[str, Document]]:
    """Yield every schema object below a node; names of properties are no keywords."""
    if isinstance(node, list):
        for index, one in enumerate(node):
            yield from _schemas(one, f"{where}/{index}")
        return
    if not isinstance(node, dict):
        return
    for key, one in node.items():
        if key in ("schema", "items", "additionalProperties") and isinstance(one, dict):
            yield f"{where}/{key}", one
        if key in ("schemas", "properties") and isinstance(one, dict):
            yield from ((f"{where}/{key}/{name}", s) for name, s in one.items() if isinstance(s, dict))
        if key in ("oneOf", "anyOf", "allOf"):
            yield from ((f"{where}/{key}/{i}", s) for i, s in enumerate(one))
        if key not in ("example", "examples", "default", "enum"):
            yield from _schemas(one, f"{where}/{key}")
