"""Files of authorities in the INSPIRE themes of annexes II and III: found by `ldt inspect`, each object with its place, references that lead to what they name.

Boxes are the envelopes that stand in the files (latitude first) or, where the file is elsewhere than its envelope, read off an atlas; numbers are counted by lxml.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import shapely
from lxml import etree
from tests.harmonise.gml_fixtures import made
from tests.real.twins import fill_twin

from ldt.model.snapshot import OPERATOR
from ldt.pipeline.inspect import inspect
from ldt.store import references, snapshots
from ldt.store.connect import connect

HREF = "{http://www.w3.org/1999/xlink}href"
HAFENCITY = (9.98220502579336, 53.5397193145476, 9.99750131230895, 53.5433106109455)
HAMBURG = (9.66108380637725, 53.3884113806509, 10.3300235186817, 53.7493931635297)
TURBINE = (10.0995417156151, 53.4549592039842, 10.0995417156151, 53.4549592039842)
#: recipe, file → box, and the elements that are read
FILES: dict[tuple[str, str], tuple[tuple[float, ...] | None, set[str]]] = {
    ("planned-land-use", "hamburg/PlannedLandUse.gml"): (HAFENCITY, {"ZoningElement"}),
    ("supplementary-regulations", "hamburg/PlannedLandUse.gml"): (HAFENCITY, {"SupplementaryRegulation"}),
    ("spatial-plans", "hamburg/PlannedLandUse.gml"): (HAFENCITY, {"SpatialPlan"}),
    ("official-documentation", "hamburg/PlannedLandUse.gml"): (None, {"OfficialDocumentation"}),
    ("geologic-features", "hamburg/Geology.gml"): (HAMBURG, {"GeologicEvent", "GeologicUnit", "MappedFeature", "GeologicCollection"}),
    # dunes between Calais and the Belgian border
    ("geologic-features", "brgm_toolbox/BRGM_1MappedFeature_INSPIRE.xml"): ((1.8, 50.9, 2.6, 51.1), {"MappedFeature", "GeologicUnit", "GeologicEvent"}),
    ("mineral-occurrences", "brgm_toolbox/BRGM_1MineralOccurence_INSPIRE.xml"): (None, {"MineralOccurrence_Extension", "Mine_Extension"}),
    ("utility-links", "hamburg/WaterPipeNetwork.gml"): ((10.2317, 53.496, 10.2319, 53.4961), {"WaterPipe", "UtilityLink"}),
    ("utility-nodes", "hamburg/WaterPipeNetwork.gml"): ((10.2317, 53.496, 10.2319, 53.4961), {"Appurtenance"}),
    ("utility-networks", "hamburg/WaterPipeNetwork.gml"): (None, {"UtilityNetwork"}),
    ("environmental-management-facilities", "hamburg/EnvironmentalManagementFacility.gml"): ((10.0723189976465, 53.5330904373677) * 2, {"EnvironmentalManagementFacility"}),
    ("governmental-services", "hamburg/GovernmentalService.gml"): ((9.96604198567369, 53.5734601121462) * 2, {"GovernmentalService"}),
    ("management-zones", "hamburg/ManagementRestrictionOrRegulationZone.gml"): ((10.104516040715, 53.5667455971714, 10.1067940262043, 53.5677644884413), {"ManagementRestrictionOrRegulationZone"}),
    ("production-installations", "hamburg/ProductionInstallation.gml"): (TURBINE, {"ProductionInstallation"}),
    ("energy-resources", "hamburg/RenewableAndWasteResource.gml"): (TURBINE, {"RenewableAndWasteResource"}),
    ("energy-resources", "hamburg/RenewableAndWastePotentialCoverage.gml"): (None, {"RenewableAndWastePotentialCoverage"}),
    ("environmental-monitoring-networks", "ef_datacove/AQ_Network.xml"): (None, {"EnvironmentalMonitoringNetwork"}),
    ("protected-sites", "hamburg/ProtectedSite.gml"): ((8.21278852435676, 53.4703733934128, 10.1937189529264, 53.9836697483145), {"ProtectedSite"}),
    ("protected-sites", "caniuse/PS.Finland_mixed.geometry.gml"): ((19.0, 59.7, 31.6, 70.1), {"ProtectedSite"}),
    ("environmental-monitoring-facilities", "hamburg/EnvironmentalMonitoringFacility.gml"): ((10.11, 53.51, 10.12, 53.52), {"EnvironmentalMonitoringFacility"}),
    ("environmental-monitoring-facilities", "mif_2017_2/emf.gml.xml"): ((5.187, 46.19, 5.188, 46.191), {"EnvironmentalMonitoringFacility"}),
    ("any", "es_catastro/othercons.gml"): ((-16.5, 28.19, -16.4, 28.25), {"OtherConstruction"}),
    ("any", "ogcapi_examples/FeatureCollection.xml"): ((-180.0, -44.0, 180.0, -19.0), {"aerofacp_1m"}),
}  # fmt: skip


def elements(path: Path, names: set[str]) -> list[Any]:
    return [e for name in names for e in etree.parse(path).iter(f"{{*}}{name}")]


@pytest.mark.parametrize(("recipe", "file"), FILES)
def test_every_object_of_the_file_is_there_and_lies_where_the_file_says(
    real_data: Path, recipe: str, file: str
) -> None:
    box, names = FILES[recipe, file]
    path = real_data / "inspire" / file
    rows, chunks = made(f"inspire/{recipe}", path)
    assert [(o.outcome, o.reason, o.message) for c in chunks for o in c.outcomes] == []
    assert len(rows) == len(elements(path, names)) > 0
    shapes = [r["geometry"] for r in rows if r["geometry"] is not None]
    assert (box is None) == (not shapes)
    if box is not None:
        assert shapely.box(*box).buffer(1e-9).covers(shapely.box(*shapely.total_bounds(shapes)))


@pytest.mark.parametrize(("recipe", "file"), [key for key in FILES if key[0] != "any"])
def test_inspect_proposes_the_recipe(real_data: Path, recipe: str, file: str) -> None:
    assert f"inspire/{recipe}" in inspect(real_data / "inspire" / file)["recipes"]


def properties(real_data: Path, recipe: str, file: str) -> list[dict[str, Any]]:
    return [r["properties"] for r in made(f"inspire/{recipe}", real_data / "inspire" / file)[0]]


def test_land_uses_of_hamburg_are_those_of_hilucs(real_data: Path) -> None:
    from ldt.harmonise.vocabulary import concepts

    zones = properties(real_data, "planned-land-use", "hamburg/PlannedLandUse.gml")
    known = {c["code"] for c in concepts("hilucs")}
    assert {z["land_use"] for z in zones} <= known
    theirs = [
        [use.get(HREF).rpartition("/")[2] for use in e.iterfind("{*}hilucsLandUse")]
        for e in elements(real_data / "inspire/hamburg/PlannedLandUse.gml", {"ZoningElement"})
    ]
    assert [z.get("land_uses", [z["land_use"]]) for z in zones] == theirs
    path = real_data / "inspire/hamburg/PlannedLandUse.gml"
    dimensions = [len(list(e.iter("{*}indicationReference"))) for e in elements(path, {"ZoningElement"})]
    assert [len(z.get("dimensions", [])) for z in zones] == dimensions
    assert sum(dimensions) > 20
    assert {z["plan"] for z in zones} == {"#XPLAN_BP_PLAN_24a7e067-6a06-4551-991b-171d05378d25"}


def test_single_objects_of_hamburg_say_what_the_file_says(real_data: Path) -> None:
    """Read off the files by eye."""
    (pipe, link) = properties(real_data, "utility-links", "hamburg/WaterPipeNetwork.gml")
    assert (pipe["kind"], pipe["diameter_mm"], pipe["product"], pipe["delivery_type"]) == (
        "WaterPipe",
        300.0,
        "treated",
        "distribution",
    )
    assert pipe["links"] == ["#UtilityLink_3293271a2ac3640594a81257c55f4c7b2de3019e95ca363d8b8d3133d7645ba7"]
    assert link["fictitious"] is False
    (plant,) = properties(
        real_data, "environmental-management-facilities", "hamburg/EnvironmentalManagementFacility.gml"
    )
    assert (plant["name"], plant["address"]) == (
        "AVG Abfall-Verwertungs-Gesellschaft mbH",
        "Borsigstraße 2, 22113 Hamburg",
    )
    assert plant["capacities"] == [{"of": "WasteValue", "amount": 10.0, "unit": "t/d"}]
    (nursery,) = properties(real_data, "governmental-services", "hamburg/GovernmentalService.gml")
    assert (nursery["service_type"], nursery["address"]) == (
        "childCareService",
        "Kaiser-Friedrich-Ufer 5, 20259 Hamburg",
    )
    (turbine,) = properties(real_data, "energy-resources", "hamburg/RenewableAndWasteResource.gml")
    assert (
        turbine["resource"],
        turbine["capacity_mw"],
        turbine["capacity_of"],
        turbine["vertical_extent_m"],
    ) == ("wind", 0.6, "electrical", 94.0)
    (zone,) = properties(real_data, "management-zones", "hamburg/ManagementRestrictionOrRegulationZone.gml")
    assert (zone["zone_type"], zone["domains"]) == ("compensationSurfaces", ["natureAndBiodiversity"])
    (coal,) = [
        p
        for p in properties(
            real_data, "mineral-occurrences", "brgm_toolbox/BRGM_1MineralOccurence_INSPIRE.xml"
        )
        if p["kind"] == "MineralOccurrence"
    ]
    assert (coal["name"], coal["commodities"], coal["country"]) == ("Hostens", ["coal"], "FR")


#: twin: file, recipes, and for each that refers the properties by which it does
LINKED: dict[str, tuple[str, tuple[str, ...], dict[str, tuple[str, ...]]]] = {
    "hafencity": ("hamburg/PlannedLandUse.gml", ("planned-land-use", "supplementary-regulations", "spatial-plans", "official-documentation"),
                  {"planned-land-use": ("ZoningElement",), "supplementary-regulations": ("SupplementaryRegulation",)}),
    "water": ("hamburg/WaterPipeNetwork.gml", ("utility-links", "utility-nodes", "utility-networks"), {"utility-links": ("WaterPipe", "UtilityLink"), "utility-nodes": ("Appurtenance",)}),
    "geology": ("hamburg/Geology.gml", ("geologic-features",), {"geologic-features": ("GeologicUnit", "MappedFeature", "GeologicCollection")}),
}  # fmt: skip


@pytest.fixture(scope="module")
def conn(shared_database_url: str, real_data: Path, own_data_dir: Path) -> Iterator[psycopg.Connection[Any]]:
    for twin, (file, recipes, _) in LINKED.items():
        fill_twin(shared_database_url, twin, recipes, real_data / "inspire" / file)
    with connect(shared_database_url) as found:
        yield found


@pytest.mark.parametrize("twin", LINKED)
def test_references_lead_to_the_objects_that_the_file_holds(
    conn: psycopg.Connection[Any], real_data: Path, twin: str
) -> None:
    file, _, referring = LINKED[twin]
    path = real_data / "inspire" / file
    aliases = {e.get("{http://www.opengis.net/gml/3.2}id") for e in etree.parse(path).iter()}
    for recipe, names in referring.items():
        hrefs = [
            t.get(HREF)
            for e in elements(path, set(names))
            for t in e.iter()
            if t.get(HREF, "").startswith("#")
        ]
        there = [h for h in hrefs if h[1:] in aliases]
        with conn.transaction():
            snapshot = snapshots.resolve(conn, twin, OPERATOR)
            found = references.of_dataset(conn, snapshot, f"inspire-{recipe}", listed=5)
        assert found is not None
        assert (found.resolved, found.dangling) == (len(there), len(hrefs) - len(there)), found.listed
        assert found.resolved > 0


def test_what_is_stored_is_what_was_harmonised(conn: psycopg.Connection[Any], real_data: Path) -> None:
    rows = conn.execute(
        "SELECT f.properties, ST_IsValid(f.geom) FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id WHERE d.name = 'inspire-supplementary-regulations' ORDER BY f.source_row"
    ).fetchall()
    assert [json.dumps(p, sort_keys=True) for p, _ in rows] == [
        json.dumps(p, sort_keys=True)
        for p in properties(real_data, "supplementary-regulations", "hamburg/PlannedLandUse.gml")
    ]
    assert all(valid for _, valid in rows)
