"""EDR over coverages: values against the cells that went in, found again by rasterio, xarray, geopandas and pyproj alone."""

from __future__ import annotations

import csv
import io
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
import shapely
import xarray as xr
from affine import Affine
from covjson_pydantic.coverage import Coverage, CoverageCollection
from numpy.typing import NDArray
from pyproj import Transformer
from rasterio.transform import rowcol, xy
from starlette.testclient import TestClient
from tests.api.coverages.conftest import DAYS, MADE, Made

from ldt.api.edr import forms, gridded, request
from ldt.store import edr_cells

BASE = "/twins/town/collections"
SEALED, COVER, WARM = (f"{BASE}/coverage.{n}" for n in ("sealing", "cover", "warm"))
MADE_OF = {SEALED: MADE["sealing.2018"], COVER: MADE["cover.2018"], WARM: MADE["warm.2025"]}
CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"


def ask(client: TestClient, path: str, status: int = 200, /, **parameters: str) -> Any:
    answer = client.get(path, params={k.replace("_", "-"): v for k, v in parameters.items()})
    assert answer.status_code == status, (path, parameters, answer.text[:500])
    return answer


def coverages(answer: Any) -> list[dict[str, Any]]:
    """Return the coverages of an answer, which another library finds to be valid CoverageJSON."""
    assert answer.headers["content-type"] == "application/vnd.cov+json"
    document = answer.json()
    if document["type"] == "Coverage":
        Coverage.model_validate_json(answer.content)
        return [document]
    CoverageCollection.model_validate_json(answer.content)
    return [{"parameters": document["parameters"], **c} for c in document["coverages"]]


def one(answer: Any) -> dict[str, Any]:
    (found,) = coverages(answer)
    return found


def values(coverage: dict[str, Any]) -> NDArray[np.float64]:
    """Return the values of the one range, NaN where there is none."""
    (found,) = coverage["ranges"].values()
    return np.array([np.nan if v is None else v for v in found["values"]], float).reshape(found["shape"])


def cells(made: Made) -> NDArray[np.float64]:
    """Return (step, row, column), NaN where there is no value; the state of today, in which `warm` is one degree warmer."""
    numbers = made.cells.astype(float)
    if made.times:
        return (made.cells + np.float32(1)).astype(float)
    numbers[made.cells == made.band.nodata] = np.nan
    return numbers


def expected(made: Made, x: Any, y: Any, crs: str = "OGC:CRS84") -> NDArray[np.float64]:
    """Return (step, n): the values of the cells in which places lie, found by pyproj and rasterio."""
    there = Transformer.from_crs(crs, made.grid.crs, always_xy=True).transform(np.ravel(x), np.ravel(y))
    rows, columns = rowcol(Affine(*made.grid.transform), *there)
    rows, columns = np.array(rows), np.array(columns)
    inside = (rows >= 0) & (rows < made.grid.height) & (columns >= 0) & (columns < made.grid.width)
    found = np.full((len(made.cells), rows.size), np.nan)
    found[:, inside] = cells(made)[:, rows[inside], columns[inside]]
    return found


def middle(made: Made) -> tuple[float, float]:
    carry = Transformer.from_crs(made.grid.crs, "OGC:CRS84", always_xy=True)
    lon, lat = carry.transform(*xy(Affine(*made.grid.transform), made.grid.height / 2, made.grid.width / 2))
    return float(lon), float(lat)


def native(made: Made) -> str:
    return made.grid.crs


def axis(coverage: dict[str, Any], name: str) -> NDArray[np.float64]:
    return np.array(coverage["domain"]["axes"][name]["values"], float)


