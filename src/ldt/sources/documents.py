"""Documents: files that one can name and that hold nothing to ingest, and what to do with them instead.

A capabilities document, a schema or a code list is no mistake and no data: it is told what it is, what it lists,
and which way leads to the data.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree

from ldt.errors import SourceError
from ldt.sources.gml_prolog import check_prolog
from ldt.sources.json_records import load
from ldt.sources.resource import magic
from ldt.sources.source import Document

#: Larger documents are named by their root alone.
_MAX_BYTES = 64 * 1024**2

_FETCH = "make a recipe with a `source.service` block (docs/services.md), or fetch the data and give the file"
_METADATA = (
    "follow its links to the data, and give those; it can supply title, licence and publisher for a recipe"
)
_CODES = "it belongs under schemas/vocabularies, if a recipe needs its codes"


def xml_document(path: Path) -> Document | None:
    """Return what an XML file is, if it is a document rather than data; None for data, and for what is not well-formed.

    Raises:
        HostileSource: it was made to do harm.
    """
    root = _root(path)
    if root is None:
        return None
    name, namespace = _name(root)
    for pattern, space, make in _XML:
        if re.fullmatch(pattern, name) and re.search(space, namespace):
            whole = _whole(path)
            return make(whole if whole is not None else root, name, namespace)
    return None


def xml_root(path: Path) -> str | None:
    """Return the local name of an XML file's root element; None where it is not well-formed as far as that."""
    root = _root(path)
    return None if root is None else _name(root)[0]


def _name(element: Any) -> tuple[str, str]:
    """Return local name and namespace; a prefix that is not declared (which libxml2 lets pass) is none."""
    space, brace, local = element.tag.rpartition("}")
    return local.rpartition(":")[2], space.lstrip("{") if brace else ""


def _root(path: Path) -> Any:
    try:
        check_prolog(path)
    except SourceError as e:
        if type(e) is not SourceError:
            raise
        return None  # the reader tells what is wrong with it
    try:
        with path.open("rb") as file:
            events = etree.iterparse(
                file, events=("start",), resolve_entities=False, no_network=True, load_dtd=False
            )
            return next(iter(events))[1]
    except (etree.XMLSyntaxError, StopIteration, OSError):
        return None


def _whole(path: Path) -> Any:
    if path.stat().st_size > _MAX_BYTES:
        return None
    try:
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
        return etree.parse(path, parser).getroot()
    except (etree.XMLSyntaxError, OSError):
        return None


def _texts(root: Any, expression: str) -> tuple[str, ...]:
    """Return what an XPath finds: of an element the first text in it (a title in several languages repeats itself)."""
    texts = []
    for found in root.xpath(expression):
        parts = [found] if isinstance(found, str) else found.itertext()
        texts.append(next((" ".join(p.split()) for p in parts if p.strip()), ""))
    return tuple(t for t in texts if t)


def _first(root: Any, expression: str) -> str | None:
    return next(iter(_texts(root, expression)), None)


_TITLE = "//*[local-name()='ServiceIdentification' or local-name()='Service']/*[local-name()='Title']"


def _capabilities(kind: str, contents: str, counted: str, advice: str) -> Callable[[Any, str, str], Document]:
    def make(root: Any, name: str, namespace: str) -> Document:
        version = root.get("version") or _first(root, "//*[local-name()='ServiceTypeVersion']")
        return Document(
            f"{kind} capabilities",
            f"{kind} {version}" if version else kind,
            _first(root, _TITLE),
            _texts(root, contents),
            counted,
            advice,
        )

    return make


def _child(parent: str, name: str) -> str:
    return f"//*[local-name()='{parent}']/*[local-name()='{name}']"


_RECORD_TITLE = (
    "//*[local-name()='identificationInfo']//*[local-name()='citation']//*[local-name()='title']"
    " | //*[local-name()='SummaryRecord' or local-name()='Record' or local-name()='BriefRecord']/*[local-name()='title']"
)


