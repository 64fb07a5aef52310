"""GML whose leaves become columns, and features that are taken apart: names, types, and that nothing is lost or doubled."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from ldt.sources import read

GML = 'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:x="https://example.org/x"'


def written(path: Path, *features: str) -> Path:
    members = "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
    path.write_text(f"<gml:FeatureCollection {GML}>{members}</gml:FeatureCollection>", encoding="utf-8")
    return path


def thing(number: int, content: str) -> str:
    return f'<x:Thing gml:id="T{number}">{content}</x:Thing>'


def table(path: Path, **options: Any) -> pa.Table:
    return pa.Table.from_batches([b.records for b in read("gml", path, options)])


@pytest.mark.parametrize(
    ("values", "kind", "read_as"),
    [
        (("1", "-20"), pa.int64(), [1, -20]),
        (("1", "2.5"), pa.float64(), [1.0, 2.5]),
        (("1.5E+7", "-0.25"), pa.float64(), [1.5e7, -0.25]),
        (("true", "false"), pa.bool_(), [True, False]),
        (("true", "1"), pa.string(), ["true", "1"]),
        (("007", "11"), pa.string(), ["007", "11"]),  # codes keep their zeros
        (("1", "1,5"), pa.string(), ["1", "1,5"]),
        (("99999999999999999999", "1"), pa.float64(), [1e20, 1.0]),
        (("2020-01-01", "2020-01-02"), pa.string(), ["2020-01-01", "2020-01-02"]),
        (("NaN", "1"), pa.string(), ["NaN", "1"]),
    ],
)
def test_a_leaf_has_the_type_that_all_its_values_have(
    tmp_path: Path, values: tuple[str, str], kind: pa.DataType, read_as: list[Any]
) -> None:
    path = written(tmp_path / "t.gml", *(thing(i, f"<x:v>{v}</x:v>") for i, v in enumerate(values)))
    column = table(path, leaves=True).column("v")
    assert (column.type, column.to_pylist()) == (kind, read_as)


def test_a_leaf_that_some_feature_has_twice_is_a_list_for_all(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.gml", thing(1, "<x:v>1</x:v><x:v>2</x:v>"), thing(2, "<x:v>3</x:v>"), thing(3, "<x:w/>")
    )
    assert table(path, leaves=True).column("v").to_pylist() == [[1, 2], [3], None]


def test_names_leave_out_data_types_unless_two_leaves_would_be_called_the_same(tmp_path: Path) -> None:
    content = (
        "<x:owner><x:Person><x:name>A</x:name></x:Person></x:owner><x:owner><x:Company><x:name>B</x:name></x:Company></x:owner>"
        '<x:kind xlink:href="https://example.org/k"/><x:geometry>text</x:geometry><x:gone xsi:nil="true" nilReason="unknown"/><x:Upper>u</x:Upper>'
        "<x:site><x:Site><x:status><x:Status><x:code>c</x:code></x:Status></x:status></x:Site></x:site>"
    )
    names = table(written(tmp_path / "t.gml", thing(1, content)), leaves=True).schema.names
    assert [n for n in names if not n.startswith("_")] == [
        "gml_id", "geometry", "owner_Person_name", "owner_Company_name", "kind_href", "geometry_", "gone_nilReason", "Upper", "site_status_code",
    ]  # fmt: skip


def test_columns_of_paths_stay_beside_the_leaves(tmp_path: Path) -> None:
    path = written(tmp_path / "t.gml", thing(1, "<x:v>1</x:v>"))
    found = table(path, leaves=True, paths={"v": "v"})
    assert (found.column("v").to_pylist(), found.column("v_").to_pylist()) == (["1"], [1])


def test_each_part_of_a_feature_is_a_record_with_all_else_that_it_has(tmp_path: Path) -> None:
    path = written(
        tmp_path / "t.gml",
        thing(1, "<x:a>1</x:a><x:v><x:n>10</x:n></x:v><x:v><x:n>20</x:n><x:m>21</x:m></x:v><x:b>2</x:b>"),
        thing(2, "<x:a>3</x:a>"),
        thing(3, "<x:v><x:n>30</x:n></x:v><x:b>4</x:b>"),
    )
    found = table(path, each="v", paths={"a": "a", "n": "v/n", "m": "v/m", "b": "b"})
    assert found.select(["_row", "gml_id", "a", "n", "m", "b"]).to_pydict() == {
        "_row": [0, 1, 2, 3],
        "gml_id": ["T1", "T1", "T2", "T3"],
        "a": ["1", "1", "3", None],
        "n": ["10", "20", None, "30"],
        "m": [None, "21", None, None],
        "b": ["2", "2", None, "4"],
    }


def test_feature_types_may_be_named_as_on_the_command_line(tmp_path: Path) -> None:
    path = written(tmp_path / "t.gml", thing(1, ""), '<x:Other gml:id="O"/>', '<x:Third gml:id="D"/>')
    assert table(path, feature="Other").column("gml_id").to_pylist() == ["O"]
    assert table(path, feature="Other,Third").column("gml_id").to_pylist() == ["O", "D"]
