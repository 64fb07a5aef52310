"""Cologne from its real files: where it lies, and every value against a calculation that shares nothing with ours.

Areas are checked with geopandas on the files, means with the json module and numpy.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import psycopg
import pytest
import yaml

from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.pipeline.build import Built, build
from ldt.store import features, records, snapshots
from ldt.store.connect import connect

MANIFEST = Path(__file__).parent / "cologne.yaml"
# Taken from a map, not from the files: the city lies within these degrees.
WEST, SOUTH, EAST, NORTH = 6.76, 50.82, 7.17, 51.09


@pytest.fixture(scope="module")
def built(
    shared_database_url: str, real_data: Path, own_data_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Built:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    for entry in manifest["datasets"]:
        entry["sources"] = [
            str(real_data / s.removeprefix("../../../shared/data/")) for s in entry["sources"]
        ]
    path = tmp_path_factory.mktemp("manifest") / "cologne.yaml"
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    return build(shared_database_url, path)


@pytest.fixture
def state(built: Built, shared_database_url: str) -> Iterator[tuple[psycopg.Connection[Any], Snapshot]]:
    with connect(shared_database_url) as conn, conn.transaction():
        yield conn, snapshots.resolve(conn, "cologne", OPERATOR)


def test_the_manifest_as_it_stands_finds_its_files(real_data: Path) -> None:
    for entry in yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))["datasets"]:
        for source in entry["sources"]:
            assert list(real_data.glob(source.removeprefix("../../../shared/data/"))), source


def test_outcomes_add_up_to_what_the_files_hold(built: Built) -> None:
    assert built.errors == []
    read = {d.dataset: d.tally.read for d in built.datasets}
    assert all(d.tally.adds_up for d in built.datasets)
    # counts of the data folder's README; the 12 files of hourly values hold one record a day
    assert read == {
        "cologne-boundary": 1,
        "cologne-districts": 9,
        "cologne-parts": 86,
        "cologne-quarters": 371,
        "cologne-protected-areas": 19,
        "cologne-stations": 893,
        "cologne-air-quality": 3 * (31 + 28 + 31) + 89,
    }


@pytest.mark.parametrize(
    ("dataset", "source", "code", "name"),
    [
        ("cologne-districts", "Stadtbezirk.shp", "STB_NR", "STB_NAME"),
        ("cologne-parts", "Stadtteil.shp", "STT_NR", "STT_NAME"),
        ("cologne-quarters", "Stadtviertel.shp", "STV_NR", "STV_NAME"),
    ],
)
def test_areas_lie_where_cologne_lies(
    state: tuple[psycopg.Connection[Any], Snapshot],
    real_data: Path,
    dataset: str,
    source: str,
    code: str,
    name: str,
) -> None:
    conn, snapshot = state
    found = dict(
        conn.execute(
            "SELECT properties ->> 'code', (properties ->> 'name', ST_XMin(geom), ST_YMin(geom), ST_XMax(geom), ST_YMax(geom),"
            " ST_Area(geom::geography)) FROM ldt.feature WHERE dataset_id = %s AND until IS NULL",
            (snapshot.datasets[dataset].dataset_id,),
        ).fetchall()
    )
    raw = gpd.read_file(real_data / "cologne" / "geo" / source)
    # GDAL, PROJ through geopandas: the file's own CRS, its false easting included, to degrees
    theirs = raw.to_crs(4326)
    areas = raw.geometry.area
    assert len(found) == len(raw)
    for row, geometry, area in zip(raw.itertuples(), theirs.geometry, areas, strict=True):
        label, *box, ours = found[str(getattr(row, code))]
        assert label == getattr(row, name)
        assert WEST < float(box[0]) < float(box[2]) < EAST
        assert SOUTH < float(box[1]) < float(box[3]) < NORTH
        assert [float(x) for x in box] == pytest.approx(geometry.bounds, abs=1e-7)
        # UTM's scale is within 0.04 % of one here, so areas agree to a tenth of a per cent
        assert float(ours) == pytest.approx(area, rel=1.5e-3)


def test_the_whole_city_is_405_square_kilometres(state: tuple[psycopg.Connection[Any], Snapshot]) -> None:
    conn, _ = state
    row = conn.execute(
        "SELECT ST_Area(boundary::geography) / 1e6, ST_Area(selection::geography) / 1e6 FROM ldt.twin"
    ).fetchone()
    assert row is not None
    assert row[0] == pytest.approx(405, rel=0.005)  # the city's own figure: 405 km²
    assert row[1] > row[0] + 300


def test_stations_kept_are_those_within_five_kilometres(
    state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path
) -> None:
    conn, snapshot = state
    table = pd.read_csv(real_data / "cologne" / "uba" / "stations_active.csv")
    places = gpd.points_from_xy(table.station_longitude_d, table.station_latitude_d, crs=4326)
    stations = gpd.GeoDataFrame(table, geometry=places)
    boundary = gpd.read_file(real_data / "cologne" / "geo" / "cityboundary.geojson")
    metres = stations.to_crs(25832).distance(boundary.to_crs(25832).geometry.iloc[0])
    near = set(stations.loc[metres <= 5000, "station_code"])
    found = {
        code
        for (code,) in conn.execute(
            "SELECT properties ->> 'code' FROM ldt.feature WHERE dataset_id = %s",
            (snapshot.datasets["cologne-stations"].dataset_id,),
        )
    }
    assert found == near


def values(
    state: tuple[psycopg.Connection[Any], Snapshot], indicator: str
) -> dict[tuple[str, str], dict[str, Any]]:
    conn, snapshot = state
    rows = conn.execute(
        "SELECT scheme, code, value, status, n_valid, n_expected, coverage, verdicts, unit FROM ldt.value"
        " WHERE twin_id = %s AND indicator = %s AND until IS NULL",
        (snapshot.twin_id, indicator),
    ).fetchall()
    names = ("value", "status", "n_valid", "n_expected", "coverage", "verdicts", "unit")
    return {(r[0], r[1]): dict(zip(names, r[2:], strict=True)) for r in rows}


def test_protected_area_share_of_every_area(
    state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path
) -> None:
    found = values(state, "protected-area-share")
    geo = real_data / "cologne" / "geo"
    protected = gpd.read_file(real_data / "cologne" / "landuse" / "naturschutz.shp").to_crs(3035).union_all()
    layers = {
        "city": (gpd.read_file(geo / "cityboundary.geojson"), None),
        "district": (gpd.read_file(geo / "Stadtbezirk.shp"), "STB_NR"),
        "part": (gpd.read_file(geo / "Stadtteil.shp"), "STT_NR"),
        "quarter": (gpd.read_file(geo / "Stadtviertel.shp"), "STV_NR"),
    }
    checked = 0
    for scheme, (layer, code) in layers.items():
        areas = layer.to_crs(3035)
        areas.geometry = areas.make_valid()
        shares = 100 * areas.geometry.intersection(protected).area / areas.geometry.area
        for (_, row), share in zip(areas.iterrows(), shares, strict=True):
            key = (scheme, str(row[code])) if code else next(k for k in found if k[0] == "city")
            assert found[key]["status"] == "valid"
            assert found[key]["unit"] == "%"
            assert found[key]["value"] == pytest.approx(share, abs=0.01), key
            checked += 1
    assert checked == len(found) == 1 + 9 + 86 + 371


def hourly(real_data: Path) -> dict[tuple[str, str, str], list[float]]:
    """Return all values by station, pollutant and kind, from the names and the content of the files."""
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for path in sorted((real_data / "cologne" / "uba").glob("2014*.json")):
        _, station, pollutant, kind = path.stem.split("_")
        for day in json.loads(path.read_text()).values():
            found[station, pollutant, kind] += [float(v) for v in day]  # some days hold text
    return found


def test_annual_means_of_a_quarter_of_a_year_are_not_published(
    state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path
) -> None:
    series = hourly(real_data)
    found = values(state, "no2-annual-mean")
    for station in ("DENW053", "DENW211"):
        valid = [v for v in series[station, "NO2", "1SMW"] if v > -999]
        one = found["station", station]
        assert one["n_valid"] == len(valid)
        assert one["n_expected"] == 8760
        assert one["coverage"] == pytest.approx(len(valid) / 8760)
        assert (one["status"], one["value"]) == ("insufficient", None)
        assert {v["verdict"] for v in one["verdicts"]} == {"not-assessable"}
    pm10 = values(state, "pm10-annual-mean")["station", "DENW059"]
    days = [v for v in series["DENW059", "PM1", "1TMW"] if v > -999]
    assert (pm10["n_valid"], pm10["status"]) == (len(days), "insufficient")


def test_the_stored_hours_are_those_of_the_files(
    state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path
) -> None:
    conn, _ = state
    series = hourly(real_data)
    for (station, pollutant, kind), averaging in {
        ("DENW053", "NO2", "1SMW"): "PT1H",
        ("DENW211", "NO2", "1SMW"): "PT1H",
        ("DENW053", "O3", "8SMW"): "PT8H",
        ("DENW059", "PM1", "1TMW"): "P1D",
    }.items():
        expected = np.array([v for v in series[station, pollutant, kind] if v > -999], dtype=float)
        row = conn.execute(
            "SELECT count(*), sum(o.value), min(o.time), max(o.time_end) FROM ldt.observation o JOIN ldt.datastream d"
            " ON d.id = o.datastream_id WHERE d.thing = %s AND d.averaging = %s",
            (station, averaging),
        ).fetchone()
        assert row is not None
        assert (row[0], row[1]) == (len(expected), pytest.approx(expected.sum()))
        assert row[3].isoformat() == "2014-03-31T23:00:00+00:00"  # midnight of 1 April in UTC+1


def test_a_value_leads_back_to_the_very_records(state: tuple[psycopg.Connection[Any], Snapshot]) -> None:
    conn, snapshot = state
    sources = {s["name"]: s["digest"] for s in records.sources(conn, snapshot, "cologne-protected-areas")}
    assert list(sources) == ["naturschutz.shp"]
    page = features.page(
        conn, snapshot, [snapshot.datasets["cologne-protected-areas"]], features.Selection(), limit=100
    )
    assert len(list(page)) == 19


def test_building_again_changes_nothing(
    built: Built, shared_database_url: str, tmp_path: Path, real_data: Path, own_data_dir: Path
) -> None:
    manifest = yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))
    for entry in manifest["datasets"]:
        entry["sources"] = [
            str(real_data / s.removeprefix("../../../shared/data/")) for s in entry["sources"]
        ]
    path = tmp_path / "cologne.yaml"
    path.write_text(yaml.safe_dump(manifest), encoding="utf-8")
    again = build(shared_database_url, path)
    assert all(d.unchanged for d in again.datasets)
    assert all(r["written"] == 0 for r in again.runs)
    assert again.revision == built.revision
