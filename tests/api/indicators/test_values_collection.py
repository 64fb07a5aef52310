"""Indicator values as a collection: on the sample city, held against the values of each indicator, shapely, and the rules of access."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import orjson
import psycopg
import pytest
import shapely
from pyproj import Transformer
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.model.indicator import ValueKey

TWIN = "/twins/sample-city"
COLLECTION = f"{TWIN}/collections/indicator-values"
ITEMS = f"{COLLECTION}/items"


@pytest.fixture(scope="module")
def sample(sample_city_url: str) -> Iterator[TestClient]:
    with TestClient(create_app(sample_city_url), raise_server_exceptions=False) as client:
        yield client


def get(client: TestClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


def paged(client: TestClient, to: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while to:
        page = get(client, to)
        found += page["features"]
        to = next((one["href"] for one in page["links"] if one["rel"] == "next"), "")
    return found


@pytest.fixture(scope="module")
def features(sample: TestClient) -> list[dict[str, Any]]:
    return paged(sample, f"{ITEMS}?limit=700")


@pytest.fixture(scope="module")
def stated(sample: TestClient) -> dict[str, dict[str, Any]]:
    """The values as each indicator gives them, by id in the collection."""
    listed = get(sample, f"{TWIN}/indicators")["indicators"]
    return {
        f"{one['id']}.{v['id']}": v
        for one in listed
        for v in get(sample, f"{TWIN}/indicators/{one['id']}/values?limit=10000&f=geojson")["features"]
    }


def test_every_value_is_there_once_with_the_same_numbers(
    features: list[dict[str, Any]], stated: dict[str, dict[str, Any]]
) -> None:
    assert len(features) > 2000
    assert [f["id"] for f in features] == sorted(stated)  # in order of code points, each once
    same = ("indicator", "scheme", "code", "name", "period", "value", "unit", "status", "reason", "n_valid", "n_expected", "coverage", "method")  # fmt: skip
    for one in features:
        other = stated[one["id"]]
        assert {k: one["properties"][k] for k in same} == {k: other["properties"][k] for k in same}
        if other["geometry"] is None:
            assert one["geometry"] is None
        else:
            assert shapely.equals_exact(
                shapely.from_geojson(orjson.dumps(one["geometry"])),
                shapely.from_geojson(orjson.dumps(other["geometry"])),
                1e-7,
            )


def test_values_of_stations_are_points_those_of_areas_polygons(features: list[dict[str, Any]]) -> None:
    kinds = Counter((f["properties"]["scheme"], (f["geometry"] or {}).get("type")) for f in features)
    assert {kind for scheme, kind in kinds if scheme == "station"} == {"Point"}
    for area in ("city", "district", "quarter"):
        assert {kind for scheme, kind in kinds if scheme == area} <= {"Polygon", "MultiPolygon"}
    assert {kind for scheme, kind in kinds if scheme == "twin"} == {None}


def test_verdicts_are_flat(features: list[dict[str, Any]], stated: dict[str, dict[str, Any]]) -> None:
    found: Counter[tuple[str, str]] = Counter()
    for one in features:
        said = {v["rule_set"]: v["verdict"] for v in stated[one["id"]]["properties"]["verdicts"]}
        for rule_set in ("2008-50-ec", "2024-2881", "who-2021", "eea-statistics"):
            verdict = one["properties"][f"verdict_{rule_set.replace('-', '_')}"]
            assert verdict == said.get(rule_set)
            found[rule_set, str(verdict)] += 1
    assert found["2008-50-ec", "exceeded"]
    assert found["who-2021", "compliant"]
    assert found["2024-2881", "not-assessable"]


@pytest.mark.parametrize(
    ("query", "holds"),
    [
        (
            "filter=indicator='no2-annual-mean' AND scheme='district'",
            lambda p: p["indicator"] == "no2-annual-mean" and p["scheme"] == "district",
        ),
        ("indicator=no2-annual-mean&period=2024", lambda p: (p["indicator"], p["period"]) == ("no2-annual-mean", "2024")),
        ("filter=value > 40 AND unit='ug/m3'", lambda p: (p["value"] or 0) > 40 and p["unit"] == "ug/m3"),
        ("filter=value IS NULL", lambda p: p["value"] is None),
        ("filter=verdict_2008_50_ec='exceeded'", lambda p: p["verdict_2008_50_ec"] == "exceeded"),
        ("filter=coverage BETWEEN 0.5 AND 0.9", lambda p: p["coverage"] is not None and 0.5 <= p["coverage"] <= 0.9),
        ("filter=title LIKE '%25exceed%25'", lambda p: "exceed" in p["title"]),
        ("filter=period_start < TIMESTAMP('2019-01-01T00:00:00Z')", lambda p: p["period_start"] < "2019"),
        ("datetime=2024-06-01T00:00:00Z", lambda p: p["period_start"] < "2024-06-01T00:00:00" < p["period_end"]),
    ],
)  # fmt: skip
def test_filters(
    sample: TestClient, features: list[dict[str, Any]], query: str, holds: Callable[[Any], bool]
) -> None:
    expected = [f["id"] for f in features if holds(f["properties"])]
    assert 0 < len(expected) < len(features)
    assert [f["id"] for f in paged(sample, f"{ITEMS}?limit=1000&{query}")] == expected


def test_a_rectangle_selects_what_shapely_selects(sample: TestClient, features: list[dict[str, Any]]) -> None:
    box = (9.04, 51.30, 9.06, 51.32)
    within = shapely.box(*box)
    expected = [
        f["id"]
        for f in features
        if f["geometry"] and shapely.from_geojson(orjson.dumps(f["geometry"])).intersects(within)
    ]
    found = [f["id"] for f in paged(sample, f"{ITEMS}?limit=500&bbox={','.join(map(str, box))}")]
    assert 0 < len(found) < len(features)
    assert found == expected


def test_sorted_pages_hold_each_value_once_and_nulls_last(
    sample: TestClient, features: list[dict[str, Any]]
) -> None:
    found = paged(sample, f"{ITEMS}?limit=300&scheme=district&sortby=-value,period")
    numbers = [f["properties"]["value"] for f in found]
    known = [n for n in numbers if n is not None]
    assert known == sorted(known, reverse=True)
    assert numbers[: len(known)] == known
    mine = [f["id"] for f in features if f["properties"]["scheme"] == "district"]
    assert sorted(f["id"] for f in found) == mine


def test_coordinates_are_transformed(sample: TestClient, features: list[dict[str, Any]]) -> None:
    uri = "http://www.opengis.net/def/crs/EPSG/0/3035"
    (point,) = [f for f in features if f["id"] == "no2-annual-mean.station.DEZZ001.2024"]
    there = get(sample, f"{ITEMS}/{point['id']}?crs={uri}")["geometry"]["coordinates"]
    to = Transformer.from_crs("OGC:CRS84", "EPSG:3035")  # northing first, as the authority says
    assert there == pytest.approx(to.transform(*point["geometry"]["coordinates"]), abs=0.01)


def test_one_value_says_everything_and_leads_to_its_lineage(sample: TestClient) -> None:
    one = get(sample, f"{ITEMS}/no2-annual-mean.station.DEZZ001.2024", **{"Accept-Language": "fr"})
    other = get(sample, f"{TWIN}/indicators/no2-annual-mean/values/station.DEZZ001.2024")
    for member in ("verdicts", "quality", "inputs"):
        assert one[member] == other[member]
    definition = get(sample, "/indicators/no2-annual-mean")
    assert one["properties"]["title"] == definition["title"]["fr"] != definition["title"]["en"]
    ways = {link["rel"]: link["href"] for link in one["links"]}
    assert get(sample, ways["lineage"])["value"]["id"] == "station.DEZZ001.2024"
    assert get(sample, ways["canonical"])["value"] == one["properties"]["value"]
    page = sample.get(f"{ITEMS}/{one['id']}?f=html")
    assert page.status_code == 200
    assert "How it came about" in page.text
    assert sample.get(f"{ITEMS}/no2-annual-mean.station.DEZZ001.1999").status_code == 404


def test_the_collection_says_where_and_when(sample: TestClient, features: list[dict[str, Any]]) -> None:
    about = get(sample, COLLECTION, **{"Accept-Language": "de"})
    assert about["title"] == "Indikatorwerte"
    shapes = [shapely.from_geojson(orjson.dumps(f["geometry"])) for f in features if f["geometry"]]
    west, south, east, north = shapely.total_bounds(shapes)
    assert about["extent"]["spatial"]["bbox"][0] == pytest.approx([west, south, east, north], abs=2e-7)
    begin, end = about["extent"]["temporal"]["interval"][0]
    assert begin[:19] == min(f["properties"]["period_start"] for f in features)[:19]
    assert end[:19] == max(f["properties"]["period_end"] for f in features)[:19]
    assert "indicator-values" in [c["id"] for c in get(sample, f"{TWIN}/collections")["collections"]]
    queryables = get(sample, f"{COLLECTION}/queryables")["properties"]
    assert queryables["value"]["type"] == "number"
    assert queryables["n_valid"]["type"] == "integer"
    assert queryables["period_start"]["format"] == "date-time"
    assert queryables["status"]["enum"] == ["valid", "insufficient", "not-computable", "suppressed"]


def test_ids_are_slugs_of_keys_whatever_they_are_made_of(sample_city_url: str) -> None:
    strange = ["DENW053/NO2", "A.b~c d", "Öl-Ärger ß", "日本", "2013-01-01/2014-01-01", "🌳", "_-", "a:b;%"]
    with psycopg.connect(sample_city_url) as conn:
        for one in strange:
            (written,) = conn.execute("SELECT ldt.slug_part(%s)", (one,)).fetchone() or ("",)
            assert ValueKey("x", "s", one, "2013").slug == f"s.{written}.2013"
