"""JSON-stat, in the manners of Eurostat (sparse values, statuses), of PX-Web and of the older format 1."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ldt.errors import SourceError
from ldt.pipeline.inspect import inspect
from ldt.sources import describe, read

#: As Eurostat's API answers: values by place, an index as object, a status by place. Time changes fastest.
EUROSTAT = {
    "version": "2.0",
    "class": "dataset",
    "label": "Population on 1 January",
    "id": ["unit", "geo", "time"],
    "size": [1, 2, 3],
    "value": {"0": 10, "1": 11, "5": 22.5},
    "status": {"1": "p", "3": ":"},
    "dimension": {
        "unit": {"label": "Unit", "category": {"index": {"NR": 0}, "label": {"NR": "Number"}}},
        "geo": {"category": {"index": {"AT": 1, "DE": 0}, "label": {"DE": "Germany", "AT": "Austria"}}},
        "time": {"category": {"index": {"2020": 0, "2021": 1, "2022": 2}}},
    },
}
#: As PX-Web writes it: values in a list, the index as a list.
PXWEB = {
    "class": "dataset",
    "id": ["Region", "ContentsCode"],
    "size": [2, 1],
    "value": [5, None],
    "dimension": {
        "Region": {"category": {"index": ["01", "02"], "label": {"01": "Stockholm", "02": "Uppsala"}}},
        "ContentsCode": {"category": {"label": {"N": "Number"}}},
    },
}
OLD = {"dataset": {"label": "x", "value": [1, 2], "dimension": {"id": ["a"], "size": [2], "a": {"category": {"index": {"p": 0, "q": 1}}}}}}  # fmt: skip


def rows(tmp_path: Path, document: Any) -> list[dict[str, Any]]:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(document))
    hidden = {"_row", "_file", "_malformed", "raw"}
    return [{k: v for k, v in r.items() if k not in hidden} for b in read("json", path, {}) for r in b.records.to_pylist()]  # fmt: skip


def test_each_cell_is_a_record(tmp_path: Path) -> None:
    assert rows(tmp_path, EUROSTAT) == [
        {"unit": "NR", "unit_label": "Number", "geo": "DE", "geo_label": "Germany", "time": "2020", "value": 10.0, "status": None},
        {"unit": "NR", "unit_label": "Number", "geo": "DE", "geo_label": "Germany", "time": "2021", "value": 11.0, "status": "p"},
        {"unit": "NR", "unit_label": "Number", "geo": "AT", "geo_label": "Austria", "time": "2020", "value": None, "status": ":"},
        {"unit": "NR", "unit_label": "Number", "geo": "AT", "geo_label": "Austria", "time": "2022", "value": 22.5, "status": None},
    ]  # fmt: skip


def test_other_ways_of_writing_it(tmp_path: Path) -> None:
    assert rows(tmp_path, PXWEB) == [
        {"Region": "01", "Region_label": "Stockholm", "ContentsCode": "N", "ContentsCode_label": "Number", "value": 5}
    ]  # fmt: skip
    assert rows(tmp_path, OLD) == [{"a": "p", "value": 1}, {"a": "q", "value": 2}]
    collection = {"class": "collection", "link": {"item": [PXWEB]}}
    assert rows(tmp_path, collection)[0]["Region_label"] == "Stockholm"


def test_inspect_tells_it(tmp_path: Path) -> None:
    path = tmp_path / "demo_pjan.json"
    path.write_text(json.dumps(EUROSTAT))
    found = inspect(path)
    (layer,) = found["layers"]
    assert (found["format"], layer["name"], layer["count"]) == ("JSON-stat", "Population on 1 January", 4)
    assert found["recipes"] == ["generic/records"]


@pytest.mark.parametrize("change", [{"size": [1, 2, 2]}, {"value": {"6": 1}}, {"size": [1, 2]}])
def test_what_does_not_fit_is_told(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps({**EUROSTAT, **change}))
    with pytest.raises(SourceError, match="JSON-stat"):
        describe(path)


def test_other_objects_are_none(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"dimension": {"a": 1}, "value": [{"b": 2}]}')
    assert describe(tmp_path / "a.json").format == "JSON"
