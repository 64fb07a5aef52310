"""Items in bulk are the items: read again by GDAL, pyarrow and geopandas, and held against the GeoJSON of the same request."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import orjson
import pyarrow.parquet as pq
import pyogrio
import pyproj
import pytest
import shapely
from geopandas.testing import assert_geodataframe_equal
from starlette.testclient import TestClient

from ldt.api.app import create_app

HOSTILE = 'a "quoted", text\r\nof two lines; =1+1 \\ ü € 𝄞'
#: A thing of everything: each of the kinds that properties have, absent, empty, and at its ends.
THINGS = {
    "a": (
        shapely.Polygon([(7, 50), (7.01, 50), (7.01, 50.01), (7, 50)]),
        {
            "name": HOSTILE, "height": 12.5, "floors": 3, "listed": True, "built": "1890-05-01",
            "seen": "2013-01-30T12:00:00.25+01:00", "uses": ["shop", "flat"], "address": {"street": "Ä 1"},
        },
    ),
    "b": (shapely.Point(7.5, 50.5), {"name": "", "height": -0.1, "floors": -(2**53), "listed": False, "uses": []}),
    "c": (None, {"name": "nowhere"}),
    "d": (shapely.MultiPoint([(7, 50), (8, 51)]), {}),
    "e": (shapely.Point(7.1, 50.1), {"name": "high", "floors": 2**62}),
}  # fmt: skip
SCHEMA = {
    "name": {"type": "string"},
    "height": {"type": "number", "x-ldt": {"unit": "m"}},
    "floors": {"type": "integer"},
    "listed": {"type": "boolean"},
    "built": {"type": "string", "format": "date"},
    "seen": {"type": "string", "format": "date-time"},
    "uses": {"type": "array", "items": {"type": "string"}},
    "address": {"type": "object"},
}
ITEMS = "/twins/town/collections/things/items"


@pytest.fixture(scope="module")
def things(make_town: Any, shared_database_url: str) -> Iterator[TestClient]:
    with make_town(shared_database_url) as town:
        town.twin()
        town.features(THINGS, name="things", kind="things")
        recipe = orjson.dumps({"feature": {"properties": SCHEMA}}).decode()
        town.conn.execute("UPDATE ldt.dataset SET recipe = %s", (recipe,))
    with TestClient(create_app(shared_database_url), raise_server_exceptions=False) as found:
        yield found


def saved(client: TestClient, address: str, path: Path) -> Path:
    answer = client.get(address)
    assert answer.status_code == 200, answer.text
    assert int(answer.headers["content-length"]) == len(answer.content)
    path.write_bytes(answer.content)
    return path


def geojson(client: TestClient, query: str = "", items: str = ITEMS) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.get(f"{items}?limit=1000{query}").json()["features"]
    return found


def flat(feature: dict[str, Any]) -> dict[str, Any]:
    """Return a GeoJSON feature as a row: lists and objects as JSON."""
    properties: dict[str, Any] = feature["properties"]
    return {**dict.fromkeys(SCHEMA), **properties, "id": feature["id"]}


def typed(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of Arrow as JSON has it."""
    found = {k: v for k, v in row.items() if k not in {"geometry", "bbox", "valid_from", "valid_to"}}
    for name in ("uses", "address"):
        found[name] = orjson.loads(found[name]) if found[name] else None
    found["built"] = found["built"].isoformat() if found["built"] else None
    return found


def test_geoparquet_is_the_items(things: TestClient, tmp_path: Path) -> None:
    path = saved(things, f"{ITEMS}?f=parquet&limit=100", tmp_path / "things.parquet")
    table = pq.read_table(path)
    kinds = {f.name: str(f.type) for f in table.schema}
    assert kinds == {
        "id": "string", "name": "string", "height": "double", "floors": "int64", "listed": "bool", "built": "date32[day]",
        "seen": "timestamp[us, tz=UTC]", "uses": "string", "valid_from": "timestamp[us, tz=UTC]",
        "valid_to": "timestamp[us, tz=UTC]", "address": "string", "geometry": "binary",
        "bbox": "struct<xmin: double, ymin: double, xmax: double, ymax: double>",
    }  # fmt: skip
    expected = [flat(f) for f in geojson(things)]
    assert len(expected) == 5
    rows = [typed(r) for r in table.to_pylist()]
    for row, one in zip(rows, expected, strict=True):
        seen, written = row.pop("seen"), one.pop("seen")
        assert (seen is None) == (written is None)
        assert row == one
    # 12:00:00.25 at +01:00, in UTC
    assert table.to_pylist()[0]["seen"].isoformat() == "2013-01-30T11:00:00.250000+00:00"
    about = orjson.loads(table.schema.metadata[b"geo"])
    column = about["columns"]["geometry"]
    assert about["version"] == "1.1.0"
    assert column["geometry_types"] == ["MultiPoint", "Point", "Polygon"]
    assert column["bbox"] == [7.0, 50.0, 8.0, 51.0]
    assert column["crs"]["id"] == {"authority": "OGC", "code": "CRS84"}
    assert table.column("bbox").to_pylist()[2] is None
    assert table.column("bbox").to_pylist()[1] == {"xmin": 7.5, "ymin": 50.5, "xmax": 7.5, "ymax": 50.5}
    frame = geopandas.read_parquet(path, bbox=(7.4, 50.4, 7.6, 50.6))
    assert frame["id"].tolist() == ["things.b", "things.d"]  # the box of d holds it
    assert shapely.get_coordinates(frame.geometry.iloc[0]).tolist() == [[7.5, 50.5]]


