"""Real files through the whole chain, against pandas and geopandas on the same files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyproj
import pytest
import shapely
from tests.indicators.world import World

from ldt.harmonise.recipe import load_recipe
from ldt.model.indicator import ValueKey
from ldt.pipeline.ingest import ingest
from ldt.store import values


@pytest.fixture
def chain(world: World, database_url: str) -> Any:
    """A function that ingests files by a recipe into the twin `test`, wherever they lie."""

    def run(recipe: str, *paths: Path) -> None:
        ingest(database_url, "test", load_recipe(recipe), list(paths), everywhere=True)

    return run


def value(world: World, indicator: str, scheme: str, code: str, period: str) -> dict[str, Any]:
    found: dict[str, Any] = values.one(
        world.conn, world.snapshot(), ValueKey(indicator, scheme, code, period)
    )
    return found


def test_a_belgian_station_whose_coverage_divides_the_rules(
    world: World, chain: Any, real_data: Path
) -> None:
    file = real_data / "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"
    chain("eea/air-quality-legacy", file)
    world.compute("pm10-annual-mean", periods=["2013"])
    found = value(world, "pm10-annual-mean", "station", "BETR740", "2013")
    # Every hour stands twice in the file; the times carry +01:00.
    data = pd.read_csv(file).drop_duplicates("DatetimeBegin")
    assert data.DatetimeBegin.str.endswith("+01:00").all()
    data = data[(data.Validity >= 1) & data.DatetimeBegin.str.startswith("2013")]
    assert found["value"] == pytest.approx(data.Concentration.mean(), rel=1e-9)
    assert (found["n_valid"], found["n_expected"]) == (len(data), 8760)
    assert round(100 * found["coverage"], 1) == 87.7
    assert {v["rule_set"]: v["verdict"] != "not-assessable" for v in found["verdicts"]} == {
        "2008-50-ec": False,  # 90 %
        "2024-2881": True,  # 85 %
        "who-2021": True,
        "eea-statistics": True,  # 75 %
    }


def test_three_months_in_cologne_are_too_few(world: World, chain: Any, real_data: Path) -> None:
    files = sorted((real_data / "cologne/uba").glob("2014*.json"))
    chain("cologne/air-quality", *files)
    world.compute("no2-annual-mean", "pm10-annual-mean", "data-completeness", periods=["2014"])
    for station, pollutant, ending, expected in (
        ("DENW053", "NO2", "NO2_1SMW", 8760),
        ("DENW211", "NO2", "NO2_1SMW", 8760),
        ("DENW059", "PM10", "PM1_1TMW", 365),
    ):
        hours = [
            v
            for f in files
            if f.name.endswith(f"{station}_{ending}.json")
            for day in json.loads(f.read_text()).values()
            for v in day
        ]
        numbers = pd.to_numeric(pd.Series(hours), errors="coerce")
        valid = numbers[numbers > -999]
        found = value(world, f"{pollutant.lower()}-annual-mean", "station", station, "2014")
        assert (found["n_valid"], found["n_expected"]) == (len(valid), expected)
        assert (found["status"], found["value"]) == ("insufficient", None)
        (series,) = found["quality"]["series"]
        assert series["mean"] == pytest.approx(valid.mean(), rel=1e-9)


def test_days_above_the_limit_at_a_belgian_station(world: World, chain: Any, real_data: Path) -> None:
    file = real_data / "airquality/eea_legacy/BE_BETR740_PM10_2013_E1a_legacy.csv"
    chain("eea/air-quality-legacy", file)
    world.compute("pm10-exceedance-days", periods=["2013"])
    found = value(world, "pm10-exceedance-days", "station", "BETR740", "2013")
    data = pd.read_csv(file).drop_duplicates("DatetimeBegin")
    data = data[(data.Validity >= 1) & data.DatetimeBegin.str.startswith("2013")]
    # The times are written in the station's own zone, +01:00: their first ten characters are its calendar day.
    by_day = data.groupby(data.DatetimeBegin.str[:10]).Concentration
    means = by_day.mean()[by_day.count() >= 18]
    above = int((means > 50).sum())
    assert (found["value"], found["status"]) == (above, "valid")
    days = found["quality"]["days"]
    assert (days["valid"], days["expected"]) == (len(means), 365)
    assert days["highest"] == pytest.approx(means.max(), rel=1e-9)
    verdicts = {v["rule_set"]: v for v in found["verdicts"]}
    assert verdicts["2024-2881"]["exceedances"] == int((means > 45).sum())
    assert verdicts["2024-2881"]["verdict"] == ("exceeded" if (means > 45).sum() > 18 else "compliant")
    assert verdicts["who-2021"]["statistic"] == pytest.approx(np.percentile(means, 99), rel=1e-9)
    # 87.7 % of the hours are too few for 90 %, unless there are more than 35 days already.
    assert verdicts["2008-50-ec"]["verdict"] == ("exceeded" if above > 35 else "not-assessable")
    assert verdicts["2008-50-ec"]["by_year"] == {"2013": above}


def test_ozone_of_a_quarter_is_told_and_not_shown(world: World, chain: Any, real_data: Path) -> None:
    files = sorted((real_data / "cologne/uba").glob("2014*_O3_8SMW.json"))
    chain("cologne/air-quality", *files)
    world.compute("o3-days-above-120", periods=["2014"])
    found = value(world, "o3-days-above-120", "station", "DENW053", "2014")
    # The running means of a day stand under the day on which they end.
    daily = {day: hours for f in files for day, hours in json.loads(f.read_text()).items()}
    valid = {
        day: [float(h) for h in hours if h is not None and float(h) > -999] for day, hours in daily.items()
    }
    highest = np.array([max(hours) for hours in valid.values() if len(hours) >= 18], dtype=float)
    assert (found["status"], found["value"]) == ("insufficient", None)
    assert (found["n_valid"], found["n_expected"]) == (sum(map(len, valid.values())), 8760)
    assert found["quality"]["days"] == {
        "valid": len(highest),
        "expected": 365,
        "above": int((highest > 120).sum()),
        "highest": highest.max(),
    }
    assert len(highest) == 72
    assert {v["verdict"] for v in found["verdicts"]} == {"not-assessable"}
    assert found["method"].endswith("as delivered")


def test_hot_days_and_tropical_nights_at_cologne_airport(world: World, chain: Any, real_data: Path) -> None:
    (file,) = (real_data / "cologne/dwd").glob("produkt_klima_Tageswerte_*.txt")
    chain("cologne/climate", file)
    data = pd.read_csv(file, skipinitialspace=True, na_values=[-999], skipfooter=1, engine="python")
    data.columns = data.columns.str.strip()
    years = data.Mess_Datum.astype(str).str[:4]
    assert {"1957", "1976", "2003", "2012"} <= set(years)
    world.compute("hot-days", "tropical-nights", periods=sorted(set(years)))
    for indicator, column, limit in (
        ("hot-days", "LUFTTEMPERATUR_MAXIMUM", 30),
        ("tropical-nights", "LUFTTEMPERATUR_MINIMUM", 20),
    ):
        temperature = pd.to_numeric(data[column])
        above = (temperature > limit).groupby(years).sum()
        there = temperature.notna().groupby(years).sum()
        found = {
            v["period"]: v for v in values.page(world.conn, world.snapshot(), indicator, scheme="station")
        }
        assert set(found) == set(above.index)
        assert {y: v["n_valid"] for y, v in found.items()} == there.to_dict()
        assert {y: v["quality"]["days"]["above"] for y, v in found.items()} == above.to_dict()
        # The series begins in September 1957, whose days are too few; all other years are whole.
        assert {y for y, v in found.items() if v["status"] != "valid"} == {"1957"}
        assert {y: v["value"] for y, v in found.items() if y != "1957"} == above.drop("1957").to_dict()
        assert above.max() > 0


def test_protected_share_of_cologne_and_its_districts(world: World, chain: Any, real_data: Path) -> None:
    geo = real_data / "cologne/geo"
    chain("cologne/boundary", geo / "cityboundary.geojson")
    chain("cologne/districts", geo / "Stadtbezirk.shp")
    chain("cologne/protected-areas", real_data / "cologne/landuse/naturschutz.shp")
    world.compute("protected-area-share", periods=["2024"])

    def laea(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
        # The .prj has a vertical part, which only gets in the way of a plane projection.
        flat = pyproj.CRS(frame.crs).sub_crs_list[0] if pyproj.CRS(frame.crs).is_compound else frame.crs
        return frame.set_crs(flat, allow_override=True).to_crs(4326).to_crs(3035)

    sites = (
        laea(gpd.read_file(real_data / "cologne/landuse/naturschutz.shp")).geometry.make_valid().union_all()
    )
    boundary = shapely.from_geojson((geo / "cityboundary.geojson").read_text())
    city = laea(gpd.GeoDataFrame(geometry=[boundary], crs=4326)).geometry.iloc[0]
    found = value(world, "protected-area-share", "city", _code(world, "city")[0], "2024")
    assert found["value"] == pytest.approx(100 * (city & sites).area / city.area, rel=1e-4)
    assert 390e6 < found["quality"]["area_m2"] < 420e6  # Cologne has 405 km²
    districts = laea(gpd.read_file(geo / "Stadtbezirk.shp"))
    expected = sorted(100 * (d & sites).area / d.area for d in districts.geometry)
    got = sorted(
        value(world, "protected-area-share", "district", c, "2024")["value"] for c in _code(world, "district")
    )
    assert len(got) == 9
    assert got == pytest.approx(expected, rel=1e-4, abs=1e-6)


def _code(world: World, scheme: str) -> list[str]:
    found = values.page(world.conn, world.snapshot(), "protected-area-share", scheme=scheme)
    return [v["code"] for v in found]
