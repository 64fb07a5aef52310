"""Exports: what other programs read back is what the service answers in the same state, value by value."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pyogrio
import pytest
import rasterio
import shapely
from starlette.testclient import TestClient
from tests.store.loading import load_features
from tests.store.whole import fill

from ldt.api.app import create_app
from ldt.errors import Conflict, Gone, NotFound
from ldt.model.snapshot import OPERATOR
from ldt.pipeline.export import Asked, export
from ldt.settings import settings
from ldt.store import prune
from ldt.store.connect import connect
from ldt.store.views import feature_schema

#: Objects of every kind: properties that collide without case, nested ones, ones that are now text and now number.
MIXED: dict[str, Any] = {
    "a": {"name": "A", "Name": "other", "n": 1, "flag": True, "deep": {"x": [1, None]}, "either": "text"},
    "b": {"name": "Ö\u2028<b>", "n": 2.5, "flag": False, "either": 7, "id": "its own", "fid": 12},
    "c": {"name": None},
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    found = tmp_path_factory.mktemp("export")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(found / "data"))
        settings.cache_clear()
        yield found
    settings.cache_clear()


@pytest.fixture(scope="module")
def town(shared_database_url: str, folder: Path) -> str:
    """The address of a database with a twin that has something of everything; revision 14, restricted data among it."""
    fill(shared_database_url, folder)
    shapes = {
        "points": shapely.Point(7.123456789, 50.5),
        "lines": shapely.LineString([(7, 50), (7.1, 50.1)]),
        "surfaces": shapely.MultiPolygon([shapely.box(7, 50, 7.1, 50.1), shapely.box(8, 50, 8.1, 50.1)]),
    }
    with connect(shared_database_url) as conn:
        for name, shape in shapes.items():
            load_features(conn, MIXED, name=name, feature_type="protected-sites", geometry=shape)
        loaded = load_features(conn, MIXED, name="placeless", feature_type="land-cover-units")
        conn.execute(f"UPDATE ldt.feature_{loaded.dataset_id} SET geom = NULL")
    return shared_database_url


@pytest.fixture(scope="module")
def service(town: str) -> Iterator[TestClient]:
    with TestClient(create_app(town)) as found:
        yield found


@pytest.fixture(scope="module")
def package(town: str, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The newest state as a GeoPackage with what goes with it, and its description."""
    return folder / "gpkg", export(town, "town", folder / "gpkg", Asked())


@pytest.fixture(scope="module")
def parquet(town: str, folder: Path) -> Path:
    export(town, "town", folder / "parquet", Asked(form="parquet"))
    return folder / "parquet"


#: Keys that stand for something else in a table already, and what they are called there.
RENAMED = {"id": "id_2", "fid": "fid_2"}


def items(service: TestClient, collection: str, **query: Any) -> dict[str, dict[str, Any]]:
    """The features that the service answers, by id."""
    answer = service.get(f"/twins/town/collections/{collection}/items", params={"limit": 10_000, **query})
    assert answer.status_code == 200, answer.text
    document = answer.json()
    assert document["numberReturned"] == document["numberMatched"]
    return {f["id"]: f for f in document["features"]}


def plain(value: Any) -> Any:
    """A cell as JSON has it: nothing for what is missing, JSON texts read."""
    if value is None or value is pd.NA or (isinstance(value, float) and np.isnan(value)):
        return None
    if isinstance(value, str) and value[:1] in "{[":
        return json.loads(value)
    return value.item() if isinstance(value, np.generic) else value


def same_shape(geometry: Any, feature: dict[str, Any]) -> bool:
    if feature["geometry"] is None or geometry is None:
        return geometry is feature["geometry"] is None
    served = shapely.from_geojson(json.dumps(feature["geometry"]))
    # the service rounds to seven decimals
    return bool(shapely.equals_exact(shapely.normalize(geometry), shapely.normalize(served), 1e-7))


def _like(served: Any, geometry: Any) -> Any:
    if geometry.geom_type.startswith("Multi") and not served.geom_type.startswith("Multi"):
        return shapely.from_wkt(f"MULTI{served.geom_type.upper()} EMPTY").union(served) and _multi(served)
    return served