def test_flatgeobuf_is_the_items(things: TestClient, tmp_path: Path) -> None:
    path = saved(things, f"{ITEMS}?f=flatgeobuf&limit=100", tmp_path / "things.fgb")
    assert pyogrio.list_layers(path)[0][0] == "things"
    _, table = pyogrio.read_arrow(path, read_geometry=False)
    expected = [flat(f) for f in geojson(things)]
    for row, one in zip(table.to_pylist(), expected, strict=True):
        for name in ("id", "name", "height", "floors", "listed"):
            assert row[name] == one[name]
        assert orjson.loads(row["uses"] or "null") == one["uses"]
    frame = pyogrio.read_dataframe(path)
    assert [None if g is None else g.geom_type for g in frame.geometry] == [
        "Polygon", "Point", None, "MultiPoint", "Point",
    ]  # fmt: skip
    assert frame["built"].dt.strftime("%Y-%m-%d").tolist()[0] == "1890-05-01"


def test_csv_is_the_items(things: TestClient, tmp_path: Path) -> None:
    answer = things.get(f"{ITEMS}?f=csv&limit=100")
    assert answer.headers["content-type"].partition(";")[0] == "text/csv"
    assert answer.headers["content-disposition"] == 'attachment; filename="things.csv"'
    text = answer.content.decode()
    assert text.count("\r\n") == 6 + 1  # lines, and one in a value
    rows = list(csv.DictReader(io.StringIO(text, newline="")))
    expected = [flat(f) for f in geojson(things)]
    for row, one in zip(rows, expected, strict=True):
        assert row["id"] == one["id"]
        assert row["name"] == (one["name"] or "")
        assert row["listed"] == {True: "true", False: "false", None: ""}[one["listed"]]
        for name in ("height", "floors"):
            assert (float(row[name]) if row[name] else None) == one[name]
        for name in ("uses", "address"):
            assert orjson.loads(row[name] or "null") == one[name]
    assert rows[0]["seen"] == "2013-01-30T11:00:00.25Z"
    assert rows[0]["built"] == "1890-05-01"
    assert rows[4]["floors"] == str(2**62)
    path = tmp_path / "things.csv"
    path.write_bytes(answer.content)
    frame = pyogrio.read_dataframe(path)  # GDAL finds the column of geometries by itself
    assert shapely.equals(frame.geometry.iloc[0], THINGS["a"][0])
    assert frame.geometry.iloc[2] is None


@pytest.mark.parametrize("form", ["parquet", "flatgeobuf", "csv"])
@pytest.mark.parametrize("code", [25832, 3035, 4258])
def test_other_crs(things: TestClient, tmp_path: Path, form: str, code: int) -> None:
    uri = f"http://www.opengis.net/def/crs/EPSG/0/{code}"
    answer = things.get(f"{ITEMS}?f={form}&limit=100&crs={uri}")
    assert answer.headers["content-crs"] == f"<{uri}>"
    path = tmp_path / f"things.{form}"
    path.write_bytes(answer.content)
    reading = geopandas.read_parquet if form == "parquet" else pyogrio.read_dataframe
    frame = reading(path)
    to = pyproj.Transformer.from_crs(4326, code, always_xy=True)
    x, y = to.transform(7.5, 50.5)
    found = frame.geometry.iloc[1]
    if form == "csv":
        # WKT as the authority orders axes: ETRS89 is latitude first, LAEA northing first, UTM easting first.
        x, y = (x, y) if code == 25832 else (y, x)
        assert (found.x, found.y) == pytest.approx((x, y), abs=1e-3)
    else:
        assert (found.x, found.y) == pytest.approx((x, y), abs=1e-6)
        assert pyproj.CRS(frame.crs).to_epsg() == code


@pytest.mark.parametrize("form", ["parquet", "flatgeobuf", "csv"])
@pytest.mark.parametrize(
    "query",
    [
        "&bbox=7,50,7.2,50.2",
        "&filter=height>0",
        "&sortby=-height",
        "&properties=height",
        "&name=high",
        "&name=nobody",
    ],
)
def test_what_is_asked_for_is_the_same(things: TestClient, tmp_path: Path, form: str, query: str) -> None:
    path = saved(things, f"{ITEMS}?f={form}&limit=100{query}", tmp_path / f"things.{form}")
    reading = geopandas.read_parquet if form == "parquet" else pyogrio.read_dataframe
    frame = reading(path)
    expected = geojson(things, query)
    assert frame["id"].tolist() == [f["id"] for f in expected]
    assert ("name" in frame) == ("properties" not in query)


