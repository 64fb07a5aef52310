"""Tables with faults end in records or in one clear error, in time: bytes changed, cut, repeated; quotes, encodings, line ends."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ldt.errors import CheckError, RecipeError, SourceError
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe
from ldt.sources import describe, read

TABLES = [
    b"code;x;y;when;value\r\n1;7,01;50,9;2024-03-31T02:30;1,5\r\n2;7.02;50.8;2024-10-27 02:30:00+01:00;-999\r\n3;;;;\r\n",
    'name,lon,lat,time,value\nK\u00f6ln,6.9,50.9,2024-01-01T00:00:00Z,"1\n2"\n"a ""b""",7,51,2024-01-02,3\n'.encode(),
    "name\tlon\tlat\ttime\tvalue\nM\u00e1laga\t-4.4\t36.7\t01/02/2024\t1e5\n".encode("latin-1"),
    "Titel\n\n Jahr | Wert | x | y\n2020|1|7|50\n2021|2|7|51\n".encode("utf-16"),
]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"encoding": "latin-1", "delimiter": ";"},
    {"skip": 1, "header": False},
    {"widths": [3, 5, 4]},
]
_PIECES = [
    b'"',
    b"\r",
    b"\n",
    b";",
    b",",
    b"\0",
    b"\xff\xfe",
    b"\x1a",
    b"\xc3",
    b"=1+1",
    b"9" * 400,
    b"1e999",
    b"nan",
    b"-" * 70_000,
]


def mutated(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data * chance.choice([1, 1, 3]))
    for _ in range(chance.randint(1, 8)):
        place = chance.randrange(len(made) + 1)
        match chance.randrange(4):
            case 0:
                made[place:place] = chance.choice(_PIECES)
            case 1:
                del made[place : place + chance.randint(1, 30)]
            case 2 if place < len(made):
                made[place] = chance.randrange(256)
            case _:
                made[place:place] = made[: chance.randint(0, 60)]
    return bytes(made)


def recipe(options: dict[str, Any]) -> Recipe:
    return Recipe.model_validate(
        {
            "ldt": 1,
            "name": "any-table",
            "title": {"en": "Any table"},
            "publisher": "nobody",
            "licence": "none",
            "origin": "local",
            "anatomy": "interactions.information.data_in_out",
            "source": {"reader": "table", "options": options},
            "feature": {
                "type": "generic-features",
                "id": {"local_id": "(_row + 1)::VARCHAR", "stability": "position"},
                "columns": {},
                "geometry": "optional",
            },
        }
    )


@settings(max_examples=120, deadline=3_000, derandomize=True, database=None)
@given(st.sampled_from(TABLES), st.sampled_from(OPTIONS), st.integers(0, 2**32))
def test_faults_end_in_records_or_one_error(table: bytes, options: dict[str, Any], seed: int) -> None:
    data = mutated(table, random.Random(seed))  # noqa: S311 - which faults, not which secrets
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        path.write_bytes(data)
        wanted = recipe(options)
        records = outcomes = 0
        try:
            for chunk in harmoniser(wanted, Context("n")).batches(read("table", path, wanted.source.options)):
                t = chunk.tally
                assert t.read == t.accepted + t.repaired + t.rejected + t.duplicate + t.outside
                records += t.read
                outcomes += t.accepted + t.repaired + len(chunk.outcomes)
        except (SourceError, RecipeError, CheckError) as error:
            assert "\n" not in str(error)  # noqa: PT017 - what is asserted is the error's form, where there is one
        assert records == outcomes
        try:
            told = describe(path)
        except SourceError:
            return
        assert told.layers or told.document or told.problems
