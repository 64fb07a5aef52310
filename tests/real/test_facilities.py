"""Monitoring facilities from real XML and tables: every property against lxml and pandas on the same file; and how values find their place."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from lxml import etree
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import load_recipe
from ldt.model.snapshot import OPERATOR
from ldt.pipeline.ingest import ingest
from ldt.store import observations, snapshots
from ldt.store.connect import connect

TOOLBOX, CANIUSE = "inspire/brgm_toolbox", "inspire/caniuse"
PIEZOMETERS = [
    f"{TOOLBOX}/BRGM_environmental_monitoring_facility_piezometer_1.xml",
    f"{TOOLBOX}/BRGM_environmental_monitoring_facility_piezometer_50.xml",
    f"{CANIUSE}/EMF.BRGM.data.gml",
    f"{CANIUSE}/EMF.BRGM_1.geom.gml",
]
METADATA = "airquality/eea_aqdl/MT_metadata.csv.zip"
ABERDEEN = "sensors/luftdaten_aberdeen"

Facilities = Callable[..., list[tuple[dict[str, Any], Any, dict[str, Any]]]]


@pytest.fixture(scope="module")
def facilities(shared_database_url: str, real_data: Path, own_data_dir: Path) -> Facilities:
    """Ingest files into a twin of their own and return (properties, geometry, raw) of its features, in the file's order."""
    done: set[str] = set()

    def of(recipe: str, *files: str) -> list[tuple[dict[str, Any], Any, dict[str, Any]]]:
        twin = f"{recipe}-{Path(files[0]).stem}".lower().replace("/", "-").replace("_", "-").replace(".", "-")
        if twin not in done:
            make_twin(shared_database_url, twin)
            ingest(shared_database_url, twin, load_recipe(recipe), [real_data / f for f in files])
            done.add(twin)
        with connect(shared_database_url) as conn:
            rows = conn.execute(
                "SELECT f.properties, ST_AsBinary(f.geom), f.raw FROM ldt.feature f JOIN ldt.twin t ON t.id = f.twin_id"
                " WHERE t.name = %s AND f.until IS NULL ORDER BY f.source_row",
                (twin,),
            ).fetchall()
        return [(r[0], None if r[1] is None else shapely.from_wkb(r[1]), r[2]) for r in rows]

    return of


def xml(path: Path, element: str) -> list[Any]:
    return list(etree.parse(path).iter(f"{{*}}{element}"))


def text(feature: Any, path: str) -> str | None:
    found = feature.find("/".join(f"{{*}}{step}" for step in path.split("/")))
    return found.text.strip() if found is not None and found.text and found.text.strip() else None


def href(feature: Any, path: str) -> str | None:
    found = feature.find(f"{{*}}{path}")
    return None if found is None else found.get("{http://www.w3.org/1999/xlink}href")


def point(feature: Any, path: str) -> tuple[float, float] | None:
    """Return (longitude, latitude) of a point whose CRS has latitude first."""
    position = text(feature, f"{path}/Point/pos")
    if position is None:
        return None
    latitude, longitude = map(float, position.split())
    return longitude, latitude


@pytest.mark.parametrize("file", PIEZOMETERS)
def test_piezometers(facilities: Facilities, real_data: Path, file: str) -> None:
    ours = facilities("inspire/environmental-monitoring-facilities", file)
    theirs = xml(real_data / file, "EnvironmentalMonitoringFacility")
    assert len(ours) == len(theirs) > 0
    period = "operationalActivityPeriod/OperationalActivityPeriod/activityTime/TimePeriod"
    for (properties, place, raw), element in zip(ours, theirs, strict=True):
        begin, end = text(element, f"{period}/beginPosition"), text(element, f"{period}/endPosition")
        networks = element.iterfind("{*}belongsTo/{*}NetworkFacility/{*}belongsTo")
        expected = {
            "networks": [n.get("{http://www.w3.org/1999/xlink}href") for n in networks] or None,
            "code": text(element, "inspireId/Identifier/localId"),
            "name": text(element, "name"),
            "type": "Piezometre",
            "media": "water",
            "mobile": False,
            "started": begin[:10] if begin else None,
            "ended": end[:10] if end else None,
            "position": "geometry",
        }
        assert properties == {k: v for k, v in expected.items() if v is not None}
        assert (place.x, place.y) == pytest.approx(point(element, "geometry"), abs=1e-12)
        other = point(element, "representativePoint")
        assert ("representativePoint" in raw) == (other is not None)
        if other is not None:
            kept = shapely.from_wkt(raw["representativePoint"])
            assert (kept.y, kept.x) == pytest.approx(other, abs=1e-12)  # as it stands there, latitude first


