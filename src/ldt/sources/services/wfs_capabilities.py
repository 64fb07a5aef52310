"""What a WFS says of itself: versions, feature types, formats, CRSs (OGC 04-094, clause 13; OGC 09-025r2, clause 8)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from lxml import etree

from ldt.errors import ServiceError
from ldt.sources.services.documents import answered_otherwise
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import same_origin
from ldt.sources.services.said import exception, said
from ldt.sources.services.service import Service

#: Parameters of a request that an address may carry by mistake: ours stand in their place.
_OURS = frozenset(
    {
        "service",
        "version",
        "request",
        "typename",
        "typenames",
        "startindex",
        "count",
        "maxfeatures",
        "outputformat",
    }
    | {"resulttype", "sortby", "bbox", "srsname", "acceptversions"}
)
_GML32 = re.compile(r"gml(?:\+xml)?\W{0,3}(?:version=)?\W?3\.?2", re.IGNORECASE)
_GML31 = re.compile(r"gml(?:\+xml)?\W{0,3}(?:version=)?\W?3(?:\.1|$|\W*$)", re.IGNORECASE)
_JSON = re.compile(r"^(application/(vnd\.)?(geo\+)?json(;.*)?|(geo)?json)$", re.IGNORECASE)
#: Names of attributes that a table is likely to be keyed by, the surest first.
_KEYS = ("objectid", "ogc_fid", "gid", "fid", "oid", "id", "uuid", "localid", "identifier")
_SIMPLE = re.compile(r"(?:int|integer|long|short|string|decimal|double|ID)$")


@dataclass(frozen=True, slots=True)
class FeatureType:
    """A feature type. `extent` is (west, south, east, north) in degrees, where it is told."""

    name: str
    title: str
    crs: tuple[str, ...]
    extent: tuple[float, float, float, float] | None
    formats: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """A WFS. `get_feature` is the address that GetFeature is asked at."""

    version: str
    title: str
    types: tuple[FeatureType, ...]
    formats: tuple[str, ...]
    get_feature: str

    def find(self, layer: str | None, where: str) -> FeatureType:
        """Return a feature type by its name, with or without its prefix; the only one if none is named.

        Raises:
            ServiceError: there is no such type, or several that it could be; tells which there are.
        """
        found = [t for t in self.types if layer is None or t.name == layer]
        found = found or [t for t in self.types if layer and _local(t.name) == _local(layer)]
        if len(found) == 1:
            return found[0]
        shown = ", ".join(t.name for t in self.types[:30]) + (" …" if len(self.types) > 30 else "")
        raise ServiceError(
            f"has no feature type {layer!r}" if layer else f"has {len(self.types)} feature types",
            where=where,
            remedy=f"name one as `layer`: {shown}",
            answered=200,
        )


def base(url: str) -> tuple[str, dict[str, str]]:
    """Return the address of a service without our own parameters, and those that are its own (`map=…`)."""
    parts = urlsplit(url)
    kept = {k: v for k, v in parse_qsl(parts.query, keep_blank_values=True) if k.lower() not in _OURS}
    return urlunsplit(parts._replace(query="", fragment="")), kept


def capabilities(service: Service, client: Client) -> tuple[Capabilities, Answer]:
    """Ask a WFS what it has, in version 2.0.0, else in the one that it likes.

    Raises:
        ServiceError: no answer, another service, or only version 1.0.0.
    """
    address, own = base(service.url)
    asked = {**own, **_theirs(service), "service": "WFS", "request": "GetCapabilities"}
    try:
        answer = client.get(
            address, params={**asked, "version": "2.0.0"}, headers=service.headers, suffix=".xml"
        )
        return read(answer, service), answer
    except ServiceError as e:
        if e.extra.get("answered") is None or e.extra["answered"] in {401, 403}:
            raise
    answer = client.get(address, params=asked, headers=service.headers, suffix=".xml")
    return read(answer, service), answer


def read(answer: Answer, service: Service) -> Capabilities:
    """Read a capabilities document.

    Raises:
        ServiceError: it is none of WFS 1.1.0 or 2.0.0.
    """
    root = xml(answer)
    if etree.QName(root).localname != "WFS_Capabilities":
        told = said(answer.content()) or etree.QName(root).localname
        raise ServiceError(
            f"is no WFS: answers with {told!r}",
            where=answer.url,
            remedy="check the protocol and the address",
            answered=answer.status,
        )
    version = root.get("version", "")
    if not version.startswith(("1.1", "2.")):
        raise ServiceError(
            f"speaks only WFS {version or 'of no version'}; 1.1.0 and 2.0.x are read",
            where=answer.url,
            answered=answer.status,
        )
    operation = next((o for o in _all(root, "Operation") if o.get("name") == "GetFeature"), None)
    formats = _values(operation, "outputFormat") or _values(root, "outputFormat")
    return Capabilities(
        version="2.0.0" if version.startswith("2.") else "1.1.0",
        title=_text(next(iter(_all(root, "ServiceIdentification")), None), "Title"),
        types=tuple(_feature_type(e) for e in _all(root, "FeatureType")),
        formats=formats,
        get_feature=_address(operation, base(service.url)[0]),
    )


def sort_key(service: Service, found: Capabilities, feature_type: FeatureType, client: Client) -> str | None:
    """Return an attribute that the features can be sorted by for a stable order, judging by DescribeFeatureType; or None."""
    address, own = base(found.get_feature)
    naming = "typeNames" if found.version == "2.0.0" else "typeName"
    asked = {"service": "WFS", "version": found.version, "request": "DescribeFeatureType"}
    try:
        answer = client.get(
            address,
            params={
                **own,
                **_theirs(service),
                **asked,
                naming: feature_type.name,
                "typeName": feature_type.name,
            },
            headers=service.headers,
            suffix=".xsd",
        )
        root = xml(answer)
    except ServiceError:
        return None  # it is only asked for to sort by, and there are other ways
    return key_of(root, feature_type.name)


def key_of(schema: Any, name: str) -> str | None:
    """Return the likely key among the simple elements of a feature type's XML schema."""
    wanted = _local(name)
    types = {e.get("name"): _local(e.get("type") or "") for e in _all(schema, "element") if e.get("name")}
    complex_name = types.get(wanted)
    body = next((t for t in _all(schema, "complexType") if t.get("name") == complex_name), schema)
    simple = {
        e.get("name"): e
        for e in _all(body, "element")
        if e.get("name")
        and (_SIMPLE.search(e.get("type") or "") or any(True for _ in _all(e, "restriction")))
        and e.get("maxOccurs", "1") == "1"
    }
    lower = {n.lower(): n for n in simple}
    return next((lower[key] for key in _KEYS if key in lower), None)


