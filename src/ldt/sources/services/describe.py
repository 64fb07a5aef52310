"""What lies behind an address: a file, or a service and its layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ldt.errors import ServiceError
from ldt.sources.recognise import describe
from ldt.sources.services import arcgis, ngsild, ogcapi, sensorthings, sos
from ldt.sources.services.documents import json_object
from ldt.sources.services.download import PROTOCOL as DOWNLOAD
from ldt.sources.services.download import suffix_of
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Protocols, Query, Service
from ldt.sources.services.wfs_capabilities import capabilities
from ldt.sources.source import Description, LayerDescription

#: Layers whose records are counted, a request each.
_COUNTED = 10
_KNOWN_BY_QUERY: dict[str, Protocols] = {"wfs": "wfs", "csw": "csw", "sos": "sos"}
#: What collections of OGC API - Features lead to, and what a file of features calls itself.
_GEOJSON = ("FeatureCollection", "Feature")


def recognise(url: str, client: Client) -> Protocols:
    """Return the protocol that an address speaks; `http` where it is a file or nothing that is known here.

    Raises:
        ServiceError: no answer.
    """
    parts = urlsplit(url)
    path = parts.path.rstrip("/").lower()
    query = {k.lower(): v.lower() for k, v in parse_qsl(parts.query)}
    asks = query.get("request", "getcapabilities") == "getcapabilities"
    if asks and query.get("service") in _KNOWN_BY_QUERY:
        return _KNOWN_BY_QUERY[query["service"]]
    if asks and (path.endswith(("/wfs", "/wfsserver"))):
        return "wfs"
    if asks and path.endswith("/csw"):
        return "csw"
    if "/ngsi-ld/v1" in path:
        return "ngsild"
    if ("/featureserver" in path or "/mapserver" in path) and not path.endswith("/query"):
        return "arcgis"
    if suffix_of(url) or "json" not in client.look(url).content_type:
        return "http"
    return _of_document(client, url)


def rooted(url: str, client: Client) -> str:
    """Return an address with a slash at its end, where a service is not found without one."""
    parts = urlsplit(url)
    bare = not parts.query and not suffix_of(url) and not parts.path.endswith("/")
    slashed = f"{url}/"
    if bare and client.look(url).status == 404 and client.look(slashed).status < 400:
        return slashed
    return url


def describe_address(url: str, client: Client) -> Description:
    """Tell what lies behind an address: of a service its layers, of a file what it holds.

    Raises:
        ServiceError: no answer, or not with what the address looks like.
        SourceError: a file that cannot be read.
    """
    url = rooted(url, client)
    found = recognise(url, client)
    if found in _DESCRIBED:
        return _DESCRIBED[found](Service(protocol=found, url=url), client)
    if found == "http":
        (page,) = DOWNLOAD.pages(Service(protocol="http", url=url), Query(), client)
        return describe(page.path)
    probe = protocol(found).probe(Service(protocol=found, url=url), client)
    if probe.state not in {"ok", "zero"}:
        raise ServiceError(probe.message, where=client.shown(url), answered=probe.status)
    return Description(format=probe.message, reader="gml", layers=[])


def _of_document(client: Client, url: str) -> Protocols:
    try:
        document = json_object(client.get(url, suffix=".json"))
    except ServiceError as e:
        if e.extra.get("answered") is None:
            raise
        return "http"  # a list of records
    if document.get("type") in _GEOJSON and "/collections/" not in url:
        return "http"
    relations = {k.get("rel") for k in document.get("links") or [] if isinstance(k, dict)}
    if "conformsTo" in document or relations & {"conformance", "data", "items"} or "collections" in document:
        return "ogcapi"
    if "/collections/" in url and document.get("type") in _GEOJSON:
        return "ogcapi"
    sets = document.get("value")
    if isinstance(sets, list) and any(isinstance(s, dict) and s.get("name") == "Things" for s in sets):
        return "sensorthings"
    return "http"


def _wfs(service: Service, client: Client) -> Description:
    found, _ = capabilities(service, client)
    layers = [LayerDescription(t.name, None, {}, extent=t.extent) for t in found.types]
    _count(layers, service, client)
    return Description(f"WFS {found.version}: {found.title}", "gml", layers)


def _ogcapi(service: Service, client: Client) -> Description:
    if "/collections/" in service.url:
        one = service.url.partition("?")[0].rstrip("/").removesuffix("/items")
        about = [json_object(client.get(one, headers={"Accept": "application/json"}, suffix=".json"))]
        service = service.model_copy(update={"url": one.rpartition("/collections/")[0]})
    else:
        about, _ = ogcapi.collections(service, client)
    layers = [LayerDescription(str(c.get("id")), None, {}, extent=_extent(c)) for c in about]
    _count(layers, service, client)
    return Description("OGC API - Features", "vector", layers)


def _arcgis(service: Service, client: Client) -> Description:
    about, _ = arcgis.describe(service, client)
    named = [*(about.get("layers") or []), *(about.get("tables") or [])]
    if named:
        layers = [LayerDescription(str(k.get("id")), None, {}) for k in named if not k.get("subLayerIds")]
        _count(layers, service, client)
        for layer, k in zip(layers, [k for k in named if not k.get("subLayerIds")], strict=True):
            layer.name = f"{k.get('id')} {k.get('name')}"
    else:
        columns = {f["name"]: str(f.get("type", "")) for f in about.get("fields") or []}
        count = protocol("arcgis").probe(service, client).records
        layers = [LayerDescription(str(about.get("name")), count, columns)]
    return Description("ArcGIS REST", "vector", layers)


def _sensorthings(service: Service, client: Client) -> Description:
    sets, _ = sensorthings.describe(service, client)
    layers = [LayerDescription(str(s.get("name")), None, {}) for s in sets]
    _count(layers, service, client)
    return Description("SensorThings API", "json", layers)


def _ngsild(service: Service, client: Client) -> Description:
    base = f"{service.url.partition('/ngsi-ld/v1')[0]}/ngsi-ld/v1"
    answer = client.get(f"{base}/types", headers={"Accept": "application/json"}, suffix=".json")
    layers = [LayerDescription(name, None, {}) for name in ngsild.types(answer)]
    service = service.model_copy(update={"url": base})
    _count(layers, service, client)
    return Description("NGSI-LD", "json", layers)


def _sos(service: Service, client: Client) -> Description:
    version, found, _ = sos.capabilities(service, client)
    layers = [
        LayerDescription(o.id, None, dict.fromkeys(o.properties, "observed property"), extent=o.extent)
        for o in found
    ]
    return Description(f"SOS {version}", "om", layers)


_DESCRIBED: dict[str, Callable[[Service, Client], Description]] = {
    "wfs": _wfs,
    "ogcapi": _ogcapi,
    "arcgis": _arcgis,
    "sensorthings": _sensorthings,
    "ngsild": _ngsild,
    "sos": _sos,
}


def _count(layers: list[LayerDescription], service: Service, client: Client) -> None:
    """Ask the service how many records the first layers have; what goes wrong is told as the layer's problem."""
    for layer in layers[:_COUNTED]:
        one = service.model_copy(update={"layer": layer.name})
        probe = protocol(service.protocol).probe(one, client)
        layer.count = 0 if probe.state == "zero" else probe.records
        if probe.state not in {"ok", "zero"}:
            layer.problems.append(probe.message)


def _extent(collection: dict[str, Any]) -> tuple[float, float, float, float] | None:
    """Return the extent of a collection, whose box has four numbers, or six with heights."""
    try:
        box = [float(n) for n in collection["extent"]["spatial"]["bbox"][0]]
    except (KeyError, IndexError, TypeError, ValueError):
        return None
    return (box[0], box[1], box[-2] if len(box) == 4 else box[3], box[-1] if len(box) == 4 else box[4])
