"""INSPIRE addresses and their components, written by hand after the application schema Addresses 3.0 and 4.0, and as producers write them."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from tests.harmonise.gml_made import (
    NEWEST,
    NIL,
    OLDEST,
    SPACE,
    code,
    feature,
    made,
    only,
    point,
    spelled,
    to,
    write,
)


def position(*, default: str = "true") -> str:
    return (
        f"<ad:position><ad:GeographicPosition>{point('ad:geometry')}{code('ad:specification', 'entrance')}"
        f"{code('ad:method', 'byAdministrator')}<ad:default>{default}</ad:default></ad:GeographicPosition></ad:position>"
    )


def locator(*designators: tuple[str, str]) -> str:
    written = "".join(
        f"<ad:designator><ad:LocatorDesignator><ad:designator>{text}</ad:designator>{code('ad:type', kind)}"
        "</ad:LocatorDesignator></ad:designator>"
        for text, kind in designators
    )
    name = (
        "<ad:name><ad:LocatorName>"
        + spelled("ad:name", ("Rose Cottage", "eng", "official"))
        + f"<ad:type {NIL}/>"
        "</ad:LocatorName></ad:name>"
    )
    return f"<ad:locator><ad:AddressLocator>{written}{name}{code('ad:level', 'siteLevel')}</ad:AddressLocator></ad:locator>"


@pytest.mark.parametrize("spaces", [NEWEST, OLDEST], ids=["4.0", "3.0"])
def test_an_address_with_all_that_the_schema_has(tmp_path: Path, spaces: dict[str, str]) -> None:
    address = feature(
        "ad:Address", "a1", "<ad:alternativeIdentifier>77</ad:alternativeIdentifier>", position(), code("ad:status", "current"),
        locator(("13", "addressNumber"), ("a", "addressNumberExtension")), f"<ad:validFrom {NIL}/>",
        "<ad:beginLifespanVersion>2009-12-28T17:25:58</ad:beginLifespanVersion>", f"<ad:endLifespanVersion {NIL}/>",
        to("ad:parcel", "#p1"), to("ad:parentAddress", f"{SPACE}/a0"), to("ad:building", "#b1", "#b2"),
        to("ad:component", "#t1", "", "#p1"),
    )  # fmt: skip
    row = only("addresses", write(tmp_path / "ad.gml", address, spaces=spaces))
    assert row["properties"] == {
        "designator": "13a",
        "designators": [
            {"designator": "13", "type": "addressNumber"},
            {"designator": "a", "type": "addressNumberExtension"},
        ],
        "locator_name": "Rose Cottage", "level": "siteLevel", "status": "current", "specification": "entrance",
        "method": "byAdministrator", "alternative_id": "77", "components": ["#t1", "#p1"], "parent_address": f"{SPACE}/a0",
        "parcels": ["#p1"], "buildings": ["#b1", "#b2"],
    }  # fmt: skip
    assert (row["namespace"], row["local_id"], row["alias"]) == (SPACE, "a1", "_a1")
    assert row["valid_from"].isoformat() == "2009-12-28T17:25:58+00:00"
    assert row["valid_to"] is None
    assert row["geometry"] == shapely.Point(6.9, 50.9)


def test_designators_that_are_no_number_are_not_run_together(tmp_path: Path) -> None:
    texts = (("2", "floorIdentifier"), ("14", "unitIdentifier"))
    path = write(tmp_path / "ad.gml", feature("ad:Address", "a", position(), locator(*texts)))
    assert only("addresses", path)["properties"]["designator"] == "2 14"


def test_codes_as_texts_and_types_as_numbers(tmp_path: Path) -> None:
    """Spain and the Netherlands, schema 3.0: capital letters, a type `1`."""
    address = feature(
        "ad:Address", "a",
        f"<ad:position><ad:GeographicPosition>{point('ad:geometry')}<ad:specification>Parcel</ad:specification>"
        "<ad:method>fromFeature</ad:method><ad:default>true</ad:default></ad:GeographicPosition></ad:position>",
        "<ad:locator><ad:AddressLocator><ad:designator><ad:LocatorDesignator><ad:designator>S-N</ad:designator>"
        "<ad:type>1</ad:type></ad:LocatorDesignator></ad:designator><ad:level>siteLevel</ad:level></ad:AddressLocator></ad:locator>",
    )  # fmt: skip
    assert only("addresses", write(tmp_path / "ad.gml", address, spaces=OLDEST))["properties"] == {
        "designator": "S-N", "designators": [{"designator": "S-N", "type": "1"}], "level": "siteLevel",
        "specification": "parcel", "method": "fromFeature",
    }  # fmt: skip


def test_an_address_that_says_nothing_of_itself_is_accepted_and_one_without_a_place_is_not(
    tmp_path: Path,
) -> None:
    path = write(
        tmp_path / "ad.gml",
        feature("ad:Address", "a", position(), f"<ad:locator {NIL}/><ad:status {NIL}/>"),
        feature("ad:Address", "b", locator(("1", "addressNumber"))),
    )
    rows, tally, _ = made("addresses", path)
    assert [(r["local_id"], r["properties"]) for r in rows] == [
        ("a", {"specification": "entrance", "method": "byAdministrator"})
    ]
    assert tally.reasons == {"rejected:no-geometry": 1}


COMPONENT = "<ad:alternativeIdentifier>12</ad:alternativeIdentifier>" + code("ad:status", "retired")
WITHIN = to("ad:situatedWithin", "#u1")
SHARED = {"status": "retired", "alternative_id": "12", "within": ["#u1"]}


@pytest.mark.parametrize("spaces", [NEWEST, OLDEST], ids=["4.0", "3.0"])
def test_the_components_of_addresses_have_no_geometry_and_often_no_inspire_id(
    tmp_path: Path, spaces: dict[str, str]
) -> None:
    names = (("Rue Haute", "fra", "official"), ("Hoogstraat", "nld", "official"))
    street = (
        "<ad:name><ad:ThoroughfareNameValue>"
        + spelled("ad:name", *names)
        + "</ad:ThoroughfareNameValue></ad:name>"
    )
    path = write(
        tmp_path / "ad.gml",
        feature("ad:ThoroughfareName", "t1", COMPONENT, WITHIN, street, to("ad:transportLink", "#l1"), identified=False),
        feature("ad:PostalDescriptor", "p1", COMPONENT, WITHIN, spelled("ad:postName", ("Bonn", "deu", "official")),
                "<ad:postCode>01067</ad:postCode>", identified=False),
        feature("ad:AddressAreaName", "r1", COMPONENT, WITHIN, spelled("ad:name", ("Altstadt", "deu", "other")),
                to("ad:namedPlace", "#n1")),
        feature("ad:AdminUnitName", "u1", COMPONENT, WITHIN, spelled("ad:name", ("Köln", "deu", "official")),
                code("ad:level", "4thOrder"), to("ad:adminUnit", "#au")),
        spaces=spaces,
    )  # fmt: skip
    street_name = only("thoroughfare-names", path)
    assert street_name["properties"] == {
        "name": "Rue Haute",
        "names": [
            {"name": "Rue Haute", "language": "fra", "status": "official"},
            {"name": "Hoogstraat", "language": "nld", "status": "official"},
        ],
        **SHARED,
        "transport_links": ["#l1"],
    }
    assert (street_name["fid"], street_name["alias"], street_name["geometry"]) == ("_t1", "_t1", None)
    assert only("postal-descriptors", path)["properties"] == {"post_code": "01067", "name": "Bonn", **SHARED}
    assert only("address-areas", path)["properties"] == {"name": "Altstadt", **SHARED, "named_place": "#n1"}
    unit = only("admin-unit-names", path)
    assert unit["properties"] == {"name": "Köln", "level": "4thOrder", **SHARED, "admin_unit": "#au"}
    assert (unit["namespace"], unit["local_id"], unit["alias"]) == (SPACE, "u1", "_u1")


def test_the_official_name_goes_before_others(tmp_path: Path) -> None:
    names = (("Hauptstrasse", "deu", "historical"), ("Hauptstraße", "deu", "official"))
    street = (
        "<ad:name><ad:ThoroughfareNameValue>"
        + spelled("ad:name", *names)
        + "</ad:ThoroughfareNameValue></ad:name>"
    )
    path = write(tmp_path / "ad.gml", feature("ad:ThoroughfareName", "t", street))
    found = only("thoroughfare-names", path)["properties"]
    assert found["name"] == "Hauptstraße"
    assert [n["status"] for n in found["names"]] == ["historical", "official"]


def test_a_street_without_the_value_around_its_name(tmp_path: Path) -> None:
    path = write(
        tmp_path / "ad.gml",
        feature("ad:ThoroughfareName", "t", spelled("ad:name", ("Hoofdstraat", "nld", "official"))),
    )
    assert only("thoroughfare-names", path)["properties"] == {"name": "Hoofdstraat"}


def test_an_identifier_in_gml_alone(tmp_path: Path) -> None:
    told = f"<gml:identifier codeSpace='http://inspire.ec.europa.eu/ids'>{SPACE}/street/9</gml:identifier>"
    path = write(tmp_path / "ad.gml", feature("ad:ThoroughfareName", "t", told, identified=False))
    row = only("thoroughfare-names", path)
    assert (row["namespace"], row["local_id"], row["alias"]) == (f"{SPACE}/street", "9", "_t")


def test_components_stay_whatever_the_boundary_of_the_twin_is(tmp_path: Path) -> None:
    elsewhere = shapely.box(20, 40, 21, 41)
    name = spelled("ad:name", ("Hauptstraße", "deu", "official"))
    path = write(
        tmp_path / "ad.gml", feature("ad:Address", "a", position()), feature("ad:ThoroughfareName", "t", name)
    )
    assert made("thoroughfare-names", path, elsewhere)[1].accepted == 1
    inside = made("addresses", path, shapely.box(6, 50, 7, 51))
    assert (inside[1].accepted, inside[1].outside) == (1, 0)


# Real files ---------------------------------------------------------------------------------------------------

REAL = {
    "hamburg/Address.gml": (1, 1, 1, 0, 6),
    "es_catastro/address.gml": (14, 7, 2, 0, 1),
    "nl_kadaster/example-ad.gml": (50, 1, 7, 1, 0),
    "nl_kadaster/ad-thoroughfare.gml": (0, 33, 0, 0, 0),
    "nl_kadaster/ad-address-wfs-rsp.gml": (1, 0, 0, 0, 0),
    "deegree/Inspire-Adress.xml": (1, 0, 0, 0, 0),
    "deegree/inspire_addresses1.gml": (1, 1, 1, 1, 0),
    "deegree/inspire_addresses2.gml": (1, 1, 1, 1, 0),
    "caniuse/AD.Spain_full.gml": (1, 1, 1, 0, 1),
    "caniuse/AD.Spain_full.3D.No.srsDimension.gml": (1, 1, 1, 0, 1),
    "caniuse/AD.Spain_full.3D.srsDimension.gml": (1, 1, 1, 0, 1),
    "caniuse/AD.Spain_v4.0.two.geom.gml": (1, 1, 1, 0, 1),
}
RECIPES = ("addresses", "thoroughfare-names", "postal-descriptors", "address-areas", "admin-unit-names")


@pytest.mark.parametrize("file", REAL)
def test_every_real_file_of_addresses(real_data: Path, file: str) -> None:
    """The numbers of elements are those that `grep -c` finds in the file."""
    for recipe, number in zip(RECIPES, REAL[file], strict=True):
        rows, tally, messages = made(recipe, real_data / "inspire" / file)
        assert tally.read == number, recipe
        # one address of the Spanish cadastre has a comma between its ordinates
        lost = 1 if (file, recipe) == ("es_catastro/address.gml", "addresses") else 0
        assert number - lost <= tally.accepted + tally.repaired <= number, messages
        named = {"postal-descriptors": "post_code"}.get(recipe, "name")
        if recipe != "addresses":
            assert all(row["properties"].get(named) for row in rows)
        else:
            assert all(row["properties"]["designator"] and row["properties"]["components"] for row in rows)
