r"""Functions of expressions that stand for columns: families of files whose columns differ are read by one recipe.

They are resolved once for each file, before anything runs, against the names of its columns:

- `any_of('CODE_18', 'CODE_12')`: the first of these columns that the source has;
- `any_like('COMMENT(_\d\d)?')`: the first value that is not null of the columns whose names match;
- `by_year('CODE_(\d\d)')`: what the columns that name a year hold, newest first.

Names are compared without regard to case; where no column is called so, prefixes of namespaces do not count, nor whether a dot
or an underscore joins the parts: `inspireId_localId` is also `ad:inspireId.localId`. Patterns are those of RE2, as in DuckDB's
own `regexp_matches`, which takes no more than linear time (https://github.com/google/re2/wiki/WhyRE2), and match a name as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from ldt.sources.source import GEOMETRY, RAW

#: The longest pattern.
PATTERN_LENGTH = 200

#: What `by_year` gives for each column.
_DATED = 'STRUCT("year" INTEGER, "name" VARCHAR, "value" VARCHAR)'
#: A prefix of a namespace at the beginning of a name, or of a part of it.
_PREFIX = re.compile(r"(?:(?<=_)|^)[a-z][a-z0-9-]*:")

_EXAMPLES = {
    "any_of": "any_of('CODE_18', 'CODE_12')",
    "any_like": r"any_like('COMMENT(_\d\d)?')",
    "by_year": r"by_year('CODE_(\d\d)')",
}


class StandInError(ValueError):
    """A call that cannot be resolved, whatever the columns are; the text says why, `remedy` what to write."""

    def __init__(self, why: str, function: str) -> None:
        super().__init__(why)
        self.remedy = f"write {_EXAMPLES[function]}"


@dataclass(frozen=True, slots=True, order=True)
class StandIn:
    """A call in an expression: where it stands in the text (UTF-8), the function and its arguments."""

    start: int
    end: int
    function: str
    arguments: tuple[str, ...]


def stand_in(connection: duckdb.DuckDBPyConnection, call: dict[str, Any], offset: int) -> StandIn | None:
    """Return what a function call of DuckDB's syntax tree stands for; None if it is another function.

    Args:
        connection: whose regular expressions are meant.
        call: the node, as `json_serialize_sql` gives it.
        offset: bytes of the parsed text before the expression.

    Raises:
        StandInError: the arguments are not texts, or a pattern is wrong.
    """
    function = call["function_name"].lower()
    if function not in _EXAMPLES:
        return None
    literals = [argument["expression"].get("literal", {}) for argument in call["arguments"]]
    what = "names" if function == "any_of" else "patterns of names"
    if not literals or any(literal.get("kind") != "STRING" for literal in literals):
        raise StandInError(f"{function} takes {what} of columns as texts, at least one", function)
    arguments = tuple(literal["text"] for literal in literals)
    if function != "any_of":
        for pattern in arguments:
            _check_pattern(connection, pattern, function)
    start = call["query_location"] - offset
    return StandIn(start, start + call["query_location_length"], function, arguments)


def resolve(
    connection: duckdb.DuckDBPyConnection, sql: bytes, calls: Iterable[StandIn], schema: pa.Schema
) -> tuple[str, list[str]]:
    """Put what the calls stand for into the text of an expression; return it, and the columns that were put there."""
    chosen: list[str] = []
    for call in sorted(calls, reverse=True):
        if call.function == "any_of":
            columns = _first_called(schema.names, call.arguments)
            put = _coalesced(columns, schema)
        elif call.function == "any_like":
            columns = list(dict.fromkeys(n for p in call.arguments for n, _ in _like(connection, schema, p)))
            put = _coalesced(columns, schema)
        else:
            dated = _dated(connection, schema, call.arguments)
            columns = [name for _, name in dated]
            put = _structs(dated)
        chosen += columns
        sql = sql[: call.start] + put.encode() + sql[call.end :]
    return sql.decode(), chosen


def _check_pattern(connection: duckdb.DuckDBPyConnection, pattern: str, function: str) -> None:
    if len(pattern) > PATTERN_LENGTH:
        raise StandInError(f"a pattern of {len(pattern)} characters; {PATTERN_LENGTH} are the most", function)
    try:
        connection.execute("SELECT regexp_full_match('', ?)", [pattern]).fetchall()
    except duckdb.Error as e:
        raise StandInError(f"{pattern!r} is no regular expression: {str(e).splitlines()[0]}", function) from e
    if function == "by_year" and _groups(connection, pattern) != 1:
        raise StandInError(
            f"{pattern!r} needs one pair of brackets, around the year; write (?:…) for others", function
        )


def _groups(connection: duckdb.DuckDBPyConnection, pattern: str) -> int:
    """Return the number of capturing groups of a pattern, 2 for more: DuckDB refuses to name more than there are."""
    for count in (1, 2):
        try:
            connection.execute("SELECT regexp_extract('', ?, ?)", [pattern, ["a", "b"][:count]]).fetchall()
        except duckdb.BinderException:
            return count - 1
    return 2


def _like(connection: duckdb.DuckDBPyConnection, schema: pa.Schema, pattern: str) -> list[tuple[str, str]]:
    """Return the source's columns that a pattern matches, in their order, each with what the first group caught."""
    # What begins with `_` is not the source's: readers add it.
    own = [name for name in schema.names if not name.startswith("_") and name not in {GEOMETRY, RAW}]
    for called in (own, [_fold(name) for name in own]):
        found = connection.execute(
            "SELECT regexp_full_match(n, $pattern, 'i'), regexp_extract(n, '^(?:' || $pattern || ')$', 1, 'i')"
            " FROM (SELECT unnest($names) AS n)",
            {"pattern": pattern, "names": called},
        ).fetchall()
        matching = [(name, group) for name, (fits, group) in zip(own, found, strict=True) if fits]
        if matching:
            return matching
    return []