def _csw(root: Any, name: str, namespace: str) -> Document:
    records = _texts(root, _RECORD_TITLE)
    version = namespace.rsplit("/", 1)[-1]
    matched = _first(root, "//*[local-name()='SearchResults']/@numberOfRecordsMatched")
    problems: tuple[str, ...] = ()
    if matched and matched.isdigit() and int(matched) > len(records):
        problems = (f"the catalogue has {int(matched):,} records that match; these are the first",)
    return Document(
        "metadata records of a catalogue service (CSW)",
        f"CSW {version}",
        None,
        records,
        "records",
        _METADATA,
        problems,
    )


def _xsd(root: Any, name: str, namespace: str) -> Document:
    return Document(
        "XML Schema",
        root.get("targetNamespace"),
        None,
        _texts(root, "/*/*[local-name()='element']/@name"),
        "elements",
        "it describes how data are written (the answer to DescribeFeatureType, if a WFS gave it): ask for the features",
    )


def _dictionary(root: Any, name: str, namespace: str) -> Document:
    entries = _texts(root, _child("Definition", "name")) or _texts(root, _child("Definition", "identifier"))
    title = _first(root, "/*/*[local-name()='identifier' or local-name()='name']")
    return Document("code list (GML dictionary)", "GML dictionary", title, entries, "codes", _CODES)


def _register(root: Any, name: str, namespace: str) -> Document:
    return Document(
        "code list of the INSPIRE registry",
        "INSPIRE registry",
        _first(root, "/*/*[local-name()='label']"),
        _texts(root, "//*[local-name()='containeditems']/*/@id"),
        "codes",
        _CODES,
    )


def _rdf(root: Any, name: str, namespace: str) -> Document:
    title = _first(root, "//*[local-name()='title']")
    return Document("RDF (RDF/XML)", _vocabularies(root.nsmap.values()), title, advice=_METADATA)


def _vocabularies(namespaces: Any) -> str | None:
    text = " ".join(str(n) for n in namespaces)
    known = {"http://data.europa.eu/930": "GeoDCAT-AP", "ns/dcat#": "DCAT", "skos/core": "SKOS"}
    return next((name for start, name in known.items() if start in text), None)


def _exception(root: Any, name: str, namespace: str) -> Document:
    text = _first(root, "//*[local-name()='ExceptionText' or local-name()='ServiceException']")
    return Document(
        "error that a service answered with", None, text, advice="correct the request, and ask again"
    )


def _html(root: Any, name: str, namespace: str) -> Document:
    title = _first(root, "//*[local-name()='title']")
    return Document(
        "web page (HTML)",
        None,
        title,
        advice="it is perhaps a login or error page that was saved in place of the data: get the file anew",
    )


def _atom(root: Any, name: str, namespace: str) -> Document:
    links = _texts(root, "//*[local-name()='entry']/*[local-name()='link']/@href")
    return Document(
        "Atom feed (INSPIRE download service)",
        "Atom",
        _first(root, "/*/*[local-name()='title']"),
        links,
        "links",
        "give the address of one of its entries to `ldt ingest`",
    )


def _other(what: str, schema: str | None, advice: str) -> Callable[[Any, str, str], Document]:
    def make(root: Any, name: str, namespace: str) -> Document:
        return Document(what, schema, advice=advice)

    return make


_WFS = _capabilities("WFS", _child("FeatureType", "Name"), "feature types", _FETCH)
_PICTURES = "it serves pictures; ask its operator for a WFS, an OGC API or the files"

