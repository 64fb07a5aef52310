"""The alternative encodings of INSPIRE (MIF action 2017.2): the same features from GeoJSON and GeoPackage as from GML, whatever the columns are called."""

from __future__ import annotations

import json
from math import atan, degrees, sinh
from pathlib import Path
from typing import Any

import geopandas as gpd
import pyogrio
import pytest
import shapely
from tests.harmonise.gml_fixtures import CODES, made

from ldt.harmonise.recipe import load_recipe, recipe_names
from ldt.pipeline.inspect import inspect

SQUARE = shapely.box(7.0, 51.0, 7.01, 51.01)
#: recipe → prefix, properties by the rule of flattening, and what must come of them.
CASES: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "addresses": (
        "ad",
        {
            "position_specification": "entrance", "position_specification_href": f"{CODES}/GeometrySpecificationValue/entrance", "locator_designator_addressNumber": "7", "locator_designator_addressNumberExtension": "b",
            "status": "current", "component_ThoroughfareName": "Domkloster", "component_PostalDescriptor": "50667",
        },
        {"designator": "7b", "specification": "entrance", "status": "current", "thoroughfare": "Domkloster", "post_code": "50667"},
    ),
    "environmental-monitoring-facilities": (
        "ef",
        {"name": "Turiner Straße", "mediaMonitored": "Luft", "mediaMonitored_href": f"{CODES}/MediaValue/air", "mobile": "false", "operationalActivityPeriod_beginPosition": "2006-05-06T00:00:00Z"},
        {"code": "1", "name": "Turiner Straße", "media": "air", "mobile": False, "started": "2006-05-06"},
    ),
    "protected-sites": (
        "ps",
        {
            "siteName": "Königsforst", "siteDesignation_designation_href": f"{CODES}/Natura2000DesignationValue/specialProtectionArea", "siteDesignation_designationScheme_href": f"{CODES}/DesignationSchemeValue/natura2000",
            "siteProtectionClassification": "natureConservation", "legalFoundationDate": "1999-03-31",
        },
        {"name": "Königsforst", "designation": "specialProtectionArea", "designation_scheme": "natura2000", "classification": "natureConservation", "legal_foundation_date": "1999-03-31"},
    ),
    "administrative-units": (
        "au",
        {"nationalCode": "05315000", "nationalLevel": "4thOrder", "nationalLevel_href": f"{CODES}/AdministrativeHierarchyLevel/4thOrder", "country": "DE", "name": "Köln", "nationalLevelName": "Kreis"},
        {"scheme": "au-de-4thorder", "code": "05315000", "name": "Köln", "level": "4thOrder", "level_name": "Kreis", "country": "DE"},
    ),
    "buildings": (
        "bu",
        {"currentUse_currentUse_href": f"{CODES}/CurrentUseValue/residential", "conditionOfConstruction": "functional", "heightAboveGround_value": "12.5", "numberOfFloorsAboveGround": "4", "dateOfConstruction_end": "1985-01-01"},
        {"use": "residential", "condition": "functional", "height_m": 12.5, "floors": 4, "year_of_construction": 1985},
    ),
    "existing-land-use": (
        "elu",
        {"hilucsLandUse_href": f"{CODES}/HILUCSValue/5_ResidentialUse", "specificLandUse": "Wohnbaufläche", "specificLandUse_href": "https://example.org/l#41001", "observationDate": "2019-06-30"},
        {"land_use": "5_ResidentialUse", "land_use_stated": "source", "local_code": "41001", "local_name": "Wohnbaufläche", "reference_year": 2019, "observed": "2019-06-30"},
    ),
    "planned-land-use": (
        "plu",
        {"hilucsLandUse": "5_ResidentialUse", "specificLandUse": "WA", "plan_href": "#P1", "processStepGeneral": "legalForce", "regulationNature_href": f"{CODES}/RegulationNatureValue/generallyBinding"},
        {"land_use": "5_ResidentialUse", "land_use_stated": "source", "local_code": "WA", "plan": "#P1", "status": "legalForce", "regulation_nature": "generallyBinding"},
    ),
    "land-cover-units": (
        "lcv",
        {"landCoverObservation_class_href": "https://example.org/clc/112", "landCoverObservation_observationDate": "2018-07-01"},
        {"class": "112", "nomenclature": "corine", "reference_year": 2018, "observed": "2018-07-01"},
    ),
    "management-zones": (
        "am",
        {"name_spelling_text": "Köln", "zoneType_href": f"{CODES}/ZoneTypeCode/airQualityManagementZone", "environmentalDomain_href": f"{CODES}/EnvironmentalDomain/air", "designationPeriod_beginPosition": "2010-01-01"},
        {"name": "Köln", "zone_type": "airQualityManagementZone", "domains": ["air"], "designated_from": "2010-01-01"},
    ),
    "natural-hazard-areas": (
        "nz-core",
        {"typeOfHazard_hazardCategory_href": f"{CODES}/NaturalHazardCategoryValue/flood", "determinationMethod": "modelling", "likelihoodOfOccurrence_quantitativeLikelihood_returnPeriod": "100"},
        {"kind": "HazardArea", "hazard": "flood", "determination_method": "modelling", "return_period_years": 100.0},
    ),
    "habitats": (
        "hb",
        {"habitat_referenceHabitatTypeId_href": f"{CODES}/EunisHabitatTypeCodeValue/E2.2", "habitat_referenceHabitatTypeScheme": "eunis", "habitat_referenceHabitatTypeName": "Meadows"},
        {"habitat_type": "E2.2", "scheme": "eunis", "habitat_name": "Meadows"},
    ),
    "species-distribution": (
        "sd",
        {"speciesName_referenceSpeciesId_href": f"{CODES}/EuNomenCodeValue/12345", "speciesName_referenceSpeciesName": "Lutra lutra", "distributionInfo_occurrenceCategory": "rare", "distributionInfo_collectedFrom": "2010-03-01"},
        {"species": "Lutra lutra", "species_id": "12345", "occurrence": "rare", "collected_from": "2010-03-01"},
    ),
    "production-facilities": (
        "pf",
        {"name": "Werk", "function_activity_href": "http://ec.europa.eu/nace/19.20", "status_statusType": "functional", "hostingSite_href": "#S1"},
        {"name": "Werk", "activities": ["19.20"], "status": "functional", "site": "#S1"},
    ),
    "geologic-features": ("ge", {"mappingFrame": "surfaceGeology", "specification": "#GU1"}, {"kind": "MappedFeature", "mapping_frame": "surfaceGeology", "specification": "#GU1"}),
}  # fmt: skip
IDENTIFIER = {"inspireId_localId": "1", "inspireId_namespace": "https://example.org/ns"}


