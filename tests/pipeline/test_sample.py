"""The sample city: the same bytes for the same seed, formats as the standards have them, and numbers that pandas confirms."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import rasterio.features
import shapely
import yaml
from lxml import etree

from ldt.errors import UsageError
from ldt.harmonise.recipe import load_recipe
from ldt.harmonise.vocabulary import concepts
from ldt.pipeline.sample import SEED, generate

NS = {
    "gml": "http://www.opengis.net/gml/3.2",
    "ps": "http://inspire.ec.europa.eu/schemas/ps/4.0",
    "au": "http://inspire.ec.europa.eu/schemas/au/4.0",
    "base": "http://inspire.ec.europa.eu/schemas/base/3.3",
}
LAYERS = (
    "boundary",
    "districts",
    "quarters",
    "land-cover/CLC2018_sample",
    "land-cover/CLC2024_sample",
    "land-cover/CHA1824_sample",
)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the full sample city; nothing in it is opened by GDAL's GML driver, which would leave a .gfs file there."""
    return generate(tmp_path_factory.mktemp("city")).parent


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small one."""
    return generate(tmp_path_factory.mktemp("small"), size="small").parent


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
    for positions in (*feature.iterfind(".//gml:posList", NS), *feature.iterfind(".//gml:pos", NS)):
        yield np.array((positions.text or "").split(), dtype=float).reshape(-1, 2)


# The same bytes -------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bytes(small: Path, tmp_path: Path) -> None:
    first = digests(small)
    generate(tmp_path, size="small")
    assert digests(tmp_path) == first
    # 22 series and one legacy, 3 layers of areas, 3 of land cover, 5 rasters, 4 GML files, 10 sensors, temperatures, 3 tables,
    # the manifest, what to expect, a note, and the list of all these.
    assert len(first) == 22 + 1 + 3 + 3 + 5 + 4 + 10 + 1 + 3 + 4


def test_another_seed_gives_another_city(small: Path, tmp_path: Path) -> None:
    generate(tmp_path, seed=SEED + 1, size="small")
    first, second = digests(small), digests(tmp_path)
    assert first.keys() == second.keys()
    assert {name for name in first if first[name] == second[name]} == set()


def test_the_small_city_is_the_same_but_for_what_there_is_less_of(city: Path, small: Path) -> None:
    full, less = digests(city), digests(small)
    differ = {n for n in full.keys() & less.keys() if full[n] != less[n]}
    assert {n for n in differ if not n.startswith("sensors/")} == {
        "buildings.gml.gz", "baumkataster.csv", "einwohner.csv", "population-grid.csv", "expected.json", "files.sha256",
    }  # fmt: skip


def test_the_full_city_stays_handy(city: Path) -> None:
    assert sum(p.stat().st_size for p in city.rglob("*") if p.is_file()) < 60_000_000


# What is there already ------------------------------------------------------------------------------------------


def test_what_is_there_unchanged_is_not_written_again(tmp_path: Path) -> None:
    told: list[str] = []
    manifest = generate(tmp_path, size="small", tell=lambda what, done, of: told.append(what))
    assert told[0] == "drawing"
    assert set(told[1:]) == digests(tmp_path).keys()
    times = {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")}
    told.clear()
    assert generate(tmp_path, size="small", tell=lambda what, done, of: told.append(what)) == manifest
    assert told == []
    assert {p: p.stat().st_mtime_ns for p in tmp_path.rglob("*")} == times


def test_the_list_of_files_is_one_that_sha256sum_checks(small: Path) -> None:
    done = subprocess.run(
        ["sha256sum", "--check", "--strict", "files.sha256"],
        cwd=small,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(": OK") == len(digests(small)) - 1


@pytest.mark.parametrize(
    "harm", ["changed", "gone", "of another seed", "of another generator", "half written", "damaged"]
)
def test_what_is_not_there_unchanged_is_written_again(
    small: Path, tmp_path: Path, harm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(small, tmp_path / "city"))
    whole = digests(folder)
    listed = folder / "files.sha256"
    match harm:
        case "changed":
            with (folder / "einwohner.csv").open("ab") as file:
                file.write(b"x")
        case "gone":
            (folder / "air-quality" / "DEZZ001_NO2.parquet").unlink()
        case "of another seed":
            listed.write_text(listed.read_text().replace(f"seed {SEED}", f"seed {SEED + 1}"))
        case "of another generator":
            # A file that this generator does not write any more goes, one that nobody listed stays.
            (folder / "old.csv").write_text("old")
            (folder / "own.csv").write_text("own")
            head, rest = listed.read_text().split("\n", 1)
            listed.write_text(
                f"{head[:-16]}{'0' * 16}\n{rest}{'0' * 64}  old.csv\n{'0' * 64}  ../outside.csv\n"
            )
            (folder.parent / "outside.csv").write_text("not ours")
        case "half written":

            def fail(*args: object, **more: object) -> None:
                raise OSError("no space left on device")

            with monkeypatch.context() as patched:
                patched.setattr("ldt.pipeline.sample.tables._write", fail)
                with pytest.raises(UsageError, match="no space left"):
                    generate(folder, seed=SEED + 1, size="small")
            assert not listed.exists()
        case "damaged":
            listed.write_bytes(b"\xff\xfe no list")
    generate(folder, size="small")
    found = digests(folder)
    if harm == "of another generator":
        assert found.pop("own.csv")
        assert (folder.parent / "outside.csv").read_text() == "not ours"
    assert found == whole


def test_other_seeds_keep_the_partition(tmp_path: Path) -> None:
    for seed in (0, 1, 2):
        generate(tmp_path, seed=seed, size="small")
        for name in ("districts", "quarters"):
            areas = layer(tmp_path, name).geometry.to_numpy()
            assert shapely.is_valid(areas).all()
            assert shapely.coverage_is_valid(areas), f"{name} of seed {seed}"
        footprints = buildings(tmp_path).geometry
        assert len(footprints) == 1_212
        assert footprints.is_valid.sum() == 1_209


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
        "stations.gml",
        "sample-city.yaml",
        "README.txt",
        "expected.json",
    ):
        assert "SYNTHETIC DATA" in (city / name).read_text(encoding="utf-8")[:2000], name
    with gzip.open(city / "buildings.gml.gz", "rt", encoding="utf-8") as file:
        assert "SYNTHETIC DATA" in file.read(2000)
    for path in (city / "air-quality").iterdir():
        assert b"SYNTHETIC DATA" in pq.read_schema(path).metadata[b"description"]
    for path in city.glob("land-cover/*.tif"):
        with rasterio.open(path) as raster:
            assert raster.tags()["TIFFTAG_IMAGEDESCRIPTION"].startswith("SYNTHETIC DATA")
    with rasterio.open(TEMPERATURE.format(city, "tasmax")) as cube:
        assert cube.tags()["NC_GLOBAL#comment"].startswith("SYNTHETIC DATA")
    for name in ("einwohner.csv", "baumkataster.csv"):
        rows = list(csv.reader((city / name).read_text("latin-1").splitlines(), delimiter=";"))
        assert {r[-1] for r in rows[1:]} == {"synthetische Daten"}


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


@pytest.mark.parametrize("year", [2018, 2024])
def test_land_cover_covers_the_city_and_its_surroundings_once(city: Path, year: int) -> None:
    cover = layer(city, f"land-cover/CLC{year}_sample")
    codes = cover[f"CODE_{year % 100}"]
    assert cover.crs.to_epsg() == 3035
    assert cover.geometry.is_valid.all()
    assert shapely.coverage_is_valid(cover.geometry.to_numpy())
    assert cover.area.sum() == pytest.approx(30_000.0**2, rel=1e-9)
    selection = layer(city, "boundary").buffer(5_100).to_crs(3035).iloc[0]
    assert shapely.box(*cover.total_bounds).contains(selection)
    np.testing.assert_allclose(cover.AREA_HA, cover.area / 1e4, atol=1e-4)
    official = "111 112 121 122 123 124 131 132 133 141 142 211 212 213 221 222 223 231 241 242 243 244 311 312 313 321 322 323 324 331 332 333 334 335 411 412 421 422 423 511 512 521 522 523"  # fmt: skip
    assert set(codes) <= set(official.split())
    assert len(set(codes)) >= 15


def test_land_cover_grows_more_rural_outwards(city: Path) -> None:
    cover = layer(city, "land-cover/CLC2018_sample")
    centre = layer(city, "boundary").to_crs(3035).centroid.iloc[0]
    artificial = cover.CODE_18.str.startswith("1")
    shares = []
    for inner, outer in ((0, 3_000), (3_000, 6_000), (6_000, 12_000)):
        ring = centre.buffer(outer).difference(centre.buffer(inner))
        shares.append(cover[artificial].intersection(ring).area.sum() / ring.area)
    assert shares[0] > 0.8
    assert shares[0] > shares[1] > shares[2]


def test_changes_are_what_differs_between_the_two_layers(city: Path) -> None:
    before, after = (layer(city, f"land-cover/CLC{y}_sample") for y in (2018, 2024))
    changes = layer(city, "land-cover/CHA1824_sample")
    assert (changes.CHANGE == changes.CODE_18 + "-" + changes.CODE_24).all()
    assert (changes.CODE_18 != changes.CODE_24).all()
    assert set(changes.CHTYPE) == {"R"}
    both = gpd.overlay(before[["CODE_18", "geometry"]], after[["CODE_24", "geometry"]], keep_geom_type=True)
    differ = both[both.CODE_18 != both.CODE_24]
    pairs = differ.area.groupby(differ.CODE_18 + "-" + differ.CODE_24).sum()
    pd.testing.assert_series_equal(
        changes.area.groupby(changes.CHANGE).sum().sort_index(),
        pairs[pairs > 1].sort_index(),
        rtol=1e-6,
        check_names=False,
    )
    assert changes.area.sum() == pytest.approx(differ.area.sum(), rel=1e-6)
    taken = changes[~changes.CODE_18.str.startswith("1") & changes.CODE_24.str.startswith("1")]
    districts = layer(city, "districts").to_crs(3035)
    assert sum(d.intersection(taken.union_all()).area > 1e4 for d in districts.geometry) >= 4


# Rasters --------------------------------------------------------------------------------------------------------

TEMPERATURE = "netcdf:{}/temperature_day_sample_2024-2025.nc:{}"


def raster(city: Path, name: str) -> tuple[np.ndarray, Any]:
    (path,) = (city / "land-cover").glob(f"{name}*.tif")
    with rasterio.open(path) as file:
        assert file.crs.to_epsg() == 3035
        assert file.dtypes == ("uint8",)
        return file.read(1), file.profile


@pytest.mark.parametrize("year", [2018, 2024])
def test_the_raster_of_land_cover_says_what_the_polygons_say(city: Path, year: int) -> None:
    values, profile = raster(city, f"U{year}")
    assert profile["nodata"] == 128
    assert profile["transform"].a == 100
    assert values.min() >= 1
    assert values.max() <= 44
    units = layer(city, f"land-cover/CLC{year}_sample")
    code = {
        c["code"]: c["properties"]["grid_code"] for c in concepts("corine") if "grid_code" in c["properties"]
    }
    rows, columns = np.indices(values.shape)[:, ::7, ::7].reshape(2, -1)
    x, y = rasterio.transform.xy(profile["transform"], rows, columns)
    points = gpd.GeoDataFrame({"value": values[rows, columns]}, geometry=gpd.points_from_xy(x, y), crs=3035)
    joined = points.sjoin(units, predicate="within")
    assert len(joined) > 0.99 * len(points)  # some lie on a line between two units
    assert (joined[f"CODE_{year % 100}"].map(code) == joined.value).all()


def test_imperviousness_and_trees_agree_with_buildings_and_land_cover(city: Path) -> None:
    sealed, profile = raster(city, "IMD_2024")
    trees, _ = raster(city, "TCD_2024")
    assert profile["nodata"] == 255
    assert profile["transform"].a == 20
    assert set(np.unique(sealed[sealed > 100])) == {254}  # a cloud
    assert trees.max() <= 100
    footprints = buildings(city).to_crs(3035).geometry.make_valid()
    built = rasterio.features.rasterize(footprints, sealed.shape, transform=profile["transform"]).astype(bool)
    valid = sealed <= 100
    assert sealed[valid & built].mean() > 3 * sealed[valid & ~built].mean()
    assert trees[built].mean() < trees[~built].mean() / 2
    units = layer(city, "land-cover/CLC2024_sample")
    for codes, low, high in ((["511", "512"], 0, 0.01), (["111"], 55, 90), (["311", "312", "313"], 0, 2)):
        burnt = units[units.CODE_24.isin(codes)].geometry
        here = rasterio.features.rasterize(burnt, sealed.shape, transform=profile["transform"]).astype(bool)
        assert low <= sealed[here & valid].mean() <= high, codes
    before, _ = raster(city, "IMD_2018")
    grown = layer(city, "land-cover/CHA1824_sample")
    grown = grown[grown.CODE_24.isin(["112", "121"]) & ~grown.CODE_18.str.startswith("1")].geometry
    here = (
        rasterio.features.rasterize(grown, sealed.shape, transform=profile["transform"]).astype(bool) & valid
    )
    assert sealed[here].mean() > before[here].mean() + 15


def test_temperatures_are_days_in_kelvin_and_the_centre_is_warmer(city: Path) -> None:
    with (
        rasterio.open(TEMPERATURE.format(city, "tasmax")) as high,
        rasterio.open(TEMPERATURE.format(city, "tasmin")) as low,
    ):
        tags = high.tags()
        assert (tags["tasmax#units"], tags["time#units"]) == ("K", "days since 1950-01-01 00:00:00")
        days = [int(d) for d in tags["NETCDF_DIM_time_VALUES"].strip("{}").split(",")]
        assert days == list(range(days[0], days[0] + 731))
        assert date(1950, 1, 1) + timedelta(days[0]) == date(2024, 1, 1)
        assert high.crs.to_epsg() == 3035
        assert abs(high.transform.a) == 1000
        highest, lowest = high.read() - 273.15, low.read() - 273.15
        centre = layer(city, "boundary").to_crs(3035).centroid.iloc[0]
        row, column = high.index(centre.x, centre.y)
    assert (highest > lowest).all()
    assert -25 < lowest.min() < highest.max() < 45
    nights = (lowest > 20).sum(axis=0)
    assert nights[row, column] > 3 * max(np.median(nights), 1)
    # No value decides by its last bit.
    assert np.abs(highest - 30).min() > 0.01
    assert np.abs(lowest - 20).min() > 0.01


# GML ------------------------------------------------------------------------------------------------------------


def test_gml_has_latitude_before_longitude_and_says_so(city: Path) -> None:
    for name, count in (("protected-sites", 15), ("administrative-unit", 1), ("stations", 7)):
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


def buildings(city: Path) -> gpd.GeoDataFrame:
    """The buildings by way of lxml and Shapely: GDAL would flatten away what they are."""
    with gzip.open(city / "buildings.gml.gz") as file:
        root = etree.fromstring(file.read(), etree.XMLParser(huge_tree=True))
    made: dict[str, list[Any]] = {name: [] for name in ("local_id", "use", "height", "floors", "year")}
    shapes = []
    for one in root.iterfind(".//bu-core2d:Building", BU):
        made["local_id"].append(text(one, ".//base:localId"))
        made["use"].append(value_of(one, ".//bu-base:CurrentUse/bu-base:currentUse"))
        made["height"].append(float(text(one, ".//bu-base:value")))
        made["floors"].append(int(text(one, "bu-base:numberOfFloorsAboveGround")))
        made["year"].append(int(text(one, ".//bu-base:end")[:4]))
        outer, *inner = (r[:, ::-1] for r in rings(one))
        shapes.append(shapely.Polygon(outer, inner))
    return gpd.GeoDataFrame(made, geometry=shapes, crs=4258)


def text(one: etree._Element, path: str) -> str:
    return str(one.findtext(path, namespaces=BU))


def value_of(one: etree._Element, path: str) -> str:
    """Return the last part of the code list value that an element refers to."""
    found = one.find(path, BU)
    assert found is not None
    return str(found.get("{http://www.w3.org/1999/xlink}href")).rsplit("/", 1)[1]


BU = {
    **NS,
    "ef": "http://inspire.ec.europa.eu/schemas/ef/4.0",
    "bu-core2d": "http://inspire.ec.europa.eu/schemas/bu-core2d/4.0",
    "bu-base": "http://inspire.ec.europa.eu/schemas/bu-base/4.0",
}


def test_buildings_stand_where_there_may_be_some(city: Path, sites: list[etree._Element]) -> None:
    found = buildings(city).to_crs(25832)
    assert len(found) == 20_012
    assert found.local_id.nunique() == 20_000
    again = found[found.duplicated("local_id", keep=False)]
    assert len(again) == 24
    assert (again.groupby("local_id").geometry.agg(lambda g: g.iloc[0].equals(g.iloc[1]))).all()
    assert (~found.is_valid).sum() == 3
    sound = found[found.is_valid].drop_duplicates("local_id").reset_index(drop=True)
    assert (sound.geometry.interiors.str.len() > 0).sum() > 100  # courtyards
    one, other = shapely.STRtree(sound.geometry).query(sound.geometry, predicate="intersects")
    assert (one == other).all()  # none touches another
    boundary = layer(city, "boundary").geometry.iloc[0]
    assert sound.within(boundary.buffer(0.01)).all()
    cover = layer(city, "land-cover/CLC2024_sample")
    water = cover[cover.CODE_24.str[0].isin(["4", "5"])].to_crs(25832).union_all().buffer(-0.5)
    assert not sound.intersects(water).any()
    protected = [
        shapely.Polygon(next(iter(rings(e)))[:, ::-1])
        for s in sites
        if s.find(".//base:localId", NS) is not None
        for e in s.iterfind(".//gml:exterior", NS)
    ]
    shielded = gpd.GeoSeries(protected, crs=4258).to_crs(25832).make_valid().union_all().buffer(-0.5)
    holes = shapely.union_all(
        [
            shapely.Polygon(next(iter(rings(e)))[:, ::-1])
            for s in sites
            for e in s.iterfind(".//gml:interior", NS)
        ]
    )
    shielded = shielded - gpd.GeoSeries([holes], crs=4258).to_crs(25832).buffer(0.5).iloc[0]
    assert not sound.intersects(shielded).any()
    quarters = layer(city, "quarters")
    per_km2 = (
        sound.sjoin(quarters, predicate="within").groupby("bezeichnung").size()
        / quarters.set_index("bezeichnung").area
        * 1e6
    )
    assert per_km2["Altstadt"] == per_km2.max()
    assert per_km2["Altstadt"] > 5 * per_km2.median()
    assert {"individualResidence", "collectiveResidence", "industrial", "office"} <= set(sound.use)
    assert (sound.height >= 2.5 * sound.floors).all()
    assert sound.year.between(1600, 2024).all()
    assert (sound.year > 2018).sum() > 50  # in what was built between the two years of land cover


# Air quality ----------------------------------------------------------------------------------------------------


def test_parquet_has_the_layout_of_the_eea(city: Path) -> None:
    value = pa.decimal128(38, 18)
    columns = {
        "Samplingpoint": pa.string(), "Pollutant": pa.int32(), "Start": pa.timestamp("ns"), "End": pa.timestamp("ns"),
        "Value": value, "Unit": pa.string(), "AggType": pa.string(), "Validity": pa.int32(), "Verification": pa.int32(),
        "ResultTime": pa.timestamp("ns"), "DataCapture": value, "FkObservationLog": pa.string(),
    }  # fmt: skip
    paths = sorted((city / "air-quality").glob("*.parquet"))
    assert len(paths) == 22
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
    limit = air.Pollutant.map({8: 2.0, 5: 3.0, 6001: 2.0, 7: 2.0, 1: 1.0})
    low = air.Validity.isin([2, 3])
    assert (air.Value[low] < limit[low]).all()
    assert (air.Value[air.Validity == 3] == limit[air.Validity == 3] / 2).all()
    assert len(air) < 22 * 17_544  # hours were lost


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
    assert len(expected["air_quality"]) == len(rows) == 2 * 22 + 1
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


def test_hours_that_local_clocks_skip_or_repeat_are_there(air: pd.DataFrame) -> None:
    """In UTC+1 every hour exists once; read as local time of Berlin, two an autumn were one and one a spring did not exist."""
    for point in ("DEZZ001_NO2", "DEZZ002_O3"):
        of_point = air[air.Samplingpoint.str.contains(point)].Start
        for day in ("2024-03-31", "2024-10-27", "2025-03-30", "2025-10-26"):
            assert (of_point.dt.date.astype(str) == day).sum() == 24, (point, day)
        berlin = of_point.dt.tz_localize("Europe/Berlin", nonexistent="NaT", ambiguous="NaT")
        assert berlin.isna().sum() >= 4


def test_ozone_is_of_summer_afternoons(air: pd.DataFrame) -> None:
    ozone = air[air.Samplingpoint.str.contains("DEZZ006_O3") & (air.Validity >= 1)]
    by_hour = ozone.groupby(ozone.Start.dt.hour).Value.mean()
    assert by_hour.idxmax() in {14, 15, 16}
    month = ozone.Start.dt.month
    assert ozone.Value[month.isin([6, 7, 8])].mean() > 1.5 * ozone.Value[month.isin([12, 1, 2])].mean()


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


@pytest.mark.filterwarnings("ignore:Field with same name:RuntimeWarning")
def test_stations_stand_where_their_names_say(
    city: Path, air: pd.DataFrame, expected: dict[str, Any], tmp_path: Path
) -> None:
    frame = gml_layer(city, "stations", tmp_path).to_crs(25832)
    by_code = dict(zip(frame.localId, frame.geometry, strict=True))
    quarters = layer(city, "quarters").set_index("bezeichnung").geometry
    named = {
        "DEZZ002": "Neumarkt",
        "DEZZ003": "Gartenstadt",
        "DEZZ004": "Güterbahnhof",
        "DEZZ005": "Deichfeld",
    }
    for code, quarter in named.items():
        assert quarters[quarter].contains(by_code[code]), code
    distance = pd.Series(frame.distance(layer(city, "boundary").geometry.iloc[0]).to_numpy(), frame.localId)
    assert set(distance.index[distance == 0]) == {f"DEZZ00{n}" for n in range(1, 6)}
    assert 500 < distance["DEZZ006"] < 4_500  # in the country, within the buffer
    assert distance["DEZZ090"] > 10_000
    measured = set(
        air.Samplingpoint.str.extract(r"^DE/SPO\.DE_(DEZZ\d{3})_(?:NO2|PM10|PM2\.5|O3|SO2)_dataGroup1$")[0]
    )
    assert measured == set(frame.localId) - {"DEZZ090"}
    assert expected["datasets"]["sample-stations"]["outside"] == 1
    root = etree.parse(str(city / "stations.gml")).getroot()
    kinds = {
        value_of(one, "ef:specialisedEMFType")
        for one in root.iterfind(".//{*}EnvironmentalMonitoringFacility")
    }
    assert kinds == {"background", "industrial", "traffic"}


# Tables ---------------------------------------------------------------------------------------------------------


def test_citizen_sensors_run_through_the_change_of_clocks_in_utc(city: Path) -> None:
    paths = sorted((city / "sensors").iterdir())
    assert len(paths) == 10
    places = set()
    for path in paths:
        frame = pd.read_csv(path, sep=";")
        kind = "sds011" if "sds011" in path.name else "bme280"
        assert frame.columns[:6].tolist() == [
            "sensor_id",
            "sensor_type",
            "location",
            "lat",
            "lon",
            "timestamp",
        ]
        assert (
            frame.columns[6:].tolist()
            == {
                "sds011": ["P1", "durP1", "ratioP1", "P2", "durP2", "ratioP2"],
                "bme280": ["pressure", "altitude", "pressure_sealevel", "temperature", "humidity"],
            }[kind]
        )
        time = pd.to_datetime(frame.timestamp, format="%Y-%m-%dT%H:%M:%S")
        assert time.is_monotonic_increasing
        assert time.is_unique
        assert time.diff().min() > pd.Timedelta("3min")
        assert (time.diff() > pd.Timedelta("3h")).sum() <= 1  # an outage
        night = time[time.between("2025-10-26T00:00", "2025-10-26T02:59")]
        assert len(night) >= 30
        places.add((frame.lat.iloc[0], frame.lon.iloc[0]))
    assert len(places) == 5
    boundary = layer(city, "boundary").to_crs(4326).geometry.iloc[0]
    assert all(boundary.contains(shapely.Point(lon, lat)) for lat, lon in places)


def test_people_live_where_the_buildings_are(city: Path) -> None:
    grid = pd.read_csv(city / "population-grid.csv")
    assert grid.columns.tolist() == ["GRD_ID", "TOT_P_2021"]
    place = grid.GRD_ID.str.extract(r"^CRS3035RES1000mN(\d{7})E(\d{7})$").astype(int)
    assert (place % 1000 == 0).all().all()
    assert grid.GRD_ID.is_unique
    office = pd.read_csv(
        city / "einwohner.csv",
        sep=";",
        decimal=",",
        encoding="latin-1",
        dtype={"Schlüssel": str, "Einwohner": str},
    )
    assert office.Einwohner.eq(".").sum() == 4  # one quarter, four years
    assert office.Schlüssel[office.Einwohner == "."].unique().tolist() == ["0402"]
    known = office[office.Einwohner != "."].assign(n=lambda f: f.Einwohner.astype(int))
    last = known[known.Stichtag == "31.12.2024"]
    districts = last[last.Raumbezug == "Stadtbezirk"].set_index("Schlüssel").n
    quarters = last[last.Raumbezug == "Stadtviertel"]
    by_district = quarters.groupby(quarters.Schlüssel.str[:2]).n.sum()
    assert (districts - by_district).drop("04").eq(0).all()
    assert districts["04"] >= by_district["04"]
    assert set(last.Raumbezug) == {"Stadtbezirk", "Stadtviertel"}  # the city itself is left out
    sizes = pd.concat([layer(city, n).set_index("schluessel").area for n in ("districts", "quarters")]) / 1e6
    np.testing.assert_allclose(
        last.set_index("Schlüssel")["Fläche in km²"], sizes[last.Schlüssel], atol=0.005
    )
    # Cells that lie wholly in the city hold most of its people.
    x, y = place[1] + 500, place[0] + 500
    boundary = layer(city, "boundary").to_crs(3035).geometry.iloc[0]
    inside = shapely.contains(boundary, shapely.box(x - 500, y - 500, x + 500, y + 500))
    assert 0.75 < grid.TOT_P_2021[inside].sum() / districts.sum() <= 1


def test_trees_are_written_as_german_cities_write_them(city: Path, expected: dict[str, Any]) -> None:
    raw = (city / "baumkataster.csv").read_bytes()
    with pytest.raises(UnicodeDecodeError):
        raw.decode("utf-8")
    frame = pd.read_csv(
        city / "baumkataster.csv", sep=";", decimal=",", encoding="latin-1", dtype={"Stadtviertel": str}
    )
    tally = expected["datasets"]["sample-trees"]
    assert (len(frame), frame.duplicated().sum()) == (tally["read"], tally["duplicate"])
    assert frame["Rechtswert (UTM32)"].isna().sum() == tally["rejected"]
    there = frame.dropna(subset=["Rechtswert (UTM32)"])
    points = gpd.GeoDataFrame(
        there, geometry=gpd.points_from_xy(there["Rechtswert (UTM32)"], there["Hochwert (UTM32)"]), crs=25832
    )
    within = points.sjoin(layer(city, "quarters"), predicate="within")
    assert len(within) == len(points)
    assert (within.schluessel == within.Stadtviertel).all()
    footprints = buildings(city).to_crs(25832).geometry.make_valid()
    assert points.sjoin(gpd.GeoDataFrame(geometry=footprints), predicate="within").empty
    assert "Gewöhnliche Rosskastanie" in set(frame["Gattung/Art (deutsch)"])
    assert there["Höhe in m"].between(1, 30).all()


# What a twin must show ------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:Field with same name:RuntimeWarning")
def test_geopandas_finds_the_stated_shares(city: Path, expected: dict[str, Any], tmp_path: Path) -> None:
    """The generator's figures from another side: its files, overlaid by GeoPandas."""
    sites = gml_layer(city, "protected-sites", tmp_path)
    sites = sites[sites.identifier.notna() & sites.localId.notna()].to_crs(3035)
    protected = sites.make_valid().union_all()
    before, after = (layer(city, f"land-cover/CLC{y}_sample") for y in (2018, 2024))
    natural = {
        "2018": before[before.CODE_18.str[0].isin(["3", "4", "5"])].union_all(),
        "2024": after[after.CODE_24.str[0].isin(["3", "4", "5"])].union_all(),
    }
    changes = layer(city, "land-cover/CHA1824_sample")
    taken = changes[~changes.CODE_18.str.startswith("1") & changes.CODE_24.str.startswith("1")].union_all()
    sizes = {(a["scheme"], a["code"]): a["area_km2"] for a in expected["areas"]}
    stated = {(v["indicator"], v["scheme"], v["code"], v["period"]): v["value"] for v in expected["values"]}
    assert len(sizes) == 1 + 7 + 41
    for scheme, name in (("city", "boundary"), ("district", "districts"), ("quarter", "quarters")):
        areas = layer(city, name).set_index("schluessel").geometry.to_crs(3035)
        for code, area in areas.items():
            unit = (scheme, str(code))
            assert sizes[unit] == pytest.approx(area.area / 1e6, abs=1e-6)
            # A square metre of the smallest quarter is far less than 0.001 %.
            share = 100 * (area & protected).area / area.area
            assert stated["protected-area-share", *unit, "2025"] == pytest.approx(share, abs=1e-3)
            for year, where in natural.items():
                share = 100 * (area & where).area / area.area
                assert stated["natural-share", *unit, year] == pytest.approx(share, abs=1e-3)
            rate = (area & taken).area / 1e6 / 6
            assert stated["land-take", *unit, "2024"] == pytest.approx(rate, abs=1e-6)
    assert stated["protected-area-share", "city", "99000000", "2025"] > 3
    assert stated["natural-share", "city", "99000000", "2024"] > 3


