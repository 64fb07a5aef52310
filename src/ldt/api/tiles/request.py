"""What comes in: which tile of what, with which properties."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated

from fastapi import Path, Query
from pydantic import WithJsonSchema

from ldt.api.negotiate import HTML, JSON, Format
from ldt.api.tiles.matrix import SETS
from ldt.errors import UsageError
from ldt.store.items import Items
from ldt.store.tiles import simple

MVT = Format(
    "mvt",
    "application/vnd.mapbox-vector-tile",
    "Mapbox Vector Tile",
    ("pbf", "application/x-protobuf", "application/vnd.mvt"),
)
TILEJSON = Format("tilejson", "application/vnd.mapbox.tile+json", "TileJSON 3.0")

FORMS = (JSON, HTML)
TILESET_FORMS = (JSON, HTML, TILEJSON)

MatrixSetId = Annotated[
    str,
    Path(alias="tileMatrixSetId", description="A tile matrix set; /tileMatrixSets lists them."),
    WithJsonSchema({"type": "string", "enum": list(SETS)}),
]
Matrix = Annotated[
    str, Path(alias="tileMatrix", description="A tile matrix: how far the map is zoomed in.", examples=["12"])
]
Row = Annotated[
    int, Path(alias="tileRow", ge=0, le=2**31 - 1, description="The row of the tile, counted from the top.")
]
Column = Annotated[
    int,
    Path(alias="tileCol", ge=0, le=2**31 - 1, description="The column of the tile, counted from the left."),
]
Collections = Annotated[
    str | None,
    Query(
        description="The collections to show, a layer each; without it, all of features.",
    ),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
Properties = Annotated[
    str | None,
    Query(
        description="The properties that features have in the tile; without it, all that are no lists or objects."
    ),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
Scheme = Annotated[
    str | None,
    Query(
        description="The scheme of spatial units (`district`, `station`, …); without it, that with most units."
    ),
    WithJsonSchema({"type": "string"}),
]
Indicators = Annotated[
    str | None,
    Query(description="Only these indicators."),
    WithJsonSchema({"type": "array", "items": {"type": "string"}}),
]
Period = Annotated[
    str | None,
    Query(description="The period (`2023`); without it, of each unit and indicator the newest."),
    WithJsonSchema({"type": "string"}),
]


def listed(text: str | None) -> tuple[str, ...] | None:
    """Return the members of a list that is written with commas, each once; None if there is no list."""
    if text is None:
        return None
    return tuple(dict.fromkeys(part for one in text.split(",") if (part := one.strip())))


def chosen_properties(text: str | None, shown: Iterable[Items]) -> Mapping[str, tuple[str, ...]] | None:
    """Return the properties that a parameter asks for, by collection; None if it asks for all.

    Raises:
        UsageError: no collection has one of them.
    """
    names = listed(text)
    if names is None:
        return None
    known = {one.collection: simple(one) for one in shown}
    there = {name for found in known.values() for name in found}
    if unknown := [name for name in names if name not in there]:
        raise UsageError(
            f"nothing here has a property {unknown[0][:80]!r} that a tile can hold",
            where="properties",
            remedy=f"there are: {', '.join(sorted(there))}" if there else "leave it out",
        )
    return {c: tuple(n for n in names if n in found) for c, found in known.items()}