def test_a_ship_has_no_place_and_a_representative_point_stands_in_for_a_geometry(
    facilities: Facilities, real_data: Path, tmp_path: Path
) -> None:
    ((ship, place, _),) = facilities(
        "inspire/environmental-monitoring-facilities",
        "inspire/ef_datacove/EnvironmentalMonitoringFacility.gml",
    )
    assert (ship["name"], ship["mobile"], place) == ("Walther Herwig II", True, None)
    assert "position" not in ship
    # The same delivery without the facility's own geometry.
    tree = etree.parse(real_data / PIEZOMETERS[0])
    (facility,) = tree.iter("{*}EnvironmentalMonitoringFacility")
    for own in facility.findall("{*}geometry"):
        facility.remove(own)
    tree.write(tmp_path / "point.gml")
    ((properties, place, _),) = facilities(
        "inspire/environmental-monitoring-facilities", str(tmp_path / "point.gml")
    )
    assert properties["position"] == "representativePoint"
    assert (place.x, place.y) == pytest.approx((2.3597603712661, 49.9506859240222))


def test_austrian_stations(facilities: Facilities, real_data: Path) -> None:
    file = f"{TOOLBOX}/AQD_UBA_Station_50.xml"
    ours = facilities("eea/aqd-stations", file)
    theirs = xml(real_data / file, "AQD_Station")
    assert len(ours) == len(theirs) == 50
    period = "operationalActivityPeriod/OperationalActivityPeriod/activityTime/TimePeriod"
    closed = 0
    for (properties, place, _), element in zip(ours, theirs, strict=True):
        assert properties["code"] == text(element, "EUStationCode")
        assert properties["name"] == text(element, "name")
        assert properties["altitude_m"] == float(text(element, "altitude") or "nan")
        assert properties["started"] == text(element, f"{period}/beginPosition")
        assert properties.get("ended") == text(element, f"{period}/endPosition")
        assert (href(element, "areaClassification") or "").endswith(f"/{properties['area_type']}")
        assert (properties["type"], properties["media"], properties["position"]) == (
            "station",
            "air",
            "geometry",
        )
        assert (place.x, place.y) == pytest.approx(point(element, "geometry"), abs=1e-12)
        closed += "ended" in properties
    assert closed == 13  # 37 of 50 say "unknown" for the end of their operation


def test_maltese_sampling_points(facilities: Facilities, real_data: Path) -> None:
    table = pd.read_csv(real_data / METADATA, dtype=str).drop_duplicates("Sampling Point Id")
    ours = facilities("eea/station-metadata", METADATA)
    assert len(ours) == len(table) == 194
    for (properties, place, raw), (_, row) in zip(ours, table.iterrows(), strict=True):
        assert properties["code"] == f"MT/{row['Sampling Point Id']}"
        assert properties["station"] == row["Air Quality Station EoI Code"]
        assert properties["station_type"] == row["Air Quality Station Type"]
        assert properties["zone"] == "+01:00"  # UTC+01
        assert properties["mobile"] is False
        # day first, month second
        begun = datetime.strptime(row["Operational Activity Begin"], "%d/%m/%Y %H:%M:%S").date()  # noqa: DTZ007 a date
        assert properties["started"] == begun.isoformat()
        assert ("ended" in properties) == pd.notna(row["Operational Activity End"])
        assert (place.x, place.y) == pytest.approx((float(row.Longitude), float(row.Latitude)), abs=1e-9)
        assert raw is None
    assert len({p["station"] for p, _, _ in ours}) == 7


