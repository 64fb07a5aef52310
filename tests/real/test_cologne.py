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
from tests.store.loading import read_items

from ldt.indicators import engine
from ldt.model.snapshot import OPERATOR, Snapshot
from ldt.pipeline.build import Built, build
from ldt.store import observations, records, snapshots
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
        "cologne-land-use-plan": 2121,
        "cologne-climate-station": 5,
        "cologne-climate": 20_211,
        "cologne-weather": 332 + 732 + 700,
        "cologne-population": 29_135,
        "cologne-traffic-segments": 113,
        "cologne-traffic": 963_976,
    }
    # All that is not meant to be left out is there, but one polygon of the plan, which has no area.
    lost = {d.dataset: d.tally.reasons for d in built.datasets if d.tally.rejected or d.tally.duplicate}
    assert list(lost) == ["cologne-land-use-plan"]
    assert lost["cologne-land-use-plan"]["rejected:invalid-geometry"] == 1
    outside = {d.dataset: d.tally.outside for d in built.datasets if d.tally.outside}
    assert outside.keys() == {"cologne-stations", "cologne-population"}
    assert outside["cologne-population"] == 29_135 - 8 * (1 + 9 + 86)


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
    state: tuple[psycopg.Connection[Any], Snapshot], indicator: str, period: str = "2014"
) -> dict[tuple[str, str], dict[str, Any]]:
    conn, snapshot = state
    rows = conn.execute(
        "SELECT scheme, code, value, status, n_valid, n_expected, coverage, verdicts, unit, reason, quality FROM ldt.value"
        " WHERE twin_id = %s AND indicator = %s AND period = %s AND until IS NULL",
        (snapshot.twin_id, indicator, period),
    ).fetchall()
    names = ("value", "status", "n_valid", "n_expected", "coverage", "verdicts", "unit", "reason", "quality")
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


@pytest.fixture(scope="module")
def climate(real_data: Path) -> pd.DataFrame:
    """The days of the climate station as pandas reads them, by date."""
    (path,) = (real_data / "cologne" / "dwd").glob("produkt_klima_*.txt")
    table = pd.read_csv(
        path, skipinitialspace=True, skipfooter=1, engine="python"
    )  # the last line is DOS's mark of the end
    table.columns = table.columns.str.strip()
    return table.set_index(pd.to_datetime(table.Mess_Datum.astype(int).astype(str)))


@pytest.mark.parametrize("period", ["2003", "2012", "2014"])
@pytest.mark.parametrize(
    ("indicator", "column", "above"),
    [("hot-days", "LUFTTEMPERATUR_MAXIMUM", 30), ("tropical-nights", "LUFTTEMPERATUR_MINIMUM", 20)],
)
def test_hot_days_and_tropical_nights_of_the_climate_station(
    state: tuple[psycopg.Connection[Any], Snapshot],
    climate: pd.DataFrame,
    indicator: str,
    column: str,
    above: float,
    period: str,
) -> None:
    found = values(state, indicator, period)
    days = climate.loc[period, column] if period != "2014" else climate[column].iloc[:0]
    one = found["station", "dwd-02667"]
    if period == "2014":  # the series ends with 2012
        assert (one["value"], one["status"]) == (None, "insufficient")
    else:
        assert (one["value"], one["status"], one["unit"]) == ((days > above).sum(), "valid", "{days}/a")
        assert one["coverage"] == 1
    assert one["n_valid"] == len(days)
    # A station in an area is no mean of the area: areas need cells.
    rest = {key: v for key, v in found.items() if key[0] != "station"}
    assert len(rest) == 1 + 9 + 86 + 371
    assert {(v["value"], v["status"]) for v in rest.values()} == {(None, "not-computable")}


def test_the_figures_of_the_climate_station_in_words(state: tuple[psycopg.Connection[Any], Snapshot]) -> None:
    # Counted in the file with pandas when this was written.
    for indicator, period, expected in (
        ("hot-days", "2003", 21), ("hot-days", "2012", 8), ("tropical-nights", "2003", 0), ("tropical-nights", "2012", 1),
    ):  # fmt: skip
        assert values(state, indicator, period)["station", "dwd-02667"]["value"] == expected


