"""Protocol `arcgis`: layers of an ArcGIS REST FeatureServer or MapServer.

All object ids are asked for first (a server gives them without a limit), then the features of one range of ids after the
other. So no order can be unstable, nothing is lost at the seams, and a page stays the same while others change.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ldt.errors import ServiceError, ServiceZero
from ldt.sources.services.documents import json_object, listed
from ldt.sources.services.http import Answer, Client
from ldt.sources.services.paging import Collected, PagingError, complete
from ldt.sources.services.probing import Learnt, probed
from ldt.sources.services.said import said
from ldt.sources.services.service import Page, Probe, Query, Service

PAGE_SIZE = 1_000
_TOKEN_CODES = {498, 499}


@dataclass(frozen=True, slots=True)
class _Layer:
    """A layer. `where` is the recipe's own condition, `form` the format that its features are asked for in."""

    address: str
    name: str
    oid: str | None
    size: int
    form: str
    params: dict[str, str]

    @property
    def suffix(self) -> str:
        return ".geojson" if self.form == "geojson" else ".json"


class ArcGis:
    """Layers of an ArcGIS REST service."""

    def pages(self, service: Service, query: Query, client: Client) -> Iterator[Page]:
        """Yield the features of a layer."""
        layer = _layer(service, client)
        params = {"where": "1=1", **layer.params, **_envelope(query)}
        pages, count = complete(
            lambda: _collect(layer, params, service, client),
            lambda: _count(layer, params, service, client),
            client.shown(layer.address),
        )
        if count == 0 and _count(layer, {"where": "1=1"}, service, client) == 0:
            raise ServiceZero(
                f"{layer.name} has no features at all", where=client.shown(layer.address), answered=200
            )
        yield from pages

    def probe(self, service: Service, client: Client) -> Probe:
        """Ask what the layer is and how many features it has."""

        def ask() -> Learnt:
            if not _is_layer(service):
                found, answer = describe(service, client)
                return Learnt(f"ArcGIS REST, {len(found.get('layers') or [])} layers", answer.status)
            layer = _layer(service, client)
            count = _count(layer, {"where": "1=1", **layer.params}, service, client)
            if count == 0:
                raise ServiceZero(f"{layer.name} has no features at all", answered=200)
            return Learnt(f"ArcGIS REST, layer {layer.name}", 200, count)

        return probed(ask)


PROTOCOL = ArcGis()


def describe(service: Service, client: Client) -> tuple[dict[str, Any], Answer]:
    """Return what a service or a layer says of itself."""
    answer = _get(_base(service), service.parameters, service, client)
    return json_object(answer), answer


def _base(service: Service) -> str:
    base = service.url.partition("?")[0].rstrip("/").removesuffix("/query")
    return f"{base}/{service.layer}" if service.layer and not base.endswith(f"/{service.layer}") else base


def _is_layer(service: Service) -> bool:
    return _base(service).rpartition("/")[2].isdigit()


def _layer(service: Service, client: Client) -> _Layer:
    """Ask what a layer is; one that is named by its name is looked up among the service's own."""
    if service.layer and not service.layer.isdigit():
        whole = service.model_copy(update={"layer": None})
        found, answer = describe(whole, client)
        layers = [*(found.get("layers") or []), *(found.get("tables") or [])]
        number = next((k["id"] for k in layers if k.get("name") == service.layer), None)
        if number is None:
            names = ", ".join(f"{k.get('id')} {k.get('name')}" for k in layers[:30])
            raise ServiceError(
                f"has no layer {service.layer!r}",
                where=answer.url,
                remedy=f"name one as `layer`: {names}",
                answered=answer.status,
            )
        service = service.model_copy(update={"layer": str(number)})
    about, answer = describe(service, client)
    if not isinstance(about.get("type"), str) or ("fields" not in about and "geometryType" not in about):
        names = ", ".join(f"{k.get('id')} {k.get('name')}" for k in (about.get("layers") or [])[:30])
        raise ServiceError(
            "is no layer of features",
            where=answer.url,
            remedy=f"name one as `layer`: {names}" if names else "check the address",
            answered=answer.status,
        )
    fields = about.get("fields") or []
    oid = about.get("objectIdField") or next(
        (f["name"] for f in fields if f.get("type") == "esriFieldTypeOID"), None
    )
    formats = str(about.get("supportedQueryFormats") or "JSON").lower()
    most = about.get("maxRecordCount")
    size = min(service.page_size or PAGE_SIZE, most if isinstance(most, int) and most > 0 else PAGE_SIZE)
    own = {k: v for k, v in service.parameters.items() if k != "f"}
    form = service.parameters.get("f") or ("geojson" if "geojson" in formats else "json")
    return _Layer(_base(service), str(about.get("name")), oid, size, form, own)