#: Local name of the root, namespace, what it makes of it. The first that fits counts.
_XML: tuple[tuple[str, str, Callable[[Any, str, str], Document]], ...] = (
    ("WFS_Capabilities", "", _WFS),
    (
        "WMS_Capabilities|WMT_MS_Capabilities",
        "",
        _capabilities("WMS", _child("Layer", "Name"), "layers", _PICTURES),
    ),
    (
        "Capabilities",
        "/sos/",
        _capabilities("SOS", _child("ObservationOffering", "identifier"), "offerings", _FETCH),
    ),
    (
        "Capabilities",
        "/sos",
        _capabilities(
            "SOS", "//*[local-name()='ObservationOffering']/@*[local-name()='id']", "offerings", _FETCH
        ),
    ),
    ("Capabilities", "/csw|/cat/", _capabilities("CSW", "//nothing", "records", _FETCH)),
    ("Capabilities", "/wmts", _capabilities("WMTS", _child("Layer", "Identifier"), "layers", _PICTURES)),
    (
        "Capabilities|WCS_Capabilities",
        "/wcs",
        _capabilities(
            "WCS", _child("CoverageSummary", "CoverageId"), "coverages", "fetch a coverage as GeoTIFF"
        ),
    ),
    ("Capabilities", "/wps", _capabilities("WPS", _child("Process", "Identifier"), "processes", _FETCH)),
    ("Capabilities", "", _capabilities("OGC service", "//nothing", "entries", _FETCH)),
    ("GetRecordsResponse|GetRecordByIdResponse", "", _csw),
    ("schema", "XMLSchema", _xsd),
    ("Dictionary|DefinitionCollection|CodeList|CodeListDictionary", "", _dictionary),
    ("codelist|register|registry", "inspire", _register),
    ("RDF", "rdf-syntax", _rdf),
    ("ExceptionReport|ServiceExceptionReport|ServiceException", "", _exception),
    ("html", "", _html),
    ("feed", "Atom", _atom),
    (
        "SensorML|PhysicalSystem|PhysicalComponent|DescribeSensorResponse|System",
        "sensorML|swes",
        _other(
            "description of a sensor (SensorML)", "SensorML", "ask the service for its observations instead"
        ),
    ),
    ("StyledLayerDescriptor|qgis", "", _other("map style", None, "give the layer that it styles")),
    (
        "GMLFeatureClassList",
        "",
        _other("side file that GDAL writes beside GML (.gfs)", None, "give the GML; this one can be deleted"),
    ),
    ("project", "maven|^$", _other("project file", None, "give the data that it refers to")),
)


def json_document(path: Path) -> Document | None:
    """Return what a JSON file is, if it is a document rather than records; None for records.

    Raises:
        SourceError: it is not JSON.
    """
    content = load(path)
    if isinstance(content, list):
        nodes = [n for n in content if isinstance(n, dict)]
        linked = (
            nodes and all({"@id", "@type", "@graph"} & n.keys() for n in nodes) and len(nodes) == len(content)
        )
        return Document("RDF (JSON-LD)", _linked_data(nodes), advice=_METADATA) if linked else None
    if not isinstance(content, dict):
        return None
    for keys, fits, make in _JSON:
        if keys <= content.keys() and fits(content):
            return make(content)
    return None


def _linked_data(nodes: list[dict[str, Any]]) -> str | None:
    return _vocabularies([key for node in nodes for key in (*node, *map(str, node.get("@type", [])))])


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
        lambda c: Document("RDF (JSON-LD)", _linked_data([c, *c["@graph"]]), advice=_METADATA),
    ),
    (
        {"resources"},
        lambda c: bool({"title", "name", "Titel"} & c.keys()) and not {"features"} & c.keys(),
        _json(
            "entry of an open-data catalogue (CKAN, DKAN)", "DCAT", _METADATA, "resources", "distributions"
        ),
    ),
)


def text_document(path: Path) -> Document | None:
    """Return what a text is, if it is a document rather than a table: RDF in Turtle, HTML, Markdown.

    Raises:
        LdtError: it cannot be read.
    """
    head = magic(path, 64 * 1024).removeprefix(b"\xef\xbb\xbf")
    if re.match(rb"\s*<(!doctype\s+)?html", head, re.IGNORECASE):
        return _html_text(head)
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
    if path.stat().st_size <= _MAX_BYTES:
        try:
            graph.parse(path, format="turtle")
        except Exception as e:  # its parsers raise whatever they meet
            problems = (f"not valid Turtle: {' '.join(str(e).split())[:200]}",)
        title = next((str(o) for o in graph.objects(None, rdflib.DCTERMS.title)), None)
    subjects = tuple(sorted({str(s) for s in graph.subjects() if isinstance(s, rdflib.URIRef)}))
    schema = _vocabularies([*graph.predicates(), *graph.objects(None, rdflib.RDF.type)])
    return Document("RDF (Turtle)", schema, title, subjects, "subjects", _METADATA, problems)


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
