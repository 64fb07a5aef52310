"""EDR over the series of stations: values against the rows that went in."""

from __future__ import annotations

import csv
import io
from datetime import datetime, timedelta
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from starlette.testclient import TestClient
from tests.api.edr.conftest import DAY, HOUR, PLACES, ROWS, START, STREAMS
from tests.api.edr.test_grids import ask, coverages, one

from ldt.store import edr_series

BASE = "/twins/town/collections"
AIR = f"{BASE}/series.air"


def hours(stream: int, first: datetime | None = None, last: datetime | None = None) -> dict[str, float]:
    """Return the valid values of a series by the beginning of their hour, of those that have something in common with [first, last]."""
    found = {t: (span, v) for s, t, span, v, ok in ROWS if s == stream and ok >= 1}
    if stream == 0:
        found[START] = (HOUR, 7.0)  # what the second version says
    return {
        t.strftime("%Y-%m-%dT%H:%M:%SZ"): v
        for t, (span, v) in found.items()
        if (first is None or t + span > first) and (last is None or t <= last)
    }


def series(coverage: dict[str, Any], name: str) -> dict[str, float]:
    times = coverage["domain"]["axes"]["t"]["values"]
    return {
        t: v for t, v in zip(times, coverage["ranges"][name]["values"], strict=True) if v is not None
    }  # fmt: skip


def test_a_location_has_its_valid_values(client: TestClient) -> None:
    by_day, by_hour = coverages(ask(client, f"{AIR}/locations/A1"))
    assert series(by_hour, "NO2_PT1H") == hours(0)
    assert len(hours(0)) == 47  # one of 48 is not valid
    assert series(by_hour, "O3") == hours(2)
    assert series(by_day, "NO2_P1D") == hours(1)
    assert by_hour["domain"]["axes"]["x"]["values"] == [6.9]
    bounds = by_day["domain"]["axes"]["t"]["bounds"]
    assert bounds[:2] == ["2024-02-28T00:00:00Z", "2024-02-29T00:00:00Z"]
    assert by_hour["parameters"]["O3"]["unit"]["symbol"]["value"] == "ug/m3"
    assert by_day["parameters"]["NO2_P1D"]["measurementType"] == {"method": "mean", "duration": "P1D"}


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("2024-02-28T03:30:00Z", START + 3.5 * HOUR, START + 3.5 * HOUR),
        ("2024-02-28T03:00:00Z", START + 3 * HOUR, START + 3 * HOUR),
        ("2024-02-29", START + DAY, START + 2 * DAY - timedelta(microseconds=1)),
        ("2024-02-28T03:30:00Z/2024-02-28T05:00:00Z", START + 3.5 * HOUR, START + 5 * HOUR),
        ("2024-02-28T04:30:00+01:00/..", START + 3.5 * HOUR, None),
        ("../2024-02-28T02:00:00Z", None, START + 2 * HOUR),
    ],
)
def test_datetime_takes_what_has_time_in_common(
    client: TestClient, asked: str, first: datetime | None, last: datetime | None
) -> None:
    by_day, by_hour = coverages(
        ask(client, f"{AIR}/locations/A1", datetime=asked, parameter_name="NO2_PT1H,NO2_P1D")
    )
    assert series(by_hour, "NO2_PT1H") == hours(0, first, last)
    # A day still holds in its middle: its beginning lies before what is asked for.
    assert series(by_day, "NO2_P1D") == hours(1, first, last)


def test_parameters_are_chosen_by_name(client: TestClient) -> None:
    found = one(ask(client, f"{AIR}/locations/A1", parameter_name="O3"))
    assert list(found["ranges"]) == list(found["parameters"]) == ["O3"]
    problem = ask(client, f"{AIR}/locations/A1", 400, parameter_name="NO2").json()
    assert "NO2_PT1H" in problem["remedy"]


def test_the_nearest_station_answers_for_a_position(client: TestClient) -> None:
    def who(coords: str, **more: str) -> set[str]:
        asked = ask(client, f"{AIR}/position", coords=coords, datetime="2024-02-28T03:30:00Z", **more)
        return {c["id"] for c in coverages(asked)}

    assert who("POINT(6.91 50.95)") == {"A1"}
    assert who("POINT(6.96 50.97)") == {"B~2F~C3~BC~202"}
    assert who("MULTIPOINT(6.91 50.95,6.96 50.97)") == {"A1", "B~2F~C3~BC~202"}
    assert who("POINT(50.95 6.91)", crs="EPSG:4326") == {"A1"}
    # The nearest of those that measure what is asked for.
    assert who("POINT(6.96 50.97)", parameter_name="O3") == {"A1"}
    # In the extent however far; outside of it up to ten kilometres.
    assert who("POINT(7.3 50.9)") == {"B~2F~C3~BC~202"}
    assert who("POINT(7.45 50.5)") == {"far"}
    ask(client, f"{AIR}/position", 204, coords="POINT(7.7 50.5)")