# Positions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SEALED, COVER, WARM])
@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/covjson",
)
def test_a_position_has_the_value_of_its_cell(client: TestClient, path: str) -> None:
    made = MADE_OF[path]
    random = np.random.default_rng(5)
    lon, lat = middle(made)
    x, y = lon + random.uniform(-0.02, 0.02, 40), lat + random.uniform(-0.01, 0.01, 40)
    text = ",".join(f"({a!r} {b!r})" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    found = coverages(ask(client, f"{path}/position", coords=f"MULTIPOINT({text})"))
    assert len(found) == 40
    got = np.column_stack([values(c).ravel() for c in found])
    np.testing.assert_array_equal(got.astype("f4"), expected(made, x, y).astype("f4"))
    assert {c["domain"]["domainType"] for c in found} == {"PointSeries" if made.times else "Point"}


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries")
def test_a_cube_is_asked_as_xarray_selects(client: TestClient) -> None:
    made = MADE["warm.2025"]
    frame = xr.DataArray(
        cells(made),
        dims=("time", "y", "x"),
        coords={
            "time": [np.datetime64(t.replace(tzinfo=None), "ns") for t in DAYS],
            "y": 51.1 - 0.01 * (np.arange(30) + 0.5),
            "x": 6.8 + 0.01 * (np.arange(40) + 0.5),
        },
    )
    series = one(ask(client, f"{WARM}/position", coords="POINT(6.913 50.957)"))
    want = frame.sel(x=6.913, y=50.957, method="nearest").to_numpy()
    np.testing.assert_array_equal(values(series).astype("f4"), want.astype("f4"))
    assert series["domain"]["axes"]["t"]["values"][0] == "2025-06-01T00:00:00Z"
    assert series["domain"]["axes"]["t"]["bounds"][:3] == [
        "2025-06-01T00:00:00Z", "2025-06-02T00:00:00Z", "2025-06-02T00:00:00Z"]  # fmt: skip
    # In the middle of a day that day holds; at the end of one it does no more.
    for asked, days in [
        ("2025-06-02T15:00:00Z", [1]),
        ("2025-06-03T00:00:00Z", [2]),
        ("2025-06-02T15:00:00Z/2025-06-04T00:00:00Z", [1, 2, 3]),
        ("../2025-06-01T23:59:59Z", [0]),
        ("2025-06-08T00:00:00Z/..", [7, 8]),
    ]:
        some = coverages(ask(client, f"{WARM}/position", coords="POINT(6.913 50.957)", datetime=asked))
        np.testing.assert_array_equal(values(some[0]).ravel().astype("f4"), want[days].astype("f4"))
    ask(client, f"{WARM}/position", 204, coords="POINT(6.913 50.957)", datetime="2025-06-10T00:00:00Z")


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/covjson",
)
def test_units_and_classes_are_told(client: TestClient) -> None:
    at = "POINT({} {})".format(*middle(MADE["cover.2018"]))
    classes = one(ask(client, f"{COVER}/position", coords=at))["parameters"]["land-cover"]
    assert "unit" not in classes
    ids = {c["id"]: c["label"]["en"] for c in classes["observedProperty"]["categories"]}
    codes = {v: ids[k] for k, v in classes["categoryEncoding"].items()}
    assert codes[111] == "Continuous urban fabric"
    assert set(classes["ldt:colours"]) == set(ids)
    warm = one(ask(client, f"{WARM}/position", coords=at))["parameters"]["air-temperature-maximum"]
    assert warm["unit"]["symbol"] == {"value": "Cel", "type": "http://www.opengis.net/def/uom/UCUM/"}
    assert warm["measurementType"]["duration"] == "P1D"


def test_a_place_outside_has_nothing(client: TestClient) -> None:
    answer = ask(client, f"{WARM}/position", 204, coords="POINT(-1.05 52.5)")
    assert answer.content == b""
    html = ask(client, f"{WARM}/position", coords="POINT(-1.05 52.5)", f="html")
    assert "<h1" in html.text
    # A corner of the grid belongs to it, a step further does not.
    assert np.isnan(values(one(ask(client, f"{WARM}/position", coords="POINT(6.8 51.1)")))).all()
    ask(client, f"{WARM}/position", 204, coords="POINT(6.7999 51.1)")


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:3035", "EPSG:3857", "EPSG:25832", "EPSG:4258"])
def test_places_are_read_in_the_order_of_their_crs(client: TestClient, crs: str) -> None:
    lon, lat = 6.9131, 50.9571
    # pyproj, without always_xy, keeps the order of the authority.
    first, second = Transformer.from_crs(4326, crs).transform(lat, lon)
    plain = one(ask(client, f"{WARM}/position", coords=f"POINT({lon} {lat})"))
    other = one(ask(client, f"{WARM}/position", coords=f"POINT({first} {second})", crs=crs))
    np.testing.assert_array_equal(values(plain), values(other))
    code = crs.removeprefix("EPSG:")
    (place, _) = other["domain"]["referencing"]
    assert place["system"]["id"] == f"http://www.opengis.net/def/crs/EPSG/0/{code}"
    written = [other["domain"]["axes"][name]["values"][0] for name in place["coordinates"]]
    assert written == pytest.approx([first, second], abs=1e-3)
    feature = ask(client, f"{WARM}/position", coords=f"POINT({first} {second})", crs=crs, f="GeoJSON").json()
    assert feature["features"][0]["geometry"]["coordinates"] == pytest.approx([first, second], abs=1e-3)


