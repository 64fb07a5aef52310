"""Features, values and observations as Arrow tables, for exports: typed columns, streaming."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import shapely

from ldt.model.feature import api_id
from ldt.model.snapshot import DatasetVersion
from ldt.store.bulk import Contents, Row
from ldt.store.views import feature_schema

_INSTANT = pa.timestamp("us", tz="UTC")
#: What the columns of properties stand between; `geometry` is WKB, longitude first.
_BEFORE = (("id", pa.string()), ("dataset", pa.string()))
_AFTER = (
    *(("namespace", pa.string()), ("local_id", pa.string()), ("version_id", pa.string())),
    *(("valid_from", _INSTANT), ("valid_to", _INSTANT)),
)
#: Names that GDAL gives to columns of its own.
_TAKEN = ("fid", "ogc_fid", "geom", "geometry")
_TYPES = {"string": pa.string(), "number": pa.float64(), "integer": pa.int64(), "boolean": pa.bool_()}

#: Columns of a value of an indicator, as the service's GeoParquet has them, and the snapshot that it was read in.
VALUE_SCHEMA = pa.schema(
    [
        *((n, pa.string()) for n in ("id", "indicator", "scheme", "code", "name", "period")),
        *((n, _INSTANT) for n in ("period_start", "period_end")),
        *(("value", pa.float64()), ("unit", pa.string()), ("status", pa.string()), ("reason", pa.string())),
        *(("n_valid", pa.int64()), ("n_expected", pa.int64()), ("coverage", pa.float64())),
        *((n, pa.string()) for n in ("method", "verdicts", "quality", "access", "inputs", "snapshot")),
    ]
)
OBSERVATION_SCHEMA = pa.schema(
    [
        *((n, pa.dictionary(pa.int32(), pa.string())) for n in ("datastream", "thing", "observed_property")),
        *(("time", _INSTANT), ("time_end", _INSTANT), ("value", pa.float64())),
        *((n, pa.dictionary(pa.int32(), pa.string())) for n in ("unit", "averaging")),
        *(("validity", pa.int16()), ("verification", pa.int16())),
    ]
)


@dataclass(frozen=True, slots=True)
class Property:
    """A property of the features of a collection as a column; `name` differs from `key` where two would be called alike."""

    key: str
    name: str
    type: pa.DataType


class CollectionTable:
    """How the features of a collection become rows.

    Attributes:
        properties: the columns of their properties: those of the feature type's schema first, then what else there is.
    """

    def __init__(self, feature_type: str, found: Contents) -> None:
        known = feature_schema(feature_type)["properties"]
        self.properties: list[Property] = []
        names = {n for n, _ in (*_BEFORE, *_AFTER)} | set(_TAKEN)
        for key in [*known, *(k for k in found.keys if k not in known)]:
            name, number = key, 2
            while name.lower() in names:  # a GeoPackage does not tell `Name` from `name`
                name, number = f"{key}_{number}", number + 1
            names.add(name.lower())
            self.properties.append(Property(key, name, _type(known.get(key), found.keys.get(key, []))))

    def schema(self, geometry: str | None) -> pa.Schema:
        """Return the Arrow schema, with the geometry's column last, if there is to be one."""
        columns = [*_BEFORE, *((p.name, p.type) for p in self.properties), *_AFTER]
        return pa.schema([*columns, *([(geometry, pa.binary())] if geometry else [])])

    def batch(self, dataset: DatasetVersion, rows: Sequence[Row], geometry: str | None) -> pa.RecordBatch:
        """Return features of one data set as rows of the schema."""
        columns: list[list[Any]] = [[api_id(dataset.name, r.fid) for r in rows], [dataset.name] * len(rows)]
        for p in self.properties:
            values = [r.properties.get(p.key) for r in rows]
            if p.type == pa.string():
                values = [v if v is None or isinstance(v, str) else orjson.dumps(v).decode() for v in values]
            columns.append(values)
        columns += [[getattr(r, n) for r in rows] for n, _ in _AFTER]
        if geometry:
            columns.append([r.geometry for r in rows])
        schema = self.schema(geometry)
        arrays = [pa.array(c, f.type) for c, f in zip(columns, schema, strict=True)]
        return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _type(known: dict[str, Any] | None, kinds: Sequence[str]) -> pa.DataType:
    """Return the type of a column: as the schema says, else as the values are; text (JSON) where that is several or nested."""
    if known is not None:
        return _TYPES.get(str(known.get("type")), pa.string())
    return _TYPES.get(kinds[0], pa.string()) if len(kinds) == 1 else pa.string()


def values_table(rows: Iterable[dict[str, Any]], snapshot: str) -> Iterator[pa.RecordBatch]:
    """Yield values as :func:`ldt.store.values.page` gives them as one batch of `VALUE_SCHEMA` and a column `geometry`."""
    found = [{**row, "snapshot": snapshot} for row in rows]
    if not found:
        return
    columns = [pa.array([plain(r[f.name]) for r in found], f.type) for f in VALUE_SCHEMA]
    shapes = [wkb(r["geometry"]) for r in found]
    schema = VALUE_SCHEMA.append(pa.field("geometry", pa.binary()))
    yield pa.RecordBatch.from_arrays([*columns, pa.array(shapes, pa.binary())], schema=schema)


def wkb(geojson: str | None) -> bytes | None:
    """Return a GeoJSON text as WKB."""
    return None if geojson is None else bytes(shapely.to_wkb(shapely.from_geojson(geojson)))


def plain(value: Any) -> Any:
    """Return a value as a cell of a table holds it: what is nested as JSON."""
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def observations_table(rows: Sequence[tuple[Any, ...]]) -> pa.RecordBatch:
    """Return observations as :func:`ldt.store.bulk.observations` gives them as a batch of `OBSERVATION_SCHEMA`."""
    arrays = [
        pa.array(column, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for column, f in zip(zip(*rows, strict=True), OBSERVATION_SCHEMA, strict=True)
    ]
    arrays = [
        a.dictionary_encode() if pa.types.is_dictionary(f.type) else a
        for a, f in zip(arrays, OBSERVATION_SCHEMA, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=OBSERVATION_SCHEMA)
