"""The expressions of recipes: what they give, what they may not do, and what one bad value costs."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import duckdb
import numpy as np
import pyarrow as pa
import pytest
from pydantic import ValidationError

from ldt.errors import RecipeError
from ldt.harmonise.columns import INDEX, Mapper
from ldt.harmonise.recipe import Unpivot


def batch(**columns: Sequence[object]) -> pa.RecordBatch:
    length = len(next(iter(columns.values())))
    return pa.RecordBatch.from_pydict({"_row": list(range(10, 10 + length)), **columns})


def test_values_rows_and_index_come_in_the_order_of_the_records() -> None:
    mapped = Mapper({"name": "trim(n)", "double": "2 * v"}).run(batch(n=[" a", "b "], v=[1, 2]))
    assert mapped.table.to_pydict() == {"name": ["a", "b"], "double": [2, 4], "_row": [10, 11], INDEX: [0, 1]}
    assert mapped.failed == {}


@pytest.mark.parametrize(
    "sql",
    [
        "CAST(a AS INTEGER)",
        "CAST(a AS INTEGER) + 1",
        "CAST(CAST(a AS INTEGER) AS VARCHAR) || 'x'",
        "CASE WHEN CAST(a AS INTEGER) > 0 THEN 'plus' ELSE 'minus' END",
        "coalesce(CAST(a AS INTEGER), 0)",
        "strptime(a, '%d')",
    ],
)
def test_a_value_that_fails_costs_its_record_only_and_is_not_a_plain_null(sql: str) -> None:
    # The same expression twice and its parts once more: an optimiser that shares them moves them out of TRY.
    mapper = Mapper({"x": sql, "again": sql, "part": "CAST(a AS INTEGER)"})
    mapped = mapper.run(batch(a=["1", "wrong", None, "4"]))
    assert mapped.failed["x"].tolist() == [False, True, False, False]
    assert mapped.failed["again"].tolist() == [False, True, False, False]
    assert mapped.table.column("part").to_pylist() == [1, None, None, 4]
    assert mapped.uses["x"] == ("a",)


def test_failures_are_told_from_nulls_where_the_column_has_no_null() -> None:
    mapped = Mapper({"x": "CAST(a AS INTEGER)"}).run(batch(a=["1", "wrong"]))
    assert mapped.failed["x"].tolist() == [False, True]


@pytest.mark.parametrize(
    "sql",
    [
        "(SELECT content FROM read_text('/etc/passwd'))",
        "1) FROM read_text('/etc/passwd') WHERE (true",
        "1); COPY (SELECT 1) TO '/tmp/ldt-escape.csv'; SELECT (1",
        "EXISTS(SELECT * FROM glob('/*'))",
        "1 ; ATTACH 'x.db'",
        "ATTACH 'x.db'",
        "1), (2",
        "a = ANY(SELECT 1)",
        "*",
        "COLUMNS('a')",
        "row_number() OVER ()",
        "?",
        "#1",
        "",
        "-- nothing",
        "a AS b",
        "(a",
    ],
)
def test_what_is_more_than_an_expression_is_refused_before_it_runs(sql: str) -> None:
    with pytest.raises(RecipeError, match="column 'canonical'"):
        Mapper({"canonical": sql}).run(batch(a=["1"]))


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("EXISTS(SELECT 1)", "a subquery is not allowed"),
        ("COLUMNS('a')", "a star or COLUMNS"),
        ("row_number() OVER ()", "a window function"),
        ("$1", "a parameter"),
        ("DEFAULT", "DEFAULT is not allowed"),
        ("#1", "by position"),
        ("1) FROM (SELECT 1", "more than one expression"),
        ("1) FROM batch ORDER BY (1", "more than one expression"),
        ("1), (2", "more than one expression"),
        ("", "or none"),
    ],
)
def test_the_parser_refuses_by_itself_whatever_the_engine_would_do(sql: str, why: str) -> None:
    with pytest.raises(RecipeError, match=why):
        Mapper({"canonical": sql})


@pytest.mark.parametrize(
    "sql",
    [
        "read_csv('/etc/passwd')",
        "read_text('/etc/passwd')",
        "glob('/*')",
        "getenv('HOME')",
        "count(*)",
        "random()",
    ],
)
def test_functions_that_reach_beyond_the_record_cannot_be_called(sql: str) -> None:
    with pytest.raises(RecipeError, match="column 'canonical'"):
        Mapper({"canonical": sql}).run(batch(a=["1"]))


def test_the_connection_itself_reaches_no_file_and_cannot_be_reopened() -> None:
    """Should an expression ever get past the parser, the engine below refuses too."""
    connection = Mapper({"a": "a"})._connection
    for sql in (
        "SELECT * FROM read_text('/etc/hostname')",
        "SET enable_external_access = true",
        "SET memory_limit = '900GB'",
        "INSTALL spatial",
        "COPY (SELECT 1) TO '/tmp/x.csv'",
    ):
        with pytest.raises(duckdb.Error):
            connection.execute(sql).fetchall()


def test_mappers_share_the_engine_and_nothing_else() -> None:
    """One engine serves all threads of a process; each mapper has its own batch, and the settings of all hold in each."""
    mappers = [Mapper({"x": "a + 1", "t": "'2024-07-01 12:00:00'::TIMESTAMPTZ::VARCHAR"}) for _ in range(4)]

    def run(place: int) -> list[int]:
        found: list[int] = []
        for i in range(50):
            mapped = mappers[place].run(batch(a=[place * 1000 + i]))
            found += mapped.table.column("x").to_pylist()
            assert mapped.table.column("t").to_pylist() == ["2024-07-01 12:00:00+00"]
        return found

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(run, range(4)))
    assert results == [[place * 1000 + i + 1 for i in range(50)] for place in range(4)]
    somewhere = pa.table({"secret": [1]})
    assert somewhere.num_rows == 1
    with pytest.raises(duckdb.Error, match="somewhere"):
        mappers[0]._connection.sql("SELECT * FROM somewhere").fetchall()
    # Each is told apart from those that are well, whatever its place.
    with pytest.raises(RecipeError, match=r"column 'second'.*b \+ 1"):
        Mapper({"first": "a", "second": "b + 1", "third": "c"}).run(batch(a=[1]))
    with pytest.raises(RecipeError, match="column 'second'"):
        Mapper({"first": "'city'", "second": "count(*)"}).run(batch(a=[1]))


def test_many_expressions_are_bound_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    bound = Mapper._bound

    def counting(self: Mapper, *expressions: str) -> None:
        asked.append(len(expressions))
        bound(self, *expressions)

    monkeypatch.setattr(Mapper, "_bound", counting)
    Mapper({f"x{i}": f"a + {i}" for i in range(30)}).run(batch(a=[1]))
    assert asked == [30]


def test_an_unknown_column_is_named_with_the_expression_and_what_there_is() -> None:
    with pytest.raises(RecipeError) as caught:
        Mapper({"name": "GEN || '!'"}).run(batch(NAME=["a"], code=["b"]))
    text = str(caught.value)
    assert "'name'" in text
    assert "GEN || " in text
    assert "NAME, code" in text
    assert "\n" not in text


def test_only_the_columns_that_an_expression_uses_pass_through_the_engine() -> None:
    # A column type that the engine cannot read at all: it may not be looked at.
    odd = pa.array(np.array([1.0], dtype=np.float16))
    records = pa.RecordBatch.from_arrays([pa.array([0]), pa.array(["x"]), odd], ["_row", "a", "geometry"])
    mapped = Mapper({"name": "a"}).run(records)
    assert mapped.table.column("name").to_pylist() == ["x"]
    assert mapped.used == {"a"}


def test_constants_need_no_column() -> None:
    assert Mapper({"scheme": "'city'"}).run(batch(a=[1, 2])).table.column("scheme").to_pylist() == [
        "city",
        "city",
    ]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"Code_18": ["112"]}, ["clc 112"]),
        ({"code_12": ["111"], "CODE_18": ["112"]}, ["clc 112"]),
        ({"code_12": ["111"]}, ["clc 111"]),
        ({"other": ["x"]}, ["clc ?"]),
    ],
)
def test_any_of_stands_for_the_first_column_that_there_is(
    columns: dict[str, list[str]], expected: list[str]
) -> None:
    mapper = Mapper({"code": "'clc ' || coalesce(any_of('CODE_18', 'CODE_12'), '?')"})
    assert mapper.run(batch(**columns)).table.column("code").to_pylist() == expected


def test_any_of_is_found_behind_letters_of_several_bytes() -> None:
    mapper = Mapper({"x": "\"KüRZEL\" || 'ß' || any_of('fehlt', 'größe') || 'é'"})
    assert mapper.run(batch(KüRZEL=["N"], größe=["5"])).table.column("x").to_pylist() == ["Nß5é"]


def test_any_of_within_a_simple_case() -> None:
    """The parser gives the operand of `CASE x WHEN …` once for each WHEN."""
    mapper = Mapper(
        {
            "x": "CASE trim(any_of('A', 'B')::VARCHAR) WHEN '1' THEN 'one' WHEN '2' THEN 'two' ELSE any_of('B')::VARCHAR END"
        }
    )
    assert mapper.run(batch(B=["1", " 2", "3"])).table.column("x").to_pylist() == ["one", "two", "3"]


def test_any_of_takes_names_only() -> None:
    with pytest.raises(RecipeError, match="any_of takes names"):
        Mapper({"x": "any_of(a)"})


def test_files_of_one_family_may_differ_in_their_columns() -> None:
    mapper = Mapper({"code": "any_of('CODE_18', 'CODE_12')"})
    assert mapper.run(batch(CODE_18=["1"])).table.column("code").to_pylist() == ["1"]
    assert mapper.run(batch(CODE_12=["2"])).table.column("code").to_pylist() == ["2"]


def test_a_list_is_taken_apart_in_order_with_its_ordinals() -> None:
    mapper = Mapper({"v": "item * f", "hour": "ordinal"}, unpivot=Unpivot(column="values"))
    mapped = mapper.run(batch(values=[[1, 2], None, [], [3]], f=[10, 10, 10, 100]))
    assert mapped.table.to_pydict() == {
        "v": [10, 20, 300],
        "hour": [0, 1, 0],
        "_row": [10, 10, 13],
        INDEX: [0, 0, 3],
        "ordinal": [0, 1, 0],
    }


def test_a_list_column_in_a_slice_of_a_batch_keeps_its_elements() -> None:
    records = batch(values=[[1], [2, 3], [4]]).slice(1)
    mapped = Mapper({"v": "item"}, unpivot=Unpivot(column="values")).run(records)
    assert mapped.table.column("v").to_pylist() == [2, 3, 4]
    assert mapped.table.column(INDEX).to_pylist() == [0, 0, 1]


def test_columns_are_put_under_one_another_record_by_record() -> None:
    unpivot = Unpivot(columns=["P1", "P2", "humidity"], ordinal="place")
    mapper = Mapper(
        {"what": "item_name", "v": "TRY_CAST(item AS DOUBLE)", "who": "id", "n": "place"}, unpivot=unpivot
    )
    mapped = mapper.run(batch(id=["a", "b"], p1=["1", "2"], HUMIDITY=["50", None], other=["x", "y"]))
    # P2 is not there; the others are found whatever their case, and called as the recipe calls them.
    assert mapped.table.to_pydict() == {
        "what": ["P1", "humidity", "P1", "humidity"],
        "v": [1.0, 50.0, 2.0, None],
        "who": ["a", "a", "b", "b"],
        "n": [0, 2, 0, 2],
        "_row": [10, 10, 11, 11],
        INDEX: [0, 0, 1, 1],
        "place": [0, 2, 0, 2],
    }
    assert mapped.failed == {}


def test_columns_of_several_types_are_texts() -> None:
    mapper = Mapper({"v": "item"}, unpivot=Unpivot(columns=["a", "b"]))
    assert mapper.run(batch(a=[1, 2], b=["x", None])).table.column("v").to_pylist() == ["1", "x", "2", None]
    numbers = Mapper({"v": "item"}, unpivot=Unpivot(columns=["a", "b"]))
    assert numbers.run(batch(a=[1], b=[2])).table.column("v").to_pylist() == [1, 2]


def test_unpivot_takes_a_list_or_columns_and_some_must_be_there() -> None:
    for wrong in ({}, {"column": "a", "columns": ["b"]}):
        with pytest.raises(ValidationError, match="either `column` or `columns`"):
            Unpivot.model_validate(wrong)
    with pytest.raises(RecipeError, match="none of the columns P1, P2"):
        Mapper({"v": "item"}, unpivot=Unpivot(columns=["P1", "P2"])).run(batch(a=[1]))


def test_a_column_that_is_no_list_cannot_be_taken_apart() -> None:
    with pytest.raises(RecipeError, match="not a list"):
        Mapper({"v": "item"}, unpivot=Unpivot(column="a")).run(batch(a=[1]))
    with pytest.raises(RecipeError, match="no column 'b'"):
        Mapper({"v": "item"}, unpivot=Unpivot(column="b")).run(batch(a=[1]))


def test_zones_are_known_and_instants_come_as_utc() -> None:
    mapped = Mapper({"t": "timezone('Europe/Berlin', TIMESTAMP '2020-06-01 02:00')"}).run(batch(a=[1]))
    assert mapped.table.column("t")[0].as_py().isoformat() == "2020-06-01T00:00:00+00:00"


@pytest.mark.parametrize(
    ("columns", "chosen"),
    [
        (["ad:inspireId.localId", "other"], "ad:inspireId.localId"),
        (["ad:inspireId_base:Identifier_base:localId", "inspireId.localId"], "inspireId.localId"),
        (["inspireId.localId", "INSPIREID_LOCALID"], "INSPIREID_LOCALID"),  # called so, whatever the case
        (["nz-core:inspireId_localId"], "nz-core:inspireId_localId"),
        (["inspireIdlocalId"], None),
    ],
)
def test_any_of_knows_columns_with_prefixes_and_dots(columns: list[str], chosen: str | None) -> None:
    batch = pa.RecordBatch.from_pydict({"_row": [0], **{name: [name] for name in columns}})
    mapped = Mapper({"v": "any_of('inspireId_localId')"}).run(batch)
    assert mapped.table.column("v").to_pylist() == [chosen]