# Grids --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [SEALED, COVER, WARM])
def test_a_cube_in_the_crs_of_the_coverage_is_a_window(client: TestClient, path: str) -> None:
    made = MADE_OF[path]
    a, _, c, _, e, f = made.grid.transform
    left, right, bottom, top = c + 5.5 * a, c + 12.5 * a, f + 20.5 * e, f + 3.5 * e
    flipped = made.grid.crs in ("EPSG:3035", "EPSG:4326")
    box = (bottom, left, top, right) if flipped else (left, bottom, right, top)
    found = one(ask(client, f"{path}/cube", bbox=",".join(map(repr, box)), crs=made.grid.crs))
    np.testing.assert_array_equal(
        values(found).astype("f4"), cells(made)[:, 3:21, 5:13].astype("f4"), strict=True
    )
    np.testing.assert_allclose(axis(found, "x"), c + a * (np.arange(5, 13) + 0.5), atol=1e-6)
    np.testing.assert_allclose(axis(found, "y"), f + e * (np.arange(3, 21) + 0.5), atol=1e-6)


@pytest.mark.parametrize("path", [SEALED, COVER, WARM])
@pytest.mark.parametrize("query", ["cube", "area"])
def test_a_grid_in_another_crs_has_the_cells_that_its_points_lie_in(
    client: TestClient, path: str, query: str
) -> None:
    made = MADE_OF[path]
    lon, lat = middle(made)
    box = shapely.box(lon - 0.013, lat - 0.012, lon + 0.02, lat + 0.017)
    shape = shapely.Polygon([(lon - 0.02, lat - 0.01), (lon + 0.03, lat), (lon, lat + 0.02)])
    asked = {"bbox": ",".join(map(repr, box.bounds))} if query == "cube" else {"coords": shape.wkt}
    found = one(ask(client, f"{path}/{query}", **asked))
    x, y = np.meshgrid(axis(found, "x"), axis(found, "y"))
    want = expected(made, x, y)
    if query == "area":
        want[:, ~shapely.contains_xy(shape.buffer(1e-9), x.ravel(), y.ravel())] = np.nan
    np.testing.assert_array_equal(
        values(found).astype("f4").ravel(), want.reshape(len(made.cells), -1).astype("f4").ravel()
    )
    assert np.isfinite(want).any()


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries")
def test_an_area_has_the_cells_whose_middle_lies_in_it(client: TestClient) -> None:
    made = MADE["cover.2018"]
    area = shapely.Polygon(
        [(353500, 5645000), (356000, 5649000), (358000, 5646000), (353500, 5645000)],
        [[(355700, 5646300), (356300, 5646300), (356000, 5647000)]],
    )
    found = one(ask(client, f"{COVER}/area", coords=area.wkt, crs="EPSG:25832"))
    # geopandas says which middles of all cells lie in it.
    rows, columns = np.indices((made.grid.height, made.grid.width)).reshape(2, -1)
    xs, ys = xy(Affine(*made.grid.transform), rows, columns)
    points = geopandas.GeoDataFrame(
        {"row": rows, "column": columns}, geometry=geopandas.points_from_xy(xs, ys), crs=25832
    )
    inside = geopandas.sjoin(
        points, geopandas.GeoDataFrame(geometry=[area], crs=25832), predicate="intersects"
    )
    want = {
        (float(p.x), float(p.y)): cells(made)[0, r, c]
        for p, r, c in zip(inside.geometry, inside["row"], inside["column"], strict=True)
    }
    x, y = np.meshgrid(axis(found, "x"), axis(found, "y"))
    got = {
        (float(a), float(b)): v
        for a, b, v in zip(x.ravel(), y.ravel(), values(found).ravel(), strict=True)
        if np.isfinite(v)
    }
    assert got == {k: v for k, v in want.items() if np.isfinite(v)}
    assert len(got) > 5000


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries")
def test_a_radius_is_measured_on_the_ground(client: TestClient) -> None:
    made = MADE["cover.2018"]
    lon, lat = middle(made)
    found = one(ask(client, f"{COVER}/radius", coords=f"POINT({lon} {lat})", within="0.8", within_units="km"))
    x, y = np.meshgrid(axis(found, "x"), axis(found, "y"))
    # In an azimuthal equidistant projection about the middle, distances from it are true.
    flat = Transformer.from_crs("OGC:CRS84", f"+proj=aeqd +lon_0={lon} +lat_0={lat} +ellps=WGS84", always_xy=True)  # fmt: skip
    away = np.hypot(*flat.transform(x.ravel(), y.ravel()))
    want = np.where(away <= 800, expected(made, x, y)[0], np.nan)
    np.testing.assert_array_equal(values(found).ravel(), want)
    assert 790 < away[np.isfinite(want)].max() <= 800


