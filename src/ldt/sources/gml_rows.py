"""The columns of a batch of GML features: of those that were walked over one by one, of those that were alike, and of both together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from ldt.sources.gml_columns import Made, Plan
from ldt.sources.gml_paths import LocationPath
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, ROW

GML_ID = "gml_id"
TYPE = "_type"
#: Of a solid, top minus bottom, in the unit of its third ordinates.
HEIGHT = "_height"
#: Path of the property that the record's geometry comes from, where a feature has several.
GEOMETRY_PATH = "_geometry"

Columns = dict[str, pa.Array]


@dataclass(slots=True)
class Rows:
    """Records that were walked over one by one; the lists are of the same length."""

    rows: list[int] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    values: list[list[Any]] = field(default_factory=list)
    wkb: list[bytes | None] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    malformed: list[str | None] = field(default_factory=list)
    geometry_paths: list[str | None] = field(default_factory=list)
    heights: list[float | None] = field(default_factory=list)

    def add(
        self,
        row: int,
        identifier: str | None,
        name: str,
        values: list[Any],
        raw: dict[str, Any],
        geometry_path: str | None,
        wkb: bytes | None,
        problem: str | None,
        height: float | None,
    ) -> int:
        """Take a record in; return the bytes of its geometry and its text."""
        text = orjson.dumps(raw).decode()
        self.rows.append(row)
        self.ids.append(identifier)
        self.types.append(name)
        self.values.append(values)
        self.wkb.append(wkb)
        self.raw.append(text)
        self.malformed.append(problem)
        self.geometry_paths.append(geometry_path)
        self.heights.append(height)
        return len(text) + (len(wkb) if wkb is not None else 0)

    def columns(self, names: Sequence[str], paths: Sequence[LocationPath]) -> Columns:
        """Return the records as columns; `names` and `paths` are those of the recipe."""
        taken = zip(*self.values, strict=True)
        own = {
            name: pa.array(values, pa.list_(pa.string()) if path.many else pa.string())
            for name, path, values in zip(names, paths, taken, strict=True)
        }
        return {
            ROW: pa.array(self.rows, pa.int64()),
            GML_ID: pa.array(self.ids, pa.string()),
            TYPE: pa.array(self.types, pa.string()),
            GEOMETRY_PATH: pa.array(self.geometry_paths, pa.string()),
            HEIGHT: pa.array(self.heights, pa.float64()),
            **own,
            GEOMETRY: pa.array(self.wkb, pa.binary()),
            RAW: pa.array(self.raw, pa.string()),
            MALFORMED: pa.array(self.malformed, pa.string()),
        }


def alike_columns(plan: Plan, made: Made, names: Sequence[str]) -> Columns:
    """Return members of one shape as columns; `names` are those of the recipe."""
    count = len(made.rows)
    nothing = pa.nulls(count, pa.string())
    return {
        ROW: pa.array(made.rows, pa.int64()),
        GML_ID: made.identifiers,
        TYPE: pa.repeat(plan.name, count),
        GEOMETRY_PATH: nothing if plan.path is None else pa.repeat(plan.path, count),
        HEIGHT: pa.nulls(count, pa.float64()),
        **dict(zip(names, made.columns, strict=True)),
        GEOMETRY: made.wkb,
        RAW: made.raw,
        MALFORMED: nothing,
    }


def together(parts: Sequence[Columns]) -> pa.RecordBatch:
    """Return the records of several parts, at least one, in the order of the file."""
    whole = pa.concat_batches([pa.RecordBatch.from_pydict(part) for part in parts])
    rows = whole.column(ROW).to_numpy()
    return whole if (np.diff(rows) > 0).all() else whole.take(pa.array(np.argsort(rows)))