def output_format(
    found: Capabilities, feature_type: FeatureType, reader: str | None
) -> tuple[str | None, str]:
    """Return the format to ask for (None for the service's own default), and the suffix of its files.

    GML 3.2, or 3.1 where there is none, since nothing is lost in it; GeoJSON where it is offered and the reader is one of
    simple features.
    """
    offered = feature_type.formats or found.formats
    if reader == "vector":
        for form in offered:
            if _JSON.search(form.strip()):
                return form, ".geojson"
    for pattern in (_GML32, _GML31):
        for form in offered:
            if pattern.search(form.strip()) and "zip" not in form.lower():
                return form, ".gml"
    return None, ".gml"


def xml(answer: Answer) -> Any:
    """Return the root of an XML answer.

    Raises:
        ServiceError: an exception report, or no XML.
    """
    content = answer.content()
    if told := exception(content):
        raise ServiceError(f"answers with an exception: {told}", where=answer.url, answered=answer.status)
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    try:
        return etree.fromstring(content, parser)
    except etree.XMLSyntaxError as e:
        raise answered_otherwise(answer, content, "XML") from e


def _theirs(service: Service) -> dict[str, str]:
    return {k: v for k, v in service.parameters.items() if k.lower() not in _OURS}


def _feature_type(element: Any) -> FeatureType:
    box = next(iter(_all(element, "WGS84BoundingBox")), None)
    crs = [
        e.text.strip()
        for e in element
        if _is(e, "DefaultCRS", "DefaultSRS", "OtherCRS", "OtherSRS") and e.text
    ]
    return FeatureType(
        name=_text(element, "Name"),
        title=_text(element, "Title"),
        crs=tuple(crs),
        extent=_extent(box) if box is not None else None,
        formats=tuple(e.text.strip() for e in _all(element, "Format") if e.text),
    )


def _extent(box: Any) -> tuple[float, float, float, float] | None:
    try:
        west, south = map(float, _text(box, "LowerCorner").split())
        east, north = map(float, _text(box, "UpperCorner").split())
    except ValueError:
        return None
    return west, south, east, north


def _address(operation: Any, given: str) -> str:
    """Return the address of an operation, unless it is another host's (many name one that only they can see)."""
    for get in _all(operation, "Get") if operation is not None else []:
        href: str = get.get("{http://www.w3.org/1999/xlink}href", "").strip()
        if href and same_origin(href, given):
            return href
    return given


def _values(element: Any, parameter: str) -> tuple[str, ...]:
    if element is None:
        return ()
    for found in _all(element, "Parameter"):
        if found.get("name", "").lower() == parameter.lower():
            return tuple(v.text.strip() for v in _all(found, "Value") if v.text)
    return ()


def _all(element: Any, name: str) -> list[Any]:
    return [e for e in element.iter() if _is(e, name)]


def _is(element: Any, *names: str) -> bool:
    return isinstance(element.tag, str) and etree.QName(element).localname in names


def _text(element: Any, name: str) -> str:
    if element is None:
        return ""
    return next((" ".join((e.text or "").split()) for e in element if _is(e, name)), "")


def _local(name: str) -> str:
    return name.rpartition(":")[2]