def test_resolution_is_obeyed_and_too_much_is_thinned_or_refused(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    box = ["4105000", "3097000", "4110000", "3101000"]
    asked = {"bbox": ",".join([box[1], box[0], box[3], box[2]]), "crs": "EPSG:3035"}
    few = one(ask(client, f"{SEALED}/cube", **asked, resolution_x="6", resolution_y="5"))
    np.testing.assert_allclose(axis(few, "x"), np.linspace(4105000, 4110000, 6))
    np.testing.assert_allclose(axis(few, "y"), np.linspace(3101000, 3097000, 5))
    # The outer border lies in the outer cells.
    x, y = np.meshgrid(
        np.clip(axis(few, "x"), None, 4109999), np.clip(axis(few, "y"), 3097001, None)
    )  # fmt: skip
    np.testing.assert_array_equal(values(few).ravel(), expected(MADE_OF[SEALED], x, y, "EPSG:3035")[0])
    assert values(one(ask(client, f"{SEALED}/cube", **asked))).shape == (1, 400, 500)
    for module in (gridded, request):
        monkeypatch.setattr(module, "MAX_VALUES", 50_000)
    thin = one(ask(client, f"{SEALED}/cube", **asked))
    assert thin["ldt:everyCell"] == 2
    np.testing.assert_array_equal(values(thin)[0], cells(MADE_OF[SEALED])[0, 1::2, 1::2])
    problem = ask(client, f"{SEALED}/cube", 413, **asked, resolution_x="0", resolution_y="0").json()
    assert "50,000" in problem["detail"]
    assert "resolution-x" in problem["remedy"]
    ask(client, f"{SEALED}/cube", 413, **asked, resolution_x="400", resolution_y="300")


def test_what_is_too_much_is_not_read(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gridded, "MAX_VALUES", 17)
    monkeypatch.delattr(edr_cells, "picked")
    two = "MULTIPOINT(6.913 50.957,6.923 50.957)"  # of nine steps each
    ask(client, f"{WARM}/position", 413, coords=two)
    ask(client, f"{WARM}/cube", 413, bbox="6.85,50.9,6.95,51.0", resolution_x="0", resolution_y="0")


# Lines --------------------------------------------------------------------------------------------------------


def test_a_line_has_the_cells_that_it_crosses(client: TestClient) -> None:
    made = MADE["cover.2018"]
    line = shapely.LineString([(353100, 5644700), (355000, 5649000), (359900, 5648800)])
    found = one(ask(client, f"{COVER}/trajectory", coords=line.wkt, crs="EPSG:25832"))
    assert found["domain"]["domainType"] == "MultiPoint"
    places = np.array(found["domain"]["axes"]["composite"]["values"])
    place = Affine(*made.grid.transform)
    rows, columns = (np.array(v) for v in rowcol(place, places[:, 0], places[:, 1]))
    np.testing.assert_array_equal(values(found)[0], cells(made)[0, rows, columns])
    got = set(zip(rows.tolist(), columns.tolist(), strict=True))
    all_rows, all_columns = np.indices((made.grid.height, made.grid.width)).reshape(2, -1)
    west, north = place.c + place.a * all_columns, place.f + place.e * all_rows
    squares = shapely.box(west, north + place.e, west + place.a, north)
    length = shapely.length(shapely.intersection(squares, line))
    touched = np.flatnonzero(shapely.intersects(squares, line))
    crossed = {(int(all_rows[i]), int(all_columns[i])): length[i] for i in touched}
    assert got <= set(crossed)
    # Only of a corner that is cut by less than a quarter of a cell nothing is told.
    assert all(way <= 25 / 4 * np.sqrt(2) for cell, way in crossed.items() if cell not in got)
    # In the order of the way.
    along = [line.project(shapely.Point(p)) for p in places]
    assert along == sorted(along)


@pytest.mark.conformance("http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries")
def test_a_trajectory_looks_at_each_place_when_it_is_there(client: TestClient) -> None:
    made = MADE["warm.2025"]
    begin = int(DAYS[1].timestamp())
    text = f"LINESTRINGM(6.805 50.955 {begin},7.195 50.955 {begin + 3 * 86400})"
    found = one(ask(client, f"{WARM}/trajectory", coords=text))
    assert found["domain"]["domainType"] == "Trajectory"
    rows = found["domain"]["axes"]["composite"]["values"]
    assert len(rows) == 40
    moments = np.array([np.datetime64(r[0].removesuffix("Z"), "s") for r in rows])
    # From the middle of the first column to that of the last in three days: the time is that of the way.
    x = np.array([r[1] for r in rows])
    np.testing.assert_allclose(
        (moments - np.datetime64(begin, "s")).astype(int), (x - 6.805) / 0.39 * 3 * 86400, atol=2
    )
    step = ((moments - np.datetime64("2025-06-01")).astype("timedelta64[s]").astype(int)) // 86400
    columns = np.floor((x - 6.8) / 0.01 + 1e-9).astype(int)
    np.testing.assert_array_equal(values(found).astype("f4"), cells(made)[step, 14, columns].astype("f4"))
    # Before the first step begins there is no value.
    early = f"LINESTRINGM(6.805 50.955 {begin - 2 * 86400},7.195 50.955 {begin})"
    numbers = values(one(ask(client, f"{WARM}/trajectory", coords=early)))
    assert np.isnan(numbers[:20]).all()
    assert np.isfinite(numbers[20:]).all()
    late = f"LINESTRINGM(6.805 50.955 {begin + 10**8},7.195 50.955 {begin + 2 * 10**8})"
    ask(client, f"{WARM}/trajectory", 204, coords=late)


# Forms --------------------------------------------------------------------------------------------------------


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/edr-geojson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/edr-geojson",
)
def test_all_forms_say_the_same(client: TestClient, tmp_path: Any) -> None:
    box = {"bbox": "6.85,50.9,6.95,51.0", "datetime": "2025-06-02T00:00:00Z/2025-06-03T12:00:00Z"}
    grid = one(ask(client, f"{WARM}/cube", **box))
    assert values(grid).shape == (2, 10, 10)
    rows = list(csv.DictReader(io.StringIO(ask(client, f"{WARM}/cube", **box, f="csv").text)))
    column = "air-temperature-maximum (Cel)"
    assert list(rows[0]) == ["location", "x", "y", "time", "time_end", column]
    assert [float(r[column]) for r in rows] == pytest.approx(values(grid).ravel().tolist())
    assert {r["time"] for r in rows} == {"2025-06-02T00:00:00Z", "2025-06-03T00:00:00Z"}
    frame = geopandas.read_file(io.BytesIO(ask(client, f"{WARM}/cube", **box, f="GeoJSON").content))
    assert frame["air-temperature-maximum"].tolist() == pytest.approx(values(grid).ravel().tolist())
    assert frame.geometry.x.tolist() == [float(r["x"]) for r in rows]
    path = tmp_path / "cube.nc"
    path.write_bytes(ask(client, f"{WARM}/cube", **box, f="NetCDF").content)
    with rasterio.open(f"netcdf:{path}:air-temperature-maximum") as file:
        np.testing.assert_array_equal(file.read(), values(grid).astype("f4"))
        assert file.transform.almost_equals(Affine(0.01, 0, 6.85, 0, -0.01, 51.0), precision=1e-6)
        assert file.crs.to_epsg() == 4326
        assert file.tags(1)["NETCDF_DIM_time"] == str((np.datetime64("2025-06-02") - np.datetime64("1970-01-01", "s")).astype(int))  # fmt: skip
        assert file.tags()["air-temperature-maximum#units"] == "degree_Celsius"
        assert file.tags()["NC_GLOBAL#Conventions"] == "CF-1.8"


