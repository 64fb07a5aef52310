"""Entities of context brokers: the same records whatever the form, on the examples of the Smart Data Models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import shapely

from ldt.errors import SourceError
from ldt.sources import describe

Rows = Callable[..., list[dict[str, Any]]]
PLACE = {"type": "Point", "coordinates": [6.95, 50.93]}
FORMS: dict[str, Any] = {
    "key-values": {"id": "urn:ngsi-ld:A:1", "type": "A", "NO2": 21.5, "location": PLACE},
    "normalized": {
        "id": "urn:ngsi-ld:A:1",
        "type": "A",
        "NO2": {"type": "Property", "value": 21.5},
        "location": {"type": "GeoProperty", "value": PLACE},
    },
    "NGSI v2": {
        "id": "urn:ngsi-ld:A:1",
        "type": "A",
        "NO2": {"type": "Number", "value": "21.5", "metadata": {}},
        "location": {"type": "geo:json", "value": PLACE},
    },
    "GeoJSON": {
        "type": "Feature",
        "id": "urn:ngsi-ld:A:1",
        "geometry": PLACE,
        "properties": {"type": "A", "NO2": {"type": "Property", "value": 21.5}},
    },
}


@pytest.mark.parametrize("form", list(FORMS))
@pytest.mark.parametrize("many", [False, True])
def test_every_form_gives_the_same(tmp_path: Path, rows: Rows, form: str, many: bool) -> None:
    path = tmp_path / "entities.json"
    one = FORMS[form]
    whole = {"type": "FeatureCollection", "features": [one]} if form == "GeoJSON" else [one]
    path.write_bytes(orjson.dumps(whole if many else one))
    (entity,) = rows("json", path, model="ngsi-ld", geometry="location")
    assert (entity["id"], entity["type"], float(entity["NO2"])) == ("urn:ngsi-ld:A:1", "A", 21.5)
    assert shapely.from_wkb(entity["geometry"]) == shapely.Point(6.95, 50.93)
    (value,) = rows("json", path, model="ngsi-ld-values")
    assert (value["attribute"], value["number"], value["unit"]) == ("NO2", 21.5, None)


def test_series_units_and_times_of_an_attribute(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "history.jsonld"
    first, last = "2025-01-01T00:00:00Z", "2025-01-01T01:00:00Z"
    content = {
        "id": "urn:ngsi-ld:A:1",
        "type": "A",
        "NO2": [
            {"type": "Property", "value": 1, "unitCode": "GQ", "observedAt": first},
            {"type": "Property", "value": 2.5, "unitCode": "GQ", "observedAt": last},
        ],
        "O3": {"type": "Property", "values": [[7, first], [8, last]]},
        "open": {"type": "Property", "value": True},
        "@context": "x",
    }
    path.write_bytes(orjson.dumps(content))
    found = [
        (r["attribute"], r["number"], r["unit"], r["observed_at"])
        for r in rows("json", path, model="ngsi-ld-values")
    ]
    assert found == [
        ("NO2", 1, "GQ", first),
        ("NO2", 2.5, "GQ", last),
        ("O3", 7, None, first),
        ("O3", 8, None, last),
        ("open", None, None, None),
    ]


def test_what_holds_no_entities_says_so(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "x.json"
    path.write_text('[{"a": 1}]')
    with pytest.raises(SourceError, match="no entities"):
        rows("json", path, model="ngsi-ld")
    path.write_text("[]")
    assert rows("json", path, model="ngsi-ld") == []


def test_a_geometry_that_cannot_be_read_is_none(tmp_path: Path, rows: Rows) -> None:
    path = tmp_path / "x.json"
    broken = [
        None,
        "x",
        {"type": "Point"},
        {"type": "Cube", "coordinates": [1]},
        {"type": "Point", "coordinates": ["a", "b"]},
        PLACE,
    ]
    path.write_bytes(orjson.dumps([{"at": [{"location": g}]} for g in broken]))
    found = [r["geometry"] for r in rows("json", path, geometry="at.0.location")]
    assert [g is not None for g in found] == [False] * 5 + [True]


def test_the_examples_of_the_models(real_data: Path, rows: Rows) -> None:
    folder = real_data / "ngsi_ld" / "smart_data_models"
    for path in sorted(folder.glob("AirQualityObserved*")):
        values = {r["attribute"].lower(): r["number"] for r in rows("json", path, model="ngsi-ld-values")}
        # Read by hand: the examples say 69 of NO2 and 45 of NO in every form.
        assert (values["no2"], values["no"]) == (69, 45), path.name
        (place,) = rows("json", path, model="ngsi-ld", geometry="location")
        assert shapely.from_wkb(place["geometry"]).x == pytest.approx(-3.712247)
    found = describe(folder / "NoiseLevelObserved_example-normalized.json")
    assert (found.format, found.reader, found.layers[0].name) == (
        "NGSI-LD entities",
        "json",
        "NoiseLevelObserved",
    )
