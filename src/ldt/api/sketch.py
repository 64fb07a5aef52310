"""A small map of some features, drawn as SVG: no script, no tiles, nothing from elsewhere."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

_WIDTH, _MAX_HEIGHT = 720.0, 480.0
_MAX_POINTS = 60_000

Point = Sequence[float]


def draw(features: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return what the template draws: the picture's size, and for each feature its paths, dots and address.

    Longitudes are shortened by the cosine of the middle latitude, which is good enough for a city.

    Args:
        features: GeoJSON features; those without a geometry are left out.

    Returns:
        None if there is nothing to draw, or more than a page should carry.
    """
    kept = [f for f in features if f.get("geometry")]
    points = [p for f in kept for part in _parts(f["geometry"]) for p in part[1]]
    if not points or len(points) > _MAX_POINTS:
        return None
    west, east = min(p[0] for p in points), max(p[0] for p in points)
    south, north = min(p[1] for p in points), max(p[1] for p in points)
    shrink = max(math.cos(math.radians((south + north) / 2)), 0.01)
    wide, high = max((east - west) * shrink, 1e-6), max(north - south, 1e-6)
    scale = min((_WIDTH - 20) / wide, (_MAX_HEIGHT - 20) / high)
    size = (wide * scale + 20, high * scale + 20)

    def place(p: Point) -> tuple[float, float]:
        return 10 + (p[0] - west) * shrink * scale, 10 + (north - p[1]) * scale

    return {
        "width": round(size[0]),
        "height": round(size[1]),
        "shapes": [_shape(f, place) for f in kept],
    }


def _shape(feature: Mapping[str, Any], place: Any) -> dict[str, Any]:
    path, dots = [], []
    filled = False
    for kind, part in _parts(feature["geometry"]):
        placed = [place(p) for p in part]
        if kind == "point":
            dots += [(round(x, 1), round(y, 1)) for x, y in placed]
            continue
        steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in placed)
        path.append(f"M{steps}" + ("Z" if kind == "ring" else ""))
        filled = filled or kind == "ring"
    return {"id": feature.get("id"), "path": "".join(path), "filled": filled, "dots": dots}


def _parts(geometry: Mapping[str, Any]) -> Iterator[tuple[str, Sequence[Point]]]:
    """Yield (`point`, `line` or `ring`, coordinates) of a GeoJSON geometry."""
    kind = geometry["type"]
    if kind == "GeometryCollection":
        for one in geometry["geometries"]:
            yield from _parts(one)
        return
    content = geometry["coordinates"]
    if not content:
        return
    if kind == "Point":
        yield "point", [content]
    elif kind == "MultiPoint":
        yield "point", content
    elif kind == "LineString":
        yield "line", content
    elif kind == "MultiLineString":
        yield from (("line", part) for part in content)
    elif kind == "Polygon":
        yield from (("ring", part) for part in content)
    elif kind == "MultiPolygon":
        yield from (("ring", part) for polygon in content for part in polygon)
