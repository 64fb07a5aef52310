"""LAU, the population grid of every year, and Italian census sections, in their published layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.harmonise.europe import squares, table
from tests.harmonise.test_recipes import made

from ldt.harmonise.cells import cell
from ldt.harmonise.columns import Mapper
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.inspect import inspect


def properties(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [r["properties"] for r in rows]


@pytest.mark.parametrize(
    "file", ["LAU_RG_01M_2021_3035.shp", "LAU_RG_01M_2021_4326.geojson", "LAU_RG_01M_2021_3035.gpkg"]
)
def test_local_administrative_units_and_their_inhabitants(tmp_path: Path, file: str) -> None:
    columns: dict[str, list[Any]] = {
        "GISCO_ID": ["DE_05315000", "EL_69010301", "UK_E09000001"],
        "CNTR_CODE": ["DE", "EL", "UK"],
        "LAU_ID": ["05315000", "69010301", "E09000001"],
        "LAU_NAME": ["Köln, Stadt", "Dimotiki", "City of London"],
        "POP_2021": [1073096, -9999, 8600],
        "YEAR": [2021] * 3,
    }
    crs = "EPSG:4326" if "4326" in file else "EPSG:3035"
    squares(columns, crs).to_file(tmp_path / file)
    units, tally, _ = made("eurostat/lau", tmp_path / file)
    assert tally.accepted == 3
    assert properties(units)[:2] == [
        {"scheme": "lau", "code": "DE_05315000", "name": "Köln, Stadt", "country": "DE"},
        {"scheme": "lau", "code": "EL_69010301", "name": "Dimotiki", "country": "GR"},
    ]
    people, tally, _ = made("eurostat/lau-population", tmp_path / file)
    assert (tally.accepted, tally.reasons) == (2, {"rejected:missing-value": 1})
    assert [(p["code"], p["population"], p["reference_year"]) for p in properties(people)] == [
        ("DE_05315000", 1073096, 2021),
        ("UK_E09000001", 8600, 2021),
    ]
    if file.endswith(".geojson"):
        assert set(inspect(tmp_path / file)["recipes"][:2]) == {"eurostat/lau", "eurostat/lau-population"}


GRID = ["1kmN3110E4110", "CRS3035RES1000mN3110000E4111000", "1kmE4112N3110"]


@pytest.mark.parametrize(
    ("file", "row", "year"),
    [
        ("GEOSTAT_grid_EU_POP_2006_1K_V1_1_1.csv", {"POP_TOT": "7", "YEAR": "2006", "CNTR_CODE": "DE"}, 2006),
        ("GEOSTAT_grid_POP_1K_2011_V2_0_1.csv", {"TOT_P": "7", "METHD_CL": "A", "CNTR_CODE": "DE"}, 2011),
        ("JRC-GEOSTAT_POP_1K_2018.csv", {"TOT_P_2018": "7", "Country": "DE"}, 2018),
        ("grid.csv", {"TOT_P_2021": "7", "TOT_P_2018": "6"}, 2021),
        ("ESTAT_Census_2021_V2.csv", {"T": "7", "M": "3", "F": "4", "Y_LT15": "1"}, 2021),
        ("ESTAT_OBS-VALUE-T_2021_V2.csv", {"OBS_VALUE_T": "7.0"}, 2021),
    ],
)
def test_the_population_grid_of_every_year(tmp_path: Path, file: str, row: dict[str, str], year: int) -> None:
    path = table(tmp_path / file, [{"GRD_ID": code, **row} for code in GRID])
    rows, tally, _ = made("eurostat/population-grid", path)
    assert tally.accepted == 3
    assert [p["code"] for p in properties(rows)] == ["1kmN3110E4110", "1kmN3110E4111", "1kmN3110E4112"]
    assert {(p["population"], p["reference_year"], p["scheme"]) for p in properties(rows)} == {
        (7, year, "grid-1km")
    }
    # The squares of the fixture are the south-west corners of cells beside one another.
    first, second, third = (r["geometry"] for r in rows)
    corner = squares({"x": [0]}).to_crs(4326).geometry[0]
    assert first.buffer(1e-9).contains(corner)
    assert first.distance(second) < 1e-9 < first.distance(third)
    if "M" in row:
        assert properties(rows)[0]["population_male"] == 3
        assert properties(rows)[0]["population_female"] == 4
    if file == "ESTAT_Census_2021_V2.csv":
        assert inspect(path)["recipes"][0] == "eurostat/population-grid"


def test_cells_of_a_border_and_cells_that_are_not_known(tmp_path: Path) -> None:
    """Two countries each tell their part of a cell; -9999 means that nothing is known."""
    rows = [
        {"GRD_ID": GRID[0], "TOT_P": "5", "CNTR_CODE": "DE"},
        {"GRD_ID": GRID[0], "TOT_P": "2", "CNTR_CODE": "BE"},
        {"GRD_ID": GRID[1], "TOT_P": "-9999", "CNTR_CODE": "DE"},
        {"GRD_ID": "1kmX", "TOT_P": "1", "CNTR_CODE": "DE"},
    ]
    found, tally, _ = made("eurostat/population-grid", table(tmp_path / "GEOSTAT_2011.csv", rows))
    assert [(p["population"], p["country"]) for p in properties(found)] == [(5, "DE"), (2, "BE")]
    assert tally.reasons == {"rejected:missing-value": 1, "rejected:bad-cell": 1}


@pytest.mark.parametrize("file", ["grid_1km.gpkg", "ESTAT_Census_2021_V2.gpkg", "GEOSTAT_2011.shp"])
def test_the_population_grid_as_a_layer(tmp_path: Path, file: str) -> None:
    columns: dict[str, list[Any]] = {
        "GRD_ID": GRID,
        "TOT_P_2018": [1, 2, 3],
        "TOT_P_2021": [4.0, 5.0, -9999.0],
    }
    squares(columns).to_file(tmp_path / file)
    rows, tally, _ = made("eurostat/population-grid-features", tmp_path / file)
    assert [(p["population"], p["reference_year"]) for p in properties(rows)] == [(4, 2021), (5, 2021)]
    assert tally.rejected == 1
    assert shapely.area(rows[0]["geometry"]) > 1e-4  # the cell of 1 km, not the square of the layer
    if file == "grid_1km.gpkg":
        assert inspect(tmp_path / file)["recipes"][0] == "eurostat/population-grid-features"


@settings(deadline=None, max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 7_500), st.integers(0, 7_500)), min_size=1, max_size=20))
def test_the_code_of_a_cell_is_one_in_all_notations(corners: list[tuple[int, int]]) -> None:
    import pyarrow as pa

    feature = load_recipe("eurostat/population-grid").feature
    assert feature is not None
    mapper = Mapper({"code": feature.columns["code"]})
    canonical = [f"1kmN{n}E{e}" for n, e in corners]
    for notation in ("1kmN{n}E{e}", "1kmE{e}N{n}", "CRS3035RES1000mN{n}000E{e}000"):
        # A corner of 0 km has three zeros more in metres, and none in kilometres.
        codes = [notation.format(n=n, e=e) for n, e in corners]
        assert [cell(code) for code in codes] == [cell(code) for code in canonical]
        batch = pa.RecordBatch.from_pydict({"_row": pa.array(range(len(codes)), pa.int64()), "GRD_ID": codes})
        assert mapper.run(batch).table.column("code").to_pylist() == canonical


def test_sections_of_other_years(tmp_path: Path) -> None:
    rows = [
        {"SEZ21_ID": "010010000001", "PRO_COM": "1001", "COMUNE": "Agliè", "P1": "72", "P2": "37", "P3": "35"}
    ]
    path = table(tmp_path / "R01_indicatori_2021_sezioni.csv", rows, ";", "latin-1")
    found = properties(made("istat/census-sections", path)[0])
    assert found == [
        {
            "scheme": "it-census-section", "code": "010010000001", "name": "Agliè", "population": 72, "population_male": 37,
            "population_female": 35, "reference_year": 2021, "country": "IT",
        }
    ]  # fmt: skip


def test_sections_of_the_aosta_valley(real_data: Path) -> None:
    """126,806 inhabitants at the census of 2011, 61,861 of them men (sums of the file's columns, and ISTAT's published ones)."""
    path = real_data / "statistics/istat/Valle_d_Aosta.csv"
    rows, tally, _ = made("istat/census-sections", path)
    assert (tally.read, tally.accepted) == (1486, 1486)
    found = properties(rows)
    assert sum(p["population"] for p in found) == 126_806
    assert sum(p["population_male"] for p in found) == 61_861
    assert sum(p["population_female"] for p in found) == 64_945
    assert found[0]["code"] == "70010000001"
    assert {p["reference_year"] for p in found} == {2011}
    assert inspect(path)["recipes"][0] == "istat/census-sections"
