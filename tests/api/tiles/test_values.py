"""Indicator values by area in vector tiles: a feature for each area, a property for each indicator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import mapbox_vector_tile
import pytest
import shapely
from starlette.testclient import TestClient
from tests.e2e import map_world
from tests.e2e.map_world import GREEN, NO2, QUARTERS, REASONS

from ldt.api.app import create_app

TILES = "/twins/board/collections/indicator-values/tiles"
#: The board lies in it whole: 9 to 9.04 degrees east, 51 to 51.03 north.
TILE = f"{TILES}/WebMercatorQuad/8/85/134"


@pytest.fixture(scope="module")
def board(shared_database_url: str) -> Iterator[TestClient]:
    map_world.make(shared_database_url)
    short = map_world.value(
        GREEN, "quarter", "short", 7.0, map_world.cell("00"), why=("insufficient", "too little")
    )
    map_world.write(shared_database_url, "crowd", [short])
    with TestClient(create_app(shared_database_url), raise_server_exceptions=False) as found:
        yield found


def features(client: TestClient, path: str) -> dict[str, dict[str, Any]]:
    """Return the properties of the features of a tile by code, each with `geometry`."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    (layer,) = mapbox_vector_tile.decode(answer.content).values()
    found = {
        f["properties"]["code"]: {**f["properties"], "geometry": f["geometry"]} for f in layer["features"]
    }
    assert len(found) == len(layer["features"])
    return found


def test_one_tile_has_every_indicator_of_every_area(board: TestClient) -> None:
    found = features(board, TILE)
    assert set(found) == set(QUARTERS)  # the scheme with most units
    for i, (code, number) in enumerate(QUARTERS.items()):
        one = found[code]
        assert one.get(NO2) == number
        assert one[f"{NO2}_status"] == ("valid" if number is not None else REASONS[code][0])
        assert (one[GREEN], one[f"{GREEN}_status"]) == (i, "valid")
        assert (one[f"{NO2}_period"], one["scheme"], one["name"]) == ("2023", "quarter", f"Quarter {code}")
        assert one["id"] == f"quarter.{code}"
        assert one["geometry"]["type"] == "Polygon"


def test_period_scheme_and_indicators_can_be_chosen(board: TestClient) -> None:
    earlier = features(board, f"{TILE}?period=2022&indicator={NO2}")
    assert {one[NO2] for one in earlier.values()} == {5.0}
    assert all(GREEN not in one for one in earlier.values())
    stations = features(board, f"{TILE}?scheme=station")
    assert {code: one.get(NO2) for code, one in stations.items()} == {"S1": 44.04, "S2": None}
    assert {one["geometry"]["type"] for one in stations.values()} == {"Point"}
    assert set(features(board, f"{TILE}?scheme=district&indicator={GREEN}")) == {"d"}


def test_a_number_that_the_rules_do_not_allow_is_not_in_the_tile(board: TestClient) -> None:
    found = features(board, f"{TILE}?indicator={GREEN}".replace("board", "crowd"))
    assert found["short"][f"{GREEN}_status"] == "insufficient"
    assert GREEN not in found["short"]


def test_areas_lie_where_their_values_say(board: TestClient) -> None:
    found = features(board, f"{TILE}?indicator={GREEN}")
    # Tile 8/85/134 begins at 134 / 256 of the way around, and is 360 / 256 degrees wide.
    west, unit = 134 * 360 / 256 - 180, 360 / 256 / 4096
    for code in QUARTERS:
        drawn = shapely.geometry.shape(found[code]["geometry"]).bounds
        assert drawn[0] * unit + west == pytest.approx(map_world.cell(code).bounds[0], abs=unit)
        assert drawn[2] * unit + west == pytest.approx(map_world.cell(code).bounds[2], abs=unit)


def test_the_tile_set_names_the_indicators_with_their_units(board: TestClient) -> None:
    sets = board.get(TILES).json()["tilesets"]
    assert len(sets) == 2
    about = board.get(f"{TILES}/WebMercatorQuad?indicator={NO2}&period=2022").json()
    (layer,) = about["layers"]
    schema = layer["propertiesSchema"]["properties"]
    assert (layer["id"], schema[NO2]["x-ogc-unit"], schema[NO2]["type"]) == (
        "indicator-values",
        "ug/m3",
        "number",
    )
    assert GREEN not in schema
    (template,) = [one["href"] for one in about["links"] if one["rel"] == "item"]
    assert f"indicator={NO2}" in template
    assert "period=2022" in template
    tilejson = board.get(f"{TILES}/WebMercatorQuad?f=tilejson").json()
    assert {NO2, f"{NO2}_status", GREEN} <= set(tilejson["vector_layers"][0]["fields"])


def test_values_can_stand_beside_other_collections(board: TestClient) -> None:
    path = "/twins/board/tiles/WebMercatorQuad/12/1370/2150?collections=indicator-values,protected-sites"
    layers = mapbox_vector_tile.decode(board.get(path).content)
    assert set(layers) == {"indicator-values", "protected-sites"}
    usual = mapbox_vector_tile.decode(board.get(path.partition("?")[0]).content)
    assert "indicator-values" not in usual


@pytest.mark.parametrize(
    ("query", "where"), [("scheme=moon", "scheme"), ("indicator=luck", "indicator"), ("period=1850", "period"), ("filter=code='00'", "filter")]
)  # fmt: skip
def test_what_there_is_not_is_refused(board: TestClient, query: str, where: str) -> None:
    answer = board.get(f"{TILE}?{query}")
    assert (answer.status_code, answer.json()["where"]) == (400, where)


def test_a_twin_without_values_has_no_such_tiles(board: TestClient) -> None:
    assert board.get("/twins/empty/collections/indicator-values/tiles").status_code == 404
