"""INSPIRE cadastre, names, units and constructions, written by hand after the application schemas cp, gn, au, bu, and the real files of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from tests.harmonise.gml_made import (
    NEWEST,
    NIL,
    OLDEST,
    SPACE,
    all_taken,
    area,
    code,
    feature,
    line,
    made,
    only,
    point,
    spelled,
    to,
    write,
)

SQUARE = shapely.box(6.9, 50.9, 6.901, 50.901)


@pytest.mark.parametrize("spaces", [NEWEST, OLDEST], ids=["4.0", "3.0"])
def test_the_cadastre(tmp_path: Path, spaces: dict[str, str]) -> None:
    path = write(
        tmp_path / "cp.gml",
        feature("cp:CadastralParcel", "p1", '<cp:areaValue uom="ha">1.5</cp:areaValue>', point("cp:referencePoint"), area("cp:geometry"),
                "<cp:label>17</cp:label><cp:nationalCadastralReference>05-17</cp:nationalCadastralReference>",
                to("cp:zoning", "#z1"), to("cp:administrativeUnit", "#u1"), to("cp:basicPropertyUnit", "#b1", "#b2")),
        feature("cp:CadastralZoning", "z1", '<cp:estimatedAccuracy uom="cm">50</cp:estimatedAccuracy>', area("cp:geometry"),
                "<cp:label>05</cp:label>", code("cp:level", "2ndOrder"),
                "<cp:levelName><gmd:LocalisedCharacterString>Gemarkung</gmd:LocalisedCharacterString></cp:levelName>",
                spelled("cp:name", ("Deutz", "deu", "official")), "<cp:nationalCadastalZoningReference>4905</cp:nationalCadastalZoningReference>"
                "<cp:originalMapScaleDenominator>1000</cp:originalMapScaleDenominator>", point("cp:referencePoint"), to("cp:upperLevelUnit", "#z0")),
        feature("cp:BasicPropertyUnit", "b1", "<cp:nationalCadastralReference>B 9</cp:nationalCadastralReference>"
                '<cp:areaValue uom="m2">700</cp:areaValue>', to("cp:administrativeUnit", "#u1")),
        feature("cp:CadastralBoundary", "l1", line("cp:geometry"), '<cp:estimatedAccuracy uom="m">0.1</cp:estimatedAccuracy>',
                to("cp:parcel", "#p1", "#p2")),
        spaces=spaces,
    )  # fmt: skip
    parcel = only("cadastral-parcels", path)
    assert parcel["properties"] == {
        "label": "17", "reference": "05-17", "area_source_m2": 15_000, "zoning": "#z1", "administrative_unit": "#u1",
        "property_units": ["#b1", "#b2"],
    }  # fmt: skip
    assert parcel["geometry"].equals(SQUARE)  # and not the reference point, which stands before it
    assert only("cadastral-zonings", path)["properties"] == {
        "name": "Deutz", "label": "05", "reference": "4905", "level": "2ndOrder", "level_name": "Gemarkung", "scale": 1000,
        "accuracy_m": 0.5, "upper": "#z0",
    }  # fmt: skip
    unit = only("basic-property-units", path)
    assert unit["properties"] == {"reference": "B 9", "area_source_m2": 700, "administrative_unit": "#u1"}
    boundary = only("cadastral-boundaries", path)
    assert boundary["properties"] == {"accuracy_m": 0.1, "parcels": ["#p1", "#p2"]}
    assert boundary["geometry"] == shapely.LineString([(6.9, 50.9), (6.92, 50.91)])


def test_an_area_in_a_unit_that_is_not_known_costs_its_parcel(tmp_path: Path) -> None:
    parcels = [
        feature(
            "cp:CadastralParcel", name, f'<cp:areaValue uom="{uom}">3</cp:areaValue>', area("cp:geometry")
        )
        for name, uom in (("a", "m2"), ("b", "morgen"))
    ]
    nil = feature("cp:CadastralParcel", "c", f'<cp:areaValue uom="morgen" {NIL}/>', area("cp:geometry"))
    rows, tally, messages = made("cadastral-parcels", write(tmp_path / "cp.gml", *parcels, nil))
    assert [(r["local_id"], r["properties"]) for r in rows] == [("a", {"area_source_m2": 3}), ("c", {})]
    assert tally.reasons == {"rejected:bad-value": 1}
    assert "morgen" in messages[0]


@pytest.mark.parametrize("spaces", [NEWEST, OLDEST], ids=["4.0", "3.0"])
def test_a_place_of_several_names_and_kinds(tmp_path: Path, spaces: dict[str, str]) -> None:
    def resolution(element: str, scale: int) -> str:
        return (
            f"<{element}><gmd:MD_Resolution><gmd:equivalentScale><gmd:MD_RepresentativeFraction><gmd:denominator><gco:Integer>{scale}"
            f"</gco:Integer></gmd:denominator></gmd:MD_RepresentativeFraction></gmd:equivalentScale></gmd:MD_Resolution></{element}>"
        )

    related = (
        f"<gn:relatedSpatialObject><base:Identifier><base:localId>u1</base:localId><base:namespace>{SPACE}</base:namespace>"
        "</base:Identifier></gn:relatedSpatialObject>"
    )
    place = feature(
        "gn:NamedPlace", "n1", point("gn:geometry"), resolution("gn:leastDetailedViewingResolution", 100_000),
        "<gn:localType><gmd:LocalisedCharacterString>Stadt</gmd:LocalisedCharacterString></gn:localType>",
        resolution("gn:mostDetailedViewingResolution", 5_000),
        spelled("gn:name", ("Kölle", "ksh", "other"), ("Köln", "deu", "official")), related,
        code("gn:type", "populatedPlace"), code("gn:type", "administrativeUnit"),
    )  # fmt: skip
    row = only("geographical-names", write(tmp_path / "gn.gml", place, spaces=spaces))
    assert row["properties"] == {
        "name": "Köln",
        "names": [
            {"name": "Kölle", "language": "ksh", "status": "other"},
            {"name": "Köln", "language": "deu", "status": "official"},
        ],
        "nativeness": "endonym", "type": "populatedPlace", "types": ["populatedPlace", "administrativeUnit"],
        "local_type": "Stadt", "scale_from": 5000, "scale_to": 100_000, "objects": [f"{SPACE}/u1"],
    }  # fmt: skip


def test_one_name_tells_its_language_and_status(tmp_path: Path) -> None:
    place = feature(
        "gn:NamedPlace", "n", point("gn:geometry"), spelled("gn:name", ("Bonn", "deu", "standardised"))
    )
    found = only("geographical-names", write(tmp_path / "gn.gml", place))["properties"]
    assert found == {"name": "Bonn", "language": "deu", "status": "standardised", "nativeness": "endonym"}


def test_several_spellings_of_one_name_have_no_language_each(tmp_path: Path) -> None:
    one = spelled("gn:name", ("Αθήνα", "ell", "official"))
    second = "<gn:spelling><gn:SpellingOfName><gn:text>Athina</gn:text><gn:script>Latn</gn:script></gn:SpellingOfName></gn:spelling>"
    names = one.replace("</gn:GeographicalName>", f"{second}</gn:GeographicalName>")
    found = only(
        "geographical-names",
        write(tmp_path / "gn.gml", feature("gn:NamedPlace", "n", point("gn:geometry"), names)),
    )
    assert found["properties"]["name"] == "Αθήνα"
    assert found["properties"]["names"] == [
        {"name": "Αθήνα", "language": None, "status": None},
        {"name": "Athina", "language": None, "status": None},
    ]
    assert found["properties"]["language"] == "ell"


COUNTRY = '<au:country><gmd:Country codeList="x" codeListValue="DE"/></au:country>'


@pytest.mark.parametrize("spaces", [NEWEST, OLDEST], ids=["5.0", "3.0"])
def test_units_boundaries_and_condominiums_refer_to_each_other(
    tmp_path: Path, spaces: dict[str, str]
) -> None:
    residence = (
        "<au:residenceOfAuthority><au:ResidenceOfAuthority>" + spelled("au:name", ("Bonn", "deu", "official"))
        + "</au:ResidenceOfAuthority></au:residenceOfAuthority>"
    )  # fmt: skip
    path = write(
        tmp_path / "au.gml",
        feature("au:AdministrativeUnit", "u1", area("au:geometry"), "<au:nationalCode>05</au:nationalCode>",
                code("au:nationalLevel", "2ndOrder"), COUNTRY, spelled("au:name", ("NRW", "deu", "other"), ("Nordrhein-Westfalen", "deu", "official")),
                residence, to("au:NUTS", "https://example.org/nuts/DEA"), to("au:condominium", "#c1"), to("au:lowerLevelUnit", "#u2", "#u3"),
                to("au:upperLevelUnit", "#u0"), to("au:administeredBy", "#u5"), to("au:coAdminister", "#u4"), to("au:boundary", "#b1")),
        feature("au:AdministrativeBoundary", "b1", line("au:geometry"), COUNTRY, code("au:nationalLevel", "2ndOrder"),
                code("au:legalStatus", "agreed"), code("au:technicalStatus", "edgeMatched"), to("au:admUnit", "#u1", "#u9")),
        feature("au:Condominium", "c1", area("au:geometry"), spelled("au:name", ("Fasaneninsel", "deu", "official")), to("au:admUnit", "#u1")),
        spaces=spaces,
    )  # fmt: skip
    (unit,), _, _ = made("administrative-units", path)
    assert unit["properties"] == {
        "scheme": "au-de-2ndorder", "code": "05", "name": "Nordrhein-Westfalen", "level": "2ndOrder", "country": "DE",
        "names": [
            {"name": "NRW", "language": "deu", "status": "other"},
            {"name": "Nordrhein-Westfalen", "language": "deu", "status": "official"},
        ],
        "residence": "Bonn", "upper": "#u0", "lower": ["#u2", "#u3"], "boundaries": ["#b1"],
        "nuts": ["https://example.org/nuts/DEA"], "administered_by": ["#u5"], "administers": ["#u4"], "condominiums": ["#c1"],
    }  # fmt: skip
    (boundary,), _, _ = made("administrative-boundaries", path)
    assert boundary["properties"] == {
        "level": "2ndOrder", "country": "DE", "legal_status": "agreed", "technical_status": "edgeMatched", "units": ["#u1", "#u9"],
    }  # fmt: skip
    assert only("condominiums", path)["properties"] == {"name": "Fasaneninsel", "units": ["#u1"]}
    assert {unit["alias"], boundary["alias"]} == {"_u1", "_b1"}


def test_a_part_of_a_building_and_what_is_no_building(tmp_path: Path) -> None:
    geometry = (
        "<bu-core2d:geometry2D><bu-base:BuildingGeometry2D>" + area("bu-base:geometry")
        + code("bu-base:horizontalGeometryReference", "roofEdge") + "</bu-base:BuildingGeometry2D></bu-core2d:geometry2D>"
    )  # fmt: skip
    use = f"<bu-base:currentUse><bu-base:CurrentUse>{code('bu-base:currentUse', 'office')}</bu-base:CurrentUse></bu-base:currentUse>"
    height = '<bu-base:heightAboveGround><bu-base:HeightAboveGround><bu-base:value uom="cm">950</bu-base:value></bu-base:HeightAboveGround></bu-base:heightAboveGround>'
    path = write(
        tmp_path / "bu.gml",
        feature("bu-core2d:BuildingPart", "p1", code("bu-base:conditionOfConstruction", "functional"), height, use,
                "<bu-base:numberOfFloorsAboveGround>3</bu-base:numberOfFloorsAboveGround><bu-ext2d:numberOfFloorsBelowGround>1</bu-ext2d:numberOfFloorsBelowGround>"
                '<bu-ext2d:heightBelowGround uom="m">2.5</bu-ext2d:heightBelowGround>', code("bu-base:roofType", "gabledRoof"), geometry, prefix="bu-base"),
        feature("bu-ext2d:OtherConstruction", "o1", code("bu-ext2d:otherConstructionNature", "bridge"), code("bu-base:conditionOfConstruction", "ruin"),
                "<bu-ext2d:geometry>" + line("x").removeprefix("<x>").removesuffix("</x>") + "</bu-ext2d:geometry>",
                to("bu-ext2d:cadastralParcels", "#p"), to("bu-ext2d:addresses", "#a"), prefix="bu-base"),
    )  # fmt: skip
    assert only("building-parts", path)["properties"] == {
        "use": "office", "uses": ["office"], "condition": "functional", "height_m": 9.5, "height_below_ground_m": 2.5, "floors": 3,
        "floors_below": 1, "footprint_is": "roofEdge", "roof": "gabledRoof",
    }  # fmt: skip
    other = only("other-constructions", path)
    assert other["properties"] == {
        "nature": "bridge",
        "condition": "ruin",
        "parcels": ["#p"],
        "addresses": ["#a"],
    }
    assert other["geometry"].geom_type == "LineString"


def test_a_building_refers_to_parts_parcels_and_addresses(tmp_path: Path) -> None:
    geometry = (
        "<bu-core2d:geometry2D><bu-base:BuildingGeometry2D>" + area("bu-base:geometry")
        + "</bu-base:BuildingGeometry2D></bu-core2d:geometry2D>"
    )  # fmt: skip
    references = (
        to("bu-core2d:parts", "#p1", "#p2")
        + to("bu-ext2d:cadastralParcels", "#c")
        + to("bu-ext2d:addresses", "#a")
    )
    path = write(
        tmp_path / "bu.gml", feature("bu-core2d:Building", "b", geometry, references, prefix="bu-base")
    )
    row = only("buildings", path)
    assert row["properties"] == {"parts": ["#p1", "#p2"], "parcels": ["#c"], "addresses": ["#a"]}
    assert row["alias"] == "_b"


def test_the_height_of_a_solid_is_that_of_the_building_where_none_is_stated(tmp_path: Path) -> None:
    ring = "50.9 6.9 {z} 50.9 6.901 {z} 50.901 6.901 {z} 50.901 6.9 {z} 50.9 6.9 {z}"
    faces = "".join(
        f"<gml:surfaceMember><gml:Polygon><gml:exterior><gml:LinearRing><gml:posList srsDimension='3'>{ring.format(z=z)}</gml:posList>"
        "</gml:LinearRing></gml:exterior></gml:Polygon></gml:surfaceMember>"
        for z in (40, 52.5)
    )
    solid = (
        "<bu-core3d:geometry3DLoD1><bu-core3d:BuildingGeometry3DLoD1><bu-core3d:geometrySolid>"
        '<gml:Solid srsName="http://www.opengis.net/def/crs/EPSG/0/4937" srsDimension="3"><gml:exterior><gml:CompositeSurface>'
        f"{faces}</gml:CompositeSurface></gml:exterior></gml:Solid></bu-core3d:geometrySolid>"
        "</bu-core3d:BuildingGeometry3DLoD1></bu-core3d:geometry3DLoD1>"
    )
    stated = '<bu-base:heightAboveGround><bu-base:HeightAboveGround><bu-base:value uom="m">9</bu-base:value></bu-base:HeightAboveGround></bu-base:heightAboveGround>'
    path = write(
        tmp_path / "bu.gml",
        feature("bu-core3d:Building", "a", solid, prefix="bu-base"),
        feature("bu-core3d:Building", "b", stated, solid, prefix="bu-base"),
    )
    rows, _, messages = made("buildings", path)
    assert [row["properties"].get("height_m") for row in rows] == [12.5, 9], messages
    assert all(
        row["geometry"].equals_exact(SQUARE.normalize(), 1e-6) or row["geometry"].equals(SQUARE)
        for row in rows
    )


# Real files ---------------------------------------------------------------------------------------------------

REAL = [
    ("cadastral-parcels", "nl_kadaster/local-parcels-cp.xml", 4),
    ("cadastral-parcels", "deegree/cadastralparcels_wfs20FC.xml", 5),
    ("cadastral-zonings", "deegree/CadastralZoning.gml", 1),
    ("cadastral-zonings", "es_catastro/zoning.gml", 235),
    ("geographical-names", "hamburg/NamedPlace.gml", 1),
    ("geographical-names", "nl_kadaster/kad-gn.gml", 32),
    ("geographical-names", "nl_kadaster/gn-example-ign.xml", 5),
    ("buildings", "es_catastro/building.gml", 16),
    ("building-parts", "es_catastro/buildingpart.gml", 25),
    ("other-constructions", "es_catastro/othercons.gml", 25),
]


@pytest.mark.parametrize(("recipe", "file", "number"), REAL)
def test_every_real_file_of_the_land(real_data: Path, recipe: str, file: str, number: int) -> None:
    """The numbers of elements are those that `grep -c` finds in the file."""
    all_taken(recipe, real_data / "inspire" / file, number)


def test_the_same_parcels_in_two_versions_of_the_schema(real_data: Path) -> None:
    """Dutch parcels in schema 3.0, and four of them with a fifth in 4.0: other gml:ids, the same identifiers."""
    old, _, _ = made("cadastral-parcels", real_data / "inspire/nl_kadaster/local-parcels-cp.xml")
    new, _, _ = made("cadastral-parcels", real_data / "inspire/deegree/cadastralparcels_wfs20FC.xml")
    assert {row["fid"] for row in old} <= {row["fid"] for row in new}
    assert old[0]["properties"]["area_source_m2"] == 274_104
    by_fid = {row["fid"]: row["geometry"] for row in new}
    assert all(
        row["geometry"].intersection(by_fid[row["fid"]]).area / row["geometry"].area > 0.99 for row in old
    )
