"""Conditions of CQL2 in the database, against three-valued logic in plain Python."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from tests.store.cql2.expressions import conditions, evaluated
from tests.store.cql2.people import PEOPLE, PROPERTIES, ROWS, found, people, values

from ldt.errors import UsageError
from ldt.store.connect import compiled, execute
from ldt.store.cql2 import FUNCTIONS, expression, parse


@pytest.fixture(scope="module")
def conn(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with people(shared_database_url) as made:
        yield made


def ask(conn: psycopg.Connection[Any], text: str) -> set[int]:
    return found(conn, parse(text))


EVERY = set(range(len(ROWS)))


@given(conditions())
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.conformance(
    "http://www.opengis.net/spec/cql2/1.0/conf/basic-cql2",
    "http://www.opengis.net/spec/cql2/1.0/conf/advanced-comparison-operators",
    "http://www.opengis.net/spec/cql2/1.0/conf/property-property",
)
def test_holds_for_the_rows_for_which_it_is_true(conn: psycopg.Connection[Any], form: Any) -> None:
    expected = {n for n, row in enumerate(values()) if evaluated(form, row) is True}
    assert found(conn, form) == expected


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("TRUE", EVERY),
        ("FALSE", set()),
        ("b", {0, 3}),
        ("NOT b", {1, 5}),
        ("b > FALSE AND (TRUE <> b) = FALSE", {0, 3}),
        ("'a' IS NULL OR 1 IS NULL OR TRUE IS NULL OR DATE('2022-01-01') IS NULL", set()),
        ("geom IS NULL", EVERY),
        # Arrays are sets (requirement array-predicates); a missing one is unknown.
        ("A_CONTAINS(tags,('a'))", {2, 4}),
        ("NOT A_CONTAINS(tags,('a'))", {0, 6}),
        ("A_CONTAINS(tags,())", {0, 2, 4, 6}),
        ("A_CONTAINEDBY(tags,('a','b','d'))", {0, 2, 4}),
        ("A_EQUALS(tags,('b','a','a'))", {4}),
        ("A_EQUALS((1,'c','b'),tags)", {6}),
        ("A_OVERLAPS(tags,('a','c'))", {2, 4, 6}),
        ("NOT A_OVERLAPS(tags,('a','c'))", {0}),
        ("A_OVERLAPS(tags,(r,1.0))", {6}),
        ("A_OVERLAPS(tags,tags)", {2, 4, 6}),
        ("A_EQUALS(tags,())", {0}),
        ("A_CONTAINS(tags,(99999999999999999999))", set()),
        # Folding: ß is SS in upper case; marks come off, ø is a letter of its own.
        ("CASEI(s) = CASEI(r)", {0, 4}),
        ("CASEI('ΟΔΟΣ') = CASEI('οδος')", EVERY),
        ("ACCENTI(CASEI(s)) = ACCENTI(CASEI(r))", {0, 1, 4}),
        ("ACCENTI(r) = 'o'", {5}),
        # By code point, as Python compares.
        ("s > 'a' AND s < 'b'", {6}),
        ("s >= 'b'", {1, 2}),
        # What is divided by nothing is unknown, and what is no real number.
        ("1 / n = 1 OR i / 0 = 1 OR i % 0 = 1 OR i div 0 = 1", set()),
        ("n ^ 0.5 < 2 OR n ^ -1 = 0.25", {0, 2, 3, 5}),
        # A day and an instant are compared by day.
        ("t = DATE('2022-04-16')", {0, 3, 6}),
        ("t <= DATE('2022-04-15')", {2, 5}),
        ("d < TIMESTAMP('2022-04-16T10:00:00Z')", {2}),
        ("t > TIMESTAMP('2022-04-16T11:00:00+02:00')", {0, 6}),
        # Functions.
        ("lower(r) = 'strasse' OR upper(s) = 'A'", {0, 4}),
        ("char_length(s) = 4 AND concat(s,'!') LIKE 'it_s!'", {2}),
        ("abs(n) = 2 OR floor(n) = 1 OR ceil(n) = 3 OR round(n) = 4", {0, 1, 3, 5}),
        ("year(d) = 2021 AND month(t) = 12 AND day(t) = 31 AND hour(t) = 23", {2}),
        ("ABS(n) = 2", {1}),
    ],
)
def test_holds_for(conn: psycopg.Connection[Any], text: str, rows: set[int]) -> None:
    assert ask(conn, text) == rows


def test_texts_compare_by_code_point_whatever_the_column_says(conn: psycopg.Connection[Any]) -> None:
    """For people's eyes, a comes before B; by code point, after it."""
    own = PROPERTIES["s"].column.collate("und-x-icu")
    for text in ("s > 'B'", "'B' < s", "s BETWEEN 'B' AND 'b'", "s IN ('a','a%b','it''s','Straße','Äé')"):
        condition = expression(parse(text), {"s": replace(PROPERTIES["s"], column=own)})
        names = {r[0] for r in execute(conn, PEOPLE.select().where(condition)).fetchall()}
        assert {0, 6} <= names, text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = 'x'", "'name'"),
        ('"S" = 1', "'S'"),
        ('"s\' OR 1=1 --" = 1', "s' OR"),
        ("s = 1", "a string with an integer"),
        ("n = 'x'", "a number with a string"),
        ("d = '2022-04-16'", "a date with a string"),
        ("b = 1", "a boolean with an integer"),
        ("n IN (1,'x')", "a number with a string"),
        ("n BETWEEN 'a' AND 2", "a number with a string"),
        ("n LIKE 'x'", "not a number"),
        ("s LIKE r", "pattern"),
        ("s LIKE CASEI(r)", "pattern"),
        (r"s LIKE 'x\\'", "escape"),
        ("s", "a string, not a condition"),
        ("n + 1", "a number, not a condition"),
        ("s + 1 = 2", "calculates with numbers, not with a string"),
        ("s AND b", "takes conditions, not a string"),
        ("NOT n", "takes conditions, not a number"),
        ("CASEI(n) = 'x'", "takes a text, not a number"),
        ("tags = ('a')", "array"),
        ("A_CONTAINS(s,('a'))", "not a string"),
        ("A_CONTAINS(tags,(POINT(1 1)))", "holds a geometry"),
        ("geom = POINT(1 1)", "does not compare a geometry"),
        ("S_EQUALS(geom,s)", "not a string"),
        ("S_EQUALS(geom)", "takes 2"),
        ("T_AFTER(s,t)", "not a string"),
        ("T_DURING(t,INTERVAL('2022-01-01','..'))", "between intervals"),
        ("T_AFTER(t,INTERVAL('2022-01-01'))", "two ends"),
        ("T_AFTER(t,INTERVAL('2023-01-01','2022-01-01'))", "before it begins"),
        ("T_AFTER(t,INTERVAL(n,'2022-01-01'))", "not a number"),
        ("INTERVAL(t,u) IS NULL", "interval"),
        ("d = DATE('2022-02-30')", "'2022-02-30'"),
        ("d = DATE('20220230')", "'20220230'"),
        ("t = TIMESTAMP('2022-04-16')", "'2022-04-16'"),
        ("t = TIMESTAMP('2022-04-16T10:00:00')", "'2022-04-16T10:00:00'"),
        ("t = TIMESTAMP('2022-04-16T24:00:00Z')", "hour 24"),
        ("t = TIMESTAMP('٢٠٢٢-04-16T10:00:00Z')", "is no timestamp"),
        ("n = 1e400", "greater"),
        ("s = 'a\x00b'", "NUL"),
        ("n IN ()", "at least one"),
        ("abs(n,1) = 1", "takes 1 argument"),
        ("abs(s) = 1", "abs takes a number or an integer"),
        ("year(s) = 1", "year takes a date or a timestamp"),
        ("floo(n) = 1", "'floo'"),
        ("((((((n^0.5)^0.5)^0.5)^0.5)^0.5)^0.5)^0.5 = 1", "powers"),
    ],
)
def test_what_means_nothing_is_refused(text: str, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        expression(parse(text), PROPERTIES)
    assert caught.value.where == "filter"
    assert words in caught.value.message


def test_the_remedy_names_what_there_is() -> None:
    with pytest.raises(UsageError) as caught:
        expression(parse("tag = 1"), PROPERTIES)
    assert "did you mean 'tags'?" in str(caught.value.remedy)
    assert ", ".join(sorted(PROPERTIES)) in str(caught.value.remedy)


@pytest.mark.parametrize(
    "form",
    [
        *(None, 1, "x", [], {}, {"op": "="}, {"op": "=", "args": {}}, {"op": 1, "args": []}, {"args": [1]}),
        *(
            {"op": o, "args": []}
            for o in ("=", "not", "and", "in", "like", "between", "isNull", "casei", "+")
        ),
        *({"op": o, "args": [True]} for o in ("and", "or", "in", "like", "t_after", "s_within", "a_equals")),
        {"op": "in", "args": [1, "x"]},
        {"op": "in", "args": [[1], [1]]},
        {"op": "=", "args": [{"property": "s"}, None]},
        {"op": "=", "args": [{"property": ["s"]}, 1]},
        {"op": "=", "args": [{"property": "s"}, {"casei": "x"}]},
        {"op": "like", "args": [{"property": "s"}, {"op": "casei", "args": []}]},
        {"op": "AND", "args": [True, True]},
        {"op": "isNull", "args": [{"date": 1}]},
        {"op": "isNull", "args": [{"interval": 1}]},
        {"op": "isNull", "args": [{"interval": ["..", None]}]},
        {"op": "isNull", "args": [{"bbox": "x"}]},
        {"op": "isNull", "args": [{"bbox": [1, 2, 3]}]},
        {"op": "isNull", "args": [{"bbox": [True, 2, 3, 4]}]},
        *(
            {"op": "isNull", "args": [shape]}
            for shape in (
                {"type": "Point"},
                {"type": "Feature"},
                {"type": ["Point"]},
                {"type": "Point", "coordinates": []},
                {"type": "Point", "coordinates": ["1", "2"]},
                {"type": "Point", "coordinates": [1]},
                {"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]},
                {"type": "Polygon", "coordinates": []},
                {"type": "GeometryCollection", "geometries": []},
                {"type": "GeometryCollection"},
                {"type": "Point", "coordinates": [float("inf"), 1]},
            )
        ),
    ],
    ids=repr,
)
def test_what_is_no_cql2_json_is_refused(form: Any) -> None:
    with pytest.raises(UsageError) as caught:
        expression(form, PROPERTIES)
    assert caught.value.where == "filter"


def test_no_function_of_the_database_can_be_called(conn: psycopg.Connection[Any]) -> None:
    """Every function that PostgreSQL and PostGIS have, by name, in both languages: ours are no others by the same name."""
    rows = conn.execute("SELECT DISTINCT proname, pronargs FROM pg_proc").fetchall()
    names = {(str(name), int(count)) for name, count in rows}
    assert {"pg_sleep", "pg_read_file", "st_area", "lower"} <= {n for n, _ in names}
    for name, count in names:
        # `div` is an operator of CQL2.
        if name in FUNCTIONS or name == "div":
            continue
        arguments = [{"property": "n"}] * count
        for form in (
            lambda: {"op": "=", "args": [{"op": name, "args": arguments}, 1]},  # noqa: B023
            lambda: parse(f"{name}({','.join(['n'] * count)}) = 1"),  # noqa: B023
            lambda: {"op": f"pg_catalog.{name}", "args": arguments},  # noqa: B023
        ):
            with pytest.raises(UsageError):
                expression(form(), PROPERTIES)


def test_nothing_that_a_client_writes_is_in_the_statement() -> None:
    written = "zQ'\"); DROP TABLE x; --"
    literal = written.replace("'", "''")
    text = (
        f"s = '{literal}' OR CASEI(s) LIKE '{literal}%' OR s IN ('{literal}') OR A_OVERLAPS(tags,('{literal}'))"
        " OR n + 987654 > 1 OR d = DATE('1987-06-05') OR t > TIMESTAMP('1987-06-05T04:03:02Z')"
        " OR S_INTERSECTS(geometry,POINT(12.345 6.789)) OR concat(s,'zQ') = 'zQ'"
    )
    for style in (PEOPLE.select().where(expression(parse(text), PROPERTIES)),):
        sql, bound = compiled(style)
        assert not [w for w in ("zQ", "DROP", "987654", "1987", "12.345") if w in sql]
        assert written in bound.values()


def test_names_of_functions_are_one_word_in_lower_case() -> None:
    for name, function in FUNCTIONS.items():
        assert name == function.name == name.lower()
        assert function.arguments