def test_stations_in_a_place(client: TestClient) -> None:
    when = {"datetime": "2024-02-28T03:30:00Z", "parameter_name": "NO2_PT1H"}

    def who(query: str, **asked: str) -> set[str]:
        return {c["id"] for c in coverages(ask(client, f"{AIR}/{query}", **when, **asked))}

    both = {"A1", "B~2F~C3~BC~202"}
    assert who("cube", bbox="6.8,50.9,7,51") == both
    assert who("cube", bbox="50.9,6.8,51,7", crs="EPSG:4326") == both
    assert who("area", coords="POLYGON((6.8 50.9,6.92 50.9,6.92 51,6.8 51,6.8 50.9))") == {"A1"}
    # From A1 to B there are 4.15 km: 0.05° of longitude at 50.96° are 3.51 km, 0.02° of latitude 2.22 km.
    place = {"coords": "POINT(6.9 50.95)", "within_units": "km"}
    assert who("radius", within="4.1", **place) == {"A1"}
    assert who("radius", within="4.2", **place) == both
    ask(client, f"{AIR}/cube", 204, **when, bbox="0,0,1,1")


def test_stations_along_a_line(client: TestClient) -> None:
    def found(coords: str, **more: str) -> dict[str, dict[str, float]]:
        asked = ask(client, f"{AIR}/trajectory", coords=coords, parameter_name="NO2_PT1H", **more)
        return {c["id"]: series(c, "NO2_PT1H") for c in coverages(asked)}

    # The line passes A1 and B within ten kilometres, and the third at 78.
    both = found("LINESTRING(6.8 50.9,7 51)")
    assert set(both) == {"A1", "B~2F~C3~BC~202"}
    assert both["A1"] == hours(0)
    # With times it has the values of its way.
    first, last = START + 3 * HOUR, START + 6 * HOUR
    m = f"LINESTRINGM(6.8 50.9 {first.timestamp():.0f},7 51 {last.timestamp():.0f})"
    assert found(m)["A1"] == hours(0, first, last)
    assert found(m, datetime="2024-02-28T05:00:00Z/..")["A1"] == hours(0, first + 2 * HOUR, last)
    ask(client, f"{AIR}/trajectory", 204, coords=m, datetime="2024-02-29/..")
    ask(client, f"{AIR}/trajectory", 204, coords="LINESTRING(0 0,1 1)")


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/geojson",
)
def test_locations_are_listed_in_pages(client: TestClient) -> None:
    whole = ask(client, f"{AIR}/locations").json()
    frame = geopandas.read_file(io.BytesIO(ask(client, f"{AIR}/locations", f="GeoJSON").content))
    assert dict(zip(frame["code"], frame.geometry, strict=True))["A1"].coords[0] == PLACES["A1"]
    assert [f["properties"]["code"] for f in whole["features"]] == sorted({s.thing for s in STREAMS})
    first = whole["features"][0]
    assert first["properties"]["parameter-name"] == ["NO2_P1D", "NO2_PT1H", "O3"]
    assert first["properties"]["datetime"] == "2024-02-28T00:00:00Z/2024-03-02T00:00:00Z"
    assert whole["features"][-1]["geometry"] is None  # nobody knows where it is
    codes: list[str] = []
    answer = ask(client, f"{AIR}/locations", limit="2").json()
    while True:
        codes += [f["properties"]["code"] for f in answer["features"]]
        following = [link["href"] for link in answer["links"] if link["rel"] == "next"]
        if not following:
            break
        answer = client.get(following[0]).json()
    assert codes == [f["properties"]["code"] for f in whole["features"]]
    only = {f["id"] for f in ask(client, f"{AIR}/locations", bbox="6.8,50.9,7,51").json()["features"]}
    assert only == {"A1", "B~2F~C3~BC~202"}
    assert {f["id"] for f in ask(client, f"{AIR}/locations", parameter_name="O3").json()["features"]} == {"A1"}  # fmt: skip
    daily = ask(client, f"{AIR}/locations", parameter_name="NO2_P1D").json()["features"]
    assert [f["id"] for f in daily] == ["A1"]
    assert ask(client, f"{AIR}/locations", datetime="2025-01-01/..").json()["features"] == []


