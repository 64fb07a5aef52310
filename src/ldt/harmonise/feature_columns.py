"""The canonical columns of features, made of what a recipe's expressions gave for their records.

Each function takes the columns of the records still in play, notes what is wrong with a record by its position among them,
and returns columns of `FEATURE_SCHEMA`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from ldt.errors import RecipeError
from ldt.harmonise.content import shown
from ldt.harmonise.documents import json_objects, merge_objects
from ldt.harmonise.feature_types import FeatureType
from ldt.harmonise.geometry import Problems
from ldt.harmonise.recipe import FeatureMapping, Recipe
from ldt.harmonise.times import instants
from ldt.harmonise.vocabulary import finest_codes
from ldt.model.feature import FEATURE_SCHEMA, encode_fid
from ldt.sources.source import FILE, GEOMETRY, MALFORMED, RAW, ROW

#: Columns that the readers add, as are all that begin with `_`; they are no content of a record.
_HIDDEN = frozenset({ROW, FILE, GEOMETRY, RAW, MALFORMED})
_UNSAFE = r"[^A-Za-z0-9._-]"
#: Names that a recipe's `duplicate_key` may use beside its columns.
ID_PARTS = {"namespace": "id.namespace", "local_id": "id.local_id", "version_id": "id.version_id"}

Columns = dict[str, pa.Array]


def expressions(recipe: Recipe, mapping: FeatureMapping) -> dict[str, str]:
    """Return all SQL of a recipe of features by the name that messages use.

    Raises:
        RecipeError: `duplicate_key` names what is not there, or a property has a name that is taken.
    """
    others = {
        "id.local_id": mapping.id.local_id,
        "id.namespace": mapping.id.namespace,
        "id.version_id": mapping.id.version_id,
        "alias": mapping.alias,
        "valid_from": mapping.valid_from,
        "valid_to": mapping.valid_to,
        "where": mapping.where,
        "cell": mapping.cell,
    }
    taken = set(others) & set(mapping.columns)
    if taken:
        raise RecipeError(
            f"feature.columns: {sorted(taken)[0]!r} has its own place in a recipe", where=recipe.name
        )
    for name in recipe.duplicate_key:
        if name not in mapping.columns and name not in ID_PARTS:
            raise RecipeError(f"duplicate_key: {name!r} is not among the columns", where=recipe.name)
    return {**mapping.columns, **{name: sql for name, sql in others.items() if sql is not None}}


def identify(columns: Columns, own: str, rejected: Problems) -> Columns:
    """Return `fid`, `namespace`, `local_id`, `version_id` and `alias`; `own` is the namespace in which the data set mints ids."""
    local = pc.fill_null(columns["id.local_id"].cast(pa.string()), "")
    missing = pc.equal(local, "").to_numpy(zero_copy_only=False)
    rejected.add(
        missing, "missing-id", "the record has no identifier: the recipe's id.local_id gives nothing for it"
    )
    if "id.namespace" in columns:
        given = columns["id.namespace"].cast(pa.string())
        namespace = pc.if_else(pc.equal(pc.fill_null(given, ""), ""), own, given)
    else:
        namespace = pa.repeat(own, len(local))
    return {
        "fid": _fids(namespace, local, own),
        "namespace": namespace,
        "local_id": local,
        "version_id": _text("id.version_id", columns, len(local)),
        "alias": _text("alias", columns, len(local)),
    }


def _text(name: str, columns: Columns, count: int) -> pa.Array:
    return columns[name].cast(pa.string()) if name in columns else pa.nulls(count, pa.string())


def _fids(namespace: pa.Array, local: pa.Array, own: str) -> pa.Array:
    """Return the fid of each identifier (see :func:`ldt.model.feature.encode_fid`)."""
    if not pc.any(pc.match_substring_regex(local, _UNSAFE)).as_py():
        # Nothing to encode but the namespaces, of which there are few.
        spaces = namespace.dictionary_encode()
        heads = [encode_fid(one, "", own) for one in spaces.dictionary.to_pylist()]
        return pc.binary_join_element_wise(pa.array(heads, pa.string()).take(spaces.indices), local, "")
    pairs = zip(namespace.to_pylist(), local.to_pylist(), strict=True)
    return pa.array([encode_fid(n, i, own) for n, i in pairs], pa.string())


def life_span(name: str, columns: Columns, zone: tzinfo | None, count: int, rejected: Problems) -> pa.Array:
    """Return one end of the life span, `valid_from` or `valid_to`, as instants; `zone` is that of naive ones."""
    kind = FEATURE_SCHEMA.field(name).type
    column = columns.get(name)
    if column is None or column.null_count == count:
        return pa.nulls(count, kind)
    given = column.is_valid().to_numpy(zero_copy_only=False)
    read = instants(pa.chunked_array([column]), zone, name)
    rejected.add(read.unreadable & given, "bad-value", lambda i: f"{name}: {shown(column[i])} is no time")
    rejected.add(
        read.unclear & given,
        "bad-value",
        lambda i: f"{name}: {shown(column[i])} does not exist or occurs twice, as clocks change",
    )
    return pa.array(read.utc, mask=~given).cast(kind)


def check_values(
    columns: Columns, mapping: FeatureMapping, kind: FeatureType, required: Sequence[str], rejected: Problems
) -> None:
    """Note what is required and missing, breaks the schema of the feature type, or is no code of its vocabulary."""
    for name in required:
        missing = columns[name].is_null().to_numpy(zero_copy_only=False)
        rejected.add(missing, "missing-value", f"{name} is required, and the record has none")
    for name in mapping.columns:
        for position, message in kind.failing(name, columns[name]).items():
            rejected.found.setdefault(position, ("schema", message))
    for name, vocabulary in mapping.codes.items():
        column = columns[name].cast(pa.string())
        known = pc.is_in(column, value_set=pa.array(sorted(finest_codes(vocabulary)), pa.string()))
        unknown = pc.and_(column.is_valid(), pc.invert(known)).to_numpy(zero_copy_only=False)
        rejected.add(unknown, "unknown-code", partial(_unknown_code, name, vocabulary, column))


def _unknown_code(name: str, vocabulary: str, column: pa.Array, position: int) -> str:
    return f"{name}: {column[position].as_py()} is no code of the vocabulary {vocabulary}"


def documents(
    own: Columns, records: pa.RecordBatch, used: frozenset[str], *, has_raw: bool, is_open: bool
) -> Columns:
    """Return `properties` and `raw`: what canonical columns took, and what they did not.

    Args:
        own: the properties.
        records: the records as they came.
        used: their columns that an expression used.
        has_raw: whether the recipe keeps what no expression used.
        is_open: whether the feature type has no schema of its own: its features have the source's columns for properties.
    """
    count = records.num_rows
    names = [n for n in records.schema.names if n not in _HIDDEN and not n.startswith("_") and n not in used]
    rest = {name: records.column(name) for name in names} if has_raw else {}
    raw = (
        records.column(RAW).cast(pa.string())
        if has_raw and RAW in records.schema.names
        else pa.nulls(count, pa.string())
    )
    if is_open:
        others = {name: column for name, column in rest.items() if name not in own}
        return {"properties": json_objects({**own, **others}, count), "raw": raw}
    if rest:
        left = json_objects(rest, count)
        raw = left if raw.null_count == count else merge_objects(left, raw)
    return {"properties": json_objects(own, count), "raw": raw}
