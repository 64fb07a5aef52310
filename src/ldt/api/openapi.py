"""The OpenAPI descriptions: 3.1 as FastAPI makes it from the routes, 3.0 from that, and one of its own for each twin."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ldt.api import documents
from ldt.api.errors import PROBLEM
from ldt.api.negotiate import HTML, Format
from ldt.settings import settings

TWIN_PREFIX = "/twins/{twin}"
_REF = "#/components/schemas/"
#: Statuses of problems that any resource can answer with: name of the response, what it means.
_PROBLEMS = {
    "400": ("BadRequest", "The request cannot be understood."),
    "404": ("NotFound", "There is no such thing, or it may not be seen."),
    "405": ("MethodNotAllowed", "Everything is only to be read."),
    "406": ("NotAcceptable", "No form that both sides speak."),
    "410": ("Gone", "The state asked for is no longer kept."),
    "413": ("TooLarge", "More than a documented limit."),
    "500": ("Fault", "Our fault."),
    "503": ("Unavailable", "The database cannot be used at this moment, is busy, or took too long."),
}
_HEADERS = {
    "ETag": "Of the state seen, the question and the form; for `If-None-Match`.",
    "Link": "Links of the document (RFC 8288), where they are known before it.",
    "Content-Crs": "The CRS of the coordinates, where there are any (OGC 18-058r1).",
    "Vary": "The headers of a request that the answer depends on.",
    "Cache-Control": "How long the answer may be kept without asking.",
}
#: Key of a content under which its route says what `f` may be for it; taken out before it is served.
_FORMS = "x-forms"


def says(
    model: type[BaseModel], *forms: Format, geojson: type[BaseModel] | None = None
) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that sends a document in some forms.

    Args:
        model: the JSON document.
        forms: the forms.
        geojson: the GeoJSON document, where it is another than the JSON document.
    """
    found: dict[str, Any] = {}
    for form in forms:
        stated = geojson if geojson and form.name == "geojson" else model
        is_json = "json" in form.media_type
        found |= content(form, {"$ref": _REF + stated.__name__} if is_json else {"type": "string"})
    text = (model.__doc__ or "").strip().splitlines()[0]
    return {200: {"description": text, "content": found}}