def _dated(
    connection: duckdb.DuckDBPyConnection, schema: pa.Schema, patterns: Iterable[str]
) -> list[tuple[int, str]]:
    """Return (year, column), newest first; of one year in the order of the patterns, and one column for each."""
    found: dict[tuple[int, int], str] = {}
    for place, pattern in enumerate(patterns):
        for name, group in _like(connection, schema, pattern):
            if (year := _year(group)) is not None:
                found.setdefault((-year, place), name)
    return [(-year, name) for (year, _), name in sorted(found.items())]


def _year(digits: str) -> int | None:
    """Return a year of four digits, or of two as POSIX reads `%y` (strptime: 69 to 99 are of the 20th century)."""
    if not re.fullmatch(r"[0-9]{2}|[0-9]{4}", digits):
        return None
    year = int(digits)
    return year if len(digits) == 4 else year + (1900 if year >= 69 else 2000)


def _coalesced(columns: list[str], schema: pa.Schema) -> str:
    """Return SQL of the first value that is not null; as text where the columns are of several types."""
    if not columns:
        return "CAST(NULL AS VARCHAR)"
    if len(columns) == 1:
        return _identifier(columns[0])
    cast = "::VARCHAR" if len({schema.field(c).type for c in columns}) > 1 else ""
    return f"coalesce({', '.join(_identifier(c) + cast for c in columns)})"


def _structs(dated: list[tuple[int, str]]) -> str:
    entries = ", ".join(
        f"{{'year': {year}, 'name': {_text(name)}, 'value': {_identifier(name)}::VARCHAR}}"
        for year, name in dated
    )
    return f"CAST([{entries}] AS {_DATED}[])"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(name: str) -> str:
    return "'" + name.replace("'", "''") + "'"


def _first_called(names: list[str], wanted: Iterable[str]) -> list[str]:
    """Return the first of the wanted columns that there is, as a list of one, or of none."""
    # Of columns that are called the same without prefixes the first counts, and before it one that is called so as it stands.
    called = {_fold(n): n for n in reversed(names)} | {n.lower(): n for n in names}
    forms = (form for name in wanted for form in (name.lower(), _fold(name)))
    return [called[form] for form in forms if form in called][:1]


def _fold(name: str) -> str:
    """Return a name without case, prefixes and dots."""
    return _PREFIX.sub("", name.lower().replace(".", "_"))
