"""Columns: the SQL expressions of a recipe, run by DuckDB over the Arrow batches of a source.

An expression sees the source's columns and nothing else. It is refused before anything runs when it is more than an
expression (a statement, a subquery, an aggregate), and the connection that runs it has no access to files, to the network
or to its own configuration. Each expression is wrapped in `TRY`: a value that fails costs its record only.

Functions are added to DuckDB's own: those of :mod:`ldt.harmonise.functions`, and for families of files whose columns differ
those that stand for columns (:mod:`ldt.harmonise.stand_ins`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from ldt.errors import RecipeError
from ldt.harmonise.functions import FUNCTIONS
from ldt.harmonise.recipe import Unpivot
from ldt.harmonise.stand_ins import StandIn, StandInError, resolve, stand_in
from ldt.harmonise.unpivot import elements
from ldt.sources.source import ROW

#: Position of a row's record in its batch, from 0; it tells apart rows that one record became.
INDEX = "_index"

#: Memory that the expressions of all mappers of a process may take.
MEMORY_LIMIT = "1GB"

_BATCH = "batch"

#: Kinds of expression, in DuckDB's own words, that can reach beyond the row at hand, with what a user calls them.
_REFUSED = {
    "SUBQUERY": "a subquery",
    "STAR": "a star or COLUMNS()",
    "WINDOW": "a window function",
    "PARAMETER": "a parameter",
    "DEFAULT": "DEFAULT",
    "POSITIONAL_REFERENCE": "a reference by position",
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """What the expressions made of one batch.

    Attributes:
        table: one column per expression, under its name, then `_row`, `_index` (position of the record in the batch, from 0)
            and, where a list is taken apart, the ordinal. Without that there is one row per record, in order; with it, one
            per element, in order, and none for a record whose list is empty or null.
        failed: for each column of which at least one value failed, a boolean per row of `table`: the expression raised an
            error there (its value is null). A column that only has plain nulls is not among them.
        uses: for each expression the columns of the source that it used.
    """

    table: pa.Table
    failed: dict[str, np.ndarray[Any, np.dtype[np.bool_]]]
    uses: Mapping[str, tuple[str, ...]]

    @property
    def used(self) -> frozenset[str]:
        """The source's columns that any expression used."""
        return frozenset(c for columns in self.uses.values() for c in columns)


@dataclass(frozen=True, slots=True)
class _Expression:
    """An expression that was parsed: its text (UTF-8), the columns it names, and the calls in it that stand for columns."""

    name: str
    sql: bytes
    refers: frozenset[str]
    calls: frozenset[StandIn]


@dataclass(slots=True)
class _Binding:
    """Expressions resolved against the columns of one schema."""

    sql: list[str]
    inputs: list[str]
    uses: dict[str, tuple[str, ...]] = field(default_factory=dict)


