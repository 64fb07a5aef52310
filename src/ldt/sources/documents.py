"""Documents: files that one can name and that hold nothing to ingest, and what to do with them instead.

A capabilities document, a schema or a code list is no mistake and no data: it is told what it is, what it lists,
and which way leads to the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ldt.sources.error_answers import error_document, is_error, is_error_text
from ldt.sources.json_records import load
from ldt.sources.resource import magic
from ldt.sources.source import Document
from ldt.sources.xml_documents import MAX_BYTES, METADATA, vocabularies


def json_document(path: Path) -> Document | None:
    """Return what a JSON file is, if it is a document rather than records; None for records.

    Raises:
        SourceError: it is not JSON.
    """
    content = load(path)
    if is_error(content):
        return error_document(path.read_bytes())
    if isinstance(content, list):
        nodes = [n for n in content if isinstance(n, dict)]
        linked = (
            nodes and all({"@id", "@type", "@graph"} & n.keys() for n in nodes) and len(nodes) == len(content)
        )
        return Document("RDF (JSON-LD)", _linked_data(nodes), advice=METADATA) if linked else None
    if not isinstance(content, dict):
        return None
    for keys, fits, make in _JSON:
        if keys <= content.keys() and fits(content):
            return make(content)
    return None


def _linked_data(nodes: list[dict[str, Any]]) -> str | None:
    return vocabularies([key for node in nodes for key in (*node, *map(str, node.get("@type", [])))])


def _names(content: dict[str, Any], key: str, *names: str) -> tuple[str, ...]:
    items = content.get(key)
    found = (
        next((str(i[n]) for n in names if i.get(n)), "")
        for i in (items if isinstance(items, list) else [])
        if isinstance(i, dict)
    )
    return tuple(n for n in found if n)


def _json(
    what: str, schema: str | None, advice: str, items: str = "", counted: str = "entries"
) -> Callable[[dict[str, Any]], Document]:
    def make(content: dict[str, Any]) -> Document:
        title = content.get("title") or content.get("name")
        contents = _names(content, items, "id", "name", "title", "href") if items else ()
        return Document(what, schema, str(title) if title else None, contents, counted, advice)

    return make


def _has_links(content: dict[str, Any]) -> bool:
    links = content.get("links")
    return isinstance(links, list) and all(isinstance(one, dict) and "href" in one for one in links)


_ITEMS = "give the address of its items, or the service's with a `source.service` block, to `ldt ingest`"

#: Keys that are there, what else must hold, what it makes of it. The first that fits counts.
_JSON: tuple[tuple[set[str], Callable[[dict[str, Any]], bool], Callable[[dict[str, Any]], Document]], ...] = (
    (
        {"stac_version", "type"},
        lambda c: c["type"] in {"Catalog", "Collection"},
        _json("STAC catalogue or collection", "STAC", "give one of its items, or the address of its search"),
    ),
    (
        {"openapi"},
        lambda c: True,
        _json("description of an API (OpenAPI)", "OpenAPI", "ask the API for its data"),
    ),
    (
        {"swagger"},
        lambda c: True,
        _json("description of an API (Swagger)", "Swagger", "ask the API for its data"),
    ),
    (
        {"conformsTo"},
        lambda c: isinstance(c["conformsTo"], list) and "collections" not in c,
        _json("conformance declaration of an OGC API", "OGC API", _ITEMS),
    ),
    (
        {"collections", "links"},
        _has_links,
        _json("list of the collections of an OGC API", "OGC API", _ITEMS, "collections", "collections"),
    ),
    (
        {"links", "id"},
        lambda c: _has_links(c) and any(one.get("rel") == "items" for one in c["links"]),
        _json("description of a collection of an OGC API", "OGC API", _ITEMS),
    ),
    (
        {"links"},
        lambda c: _has_links(c) and not {"features", "type"} & c.keys(),
        _json("landing page of an OGC API", "OGC API", _ITEMS, "links", "links"),
    ),
    (
        {"$schema"},
        lambda c: "properties" in c or "$defs" in c,
        _json("JSON Schema", "JSON Schema", "give the data that it describes"),
    ),
    (
        {"@context", "@graph"},
        lambda c: True,
        lambda c: Document("RDF (JSON-LD)", _linked_data([c, *c["@graph"]]), advice=METADATA),
    ),
    (
        {"resources"},
        lambda c: bool({"title", "name", "Titel"} & c.keys()) and not {"features"} & c.keys(),
        _json("entry of an open-data catalogue (CKAN, DKAN)", "DCAT", METADATA, "resources", "distributions"),
    ),
)


#: Pages for people, also those that begin with a comment, or lack their beginning as the errors of programs do.
_HTML = re.compile(
    rb"(?>(?:\s|<!--.*?-->|<\?xml[^>]*\?>)*)<(!doctype\s+html|html|head|body|center|title|h[1-3]|br|p|b|div|pre|script)\b",
    re.I | re.S,
)


def text_document(path: Path) -> Document | None:
    """Return what a text is, if it is a document rather than a table: RDF in Turtle, HTML, Markdown, the error of a server.

    Raises:
        LdtError: it cannot be read.
    """
    head = magic(path, 64 * 1024).removeprefix(b"\xef\xbb\xbf")
    if _HTML.match(head):
        return _html_text(head)
    if is_error_text(head):
        return error_document(head)
    if re.search(rb"^\s*(@prefix|@base|prefix)\s", head, re.MULTILINE | re.IGNORECASE) and b"<" in head:
        return _turtle(path)
    if path.suffix.lower() in {".md", ".rst", ".adoc"}:
        return Document("text for people", advice="give the data that it tells of")
    if path.suffix.lower() in {".yaml", ".yml"}:
        return Document(
            "YAML", advice="if it is a recipe, `ldt recipes check` it; if a manifest, `ldt twin build` it"
        )
    return None


def _html_text(head: bytes) -> Document:
    found = re.search(rb"<title[^>]*>(.*?)</title>", head, re.IGNORECASE | re.DOTALL)
    return Document(
        "web page (HTML)",
        None,
        " ".join(found[1].decode("utf-8", "replace").split()) if found else None,
        advice="it is perhaps a login or error page that was saved in place of the data: get the file anew",
    )


def _turtle(path: Path) -> Document:
    import rdflib

    graph = rdflib.Graph()
    problems: tuple[str, ...] = ()
    title = None
    if path.stat().st_size <= MAX_BYTES:
        try:
            graph.parse(path, format="turtle")
        except Exception as e:  # its parsers raise whatever they meet
            problems = (f"not valid Turtle: {' '.join(str(e).split())[:200]}",)
        title = next((str(o) for o in graph.objects(None, rdflib.DCTERMS.title)), None)
    subjects = tuple(sorted({str(s) for s in graph.subjects() if isinstance(s, rdflib.URIRef)}))
    schema = vocabularies([*graph.predicates(), *graph.objects(None, rdflib.RDF.type)])
    return Document("RDF (Turtle)", schema, title, subjects, "subjects", METADATA, problems)


def binary_document(path: Path) -> Document | None:
    """Return what a file of bytes is, if it is a document rather than data: PDF, pictures, office files."""
    head = magic(path, 16)
    for start, what, advice in _BYTES:
        if head.startswith(start):
            return Document(what, advice=advice)
    return None


_TYPED = "tables in it must be copied out (CSV, Excel); ask the publisher for the data"
_BYTES = (
    (b"%PDF", "PDF document", _TYPED),
    (b"\x89PNG", "picture (PNG)", "it has no coordinates: give a GeoTIFF"),
    (b"\xff\xd8\xff", "picture (JPEG)", "it has no coordinates: give a GeoTIFF"),
    (b"GIF8", "picture (GIF)", "it has no coordinates: give a GeoTIFF"),
    (b"{\\rtf", "text document (RTF)", _TYPED),
    (b"\x7fELF", "program", "there are no data in it"),
    (b"MZ", "program", "there are no data in it"),
    (b"Rar!", "archive (RAR)", "unpack it, and give the files"),
    (b"7z\xbc\xaf", "archive (7-Zip)", "unpack it, and give the files"),
    (b"BZh", "archive (bzip2)", "unpack it, and give the files"),
    (b"\xfd7zXZ", "archive (xz)", "unpack it, and give the files"),
    (b"(\xb5/\xfd", "archive (Zstandard)", "unpack it, and give the files"),
)
