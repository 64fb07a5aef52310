"""Map tiles of coverages, against the cells under each point, found with pyproj."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from starlette.testclient import TestClient
from tests.api.coverages.conftest import DAYS, MADE, Made

BASE = "/twins/town/collections"
SEALED, COVER, WARM = (f"{BASE}/coverage.{name}" for name in ("sealing", "cover", "warm"))
HALF = 20037508.342789244
#: By tile matrix set: CRS, left, top, width of the one tile of matrix 0 (the registry's definitions).
SETS = {
    "WebMercatorQuad": ("EPSG:3857", -HALF, HALF, 2 * HALF),
    "EuropeanETRS89_LAEAQuad": ("EPSG:3035", 2_000_000.0, 5_500_000.0, 4_500_000.0),
}


def get(client: TestClient, path: str, status: int = 200) -> Any:
    answer = client.get(path)
    assert answer.status_code == status, (path, answer.text[:300])
    return answer


def pixels(answer: Any) -> NDArray[Any]:
    assert answer.headers["content-type"] == "image/png"
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.size, picture.mode) == ((256, 256), "RGBA")
    return np.asarray(picture)


def tile_at(name: str, zoom: int, made: Made, across: float = 0.5, down: float = 0.5) -> tuple[int, int]:
    """Return (row, column) of the tile under a place of a coverage."""
    crs, left, top, width = SETS[name]
    a, _, c, _, e, f = made.grid.transform
    to = Transformer.from_crs(made.grid.crs, crs, always_xy=True)
    x, y = to.transform(c + a * made.grid.width * across, f + e * made.grid.height * down)
    side = width / 2**zoom
    return int((top - y) // side), int((x - left) // side)


def warped(made: Made, name: str, zoom: int, row: int, column: int, step: int = 0) -> NDArray[Any]:
    """Return the cells under the middles of the points of a tile, NaN where there are none: point by point with pyproj."""
    crs, left, top, width = SETS[name]
    side = width / 2**zoom
    middles = (np.arange(256) + 0.5) / 256
    xs, ys = np.meshgrid(left + (column + middles) * side, top - (row + middles) * side)
    x, y = Transformer.from_crs(crs, made.grid.crs, always_xy=True).transform(xs, ys)
    a, _, c, _, e, f = made.grid.transform
    columns, rows = np.floor((x - c) / a).astype(int), np.floor((y - f) / e).astype(int)
    inside = (columns >= 0) & (columns < made.grid.width) & (rows >= 0) & (rows < made.grid.height)
    cells = made.cells[step].astype("float64")
    if made.band.nodata is not None:
        cells[cells == made.band.nodata] = np.nan
    return np.where(inside, cells[np.where(inside, rows, 0), np.where(inside, columns, 0)], np.nan)


def coloured(values: NDArray[Any], legend: dict[str, Any]) -> NDArray[Any]:
    """Return the colours of values by a legend as the service sends it, (256, 256, 4)."""
    entries = {
        e["value"]: tuple(int(e["color"][i : i + 2], 16) for i in (1, 3, 5)) for e in legend["entries"]
    }
    out = np.zeros((*values.shape, 4), "uint8")
    for place in np.ndindex(values.shape):
        value = values[place]
        if np.isnan(value):
            continue
        if legend["kind"] == "classes":
            if value in entries:
                out[place] = (*entries[value], 255)
            continue
        known = sorted(entries)
        rgb = [round(np.interp(value, known, [entries[k][i] for k in known])) for i in range(3)]
        out[place] = (*rgb, 255)
    return out


@pytest.mark.parametrize(
    ("collection", "identifier", "name", "zoom", "place"),
    [
        (SEALED, "sealing.2018", "WebMercatorQuad", 15, (0.5, 0.5)),
        (SEALED, "sealing.2018", "WebMercatorQuad", 14, (0.02, 0.02)),  # an edge, and no data
        (SEALED, "sealing.2018", "EuropeanETRS89_LAEAQuad", 12, (0.3, 0.7)),
        (COVER, "cover.2018", "WebMercatorQuad", 14, (0.4, 0.4)),
        (
            COVER,
            "cover.2018",
            "EuropeanETRS89_LAEAQuad",
            11,
            (0.9, 0.95),
        ),  # without classes, and unknown ones
        (WARM, "warm.2025", "WebMercatorQuad", 12, (0.5, 0.5)),
    ],
)
@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png")
def test_a_map_tile_has_the_colours_of_the_cells_under_its_points(
    grids: TestClient, collection: str, identifier: str, name: str, zoom: int, place: tuple[float, float]
) -> None:
    made = MADE[identifier]
    row, column = tile_at(name, zoom, made, *place)
    seen = pixels(get(grids, f"{collection}/map/tiles/{name}/{zoom}/{row}/{column}"))
    legend = get(grids, f"{collection}/map/legend").json()
    wanted = coloured(warped(made, name, zoom, row, column, -1), legend)
    assert (wanted[..., 3] > 0).mean() > 0.1
    # GDAL warps with an error of up to an eighth of a point: along the sides of cells the neighbour may come up.
    differs = (np.abs(seen.astype(int) - wanted.astype(int)) > 1).any(axis=2)
    assert differs.mean() < 0.03
    assert (seen[..., 3] != wanted[..., 3]).mean() < 0.01


def test_a_map_of_everything_is_drawn_where_the_data_are(grids: TestClient) -> None:
    seen = pixels(
        get(
            grids,
            f"{COVER}/map/tiles/WebMercatorQuad/9/{'/'.join(map(str, tile_at('WebMercatorQuad', 9, MADE['cover.2018'])))}",
        )
    )
    shown = seen[..., 3] > 0
    rows, columns = np.nonzero(shown)
    # 7.5 km by 6 km on a tile of some 49 km at this latitude: 39 by 31 points.
    assert columns.max() - columns.min() == pytest.approx(39, abs=3)
    assert rows.max() - rows.min() == pytest.approx(31, abs=3)
    for name in SETS:
        first = pixels(get(grids, f"{COVER}/map/tiles/{name}/0/0/0"))
        assert 0 <= (first[..., 3] > 0).sum() <= 4


def test_which_coverage_and_step_are_shown_can_be_chosen(grids: TestClient) -> None:
    row, column = tile_at("WebMercatorQuad", 12, MADE["warm.2025"])
    tile = f"{WARM}/map/tiles/WebMercatorQuad/12/{row}/{column}"
    legend = get(grids, f"{WARM}/map/legend").json()
    day = DAYS[3].date()
    seen = pixels(get(grids, f"{tile}?datetime={day}"))
    wanted = coloured(warped(MADE["warm.2025"], "WebMercatorQuad", 12, row, column, 3), legend)
    assert (np.abs(seen.astype(int) - wanted.astype(int)) > 1).any(axis=2).mean() < 0.03
    assert (seen != pixels(get(grids, tile))).any()
    assert get(grids, f"{tile}?coverage=2025&property=air-temperature-maximum").status_code == 200
    assert "it has: 2025" in get(grids, f"{tile}?coverage=1999", 404).json()["remedy"]
    assert get(grids, f"{tile}?property=NO2", 400).json()["where"] == "property"
    assert get(grids, f"{tile}?datetime=1999-01-01", 400).json()["where"] == "datetime"
    assert get(grids, f"{tile}?datetime=2025-13-99", 400).json()["where"] == "datetime"
    assert get(grids, f"{tile}?tone=red", 400).json()["where"] == "tone"


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/tilesets-list",
    "http://www.opengis.net/spec/ogcapi-tiles-1/1.0/conf/png",
)
def test_map_tile_sets_tell_which_tiles_there_are(grids: TestClient) -> None:
    sets = get(grids, f"{SEALED}/map/tiles").json()["tilesets"]
    assert [one["dataType"] for one in sets] == ["map", "map"]
    for one in sets:
        own = next(link["href"] for link in one["links"] if link["rel"] == "self")
        about = get(grids, own).json()
        (template,) = [link for link in about["links"] if link["rel"] == "item"]
        assert (template["templated"], template["type"]) == (True, "image/png")
        limits = about["tileMatrixSetLimits"][10]

        def at(
            row: int, column: int, template: str = template["href"], matrix: str = limits["tileMatrix"]
        ) -> str:
            return (
                template.replace("{tileMatrix}", matrix)
                .replace("{tileRow}", str(row))
                .replace("{tileCol}", str(column))
            )

        get(grids, at(limits["minTileRow"], limits["maxTileCol"]))
        get(grids, at(limits["maxTileRow"] + 1, limits["maxTileCol"]), 404)
        (legend,) = [link for link in about["links"] if link["rel"].endswith("/legend")]
        assert get(grids, legend["href"]).json()["entries"][0] == {"value": 0.0, "color": "#440154"}
    tilejson = get(grids, f"{SEALED}/map/tiles/WebMercatorQuad?f=tilejson").json()
    assert tilejson["tilejson"] == "3.0.0"
    assert "{z}/{y}/{x}?f=png" in tilejson["tiles"][0]
    assert get(grids, f"{SEALED}/map/tiles/EuropeanETRS89_LAEAQuad?f=tilejson", 400).json()["where"] == "f"


def test_what_not_everyone_may_see_has_no_tiles(grids: TestClient) -> None:
    for path in ("map/tiles", "map/tiles/WebMercatorQuad", "map/tiles/WebMercatorQuad/0/0/0", "map/legend"):
        get(grids, f"{BASE}/coverage.secret/{path}", 404)
        get(grids, f"{BASE}/coverage.nothing/{path}", 404)
        get(grids, f"{BASE}/sealing/{path}", 404)
