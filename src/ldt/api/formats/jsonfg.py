"""JSON-FG (OGC 21-045r1, version 0.3): what its documents have beside GeoJSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ldt.store.crs import CRS84, Crs

CONFORMANCE = (
    "http://www.opengis.net/spec/json-fg-1/0.3/conf/core",
    "http://www.opengis.net/spec/json-fg-1/0.3/conf/types-schemas",
)


def members(collection: str, schema: str, crs: Crs) -> dict[str, Any]:
    """Return the members of a document that tell what its features are, of which schema (an address), in which CRS."""
    return {
        "conformsTo": list(CONFORMANCE),
        "featureType": collection,
        "featureSchema": schema,
        "coordRefSys": crs.uri,
    }


def feature(document: Mapping[str, Any], crs: Crs) -> dict[str, Any]:
    """Return a GeoJSON feature whose coordinates are in a CRS as JSON-FG; its `validity`, if it has one, is its time."""
    shape = document["geometry"]
    placed = {"geometry": shape, "place": None} if crs is CRS84 else {"geometry": None, "place": shape}
    return {**document, "time": _time(document.get("validity")), **placed}


def _time(validity: list[str | None] | None) -> dict[str, Any] | None:
    if not validity or validity == [None, None]:
        return None
    start, end = validity
    return {"timestamp": start} if start == end else {"interval": [start or "..", end or ".."]}
