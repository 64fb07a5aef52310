"""SOS 2.0 and 1.0 against a real server that slices its observations by time as servers do, strictly or not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.sources.services.server import Asked, Reply, Server, serving

from ldt.errors import RecipeError, ServiceError, ServiceZero, SourceError
from ldt.sources import read
from ldt.sources.services.describe import describe_address
from ldt.sources.services.http import Client
from ldt.sources.services.registry import protocol
from ldt.sources.services.service import Page, Query, Service
from ldt.sources.services.sos import offerings
from ldt.timerange import parse_instant

SPACES = 'xmlns:sos="http://www.opengis.net/sos/2.0" xmlns:swes="http://www.opengis.net/swes/2.0" xmlns:om="http://www.opengis.net/om/2.0" xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:wml2="http://www.opengis.net/waterml/2.0" xmlns:xlink="http://www.w3.org/1999/xlink"'
OLD = SPACES.replace("sos/2.0", "sos/1.0")
#: 40 values, one every three days: some lie exactly where a slice of 15 days, or of a month, ends.
TIMES = [datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=3 * i) for i in range(40)]
TOO_LARGE = '<ows:ExceptionReport xmlns:ows="http://www.opengis.net/ows/1.1"><ows:Exception exceptionCode="ResponseExceedsSizeLimit"><ows:ExceptionText>The response exceeds the size limit</ows:ExceptionText></ows:Exception></ows:ExceptionReport>'
NO_OFFERING = TOO_LARGE.replace("ResponseExceedsSizeLimit", "InvalidParameterValue").replace("The response exceeds the size limit", "Unknown procedure")  # fmt: skip


def stamp(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class Gauge:
    """A service of one offering. `strict` leaves out values at the bounds of a filter; `most` is how many it gives at once."""

    strict: bool = True
    most: int = 1000
    old: bool = False
    silent: bool = False
    offers: int = 1

    def __call__(self, asked: Asked) -> Reply:
        request = asked.query["request"]
        if request == "GetCapabilities":
            return Reply(self.capabilities(), kind="application/xml")
        assert asked.query["version"] == ("1.0.0" if self.old else "2.0.0")
        if request == "GetFeatureOfInterest":
            assert asked.query["procedure"] == "urn:p:1"
            return Reply(f"<sos:GetFeatureOfInterestResponse {SPACES}/>", kind="application/xml")
        assert asked.query["offering"] == "level-1"
        if self.old:
            span = asked.query["eventtime"]
            assert asked.query["observedproperty"] == "urn:x:WaterLevel"
        else:
            reference, _, span = asked.query["temporalfilter"].partition(",")
            assert reference == "om:phenomenonTime"
            assert asked.query["responseformat"] == "http://www.opengis.net/waterml/2.0"
        begin, end = map(parse_instant, span.split("/"))
        inside = [t for t in TIMES if (begin < t < end if self.strict else begin <= t <= end)]
        if len(inside) > self.most:
            return Reply(TOO_LARGE, kind="application/xml")
        return Reply(self.answer([] if self.silent else inside), kind="application/xml")

    def capabilities(self) -> str:
        span = f"<gml:TimePeriod><gml:beginPosition>{stamp(TIMES[0])}</gml:beginPosition><gml:endPosition>{stamp(TIMES[-1])}</gml:endPosition></gml:TimePeriod>"
        if self.old:
            one = f'<sos:ObservationOffering gml:id="o1"><gml:name>level-1</gml:name><sos:time>{span}</sos:time><sos:procedure xlink:href="urn:p:1"/><sos:observedProperty xlink:href="urn:x:WaterLevel"/></sos:ObservationOffering>'
            return f'<sos:Capabilities {OLD} version="1.0.0"><sos:Contents>{one * self.offers}</sos:Contents></sos:Capabilities>'
        one = f"<swes:offering><sos:ObservationOffering><swes:identifier>level-1</swes:identifier><swes:name>Gauge</swes:name><swes:procedure>urn:p:1</swes:procedure><swes:observableProperty>urn:x:WaterLevel</swes:observableProperty><sos:phenomenonTime>{span}</sos:phenomenonTime><sos:responseFormat>http://www.opengis.net/om/2.0</sos:responseFormat><sos:responseFormat>http://www.opengis.net/waterml/2.0</sos:responseFormat></sos:ObservationOffering></swes:offering>"
        return f'<sos:Capabilities {SPACES} version="2.0.0"><sos:contents><sos:Contents>{one * self.offers}</sos:Contents></sos:contents></sos:Capabilities>'

    def answer(self, times: list[datetime]) -> str:
        points = "".join(
            f"<wml2:point><wml2:MeasurementTVP><wml2:time>{stamp(t)}</wml2:time><wml2:value>{TIMES.index(t)}</wml2:value></wml2:MeasurementTVP></wml2:point>"
            for t in times
        )
        one = f'<sos:observationData><om:OM_Observation><om:procedure xlink:href="urn:p:1"/><om:observedProperty xlink:href="urn:x:WaterLevel"/><om:featureOfInterest xlink:href="urn:f:1"/><om:result><wml2:MeasurementTimeseries>{points}</wml2:MeasurementTimeseries></om:result></om:OM_Observation></sos:observationData>'
        return f"<sos:GetObservationResponse {SPACES}>{one if times else ''}</sos:GetObservationResponse>"


@contextmanager
def gauge(**what: Any) -> Iterator[Server]:
    with serving(Gauge(**what)) as server:
        yield server


def fetch(client: Client, server: Server, query: Query | None = None, **said: Any) -> list[Page]:
    service = Service(protocol="sos", url=f"{server.url}/sos?service=SOS", **{"layer": "level-1", **said})
    return list(protocol("sos").pages(service, query or Query(), client))


def values(pages: list[Page]) -> list[int]:
    return [int(v) for p in pages for b in read("om", p.path, {}) for v in b.records["value"].to_pylist()]


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("slice_", ["P15D", "P1M", "P1Y"])
def test_nothing_is_lost_at_the_bounds_of_slices(client: Client, slice_: str, old: bool) -> None:
    with gauge(old=old) as server:
        pages = fetch(client, server, parameters={"slice": slice_})
    assert values(pages) == list(range(40))


def test_what_an_inclusive_server_gives_twice_is_all_there(client: Client) -> None:
    """Values at the bounds come with both slices; the ingest tells them as duplicates."""
    with gauge(strict=False) as server:
        got = values(fetch(client, server, parameters={"slice": "P1M"}))
    assert sorted(set(got)) == list(range(40))
    assert len(got) <= 40 + 4


def test_a_slice_that_is_too_large_is_halved(client: Client) -> None:
    with gauge(most=3) as server:
        got = values(fetch(client, server, parameters={"slice": "P1Y"}))
    assert sorted(set(got)) == list(range(40))


def test_a_period_is_all_that_is_asked_for(client: Client) -> None:
    query = Query(begin=datetime(2024, 1, 4, tzinfo=UTC), end=datetime(2024, 1, 8, tzinfo=UTC))
    with gauge() as server:
        assert values(fetch(client, server, query)) == [1, 2]


def test_slices_without_observations_are_no_pages(client: Client) -> None:
    fortnight = Query(begin=TIMES[0], end=TIMES[5] - timedelta(days=1))
    with gauge() as server:
        assert len(fetch(client, server, fortnight, parameters={"slice": "P1D"})) == 5
        assert len(server.asked) > 14


def test_an_offering_that_gives_nothing_of_what_it_says_it_has(client: Client) -> None:
    told = "says that it has observations from 2024-01-01T00:00:00Z to 2024-04-27T00:00:00Z, and gives none"
    with gauge(silent=True) as server:
        with pytest.raises(ServiceError, match=told):
            fetch(client, server)
        # With a filter, or in another time, nothing may be right.
        assert fetch(client, server, parameters={"featureOfInterest": "urn:f:2"}) == []
        then = Query(begin=datetime(2030, 1, 1, tzinfo=UTC), end=datetime(2030, 2, 1, tzinfo=UTC))
        assert fetch(client, server, then) == []


def test_no_offerings_are_zero(client: Client) -> None:
    with gauge(offers=0) as server:
        with pytest.raises(ServiceZero, match="has no offerings"):
            fetch(client, server)
        service = Service(protocol="sos", url=server.url)
        assert protocol("sos").probe(service, client).state == "zero"


@pytest.mark.parametrize(
    ("said", "error", "told"),
    [
        ({"layer": "other"}, ServiceError, "has no offering 'other'"),
        ({"parameters": {"slice": "a month"}}, RecipeError, "is no duration"),
        ({"parameters": {"slice": "PT0S"}}, RecipeError, "slice: nothing"),
    ],
)
def test_what_is_asked_wrongly(client: Client, said: dict[str, Any], error: type, told: str) -> None:
    with gauge() as server, pytest.raises(error, match=told):
        fetch(client, server, **said)


def test_errors_of_the_service_are_told_in_its_words(client: Client) -> None:
    def answer(asked: Asked) -> Reply:
        if asked.query["request"] == "GetCapabilities":
            return Reply(Gauge().capabilities(), kind="application/xml")
        return Reply(NO_OFFERING, kind="application/xml")

    with serving(answer) as server, pytest.raises(ServiceError, match="Unknown procedure"):
        fetch(client, server)


def test_the_places_for_the_reader_of_features(client: Client) -> None:
    with gauge() as server:
        (page,) = fetch(client, server, Query(reader="gml"))
    assert b"GetFeatureOfInterestResponse" in page.path.read_bytes()


def test_probe(client: Client) -> None:
    with gauge() as server:
        probe = protocol("sos").probe(Service(protocol="sos", url=server.url, layer="level-1"), client)
        every = protocol("sos").probe(Service(protocol="sos", url=server.url), client)
    assert (probe.state, probe.message) == ("ok", "SOS 2.0.0, offering level-1, 2024-01-01 to 2024-04-27")
    assert (every.state, every.records) == ("ok", 1)


def test_offerings_are_the_layers_of_the_service(client: Client) -> None:
    with gauge() as server:
        found = describe_address(f"{server.url}/sos?service=SOS&request=GetCapabilities", client)
    assert (found.format, found.reader) == ("SOS 2.0.0", "om")
    (layer,) = found.layers
    assert layer.name == "level-1"
    assert layer.columns == {"urn:x:WaterLevel": "observed property"}


def test_offerings_of_a_real_service(real_data: Path) -> None:
    """The first of 25 was read by eye in the file."""
    version, found = offerings(real_data / "inspire/services/sos_52n_getcapabilities.xml")
    assert version == "1.0.0"
    first = found[0]
    assert first.id == "urn:ioos:network:glos:all"
    assert first.extent == (-91.929, 41.983, -83.599, 47.279)
    assert (first.begin, first.end) == (
        parse_instant("2013-08-19T17:00:00Z"),
        parse_instant("2013-09-19T12:40:00Z"),
    )
    assert len(first.properties) == 10
    assert "http://mmisw.org/ont/cf/parameter/wind_speed" in first.properties
    text = (real_data / "inspire/services/sos_52n_getcapabilities.xml").read_text(encoding="utf-8")
    assert len(found) == text.count("<sos:ObservationOffering ")
    assert len({o.id for o in found}) == len(found)


def test_a_document_of_another_kind_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "wfs.xml"
    other.write_text('<WFS_Capabilities xmlns="http://www.opengis.net/wfs/2.0" version="2.0.0"/>')
    with pytest.raises(SourceError, match="is no SOS: its root element is WFS_Capabilities"):
        offerings(other)
