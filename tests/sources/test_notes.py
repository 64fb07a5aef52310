"""What stands in tables and is no record: notes below them, a first row of values where a header is missed, letters for coordinates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas
import pandas as pd
import pyogrio
import pytest
from shapely import MultiPolygon, Point, Polygon

from ldt import sources
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.generic import specialised
from ldt.pipeline.ingest import opened
from ldt.pipeline.inspect import inspect
from ldt.pipeline.inspect.places import guess
from ldt.sources import open_resources
from ldt.sources.judged import judged_options
from ldt.sources.notes import NOTE
from ldt.wording import plural, singular


def rows(path: Path) -> list[dict[str, Any]]:
    options = judged_options("table", path)
    return [r for b in sources.read("table", path, options) for r in b.records.to_pylist()]


def chunks(recipe: str, path: Path) -> list[Chunk]:
    with open_resources(path) as (resource,):
        made, _ = specialised(load_recipe(recipe), [resource], None)
        return list(harmoniser(made, Context(namespace="n")).batches(opened(made, resource)))


NOTES = ["Źródło: GUS", "Source: Eurostat (2024)", "Quelle: Statistisches Landesamt", "* provisional value", "© Insee", "1) estimated"]  # fmt: skip


@pytest.mark.parametrize("note", NOTES[:5])
@pytest.mark.parametrize("suffix", [".xlsx", ".csv"])
def test_a_note_below_a_table_is_no_record(tmp_path: Path, note: str, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    table = pd.DataFrame({"code": ["02", "04", None, note, "of 2025"], "people": ["7", "8", None, None, None], "x": ["a", "b", None, None, None]})  # fmt: skip
    if suffix == ".csv":
        table.dropna(how="all").to_csv(path, index=False)
    else:
        pyogrio.write_dataframe(table, path, layer="s", driver="XLSX")
    found = rows(path)
    assert [(r["code"], r["people"]) for r in found if r["_malformed"] is None] == [("02", "7"), ("04", "8")]
    assert [r["_malformed"] for r in found if r["_malformed"]] == [NOTE, NOTE]
    assert note in found[-2]["raw"]
    layer = inspect(path)["layers"][0]
    assert f"2 rows at the end: {NOTE}" in layer["problems"]
    (chunk,) = chunks("generic/table", path)
    assert (chunk.tally.accepted, chunk.tally.rejected) == (2, 2)
    # Its text does not spoil the column of codes, and numbers stay numbers.
    assert chunk.features is not None
    assert '"people":7' in chunk.features.column("properties")[0].as_py()


@pytest.mark.parametrize(
    "last",
    [
        "Source: the spring,5,c",  # more than one cell is filled: a record
        "Sourcebourg,,",  # a place without values, called like a note
        "Notegaard,,",
    ],
)
def test_a_record_that_looks_like_a_note_stays_one(tmp_path: Path, last: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"code,people,x\n02,7,a\n{last}\n")
    assert [r["_malformed"] for r in rows(path)] == [None, None]


def test_a_note_with_too_few_cells_is_told_as_one(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("code;people\n02;7\n04;8\nQuelle: Amt\n", encoding="utf-8")
    assert [r["_malformed"] for r in rows(path)] == [None, None, NOTE]


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ("https://a.example/1.csv\nhttps://a.example/2.csv\nhttps://a.example/3.csv\n", False),
        ("url\nhttps://a.example/2.csv\nhttps://a.example/3.csv\n", True),
        ("2013-01-01,a\n2013-01-02,b\n2013-01-03,c\n", False),
        ("01.01.2013;5,5\n02.01.2013;6,5\n", False),
        ("day,2013-01-01,2013-01-02\na,1,2\nb,3,4\n", True),  # days are names of columns of numbers
        ("name,place\nA,B\nC,D\n", True),
        ("land,2019,2020\na,1,2\nb,3,4\n", True),
    ],
)
def test_a_first_row_of_values_is_no_header(tmp_path: Path, text: str, header: bool) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    lines = text.count("\n")
    found = inspect(path)
    assert found["layers"][0]["count"] == lines - header
    assert any("the first line is no header" in p for p in found["problems"]) is not header
    assert len(rows(path)) == lines - header


def test_one_address_a_line_loses_none(real_data: Path) -> None:
    path = real_data / "airquality/eea_legacy/Legacy_MT_SO2.csv"
    assert len(rows(path)) == len(path.read_text().split()) == 5


def test_letters_in_place_of_coordinates_are_told(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(
        "name,lon,lat\na,7.1,50.7\nb,unknown,50.7\nc,NaN,\nd,7.2,50°44'N\ne,,50.8\n", encoding="utf-8"
    )
    (chunk,) = chunks("generic/table", path)
    assert (chunk.tally.accepted, chunk.tally.rejected) == (3, 2)
    assert [o.message.partition(": ")[2] for o in chunk.outcomes] == [
        "lon: 'unknown' is no number, so the record has no place",
        'lat: "50°44\'N" is no number, so the record has no place',
    ]


def test_an_empty_geometry_is_told(tmp_path: Path) -> None:
    path = tmp_path / "a.gpkg"
    square = Polygon([(7, 50), (7.1, 50), (7.1, 50.1), (7, 50)])
    shapes = [MultiPolygon([square]), MultiPolygon(), None]
    geopandas.GeoDataFrame({"n": [1, 2, 3]}, geometry=shapes, crs=4326).to_file(path, engine="pyogrio")
    (chunk,) = chunks("generic/features", path)
    assert (chunk.tally.accepted, chunk.tally.repaired) == (2, 1)
    (told,) = chunk.outcomes
    assert (told.row, told.reason) == (1, "empty-geometry")


def test_what_is_impossible_in_its_crs_lies_nowhere(tmp_path: Path) -> None:
    """EPSG:6258 is a datum's code and that of a town grid in Colombia: degrees would be a few metres of it."""
    member = '<gml:featureMember><x:Place gml:id="a{0}"><x:where><gml:Point gml:id="p{0}" srsName="urn:ogc:def:crs:EPSG::6258"><gml:pos>52.{0} 4.5</gml:pos></gml:Point></x:where></x:Place></gml:featureMember>'
    path = tmp_path / "a.gml"
    path.write_text('<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:x="http://example.org/x">' + "".join(member.format(i) for i in (1, 2)) + "</gml:FeatureCollection>")  # fmt: skip
    (layer,) = inspect(path)["layers"]
    assert (layer["crs_declared"], layer["crs_judged"], layer["extent"]) == ("EPSG:6258", None, None)
    assert any("not possible there" in p for p in layer["problems"])
    assert any("would fit EPSG:4326" in p for p in layer["problems"])


