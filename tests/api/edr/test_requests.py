"""EDR: what is asked wrongly, what collections say of themselves, and what OGC's test suite asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import shapely
from covjson_pydantic.parameter import Parameter
from starlette.testclient import TestClient
from tests.api.edr.test_grids import BASE, CRS84, SEALED, WARM, ask

from ldt.api.edr.names import document
from ldt.api.edr.piece import Parameter as Ours
from ldt.api.edr.request import boxes, geometry, lines
from ldt.errors import TooLarge, UsageError
from ldt.store.crs import CRS84 as DEFAULT
from ldt.store.crs import crs_of

AIR = f"{BASE}/series.air"
POINT, AREA, LINE = (
    "POINT(6.9 50.95)",
    "POLYGON((6.8 50.9,7 50.9,7 51,6.8 50.9))",
    "LINESTRING(6.9 50.9,7 51)",
)
QUERIES: dict[str, dict[str, str]] = {
    "position": {"coords": POINT},
    "radius": {"coords": POINT, "within": "1", "within-units": "km"},
    "area": {"coords": AREA},
    "cube": {"bbox": "6.8,50.9,7,51"},
    "trajectory": {"coords": LINE},
}

WRONG: list[tuple[str, dict[str, str], str]] = [
    *[("position", {"coords": c}, "coords") for c in (
        "", " ", "POINT()", "POINT EMPTY", "POINT(1)", "POINT(1 2", "POINT(a b)", "POINT(nan 50)", "POINT(inf 50)", "POINT(1e999 50)",
        "POINT(1e300 50)", "POINT(181 0)", "POINT(50.95 96.9)", AREA, LINE, "GEOMETRYCOLLECTION(POINT(6 50))", "SRID=4326;POINT(6 50)",
        "MULTIPOINT()", "POINT(6 50)POINT(6 50)", "6.9,50.9", "'; DROP TABLE ldt.value; --", "(" * 5000)],
    *[("area", {"coords": c}, "coords") for c in (
        "POLYGON()", "POLYGON((0 0,1 1))", "POLYGON((6 50,7 51,7 50,6 51,6 50))", "POLYGON((6 50,7 50,7 51,6 51))", POINT)],
    *[("trajectory", {"coords": c}, "coords") for c in (
        "LINESTRING()", "LINESTRINGM()", "LINESTRINGZ()", "LINESTRINGZM()", "LINESTRING(6 50)", POINT, "LINESTRINGM(6.9 50.9 10,7 51 5)",
        "LINESTRINGM(6.9 50.9 0,7 51 1e300)", "LINESTRINGM(6.9 50.9 nan,7 51 nan)")],
    *[("cube", {"bbox": b}, "bbox") for b in ("", "1,2,3", "1,2,3,4,5", "6,51,7,50", "6,50,6,51", "a,b,c,d", "nan,0,1,1", "1e400,0,1,1", "6,50,7,51,8,52,9")],
    *[("cube", {"bbox": "6,50,7,51", "crs": "EPSG:3035", **more}, where) for more, where in (({"bbox": "1,2,x,4"}, "bbox"), ({"bbox": "1,2,1e12,4"}, "bbox"), ({"bbox": "5,5,1,1"}, "bbox"))],
    *[("radius", {"coords": POINT, "within": w, "within-units": u}, where) for w, u, where in (
        ("0", "m", "within"), ("-1", "m", "within"), ("nan", "m", "within"), ("inf", "km", "within"), ("x", "m", "within"), ("1e9", "m", "within"),
        ("1", "furlong", "within-units"), ("1", "", "within-units"))],
    *[("position", {"coords": POINT, "datetime": d}, "datetime") for d in ("", "yesterday", "2025-02-30", "2025-13-01T00:00:00Z", "../..", "2025-06-02/2025-06-01", "a/b/c", "2025-06-01T00:00:00")],
    *[("position", {"coords": POINT, "z": z}, "z") for z in ("", "high", "550/100", "1,,2", "R5/1", "nan", "1/2/3")],
    *[("position", {"coords": POINT, "parameter-name": p}, "parameter-name") for p in ("", ",", "nothing", "air-temperature-maximum,", "a" * 3000)],
    *[("position", {"coords": POINT, "crs": c}, "crs") for c in ("", "EPSG:0", "EPSG:99999", "native", "EPSG:4326; DROP")],
    *[("cube", {"bbox": "6,50,7,51", f"resolution-{a}": r}, f"resolution-{a}") for a, r in (("x", "-1"), ("x", "1.5"), ("y", "x"), ("y", "99999999999999999999"), ("z", "many"))],
    *[("position", {"coords": POINT, "f": f}, "f") for f in ("", "grib", "xml")],
    ("position", {"coords": POINT, "at": "nonsense"}, "at"),
    ("position", {"coords": POINT, "bbox": "1,2,3,4"}, "bbox"),
    ("area", {"coords": AREA, "unheard": "of"}, "unheard"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "asked", "where"), WRONG)
def test_what_is_asked_wrongly_is_said(
    client: TestClient, query: str, asked: dict[str, str], where: str
) -> None:
    for path in (WARM, AIR):
        answer = client.get(f"{path}/{query}", params=asked)
        assert answer.status_code == 400, (path, asked, answer.text[:300])
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["where"] == where


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_missing_given_twice_or_broken_is_said(client: TestClient, query: str) -> None:
    asked = QUERIES[query]
    for name in asked:
        ask_without = {k: v for k, v in asked.items() if k != name}
        assert client.get(f"{WARM}/{query}", params=ask_without).status_code == 400
        twice: list[tuple[str, str | int | float | bool | None]] = [*asked.items(), (name, asked[name])]
        assert client.get(f"{WARM}/{query}", params=twice).status_code == 400
        assert client.get(f"{WARM}/{query}?{name}=%00").status_code == 400
        assert client.get(f"{WARM}/{query}?{name}=%FF").status_code == 400
    for path in (
        "coverage.nothing",
        "series.warm",
        "coverage.air",
        "coverage.",
        "nothing",
        "coverage.warm%2F..",
    ):
        assert client.get(f"{BASE}/{path}/{query}", params=asked).status_code == 404
    assert client.get(f"{WARM}/{query}", params={**asked, "at": "999"}).status_code == 404
    assert client.get(f"{WARM}/{query}", params=asked, headers={"accept": "image/png"}).status_code == 406


def test_too_much_is_refused_before_it_is_read(client: TestClient) -> None:
    circle = shapely.Point(6.9, 50.9).buffer(0.1, quad_segs=600).wkt
    many = shapely.LineString(np.column_stack([np.linspace(6, 7, 2500), np.full(2500, 50)])).wkt
    points = f"MULTIPOINT({','.join(['1 2'] * 10_001)})"
    for kind, text in (
        ("Point", "POINT(6.9 50.9" + " " * 70_000 + ")"),
        ("Point", points),
        ("Polygon", circle),
    ):
        with pytest.raises(TooLarge):
            geometry(text, kind, DEFAULT)
    with pytest.raises(TooLarge):
        lines(many[:60_000].rsplit(",", 1)[0] + ")", DEFAULT)
    # A line to and fro over ten kilometres crosses more cells of ten metres than are looked for; one over half of Europe does not.
    zigzag = ",".join(f"{6.92 if i % 2 else 6.99} {50.951 + i / 10_000}" for i in range(60))
    problem = ask(client, f"{SEALED}/trajectory", 413, coords=f"LINESTRING({zigzag})").json()
    assert "10,000" in problem["detail"]
    ask(client, f"{SEALED}/trajectory", coords="LINESTRING(6.95 30,6.95 70)")


@pytest.mark.parametrize("levels", ["850", "100/550", "10,80,200", "R20/100/50", "-5.5", "1e3", "../100"])
def test_levels_are_read_and_select_nothing(client: TestClient, levels: str) -> None:
    answers = [
        ask(client, f"{WARM}/position", coords=POINT, **more).json() for more in ({}, {"z": levels})
    ]  # fmt: skip
    assert answers[0] == answers[1]
    assert "vertical" not in ask(client, WARM).json()["extent"]


def test_heights_of_places_are_not_looked_at(client: TestClient) -> None:
    plain = ask(client, f"{WARM}/position", coords=POINT).json()
    for text in ("POINTZ(6.9 50.95 30)", "POINT Z (6.9 50.95 30)", "point(6.9 50.95)", "MULTIPOINT(6.9 50.95)"):  # fmt: skip
        assert ask(client, f"{WARM}/position", coords=text).json() == plain
    box = ask(client, f"{WARM}/cube", bbox="6.8,50.9,7,51").json()
    assert ask(client, f"{WARM}/cube", bbox="6.8,50.9,0,7,51,100").json() == box


def test_geometries_are_x_first() -> None:
    latitude_first = crs_of("EPSG:4326")
    assert geometry("POINT(50.9 6.9)", "Point", latitude_first) == shapely.Point(6.9, 50.9)
    assert geometry("POINT(6.9 50.9)", "Point", DEFAULT) == shapely.Point(6.9, 50.9)
    (leg,) = lines("LINESTRINGZM(50.9 6.9 1 10,51 7 2 20)", latitude_first)
    np.testing.assert_array_equal(leg, [[6.9, 50.9, 10], [7, 51, 20]])
    (box,) = boxes("50,6,51,7", latitude_first)
    assert box.bounds == (6, 50, 7, 51)
    assert [b.bounds for b in boxes("170,-10,-170,10", DEFAULT)] == [
        (170, -10, 180, 10),
        (-180, -10, -170, 10),
    ]
    with pytest.raises(UsageError, match="outside of the world"):
        geometry("POINT(6.9 96)", "Point", DEFAULT)


# Documents ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "queries", "parameters"),
    [
        (WARM, ["position", "radius", "area", "cube", "trajectory"], ["air-temperature-maximum"]),
        (
            AIR,
            ["position", "radius", "area", "cube", "trajectory", "locations", "items"],
            ["NO2_P1D", "NO2_PT1H", "O3"],
        ),
    ],
)
@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/collections",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/json",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/collections",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/json",
)
def test_a_collection_says_what_can_be_asked(
    client: TestClient, path: str, queries: list[str], parameters: list[str]
) -> None:
    found = ask(client, path).json()
    assert list(found["data_queries"]) == queries
    for query, way in found["data_queries"].items():
        link = way["link"]
        assert link["href"].endswith(f"{path}/{query}")
        variables = link["variables"]
        assert variables["query_type"] == query
        assert variables["default_output_format"] in variables["output_formats"]
        assert variables["crs_details"][0]["crs"] == CRS84
        assert variables["crs_details"][0]["wkt"].startswith("GEOGCRS")
        if query not in ("locations", "items"):
            for form in variables["output_formats"]:
                answer = client.get(link["href"], params={**QUERIES[query], "f": form})
                assert answer.status_code == 200, (query, form, answer.text[:300])
    assert "m" in found["data_queries"]["radius"]["link"]["variables"]["within_units"]
    assert list(found["parameter_names"]) == parameters
    for name, one in found["parameter_names"].items():
        assert one["type"] == "Parameter"
        assert one["id"] == name
        assert one["unit"]["symbol"]["value"] in ("Cel", "ug/m3")
        assert isinstance(one["observedProperty"]["label"], str)
        assert one["observedProperty"]["id"].startswith(("http", "urn:"))
    assert found["output_formats"] == ["CoverageJSON", "GeoJSON", "CSV", "NetCDF"]
    assert found["crs"][0] == CRS84
    assert found["extent"]["spatial"]["bbox"]
    assert found["extent"]["temporal"]["interval"][0][0]
    for link in found["links"]:
        if link["rel"] == "data":
            assert client.get(link["href"]).status_code == 200
    rels = [link["rel"] for link in found["links"]]
    assert {"self", "alternate", "data"} <= set(rels)
    assert ask(client, path, f="html").status_code == 200


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/collections",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/collections",
)
def test_every_collection_tells_its_parameters_and_a_query(client: TestClient) -> None:
    for one in ask(client, BASE).json()["collections"]:
        assert one["data_queries"], one["id"]
        assert one["output_formats"]
        assert any(link["rel"] == "data" for link in one["links"])
        for parameter in one["parameter_names"].values():
            assert {"type", "observedProperty"} <= set(parameter)


def test_classes_are_declared(client: TestClient) -> None:
    declared = ask(client, "/twins/town/conformance").json()["conformsTo"]
    mine = {c.rsplit("/", 1)[1] for c in declared if "/ogcapi-edr-1/1.1/conf/" in c}
    assert mine == {"core", "collections", "json", "geojson", "edr-geojson", "covjson", "html", "oas30", "queries"}  # fmt: skip
    # The executable suite looks for the core of 1.0.
    assert "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/core" in declared


def test_a_parameter_without_a_concept_is_still_one() -> None:
    made = document(Ours("x", "x", {}, "1", "PT0S"))
    Parameter.model_validate(made)
    assert made["measurementType"] == {"method": "instantaneous", "duration": "PT0S"}


# OGC's executable test suite (ets-ogcapi-edr10) -----------------------------------------------------------------


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/core",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/collections",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/collections",
)
def test_what_the_suite_asks_is_answered(client: TestClient) -> None:
    """The requests that the suite makes of each collection, put together as it does it."""
    for about in ask(client, BASE).json()["collections"]:
        if "position" not in about["data_queries"]:
            continue
        here = f"{BASE}/{about['id']}"
        crs = [c for c in about["crs"] if c in ("CRS:84", "CRS84", "EPSG:4326") or "OGC/1.3/CRS84" in c][-1]
        west, south, east, north = about["extent"]["spatial"]["bbox"][0]
        x, y = (west + east) / 2, (south + north) / 2
        common: dict[str, Any] = {
            "parameter-name": next(iter(about["parameter_names"])),
            "crs": crs,
            "datetime": "/".join(i or ".." for i in about["extent"]["temporal"]["interval"][0]),
        }
        lens = shapely.box(x - 1, y - 1, x + 1, y + 1)
        for form in ("CoverageJSON", "GeoJSON"):
            line = f"LINESTRING({x - 1} {y - 1},{x} {y},{x + 1} {y + 1})"
            for query, coords in (("position", f"POINT({x} {y})"), ("area", lens.wkt), ("trajectory", line)):
                if (form, query) == ("GeoJSON", "area"):
                    continue  # the suite asks for GeoJSON only where there is no CoverageJSON
                if about["id"].startswith("series.") and query == "trajectory":
                    # Whether a station lies along that line is up to the data.
                    assert (
                        client.get(f"{here}/{query}", params={**common, "coords": coords}).status_code < 300
                    )
                    continue
                answer = ask(client, f"{here}/{query}", **common, coords=coords, f=form)
                assert ("Coverage" if form == "CoverageJSON" else "Feature") in answer.text
        for query, kind in (("position", "POINT"), ("area", "POLYGON"), ("trajectory", "LINESTRING")):
            for asked in ("", "?coords=", f"?coords={kind}()"):
                answer = client.get(f"{here}/{query}{asked}", headers={"accept": "application/json"})
                assert answer.status_code == 400


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/oas30",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/oas30",
)
def test_the_suite_finds_the_parameters_in_the_description(client: TestClient) -> None:
    paths = client.get("/twins/town/api").json()["paths"]
    for query in QUERIES:
        (path,) = [p for p in paths if p.endswith(f"/{query}")]
        parameters = {p["name"]: p for p in paths[path]["get"]["parameters"]}
        place = parameters["bbox" if query == "cube" else "coords"]
        assert place["in"] == "query"
        assert place["required"] is True
        assert place["schema"]["type"] == "string"
        assert place.get("explode") is not True
        for name in ("datetime", "crs", "f", "parameter-name"):
            assert parameters[name]["required"] is False
            assert parameters[name]["style"] == "form"
            assert parameters[name]["explode"] is False
