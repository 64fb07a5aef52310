"""What the recipes of features make of real files, against pandas and geopandas; and that `ldt inspect` finds the recipe for the file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from ldt.harmonise import harmonise
from ldt.harmonise.chunk import Context
from ldt.harmonise.recipe import load_recipe
from ldt.model.outcome import Tally
from ldt.pipeline.inspect import inspect
from ldt.sources import read

HILUCS = Path("reference") / "standards" / "hilucs.csv"


def features(recipe: str, path: Path) -> tuple[pd.DataFrame, Tally]:
    """Return (local id, geometry, properties …) of a file's features in its order, and what became of its records."""
    chosen = load_recipe(recipe)
    rows: list[dict[str, Any]] = []
    tally = Tally()
    for chunk in harmonise(
        chosen, read(chosen.source.reader, path, chosen.source.options), Context("https://example.org/own")
    ):
        tally.add(chunk.tally)
        for row in chunk.features.to_pylist() if chunk.features else []:
            shape = shapely.from_wkb(row["geometry"]) if row["geometry"] else None
            rows.append(
                {
                    "id": row["local_id"],
                    "row": row["source_row"],
                    "shape": shape,
                    **json.loads(row["properties"]),
                }
            )
    return pd.DataFrame(rows), tally


def test_every_polygon_of_the_land_use_plan(real_data: Path) -> None:
    path = real_data / "cologne" / "landuse" / "fnp_aktuell.shp"
    ours, tally = features("cologne/land-use-plan", path)
    theirs = gpd.read_file(path)
    assert tally.reasons == {
        "repaired:invalid-geometry": 4,
        "repaired:rounding": 5,
        "rejected:invalid-geometry": 1,
    }
    assert list(theirs.index[~theirs.is_valid]) == [474, 671, 1349, 1623, 2038]
    assert theirs.geometry[2038].area == 0
    kept = theirs.drop(index=2038)
    assert list(ours.row) == list(kept.index)
    assert list(ours.local_code) == list(kept.TYP)
    assert list(ours.local_name) == list(kept.Langname)
    assert ours.purpose.notna().sum() == (kept.ZWECK.notna() | kept.TYPspezial.notna()).sum()
    # Areas in an equal-area projection, against those that the city states, in hectares (to 1 m² or a thousandth).
    areas = gpd.GeoSeries(ours["shape"], crs=4326).to_crs(3035).area / 1e4
    assert (abs(areas - kept.SHAPE_Area.to_numpy() / 1e4) < 1e-4 + 2e-3 * areas).all()
    # [P] the mapping: every class of the file is either mapped or meant to be left open
    open_classes = set(ours[ours.land_use.isna()].local_code)
    assert open_classes == {"S", "SO", "san"}
    assert set(ours[ours.land_use.notna()].land_use_stated) == {"proposal"}
    assert ours[ours.land_use.isna()].land_use_stated.isna().all()


def test_the_plan_is_mapped_to_values_that_hilucs_has(real_data: Path) -> None:
    path = real_data.parent / HILUCS
    if not path.is_file():
        pytest.skip(f"the code list is not here: {path}")
    known = set(pd.read_csv(path).value)
    ours, _ = features("cologne/land-use-plan", real_data / "cologne" / "landuse" / "fnp_aktuell.shp")
    assert len(set(ours.land_use.dropna())) == 14
    assert set(ours.land_use.dropna()) <= known


@pytest.mark.parametrize("file", ["NUTS_RG_20M_2021_3035.geojson", "NUTS_RG_20M_2021_3035.shp.zip"])
def test_every_nuts_region_and_its_parent(real_data: Path, file: str) -> None:
    path = real_data / "admin" / "nuts" / file
    ours, tally = features("eurostat/nuts", path)
    theirs = gpd.read_file(path)
    assert tally.accepted == tally.read == len(ours) == len(theirs) == 2010
    assert ours.groupby("scheme").size().to_dict() == {"nuts0": 37, "nuts1": 125, "nuts2": 334, "nuts3": 1514}
    assert list(ours.code) == list(theirs.NUTS_ID)
    assert list(ours.name) == list(theirs.NUTS_NAME.str.strip())
    units = set(zip(ours.scheme, ours.code, strict=True))
    children = ours[ours.scheme != "nuts0"]
    assert set(zip(children.parent_scheme, children.parent_code, strict=True)) <= units
    assert ours[ours.scheme == "nuts0"].parent_code.isna().all()
    assert set(ours[ours.code.str.startswith("EL")].country) == {"GR"}
    assert set(ours[ours.code.str.startswith("UK")].country) == {"GB"}
    by_code = ours.set_index("code")
    cathedral = shapely.Point(6.9583, 50.9413)
    inside = [c for c, s in by_code["shape"].items() if s.contains(cathedral)]
    assert sorted(inside) == ["DE", "DEA", "DEA2", "DEA23"]  # Cologne, city
    # A region is made of its own regions: the three levels below Germany have its area.
    area = gpd.GeoSeries(by_code["shape"], crs=4326).to_crs(3035).area
    for scheme in ("nuts1", "nuts2", "nuts3"):
        of_germany = by_code.index[(by_code.scheme == scheme) & (by_code.country == "DE")]
        assert area[of_germany].sum() == pytest.approx(area["DE"], rel=1e-3)
    assert area["DE"] / 1e6 == pytest.approx(357_600, rel=0.005)  # the country's own figure, km²