def test_a_zone_that_reaches_into_the_next_makes_a_guess_a_doubt() -> None:
    """Norway gives all its data in UTM 33: Bergen, at -31954, 6734395, is far west of the zone (statistics office, urban areas)."""
    bergen = (-31954.5, 6734395.5, -31000.0, 6735000.0)
    assert "EPSG:25833" in guess(bergen, "NO")
    assert len(guess(bergen, "NO")) > 1
    # Nothing changes where the country leaves one, and degrees are nothing but degrees.
    assert guess((650000, 6860000, 652000, 6861000), "FR") == ["EPSG:2154"]
    assert guess((4.5, 52.1, 4.6, 52.2)) == ["EPSG:4326"]
    assert guess((52.1, 4.5, 52.2, 4.6)) == []


def test_words_of_one_and_of_many() -> None:
    assert plural(1, "value is", "values are") == "1 value is"
    assert plural(2000, "row") == "2,000 rows"
    assert [singular(w) for w in ("entries", "feature types", "processes")] == [
        "entry",
        "feature type",
        "process",
    ]


def test_the_best_recipe_comes_first(real_data: Path) -> None:
    for name in ("-normalized.json", "-normalized.jsonld", ".jsonld"):
        found = inspect(real_data / f"ngsi_ld/smart_data_models/AirQualityObserved_example{name}")["recipes"]
        assert found[:2] == ["ngsi/air-quality-observed", "ngsi/places"]
    layers = inspect(real_data / "inspire/brgm_toolbox/EUReg.example.xml")["layers"]
    best = {one["name"]: one["recipes"][0] for one in layers}
    parts = ("ProductionInstallation", "ProductionInstallationPart")
    assert {best[part] for part in parts} == {"emissions/eu-registry-installations"}


def test_points_are_made_where_they_are_numbers(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text(
        '[{"n": 1, "pos": {"lat": "50.7", "lon": "7.1"}}, {"n": 2, "pos": {"lat": "north", "lon": "7.1"}}]'
    )
    (batch,) = sources.read("json", path, {"x": "pos.lon", "y": "pos.lat", "crs": "EPSG:4326"})
    assert batch.records.column("_malformed").to_pylist() == [
        None,
        "pos.lat: 'north' is no number, so the record has no place",
    ]
    assert batch.records.column("geometry").null_count == 1
    assert Point(7.1, 50.7).wkb == batch.records.column("geometry")[0].as_py()