def geojson(path: Path, columns: dict[str, Any], geometry: Any = SQUARE, crs: str | None = None) -> Path:
    feature = {
        "type": "Feature",
        "id": "F1",
        "geometry": shapely.geometry.mapping(geometry),
        "properties": columns,
    }
    document: dict[str, Any] = {"type": "FeatureCollection", "features": [feature]}
    if crs:
        document["crs"] = {"type": "name", "properties": {"name": crs}}
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


@pytest.mark.parametrize("spelling", ["flat", "dotted", "prefixed", "geopackage"])
@pytest.mark.parametrize("recipe", CASES)
def test_a_feature_whatever_its_columns_are_called(tmp_path: Path, recipe: str, spelling: str) -> None:
    prefix, columns, expected = CASES[recipe]
    columns = {**IDENTIFIER, **columns, "beginLifespanVersion": "2020-01-01T00:00:00"}
    if spelling == "dotted":
        columns = {k.replace("_", "."): v for k, v in columns.items()}
    elif spelling == "prefixed":
        columns = {f"{prefix}:{k}": v for k, v in columns.items()}
    if spelling == "geopackage":
        # A GeoPackage has its columns in lower case, as the template for addresses does.
        path = tmp_path / "f.gpkg"
        frame = gpd.GeoDataFrame({k.lower(): [v] for k, v in columns.items()}, geometry=[SQUARE], crs=4326)
        frame.to_crs(25832).to_file(path, layer="f")
    else:
        path = geojson(tmp_path / "f.geojson", columns)
    (row,), _ = made(f"inspire-alternative/{recipe}", path)
    assert row["properties"] == expected
    assert (row["namespace"], row["local_id"]) == ("https://example.org/ns", "1")
    assert row["geometry"].bounds == pytest.approx(
        SQUARE.bounds, abs=1e-4 if spelling == "geopackage" else 1e-12
    )
    if load_recipe(f"inspire-alternative/{recipe}").feature.valid_from:  # type: ignore[union-attr]
        assert row["valid_from"].isoformat() == "2020-01-01T00:00:00+00:00"
    if spelling == "flat":
        assert f"inspire-alternative/{recipe}" in inspect(path)["recipes"]