def test_daily_means_of_a_quarter_of_a_year_are_no_exceedances(
    state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path
) -> None:
    one = values(state, "pm10-exceedance-days")["station", "DENW059"]
    days = [v for v in hourly(real_data)["DENW059", "PM1", "1TMW"] if v > -999]
    assert (one["value"], one["status"]) == (None, "insufficient")
    assert (one["n_valid"], one["n_expected"]) == (len(days), 365)


def test_the_air_quality_index_of_single_hours(
    state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path
) -> None:
    """Of the pollutants of the index only NO2 has hourly values here; upper edges of its classes in 2025: 10, 25, 60, 100, 150."""
    conn, snapshot = state
    january = json.loads((real_data / "cologne" / "uba" / "201401_DENW053_NO2_1SMW.json").read_text())
    hours = [float(v) for v in january["20140115"]]
    periods = [f"2014-01-15T{h:02d}" for h in range(24)]
    with conn.transaction(force_rollback=True):
        engine.compute(conn, snapshot, ["european-air-quality-index"], schemes=["city"], periods=periods)
        found = [
            values(state, "european-air-quality-index", period)["station", "DENW053"]["value"]
            for period in periods
        ]
    expected = [None if v <= -999 else 1 + sum(v > edge for edge in (10, 25, 60, 100, 150)) for v in hours]
    assert found == expected
    assert len(set(found)) > 1
    year = values(state, "european-air-quality-index")["station", "DENW053"]
    assert (year["value"], year["status"]) == (None, "insufficient")


def test_what_is_observed_has_its_latest_value(
    state: tuple[psycopg.Connection[Any], Snapshot], climate: pd.DataFrame, real_data: Path
) -> None:
    conn, snapshot = state
    found = {(r["thing"], r["observed_property"]): r for r in observations.latest(conn, snapshot)}
    last = found["dwd-02667", "air-temperature-maximum"]
    assert last["value"] == climate.LUFTTEMPERATUR_MAXIMUM.iloc[-1] == 10.1
    assert last["time"].isoformat() == "2012-12-30T23:00:00+00:00"
    # The place is that of the row of the metadata that is in force, not one of the four before it.
    assert json.loads(last["geometry"])["coordinates"] == pytest.approx([7.1586, 50.8661])
    weather = (
        pd.read_csv(real_data / "cologne" / "weather_eddk" / "201310.csv").sort_values("timestamp").iloc[-1]
    )
    assert found["EDDK", "air-temperature"]["value"] == pytest.approx(weather.temp_mean - 273.15)
    traffic = pd.read_csv(real_data / "cologne" / "traffic" / "load_2013-03.csv.gz")
    known = traffic[traffic.auslastung != 16].groupby("identifier").auslastung.last()
    assert {
        thing: r["value"] for (thing, what), r in found.items() if what == "traffic-state"
    } == known.to_dict()


def test_the_plan_covers_the_city(state: tuple[psycopg.Connection[Any], Snapshot], real_data: Path) -> None:
    conn, snapshot = state
    dataset = snapshot.datasets["cologne-land-use-plan"].dataset_id
    ours = dict(
        conn.execute(
            "SELECT properties ->> 'local_code', sum(ST_Area(ST_Transform(geom, 3035))) / 1e4 FROM ldt.feature"
            " WHERE dataset_id = %s AND until IS NULL GROUP BY 1",
            (dataset,),
        ).fetchall()
    )
    plan = gpd.read_file(real_data / "cologne" / "landuse" / "fnp_aktuell.shp")
    theirs = plan.groupby("TYP").SHAPE_Area.sum() / 1e4  # the city's own areas, in UTM
    assert ours.keys() == set(theirs.index)
    for code, hectares in theirs.items():
        assert float(ours[code]) == pytest.approx(hectares, rel=2e-3), code
    assert sum(map(float, ours.values())) / 100 == pytest.approx(405, rel=0.01)


def test_a_value_leads_back_to_the_very_records(state: tuple[psycopg.Connection[Any], Snapshot]) -> None:
    conn, snapshot = state
    sources = {s["name"]: s["digest"] for s in records.sources(conn, snapshot, "cologne-protected-areas")}
    assert list(sources) == ["naturschutz.shp"]
    page = [d["id"] for _, d in read_items(conn, snapshot, "protected-sites")]
    assert len([i for i in page if i.startswith("cologne-protected-areas.")]) == 19


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