def link_next(answer: Any) -> str | None:
    found: str | None = answer.links.get("next", {}).get("url")
    return found


@pytest.mark.parametrize("order", ["", "&sortby=height", "&sortby=-name,floors"])
def test_pages_go_on_where_they_ended(things: TestClient, order: str) -> None:
    expected = [f["id"] for f in geojson(things, order)]
    seen: list[str] = []
    address: str | None = f"{ITEMS}?f=csv&limit=2{order}"
    while address:
        answer = things.get(address)
        rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
        assert 0 < len(rows) <= 2
        seen += [r["id"] for r in rows]
        address = link_next(answer)
    assert seen == expected


def test_parts_go_on_in_each_other(things: TestClient, make_town: Any, shared_database_url: str) -> None:
    with make_town(shared_database_url) as town:
        town.features({"m": (None, {"name": "more"})}, name="more-things", kind="others")
        town.features({"n": (None, {"name": "still"})}, name="still-more", kind="others")
    items = "/twins/town/collections/others/items"
    first = things.get(f"{items}?f=csv&limit=1")
    second = things.get(link_next(first) or "")
    ids = [next(iter(csv.DictReader(io.StringIO(a.text))))["id"] for a in (first, second)]
    assert ids == ["more-things.m", "still-more.n"]
    assert link_next(second) is None


def test_the_limit_of_bulk_is_its_own(things: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.settings import settings

    monkeypatch.setattr(settings(), "max_limit", 1)
    monkeypatch.setattr(settings(), "max_bulk_limit", 3)
    assert len(geojson(things)) == 1
    answer = things.get(f"{ITEMS}?f=csv&limit=1000000000")
    assert len(list(csv.DictReader(io.StringIO(answer.text, newline="")))) == 3
    assert link_next(answer)


@pytest.mark.parametrize("form", ["parquet", "flatgeobuf", "csv"])
def test_conditional_requests_and_head(things: TestClient, form: str) -> None:
    whole = things.get(f"{ITEMS}?f={form}")
    again = things.get(f"{ITEMS}?f={form}", headers={"If-None-Match": whole.headers["etag"]})
    assert again.status_code == 304
    head = things.head(f"{ITEMS}?f={form}")
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_no_more_at_once_than_stated(things: TestClient) -> None:
    from ldt.api.formats import bulk

    taken = 0
    try:
        while bulk._places.acquire(blocking=False):
            taken += 1
        answer = things.get(f"{ITEMS}?f=csv")
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert things.get(ITEMS).status_code == 200
    finally:
        for _ in range(taken):
            bulk._places.release()
    assert taken == 4  # as docs/limits.md says; each answer before gave its place back
    assert things.get(f"{ITEMS}?f=csv").status_code == 200


def test_errors_are_problems_not_files(things: TestClient) -> None:
    for query, status in (("filter=nosuch=1", 400), ("token=x", 400), ("crs=EPSG:1", 400), ("limit=0", 400)):
        answer = things.get(f"{ITEMS}?f=parquet&{query}")
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
    assert things.get("/twins/town/collections/nowhere/items?f=csv").status_code == 404


@pytest.mark.parametrize("form", ["parquet", "flatgeobuf", "csv"])
def test_what_takes_too_long_is_told(things: TestClient, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.store import columns

    def slow(conn: Any, *args: Any, **more: Any) -> Iterator[bytes]:
        from ldt.store.connect import fetch_all

        fetch_all(conn, "SET LOCAL statement_timeout = 50")
        fetch_all(conn, "SELECT pg_sleep(5)")
        yield b""

    monkeypatch.setattr(columns, "lines", slow)
    answer = things.get(f"{ITEMS}?f={form}")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"


def test_nobody_sees_more_in_bulk(client: TestClient, operator: TestClient) -> None:
    items = "/twins/town/collections/generic-features/items?f=csv"
    assert client.get(items).status_code == 404
    assert "hidden" in operator.get(items).text


def test_geojson_and_geoparquet_are_the_same_frame(client: TestClient, tmp_path: Path) -> None:
    items = "/twins/town/collections/administrative-units/items"
    path = saved(client, f"{items}?f=parquet&limit=100", tmp_path / "units.parquet")
    by_parquet = geopandas.read_parquet(path)
    document = tmp_path / "units.geojson"
    document.write_bytes(client.get(f"{items}?limit=100").content)
    by_geojson = geopandas.read_file(document, engine="pyogrio", use_arrow=True)
    shared = [c for c in by_geojson.columns if c in by_parquet.columns]
    assert {"id", "scheme", "code", "name", "country", "geometry"} <= set(shared)
    assert_geodataframe_equal(
        by_parquet[shared].to_crs(4326),
        by_geojson[shared].to_crs(4326),
        check_dtype=False,
        check_less_precise=True,
    )
