"""Filters of requests: languages, limits and errors over HTTP; what may not be seen cannot be asked about."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import shapely
from sqlalchemy import column
from starlette.testclient import TestClient

from ldt.api.filters import MAX_BYTES, read_filter
from ldt.errors import TooLarge
from ldt.model.snapshot import OPERATOR, Access
from ldt.store.cql2 import FUNCTIONS, LEVELS
from ldt.store.items import Kind, Property

ITEMS = "/twins/town/collections/administrative-units/items"
JSON_FORM = "cql2-json"


def asked(client: TestClient, text: str, **more: str) -> Any:
    return client.get(ITEMS, params={"filter": text, "limit": "100", **more})


def codes(client: TestClient, text: str, **more: str) -> list[str]:
    answer = asked(client, text, **more)
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["numberMatched"] == document["numberReturned"] == len(document["features"])
    return [f["properties"]["code"] for f in document["features"]]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("code IN ('03','07')", ["03", "07"]),
        ("code > '22'", ["23", "24"]),
        ("name LIKE 'Quarter 1_ %' AND NOT code BETWEEN '11' AND '18'", ["10", "19"]),
        ("S_INTERSECTS(geometry,BBOX(7.0405,50,7.0605,50.1))", ["04", "05", "06"]),
        ("country = 'FR' OR valid_from IS NOT NULL", []),
    ],
)
@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-text",
)
def test_items_for_which_the_condition_holds(client: TestClient, text: str, found: list[str]) -> None:
    assert codes(client, text) == found


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter",
    "http://www.opengis.net/spec/cql2/1.0/conf/cql2-json",
)
def test_both_languages_and_other_parameters_beside(client: TestClient) -> None:
    form = json.dumps({"op": ">=", "args": [{"property": "code"}, "20"]})
    assert codes(client, form, **{"filter-lang": JSON_FORM}) == ["20", "21", "22", "23", "24"]
    assert codes(client, "code >= '20'", **{"filter-lang": "cql2-text"}, bbox="7.2,50,7.215,50.1") == [
        "20",
        "21",
    ]
    assert codes(client, "code >= '20'", code="22", sortby="-code") == ["22"]
    assert codes(client, "code >= '23'", sortby="-code") == ["24", "23"]


def test_the_filter_goes_on_over_pages(client: TestClient) -> None:
    found: list[str] = []
    text = quote("code >= '17'")
    to: str | None = f"{ITEMS}?limit=3&filter={text}"
    while to:
        page = client.get(to).json()
        found += [f["properties"]["code"] for f in page["features"]]
        to = next((link["href"] for link in page["links"] if link["rel"] == "next"), None)
    assert found == [f"{n}" for n in range(17, 25)]


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter")
def test_coordinates_in_another_crs(client: TestClient) -> None:
    text = "S_INTERSECTS(geometry,BBOX(50,7.0405,50.1,7.0605))"
    crs = "http://www.opengis.net/def/crs/EPSG/0/4326"
    assert codes(client, text, **{"filter-crs": crs}) == ["04", "05", "06"]
    assert codes(client, text) == []


@pytest.mark.parametrize(
    ("query", "where", "words"),
    [
        ("filter=nam='x'", "filter", "'nam'"),
        ("filter=code=1", "filter", "a string with an integer"),
        ("filter=code", "filter", "not a condition"),
        ("filter=", "filter", "empty"),
        ("filter=code='a", "filter", "does not end"),
        ("filter=code='a%00b'", "query", "NUL"),
        ("filter=code%00='a'", "query", "NUL"),
        ('filter={"op":"=","args":[{"property":"code"},"1"]}', "filter", "is JSON"),
        ('filter={"op":"=","args":[{"property":"code"},"a\\u0000"]}&filter-lang=cql2-json', "filter", "NUL"),
        (
            'filter={"op":"=","args":[{"property":"code"},"\\ud800"]}&filter-lang=cql2-json',
            "filter",
            "not JSON",
        ),
        ('filter={"op":"=","args":[{"property":"code"},NaN]}&filter-lang=cql2-json', "filter", "not JSON"),
        ("filter=code='a'&filter-lang=cql2-json", "filter", "not JSON"),
        ("filter=TRUE&filter-lang=cql2", "filter-lang", "no language"),
        ("filter=TRUE&filter-lang=", "filter-lang", "no language"),
        ("filter=TRUE&filter-crs=EPSG:9999", "filter-crs", "not a CRS"),
        ("filter-crs=nonsense", "filter-crs", "not a CRS"),
        ("filter=TRUE&filter=FALSE", "filter", "given twice"),
        ("filter=valid_from>TIMESTAMP('2022-02-30T00:00:00Z')", "filter", "2022-02-30"),
        ("filter=valid_from>DATE('99999-01-01')", "filter", "99999"),
        ("filter=1=1e999", "filter", "greater"),
        ("filter=1=inf", "filter", "'inf'"),
        ("filter=1e308*10>1", None, "out of range"),
        ("filter=S_INTERSECTS(geometry,POINT(90%20180))", "filter", "outside"),
    ],
)
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/filter")
def test_bad_filters_are_400(client: TestClient, query: str, where: str | None, words: str) -> None:
    answer = client.get(f"{ITEMS}?{query}")
    problem = answer.json()
    assert answer.status_code == 400, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.get("where") == where
    assert words in problem["detail"]


def test_broken_utf8_is_no_fault_of_ours(client: TestClient) -> None:
    answer = client.get(f"{ITEMS}?filter=code='%C3%28%FF'")
    assert answer.status_code in (200, 400)
    assert answer.status_code == 400 or answer.json()["numberMatched"] == 0


@pytest.mark.parametrize("lang", [None, JSON_FORM])
def test_long_filters_are_too_large(lang: str | None) -> None:
    with pytest.raises(TooLarge, match=str(MAX_BYTES)):
        read_filter("ä" * (MAX_BYTES // 2) + "x", lang, None, {})


def test_many_vertices_are_413(client: TestClient) -> None:
    ring = ",".join(f"{n % 7} {n % 5}" for n in range(10_000))
    answer = asked(client, f"S_INTERSECTS(geometry,LINESTRING({ring}))")
    assert len(ring) < MAX_BYTES
    assert answer.status_code == 413
    assert "2000" in answer.json()["detail"]


def test_many_conditions_are_answered(client: TestClient) -> None:
    assert len(codes(client, " OR ".join(["code='1'"] * 3_000) + " OR TRUE")) == 25
    assert codes(client, "code IN (" + ",".join(f"'{n}'" for n in range(5_000)) + ")") == [
        f"{n}" for n in range(10, 25)
    ]


def test_a_filter_as_deep_as_it_may_be_is_answered(client: TestClient) -> None:
    deep = "code='03'"
    for n in range((LEVELS - 10) // 2):
        deep = f"NOT ({deep} AND code<>'{n}')" if n % 2 else f"({deep} OR name='{n}')"
    assert asked(client, deep).status_code == 200
    assert len(codes(client, "abs(" * (LEVELS - 10) + "-1" + ")" * (LEVELS - 10) + "=1")) == 25


def test_levels_of_json_are_counted_outside_of_texts(client: TestClient) -> None:
    def nested(levels: int) -> str:
        return '{"op":"not","args":[' * levels + "true" + "]}" * levels

    assert len(codes(client, nested(LEVELS), **{"filter-lang": JSON_FORM})) == 25
    answer = asked(client, nested(LEVELS + 1), **{"filter-lang": JSON_FORM})
    assert answer.status_code == 400
    assert str(LEVELS) in answer.json()["detail"]
    text = json.dumps({"op": "=", "args": [{"property": "code"}, '\\"' + "[{" * 3 * LEVELS]})
    assert codes(client, text, **{"filter-lang": JSON_FORM}) == []


HOSTILE = """
import sys
from ldt.api.filters import read_filter
from ldt.errors import LdtError
texts = {
    "cql2-text": [
        *(f"{a * n}b{c * n}=1" for n in (3_000, 12_000) for a, c in (("(", ")"), ("NOT ", ""), ("-", ""), ("f(", ")"), ("(", ""))),
        *("a=" + o.join("b" * 12_000) for o in ("+", "-", "*", "^", "/", "=")),
        "(" * 40 + "a b" + ")" * 40,
    ],
    "cql2-json": [
        *(a * n + "true" + c * n for n in (3_000, 12_000) for a, c in (("[", "]"), ('{"a":', "}"))),
        '{"op":"not","args":[' * 3_000 + "true" + "]}" * 3_000,
        "[" * 60_000,
    ],
}
for lang, filters in texts.items():
    for text in filters:
        try:
            read_filter(text, lang, None, {})
        except LdtError as error:
            assert error.status in (400, 413) and error.where == "filter", error
        else:
            sys.exit(text[:40])
