"""Reader `json`: JSON that is no GeoJSON, as records.

`items`: a list of objects, one record each. `entries`: an object whose keys mean something (a day), one record per key with
the columns `key` and `value`. JSON Lines are a list of their objects, JSON-stat a list of its cells (:mod:`ldt.sources.json_stat`). Numbers, booleans and text keep their type if a column has only one; everything else arrives as
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
from ldt.sources import json_stat
from ldt.sources.batches import BATCH_ROWS, check_options, column_names, with_rows
from ldt.sources.entities import entities, simplified, values
from ldt.sources.json_places import numbers_at, place_of, texts_at
from ldt.sources.points import PointOptions, placed, point_crs, with_names, with_points, with_texts
from ldt.sources.source import MALFORMED, RAW, Batch, Description, LayerDescription
from ldt.wording import plural

SUFFIXES = (".json", ".jsonld")

#: JSON is read whole; what is larger must come in another format.
MAX_BYTES = 1024**3
#: What services call the list of what they answer.
_RECORDS = frozenset(
    {"records", "results", "items", "data", "value", "values", "elements", "features", "entities", "rows"}
)
_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*")


class JsonOptions(PointOptions):
    """Options of the reader `json`.

    Attributes:
        records: `items` of a list, or `entries` of an object; without it, what the value at `path` is; without both, the list that an
            answer of a service wraps.
        path: keys to the list or object, with dots between them (`result.records`).
        geometry: keys, within a record, to a geometry (`Locations.0.location`): GeoJSON, or a text in one of the forms of
            :mod:`ldt.sources.geotext`.
        model: `ngsi-ld` for entities of a context broker, one record each, normalized or not; `ngsi-ld-values` for one record per
            value of theirs, with `id`, `type`, `attribute`, `number`, `text`, `unit`, `observed_at` and the whole `entity`.
        x, y, crs: see :class:`~ldt.sources.points.PointOptions`; `x` and `y` may be keys with dots between them, as `geometry` is.
    """

    records: Literal["items", "entries"] | None = None
    path: str | None = None
    model: Literal["ngsi-ld", "ngsi-ld-values"] | None = None


class JsonReader:
    """JSON records."""

    suffixes = SUFFIXES
    options = JsonOptions

    def read(self, path: Path, options: dict[str, Any]) -> Iterator[Batch]:
        """Yield the records of one document."""
        chosen = check_options(JsonOptions, options, "json")
        columns, items, count = _columns(load(path), chosen, path)
        nested = chosen.x is not None and "." in chosen.x
        if not nested and chosen.geometry is None:
            chosen = with_names(chosen, list(columns), "json")
        crs = point_crs(chosen, "json")
        for first in range(0, count, BATCH_ROWS):
            size = min(BATCH_ROWS, count - first)
            part = {name: column.slice(first, size) for name, column in columns.items()}
            records, here = with_rows(part, first, size), items[first : first + size]
            if chosen.geometry is not None:
                yield from with_texts(records, texts_at(here, chosen.geometry), chosen.geometry, crs)
            elif nested:
                pair = {k: numbers_at(here, k) for k in (chosen.x or "", chosen.y or "")}
                yield Batch(with_points(records, pair), crs)
            else:
                yield from placed(records, chosen, crs)

    def describe(self, path: Path) -> Description:
        """Tell what the document as a whole holds."""
        document = load(path)
        form, options = _form(document)
        columns, _, count = _columns(document, options, path)
        shown = {name: str(column.type) for name, column in columns.items() if name not in {RAW, MALFORMED}}
        name = _type(document) if options.model == "ngsi-ld" else json_stat.title(document)
        layer = LayerDescription(name=name or path.stem, count=count, columns=shown)
        bad = count - columns[MALFORMED].null_count
        if bad:
            layer.problems.append(
                f"{bad} of {plural(count, 'record')} {'is' if bad == 1 else 'are'} not like the others"
            )
        return Description(format=form, reader="json", layers=[layer])


def _form(document: Any) -> tuple[str, JsonOptions]:
    """Return what a document is, and the options that it is best read with."""
    if isinstance(document, dict) and isinstance(members := document.get("value"), list):
        first = members[0] if members else None
        if isinstance(first, dict) and ("@iot.id" in first or "@iot.selfLink" in first):
            return "SensorThings page", JsonOptions(path="value")
    if json_stat.is_json_stat(document):
        return "JSON-stat", JsonOptions()
    found = entities(document)
    if found and all(str(e["id"]).startswith("urn:ngsi-ld:") or _context(e) for e in found):
        return "NGSI-LD entities", JsonOptions(model="ngsi-ld")
    return "JSON", JsonOptions()


def _type(document: Any) -> str | None:
    """Return the type of entities, if they are all of one."""
    types = {str(e["type"]) for e in entities(document) or []}
    return types.pop() if len(types) == 1 else None


def _context(entity: dict[str, Any]) -> bool:
    """Whether an entity says that it is one, or has an attribute in the normalized form."""
    return "@context" in entity or any(
        isinstance(a, dict) and "type" in a and ("value" in a or "object" in a) for a in entity.values()
    )


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
        if (lines := _lines(content)) is not None:
            return lines
        raise SourceError(
            f"not JSON: {e.msg} at line {e.lineno}, column {e.colno}",
            where=path.name,
            remedy="get it again from where it came",
        ) from e


def _lines(content: bytes) -> list[dict[str, Any]] | None:
    """Return the objects of JSON Lines, one a line; None where a line is anything else."""
    lines = [line for line in content.splitlines() if line.strip()]
    if len(lines) < 2 or not lines[0].strip().endswith(b"}"):
        return None
    try:
        objects = [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        return None
    return objects if all(isinstance(o, dict) for o in objects) else None


def _list_within(document: Any) -> Any:
    """Return the list of records that an answer of a service wraps (`{"total": 2, "results": [{…}, {…}]}`); else the document itself.

    It is the one list of objects among other things, or of several the one that is called so, in the document or in an object that
    it holds.
    """
    if not isinstance(document, dict):
        return document
    for members in (document, *(v for v in document.values() if isinstance(v, dict))):
        lists = {k: v for k, v in members.items() if isinstance(v, list) and v and isinstance(v[0], dict)}
        named = [v for k, v in lists.items() if k.lower() in _RECORDS]
        if len(named) == 1:
            return named[0]
        if len(lists) == 1 < len(members):
            return next(iter(lists.values()))
    return document


def judge_records(path: Path, options: dict[str, Any]) -> dict[str, str]:
    """Return options beyond those so far: of the form that the document has, and of the places of its records.

    An entity of a context broker is one record, also where it stands alone, and not one for each of its attributes.
    """
    document = load(path)
    model = None if {"path", "records"} & options.keys() else _form(document)[1].model
    form = {"model": str(model)} if model else {}
    value = _value(document, check_options(JsonOptions, {**form, **options}, "json"), path)
    return {**form, **(place_of(value) if isinstance(value, list) else {})}


def _value(document: Any, options: JsonOptions, path: Path) -> Any:
    """Return the list of records, or the object whose entries are records."""
    bare = options.path is None and options.records is None and options.model is None
    value = document
    if bare:
        value = json_stat.records(document) if json_stat.is_json_stat(document) else _list_within(document)
    for key in options.path.split(".") if options.path else []:
        if not isinstance(value, dict) or key not in value:
            there = ", ".join(list(value)[:20]) if isinstance(value, dict) else type(value).__name__
            raise SourceError(
                f"nothing at {options.path!r}: no key {key!r}", where=path.name, remedy=f"there is: {there}"
            )
        value = value[key]
    if options.model:
        return _entities_of(value, options.model, path)
    if options.records == "items" and isinstance(value, dict):
        return [value]  # one record alone
    return value


def _columns(document: Any, options: JsonOptions, path: Path) -> tuple[dict[str, pa.Array], list[Any], int]:
    """Return the columns of all records, the records themselves, and their number."""
    value = _value(document, options, path)
    kind = options.records or ("entries" if isinstance(value, dict) else "items")
    if kind == "entries" and isinstance(value, dict):
        return _entries(value), [{"key": k, "value": v} for k, v in value.items()], len(value)
    if kind == "items" and isinstance(value, list):
        return _items(value), value, len(value)
    if options.records is None:
        raise SourceError(
            "holds neither a list nor an object", where=path.name, remedy="set the option `path`"
        )
    raise RecipeError(
        f"`records: {kind}` does not fit a {'list' if isinstance(value, list) else type(value).__name__}",
        where=path.name,
        remedy="take `items` for a list, `entries` for an object",
    )


def _entities_of(value: Any, model: str, path: Path) -> list[dict[str, Any]]:
    found = [] if value == [] else entities(value)
    if found is None:
        raise SourceError(
            "holds no entities of a context broker", where=path.name, remedy="each has an `id` and a `type`"
        )
    if model == "ngsi-ld":
        return [simplified(e) for e in found]
    return [record for e in found for record in values(e)]


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