def test_every_recipe_of_the_folder_has_a_case() -> None:
    there = {n.rpartition("/")[2] for n in recipe_names() if n.startswith("inspire-alternative/")}
    assert there - set(CASES) == {"dutch-addresses"}


def test_properties_that_are_json_documents(tmp_path: Path) -> None:
    """The complex variant: the objects of GML as JSON, with prefixes."""
    path = geojson(
        tmp_path / "ps.geojson",
        {
            "ps:inspireID": {
                "base:Identifier": {"base:localId": "9", "base:namespace": "https://example.org/ns"}
            },
            "ps:siteName": {
                "gn:GeographicalName": {"gn:spelling": {"gn:SpellingOfName": {"gn:text": "Wald"}}}
            },
            "ps:siteDesignation": {
                "ps:DesignationType": {
                    "ps:designationScheme": {"xlink:href": f"{CODES}/DesignationSchemeValue/IUCN"},
                    "ps:designation": {"xlink:href": f"{CODES}/IUCNDesignationValue/nationalPark"},
                }
            },
            "ps:siteProtectionClassification": "ecological",
        },
    )
    ((row,), _) = made("inspire-alternative/protected-sites", path)
    assert (row["namespace"], row["local_id"]) == ("https://example.org/ns", "9")
    assert row["properties"]["name"] == "Wald"
    assert row["properties"]["classification"] == "ecological"
    assert row["properties"]["designation"] == "nationalPark"
    assert row["properties"]["designation_scheme"] == "IUCN"


# The real files ------------------------------------------------------------------------------------------------

CANIUSE, ACTION = "inspire/caniuse", "inspire/mif_2017_2"
DARMSTADT = (8.6572813, 49.87437)
ADDRESS = {"designator": "5A", "level": "siteLevel", "specification": "parcel", "method": "fromFeature", "thoroughfare": "Fraunhoferstraße", "post_code": "64283", "address_area": "Innenstadt",
           "admin_units": ["Deutschland", "Hessen", "Darmstadt"]}  # fmt: skip


@pytest.mark.parametrize(
    ("file", "points"),
    [
        ("ads_example_1.geojson", [DARMSTADT]),
        ("ads_example_1-3D.geojson.geojson", [DARMSTADT]),
        # by the formula of the projection on the sphere of 6,378,137 m
        ("ads_example_1_EPSG.3857.geojson", [(degrees(964373.15 / 6378137), degrees(atan(sinh(6424547.30 / 6378137))))]),
        ("ads_example_2_geometryCollection.geojson", [DARMSTADT, (8.6872813, 49.87597)]),
        ("ads_example_1.geojson-2geographicPositions.geojson", [DARMSTADT, (8.6872813, 49.87437)]),
    ],
)  # fmt: skip
def test_the_example_of_an_address_in_all_its_forms(
    real_data: Path, file: str, points: list[tuple[float, float]]
) -> None:
    ((row,), _) = made("inspire-alternative/addresses", real_data / CANIUSE / file)
    assert row["properties"] == ADDRESS
    assert row["local_id"] == "Address_1"
    assert not row["geometry"].has_z
    parts = getattr(row["geometry"], "geoms", [row["geometry"]])
    assert [p.coords[0] for p in parts] == [pytest.approx(p, abs=1e-9) for p in points]


