"""The EEA's download service, against a real server in its documented layout, healthy and not; what its files become is seen through the recipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.sources.services.server import Asked, Reply, Server, serving

from ldt.errors import RecipeError, ServiceError, ServiceZero
from ldt.sources.services.eea_air import body, listed_urls
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service

POLLUTANT = "http://dd.eionet.europa.eu/vocabulary/aq/pollutant/"


def parquet(point: str) -> bytes:
    table = pa.table({"Samplingpoint": [point], "Pollutant": pa.array([8], pa.int32())})
    sink = BytesIO()
    pq.write_table(table, sink)
    return sink.getvalue()


@dataclass
class Agency:
    """What the service has: files by (data set, country), and what goes wrong."""

    files: dict[tuple[int, str], list[str]]
    counted: int | None = None
    spoilt: dict[str, list[Reply]] = field(default_factory=dict)
    header: str = "ParquetFileUrl\r\n"
    url: str = ""

    def __call__(self, asked: Asked) -> Reply:
        waiting = self.spoilt.get(asked.path)
        if waiting:
            return waiting.pop(0)
        if asked.path in {"/Country", "/elsewhere"}:
            return Reply(json.dumps([{"countryCode": c} for c in ("DE", "MT")]))
        if asked.headers.get("if-none-match") == '"1"':
            return Reply(status=304)
        if asked.path.endswith(".parquet"):
            return Reply(
                parquet(asked.path.rpartition("/")[2]),
                kind="application/octet-stream",
                headers={"ETag": '"1"'},
            )
        wanted = json.loads(asked.body)
        assert asked.headers["content-type"] == "application/json"
        names = [n for c in wanted["countries"] for n in self.files.get((wanted["dataset"], c), [])]
        if asked.path == "/DownloadSummary":
            return Reply(json.dumps({"numberFiles": len(names) if self.counted is None else self.counted, "size": 1}))  # fmt: skip
        assert asked.path == "/ParquetFile/urls"
        return Reply(self.header + "".join(f"{self.url}/{n}\r\n" for n in names), kind="text/csv")


MALTA = ["MT/SPO-MT00003_00001_100.parquet", "MT/SPO-MT00003_00005_100.parquet"]


@contextmanager
def agency(**what: Any) -> Iterator[tuple[Server, Agency]]:
    has = Agency(**{"files": {(2, "MT"): MALTA}, **what})
    with serving(has) as server:
        has.url = server.url
        yield server, has


def service(server: Server, layer: str = "verified", **parameters: str) -> Service:
    return Service(
        protocol="eea-air", url=server.url, layer=layer, parameters={"countries": "MT", **parameters}
    )


def fetch(client: Client, asked: Service, query: Query | None = None) -> list[Page]:
    return list(protocol("eea-air").pages(asked, query or Query(), client))


def test_each_file_of_the_list_is_a_page(client: Client) -> None:
    with agency() as (server, _):
        pages = fetch(client, service(server))
    assert [p.url.rpartition("/")[2] for p in pages] == [n.rpartition("/")[2] for n in MALTA]
    assert [pq.read_table(p.path)["Samplingpoint"][0].as_py() for p in pages] == [n[3:] for n in MALTA]


def test_an_interrupted_fetch_goes_on_with_what_it_has(client: Client) -> None:
    with agency(spoilt={f"/{MALTA[1]}": [Reply(status=404)]}) as (server, _):
        with pytest.raises(ServiceError, match="404"):
            fetch(client, service(server))
        pages = fetch(client, service(server))
    assert [p.cached for p in pages] == [True, False]


def test_what_is_asked_for() -> None:
    asked = Service(
        protocol="eea-air",
        url="https://eea.example/?cities=Bruxelles / Brussel;Gent&countries=be,nl",
        layer="1",
        parameters={"countries": "MT", "pollutants": "NO2, 5,PM2.5", "aggregation": "hour"},
    )
    begin, end = datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC)
    assert body(asked, Query(begin=begin, end=end)) == {
        "countries": ["BE", "NL"],
        "cities": ["Bruxelles / Brussel", "Gent"],
        "pollutants": ["NO2", f"{POLLUTANT}5", "PM2.5"],
        "dataset": 1,
        "dateTimeStart": "2024-01-01T00:00:00Z",
        "dateTimeEnd": "2025-01-01T00:00:00Z",
        "aggregationType": "hour",
    }
    bare = Service(protocol="eea-air", url="https://eea.example", parameters={"countries": "MT"})
    assert body(bare, Query()) == {"countries": ["MT"], "cities": [], "pollutants": [], "dataset": 2}


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"parameters": {}}, "no country is named"),
        ({"parameters": {"countries": "MT", "aggregation": "PT1H"}}, "no aggregation 'PT1H'"),
        ({"parameters": {"country": "MT"}}, "the service has no country"),
        ({"layer": "4", "parameters": {"countries": "MT"}}, "no data set '4'"),
    ],
)
def test_a_query_that_the_service_does_not_have(said: dict[str, Any], told: str) -> None:
    with pytest.raises(RecipeError, match=told):
        body(Service(protocol="eea-air", url="https://eea.example", **said), Query())


# Nothing, and nothing at all ------------------------------------------------------------------------------------------


def test_no_data_for_a_query_is_no_error(client: Client) -> None:
    with agency() as (server, _):
        assert fetch(client, service(server, countries="DE")) == []


@pytest.mark.parametrize("layer", ["1", "2"])
def test_a_service_that_counts_zero_for_everything_is_told_apart(client: Client, layer: str) -> None:
    """As seen on 2026-08-16: no files in the first two data sets for any country, while the archive answered."""
    with agency(files={(3, "MT"): MALTA}) as (server, _):
        with pytest.raises(ServiceZero, match=f"no files in the data set {layer}, for any country"):
            fetch(client, service(server, layer))
        assert len(fetch(client, service(server, "historical"))) == 2
        probe = protocol("eea-air").probe(service(server, layer), client)
    assert (probe.state, probe.status) == ("zero", 200)


# What goes wrong ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 429, 503])
def test_passing_trouble_is_outlived(client: Client, status: int) -> None:
    spoilt = {
        path: [Reply(status=status)] for path in ("/DownloadSummary", "/ParquetFile/urls", f"/{MALTA[0]}")
    }
    with agency(spoilt=spoilt) as (server, _):
        assert len(fetch(client, service(server))) == 2
        assert len(server.asked) == 7


def test_a_service_that_stays_broken_is_named(client: Client) -> None:
    with agency(spoilt={"/DownloadSummary": [Reply(status=500)] * 9}) as (server, _):
        with pytest.raises(ServiceError, match="500") as error:
            fetch(client, service(server))
        assert server.url in str(error.value)


def test_fewer_files_than_counted_are_an_error(client: Client) -> None:
    with agency(counted=3) as (server, _), pytest.raises(ServiceError, match="lists 2 files, and counts 3"):
        fetch(client, service(server))


@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (Reply(parquet("x")[:-10], kind="application/octet-stream"), "not whole"),
        (Reply(b"PAR1", kind="application/octet-stream"), "not whole"),
        (Reply("<html><body>Moved</body></html>", kind="text/html"), "page for people"),
        (Reply(status=404), "404"),
    ],
)
def test_a_file_that_is_none(client: Client, reply: Reply, told: str) -> None:
    with agency(spoilt={f"/{MALTA[1]}": [reply]}) as (server, _), pytest.raises(ServiceError, match=told):
        fetch(client, service(server))


def test_a_file_that_breaks_off_once_is_fetched_again(client: Client) -> None:
    whole = parquet(MALTA[0])
    with agency(spoilt={f"/{MALTA[0]}": [Reply(whole, kind="application/octet-stream", cut=len(whole) // 2)]}) as (server, _):  # fmt: skip
        assert len(fetch(client, service(server))) == 2


@pytest.mark.parametrize(
    ("path", "reply", "told"),
    [
        ("/ParquetFile/urls", Reply("<!DOCTYPE html><html></html>", kind="text/html"), "page for people"),
        ("/ParquetFile/urls", Reply("ParquetFileUrl\r\nError: timeout", kind="text/csv"), "no address: Error: timeout"),
        ("/DownloadSummary", Reply("<html></html>", kind="text/html"), "does not answer with JSON"),
        ("/DownloadSummary", Reply('{"size": 0}'), "without a number of files"),
    ],
)  # fmt: skip
def test_an_answer_of_another_kind(client: Client, path: str, reply: Reply, told: str) -> None:
    with agency(spoilt={path: [reply]}) as (server, _), pytest.raises(ServiceError, match=told):
        fetch(client, service(server))


@pytest.mark.parametrize(
    ("spoilt", "state", "said"),
    [
        ({}, "ok", "2 files of this query"),
        ({"/Country": [Reply(status=301, headers={"Location": "/elsewhere"})] * 2}, "moved", "/elsewhere"),
        ({"/DownloadSummary": [Reply(status=500)] * 9}, "failed", "500"),
    ],
)
def test_probe(client: Client, spoilt: dict[str, Any], state: str, said: str) -> None:
    with agency(spoilt=spoilt) as (server, _):
        probe = protocol("eea-air").probe(service(server), client)
    assert probe.state == state
    assert said in probe.message


def test_the_recipe_without_a_country_can_be_probed(client: Client) -> None:
    with agency() as (server, _):
        probe = protocol("eea-air").probe(Service(protocol="eea-air", url=server.url), client)
    assert (probe.state, probe.records) == ("ok", 2)


# Lists of addresses ---------------------------------------------------------------------------------------------------


def test_lists_of_addresses() -> None:
    assert listed_urls('\ufeffParquetFileUrl\r\nhttps://a/1.parquet\r\n"https://a/1.parquet"\n\nhttps://a/2.parquet') == [
        "https://a/1.parquet",
        "https://a/2.parquet",
    ]  # fmt: skip
    assert listed_urls("https://a/1.parquet\n") == ["https://a/1.parquet"]
    with pytest.raises(ValueError, match="oops"):
        listed_urls("ParquetFileUrl\noops")


@pytest.mark.parametrize(
    ("file", "count", "last"),
    [
        ("eea_aqdl/MT_Historical_Valletta.csv", 22, ".parquet"),
        ("eea_legacy/Legacy_MT_SO2.csv", 5, "_timeseries.csv"),
    ],
)
def test_the_services_own_lists(real_data: Path, file: str, count: int, last: str) -> None:
    urls = listed_urls((real_data / "airquality" / file).read_text(encoding="utf-8"))
    assert len(urls) == count
    assert all(u.endswith(last) for u in urls)


def test_a_real_list_is_fetched_whole(client: Client, real_data: Path) -> None:
    """The list that the service answered for Valletta, at another host: 22 files."""
    listed = (real_data / "airquality/eea_aqdl/MT_Historical_Valletta.csv").read_text(encoding="utf-8")

    def answers(asked: Asked) -> Reply:
        if asked.path == "/DownloadSummary":
            return Reply('{"numberFiles": 22, "size": 3}')
        if asked.path == "/ParquetFile/urls":
            return Reply(
                listed.replace("https://eeadmz1batchservice02.blob.core.windows.net", server.url),
                kind="text/csv",
            )
        return Reply(parquet(asked.path), kind="application/octet-stream")

    with serving(answers) as server:
        pages = fetch(client, service(server, "3", cities="Valletta"))
    assert len({p.url for p in pages}) == 22
