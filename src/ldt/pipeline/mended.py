"""Records that were turned away: written out to be mended, read again, and put in the places of those that they mend."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import shapely

from ldt.errors import SourceError
from ldt.pipeline.inspect.columns import number
from ldt.sources.source import GEOMETRY, MALFORMED, RAW, ROW, Batch

#: What a written-out record says of itself, beside the columns of the source.
_ABOUT = ("_source", "_digest", "_row", "_reason", "_message")

#: What the name of a file of mended records begins with, among the sources of a version.
PREFIX = "mended: "
#: Records by the digest of their source and their row.
Mended = dict[str, dict[int, dict[str, Any]]]


def write_out(path: Path, found: Sequence[dict[str, Any]]) -> None:
    """Write records with their reasons: `.csv`, `.geojson` (those with a geometry, coordinates as in the source), else JSON lines.

    Raises:
        OSError: it cannot be written.
    """
    rows = [_row(one) for one in found if one["record"]]
    if path.suffix.lower() == ".csv":
        names = list(dict.fromkeys(name for row in rows for name in row))
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows({k: _text(v) for k, v in row.items()} for row in rows)
    elif path.suffix.lower() in {".geojson", ".json"}:
        features = [
            {
                "type": "Feature",
                "geometry": _geojson(row.get(GEOMETRY)),
                "properties": {k: v for k, v in row.items() if k != GEOMETRY},
            }
            for row in rows
        ]
        path.write_bytes(orjson.dumps({"type": "FeatureCollection", "features": features}))
    else:
        path.write_bytes(b"".join(orjson.dumps(row) + b"\n" for row in rows))


def _row(one: dict[str, Any]) -> dict[str, Any]:
    about = (one["source"], one["source_digest"], one["row"], one["reason"], one["message"])
    return {**dict(zip(_ABOUT, about, strict=True)), **one["record"]}


def _text(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _geojson(geometry: Any) -> Any:
    try:
        return orjson.loads(shapely.to_geojson(shapely.from_wkb(geometry))) if geometry else None
    except shapely.errors.GEOSException:
        return None


def read_mended(path: Path) -> Mended:
    """Return mended records by digest of their source and row.

    Raises:
        SourceError: it is not what `ldt rejected --out FILE.jsonl` writes; names the line.
    """
    found: Mended = {}
    try:
        lines = path.read_bytes().splitlines()
    except OSError as e:
        raise SourceError(f"cannot be read: {e.strerror}", where=str(path), remedy="check the path") from e
    for place, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            record = orjson.loads(line)
            digest, row = record.pop("_digest"), record.pop("_row")
        except (orjson.JSONDecodeError, KeyError, AttributeError, TypeError) as e:
            raise SourceError(
                f"line {place} is no record of `ldt rejected --out`: {e}",
                where=path.name,
                remedy="keep one JSON object a line, with its _digest and _row",
            ) from e
        found.setdefault(str(digest), {})[int(row)] = {k: v for k, v in record.items() if k not in _ABOUT}
    if not found:
        raise SourceError(
            "holds no records", where=path.name, remedy="write them with `ldt rejected --out FILE.jsonl`"
        )
    return found


def with_mended(
    batches: Iterable[Any], mended: dict[int, dict[str, Any]], options: Mapping[str, Any]
) -> Iterator[Batch]:
    """Yield batches with the mended records in the places of those that they mend.

    Args:
        batches: of records.
        mended: records by row.
        options: the reader's; where they make a point of two columns (`x`, `y`), a mended pair makes it anew.
    """
    x, y = options.get("x"), options.get("y")
    for record in mended.values():
        if record.get(GEOMETRY) is None and x in record and y in record:
            pair = [number(str(record[name])) for name in (x, y)]
            if None not in pair:
                record[GEOMETRY] = {"type": "Point", "coordinates": pair}
    for batch in batches:
        rows = batch.records.column(ROW).to_pylist()
        places = {place: mended[row] for place, row in enumerate(rows) if row in mended}
        yield Batch(_replaced(batch.records, places), batch.crs) if places else batch


def _replaced(found: pa.RecordBatch, places: dict[int, dict[str, Any]]) -> pa.RecordBatch:
    columns = []
    for name, column in zip(found.schema.names, found.columns, strict=True):
        if name == ROW or (name.startswith("_") and name != MALFORMED):
            columns.append(column)
            continue
        values = column.to_pylist()
        for place, record in places.items():
            values[place] = None if name == MALFORMED else _value(name, record, values[place])
        try:
            columns.append(pa.array(values, column.type))
        except (pa.ArrowInvalid, pa.ArrowTypeError) as e:
            raise SourceError(
                f"a mended value of {name!r} does not fit: {e}",
                remedy=f"its column holds values of type {column.type}",
            ) from e
    return pa.RecordBatch.from_arrays(columns, schema=found.schema)


def _value(name: str, record: dict[str, Any], before: Any) -> Any:
    if name not in record:
        return before
    value = record[name]
    if name == GEOMETRY and isinstance(value, dict):
        return shapely.to_wkb(shapely.from_geojson(orjson.dumps(value)))
    if name == GEOMETRY and isinstance(value, str):
        return bytes.fromhex(value)
    return orjson.dumps(value).decode() if name == RAW and not isinstance(value, str | None) else value