def test_exactextract_finds_the_stated_means(city: Path, expected: dict[str, Any]) -> None:
    """The shares of cells from another side: exactextract, which the generator does not use."""
    from exactextract import exact_extract

    stated = {
        (v["indicator"], v["code"], v["period"]): v for v in expected["values"] if v["scheme"] == "quarter"
    }
    quarters = layer(city, "quarters").to_crs(3035)
    for indicator, name in (("soil-sealing", "IMD_2024"), ("tree-canopy-share", "TCD_2024")):
        (path,) = (city / "land-cover").glob(f"{name}*.tif")
        with rasterio.open(path) as file:
            values = np.where(file.read(1) > 100, np.nan, file.read(1))
            meta = {**file.profile, "dtype": "float64", "nodata": np.nan}
        with rasterio.MemoryFile() as memory:
            with memory.open(**meta) as target:
                target.write(values, 1)
            with memory.open() as source:
                found = exact_extract(
                    source, quarters, ["mean", "count"], include_cols="schluessel", output="pandas"
                )
        for row in found.itertuples():
            one = stated[indicator, row.schluessel, "2024"]
            if row.count * 400 / quarters.set_index("schluessel").area[row.schluessel] < 0.9:
                assert (one["status"], one["value"]) == ("insufficient", None)
            else:
                assert one["value"] == pytest.approx(row.mean, rel=1e-5)


