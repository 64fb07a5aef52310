"""Reader `json`: JSON that is no GeoJSON, as records.

`items`: a list of objects, one record each. `entries`: an object whose keys mean something (a day), one record per key with
the columns `key` and `value`. Numbers, booleans and text keep their type if a column has only one; everything else arrives as
JSON text, which SQL takes apart (`prices->>'$[0]'`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import orjson
import pyarrow as pa

from ldt.errors import RecipeError, SourceError
from ldt.sources.batches import BATCH_ROWS, Options, check_options, column_names, with_rows
from ldt.sources.source import MALFORMED, RAW, Batch, Description, LayerDescription

SUFFIXES = (".json", ".jsonld")

#: JSON is read whole; what is larger must come in another format.
MAX_BYTES = 1024**3
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


class JsonOptions(Options):
    """Options of the reader `json`.

    Attributes:
        records: `items` of a list, or `entries` of an object; without it, what the value at `path` is.
        path: keys to the list or object, with dots between them (`result.records`).
    """

    records: Literal["items", "entries"] | None = None
    path: str | None = None


class JsonReader:
    """JSON records."""

    suffixes = SUFFIXES
    options = JsonOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the records of one document."""
        chosen = check_options(JsonOptions, options, "json")
        columns, count = _columns(load(path), chosen, path)
        for first in range(0, count, BATCH_ROWS):
            size = min(BATCH_ROWS, count - first)
            part = {name: column.slice(first, size) for name, column in columns.items()}
            yield Batch(with_rows(part, first, size))

    def describe(self, path: Path) -> Description:
        """Tell what the document as a whole holds."""
        columns, count = _columns(load(path), JsonOptions(), path)
        shown = {name: str(column.type) for name, column in columns.items() if name not in {RAW, MALFORMED}}
        layer = LayerDescription(name=path.stem, count=count, columns=shown)
        bad = count - columns[MALFORMED].null_count
        if bad:
            layer.problems.append(f"{bad} of {count} records are not like the others")
        return Description(format="JSON", reader="json", layers=[layer])


def load(path: Path) -> Any:
    """Return a JSON document.

    Raises:
        SourceError: too large, not UTF-8, or not JSON; names line and column.
    """
    if path.stat().st_size > MAX_BYTES:
        raise SourceError(
            f"JSON of more than {MAX_BYTES:,} bytes", where=path.name, remedy="deliver it as Parquet or CSV"
        )
    content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        return orjson.loads(content)
    except orjson.JSONDecodeError as e:
        raise SourceError(
            f"not JSON: {e.msg} at line {e.lineno}, column {e.colno}",
            where=path.name,
            remedy="get it again from where it came",
        ) from e


def _columns(document: Any, options: JsonOptions, path: Path) -> tuple[dict[str, pa.Array], int]:
    """Return the columns of all records, and their number."""
    value = document
    for key in options.path.split(".") if options.path else []:
        if not isinstance(value, dict) or key not in value:
            there = ", ".join(list(value)[:20]) if isinstance(value, dict) else type(value).__name__
            raise SourceError(
                f"nothing at {options.path!r}: no key {key!r}", where=path.name, remedy=f"there is: {there}"
            )
        value = value[key]
    kind = options.records or ("entries" if isinstance(value, dict) else "items")
    if kind == "entries" and isinstance(value, dict):
        return _entries(value), len(value)
    if kind == "items" and isinstance(value, list):
        return _items(value), len(value)
    if options.records is None:
        raise SourceError(
            "holds neither a list nor an object", where=path.name, remedy="set the option `path`"
        )
    raise RecipeError(
        f"`records: {kind}` does not fit a {'list' if isinstance(value, list) else type(value).__name__}",
        where=path.name,
        remedy="take `items` for a list, `entries` for an object",
    )


def _entries(value: dict[str, Any]) -> dict[str, pa.Array]:
    values = list(value.values())
    raw = [_json({"key": k, "value": v}) for k, v in value.items()]
    problems: list[str | None] = [None] * len(values)
    numbers = [_numbers(v) for v in values]
    if any(n is not None for n in numbers):
        pairs = zip(values, numbers, strict=True)
        problems = [
            "the value is not a list of numbers" if n is None and v is not None else None for v, n in pairs
        ]
        column = pa.array(numbers, pa.list_(pa.float64()))
    else:
        column = _column(values)
    return {
        "key": pa.array(list(value), pa.string()),
        "value": column,
        MALFORMED: pa.array(problems, pa.string()),
        RAW: pa.array(raw, pa.string()),
    }


def _numbers(value: Any) -> list[float | None] | None:
    """Return a list of numbers as such, also where some are written as text ("14.16"); None for anything else."""
    if not isinstance(value, list):
        return None
    result: list[float | None] = []
    for item in value:
        if item is None:
            result.append(None)
        elif type(item) in {int, float} or (isinstance(item, str) and _NUMBER.fullmatch(item)):
            result.append(float(item))
        else:
            return None
    return result


def _items(items: list[Any]) -> dict[str, pa.Array]:
    keys = list(dict.fromkeys(key for item in items if isinstance(item, dict) for key in item))
    if not keys and items:
        # A plain list of numbers or names: one column.
        columns = {"value": _column(items)}
        problems: list[str | None] = [None] * len(items)
    else:
        objects = [item if isinstance(item, dict) else {} for item in items]
        names = column_names(keys)
        columns = {
            name: _column([o.get(key) for o in objects]) for name, key in zip(names, keys, strict=True)
        }
        problems = [None if isinstance(item, dict) else "not an object" for item in items]
    raw = [_json(item) for item in items]
    return {**columns, MALFORMED: pa.array(problems, pa.string()), RAW: pa.array(raw, pa.string())}


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _column(values: list[Any]) -> pa.Array:
    """Return values as one typed column, or as JSON text where they are of several kinds."""
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {str}:
        return pa.array(values, pa.string())
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(v is None or -(2**63) <= v < 2**63 for v in values):
        return pa.array(values, pa.int64())
    if kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array([v if v is None or isinstance(v, str) else _json(v) for v in values], pa.string())