def test_inspect_knows_the_example_of_an_address(real_data: Path) -> None:
    found = inspect(real_data / CANIUSE / "ads_example_1.geojson-2geographicPositions.geojson")
    assert found["recipes"][0] == "inspire-alternative/addresses"


@pytest.mark.parametrize(
    ("file", "count"),
    [("Result1_AD_Spain_Complex.json", 2), ("Result4_AD_Spain_Full_Flat_SingleFeature.json", 1)],
)
def test_the_spanish_addresses_of_the_action_lie_in_madrid(real_data: Path, file: str, count: int) -> None:
    rows, chunks = made("inspire-alternative/addresses", real_data / ACTION / file)
    assert len(rows) == count
    frame = pyogrio.read_dataframe(real_data / ACTION / file).to_crs(4326)
    for row, theirs in zip(rows, frame.geometry, strict=True):
        assert row["geometry"].distance(theirs) < 1e-9
        assert -3.9 < row["geometry"].x < -3.5
        assert 40.3 < row["geometry"].y < 40.6
        assert len(row["properties"]["components"]) == 3
        assert row["namespace"] == "ES.SDGC.AD"
        assert row["valid_from"].year == 2002
    assert chunks[0].crs[0]["declared"] == "EPSG:25830"


def test_a_facility_is_the_same_from_gml_and_from_geojson(real_data: Path) -> None:
    """The example was made of the GML beside it: other identifier and end of operation, rounded place."""
    ((gml,), _) = made("inspire/environmental-monitoring-facilities", real_data / ACTION / "emf.gml.xml")
    for file in (
        f"{CANIUSE}/efs_example_1.geojson",
        f"{CANIUSE}/efs_example_2.geojson",
        f"{ACTION}/efs_example_2.geojson",
    ):
        (row, *more), chunks = made(
            "inspire-alternative/environmental-monitoring-facilities", real_data / file
        )
        assert more == []
        for name in ("name", "media", "started"):
            assert row["properties"][name] == gml["properties"][name]
        assert row["geometry"].distance(gml["geometry"]) < 1e-5
        told = [(o.row, o.reason) for c in chunks for o in c.outcomes]
        assert told == (
            [] if "example_1" in file else [(1, "not-selected")]
        )  # an observation stands beside it


def test_dutch_addresses_lie_in_the_same_places_in_every_form(real_data: Path) -> None:
    folder = real_data / "inspire/nl_addresses_pygeoapi"
    rd, _ = made("inspire-alternative/dutch-addresses", folder / "dutch_addresses_28992.gpkg")
    wgs, _ = made("inspire-alternative/dutch-addresses", folder / "dutch_addresses_4326.gpkg")
    assert len(rd) == len(wgs) == 2481
    assert [r["properties"] for r in rd] == [r["properties"] for r in wgs]
    metres = [111_000 * a["geometry"].distance(b["geometry"]) for a, b in zip(rd, wgs, strict=True)]
    assert max(metres) < 1
    theirs = pyogrio.read_dataframe(folder / "dutch_addresses_4326.gpkg")
    assert [r["properties"]["post_code"] for r in wgs] == theirs.postcode.tolist()
    assert {r["properties"]["address_area"] for r in rd} == set(theirs.woonplaats)


def test_the_template_of_the_geopackage_holds_an_empty_record_and_that_is_said(real_data: Path) -> None:
    rows, chunks = made(
        "inspire-alternative/geologic-features", real_data / "inspire/gpkg_templates/GE-gpkg-template.gpkg"
    )
    assert rows == []
    assert [(o.outcome, o.reason) for c in chunks for o in c.outcomes] == [("rejected", "no-geometry")]
