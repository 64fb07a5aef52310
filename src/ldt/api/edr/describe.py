"""What EDR adds to the documents of collections: queries, parameters, forms (OGC 19-086r6, annex C.1)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

from pyproj import CRS
from starlette.requests import Request

from ldt.api import html, links
from ldt.api.collections.client import items_of
from ldt.api.context import Reading
from ldt.api.edr.names import document
from ldt.api.edr.request import COVJSON, GEOJSON, NAMES, UNITS
from ldt.api.edr.source import QUERIES, Grids, source
from ldt.api.standard import Collection
from ldt.store.crs import CRS84, supported

_TITLES = {
    "position": "Values at a position",
    "radius": "Values within a distance of a position",
    "area": "Values within a polygon",
    "cube": "Values within a rectangle",
    "trajectory": "Values along a line",
    "locations": "Stations, and the values of one",
    "items": "Items",
}


def describe(request: Request, seen: Reading, collection: Collection) -> Mapping[str, Any]:
    """Return what EDR says of a collection; of one without values to be sampled, its items and what they tell."""

    def to(query: str) -> str:
        return links.url(request, "twins", seen.snapshot.twin, "collections", collection.id, query)

    found = source(seen, collection.id)
    if found is None:
        return _of_items(request, seen, collection, to("items"))
    wanted = html.languages(request)
    queries = QUERIES[type(found)]
    about: dict[str, Any] = {
        "data_queries": {q: {"link": _way(to(q), q)} for q in queries},
        "parameter_names": {name: document(p, wanted) for name, p in found.parameters.items()},
        "output_formats": list(NAMES.values()),
        "links": [links.link(address, "data", _form(q), _TITLES[q]) for q, address in _open(to, collection)],
    }
    if isinstance(found, Grids):
        about["crs"] = list(supported())
    return about


def _open(to: Callable[[str], str], collection: Collection) -> Iterator[tuple[str, str]]:
    """Yield (query, address) of what can be opened as it is: the values in the middle, and the list of locations."""
    if collection.bbox is not None:
        west, south, east, north = collection.bbox
        middle = f"POINT({(west + east) / 2:.6f} {(south + north) / 2:.6f})"
        here = to("position")
        yield "position", f"{here}{'&' if '?' in here else '?'}{urlencode({'coords': middle})}"
    if collection.kind == "series":
        yield "locations", to("locations")


def _form(query: str) -> Any:
    return GEOJSON if query in ("locations", "items") else COVJSON


def _way(to: str, query: str) -> dict[str, Any]:
    variables: dict[str, Any] = {"title": _TITLES[query], "query_type": query}
    if query == "items":
        variables |= {"output_formats": ["GeoJSON"], "default_output_format": "GeoJSON"}
    else:
        default = "GeoJSON" if query == "locations" else "CoverageJSON"
        variables |= {"output_formats": list(NAMES.values()), "default_output_format": default}
    if query == "radius":
        variables["within_units"] = list(UNITS)
    if query == "cube":
        variables["height_units"] = ["m"]
    variables["crs_details"] = [{"crs": CRS84.uri, "wkt": CRS.from_user_input("OGC:CRS84").to_wkt()}]
    return {"href": to, "rel": "data", "type": _form(query).media_type, "title": _TITLES[query], "variables": variables}  # fmt: skip


def _of_items(request: Request, seen: Reading, collection: Collection, to: str) -> Mapping[str, Any]:
    """Return what is said of a collection that has only items: each of their properties is a parameter."""
    if collection.item_type is None:
        return {}
    base = links.url(request, "twins", seen.snapshot.twin, "collections", collection.id, "schema")
    parameters = {
        name: {
            "type": "Parameter",
            "id": name,
            "observedProperty": {"id": f"{base}#/properties/{name}", "label": str(p.schema.get("title", name))},
        }
        for name, p in items_of(request, seen, collection.id).properties.items()
        if p.kind != "geometry"
    }  # fmt: skip
    return {
        "data_queries": {"items": {"link": _way(to, "items")}},
        "parameter_names": parameters,
        "output_formats": ["GeoJSON"],
        "links": [links.link(to, "data", GEOJSON, _TITLES["items"])],
    }
