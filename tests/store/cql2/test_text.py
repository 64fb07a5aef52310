"""CQL2 text: what is read equals what the `cql2` library reads, where that follows the standard; where not, the standard."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import cql2
import pytest
from hypothesis import given, settings
from tests.store.cql2.expressions import conditions, written

from ldt.errors import UsageError
from ldt.store.cql2 import LEVELS, parse


def plain(form: Any) -> Any:
    """Return a JSON form with all numbers as floats, as the library gives them."""
    if isinstance(form, list):
        return [plain(f) for f in form]
    if isinstance(form, dict):
        return {k: plain(v) for k, v in form.items()}
    return float(form) if isinstance(form, int) and not isinstance(form, bool) else form


SAME = [
    "a = 'it''s'",
    '"we""ird" = 1 OR "with space" = 1',
    "Ünï = 1 AND eo:cloud < 2 AND a.b.c > 3",
    "a-b = 1",
    "TRUE",
    "NOT boolean",
    "not not a = 1",
    "a = -1 AND b = - 1 AND c = +1",
    "a = -b OR -a = -(b+1)",
    "a = 1e5 OR a = 1E-5 OR a = 5.",
    "a = -2^2",
    "a = 2*-3 % 4 div 5 / 6",
    "a = 10-3-2+1",
    "a = 2+3*4^5",
    "a = (2+3)*4",
    "a BETWEEN 1 AND 2 AND b = 3",
    "a NOT BETWEEN 1+1 AND 2 OR NOT b BETWEEN 3 AND 4",
    "a + b IN (1, c, 'x')",
    "a NOT IN (1)",
    "lower(a) IS NULL OR geom IS NOT NULL OR (a = 1) IS NULL",
    "a=1and b=2",
    "a = 1 AND b = 2 OR c = 3 AND d = 4 OR e = 5",
    "NOT a = 1 AND b = 2",
    "NOT (a = 1 OR b = 2)",
    "(a > 1) = (b > 2)",
    "orange = 1 or andy = 2 and notx = nullx",
    "date = DATE('2020-01-01') and end = start and point = bbox",
    "T_DURING(INTERVAL(start, \"end\"), INTERVAL('2020-01-01','..'))",
    "T_FINISHEDBY(a,b) AND T_METBY(a,b) AND T_OVERLAPPEDBY(a,b) AND t_startedby(a,b) AND a_containedby(a,b)",
    "T_AFTER(t, TIMESTAMP('2020-01-01T00:00:00.123Z'))",
    "A_CONTAINS(tags, ('a','b')) AND A_OVERLAPS(('a'), tags) AND A_EQUALS(tags, other)",
    "A_EQUALS(('a', TRUE, 1, DATE('2020-01-01')), tags)",
    "CASEI(a) LIKE casei('x%') AND ACCENTI(CASEI(b)) NOT LIKE 'y'",
    "foo() = 2 AND foo(a, 1, 'b', bar(c))",
    "S_INTERSECTS(geom, POINT Z (1 2 3)) AND S_INTERSECTS(geom, POINTZ(1 2 3)) AND S_WITHIN(POINT(1 2 3), geom)",
    "s_intersects(geom, MULTIPOINT((1 2),(3 4))) AND S_EQUALS(geom, MULTIPOINT(1 2,3 4))",
    "S_TOUCHES(geom, MULTILINESTRING((1 2,3 4),(5 6,7 8)))",
    "S_CROSSES(geom, MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5))))",
    "S_OVERLAPS(geom, GEOMETRYCOLLECTION(POINT(7.02 -49.92), POLYGON((0 0,1 0,1 1,0 0))))",
    "S_DISJOINT(geom, BBOX(160.6,-55.95,-170,-25.89)) AND S_CONTAINS(geom, BBOX(1,2,3,4,5,6))",
    "\n a\t=\r\n1 ",
]


@pytest.mark.parametrize("text", SAME)
@pytest.mark.conformance("http://www.opengis.net/spec/cql2/1.0/conf/cql2-text")
def test_reads_what_the_library_reads(text: str) -> None:
    assert plain(parse(text)) == cql2.parse_text(text).to_json()


@given(conditions())
@settings(max_examples=100, deadline=None)
def test_reads_back_what_was_written(form: Any) -> None:
    assert plain(parse(written(form))) == plain(form)


@pytest.mark.parametrize(
    ("text", "form"),
    [
        # /req/cql2-text/escaping: quotes and control characters.
        (r"'it\'s'", "it's"),
        (r"'\a\b\t\n\v\f\r'", "\a\b\t\n\v\f\r"),
        (r"'C:\\new'", r"C:\new"),
        (r"'50\%'", r"50\%"),
        ("'\a\t'", "\a\t"),
        # Annex B: numbers, names, arrays.
        (".5", 0.5),
        ("-.5E+1", -5.0),
        ("_a:1", {"property": "_a:1"}),
        ("12345678901234567", 12345678901234567),
        ("A_EQUALS(a,())", {"op": "a_equals", "args": [{"property": "a"}, []]}),
        ("POINT(1e1 -2.5E-1)", {"type": "Point", "coordinates": [10.0, -0.25]}),
    ],
)
def test_reads_what_the_standard_says_where_the_library_does_not(text: str, form: Any) -> None:
    assert parse(text) == form


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", None, "empty"),
        (" \n", None, "empty"),
        ("a =", 4, "ends"),
        ("a = 'x", 5, "does not end"),
        ('"a = 1', 1, "does not end"),
        ("(a = 1", 7, "ends"),
        ("a = 1)", 6, "')'"),
        ("a = 1; DROP TABLE x", 6, "';'"),
        ("a == 1", 4, "'='"),
        ("a = NULL", 5, "'NULL'"),
        ("like = 'x'", 1, "'like'"),
        ("a = b = c", 7, "'='"),
        ("a = 1 IS NULL", 7, "'IS'"),
        ("a = 2^3^2", 8, "'^'"),
        ("a NOT = 1", 7, "'='"),
        ("a IS 1", 6, "'1'"),
        ("a BETWEEN 1 OR 2", 13, "'OR'"),
        ("a IN 1", 6, "'1'"),
        ("DATE(a) = b", 6, "'a'"),
        ("DATE('2020-01-01', 1) = b", 18, "','"),
        ("S_INTERSECTS(g, POINT(1))", 24, "')'"),
        ("S_INTERSECTS(g, POINT EMPTY)", 23, "'EMPTY'"),
        ("S_INTERSECTS(g, POINT(a b))", 23, "'a'"),
        ("S_INTERSECTS(g, GEOMETRYCOLLECTION(GEOMETRYCOLLECTION(POINT(1 2))))", 36, "'GEOMETRYCOLLECTION'"),
        ("S_INTERSECTS(g, BBOX(1,2,'a',4))", 26, "'a'"),
        ("a = 1 \x00", 7, "meaning"),
        ("a = $1", 5, "'$'"),
        ("a /* */ = 1", 4, "'*'"),
    ],
)
def test_names_the_place(text: str, place: int | None, words: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.where == "filter"
    assert words in caught.value.message
    if place is not None:
        assert caught.value.message.startswith(f"character {place}: ")


DEEP: dict[str, Callable[[int], str]] = {
    "parentheses": lambda n: "(" * n + "a = 1" + ")" * n,
    "open parentheses": lambda n: "(" * n,
    "an error within parentheses": lambda n: "(" * n + "a b" + ")" * n,
    "NOT": lambda n: "NOT " * n + "a",
    "NOT and parentheses": lambda n: "NOT (" * n + "a" + ")" * n,
    "minus": lambda n: "a = " + "-" * n + "1",
    "minus and blanks": lambda n: "a = " + "- " * n + "b",
    "functions": lambda n: "f(" * n + "a" + ")" * n,
    "arrays": lambda n: "A_EQUALS(a," + "(" * n + "1" + ")" * n + ")",
    "lists": lambda n: "a IN (" * n + "1" + ")" * n,
    "sums": lambda n: "a = " + "+".join("1" * n),
    "differences": lambda n: "a = " + "-".join("b" * n),
    "products": lambda n: "a = " + "*".join("b" * n),
    "powers": lambda n: "a = " + "^".join("b" * n),
    "comparisons": lambda n: "=".join("a" * n),
    "patterns": lambda n: "a LIKE " * n + "'a'",
    "ranges": lambda n: "a BETWEEN " * n + "1 AND 2",
    "intervals": lambda n: "T_AFTER(t," + "INTERVAL(" * n + "'..','..'" + ")" * n + ")",
    "collections": lambda n: "S_EQUALS(g," + "GEOMETRYCOLLECTION(" * n + "POINT(1 1)" + ")" * n + ")",
}
#: What follows no grammar, however deep.
WRONG = {
    *("open parentheses", "an error within parentheses", "powers", "comparisons", "patterns", "ranges"),
    "collections",
}


@pytest.mark.parametrize("kind", DEEP)
def test_what_is_too_deep_is_refused_at_once(kind: str) -> None:
    """The library takes minutes for thirty open parentheses, and dies of 12,000."""
    for depth in (30, LEVELS + 1, 3_000, 12_000):
        began = time.process_time()
        if depth > LEVELS or kind in WRONG:
            with pytest.raises(UsageError):
                parse(DEEP[kind](depth))
        else:
            assert parse(DEEP[kind](depth))
        assert time.process_time() - began < 2


@pytest.mark.parametrize("kind", ["parentheses", "NOT", "functions", "sums", "minus and blanks"])
def test_what_is_almost_too_deep_is_read(kind: str) -> None:
    assert parse(DEEP[kind](LEVELS - 3))


def test_flat_conditions_may_be_long() -> None:
    found = parse(" OR ".join(["a"] * 10_000))
    assert found == {"op": "or", "args": [{"property": "a"}] * 10_000}
