"""The sample city: the same bytes for the same seed, formats as the standards have them, and numbers that pandas confirms."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import shapely
import yaml
from lxml import etree

from ldt.errors import UsageError
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.sample import SEED, generate

NS = {
    "gml": "http://www.opengis.net/gml/3.2",
    "ps": "http://inspire.ec.europa.eu/schemas/ps/4.0",
    "au": "http://inspire.ec.europa.eu/schemas/au/4.0",
    "base": "http://inspire.ec.europa.eu/schemas/base/3.3",
}
LAYERS = ("boundary", "districts", "quarters", "land-cover")


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a sample city; nothing in it is opened by GDAL's GML driver, which would leave a .gfs file there."""
    return generate(tmp_path_factory.mktemp("city")).parent


@pytest.fixture(scope="module")
def expected(city: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((city / "expected.json").read_text(encoding="utf-8"))
    return content


@pytest.fixture(scope="module")
def sites(city: Path) -> list[etree._Element]:
    return etree.parse(str(city / "protected-sites.gml")).findall(".//ps:ProtectedSite", NS)


def digests(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


def layer(city: Path, name: str) -> gpd.GeoDataFrame:
    return gpd.read_file(city / f"{name}.gpkg", engine="pyogrio")


def gml_layer(city: Path, name: str, to: Path) -> gpd.GeoDataFrame:
    """Read a GML file with GDAL, from a copy."""
    copy = Path(shutil.copy(city / f"{name}.gml", to))
    return gpd.read_file(copy, engine="pyogrio")


def rings(feature: etree._Element) -> Iterator[np.ndarray]:
    for positions in feature.iterfind(".//gml:posList", NS):
        yield np.array((positions.text or "").split(), dtype=float).reshape(-1, 2)


# The same bytes -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(city: Path, tmp_path: Path) -> None:
    first = digests(city)
    generate(tmp_path)
    assert digests(tmp_path) == first
    # Twelve series, four layers, two GML and two CSV files, five recipes, the manifest, what to expect, and a note.
    assert len(first) == 12 + 4 + 2 + 2 + 5 + 3
    generate(tmp_path)  # over what is there
    assert digests(tmp_path) == first


def test_another_seed_gives_another_city(city: Path, tmp_path: Path) -> None:
    generate(tmp_path, seed=SEED + 1)
    first, second = digests(city), digests(tmp_path)
    assert first.keys() == second.keys()
    same = {name for name in first if first[name] == second[name]}
    assert same == set()


def test_other_seeds_keep_the_partition(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        generate(tmp_path, seed=seed)
        for name in ("districts", "quarters"):
            areas = layer(tmp_path, name).geometry.to_numpy()
            assert shapely.is_valid(areas).all()
            assert shapely.coverage_is_valid(areas), f"{name} of seed {seed}"


@pytest.mark.parametrize("name", LAYERS)
def test_geopackages_say_that_they_are_synthetic(city: Path, name: str) -> None:
    import sqlite3

    with sqlite3.connect(city / f"{name}.gpkg") as db:
        ((identifier, description, changed),) = db.execute(
            "SELECT identifier, description, last_change FROM gpkg_contents"
        ).fetchall()
    assert "synthetic" in identifier
    assert description.startswith("SYNTHETIC DATA")
    assert changed == "2026-01-01T00:00:00.000Z"


def test_every_kind_of_file_says_that_it_is_synthetic(city: Path) -> None:
    for name in (
        "protected-sites.gml",
        "administrative-unit.gml",
        "sample-city.yaml",
        "README.txt",
        "expected.json",
    ):
        assert "SYNTHETIC DATA" in (city / name).read_text(encoding="utf-8")[:2000], name
    for path in (city / "air-quality").iterdir():
        assert b"SYNTHETIC DATA" in pq.read_schema(path).metadata[b"description"]


# Areas ----------------------------------------------------------------------------------------------------------


def test_districts_and_quarters_partition_the_city(city: Path) -> None:
    boundary, districts, quarters = (layer(city, n) for n in ("boundary", "districts", "quarters"))
    assert [len(x) for x in (boundary, districts, quarters)] == [1, 7, 41]
    whole = boundary.geometry.iloc[0]
    for areas in (districts, quarters):
        assert areas.crs.to_epsg() == 25832
        assert areas.geometry.is_valid.all()
        # No overlap: the sizes add up. No gap: together they are the city.
        assert areas.area.sum() == pytest.approx(whole.area, rel=1e-12)
        assert areas.union_all().symmetric_difference(whole).area < 1e-6
    for code, district in districts.set_index("schluessel").geometry.items():
        own = quarters[quarters.gehoert_zu == code]
        assert len(own) == (5 if code == "01" else 6)
        assert own.union_all().symmetric_difference(district).area < 1e-6
    assert set(districts.gehoert_zu) == set(boundary.schluessel) == {"99000000"}
    assert quarters.schluessel.is_unique
    assert quarters.bezeichnung.is_unique


def test_the_city_lies_where_it_is_said_to_lie(city: Path) -> None:
    west, south, east, north = layer(city, "boundary").to_crs(4326).total_bounds
    assert 8.9 < west < 9.0 < 9.1 < east < 9.2
    assert 51.2 < south < 51.3 < north < 51.4


def test_land_cover_covers_the_city_and_its_surroundings_once(city: Path) -> None:
    cover = layer(city, "land-cover")
    assert cover.crs.to_epsg() == 3035
    assert cover.geometry.is_valid.all()
    assert shapely.coverage_is_valid(cover.geometry.to_numpy())
    assert cover.area.sum() == pytest.approx(30_000.0**2, rel=1e-9)
    selection = layer(city, "boundary").buffer(5_100).to_crs(3035).iloc[0]
    assert shapely.box(*cover.total_bounds).contains(selection)
    np.testing.assert_allclose(cover.AREA_HA, cover.area / 1e4, atol=1e-4)
    official = "111 112 121 122 123 124 131 132 133 141 142 211 212 213 221 222 223 231 241 242 243 244 311 312 313 321 322 323 324 331 332 333 334 335 411 412 421 422 423 511 512 521 522 523"  # fmt: skip
    assert set(cover.CODE_18) <= set(official.split())
    assert len(set(cover.CODE_18)) >= 15


def test_land_cover_grows_more_rural_outwards(city: Path) -> None:
    cover = layer(city, "land-cover")
    centre = layer(city, "boundary").to_crs(3035).centroid.iloc[0]
    artificial = cover.CODE_18.str.startswith("1")
    shares = []
    for inner, outer in ((0, 3_000), (3_000, 6_000), (6_000, 12_000)):
        ring = centre.buffer(outer).difference(centre.buffer(inner))
        shares.append(cover[artificial].intersection(ring).area.sum() / ring.area)
    assert shares[0] > 0.8
    assert shares[0] > shares[1] > shares[2]


# GML ------------------------------------------------------------------------------------------------------------


def test_gml_has_latitude_before_longitude_and_says_so(city: Path) -> None:
    for name, count in (("protected-sites", 15), ("administrative-unit", 1)):
        root = etree.parse(str(city / f"{name}.gml")).getroot()
        assert len(root.findall("gml:featureMember", NS)) == count
        declared = {e.get("srsName") for e in root.iterfind(".//*[@srsName]")}
        assert declared == {"urn:ogc:def:crs:EPSG::4258"}
        for latitude, longitude in (ring.T for ring in rings(root)):
            # Germany lies between 47 and 55.1 N and between 5.8 and 15.1 E: the ranges have nothing in common.
            assert ((latitude > 47) & (latitude < 55.1)).all()
            assert ((longitude > 5.8) & (longitude < 15.1)).all()


# GDAL flattens GML: gml:identifier and base:Identifier become one name, and it warns of that.
@pytest.mark.filterwarnings("ignore:Field with same name:RuntimeWarning")
def test_gdal_reads_the_gml_and_puts_it_in_the_same_place(city: Path, tmp_path: Path) -> None:
    unit = gml_layer(city, "administrative-unit", tmp_path)
    assert unit.crs.to_epsg() == 4258
    boundary = layer(city, "boundary")
    difference = unit.to_crs(25832).geometry.iloc[0].symmetric_difference(boundary.geometry.iloc[0])
    assert difference.area < 10  # nine decimals of a degree over some 50 km of outline
    sites = gml_layer(city, "protected-sites", tmp_path)
    assert len(sites) == 15
    assert sites.is_valid.sum() == 14


def test_sites_bring_about_every_outcome(
    sites: list[etree._Element], city: Path, expected: dict[str, Any]
) -> None:
    ids = [s.findtext(".//base:localId", namespaces=NS) for s in sites]
    nameless = [s for s, i in zip(sites, ids, strict=True) if i is None]
    assert len(nameless) == 1
    assert nameless[0].find("gml:identifier", NS) is None
    assert not nameless[0].attrib
    copies = [s for s, i in zip(sites, ids, strict=True) if i is not None and ids.count(i) == 2]
    assert len(copies) == 2
    assert etree.tostring(copies[0], method="c14n") == etree.tostring(copies[1], method="c14n")

    parts = [
        [
            shapely.Polygon(next(iter(rings(exterior)))[:, ::-1])
            for exterior in site.iterfind(".//gml:exterior", NS)
        ]
        for site in sites
    ]
    crossed = [not all(p.is_valid for p in some) for some in parts]
    assert sum(crossed) == 1
    reason = shapely.is_valid_reason(parts[crossed.index(True)][0])
    assert reason.startswith("Self-intersection")
    boundary = layer(city, "boundary").geometry.iloc[0]
    placed = gpd.GeoSeries([shapely.MultiPolygon(p) for p in parts], crs=4258).to_crs(25832)
    far = placed.distance(boundary) > 5_000
    assert far.sum() == 1
    assert placed[far].distance(boundary).min() > 10_000
    tally = expected["datasets"]["sample-protected-sites"]
    assert tally == {"read": 15, "accepted": 11, "repaired": 1, "rejected": 1, "duplicate": 1, "outside": 1}
    # Some sites have holes, one has several surfaces, and some lie over others.
    assert sum(len(s.findall(".//gml:interior", NS)) for s in sites) >= 3
    assert max(len(some) for some in parts) == 3


# Air quality ----------------------------------------------------------------------------------------------------


def test_parquet_has_the_layout_of_the_eea(city: Path) -> None:
    value = pa.decimal128(38, 18)
    columns = {
        "Samplingpoint": pa.string(), "Pollutant": pa.int32(), "Start": pa.timestamp("ns"), "End": pa.timestamp("ns"),
        "Value": value, "Unit": pa.string(), "AggType": pa.string(), "Validity": pa.int32(), "Verification": pa.int32(),
        "ResultTime": pa.timestamp("ns"), "DataCapture": value, "FkObservationLog": pa.string(),
    }  # fmt: skip
    paths = sorted((city / "air-quality").glob("*.parquet"))
    assert len(paths) == 12
    for path in paths:
        table = pq.read_table(path)
        assert table.schema.equals(pa.schema(list(columns.items())), check_metadata=False)
        assert len(table["Samplingpoint"].unique()) == 1
        assert table["Unit"].unique().to_pylist() == ["ug.m-3"]
        assert table["AggType"].unique().to_pylist() == ["hour"]
        # Two decimals exactly, as an instrument gives them.
        assert all(v == round(v, 2) for v in table["Value"].to_pylist()[:500])


@pytest.fixture(scope="module")
def air(city: Path) -> pd.DataFrame:
    frame = pd.concat(pq.read_table(p).to_pandas() for p in sorted((city / "air-quality").glob("*.parquet")))
    frame["Value"] = frame.Value.astype(float)
    frame["year"] = frame.Start.dt.year
    return frame.reset_index(drop=True)


def test_series_are_hours_with_flags_and_gaps(air: pd.DataFrame) -> None:
    assert ((air.End - air.Start) == pd.Timedelta("1h")).all()
    assert air.Start.min() == pd.Timestamp("2024-01-01")
    assert air.End.max() == pd.Timestamp("2026-01-01")
    assert not air.duplicated(["Samplingpoint", "Start"]).any()
    assert set(air.Validity) == {-99, -1, 1, 2, 3}
    assert ((air.Value <= -999) == (air.Validity == -99)).all()
    assert (air.Value[air.Validity >= 1] >= 0).all()
    limit = air.Pollutant.map({8: 2.0, 5: 3.0})
    low = air.Validity.isin([2, 3])
    assert (air.Value[low] < limit[low]).all()
    assert (air.Value[air.Validity == 3] == limit[air.Validity == 3] / 2).all()
    assert len(air) < 12 * 17_544  # hours were lost


def test_pandas_finds_the_stated_annual_means(
    air: pd.DataFrame, city: Path, expected: dict[str, Any]
) -> None:
    legacy = pd.read_csv(city / "DEZZ002_PM10_2023_legacy.csv")
    legacy = legacy.drop_duplicates(["SamplingPoint", "DatetimeBegin"])
    old = pd.DataFrame(
        {
            "Samplingpoint": "DE/" + legacy.SamplingPoint,
            "Value": legacy.Concentration,
            "Validity": legacy.Validity,
            "year": legacy.DatetimeBegin.str[:4].astype(int),
        }
    )
    both = pd.concat([air[old.columns], old])
    rows = both.groupby(["Samplingpoint", "year"]).size()
    valid = both[both.Validity >= 1].groupby(["Samplingpoint", "year"]).Value.agg(["size", "mean"])
    assert len(expected["air_quality"]) == len(rows) == 25
    for row in expected["air_quality"]:
        key = (row["sampling_point"], row["year"])
        hours = 8784 if row["year"] == 2024 else 8760
        assert rows[key] == row["rows"]
        assert valid["size"][key] == row["valid"]
        assert row["coverage"] == pytest.approx(100 * valid["size"][key] / hours, abs=1e-4)
        assert row["mean"] == pytest.approx(valid["mean"][key], abs=1e-6)


def test_coverage_and_limits_tell_the_stations_apart(expected: dict[str, Any]) -> None:
    rows = [r for r in expected["air_quality"] if r["year"] in {2024, 2025}]
    coverage = {r["station"]: r["coverage"] for r in rows}
    # 2008/50/EC asks for 90 %, (EU) 2024/2881 for 85 %, the EEA's statistics for 75 %.
    assert 85.5 < coverage["DEZZ003"] < 89.5
    assert 69 < coverage["DEZZ004"] < 71
    assert all(c > 92 for s, c in coverage.items() if s not in {"DEZZ003", "DEZZ004"})
    no2 = {(r["station"], r["year"]): r["mean"] for r in rows if r["pollutant"] == "NO2"}
    assert {s for (s, _), mean in no2.items() if mean > 40} == {"DEZZ001"}
    assert no2["DEZZ006", 2024] < 10
    assert all(r["mean"] < 40 for r in rows if r["pollutant"] == "PM10")


def test_days_weeks_and_seasons_show_in_the_series(air: pd.DataFrame) -> None:
    traffic = air[air.Samplingpoint.str.contains("DEZZ001_NO2") & (air.Validity >= 1)]
    by_hour = traffic.groupby(traffic.Start.dt.hour).Value.mean()
    assert by_hour[7] > 1.5 * by_hour[12]
    assert by_hour[17] > 1.5 * by_hour[12]
    assert by_hour[3] < by_hour[12] * 1.3
    weekend = traffic.Start.dt.day_of_week >= 5
    assert traffic.Value[weekend].mean() < 0.9 * traffic.Value[~weekend].mean()
    month = traffic.Start.dt.month
    assert traffic.Value[month.isin([12, 1, 2])].mean() > 1.2 * traffic.Value[month.isin([6, 7, 8])].mean()


def test_legacy_file_repeats_hours_as_real_ones_do(city: Path, expected: dict[str, Any]) -> None:
    raw = (city / "DEZZ002_PM10_2023_legacy.csv").read_bytes()
    assert raw.count(b"\r\n") == raw.count(b"\n")
    frame = pd.read_csv(city / "DEZZ002_PM10_2023_legacy.csv")
    assert frame.columns.tolist() == [
        "Countrycode", "Namespace", "AirQualityNetwork", "AirQualityStation", "AirQualityStationEoICode",
        "SamplingPoint", "SamplingProcess", "Sample", "AirPollutant", "AirPollutantCode", "AveragingTime",
        "Concentration", "UnitOfMeasurement", "DatetimeBegin", "DatetimeEnd", "Validity", "Verification",
    ]  # fmt: skip
    assert frame.DatetimeBegin.str.fullmatch(r"2023-\d\d-\d\d \d\d:00:00 \+01:00").all()
    key = ["SamplingPoint", "DatetimeBegin"]
    again = frame.duplicated(key)
    tally = expected["datasets"]["sample-air-quality-legacy"]
    assert (tally["read"], tally["duplicate"]) == (len(frame), again.sum()) == (len(frame), 31 * 24)
    assert not frame.duplicated().any()  # another sampling process …
    assert (frame.groupby(key).Concentration.nunique() == 1).all()  # … of the same values


def test_stations_stand_where_their_names_say(
    city: Path, air: pd.DataFrame, expected: dict[str, Any]
) -> None:
    frame = pd.read_csv(city / "stations.csv", dtype={"station_start_date": str})
    points = gpd.GeoSeries.from_xy(frame.station_longitude_d, frame.station_latitude_d, crs=4258).to_crs(
        25832
    )
    quarters = layer(city, "quarters").set_index("bezeichnung").geometry
    named = {
        "DEZZ002": "Neumarkt",
        "DEZZ003": "Gartenstadt",
        "DEZZ004": "Güterbahnhof",
        "DEZZ005": "Deichfeld",
    }
    by_code = dict(zip(frame.station_code, points, strict=True))
    for code, quarter in named.items():
        assert quarters[quarter].contains(by_code[code]), code
    distance = pd.Series(
        points.distance(layer(city, "boundary").geometry.iloc[0]).to_numpy(), frame.station_code
    )
    assert set(distance.index[distance == 0]) == {f"DEZZ00{n}" for n in range(1, 6)}
    assert 500 < distance["DEZZ006"] < 4_500  # in the country, within the buffer
    assert distance["DEZZ090"] > 10_000
    measured = set(air.Samplingpoint.str.extract(r"^DE/SPO\.DE_(DEZZ\d{3})_(?:NO2|PM10)_dataGroup1$")[0])
    assert measured == set(frame.station_code) - {"DEZZ090"}
    assert expected["datasets"]["sample-stations"]["outside"] == 1
    dms = frame.station_latitude_dms.str.extract(r"^\+(\d{3})\.(\d+)\.(\d+)$").astype(float)
    np.testing.assert_allclose(
        dms[0] + dms[1] / 60 + dms[2] / 3600, frame.station_latitude_d, atol=0.5 / 3600 + 1e-6
    )


# What a twin must show ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Field with same name:RuntimeWarning")
def test_geopandas_finds_the_stated_shares(city: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    sites = gml_layer(city, "protected-sites", tmp_path)
    sites = sites[sites.identifier.notna() & sites.localId.notna()].to_crs(3035)
    protected = sites.make_valid().union_all()
    cover = layer(city, "land-cover")
    natural = cover[cover.CODE_18.str[0].isin(["3", "4", "5"])].union_all()
    stated = {(a["scheme"], a["code"]): a for a in expected["areas"]}
    assert len(stated) == 1 + 7 + 41
    for scheme, name in (("city", "boundary"), ("district", "districts"), ("quarter", "quarters")):
        areas = layer(city, name).set_index("schluessel").geometry.to_crs(3035)
        for code, area in areas.items():
            row = stated[scheme, str(code)]
            assert row["area_km2"] == pytest.approx(area.area / 1e6, abs=1e-6)
            # A square metre of the smallest quarter is far less than 0.001 %.
            assert row["protected_area_share"] == pytest.approx(
                100 * (area & protected).area / area.area, abs=1e-3
            )
            assert row["natural_share"] == pytest.approx(100 * (area & natural).area / area.area, abs=1e-3)
    assert stated["city", "99000000"]["protected_area_share"] > 3
    assert stated["city", "99000000"]["natural_share"] > 3


def test_outcomes_add_up_to_what_the_files_hold(
    city: Path, air: pd.DataFrame, expected: dict[str, Any]
) -> None:
    tallies = expected["datasets"]
    for name, tally in tallies.items():
        five = sum(tally[o] for o in ("accepted", "repaired", "rejected", "duplicate", "outside"))
        assert tally["read"] == five, name
    assert tallies["sample-air-quality"]["read"] == len(air)
    cover = layer(city, "land-cover")
    assert tallies["sample-land-cover"]["read"] == len(cover)
    # Another way to the same: what meets a geodesic buffer, here by way of the city's own CRS (scale 0.9996).
    selection = layer(city, "boundary").buffer(5_000 * 0.9996, quad_segs=64).to_crs(3035).iloc[0]
    inside = int(cover.intersects(selection).sum())
    assert inside == pytest.approx(
        tallies["sample-land-cover"]["accepted"], abs=tallies["sample-land-cover"]["doubtful"]
    )
    assert tallies["sample-land-cover"]["doubtful"] <= 5
    assert tallies["sample-land-cover"]["outside"] > 0


def test_the_manifest_names_files_that_are_there(city: Path) -> None:
    manifest = yaml.safe_load((city / "sample-city.yaml").read_text(encoding="utf-8"))
    assert manifest["ldt"] == 1
    assert manifest["twin"] == "sample-city"
    assert set(manifest["title"]) == set(manifest["description"]) == {"en", "de", "fr", "es", "it"}
    assert all(re.search(r"s[yi]nt", t) for t in manifest["title"].values())
    named = [p for d in manifest["datasets"] for s in d["sources"] for p in city.glob(s)]
    assert all(list(city.glob(s)) for d in manifest["datasets"] for s in d["sources"])
    recipes = {Path(d["recipe"]).name for d in manifest["datasets"] if d["recipe"].endswith(".yaml")}
    others = {"sample-city.yaml", "expected.json", "README.txt", *recipes}
    assert {p.name for p in city.rglob("*") if p.is_file()} == {p.name for p in named} | others
    names = {Path(d["recipe"]).stem for d in manifest["datasets"]}
    assert manifest["boundary"] in names
    assert names == set(json.loads((city / "expected.json").read_text(encoding="utf-8"))["datasets"])
    assert manifest["periods"] == ["2024", "2025"]


@pytest.mark.parametrize("name", ["boundary", "districts", "quarters"])
def test_recipes_of_areas_fit_the_files(city: Path, name: str) -> None:
    recipe = load_recipe(f"city/sample-{name}")
    assert recipe.feature is not None
    fields = set(pyogrio.read_info(city / f"{name}.gpkg")["fields"])
    assert set(recipe.source.match) <= fields
    plain = {sql for sql in recipe.feature.columns.values() if not sql.startswith("'")}
    assert plain <= fields
    assert "synthetic" in recipe.title["en"]


def test_recipe_of_stations_fits_the_file(city: Path) -> None:
    recipe = load_recipe("city/sample-stations")
    columns = pd.read_csv(city / "stations.csv", nrows=0).columns
    assert set(recipe.source.match) | {recipe.source.options["x"], recipe.source.options["y"]} <= set(columns)


# Refusals -------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot write the sample city") as e:
        generate(tmp_path / "taken")
    assert e.value.where == str(tmp_path / "taken")


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the seed is -1"):
        generate(tmp_path, seed=-1)
    assert not list(tmp_path.iterdir())
