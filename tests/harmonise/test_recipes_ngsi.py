"""Recipes for context brokers and sensors, and for services that they are shipped for: fixtures in the published layouts, written here, through a real ingest."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.pipeline.cityfiles import make_twin

from ldt.harmonise.recipe import load_recipe
from ldt.pipeline.ingest import Ingested, ingest
from ldt.store.connect import connect

PLACE = {"type": "Point", "coordinates": [6.95, 50.93]}


def put(database: str, tmp_path: Path, recipe: str, document: Any, name: str = "x.json") -> Ingested:
    path = tmp_path / name
    path.write_bytes(orjson.dumps(document) if not isinstance(document, str) else document.encode())
    make_twin(database)
    return ingest(database, "town", load_recipe(recipe), [path])


def observed(database: str) -> list[tuple[Any, ...]]:
    """(thing, observed property, begin, end, averaging, value, unit), sorted."""
    sql = """SELECT d.thing, d.observed_property, to_char(o.time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'),
        to_char(o.time_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI'), d.averaging, o.value, d.unit
        FROM ldt.observation o JOIN ldt.datastream d ON d.id = o.datastream_id ORDER BY 1, 2, 3"""
    with connect(database) as conn:
        return conn.execute(sql).fetchall()


def features(database: str) -> list[tuple[Any, ...]]:
    with connect(database) as conn:
        return conn.execute(
            "SELECT local_id, round(ST_X(ST_Centroid(geom))::numeric, 4)::float, round(ST_Y(ST_Centroid(geom))::numeric, 4)::float, properties FROM ldt.feature ORDER BY 1"
        ).fetchall()


def normalized(**values: Any) -> dict[str, Any]:
    return {name: {"type": "Property", "value": value} for name, value in values.items()}


@pytest.mark.parametrize("typed", [False, True])
def test_noise_levels(database_url: str, tmp_path: Path, typed: bool) -> None:
    """An hour of levels; the day's level; an attribute that is no level; a unit by its UN/CEFACT code. Typed times as JSON-LD has them."""

    def time(text: str) -> Any:
        return {"@type": "DateTime", "@value": text} if typed else text

    entity = {
        "id": "urn:ngsi-ld:NoiseLevelObserved:Market-2025-06-01T10:00:00_2025-06-01T11:00:00",
        "type": "NoiseLevelObserved",
        **normalized(LAeq=67.8, LAmax=94.5, LAeq_d=65.4, sonometerClass="1"),
        "LAS": {"type": "Property", "value": 91.6, "unitCode": "2N"},
        **normalized(
            dateObservedFrom=time("2025-06-01T10:00:00Z"), dateObservedTo=time("2025-06-01T11:00:00Z")
        ),
        "location": {"type": "GeoProperty", "value": PLACE},
    }
    done = put(database_url, tmp_path, "ngsi/noise-level-observed", [entity])
    # sonometerClass and the two times are values that are not selected.
    assert (done.tally.accepted, done.tally.outside, done.tally.rejected) == (4, 3, 0), done.tally.reasons
    market, begin, end = "urn:ngsi-ld:NoiseLevelObserved:Market", "2025-06-01T10:00", "2025-06-01T11:00"
    assert observed(database_url) == [
        (market, "LAS", begin, end, "PT1H", 91.6, "dB[SPL]"),
        (market, "LAeq", begin, end, "PT1H", 67.8, "dB[SPL]"),
        (market, "LAeq-day", begin, end, "PT1H", 65.4, "dB[SPL]"),
        (market, "LAmax", begin, end, "PT1H", 94.5, "dB[SPL]"),
    ]


@pytest.mark.parametrize("form", ["-normalized.json", "-normalized.jsonld", ".jsonld"])
def test_the_example_of_noise(database_url: str, real_data: Path, form: str) -> None:
    make_twin(database_url)
    path = real_data / "ngsi_ld/smart_data_models" / f"NoiseLevelObserved_example{form}"
    done = ingest(database_url, "town", load_recipe("ngsi/noise-level-observed"), [path])
    assert (done.tally.accepted, done.tally.rejected) == (4, 0), done.tally.reasons
    assert [(o[1], o[2], o[4], o[5]) for o in observed(database_url)] == [
        ("LAS", "2016-12-28T11:00", "PT1H", 91.6),
        ("LAeq", "2016-12-28T11:00", "PT1H", 67.8),
        ("LAeq-day", "2016-12-28T11:00", "PT1H", 65.4),
        ("LAmax", "2016-12-28T11:00", "PT1H", 94.5),
    ]


def test_weather(database_url: str, tmp_path: Path) -> None:
    """Units as they are stated (77 °F are none that is known here), else the model's; a share of 0.63 are 63 %; 36 km/h are 10 m/s."""
    entity = {
        "id": "urn:ngsi-ld:WeatherObserved:Roof-2025-06-01T10:00:00Z",
        "type": "WeatherObserved",
        **normalized(
            temperature=21.5, relativeHumidity=0.63, precipitation=0, dateObserved="2025-06-01T10:00:00Z"
        ),
        "refDevice": {"type": "Relationship", "object": "urn:ngsi-ld:Device:7"},
        "windSpeed": {"type": "Property", "value": 36, "unitCode": "KMH"},
        "atmosphericPressure": {"type": "Property", "value": 1013.2, "observedAt": "2025-06-01T10:05:00Z"},
    }
    done = put(database_url, tmp_path, "ngsi/weather-observed", entity)
    assert (done.tally.accepted, done.tally.rejected) == (5, 0), done.tally.reasons
    found = {o[1]: (o[0], o[2], o[4], round(o[5], 6), o[6]) for o in observed(database_url)}
    device, at = "urn:ngsi-ld:Device:7", "2025-06-01T10:00"
    assert found == {
        "air-temperature": (device, at, "PT0S", 21.5, "Cel"),
        "relative-humidity": (device, at, "PT0S", 63.0, "%"),
        "precipitation": (device, at, "PT0S", 0.0, "mm"),
        "wind-speed": (device, at, "PT0S", 10.0, "m/s"),
        "air-pressure": (device, "2025-06-01T10:05", "PT0S", 1013.2, "hPa"),
    }


def test_air_quality_and_its_places(database_url: str, tmp_path: Path) -> None:
    """Two hours of one station: three values each; the second entity repeats the place."""
    entities = [
        {
            "id": f"urn:ngsi-ld:AirQualityObserved:A-2025-06-01T{hour}:00:00Z",
            "type": "AirQualityObserved",
            "stationCode": "A",
            "stationName": "Market",
            "dateObserved": f"2025-06-01T{hour}:00:00Z/2025-06-01T{hour + 1}:00:00Z",
            "NO2": 20 + hour,
            "CO": {"type": "Property", "value": 0.4, "unitCode": "GP"},
            "pm25": 8,
            "location": PLACE,
        }
        for hour in (10, 11)
    ]
    done = put(database_url, tmp_path, "ngsi/air-quality-observed", entities)
    assert (done.tally.accepted, done.tally.rejected) == (6, 0), done.tally.reasons
    found = [(o[0], o[1], o[2], o[3], o[4], o[5], o[6]) for o in observed(database_url)]
    assert found[2:4] == [
        ("A", "NO2", "2025-06-01T10:00", "2025-06-01T11:00", "PT1H", 30.0, "ug/m3"),
        ("A", "NO2", "2025-06-01T11:00", "2025-06-01T12:00", "PT1H", 31.0, "ug/m3"),
    ]
    assert {(o[1], o[5], o[6]) for o in found} >= {("CO", 0.4, "mg/m3"), ("PM2.5", 8.0, "ug/m3")}
    places = ingest(database_url, "town", load_recipe("ngsi/places"), [tmp_path / "x.json"])
    assert (places.tally.accepted, places.tally.duplicate) == (1, 1)
    assert features(database_url) == [("A", 6.95, 50.93, {"code": "A", "name": "Market", "type": "sensor"})]


def test_devices(database_url: str, tmp_path: Path) -> None:
    """One that stands somewhere, in the normalized form, and one whose place nobody tells, as key-values."""
    entities = [
        {
            "id": "urn:ngsi-ld:Device:1",
            "type": "Device",
            **normalized(name="Lamp post 7"),
            "location": {"type": "GeoProperty", "value": PLACE},
        },
        {"id": "urn:ngsi-ld:Device:2", "type": "Device", "name": "In a drawer"},
    ]
    done = put(database_url, tmp_path, "ngsi/devices", entities)
    assert (done.tally.read, done.tally.accepted) == (2, 2), done.tally.reasons
    found = [(f[0], f[1], f[2], f[3]["name"], f[3]["type"]) for f in features(database_url)]
    assert found == [
        ("urn:ngsi-ld:Device:1", 6.95, 50.93, "Lamp post 7", "sensor"),
        ("urn:ngsi-ld:Device:2", None, None, "In a drawer", "sensor"),
    ]


def test_addresses_of_cologne(database_url: str, tmp_path: Path) -> None:
    """A page of the city's WFS, in the layout of its schema. The corner is (6.95, 50.93) in UTM 32, by pyproj."""
    member = """<wfs:member><a:Altstadt_Nord gml:id="Altstadt_Nord.{0}"><a:objectid>{0}</a:objectid><a:Adresse>Am Hof {0}</a:Adresse>
    <a:Hausnummer>{0}</a:Hausnummer><a:Shape><gml:Point gml:id="p{0}" srsName="urn:ogc:def:crs:EPSG::25832"><gml:pos>{1}</gml:pos></gml:Point></a:Shape></a:Altstadt_Nord></wfs:member>"""
    page = (
        '<wfs:FeatureCollection xmlns:wfs="http://www.opengis.net/wfs/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:a="https://geoportal.example/adressen">'
        + member.format(1, "355942.28 5644041.89")
        + member.format(2, "355952.28 5644041.89")
        + "</wfs:FeatureCollection>"
    )
    done = put(database_url, tmp_path, "services/cologne-addresses", page, "page.gml")
    assert (done.tally.read, done.tally.accepted) == (2, 2), done.tally.reasons
    found = features(database_url)
    assert [f[0] for f in found] == ["1", "2"]
    assert found[0][1:3] == pytest.approx((6.95, 50.93), abs=1e-4)
    assert "Am Hof 1" in str(found[0][3])


def test_municipalities_of_the_netherlands(database_url: str, tmp_path: Path) -> None:
    ring = [[4.8, 52.3], [5.0, 52.3], [5.0, 52.4], [4.8, 52.4], [4.8, 52.3]]
    feature = {
        "type": "Feature",
        "id": "x",
        "geometry": {"type": "MultiPolygon", "coordinates": [[ring]]},
        "properties": {"identificatie": "GM0363", "naam": "Amsterdam", "code": "0363"},
    }
    bare = {**feature, "properties": {"identificatie": "GM0000", "naam": None, "code": "0000"}}
    document = {"type": "FeatureCollection", "features": [feature, bare]}
    done = put(database_url, tmp_path, "services/nl-municipalities", document, "page.geojson")
    assert (done.tally.accepted, done.tally.rejected) == (1, 1), done.tally.reasons
    ((local_id, x, y, properties),) = features(database_url)
    assert (local_id, x, y) == ("GM0363", 4.9, 52.35)
    assert properties == {"scheme": "municipality", "code": "0363", "name": "Amsterdam", "country": "NL"}


def test_sensorthings_in_files(database_url: str, tmp_path: Path) -> None:
    """An hour's mean and a value of the moment, in the layout of OGC 18-088; the place of the Thing."""
    datastream = {
        "@iot.id": 5,
        "name": "NO2 at the market",
        "unitOfMeasurement": {"name": "µg/m³", "symbol": "ug/m3"},
        "ObservedProperty": {"name": "NO2"},
        "Thing": {"@iot.id": 7},
    }
    observations = [
        {
            "@iot.id": 1,
            "phenomenonTime": "2025-06-01T10:00:00Z/2025-06-01T11:00:00Z",
            "result": 30.5,
            "Datastream": datastream,
        },
        {"@iot.id": 2, "phenomenonTime": "2025-06-01T11:30:00Z", "result": 31, "Datastream": datastream},
    ]
    done = put(database_url, tmp_path, "services/sensorthings-observations", {"value": observations})
    assert (done.tally.read, done.tally.accepted) == (2, 2), done.tally.reasons
    assert observed(database_url) == [
        ("7", "NO2", "2025-06-01T10:00", "2025-06-01T11:00", "PT1H", 30.5, "ug/m3"),
        ("7", "NO2", "2025-06-01T11:30", "2025-06-01T11:30", "PT0S", 31.0, "ug/m3"),
    ]
    things = {"value": [{"@iot.id": 7, "name": "Market", "Locations": [{"location": PLACE}]}]}
    path = tmp_path / "things.json"
    path.write_bytes(orjson.dumps(things))
    placed = ingest(database_url, "town", load_recipe("services/sensorthings-things"), [path])
    assert placed.tally.accepted == 1
    ((code, x, y, properties),) = features(database_url)
    assert (code, x, y, properties["name"]) == ("7", 6.95, 50.93, "Market")