def test_outcomes_add_up_to_what_the_files_hold(
    city: Path, air: pd.DataFrame, expected: dict[str, Any]
) -> None:
    tallies = expected["datasets"]
    for name, tally in tallies.items():
        five = sum(tally[o] for o in ("accepted", "repaired", "rejected", "duplicate", "outside"))
        assert tally["read"] == five, name
    assert tallies["sample-air-quality"]["read"] == len(air)
    cover = layer(city, "land-cover/CLC2024_sample")
    tally = tallies["sample-land-cover-2024"]
    assert tally["read"] == len(cover)
    # Another way to the same: what meets a geodesic buffer, here by way of the city's own CRS (scale 0.9996).
    selection = layer(city, "boundary").buffer(5_000 * 0.9996, quad_segs=64).to_crs(3035).iloc[0]
    inside = int(cover.intersects(selection).sum())
    assert inside == pytest.approx(tally["accepted"], abs=tally["doubtful"])
    assert tally["doubtful"] <= 5
    assert tally["outside"] > 0


def test_the_manifest_names_files_that_are_there(city: Path) -> None:
    manifest = yaml.safe_load((city / "sample-city.yaml").read_text(encoding="utf-8"))
    assert manifest["ldt"] == 1
    assert manifest["twin"] == "sample-city"
    assert set(manifest["title"]) == set(manifest["description"]) == {"en", "de", "fr", "es", "it"}
    assert all(re.search(r"s[yi]nt", t) for t in manifest["title"].values())
    named = [p for d in manifest["datasets"] for s in d["sources"] for p in city.glob(s)]
    assert all(list(city.glob(s)) for d in manifest["datasets"] for s in d["sources"])
    others = {"sample-city.yaml", "expected.json", "README.txt", "files.sha256"}
    assert {p.name for p in city.rglob("*") if p.is_file()} == {p.name for p in named} | others
    names = {d.get("name", Path(d["recipe"]).stem) for d in manifest["datasets"]}
    assert manifest["boundary"] in names
    assert names == set(json.loads((city / "expected.json").read_text(encoding="utf-8"))["datasets"])
    assert manifest["periods"] == ["2018", "2024", "2025"]