print("alive")
"""


def test_no_filter_kills_the_process() -> None:
    """What takes the `cql2` library's process down, or keeps it busy for ever, is refused."""
    done = subprocess.run(
        [sys.executable, "-c", HOSTILE], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "alive"), done.stderr[-2000:]


def test_what_may_not_be_seen_cannot_be_asked_about(own_town: tuple[Any, TestClient]) -> None:
    from ldt.api.app import create_app

    town, client = own_town
    hidden = {"h": (shapely.box(7, 50, 7.001, 50.001), {"code": "h", "name": "hidden", "secret": "gold"})}
    town.features(hidden, name="hidden", access=Access.RESTRICTED)
    for text in ("name = 'hidden'", "NOT name <> 'hidden'", "name LIKE 'hid%'", "CASEI(name) = 'hidden'"):
        assert codes(client, text) == []
    assert "h" not in codes(client, "TRUE")
    assert len(codes(client, "S_INTERSECTS(geometry,BBOX(7,50,7.001,50.001))")) == 1
    with TestClient(create_app(town.url, caller=lambda request: OPERATOR)) as operator:
        assert codes(operator, "name = 'hidden'") == ["h"]


@pytest.mark.conformance("http://www.opengis.net/spec/cql2/1.0/conf/functions")
def test_functions_are_listed_with_what_they_take(client: TestClient) -> None:
    landing = client.get("/twins/town").json()
    link = next(x for x in landing["links"] if x["rel"] == "http://www.opengis.net/def/rel/ogc/1.0/functions")
    document = client.get(link["href"]).json()
    assert {f["name"] for f in document["functions"]} == set(FUNCTIONS)
    # The types of 19-079r2, 6.5.
    for function in document["functions"]:
        types = {"string", "number", "integer", "datetime", "geometry", "boolean"}
        assert set(function["returns"]) <= types
        assert all(a["title"] and set(a["type"]) <= types for a in function["arguments"])
    assert "text/html" in client.get(link["href"], headers={"Accept": "text/html"}).headers["content-type"]