def _multi(shape: Any) -> Any:
    kinds = {
        "Point": shapely.MultiPoint,
        "LineString": shapely.MultiLineString,
        "Polygon": shapely.MultiPolygon,
    }
    return kinds[shape.geom_type]([shape])


def check(rows: Any, features: dict[str, dict[str, Any]], renamed: dict[str, str]) -> None:
    """Hold each row of a table against the feature of its id."""
    assert sorted(rows["id"]) == sorted(features)
    for row in rows.to_dict("records"):
        feature = features[row["id"]]
        assert row["dataset"] == row["id"].partition(".")[0]
        for key, value in feature["properties"].items():
            found = plain(row[renamed[key] if renamed.get(key) in row else key])
            assert found == (
                str(value) if isinstance(found, str) and not isinstance(value, str) else value
            ), key
        if "geometry" in row:
            assert same_shape(row["geometry"], feature), row["id"]


def test_each_collection_is_a_layer_and_equals_the_service(
    package: tuple[Path, dict[str, Any]], service: TestClient
) -> None:
    path = package[0] / "town.gpkg"
    layers = dict(pyogrio.list_layers(path))
    assert {n: k for n, k in layers.items() if not n.startswith("indicator") and n != "layer_styles"} == {
        "administrative_units": "Polygon",
        "environmental_monitoring_facilities": "Point",
        "generic_features": "Polygon",
        "land_cover_units": None,
        "protected_sites_points": "Point",
        "protected_sites_lines": "LineString",
        "protected_sites_polygons": "MultiPolygon",
    }
    for collection in ("administrative-units", "environmental-monitoring-facilities", "generic-features"):
        rows = gpd.read_file(path, layer=collection.replace("-", "_"))
        assert rows.crs == "EPSG:4326"
        check(rows, items(service, collection), {})
    sites = items(service, "protected-sites")
    known = json.loads(
        (Path(__file__).parents[2] / "schemas/features/protected-sites.schema.json").read_text()
    )
    assert "name" in known["properties"]
    for suffix, dataset in (("points", "points"), ("lines", "lines"), ("polygons", "surfaces")):
        rows = gpd.read_file(path, layer=f"protected_sites_{suffix}")
        mine = {i: f for i, f in sites.items() if i.startswith(f"{dataset}.")}
        check(rows, mine, {**RENAMED, "Name": "Name_2"})
    rows = pyogrio.read_dataframe(path, layer="land_cover_units")
    assert "geometry" not in rows
    assert len(rows) == 3


def test_a_geopackage_has_typed_columns_and_an_index(package: tuple[Path, dict[str, Any]]) -> None:
    path = package[0] / "town.gpkg"
    info = pyogrio.read_info(path, layer="generic_features")
    kinds = dict(zip(info["fields"], info["ogr_types"], strict=True))
    assert (kinds["name"], kinds["n"], kinds["deep"], kinds["valid_from"]) == (
        *("OFTString", "OFTReal", "OFTString", "OFTDateTime"),
    )
    with sqlite3.connect(path) as file:
        assert ("rtree_generic_features_geom",) in file.execute("SELECT name FROM sqlite_master").fetchall()
        assert file.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    file.close()


def test_styles_are_where_qgis_looks_for_them(package: tuple[Path, dict[str, Any]]) -> None:
    file = sqlite3.connect(package[0] / "town.gpkg")
    rows = file.execute(
        "SELECT f_table_name, f_geometry_column, styleName, styleQML, useAsDefault FROM layer_styles"
    ).fetchall()
    known = file.execute("SELECT data_type FROM gpkg_contents WHERE table_name = 'layer_styles'").fetchall()
    file.close()
    assert known == [("attributes",)]
    for table, column, _, qml, _ in rows:
        assert column == "geom", table
        assert ElementTree.fromstring(qml).tag == "qgis"  # noqa: S314 - what we wrote ourselves
    defaults = [table for table, _, _, _, default in rows if default]
    assert len(defaults) == len(set(defaults))
    assert set(defaults) == {
        *(
            "administrative_units",
            "environmental_monitoring_facilities",
            "generic_features",
            "indicators_station",
        ),
        *("indicators_city", "protected_sites_points", "protected_sites_lines", "protected_sites_polygons"),
    }


