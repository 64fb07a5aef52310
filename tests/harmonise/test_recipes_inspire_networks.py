"""INSPIRE waters and transport, written by hand after the application schemas hy-p, hy-n, net, tn, tn-ro, tn-ra, and the real files of them."""

from __future__ import annotations

from pathlib import Path

import pytest
import shapely
from tests.harmonise.gml_made import (
    NEWEST,
    NIL,
    OLDEST,
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

HYDRO = (
    "<{p}:hydroId><hy:HydroIdentifier><hy:classificationScheme>LAWA</hy:classificationScheme><hy:localId>2736</hy:localId>"
    "<hy:namespace>DE</hy:namespace></hy:HydroIdentifier></{p}:hydroId>"
)
LOCAL = "<hy-p:localType><gmd:LocalisedCharacterString>Bach</gmd:LocalisedCharacterString></hy-p:localType>"
ORDER = "<hy-p:{e}><hy-p:HydroOrderCode><hy-p:order>3</hy-p:order><hy-p:orderScheme>Strahler</hy-p:orderScheme></hy-p:HydroOrderCode></hy-p:{e}>"
SPACES = pytest.mark.parametrize("spaces", [NEWEST, OLDEST], ids=["5.0", "3.0"])


def name(prefix: str, text: str) -> str:
    return spelled(f"{prefix}:geographicalName", (text, "deu", "official"))


@SPACES
def test_waters(tmp_path: Path, spaces: dict[str, str]) -> None:
    surface = [
        name("hy-p", "Wupper"), HYDRO.format(p="hy-p"), LOCAL, code("hy-p:origin", "natural"), code("hy-p:persistence", "perennial"),
        "<hy-p:tidal>false</hy-p:tidal>", to("hy-p:drainsBasin", "#d1"),
    ]  # fmt: skip
    path = write(
        tmp_path / "hy.gml",
        feature("hy-p:Watercourse", "w1", *surface, line("hy-p:geometry"), code("hy-p:condition", "functional"),
                "<hy-p:delineationKnown>true</hy-p:delineationKnown>", '<hy-p:length uom="km">1.25</hy-p:length>', code("hy-p:level", "onGroundSurface"),
                ORDER.format(e="streamOrder"), '<hy-p:width><hy-p:WidthRange><hy-p:lower uom="m">4.5</hy-p:lower><hy-p:upper uom="m">7</hy-p:upper></hy-p:WidthRange></hy-p:width>'),
        feature("hy-p:StandingWater", "s1", *surface, area("hy-p:geometry"), '<hy-p:elevation uom="m">-2</hy-p:elevation>',
                '<hy-p:meanDepth uom="m">3.5</hy-p:meanDepth>', '<hy-p:surfaceArea uom="km2">0.5</hy-p:surfaceArea>'),
        spaces=spaces,
    )  # fmt: skip
    shared = {
        "name": "Wupper", "hydro_id": "2736", "local_type": "Bach", "origin": "natural", "persistence": "perennial",
        "tidal": False, "drains": ["#d1"],
    }  # fmt: skip
    assert only("watercourses", path)["properties"] == {
        **shared, "level": "onGroundSurface", "condition": "functional", "delineation_known": True, "length_m": 1250,
        "stream_order": "Strahler 3", "width_from_m": 4.5, "width_to_m": 7,
    }  # fmt: skip
    assert only("standing-waters", path)["properties"] == {
        **shared, "elevation_m": -2, "mean_depth_m": 3.5, "area_source_m2": 500_000,
    }  # fmt: skip


@SPACES
def test_basins_shores_and_wet_land(tmp_path: Path, spaces: dict[str, str]) -> None:
    path = write(
        tmp_path / "hy.gml",
        feature("hy-p:DrainageBasin", "d1", name("hy-p", "Wupper"), area("hy-p:geometry"), '<hy-p:area uom="km2">2</hy-p:area>',
                ORDER.format(e="basinOrder"), code("hy-p:origin", "natural"), to("hy-p:outlet", "#s1"), to("hy-p:containsBasin", "#d2", "#d3")),
        feature("hy-p:RiverBasin", "r1", area("hy-p:geometry"), f"<hy-p:area {NIL}/>"),
        feature("hy-p:Wetland", "m1", LOCAL, area("hy-p:geometry"), "<hy-p:tidal>true</hy-p:tidal>"),
        feature("hy-p:Shore", "h1", code("hy-p:composition", "sand"), "<hy-p:delineationKnown>false</hy-p:delineationKnown>", area("hy-p:geometry")),
        feature("hy-p:LandWaterBoundary", "b1", line("hy-p:geometry"), code("hy-p:origin", "manMade"), code("hy-p:waterLevelCategory", "meanHighWater")),
        spaces=spaces,
    )  # fmt: skip
    (small, whole), _, _ = made("drainage-basins", path)
    assert small["properties"] == {
        "kind": "DrainageBasin", "name": "Wupper", "area_source_m2": 2e6, "order": "Strahler 3", "origin": "natural",
        "contains": ["#d2", "#d3"], "outlets": ["#s1"],
    }  # fmt: skip
    assert whole["properties"] == {"kind": "RiverBasin"}
    assert only("wetlands", path)["properties"] == {"local_type": "Bach", "tidal": True}
    assert only("shores", path)["properties"] == {"delineation_known": False, "composition": "sand"}
    assert only("land-water-boundaries", path)["properties"] == {
        "origin": "manMade",
        "water_level": "meanHighWater",
    }


STRUCTURES = (
    "Crossing",
    "DamOrWeir",
    "Embankment",
    "Falls",
    "Ford",
    "Lock",
    "Rapids",
    "ShorelineConstruction",
    "Sluice",
)


def test_structures_in_waters(tmp_path: Path) -> None:
    path = write(
        tmp_path / "hy.gml",
        *(
            feature(f"hy-p:{kind}", kind, name("hy-p", kind), code("hy-p:condition", "disused"), point("hy-p:geometry"),
                    code("hy-p:type", "culvert") if kind == "Crossing" else "",
                    '<hy-p:height uom="m">12</hy-p:height>' if kind == "Falls" else "")
            for kind in STRUCTURES
        ),
    )  # fmt: skip
    rows, tally, messages = made("water-structures", path)
    assert (tally.read, tally.accepted) == (9, 9), messages
    found = {row["local_id"]: row["properties"] for row in rows}
    assert found["Crossing"] == {
        "kind": "Crossing",
        "name": "Crossing",
        "condition": "disused",
        "type": "culvert",
    }
    assert found["Falls"]["height_m"] == 12
    assert {kind: found[kind]["kind"] for kind in STRUCTURES} == {kind: kind for kind in STRUCTURES}


@SPACES
def test_the_network_of_waters(tmp_path: Path, spaces: dict[str, str]) -> None:
    path = write(
        tmp_path / "hy.gml",
        feature("hy-n:WatercourseLink", "l1", to("net:endNode", "#n2"), to("net:startNode", "#n1"), line("net:centrelineGeometry"),
                "<net:fictitious>false</net:fictitious>", name("hy-n", "Wupper"), HYDRO.format(p="hy-n"), to("hy-n:relatedHydroObject", "#w1"),
                code("hy-n:flowDirection", "inDirection"), '<hy-n:length uom="m">812.5</hy-n:length>', prefix="net"),
        feature("hy-n:HydroNode", "n1", point("net:geometry"), to("net:spokeEnd", "#l0", "#l9"), to("net:spokeStart", "#l1"),
                code("hy-n:hydroNodeCategory", "junction"), prefix="net"),
        spaces=spaces,
    )  # fmt: skip
    assert only("watercourse-links", path)["properties"] == {
        "name": "Wupper", "hydro_id": "2736", "flow_direction": "inDirection", "length_m": 812.5, "fictitious": False,
        "start_node": "#n1", "end_node": "#n2", "objects": ["#w1"],
    }  # fmt: skip
    node = only("hydro-nodes", path)
    assert node["properties"] == {"category": "junction", "links_in": ["#l0", "#l9"], "links_out": ["#l1"]}
    assert node["geometry"] == shapely.Point(6.9, 50.9)


@SPACES
def test_transport(tmp_path: Path, spaces: dict[str, str]) -> None:
    link = [
        to("net:endNode", "#n2"),
        to("net:startNode", "#n1"),
        line("net:centrelineGeometry"),
        "<net:fictitious>false</net:fictitious>",
    ]
    path = write(
        tmp_path / "tn.gml",
        feature("tn-ro:RoadLink", "l1", *link, name("tn", "Ring"), f"<tn:validFrom {NIL}/>", prefix="net"),
        feature("tn-ra:RailwayLink", "r1", *link, name("tn", "Rheinstrecke"), prefix="net"),
        feature("tn-ro:Road", "s1", to("net:link", "#l1", "#l2"), name("tn", "Autobahn 3"), "<tn-ro:localRoadCode>K 7</tn-ro:localRoadCode>"
                "<tn-ro:nationalRoadCode>A3</tn-ro:nationalRoadCode>", prefix="net"),
        feature("tn-ro:ERoad", "e1", to("net:link", "#l1"), "<tn-ro:europeanRouteNumber>E35</tn-ro:europeanRouteNumber>", prefix="net"),
        feature("tn-ro:RoadNode", "n1", point("net:geometry"), to("net:spokeStart", "#l1"), code("tn-ro:formOfRoadNode", "roundabout"), prefix="net"),
        feature("tn-ra:RailwayStationNode", "n2", point("net:geometry"), to("net:spokeEnd", "#r1"), name("tn", "Deutz"),
                code("tn-ra:formOfNode", "railwayStop"), "<tn-ra:numberOfPlatforms>7</tn-ra:numberOfPlatforms>", prefix="net"),
        spaces=spaces,
    )  # fmt: skip
    ends = {"fictitious": False, "start_node": "#n1", "end_node": "#n2"}
    assert only("road-links", path)["properties"] == {"code": "l1", "name": "Ring", **ends}
    assert only("railway-links", path)["properties"] == {"name": "Rheinstrecke", **ends}
    roads, _, _ = made("roads", path)
    assert [row["properties"] for row in roads] == [
        {"name": "Autobahn 3", "code": "A3", "local_code": "K 7", "links": ["#l1", "#l2"]},
        {"european_route": "E35", "links": ["#l1"]},
    ]
    nodes, _, _ = made("transport-nodes", path)
    assert [row["properties"] for row in nodes] == [
        {"kind": "RoadNode", "form": "roundabout", "links_out": ["#l1"]},
        {
            "kind": "RailwayStationNode",
            "name": "Deutz",
            "form": "railwayStop",
            "platforms": 7,
            "links_in": ["#r1"],
        },
    ]


# Real files ---------------------------------------------------------------------------------------------------

REAL = [
    ("watercourses", "nl_kadaster/kad-hy-water-surfaces.gml", 3),
    ("standing-waters", "nl_kadaster/kad-hy-water-surfaces.gml", 1),
    ("water-structures", "nl_kadaster/kad-hy-water-lines.gml", 3),
    ("standing-waters", "nl_kadaster/eg-geodan-hy-standingwater.gml", 2),
    ("road-links", "nl_kadaster/tn-roadnetwork-curves.gml", 5),
    ("road-links", "nl_kadaster/wfs-rsp-roadlink.xml", 5),
]


@pytest.mark.parametrize(("recipe", "file", "number"), REAL)
def test_every_real_file_of_networks(real_data: Path, recipe: str, file: str, number: int) -> None:
    """The numbers of elements are those that `grep -c` finds in the file."""
    all_taken(recipe, real_data / "inspire" / file, number)


def test_a_line_with_an_odd_number_of_ordinates_is_told_and_the_others_stay(real_data: Path) -> None:
    rows, tally, messages = made(
        "watercourses", real_data / "inspire/nl_kadaster/eg-geodan-hy-watercourse.gml"
    )
    assert (tally.read, len(rows)) == (5, 4)
    assert "23" in messages[0]
    assert rows[0]["properties"] == {
        "name": "Mark", "origin": "natural", "persistence": "perennial", "level": "onGroundSurface", "condition": "functional",
        "length_m": 68.0868664622,
    }  # fmt: skip
