"""What `ets-ogcapi-tiles10` checks: the twin's landing page is what it is pointed at."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as httpx
import mapbox_vector_tile
import pytest
from tests.clients.conftest import City
from tests.clients.suites import BROWSER, JSON, Document, Suite, of_rel

_TILES = "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/"
pytestmark = pytest.mark.conformance(
    *(
        _TILES + name
        for name in ("core", "tileset", "tilesets-list", "dataset-tilesets", "geodata-tilesets", "mvt", "oas30")
    )
)  # fmt: skip
TILESETS = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-"


@pytest.fixture(scope="module")
def suite(city: City) -> Iterator[Suite]:
    with httpx.Client(timeout=60) as client:
        yield Suite(city.twin, client)  # as it is typed: paths are put after its slash


def lists(document: Document) -> list[str]:
    """Return where the lists of tile sets are that a document names."""
    return [link["href"] for link in document["links"] if link["rel"].startswith(TILESETS)]


def test_tile_sets_of_the_twin_and_of_collections(suite: Suite) -> None:
    """Abstract tests 2 to 5, 9, 10, 12, 13: lists at `…/tiles`, with what a client needs before it asks further."""
    landing = suite.document("/")
    assert "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/core" in suite.document("/conformance")["conformsTo"]  # fmt: skip
    found = lists(landing)
    for one in suite.document("/collections")["collections"]:
        found += lists(one)
    assert len(found) > 10
    for address in found:
        assert "/tiles" in address
        for tileset in suite.document(address)["tilesets"]:
            assert {"dataType", "crs", "tileMatrixSetURI", "links"} <= set(tileset)
            # Each link is followed, without a look at what it is.
            documents = [suite.document(link["href"]) for link in tileset["links"]]
            templates = [
                link["href"] for d in documents for link in d["links"] if "{tileMatrix}" in link["href"]
            ]
            assert templates, address
            assert all("{tileRow}" in t and "{tileCol}" in t for t in templates)


def test_tiles_within_and_beyond_their_limits(suite: Suite) -> None:
    """Abstract tests 6 and 7, at the first and at a later matrix; what is sent can be read."""
    seen = 0
    for tileset in suite.document(lists(suite.document("/"))[0])["tilesets"]:
        (here,) = of_rel(tileset["links"], "self")
        (item,) = (
            link for link in suite.document(here["href"])["links"] if "{tileMatrix}" in link["href"] and link["rel"] == "item"
        )  # fmt: skip

        def tile(matrix: str, row: int, col: int, item: Document = item) -> httpx.Response:
            address = item["href"].replace("{tileMatrix}", matrix).replace("{tileRow}", str(row))
            return suite.get(address.replace("{tileCol}", str(col)), BROWSER)

        for limits in (tileset["tileMatrixSetLimits"][0], tileset["tileMatrixSetLimits"][9]):
            matrix, row, col = limits["tileMatrix"], limits["maxTileRow"], limits["minTileCol"]
            inside = tile(matrix, row, col)
            assert inside.status_code in (200, 204)
            if inside.status_code == 200:
                assert inside.headers["content-type"] == "application/vnd.mapbox-vector-tile"
                seen += len(mapbox_vector_tile.decode(inside.content))
            assert tile(matrix, row + 1, col).status_code in (400, 404)
            assert tile(matrix, 2**31 - 1, 2**31 - 1).status_code in (400, 404)
        for unknown in ("99", "x", "-1"):
            assert tile(unknown, 0, 0).status_code in (400, 404)
    assert seen
    assert suite.get("/tiles/Nothing/0/0/0", BROWSER).status_code == 404
    assert suite.get("/tiles/Nothing").status_code == 404


def test_tile_matrix_sets(suite: Suite) -> None:
    """Abstract test 24; the members are those of the JSON of OGC Two Dimensional Tile Matrix Set 2.0 (17-083r4, 7.1)."""
    for one in suite.document("/tileMatrixSets")["tileMatrixSets"]:
        (item,) = of_rel(one["links"], "item")
        assert item["type"] == "application/json"
        assert one["id"] in item["href"]
        alone = suite.document(item["href"])
        assert (alone["id"], alone["uri"]) == (one["id"], one["uri"])
        members = {
            "id", "scaleDenominator", "cellSize", "cornerOfOrigin", "pointOfOrigin",
            "tileWidth", "tileHeight", "matrixWidth", "matrixHeight",
        }  # fmt: skip
        assert all(members <= set(matrix) for matrix in alone["tileMatrices"])
    assert suite.get("/tileMatrixSets/Nothing").status_code == 404


def test_description(suite: Suite) -> None:
    """Abstract tests 23 and 24: operation ids end as the standard says, parameters are called as it calls them."""
    api = suite.api()
    ids = {op["operationId"]: path for path, item in api["paths"].items() for op in item.values()}
    for ending in (".getTile", ".getTileSet", ".getTileSetsList"):
        assert any(i.endswith(ending) for i in ids)
    tiles = [path for i, path in ids.items() if i.endswith(".getTile")]
    for path in tiles:
        assert path.endswith("/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}")
        named = {p["name"] for p in api["paths"][path]["get"]["parameters"] if p["in"] == "path"}
        assert {"tileMatrixSetId", "tileMatrix", "tileRow", "tileCol"} <= named
    assert suite.get("/api", JSON).status_code == 200
