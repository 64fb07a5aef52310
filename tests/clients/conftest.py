"""The sample city behind `ldt serve`, a process of its own, and what its database holds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx
import psycopg
import pytest
from tests.clients.recorder import Recorder, recorded
from tests.e2e.serving import served


@dataclass(frozen=True)
class City:
    """The service and, beside it, the truth.

    Attributes:
        twin: the landing page, as a person would type it.
        recorder: notes what is asked.
        counts: how many items each collection has, counted in the database.
        url: of the database.
    """

    twin: str
    recorder: Recorder
    counts: dict[str, int]
    url: str

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Ask the database."""
        with psycopg.connect(self.url) as conn:
            return conn.execute(sql).fetchall()


_FEATURES = (
    "SELECT d.feature_type, count(*) FROM ldt.feature f JOIN ldt.dataset d ON d.id = f.dataset_id"
    " WHERE f.until IS NULL GROUP BY 1"
)
_STATIONS = (
    "SELECT 'series.' || d.name, count(DISTINCT s.thing) FROM ldt.datastream s JOIN ldt.dataset d ON d.id = s.dataset_id"
    " GROUP BY 1"
)
#: Indicator values, each with its area; the catalogue.
_ONE_OF_A_KIND = (
    "SELECT 'indicator-values', count(*) FROM ldt.value WHERE until IS NULL"
    " UNION ALL SELECT 'datasets', count(*) FROM ldt.dataset WHERE NOT upper_inf(removed)"
)


def counted(url: str) -> dict[str, int]:
    """Count in the database what each collection must hold, by its id."""
    with psycopg.connect(url) as conn:
        return {
            str(name): int(number)
            for sql in (_FEATURES, _STATIONS, _ONE_OF_A_KIND)
            for name, number in conn.execute(sql)
        }


@pytest.fixture(scope="session")
def city(sample_city_url: str) -> Iterator[City]:
    """The sample city, served."""
    with served(sample_city_url) as service, recorded(service) as recorder:
        with httpx.Client(timeout=60, transport=httpx.HTTPTransport(retries=20)) as client:
            listed = client.get(f"{service}/twins/sample-city/collections").json()["collections"]
        truth = counted(sample_city_url)
        counts = {one["id"]: truth[one["id"]] for one in listed if one["itemType"] != "coverage"}
        assert len(counts) >= 10
        yield City(f"{recorder.address}/twins/sample-city/", recorder, counts, sample_city_url)


@pytest.fixture
def asked(city: City) -> Recorder:
    """What was asked since the test began."""
    city.recorder.asked.clear()
    return city.recorder
