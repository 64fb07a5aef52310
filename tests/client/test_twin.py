"""The sample city through the client: what comes out equals what the database holds, read with plain SQL."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import geopandas as gpd
import httpx2
import pandas as pd
import psycopg
import pyarrow.parquet as pq
import pytest
import shapely

from ldt.client import NotFound, Refused, Twin

NO2 = "no2-annual-mean"


@pytest.fixture(scope="module")
def sql(shared_database_url: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(shared_database_url, autocommit=True) as conn:
        yield conn


def rows(sql: psycopg.Connection[Any], statement: str, *args: Any) -> list[tuple[Any, ...]]:
    return sql.execute(statement.encode(), args).fetchall()


def test_values_are_those_of_the_database(city: Twin, sql: psycopg.Connection[Any]) -> None:
    found = city.values(NO2)
    stored = rows(
        sql,
        "SELECT scheme, code, period, value, unit, status, coverage, n_valid, n_expected, reason, ST_AsBinary(geom)"
        " FROM ldt.value WHERE indicator = %s AND until IS NULL ORDER BY scheme, code, period",
        NO2,
    )
    assert len(found) == len(stored) >= 14
    for (key, row), one in zip(found.iterrows(), stored, strict=True):
        assert key == ".".join(one[:3])
        assert (row["scheme"], row["code"], row["period"], row["unit"], row["status"]) == (
            *one[:3],
            *one[4:6],
        )
        assert row["value"] == one[3] if one[3] is not None else pd.isna(row["value"])
        numbers = (row["coverage"], row["n_valid"], row["n_expected"])
        assert tuple(None if pd.isna(n) else n for n in numbers) == one[6:9]
        assert row["reason"] == one[9] if one[9] else pd.isna(row["reason"])
        # The service gives seven decimals of a degree: a centimetre.
        assert shapely.equals_exact(row.geometry, shapely.from_wkb(one[10]), tolerance=1e-7)
    assert {"valid", "insufficient"} <= set(found["status"])
    assert found.loc[found["status"] != "valid", "value"].isna().all()
    assert found.crs == "EPSG:4326"


def test_a_table_knows_its_unit_its_state_and_what_it_is(city: Twin) -> None:
    found = city.values(NO2, scheme="station", period=2025)
    assert found.attrs["unit"] == "ug/m3"
    assert found.attrs["snapshot"] == city.snapshot
    assert found.attrs["indicator"] == NO2
    assert found.attrs["definition"] == city.definition(NO2)
    assert found.attrs["definition"]["formula"]["property"] == "NO2"
    assert found.sort_values("value").attrs["unit"] == "ug/m3"  # pandas carries them along
    for table in (city.indicators(), city.collections(), city.datasets(), city.datastreams(), city.latest()):
        assert table.attrs["snapshot"] == city.snapshot


def test_values_are_chosen(city: Twin) -> None:
    everything = city.values(NO2)
    assert list(city.values(NO2, scheme="city").index) == [
        i for i in everything.index if i.startswith("city.")
    ]
    assert set(city.values(NO2, period=2025)["period"]) == {"2025"}
    assert set(city.values(NO2, period=[2024, "2025"])["period"]) == {"2024", "2025"}
    codes = sorted(set(everything.query("scheme == 'station'")["code"]))[:2]
    assert sorted(set(city.values(NO2, code=codes)["code"])) == codes
    assert list(city.values(NO2, status="insufficient").index) == list(
        everything[everything["status"] == "insufficient"].index
    )
    nothing = city.values(NO2, period=1999)
    assert nothing.empty
    assert list(nothing.columns)[: len(everything.columns)][:7] == list(everything.columns)[:7]
    assert nothing["value"].mean() is not None


def test_verdicts_are_one_row_for_each_rule_set(city: Twin) -> None:
    values, found = city.values(NO2, scheme="station"), city.verdicts(NO2, scheme="station")
    assert len(found) == sum(len(v) for v in values["verdicts"])
    first = values[values["status"] == "valid"].iloc[0]
    row = found[(found["id"] == first.name) & (found["rule_set"] == "2008-50-ec")].iloc[0]
    assert row["limit"] == 40
    assert row["distance"] == pytest.approx(first["value"] - 40)
    assert (row["verdict"] == "exceeded") == (first["value"] > 40)
    left_out = set(values.index[values["status"] == "insufficient"])
    assert left_out
    assert found[found["id"].isin(left_out)]["distance"].isna().all()
    assert city.verdicts(NO2, period=1999).empty


def test_indicators_say_what_there_is(city: Twin, sql: psycopg.Connection[Any]) -> None:
    found = city.indicators()
    stored = rows(
        sql,
        "SELECT indicator, count(*), count(*) FILTER (WHERE status = 'valid'), array_agg(DISTINCT period),"
        " array_agg(DISTINCT scheme) FROM ldt.value WHERE until IS NULL GROUP BY 1 ORDER BY 1",
    )
    assert list(found.index) == [one[0] for one in stored]
    for name, count, valid, periods, schemes in stored:
        assert found.loc[name, "periods"] == sorted(periods)
        assert found.loc[name, "schemes"] == sorted(schemes)
        assert found.loc[name, "valid"] == valid
        assert found.loc[name, ["valid", "insufficient", "not-computable"]].sum() == count
    assert found.loc[NO2, "title"] == "NO2 annual mean"


def test_titles_are_in_the_language_asked_for(address: str) -> None:
    with Twin(address, language="de") as twin:
        assert twin.indicators().loc[NO2, "title"] == "NO2-Jahresmittel"


def test_lineage_leads_to_the_records_and_they_give_the_value(city: Twin) -> None:
    row = city.values(NO2, scheme="station", period=2025, status="valid").iloc[0]
    about = city.lineage(NO2, row.name)
    assert about["inputs"]
    assert about["snapshot"] == city.snapshot
    found = city.records(NO2, row.name)
    used = found[found["used"]]
    assert len(used) == row["n_valid"]
    assert statistics.fmean(used["value"]) == pytest.approx(row["value"], rel=1e-12)
    assert len(city.records(NO2, row.name, limit=3)) == 3
    with pytest.raises(NotFound):
        city.lineage(NO2, "station.nowhere.2025")


def test_features_are_those_of_the_service_and_their_shapes_too(city: Twin, address: str) -> None:
    found = city.features("administrative-units")
    answer = httpx2.get(f"{address}/twins/sample-city/collections/administrative-units/items?limit=10000")
    features = answer.json()["features"]
    assert list(found.index) == [f["id"] for f in features]
    for shape, feature in zip(found.geometry, features, strict=True):
        assert shape.equals(shapely.geometry.shape(feature["geometry"]))
    for name in ("scheme", "code", "name"):
        assert list(found[name]) == [f["properties"][name] for f in features]


def test_features_are_chosen(city: Twin) -> None:
    everything = city.features("administrative-units")
    districts = city.features("administrative-units", scheme="district")
    assert list(districts.index) == list(everything[everything["scheme"] == "district"].index)
    box = districts.geometry.iloc[0].representative_point().buffer(0.001).bounds
    near = city.features("administrative-units", bbox=box, scheme="district")
    assert set(near.index) == set(districts[districts.intersects(shapely.box(*box))].index)
    assert 0 < len(near) < len(districts)
    assert list(city.features("administrative-units", limit=3).index) == list(everything.index[:3])
    with pytest.raises(Refused, match="no parameter 'colour'"):
        city.features("administrative-units", colour="red")
    with pytest.raises(NotFound, match="no collection 'cars'"):
        city.features("cars")


def test_many_pages_make_one_table(city: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = city.features("land-cover-units")
    monkeypatch.setattr("ldt.client.http.PAGE", 7)
    assert len(whole) > 3 * 7
    pd.testing.assert_frame_equal(city.features("land-cover-units"), whole)
    assert len(city.features("land-cover-units", limit=20)) == 20


def test_series_are_those_of_the_database(city: Twin, sql: psycopg.Connection[Any]) -> None:
    station = city.stations()["code"].iloc[0]
    found = city.series(station, "NO2")
    stored = rows(
        sql,
        "SELECT o.time, o.value, o.validity, o.verification, o.time_end FROM ldt.observation o"
        " JOIN ldt.datastream d ON d.id = o.datastream_id WHERE d.thing = %s AND d.observed_property = 'NO2'"
        " ORDER BY o.time",
        station,
    )
    assert len(stored) > 10_000  # more than one page
    assert list(found.index) == [one[0] for one in stored]
    assert str(found.index.tz) == "UTC"
    assert list(found["validity"]) == [one[2] for one in stored]
    assert list(found["verification"]) == [one[3] for one in stored]
    assert list(found["time_end"]) == [one[4] for one in stored]
    expected = [one[1] if one[2] >= 1 else None for one in stored]
    assert [None if pd.isna(v) else v for v in found["value"]] == expected
    assert None in expected
    as_delivered = city.series(station, "NO2", only_valid=False)["value"]
    assert list(as_delivered) == [one[1] for one in stored]
    assert as_delivered.min() == -999
    assert found["value"].min() > 0
    assert (found.attrs["unit"], found.attrs["averaging"], found.attrs["zone"]) == ("ug/m3", "PT1H", "+01:00")


def test_a_year_of_a_series_gives_the_annual_mean(city: Twin) -> None:
    value = city.values(NO2, scheme="station", period=2025, status="valid").iloc[0]
    year = city.series(value["code"], "NO2", value["period_start"], value["period_end"])
    assert year["value"].mean() == pytest.approx(value["value"], rel=1e-12)
    assert year["value"].count() == value["n_valid"]
    assert year.index.max() < value["period_end"]


def test_the_end_of_a_series_is_not_included(city: Twin) -> None:
    station = city.stations()["code"].iloc[0]
    day = city.series(station, "NO2", "2025-03-01", "2025-03-02")
    assert day.index.min() == datetime(2025, 3, 1, tzinfo=UTC)
    assert day.index.max() == datetime(2025, 3, 1, 23, tzinfo=UTC)
    same = city.series(station, "NO2", "2025-03-01T01:00+01:00", pd.Timestamp("2025-03-02", tz="UTC"))
    pd.testing.assert_frame_equal(day, same)
    assert city.series(station, "NO2", "1990-01-01", "1990-01-02").empty
    assert city.series(station, "NO2", start="2025-12-31").index.min() == datetime(2025, 12, 31, tzinfo=UTC)
    with pytest.raises(ValueError, match="no time zone"):
        city.series(station, "NO2", "2025-03-01T00:00:00")


def test_which_series_must_be_clear(city: Twin, monkeypatch: pytest.MonkeyPatch) -> None:
    station = city.stations()["code"].iloc[0]
    with pytest.raises(NotFound, match=f"NO2 at {station}x"):
        city.series(f"{station}x", "NO2")
    with pytest.raises(NotFound):
        city.series(station, "NO2", averaging="P1Y")
    streams = city.datastreams()
    twice = pd.concat([streams, streams.rename(index=lambda i: i + 1000)])
    monkeypatch.setattr(Twin, "datastreams", lambda self: twice)
    with pytest.raises(Refused, match=r"datastream=\d+ \(sample-air-quality, PT1H\)"):
        city.series(station, "NO2", "2025-01-01", "2025-01-02")
    mine = streams[(streams["thing"] == station) & (streams["observed_property"] == "NO2")].index[0]
    assert len(city.series(station, "NO2", "2025-01-01", "2025-01-02", datastream=mine)) > 20


def test_latest_values_are_the_last_of_their_series(city: Twin) -> None:
    found = city.latest("NO2")
    assert set(found["observed_property"]) == {"NO2"}
    for key, one in found.iterrows():
        series = city.series(one["thing"], "NO2", "2025-12-01", datastream=key)["value"].dropna()
        assert series.index[-1] == one["time"]
        assert series.iloc[-1] == one["value"]
    box = found.geometry.iloc[0].buffer(0.001).bounds
    assert list(city.latest("NO2", bbox=box).index) == [found.index[0]]
    assert city.latest("Hg").empty


def test_a_citation_names_the_state_and_whose_data_it_is(city: Twin) -> None:
    text = city.citation()
    assert city.title in text
    assert city.snapshot in text
    assert f"{city.url}?at={city.snapshot.partition('@')[2]}" in text
    assert "LDT sample city (synthetic data) (CC0-1.0)" in text


def test_a_twin_stays_in_its_state(city: Twin, address: str, sql: psycopg.Connection[Any]) -> None:
    first = Twin(f"{address}/twins/sample-city", at=1)
    assert first.snapshot == "sample-city@1"
    assert list(first.collections().index) == ["administrative-units", "datasets"]
    assert first.indicators().empty
    assert first.datastreams().empty
    with pytest.raises(NotFound):
        first.stations()
    assert not city.indicators().empty
    with Twin(address, at=str(city.committed)) as same:
        assert same.snapshot == city.snapshot
    with pytest.raises(NotFound, match="no state at 999"):
        Twin(address, at=999)
    first.close()


def test_bulk_is_the_same_features_in_a_file(
    city: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ldt.client.bulk.PAGE", 50)
    path = city.bulk("land-cover-units", tmp_path / "cover.parquet")
    found, expected = gpd.read_parquet(path), city.features("land-cover-units")
    assert found.crs == "OGC:CRS84"
    assert list(found["id"]) == list(expected.index)
    assert list(found["class"]) == list(expected["class"])
    assert (found.geometry.to_wkb() == expected.geometry.to_wkb().to_numpy()).all()
    file = pq.ParquetFile(path)
    assert file.num_row_groups == -(-len(expected) // 50)
    assert file.metadata.metadata[b"snapshot"].decode() == city.snapshot
    assert found.geometry.total_bounds == pytest.approx(expected.total_bounds)
    assert [p.name for p in tmp_path.iterdir()] == ["cover.parquet"]


def test_a_bulk_file_is_there_whole_or_not_at_all(
    city: Twin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.parquet"
    path.write_text("what was there")
    from ldt.client import bulk

    def broken(*args: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(bulk, "_table", broken)
    with pytest.raises(KeyboardInterrupt):
        city.bulk("land-cover-units", path)
    assert path.read_text() == "what was there"
    assert [p.name for p in tmp_path.iterdir()] == ["x.parquet"]
    with pytest.raises(NotFound):
        city.bulk("cars", tmp_path / "cars.parquet")
    assert not (tmp_path / "cars.parquet").exists()


def test_a_chain_has_the_values_of_its_boxes(city: Twin) -> None:
    chain = city.dpsir("air")
    assert chain["snapshot"] == city.snapshot
    assert {"D", "P", "S", "I", "R"} == {node["role"] for node in chain["nodes"]}
    assert "air" in {one["id"] for one in city.dpsir()["chains"]}
    with pytest.raises(NotFound):
        city.dpsir("no-such")
    box = next(node for node in chain["nodes"] if node["id"] == NO2)
    (value,) = city.dpsir("air", scheme="city", period=2025)["nodes"][chain["nodes"].index(box)]["values"]
    assert value["value"] == city.values(NO2, scheme="city", period=2025)["value"].iloc[0]
