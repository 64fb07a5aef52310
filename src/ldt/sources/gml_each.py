"""One record for each of the parts of a feature: the values of a statistical distribution, each with all else that is said of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ldt.sources.gml_geometry import local_name


def parts(feature: Any, name: str) -> Iterator[Any]:
    """Yield the feature once for each of its properties of a name, as if it had no other of these.

    Args:
        feature: the element; it is changed while it is handed out, and has lost these properties at the end.
        name: local name of the property (`value`). A feature without it is yielded once, as it is.
    """
    found = [child for child in feature if isinstance(child.tag, str) and local_name(child.tag) == name]
    if not found:
        yield feature
        return
    place = feature.index(found[0])
    for child in found:
        feature.remove(child)
    for child in found:
        feature.insert(place, child)
        yield feature
        feature.remove(child)
