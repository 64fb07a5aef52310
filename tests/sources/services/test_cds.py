"""The data stores of Copernicus, by answers in the layout of their retrieve API: a request, a job that is waited for, its result."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from tests.sources.services.server import Asked, Reply, serving

from ldt.errors import RecipeError, ServiceError
from ldt.sources.services import jobs
from ldt.sources.services.cds import inputs
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service

CDS = protocol("cds")
KEY = "0a1b2c3d-secret"
DATASET = "reanalysis-era5-single-levels"
JULY = Query(
    (6.77, 50.83, 7.16, 51.08), datetime(2024, 7, 1, tzinfo=UTC), datetime(2024, 8, 1, tzinfo=UTC), "cube"
)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "FIRST", 0.01)
    monkeypatch.setenv("CDSAPI_KEY", KEY)


def service(url: str, **parameters: str) -> Service:
    known = {"product_type": "reanalysis", "variable": '["2m_temperature"]', "data_format": "netcdf"}
    return Service(
        protocol="cds",
        url=f"{url}/api",
        layer=DATASET,
        parameters={**known, **parameters},
        headers={"PRIVATE-TOKEN": "${CDSAPI_KEY}"},
    )


class Store:
    """A data store: a job goes through some states; in the end there is a file, or a reason."""

    def __init__(self, *states: str, reason: str = "", size: int | None = None) -> None:
        self.states, self.reason, self.size = list(states), reason, size
        self.inputs: dict[str, Any] = {}

    def __call__(self, asked: Asked) -> Reply:
        root = "/api/retrieve/v1"
        if asked.path.startswith("/download"):
            return Reply(b"CDF\x01 bytes", kind="application/netcdf")
        if asked.path == f"{root}/processes/{DATASET}":
            return Reply(orjson.dumps({"id": DATASET, "title": "ERA5 hourly"}))
        if asked.headers.get("private-token") != KEY:
            return Reply(
                orjson.dumps({"title": "operation not allowed", "detail": "authentication required"}), 401
            )
        if asked.path == f"{root}/processes/{DATASET}/execution":
            self.inputs = orjson.loads(asked.body)["inputs"]
            return Reply(orjson.dumps({"jobID": "f1/2", "status": "accepted"}), 201)
        if asked.path == f"{root}/jobs/f1%2F2":
            now = self.states.pop(0) if len(self.states) > 1 else self.states[0]
            return Reply(orjson.dumps({"jobID": "f1/2", "status": now}))
        if asked.path == f"{root}/jobs/f1%2F2/results":
            if self.reason:
                return Reply(orjson.dumps({"title": "The job has failed", "detail": self.reason}), 400)
            value = {"href": f"http://{asked.headers['host']}/download/a1.nc", "type": "application/netcdf"}
            size = {} if self.size is None else {"file:size": self.size}
            return Reply(orjson.dumps({"asset": {"value": {**value, **size}}}))
        return Reply("{}", 404)


def pages(
    client: Client, answer: Callable[[Asked], Reply], query: Query = JULY, **parameters: str
) -> list[Page]:
    with serving(answer) as server:
        return list(CDS.pages(client.filled(service(server.url, **parameters)), query, client))


def test_queued_running_successful(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    store = Store("accepted", "running", "running", "successful", size=10)
    (page,) = pages(client, store)
    assert (page.path.read_bytes(), page.name) == (b"CDF\x01 bytes", f"{DATASET}.nc")
    # The box is rounded outwards to quarters of a degree: north, west, south, east. The end of the period is not in it.
    assert store.inputs == {
        "product_type": "reanalysis",
        "variable": ["2m_temperature"],
        "data_format": "netcdf",
        "area": [51.25, 6.75, 50.75, 7.25],
        "date": "2024-07-01/2024-07-31",
    }
    assert KEY not in caplog.text + page.url + str(page.path)


def test_the_key_is_nowhere_on_disk(client: Client, tmp_path: Path) -> None:
    pages(client, Store("successful"))
    kept = [p for p in (tmp_path / "cache").rglob("*") if p.is_file()]
    assert kept
    assert not any(KEY.encode() in p.read_bytes() or KEY in p.name for p in kept)


def test_a_job_that_fails_says_why(client: Client) -> None:
    with pytest.raises(ServiceError, match=r"could not do it \(failed\).*the request is too large") as e:
        pages(client, Store("running", "failed", reason="the request is too large"))
    assert KEY not in str(e.value)
    with pytest.raises(ServiceError, match=r"could not do it \(rejected\)"):
        pages(client, Store("rejected", reason="over the limit"))


def test_refused_credentials(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CDSAPI_KEY", "wrong-key")
    with pytest.raises(ServiceError, match="answers 401: authentication required") as e:
        pages(client, Store("successful"))
    assert "wrong-key" not in str(e.value)
    monkeypatch.delenv("CDSAPI_KEY")
    with pytest.raises(RecipeError, match="CDSAPI_KEY, which is not set"):
        pages(client, Store("successful"))


def test_it_takes_too_long(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "PATIENCE", 0.05)
    with pytest.raises(ServiceError, match="is still running after"):
        pages(client, Store("running"))


def test_another_size_than_stated(client: Client) -> None:
    with pytest.raises(ServiceError, match="came with 10 bytes, and 99 are stated"):
        pages(client, Store("successful", size=99))


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ({"/execution": "{}"}, "gives no job"),
        ({"/execution": "[]"}, "a list where an object is due"),
        ({"/execution": "<html>"}, "does not answer with JSON"),
        ({"/results": "{}"}, "has no address"),
        ({"/results": '{"asset": {"value": {"href": "file:///etc/passwd"}}}'}, "has no address"),
    ],
)
def test_answers_that_are_none(client: Client, answers: dict[str, str], message: str) -> None:
    store = Store("successful")

    def answer(asked: Asked) -> Reply:
        told = next((text for end, text in answers.items() if asked.path.endswith(end)), None)
        return store(asked) if told is None else Reply(told)

    with pytest.raises(ServiceError, match=message):
        pages(client, answer)


def test_what_is_asked_for() -> None:
    stated = service("http://x", area="[52, 6, 50, 8]", year='["2020"]')
    assert inputs(stated, JULY)["area"] == [52, 6, 50, 8]
    assert "date" not in inputs(stated, JULY)
    assert "area" not in inputs(service("http://x", date="2024-01-01"), Query())
    with pytest.raises(RecipeError, match="no `date` or `year`"):
        inputs(service("http://x"), Query())
    with pytest.raises(RecipeError, match="is no JSON"):
        inputs(service("http://x", time="[00:00]"), JULY)


def test_probe(client: Client) -> None:
    """The description of a data set needs no key: it is not sent a wrong one either."""
    with serving(Store("successful")) as server:
        probe = CDS.probe(service(server.url), client)
    assert (probe.state, probe.message) == ("ok", "data set ERA5 hourly")
    with serving(lambda asked: Reply("{}", 404)) as server:
        assert CDS.probe(service(server.url), client).state == "failed"