def test_geoparquet_equals_the_service(parquet: Path, service: TestClient) -> None:
    listed = [c["id"] for c in service.get("/twins/town/collections").json()["collections"]]
    # Collections of features; the prefixes are those of other kinds.
    others = ("coverage.", "series.", "indicator-values", "datasets")
    collections = [c for c in listed if not c.startswith(others)]
    assert sorted(p.stem for p in (parquet / "features").iterdir()) == sorted(collections)
    for collection in collections:
        rows = gpd.read_parquet(parquet / "features" / f"{collection}.parquet")
        assert rows.crs == "OGC:CRS84"
        known = "name" in feature_schema(collection)["properties"]  # these come first
        check(
            rows, items(service, collection), RENAMED | ({"Name": "Name_2"} if known else {"name": "name_2"})
        )
    about = json.loads(pq.read_schema(parquet / "features" / "protected-sites.parquet").metadata[b"geo"])
    geometry = about["columns"]["geometry"]
    assert (about["version"], geometry["encoding"]) == ("1.1.0", "WKB")
    assert geometry["geometry_types"] == ["LineString", "MultiPolygon", "Point"]
    assert geometry["bbox"] == [7, 50, 8.1, 50.5]


def test_values_of_indicators_equal_the_service(
    package: tuple[Path, dict[str, Any]], parquet: Path, service: TestClient
) -> None:
    served = {
        (v["indicator"], v["id"]): v
        for v in service.get("/twins/town/indicators/no2-annual-mean/values?limit=1000").json()["values"]
    }
    assert {v["status"] for v in served.values()} >= {"valid"}
    flat = pyogrio.read_dataframe(package[0] / "town.gpkg", layer="indicator_values")
    placed = gpd.read_parquet(parquet / "indicators.parquet")
    for table in (flat, placed):
        assert len(table) == len(served) > 2
        for row in table.to_dict("records"):
            value = served[row["indicator"], row["id"]]
            assert row["snapshot"] == service.get("/twins/town/").json()["snapshot"]
            for key in (
                "scheme",
                "code",
                "name",
                "period",
                "value",
                "unit",
                "status",
                "n_valid",
                "coverage",
                "verdicts",
            ):
                assert plain(row[key]) == value[key], (row["id"], key)
    units = gpd.read_file(package[0] / "town.gpkg", layer="indicators_city")
    (city,) = [v for v in served.values() if v["scheme"] == "city"]
    assert list(units["id"]) == [f"{city['code']}.2013"]
    assert units["no2_annual_mean"][0] == city["value"]
    assert units.geometry[0].geom_type == "MultiPolygon"
    assert units.geometry[0].bounds == pytest.approx((7, 50, 7.02, 50.02))


def test_observations_equal_the_service(package: tuple[Path, dict[str, Any]], service: TestClient) -> None:
    table = pq.read_table(package[0] / "observations" / "air.parquet").to_pandas()
    assert len(table) == 2 * 8760
    for stream in service.get("/twins/town/datastreams").json()["datastreams"]:
        path = f"/twins/town/datastreams/{stream['datastream']}/observations"
        served = service.get(path, params={"limit": 10_000}).json()["observations"]
        mine = table[table["datastream"] == stream["code"]]
        assert list(mine["value"]) == [o["value"] for o in served]
        assert list(mine["time"]) == [pd.Timestamp(o["time"]) for o in served]
        assert list(mine["time_end"]) == [pd.Timestamp(o["time_end"]) for o in served]
        assert set(mine["unit"]) == {stream["unit"]}
        assert set(mine["observed_property"]) == {stream["observed_property"]}
    assert 99.5 in set(table["value"])


def test_coverages_are_copied_whole(package: tuple[Path, dict[str, Any]], town: str) -> None:
    path = package[0] / "coverages" / "cover.2018.tif"
    with connect(town) as conn:
        row = conn.execute("SELECT digest FROM ldt.coverage WHERE until IS NULL").fetchone()
    assert row is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == row[0]
    with rasterio.open(path) as opened:
        assert (opened.width, opened.height, opened.crs) == (300, 700, "EPSG:3042")