_VALUES = {
    "string": "name",
    "number": "1.5",
    "integer": "2",
    "datetime": "valid_from",
    "geometry": "geometry",
    "boolean": "TRUE",
}


@pytest.mark.conformance("http://www.opengis.net/spec/cql2/1.0/conf/functions")
def test_each_function_can_be_called_as_it_is_listed(client: TestClient) -> None:
    """Abstract test /conf/functions/functions: valid filters with each function and different operators."""
    for function in client.get("/twins/town/functions").json()["functions"]:
        given = ",".join(_VALUES[a["type"][0]] for a in function["arguments"])
        call, value = f"{function['name']}({given})", "'x'" if function["returns"] == ["string"] else "3"
        for text in (f"{call} = {value}", f"NOT {value} < {call}", f"{call} IS NULL", f"{call} IN ({value})"):
            codes(client, text)


DOCS = Path(__file__).parents[2] / "docs" / "filters.md"


def test_the_examples_of_the_documentation_are_read() -> None:
    (block,) = re.findall(r"```cql2\n(.*?)```", DOCS.read_text(encoding="utf-8"), flags=re.DOTALL)
    examples = block.splitlines()
    assert len(examples) > 10
    kinds: dict[str, Kind] = {
        **dict.fromkeys(("name", "use"), "string"),
        **dict.fromkeys(("height", "floors", "storeys"), "number"),
        **dict.fromkeys(("valid_from", "valid_to"), "timestamp"),
        "protected": "boolean",
        "date": "date",
        "tags": "array",
        "geometry": "geometry",
    }
    known = {n: Property(n, k, column(n)) for n, k in kinds.items()}
    for example in examples:
        assert read_filter(example, None, None, known) is not None, example


def test_the_documentation_names_each_function() -> None:
    table = DOCS.read_text(encoding="utf-8").partition("| function |")[2].partition("\n\n")[0]
    listed = {name for row in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", row)}
    assert listed == set(FUNCTIONS)


def test_classes_are_declared(client: TestClient) -> None:
    declared = client.get("/twins/town/conformance").json()["conformsTo"]
    assert sum(c.startswith("http://www.opengis.net/spec/cql2/1.0/conf/") for c in declared) == 14
    assert "http://www.opengis.net/spec/ogcapi-features-3/1.0/conf/features-filter" in declared
