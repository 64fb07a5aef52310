"""The SQL functions of recipes, on what producers write."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from ldt.harmonise.columns import Mapper


def value(sql: str, **columns: Any) -> tuple[Any, bool]:
    """Return what an expression makes of one record, and whether it failed."""
    mapped = Mapper({"x": sql}).run(
        pa.RecordBatch.from_pylist([{"_row": 0, **columns}])
        if columns
        else pa.RecordBatch.from_pydict({"_row": pa.array([0])})
    )
    return mapped.table.column("x")[0].as_py(), "x" in mapped.failed


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("http://inspire.ec.europa.eu/codelist/NativenessValue/endonym", "endonym"),
        ("http://inspire.ec.europa.eu/codelist/AdministrativeHierarchyLevel/2ndOrder/", "2ndOrder"),
        ("https://register.example/codes#Endonym", "endonym"),
        ("urn:x-inspire:def:crossing:bridge", "bridge"),
        ("Parcel", "parcel"),
        (" onGroundSurface\n", "onGroundSurface"),
        ("", None),
        (None, None),
    ],
)
def test_a_code_is_the_end_of_its_address(text: str | None, code: str | None) -> None:
    assert value("code_value(c::VARCHAR)", c=text) == (code, False)


@pytest.mark.parametrize(
    ("names", "statuses", "name"),
    [
        (["Brussel", "Bruxelles"], ["http://x/NameStatusValue/historical", "http://x/NameStatusValue/official"], "Bruxelles"),
        (["Brussel", "Bruxelles"], ["Official", "official"], "Brussel"),
        (["Brussel", "Bruxelles"], ["official"], "Brussel"),  # whose status it is cannot be told
        (["Brussel"], [], "Brussel"),
        ([], [], None),
    ],
)  # fmt: skip
def test_the_official_name_goes_before_others(
    names: list[str], statuses: list[str], name: str | None
) -> None:
    kind = pa.list_(pa.string())
    records = pa.RecordBatch.from_pydict(
        {"_row": [0], "n": pa.array([names], kind), "s": pa.array([statuses], kind)}
    )
    assert Mapper({"x": "official_name(n, s)"}).run(records).table.column("x")[0].as_py() == name


def test_all_names_with_what_is_known_of_each() -> None:
    both = value("all_names(['a', 'b'], ['nld', 'fra'], ['Official', 'http://x/other'])")
    assert both == (
        [
            {"name": "a", "language": "nld", "status": "official"},
            {"name": "b", "language": "fra", "status": "other"},
        ],
        False,
    )
    less, _ = value("all_names(['a', 'b'], ['nld'], []::VARCHAR[])")
    assert less == [{"name": n, "language": None, "status": None} for n in "ab"]
    assert value("all_names(['a'], ['nld'], ['official'])") == (None, False)


@pytest.mark.parametrize(
    ("sql", "result"),
    [
        ("metres('3.5', 'm')", (3.5, False)),
        ("metres('3.5', 'urn:ogc:def:uom:UCUM::km')", (3500.0, False)),
        ("metres('3.5', 'http://www.opengis.net/def/uom/EPSG/0/9001')", (3.5, False)),
        ("metres('3.5', NULL)", (3.5, False)),
        ("metres(NULL, 'furlong')", (None, False)),
        ("metres('3.5', 'furlong')", (None, True)),
        ("metres('about 3', 'm')", (None, True)),
        ("square_metres('2', 'ha')", (20_000.0, False)),
        ("square_metres('96897.5', 'sqrm')", (96_897.5, False)),
        ("square_metres('2', 'm')", (None, True)),
    ],
)
def test_lengths_and_areas_come_in_units_that_are_known(sql: str, result: tuple[float | None, bool]) -> None:
    assert value(sql) == result


def test_codes_of_which_there_are_several() -> None:
    assert value("code_values(['http://x/a', 'http://x/B'], [])") == (["a", "b"], False)
    assert value("code_values([]::VARCHAR[], ['A'])") == (["a"], False)
    assert value("code_values([]::VARCHAR[], []::VARCHAR[])") == (None, False)


def test_a_list_without_its_empty_texts() -> None:
    assert value("given(['#a', ' ', '', '#b'])") == (["#a", "#b"], False)
    assert value("given([''])") == (None, False)
    assert value("given(NULL::VARCHAR[])") == (None, False)


def test_members_of_json_documents() -> None:
    locator = """'{"ad:AddressLocator": {"ad:designator": {"ad:LocatorDesignator": {"ad:designator": 7, "x": ""}}, "level" : "site, A", "b": true}}'"""
    assert value(f"json_leaf({locator}, 'designator')") == ("7", False)
    assert value(f"json_leaf({locator}, 'level')") == ("site, A", False)
    assert value(f"json_leaf({locator}, 'b')") == ("true", False)
    assert value(f"json_leaf({locator}, 'x')") == (None, False)
    assert value(f"json_leaf({locator}, 'esignator')") == (None, False)
    assert value("""json_leaves('[{"xlink:href": "#a"}, {"xlink:href": "#b"}]', 'href')""") == (
        ["#a", "#b"],
        False,
    )
    assert value("json_leaves('{}', 'href')") == (None, False)
    assert value(r"""json_leaf('{"a": "https:\/\/x \"y\" \u00e4"}', 'a')""") == ('https://x "y" ä', False)
    assert value(f"plain_text({locator})") == (None, False)
    assert value("plain_text(' Köln ')") == ("Köln", False)
    assert value("plain_text(' ')") == (None, False)


@pytest.mark.parametrize(
    ("digits", "year"),
    # POSIX, strptime, %y: 69 to 99 are 1969 to 1999, 00 to 68 are 2000 to 2068.
    [("90", 1990), ("69", 1969), ("68", 2068), ("00", 2000), ("2018", 2018), ("1990", 1990)]
    + [(text, None) for text in ("", "6", "018", "x1", "20 8", None)],
)
def test_a_year_has_two_digits_or_four(digits: str | None, year: int | None) -> None:
    assert value("full_year(d::VARCHAR)", d=digits) == (year, False)
