"""What is said of tile sets (OGC 17-083r4, 8) and in TileJSON 3.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import morecantile

from ldt.api import documents, links, openapi
from ldt.api.tiles import matrix
from ldt.api.tiles.request import FORMS, TILEJSON
from ldt.store.items import Items
from ldt.store.tiles import MOST, Box, simple

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"
#: The link relations of lists of tile sets.
RELATIONS: Mapping[str, str] = {
    "vector": "http://www.opengis.net/def/rel/ogc/1.0/tilesets-vector",
    "map": "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map",
}
THINNED = f"A layer has at most {MOST:,} features in a tile; beyond, the largest, and the header LDT-Thinned says so."

#: What routes of tile sets send.
SAYS = openapi.says(documents.TileSet, *FORMS)
SAYS[200]["content"] |= openapi.says(documents.TileJSON, TILEJSON)[200]["content"]

Kind = Literal["vector", "map"]


def united(boxes: Sequence[Box]) -> Box:
    """Return the rectangle around some; one over the antimeridian (west greater than east) is taken as all around."""
    flat = [box if box[0] <= box[2] else (-180.0, box[1], 180.0, box[3]) for box in boxes]
    return (
        min(b[0] for b in flat),
        min(b[1] for b in flat),
        max(b[2] for b in flat),
        max(b[3] for b in flat),
    )


def summary(grid: morecantile.TileMatrixSet, kind: Kind, title: str, box: Box) -> dict[str, Any]:
    """Return what lists of tile sets say of one."""
    return {
        "title": f"{title} ({grid.id})",
        "dataType": kind,
        "crs": matrix.crs(grid),
        "tileMatrixSetURI": str(grid.uri),
        "tileMatrixSetLimits": _limits(grid, box),
    }


def _limits(grid: morecantile.TileMatrixSet, box: Box) -> list[dict[str, Any]]:
    return [
        {
            "tileMatrix": one.id,
            "minTileRow": top,
            "maxTileRow": bottom,
            "minTileCol": left,
            "maxTileCol": right,
        }
        for one, (top, bottom, left, right) in zip(
            grid.tileMatrices, matrix.limits(grid.id, box), strict=False
        )
    ]


def tileset(
    grid: morecantile.TileMatrixSet, kind: Kind, title: str, box: Box, layers: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """Return the metadata of a tile set, without links.

    Args:
        grid: its tile matrix set.
        kind: what its tiles are.
        title: what it is called.
        box: west, south, east, north in degrees of what it shows.
        layers: what :func:`layer` says of each.
    """
    west, south, east, north = box
    return {
        **summary(grid, kind, title, box),
        **({"description": THINNED} if kind == "vector" else {}),
        "layers": list(layers),
        "boundingBox": {
            "lowerLeft": [west, south],
            "upperRight": [east, north],
            "crs": CRS84,
            "orderedAxes": ["Lon", "Lat"],
        },
        "centerPoint": {
            "coordinates": [(west + east) / 2, (south + north) / 2],
            "crs": CRS84,
            "tileMatrix": grid.tileMatrices[_overview(grid, box)].id,
        },
    }


def _overview(grid: morecantile.TileMatrixSet, box: Box) -> int:
    """Return the number of the last tile matrix in which all is seen on no more than 2 x 2 tiles."""
    fitting = [
        z
        for z, (top, bottom, left, right) in enumerate(matrix.limits(grid.id, box))
        if bottom - top < 2 and right - left < 2
    ]
    return fitting[-1] if fitting else 0


def layer(title: str, items: Items, names: Sequence[str] | None) -> dict[str, Any]:
    """Return what is said of a layer of vector tiles: the schema of its properties."""
    known = simple(items)
    schema = {name: dict(known[name].schema) for name in (known if names is None else names)}
    properties = {"id": {"type": "string", "title": "Identifier of the feature"}, **schema}
    return {
        "id": items.collection,
        "title": title,
        "dataType": "vector",
        "propertiesSchema": {"type": "object", "properties": properties},
    }


def tilejson(
    grid: morecantile.TileMatrixSet,
    title: str,
    box: Box,
    template: str,
    layers: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    """Return TileJSON 3.0.

    Args:
        grid: a tile matrix set in Web Mercator, which TileJSON presumes.
        title: what the tiles are called.
        box: west, south, east, north in degrees of what they show.
        template: their address, with `{z}`, `{x}` and `{y}`.
        layers: what :func:`layer` says of each, for vector tiles.
    """
    zoom = _overview(grid, box)
    found: dict[str, Any] = {
        "tilejson": "3.0.0",
        "name": title,
        "scheme": "xyz",
        "tiles": [template],
        "minzoom": grid.minzoom,
        "maxzoom": grid.maxzoom,
        "bounds": [max(box[0], -180.0), max(box[1], -85.0511), min(box[2], 180.0), min(box[3], 85.0511)],
        "center": [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, zoom],
    }
    if layers:
        found["description"] = THINNED
        found["vector_layers"] = [
            {"id": one["id"], "description": one["title"], "fields": _fields(one)} for one in layers
        ]
    return found


def _fields(one: Mapping[str, Any]) -> dict[str, str]:
    properties: Mapping[str, Mapping[str, Any]] = one["propertiesSchema"]["properties"]
    return {name: str(about.get("title", name)) for name, about in properties.items()}


def templated(link: links.Link) -> dict[str, Any]:
    """Return a link whose address has variables in it."""
    return {**link, "templated": True}
