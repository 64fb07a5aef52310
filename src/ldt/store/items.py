"""What items are read from: the same for features, indicator values, stations and records, so that one page, one filter and one order serve all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sqlalchemy import ColumnElement, FromClause

#: `timestamp` is an instant; `date` a day; `array` a JSON array of strings or numbers.
Kind = Literal["string", "number", "integer", "boolean", "date", "timestamp", "geometry", "array"]


@dataclass(frozen=True, slots=True)
class Property:
    """A property that items can be filtered and sorted by.

    Attributes:
        name: as clients write it.
        kind: what its values are.
        column: SQL expression over a part's table, of the type that the kind says; a geometry is in EPSG:4326, x = longitude; an `array` is jsonb.
        schema: its JSON Schema, with title and unit where they are known.
        indexed: whether an index has items in the order of (this, key), so that few of many are found by it, and the first in its order.
    """

    name: str
    kind: Kind
    column: ColumnElement[Any]
    schema: Mapping[str, Any] = field(default_factory=dict, hash=False)
    indexed: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """The items of one data set.

    Attributes:
        order: place among the parts; pages go through the parts in this order, within a part by `key`.
        table: what is read.
        where: what the snapshot sees of it; its constants are bound.
        key: unique within the part, collated "C".
        identifier: id in the API, as text without characters that JSON escapes.
        geometry: in EPSG:4326, x = longitude; None where items have none.
        attributes: the properties, as jsonb.
        start, end: the time that an item is of, [start, end); None where there is none.
        rows: how many items there are, where that is known without counting.
        prefix: the identifier is this text and the key; None where it is something else.
    """

    order: int
    table: FromClause
    where: ColumnElement[bool]
    key: ColumnElement[str]
    identifier: ColumnElement[str]
    geometry: ColumnElement[Any] | None
    attributes: ColumnElement[Any]
    start: ColumnElement[Any] | None = None
    end: ColumnElement[Any] | None = None
    rows: int | None = None
    prefix: str | None = None


@dataclass(frozen=True, slots=True)
class Items:
    """The items of one collection at one snapshot.

    Attributes:
        collection: its id.
        parts: one for each data set, in order.
        properties: what can be asked for, by name; the geometry among them, as `geometry`.
        further: JSON Schemas of properties that items have too, but cannot be filtered or sorted by.
    """

    collection: str
    parts: Sequence[Part]
    properties: Mapping[str, Property]
    further: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, hash=False)