def test_values_of_the_download_service_find_the_place_of_their_sampling_point(
    shared_database_url: str, real_data: Path, own_data_dir: Path, tmp_path: Path
) -> None:
    """The two halves of the EEA's service: Parquet that names nothing but the sampling point, and the table of metadata."""
    table = pd.read_csv(real_data / METADATA, dtype=str)
    row = table[
        (table["Air Pollutant"] == "PM10") & (table["Air Quality Station EoI Code"] == "MT00005")
    ].iloc[0]
    point_id = row["Sampling Point Id"]
    begin = datetime(2023, 1, 1)  # noqa: DTZ001 the service's times have no zone
    n = 24
    columns = {
        "Samplingpoint": [f"MT/{point_id}"] * n,
        "Pollutant": pa.array([5] * n, pa.int32()),
        "Start": pa.array([begin + timedelta(hours=h) for h in range(n)], pa.timestamp("ns")),
        "End": pa.array([begin + timedelta(hours=h + 1) for h in range(n)], pa.timestamp("ns")),
        "Value": [20.0 + h for h in range(n)],
        "Unit": ["ug.m-3"] * n,
        "AggType": ["hour"] * n,
        "Validity": pa.array([1] * n, pa.int32()),
        "Verification": pa.array([1] * n, pa.int32()),
    }
    file = tmp_path / f"{point_id}.parquet"
    pq.write_table(pa.table(columns), file)
    make_twin(shared_database_url, "malta")
    ingest(shared_database_url, "malta", load_recipe("eea/station-metadata"), [real_data / METADATA])
    ingest(shared_database_url, "malta", load_recipe("eea/air-quality-parquet"), [file])
    (latest,) = _latest(shared_database_url, "malta")
    assert latest["thing"] == f"MT/{point_id}"
    assert latest["value"] == 43.0
    assert latest["time_end"] == datetime(2023, 1, 1, 23, tzinfo=UTC)  # midnight at UTC+1
    assert latest["name"] == row["Air Quality Station Name"] == "Msida Station"
    assert _place(latest) == pytest.approx((float(row.Longitude), float(row.Latitude)))


def test_citizen_sensors_have_their_latest_value_at_their_place(
    shared_database_url: str, real_data: Path, own_data_dir: Path
) -> None:
    make_twin(shared_database_url, "aberdeen")
    for recipe in ("sensors/sensor-community-places", "sensors/sensor-community"):
        ingest(shared_database_url, "aberdeen", load_recipe(recipe), [real_data / ABERDEEN])
    files = {f: pd.read_csv(f, sep=";") for f in sorted((real_data / ABERDEEN).glob("*.csv"))}
    last: dict[tuple[str, str], tuple[str, float, float, float]] = {}
    codes = {"P1": "PM10", "P2": "PM2.5", "temperature": "air-temperature", "humidity": "relative-humidity", "pressure": "air-pressure"}  # fmt: skip
    for table in files.values():
        for column, code in codes.items():
            if column in table:
                row = table.sort_values("timestamp").iloc[-1]
                value = row[column] / 100 if column == "pressure" else row[column]  # Pa, and hPa here
                key = f"sensor.community-{row.sensor_id}", code
                now = str(row.timestamp), float(value), float(row.lon), float(row.lat)
                last[key] = max(last.get(key, now), now)
    found = {(r["thing"], r["observed_property"]): r for r in _latest(shared_database_url, "aberdeen")}
    assert found.keys() == last.keys()
    for key, (stamp, value, longitude, latitude) in last.items():
        assert found[key]["value"] == pytest.approx(value)
        assert found[key]["time_end"] == datetime.fromisoformat(f"{stamp}+00:00")
        assert _place(found[key]) == pytest.approx((longitude, latitude))


def _latest(url: str, twin: str) -> list[dict[str, Any]]:
    with connect(url) as conn, conn.transaction():
        return observations.latest(conn, snapshots.resolve(conn, twin, OPERATOR))


def _place(row: dict[str, Any]) -> tuple[float, float]:
    place = shapely.from_geojson(row["geometry"])
    return place.x, place.y
