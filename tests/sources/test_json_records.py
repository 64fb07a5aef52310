"""JSON records."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ldt.errors import RecipeError, SourceError
from ldt.sources import describe

Rows = Callable[..., list[dict[str, Any]]]


def write(path: Path, value: Any) -> Path:
    path.write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    return path


def test_entries_of_lists(tmp_path: Path, rows: Rows) -> None:
    # As in the real files: one day's numbers are written as text; null is no number; another is no list at all.
    document = {
        "20140101": [1, 2.5, None],
        "20140102": ["14.16", -999],
        "20140103": "closed",
        "20140104": [1, "x"],
    }
    got = rows("json", write(tmp_path / "a.json", document), records="entries")
    assert [(r["_row"], r["key"], r["value"]) for r in got] == [
        (0, "20140101", [1.0, 2.5, None]),
        (1, "20140102", [14.16, -999.0]),
        (2, "20140103", None),
        (3, "20140104", None),
    ]
    assert [r["_malformed"] for r in got] == [None, None, *["the value is not a list of numbers"] * 2]
    assert json.loads(got[3]["raw"]) == {"key": "20140104", "value": [1, "x"]}
    assert got[0]["_file"] == "a.json"


def test_items_keep_their_types(tmp_path: Path, rows: Rows) -> None:
    items = [
        {"id": 1, "ok": True, "v": 1, "mixed": 1, "deep": {"a": [1]}, "name": "ü"},
        {"id": 2, "ok": False, "v": 2.5, "mixed": "x", "deep": None, "name": None},
        "no object",
    ]
    got = rows(
        "json",
        write(tmp_path / "a.json", {"result": {"records": items}}),
        records="items",
        path="result.records",
    )
    assert [r["id"] for r in got] == [1, 2, None]
    assert [r["ok"] for r in got] == [True, False, None]
    assert [r["v"] for r in got] == [1.0, 2.5, None]
    assert [r["mixed"] for r in got] == ["1", "x", None]
    assert [r["deep"] for r in got] == ['{"a":[1]}', None, None]
    assert [r["_malformed"] for r in got] == [None, None, "not an object"]


def test_many_items_in_several_batches(tmp_path: Path, rows: Rows) -> None:
    got = rows("json", write(tmp_path / "a.json", [{"n": n} for n in range(25_000)]))
    assert [r["_row"] for r in got] == [r["n"] for r in got] == list(range(25_000))


def test_errors(tmp_path: Path, rows: Rows) -> None:
    with pytest.raises(SourceError, match="line 2, column"):
        rows("json", write(tmp_path / "cut.json", '{"a": [1,\n 2'))
    with pytest.raises(SourceError, match="no key 'b'"):
        rows("json", write(tmp_path / "a.json", {"a": []}), path="b")
    with pytest.raises(RecipeError, match="entries"):
        rows("json", write(tmp_path / "l.json", []), records="entries")
    (tmp_path / "latin.json").write_bytes('["Köln"]'.encode("latin-1"))
    with pytest.raises(SourceError, match="not JSON"):
        rows("json", tmp_path / "latin.json")


def test_real_hourly_values(real_data: Path, rows: Rows) -> None:
    path = real_data / "cologne/uba/201401_DENW053_NO2_1SMW.json"
    expected = json.loads(path.read_text())
    got = rows("json", path, records="entries")
    assert {r["key"]: r["value"] for r in got} == {
        k: [float(v) for v in values] for k, values in expected.items()
    }
    # The data folder's README: 51 times -999 in this file.
    assert sum(v == -999 for r in got for v in r["value"]) == 51
    assert {r["_file"] for r in got} == {path.name}


def test_describe(tmp_path: Path) -> None:
    told = describe(write(tmp_path / "a.json", [{"a": 1}, {"a": 2}]))
    assert (told.reader, told.layers[0].count, told.layers[0].columns) == ("json", 2, {"a": "int64"})


@pytest.mark.parametrize(
    "document",
    [
        {"total_count": 2, "results": [{"a": 1}, {"a": 2}]},
        {"data": [{"a": 1}, {"a": 2}], "meta": {"page": 1}},
        {"version": 0.6, "generator": "x", "elements": [{"a": 1}, {"a": 2}]},
        # CKAN: its fields are a list of objects as well.
        {"success": True, "result": {"fields": [{"id": "a"}], "records": [{"a": 1}, {"a": 2}]}},
        {"status": "ok", "stations": [{"a": 1}, {"a": 2}]},
    ],
)
def test_the_list_that_an_answer_wraps(tmp_path: Path, rows: Rows, document: dict[str, Any]) -> None:
    path = write(tmp_path / "a.json", document)
    assert [r["a"] for r in rows("json", path)] == [1, 2]
    assert describe(path).layers[0].count == 2
    # Who asks for the entries gets them.
    assert [r["key"] for r in rows("json", path, records="entries")] == list(document)


@pytest.mark.parametrize(
    "document",
    [
        {"2024-01-01": [{"v": 1}], "2024-01-02": [{"v": 2}]},
        {"2024-01-01": [{"v": 1}]},
        {"a": [{"v": 1}], "b": [{"v": 2}], "c": 3},
        {"a": {"v": 1}, "b": {"v": 2}},
        {"a": [1, 2], "b": [3, 4]},
    ],
)
def test_an_object_of_entries_wraps_no_list(tmp_path: Path, rows: Rows, document: dict[str, Any]) -> None:
    assert [r["key"] for r in rows("json", write(tmp_path / "a.json", document))] == list(document)


def test_json_lines(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n\n{"a": 2, "b": "x"}\n')
    assert [(r["a"], r["b"]) for r in rows("json", path)] == [(1, None), (2, "x")]
    assert describe(path).reader == "json"
    (tmp_path / "wide.json").write_text('{"a": 1}', encoding="utf-16")
    with pytest.raises(SourceError, match="not JSON"):
        describe(tmp_path / "wide.json")
    path.write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(SourceError, match="not JSON"):
        rows("json", path)