class Mapper:
    """Runs named SQL expressions over record batches.

    Args:
        expressions: canonical name → DuckDB SQL expression over the source's columns.
        unpivot: where one record becomes several rows; SQL then sees the element as `item` (and the column that it comes
            from as `item_name`) and its place, from 0, under the name that `unpivot.ordinal` gives.

    Raises:
        RecipeError: an expression is not one SQL expression; names the canonical column, the text and the reason.
    """

    def __init__(self, expressions: Mapping[str, str], *, unpivot: Unpivot | None = None) -> None:
        # Tables that are registered with a cursor are its own; the functions and settings are the database's.
        self._connection = _database().cursor()
        self._expressions = [_parsed(name, sql) for name, sql in expressions.items()]
        self._unpivot = unpivot
        self._bindings: dict[pa.Schema, _Binding] = {}

    def run(self, records: pa.RecordBatch) -> Mapped:
        """Evaluate the expressions on one batch; `_row` must be among its columns.

        Raises:
            RecipeError: an expression names a column that there is not, or does not fit the types of the columns.
        """
        binding = self._bind(records.schema)
        index, ordinal, view = self._rows(records, binding)
        values, failed = self._evaluate(binding, view)
        columns = dict(zip((e.name for e in self._expressions), values, strict=True))
        columns[ROW] = records.column(ROW) if ordinal is None else records.column(ROW).take(index)
        columns[INDEX] = index
        if self._unpivot is not None:
            columns[self._unpivot.ordinal] = ordinal
        return Mapped(pa.table(columns), failed, binding.uses)

    def _rows(self, records: pa.RecordBatch, binding: _Binding) -> tuple[pa.Array, pa.Array | None, pa.Table]:
        """Return the index, the ordinal and the columns that the expressions see, one entry per row to be made."""
        if self._unpivot is None:
            index = pa.array(np.arange(records.num_rows, dtype=np.int64))
            return index, None, pa.table({c: records.column(c) for c in binding.inputs} or {INDEX: index})
        found = elements(records, self._unpivot)
        columns = {
            c: records.column(c).take(found.index) for c in binding.inputs if c in records.schema.names
        }
        view = pa.table({**found.items, self._unpivot.ordinal: found.ordinal, **columns})
        return found.index, found.ordinal, view

    def _evaluate(
        self, binding: _Binding, view: pa.Table
    ) -> tuple[list[pa.ChunkedArray], dict[str, np.ndarray[Any, np.dtype[np.bool_]]]]:
        """Return the values of all expressions, and where those that have nulls failed."""
        values = self._select([f"TRY(({sql}\n))" for sql in binding.sql], view)
        # `(x) IS NULL` of a value that fails is an error itself, so TRY makes it null; of a plain null it is true.
        doubtful = [i for i, column in enumerate(values) if column.null_count]
        checks = self._select([f"TRY(({binding.sql[i]}\n) IS NULL) IS NULL" for i in doubtful], view)
        failed = {}
        for i, check in zip(doubtful, checks, strict=True):
            flags = check.to_numpy().astype(bool)
            if flags.any():
                failed[self._expressions[i].name] = flags
        return values, failed

    def _select(self, terms: list[str], view: pa.Table) -> list[pa.ChunkedArray]:
        if not terms:
            return []
        self._connection.register(_BATCH, view)
        try:
            # Names of our own making: two canonical names may differ in nothing but case.
            listed = ", ".join(f"{term} AS c{i}" for i, term in enumerate(terms))
            return list(self._connection.sql(f"SELECT {listed} FROM {_BATCH}").to_arrow_table().columns)
        except duckdb.Error as e:
            raise RecipeError(f"the expressions cannot be run: {_first_line(e)}") from e
        finally:
            self._connection.unregister(_BATCH)

    def _bind(self, schema: pa.Schema) -> _Binding:
        if schema not in self._bindings:
            self._bindings[schema] = self._resolve(schema)
        return self._bindings[schema]

    def _resolve(self, schema: pa.Schema) -> _Binding:
        """Resolve what stands for columns and check the expressions against the columns of a schema."""
        known = {name.lower(): name for name in schema.names}
        binding = _Binding([], [])
        for expression in self._expressions:
            sql, chosen = resolve(self._connection, expression.sql, expression.calls, schema)
            refers = {r.lower() for r in expression.refers} | {c.lower() for c in chosen}
            binding.uses[expression.name] = tuple(c for low, c in known.items() if low in refers)
            binding.sql.append(sql)
        used = {c for columns in binding.uses.values() for c in columns}
        binding.inputs = [c for c in schema.names if c in used]
        empty = pa.table(
            {c: pa.array([], schema.field(c).type) for c in binding.inputs}
            or {INDEX: pa.array([], pa.int64())}
        )
        if self._unpivot is not None:
            found = elements(schema.empty_table(), self._unpivot)
            for name, column in {**found.items, self._unpivot.ordinal: found.ordinal}.items():
                empty = empty.append_column(name, column)
        self._connection.register(_BATCH, empty)
        try:
            self._check_binds(binding.sql, schema)
        finally:
            self._connection.unregister(_BATCH)
        return binding

    def _check_binds(self, expressions: Sequence[str], schema: pa.Schema) -> None:
        """Bind all expressions at once, which is ten times as fast as one by one; each alone only to find the one that is wrong."""
        try:
            self._bound(*expressions)
        except duckdb.Error as e:
            raise self._culprit(expressions, schema, e) from e

    def _culprit(self, expressions: Sequence[str], schema: pa.Schema, error: duckdb.Error) -> RecipeError:
        """Return the error of the first expression that does not bind alone; that of all together where each does."""
        for expression, sql in zip(self._expressions, expressions, strict=True):
            try:
                self._bound(sql)
            except duckdb.Error as e:
                there_are = ", ".join(c for c in schema.names if c != ROW)
                remedy = f"the source has the columns: {there_are}"
                return _wrong(expression.name, expression.sql.decode(), _first_line(e), remedy=remedy)
        return RecipeError(f"the expressions cannot be run together: {_first_line(error)}")

    def _bound(self, *expressions: str) -> None:
        if not expressions:
            return
        listed = ", ".join(f"TRY(({sql}\n)), TRY(({sql}\n) IS NULL)" for sql in expressions)
        self._connection.sql(f"SELECT {listed} FROM {_BATCH}").to_arrow_table()


