"""Natura 2000, CDDA, water bodies, bathing waters and noise, in their published layouts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.harmonise.europe import squares, table
from tests.harmonise.test_recipes import made

from ldt.model.outcome import RecordOutcome
from ldt.pipeline.inspect import inspect


def properties(name: str, path: Path, **options: Any) -> list[dict[str, Any]]:
    return [r["properties"] for r in made(name, path, **options)[0]]


def told(name: str, path: Path) -> list[RecordOutcome]:
    return [o for chunk in made(name, path)[2] for o in chunk.outcomes]


@pytest.mark.parametrize(
    ("file", "columns"),
    [
        ("Natura2000_end2021_rev1.gpkg", {"SITECODE": ["DE4905301", "DE5008401"], "SITENAME": ["Wälder", " Heide "], "MS": ["DE"] * 2, "SITETYPE": ["B", "C"], "RELEASE_DATE": ["2022-01-01"] * 2}),
        ("Natura2000_end2015.shp", {"SITECODE": ["DE4905301", "DE5008401"], "SITENAME": ["Wälder", "Heide"], "RELEASE_DA": ["2016-01-01"] * 2, "SITETYPE": ["B", "C"], "INSPIRE_ID": [""] * 2}),
    ],
)  # fmt: skip
def test_natura_2000(tmp_path: Path, file: str, columns: dict[str, list[Any]]) -> None:
    squares(columns).to_file(tmp_path / file)
    first, second = properties("nature/natura-2000", tmp_path / file)
    assert first == {
        "name": "Wälder", "site_code": "DE4905301", "designation_scheme": "natura2000", "designation": "siteOfCommunityImportance",
        "classification": "natureConservation",
    }  # fmt: skip
    assert second["name"] == "Heide"
    assert [d["designation"] for d in second["designations"]] == [
        "specialProtectionArea",
        "siteOfCommunityImportance",
    ]
    if file.endswith(".gpkg"):
        assert inspect(tmp_path / file)["recipes"][0] == "nature/natura-2000"


def test_nationally_designated_areas(tmp_path: Path) -> None:
    new = tmp_path / "CDDA_2023_v01_public.gpkg"
    squares(
        {
            "cddaId": [163451, 2], "nationalId": ["N20", "x"], "siteName": ["Königsforst", "Wahner Heide"], "designatedAreaType": ["designatedSite"] * 2,
            "designationTypeCode": ["DE02", "DE02"], "iucnCategory": ["IV", "notAssigned"], "siteArea": [989.5, 1.0],
            "legalFoundationDate": ["1983-05-13", "1991"], "cddaCountryCode": ["DE"] * 2,
        }
    ).to_file(new)  # fmt: skip
    first, second = properties("nature/cdda", new)
    assert first == {
        "name": "Königsforst", "site_code": "163451", "designation": "DE02",
        "designation_scheme": "http://dd.eionet.europa.eu/vocabulary/cdda/designationTypeCodeValue/",
        "designations": [{"scheme": "http://dd.eionet.europa.eu/vocabulary/cdda/IucnCategoryValue/", "designation": "IV"}],
        "classification": "natureConservation", "legal_foundation_date": "1983-05-13", "area_source_ha": 989.5,
    }  # fmt: skip
    assert not {"designations", "legal_foundation_date"} & set(second)  # not assigned; a year is no date
    assert inspect(new)["recipes"][0] == "nature/cdda"
    old = tmp_path / "CDDA_v10.shp"
    squares(
        {
            "SITE_CODE": [7.0],
            "SITE_NAME": ["Park"],
            "DESIG_ABBR": ["DE01"],
            "IUCNCAT": ["II"],
            "SITE_AREA": [5.0],
            "YEAR": [1970],
        }
    ).to_file(old)
    (found,) = properties("nature/cdda", old)
    assert (found["site_code"], found["name"], found["designation"], found["area_source_ha"]) == (
        "7",
        "Park",
        "DE01",
        5.0,
    )


def test_surface_water_bodies(tmp_path: Path) -> None:
    path = tmp_path / "WISE_WFD_2022_SurfaceWaterBody.gpkg"
    squares(
        {
            "euSurfaceWaterBodyCode": ["DERW_1", "DERW_2", "DELW_3", "DERW_4"], "surfaceWaterBodyName": ["Rhein", "Kanal", " See", None],
            "surfaceWaterBodyCategory": ["RW", "RW", "LW", "riverWaterBody"], "naturalAWBHMWB": ["Natural water body", "Artificial water body", "Heavily modified water body", "U"],
            "swEcologicalStatusOrPotentialValue": ["4", "Good", "U", "17"], "swChemicalStatusValue": ["3", "2", "Unknown", "3"],
            "countryCode": ["DE"] * 4, "euRBDCode": ["DE2000"] * 4, "cYear": [2022] * 4, "cArea": [1.5, None, 2.0, 0.0],
        }
    ).to_file(path)  # fmt: skip
    found = properties("water/surface-water-bodies", path)
    assert found[0] == {
        "code": "DERW_1", "name": "Rhein", "category": "RW", "modification": "natural", "ecological_status": "poor", "chemical_status": "failing",
        "reporting_cycle": 2022, "river_basin_district": "DE2000", "area_source_km2": 1.5, "country": "DE",
    }  # fmt: skip
    assert [(p["modification"], p["ecological_status"], p["chemical_status"]) for p in found[1:]] == [
        ("artificial", "good", "good"), ("heavilyModified", "unknown", "unknown"),
    ]  # fmt: skip
    (outcome,) = told("water/surface-water-bodies", path)
    assert (outcome.row, outcome.reason) == (3, "schema")
    assert "17" in outcome.message
    assert inspect(path)["recipes"][0] == "water/surface-water-bodies"


def test_groundwater_bodies_and_tables_of_status(tmp_path: Path) -> None:
    path = tmp_path / "WISE_WFD_2016_GroundWaterBody.gpkg"
    squares(
        {
            "euGroundWaterBodyCode": ["DEGB_1"],
            "groundWaterBodyName": ["Ville"],
            "gwQuantitativeStatusValue": ["3"],
            "gwChemicalStatusValue": ["2"],
            "countryCode": ["EL"],
        }
    ).to_file(path)
    (found,) = properties("water/groundwater-bodies", path)
    assert found == {
        "code": "DEGB_1", "name": "Ville", "category": "GW", "quantitative_status": "poor", "chemical_status": "good", "reporting_cycle": 2016, "country": "GR",
    }  # fmt: skip
    rows = [
        {
            "cYear": y,
            "countryCode": "DE",
            "euSurfaceWaterBodyCode": "DERW_1",
            "surfaceWaterBodyCategory": "RW",
            "swEcologicalStatusOrPotentialValue": s,
        }
        for y, s in (("2016", "3"), ("2022", "2"))
    ]
    text = table(tmp_path / "SWB_SurfaceWaterBody.csv", rows)
    states = properties("water/surface-water-bodies-status", text)
    assert [(p["reporting_cycle"], p["ecological_status"]) for p in states] == [
        (2016, "moderate"),
        (2022, "good"),
    ]
    assert inspect(text)["recipes"][0] == "water/surface-water-bodies-status"
    ground = table(
        tmp_path / "GWB_GroundWaterBody.csv",
        [{"euGroundWaterBodyCode": "DEGB_1", "gwQuantitativeStatusValue": "2", "cYear": "2022"}],
    )
    assert properties("water/groundwater-bodies-status", ground)[0]["quantitative_status"] == "good"


def test_bathing_waters_of_a_season_and_of_many(tmp_path: Path) -> None:
    season = table(
        tmp_path / "BathingWater_2022.csv",
        [
            {"bathingWaterIdentifier": "DENW_PR_0001", "bathingWaterName": "Escher See", "countryCode": "DE", "bwWaterCategory": "Lake", "longitude": "6.88", "latitude": "51.0", "qualityStatus": "Excellent"},
            {"bathingWaterIdentifier": "IT_2", "bathingWaterName": "", "countryCode": "IT", "bwWaterCategory": "Coastal", "longitude": "12,5", "latitude": "41,7", "qualityStatus": "4 - Poor"},
            {"bathingWaterIdentifier": "IT_3", "bathingWaterName": "x", "countryCode": "IT", "bwWaterCategory": "Coastal", "longitude": "", "latitude": "", "qualityStatus": "Good"},
        ],
    )  # fmt: skip
    rows, tally, _ = made("water/bathing-waters", season)
    assert [r["properties"] for r in rows] == [
        {
            "code": "DENW_PR_0001",
            "name": "Escher See",
            "type": "lake",
            "quality": "excellent",
            "season": 2022,
            "country": "DE",
        },
        {"code": "IT_2", "type": "coastal", "quality": "poor", "season": 2022, "country": "IT"},
    ]
    assert rows[1]["geometry"].coords[0] == (12.5, 41.7)
    assert tally.reasons == {"rejected:no-geometry": 1}
    assert inspect(season)["recipes"][0] == "water/bathing-waters"
    series = table(
        tmp_path / "BathingWater_timeseries.csv",
        [{"season": y, "bathingWaterIdentifier": "ES_1", "countryCode": "ES", "lon": "2.1", "lat": "41.3", "quality": q} for y, q in (("2018", "2"), ("2019", "Not classified"), ("2020", "Good or Sufficient"))],
    )  # fmt: skip
    found = [r["properties"] for r in made("water/bathing-waters", series)[0]]
    assert [(p["season"], p["quality"]) for p in found] == [
        (2018, "good"),
        (2019, "notClassified"),
        (2020, "goodOrSufficient"),
    ]
    wide = table(
        tmp_path / "bathing_water_wide.csv",
        [{"bathingWaterIdentifier": "ES_1", "nameText": "Playa", "Longitude": "2.1", "Latitude": "41.3", "quality2018": "3 - Sufficient", "quality2019": "1 - Excellent"}],
    )  # fmt: skip
    (one,) = (r["properties"] for r in made("water/bathing-waters", wide)[0])
    assert (one["season"], one["quality"], one["name"]) == (2019, "excellent", "Playa")
    layer = tmp_path / "BathingWater_2021.gpkg"
    squares(
        {"bathingWaterIdentifier": ["DE_9"], "qualityStatus": ["Sufficient"], "bwWaterCategory": ["River"]}
    ).to_file(layer)
    (drawn,) = properties("water/bathing-waters-layer", layer)
    assert (drawn["season"], drawn["quality"], drawn["type"]) == (2021, "sufficient", "river")


@pytest.mark.parametrize(
    ("layer", "columns", "expected"),
    [
        ("NoiseContours_roadsInAgglomeration_Lden", {"category": ["Lden5559"]}, ("road", "Lden", 55, 59, "agglomeration")),
        ("NoiseContours_railwaysInAgglomeration_Lnight", {"category": ["Lnight6569"]}, ("railway", "Lnight", 65, 69, "agglomeration")),
        ("NoiseContours_majorAirportsIncludingAgglomeration_Lden", {"category": ["LdenGreaterThan75"]}, ("airport", "Lden", 75, None, "major")),
        ("NoiseContours_industryInAgglomeration_Lden", {"category": ["LdenSmallerThan55"]}, ("industry", "Lden", None, 55, "agglomeration")),
        ("Aggroad_Lden", {"DB_Low": [60.0], "DB_High": [64.0]}, ("road", "Lden", 60, 64, "agglomeration")),
        ("Mrail_Lnight", {"DB_LO": [70], "DB_HI": [999]}, ("railway", "Lnight", 70, None, "major")),
        # France: one layer for all, columns that tell; legende is the lower end.
        ("N_BRUIT_ZBR", {"typesource": ["R"], "indicetype": ["LD"], "legende": ["65"], "codinfra": ["A6"], "annee": ["2022"]}, ("road", "Lden", 65, None, None)),
        ("cbs", {"typesource": ["F"], "indicetype": ["LN"], "category": ["LnightGreaterThan70"]}, ("railway", "Lnight", 70, None, None)),
        # Germany.
        ("laerm_hlq_den", {"Lärmpegelklasse": ["Lden7074"], "noiseSource": ["roads"]}, ("road", "Lden", 70, 74, None)),
    ],
)  # fmt: skip
def test_noise_contours(
    tmp_path: Path, layer: str, columns: dict[str, list[Any]], expected: tuple[Any, ...]
) -> None:
    path = tmp_path / "DF4_8_2022.gpkg"
    squares(columns).to_file(path, layer=layer)
    (found,) = properties("noise/contours", path)
    assert tuple(found.get(k) for k in ("source", "metric", "lower_db", "upper_db", "extent")) == expected
    assert found["reference_year"] == 2022


def test_contours_are_known_by_their_columns(tmp_path: Path) -> None:
    path = tmp_path / "anything.gpkg"
    squares({"typesource": ["R"], "indicetype": ["LD"], "legende": ["65"]}).to_file(path)
    assert inspect(path)["recipes"][0] == "noise/contours"


def test_contours_that_do_not_tell_what_they_are_of(tmp_path: Path) -> None:
    path = tmp_path / "x.gpkg"
    squares({"category": ["Lden5559", "Lden5559"], "noiseSource": [None, "ships"]}).to_file(path)
    assert [(o.row, o.reason) for o in told("noise/contours", path)] == [
        (0, "missing-value"),
        (1, "unknown-code"),
    ]
    assert "ships is no code of the vocabulary noise-sources" in told("noise/contours", path)[1].message


def test_people_exposed_to_noise(tmp_path: Path) -> None:
    rows = [
        {
            "CountryCode": "DE", "ReportingYear": "2017", "UniqueAgglomerationId": "AG_DE_00_4", "AgglomerationName": "Köln", "NumberOfInhabitants": "1060582", "noiseSource": source,
            "Lden5559": a, "Lden6064": "102100", "Lden6569": "77300", "Lden7074": "41,5", "LdenGreaterThan75": "-2", "Lnight5054": "", "LnightGreaterThan70": "500",
        }
        for source, a in (("Roads", "123400"), ("Railways", "-1"))
    ]  # fmt: skip
    path = table(tmp_path / "DF4_8_Agglomerations.csv", rows, ";")
    road, rail = properties("noise/exposure", path)
    assert road == {
        "source": "road", "extent": "agglomeration", "agglomeration_code": "AG_DE_00_4", "agglomeration": "Köln", "reference_year": 2017, "country": "DE",
        "inhabitants": 1060582, "people_lden_55_59": 123400, "people_lden_60_64": 102100, "people_lden_65_69": 77300, "people_lden_70_74": 41.5, "people_lnight_70": 500,
    }  # fmt: skip
    assert rail["source"] == "railway"
    assert "people_lden_55_59" not in rail
    assert inspect(path)["recipes"][0] == "noise/exposure"
