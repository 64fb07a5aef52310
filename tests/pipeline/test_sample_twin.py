"""The sample city through readers and recipes: the outcomes that `expected.json` states are those that come out."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pytest
import shapely
from shapely.geometry.base import BaseGeometry

from ldt import sources
from ldt.harmonise import harmoniser
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import Recipe, load_recipe
from ldt.model.observation import Datastream
from ldt.model.outcome import Tally
from ldt.pipeline.manifest import Listed, load_manifest, resolve
from ldt.pipeline.sample import generate
from ldt.pipeline.sample.datasets import ENTRIES

#: Data sets of features and observations, in the order of the manifest.
NAMES = [name for name, entry in ENTRIES.items() if load_recipe(entry.recipe).shape != "coverage"]


@pytest.fixture(scope="module")
def manifest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return generate(tmp_path_factory.mktemp("twin"), size="small")


@pytest.fixture(scope="module")
def listed(manifest: Path) -> dict[str, Listed]:
    return {d.name: d for d in resolve(load_manifest(manifest), manifest.parent)}


@pytest.fixture(scope="module")
def expected(manifest: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((manifest.parent / "expected.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def selection(manifest: Path) -> BaseGeometry:
    # UTM shortens lengths by 0.9996 along its central meridian, on which the city lies.
    boundary = gpd.read_file(manifest.parent / "boundary.gpkg", engine="pyogrio")
    kept: BaseGeometry = boundary.buffer(5_000 * 0.9996, quad_segs=32).to_crs(4326).iloc[0]
    return kept


class Harmonised:
    """What came of one data set."""

    def __init__(self, data: Listed, selection: BaseGeometry) -> None:
        work = harmoniser(
            data.recipe, Context(namespace=f"https://example.org/{data.name}", selection=selection)
        )
        self.tally = Tally()
        self.features: list[pa.RecordBatch] = []
        self.observations: list[pa.RecordBatch] = []
        self.datastreams: list[Datastream] = []
        for path in map(Path, data.sources):
            options = data.recipe.source.options
            for chunk in work.batches(sources.read(data.recipe.source.reader, path, options)):
                self.tally.add(chunk.tally)
                if chunk.features is not None:
                    self.features.append(chunk.features)
                if chunk.observations is not None:
                    self.observations.append(chunk.observations)
                    self.datastreams = chunk.datastreams

    def column(self, name: str) -> list[Any]:
        return [v for batch in self.features for v in batch.column(name).to_pylist()]

    @property
    def properties(self) -> list[dict[str, Any]]:
        return [orjson.loads(p) for p in self.column("properties")]

    @property
    def geometries(self) -> np.ndarray:
        return np.asarray(shapely.from_wkb(np.array(self.column("geometry"), dtype=object)))


def test_the_manifest_lists_all_data_sets_the_boundary_first(listed: dict[str, Listed]) -> None:
    assert list(listed) == list(ENTRIES)
    assert next(iter(listed)) == "sample-boundary"


@pytest.mark.parametrize("name", ENTRIES)
def test_every_data_set_says_that_it_is_synthetic(listed: dict[str, Listed], name: str) -> None:
    recipe: Recipe = listed[name].recipe
    assert set(recipe.title) == {"en", "de", "fr", "es", "it"}
    assert all("synth" in t or "sint" in t for t in recipe.title.values())
    assert recipe.publisher == "LDT sample city (synthetic data)"
    assert recipe.licence == "CC0-1.0"


@pytest.mark.parametrize("name", NAMES)
def test_outcomes_are_the_expected_ones(
    listed: dict[str, Listed], expected: dict[str, Any], selection: BaseGeometry, name: str
) -> None:
    tally = Harmonised(listed[name], selection).tally
    stated = dict(expected["datasets"][name])
    slack = stated.pop("doubtful", 0)
    found = {outcome: getattr(tally, outcome) for outcome in stated}
    if slack:
        # Which side such units fall on is told by how the buffer's corners are rounded.
        assert abs(found["outside"] - stated["outside"]) <= slack
        assert found["read"] == stated["read"]
        assert found["accepted"] + found["outside"] == found["read"]
    else:
        assert found == stated, tally.reasons


def test_sites_fail_for_the_reasons_that_the_generator_meant(
    listed: dict[str, Listed], selection: BaseGeometry
) -> None:
    reasons = Harmonised(listed["sample-protected-sites"], selection).tally.reasons
    assert reasons["repaired:invalid-geometry"] == 1
    assert reasons["rejected:missing-id"] == 1


def test_areas_have_schemes_codes_and_parents(listed: dict[str, Listed], selection: BaseGeometry) -> None:
    parents: dict[tuple[str, str], tuple[str, str] | None] = {}
    for name in ("sample-boundary", "sample-districts", "sample-quarters"):
        for p in Harmonised(listed[name], selection).properties:
            parent = (p["parent_scheme"], p["parent_code"]) if "parent_code" in p else None
            parents[p["scheme"], p["code"]] = parent
    assert len(parents) == 49
    assert [key for key, parent in parents.items() if parent is None] == [("city", "99000000")]
    assert all(parent in parents for parent in parents.values() if parent is not None)


def test_stations_are_the_things_that_observe(listed: dict[str, Listed], selection: BaseGeometry) -> None:
    stations = Harmonised(listed["sample-stations"], selection)
    codes = {p["code"] for p in stations.properties}
    assert codes == {f"DEZZ00{n}" for n in range(1, 7)}
    assert {p["station_type"] for p in stations.properties} == {"traffic", "background", "industrial"}
    assert {p["started"] for p in stations.properties} == {f"{year}-04-01" for year in range(1991, 1997)}
    x, y = shapely.get_coordinates(stations.geometries).T
    assert ((x > 8.9) & (x < 9.2) & (y > 51.2) & (y < 51.4)).all()
    air = Harmonised(listed["sample-air-quality"], selection)
    assert {d.thing for d in air.datastreams} == codes
    assert len(air.datastreams) == 22
    assert {d.observed_property for d in air.datastreams} == {"NO2", "PM10", "PM2.5", "O3", "SO2"}
    first = min(batch.column("time")[0].as_py() for batch in air.observations)
    assert first.isoformat() == "2023-12-31T23:00:00+00:00"  # midnight in UTC+1


def test_harmonised_areas_are_as_large_as_stated(
    listed: dict[str, Listed], expected: dict[str, Any], selection: BaseGeometry
) -> None:
    quarters = Harmonised(listed["sample-quarters"], selection)
    sizes = gpd.GeoSeries(quarters.geometries, crs=4326).to_crs(3035).area / 1e6
    found = dict(zip((p["code"] for p in quarters.properties), sizes, strict=True))
    stated = {a["code"]: a["area_km2"] for a in expected["areas"] if a["scheme"] == "quarter"}
    assert found.keys() == stated.keys()
    for code, size in stated.items():
        assert found[code] == pytest.approx(size, rel=1e-6)


def test_buildings_keep_what_their_file_says(
    listed: dict[str, Listed], manifest: Path, selection: BaseGeometry
) -> None:
    found = Harmonised(listed["sample-buildings"], selection)
    by_id = dict(zip(found.column("local_id"), found.properties, strict=True))
    with gzip.open(manifest.parent / "buildings.gml.gz", "rt", encoding="utf-8") as file:
        text = file.read()
    for code in ("00005", "00700", "01200"):
        part = text[text.index(f'gml:id="bu.{code}"') :].split("</bu-core2d:Building>")[0]
        (height,) = re.findall(r'uom="m">([\d.]+)<', part)
        (year,) = re.findall(r"<bu-base:end>(\d{4})", part)
        (use,) = re.findall(r"CurrentUseValue/(\w+)", part)
        (floors,) = re.findall(r"AboveGround>(\d+)</bu-base:numberOfFloorsAboveGround", part)
        one = by_id[code]
        assert (one["height_m"], one["year_of_construction"]) == (float(height), int(year))
        assert (one["use"], one["floors"], one["condition"]) == (use, int(floors), "functional")


def test_numbers_with_a_decimal_comma_are_numbers(
    listed: dict[str, Listed], manifest: Path, selection: BaseGeometry
) -> None:
    found = Harmonised(listed["sample-trees"], selection)
    register = pd.read_csv(
        manifest.parent / "baumkataster.csv",
        sep=";",
        decimal=",",
        encoding="latin-1",
        dtype={"Stadtviertel": str},
    ).drop_duplicates()
    register = register.dropna(subset=["Rechtswert (UTM32)"]).set_index("Baumnummer")
    assert len(found.properties) == len(register)
    for code, one in zip(found.column("local_id"), found.properties, strict=True):
        row = register.loc[code]
        assert one["height_m"] == row["Höhe in m"]
        assert one["crown_m"] == row["Kronendurchmesser in m"]
        assert one["name"] == row["Gattung/Art (deutsch)"]
        assert one["quarter"] == row["Stadtviertel"]


def test_the_population_of_an_area_is_told_by_scheme_code_and_year(
    listed: dict[str, Listed], selection: BaseGeometry
) -> None:
    found = Harmonised(listed["sample-population"], selection)
    assert {(p["scheme"], p["reference_year"]) for p in found.properties} == {
        (scheme, year) for scheme in ("district", "quarter") for year in (2018, 2023, 2024, 2025)
    }
    assert ("0402", 2024) not in {(p["code"], p["reference_year"]) for p in found.properties}
    grid = Harmonised(listed["sample-population-grid"], selection)
    assert {p["scheme"] for p in grid.properties} == {"grid-1km"}
    assert gpd.GeoSeries(grid.geometries, crs=4326).to_crs(3035).area.to_numpy() == pytest.approx(
        1e6, rel=1e-5
    )


def test_a_layer_of_changes_knows_what_was_before(listed: dict[str, Listed], selection: BaseGeometry) -> None:
    changes = Harmonised(listed["sample-land-cover-changes"], selection).properties
    assert {p["reference_year"] for p in changes} == {2024}
    assert all(p["change_from"] != p["class"] for p in changes)
    for year in (2018, 2024):
        status = Harmonised(listed[f"sample-land-cover-{year}"], selection).properties
        assert {p["reference_year"] for p in status} == {year}
        assert not any("change_from" in p for p in status)