def test_every_location_answers_under_its_address(client: TestClient) -> None:
    for feature in ask(client, f"{AIR}/locations").json()["features"]:
        found = coverages(client.get(feature["properties"]["edrqueryendpoint"]))
        assert {c["id"] for c in found} == {feature["id"]}
    lost = one(ask(client, f"{AIR}/locations/lost"))
    assert set(lost["domain"]["axes"]) == {"t"}
    ask(client, f"{AIR}/locations/nobody", 404)
    ask(client, f"{AIR}/locations/~FF", 404)


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/queries",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/geojson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/geojson",
)
def test_stations_are_items_too(client: TestClient) -> None:
    found = ask(client, f"{AIR}/items").json()
    assert [f["id"] for f in found["features"]] == ["A1", "B~2F~C3~BC~202", "far", "lost"]
    assert found["features"][0]["properties"]["parameters"] == ["NO2", "O3"]
    assert ask(client, f"{AIR}/items/B~2F~C3~BC~202").json()["properties"]["name"] == "Station B/ü 2"
    assert len(ask(client, f"{AIR}/items", bbox="6.8,50.9,7,51").json()["features"]) == 2


@pytest.mark.conformance(
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.1/conf/edr-geojson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/covjson",
    "http://www.opengis.net/spec/ogcapi-edr-1/1.0/conf/edr-geojson",
)
def test_all_forms_say_the_same(client: TestClient, tmp_path: Any) -> None:
    asked = {"parameter_name": "NO2_PT1H,O3"}
    want = hours(0)
    rows = list(csv.DictReader(io.StringIO(ask(client, f"{AIR}/locations/A1", **asked, f="csv").text)))
    assert {r["time"]: float(r["NO2_PT1H (ug/m3)"]) for r in rows if r["NO2_PT1H (ug/m3)"]} == want
    assert rows[0]["O3 (ug/m3)"] == ""
    assert rows[0]["time_end"] == "2024-02-28T01:00:00Z"
    features = ask(client, f"{AIR}/locations/A1", **asked, f="GeoJSON").json()
    told = {f["properties"]["datetime"].split("/")[0]: f["properties"] for f in features["features"]}
    assert {t: p["NO2_PT1H"] for t, p in told.items() if "NO2_PT1H" in p} == want
    assert told["2024-02-28T00:00:00Z"]["parameter-name"] == ["NO2_PT1H"]
    assert [p["unit"]["symbol"]["value"] for p in features["parameters"]] == ["ug/m3", "ug/m3"]
    assert {t: p["O3"] for t, p in told.items() if "O3" in p} == hours(2)


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_netcdf_has_stations_with_their_series(client: TestClient, tmp_path: Any) -> None:
    want = hours(0)
    path = tmp_path / "air.nc"
    path.write_bytes(ask(client, f"{AIR}/cube", bbox="6.8,50.9,7,51", f="netcdf").content)
    with rasterio.open(f"netcdf:{path}:NO2_PT1H") as file:
        grid = file.read(1)
        assert file.tags()["NC_GLOBAL#featureType"] == "timeSeries"
    with rasterio.open(f"netcdf:{path}:time") as file:
        seconds = file.read(1)
    told = []
    for times, numbers in zip(seconds, grid, strict=True):
        there = ~np.isnan(times)
        texts = np.datetime_as_string(np.datetime64(0, "s") + times[there].astype("timedelta64[s]"))
        told.append({f"{t}Z": v for t, v in zip(texts, numbers[there], strict=True) if not np.isnan(v)})
    assert want in told


def test_past_states_and_rights_hold(client: TestClient, operator: TestClient) -> None:
    asked = {"datetime": "2024-02-28T00:30:00Z", "parameter_name": "NO2_PT1H"}
    assert one(ask(client, f"{AIR}/locations/A1", **asked))["ranges"]["NO2_PT1H"]["values"] == [7.0]
    then = one(ask(client, f"{AIR}/locations/A1", **asked, at="8"))
    assert then["ranges"]["NO2_PT1H"]["values"] == [0.0]
    secret = f"{BASE}/series.secret-air"
    for path, more in (("locations", {}), ("locations/A1", {}), ("position", {"coords": "POINT(6.9 50.95)"}), ("items", {})):  # fmt: skip
        ask(client, f"{secret}/{path}", 404, **more)
        ask(operator, f"{secret}/{path}", **more)
    # Nor does the place of an open station tell of the series that few may see.
    features = ask(client, f"{AIR}/locations").json()["features"]
    assert all("secret" not in str(f) for f in features)


def test_too_much_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from ldt.api.edr import stations

    monkeypatch.setattr(stations, "MAX_VALUES", 50)
    problem = ask(client, f"{AIR}/locations/A1", 413).json()
    assert "50" in problem["detail"]
    one(ask(client, f"{AIR}/locations/A1", parameter_name="O3"))


def test_only_valid_values_are_counted_as_such() -> None:
    assert edr_series.VALID == 1  # of the vocabulary `observation-validity`, codes below 1 are not usable


def test_properties_of_stations_can_be_chosen(client: TestClient) -> None:
    found = client.get(f"{AIR}/items", params={"properties": "code"}).json()
    assert {tuple(one["properties"]) for one in found["features"]} == {("code",)}