@lru_cache(maxsize=1)
def _database() -> duckdb.DuckDBPyConnection:
    """Return the engine of this process; each user takes a cursor of its own, since to begin an engine takes 20 ms."""
    connection = duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false",
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "memory_limit": MEMORY_LIMIT,
            # One thread: the order of rows is the order of records, and other processes use the other cores.
            "threads": "1",
        },
    )
    for function in FUNCTIONS:
        connection.execute(function)
    for setting in (
        # Python variables of ours are not tables.
        "python_enable_replacements = false",
        "TimeZone = 'UTC'",
        # Both move parts of an expression out of its TRY, where an error then ends the whole query.
        "disabled_optimizers = 'common_subexpressions,statistics_propagation'",
        "lock_configuration = true",
    ):
        # Else they would be this connection's alone, and not those of its cursors.
        connection.execute(f"SET GLOBAL {setting}").fetchall()
    return connection


@lru_cache(maxsize=4096)
def _parsed(name: str, sql: str) -> _Expression:
    """Return an expression, parsed once in a process: `ldt inspect` tries each recipe on each layer."""
    return _parse(_database().cursor(), name, sql)


def _parse(connection: duckdb.DuckDBPyConnection, name: str, sql: str) -> _Expression:
    """Parse one expression with DuckDB's own parser and refuse what is more than an expression."""
    prefix = "SELECT (\n"
    try:
        answer = connection.execute("SELECT json_serialize_sql(?)", [f"{prefix}{sql}\n)"]).fetchall()
    except duckdb.Error as e:
        raise _wrong(name, sql, _first_line(e)) from e
    tree = json.loads(answer[0][0])
    if tree["error"]:
        raise _wrong(name, sql, tree["error_message"].splitlines()[0])
    nodes = [statement["node"] for statement in tree["statements"]]
    if len(nodes) != 1 or not _is_plain(nodes[0]):
        raise _wrong(name, sql, "it is more than one expression, or none")
    refers: set[str] = set()
    calls = set()
    for part in _walk(nodes[0]["select_list"]):
        kind = part.get("class")
        if kind in _REFUSED:
            raise _wrong(
                name, sql, f"{_REFUSED[kind]} is not allowed", remedy="use the columns of the record at hand"
            )
        if kind == "COLUMN_REF":
            refers.add(part["column_names"][0])
        elif kind == "FUNCTION":
            try:
                call = stand_in(connection, part, len(prefix))
            except StandInError as e:
                raise _wrong(name, sql, str(e), e.remedy) from e
            if call is not None:
                calls.add(call)
    # A set: of `CASE x WHEN …` the parser gives x once for each WHEN, the same call at the same place.
    return _Expression(name, sql.encode(), frozenset(refers), frozenset(calls))


def _is_plain(node: dict[str, Any]) -> bool:
    """Whether a parsed statement is `SELECT expression` and nothing more; `()`, a row of nothing, is none."""
    bare = ("where_clause", "group_expressions", "having", "sample", "qualify", "modifiers")
    return (
        node["type"] == "SELECT_NODE"
        and len(node["select_list"]) == 1
        and (node["select_list"][0].get("function_name"), node["select_list"][0].get("arguments"))
        != ("row", [])
        and node["from_table"]["type"] == "EMPTY"
        and not node["cte_map"]["map"]
        and not any(node.get(key) for key in bare)
    )


def _walk(tree: Any) -> Iterator[dict[str, Any]]:
    stack = [tree]
    while stack:
        part = stack.pop()
        if isinstance(part, dict):
            yield part
            stack.extend(part.values())
        elif isinstance(part, list):
            stack.extend(part)


def _wrong(name: str, sql: str, why: str, remedy: str | None = None) -> RecipeError:
    return RecipeError(f"column {name!r}: {' '.join(sql.split())!r}: {why}", remedy=remedy)


def _first_line(error: duckdb.Error) -> str:
    return str(error).strip().splitlines()[0]
