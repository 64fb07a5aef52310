"""INSPIRE buildings in the encodings that are in use, written by hand after the application schemas (BuildingsBase, BuildingsCore2D 3.0 and 4.0)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from ldt.harmonise import harmonise
from ldt.harmonise.chunk import Chunk, Context
from ldt.harmonise.recipe import load_recipe
from ldt.sources import read

CODES = "http://inspire.ec.europa.eu/codelist"
SPACES = (
    'xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:xlink="http://www.w3.org/1999/xlink"'
    ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:base="http://inspire.ec.europa.eu/schemas/base/3.3"'
    ' xmlns:b="http://inspire.ec.europa.eu/schemas/bu-base/{v}" xmlns:c="http://inspire.ec.europa.eu/schemas/bu-core2d/{v}"'
    ' xmlns:e="http://inspire.ec.europa.eu/schemas/bu-ext2d/{v}"'
)
NIL = 'xsi:nil="true" nilReason="http://inspire.ec.europa.eu/codelist/VoidReasonValue/Unpopulated"'


def square(south: float, west: float) -> str:
    ring = f"{south} {west} {south} {west + 0.001} {south + 0.001} {west + 0.001} {south + 0.001} {west} {south} {west}"
    return (
        '<gml:Polygon srsName="http://www.opengis.net/def/crs/EPSG/0/4258"><gml:exterior><gml:LinearRing>'
        f"<gml:posList>{ring}</gml:posList></gml:LinearRing></gml:exterior></gml:Polygon>"
    )


def geometry(shows: str, shape: str) -> str:
    return (
        f"<c:geometry2D><b:BuildingGeometry2D><b:geometry>{shape}</b:geometry><b:referenceGeometry>true</b:referenceGeometry>"
        f'<b:horizontalGeometryReference xlink:href="{CODES}/HorizontalGeometryReferenceValue/{shows}"/></b:BuildingGeometry2D></c:geometry2D>'
    )


def use(name: str, share: str | None) -> str:
    percentage = f"<b:percentage>{share}</b:percentage>" if share else ""
    return (
        f'<b:currentUse><b:CurrentUse><b:currentUse xlink:href="{CODES}/CurrentUseValue/{name}"/>{percentage}'
        "</b:CurrentUse></b:currentUse>"
    )


def building(number: int, *parts: str, element: str = "c:Building") -> str:
    identifier = (
        f"<b:inspireId><base:Identifier><base:localId>{number}</base:localId>"
        "<base:namespace>https://example.org/bu</base:namespace></base:Identifier></b:inspireId>"
    )
    return f'<{element} gml:id="b{number}">{identifier}{"".join(parts)}</{element}>'


def made(path: Path, *features: str, version: str = "4.0") -> tuple[list[dict[str, Any]], list[Chunk]]:
    members = "".join(f"<gml:featureMember>{f}</gml:featureMember>" for f in features)
    path.write_text(
        f"<gml:FeatureCollection {SPACES.format(v=version)}>{members}</gml:FeatureCollection>",
        encoding="utf-8",
    )
    recipe = load_recipe("inspire/buildings")
    chunks = list(
        harmonise(recipe, read("gml", path, recipe.source.options), Context("https://example.org/own"))
    )
    rows = [row for chunk in chunks if chunk.features for row in chunk.features.to_pylist()]
    return rows, chunks


@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_a_building_with_all_that_the_core_has(tmp_path: Path, version: str) -> None:
    height = (
        f'<b:heightAboveGround><b:HeightAboveGround><b:heightReference xlink:href="{CODES}/ElevationReferenceValue/generalEave"/>'
        '<b:value uom="m">17.35</b:value></b:HeightAboveGround></b:heightAboveGround>'
    )
    dates = (
        "<b:dateOfConstruction><b:DateOfEvent><b:beginning>1908-01-01T00:00:00Z</b:beginning><b:end>1912-06-30T00:00:00Z</b:end>"
        "</b:DateOfEvent></b:dateOfConstruction>"
    )
    rows, _ = made(
        tmp_path / "b.gml",
        building(
            1,
            f'<b:conditionOfConstruction xlink:href="{CODES}/ConditionOfConstructionValue/functional"/>',
            dates,
            height,
            use("trade", "30"),
            use("residential", "70"),
            "<b:numberOfDwellings>12</b:numberOfDwellings><b:numberOfBuildingUnits>14</b:numberOfBuildingUnits>",
            "<b:numberOfFloorsAboveGround>5</b:numberOfFloorsAboveGround>",
            f'<b:buildingNature xlink:href="{CODES}/BuildingNatureValue/arch"/>',
            geometry("footPrint", square(50.94, 6.95)),
            geometry("roofEdge", square(40.0, 0.0)),
        ),
        version=version,
    )
    (row,) = rows
    assert json.loads(row["properties"]) == {
        "use": "residential",
        "uses": ["trade", "residential"],
        "nature": "arch",
        "condition": "functional",
        "height_m": 17.35,
        "floors": 5,
        "dwellings": 12,
        "building_units": 14,
        "year_of_construction": 1912,
        "footprint_is": "footPrint",
    }
    assert (row["namespace"], row["local_id"]) == ("https://example.org/bu", "1")
    shape = shapely.from_wkb(row["geometry"])
    assert shape.bounds == pytest.approx((6.95, 50.94, 6.951, 50.941))
    raw = json.loads(row["raw"])  # the other geometry is kept as it stands there
    assert shapely.from_wkt(raw["geometry2D/BuildingGeometry2D/geometry"]).bounds == pytest.approx(
        (40, 0, 40.001, 0.001)
    )


def test_what_is_nil_or_left_out_is_no_property(tmp_path: Path) -> None:
    rows, chunks = made(
        tmp_path / "b.gml",
        building(
            1,
            f"<b:dateOfConstruction {NIL}/><b:currentUse {NIL}/><b:heightAboveGround {NIL}/><b:conditionOfConstruction {NIL}/>",
            f"<c:geometry2D><b:BuildingGeometry2D><b:geometry>{square(50.94, 6.95)}</b:geometry></b:BuildingGeometry2D></c:geometry2D>",
        ),
    )
    assert json.loads(rows[0]["properties"]) == {}
    assert chunks[0].tally.accepted == 1


def test_uses_without_shares_and_years_of_one_date(tmp_path: Path) -> None:
    date = "<b:dateOfConstruction><b:DateOfEvent><b:anyPoint>1985-06-01T00:00:00</b:anyPoint></b:DateOfEvent></b:dateOfConstruction>"
    shape = geometry("footPrint", square(50.94, 6.95))
    rows, _ = made(
        tmp_path / "b.gml",
        building(1, date, use("office", None), use("trade", None), shape),
        building(
            2, use("office", "9"), use("trade", "81"), use("agriculture", "10"), shape
        ),  # as numbers, not as texts
    )
    first, second = (json.loads(r["properties"]) for r in rows)
    assert (first["use"], first["uses"], first["year_of_construction"]) == (
        "office",
        ["office", "trade"],
        1985,
    )
    assert second["use"] == "trade"


def test_the_extension_of_a_national_cadastre(tmp_path: Path) -> None:
    """Spain: element names of the draft schemas, values of code lists as texts, times without a zone."""
    rows, chunks = made(
        tmp_path / "b.gml",
        building(
            1,
            "<c:beginLifespanVersion>2014-12-01T00:00:00</c:beginLifespanVersion><c:conditionOfConstruction>ruin</c:conditionOfConstruction>",
            "<e:currentUse>4_3_publicServices</e:currentUse><e:numberOfDwellings>0</e:numberOfDwellings>",
            f"<e:geometry><c:BuildingGeometry><c:geometry>{square(28.2, -16.5)}</c:geometry>"
            "<c:horizontalGeometryReference>footPrint</c:horizontalGeometryReference></c:BuildingGeometry></e:geometry>",
            element="e:Building",
        ),
        version="2.0",
    )
    assert chunks[0].tally.accepted == 1
    assert json.loads(rows[0]["properties"]) == {
        "use": "publicServices", "condition": "ruin", "dwellings": 0, "footprint_is": "footPrint",
    }  # fmt: skip
    assert rows[0]["valid_from"].isoformat() == "2014-12-01T00:00:00+00:00"


def test_a_height_that_is_no_number_costs_its_building_only(tmp_path: Path) -> None:
    height = '<b:heightAboveGround><b:HeightAboveGround><b:value uom="m">{}</b:value></b:HeightAboveGround></b:heightAboveGround>'
    shape = geometry("footPrint", square(50.94, 6.95))
    rows, chunks = made(
        tmp_path / "b.gml",
        building(1, height.format("8,5"), shape),
        building(2, height.format("8.5"), shape),
        building(3, height.format("-8.5"), shape),
    )
    assert [r["local_id"] for r in rows] == ["2"]
    assert [(o.row, o.reason) for o in chunks[0].outcomes] == [(0, "bad-value"), (2, "schema")]
