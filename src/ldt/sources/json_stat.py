"""JSON-stat: the cells of a statistical cube as a long table, one record each.

Of each dimension there are two columns, the code (`geo`) and, where the file labels it, the label (`geo_label`); then `value` and, where there
is one, `status`. The dimensions come in the file's order, the last one changing fastest. Sources: JSON-stat 2.0, https://json-stat.org/full/ [K];
of the older format 1 the bundle of data sets with `id` and `size` within `dimension` is read too.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

from ldt.errors import SourceError


def is_json_stat(document: Any) -> bool:
    """Whether a document is a data set of JSON-stat, or a bundle or collection that holds one."""
    return _dataset(document) is not None


def title(document: Any) -> str | None:
    """Return what the data set calls itself."""
    found = _dataset(document) or {}
    return str(found["label"]) if found.get("label") else None


def records(document: Any) -> list[dict[str, Any]]:
    """Return one record for each cell that has a value or a status.

    Raises:
        SourceError: sizes, categories and values do not fit each other.
    """
    dataset = _dataset(document)
    if dataset is None:
        raise SourceError("holds no data set of JSON-stat", remedy="its `class` is `dataset`")
    dimensions = dataset["dimension"]
    ids = [str(i) for i in dataset.get("id") or dimensions["id"]]
    sizes = [int(n) for n in dataset.get("size") or dimensions["size"]]
    axes = [_axis(dimensions.get(name) or {}, name, size) for name, size in zip(ids, sizes, strict=False)]
    count = prod(sizes)
    values, states = _cells(dataset.get("value"), count), _cells(dataset.get("status"), count)
    if len(ids) != len(sizes) or any(place >= count for place in values):
        raise SourceError(
            f"JSON-stat of {len(ids)} dimensions and {count:,} cells has values beyond them",
            remedy="get it again from where it came",
        )
    found = []
    for place in sorted(values.keys() | states.keys()):
        record: dict[str, Any] = {}
        rest = place
        for name, axis in zip(reversed(ids), reversed(axes), strict=True):
            rest, category = divmod(rest, len(axis))
            record[name] = axis[category]
        cells: dict[str, Any] = {}
        for name in ids:
            code, label = record[name]
            cells[name] = code
            if label is not None:
                cells[f"{name}_label"] = label
        cells["value"] = values.get(place)
        if states:
            cells["status"] = states.get(place)
        found.append(cells)
    return found


def _dataset(document: Any) -> dict[str, Any] | None:
    """Return the data set: the document, or the only one that a bundle (format 1) or a collection (2) holds."""
    if not isinstance(document, dict):
        return None
    if document.get("class") == "collection":
        items = (document.get("link") or {}).get("item") or []
        held = [d for d in map(_dataset, items) if d]
        return held[0] if len(held) == 1 else None
    dimension = document.get("dimension")
    if isinstance(dimension, dict) and "value" in document:
        whole = ("id" in document and "size" in document) or {"id", "size"} <= dimension.keys()
        return document if whole else None
    inner = [v for v in document.values() if isinstance(v, dict) and "dimension" in v and "value" in v]
    return _dataset(inner[0]) if len(inner) == 1 and len(document) <= 3 else None


def _axis(dimension: Mapping[str, Any], name: str, size: int) -> list[tuple[str, str | None]]:
    """Return code and label of each category, in order. An index may be left out where there is one category."""
    category = dimension.get("category") or {}
    labels: dict[str, Any] = category.get("label") or {}
    index = category.get("index")
    codes = (
        sorted(index, key=lambda c: int(index[c]))
        if isinstance(index, dict)
        else [str(c) for c in index or labels]
    )
    if len(codes) != size:
        raise SourceError(
            f"the dimension {name!r} of JSON-stat has {len(codes)} categories, and is said to have {size}",
            remedy="get it again from where it came",
        )
    return [(str(c), None if labels.get(c) is None else str(labels[c])) for c in codes]


def _cells(cells: Any, count: int) -> dict[int, Any]:
    """Return what is said of cells, by their place: all in a list, some in an object, or one for all."""
    if isinstance(cells, dict):
        return {int(place): value for place, value in cells.items()}
    if isinstance(cells, list):
        return {place: value for place, value in enumerate(cells) if value is not None}
    return {} if cells is None else dict.fromkeys(range(count), cells)