def test_classes_in_netcdf_have_flags(client: TestClient, tmp_path: Any) -> None:
    box = "354000,5645000,355000,5646000"
    grid = one(ask(client, f"{COVER}/cube", bbox=box, crs="EPSG:25832"))
    path = tmp_path / "cover.nc"
    path.write_bytes(ask(client, f"{COVER}/cube", bbox=box, crs="EPSG:25832", f="netcdf").content)
    with rasterio.open(f"netcdf:{path}:land-cover") as file:
        np.testing.assert_array_equal(file.read(), values(grid))
        assert file.crs.to_epsg() == 25832
        flags = file.tags()["land-cover#flag_values"].strip("{}").split(",")
        meanings = file.tags()["land-cover#flag_meanings"].split()
    assert len(flags) == len(meanings)
    assert meanings[[float(v) for v in flags].index(111)] == "Continuous_urban_fabric"


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/html",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/html",
)
def test_html_is_a_table(client: TestClient) -> None:
    page = ask(client, f"{WARM}/position", coords="POINT(6.913 50.957)", f="html").text
    assert "2025-06-09T00:00:00Z" in page
    assert "air-temperature-maximum (Cel)" in page


# States and rights --------------------------------------------------------------------------------------------


def test_past_states_and_rights_hold(client: TestClient, operator: TestClient) -> None:
    at = {"coords": "POINT(6.913 50.957)"}
    now = values(one(ask(client, f"{WARM}/position", **at)))
    then = values(one(ask(client, f"{WARM}/position", **at, at="3")))
    np.testing.assert_allclose(now - then, 1, atol=1e-5)
    ask(client, f"{WARM}/position", 404, **at, at="2")
    place = "POINT({} {})".format(*middle(MADE["sealing.2018"]))
    for query, asked in (("position", {"coords": place}), ("cube", {"bbox": "6,50,8,52"})):
        ask(client, f"{BASE}/coverage.secret/{query}", 404, **asked)
        ask(operator, f"{BASE}/coverage.secret/{query}", **asked)
    ids = [c["id"] for c in ask(client, BASE).json()["collections"]]
    assert "coverage.warm" in ids
    assert not any("secret" in i for i in ids)
    assert "coverage.secret" in [c["id"] for c in ask(operator, BASE).json()["collections"]]


def test_an_answer_is_kept_until_the_state_changes(client: TestClient) -> None:
    path = f"{WARM}/position?coords=POINT(6.913 50.957)"
    tag = client.get(path).headers["etag"]
    assert client.get(path, headers={"if-none-match": tag}).status_code == 304
    assert client.get(path + "&datetime=2025-06-02", headers={"if-none-match": tag}).status_code == 200


def test_too_many_features_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    box = {"bbox": "6.85,50.9,6.95,51.0", "datetime": "2025-06-02T00:00:00Z", "f": "GeoJSON"}
    monkeypatch.setattr(forms, "MAX_FEATURES", 100)
    assert len(ask(client, f"{WARM}/cube", **box).json()["features"]) == 100
    monkeypatch.setattr(forms, "MAX_FEATURES", 99)
    assert "CoverageJSON" in ask(client, f"{WARM}/cube", 413, **box).json()["remedy"]
