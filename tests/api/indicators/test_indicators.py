"""Values in every form, and back from a value to its records: on the sample city, built by the pipeline."""

from __future__ import annotations

import csv
import io
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from ldt.api.app import create_app
from ldt.pipeline.build import build
from ldt.pipeline.sample.generate import generate

BASE = "/twins/sample-city/indicators"
NO2 = f"{BASE}/no2-annual-mean"
SHARE = f"{BASE}/protected-area-share"


@pytest.fixture(scope="module")
def sample(shared_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    built = build(shared_database_url, generate(Path(tmp_path_factory.mktemp("sample")), size="small"))
    assert built.errors == []
    with TestClient(create_app(shared_database_url), raise_server_exceptions=False) as client:
        yield client


def get(client: TestClient, path: str, **headers: str) -> Any:
    answer = client.get(path, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer


def test_definitions_say_what_a_value_means(sample: TestClient) -> None:
    listed = get(sample, "/indicators").json()["indicators"]
    assert {"no2-annual-mean", "protected-area-share"} <= {one["id"] for one in listed}
    for one in listed:
        about = get(sample, one["links"][0]["href"]).json()
        assert about["unit"]
        assert about["dpsir"] in set("DPSIR")
        assert about["formula"]["text"]


def test_a_twin_lists_what_it_has_values_of(sample: TestClient) -> None:
    listed = {one["id"]: one for one in get(sample, BASE).json()["indicators"]}
    for identifier, one in listed.items():
        there = one["available"]
        pages = get(sample, f"{BASE}/{identifier}/values?limit=10000").json()
        assert pages["numberMatched"] == sum(there["count"].values()) == len(pages["values"])
        assert {v["scheme"] for v in pages["values"]} == set(there["schemes"])
        assert get(sample, f"{BASE}/{identifier}").json()["available"] == there


def test_a_value_has_what_is_needed_to_judge_it(sample: TestClient) -> None:
    for value in get(sample, f"{NO2}/values").json()["values"]:
        assert value["unit"] == "ug/m3"
        assert value["status"] in {"valid", "insufficient", "not-computable"}
        assert (value["value"] is None) == (value["status"] != "valid")
        assert (value["reason"] is None) == (value["status"] == "valid")
        if value["status"] == "not-computable":  # an area without a station
            assert (value["coverage"], value["verdicts"]) == (None, [])
        else:
            assert 0 <= value["coverage"] <= 1
            assert value["verdicts"]
        assert {one["rel"] for one in value["links"]} == {"self", "lineage"}
        alone = get(sample, value["links"][0]["href"]).json()
        assert {k: v for k, v in alone.items() if k not in ("links", "geometry", "snapshot")} == {
            k: v for k, v in value.items() if k != "links"
        }


def test_filters(sample: TestClient) -> None:
    everything = get(sample, f"{NO2}/values").json()["values"]

    def ids(query: str) -> list[str]:
        return [v["id"] for v in get(sample, f"{NO2}/values?{query}").json()["values"]]

    assert ids("scheme=station") == [v["id"] for v in everything if v["scheme"] == "station"]
    assert ids("period=2024&scheme=city") == ["city.99000000.2024"]
    assert ids("period=2024,2025&scheme=city") == ["city.99000000.2024", "city.99000000.2025"]
    assert ids("code=DEZZ001") == [f"station.DEZZ001.{year}" for year in (2018, 2024, 2025)]
    assert ids("status=valid") == [v["id"] for v in everything if v["status"] == "valid"]
    assert ids("datetime=2025-06-01&scheme=city") == ["city.99000000.2025"]
    assert ids("datetime=../2024-06-01&scheme=city") == ["city.99000000.2018", "city.99000000.2024"]
    assert ids("scheme=nowhere") == []


def test_pages_visit_every_value_once(sample: TestClient) -> None:
    whole = [v["id"] for v in get(sample, f"{NO2}/values").json()["values"]]
    seen, to = [], f"{NO2}/values?limit=13"
    while to:
        page = get(sample, to).json()
        seen += [v["id"] for v in page["values"]]
        to = next((one["href"] for one in page["links"] if one["rel"] == "next"), "")
    assert seen == whole
    assert len(set(seen)) == len(seen) == 3 * (6 + 49)  # years, stations and areas


def test_all_forms_say_the_same(sample: TestClient, tmp_path: Path) -> None:
    values = get(sample, f"{SHARE}/values?limit=1000").json()["values"]
    rows = list(csv.DictReader(io.StringIO(get(sample, f"{SHARE}/values?limit=1000&f=csv").text)))
    assert [r["id"] for r in rows] == [v["id"] for v in values]
    assert [float(r["value"]) for r in rows] == [v["value"] for v in values]
    features = get(sample, f"{SHARE}/values?limit=1000&f=geojson")
    assert features.headers["content-type"] == "application/geo+json"
    drawn = geopandas.GeoDataFrame.from_features(features.json(), crs="OGC:CRS84")
    assert list(drawn["value"]) == [v["value"] for v in values]

    answer = get(sample, f"{SHARE}/values?limit=1000&f=parquet", **{"Accept-Encoding": "gzip"})
    assert answer.headers["content-type"] == "application/vnd.apache.parquet"
    assert "content-encoding" not in answer.headers  # it is compressed in itself
    file = tmp_path / "values.parquet"
    file.write_bytes(answer.content)
    read = geopandas.read_parquet(file)
    assert read.crs == "OGC:CRS84"
    assert list(read["id"]) == [v["id"] for v in values]
    assert list(read["value"]) == [v["value"] for v in values]
    assert read.geometry.geom_equals(drawn.geometry).all()
    assert read.total_bounds == pytest.approx((9.1, 51.3, 9.1, 51.3), abs=0.2)
    assert b"geo" in pq.read_schema(file).metadata


def test_an_empty_page_is_geoparquet_too(sample: TestClient, tmp_path: Path) -> None:
    file = tmp_path / "none.parquet"
    file.write_bytes(get(sample, f"{SHARE}/values?scheme=nowhere&f=parquet").content)
    assert len(geopandas.read_parquet(file)) == 0


def test_lineage_leads_to_the_records_that_give_the_value(sample: TestClient) -> None:
    value = get(sample, f"{NO2}/values/station.DEZZ001.2024").json()
    lineage = get(sample, next(one["href"] for one in value["links"] if one["rel"] == "lineage")).json()
    assert lineage["definition"]["id"] == "no2-annual-mean"
    assert all(len(f["digest"]) == 64 for i in lineage["inputs"] for f in i["files"])
    records: list[dict[str, Any]] = []
    to = next(one["href"] for one in lineage["links"] if one["rel"] == "records") + "?limit=5000"
    while to:
        page = get(sample, to).json()
        records += page["records"]
        to = next((one["href"] for one in page["links"] if one["rel"] == "next"), "")
    used = [r["value"] for r in records if r["used"]]
    assert len(used) == lineage["records"]["used"] == value["n_valid"]
    assert sum(lineage["records"]["discarded"].values()) == len(records) - len(used)
    assert statistics.fmean(used) == pytest.approx(value["value"], rel=1e-9)
    times = [r["time"] for r in records]
    assert times == sorted(set(times))


def test_lineage_of_an_area_names_features(sample: TestClient) -> None:
    value = next(v for v in get(sample, f"{SHARE}/values?status=valid").json()["values"] if v["value"] > 0)
    to = f"{SHARE}/values/{value['id']}/lineage/records"
    first = get(sample, f"{to}?limit=1").json()
    whole = get(sample, to).json()["records"]
    assert first["records"] == whole[:1]
    found = get(sample, next(one["href"] for one in first["links"] if one["rel"] == "next"))
    assert found.json()["records"] == whole[1:2]
    for record in whole:
        assert get(sample, f"/id/sample-city/{record['feature']}").json()["id"] == record["feature"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/indicators/nowhere", 404),
        (f"{BASE}/nowhere", 404),
        (f"{BASE}/nowhere/values", 404),
        (f"{NO2}/values/nowhere", 404),
        (f"{NO2}/values/city.99000000.1900", 404),
        (f"{NO2}/values/city.~00.2024", 404),
        (f"{NO2}/values/city.~FF.2024", 404),
        (f"{NO2}/values/city.99000000.2024/nowhere", 404),
        (f"{NO2}/values/city.99000000.1900/lineage", 404),
        (f"{NO2}/values?status=good", 400),
        (f"{NO2}/values?period=2024,20x4", 400),
        (f"{NO2}/values?bbox=1,2,3,4", 400),
        (f"{NO2}/values?datetime=x", 400),
        (f"{NO2}/values?token=x", 400),
        (f"{NO2}/values?f=shp", 400),
        ("/vocabularies/nowhere", 404),
        ("/vocabularies/corine/nowhere", 404),
        ("/vocabularies/%00", 400),
        ("/dpsir/nowhere", 404),
    ],
)
def test_failures_have_the_one_shape(sample: TestClient, path: str, status: int) -> None:
    answer = sample.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


def test_a_past_state_keeps_its_values(sample: TestClient) -> None:
    # Revision 1 is the boundary alone: nothing had been computed.
    assert get(sample, f"{NO2}/values?at=1").json()["values"] == []
    assert sample.get(f"{NO2}/values/city.99000000.2024?at=1").status_code == 404
    newest = get(sample, f"{NO2}/values").json()
    assert get(sample, f"{NO2}/values?at={newest['snapshot']}").json()["values"] == [
        {**v, "links": [{**k, "href": k["href"] + f"?at={newest['snapshot']}"} for k in v["links"]]}
        for v in newest["values"]
    ]


def test_vocabularies_hold_the_codes_of_the_data(sample: TestClient) -> None:
    corine = get(sample, "/vocabularies/corine").json()
    forest = get(sample, "/vocabularies/corine/311").json()
    assert forest["label"]["en"] == "Broad-leaved forest"  # CLC nomenclature, level 3
    assert forest["parent"] == "31"
    assert [c["code"] for c in corine["concepts"]].count("311") == 1
    assert len([c for c in corine["concepts"] if len(c["code"]) == 3]) == 44  # the 44 classes of level 3
    chain = get(sample, "/dpsir/air").json()
    nodes = {n["id"] for n in chain["nodes"]}
    assert {a["from"] for a in chain["arrows"]} | {a["to"] for a in chain["arrows"]} <= nodes
