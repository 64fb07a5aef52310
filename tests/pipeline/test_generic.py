"""What no type claims: any layer or table becomes a collection of its own name, its attributes unchanged and typed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import orjson
import pandas as pd
import pyogrio
import pytest
import shapely
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.errors import SourceError
from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.generic import collection_id, safe_name
from ldt.pipeline.ingest import Ingested, ingest, make_twin
from ldt.settings import settings

CQL2 = "cql2/ne110m4cql2.gpkg"


@pytest.fixture(scope="module")
def url(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LDT_DATA_DIR", str(tmp_path_factory.mktemp("data")))
        settings.cache_clear()
        make_twin(shared_database_url, "scratch")
        yield shared_database_url
    settings.cache_clear()


@pytest.fixture(scope="module")
def api(url: str) -> Iterator[TestClient]:
    with TestClient(create_app(url)) as client:
        yield client


def run(url: str, recipe: str, file: Path, /, name: str | None = None, **options: Any) -> Ingested:
    return ingest(url, "scratch", load_recipe(recipe).with_options(options), [file], name=name)


def items(api: TestClient, collection: str) -> list[dict[str, Any]]:
    found = api.get(f"/twins/scratch/collections/{collection}/items", params={"limit": 1000})
    assert found.status_code == 200, found.text
    features: list[dict[str, Any]] = found.json()["features"]
    return features


@pytest.mark.parametrize("layer", ["ne_110m_admin_0_countries", "ne_110m_populated_places_simple", "ne_110m_rivers_lake_centerlines"])  # fmt: skip
def test_each_layer_of_a_geopackage_is_a_collection_of_its_name(
    url: str, api: TestClient, real_data: Path, layer: str
) -> None:
    """Against what GDAL reads of the same layer: names, values and kinds of all attributes."""
    path = real_data / CQL2
    done = run(url, "generic/features", path, layer=layer)
    theirs = geopandas.read_file(path, layer=layer, engine="pyogrio", datetime_as_string=True)
    assert done.dataset == layer.replace("_", "-")
    assert (done.tally.read, done.tally.accepted) == (len(theirs), len(theirs))
    ours = {int(f["id"].rpartition(".")[2]): f for f in items(api, layer)}
    assert len(ours) == len(theirs)
    attributes = [c for c in theirs.columns if c != "geometry"]
    for row, record in enumerate(theirs.itertuples(index=False), 1):
        given = {n: getattr(record, n) for n in attributes}
        wanted = {n: v for n, v in given.items() if v is not None and v == v}
        assert ours[row]["properties"] == wanted
        place = shapely.geometry.shape(ours[row]["geometry"])
        assert shapely.symmetric_difference(place, record.geometry).area < 1e-3
        assert place.bounds == pytest.approx(record.geometry.bounds, abs=1e-6)


def test_the_schema_tells_the_types(url: str, api: TestClient, real_data: Path) -> None:
    run(url, "generic/features", real_data / CQL2, layer="ne_110m_populated_places_simple")
    path = "/twins/scratch/collections/ne_110m_populated_places_simple/schema"
    told = api.get(path).json()["properties"]
    info = pyogrio.read_info(real_data / CQL2, layer="ne_110m_populated_places_simple")
    numpy = dict(zip(info["fields"], info["dtypes"], strict=True))
    # Every item has a geometry and a time beside what its data set states.
    assert sorted(n for n, about in told.items() if "x-ogc-role" not in about) == sorted(info["fields"])
    roles = {about["x-ogc-role"] for about in told.values() if "x-ogc-role" in about}
    assert roles == {"primary-geometry", "primary-interval-start", "primary-interval-end"}
    for name, kind in numpy.items():
        expected = {"i": "integer", "f": "number", "b": "boolean"}.get(kind[0], "string")
        assert told[name].get("type") == expected, name
    assert (told["date"]["type"], told["date"]["format"]) == ("string", "date")
    one = items(api, "ne_110m_populated_places_simple")[0]["properties"]["name"]
    found = api.get("/twins/scratch/collections/ne_110m_populated_places_simple/items", params={"name": one})
    assert found.json()["numberMatched"] == 1


def test_a_table_is_typed_by_all_its_values(url: str, api: TestClient, tmp_path: Path) -> None:
    """Written by hand: what each column becomes is decided by what stands in it, over all rows."""
    path = tmp_path / "Zählstellen (2013).csv"
    text = (
        "Nr;Schlüssel;Höhe;belegt;seit;gemessen;Zahl oder nicht;lon;lat;where\n"
        "1;05315;12,5;true;2013-01-31;2013-01-31T10:00:00Z;1;6,95;50,94;2\n"
        "2;00417;-0,25;FALSE;2014-02-28;2014-02-28T10:00:00+01:00;zwei;7,01;50,99;3\n"
        "3;05316;;true;;;3;6,90;50,90;4\n"
    )
    path.write_text(text, encoding="latin-1")
    done = run(url, "generic/table", path)
    assert done.dataset == "zahlstellen-2013"
    features = items(api, "zahlstellen-2013")
    assert features[0]["geometry"] == {"type": "Point", "coordinates": [6.95, 50.94]}
    assert features[0]["properties"] == {
        "Nr": 1, "Schlüssel": "05315", "Höhe": 12.5, "belegt": True, "seit": "2013-01-31",
        "gemessen": "2013-01-31T10:00:00Z", "Zahl oder nicht": "1", "lon": 6.95, "lat": 50.94, "where": "2",
    }  # fmt: skip
    assert features[1]["properties"]["Höhe"] == -0.25
    assert features[2]["properties"] == {
        "Nr": 3, "Schlüssel": "05316", "belegt": True, "Zahl oder nicht": "3", "lon": 6.9, "lat": 50.9, "where": "4",
    }  # fmt: skip
    told = api.get("/twins/scratch/collections/zahlstellen-2013/schema").json()["properties"]
    assert [told[n]["type"] for n in ("Nr", "Schlüssel", "Höhe", "belegt", "seit")] == ["integer", "string", "number", "boolean", "string"]  # fmt: skip


def test_records_and_words_for_nothing(url: str, api: TestClient, tmp_path: Path) -> None:
    (tmp_path / "values.json").write_bytes(
        orjson.dumps({"result": [{"a": 1, "b": "007", "c": {"d": [1]}}, {"a": 2.5, "b": "x"}]})
    )
    run(url, "generic/records", tmp_path / "values.json", path="result")
    assert [f["properties"] for f in items(api, "values")] == [
        {"a": 1.0, "b": "007", "c": '{"d":[1]}'},
        {"a": 2.5, "b": "x"},
    ]
    (tmp_path / "gaps.csv").write_text("a,b\n1,NA\nNaN,2.5\n3,-\n")
    run(url, "generic/table", tmp_path / "gaps.csv")
    assert [f["properties"] for f in items(api, "gaps")] == [{"a": 1}, {"b": 2.5}, {"a": 3}]


def test_longitude_and_latitude_make_points_in_every_format(
    url: str, api: TestClient, tmp_path: Path
) -> None:
    """Times without a zone are no reason to refuse a file; digits that no double holds stay what they are."""
    hours = pd.to_datetime(["2024-01-01 01:00", "2024-01-01 02:00"])
    code = ["99999999999999999999", "5"]
    table = pd.DataFrame({"lon": [21.0, 21.1], "latitude": [52.2, 52.3], "at": hours, "code": code})
    table.to_parquet(tmp_path / "placed-rows.parquet")
    records = orjson.loads(table.to_json(orient="records", date_format="iso"))
    (tmp_path / "placed-records.json").write_bytes(orjson.dumps({"total": 2, "results": records}))
    table.to_csv(tmp_path / "placed-table.csv", index=False)
    for recipe, name in (
        ("parquet", "placed-rows.parquet"),
        ("records", "placed-records.json"),
        ("table", "placed-table.csv"),
    ):
        done = run(url, f"generic/{recipe}", tmp_path / name)
        assert done.summary()["accepted"] == 2, name
        found = items(api, Path(name).stem)
        assert [f["geometry"]["coordinates"] for f in found] == [[21.0, 52.2], [21.1, 52.3]], name
        assert [f["properties"]["code"] for f in found] == code, name


def test_points_between_thousands(url: str, api: TestClient, tmp_path: Path) -> None:
    """Cologne, Bonn: 1.084.831 and 335.975 people. What a point means, the commas of the other columns tell."""
    for name, text, expected in (
        ("german", "p;a\n1.084.831;405,01\n335.975;141,06\n", [(1084831, 405.01), (335975, 141.06)]),
        ("small", "p;a\n84.831;1.405,5\n935;0,5\n", [(84831, 1405.5), (935, 0.5)]),
        ("english", "p;a\n84.831;405.5\n335.975;0.25\n", [(84.831, 405.5), (335.975, 0.25)]),
        ("codes", "p;a\n315.000.001;1\n315.000.002;2\n", [("315.000.001", 1), ("315.000.002", 2)]),
        ("mixed", "p;a\n84.8;1,5\n335.975;2,5\n", [(84.8, 1.5), (335.975, 2.5)]),
    ):
        (tmp_path / f"{name}-points.csv").write_text(text)
        run(url, "generic/table", tmp_path / f"{name}-points.csv")
        found = [f["properties"] for f in items(api, f"{name}-points")]
        assert [(p["p"], p["a"]) for p in found] == expected, name


def test_a_name_may_be_given_and_a_type_is_never_taken(url: str, api: TestClient, tmp_path: Path) -> None:
    path = tmp_path / "buildings.geojson"
    geopandas.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(7, 51)], crs=4326).to_file(path)
    assert run(url, "generic/features", path).dataset == "buildings"
    assert items(api, "generic-buildings")[0]["properties"] == {"a": 1}
    assert api.get("/twins/scratch/collections/buildings").status_code == 404
    assert run(url, "generic/features", path, name="mine").dataset == "mine"
    assert items(api, "mine")[0]["id"] == "mine.1"
    titles = {c["id"]: c["title"] for c in api.get("/twins/scratch/collections").json()["collections"]}
    assert titles["mine"] == "mine"


def test_the_layer_is_asked_for_where_several_fit(url: str, real_data: Path, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"has 3 layers.*ne_110m_rivers_lake_centerlines \(13 records\)"):
        run(url, "generic/features", real_data / CQL2)
    frame = geopandas.GeoDataFrame({"CODE_18": ["112"]}, geometry=[shapely.box(7, 51, 7.01, 51.01)], crs=4326)
    frame.to_file(tmp_path / "a.gpkg", layer="clc")
    frame.rename(columns={"CODE_18": "x"}).to_file(tmp_path / "a.gpkg", layer="other")
    done = run(url, "clc/corine-vector", tmp_path / "a.gpkg")
    assert done.tally.accepted == 1
    assert done.said is not None
    assert "'clc' is the one that has" in done.said


def test_a_document_is_named_when_it_is_ingested(url: str, real_data: Path) -> None:
    path = real_data / "inspire/services/wfs_dov_getcapabilities_200.xml"
    for recipe in ("generic/features", "inspire/protected-sites"):
        with pytest.raises(SourceError, match=r"WFS capabilities with 1 feature type.*source\.service"):
            run(url, recipe, path)


def test_summary_is_flat(url: str, tmp_path: Path) -> None:
    (tmp_path / "flat.csv").write_text("a,b\n1,2\n3\n")
    told = run(url, "generic/table", tmp_path / "flat.csv").summary()
    assert {k: told[k] for k in ("dataset", "version", "read", "accepted", "repaired", "rejected", "duplicate", "outside", "reasons")} == {
        "dataset": "flat", "version": 1, "read": 2, "accepted": 1, "repaired": 0, "rejected": 1, "duplicate": 0, "outside": 0, "reasons": {"malformed": 1},
    }  # fmt: skip


def test_make_twin_only_once(url: str) -> None:
    assert (make_twin(url, "new-one"), make_twin(url, "new-one")) == (True, False)


def test_names() -> None:
    assert safe_name("ne_110m_rivers") == "ne-110m-rivers"
    assert safe_name("Straßen (Köln) 2013") == "strassen-koln-2013"
    assert safe_name("Δ") == "layer"
    assert collection_id("ne_110m", "ne-110m") == "ne_110m"
    assert collection_id("Köln 2013", "koln-2013") == "koln-2013"
    assert collection_id("roads/main", "roads-main") == "roads-main"
