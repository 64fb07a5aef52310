"""Documents in XML: capabilities, schemas, code lists, records of catalogues, and what else is no data."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lxml import etree

from ldt.errors import SourceError
from ldt.sources.error_answers import error_answer
from ldt.sources.gml_prolog import check_prolog
from ldt.sources.source import Document

#: Larger documents are named by their root alone.
MAX_BYTES = 64 * 1024**2

_FETCH = "make a recipe with a `source.service` block (docs/services.md), or fetch the data and give the file"
METADATA = (
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
    if path.stat().st_size > MAX_BYTES:
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
        METADATA,
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
    return Document("RDF (RDF/XML)", vocabularies(root.nsmap.values()), title, advice=METADATA)


def vocabularies(namespaces: Any) -> str | None:
    """Return the vocabulary that names of RDF belong to; None for others."""
    text = " ".join(str(n) for n in namespaces)
    known = {"http://data.europa.eu/930": "GeoDCAT-AP", "ns/dcat#": "DCAT", "skos/core": "SKOS"}
    return next((name for start, name in known.items() if start in text), None)


def _exception(root: Any, name: str, namespace: str) -> Document:
    text = _first(root, "//*[local-name()='ExceptionText' or local-name()='ServiceException']")
    return error_answer(text)


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
