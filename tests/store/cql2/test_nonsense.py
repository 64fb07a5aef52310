"""Filters that were damaged on the way: each is answered or refused, none is an error of the database or of ours."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from tests.store.cql2.people import found, people
from tests.store.cql2.test_text import SAME

from ldt.errors import LdtError
from ldt.store.cql2 import parse

TEXTS = [
    *SAME,
    "s = 'it''s' AND n > 1.5 OR NOT b",
    "n BETWEEN i AND 2^n OR i % 2 = n div 0 OR n ^ i > -n",
    "s IN ('a', r, CASEI(ACCENTI(s))) AND s NOT LIKE 'a\\%%'",
    "d > DATE('2022-04-16') AND t <= TIMESTAMP('2022-04-16T10:00:00Z')",
    "T_INTERSECTS(INTERVAL(t,u), INTERVAL('2022-01-01','..')) AND T_MEETS(INTERVAL(t,u),INTERVAL('..',u))",
    "A_CONTAINS(tags,('a',1,TRUE)) OR A_EQUALS(tags,()) OR A_OVERLAPS((s,'b'),tags)",
    "S_TOUCHES(geom,POLYGON((0 0,9 0,9 9,0 9,0 0),(3 3,3 6,6 6,6 3,3 3))) OR S_WITHIN(geom,BBOX(170,-9,-170,9))",
    "area(geom) > 1 AND distance(geom,POINT(1 2)) < 9 AND year(d) = 2022 AND concat(s,r) = lower(upper(s))",
]
PIECES = [
    *"'\"()+-*/%^=<>,.:;_\\ \t0123456789aenstTZ\u0301ßø",
    *(
        " AND ",
        " NOT ",
        " IN ",
        "NULL",
        "TRUE",
        "1e308",
        "1e-308",
        "99999999999999999999",
        "..",
        "-",
        "\ud800",
        "\u0000",
    ),
    *(
        "s",
        "n",
        "tags",
        "geom",
        "d",
        "t",
        "DATE(",
        "POINT(",
        "casei(",
        "INTERVAL(",
        "abs(",
        "2022-02-30",
        "9999-12-31",
    ),
]


@pytest.fixture(scope="module")
def conn(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with people(shared_database_url) as made:
        yield made


def harmless(conn: psycopg.Connection[Any], form: Callable[[], Any]) -> bool:
    """Whether a filter was answered; it may be refused, with a status of the client's."""
    try:
        found(conn, form())
    except LdtError as error:
        if error.status not in (400, 413):
            raise
        return False
    return True


#: Ten times as many, tried once, found no more.
ROUNDS = 1_000


def test_damaged_texts(conn: psycopg.Connection[Any]) -> None:
    chance = random.Random(21_065)  # noqa: S311
    answered = 0
    for _ in range(ROUNDS):
        text = list(chance.choice(TEXTS))
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(text) + 1)
            text[start : start + chance.randint(0, 4)] = chance.choice([[], [chance.choice(PIECES)]])
        damaged = "".join(text)
        answered += harmless(conn, lambda: parse(damaged))  # noqa: B023
    # Most are refused, and some still mean something.
    assert 0 < answered < ROUNDS


def _parts(form: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of each part of a form."""
    for key in form if isinstance(form, dict) else range(len(form)):
        yield form, key
        if isinstance(form[key], dict | list):
            yield from _parts(form[key])


def test_damaged_forms(conn: psycopg.Connection[Any]) -> None:
    chance = random.Random(19_079)  # noqa: S311
    forms = [parse(t) for t in TEXTS]
    whole = [f for f in forms if isinstance(f, dict)]
    others: list[Any] = [
        None,
        True,
        0,
        -1.5,
        1e308,
        2**70,
        "",
        "..",
        "a\u0000",
        "s",
        [],
        {},
        [[]],
        {"op": "not"},
    ]
    answered = 0
    for _ in range(ROUNDS):
        form = copy.deepcopy(chance.choice(whole))
        for _ in range(chance.randint(1, 2)):
            container, key = chance.choice(list(_parts(form)))
            donor, part = chance.choice(list(_parts(chance.choice(whole))))
            container[key] = copy.deepcopy(chance.choice([donor[part], donor[part], chance.choice(others)]))
        answered += harmless(conn, lambda: form)  # noqa: B023
    assert 0 < answered < ROUNDS