@pytest.mark.parametrize("name", ["boundary", "districts", "quarters"])
def test_recipes_of_areas_fit_the_files(city: Path, name: str) -> None:
    recipe = load_recipe(f"city/sample-{name}")
    assert recipe.feature is not None
    fields = set(pyogrio.read_info(city / f"{name}.gpkg")["fields"])
    assert set(recipe.source.match) <= fields
    plain = {sql for sql in recipe.feature.columns.values() if not sql.startswith("'")}
    assert plain <= fields
    assert "synthetic" in recipe.title["en"]


def test_air_quality_is_mapped_as_the_shipped_recipe_maps_it() -> None:
    own, shipped = load_recipe("city/sample-air-quality"), load_recipe("eea/air-quality-parquet")
    assert own.observation is not None
    assert shipped.observation is not None
    # The files name the sampling point; here it tells the station.
    joined = {"thing": own.observation.thing, "datastream": own.observation.datastream}
    assert own.observation == shipped.observation.model_copy(update=joined)
    assert own.source.reader == shipped.source.reader


# Refusals -------------------------------------------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file", encoding="utf-8")
    with pytest.raises(UsageError, match="cannot write the sample city") as e:
        generate(tmp_path / "taken")
    assert e.value.where == str(tmp_path / "taken")


def test_an_unknown_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no size 'huge'"):
        generate(tmp_path, size="huge")
    assert not list(tmp_path.iterdir())


def test_a_negative_seed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the seed is -1"):
        generate(tmp_path, seed=-1)
    assert not list(tmp_path.iterdir())
