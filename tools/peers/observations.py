"""A SensorThings API with three stations and their hourly NO2, for the tests of `sensorthings`. Run by .peers/bin/python: PORT COUNT.

The package makes the protocol (paths, paging, $expand, $count); what it is given to serve stands here. Prints its address when
it listens.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

STATIONS = 3
_BEGIN = datetime(2025, 1, 1, tzinfo=UTC)
_MEASUREMENT = "http://www.opengis.net/def/observationType/OGC-OM/2.0/OM_Measurement"


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _things() -> dict[str, dict[str, Any]]:
    return {
        f"t{i}": {"id": f"t{i}", "name": f"Station {i}", "description": "a station"} for i in range(STATIONS)
    }


def _locations() -> dict[str, dict[str, Any]]:
    return {
        f"l{i}": {
            "id": f"l{i}",
            "name": f"Place {i}",
            "description": "a place",
            "encoding_type": "application/geo+json",
            "location": {
                "type": "Feature",
                "properties": {},
                "geometry": {"type": "Point", "coordinates": [6.9 + i / 100, 50.9 + i / 100]},
            },
            "thing_ids": [f"t{i}"],
        }
        for i in range(STATIONS)
    }


def _datastreams() -> dict[str, dict[str, Any]]:
    unit = {"name": "microgram per cubic metre", "symbol": "ug/m3", "definition": "http://unitsofmeasure.org"}
    return {
        f"d{i}": {
            "id": f"d{i}",
            "name": f"NO2 of station {i}",
            "description": "hourly means",
            "unit_of_measurement": unit,
            "observation_type": _MEASUREMENT,
            "thing_id": f"t{i}",
            "sensor_id": "s",
            "observed_property_id": "no2",
        }
        for i in range(STATIONS)
    }


def _observations(count: int) -> dict[str, dict[str, Any]]:
    found = {}
    for i in range(count):
        begin = _BEGIN + timedelta(hours=i // STATIONS)
        ends = (begin, begin + timedelta(hours=1))
        found[f"o{i}"] = {
            "id": f"o{i}",
            "phenomenon_time": "/".join(t.strftime("%Y-%m-%dT%H:%M:%SZ") for t in ends),
            "result": float(i % 97),
            "result_time": None,
            "datastream_id": f"d{i % STATIONS}",
            "feature_of_interest_id": "f",
        }
    return found


def main(port: int, count: int) -> None:
    """Serve."""
    import django
    from django.conf import settings

    settings.configure(
        DEBUG="--debug" in sys.argv,
        ROOT_URLCONF=__name__,
        ALLOWED_HOSTS=["127.0.0.1"],
        SECRET_KEY="none",  # noqa: S106 - nothing here is signed
        MIDDLEWARE=["sensorthings.middleware.SensorThingsMiddleware"],
        PROXY_BASE_URL=f"http://127.0.0.1:{port}",
    )
    django.setup()
    from django.core.wsgi import get_wsgi_application
    from django.urls import path
    from sensorthings import SensorThingsAPI
    from sensorthings.engine import SensorThingsBaseEngine

    tables = {
        "things": _things(),
        "locations": _locations(),
        "datastreams": _datastreams(),
        "observations": _observations(count),
        "observed_properties": {
            "no2": {"id": "no2", "name": "NO2", "definition": "http://example.org/no2", "description": "x"}
        },
        "sensors": {},
        "features_of_interest": {},
        "historical_locations": {},
    }

    def getter(name: str) -> Any:
        def get(_self: Any, *, pagination: dict[str, int] | None = None, **asked: Any) -> Any:
            rows = [r for r in tables[name].values() if _asked_for(r, name, asked)]
            window = pagination or {"skip": 0, "top": len(rows)}
            page = rows[window["skip"] :][: window["top"]]
            return {r["id"]: dict(r) for r in page}, len(rows)

        return get

    def unwritable(*_: object, **__: object) -> None:
        raise NotImplementedError("this server is read only")

    methods = dict.fromkeys(SensorThingsBaseEngine.__abstractmethods__, unwritable)
    methods |= {f"get_{name}": getter(name) for name in tables}
    engine = type("Engine", (SensorThingsBaseEngine,), methods)
    sys.modules[__name__].urlpatterns = [
        path("sensorthings/v1.1/", SensorThingsAPI(engine=engine, docs_url=None).urls)
    ]
    server = make_server("127.0.0.1", port, get_wsgi_application(), handler_class=_Quiet)
    sys.stdout.write(f"http://127.0.0.1:{port}/sensorthings/v1.1\n")
    sys.stdout.flush()
    server.serve_forever()


def _asked_for(row: dict[str, Any], name: str, asked: dict[str, Any]) -> bool:
    """Whether a row is among those asked for by its own or by its relations' identifiers (`thing_ids=[…]`)."""
    for key, wanted in asked.items():
        if not key.endswith("_ids") or wanted is None:
            continue
        own = row.get(key, row.get(key.removesuffix("s")))
        if own is None:
            own = row["id"]
        if not set(own if isinstance(own, list) else [own]) & set(_texts(wanted)):
            return False
    return True


def _texts(values: Iterable[Any]) -> list[str]:
    return [str(v) for v in values]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