def content(form: Format, schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return the `content` of a response in one form, with the names under which `f` asks for it."""
    names = [n for n in dict.fromkeys((form.name, *form.also)) if "/" not in n]
    return {form.media_type: {"schema": schema, _FORMS: names}}


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the whole service; made once, to be treated as read-only."""
    if app.openapi_schema is None:
        made = app.__class__.openapi(app)
        _complete(made)
        app.openapi_schema = made
    return app.openapi_schema


def _complete(document: dict[str, Any]) -> None:
    """Put in what FastAPI cannot know: the models of our documents, problem details, how lists are written."""
    found = [
        m
        for name, m in vars(documents).items()
        if not name.startswith("_")
        and isinstance(m, type)
        and issubclass(m, BaseModel)
        and m is not BaseModel
    ]
    _, schemas = models_json_schema([(m, "serialization") for m in found], ref_template=_REF + "{model}")
    components = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        components.pop(unused, None)
    components.update(schemas["$defs"])
    document["components"] |= {
        "responses": {name: _problem(status, text) for status, (name, text) in _PROBLEMS.items()},
        "headers": {
            name: {"description": text, "schema": {"type": "string"}} for name, text in _HEADERS.items()
        },
    }
    for _, operation in operations(document):
        _complete_operation(operation)


def _problem(status: str, text: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "description": text,
        "content": {
            PROBLEM: {"schema": {"$ref": f"{_REF}Problem"}},
            HTML.media_type: {"schema": {"type": "string"}},
        },
    }
    if status == "405":
        found["headers"] = {"Allow": {"required": True, "schema": {"type": "string"}}}
    if status == "503":
        about = "Seconds after which to try again."
        found["headers"] = {"Retry-After": {"description": about, "schema": {"type": "integer"}}}
    return found


def _complete_operation(operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    forms: list[str] = []
    for response in responses.values():
        if "content" not in response:
            continue
        stated = response["content"]
        forms += [n for form in stated.values() for n in form.get(_FORMS, [])]
        # FastAPI adds JSON without a schema to whatever a route states itself. What routes state is shared: it is not changed.
        response["content"] = {
            media_type: {"schema": form["schema"]}
            for media_type, form in stated.items()
            if media_type != "application/json" or form["schema"]
        }
    if "200" in responses:
        sent = {name: {"$ref": f"#/components/headers/{name}"} for name in _HEADERS}
        responses["200"]["headers"] = {**sent, **responses["200"].get("headers", {})}
        responses["304"] = {"description": "What the client has, by its `If-None-Match`, is still so."}
    for status, (name, _) in _PROBLEMS.items():
        responses[status] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = dict(sorted(responses.items()))
    for parameter in operation.get("parameters", []):
        schema = parameter["schema"]
        schema.pop("title", None)
        if parameter["in"] == "query":
            # A list is one text with commas; the suites of OGC want it said of every parameter.
            parameter.setdefault("style", "form")
            parameter.setdefault("explode", False)
        if parameter["name"] == "limit":
            schema["maximum"] = settings().max_limit
        if parameter["name"] == "f" and forms:
            parameter["schema"] = {**schema, "enum": list(dict.fromkeys(forms))}


def operations(document: Mapping[str, Any]) -> Iterable[tuple[str, dict[str, Any]]]:
    """Yield (path, operation) of a description."""
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in {"get", "post", "put", "patch", "delete", "head", "options"}:
                yield path, operation


def for_people(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document for the HTML form of a description: each address, what it is and what it takes."""
    return {
        "description": f"Addresses begin with {document['servers'][0]['url']}",
        "addresses": [
            {
                "address": path,
                "what it is": operation.get("description") or operation.get("summary"),
                "parameters": [p["name"] for p in operation.get("parameters", [])],
            }
            for path, operation in operations(document)
        ],
    }


def sends(what: str, *forms: Format) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that sends files.

    Args:
        what: what they are.
        forms: the forms.
    """
    found: dict[str, Any] = {}
    for form in forms:
        found |= content(form, {"type": "string", "format": "binary"})
    return {200: {"description": what, "content": found}}


def stated(*forms: Format) -> dict[int | str, dict[str, Any]]:
    """Return the `responses` of a route that sends an OpenAPI description or a schema, whose own schema is not given."""
    found: dict[str, Any] = {}
    for form in forms:
        found |= content(form, {"type": "object" if "json" in form.media_type else "string"})
    return {200: {"description": "A description for machines", "content": found}}


def of_service(app: FastAPI, server: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of the whole service at an address."""
    return {**describe(app), "servers": [{"url": server}]}


def of_twin(app: FastAPI, name: str, title: str, server: str, collections: Iterable[str]) -> dict[str, Any]:
    """Return the OpenAPI 3.1 description of one twin, complete in itself: its paths begin where its landing page is.

    Args:
        app: the service.
        name: the twin.
        title: what it is called.
        server: address of its landing page.
        collections: ids of its collections.
    """
    whole = copy.deepcopy(describe(app))
    paths = {}
    for path, item in whole["paths"].items():
        if path != TWIN_PREFIX and not path.startswith(f"{TWIN_PREFIX}/"):
            continue
        for _, operation in operations({"paths": {path: item}}):
            operation["parameters"] = [p for p in operation.get("parameters", []) if p["name"] != "twin"]
            for parameter in operation["parameters"]:
                if parameter["name"] == "collectionId" and (ids := sorted(collections)):
                    parameter["schema"]["enum"] = ids
        paths[path.removeprefix(TWIN_PREFIX) or "/"] = item
    whole["paths"] = paths
    whole["servers"] = [{"url": server}]
    whole["info"] = {**whole["info"], "title": title, "description": f"The twin {name}."}
    _prune(whole)
    return whole


def _prune(document: dict[str, Any]) -> None:
    """Leave out the schemas that nothing refers to."""
    schemas = document["components"]["schemas"]
    used: set[str] = set()
    waiting = _references([document["paths"], document["components"]["responses"]])
    while waiting:
        name = waiting.pop()
        if name not in used and name in schemas:
            used.add(name)
            waiting |= _references(schemas[name])
    document["components"]["schemas"] = {k: v for k, v in schemas.items() if k in used}


def _references(part: Any) -> set[str]:
    if isinstance(part, Mapping):
        own = {part["$ref"].removeprefix(_REF)} if isinstance(part.get("$ref"), str) else set()
        return own.union(*map(_references, part.values()))
    if isinstance(part, list):
        return set().union(*map(_references, part))
    return set()


# From 3.1 to 3.0 ----------------------------------------------------------------------------------------------

# Keywords of JSON Schema 2020-12 that OpenAPI 3.0 does not have and that only narrow or annotate.
_UNKNOWN_IN_30 = frozenset(
    {
        "$schema", "$id", "$defs", "$comment", "$anchor", "propertyNames", "patternProperties", "unevaluatedProperties",
        "unevaluatedItems", "dependentRequired", "dependentSchemas", "contains", "minContains", "maxContains", "if", "then",
        "else", "contentEncoding", "contentMediaType", "contentSchema",
    }
)  # fmt: skip


def downgrade(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI 3.0 description that says the same as one of 3.1.

    What 3.0 cannot say (`propertyNames`, `if`, …) is left out: the 3.0 description allows more, never less.
    """
    kept = {k: v for k, v in document.items() if k not in {"webhooks", "jsonSchemaDialect"}}
    lowered: dict[str, Any] = _lower(kept)
    lowered["openapi"] = "3.0.3"
    lowered["info"] = {k: v for k, v in lowered["info"].items() if k != "summary"}
    if isinstance(licence := lowered["info"].get("license"), Mapping):
        lowered["info"]["license"] = {k: v for k, v in licence.items() if k != "identifier"}
    return lowered


def _lower(part: Any, *, inside: str = "") -> Any:
    """Lower every schema in a part of a description; `inside` is the keyword that the part is the value of."""
    if isinstance(part, list):
        return [_lower(p, inside=inside) for p in part]
    if not isinstance(part, Mapping):
        return part
    if inside in {"example", "default", "enum", "const"}:
        return dict(part)  # data, whatever its keys are called
    if inside == "schemas" or (inside == "properties"):
        return {k: _schema(v) for k, v in part.items()}
    return {
        k: _schema(v) if k in {"schema", "items", "additionalProperties", "not"} else _lower(v, inside=k)
        for k, v in part.items()
    }


def _schema(schema: Any) -> Any:
    if not isinstance(schema, Mapping):
        return schema  # `additionalProperties: true`
    found = {k: v for k, v in schema.items() if k not in _UNKNOWN_IN_30}
    if "$ref" in found and len(found) > 1:
        # 3.0 looks at nothing beside a reference.
        found = {"allOf": [{"$ref": found.pop("$ref")}], **found}
    if "const" in found:
        found["enum"] = [found.pop("const")]
    if isinstance(examples := found.pop("examples", None), list) and examples:
        found.setdefault("example", examples[0])
    for bound, plain in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
        if isinstance(found.get(bound), int | float) and not isinstance(found.get(bound), bool):
            found[plain], found[bound] = found[bound], True
    if "prefixItems" in found:
        first = found.pop("prefixItems")
        found["items"] = {"anyOf": first} if first else {}
    if found.get("type") == "array":
        found.setdefault("items", {})
    found = _nullable(found)
    for key in ("anyOf", "oneOf", "allOf"):
        if key in found:
            found[key] = [_schema(s) for s in found[key]]
    for key in ("items", "additionalProperties", "not"):
        if key in found:
            found[key] = _schema(found[key])
    if "properties" in found:
        found["properties"] = {k: _schema(v) for k, v in found["properties"].items()}
    return found


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """Write the type `null`, which 3.0 does not have, as `nullable`."""
    kind = schema.get("type")
    if kind == "null":
        # In 3.0 only null is a schema that allows one value.
        return {**{k: v for k, v in schema.items() if k != "type"}, "nullable": True, "enum": [None]}
    if isinstance(kind, list):
        rest = [k for k in kind if k != "null"]
        schema = {k: v for k, v in schema.items() if k != "type"}
        if len(rest) < len(kind):
            schema["nullable"] = True
        if len(rest) == 1:
            schema["type"] = rest[0]
        elif "anyOf" not in schema:
            schema["anyOf"] = [{"type": k, **({"items": {}} if k == "array" else {})} for k in rest]
    for key in ("anyOf", "oneOf"):
        options = schema.get(key)
        if options and any(o.get("type") == "null" for o in options):
            rest = [o for o in options if o.get("type") != "null"]
            schema = {k: v for k, v in schema.items() if k != key} | {"nullable": True}
            if len(rest) == 1:
                schema = {**_merge(rest[0]), **schema}
            else:
                schema[key] = rest
    return schema


def _merge(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"allOf": [dict(schema)]} if "$ref" in schema else dict(schema)