def test_the_description_tells_licences_state_and_digests(package: tuple[Path, dict[str, Any]]) -> None:
    folder, told = package
    written = json.loads((folder / "datapackage.json").read_text())
    assert written["snapshot"] == told["snapshot"] == "town@14"
    assert written["licenses"] == [{"name": "CC0-1.0"}]
    assert {s["name"] for s in written["sources"]} >= {
        "things",
        "areas",
        "stations",
        "air",
        "cover",
        "points",
    }
    files = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert {r["path"] for r in written["resources"]} | {"datapackage.json"} == files
    for resource in written["resources"]:
        content = (folder / resource["path"]).read_bytes()
        assert resource["bytes"] == len(content)
        assert resource["hash"] == f"sha256:{hashlib.sha256(content).hexdigest()}"
        assert resource["licenses"] == [{"name": "CC0-1.0"}]
    names = [r["name"] for r in written["resources"]]
    assert len(names) == len(set(names))
    rows = {r.get("layer"): r.get("rows") for r in written["resources"]}
    assert (rows["generic_features"], rows["protected_sites_points"], rows["land_cover_units"]) == (3, 3, 3)
    values = next(r for r in written["resources"] if r.get("layer") == "indicator_values")
    assert values["units"] == {"no2-annual-mean": "ug/m3"}


def test_a_past_state_is_exported_as_it_was(town: str, folder: Path, service: TestClient) -> None:
    told = export(town, "town", folder / "past", Asked(what=("features",)), at="1")
    assert told["snapshot"] == "town@1"
    rows = gpd.read_file(folder / "past" / "town.gpkg", layer="generic_features")
    check(rows, items(service, "generic-features", at="1"), {})
    assert set(rows["name"]) != {
        f["properties"].get("name") for f in items(service, "generic-features").values()
    }


def test_what_may_not_be_seen_is_not_in_it_unless_said(
    package: tuple[Path, dict[str, Any]], town: str, folder: Path
) -> None:
    assert b"hidden" not in (package[0] / "town.gpkg").read_bytes()
    assert "secret" not in (package[0] / "datapackage.json").read_text()
    with pytest.raises(NotFound, match="no data set secret"):
        export(town, "town", folder / "secret", Asked(datasets=("secret",)))
    told = export(
        town, "town", folder / "all", Asked(what=("features",), datasets=("secret",)), access=OPERATOR
    )
    assert [r["datasets"] for r in told["resources"]] == [["secret"]]
    assert told["sources"][0]["access"] == "restricted"


def test_only_what_is_asked_for(town: str, folder: Path) -> None:
    asked = Asked(what=("features", "coverages"), collections=("protected-sites",), datasets=("lines",))
    told = export(town, "town", folder / "some", asked)
    assert [(r["layer"], r["rows"]) for r in told["resources"]] == [("protected_sites", 3)]
    for wrong, said in (
        (Asked(collections=("none",)), "no collection none"),
        (Asked(indicators=("none",)), "no indicator none"),
        (Asked(datasets=("none", "lines")), "no data set none"),
    ):
        with pytest.raises(NotFound, match=said):
            export(town, "town", folder / "wrong", wrong)
        assert not (folder / "wrong").exists()
    with pytest.raises(Conflict):
        export(town, "town", folder / "some", asked)


def test_an_export_that_fails_leaves_nothing(
    town: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = sorted(folder.iterdir())

    def breaks(*args: Any, **kwargs: Any) -> Iterator[Any]:
        raise Gone("in the middle of a layer")
        yield

    monkeypatch.setattr("ldt.store.bulk.features", breaks)
    for form in ("gpkg", "parquet"):
        with pytest.raises(Gone, match="in the middle"):
            export(town, "town", folder / "broken", Asked(form=form))
    assert sorted(folder.iterdir()) == before


def test_a_pruned_state_is_gone(database_url: str, folder: Path) -> None:
    fill(database_url, folder)
    with connect(database_url) as conn:
        prune.prune_dataset(conn, "town", "things", keep=1)
    with pytest.raises(Gone, match="things"):
        export(database_url, "town", folder / "gone", Asked(), at="1")