def test_inhabitants_of_the_city_its_districts_and_parts(real_data: Path) -> None:
    path = real_data / "cologne" / "population" / "bevoelkerung.csv"
    ours, tally = features("cologne/population", path)
    table = pd.read_csv(path, dtype=str)
    theirs = table[(table.tabelle == "Einwohner in Köln") & (table.zeile == "Einwohner")]
    assert (tally.read, tally.accepted, tally.outside) == (29_135, 768, 29_135 - 768)
    assert list(ours.population) == list(theirs.zahl.astype(float))
    assert list(ours.reference_year) == list(theirs.jahr.astype(int))
    assert ours.groupby("scheme").code.nunique().to_dict() == {"city": 1, "district": 9, "part": 86}
    assert ours["shape"].isna().all()
    for year, of_year in ours.groupby("reference_year"):
        total = of_year.groupby("scheme").population.sum()
        assert total["district"] == total["part"] == total["city"], year
    # The codes are those of the areas.
    for scheme, file, column in (("district", "Stadtbezirk", "STB_NR"), ("part", "Stadtteil", "STT_NR")):
        areas = gpd.read_file(real_data / "cologne" / "geo" / f"{file}.shp")
        assert set(ours[ours.scheme == scheme].code) == set(areas[column].astype(str))


def test_the_places_of_a_climate_station_that_moved(real_data: Path) -> None:
    (path,) = (real_data / "cologne" / "dwd").glob("Stationsmetadaten_*.txt")
    ours, _ = features("cologne/climate-station", path)
    lines = [
        [c.strip() for c in line.split(";")] for line in path.read_text(encoding="latin-1").splitlines()[1:]
    ]
    assert [(s.y, s.x) for s in ours["shape"]] == [(float(line[2]), float(line[3])) for line in lines]
    assert list(ours.altitude_m) == [68, 68, 73, 92, 92]
    assert set(ours.name) == {"Köln-Bonn"}
    # Values name one code, and one place has it: the last.
    *earlier, now = ours.code
    assert now == "dwd-02667"
    assert earlier == [f"dwd-02667-until-{line[5]}" for line in lines[:-1]]
    assert list(ours.started.str.replace("-", "")) == [line[4] for line in lines]
    assert list(ours.ended.fillna("").str.replace("-", "")) == [line[5] for line in lines]


def test_streets_that_have_a_state_of_traffic(real_data: Path) -> None:
    traffic = real_data / "cologne" / "traffic"
    ours, _ = features("cologne/traffic-segments", traffic / "street_segments.geojson")
    assert len(ours) == 113
    assert set(ours.code) == set(pd.read_csv(traffic / "load_2013-03.csv.gz").identifier)


def test_buildings_of_a_cadastre(real_data: Path) -> None:
    path = real_data / "inspire" / "es_catastro" / "building.gml"
    ours, _ = features("inspire/buildings", path)
    theirs = gpd.read_file(path)
    assert list(ours.id) == list(theirs.localId)
    assert list(ours.year_of_construction) == [int(str(end)[:4]) for end in theirs.end]
    assert list(ours.dwellings) == list(theirs.numberOfDwellings)
    assert list(ours.use) == [use.partition("_")[2] for use in theirs.currentUse]
    assert list(ours.condition) == list(theirs.conditionOfConstruction)


@pytest.mark.parametrize(
    ("file", "recipe"),
    [
        ("inspire/brgm_toolbox/BRGM_environmental_monitoring_facility_piezometer_1.xml", "inspire/environmental-monitoring-facilities"),
        ("inspire/brgm_toolbox/BRGM_environmental_monitoring_facility_piezometer_50.xml", "inspire/environmental-monitoring-facilities"),
        ("inspire/caniuse/EMF.BRGM.data.gml", "inspire/environmental-monitoring-facilities"),
        ("inspire/caniuse/EMF.BRGM_1.geom.gml", "inspire/environmental-monitoring-facilities"),
        ("inspire/brgm_toolbox/AQD_UBA_Station_50.xml", "eea/aqd-stations"),
        ("airquality/eea_aqdl/MT_metadata.csv.zip", "eea/station-metadata"),
        ("sensors/luftdaten_aberdeen/2017-10-29_sds011_sensor_5331.csv", "sensors/sensor-community"),
        ("sensors/luftdaten_aberdeen/2018-10-28_bme280_sensor_15093.csv", "sensors/sensor-community"),
        ("admin/nuts/NUTS_RG_20M_2021_3035.geojson", "eurostat/nuts"),
        ("admin/nuts/NUTS_RG_20M_2021_3035.shp.zip", "eurostat/nuts"),
        ("cologne/landuse/fnp_aktuell.shp", "cologne/land-use-plan"),
        ("cologne/dwd/produkt_klima_Tageswerte_19570901_20121231_02667.txt", "cologne/climate"),
        ("cologne/dwd/Stationsmetadaten_klima_stationen_02667_19570901_20121231.txt", "cologne/climate-station"),
        ("cologne/population/bevoelkerung.csv", "cologne/population"),
        ("cologne/traffic/load_2013-03.csv.gz", "cologne/traffic"),
        ("cologne/traffic/street_segments.geojson", "cologne/traffic-segments"),
        ("cologne/weather_eddk/201303.csv", "cologne/weather"),
    ],
)  # fmt: skip
def test_inspect_proposes_the_recipe_first(real_data: Path, file: str, recipe: str) -> None:
    assert inspect(real_data / file)["recipes"][0] == recipe
