"""Natural share of Lanjarón (Granada) from Corine Land Cover 2018, against geopandas on the two layers of the file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import psycopg
import pytest
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.indicators import lineage
from ldt.model.indicator import ValueKey
from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.pipeline.ingest import ingest
from ldt.pipeline.recompute import recompute
from ldt.store import snapshots, values
from ldt.store.connect import connect

FILE = "landcover/clc_granada/clc.gpkg"
KEY = ValueKey("natural-share", "city", "18116", "2024")
TWIN = "lanjaron"
MUNICIPALITY = {
    "ldt": 1,
    "name": "municipality",
    "title": {"en": "Municipality of Lanjarón"},
    "publisher": "DERA",
    "licence": "none stated",
    "origin": "local",
    "anatomy": "structure.built_domain.city_metropolis",
    "source": {"reader": "vector", "options": {"layer": "lanjaron"}},
    "feature": {
        "type": "administrative-units",
        "id": {"local_id": "cod_mun", "stability": "source"},
        "columns": {"scheme": "'city'", "code": "cod_mun", "name": "nombre"},
    },
}
# Corine classes 3 (forest and semi-natural areas), 4 (wetlands) and 5 (water bodies), without salines (422).
NATURAL = {
    *("311", "312", "313", "321", "322", "323", "324", "331", "332", "333", "334", "335"),
    *("411", "412", "421", "423", "511", "512", "521", "522", "523"),
}


@pytest.fixture(scope="module")
def url(shared_database_url: str, real_data: Path, own_data_dir: Path) -> str:
    make_twin(shared_database_url, TWIN)
    ingest(shared_database_url, TWIN, Recipe.model_validate(MUNICIPALITY), [real_data / FILE])
    cover = load_recipe("clc/corine-vector").with_options({"layer": "clc"})
    ingest(shared_database_url, TWIN, cover, [real_data / FILE])
    recompute(shared_database_url, TWIN, [KEY.indicator], periods=["2024"])
    return shared_database_url


@pytest.fixture
def state(url: str) -> Iterator[tuple[psycopg.Connection[Any], Snapshot]]:
    with connect(url) as conn, conn.transaction():
        yield conn, snapshots.resolve(conn, TWIN, OPERATOR)


@pytest.fixture(scope="module")
def pieces(real_data: Path) -> gpd.GeoDataFrame:
    """The land cover within the municipality, cut by geopandas, with the area of each piece in EPSG:3035."""
    cover = gpd.read_file(real_data / FILE, layer="clc").to_crs(3035)
    cover.geometry = cover.make_valid()
    cover["row"] = range(len(cover))
    municipality = gpd.read_file(real_data / FILE, layer="lanjaron").to_crs(3035)
    cut = gpd.overlay(cover, municipality, how="intersection", keep_geom_type=True)
    cut["area"] = cut.area
    return cut


def natural_classes(real_data: Path) -> set[str]:
    """Return the classes as the reference table has them, if it is there; else the list above."""
    path = real_data.parent / "reference" / "standards" / "clc.csv"
    if not path.is_file():
        return NATURAL
    with path.open(encoding="utf-8") as table:
        return {r["clc_code"] for r in csv.DictReader(table) if r["is_natural_seminatural"] == "1"}


def test_the_list_of_classes_is_the_published_one(real_data: Path) -> None:
    assert natural_classes(real_data) == NATURAL


def test_natural_share(
    state: tuple[psycopg.Connection[Any], Snapshot], pieces: gpd.GeoDataFrame, real_data: Path
) -> None:
    found = values.one(*state, KEY)
    natural = pieces.CODE_18.isin(natural_classes(real_data))
    expected = 100 * pieces.area[natural].sum() / pieces.area.sum()
    assert 30 < expected < 99  # a mountain municipality: neither nothing nor all
    assert found["value"] == pytest.approx(expected, abs=1e-4)
    assert (found["unit"], found["status"], found["name"]) == ("%", "valid", "Lanjarón")
    whole = gpd.read_file(real_data / FILE, layer="lanjaron").to_crs(3035).area.iloc[0]
    assert found["coverage"] == pytest.approx(pieces.area.sum() / whole, abs=1e-6)
    assert found["quality"]["reference_year"] == 2018
    # Lanjarón has 60.4 km² by the national statistics
    assert whole / 1e6 == pytest.approx(60.4, rel=0.01)


def test_lineage_is_the_units_that_touch_the_municipality(
    state: tuple[psycopg.Connection[Any], Snapshot], pieces: gpd.GeoDataFrame
) -> None:
    records = lineage.records(*state, KEY, limit=1000)
    inputs = {r["row"] for r in records if r["role"] == "input" and r["used"]}
    assert set(pieces.row) <= inputs
    assert {r["role"] for r in records} == {"area", "input"}
    assert {r["source"] for r in records} == {"clc.gpkg"}


def test_years_before_the_layer_have_no_value(
    url: str, state: tuple[psycopg.Connection[Any], Snapshot]
) -> None:
    recompute(url, TWIN, [KEY.indicator], periods=["2012"])
    with connect(url) as conn, conn.transaction():
        now = snapshots.resolve(conn, TWIN, OPERATOR)
        found = values.page(conn, now, KEY.indicator, periods=["2012"], limit=10)
    assert [v["status"] for v in found] == ["not-computable"]
    assert "2018" in found[0]["reason"]