def _envelope(query: Query) -> dict[str, str]:
    if query.bbox is None:
        return {}
    return {
        "geometry": ",".join(f"{n:.8g}" for n in query.bbox),
        "geometryType": "esriGeometryEnvelope",
        "inSR": "4326",
        "spatialRel": "esriSpatialRelIntersects",
    }


def _count(layer: _Layer, params: dict[str, str], service: Service, client: Client) -> int | None:
    answer = _get(f"{layer.address}/query", {**params, "returnCountOnly": "true"}, service, client)
    found = json_object(answer).get("count")
    return found if isinstance(found, int) else None


def _collect(layer: _Layer, params: dict[str, str], service: Service, client: Client) -> Collected:
    answer = _get(f"{layer.address}/query", {**params, "returnIdsOnly": "true"}, service, client)
    document = json_object(answer)
    oid = document.get("objectIdFieldName") or layer.oid
    found = document.get("objectIds")
    got = Collected()
    if not oid or (found is None and _count(layer, params, service, client)):
        return _by_offset(layer, params, service, client)
    ids = sorted(found or [])
    if not ids:  # one page that says so
        _range(layer, {**params}, str(oid), [], got, service, client)
    for first in range(0, len(ids), layer.size):
        _range(layer, params, str(oid), ids[first : first + layer.size], got, service, client)
    return got


def _range(
    layer: _Layer,
    params: dict[str, str],
    oid: str,
    ids: Sequence[int],
    got: Collected,
    service: Service,
    client: Client,
) -> None:
    """Fetch the features of a range of ids; in halves, where the server cuts them."""
    between = f"{oid} >= {ids[0]} AND {oid} <= {ids[-1]}" if ids else "1=0"
    where = between if params["where"] == "1=1" else f"({params['where']}) AND {between}"
    answer, features = _features(layer, {**params, "where": where, "orderByFields": oid}, service, client)
    if len(features) < len(ids) and len(ids) > 1:
        half = len(ids) // 2
        _range(layer, params, oid, ids[:half], got, service, client)
        _range(layer, params, oid, ids[half:], got, service, client)
        return
    got.add(answer, (_id(f, oid) for f in features))


def _by_offset(layer: _Layer, params: dict[str, str], service: Service, client: Client) -> Collected:
    """Fetch a layer that has no object ids page by page; the count shows whether they fit."""
    got = Collected()
    while True:
        window = {"resultOffset": str(got.count), "resultRecordCount": str(layer.size)}
        if layer.oid:
            window["orderByFields"] = layer.oid
        answer, features = _features(layer, {**params, **window}, service, client)
        if got.pages and answer.digest == got.pages[-1].digest and features:
            raise PagingError("gives the same page again and again", where=answer.url)
        got.add(answer, (_id(f, layer.oid) for f in features))
        if len(features) < layer.size and not _exceeded(json_object(answer)):
            return got


def _features(
    layer: _Layer, params: dict[str, str], service: Service, client: Client
) -> tuple[Answer, list[Any]]:
    wanted = {"outFields": "*", "returnGeometry": "true", **params}
    if layer.form == "geojson":
        wanted["outSR"] = "4326"
    answer = _get(f"{layer.address}/query", wanted, service, client, form=layer.form, suffix=layer.suffix)
    return answer, listed(json_object(answer), "features", answer)


def _exceeded(document: dict[str, Any]) -> bool:
    properties = document.get("properties")
    inside = properties.get("exceededTransferLimit") if isinstance(properties, dict) else False
    return bool(document.get("exceededTransferLimit") or inside)


def _id(feature: Any, oid: str | None) -> str | None:
    for part in ("properties", "attributes"):
        values = feature.get(part)
        if isinstance(values, dict) and oid in values:
            return str(values[oid])
    found = feature.get("id")
    return None if found is None else str(found)


def _get(
    address: str,
    params: dict[str, str],
    service: Service,
    client: Client,
    *,
    form: str = "json",
    suffix: str = ".json",
) -> Answer:
    """Ask for JSON; an error that comes with status 200 is one all the same."""
    answer = client.get(address, params={**params, "f": form}, headers=service.headers, suffix=suffix)
    error = json_object(answer).get("error")
    if error:
        code = error.get("code") if isinstance(error, dict) else None
        told = said(answer.content()) or "an error without a text"
        raise ServiceError(
            f"answers with error {code}: {told}",
            where=answer.url,
            remedy="name a token in the recipe's `parameters`" if code in _TOKEN_CODES else None,
            answered=401 if code in _TOKEN_CODES else code if isinstance(code, int) else answer.status,
        )
    return answer
