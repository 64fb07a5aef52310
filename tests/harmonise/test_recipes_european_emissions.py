"""The EU Registry, releases of facilities and inventories of emissions, in their published layouts."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from tests.harmonise.europe import table
from tests.harmonise.test_recipes import made

from ldt.pipeline.inspect import inspect

REGISTRY = "inspire/brgm_toolbox/EUReg.example.xml"


def properties(name: str, path: Path) -> list[dict[str, Any]]:
    return [r["properties"] for r in made(name, path)[0]]


def test_the_example_of_the_eu_registry(real_data: Path) -> None:
    """Near Vic in Catalonia: 41.99 N, 2.10 E. One site with one facility of two installations, each with a part."""
    path = real_data / REGISTRY
    (site,) = made("emissions/eu-registry-sites", path)[0]
    (facility,) = made("emissions/eu-registry-facilities", path)[0]
    installations, tally, _ = made("emissions/eu-registry-installations", path)
    assert (tally.read, tally.accepted) == (4, 4)
    assert site["properties"] == {
        "kind": "ProductionSite",
        "name": "EXAMPLE SITE 1",
        "code": "123456789.SITE",
    }
    assert (site["namespace"], site["local_id"]) == ("ES.CAED", "123456789.SITE")
    assert site["geometry"].coords[0] == pytest.approx((2.104334, 41.991925))
    assert facility["geometry"].coords[0] == pytest.approx((2.104331, 41.991932))
    assert facility["properties"] == {
        "name": "EXAMPLE FACILITY 1", "description": facility["properties"]["description"], "code": "000000002.FACILITY", "status": "functional",
        "activities": ["1(c)", "5(b)", "35.11"], "operator": "OWNER LIMITED", "address": "Administrative Street 20, EX2 000 BARCELONA",
        "site": "#_123456789.SITE", "installations": ["#_010101011.INSTALLATION", "#_010101012.INSTALLATION"],
    }  # fmt: skip
    found = {r["local_id"]: r["properties"] for r in installations}
    assert found["010101011.INSTALLATION"]["activities"] == ["1.1"]
    assert found["010101012.INSTALLATION"]["status"] == "disused"
    assert found["010101012.INSTALLATION"]["activities"] == ["5.2(a)"]
    assert found["010101011.INSTALLATION"]["parts"] == ["#_987654321.PART"]
    assert found["987654321.PART"]["type"] == "LCP"
    assert found["987654322.PART"]["type"] == "WI"
    # The names by which the others refer to them.
    assert (site["alias"], facility["alias"]) == ("_123456789.SITE", "_000000002.FACILITY")
    # What no column took is kept: the thermal input of the plant.
    raw = json.loads(next(r for r in installations if r["local_id"] == "987654321.PART")["raw"])
    assert "125.0" in json.dumps(raw)
    recipes = inspect(path)["recipes"]
    assert {
        "emissions/eu-registry-sites",
        "emissions/eu-registry-facilities",
        "emissions/eu-registry-installations",
    } <= set(recipes[:3])


def test_releases_of_facilities(tmp_path: Path) -> None:
    base = {
        "countryName": "Germany", "EPRTR_SectorName": "Energy sector", "EPRTRAnnexIMainActivityCode": "1(c)", "FacilityInspireId": "DE.EEA/1.FACILITY", "facilityName": "Kraftwerk",
        "City": "Köln", "Longitude": "6.97", "Latitude": "50.94", "targetRelease": "AIR", "reportingYear": "2021",
    }  # fmt: skip
    rows = [
        {**base, "pollutant": "Carbon dioxide (CO2)", "Releases": "1230000000", "confidentialityReason": ""},
        {**base, "pollutant": "Nitrogen oxides (NOX)", "Releases": "1.5e6", "confidentialityReason": ""},
        {**base, "pollutant": "Mercury", "Releases": "", "confidentialityReason": "Article4(2)(b)"},
    ]
    path = table(tmp_path / "F1_4_Air_Releases_Facilities.csv", rows)
    found = properties("emissions/e-prtr-releases", path)
    assert found[0] == {
        "facility_code": "DE.EEA/1.FACILITY", "facility_name": "Kraftwerk", "pollutant": "Carbon dioxide (CO2)", "medium": "air", "quantity_kg": 1.23e9,
        "reference_year": 2021, "sector": "Energy sector", "sector_code": "1(c)", "town": "Köln",
    }  # fmt: skip
    assert found[1]["quantity_kg"] == 1.5e6
    assert "quantity_kg" not in found[2]
    assert found[2]["notation_key"] == "C"
    assert inspect(path)["recipes"][0] == "emissions/e-prtr-releases"
    plain = table(
        tmp_path / "2f_PollutantRelease.csv",
        [{"Facility_INSPIRE_ID": "DE.1", "reportingYear": "2022", "pollutantCode": "NOX", "pollutantName": "Nitrogen oxides", "medium": "WASTEWATER", "totalPollutantQuantityKG": "12.5", "methodCode": "MEASURED", "accidentalPollutantQuantityKG": "0"}],
    )  # fmt: skip
    (one,) = properties("emissions/e-prtr-release-table", plain)
    assert one == {
        "facility_code": "DE.1", "pollutant": "Nitrogen oxides", "pollutant_code": "NOX", "medium": "wasteWater", "quantity_kg": 12.5, "accidental_kg": 0, "method": "M",
        "reference_year": 2022,
    }  # fmt: skip
    assert inspect(plain)["recipes"][0] == "emissions/e-prtr-release-table"


def inventory(**changed: str) -> dict[str, str]:
    return {
        "Country_code": "DE", "Country": "Germany", "Format_name": "2006 IPCC Reporting Format", "Pollutant_name": "CH4", "Sector_code": "1.A.1", "Sector_name": "1.A.1 - Energy industries",
        "Parent_sector_code": "1.A", "Unit": "Gg", "Year": "2022", "emissions": "1.5", "Notation": "", "PublicationDate": "2024-04-15", "DataSource": "x", **changed,
    }  # fmt: skip


def test_national_inventories(tmp_path: Path) -> None:
    """1.5 Gg are 1,500 t; 2.5 Gg CO2 equivalent are 2,500 t CO2e."""
    path = table(
        tmp_path / "UNFCCC_v27.csv",
        [
            inventory(),
            inventory(
                Pollutant_name="All greenhouse gases - (CO2 equivalent)",
                Unit="Gg CO2 equivalent",
                emissions="2.5",
            ),
            inventory(Pollutant_name="CO2", emissions="-3", Sector_code="4.A", Country_code="GR"),
            inventory(
                Pollutant_name="HFCs - (CO2 equivalent)",
                Unit="Gg CO2 equivalent",
                emissions="",
                Notation="NO, IE",
                Country_code="EUA",
            ),
            inventory(Sector_code="Sectors/Totals_excl_incl", Pollutant_name="N2O"),
            inventory(Unit="barrels", Pollutant_name="SF6"),
            inventory(Year="1985-1987"),
        ],
    )
    rows, tally, chunks = made("emissions/unfccc-inventory", path)
    found = [r["properties"] for r in rows]
    assert found[0] == {
        "inventory": "unfccc", "place_scheme": "nuts0", "place_code": "DE", "place_name": "Germany", "country": "DE", "reference_year": 2022, "sector": "1.A.1",
        "sector_scheme": "ipcc-sectors", "sector_name": "1.A.1 - Energy industries", "pollutant": "CH4", "value_t": 1500,
    }  # fmt: skip
    assert (found[1]["pollutant"], found[1]["value_t_co2e"]) == ("CO2e", 2500)
    assert "value_t" not in found[1]
    assert (found[2]["value_t"], found[2]["value_t_co2e"], found[2]["place_code"], found[2]["country"]) == (
        -3000,
        -3000,
        "EL",
        "GR",
    )
    assert (found[3]["pollutant"], found[3]["notation_key"], found[3]["place_scheme"]) == (
        "HFCs",
        "NO,IE",
        "group-of-countries",
    )
    assert not {"value_t", "value_t_co2e", "country"} & set(found[3])
    assert "sector_scheme" not in found[4]
    assert tally.reasons == {"rejected:bad-value": 1, "outside:not-selected": 1}
    assert "barrels" in next(o.message for c in chunks for o in c.outcomes if o.reason == "bad-value")
    assert inspect(path)["recipes"][0] == "emissions/unfccc-inventory"


def test_city_inventories_of_the_gpc(tmp_path: Path) -> None:
    columns = {
        "GPC ref no.": "",
        "Scope": "",
        "GHG Emissions Source (By Sector and Sub-sector)": "",
        "Notation key": "",
        "CO2": "",
        "Total CO2e": "",
        "AD quality": "",
        "EF quality": "",
    }
    rows = [
        {**columns, "GHG Emissions Source (By Sector and Sub-sector)": "STATIONARY ENERGY"},
        {**columns, "GPC ref no.": "I.1.1", "Scope": "1", "GHG Emissions Source (By Sector and Sub-sector)": "Residential buildings", "Total CO2e": "1,234.5", "AD quality": "H", "EF quality": "M"},
        {**columns, "GPC ref no.": "I.1.2", "Scope": "Scope 2", "Total CO2e": "IE"},
        {**columns, "GPC ref no.": "II.4.3", "Notation key": "NE"},
        {**columns, "GPC ref no.": "I.9.1", "Total CO2e": "1"},
    ]  # fmt: skip
    path = table(tmp_path / "CIRIS_Köln_2019_GPC.csv", rows)
    made_rows, tally, chunks = made("emissions/gpc-city-inventory", path)
    found = [r["properties"] for r in made_rows]
    assert found == [
        {"inventory": "gpc", "reference_year": 2019, "sector": "I.1", "sector_scheme": "gpc-sectors", "sector_name": "Residential buildings", "scope": "1", "pollutant": "CO2e", "value_t_co2e": 1234.5, "quality": "H/M"},
        {"inventory": "gpc", "reference_year": 2019, "sector": "I.1", "sector_scheme": "gpc-sectors", "scope": "2", "pollutant": "CO2e", "notation_key": "IE"},
        {"inventory": "gpc", "reference_year": 2019, "sector": "II.4", "sector_scheme": "gpc-sectors", "scope": "3", "pollutant": "CO2e", "notation_key": "NE"},
    ]  # fmt: skip
    assert tally.reasons == {"outside:not-selected": 1, "rejected:unknown-code": 1}
    assert "I.9" in chunks[0].outcomes[-1].message
    assert inspect(path)["recipes"][0] == "emissions/gpc-city-inventory"


def test_city_inventories_of_the_covenant(tmp_path: Path) -> None:
    base = {
        "GCoM_ID": "DE0001",
        "signatory_name": "Köln",
        "country_code": "DE",
        "inventory_year": "2015",
        "population_in_the_inventory_year": "1060582",
        "emission_factor_type": "IPCC",
    }
    rows = [
        {**base, "emission_inventory_sector": "Residential buildings", "type_of_emissions": "direct_emissions", "emissions": "100.5"},
        {**base, "emission_inventory_sector": "Residential buildings", "type_of_emissions": "indirect_emissions", "emissions": "50"},
        {**base, "emission_inventory_sector": "Transport", "type_of_emissions": "direct_emissions", "emissions": "NE"},
    ]  # fmt: skip
    path = table(tmp_path / "GCoM_MyCovenant.csv", rows)
    found = properties("emissions/covenant-of-mayors-inventory", path)
    assert [(p["sector"], p["scope"], p.get("value_t_co2e"), p.get("notation_key")) for p in found] == [
        ("residential buildings", "1", 100.5, None), ("residential buildings", "2", 50, None), ("transport", "1", None, "NE"),
    ]  # fmt: skip
    assert {
        (p["place_code"], p["place_name"], p["country"], p["reference_year"], p["method"], p["inhabitants"])
        for p in found
    } == {("DE0001", "Köln", "DE", 2015, "IPCC", 1060582)}
    assert inspect(path)["recipes"][0] == "emissions/covenant-of-mayors-inventory"


def test_emissions_of_the_cities_of_the_world(real_data: Path) -> None:
    path = real_data / "emissions/city_emissions.csv"
    rows, tally, _ = made("emissions/city-emissions", path)
    assert (tally.read, tally.accepted) == (8028, 8028)
    with path.open(encoding="utf-8", newline="") as lines:
        listed = list(csv.DictReader(lines))
    found = [r["properties"] for r in rows]
    assert sum(p["value_t"] for p in found) == pytest.approx(sum(float(r["emissions"]) for r in listed))
    assert {p["pollutant"] for p in found} == {"CO", "CO2", "NH3", "NOx", "PM10", "SO2"}
    assert {p["reference_year"] for p in found} == {1970, 2015}
    kabul = found[0]
    assert (kabul["place_name"], kabul["value_t"], kabul["inhabitants"]) == (
        "Kabul",
        4174.071777,
        4604344.157,
    )
    assert sum("value_t_co2e" in p for p in found) == sum(r["pollutant"] == "CO2" for r in listed)
    assert inspect(path)["recipes"][0] == "emissions/city-emissions"
