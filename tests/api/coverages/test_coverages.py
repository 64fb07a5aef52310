"""Coverages over HTTP: what is sent is cell by cell what went in, read with rasterio and xarray alone."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
import rasterio
import xarray as xr
from lxml import html
from numpy.typing import NDArray
from PIL import Image
from pyproj import Transformer
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012
from starlette.testclient import TestClient
from tests.api.coverages.conftest import DAYS, MADE
from zarr.storage import ZipStore

from ldt.api.coverages import cells
from ldt.api.openapi import operations
from ldt.settings import settings

BASE = "/twins/town/coverages"
SEALED, COVER, WARM = (f"{BASE}/{name}" for name in ("sealing.2018", "cover.2018", "warm.2025"))


def get(client: TestClient, path: str, status: int = 200, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == status, (path, answer.text[:400])
    return answer


def degrees(crs: str, left: float, bottom: float, right: float, top: float) -> tuple[float, float]:
    """Return the middle of a rectangle in degrees."""
    carry = Transformer.from_crs(crs, "OGC:CRS84", always_xy=True)
    lon, lat = carry.transform((left + right) / 2, (bottom + top) / 2)
    return lon, lat


@contextmanager
def opened(content: bytes) -> Iterator[xr.Dataset]:
    """Open a zipped Zarr group with nothing but the library."""
    with tempfile.NamedTemporaryFile(suffix=".zip") as file:
        file.write(content)
        file.flush()
        with (
            ZipStore(file.name, mode="r") as store,
            xr.open_zarr(
                store, consolidated=False, chunks=None, decode_coords="all", mask_and_scale=False
            ) as found,
        ):
            yield found


def pixels(content: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(content)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGBA")
        return np.moveaxis(np.asarray(picture), -1, 0)


# What there is ------------------------------------------------------------------------------------------------


def test_the_list_says_what_each_holds(grids: TestClient) -> None:
    document = get(grids, BASE).json()
    assert [one["id"] for one in document["coverages"]] == list(MADE)
    assert document["snapshot"] == "town@4"
    for one in document["coverages"]:
        made = MADE[one["id"]]
        (band,) = one["bands"]
        assert (band["property"], band["unit"], band["dtype"]) == (
            made.band.property,
            made.band.unit,
            made.band.dtype,
        )
        assert one["grid"] == {
            "crs": made.grid.crs,
            "width": made.grid.width,
            "height": made.grid.height,
            "transform": list(made.grid.transform),
        }
        west, south, east, north = one["bbox"]
        a, _, c, _, e, f = made.grid.transform
        lon, lat = degrees(made.grid.crs, c, f + e * made.grid.height, c + a * made.grid.width, f)
        assert west < lon < east
        assert south < lat < north
        assert one["footprint"]["type"] == "Polygon"
        assert get(grids, one["links"][0]["href"]).json()["id"] == one["id"]
    only = get(grids, f"{BASE}?property=imperviousness").json()["coverages"]
    assert [one["id"] for one in only] == ["sealing.2018"]
    assert get(grids, f"{BASE}?property=NO2").json()["coverages"] == []


def test_one_says_what_a_map_needs(grids: TestClient) -> None:
    document = get(grids, COVER).json()
    assert (document["time_first"], document["time_last"]) == ("2018-01-01T00:00:00Z", "2019-01-01T00:00:00Z")
    assert (document["licence"], document["publisher"]) == ("CC0-1.0", "a test")
    rels = {one["rel"] for one in document["links"]}
    assert {"self", "data", "map", "dataset"} <= rels
    (legend,) = document["map"]["legend"]
    colours = {entry["value"]: entry["color"] for entry in legend["entries"]}
    # Corine's official colours (EEA): continuous urban fabric, broad-leaved forest, water bodies.
    assert (colours[111], colours[311], colours[512]) == ("#e6004d", "#80ff00", "#80f2e6")
    assert len(colours) == 44
    (west, north), (east, north2), (east2, south), (west2, south2) = document["map"]["corners"]
    assert (north, east, south, west) == (north2, east2, south2, west2)
    # The picture holds every cell: no corner of the grid lies outside.
    made = MADE["cover.2018"].grid
    a, _, c, _, e, f = made.transform
    carry = Transformer.from_crs(made.crs, "OGC:CRS84", always_xy=True)
    for x in (c, c + a * made.width):
        for y in (f, f + e * made.height):
            lon, lat = carry.transform(x, y)
            assert west - 1e-9 <= lon <= east + 1e-9
            assert south - 1e-9 <= lat <= north + 1e-9


def test_a_ramp_spans_the_numbers(grids: TestClient) -> None:
    (share,) = get(grids, SEALED).json()["map"]["legend"]
    assert [share["entries"][i]["value"] for i in (0, -1)] == [0, 100]
    (warm,) = get(grids, WARM).json()["map"]["legend"]
    low, high = (warm["entries"][i]["value"] for i in (0, -1))
    numbers = MADE["warm.2025"].cells
    assert low <= np.nanmin(numbers) < low + 3
    assert high - 3 < np.nanmax(numbers) <= high
    assert warm["unit"] == "Cel"


def test_what_is_not_there_or_not_for_all_is_not_found(grids: TestClient, operator: TestClient) -> None:
    for name in ("secret.2018", "sealing.1999", "nothing.2018", "sealing", "sealing.", ".2018", "a%2Fb"):
        for what in ("", "/data", "/map"):
            problem = get(grids, f"{BASE}/{name}{what}", 404).json()
            assert problem["remedy"]
    assert "secret.2018" not in get(grids, BASE).text
    assert "secret.2018" in get(operator, BASE).text
    get(operator, f"{BASE}/secret.2018/data")


def test_a_past_state_has_what_was_there_then(grids: TestClient) -> None:
    assert [one["id"] for one in get(grids, f"{BASE}?at=1").json()["coverages"]] == ["sealing.2018"]
    get(grids, f"{COVER}?at=1", 404)
    document = get(grids, f"{COVER}?at=2").json()
    assert document["snapshot"] == "town@2"
    assert all("at=2" in one["href"] for one in document["links"])
    assert "at=2" in document["map"]["href"]


def test_pages_for_people_show_the_picture(grids: TestClient) -> None:
    answer = get(grids, f"{COVER}?f=html")
    page: Any = html.document_fromstring(answer.content)
    (src,) = page.xpath("//img/@src")
    assert get(grids, src).headers["content-type"] == "image/png"
    assert "img-src 'self'" in answer.headers["content-security-policy"]
    assert "Water bodies" in answer.text
    assert "sealing.2018" in get(grids, f"{BASE}?f=html").text
    assert f"{BASE}" in get(grids, "/twins/town?f=html").text
    assert f"{BASE}" in get(grids, "/twins/town/datasets/cover?f=html").text


def test_the_description_is_true(grids: TestClient) -> None:
    description = get(grids, "/api").json()
    registry = Registry().with_resource("urn:api", Resource.from_contents(description, DRAFT202012))
    seen = set()
    for path, operation in operations(description):
        if "/coverages" not in path:
            continue
        seen.add(path.rpartition("/")[2])
        address = path.replace("{twin}", "town").replace("{coverage}", "cover.2018")
        for media_type, stated in operation["responses"]["200"]["content"].items():
            answer = get(grids, address, Accept=media_type)
            assert answer.headers["content-type"].partition(";")[0] == media_type.partition(";")[0]
            if "$ref" in stated["schema"]:
                schema = {"$ref": "urn:api" + stated["schema"]["$ref"]}
                jsonschema.Draft202012Validator(schema, registry=registry).validate(answer.json())
        parameters = {p["name"] for p in operation["parameters"] if p["in"] == "query"}
        remedy = get(grids, f"{address}?no-such=1", 400).json()["remedy"]
        assert parameters == set(remedy.removeprefix("it has: ").split(", "))
    assert seen == {"coverages", "{coverage}", "data", "map"}


# The cells ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["sealing.2018", "cover.2018"])
def test_the_file_is_the_very_one_of_the_store(grids: TestClient, name: str) -> None:
    answer = get(grids, f"{BASE}/{name}/data")
    assert answer.headers["content-type"] == "image/tiff; application=geotiff; profile=cloud-optimized"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}.tif"'
    (stored,) = (settings().data_dir / "objects").glob(f"*/{get(grids, f'{BASE}/{name}').json()['digest']}/*")
    assert answer.content == stored.read_bytes()
    made = MADE[name]
    with rasterio.MemoryFile(answer.content) as memory, memory.open() as file:
        np.testing.assert_array_equal(file.read(1), made.cells[0])
        assert file.crs == rasterio.CRS.from_string(made.grid.crs)
        assert tuple(file.transform)[:6] == made.grid.transform
    # As GDAL reads it over HTTP: parts of it, never compressed on the way, and the tag is that of the bytes.
    part = get(grids, f"{BASE}/{name}/data", 206, Range="bytes=100-199", **{"Accept-Encoding": "gzip"})
    assert part.content == answer.content[100:200]
    assert "content-encoding" not in answer.headers
    tag = answer.headers["etag"]
    assert not tag.startswith("W/")
    get(grids, f"{BASE}/{name}/data", 304, **{"If-None-Match": tag})
    assert grids.head(f"{BASE}/{name}/data").headers["content-length"] == str(len(answer.content))


def window_of(name: str, rows: slice, columns: slice) -> str:
    """Return a bbox in degrees whose rectangle, carried back, lies well within these cells of a coverage."""
    grid = MADE[name].grid
    a, _, c, _, e, f = grid.transform
    left, right = c + a * (columns.start + 0.4), c + a * (columns.stop - 0.4)
    top, bottom = f + e * (rows.start + 0.4), f + e * (rows.stop - 0.4)
    carry = Transformer.from_crs(grid.crs, "OGC:CRS84", always_xy=True)
    west, south, east, north = carry.transform_bounds(left, bottom, right, top, densify_pts=21)
    return f"{west},{south},{east},{north}"


@pytest.mark.parametrize("name", ["sealing.2018", "cover.2018"])
@pytest.mark.parametrize("f", ["geotiff", "zarr"])
def test_a_part_is_every_cell_that_the_box_touches(grids: TestClient, name: str, f: str) -> None:
    made = MADE[name]
    bbox = window_of(name, slice(100, 140), slice(50, 120))
    content = get(grids, f"{BASE}/{name}/data?f={f}&bbox={bbox}").content
    a, _, c, _, e, top = made.grid.transform
    if f == "geotiff":
        with rasterio.MemoryFile(content) as memory, memory.open() as file:
            values, corner = file.read(1), (file.transform.c, file.transform.f)
            assert file.dtypes == (made.band.dtype,)
            assert file.nodata == made.band.nodata
            assert file.descriptions == (made.band.property,)
    else:
        with opened(content) as file:
            values = file[made.band.property].to_numpy()
            corner = float(file.x[0]) - a / 2, float(file.y[0]) - e / 2
            assert file.rio.crs == rasterio.CRS.from_string(made.grid.crs)
        if made.band.vocabulary is None:
            values = np.where(np.isnan(values), 255, values)
    # A rectangle in degrees is a bent one here: at least what was asked for, and a cell or two around it.
    row, column = round((corner[1] - top) / e), round((corner[0] - c) / a)
    assert row <= 100 < 140 <= row + values.shape[0] <= 150
    assert column <= 50 < 120 <= column + values.shape[1] <= 130
    assert row > 90
    assert column > 40
    expected = made.cells[0, row : row + values.shape[0], column : column + values.shape[1]]
    np.testing.assert_array_equal(values, expected)


def test_a_box_in_the_grids_own_degrees_gives_exactly_the_cells_that_it_touches(grids: TestClient) -> None:
    # Columns 10 to 12 and rows 5 to 6, by hand: x from 6.8 + 10.5/100, y from 51.1 - 5.5/100.
    content = get(grids, f"{WARM}/data?bbox=6.905,51.035,6.925,51.045").content
    with opened(content) as file:
        found = file["air-temperature-maximum"].load()
    assert found.shape == (9, 2, 3)
    np.testing.assert_array_equal(found, MADE["warm.2025"].cells[:, 5:7, 10:13])
    np.testing.assert_allclose(found.x, [6.905, 6.915, 6.925])
    np.testing.assert_allclose(found.y, [51.045, 51.035])


def test_a_cube_is_sent_as_zarr(grids: TestClient) -> None:
    answer = get(grids, f"{WARM}/data")
    assert answer.headers["content-type"] == "application/zip"
    assert "content-encoding" not in answer.headers
    with opened(answer.content) as file:
        np.testing.assert_array_equal(file["air-temperature-maximum"], MADE["warm.2025"].cells)
        assert [str(t)[:10] for t in file["time"].to_numpy()] == [f"{d:%Y-%m-%d}" for d in DAYS]
        assert file["air-temperature-maximum"].attrs["units"] == "degree_Celsius"
        assert file["air-temperature-maximum"].attrs["unit"] == "Cel"
        assert file.attrs["snapshot"] == "town@4"
        assert file.attrs["Conventions"] == "CF-1.11"
        assert file.rio.crs.to_epsg() == 4326
    assert "zarr" in get(grids, f"{WARM}/data?f=geotiff", 400).json()["remedy"]
    get(grids, f"{WARM}/data", 406, Accept="image/tiff")


@pytest.mark.parametrize(
    ("when", "days"),
    [
        ("2025-06-03", slice(2, 3)),
        ("2025-06-03T00:00:00Z/2025-06-05T00:00:00Z", slice(2, 5)),
        ("../2025-06-02", slice(0, 2)),
        ("2025-06-08T01:00:00Z/..", slice(8, 9)),
    ],
)
def test_time_steps_are_those_that_begin_in_the_interval(grids: TestClient, when: str, days: slice) -> None:
    content = get(grids, f"{WARM}/data?datetime={when}").content
    with opened(content) as file:
        np.testing.assert_array_equal(file["air-temperature-maximum"], MADE["warm.2025"].cells[days])


def test_classes_say_what_they_mean(grids: TestClient) -> None:
    content = get(grids, f"{COVER}/data?f=zarr").content
    with opened(content) as file:
        found = file["land-cover"].load()
    np.testing.assert_array_equal(found, MADE["cover.2018"].cells[0])
    meanings = dict(zip(found.attrs["flag_values"], found.attrs["flag_meanings"].split(" "), strict=True))
    assert meanings[512] == "Water_bodies"
    assert meanings[121] == "Industrial_or_commercial_units"
    colours = dict(zip(found.attrs["flag_values"], found.attrs["flag_colors"].split(), strict=True))
    assert (colours[111], colours[512]) == ("#e6004d", "#80f2e6")
    assert found.attrs["_FillValue"] == 65535
    assert found.dtype == "uint16"


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (f"{SEALED}/data?bbox=1,2,3", "bbox"),
        (f"{SEALED}/data?bbox=10,50,11,51", "bbox"),
        (f"{SEALED}/data?bbox=170,50,-170,51", "bbox"),
        (f"{SEALED}/data?bbox=7,51,7,52", "bbox"),
        (f"{SEALED}/data?datetime=2020", "datetime"),
        (f"{SEALED}/data?datetime=2020-01-01", "datetime"),
        (f"{SEALED}/data?f=zarr&datetime=2017-01-01", "datetime"),
        (f"{WARM}/data?datetime=2026-01-01", "datetime"),
        (f"{WARM}/data?datetime=2025-06-01T01:00:00Z/2025-06-01T02:00:00Z", "datetime"),
        (f"{SEALED}/data?property=NO2", "property"),
        (f"{SEALED}/data?f=netcdf", "f"),
        (f"{SEALED}/map?property=NO2", "property"),
        (f"{SEALED}/map?width=0", "width"),
        (f"{SEALED}/map?height=2049", "height"),
        (f"{SEALED}/map?bbox=a,b,c,d", "bbox"),
        (f"{WARM}/map?datetime=2026-01-01", "datetime"),
    ],
)
def test_what_cannot_be_answered_is_told(grids: TestClient, path: str, where: str) -> None:
    problem = get(grids, path, 400).json()
    assert problem["where"] == where
    assert problem["detail"]


def test_a_box_over_the_antimeridian_is_told_as_such(grids: TestClient) -> None:
    assert "antimeridian" in get(grids, f"{SEALED}/data?bbox=6,50,-170,51", 400).json()["detail"]


@pytest.mark.parametrize("bbox", ["6.95,50.95,6.95,50.97", "6.95,50.95,6.97,50.95"])
@pytest.mark.parametrize("what", ["data", "map"])
def test_a_box_without_an_area_is_told_as_such(grids: TestClient, what: str, bbox: str) -> None:
    assert "no area" in get(grids, f"{SEALED}/{what}?bbox={bbox}", 400).json()["detail"]


def test_the_time_of_a_raster_may_be_named(grids: TestClient) -> None:
    for when in ("2018-07-01", "2018-12-31T23:59:59Z/..", "../2018-01-01"):
        get(grids, f"{SEALED}/data?datetime={when}")
        get(grids, f"{SEALED}/map?datetime={when}")


def test_too_much_at_once_is_refused_and_whole_files_are_not(
    grids: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cells, "MAX_CELLS", 40 * 30 * 9 - 1)
    for path in (f"{WARM}/data", f"{SEALED}/data?f=zarr", f"{SEALED}/data?bbox=-180,-80,180,80"):
        problem = get(grids, path, 413).json()
        assert "bbox" in problem["remedy"]
    get(grids, f"{SEALED}/data")
    get(grids, f"{WARM}/data?datetime=2025-06-01")


def test_bytes_that_are_gone_are_our_fault(grids: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ldt.store.files.root", lambda: Path("/nowhere"))
    for path in (
        f"{SEALED}/data",
        f"{SEALED}/data?f=zarr",
        f"{SEALED}/map",
        f"{WARM}/map?width=5",
        f"{SEALED}/data?bbox=6,50,8,52",
    ):
        assert get(grids, path, 503).headers["retry-after"]


# Pictures -----------------------------------------------------------------------------------------------------


def at_point(client: TestClient, path: str, lon: float, lat: float, corners: Any) -> tuple[int, ...]:
    """Return red, green, blue, opacity of a picture at a place."""
    picture = pixels(get(client, path).content)
    carry = Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True)
    (left, top), (right, bottom) = carry.transform(*corners[0]), carry.transform(*corners[2])
    x, y = carry.transform(lon, lat)
    column = int((x - left) / (right - left) * picture.shape[2])
    row = int((top - y) / (top - bottom) * picture.shape[1])
    return tuple(int(v) for v in picture[:, row, column])


def test_a_picture_has_the_colour_of_the_class_at_each_place(grids: TestClient) -> None:
    made = MADE["cover.2018"]
    about = get(grids, COVER).json()["map"]
    colours = {e["value"]: e["color"] for e in about["legend"][0]["entries"]}
    carry = Transformer.from_crs(made.grid.crs, "OGC:CRS84", always_xy=True)
    seen = set()
    for row, column in [(10, 10), (50, 70), (130, 210), (190, 30), (110, 290), (230, 290), (10, 290)]:
        code = int(made.cells[0, row, column])
        lon, lat = carry.transform(353000 + 25 * (column + 0.5), 5650000 - 25 * (row + 0.5))
        found = at_point(grids, f"{COVER}/map?width=1024", lon, lat, about["corners"])
        if code in (65535, 999):
            assert found == (0, 0, 0, 0)
        else:
            assert (*(int(colours[code][i : i + 2], 16) for i in (1, 3, 5)), 255) == found
        seen.add(code)
    assert len(seen) >= 3
    assert {65535, 999} <= seen


def test_a_picture_of_a_box_has_its_corners(grids: TestClient) -> None:
    west, south, east, north = 6.92, 50.95, 6.94, 50.97
    made = MADE["cover.2018"]
    to = Transformer.from_crs("OGC:CRS84", made.grid.crs, always_xy=True)
    picture = pixels(get(grids, f"{COVER}/map?bbox={west},{south},{east},{north}&width=300").content)
    corners = [[west, north], [east, north], [east, south], [west, south]]
    about = get(grids, COVER).json()["map"]["legend"][0]["entries"]
    colours = {e["value"]: e["color"] for e in about}
    path = f"{COVER}/map?bbox={west},{south},{east},{north}&width=300"
    for i, j in [(0.2, 0.3), (0.5, 0.5), (0.9, 0.1), (0.7, 0.8)]:
        lon, lat = west + i * (east - west), south + j * (north - south)
        x, y = to.transform(lon, lat)
        code = int(made.cells[0, int((5650000 - y) / 25), int((x - 353000) / 25)])
        found = at_point(grids, path, lon, lat, corners)
        expected = (*(int(colours[code][n : n + 2], 16) for n in (1, 3, 5)), 255) if code < 999 else (0,) * 4
        assert found == expected, (i, j, code)
    # Squares on the ground of EPSG:3857 are squares in the picture.
    metres = Transformer.from_crs("OGC:CRS84", "EPSG:3857", always_xy=True).transform_bounds(
        west, south, east, north
    )
    ratio = (metres[2] - metres[0]) / (metres[3] - metres[1])
    assert picture.shape[2] / picture.shape[1] == pytest.approx(ratio, rel=0.01)


def test_numbers_are_coloured_by_the_ramp(grids: TestClient) -> None:
    made = MADE["warm.2025"]
    about = get(grids, WARM).json()["map"]
    entries = about["legend"][0]["entries"]
    values = [e["value"] for e in entries]
    row, column = 12, 20
    lon, lat = 6.8 + 0.01 * (column + 0.5), 51.1 - 0.01 * (row + 0.5)
    for query, step in (("", 8), ("&datetime=2025-06-03/..", 2)):
        value = made.cells[step, row, column]
        expected = [
            np.interp(value, values, [int(e["color"][n : n + 2], 16) for e in entries]) for n in (1, 3, 5)
        ]
        found = at_point(grids, f"{WARM}/map?width=400{query}", lon, lat, about["corners"])
        assert found[3] == 255
        assert found[:3] == pytest.approx(expected, abs=1)
    nothing = at_point(grids, f"{WARM}/map?width=400", 6.805, 51.095, about["corners"])
    assert nothing == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("query", "shape"),
    [
        ("width=64&height=32", (32, 64)),
        ("width=2048&height=1", (1, 2048)),
        ("bbox=100,-10,101,-9&width=9", None),
    ],
)
def test_pictures_are_as_large_as_asked_and_empty_elsewhere(
    grids: TestClient, query: str, shape: tuple[int, int] | None
) -> None:
    picture = pixels(get(grids, f"{SEALED}/map?{query}").content)
    if shape:
        assert picture.shape == (4, *shape)
        assert picture[3].any()
    else:
        assert not picture.any()


def test_pictures_are_kept_by_their_tag(grids: TestClient) -> None:
    tag = get(grids, f"{SEALED}/map?width=20").headers["etag"]
    get(grids, f"{SEALED}/map?width=20", 304, **{"If-None-Match": tag})
    get(grids, f"{SEALED}/map?width=21", 200, **{"If-None-Match": tag})
    tag = get(grids, f"{SEALED}/data?f=zarr").headers["etag"]
    get(grids, f"{SEALED}/data?f=zarr", 304, **{"If-None-Match": tag})
